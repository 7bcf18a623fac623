"""``fastlm::linear_cross_entropy``: the output layer of a language model and its loss, without a tensor of logits."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from fastlm import _library, reference

_forward_op = torch.ops.fastlm.linear_cross_entropy.default
_backward_op = torch.ops.fastlm.linear_cross_entropy_backward.default
_DEVICES = ("cpu", "cuda") if _library.status.cuda == "loaded" else ("cpu",)  # that have kernels


class _Options(NamedTuple):
    ignore_index: int
    label_smoothing: float
    z_loss: float
    reduction: str


def linear_cross_entropy(
    input: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """The cross entropy of ``torch.nn.functional.linear(input, weight, bias)``, without keeping these logits.

    A drop-in for ``F.cross_entropy(F.linear(input, weight, bias), target)``: faster, and in memory for the logits of
    some hundred rows at a time. The gradients are computed along with the loss, while the logits are at hand, and
    scaled in backward; with ``reduction="none"`` backward computes the logits anew. On a GPU there are logits for as
    many rows as fit 256 MiB, or the input's memory if that is more, and nothing waits for the device. On devices other
    than these it is torch that computes it, with all logits.

    Args:
        input: [..., H], the hidden states; float32, float64, or (computed in float32; on a GPU the logits are rounded)
            float16 or bfloat16.
        weight: [V, H], a row for each class.
        target: [...] int64, a class in [0, V) each, or ``ignore_index``.
        bias: [V], or None.
        ignore_index: a target that adds nothing to the loss and to the gradients.
        label_smoothing: share of the target's probability that is spread over all classes (Szegedy et al. 2016).
        z_loss: factor of the square of the log of the softmax's denominator, which is added to each row's loss to keep
            it near 0 (Chowdhery et al. 2022).
        reduction: ``"mean"`` over the targets that are not ignored, ``"sum"`` or ``"none"``.

    Returns:
        The loss: a number, or with ``reduction="none"`` one for each target, in the dtype of ``input``.

    Raises:
        IndexError: a target is out of bounds, on the CPU. On a GPU, where nobody waits to see it, its loss and what it
            adds to the gradients are NaN.
        RuntimeError: a shape, dtype or device does not fit, or the loss is differentiated twice on the CPU or a GPU.
        ValueError: ``reduction`` is none of the three.

    Source: Grave et al. (2017) name the cost; the scheme is that of Hsu et al. (2024) and Wijmans et al. (2024).

    Example:
        >>> weight = torch.eye(3, requires_grad=True)
        >>> loss = linear_cross_entropy(torch.zeros(2, 3), weight, torch.tensor([0, 2]))
        >>> loss.backward()
        >>> round(loss.item(), 4), weight.grad.shape
        (1.0986, torch.Size([3, 3]))
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if target.is_floating_point():
        raise RuntimeError(f"linear_cross_entropy: expected target to be int64, got {target.dtype}")
    if input.dim() == 0 or input.shape[:-1] != target.shape:
        raise RuntimeError(
            f"linear_cross_entropy: expected input [..., H] and target [...], got {list(input.shape)} and "
            f"{list(target.shape)}"
        )
    options = _Options(ignore_index, label_smoothing, z_loss, reduction)
    loss, _ = _losses(input.reshape(-1, input.shape[-1]), weight, target.reshape(-1), bias, options)
    return loss.view(target.shape) if reduction == "none" else loss


