"""Builds the compiled parts of fastlm. The folders are the list of sources, here and in CMakeLists.txt.

fastlm/_C_<level>  CPU operators, one library for each instruction set level; fastlm/_library.py loads one of them
fastlm/_C_cuda     CUDA kernels and their operators, if there is an nvcc
fastlm/_ngram      the n-gram engine as a Python module; knows nothing of torch

FASTLM_CUDA=0 leaves out _C_cuda; TORCH_CUDA_ARCH_LIST says for which GPUs it is built; CXX, MAX_JOBS as in torch.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, find_packages, setup

ROOT = Path(__file__).resolve().parent
MIN_TORCH = "2.10"
STABLE_ABI = [
    "-DTORCH_TARGET_VERSION=0x020a000000000000",
    "-DTORCH_STABLE_ONLY",
]  # 2.10: one build serves all later ones
CXX_FLAGS = ["-std=c++20", "-O3", "-g0", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-psabi"]
# Spilled registers, and arrays that are indexed at run time, are errors too: they would go through local memory.
NVCC_FLAGS = [
    "-std=c++20",
    "-O3",
    "-Werror=all-warnings",
    "-Xptxas=-warn-spills,-warn-lmem-usage",
    "-Xcompiler=-fvisibility=hidden",
]
# torch's flags take away the conversions of the 16-bit types.
NVCC_FLAGS += ["-U__CUDA_NO_HALF_CONVERSIONS__", "-U__CUDA_NO_BFLOAT16_CONVERSIONS__"]


def stop(sentence):
    sys.exit(f"fastlm: {sentence}")


def import_torch():
    try:
        import torch
        from torch.utils import cpp_extension
    except ImportError:
        stop(f"building needs torch >= {MIN_TORCH}; install it first, then 'pip install --no-build-isolation .'")
    if [int(n) for n in re.findall(r"\d+", torch.__version__)[:2]] < [int(n) for n in MIN_TORCH.split(".")]:
        stop(f"building needs torch >= {MIN_TORCH}, found {torch.__version__}; upgrade it, then build again")
    return torch, cpp_extension


def compiles(source, *flags):
    compiler = os.environ.get("CXX", "c++").split()
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.cc")
        probe.write_text(source)
        try:
            command = [*compiler, "-std=c++20", "-Werror", *flags, "-fsyntax-only", str(probe)]
            return subprocess.run(command, capture_output=True).returncode == 0
        except FileNotFoundError:
            stop(f"building needs a C++20 compiler; '{compiler[0]}' was not found: install g++ >= 11, or set CXX")


def check_compiler():
    if not compiles("#include <bit>\n#include <experimental/simd>\nint main() { return std::popcount(0u); }\n"):
        stop("building needs g++ >= 11 (C++20 with <experimental/simd>); set CXX to one")


def files(*patterns):
    return sorted(str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern))


def isa_levels():
    """Suffix of the library, and the compiler flags of that level."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return {"generic": []}
    levels = {level: [f"-march=x86-64-{level}"] for level in ("v2", "v3", "v4")}
    # g++ 12 with AVX-512 copies a constant such as {1, 1, 0, 0} as {1, 1, 1, 1}, unless moves are kept narrow.
    narrow_moves = ["-mmove-max=128", "-mstore-max=128"]
    if compiles("int main() {}", *narrow_moves):
        levels["v4"] += narrow_moves
    return levels


def torch_headers():
    return [f"-isystem{path}" for path in cpp_extension.include_paths()]


def cpu_extension(level, flags):
    sources = [f for f in files("csrc/cpu/*.cc", "csrc/torch/*.cc") if not f.endswith("_cuda.cc")]
    return cpp_extension.CppExtension(
        f"fastlm._C_{level}",
        sources,
        extra_compile_args=CXX_FLAGS + flags + STABLE_ABI + torch_headers(),
        extra_link_args=["-Wl,--no-undefined"],
        py_limited_api=True,  # no libtorch_python
    )


