"""Stupid backoff: the relative frequency of the longest n-gram that occurs, times alpha for each word given up.

Brants et al. (2007), "Large language models in machine translation". These are scores: they do not sum to 1.
"""

from tests.ngram.reference.additive import CountModel


class StupidBackoff(CountModel):
    def __init__(self, levels, alpha=0.4):
        super().__init__(levels)
        self.alpha = alpha

    def probability(self, word, context=()):
        context, word, scale = self.context(context), self.known(word), 1.0
        while context and not self.count(context, word):
            context, scale = context[1:], scale * self.alpha
        return scale * self.count(context, word) / self.total(context)
