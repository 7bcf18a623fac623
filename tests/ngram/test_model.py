"""Probabilities against their definitions in plain Python, perplexity, the next word, samples."""

import io
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastlm import ngram
from tests.ngram import oracle
from tests.ngram.oracle import BEGIN, END, UNKNOWN, Oracle

# A smoothing: how it is asked for, and its definition.
SMOOTHINGS = {
    "maximum-likelihood": ("maximum-likelihood", {}, Oracle.maximum_likelihood),
    "add-one": ("add-delta", {}, lambda o, word, context: o.add_delta(word, context, 1.0)),
    "add-delta": ("add-delta", {"delta": 0.01}, lambda o, word, context: o.add_delta(word, context, 0.01)),
    "backoff": ("backoff", {}, Oracle.backoff),
    "backoff, given": ("backoff", {"discount": 0.3}, lambda o, word, context: o.backoff(word, context, 0.3)),
    "backoff, no discount": ("backoff", {"discount": 0}, lambda o, word, context: o.backoff(word, context, 0.0)),
}
every_smoothing = pytest.mark.parametrize("smoothing", SMOOTHINGS)
contexts = st.lists(st.sampled_from([*oracle.WORDS, "never"]), max_size=5)


def make(smoothing, lines, order):
    name, parameters, definition = SMOOTHINGS[smoothing]
    return ngram.count_sentences(lines, order).estimate(name, **parameters), Oracle(lines, order), definition


@every_smoothing
@given(lines=oracle.sentences, order=st.integers(1, 4), context=contexts, begins=st.booleans())
@example(lines=["<unk> <unk>", "<unk>"], order=2, context=[UNKNOWN], begins=False)  # every word was seen here
def test_probabilities_are_those_of_the_definition(smoothing, lines, order, context, begins):
    model, want, definition = make(smoothing, lines, order)
    context = [BEGIN, *context] if begins else context
    p = dict(zip(model.table.vocabulary, model.distribution(context).tolist(), strict=True))
    assert p.pop(BEGIN) == 0
    assert p.keys() == want.words
    total = sum(p.values())
    assert total == pytest.approx(1, abs=1e-5) or (total == 0 and smoothing == "maximum-likelihood")
    for word in want.words:
        expected = pytest.approx(definition(want, word, context), rel=1e-4, abs=1e-7)
        assert p[word] == expected
        assert model.probability(word, context) == expected


@every_smoothing
@given(lines=oracle.sentences, order=st.integers(1, 4), words=contexts)
def test_scores_and_perplexity_follow_from_the_probabilities(smoothing, lines, order, words):
    model, want, definition = make(smoothing, lines, order)
    scores = model.scores(words)
    known = [word if word in want.words else UNKNOWN for word in [*words, END]]
    p = [definition(want, word, [BEGIN, *known[:i]]) for i, word in enumerate(known)]
    log10 = [math.log10(x) if x > 0 else -math.inf for x in p]
    assert [score.word for score in scores] == [*words, END]
    assert [score.log10 for score in scores] == pytest.approx(log10, rel=1e-4, abs=1e-5)
    assert [score.unknown for score in scores] == [word == UNKNOWN for word in known]
    assert [score.order for score in scores] == [
        want.matched_order(word, [BEGIN, *known[:i]]) for i, word in enumerate(known)
    ]
    assert model.score(words) == pytest.approx(sum(log10), rel=1e-4, abs=1e-5)
    assert model.score(words, eos=False) == pytest.approx(sum(log10[:-1]), rel=1e-4, abs=1e-5)

    sentence = " ".join(words)
    found = model.perplexity_of([sentence, sentence])
    assert (found.tokens, found.sentences) == (2 * len(known), 2)
    assert found.unknown == 2 * sum(score.unknown for score in scores)
    assert found.log10 == pytest.approx(2 * sum(log10), rel=1e-4, abs=1e-4)
    assert found.perplexity == pytest.approx(10 ** (-sum(log10) / len(known)), rel=1e-3)
    of_known = [x for x, score in zip(log10, scores, strict=True) if not score.unknown]
    assert found.perplexity_known == pytest.approx(10 ** (-sum(of_known) / len(of_known)), rel=1e-3)
    assert model.perplexity(io.BytesIO(f"{sentence}\n{sentence}\n".encode())) == found


