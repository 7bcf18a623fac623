"""Witten-Bell: a new word is as probable as it was, after this context, that a word was new there.

Witten & Bell (1991), "The zero-frequency problem", method C; interpolated as in Chen & Goodman (1998), section 2.4.
"""

from tests.ngram.reference.forms import interpolated


def witten_bell(levels):
    def share(n, context, followers):
        kinds = sum(c > 0 for c in followers.values())
        total = sum(followers.values()) + kinds
        return {word: c / total for word, c in followers.items()}, kinds / total

    return interpolated(levels, share, 1 / (len(levels[1]) - 1))
