"""Linear interpolation of models, with the weights that make a held-out text most probable.

Jelinek & Mercer (1980), "Interpolated estimation of Markov source parameters from sparse data"; the weights by
expectation maximisation (Dempster, Laird & Rubin 1977).
"""

from tests.ngram.reference.counts import BEGIN
from tests.ngram.reference.entropy_pruning import with_weights


def em_step(weights, streams):
    """Each model's share of the credit for the words; streams: for each model, the probability of each word."""
    credit = [0.0] * len(weights)
    for p in zip(*streams, strict=True):
        total = sum(weight * x for weight, x in zip(weights, p, strict=True))
        for j, x in enumerate(p):
            credit[j] += weights[j] * x / total
    return [x / len(streams[0]) for x in credit]


def em_weights(streams, precision=1e-9, most=10_000):
    """Steps from equal weights, until none moves by more than the precision."""
    weights = [1 / len(streams)] * len(streams)
    for _ in range(most):
        before, weights = weights, em_step(weights, streams)
        if max(abs(x - y) for x, y in zip(before, weights, strict=True)) <= precision:
            break
    return weights


class Mixture:
    """P(w | h) = sum of weight_j P_j(w | h)."""

    def __init__(self, models, weights):
        self.models, self.mix = models, weights

    def probability(self, word, context=()):
        return sum(weight * m.probability(word, context) for m, weight in zip(self.models, self.mix, strict=True))


def merged(models, weights):
    """One backoff model of all n-grams that any of the models lists; those have exactly the mixed probability.

    What none lists is backed off to, so that it has nearly the mixed probability. The models have the same vocabulary.
    """
    mixture = Mixture(models, weights)
    ngrams = sorted({ngram: None for model in models for ngram in model.p}, key=len)
    p = {ngram: 1.0 if ngram == (BEGIN,) else mixture.probability(ngram[-1], ngram[:-1]) for ngram in ngrams}
    return with_weights(max(model.order for model in models), p)
