"""The n-gram engine: csrc/core/ngram as Python classes (csrc/python). fastlm.ngram is its face.

Words are ids: 0 ``<unk>``, 1 ``<s>``, 2 ``</s>``, then the vocabulary. Everything that takes long releases the GIL.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

class FormatError(ValueError):
    """A file is not an n-gram file of this version, or was truncated or altered."""

class Counter:
    """Counts the n-grams of a text that comes in blocks of bytes."""

    def __init__(
        self,
        order: int,
        *,
        vocabulary: Sequence[str] | None = None,
        min_count: int = 1,
        max_vocabulary: int = 0,
        errors: str = "strict",
        reserved: str = "error",
        threads: int = 0,
        memory: int = 0,
        temp_dir: str = "",
        tokenization: str = "",
    ) -> None: ...
    def begin(self, source: str) -> None:
        """What follows is a new text of this name, from its line 1. An unfinished last line is ended."""
    def add(self, block: bytes) -> None:
        """More of the text, cut anywhere. A line is a sentence, its words are split at white space."""
    @property
    def tokens(self) -> int:
        """Words and ends of sentences so far."""
    @property
    def size(self) -> int:
        """The same with the begins of sentences."""
    @property
    def words(self) -> int:
        """Of the vocabulary so far."""
    def tokens_at(self, begin: int, end: int) -> bytes:
        """Some of what was read, 4 bytes each."""
    def words_at(self, begin: int, end: int) -> bytes:
        """Some words of the vocabulary, a line each."""
    @property
    def reading(self) -> tuple[str, int, bool, bytes]:
        """Where it is in the text: its name, the line, whether that has begun, and the head of a word that is cut."""
    def restore_words(self, words: bytes) -> None:
        """Those of another counter, which had the same options."""
    def restore_tokens(self, tokens: bytes) -> None:
        """Those of another counter, after its words."""
    def restore_reading(self, source: str, line: int, in_line: bool, partial: bytes) -> None:
        """Where another counter was."""
    def finish(self) -> Table:
        """Sorts and counts. The counter is empty afterwards."""
    def count(self, path: str | bytes, stage: Callable[[str, float], object] | None = None) -> int:
        """The same into a file, without a table in memory. Returns the bytes of temporary files.

        stage: called now and then with what is being done, and the share of it.
        """
    def build(
        self,
        path: str | bytes,
        smoothing: str,
        parameters: dict[str, list[float]],
        prune: Sequence[int],
        compact: bool,
        limit_vocabulary: Sequence[str] | None,
        interpolate_unigrams: bool,
        vocabulary_pad: int,
        counts: str | bytes | None = None,
        stage: Callable[[str, float], object] | None = None,
    ) -> int:
        """Counts, and writes a model; into ``counts`` the table too. Returns the bytes of temporary files."""

class Table:
    order: int
    counts: list[int]
    """Distinct n-grams of order 1, 2, ..."""
    tokens: int
    """Words and ends of sentences."""
    sentences: int
    vocabulary_size: int
    """Words, the three special ones included."""
    tokenization: str
    """As it was given to the counter."""

    def id(self, word: str) -> int:
        """0 for a word that is not there."""
    def word(self, id: int) -> str: ...
    def count(self, ngram: Sequence[int]) -> int: ...
    def followers(self, context: Sequence[int]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Words seen after a context, in the order of their ids, with their counts."""
    def ngrams(self, order: int, begin: int, end: int) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """N-grams begin to end of an order, sorted: [end - begin, order] words, and [end - begin] counts."""
    def most_common(self, order: int, k: int) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """The k most frequent n-grams of an order as `ngrams` gives them, by falling count; of equals, sorted."""
    def begun_by(self, order: int, prefix: Sequence[int]) -> tuple[int, int]:
        """Where the n-grams of an order above 1 begin and end that begin with some words."""
    @staticmethod
    def merge(tables: Sequence[Table], threads: int = 0) -> Table: ...
    def subtract(self, other: Table, threads: int = 0) -> Table: ...
    def prune(self, thresholds: Sequence[int], threads: int = 0) -> Table: ...
    def estimate(
        self,
        smoothing: str,
        parameters: dict[str, list[float]],
        prune: Sequence[int] = (),
        compact: bool = False,
        limit_vocabulary: Sequence[str] | None = None,
        interpolate_unigrams: bool = True,
        vocabulary_pad: int = 0,
    ) -> Model: ...
    def save(self, path: str | bytes) -> None: ...
    def write(self, order: int, min_count: int, sink: Callable[[bytes], object]) -> None:
        """The n-grams of an order as lines of words, a tab and the count, block by block."""

class CountsReader:
    """Counts as lines of text, which come in blocks of bytes; those of several files add."""

    def __init__(self, *, tokenization: str = "") -> None: ...
    def begin(self, source: str) -> None: ...
    def add(self, block: bytes) -> None: ...
    def finish(self) -> Table:
        """Sorts, and adds the shorter n-grams that are not there. The reader is empty afterwards."""

