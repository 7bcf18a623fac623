"""Words and their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

UNKNOWN = "<unk>"
END = "</s>"


class Vocabulary(Sequence[str]):
    """A fixed list of words: ``<unk>``, ``</s>``, then the words by falling frequency.

    >>> vocabulary = Vocabulary.from_sentences(["a b a", "a c"], max_size=4)
    >>> list(vocabulary)
    ['<unk>', '</s>', 'a', 'b']
    >>> vocabulary.encode(["a c", "b"])
    tensor([2, 0, 1, 3, 1])
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = [UNKNOWN, END, *words]
        self._ids = {word: i for i, word in enumerate(self._words)}
        if len(self._ids) != len(self._words):
            twice = next(word for word, n in Counter(self._words).items() if n > 1)
            raise ValueError(f"expected each word once, got {twice!r} twice")

    @classmethod
    def from_sentences(cls, sentences: Iterable[str], max_size: int | None = None) -> Vocabulary:
        """The ``max_size`` most frequent entries, ``<unk>`` and ``</s>`` among them.

        Args:
            sentences: text, words separated by white space.
            max_size: entries at most; None: all words.

        Raises:
            ValueError: there is no word, or ``max_size`` leaves no room for one.
        """
        if max_size is not None and max_size < 3:
            raise ValueError(f"max_size must be at least 3 (<unk>, </s> and a word), got {max_size}")
        counts = Counter(word for sentence in sentences for word in sentence.split())
        del counts[UNKNOWN], counts[END]
        if not counts:
            raise ValueError("expected text with at least one word, got none")
        room = None if max_size is None else max_size - 2
        by_frequency = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(by_frequency[:room])

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._words[index]

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def id_of(self, word: str) -> int:
        """Number of a word; 0, that of ``<unk>``, for one that is not in the list."""
        return self._ids.get(word, 0)

    def encode(self, sentences: Iterable[str]) -> Tensor:
        """Numbers of the words of each sentence, each sentence ended by ``</s>``: int64 [tokens]."""
        end = self._ids[END]
        return torch.tensor([i for s in sentences for i in (*map(self.id_of, s.split()), end)], dtype=torch.int64)

    def restrict(self, sentence: str) -> str:
        """The sentence with ``<unk>`` in the place of the words that are not in the list.

        >>> Vocabulary(["a"]).restrict("a b a")
        'a <unk> a'
        """
        return " ".join(word if word in self._ids else UNKNOWN for word in sentence.split())