def cuda_home():
    """The CUDA toolkit to build with, or None. Says why when there is none."""
    if os.environ.get("FASTLM_CUDA", "1") == "0":
        print("fastlm: FASTLM_CUDA=0, building without the CUDA library")
        return None
    chosen = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    folders = [chosen] if chosen else ["", "/usr/local/cuda"]
    found = (shutil.which("nvcc", path=os.path.join(folder, "bin") if folder else None) for folder in folders)
    nvcc = next(filter(None, found), None)
    if nvcc is None:
        print("fastlm: nvcc was not found, building without the CUDA library; set CUDA_HOME to build with it")
        return None
    # It may be a link or a script elsewhere, but knows where its toolkit is.
    plan = subprocess.run([nvcc, "--dryrun", "-c", "any.cu"], capture_output=True, text=True).stderr
    top = re.search(r"^#\$ TOP=(.*)$", plan, re.M)
    return os.path.realpath(top[1] if top else os.path.dirname(os.path.dirname(nvcc)))


def default_arch_list(home):
    """What to build for where no GPU can be asked: the data-centre parts, and PTX for what comes later."""
    version = subprocess.check_output([os.path.join(home, "bin", "nvcc"), "--version"], text=True)
    release = tuple(int(n) for n in re.search(r"release (\d+)\.(\d+)", version).groups())
    return "8.0;9.0;10.0;12.0+PTX" if release >= (12, 8) else "8.0;9.0+PTX"


def cuda_extension(home):
    cpp_extension.CUDA_HOME = home  # torch looks for it only where it was built with CUDA itself
    if not torch.cuda.is_available():
        os.environ.setdefault("TORCH_CUDA_ARCH_LIST", default_arch_list(home))
    # With a CPU-only torch, its ninja rule for nvcc does not follow includes: a change of a header changes the command.
    headers = hashlib.sha256(b"".join(Path(ROOT, f).read_bytes() for f in files("csrc/cuda/*.*h", "csrc/core/**/*.h")))
    return Extension(
        "fastlm._C_cuda",
        files("csrc/cuda/*.cu", "csrc/torch/*_cuda.cc"),
        language="c++",
        include_dirs=[os.path.join(home, "include")],
        library_dirs=[*cpp_extension.library_paths(), os.path.join(home, "lib64"), os.path.join(home, "lib")],
        extra_compile_args={
            "cxx": [*CXX_FLAGS, *STABLE_ABI, *torch_headers(), "-DUSE_CUDA"],
            "nvcc": [*NVCC_FLAGS, f"-DFASTLM_HEADERS={headers.hexdigest()[:8]}"],
        },
        # --no-as-needed keeps the link to libtorch, which in a CUDA build of torch brings the CUDA symbols at load time
        extra_link_args=["-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10", "-Wl,--as-needed"]
        + ["-lcudart_static", "-ldl", "-lrt", "-lpthread"],
    )


def ngram_extension():
    import pybind11

    return Extension(
        "fastlm._ngram",
        files("csrc/python/*.cc", "csrc/core/ngram/**/*.cc"),
        language="c++",
        include_dirs=[pybind11.get_include()],
        extra_compile_args=[*CXX_FLAGS, "-ffp-contract=off"],  # the same scores on every processor
        extra_link_args=["-lpthread"],
    )


def extensions():
    check_compiler()
    home = cuda_home()
    built = [cpu_extension(level, flags) for level, flags in isa_levels().items()] + [ngram_extension()]
    return built + ([cuda_extension(home)] if home else [])


def build_command():
    class BuildExtension(cpp_extension.BuildExtension):
        """torch's, with a build folder for each extension: ours share sources that are built with different flags.

        The folder stays between builds, also of an editable install, so that ninja builds only what has changed.
        """

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.no_python_abi_suffix = True

        def build_extension(self, extension):
            self.build_temp = str(
                ROOT / "build" / f"{extension.name}-py{sys.version_info.major}{sys.version_info.minor}"
            )
            super().build_extension(extension)

    return BuildExtension


packages = [*find_packages(include=["fastlm*"]), "fastlm.bench"]  # the benchmark suites travel with the package
options = {"packages": packages, "package_dir": {"fastlm.bench": "bench"}}
if not {"sdist", "egg_info", "dist_info", "clean"} & set(sys.argv[1:]):
    torch, cpp_extension = import_torch()
    options.update(ext_modules=extensions(), cmdclass={"build_ext": build_command()})
setup(**options)
