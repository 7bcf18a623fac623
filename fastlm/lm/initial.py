"""Initial weights: the schemes that language models are known to start well from."""

from __future__ import annotations

import torch
from torch import nn

from fastlm.nn import LSTM

SCHEMES = ("default", "uniform", "xavier")


@torch.no_grad()
def init_(
    model: nn.Module,
    scheme: str = "default",
    *,
    scale: float = 0.1,
    orthogonal: bool = False,
    forget_bias: float | None = None,
) -> None:
    """Draws the weights of a model anew, in place.

    Args:
        model: embeddings, linear and recurrent layers, of fastlm or of torch.
        scheme: ``"default"``: embeddings and linear layers from uniform(-scale, scale) with biases 0, recurrent layers
            as torch has them. ``"uniform"``: everything from uniform(-scale, scale). ``"xavier"``: matrices, gate by
            gate, with variance 2 / (inputs + outputs), biases 0, embeddings from uniform(-scale, scale).
        scale: half the width of the uniform distributions.
        orthogonal: recurrent matrices are orthogonal, gate by gate.
        forget_bias: the bias of an LSTM's forget gates.

    Raises:
        ValueError: there is no such scheme, or no LSTM for ``forget_bias``.

    Source: Glorot & Bengio (2010) for Xavier; Saxe et al. (2014) for orthogonal matrices; Jozefowicz et al. (2015) for
    the forget gate's bias.

    Example:
        >>> lstm = nn.LSTM(4, 4)
        >>> init_(lstm, "xavier", orthogonal=True, forget_bias=1.0)
        >>> lstm.bias_ih_l0[4:8]
        tensor([1., 1., 1., 1.], grad_fn=<SliceBackward0>)
    """
    if scheme not in SCHEMES:
        raise ValueError(f"init must be one of {', '.join(SCHEMES)}, got {scheme!r}")
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            if not name.startswith(("gain", "bias_c")):  # of layer norm: 1 and 0, as they are
                _draw(module, name, weight, scheme, scale)
            if orthogonal and name.startswith("weight_hh") and weight.dim() > 1:
                for gate in weight.split(weight.shape[1]):
                    nn.init.orthogonal_(gate)
    if forget_bias is not None:
        _set_forget_bias(model, forget_bias)


def _draw(module: nn.Module, name: str, weight: torch.Tensor, scheme: str, scale: float) -> None:
    recurrent = "_l" in name
    if scheme == "uniform" or isinstance(module, nn.Embedding):
        nn.init.uniform_(weight, -scale, scale)
    elif name.startswith("bias"):
        if scheme == "xavier" or not recurrent:
            nn.init.zeros_(weight)
    elif scheme == "xavier" and weight.dim() > 1:
        for gate in weight.split(module.hidden_size if recurrent else weight.shape[0]):  # type: ignore[arg-type]
            nn.init.xavier_uniform_(gate)
    elif not recurrent:
        nn.init.uniform_(weight, -scale, scale)


def _set_forget_bias(model: nn.Module, value: float) -> None:
    lstms = [module for module in model.modules() if isinstance(module, nn.LSTM | LSTM) and module.bias]
    if not lstms:
        raise ValueError("forget_bias is for LSTMs with biases, and there is none")
    for lstm in lstms:
        gate = slice(lstm.hidden_size, 2 * lstm.hidden_size)
        for name, bias in lstm.named_parameters():
            if name.startswith(("bias_ih", "bias_hh")):
                bias[gate] = value if name.startswith("bias_ih") else 0.0
