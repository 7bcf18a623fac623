"""What all tests share: determinism, and the devices that there are."""

import os

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _programs_are_no_workers():
    """pytest-benchmark measures nothing in a worker of pytest-xdist, nor in a program that takes itself for one."""
    os.environ.pop("PYTEST_XDIST_WORKER", None)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(20241123)


def _devices():
    cuda = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))
    return ["cpu", cuda]


@pytest.fixture(params=_devices())
def device(request):
    return request.param
