"""Other n-gram programs and packages, each only where it is installed."""

from __future__ import annotations

import importlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

PACKAGES = {
    "kenlm": "KenLM's answers were left out: pip install 'fastlm[peers]'",
    "nltk.lm": "nltk.lm was left out: pip install 'fastlm[peers]'",
}
PROGRAMS = (
    "KenLM's programs were left out: build lmplz and build_binary (https://github.com/kpu/kenlm), and put them on "
    "PATH or their folder into $KENLM_BIN"
)


def package(name: str, note: Callable[[str], None]) -> ModuleType | None:
    """A package, or None and a note on how to get it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        note(PACKAGES[name])
        return None


class Programs(NamedTuple):
    """KenLM's programs."""

    lmplz: str
    build_binary: str

    def estimate(self, text: Path, order: int, arpa: Path) -> list[str]:
        """From text to an ARPA file, in at most 1 GB of sorting."""
        # without the last two, a text with <unk> in it, or with too few counts for discounts, is an error
        options = ["--skip_symbols", "--discount_fallback", "-S", "1G", "-T", str(arpa.parent)]
        return [self.lmplz, "-o", str(order), "--text", str(text), "--arpa", str(arpa), *options]

    def binary(self, arpa: Path, trie: Path) -> list[str]:
        """From an ARPA file to one that is mapped into memory."""
        return [self.build_binary, "-T", str(trie.parent), "trie", str(arpa), str(trie)]


def programs(note: Callable[[str], None]) -> Programs | None:
    """KenLM's programs, or None and a note on how to get them."""
    path = os.pathsep.join([os.environ.get("KENLM_BIN", ""), os.environ.get("PATH", "")])
    found = [shutil.which(name, path=path) for name in Programs._fields]
    if not all(found):
        note(PROGRAMS)
        return None
    return Programs(*map(str, found))


def count_by_counter(path: Path, order: int) -> dict[tuple[str, ...], int]:
    """The n-grams of order 1 to ``order`` by collections.Counter."""
    counts: Counter[tuple[str, ...]] = Counter()
    for line in path.open(encoding="utf-8"):
        words = ["<s>", *line.split(), "</s>"]
        for n in range(1, order + 1):
            counts.update(zip(*(words[i:] for i in range(n)), strict=False))
    return counts


def count_by_nltk(nltk: ModuleType, path: Path, order: int) -> object:
    """A fitted stupid-backoff model of nltk.lm."""
    from nltk.lm.preprocessing import pad_both_ends
    from nltk.util import everygrams

    sentences = [list(pad_both_ends(line.split(), n=2)) for line in path.open(encoding="utf-8")]
    model = nltk.StupidBackoff(order=order)
    model.fit([list(everygrams(s, max_len=order)) for s in sentences], list(chain.from_iterable(sentences)))
    return model


def seconds(work: Callable[[], object]) -> float:
    """CPU time of a call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin
