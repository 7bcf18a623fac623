"""Scores by the recursion of the ARPA format, and the lines that KenLM's `query` prints of them.

log10 P(w | h) = log10 p(h w) if it is listed, else log10 weight(h) + log10 P(w | h without its first word). KenLM
(Heafield 2011) adds these in single precision, the weight of the shortest context first; so does this, to the last
digit.
"""

import math
import struct
from decimal import Decimal
from typing import NamedTuple

from tests.ngram.reference.counts import BEGIN, END, UNKNOWN, words_of


def single(x):
    """The nearest number of single precision."""
    return struct.unpack("f", struct.pack("f", x))[0]


class Token(NamedTuple):
    word: str
    id: int  # 0 is <unk>; else its place in the list of words
    matched: int  # words of the n-gram that was found
    log10: float


class Logs:
    """A model as it stands in an ARPA file."""

    def __init__(self, order, p, weights):
        self.order = order
        self.p = {ngram: single(x) for ngram, x in p.items()}
        self.weights = {ngram: single(x) for ngram, x in weights.items()}
        words = [ngram[0] for ngram in p if len(ngram) == 1]
        self.ids = {word: i for i, word in enumerate([UNKNOWN, *(word for word in words if word != UNKNOWN)])}

    def token(self, word, context):
        known = [x if x in self.ids else UNKNOWN for x in (*context, word)]
        found = tuple(known[max(0, len(known) - self.order) :])
        context = found[:-1]
        while found not in self.p:
            found = found[1:]
        log10 = self.p[found]
        for n in range(len(found), len(context) + 1):
            log10 = single(log10 + self.weights.get(context[len(context) - n :], 0.0))
        return Token(word, self.ids.get(word, 0), len(found), log10)

    def sentence(self, text):
        words = [BEGIN, *words_of(text), END]
        return [self.token(words[i], words[:i]) for i in range(1, len(words))]


def number(x, nearest=single):
    """As few digits as tell a number from its neighbours, without an exponent from 1e-6 up to 1e21."""
    if math.isinf(x):
        return str(x)
    shortest = next(s for s in (f"{x:.{digits}e}" for digits in range(17)) if nearest(float(s)) == x)
    mantissa, exponent = shortest.split("e")
    if -6 <= int(exponent) < 21:
        return f"{Decimal(shortest):f}"
    return f"{mantissa}e{int(exponent)}"


def total_of(tokens):
    total = 0.0
    for token in tokens:
        total = single(total + token.log10)
    return total


def line(tokens):
    words = "".join(f"{token.word}={token.id} {token.matched} {number(token.log10)}\t" for token in tokens)
    return f"{words}Total: {number(total_of(tokens))} OOV: {sum(token.id == 0 for token in tokens)}"


def summary(sentences):
    tokens = [token for sentence in sentences for token in sentence]
    unknown = [token for token in tokens if token.id == 0]
    total = sum(total_of(sentence) for sentence in sentences)
    known = total - sum(token.log10 for token in unknown)
    return [
        f"Perplexity including OOVs:\t{number(10 ** (-total / len(tokens)), float)}",
        f"Perplexity excluding OOVs:\t{number(10 ** (-known / (len(tokens) - len(unknown))), float)}",
        f"OOVs:\t{len(unknown)}",
        f"Tokens:\t{len(tokens)}",
    ]
