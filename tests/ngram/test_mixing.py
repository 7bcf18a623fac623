"""Linear interpolation against the plain-Python reference: mixtures, their weights, and models merged of them."""

import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastlm import ngram
from tests.ngram import oracle, reference
from tests.ngram.oracle import BEGIN, END, UNKNOWN

VOCABULARY = oracle.WORDS[:-1]
contexts = st.lists(st.sampled_from([*oracle.WORDS, "never"]), max_size=5)
pairs = st.tuples(oracle.sentences, oracle.sentences)
sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))


def models_of(texts, orders, vocabulary=VOCABULARY):
    found = [
        ngram.count_sentences(lines, order, vocabulary=vocabulary).estimate("witten-bell")
        for lines, order in zip(texts, orders, strict=True)
    ]
    want = [
        reference.witten_bell(reference.counts(lines, order, vocabulary))
        for lines, order in zip(texts, orders, strict=True)
    ]
    return found, want


def text_of(lines):
    return io.BytesIO("".join(f"{line}\n" for line in lines).encode())


@given(pairs, sizes, st.floats(0, 1), contexts)
def test_a_mixture_is_its_definition(texts, orders, weight, context):
    models, want = models_of(texts, orders)
    mixture = ngram.mix(models, [weight, 1 - weight])
    definition = reference.Mixture(want, [weight, 1 - weight])
    p = dict(zip(mixture.vocabulary, mixture.distribution(context).tolist(), strict=True))
    assert p.pop(BEGIN) == 0
    assert sum(p.values()) == pytest.approx(1, abs=1e-5)
    for word, x in p.items():
        assert x == pytest.approx(definition.probability(word, context), rel=1e-4)
        assert mixture.probability(word, context) == pytest.approx(x, rel=1e-5)
    assert mixture.next(context, 3)[0][1] == max(p.values())
    words = [BEGIN, *context, END]
    log10 = [math.log10(definition.probability(words[i], words[:i])) for i in range(1, len(words))]
    found = mixture.perplexity(text_of([" ".join(context)]))
    assert (found.tokens, found.sentences) == (len(context) + 1, 1)
    assert found.unknown == sum(word not in VOCABULARY for word in context)
    assert found.log10 == pytest.approx(sum(log10), rel=1e-4, abs=1e-5)
    assert mixture.score(" ".join(context)) == pytest.approx(found.log10)


@settings(max_examples=30)
@given(pairs, sizes, oracle.sentences)
def test_weights_by_a_text(texts, orders, heldout):
    models, want = models_of(texts, orders)
    streams = [[p for line in heldout for p in model.score(line)] for model in want]
    mixture = ngram.mix(models, heldout=text_of(heldout))

    def likelihood(weights):
        return sum(math.log(sum(w * p for w, p in zip(weights, ps, strict=True))) for ps in zip(*streams, strict=True))

    assert sum(mixture.weights) == pytest.approx(1)
    best = max(likelihood([i / 100, 1 - i / 100]) for i in range(101))
    assert likelihood(mixture.weights) >= best - 1e-2


@given(pairs, sizes, st.floats(0.1, 0.9), contexts)
def test_one_model_of_two(texts, orders, weight, context):
    models, want = models_of(texts, orders)
    merged = ngram.mix(models, [weight, 1 - weight], merge=True)
    definition = reference.merged(want, [weight, 1 - weight])
    for ends in (context, [BEGIN, *context]):
        p = dict(zip(merged.table.vocabulary, merged.distribution(ends).tolist(), strict=True))
        for word in definition.words:
            assert p[word] == pytest.approx(definition.probability(word, ends), rel=1e-3, abs=1e-6)
    assert merged.smoothing == "mixture"
    assert merged.parameters == {"weight": pytest.approx([weight, 1 - weight])}


@given(pairs, sizes, contexts)
def test_different_vocabularies(texts, orders, context):
    """A word that a model does not know has no probability there."""
    models, want = models_of(texts, orders, vocabulary=None)
    mixture = ngram.mix(models)
    merged = mixture.merge()
    assert merged.table.vocabulary == mixture.vocabulary
    p = dict(zip(mixture.vocabulary, mixture.distribution(context).tolist(), strict=True))
    assert sum(p.values()) == pytest.approx(1, abs=1e-5)
    for word in p.keys() - {BEGIN}:
        x = sum(m.probability(word, context) for m in want if word == UNKNOWN or (word,) in m.p) / 2
        assert p[word] == pytest.approx(x, rel=1e-4)
        assert mixture.probability(word, context) == pytest.approx(x, rel=1e-4)
    assert merged.distribution(context).sum() == pytest.approx(1, abs=1e-5)
    for model in models:
        for n in range(2, model.order + 1):
            for n_gram, _ in model.table.items(n):
                *before, word = n_gram.split()
                assert merged.probability(word, before) == pytest.approx(mixture.probability(word, before), rel=1e-4)


def test_a_merged_model_is_saved(tmp_path):
    merged = ngram.mix(models_of((["a b"], ["b a", "the a"]), (2, 3))[0], merge=True)
    merged.save(tmp_path / "model")
    assert ngram.load(tmp_path / "model").scores("the a b") == merged.scores("the a b")


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1], "expected 2 weights"), ([0.6, 0.6], "with the sum 1"), ([1.5, -0.5], "of 0 or more"), ([], "2 weights")],
)
def test_refused(weights, message):
    models = models_of((["a b"], ["b a"]), (2, 2))[0]
    with pytest.raises(ValueError, match=message):
        ngram.mix(models, weights)
    with pytest.raises(ValueError, match="at least one model"):
        ngram.mix([])
    with pytest.raises(ValueError, match="got both"):
        ngram.mix(models, [0.5, 0.5], heldout=text_of(["a"]))
    with pytest.raises(ValueError, match="text is empty"):
        ngram.mix(models, heldout=text_of([]))
    stupid = models[0].table.estimate("stupid-backoff")
    with pytest.raises(ValueError, match="sum to 1"):
        ngram.mix([models[0], stupid], merge=True)
