"""The reference's counts and smoothings: cases computed by hand, and that every distribution sums to 1."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.ngram import oracle, reference
from tests.ngram.reference import BEGIN, END, FALLBACK, UNKNOWN


def modified(levels, prune=(0,), **options):
    return reference.modified_kneser_ney(levels, prune[: len(levels)], fallback=FALLBACK, **options)


SMOOTHINGS = {
    "add-delta": lambda levels: reference.AddDelta(levels, 0.3),
    "backoff": reference.backoff,
    "absolute": lambda levels: reference.absolute(levels, fallback=0.5),
    "witten-bell": reference.witten_bell,
    "katz": reference.katz,
    "katz, k = 1": lambda levels: reference.katz(levels, 1),
    "kneser-ney": lambda levels: reference.kneser_ney(levels, fallback=0.5),
    "modified": modified,
    "modified, pruned": lambda levels: modified(levels, prune=(0, 1, 1, 2)),
    "modified, words pruned": lambda levels: modified(levels, prune=(1, 1, 2, 2)),
    "modified, limited": lambda levels: modified(levels, prune=(0, 0, 1, 1), limit_vocabulary=["a", "the"]),
    "modified, as SRILM": lambda levels: modified(levels, interpolate_unigrams=False),
}
contexts = st.lists(st.sampled_from([*oracle.WORDS, "never"]), max_size=4)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@given(oracle.sentences, st.integers(1, 4), contexts, st.booleans())
@example(["<unk> <unk>", "<unk>"], 2, [UNKNOWN], False)  # every word was seen
@example(["a"] * 6 + ["b b"] * 3, 3, ["b"], True)
def test_sums_to_one(smoothing, lines, order, context, begins):
    model = SMOOTHINGS[smoothing](reference.counts(lines, order))
    context = [BEGIN, *context] if begins else context
    p = model.distribution(context)
    assert BEGIN not in p
    assert min(p.values()) >= 0
    assert sum(p.values()) == pytest.approx(1)
    assert model.probability("never", context) == p[UNKNOWN]


LINES = ["a b", "a c"]  # six tokens with </s>: a 2, b 1, c 1, </s> 2; five words with <unk>
HAND = {
    "maximum likelihood": (reference.MaximumLikelihood, {("a", "b"): 1 / 2, ("b",): 1 / 6, ("a", "a"): 0}),
    "add-one": (reference.AddDelta, {("a", "b"): 2 / 7, ("b",): 2 / 11, ("never", "a"): 1 / 5}),
    "stupid backoff": (
        reference.StupidBackoff,
        {("a", "b"): 1 / 2, ("b", "a"): 0.4 * 2 / 6, ("never", "a"): 0.4 * 2 / 6, ("a", "never"): 0},
    ),
    # of the words alone, 4 kinds in 6 tokens: (c + 4 / 5) / 10; after a, 2 kinds in 2
    "witten-bell": (
        reference.witten_bell,
        {("a",): 0.28, ("b",): 0.18, ("never",): 0.08, ("a", "b"): (1 + 2 * 0.18) / 4, ("a", "a"): 2 * 0.28 / 4},
    ),
    # of the words alone, 4 halves of 6 are shared out; after a, 2 halves of 2
    "absolute": (
        lambda levels: reference.absolute(levels, 0.5),
        {("b",): 0.5 / 6 + (2 / 6) / 5, ("a", "b"): 0.5 / 2 + 0.5 * 0.15, ("a", "never"): 0.5 * (2 / 6) / 5},
    ),
    "backoff": (
        lambda levels: reference.backoff(levels, 0.5),
        {("b",): 0.15, ("a", "b"): 0.25, ("a", "never"): 0.5 / 0.7 * (2 / 6) / 5},
    ),
    # different words before: a 1, b 1, c 1, </s> 2
    "kneser-ney": (
        lambda levels: reference.kneser_ney(levels, 0.5),
        {("b",): 0.5 / 5 + (2 / 5) / 5, (END,): 1.5 / 5 + (2 / 5) / 5, ("a", "b"): 0.5 / 2 + 0.5 * 0.18},
    ),
    # of the words alone, 3 halves (counts of 1) and one whole (of 2) of 5
    "modified kneser-ney": (
        lambda levels: reference.modified_kneser_ney(levels, fallback=FALLBACK),
        {("b",): 0.1 + 0.5 / 5, (END,): 0.2 + 0.5 / 5, ("a", "b"): 0.25 + 0.5 * 0.2, (BEGIN, "a"): 0.5 + 0.5 * 0.2},
    ),
    # only <s> a occurs twice: of the others the whole goes to the shorter context
    "modified kneser-ney, pruned": (
        lambda levels: reference.modified_kneser_ney(levels, (0, 1), fallback=FALLBACK),
        {("b",): 0.2, ("a", "b"): 0.2, (BEGIN, "a"): 0.5 + 0.5 * 0.2, (BEGIN, "b"): 0.5 * 0.2},
    ),
    "modified kneser-ney, as SRILM": (
        lambda levels: reference.modified_kneser_ney(levels, fallback=FALLBACK, interpolate_unigrams=False),
        {("b",): 0.1, ("never",): 0.5, ("a", "b"): 0.25 + 0.5 * 0.1},
    ),
    # no ratio is in range, so that there is one occurrence more of each context: that of what was not seen
    "katz": (
        reference.katz,
        {("b",): 1 / 7, ("never",): 1 / 7, ("a", "b"): 1 / 3, ("a", "a"): (1 / 3) / (5 / 7) * (2 / 7)},
    ),
}


@pytest.mark.parametrize("smoothing", HAND)
def test_by_hand(smoothing):
    make, want = HAND[smoothing]
    model = make(reference.counts(LINES, 2))
    for (*context, word), p in want.items():
        assert model.probability(word, context) == pytest.approx(p)


def test_counts_and_adjusted_counts():
    levels = reference.counts(["a b a", "a zz"], 3, vocabulary=["b", "a", "unseen"])
    assert levels[1] == {(UNKNOWN,): 1, (BEGIN,): 2, (END,): 2, ("b",): 1, ("a",): 3, ("unseen",): 0}
    adjusted = reference.adjusted(levels)
    assert adjusted[1] == {(UNKNOWN,): 1, (BEGIN,): 2, (END,): 2, ("b",): 1, ("a",): 2, ("unseen",): 0}
    assert adjusted[2] == {
        (BEGIN, "a"): 2, ("a", "b"): 1, ("b", "a"): 1, ("a", END): 1, ("a", UNKNOWN): 1, (UNKNOWN, END): 1,
    }  # fmt: skip
    assert adjusted[3] == levels[3]


def test_vocabulary():
    lines = ["a a a b b c", "a b <unk> d"]
    assert reference.vocabulary_of(lines) == ["a", "b", "c", "d"]
    assert reference.vocabulary_of(lines, min_count=2) == ["a", "b"]
    assert reference.vocabulary_of(lines, max_vocabulary=3) == ["a", "b", "c"]


def test_three_discounts_by_hand():
    """n1 = 6, n2 = 3, n3 = 2, n4 = 1: Y = 1/2."""
    level = {(f"w{i}",): c for i, c in enumerate([1] * 6 + [2] * 3 + [3] * 2 + [4])}
    assert reference.three_discounts(1, level) == pytest.approx(
        (1 - 2 / 2 * 3 / 6, 2 - 3 / 2 * 2 / 3, 3 - 4 / 2 * 1 / 2)
    )
    assert reference.one_discount(1, level) == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, 2], "order 2: no 2-gram has an adjusted count of 3"),
        ([2, 2], "order 2: no 2-gram has an adjusted count of 1 or 3"),
        ([1, 2] + [3] * 5, "order 2: the discount of an adjusted count of 2 is -3.0, not in 0 ... 2"),
    ],
)
def test_discounts_that_cannot_be_had(counts, message):
    level = {("a", f"w{i}"): c for i, c in enumerate(counts)}
    with pytest.raises(reference.DiscountError, match=message):
        reference.three_discounts(2, level)
    assert reference.three_discounts(2, level, FALLBACK) == FALLBACK
    assert reference.three_discounts(2, level, (0.3, 0.9)) == (0.3, 0.9, 0.9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fallback": ()}, "expected one to three discounts, got 0"),
        ({"fallback": (1.5,)}, "discount of a count of 1 must be between 0 and 1, got 1.5"),
        ({"prune": (1, 0)}, "threshold is lower"),
        ({"prune": (0, 0, 0)}, "at most 2 thresholds"),
        ({}, "order 1: no 1-gram has an adjusted count of 3"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        reference.modified_kneser_ney(reference.counts(LINES, 2), **arguments)


def test_katz_ratios_by_hand():
    """k = 2: a = 3 n3 / n1 = 0.6; r*/r = 0.8 and 0.75."""
    assert reference.katz_ratios({1: 10, 2: 4, 3: 2}, 2) == pytest.approx({1: 0.5, 2: 0.375})


@given(st.lists(st.integers(1, 50), min_size=6, max_size=6))
def test_katz_frees_what_good_and_turing_say(n):
    """As many occurrences as there are n-grams that occur once, if all ratios are in range."""
    of_count = dict(enumerate(n, 1))
    ratios = reference.katz_ratios(of_count)
    if len(ratios) == 5:
        assert sum(r * of_count[r] * (1 - ratio) for r, ratio in ratios.items()) == pytest.approx(of_count[1])
    assert all(0 < ratio <= 1 for ratio in ratios.values())


def test_best_delta_by_hand():
    """a 2, b 1, </s> 1 of 4: (2 + d)^3 d / (1 + d)^4 is greatest at d = 1."""
    assert reference.best_delta(reference.counts(["a a b"], 1), ["a a a never"]) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(("model", "want"), [(reference.StupidBackoff, 2), (reference.witten_bell, 2)])
def test_words_that_matched(model, want):
    model = model(reference.counts(["a b c"], 2))
    assert model.matched("c", ["a", "b"]) == want
    assert model.matched("c", ["a"]) == model.matched("never", ["a"]) == 1
