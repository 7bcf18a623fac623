"""fastlm.checked finds an operator that is wrong, forward or backward, and says where."""

import pytest
import torch

import fastlm
from fastlm import reference


@pytest.fixture
def rnn():
    return fastlm.RNN(3, 4)


def test_agreement_is_silent_and_changes_nothing(rnn):
    x = torch.randn(5, 2, 3, requires_grad=True)
    want, _ = rnn(x)
    with fastlm.checked():
        got, _ = rnn(x)
        fastlm.dropout(got, 0.5).sum().backward()
    assert torch.equal(got, want)
    assert x.grad is not None


def test_a_wrong_forward_is_named(rnn, monkeypatch):
    wrong = reference.Cell(lambda x, h, *_: [torch.tanh(x + h) + 0.1 * (torch.arange(4) == 2)])
    monkeypatch.setitem(reference.CELLS, "rnn_tanh", wrong)
    with pytest.raises(fastlm.CheckError) as caught, fastlm.checked():
        rnn(torch.zeros(1, 2, 3))
    text = str(caught.value)
    assert "fastlm.rnn_layer" in text
    assert "of shape [1, 2, 4] is worst at [0, 0, 2]" in text or "is worst at [0, 1, 2]" in text
    assert "expected" in text
    assert "float32[1, 2, 3]" in text


def test_a_wrong_backward_is_named(rnn, monkeypatch):
    right = reference.rnn_layer_backward

    def wrong(*args, **kwargs):
        d_input, d_hx, (d_w_ih,), *rest = right(*args, **kwargs)
        return d_input, d_hx, [d_w_ih * 1.01], *rest

    monkeypatch.setattr(reference, "rnn_layer_backward", wrong)
    with fastlm.checked():
        output, _ = rnn(torch.randn(5, 2, 3))
        with pytest.raises(fastlm.CheckError, match=r"fastlm\.rnn_layer_backward.* of shape \[4, 3\] is worst at"):
            output.sum().backward()


def test_a_wrong_mask_is_found(monkeypatch):
    monkeypatch.setattr(reference, "dropout", lambda input, seed, p: input)
    with pytest.raises(fastlm.CheckError, match=r"fastlm\.dropout"), fastlm.checked():
        fastlm.dropout(torch.ones(50))


def test_tolerance_can_be_set(rnn):
    with pytest.raises(fastlm.CheckError), fastlm.checked(tolerance=1e-12):
        rnn(torch.randn(50, 9, 3))


def test_nan_where_the_reference_has_nan(rnn):
    with fastlm.checked():
        rnn(torch.full((2, 1, 3), torch.nan))
    with torch.no_grad():
        rnn.weight_ih_l0.fill_(torch.inf)
    with fastlm.checked():
        rnn(torch.ones(2, 1, 3))


def test_an_error_of_the_reference_reaches_the_caller(rnn, monkeypatch):
    monkeypatch.setitem(reference.CELLS, "rnn_tanh", reference.Cell(lambda x, h, *_: 1 / 0))
    with pytest.raises(ZeroDivisionError), fastlm.checked():
        rnn(torch.randn(2, 1, 3))
