"""A backoff model: probabilities of the n-grams that are listed, and a weight for each context of what is not listed.

Katz (1987); every interpolated model has this form as well, since the probability of a listed n-gram can be written
down after it was mixed.
"""

from tests.ngram.reference.counts import BEGIN, END, UNKNOWN, words_of


class Model:
    """p: {n-gram: P(its last word | those before it)}; weights: {context: weight of the shorter context}, else 1."""

    def __init__(self, order, p, weights):
        self.order, self.p, self.weights = order, p, weights
        self.words = [ngram[0] for ngram in p if len(ngram) == 1 and ngram != (BEGIN,)]  # those that can be predicted

    def known(self, word):
        return word if (word,) in self.p else UNKNOWN

    def context(self, words):
        """The last words of a context, which are all that the model looks at."""
        known = tuple(self.known(word) for word in words)
        return known[max(0, len(known) - self.order + 1) :]

    def probability(self, word, context=()):
        context, word = self.context(context), self.known(word)
        weight = 1.0
        while (*context, word) not in self.p:
            weight *= self.weights.get(context, 1.0)
            context = context[1:]
        return weight * self.p[*context, word]

    def matched(self, word, context=()):
        """How many words has the longest listed n-gram that ends in the word?"""
        ngram = (*self.context(context), self.known(word))
        while ngram not in self.p:
            ngram = ngram[1:]
        return len(ngram)

    def distribution(self, context=()):
        return {word: self.probability(word, context) for word in self.words}

    def score(self, sentence):
        """[P(word | the words before it)] for each word of a sentence, then for </s>."""
        words = [BEGIN, *words_of(sentence), END]
        return [self.probability(words[i], words[:i]) for i in range(1, len(words))]
