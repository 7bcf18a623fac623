"""Interpolated Kneser-Ney: the plain one, and the modified one exactly as KenLM's lmplz estimates and prunes it.

Kneser & Ney (1995); Chen & Goodman (1998), section 3; Heafield et al. (2013). lmplz differs from these formulas in
one thing: at its end it enters the count of the last n-gram of each order, not the adjusted one, into the numbers
from which the discounts come. On a real text that changes nothing.
"""

from tests.ngram.reference.absolute import absolute
from tests.ngram.reference.counts import BEGIN, END, UNKNOWN, adjusted
from tests.ngram.reference.discounts import three_discounts
from tests.ngram.reference.forms import interpolated

SPECIAL = {(UNKNOWN,), (BEGIN,), (END,)}


def kneser_ney(levels, discount=None, fallback=None):
    """Absolute discounting of the adjusted counts."""
    return absolute(adjusted(levels), discount, fallback)


def modified_kneser_ney(
    levels, prune=(0,), limit_vocabulary=None, fallback=None, interpolate_unigrams=True, vocabulary_pad=0
):
    """Three discounts an order.

    prune: for each order the highest count (not adjusted count) that is left out; the last one serves orders beyond.
    limit_vocabulary: n-grams with another word are left out. What is left out still counts in discounts and totals.
    vocabulary_pad: as if there were so many words, with <unk> as all that are missing.
    """
    left_out = pruning(levels, prune, limit_vocabulary)
    levels = adjusted(levels)
    discounts = {n: (0, *three_discounts(n, levels[n], fallback)) for n in levels}

    def share(n, context, followers):
        total = sum(followers.values())
        kept = {word: c for word, c in followers.items() if (*context, word) not in left_out}
        taken = {word: discounts[n][min(c, 3)] for word, c in kept.items()}
        shares = {word: (c - taken[word]) / total for word, c in kept.items()}
        left = sum(taken.values()) + total - sum(kept.values())
        if n == 1 and not interpolate_unigrams:  # SRILM's way
            return shares | {UNKNOWN: shares[UNKNOWN] + left / total}, 0.0
        return shares, left / total

    words = len(levels[1].keys() - left_out) - 1  # with <unk> and </s>, without <s>
    return interpolated(levels, share, 1 / max(words, vocabulary_pad))


def pruning(levels, prune, limit_vocabulary):
    """The n-grams that are left out."""
    order = max(levels)
    if len(prune) > order:
        raise ValueError(f"expected at most {order} thresholds, one for each order, got {len(prune)}")
    if list(prune) != sorted(prune):
        raise ValueError(f"a threshold is lower than the one of the order below: {prune}")
    left_out = set()
    for n, level in levels.items():
        threshold = prune[min(n, len(prune)) - 1]
        if threshold > 0:
            left_out.update(ngram for ngram, c in level.items() if c <= threshold)
        if limit_vocabulary is not None:
            kept = {*limit_vocabulary, UNKNOWN, BEGIN, END}
            left_out.update(ngram for ngram in level if not kept.issuperset(ngram))
    return left_out - SPECIAL
