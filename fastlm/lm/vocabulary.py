"""Words or characters, and their numbers."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastlm.lm.files import written

UNKNOWN = "<unk>"
END = "</s>"
UNITS = ("words", "characters")
_AT_ONCE = 1 << 18


class Vocabulary(Sequence[str]):
    """A fixed list of words: ``<unk>``, ``</s>``, then the words by falling frequency.

    Args:
        words: without ``<unk>`` and ``</s>``.
        unit: ``"words"``: what white space separates; ``"characters"``: each character of a sentence, spaces too.

    Raises:
        ValueError: a word is there twice, or there is no such unit.

    Example:
        >>> vocabulary = Vocabulary.from_sentences(["a b a", "a c"], max_size=4)
        >>> list(vocabulary)
        ['<unk>', '</s>', 'a', 'b']
        >>> vocabulary.encode(["a c", "b"])
        tensor([2, 0, 1, 3, 1])
        >>> Vocabulary.from_sentences(["ab a"], unit="characters").encode(["a b"])
        tensor([2, 3, 4, 1])
    """

    def __init__(self, words: Iterable[str], unit: str = "words") -> None:
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {', '.join(UNITS)}, got {unit!r}")
        self.unit = unit
        self._words = [UNKNOWN, END, *words]
        self._ids = {word: i for i, word in enumerate(self._words)}
        if len(self._ids) != len(self._words):
            twice = next(word for word, n in Counter(self._words).items() if n > 1)
            raise ValueError(f"expected each word once, got {twice!r} twice")

    @classmethod
    def from_sentences(
        cls, sentences: Iterable[str], max_size: int | None = None, *, min_count: int = 1, unit: str = "words"
    ) -> Vocabulary:
        """The ``max_size`` most frequent entries, ``<unk>`` and ``</s>`` among them.

        Args:
            sentences: text, read once.
            max_size: entries at most; None: all words.
            min_count: rarer words are left out.
            unit: what is counted, ``"words"`` or ``"characters"``.

        Raises:
            ValueError: there is no word, none is frequent enough, or ``max_size`` leaves no room for one.
        """
        if max_size is not None and max_size < 3:
            raise ValueError(f"max_size must be at least 3 (<unk>, </s> and a word), got {max_size}")
        split = cls((), unit).split
        counts = Counter(word for sentence in sentences for word in split(sentence))
        del counts[UNKNOWN], counts[END]
        if not counts:
            raise ValueError("expected text with at least one word, got none")
        frequent = [word for word, n in counts.items() if n >= min_count]
        if not frequent:
            raise ValueError(
                f"no word occurs {min_count} times; the most frequent one occurs {max(counts.values())} times"
            )
        room = None if max_size is None else max_size - 2
        return cls(sorted(frequent, key=lambda word: (-counts[word], word))[:room], unit)

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._words[index]

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self.unit, self._words) == (other.unit, other._words)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self):,} {self.unit}>"

    def id_of(self, word: str) -> int:
        """Number of a word; 0, that of ``<unk>``, for one that is not in the list."""
        return self._ids.get(word, 0)

    def split(self, sentence: str) -> list[str]:
        """The words, or the characters, of a sentence."""
        return sentence.split() if self.unit == "words" else list(sentence)

    def join(self, words: Iterable[str]) -> str:
        """A sentence of words, or of characters."""
        return (" " if self.unit == "words" else "").join(words)

    def ids_of(self, sentence: str) -> list[int]:
        """Numbers of the words of a sentence, and of the ``</s>`` at its end."""
        return [*map(self.id_of, self.split(sentence)), self._ids[END]]

    def encode(self, sentences: Iterable[str]) -> Tensor:
        """Numbers of the words of each sentence, each sentence ended by ``</s>``: int64 [tokens]."""
        blocks = list(self.encode_blocks(sentences, np.dtype(np.int64)))
        return torch.from_numpy(np.concatenate(blocks)) if blocks else torch.empty(0, dtype=torch.int64)

    def encode_blocks(self, sentences: Iterable[str], dtype: np.dtype[Any]) -> Iterator[np.ndarray[Any, Any]]:
        """The same in pieces, so that the numbers of a long text are never there as Python objects all at once."""
        waiting: list[int] = []
        for sentence in sentences:
            waiting += self.ids_of(sentence)
            if len(waiting) >= _AT_ONCE:
                yield np.array(waiting, dtype)
                waiting = []
        if waiting:
            yield np.array(waiting, dtype)

    def restrict(self, sentence: str) -> str:
        """The sentence with ``<unk>`` in the place of the words that are not in the list.

        >>> Vocabulary(["a"]).restrict("a b a")
        'a <unk> a'
        """
        return self.join(word if word in self._ids else UNKNOWN for word in self.split(sentence))

    def to_json(self) -> dict[str, Any]:
        """What :meth:`from_json` makes it of again."""
        return {"unit": self.unit, "words": self._words[2:]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Vocabulary:
        """The vocabulary that :meth:`to_json` gave this for.

        >>> Vocabulary.from_json(Vocabulary(["a"]).to_json()) == Vocabulary(["a"])
        True
        """
        return cls(data["words"], data["unit"])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it as JSON; the file is whole, or as it was."""
        with written(path) as temporary:
            Path(temporary).write_text(json.dumps(self.to_json(), ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Reads what :meth:`save` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            return cls.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{os.fspath(path)}: is no vocabulary of fastlm: {error}") from None