@every_smoothing
@given(lines=oracle.sentences, order=st.integers(1, 3), context=contexts, k=st.integers(1, 12))
def test_next_lists_the_most_probable_words(smoothing, lines, order, context, k):
    model, _, _ = make(smoothing, lines, order)
    p = model.distribution(context)
    found = model.next(context, k)
    assert [x for _, x in found] == sorted(p[p > 0].tolist(), reverse=True)[:k]
    place = {word: i for i, word in enumerate(model.table.vocabulary)}
    assert all(p[place[word]] == np.float32(x) for word, x in found)
    assert found == sorted(found, key=lambda item: (-item[1], place[item[0]]))


def test_the_example_of_the_lecture():
    """Of the 1000 times that "students opened their" occurs, "books" follows 400 times and "exams" 100 times."""
    ends = ["books"] * 400 + ["exams"] * 100 + ["minds"] * 500
    table = ngram.count_sentences([f"students opened their {end}" for end in ends], order=4)
    assert table["students opened their"] == 1000
    assert table.continuations("students opened their") == [("minds", 500), ("books", 400), ("exams", 100)]
    model = table.estimate("maximum-likelihood")
    for context in ("students opened their", "as the proctor started the clock , the students opened their"):
        assert model.probability("books", context) == pytest.approx(0.4)
        assert model.probability("exams", context) == pytest.approx(0.1)
        assert model.next(context, 1) == [("minds", pytest.approx(0.5))]
        assert model.probability("laptops", context) == 0  # the sparsity problem, and its remedies:
    assert table.estimate("add-delta", delta=0.1).probability("laptops", "students opened their") > 0
    assert table.estimate("backoff").probability("laptops", "students opened their") > 0


def test_a_model_under_maximum_likelihood_has_no_answer_after_what_never_occurs():
    model = ngram.count_sentences(["a b"], 3).estimate("maximum-likelihood")
    assert model.next("b a") == []
    assert model.distribution("b a").sum() == 0
    assert model.score("b a") == -math.inf
    assert model.perplexity_of(["b a"]).perplexity == math.inf
    assert model.perplexity_of(["zz"]).perplexity_known == math.inf
    with pytest.raises(ValueError, match=r"no distribution after these words.*shorten the prompt, or use a smoothing"):
        model.generate("b a")


@pytest.mark.parametrize("smoothing", ngram.smoothings())
@pytest.mark.parametrize(("temperature", "top_k"), [(1, 0), (0.5, 0), (2, 3), (1, 2)])
def test_samples_follow_the_distribution(smoothing, temperature, top_k):
    table = ngram.count_sentences(["a b", "a b", "a c", "a c", "a c", "a d", "a"], 2)
    model = oracle.estimate(table, smoothing)
    weights = {word: p for word, p in model.next("a") if word != UNKNOWN}
    if top_k:
        weights = dict(Counter(weights).most_common(top_k))
    weights = {word: p ** (1 / temperature) for word, p in weights.items()}
    total, draws = sum(weights.values()), 3000
    drawn = Counter(
        model.generate("a", max_words=1, temperature=temperature, top_k=top_k, seed=seed)[2:] or END
        for seed in range(draws)
    )
    assert drawn.keys() <= weights.keys()
    for word, weight in weights.items():
        p = weight / total
        assert abs(drawn[word] - draws * p) < 4.5 * math.sqrt(draws * p * (1 - p)) + 1e-9


