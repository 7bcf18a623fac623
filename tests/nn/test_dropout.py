"""fastlm.dropout and fastlm.Dropout: torch's behaviour around the operator."""

import pytest
import torch
from torch import nn

import fastlm


def test_manual_seed_and_generator_make_it_reproducible():
    x = torch.ones(1000)
    torch.manual_seed(3)
    first, second = fastlm.dropout(x), fastlm.dropout(x)
    torch.manual_seed(3)
    assert torch.equal(fastlm.dropout(x), first)
    assert not torch.equal(first, second)
    generators = [torch.Generator().manual_seed(8) for _ in range(2)]
    assert torch.equal(*(fastlm.dropout(x, generator=g) for g in generators))


@pytest.mark.parametrize("options", [{"training": False}, {"p": 0.0}])
def test_identity(options):
    x = torch.randn(5)
    assert fastlm.dropout(x, **options) is x


def test_inplace_writes_into_the_input():
    x = torch.ones(100)
    y = fastlm.dropout(x, 0.5, inplace=True)
    assert y.data_ptr() == x.data_ptr()
    assert set(x.tolist()) == {0.0, 2.0}
    leaf = torch.ones(100, requires_grad=True)
    (leaf * 1).sum().backward()
    z = leaf * 1
    fastlm.dropout(z, 0.5, inplace=True).sum().backward()
    assert set((leaf.grad - 1).tolist()) == {0.0, 2.0}


def test_module():
    module = fastlm.Dropout(0.25)
    assert repr(module) == repr(nn.Dropout(0.25))
    x = torch.ones(10_000)
    assert set(module(x).tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert module.eval()(x) is x


def test_compiles_without_a_break():
    compiled = torch.compile(lambda x: fastlm.dropout(x, 0.5) * 2, fullgraph=True)
    x = torch.ones(1000, requires_grad=True)
    y = compiled(x)
    assert set(y.tolist()) == {0.0, 4.0}
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


@pytest.mark.parametrize("p", [-0.1, 1.1])
@pytest.mark.parametrize("make", [lambda p: fastlm.Dropout(p), lambda p: fastlm.dropout(torch.ones(2), p)])
def test_p_is_checked_in_torchs_words(p, make):
    with pytest.raises(ValueError, match=f"dropout probability has to be between 0 and 1, but got {p}"):
        make(p)


def test_integers_are_refused():
    with pytest.raises(TypeError, match=r"expected a floating point tensor, got torch\.int64"):
        fastlm.dropout(torch.ones(3, dtype=torch.int64))