class DeltaSearch:
    """The best delta of add-delta for a text that comes in blocks, as Counter takes them."""

    def __init__(self, table: Table, *, errors: str = "strict") -> None: ...
    def begin(self, source: str) -> None: ...
    def add(self, block: bytes) -> None: ...
    def finish(self) -> float: ...

class Model:
    table: Table
    smoothing: str
    parameters: dict[str, list[float]]
    """Of the smoothing, as used; a number for each order, or one for all."""

    def score(self, words: Sequence[int], start: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """log10 P of each word given those before it (after the words `start`), and the order of the n-gram used."""
    def distribution(self, context: Sequence[int]) -> NDArray[np.float32]:
        """P(word | context) for each word of the vocabulary; ``<s>`` has 0. All zeros where there is none."""
    def quantize(self, bits: int) -> Model:
        """The same probabilities and weights, from a list of 2**bits of them for each order."""
    def prune(self, threshold: float) -> Model:
        """Without the n-grams of which each alone raises the perplexity by less than such a part of it."""
    def generate(
        self,
        start: Sequence[int],
        max_words: int,
        temperature: float,
        top_k: int,
        seed: int,
        number: int = 1,
        threads: int = 1,
    ) -> list[list[int]]:
        """Sentences drawn after `start`, ended by 2 where the model ends them; never 0 or 1."""
    def score_text(self, text: str, bos: bool, eos: bool) -> float:
        """log10 P of words between white space."""
    @overload
    def score_texts(
        self, sentences: Any, bos: bool, eos: bool, threads: int, tokens: Literal[False]
    ) -> NDArray[np.float64]:
        """log10 P of each sentence: a str, or a sequence of words."""
    @overload
    def score_texts(
        self, sentences: Any, bos: bool, eos: bool, threads: int, tokens: Literal[True]
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint32], NDArray[np.int64]]:
        """log10 P, order and id of each token, and where those of each sentence begin, with the end."""
    @overload
    def score_ids(
        self,
        ids: NDArray[np.int64],
        offsets: NDArray[np.int64],
        bos: bool,
        eos: bool,
        threads: int,
        tokens: Literal[False],
    ) -> NDArray[np.float64]: ...
    @overload
    def score_ids(
        self,
        ids: NDArray[np.int64],
        offsets: NDArray[np.int64],
        bos: bool,
        eos: bool,
        threads: int,
        tokens: Literal[True],
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint32], NDArray[np.int64]]: ...
    def score_ngrams(self, ids: NDArray[np.int64], threads: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """log10 P and order of the last word of each row [n, words] after the others."""
    def state_after(self, words: Sequence[int]) -> State: ...
    def advance(self, state: State, word: int) -> tuple[float, State]: ...
    def advance_batch(
        self, states: Sequence[State], words: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], list[State]]: ...
    def next(self, contexts: Sequence[Sequence[int]], k: int, threads: int) -> list[list[tuple[str, float]]]:
        """The k most probable words after each context."""
    def save(self, path: str | bytes) -> None: ...

class State:
    """The words before. Equal ones have the same future."""

    length: int
    """How many words of them matter."""

class Evaluator:
    """Perplexity of a text that comes in blocks, as Counter takes them."""

    def __init__(self, model: Model, *, errors: str = "strict", threads: int = 1) -> None: ...
    def begin(self, source: str) -> None: ...
    def add(self, block: bytes) -> None: ...
    def finish(self) -> Evaluation: ...

class TokenScores:
    """What a model makes of each token of a text that comes in blocks, as Counter takes them."""

    def __init__(self, model: Model, *, errors: str = "strict") -> None: ...
    def begin(self, source: str) -> None: ...
    def add(self, block: bytes) -> None: ...
    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.uint8], int]:
        """log10 P of each token, whether it is not in the vocabulary, and how many sentences there were."""

class Evaluation:
    tokens: int
    """Words and ends of sentences."""
    sentences: int
    unknown: int
    """Tokens that are not in the vocabulary."""
    log10_known: float
    """Sum over the tokens that are."""
    log10_unknown: float
    """Sum over the others."""

class ArpaReader:
    """An ARPA file that comes in blocks of bytes."""

    def __init__(
        self, *, vocabulary: Sequence[str] | None = None, memory: int = 1 << 30, folder: str | bytes = ""
    ) -> None: ...
    def begin(self, source: str) -> None:
        """The name of the file; a reader reads one."""
    def add(self, block: bytes) -> None:
        """More of it, cut anywhere."""
    def finish(self) -> ArpaModel:
        """The file has ended: what it says, sorted and complete."""

class ArpaBlocks(Iterator[tuple[NDArray[np.uint32], NDArray[np.float32], NDArray[np.float32]]]):
    def __iter__(self) -> ArpaBlocks: ...
    def __next__(self) -> tuple[NDArray[np.uint32], NDArray[np.float32], NDArray[np.float32]]: ...

