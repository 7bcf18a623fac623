"""Counting n-grams of every order up to n, beside collections.Counter over the same words."""

import random
from collections import Counter

import pytest
from fastlm.bench import limits

from fastlm import ngram

SHAPES = [(200_000, 3), (200_000, 5), (1_000_000, 3)]
QUICK_SHAPES = [(100_000, 3)]


@pytest.fixture
def corpus(tmp_path, shape):
    """A text with the word frequencies of English (Zipf's law), 20 words a sentence."""
    words, _ = shape
    random.seed(0)
    ranks = random.choices(range(50_000), [1 / (rank + 2.7) for rank in range(50_000)], k=words)
    lines = (" ".join(f"w{rank}" for rank in ranks[i : i + 20]) for i in range(0, words, 20))
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def count_in_python(path, order):
    counts = Counter()
    for line in path.open():
        words = ["<s>", *line.split(), "</s>"]
        for n in range(1, order + 1):
            counts.update(zip(*(words[i:] for i in range(n)), strict=False))
    return counts


def bench_count(duel, machine, corpus, shape, request):
    _, order = shape
    threads = request.config.getoption("--threads")
    # the least: the text is read once
    limit = limits.streaming_seconds(machine, corpus.stat().st_size)
    duel(
        lambda: ngram.count(corpus, order, threads=threads),
        lambda: count_in_python(corpus, order),
        limit,
        regime="counting n-grams",
    )
