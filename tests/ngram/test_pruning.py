"""Entropy pruning and quantising against the plain-Python reference."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastlm import ngram
from tests.ngram import oracle, reference
from tests.ngram.oracle import BEGIN
from tests.ngram.reference.entropy_pruning import relative_change, words_of_contexts

DEFINITIONS = {
    "modified-kneser-ney": lambda levels: reference.modified_kneser_ney(levels, fallback=reference.FALLBACK),
    "witten-bell": reference.witten_bell,
    "katz": reference.katz,
}
every_smoothing = pytest.mark.parametrize("smoothing", DEFINITIONS)
contexts = st.lists(st.sampled_from([*oracle.WORDS, "never"]), max_size=5)


def same(model, want, context):
    p = dict(zip(model.table.vocabulary, model.distribution(context).tolist(), strict=True))
    for word in want.words:
        assert p[word] == pytest.approx(want.probability(word, context), rel=1e-3, abs=1e-6)
        assert model.probability(word, context) == pytest.approx(p[word], rel=1e-5)


def listed(model):
    return {tuple(words.split()) for n in range(2, model.order + 1) for words in ngrams(model, n)}


def ngrams(model, n):
    word = model.table.vocabulary
    rows, _ = model._table.ngrams(n, 0, 1 << 30)
    return [" ".join(word[i] for i in row) for row in rows.tolist()]


class TestPruning:
    @every_smoothing
    @given(oracle.sentences, st.integers(1, 4), st.sampled_from([0, 1e-4, 1e-3, 1e-2, 0.1, 10]), contexts)
    def test_it_is_its_definition(self, smoothing, lines, order, threshold, context):
        levels = reference.counts(lines, order)
        want = DEFINITIONS[smoothing](levels)
        near = words_of_contexts(want.p)  # changes that lie at the threshold may go either way
        for n_gram in want.p:
            if len(n_gram) > 1:
                change = relative_change(want, n_gram, near)
                if abs(change - threshold) < 1e-5:
                    return
        pruned = oracle.estimate(ngram.count_sentences(lines, order), smoothing).prune(threshold)
        want = reference.entropy_pruned(want, threshold)
        assert listed(pruned) == {n_gram for n_gram in want.p if len(n_gram) > 1}
        same(pruned, want, context)
        same(pruned, want, [BEGIN, *context])

    def test_as_much_as_it_is_told(self):
        table = ngram.count_sentences(["the cat sat on the mat", "the dog sat", "a cat sat on a dog"] * 3, 3)
        model = oracle.estimate(table, "modified-kneser-ney")
        sizes = [sum(model.prune(threshold).table._table.counts[1:]) for threshold in (0, 1e-3, 1e-2, 1)]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] == 0

    def test_a_pruned_model_is_saved_and_pruned_again(self, tmp_path):
        model = ngram.count_sentences(["a b c", "a b d", "b c"], 3).estimate("witten-bell").prune(1e-2)
        model.save(tmp_path / "model")
        loaded = ngram.load(tmp_path / "model")
        assert loaded.scores("a b c d") == model.scores("a b c d")
        assert loaded.prune(10).scores("a b c d") == model.prune(10).scores("a b c d")
        assert loaded.prune(0).score("a b c d") == pytest.approx(model.score("a b c d"), rel=1e-5)

    @pytest.mark.parametrize(
        ("smoothing", "threshold", "message"),
        [
            ("witten-bell", -1, "must be 0 or more"),
            ("witten-bell", math.nan, "must be 0 or more"),
            ("stupid-backoff", 0, "sum to 1"),
            ("add-delta", 0, "does not back off"),
            ("maximum-likelihood", 0, "does not back off"),
        ],
    )
    def test_refused(self, smoothing, threshold, message):
        with pytest.raises(ValueError, match=message):
            ngram.count_sentences(["a b"], 2).estimate(smoothing).prune(threshold)


class TestQuantising:
    @pytest.mark.parametrize("smoothing", [*DEFINITIONS, "stupid-backoff", "backoff"])
    @given(oracle.sentences, st.integers(1, 4), contexts)
    def test_many_bits_change_nothing(self, smoothing, lines, order, context):
        model = oracle.estimate(ngram.count_sentences(lines, order), smoothing)
        same_model = model.quantize(24)
        assert same_model.distribution(context) == pytest.approx(model.distribution(context), rel=1e-5, abs=1e-7)
        assert same_model.score(context) == pytest.approx(model.score(context), rel=1e-5)
        assert [score.order for score in same_model.scores(context)] == [score.order for score in model.scores(context)]

    @given(oracle.sentences, st.integers(2, 3))
    def test_few_bits_are_few_numbers(self, lines, order):
        model = oracle.estimate(ngram.count_sentences(lines, order), "modified-kneser-ney")
        quantized = model.quantize(2)
        longest = [tuple(words.split()) for words in ngrams(quantized, order)]
        assert len({quantized.probability(w[-1], w[:-1]) for w in longest}) <= 4

    def test_saved(self, tmp_path):
        model = ngram.count_sentences(["a b c", "a b d", "b c"], 3).estimate("witten-bell").quantize(3)
        model.save(tmp_path / "model")
        assert ngram.load(tmp_path / "model").scores("a b c d") == model.scores("a b c d")

    @pytest.mark.parametrize("bits", [1, 25])
    def test_refused(self, bits):
        with pytest.raises(ValueError, match="bits must be between 2 and 24"):
            ngram.count_sentences(["a b"], 2).estimate("witten-bell").quantize(bits)
