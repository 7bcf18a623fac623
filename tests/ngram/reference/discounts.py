"""What to take off a count: one discount an order, or three for counts of 1, of 2, and of 3 and more.

Ney, Essen & Kneser (1994) for the one; Chen & Goodman (1998), equation 26, for the three; Heafield et al. (2013) for
the conditions under which lmplz refuses them.
"""

from tests.ngram.reference.counts import counts_of_counts

FALLBACK = (0.5, 1.0, 1.5)


class DiscountError(ValueError):
    """The text is too small, or too odd, to estimate a discount from it."""


def three_discounts(n, level, fallback=None):
    """(D1, D2, D3+) of order n, from its adjusted counts."""
    try:
        return estimate_three(n, counts_of_counts(level))
    except DiscountError:
        if fallback is None:
            raise
        return filled(fallback)


def estimate_three(n, of_count):
    zero = [r for r in (1, 2, 3) if of_count[r] == 0]
    if zero:
        raise DiscountError(f"order {n}: no {n}-gram has an adjusted count of {' or '.join(map(str, zero))}")
    y = of_count[1] / (of_count[1] + 2 * of_count[2])
    discounts = tuple(r - (r + 1) * y * of_count[r + 1] / of_count[r] for r in (1, 2, 3))
    for r, discount in enumerate(discounts, 1):
        if not 0 <= discount <= r:
            raise DiscountError(f"order {n}: the discount of an adjusted count of {r} is {discount}, not in 0 ... {r}")
    return discounts


def filled(fallback):
    """One to three numbers; the last one serves the counts that have none of their own."""
    if not 1 <= len(fallback) <= 3:
        raise ValueError(f"expected one to three discounts, got {len(fallback)}")
    discounts = tuple(fallback[min(r, len(fallback) - 1)] for r in range(3))
    for r, discount in enumerate(discounts, 1):
        if not 0 <= discount <= r:
            raise ValueError(f"the discount of a count of {r} must be between 0 and {r}, got {discount}")
    return discounts


def one_discount(n, level, fallback=None):
    """n1 / (n1 + 2 n2) of order n."""
    of_count = counts_of_counts(level)
    zero = [r for r in (1, 2) if of_count[r] == 0]
    if zero and fallback is None:
        raise DiscountError(f"order {n}: no {n}-gram has a count of {' or '.join(map(str, zero))}")
    return fallback if zero else of_count[1] / (of_count[1] + 2 * of_count[2])
