"""Some thousand configurations of the recurrent modules against torch's, drawn from their number alone.

A failure names its configuration. To run it alone:

    python -c "from tests.nn.test_parity_grid import draw, check; check(draw(1234))"
"""

import inspect
import random
from dataclasses import dataclass, replace

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

import fastlm
from tests.nn.test_rnn import assert_same, draw_hx, pair
from tests.threads import threads

GROUPS, GROUP_SIZE = 40, 50

EDGES = (1, 3, 7, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65, 100)  # of the kernels' tiles, and around them
MOST_WORK = 2e6  # steps * batch * hidden * (hidden + input): more steps of large layers test nothing new
PROJECTS = "proj_size" in inspect.signature(fastlm.LSTM).parameters


@dataclass(frozen=True)
class Config:
    """Everything that makes a module, its input and what is asked of it."""

    number: int
    kind: str
    options: dict
    input_size: int
    hidden: int
    dtype: torch.dtype
    layout: str
    steps: int
    batch: int
    hx: bool
    wants_input: bool

    def make_input(self):
        dtype, features = self.dtype, self.input_size
        if self.layout.startswith("packed"):
            lengths = [self.steps, *torch.randint(1, self.steps + 1, (self.batch - 1,)).tolist()]
            if self.layout == "packed":
                lengths.sort(reverse=True)
            return pack_sequence([torch.randn(n, features, dtype=dtype) for n in lengths], self.layout == "packed")
        sizes = {"unbatched": [self.steps], "dense": [self.steps, self.batch]}[self.layout]
        return torch.randn(*(sizes[::-1] if self.options["batch_first"] else sizes), features, dtype=dtype)

    def make_hx(self):
        if not self.hx:
            return []
        rows = self.options["num_layers"] * (1 + self.options["bidirectional"])
        states = draw_hx(self.kind, rows, *([] if self.layout == "unbatched" else [self.batch]), self.hidden)
        if self.options.get("proj_size"):
            states[0] = states[0][..., : self.options["proj_size"]]
        return [state.to(self.dtype) for state in states]


def draw(number):
    """The configuration of a number. A new option is drawn last, so that the others stay what they are."""
    rng = random.Random(number)
    kind, nonlinearity = rng.choice([("RNN", "tanh"), ("RNN", "relu"), ("LSTM", None), ("GRU", None)])
    options = {
        "num_layers": rng.randint(1, 3),
        "bidirectional": rng.random() < 0.5,
        "bias": rng.random() < 0.7,
        "batch_first": rng.random() < 0.5,
    }
    if nonlinearity:
        options["nonlinearity"] = nonlinearity
    config = Config(
        number=number,
        kind=kind,
        options=options,
        input_size=rng.choice((1, 2, 5, 16, 33)),
        hidden=rng.choice(EDGES),
        dtype=rng.choice((torch.float32, torch.float64)),
        layout=rng.choice(("dense", "dense", "packed", "packed unsorted", "unbatched")),
        steps=rng.choice((1, 2, 3, 4, 5, 7, 11, 20)),
        batch=rng.choice(EDGES),
        hx=rng.random() < 0.7,
        wants_input=rng.random() < 0.7,
    )
    if PROJECTS and kind == "LSTM" and config.hidden > 1 and rng.random() < 0.4:
        options["proj_size"] = rng.choice([size for size in EDGES if size < config.hidden])
    work = config.batch * config.hidden * (config.hidden + config.input_size)
    return replace(config, steps=max(1, min(config.steps, int(MOST_WORK / work))))


def check(config, device="cpu"):
    """Raises an AssertionError if fastlm and torch differ by more than rounding."""
    torch.manual_seed(config.number)
    theirs, ours = pair(
        config.kind, config.input_size, config.hidden, **config.options, device=device, dtype=config.dtype
    )
    input, hx = config.make_input().to(device), [state.to(device) for state in config.make_hx()]
    with threads(1 if config.number % 40 else 2):  # two wait for each other longer than they work, on a busy machine
        assert_same(theirs, ours, input, hx, config.dtype, config.wants_input)


@pytest.mark.parametrize("group", range(GROUPS))
def test_parity_with_torch(group, device):
    failures = []
    for number in range(group * GROUP_SIZE, (group + 1) * GROUP_SIZE):
        config = draw(number)
        try:
            check(config, device)
        except (AssertionError, RuntimeError) as error:
            failures.append(f"{config}\n    {error}")
    assert not failures, "\n".join(failures)


def test_a_number_is_one_configuration_and_all_options_occur():
    configs = [draw(number) for number in range(GROUPS * GROUP_SIZE)]
    assert draw(7) == configs[7]
    for name in ("kind", "hidden", "dtype", "layout", "steps", "batch", "hx", "wants_input"):
        assert len({getattr(config, name) for config in configs}) > 1
    for name in configs[0].options:
        assert len({config.options.get(name) for config in configs}) > 1
    if PROJECTS:
        assert any(config.options.get("proj_size") for config in configs)
