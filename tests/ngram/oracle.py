"""N-grams in plain Python: counts, and each smoothing by its definition."""

from collections import Counter
from itertools import takewhile

from hypothesis import strategies as st

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
WORDS = ["a", "b", "the", "é", "词", "don't", ".", "<unk>"]

sentences = st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), min_size=1, max_size=12).filter(
    lambda lines: any(lines)
)


def count(lines, order):
    counts = Counter()
    for line in lines:
        words = [BEGIN, *line.split(), END]
        for n in range(1, order + 1):
            counts.update(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    return counts


class Oracle:
    """Probabilities of a word after a context, straight from the counts."""

    def __init__(self, lines, order):
        self.order = order
        self.counts = count(lines, order)
        self.words = {UNKNOWN, END} | {ngram[0] for ngram in self.counts if len(ngram) == 1} - {BEGIN}

    def followers(self, context):
        """{word: count} of the words seen after a context."""
        n = len(context) + 1
        return {
            ngram[-1]: c
            for ngram, c in self.counts.items()
            if len(ngram) == n and ngram[:-1] == context and ngram[-1] != BEGIN
        }

    def context(self, context):
        """Its last words, unknown ones as <unk>."""
        known = [word if word in self.words | {BEGIN} else UNKNOWN for word in context]
        return tuple(known[max(0, len(known) - self.order + 1) :])

    def maximum_likelihood(self, word, context):
        seen = self.followers(self.context(context))
        return seen.get(word, 0) / sum(seen.values()) if seen else 0.0

    def add_delta(self, word, context, delta):
        seen = self.followers(self.context(context))
        return (seen.get(word, 0) + delta) / (sum(seen.values()) + delta * len(self.words))

    def discount(self, n):
        of_count = Counter(c for ngram, c in self.counts.items() if len(ngram) == n and ngram != (BEGIN,))
        return of_count[1] / (of_count[1] + 2 * of_count[2]) if of_count[1] and of_count[2] else 0.5

    def backoff(self, word, context, discount=None):
        context = self.context(context)
        seen = self.followers(context)
        d = self.discount(len(context) + 1) if discount is None else discount
        if not context:
            total = sum(seen.values())
            return max(0, seen.get(word, 0) - d) / total + d * len(seen) / total / len(self.words)
        if not seen:
            return self.backoff(word, context[1:], discount)
        total = sum(seen.values())
        room = 1 - sum(self.backoff(other, context[1:], discount) for other in seen)
        if room <= 1e-9:  # every word was seen: nothing is taken off
            return seen.get(word, 0) / total
        if word in seen:
            return (seen[word] - d) / total
        return d * len(seen) / total / room * self.backoff(word, context[1:], discount)

    def matched_order(self, word, context):
        """Words of the longest n-gram that occurs and ends in the word."""
        words = (*self.context(context), word)
        ends = [words[len(words) - n :] for n in range(1, len(words) + 1)]
        return 1 + len(list(takewhile(lambda end: self.counts[end] > 0, ends[1:])))


def estimate(table, smoothing, **parameters):
    """A model of a table that may be too small for the discounts of modified Kneser-Ney."""
    if smoothing == "modified-kneser-ney":
        parameters["discount_fallback"] = True
    return table.estimate(smoothing, **parameters)
