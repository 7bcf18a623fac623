"""Models as text, in the ARPA format: log10 of each probability, the n-gram, log10 of its weight as a context.

The manual page ngram-format of SRILM (Stolcke 2002). The weight stands after a tab and can be left out where it is 1;
the highest order has none. <s> has a line for the sake of its weight.
"""

import math

from tests.ngram.reference.model import Model

NEVER = -99.0  # SRILM's log10 of 0


def log10(x):
    return math.log10(x) if x > 0 else NEVER


def write(model):
    """The lines of an ARPA file."""
    levels = {n: [ngram for ngram in model.p if len(ngram) == n] for n in range(1, model.order + 1)}
    lines = ["\\data\\", *(f"ngram {n}={len(level)}" for n, level in levels.items()), ""]
    for n, level in levels.items():
        lines.append(f"\\{n}-grams:")
        for ngram in level:
            weight = f"\t{log10(model.weights.get(ngram, 1.0)):.9g}" if n < model.order else ""
            lines.append(f"{log10(model.p[ngram]):.9g}\t{' '.join(ngram)}{weight}")
        lines.append("")
    return [*lines, "\\end\\"]


def read_logs(lines):
    """(order, {n-gram: log10 probability}, {n-gram: log10 weight}), the n-grams as they follow in the file."""
    sizes, p, weights, n = {}, {}, {}, 0
    for number, line in enumerate(map(str.strip, lines), 1):
        if line.startswith("ngram "):
            order, size = line.removeprefix("ngram ").split("=")
            sizes[int(order)] = int(size)
        elif line.endswith("-grams:"):
            n = int(line[1:].removesuffix("-grams:"))
        elif line == "\\end\\":
            break
        elif line and n:
            probability, *ngram = line.split()
            if len(ngram) not in (n, n + 1):
                raise ValueError(f"line {number}: expected {n} words between their numbers, got {line!r}")
            p[tuple(ngram[:n])] = float(probability)
            weights[tuple(ngram[:n])] = float(ngram[n]) if len(ngram) > n else 0.0
    else:
        raise ValueError("the file has no \\end\\")
    for order, size in sizes.items():
        if sum(len(ngram) == order for ngram in p) != size:
            raise ValueError(f"the file says that it has {size} {order}-grams; it has not")
    return max(sizes), p, weights


def read(lines):
    order, p, weights = read_logs(lines)
    return Model(order, {g: 10**x for g, x in p.items()}, {g: 10**x for g, x in weights.items() if x})
