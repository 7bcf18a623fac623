"""Tables and models through pickle: by the path of their file, or else by its bytes."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastlm.ngram.model import Model
    from fastlm.ngram.table import Table
    from fastlm.ngram.tokenization import Tokenization


def reduced(held: Table | Model, path: str | None, tokenization: Tokenization) -> tuple[Any, ...]:
    """What ``__reduce__`` returns."""
    if path is not None:
        return _from_path, (path, tokenization)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "pickled")
        held.save(file)
        with open(file, "rb") as opened:
            return _from_bytes, (opened.read(), tokenization)


def _from_path(path: str, tokenization: Tokenization) -> Any:
    from fastlm.ngram.files import load

    held: Any = load(path, verify=False)
    held.tokenization = tokenization
    return held


def _from_bytes(content: bytes, tokenization: Tokenization) -> Any:
    from fastlm.ngram.files import load

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pickled")
        with open(path, "wb") as file:
            file.write(content)
        held: Any = load(path)  # what is mapped stays when the file goes
    held.tokenization, held._path = tokenization, None
    return held
