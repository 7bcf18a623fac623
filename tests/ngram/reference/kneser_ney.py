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
    pruned = pruning(levels, prune, limit_vocabulary)
    levels = adjusted(levels)
    discounts = {n: (0, *three_discounts(n, levels[n], fallback)) for n in levels}

    def share(n, context, followers):
        total = sum(followers.values())
        kept = {word: c for word, c in followers.items() if not pruned((*context, word))}
        shares = {word: (c - discounts[n][min(c, 3)]) / total for word, c in kept.items()}
        left = sum(discounts[n][min(c, 3)] for c in kept.values()) + total - sum(kept.values())
        if n == 1 and not interpolate_unigrams:  # SRILM's way
            return shares | {UNKNOWN: shares[UNKNOWN] + left / total}, 0.0
        return shares, left / total

    words = sum(not pruned(ngram) for ngram in levels[1]) - 1  # with <unk> and </s>, without <s>
    return interpolated(levels, share, 1 / max(words, vocabulary_pad))


def pruning(levels, prune, limit_vocabulary):
    """The test whether an n-gram is left out."""
    order = max(levels)
    if len(prune) > order:
        raise ValueError(f"expected at most {order} thresholds, one for each order, got {len(prune)}")
    if list(prune) != sorted(prune):
        raise ValueError(f"a threshold is lower than the one of the order below: {prune}")
    thresholds = [*prune, *[prune[-1]] * (order - len(prune))]
    kept = None if limit_vocabulary is None else {*limit_vocabulary, UNKNOWN, BEGIN, END}

    def pruned(ngram):
        if ngram in SPECIAL:
            return False
        threshold = thresholds[len(ngram) - 1]
        rare = threshold > 0 and levels[len(ngram)][ngram] <= threshold
        return rare or (kept is not None and not kept.issuperset(ngram))

    return pruned
