"""Files that are whole or not there: tensors and JSON in one safetensors file, under another name until it is done."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from torch import Tensor

Path = str | os.PathLike[str]


@contextmanager
def written(path: Path) -> Iterator[str]:
    """A name to write a file under; at the end it is renamed, after a failure removed.

    Raises:
        OSError: the file cannot be written; the one that was there before is as it was.
    """
    name = os.fspath(path)
    temporary = f"{name}.part"
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, name)
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, error.strerror, name) from None
        raise


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Writes tensors, and facts as JSON beside them.

    Args:
        path: of the file.
        tensors: by name; none shares memory with another.
        facts: what JSON can hold; the file's metadata.

    Raises:
        OSError: as of :func:`written`.
        ModuleNotFoundError: safetensors is needed.
    """
    save_file, _, failure = _safetensors()
    metadata = {"fastlm": json.dumps(facts, ensure_ascii=False)}  # one entry: the order of several is random
    with written(path) as temporary:
        try:
            save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, temporary, metadata)
        except failure as error:
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from None


def read_tensors(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a file that :func:`write_tensors` wrote, with ``facts["kind"]`` as expected.

    Raises:
        ValueError: it is something else.
        OSError: it cannot be read.
        ModuleNotFoundError: safetensors is needed.
    """
    _, safe_open, failure = _safetensors()
    name = os.fspath(path)
    with open(name, "rb"):  # the operating system's words for what is not there
        pass
    try:
        with safe_open(name, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("fastlm", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (failure, ValueError) as error:
        raise ValueError(f"{name}: is no {kind} of fastlm, or is damaged: {error}") from None
    if facts.get("kind") != kind:
        raise ValueError(f"{name}: expected a {kind} of fastlm, got {facts.get('kind', 'some other safetensors file')}")
    return tensors, facts


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """What differs between a file and what it is read for, for a message; empty if nothing does.

    >>> differences({"layers": 2, "size": 4}, {"layers": 1, "size": 4})
    'layers is 2 there and 1 here'
    """
    names = [name for name in dict.fromkeys([*found, *expected]) if found.get(name) != expected.get(name)]
    return ", ".join(f"{name} is {found.get(name)} there and {expected.get(name)} here" for name in names)


def _safetensors() -> tuple[Any, Any, type[Exception]]:
    try:
        from safetensors import SafetensorError, safe_open
        from safetensors.torch import save_file
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "saved models need the package safetensors; pip install 'fastlm[lm]'", name="safetensors"
        ) from None
    return save_file, safe_open, SafetensorError
