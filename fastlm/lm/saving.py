"""A model and its vocabulary in one file, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fastlm.lm.config import Configured, from_config
from fastlm.lm.files import Path, read_tensors, write_tensors
from fastlm.lm.vocabulary import Vocabulary


@dataclass(frozen=True)
class Loaded:
    """What was in a file."""

    model: Any
    """In evaluation mode."""
    vocabulary: Vocabulary
    meta: dict[str, Any]
    """What the writer of the file had to say: where the training stood, names of classes ..."""


def save(
    model: Configured,
    vocabulary: Vocabulary,
    path: Path,
    meta: Mapping[str, Any] | None = None,
    *,
    tensors: Mapping[str, Tensor] | None = None,
) -> None:
    """Writes a model with its vocabulary: a safetensors file, its config and words in the metadata.

    It is written under another name and renamed at the end, so that the file is never a part of one.

    Args:
        model: any of :mod:`fastlm.lm`.
        vocabulary: of the words that it reads; of a :class:`fastlm.lm.ConditionalLM`, that it writes: put that of the
            source into ``meta``, by :meth:`Vocabulary.to_json`.
        path: of the file.
        meta: anything else that JSON can hold.
        tensors: what the parameters are to be, if not what they are.

    Raises:
        ValueError: the vocabulary has another size than the model's.
        TypeError: the model has no config, or ``meta`` is not for JSON.
        OSError: the file cannot be written; one that was there is as it was.

    Example:
        >>> import tempfile
        >>> from fastlm import lm
        >>> vocabulary = lm.Vocabulary(["a", "b"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(lm.RecurrentLM(len(vocabulary), 8), vocabulary, f"{folder}/model", {"epochs": 3})
        ...     loaded = load(f"{folder}/model")
        >>> loaded.vocabulary[2], loaded.model.config["hidden_size"], loaded.meta
        ('a', 8, {'epochs': 3})
    """
    config = model.config
    size = config["vocab_size"]
    if size != len(vocabulary):
        raise ValueError(f"expected a vocabulary of the model's {size} words, got one of {len(vocabulary)}")
    facts = {"kind": "model", "config": config, "vocabulary": vocabulary.to_json(), "meta": dict(meta or {})}
    write_tensors(path, tensors or tensors_of(model), facts)


def load(path: Path) -> Loaded:
    """Reads what :func:`save` wrote.

    Raises:
        ValueError: the file is something else, or damaged.
        OSError: it cannot be read.
    """
    tensors, facts = read_tensors(path, "model")
    with torch.random.fork_rng(devices=[]):  # first weights are drawn, for nothing
        model = from_config(facts["config"])
    set_tensors(model, tensors, os.fspath(path))
    return Loaded(model.eval(), Vocabulary.from_json(facts["vocabulary"]), facts["meta"])


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name; those with two names once."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


@torch.no_grad()
def set_tensors(model: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Puts parameters and buffers into a model.

    Raises:
        ValueError: they are another model's; says what differs. The model is as it was.
    """
    own = tensors_of(model)
    for key in dict.fromkeys([*own, *tensors]):
        if key not in tensors or key not in own:
            where = f"{name} has no {key}" if key not in tensors else f"the model has no {key}, which {name} has"
            raise ValueError(f"{name}: is of another model: {where}")
        if own[key].shape != tensors[key].shape:
            shapes = f"{list(tensors[key].shape)} there and {list(own[key].shape)} here"
            raise ValueError(f"{name}: is of another model: {key} is {shapes}")
    for key, tensor in own.items():
        tensor.copy_(tensors[key])
