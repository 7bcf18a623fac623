"""The optimisers of a recipe, and their state as tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from fastlm import optim
from fastlm.lm.recipe import Recipe

_CLIPPING: dict[str, Any] = {"adam": optim.Adam, "adamw": optim.AdamW}
_TORCH: dict[str, Any] = {
    "nadam": torch.optim.NAdam,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
}


def make_optimizer(recipe: Recipe, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
    """The recipe's optimiser; fastlm's clip on the way."""
    common: dict[str, Any] = {"lr": recipe.lr, "weight_decay": recipe.weight_decay}
    if recipe.optimizer in ("sgd", "nt-asgd"):
        common |= {"momentum": recipe.momentum, "max_norm": recipe.clip}
        if recipe.optimizer == "sgd":
            return optim.SGD(parameters, **common)
        return optim.NTASGD(parameters, n=recipe.nonmono, **common)
    if recipe.optimizer in _CLIPPING:
        return _CLIPPING[recipe.optimizer](parameters, max_norm=recipe.clip, **common)
    return _TORCH[recipe.optimizer](parameters, **common)


@contextmanager
def sparse_gradients(model: nn.Module, recipe: Recipe) -> Iterator[None]:
    """Within it the gradients of embeddings hold a chunk's words only, if the recipe's step leaves others as they are.

    That is so of plain SGD with clipping, which fastlm's does by rows; not where the weights are tied to others.
    """
    plain = recipe.optimizer == "sgd" and recipe.momentum == 0 == recipe.weight_decay and recipe.clip is not None
    owners = Counter(id(p) for module in model.modules() for p in module.parameters(recurse=False))
    chosen = [
        module
        for module in model.modules()
        if plain and isinstance(module, nn.Embedding) and module.weight.is_cpu and owners[id(module.weight)] == 1
    ]
    before = [module.sparse for module in chosen]
    for module in chosen:
        module.sparse = True
    try:
        yield
    finally:  # other optimisers do not take such gradients
        for module, sparse in zip(chosen, before, strict=True):
            module.sparse = sparse


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], list[Any]]:
    """An optimiser's state: tensors by name, and the rest for JSON."""
    tensors, rest = {}, []
    for index, entries in optimizer.state_dict()["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = value
            else:
                rest.append([index, name, value])
    return tensors, rest


def set_optimizer_state(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], rest: list[Any]) -> None:
    """Puts back what :func:`optimizer_state` gave."""
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    for index, name, value in rest:
        state.setdefault(index, {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
