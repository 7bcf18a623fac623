"""The compiled engine, or what to do where it is missing; and what goes in and out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import index
from typing import SupportsFloat, SupportsIndex

try:
    from fastlm import _ngram as engine
except ImportError as error:
    raise ImportError(
        f"the n-gram engine fastlm/_ngram.so cannot be loaded ({error}); "
        "build it: pip install --no-build-isolation --force-reinstall --no-deps <the source folder>"
    ) from error

FormatError = engine.FormatError
UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
UNKNOWN_ID, BEGIN_ID, END_ID = 0, 1, 2
_FALLBACK = {1: (0.5,), 3: (0.5, 1.0, 1.5)}
"""By how many discounts a smoothing has for each order."""
MAX_ORDER = 32
"""The engine's; a number above is refused by itself, with this limit in its message."""

Words = str | Sequence[str]
"""A text whose words stand between ASCII white space, or its words."""


def smoothings() -> dict[str, dict[str, tuple[float | None, float, float, int]]]:
    """Of each smoothing its parameters: default (None: worked out from the counts), least and greatest value, how many.

    >>> "backoff" in smoothings()
    True
    >>> smoothings()["add-delta"]["delta"]
    (1.0, 1e-09, 1000000000.0, 1)
    """
    return engine.smoothings()


def words_of(text: Words) -> list[str]:
    r"""The words of a text, split as the engine splits a file; words that come as a sequence are checked.

    >>> words_of("the\tmovie"), words_of(("the", "movie"))
    (['the', 'movie'], ['the', 'movie'])

    Raises:
        ValueError: a word of a sequence is empty or contains white space; a character has no UTF-8 form.
        TypeError: it is neither.
    """
    if isinstance(text, str):
        return [word.decode() for word in _utf8(text).split()]
    words = list(text)
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"expected a text or a sequence of words, got one that holds {word!r}")
        if _utf8(word).split() != [word.encode()]:
            raise ValueError(f"expected words without white space, got {word!r}")
    return words


def integer(name: str, value: SupportsIndex, least: int, greatest: int) -> int:
    """The value as an int in a range.

    Raises:
        TypeError: it is not a whole number.
        ValueError: it is out of range.
    """
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {value!r}") from None
    if not least <= number <= greatest:
        limits = f"at least {least}" if number < least and greatest > 2**31 else f"between {least} and {greatest}"
        raise ValueError(f"{name} must be {limits}, got {number}")
    return number


def numbers(value: float | Sequence[float]) -> list[float]:
    """One number or several, as a list.

    >>> numbers(1), numbers((0.5, 1, 1.5))
    ([1.0], [0.5, 1.0, 1.5])
    """
    return [float(value)] if isinstance(value, SupportsFloat) else [float(number) for number in value]


def choices(
    smoothing: str,
    discount_fallback: bool | float | Sequence[float],
    parameters: Mapping[str, float | Sequence[float] | str],
) -> dict[str, list[float]]:
    """What a user has set of a smoothing, as the engine takes it.

    >>> choices("kneser-ney", True, {}), choices("add-delta", False, {"delta": 1})
    ({'discount_fallback': [0.5]}, {'delta': [1.0]})

    Raises:
        TypeError: a parameter is no number.
    """
    chosen = {}
    for name, value in parameters.items():
        if isinstance(value, str):
            raise TypeError(f"{name} must be a number, got {value!r}")
        chosen[name] = numbers(value)
    if discount_fallback:
        most = smoothings().get(smoothing, {}).get("discount_fallback", (0, 0, 0, 3))[3]
        chosen["discount_fallback"] = numbers(_FALLBACK[most] if discount_fallback is True else discount_fallback)
    return chosen


def thresholds(prune: Sequence[int]) -> list[int]:
    """Of pruning, checked."""
    return [integer("prune", n, 0, 2**64 - 1) for n in prune]


def size_in_bytes(size: int | str | None) -> int:
    """A number of bytes, or one with a unit, as a whole number; 0 for None.

    >>> size_in_bytes("2G"), size_in_bytes("1.5 MB"), size_in_bytes(4096), size_in_bytes(None)
    (2147483648, 1572864, 4096, 0)

    Raises:
        ValueError: it is no size.
    """
    if size is None:
        return 0
    if isinstance(size, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([KMGT]?)(?:i?B)?\s*", size, re.IGNORECASE)
        if not found:
            raise ValueError(f"expected a size such as '512M' or '4G', got {size!r}")
        return int(float(found[1]) * 1024 ** ("KMGT".index(found[2].upper()) + 1 if found[2] else 0))
    return integer("memory", size, 1, 2**63)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"expected text that can be written as UTF-8, got {text!r}") from None
