"""The options of recurrent layers beside what one writes for them in PyTorch, and beside fastlm's own plain layer."""

from copy import deepcopy

import pytest
import torch
from fastlm.bench import limits, option_loops
from fastlm.bench.bench_rnn import GATES, Shape

import fastlm

SHAPES = [Shape(35, batch, hidden) for batch in (8, 32) for hidden in (128, 512)]
QUICK_SHAPES = [Shape(35, 8, 128)]

OPTIONS = {
    "recurrent_dropout": 0.25,
    "weight_dropout": 0.5,
    "input_dropout": 0.25,
    "zoneout": 0.1,
    "layer_norm": True,
    "bptt_clip": 1.0,
    "proj_size": None,  # half of the hidden size
}
CASES = [*(("LSTM", option) for option in OPTIONS), ("GRU", "recurrent_dropout"), ("GRU", "zoneout")]


@pytest.mark.parametrize("training", [False, True], ids=["forward", "train"])
@pytest.mark.parametrize(("kind", "option"), CASES, ids=map("-".join, CASES))
def bench_rnn_options(duel, machine, shape, kind, option, training):
    torch.manual_seed(0)
    value = shape.hidden // 2 if option == "proj_size" else OPTIONS[option]
    ours = getattr(fastlm, kind)(shape.hidden, shape.hidden, **{option: value}).train(training)
    plain = getattr(fastlm, kind)(shape.hidden, shape.hidden).train(training)
    loop = getattr(option_loops, f"{kind.lower()}_{option}")
    x = torch.randn(shape.steps, shape.batch, shape.hidden, requires_grad=training)

    def step(layer, run):
        grad = torch.randn_like(run(layer))

        def forward():
            with torch.no_grad():
                run(layer)

        def train():
            x.grad = None
            layer.zero_grad()
            run(layer).backward(grad)

        return train if training else forward

    def fast(layer):
        return layer(x)[0]

    def peer(layer):
        return loop(layer, x, value)

    if not training:  # nothing is random here
        torch.testing.assert_close(fast(ours), peer(ours), rtol=1e-4, atol=1e-4)
    mode = "train" if training else "forward"
    work = limits.Recurrent(GATES[kind], shape.hidden, projection=value if option == "proj_size" else 0)
    duel(
        step(ours, fast),
        step(deepcopy(ours), peer),  # the same weights, but not warm in the cache from fastlm's turn
        limits.rnn_seconds(machine, work, shape.steps * shape.batch, shape.steps, training),
        step(plain, fast),
        name=str(shape),
        regime=f"{kind} {mode}, {option}",
    )
