"""fastlm.dropout beside torch's, forward and backward."""

import pytest
import torch
from fastlm.bench import limits
from torch.nn import functional

import fastlm

SHAPES = [1 << 12, 1 << 16, 1 << 20, 1 << 24]
QUICK_SHAPES = [1 << 16, 1 << 20]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=lambda dtype: str(dtype).removeprefix("torch."))
def bench_dropout(duel, machine, shape, dtype):
    x = torch.randn(shape, dtype=dtype, requires_grad=True)
    grad = torch.randn_like(x)

    def step(dropout):
        def train():
            x.grad = None
            dropout(x, 0.5).backward(grad)

        return train

    # both ways read and write each element once
    limit = limits.streaming_seconds(machine, 4 * shape * x.element_size()) if x.nbytes > 1 << 25 else None
    regime = f"dropout {str(dtype).removeprefix('torch.')}"
    duel(step(fastlm.dropout), step(functional.dropout), limit, regime=regime)
