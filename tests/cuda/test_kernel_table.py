"""The kernels of the library are those of docs/cuda-kernels.csv, within their budgets, and made of what they claim."""

import re
import subprocess

import pytest

from tests.cuda import cubin, kernel_table, sass
from tests.cuda.claims import CLAIMS, Claim
from tests.cuda.test_cuda_build import LIBRARY, NVCC, ROOT, nvcc_flags

needs_library = pytest.mark.skipif(not LIBRARY.exists(), reason="built without nvcc: no CUDA library")
needs_nvdisasm = pytest.mark.skipif(sass.nvdisasm() is None, reason="needs nvdisasm: pip install nvidia-cuda-nvdisasm")


@needs_library
def test_the_library_is_as_the_table_says():
    found = list(kernel_table.differences(kernel_table.read(), kernel_table.resources(LIBRARY.read_bytes())))
    assert not found, "\n".join([*found, "if that is what is meant: make cuda-table"])


def test_no_kernel_uses_local_memory():
    assert not [row["kernel"] for row in kernel_table.read() if row["stack_bytes"] or row["local"]]


def test_the_page_is_of_the_table():
    assert kernel_table.TABLE.with_suffix(".md").read_text() == kernel_table.document(kernel_table.read())


@pytest.fixture(scope="module")
def built():
    return kernel_table.measure(LIBRARY.read_bytes())


@needs_library
@needs_nvdisasm
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.pattern or "every kernel")
def test_kernels_are_made_of_what_they_claim(claim, built):
    concerned = [row for row in built if claim.concerns(row["kernel"], row["architecture"])]
    assert concerned, "no kernel has such a name: say what becomes of this claim"
    broken = [(row["kernel"], row["architecture"], what) for row in concerned for what in claim.broken_by(row)]
    assert not broken, "\n".join("{}, sm_{}: {}".format(*one) for one in broken)


def row(kernel, registers=40, budget=40, toolkit="13.0", architecture=90):
    figures = {"registers": registers, "budget": budget, "toolkit": toolkit}
    return {"kernel": kernel, "architecture": architecture, **figures}


def test_differences_are_found():
    table = [row("kept"), row("gone"), row("grown"), row("of_another_gpu", architecture=80)]
    built = [row("kept", 39), row("grown", 41), row("new")]
    gone, new, grown = kernel_table.differences(table, built)
    assert gone == "gone, sm_90: is in the table, but not in the library"
    assert new == "new, sm_90: is in the library, but not in the table"
    assert grown == "grown, sm_90: takes 41 registers, its budget is 40"
    assert not list(kernel_table.differences([row("grown")], [row("grown", 41, toolkit="13.1")]))


def test_a_broken_claim_is_found():
    claim = Claim("^wide", has="ldg16 stg16", lacks="local", least_architecture=90)
    assert claim.concerns("wide_kernel", 90)
    assert not claim.concerns("wide_kernel", 80)
    assert not claim.concerns("not_wide_kernel", 90)
    assert claim.broken_by({"ldg16": 1, "stg16": 0, "local": 3}) == ["has no stg16", "has 3 local"]


# What known_kernels.cu is written to take: static shared memory and threads of a block, ...
KNOWN = {"static_kernel": (400, 96), "wide_kernel": (1024, 1024), "tensor_kernel": (0, 32), "float_kernel": (0, 1024)}
# ... and of which instructions its kernels are, on all architectures or from one on.
MADE_OF = [
    Claim("static_kernel", has="ldg stg lds bar", lacks="ldg16 stg16 lds16 mma shfl"),
    Claim("wide_kernel", has="ldg16 stg16 lds16 bar", lacks="ldgsts ldsm fence atomic"),
    Claim("tensor_kernel", has="mma shfl", lacks="ffma bar"),
    Claim("double_kernel", has="dfma", lacks="ffma mma"),
    Claim("float_kernel", has="ffma", lacks="dfma mma"),
    Claim("async_kernel", has="ldgsts lds16", lacks="ldg ldg16"),
    Claim("grid_kernel", has="fence atomic acquire invalidate", lacks="cluster_bar bar"),
    Claim("cluster_kernel", has="cluster_bar fence invalidate", lacks="acquire", least_architecture=90),
    Claim("local_kernel", has="local"),
    Claim("^(?!local)", lacks="local"),
]


@pytest.fixture(scope="module", params=[80, 90, 100, 120], ids="sm_{}".format)
def known(request, tmp_path_factory):
    """Those kernels, compiled for one architecture, and what the assembler reports of them."""
    if NVCC is None:
        pytest.skip("no nvcc")
    path = tmp_path_factory.mktemp("known") / "known.cubin"
    flags = [flag for flag in nvcc_flags() if not re.search("error|warn", flag, re.I)]  # one of them uses local memory
    command = [NVCC, *flags, f"-arch=sm_{request.param}", f"-I{ROOT}/csrc", "-Xptxas=-v", "-cubin", "-o", str(path)]
    source = str(ROOT / "tests" / "cuda" / "known_kernels.cu")
    report = subprocess.run([*command, source], capture_output=True, text=True, check=True).stderr
    return cubin.Entry(cubin.MACHINE_CODE, request.param, path.read_bytes()), report


def test_known_resources_are_read(known):
    entry, report = known
    kernels = {kernel.symbol: kernel for kernel in cubin.kernels(entry)}
    for name, expected in KNOWN.items():
        assert (kernels[name].shared_bytes, kernels[name].max_threads) == expected, name
    reported = re.findall(r"properties for (\w+)\s+(\d+) bytes stack frame.*\n.*Used (\d+) registers", report)
    assert {(k.symbol, k.stack_bytes, k.registers) for k in kernels.values()} == {
        (name, int(stack), int(registers)) for name, stack, registers in reported
    }
    assert kernels["local_kernel"].stack_bytes == 8000
    assert re.fullmatch(r"\d+\.\d+", cubin.toolkit(entry.content))


@needs_nvdisasm
def test_known_instructions_are_counted(known):
    entry, _ = known
    code = {symbol: sass.count(counter) for symbol, counter in sass.instructions(entry.content).items()}
    for claim in MADE_OF:
        concerned = [name for name in code if claim.concerns(name, entry.architecture)]
        assert concerned or entry.architecture < claim.least_architecture
        assert not [(name, what) for name in concerned for what in claim.broken_by(code[name])]
    assert code["wide_kernel"]["ldg16"] == code["tensor_kernel"]["mma"] == code["float_kernel"]["ffma"] == 1
