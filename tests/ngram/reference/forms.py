"""The two ways to use the shorter context: mix with it always, or back off to it for what was not seen.

Chen & Goodman (1998), "An empirical study of smoothing techniques for language modeling", section 2.8, compare them.
Both take a function that looks at one context of the n-grams of order n and says what each word keeps, and what is
left: share(n, context, {word: count}) -> ({word: share}, left).
"""

from tests.ngram.reference.counts import BEGIN, continuations
from tests.ngram.reference.model import Model

ROUNDING = 1e-9  # a probability mass below it is none


def interpolated(levels, share, uniform):
    """P(w | h) = share(w) + left(h) P(w | h without its first word); the words alone are mixed with a constant."""
    p, weights = {(BEGIN,): 1.0}, {}
    for n, level in levels.items():
        for context, followers in continuations(level).items():
            shares, left = share(n, context, followers)
            for word, mass in shares.items():
                p[*context, word] = mass + left * (p[*context[1:], word] if n > 1 else uniform)
            if n > 1:
                weights[context] = left
    return Model(max(levels), p, weights)


def backed_off(unigrams, levels, share):
    """P(w | h) = share(w) for what was seen, else P(w | shorter), scaled so that the unseen words sum to what is left.

    The function is told as well how probable the unseen words are together after the shorter context.
    """
    model = Model(max(levels), {(BEGIN,): 1.0} | {(word,): p for word, p in unigrams.items()}, {})
    for n in range(2, max(levels) + 1):
        for context, followers in continuations(levels[n]).items():
            room = 1 - sum(model.p[*context[1:], word] for word in followers)
            shares, left = share(n, context, followers, room)
            model.p.update({(*context, word): mass for word, mass in shares.items()})
            model.weights[context] = left / room if room > ROUNDING else 0.0
    return model
