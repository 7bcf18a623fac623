"""All of a training run in one file, so that it goes on as if it had never stopped, bit for bit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fastlm.lm.contract import State
from fastlm.lm.files import Path, differences, read_facts, read_tensors, write_tensors
from fastlm.lm.optimizers import optimizer_state, set_optimizer_state
from fastlm.lm.progress import Progress
from fastlm.lm.recipe import Recipe
from fastlm.lm.saving import set_tensors, tensors_of
from fastlm.lm.vocabulary import Vocabulary
from fastlm.optim import NTASGD

if TYPE_CHECKING:
    from fastlm.lm.trainer import Trainer


def write_checkpoint(trainer: Trainer, path: Path) -> None:
    """Writes where a trainer stands: parameters, optimiser, random numbers, carried state, schedule, best model.

    All processes take part; the first one writes.

    Raises:
        OSError: the file cannot be written; the one before is as it was.
    """
    gathered = {
        f"{kind}.{rank}.{index}": tensor
        for kind, tensors in (("random", _random_states(trainer.device)), ("state", leaves(trainer.state)))
        for index, own in enumerate(tensors)
        for rank, tensor in enumerate(trainer.processes.gather(own))
    }
    if trainer.processes.rank:
        return
    of_optimizer, rest = optimizer_state(trainer.optimizer)
    groups = {"model": tensors_of(trainer.model), "optimizer": of_optimizer, "best": trainer.best or {}}
    tensors = {f"{group}.{name}": tensor for group, some in groups.items() for name, tensor in some.items()}
    facts = {
        "kind": "checkpoint",
        "run": trainer.facts,
        "recipe": asdict(trainer.recipe),
        "seed": trainer.seed,
        "vocabulary": trainer.vocabulary.to_json(),
        "meta": trainer.meta,
        "progress": vars(trainer.progress),
        "optimizer": rest,
        "state": skeleton(trainer.state),
    }
    write_tensors(path, tensors | gathered, facts)


def read_checkpoint(trainer: Trainer, path: Path) -> None:
    """Puts a trainer where another one stood.

    Raises:
        ValueError: it was another run's: of another model, text, recipe or number of processes; says what differs.
        OSError: the file cannot be read.
    """
    tensors, facts = read_tensors(path, "checkpoint")
    for what, expected in json.loads(json.dumps(trainer.facts)).items():
        found = facts["run"][what]
        if differing := differences(found, expected):
            raise ValueError(f"{path}: is of another {what}: {differing}")
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        group, name = key.split(".", 1)
        groups.setdefault(group, {})[name] = tensor
    set_tensors(trainer.model, groups["model"], str(path))
    set_optimizer_state(trainer.optimizer, groups.get("optimizer", {}), facts["optimizer"])
    trainer.progress = Progress(**facts["progress"])
    trainer.best = groups.get("best")
    if isinstance(trainer.optimizer, NTASGD):
        for loss in trainer.progress.losses:
            trainer.optimizer.observe(loss)
    rank = trainer.processes.rank
    own = iter(_numbered(groups.get("state", {}), rank))
    trainer.state = rebuilt(facts["state"], own, trainer.device)
    _set_random_states(trainer.device, _numbered(groups["random"], rank))


@dataclass(frozen=True)
class Run:
    """What a checkpoint is of."""

    config: dict[str, Any]
    """Of the model."""
    recipe: Recipe
    seed: int
    vocabulary: Vocabulary
    meta: dict[str, Any]
    finished: bool


def read_run(path: Path) -> Run:
    """Says what a checkpoint is of, without reading its tensors.

    Raises:
        ValueError: it is something else.
        OSError: it cannot be read.
    """
    facts = read_facts(path, "checkpoint")
    recipe = Recipe(**facts["recipe"])
    words = Vocabulary.from_json(facts["vocabulary"])
    return Run(facts["run"]["model"], recipe, facts["seed"], words, facts["meta"], facts["progress"]["finished"])


def leaves(state: State) -> list[Tensor]:
    """The tensors of a state, in order."""
    if state is None:
        return []
    return [state] if isinstance(state, Tensor) else [leaf for part in state for leaf in leaves(part)]


def skeleton(state: State) -> Any:
    """A state's form, for JSON: its tensors are ``"tensor"``."""
    if state is None:
        return None
    return "tensor" if isinstance(state, Tensor) else [skeleton(part) for part in state]


def rebuilt(form: Any, tensors: Any, device: torch.device) -> State:
    """The state of this form with these tensors."""
    if form is None:
        return None
    return next(tensors).to(device) if form == "tensor" else tuple(rebuilt(part, tensors, device) for part in form)


def _numbered(tensors: dict[str, Tensor], rank: int) -> list[Tensor]:
    own = {int(name.split(".")[1]): tensor for name, tensor in tensors.items() if name.startswith(f"{rank}.")}
    return [own[index] for index in sorted(own)]


def _random_states(device: torch.device) -> list[Tensor]:
    """Torch's generators: all seeds of fastlm's dropouts are drawn from them."""
    own = [torch.get_rng_state()]
    return [*own, torch.cuda.get_rng_state(device)] if device.type == "cuda" else own


def _set_random_states(device: torch.device, states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