def mean_and_rows(input: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The mean of :func:`linear_cross_entropy`, and the loss of each row: [N, H], [V, H], [N], [V] to [] and [N].

    The gradients that forward made serve as long as only the mean is differentiated.

    >>> mean_and_rows(torch.zeros(2, 3), torch.eye(3), torch.tensor([0, 2]))
    (tensor(1.0986), tensor([1.0986, 1.0986]))
    """
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active() or not _has_kernel(input):
        rows = linear_cross_entropy(input, weight, target, bias, reduction="none")
        return rows.mean(), rows
    return _losses(input, weight, target, bias, _Options(-100, 0.0, 0.0, "mean"))


def _has_kernel(input: Tensor) -> bool:
    return input.device.type in _DEVICES


def _losses(
    input: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, options: _Options
) -> tuple[Tensor, Tensor]:
    if torch._C._is_any_autocast_enabled() and torch.is_autocast_enabled(input.device.type):
        dtype = torch.get_autocast_dtype(input.device.type)
        input, weight = input.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    if not _has_kernel(input):  # with the logits, by torch
        loss = reference.cross_entropy_of_linear(input, weight, target, bias, *options)
        return loss, loss
    grad = torch.is_grad_enabled()
    wants = [grad and tensor is not None and tensor.requires_grad for tensor in (input, weight, bias)]
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return _forward_op(input, weight, target, bias, *options, *wants)[:2]
    try:
        if any(wants):
            return _Loss.apply(input, weight, target, bias, options, wants)
        with torch._C._AutoDispatchBelowAutograd():
            return _forward_op(input, weight, target, bias, *options, False, False, False)[:2]
    except RuntimeError as error:
        if str(error).startswith("Target ") and str(error).endswith(" is out of bounds."):
            raise IndexError(str(error)) from None  # which the compiled part cannot raise
        raise


@torch.library.register_fake("fastlm::linear_cross_entropy")
def _fake(input, weight, target, bias, ignore_index, label_smoothing, z_loss, reduction, *wants):  # type: ignore[no-untyped-def]
    loss = input.new_empty(target.shape if reduction == "none" else ())
    losses = input.new_empty(0 if reduction == "none" else target.shape)
    return loss, losses, *_fake_gradients(input, weight, bias, [want and reduction != "none" for want in wants])


@torch.library.register_fake("fastlm::linear_cross_entropy_backward")
def _fake_backward(grad, input, weight, target, bias, *rest):  # type: ignore[no-untyped-def]
    return _fake_gradients(input, weight, bias, rest[4:])


def _fake_gradients(input, weight, bias, wants):  # type: ignore[no-untyped-def]
    like = zip((input, weight, bias), wants, strict=True)
    return tuple(input.new_empty(t.shape if want and t is not None else 0) for t, want in like)


# Gradients in compiled programs, where the results of forward are values like any others.


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    input, weight, target, bias, *options, _, _, _ = inputs
    ctx.options = _Options(*options)
    ctx.save_for_backward(input, weight, target, bias, *(output[2:] if ctx.options.reduction != "none" else ()))
    ctx.mark_non_differentiable(*output[1:])


def _backward(ctx, grad, *_):  # type: ignore[no-untyped-def]
    input, weight, target, bias, *gradients = ctx.saved_tensors
    wants = [ctx.needs_input_grad[i] for i in (0, 1, 3)]
    if gradients and all(g.numel() > 0 for g, want in zip(gradients, wants, strict=True) if want):
        results = [g * grad if want else None for g, want in zip(gradients, wants, strict=True)]
    else:
        results = _anew(grad, input, weight, target, bias, ctx.options, wants)
    return results[0], results[1], None, results[2], *[None] * 7


def _anew(grad, input, weight, target, bias, options, wants):  # type: ignore[no-untyped-def]
    gradients = _backward_op(grad, input, weight, target, bias, *options, *wants)
    return [g if want else None for g, want in zip(gradients, wants, strict=True)]


torch.library.register_autograd("fastlm::linear_cross_entropy", _backward, setup_context=_setup)


class _Loss(torch.autograd.Function):
    """The gradient in eager programs: hands out the gradients that forward made, instead of copies of them."""

    @staticmethod
    def forward(ctx, input, weight, target, bias, options, wants):  # type: ignore[no-untyped-def]
        with torch._C._AutoDispatchBelowAutograd():
            loss, losses, *gradients = _forward_op(input, weight, target, bias, *options, *wants)
        ctx.set_materialize_grads(False)
        ctx.options, ctx.wants, ctx.gradients = options, wants, gradients if options.reduction != "none" else None
        ctx.save_for_backward(input, weight, target, bias)
        return loss, losses

    @staticmethod
    def backward(ctx, grad, row_grads):  # type: ignore[no-untyped-def]
        input, weight, target, bias = ctx.saved_tensors  # which says so if one of them has been changed since
        if torch.is_grad_enabled():
            raise RuntimeError(_NO_SECOND)
        if grad is None and row_grads is None:
            return (None,) * 6
        gradients, options = ctx.gradients, ctx.options
        if row_grads is not None:
            if grad is not None:
                mean = options.reduction == "mean"
                row_grads = row_grads + (grad / (target != options.ignore_index).sum() if mean else grad)
            grad, options = row_grads, options._replace(reduction="none")
        single = options.reduction == "none"
        if single or gradients is None:  # the latter: not for the first time, in a graph that was retained
            with torch._C._AutoDispatchBelowAutograd():
                of = grad if single else torch.ones_like(grad)
                gradients = _anew(of, input, weight, target, bias, options, ctx.wants)
        else:
            ctx.gradients = None  # they are given away
        if not single and not _is_one(grad):
            gradients = [None if g is None else g.mul_(grad) for g in gradients]
        results = [g if want else None for g, want in zip(gradients, ctx.wants, strict=True)]
        return results[0], results[1], None, results[2], None, None


def _is_one(grad: Tensor) -> bool:
    return grad.is_cpu and grad.item() == 1.0  # elsewhere it would be waited for


_NO_SECOND = "linear_cross_entropy cannot be differentiated twice; use torch.nn.functional.cross_entropy for that"


def _refuse(ctx: Any, *_: Any, **__: Any) -> None:
    raise RuntimeError(_NO_SECOND)


def _keep(ctx: Any, inputs: Any, output: Any) -> None:
    """Nothing is needed to refuse."""


torch.library.register_autograd("fastlm::linear_cross_entropy_backward", _refuse, setup_context=_keep)
