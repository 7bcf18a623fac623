"""The output layer with its loss beside torch's, forward and backward; its memory; the adaptive softmax."""

import functools
import subprocess
import sys
from typing import NamedTuple

import torch
from torch.nn import functional

import fastlm


class Shape(NamedTuple):
    classes: int
    hidden: int
    rows: int = 700

    def __str__(self):
        return f"V{self.classes}-H{self.hidden}-N{self.rows}"


SHAPES = [Shape(classes, hidden) for classes in (10_000, 50_000) for hidden in (200, 650)]
QUICK_SHAPES = [Shape(10_000, 200, 100)]


def tensors(shape):
    torch.manual_seed(0)
    x = torch.randn(shape.rows, shape.hidden, requires_grad=True)
    weight = (torch.randn(shape.classes, shape.hidden) * shape.hidden**-0.5).requires_grad_()
    # by Zipf's law, as words are
    target = (torch.rand(shape.rows) * torch.tensor(shape.classes).log()).exp().long().clamp_max(shape.classes - 1)
    return x, weight, target, torch.zeros(shape.classes, requires_grad=True)


def plain(x, weight, target, bias):
    return functional.cross_entropy(functional.linear(x, weight, bias), target)


def step(loss, leaves):
    for leaf in leaves:
        leaf.grad = None
    loss().backward()


def bench_linear_cross_entropy(duel, machine, shape):
    x, weight, target, bias = tensors(shape)
    sides = (functools.partial(loss, x, weight, target, bias) for loss in (fastlm.linear_cross_entropy, plain))
    limit = 3 * 2 * shape.rows * shape.classes * shape.hidden / (machine.gflops * 1e9)
    duel(*(functools.partial(step, side, (x, weight, bias)) for side in sides), limit, regime="linear_cross_entropy")


def bench_adaptive_softmax(duel, shape):
    """Beside torch's adaptive softmax; `plain` is the exact one of torch."""
    x, weight, target, bias = tensors(shape)
    cutoffs = [shape.classes // 25, shape.classes // 5]
    ours = fastlm.AdaptiveLogSoftmax(shape.hidden, shape.classes, cutoffs)
    peer = torch.nn.AdaptiveLogSoftmaxWithLoss(shape.hidden, shape.classes, cutoffs)
    peer.load_state_dict(ours.state_dict())

    def train(module):
        return functools.partial(step, lambda: module(x, target).loss, (x, *module.parameters()))

    exact = functools.partial(step, functools.partial(plain, x, weight, target, bias), (x, weight, bias))
    duel(train(ours), train(peer), plain=exact, regime="adaptive softmax")


def bench_memory(record, request, shape):
    """What a step takes at its peak beyond the gradients that it leaves, each side in a process of its own."""
    numbers = map(str, (*shape, request.config.option.threads))
    command = [sys.executable, "-m", "fastlm.bench.loss_memory", *numbers]
    sides = (subprocess.run([*command, side], stdout=subprocess.PIPE, check=True) for side in ("fastlm", "torch"))
    ours, peer = (int(side.stdout) / 1e6 for side in sides)
    record(ours, peer, unit="MB", name=str(shape), regime="linear_cross_entropy, extra memory")