class ArpaModel:
    counts: list[int]
    """N-grams of order 1, 2, ..."""
    vocabulary: list[str]
    unknown_missing: bool
    """``<unk>`` was not there and got log10 probability -100."""
    lacking: int
    """Words of the given vocabulary that were not there and got the probability of ``<unk>``."""
    rounded: int
    """Log10 probabilities a little above 0 that were taken as 0."""
    inserted: list[int]
    """N-grams of order 1, 2, ... that were missing though others begin or end with them."""

    def blocks(self, order: int) -> ArpaBlocks:
        """N-grams of an order, sorted: [size, order] words, and [size] log10 probabilities and backoffs."""
    def nodes(
        self, order: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.float32], NDArray[np.float32]]:
        """Of each n-gram of an order, sorted: last word, n-grams that continue it, log10 probability, backoff."""
    def model(self, bits: int, compact: bool) -> Model:
        """As a model that keeps probabilities; bits: of each, 0: as they are."""
    def write(self, sink: Callable[[bytes], object]) -> None: ...

def write_arpa(model: Model, sink: Callable[[bytes], object]) -> None:
    """The model as an ARPA file, block by block."""

class ArpaWriter:
    """Gives an ARPA file to a sink, block by block."""

    def __init__(self, words: Sequence[str], counts: Sequence[int], sink: Callable[[bytes], object]) -> None: ...
    def add(self, ngrams: NDArray[np.uint32], probability: NDArray[np.float32], backoff: NDArray[np.float32]) -> None:
        """Some n-grams of order 1, then of order 2, ..."""
    def finish(self) -> None:
        """All have come."""

def merge(models: Sequence[Model], weights: Sequence[float]) -> Model:
    """Linear interpolation as one model, of the n-grams and words of all."""

def load(path: str | bytes, verify: bool = True) -> Table | Model:
    """Maps a file into memory; `verify` reads it once, for its checksum and its structure."""

def smoothings() -> dict[str, dict[str, tuple[float | None, float, float, int]]]:
    """Of each smoothing its parameters: default (None: from the counts), least, greatest."""

class Indexer:
    """Makes an index of texts that come in blocks, as Counter takes them."""

    def __init__(self, *, documents: str = "file", errors: str = "strict", threads: int = 0) -> None: ...
    def begin(self, source: str) -> None: ...
    def add(self, block: bytes) -> None: ...
    @property
    def tokens(self) -> int:
        """Words and ends of documents so far."""
    def finish(self) -> SuffixIndex:
        """Sorts. The indexer is empty afterwards."""

class SuffixIndex:
    """Positions are numbers of tokens: words, and ends of documents."""

    tokens: int
    document_count: int
    vocabulary_size: int
    """Words, the three special ones included."""
    sources: list[str]
    tokenization: str
    """How the texts became words: what was set, which a file keeps."""

    def word(self, id: int) -> str: ...
    def words(self, begin: int, end: int) -> list[str]:
        """The tokens of positions begin to end."""
    def counts(self, ngrams: Sequence[Sequence[str]]) -> NDArray[np.uint64]: ...
    def longest_match(self, context: Sequence[str]) -> tuple[int, int]:
        """How many last words of the context occur side by side, and how often."""
    def followers(self, context: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Words seen after a context, in the order of their ids, with their counts."""
    def occurrences(self, ngram: Sequence[str], limit: int) -> NDArray[np.uint64]:
        """The first positions, ascending; 0: all."""
    def documents(self, ngram: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
        """Its documents, ascending, how often it stands in each, and the first position there."""
    def document(self, document: int) -> tuple[int, int]:
        """Its tokens: the position of the first, and of that behind its end."""
    def document_of(self, position: int) -> int: ...
    def place_of(self, position: int) -> tuple[str, int, int]:
        """Source, line from 1, and number of the token in its source."""
    def save(self, path: str | bytes) -> None: ...

class Matcher:
    """Looks for texts that come in blocks, as Counter takes them, in an index."""

    def __init__(self, index: SuffixIndex, *, errors: str = "strict") -> None: ...
    def begin(self, source: str) -> None: ...
    def add(self, block: bytes) -> None: ...
    def lengths(self, threads: int = 0) -> NDArray[np.uint64]:
        """For each word the length of the longest n-gram of the index that begins there. Ends the matcher."""
    def contamination(
        self, min_words: int, threads: int = 0
    ) -> tuple[int, int, int, list[tuple[str, int, int, int, int, int]]]:
        """Words, words in long matches, length of the longest match, and the long ones. Ends the matcher.

        Of a match: source, line, number of its first word in the source, length, count, a position where it stands.
        """

def is_suffix_index(path: str | bytes) -> bool: ...
def load_suffix_index(path: str | bytes, verify: bool = True) -> SuffixIndex: ...
def seconds_a_load(bytes: int, chains: int) -> float:
    """CPU time of a load from anywhere in so many bytes; those of a chain wait for one another."""
