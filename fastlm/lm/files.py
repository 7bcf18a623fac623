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
    """A name to write a file under, behind symbolic links; at the end it is renamed, after a failure removed.

    Raises:
        OSError: the file cannot be written; the one that was there before is as it was.
        ValueError: what is there is no file, but a device or a folder.
    """
    name = check_name(path)
    temporary = f"{name}.part"
    try:
        open(temporary, "wb").close()
        mode = os.stat(name if os.path.exists(name) else temporary).st_mode
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, mode & 0o7777)  # safetensors makes files that only their owner can read
        os.replace(temporary, name)
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, error.strerror, os.fspath(path)) from None
        raise


def check_name(path: Path) -> str:
    """The name of a file, existing or not, behind symbolic links.

    Raises:
        ValueError: what is there is no file, but a device or a folder.
    """
    name = os.path.realpath(path)
    if os.path.exists(name) and not os.path.isfile(name):
        raise ValueError(f"{os.fspath(path)}: expected the name of a file, got that of a folder or a device")
    return name


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
            number = re.search(r"(?:os error|code:) (\d+)", str(error))  # the latter in older versions
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
    return _read(path, kind, tensors=True)


def _read(path: Path, kind: str, tensors: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    _, safe_open, failure = _safetensors()
    name = os.fspath(path)
    with open(name, "rb"):  # the operating system's words for what is not there
        pass
    try:
        with safe_open(name, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("fastlm", "{}"))
            found = {key: file.get_tensor(key) for key in (file.keys() if tensors else ())}
    except (failure, ValueError) as error:
        raise ValueError(f"{name}: is no {kind} of fastlm, or is damaged: {error}") from None
    if facts.get("kind") != kind:
        raise ValueError(f"{name}: expected a {kind} of fastlm, got {facts.get('kind', 'some other safetensors file')}")
    return found, facts


def read_facts(path: Path, kind: str) -> dict[str, Any]:
    """The facts alone; as :func:`read_tensors`."""
    return _read(path, kind, tensors=False)[1]


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
