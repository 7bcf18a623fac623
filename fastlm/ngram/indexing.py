"""Indexes of n-grams of any length, from texts or from documents in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastlm import _ngram as engine
from fastlm.ngram._engine import Words, integer
from fastlm.ngram.inputs import Format, Sentences, Texts, read_sources
from fastlm.ngram.search import SuffixIndex
from fastlm.ngram.tokenization import WHITESPACE, Tokenization, Tokenizer


def index(
    texts: Texts,
    *,
    documents: str = "file",
    tokenizer: Tokenizer | Tokenization = WHITESPACE,
    lower: bool = False,
    column: str | None = None,
    errors: str = "strict",
    threads: int = 0,
    progress: Callable[[int], object] | None = None,
) -> SuffixIndex:
    r"""Makes an index of texts, in which n-grams of any length can be looked up.

    No word is left out. An n-gram lies in one document: it goes on over the ends of lines, unless each line is a
    document.

    Args:
        texts: as for :func:`fastlm.ngram.count`.
        documents: what a document is: each ``"file"``, each ``"line"``, or what stands between two empty lines:
            ``"blank-line"``.
        tokenizer: what the words are, see :func:`fastlm.ngram.count`; what is looked up is taken apart in the same way.
        lower: put the text into lower case.
        column: of Parquet, Arrow and JSON Lines, see :func:`fastlm.ngram.count`. A file is one document with all its
            rows, unless each line is one.
        errors: what is done about invalid UTF-8: ``"strict"`` raises, ``"replace"`` puts U+FFFD in its place,
            ``"ignore"`` leaves it out.
        threads: 0: one for each processor. The index is the same for any number.
        progress: called with the number of tokens so far, while the text is read.

    Returns:
        The index, in memory: about 7 bytes a word, and twice that while it is made.

    Raises:
        OSError: a file cannot be read.
        ValueError: an argument has no such value; the texts have no word; a text is not one (a byte 0, invalid UTF-8,
            ``<s>`` or ``</s>`` as a word; the message has file and line); compressed data is damaged.
        TypeError: an input is of another type.
        ModuleNotFoundError: a package that reads the file, or tokenises it, is not there.

    Example:
        >>> import io
        >>> found = index(io.BytesIO(b"the cat sat on\nthe mat\n\na dog sat on the mat\n"), documents="blank-line")
        >>> found.count("sat on the mat"), found.document_count
        (2, 2)
    """
    tokenization = tokenizer if isinstance(tokenizer, Tokenization) else Tokenization(tokenizer, lower=lower)
    indexer = engine.Indexer(documents=documents, errors=errors, threads=integer("threads", threads, 0, 1024))
    report = (lambda: None) if progress is None else (lambda: progress(indexer.tokens))
    read_sources(indexer, texts, report, Format(tokenization, errors, column))
    found = indexer.finish()
    found.tokenization = tokenization.to_json()
    return SuffixIndex(found, tokenization)


def index_documents(
    documents: Iterable[Words],
    *,
    tokenizer: Tokenizer | Tokenization = WHITESPACE,
    lower: bool = False,
    errors: str = "strict",
    threads: int = 0,
    progress: Callable[[int], object] | None = None,
) -> SuffixIndex:
    """Makes an index of documents in memory.

    Args:
        documents: each a str, to be tokenised, or a list of tokens. A document's line in the index is its number.
        tokenizer: see :func:`index`.
        lower: see :func:`index`.
        errors: see :func:`index`; here for surrogates, which UTF-8 does not have.
        threads: see :func:`index`.
        progress: see :func:`index`.

    Raises:
        TypeError: a document is neither.
        ValueError: as :func:`index`; the line in the message is the number of the document.

    Example:
        >>> index_documents(["the cat sat", ["the", "cat", "ran"]]).count("the cat")
        2
    """
    return index(
        Sentences(documents),
        documents="line",
        tokenizer=tokenizer,
        lower=lower,
        errors=errors,
        threads=threads,
        progress=progress,
    )
