"""Models and schedules of the literature, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastlm.lm.recipe import Recipe


@dataclass(frozen=True)
class Preset:
    """A model, and how it is trained."""

    model: dict[str, Any]
    """Arguments of :class:`fastlm.lm.RecurrentLM`, without the vocabulary's size."""
    recipe: Recipe
    source: str


def _zaremba(
    hidden_size: int,
    dropout: float,
    init_scale: float,
    steps: int,
    epochs: int,
    decay: float,
    decay_from: int,
    clip: float,
) -> Preset:
    model = {
        "cell": "lstm",
        "hidden_size": hidden_size,
        "num_layers": 2,
        "dropout": dropout,
        "init": "uniform",
        "init_scale": init_scale,
    }
    recipe = Recipe(
        optimizer="sgd",
        lr=1.0,
        sum_steps=True,
        batch_size=20,
        bptt=steps,
        clip=clip,
        epochs=epochs,
        decay=decay,
        decay_from=decay_from,
    )
    return Preset(model, recipe, "Zaremba et al. (2014), Recurrent neural network regularization")


PRESETS: dict[str, Preset] = {
    "zaremba-small": _zaremba(200, 0.0, 0.1, 20, 13, 1 / 2, 4, 5.0),
    "zaremba-medium": _zaremba(650, 0.5, 0.05, 35, 39, 1 / 1.2, 6, 5.0),
    "zaremba-large": _zaremba(1500, 0.65, 0.04, 35, 55, 1 / 1.15, 14, 10.0),
    "awd-lstm": Preset(
        {
            "cell": "lstm",
            "embedding_size": 400,
            "hidden_size": 1150,
            "num_layers": 3,
            "tied": True,
            "locked": True,
            "input_dropout": 0.4,
            "hidden_dropout": 0.25,
            "output_dropout": 0.4,
            "embedding_dropout": 0.1,
            "weight_dropout": 0.5,
            "activation_penalty": 2.0,
            "slowness_penalty": 1.0,
        },
        Recipe(
            optimizer="nt-asgd",
            lr=30.0,
            weight_decay=1.2e-6,
            batch_size=20,
            bptt=70,
            variable_bptt=True,
            clip=0.25,
            epochs=500,
        ),
        "Merity et al. (2018), Regularizing and optimizing LSTM language models",
    ),
    "mikolov-rnn": Preset(  # tanh where the paper has a sigmoid, and a batch where it has one text
        {"cell": "rnn_tanh", "hidden_size": 200, "init": "uniform", "init_scale": 0.1},
        Recipe(
            optimizer="sgd",
            lr=1.0,
            sum_steps=True,
            batch_size=20,
            bptt=20,
            clip=5.0,
            epochs=30,
            decay=1 / 2,
            decay_on_stall=True,
            patience=4,
        ),
        "Mikolov et al. (2010), Recurrent neural network based language model",
    ),
}
"""By name; :meth:`fastlm.lm.RecurrentLM.from_preset` makes the model."""


def preset(name: str) -> Preset:
    """One of :data:`PRESETS`.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
