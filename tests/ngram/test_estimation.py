"""Every smoothing against its definition in plain Python, and modified Kneser-Ney against lmplz's answers."""

import io
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastlm import ngram
from tests.ngram import oracle, reference
from tests.ngram.reference import BEGIN, END, FALLBACK, UNKNOWN
from tests.ngram.test_reference import CASES, text

# A smoothing: how it is asked for, and its definition. One that takes thresholds for pruning has them in `prune`.
SMOOTHINGS = {
    "maximum-likelihood": ({}, reference.MaximumLikelihood),
    "add-delta": ({"delta": 0.3}, lambda levels: reference.AddDelta(levels, 0.3)),
    "stupid-backoff": ({}, reference.StupidBackoff),
    "stupid-backoff, given": ({"alpha": 0.7}, lambda levels: reference.StupidBackoff(levels, 0.7)),
    "backoff": ({}, reference.backoff),
    "katz": ({}, reference.katz),
    "katz, k = 1": ({"k": 1}, lambda levels: reference.katz(levels, 1)),
    "witten-bell": ({}, reference.witten_bell),
    "absolute-discounting": ({"discount_fallback": True}, lambda levels: reference.absolute(levels, fallback=0.5)),
    "absolute-discounting, given": ({"discount": 0.7}, lambda levels: reference.absolute(levels, 0.7)),
    "kneser-ney": ({"discount_fallback": 0.9}, lambda levels: reference.kneser_ney(levels, fallback=0.9)),
    "kneser-ney, no discount": ({"discount": 0}, lambda levels: reference.kneser_ney(levels, 0)),
    "modified-kneser-ney": (
        {"discount_fallback": True},
        lambda levels: reference.modified_kneser_ney(levels, fallback=FALLBACK),
    ),
    "modified-kneser-ney, given": (
        {"discount_fallback": (0.3, 0.9)},
        lambda levels: reference.modified_kneser_ney(levels, fallback=(0.3, 0.9)),
    ),
}
orders = st.integers(1, 6)
contexts = st.lists(st.sampled_from([*oracle.WORDS, "never"]), max_size=6)
thresholds = st.lists(st.integers(0, 3), max_size=5).map(lambda numbers: [0, *sorted(numbers)])


def same(model, want, context):
    """Whether each word has the probability of the definition, and those outside the vocabulary that of <unk>."""
    p = dict(zip(model.table.vocabulary, model.distribution(context).tolist(), strict=True))
    assert p.pop(BEGIN) == 0
    assert p == pytest.approx({word: want.probability(word, context) for word in p}, rel=1e-4, abs=1e-7)
    for word in p:
        assert model.probability(word, context) == pytest.approx(p[word], rel=1e-5)
    assert model.probability("never", context) == pytest.approx(p[UNKNOWN], rel=1e-5)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@given(oracle.sentences, orders, contexts, st.booleans(), st.booleans())
@example(["<unk> <unk>", "<unk>"], 2, [UNKNOWN], False, False)  # every word was seen here
@example(["a"] * 6 + ["b b"] * 3, 3, ["b"], True, True)
def test_each_smoothing_is_its_definition(smoothing, lines, order, context, begins, compact):
    parameters, definition = SMOOTHINGS[smoothing]
    table = ngram.count_sentences(lines, order)
    model = table.estimate(smoothing.split(",")[0], compact=compact, **parameters)
    same(model, definition(reference.counts(lines, order)), [BEGIN, *context] if begins else context)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@given(oracle.sentences, st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), contexts)
def test_of_a_vocabulary(smoothing, lines, order, min_count, most, context):
    """Words outside of it, and words of it that never occur."""
    parameters, definition = SMOOTHINGS[smoothing]
    vocabulary = [*reference.vocabulary_of(lines, min_count, most), "unseen"]
    table = ngram.count_sentences(lines, order, vocabulary=vocabulary)
    model = table.estimate(smoothing.split(",")[0], **parameters)
    same(model, definition(reference.counts(lines, order, vocabulary)), context)


@given(
    oracle.sentences, orders, contexts, thresholds,
    st.none() | st.lists(st.sampled_from([*oracle.WORDS, END, "never"])), st.booleans(), st.integers(0, 12),
    st.booleans(),
)  # fmt: skip
@example(["a b", "b a"], 3, ["a"], [0], [], True, 0, False)  # no word is left
def test_the_options_of_lmplz(lines, order, context, prune, limit, interpolate, pad, compact):
    prune = prune[:order]
    options = {"limit_vocabulary": limit, "interpolate_unigrams": interpolate, "vocabulary_pad": pad}
    want = reference.modified_kneser_ney(reference.counts(lines, order), prune, fallback=FALLBACK, **options)
    model = ngram.count_sentences(lines, order).estimate(
        prune=prune, discount_fallback=True, compact=compact, **options
    )
    assert {BEGIN, *want.words} == set(model.table.vocabulary)
    for n in range(2, order + 1):
        kept = {tuple(words.split()) for words, _ in model.table.items(n)}
        assert kept == {words for words in want.p if len(words) == n}
    same(model, want, context)
    same(model, want, [BEGIN, *context])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case["options"].get("prune", [0])[0]])
