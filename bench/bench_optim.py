"""fastlm.optim beside clip_grad_norm_ and torch.optim: the parameters of an LSTM language model, all clipped."""

import pytest
import torch
from torch.nn.utils import clip_grad_norm_

import fastlm

SHAPES = [(10_000, 200, 2), (10_000, 400, 2), (33_278, 256, 1)]  # words, units, layers: 5, 10 and 18 million numbers
QUICK_SHAPES = [(10_000, 400, 2)]
OPTIMIZERS = {
    "SGD": ("SGD", {"lr": 1e-6}),
    "momentum": ("SGD", {"lr": 1e-6, "momentum": 0.9, "weight_decay": 1e-6}),
    "Adam": ("Adam", {"lr": 1e-6}),
    "AdamW": ("AdamW", {"lr": 1e-6}),
}


@pytest.mark.parametrize("peer", ["foreach", "fused"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def bench_optim(duel, shape, kind, peer):
    words, units, layers = shape
    name, options = OPTIMIZERS[kind]
    modules = [torch.nn.Embedding(words, units), torch.nn.LSTM(units, units, layers), torch.nn.Linear(units, words)]
    parameters = [parameter for module in modules for parameter in module.parameters()]
    gradients = [torch.randn_like(parameter) for parameter in parameters]
    twins = [torch.nn.Parameter(parameter.detach().clone()) for parameter in parameters]
    for parameter, twin, gradient in zip(parameters, twins, gradients, strict=True):
        parameter.grad, twin.grad = gradient, gradient.clone()
    ours = getattr(fastlm.optim, name)(parameters, max_norm=0.25, **options)
    theirs = getattr(torch.optim, name)(twins, **{peer: True}, **options)

    def clip_and_step():
        clip_grad_norm_(twins, 0.25)
        theirs.step()

    count = sum(parameter.numel() for parameter in parameters)
    duel(ours.step, clip_and_step, regime=f"{kind} beside {peer}", facts={"parameters": count})
