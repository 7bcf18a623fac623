"""Tables, models and indexes in files."""

from __future__ import annotations

import os

from fastlm import _ngram as engine
from fastlm.ngram.model import Model
from fastlm.ngram.search import SuffixIndex
from fastlm.ngram.table import Table
from fastlm.ngram.tokenization import Tokenization


def load(path: str | os.PathLike[str], *, verify: bool = True) -> Table | Model | SuffixIndex:
    """Maps a file into memory that ``save`` of a table, a model or an index has written.

    Args:
        path: the file. It must not be changed in place while it is used; ``save`` never does.
        verify: read the file once, for its checksums and its structure. Without it opening takes no time, whatever
            the size, but a damaged file may give wrong answers or end the process.

    Returns:
        What the file holds.

    Raises:
        OSError: the file cannot be opened.
        FormatError: it is not an n-gram file of this version, or was truncated or altered. A ``ValueError``.

    Example:
        >>> from fastlm import ngram
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ngram.count_sentences(["a b"], order=2).save(f"{folder}/table")
        ...     ngram.load(f"{folder}/table")["a b"]
        1
    """
    if engine.is_suffix_index(os.fsencode(path)):
        return SuffixIndex(engine.load_suffix_index(os.fsencode(path), verify))
    loaded = engine.load(os.fsencode(path), verify)
    table = loaded.table if isinstance(loaded, engine.Model) else loaded
    tokenization = Tokenization.from_json(table.tokenization) if table.tokenization else Tokenization()
    held = Model(loaded, tokenization) if isinstance(loaded, engine.Model) else Table(loaded, tokenization)
    held._path = os.path.abspath(os.fsdecode(path))
    return held