def test_lmplz_s_answers(name):
    case = CASES[name]
    options = dict(case["options"])
    options["discount_fallback"] = options.pop("fallback", False)
    model = ngram.count_sentences(text("train")[: case["lines"]], case["order"]).estimate(**options)
    # the model's level 1 has a word for each that can be asked for; of those, counts name the seen ones
    assert [len(model.table.vocabulary), *model.table.counts[1:]] == case["counts"]
    discounts = [model.parameters[f"discount{r}"] for r in (1, 2, 3)]
    assert [list(row) for row in zip(*discounts, strict=True)] == [
        pytest.approx(row, rel=1e-5) for row in case["discounts"]
    ]
    for words, log10_p, *_ in case["ngrams"]:
        *context, word = words.split()
        if word != BEGIN:
            assert math.log10(model.probability(word, context)) == pytest.approx(log10_p, abs=2e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"order 1 cannot be worked out.* an adjusted count of 3\. .*discount_fallback"),
        ({"smoothing": "kneser-ney", "lines": ["a a", "a a"]}, "no n-gram of it has a count of 1"),
        ({"smoothing": "absolute-discounting", "lines": ["a b c"]}, "order 1 .* count of 2"),
        ({"discount_fallback": (1.5,)}, "between 0 and 1 for counts of 1, got 1.5"),
        ({"discount_fallback": (0.5, 1, 1.5, 2)}, "must have 1 to 3 numbers, got 4"),
        ({"smoothing": "kneser-ney", "discount_fallback": (0.5, 1)}, "must have 1 number, got 2"),
        ({"smoothing": "witten-bell", "discount_fallback": True}, "no parameter 'discount_fallback'"),
        ({"smoothing": "katz", "limit_vocabulary": ["a"]}, "limit_vocabulary needs a smoothing that interpolates"),
        ({"smoothing": "katz", "interpolate_unigrams": False}, "interpolate_unigrams=False needs a smoothing"),
        ({"smoothing": "add-delta", "vocabulary_pad": 9}, "vocabulary_pad needs a smoothing that interpolates"),
        ({"vocabulary_pad": -1}, "vocabulary_pad must be at least 0"),
        ({"prune": (1,), "discount_fallback": True}, "first threshold of prune, of words, must be 0"),
    ],
)
def test_refused(arguments, message):
    lines = arguments.pop("lines", ["a b", "a c"])
    with pytest.raises(ValueError, match=message):
        ngram.count_sentences(lines, 2).estimate(**arguments)


@given(oracle.sentences, oracle.sentences, st.integers(1, 4))
def test_the_best_delta(lines, heldout, order):
    table = ngram.count_sentences(lines, order)
    text = "".join(f"{line}\n" for line in heldout).encode()
    found, levels = table.best_delta(io.BytesIO(text)), reference.counts(lines, order)

    def likelihood(delta):
        model = reference.AddDelta(levels, delta)
        return sum(math.log(p) for line in heldout for p in model.score(line))

    want = reference.best_delta(levels, heldout)
    assert likelihood(found) == pytest.approx(likelihood(want), abs=1e-6)  # where all are equal, they may differ
    model = table.estimate("add-delta", delta="best", heldout=io.BytesIO(text))
    assert model.parameters == {"delta": [found]}


def test_a_best_delta_needs_a_text():
    table = ngram.count_sentences(["a"], 1)
    with pytest.raises(ValueError, match="go together"):
        table.estimate("add-delta", delta="best")
    with pytest.raises(ValueError, match="go together"):
        table.estimate("add-delta", heldout=io.BytesIO(b"a"))
    with pytest.raises(ValueError, match="held-out text is empty"):
        table.best_delta(io.BytesIO(b""))
    with pytest.raises(TypeError, match="delta must be a number, got 'most'"):
        table.estimate("add-delta", delta="most")


def test_a_weight_of_zero():
    """A discount of 0 frees nothing: what was not seen after a context is impossible there."""
    model = ngram.count_sentences(["a b", "a c"], 2).estimate(discount_fallback=(0, 0, 0))
    assert model.probability("b", "a") == pytest.approx(0.5)
    assert model.score("a a") == -math.inf
    assert model.perplexity_of(["a a"]).perplexity == math.inf
    assert model.next("a") == [("b", 0.5), ("c", 0.5)]
