"""Smoothings that look at one context only: maximum likelihood, and delta added to every count.

Lidstone (1920); Chen & Goodman (1998), section 2.1. The best delta is the one under which a held-out text is most
probable, found by golden-section search on its logarithm (Kiefer 1953, "Sequential minimax search for a maximum").
"""

import math

from tests.ngram.reference.counts import BEGIN, END, continuations, words_of
from tests.ngram.reference.model import Model


class CountModel(Model):
    """The counts after a context, and the questions that a backoff model answers."""

    def __init__(self, levels):
        super().__init__(max(levels), dict.fromkeys(levels[1], 0.0), {})
        self.levels = levels
        self.followers = {n: continuations(level) for n, level in levels.items()}

    def count(self, context, word):
        return self.followers[len(context) + 1].get(context, {}).get(word, 0)

    def total(self, context):
        return sum(self.followers[len(context) + 1].get(context, {}).values())

    def matched(self, word, context=()):
        ngram = (*self.context(context), self.known(word))
        while len(ngram) > 1 and not self.count(ngram[:-1], ngram[-1]):
            ngram = ngram[1:]
        return len(ngram)


class MaximumLikelihood(CountModel):
    def probability(self, word, context=()):
        context, word = self.context(context), self.known(word)
        total = self.total(context)
        return self.count(context, word) / total if total else 0.0


class AddDelta(CountModel):
    def __init__(self, levels, delta=1.0):
        super().__init__(levels)
        self.delta = delta

    def probability(self, word, context=()):
        context, word = self.context(context), self.known(word)
        return (self.count(context, word) + self.delta) / (self.total(context) + self.delta * len(self.words))


def best_delta(levels, held_out, least=1e-9, most=1e9, precision=1e-6):
    """The delta of the highest likelihood of the sentences; precision is that of its natural logarithm."""
    model = AddDelta(levels)
    seen = []  # (count of the word after its context, count of the context) of each held-out word
    for sentence in held_out:
        words = [BEGIN, *(model.known(word) for word in words_of(sentence)), END]
        for i in range(1, len(words)):
            context = model.context(words[:i])
            seen.append((model.count(context, words[i]), model.total(context)))

    def likelihood(log_delta):
        delta, vocabulary = math.exp(log_delta), len(model.words)
        return sum(math.log((c + delta) / (total + delta * vocabulary)) for c, total in seen)

    return math.exp(golden_section(likelihood, math.log(least), math.log(most), precision))


def golden_section(f, low, high, precision):
    """The place of the maximum of a function with one maximum, between low and high."""
    ratio = (math.sqrt(5) - 1) / 2
    while high - low > precision:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if f(left) < f(right):
            low = left
        else:
            high = right
    return (low + high) / 2
