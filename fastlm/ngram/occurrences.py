"""What a suffix index finds: places of its texts, and how much of another text stands there."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastlm import _ngram as engine


@dataclass(frozen=True)
class Occurrence:
    """A place of the indexed texts where an n-gram stands.

    >>> from fastlm import ngram
    >>> [found] = ngram.index_documents(["a b", "v w x y z"]).occurrences("x y")
    >>> found.document, found.position, found.text, found.around(1), found.line
    (1, 2, 'x y', 'w [x y] z', 2)
    """

    document: int
    """Number of the document, from 0, in the order of reading."""
    position: int
    """Words of the document before it."""
    source: str
    """Name of the text: a path, or what stands for one."""
    line: int
    """Line of the source that its first word stands in, from 1."""
    length: int
    """How many words it has."""
    _index: engine.SuffixIndex = field(repr=False, compare=False)
    _at: int = field(repr=False, compare=False)
    """Its position among all tokens."""

    @property
    def text(self) -> str:
        """Its words."""
        return self._words(0, self.length)

    def head(self, words: int) -> str:
        """So many of its words, and dots if there are more."""
        return self.text if words >= self.length else self._words(0, words) + " ..."

    def around(self, words: int = 8) -> str:
        """Its words in brackets, among so many of its document before and behind it."""
        begin, end = self._index.document(self.document)
        before = self._words(max(begin - self._at, -words), 0)
        after = self._words(self.length, min(end - 1 - self._at, self.length + words))
        return " ".join(filter(None, [before, f"[{self.text}]", after]))

    def _words(self, begin: int, end: int) -> str:
        return " ".join(self._index.words(self._at + begin, self._at + end))


@dataclass(frozen=True)
class FoundDocument:
    """A document that an n-gram stands in."""

    document: int
    """Its number, from 0, in the order of reading."""
    count: int
    """How often the n-gram stands there."""
    first: Occurrence
    """Where it stands for the first time."""


@dataclass(frozen=True)
class LongestMatch:
    """The end of a context that occurs."""

    text: str
    """Its words."""
    length: int
    """How many they are."""
    count: int
    """How often they occur side by side; of none, the number of tokens."""


@dataclass(frozen=True)
class MatchedSpan:
    """Words of a text that occur in the index side by side, and no longer ones around them."""

    source: str
    """Name of the text."""
    line: int
    """Its line that the first word stands in, from 1."""
    begin: int
    """Words of the text before the first one."""
    length: int
    """How many words."""
    count: int
    """How often they occur in the index."""
    example: Occurrence
    """One of the places where they do."""

    @property
    def text(self) -> str:
        """The words."""
        return self.example.text


@dataclass(frozen=True)
class Contamination:
    """How much of a text occurs in an index; :meth:`fastlm.ngram.SuffixIndex.contamination` makes one.

    >>> from fastlm import ngram
    >>> print(ngram.index_documents(["a b c d e"]).contamination_of("x b c d y", min_length=3))
    60.00 % of 5 words lie in 1 match of at least 3 words; the longest match has 3
    """

    words: int
    """Of the text."""
    covered: int
    """Of these, words that lie in a match of at least ``min_length`` words."""
    longest: int
    """Words of the longest match, whatever ``min_length`` is."""
    min_length: int
    """The shortest match that counts."""
    spans: list[MatchedSpan]
    """The matches, in the order of the text. They may overlap."""

    @property
    def coverage(self) -> float:
        """Share of the words that are covered, 0 to 1."""
        return self.covered / self.words if self.words else 0.0

    def __str__(self) -> str:
        matches = f"{len(self.spans):,} match{'' if len(self.spans) == 1 else 'es'} of at least {self.min_length} words"
        return (
            f"{100 * self.coverage:.2f} % of {self.words:,} words lie in {matches}; "
            f"the longest match has {self.longest:,}"
        )
