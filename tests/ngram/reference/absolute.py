"""Absolute discounting: one number is taken off every count, and shared out in the proportion of the shorter context.

Ney, Essen & Kneser (1994), "On structuring probabilistic dependences in stochastic language modelling". Interpolated,
as in Chen & Goodman (1998), section 2.6; and as a backoff model, in which only unseen words get something.
"""

from tests.ngram.reference.counts import continuations
from tests.ngram.reference.discounts import one_discount
from tests.ngram.reference.forms import ROUNDING, backed_off, interpolated


def absolute(levels, discount=None, fallback=None):
    """discount: one for all orders; else each is estimated, and one that cannot be is the fallback, if there is one."""
    discounts = {n: one_discount(n, levels[n], fallback) if discount is None else discount for n in levels}

    def share(n, context, followers):
        return taken_off(followers, discounts[n])

    return interpolated(levels, share, 1 / (len(levels[1]) - 1))


def backoff(levels, discount=None):
    """As above, but seen words keep what is left of their count; words alone are mixed with the uniform one."""
    discounts = {n: one_discount(n, levels[n], 0.5) if discount is None else discount for n in levels}
    followers = continuations(levels[1])[()]
    shares, left = taken_off(followers, discounts[1])
    unigrams = {word: mass + left / len(followers) for word, mass in shares.items()}

    def share(n, context, followers, room):
        return taken_off(followers, discounts[n] if room > ROUNDING else 0)  # every word was seen: nothing is taken off

    return backed_off(unigrams, levels, share)


def taken_off(followers, discount):
    total = sum(followers.values())
    taken = {word: min(c, discount) for word, c in followers.items()}
    return {word: (c - taken[word]) / total for word, c in followers.items()}, sum(taken.values()) / total
