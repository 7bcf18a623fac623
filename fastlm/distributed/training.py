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
    :class:`fastlm.lm.Trainer` does this itself, given :class:`Processes`.

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


def launched() -> bool:
    """Whether ``torchrun`` started this program, with more processes than one."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


class Processes:
    """The processes that ``torchrun`` started, for :class:`fastlm.lm.Trainer`.

    Args:
        device: of the model; on GPUs nccl is used, else gloo.

    Raises:
        RuntimeError: the program was not started by ``torchrun``.

    Example:
        ``torchrun --nproc-per-node 2 train.py``, with in ``train.py``::

            trainer = lm.Trainer(model, ids, vocabulary, output="model", processes=Processes("cpu"))
            trainer.run()
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self._device = torch.device(device)
        _join("nccl" if self._device.type == "cuda" else "gloo")
        self.rank = distributed.get_rank()
        self.world = distributed.get_world_size()

    def join(self, model: nn.Module) -> nn.Module:
        """Around the model what averages its gradients over the processes."""
        return data_parallel(model)

    def any(self, flags: list[bool]) -> list[bool]:
        """Of each flag, whether it is set in any process; with none, only waits for the others."""
        together = torch.tensor([*flags, False], dtype=torch.int32, device=self._device)
        distributed.all_reduce(together, distributed.ReduceOp.MAX)
        return [bool(flag) for flag in together.tolist()[:-1]]

    def total(self, numbers: list[float]) -> list[float]:
        """Sums over the processes."""
        together = torch.tensor(numbers, dtype=torch.float64, device=self._device)
        distributed.all_reduce(together)
        return together.tolist()

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """The tensors of all processes, which are of one shape; at rank 0, elsewhere nothing."""
        own = tensor.detach().to(self._device).contiguous()
        parts = [torch.empty_like(own) for _ in range(self.world)] if self.rank == 0 else None
        distributed.gather(own, parts)
        return [part.to(tensor.device) for part in parts or []]


def _join(backend: str) -> None:
    if distributed.is_initialized():
        return
    if "RANK" not in os.environ:
        raise RuntimeError("expected a program that torchrun started: torchrun --nproc-per-node N program.py")
    if backend == "nccl":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group(backend)