class TestGenerate:
    MODEL = ngram.count_sentences(["the cat sat on the mat", "the dog sat"], 2).estimate("backoff")

    def test_the_seed_decides(self):
        drawn = [self.MODEL.generate(seed=seed) for seed in range(20)]
        assert drawn == [self.MODEL.generate(seed=seed) for seed in range(20)]
        assert len(set(drawn)) > 10
        assert len({self.MODEL.generate() for _ in range(20)}) > 5

    def test_prompt_and_length(self):
        assert self.MODEL.generate("the  cat", max_words=0) == "the cat"
        assert self.MODEL.generate(["never", "seen"], max_words=0) == "never seen"
        for seed in range(50):
            words = self.MODEL.generate("the", max_words=3, seed=seed).split()
            assert words[0] == "the"
            assert len(words) <= 4
            assert not {UNKNOWN, BEGIN, END} & set(words)

    def test_temperature_zero_takes_the_most_probable_word(self):
        greedy = {self.MODEL.generate("the cat", temperature=0, seed=seed) for seed in range(9)}
        assert greedy == {self.MODEL.generate("the cat", top_k=1, seed=1)}

    def test_a_prompt_in_the_middle_of_a_sentence(self):
        model = ngram.count_sentences(["a b c", "b d"], 3).estimate("maximum-likelihood")
        assert model.generate("b") == "b d"  # after <s>
        assert {model.generate("b", bos=False, max_words=1, seed=seed) for seed in range(40)} == {"b c", "b d"}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"max_words": -1}, "max_words must be at least 0, got -1"),
            ({"temperature": -0.5}, "temperature must be 0 or more, got -0.5"),
            ({"temperature": math.nan}, "temperature must be 0 or more, got nan"),
            ({"temperature": math.inf}, "temperature must be 0 or more, got inf"),
            ({"top_k": -1}, "top_k must be at least 0, got -1"),
            ({"seed": -1}, "seed must be at least 0, got -1"),
            ({"seed": 2**64}, "seed must be between 0 and 18446744073709551615"),
            ({"prompt": "a <s> b"}, "'<s>' is reserved for the bounds of a sentence"),
            ({"prompt": "a </s>"}, "'</s>' is reserved for the bounds of a sentence"),
        ],
    )
    def test_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            self.MODEL.generate(**arguments)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda model: model.next("a", 0), "k must be at least 1, got 0"),
        (lambda model: model.next("a <s>"), "a context lies in one sentence: no '</s>', '<s>' only as its first word"),
        (lambda model: model.next("a </s> b"), "a context lies in one sentence"),
        (lambda model: model.probability("a b"), "expected one word that can follow, got 'a b'"),
        (lambda model: model.probability("<s>"), "expected one word that can follow, got '<s>'"),
        (lambda model: model.score("a <s>"), "'<s>' is reserved for the bounds of a sentence"),
        (lambda model: model.scores(["a b"]), "expected words without white space, got 'a b'"),
        (lambda model: model.scores("\ud800"), "can be written as UTF-8"),
        (lambda model: model.perplexity_of([]), "the text is empty: expected at least one line"),
        (lambda model: model.perplexity(io.BytesIO(b"")), "the text is empty: expected at least one line"),
        (lambda model: model.perplexity_of(["a", "</s>"]), "sentences:2: '</s>' stands in the text"),
        (lambda model: model.perplexity(io.BytesIO(b"\xff"), errors="none"), "errors must be 'strict'"),
        (lambda model: model.perplexity(io.BytesIO(b"a\n\xff")), "open file:2: invalid UTF-8"),
    ],
)
def test_refused_questions(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(ngram.count_sentences(["a b"], 2).estimate("backoff"))


def test_evaluation_in_words():
    model = ngram.count_sentences(["a"], 1).estimate("maximum-likelihood")
    assert str(model.perplexity_of(["a"])) == (
        "perplexity 2.00 (without unknown words 2.00): 2 tokens, 1 sentences, 0 unknown"
    )


def test_reprs_name_what_there_is():
    table = ngram.count_sentences(["a b"], 2)
    assert repr(table) == "<Table of order 2: 3 tokens, 7 n-grams>"
    assert repr(table.estimate("backoff")) == "<Model of order 2, backoff: 3 tokens, 7 n-grams>"


def test_parameters_as_used():
    table = ngram.count_sentences(["a b", "a c"], 2)
    assert table.estimate("add-delta").parameters == {"delta": [1.0]}
    assert table.estimate("backoff", discount=0.25).parameters == {"discount": [0.25, 0.25]}
    want = Oracle(["a b", "a c"], 2)
    assert table.estimate("backoff").parameters["discount"] == pytest.approx([want.discount(1), want.discount(2)])
    assert table.estimate("maximum-likelihood").parameters == {}


def test_a_model_serves_several_threads():
    model = ngram.count_sentences([f"w{i % 13} w{i % 7} w{i % 5}" for i in range(500)], 3).estimate("backoff")
    sentences = [f"w{i % 11} w{i % 3}" for i in range(300)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(model.score, sentences)) == [model.score(sentence) for sentence in sentences]


@settings(max_examples=30)
@given(oracle.sentences, st.integers(1, 4))
def test_the_number_of_threads_does_not_change_a_model(lines, order):
    one, four = (ngram.count_sentences(lines, order, threads=n).estimate("backoff") for n in (1, 4))
    assert one.perplexity_of(lines) == four.perplexity_of(lines)
