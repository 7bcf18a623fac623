"""Katz's backoff with Good-Turing discounts of the counts 1 ... k.

Katz (1987), "Estimation of probabilities from sparse data for the language model component of a speech recognizer".
What to do where Katz's formulas give nothing is as SRILM has it (Stolcke 2002), as noted at each place.
"""

from tests.ngram.reference.counts import continuations, counts_of_counts
from tests.ngram.reference.forms import ROUNDING, backed_off

LEAST = 3e-6  # a ratio below it is none


def katz_ratios(of_count, k=5):
    """{r: d_r}: which part of a count of r remains; that of other counts is 1.

    d_r = (r* / r - a) / (1 - a), where r* = (r + 1) n_{r+1} / n_r is Good and Turing's count, and
    a = (k + 1) n_{k+1} / n_1: counts above k stay, and what is freed is n_1, as Good and Turing say.
    """
    if of_count[1] == 0:
        return {}
    while k > 0 and of_count[k + 1] == 0:
        k -= 1
    a = (k + 1) * of_count[k + 1] / of_count[1]
    ratios = {}
    for r in range(1, k + 1):
        if of_count[r] == 0 or a == 1:
            continue
        turing = (r + 1) * of_count[r + 1] / (r * of_count[r])
        ratio = (turing - a) / (1 - a)
        if turing <= 1 and LEAST < ratio <= 1:  # else such a count stays as it is; SRILM lets it grow where a > 1
            ratios[r] = ratio
    return ratios


def katz(levels, k=5):
    ratios = {n: katz_ratios(counts_of_counts(level), k) for n, level in levels.items()}

    def share(n, context, followers, room):
        total = sum(followers.values())
        shares = {word: ratios[n].get(c, 1.0) * c / total for word, c in followers.items()}
        left = 1 - sum(shares.values())
        if room <= ROUNDING:  # every word was seen: they share what is left
            return {word: mass / (1 - left) for word, mass in shares.items()}, 0.0
        if left <= LEAST:  # nothing is left for the others: as if there had been one more occurrence
            return {word: c / (total + 1) for word, c in followers.items()}, 1 / (total + 1)
        return shares, left

    return backed_off(words_alone(continuations(levels[1])[()], share), levels, share)


def words_alone(followers, share):
    """What is left goes to the words that do not occur, in equal parts; if all do, then to all."""
    unseen = [word for word, c in followers.items() if c == 0]
    shares, left = share(1, (), followers, len(unseen) / len(followers))
    heirs = unseen or list(followers)
    return {word: mass + (left / len(heirs) if word in heirs else 0) for word, mass in shares.items()}
