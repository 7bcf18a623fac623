"""fastlm.AdaptiveLogSoftmax is torch.nn.AdaptiveLogSoftmaxWithLoss: values, gradients, errors."""

import copy

import pytest
import torch
from torch import nn

import fastlm
from tests.compare import relative_error

SHAPE = {"in_features": 16, "n_classes": 60, "cutoffs": [10, 25, 40], "div_value": 2.0}


def pair(head_bias=False, **options):
    torchs = nn.AdaptiveLogSoftmaxWithLoss(**SHAPE, head_bias=head_bias, dtype=torch.float64)
    ours = fastlm.AdaptiveLogSoftmax(**SHAPE, head_bias=head_bias, dtype=torch.float64)
    ours.load_state_dict(torchs.state_dict())
    return ours, torchs


def results(module, x, target, of):
    x = x.detach().requires_grad_()
    output, loss = module(x, target)
    value = {"loss": loss, "output": output.square().sum(), "both": 3 * loss + output.square().sum()}[of]
    gradients = torch.autograd.grad(value, [x, *module.parameters()], allow_unused=True)
    return output, loss, *(torch.zeros(()) if g is None else g for g in gradients)


@pytest.mark.parametrize("of", ["loss", "output", "both"])
@pytest.mark.parametrize("head_bias", [False, True])
@pytest.mark.parametrize("classes", [range(60), range(10), range(25, 60), [45]], ids=["all", "head", "tails", "one"])
def test_equals_torch(of, head_bias, classes):
    x, target = torch.randn(50, 16, dtype=torch.float64), torch.tensor(list(classes)).repeat(50)[torch.randperm(50)]
    for got, want in zip(*(results(module, x, target, of) for module in pair(head_bias)), strict=True):
        assert relative_error(got, want) < 1e-12


def test_one_row_log_prob_and_predict():
    ours, torchs = pair()
    x = torch.randn(9, 16, dtype=torch.float64)
    for got, want in zip(ours(x[0], torch.tensor(30)), torchs(x[0], torch.tensor(30)), strict=True):
        torch.testing.assert_close(got, want)
    assert torch.equal(ours.log_prob(x), torchs.log_prob(x))
    assert torch.equal(ours.predict(x), torchs.predict(x))


def test_fields_and_copies():
    ours, _ = pair()
    result = copy.deepcopy(ours)(torch.randn(3, 16, dtype=torch.float64), torch.tensor([0, 20, 59]))
    assert result.output.shape == (3,)
    assert result.loss.dim() == 0


@pytest.mark.parametrize(
    ("x", "target"),
    [((4, 16), (3,)), ((16,), (1,)), ((1, 16), ()), ((2, 2, 16), (2, 2))],
)
def test_shapes_that_do_not_fit(x, target):
    message = r"same size in the batch dimension|D target tensor expect"
    for module in pair():
        with pytest.raises(RuntimeError, match=message):
            module(torch.randn(x, dtype=torch.float64), torch.zeros(target, dtype=torch.int64))


@pytest.mark.parametrize("target", [-1, 60])
def test_a_target_out_of_bounds(target):
    for module in pair():
        with pytest.raises(
            RuntimeError, match=rf"Target values should be in \[0, 59\], but values in range \[.*{target}"
        ):
            module(torch.randn(2, 16, dtype=torch.float64), torch.tensor([3, target]))
