"""Random texts, and what the plain-Python reference makes of them."""

from collections import Counter
from functools import cached_property, lru_cache

from hypothesis import strategies as st

from fastlm import ngram
from tests.ngram import reference
from tests.ngram.reference import BEGIN, END, UNKNOWN

__all__ = ["BEGIN", "END", "UNKNOWN", "WORDS", "Oracle", "count", "sentences"]

WORDS = ["a", "b", "the", "é", "词", "don't", ".", "<unk>"]

sentences = st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), min_size=1, max_size=12).filter(
    lambda lines: any(lines)
)


def count(lines, order):
    """{n-gram of any order: how often}, of those that occur."""
    levels = reference.counts(lines, order)
    return Counter({ngram: c for level in levels.values() for ngram, c in level.items() if c})


class Oracle:
    """Probabilities of a word after a context, by each smoothing."""

    def __init__(self, lines, order):
        self.order = order
        self.levels = reference.counts(lines, order)
        self.counts = count(lines, order)
        self.model = lru_cache(lambda smoothing, *parameters: smoothing(self.levels, *parameters))

    @cached_property
    def seen(self):
        return self.model(reference.MaximumLikelihood)

    @property
    def words(self):
        return set(self.seen.words)

    def followers(self, context):
        """{word: count} of the words seen after a context."""
        return {word: c for word in self.seen.words if (c := self.seen.count(tuple(context), word))}

    def maximum_likelihood(self, word, context):
        return self.seen.probability(word, context)

    def add_delta(self, word, context, delta):
        return self.model(reference.AddDelta, delta).probability(word, context)

    def discount(self, n):
        return reference.one_discount(n, self.levels[n], fallback=0.5)

    def backoff(self, word, context, discount=None):
        return self.model(reference.backoff, discount).probability(word, context)

    def matched_order(self, word, context):
        """Words of the longest n-gram that occurs and ends in the word."""
        return self.seen.matched(word, context)


def estimate(table, smoothing, **parameters):
    """A model of a table that may be too small for its discounts."""
    if "discount_fallback" in ngram.smoothings()[smoothing]:
        parameters["discount_fallback"] = True
    return table.estimate(smoothing, **parameters)
