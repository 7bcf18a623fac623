"""fastlm::dropout against its reference: bits, gradients, rates, torch's own operator checks."""

import pytest
import torch

from fastlm import ops, reference
from tests.samples import dropout_samples

SAMPLES = pytest.mark.parametrize("input", [s[1] for s in dropout_samples()], ids=[s[0] for s in dropout_samples()])
SEED = 0x0123456789ABCDEF


@SAMPLES
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.999, 1.0])
def test_equals_the_reference_bit_for_bit(input, p, device):
    got = ops.dropout(input.to(device), torch.tensor(SEED, device=device), p)
    assert got.is_contiguous()
    assert got.dtype == input.dtype
    assert torch.equal(got.cpu(), reference.dropout(input, torch.tensor(SEED), p))


def test_the_mask_depends_on_the_logical_index_alone(device):
    x = torch.ones(64, 48, device=device)
    seed = torch.tensor(3, device=device)
    dense = ops.dropout(x, seed, 0.5)
    assert torch.equal(ops.dropout(x.T.contiguous().T, seed, 0.5), dense)
    assert torch.equal(ops.dropout(x.flatten()[:1000], seed, 0.5), dense.flatten()[:1000])
    assert torch.equal(ops.dropout(x.double(), seed, 0.5), dense.double())


def test_a_far_element_uses_the_high_counter_word():
    counter = torch.tensor([[5, 1, 0, 0], [5, 0, 0, 0]])
    far, near = reference.philox4x32(counter, SEED)
    assert not torch.equal(far, near)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_rate_and_mean(p):
    n = 1 << 18
    y = ops.dropout(torch.ones(n), torch.tensor(11), p)
    deviation = (p * (1 - p) / n) ** 0.5
    assert abs((y == 0).float().mean().item() - p) < 5 * deviation
    assert abs(y.mean().item() - 1) < 5 * deviation / (1 - p)


def test_different_seeds_give_independent_masks():
    n = 1 << 16
    a, b = (ops.dropout(torch.ones(n), torch.tensor(seed), 0.5) > 0 for seed in (1, 2))
    assert abs((a & b).float().mean().item() - 0.25) < 0.01


@pytest.mark.parametrize("threads", [1, 3])
def test_same_bits_for_any_number_of_threads(threads):
    x, seed = torch.randn(300_001), torch.tensor(9)
    want, before = ops.dropout(x, seed, 0.3), torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        assert torch.equal(ops.dropout(x, seed, 0.3), want)
    finally:
        torch.set_num_threads(before)


def test_gradients_use_the_same_mask(device):
    x = torch.randn(5, 7, dtype=torch.float64, device=device, requires_grad=True)
    seed = torch.tensor(SEED, device=device)
    ops.dropout(x, seed, 0.4).sum().backward()
    assert torch.equal(x.grad, ops.dropout(torch.ones_like(x), seed, 0.4))
    assert torch.autograd.gradcheck(lambda t: ops.dropout(t, seed, 0.4), x)
    assert torch.autograd.gradgradcheck(lambda t: ops.dropout(t.square(), seed, 0.4), x)


@SAMPLES
def test_opcheck(input, device):
    args = (input.to(device).detach().requires_grad_(), torch.tensor(SEED, device=device), 0.3)
    assert set(torch.library.opcheck(torch.ops.fastlm.dropout.default, args).values()) == {"SUCCESS"}


def test_nan_and_infinity_pass_as_in_torch():
    x = torch.tensor([torch.nan, torch.inf, -torch.inf] * 40)
    ours, torchs = ops.dropout(x, torch.tensor(1), 1.0), torch.nn.functional.dropout(x, 1.0)
    assert ours.isnan().equal(torchs.isnan())
    assert ops.dropout(x, torch.tensor(1), 0.5).isfinite().sum() == 0


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_p_outside_of_its_range(p):
    with pytest.raises(RuntimeError, match="dropout probability has to be between 0 and 1, but got"):
        ops.dropout(torch.ones(3), torch.tensor(1), p)


def test_wrong_dtypes():
    with pytest.raises(RuntimeError, match="expected a floating point tensor, got Long"):
        ops.dropout(torch.ones(3, dtype=torch.int64), torch.tensor(1), 0.5)
    with pytest.raises(RuntimeError, match="seed must be one int64 number"):
        ops.dropout(torch.ones(3), torch.tensor(1.0), 0.5)
    with pytest.raises(RuntimeError, match="seed must be one int64 number"):
        ops.dropout(torch.ones(3), torch.tensor([1, 2]), 0.5)
