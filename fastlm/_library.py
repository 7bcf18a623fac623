"""Finds and loads the compiled parts of fastlm; says clearly what is missing and how to get it.

The CPU operators exist once for each instruction set level (``_C_v2``, ``_C_v3``, ``_C_v4`` on x86-64, ``_C_generic``
elsewhere). Exactly one is loaded: the best that this CPU can run, or the one that the environment variable
``FASTLM_ISA`` names. The CUDA operators (``_C_cuda``) are loaded when torch was built with CUDA.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

_FOLDER = Path(__file__).parent
_REBUILD = "rebuild fastlm with 'pip install --no-build-isolation .' in its source folder"


@dataclass(frozen=True)
class Status:
    """What was found and loaded. ``fastlm doctor`` prints it."""

    isa: str
    """Level of the CPU library that is loaded."""
    runnable: tuple[str, ...]
    """Levels that this CPU can run, the best first."""
    built: tuple[str, ...]
    """Levels whose library is there."""
    cuda: str
    """One of ``"loaded"``, ``"not built"``, ``"torch has no CUDA"`` or the reason why loading failed."""


def runnable_levels() -> tuple[str, ...]:
    """Instruction set levels that this CPU can run, the best first."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return ("generic",)
    levels = {"AVX512": ("v4", "v3", "v2"), "AVX2": ("v3", "v2")}
    return levels.get(torch.backends.cpu.get_cpu_capability(), ("v2",))


def _library(name: str) -> Path:
    return _FOLDER / f"_C_{name}.so"


def _choose(runnable: tuple[str, ...]) -> str:
    forced = os.environ.get("FASTLM_ISA")
    if forced:
        if forced not in runnable:
            raise ImportError(
                f"fastlm: FASTLM_ISA={forced}, but this CPU can run {', '.join(runnable)}; set it to one of these"
            )
        runnable = (forced,)
    for level in runnable:
        if _library(level).exists():
            return level
    raise ImportError(
        f"fastlm: no CPU library for {' or '.join(runnable)} was found in {_FOLDER}; {_REBUILD}"
        " (a C++20 compiler is needed)"
    )


def _load_cuda() -> str:
    if not _library("cuda").exists():
        return "not built"
    if torch.version.cuda is None:
        return "torch has no CUDA"
    try:
        torch.ops.load_library(_library("cuda"))
    except OSError as error:
        return f"could not be loaded: {error}"
    return "loaded"


def _load() -> Status:
    runnable = runnable_levels()
    level = _choose(runnable)
    try:
        torch.ops.load_library(_library(level))
    except OSError as error:
        raise ImportError(
            f"fastlm: {_library(level)} could not be loaded into torch {torch.__version__}: {error}; {_REBUILD}"
        ) from error
    built = tuple(name for name in ("v4", "v3", "v2", "generic") if _library(name).exists())
    return Status(isa=level, runnable=runnable, built=built, cuda=_load_cuda())


status = _load()
