"""The CUDA library as it was built, on a machine with or without a GPU: what it holds and what it depends on."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import fastlm
from tests.cuda import cubin

ROOT = Path(__file__).parents[2]
LIBRARY = Path(fastlm.__file__).parent / "_C_cuda.so"
NVCC = shutil.which("nvcc", path=os.environ["CUDA_HOME"] + "/bin" if "CUDA_HOME" in os.environ else None)
NVCC = NVCC or shutil.which("nvcc", path="/usr/local/cuda/bin")

pytestmark = pytest.mark.skipif(
    NVCC is None or os.environ.get("FASTLM_CUDA") == "0", reason="no nvcc, or FASTLM_CUDA=0: the library was not built"
)


def lines(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_is_built_where_there_is_nvcc():
    assert LIBRARY.exists()


def test_needs_nothing_of_cuda_that_a_cpu_build_of_torch_lacks():
    needed = [line.split("[")[1].rstrip("]") for line in lines("readelf", "-d", str(LIBRARY)) if "(NEEDED)" in line]
    assert "libtorch.so" in needed  # which, in a CUDA build of torch, brings the CUDA symbols
    assert not [name for name in needed if "cuda" in name or "nv" in name or "python" in name]


def test_one_symbol_alone_waits_for_a_cuda_build_of_torch():
    libraries = Path(torch.__file__).parent / "lib"
    given = {
        line.split()[-1].partition("@")[0]
        for name in ("libtorch_cpu.so", "libc10.so")
        for line in lines("nm", "-D", "--defined-only", str(libraries / name))
    }
    wanted = {line.split()[-1].partition("@")[0] for line in lines("nm", "-D", "--undefined-only", str(LIBRARY))}
    of_torch = {name for name in wanted if name.startswith(("aoti", "torch")) or "c10" in name}
    assert of_torch - given <= {"aoti_torch_get_current_cuda_stream"}


@pytest.mark.skipif(
    "TORCH_CUDA_ARCH_LIST" in os.environ or torch.cuda.is_available(), reason="built for this machine's GPUs alone"
)
def test_holds_the_default_architectures():
    found = {(entry.kind, entry.architecture) for entry in cubin.entries(LIBRARY.read_bytes())}
    assert {(cubin.MACHINE_CODE, 80), (cubin.MACHINE_CODE, 90)} <= found
    assert any(kind == cubin.PTX for kind, _ in found), "PTX, for GPUs to come"
    release = re.search(r"release (\d+)\.(\d+)", "".join(lines(NVCC, "--version")))
    if tuple(map(int, release.groups())) >= (12, 8):
        assert {(cubin.MACHINE_CODE, 100), (cubin.MACHINE_CODE, 120), (cubin.PTX, 120)} <= found


def test_status_says_why_it_is_not_used():
    if torch.version.cuda is None:
        assert fastlm.status.cuda == "torch has no CUDA"
        command = [sys.executable, "-c", "from fastlm.cli import main; main()", "doctor"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert "torch has no CUDA" in result.stdout
        assert "install a CUDA build of torch" in " ".join(result.stdout.split())
    else:
        assert fastlm.status.cuda == "loaded"


def nvcc_flags():
    """As setup.py has them."""
    text = (ROOT / "setup.py").read_text()
    begin = text.index("NVCC_FLAGS = [")
    scope = {}
    exec(text[begin : text.index("]", begin) + 1], scope)
    return scope["NVCC_FLAGS"]


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_kernels_of_any_cell_compile_without_a_spill(architecture, tmp_path):
    command = [NVCC, *nvcc_flags(), f"-arch={architecture}", f"-I{ROOT}/csrc", f"-I{ROOT}/tests/cpp"]
    source = str(ROOT / "tests" / "cuda" / "general_cells.cu")
    result = subprocess.run([*command, "-c", source, "-o", str(tmp_path / "cells.o")], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_spill_would_stop_the_build(tmp_path):
    source = tmp_path / "spills.cu"
    source.write_text(
        "__global__ void kernel(float* out, int i) {\n"
        "  float many[2000];\n"
        "  for (int k = 0; k < 2000; k++) many[k] = out[k * i];\n"
        "  out[i] = many[i];\n"
        "}\n"
    )
    command = [NVCC, *nvcc_flags(), "-arch=sm_90", "-c", str(source), "-o", str(tmp_path / "spills.o")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode != 0
    assert "Local memory used" in result.stdout + result.stderr
