"""The count of blocks on an SM (csrc/cuda/occupancy.h) equals NVIDIA's."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cuda.test_cuda_build import NVCC, ROOT


def nvidias_headers():
    """Of the toolkit that nvcc belongs to: it may be a script elsewhere, but knows."""
    plan = subprocess.run([NVCC, "--dryrun", "-c", "any.cu"], capture_output=True, text=True).stderr
    return Path(re.search(r"^#\$ TOP=(.*)$", plan, re.M)[1], "include")


@pytest.mark.skipif(NVCC is None, reason="no CUDA toolkit")
def test_equals_nvidias(tmp_path):
    program, source = tmp_path / "check", ROOT / "tests" / "cuda" / "occupancy_check.cc"
    command = [*os.environ.get("CXX", "c++").split(), "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror"]
    command += [f"-I{ROOT}/csrc", f"-isystem{nvidias_headers()}", str(source), "-o", str(program)]
    compiled = subprocess.run(command, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr
    result = subprocess.run([program], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert int(result.stdout.split()[0]) > 1_000_000
