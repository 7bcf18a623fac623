"""Data-parallel training under torchrun: a replica a process, gradients averaged by torch.distributed."""

from __future__ import annotations

import os

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


def data_parallel(model: nn.Module) -> nn.Module:
    """Joins the processes that ``torchrun`` started, and makes a model whose gradients are averaged over them.

    The result is trained like the model itself, for example by :func:`fastlm.lm.train`, on each process's own columns
    (:func:`my_columns`). Processes use gloo on CPUs and nccl on GPUs; a model on GPUs must be on this process's one.

    Args:
        model: with the same parameters in every process; those of process 0 are sent to the others to be sure.

    Raises:
        RuntimeError: the program was not started by ``torchrun``.

    Example:
        ``torchrun --nproc-per-node 2 train.py``, with in ``train.py``::

            model = data_parallel(lm.RecurrentLM(len(vocabulary)))
            input, target = my_columns(*lm.columns(ids, batch_size=64, start=1))
            for step in lm.train(model, input, target, torch.optim.AdamW(model.parameters())):
                ...
    """
    _join("nccl" if next(model.parameters()).is_cuda else "gloo")
    return DistributedDataParallel(model)


def my_columns(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """This process's share of the columns of a text.

    Args:
        input: [T, B], from :func:`fastlm.lm.columns`; the same in every process.
        target: [T, B].

    Returns:
        ``(input, target)`` of every ``world_size``-th column, both [T, B / world_size].

    Raises:
        RuntimeError: the program was not started by ``torchrun``.
        ValueError: B is not a multiple of the number of processes: shares of different size would be weighted wrongly.
    """
    _join("gloo")
    rank, world = distributed.get_rank(), distributed.get_world_size()
    if input.shape[1] % world:
        raise ValueError(f"expected a batch size that is a multiple of the {world} processes, got {input.shape[1]}")
    return input[:, rank::world].contiguous(), target[:, rank::world].contiguous()


def _join(backend: str) -> None:
    if distributed.is_initialized():
        return
    if "RANK" not in os.environ:
        raise RuntimeError("expected a program that torchrun started: torchrun --nproc-per-node N program.py")
    if backend == "nccl":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group(backend)
