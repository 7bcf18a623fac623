"""The instructions of kernels, by NVIDIA's own disassembler: from the wheel nvidia-cuda-nvdisasm, or the toolkit's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

# What is counted, by the beginning of an instruction as nvdisasm writes it: name and modifiers, without its predicate.
KINDS = {
    "mma": r"U?[A-Z]*MMA\b",  # tensor cores: HMMA, and what later GPUs have beside it
    "ffma": r"FFMA",
    "dfma": r"DFMA",
    "ldg": r"LDG?\.",  # LD: of global or shared memory, also of another block in the cluster
    "ldg16": r"LDG?\..*\b128",
    "stg": r"STG?\.",
    "stg16": r"STG?\..*\b128",
    "lds": r"LDS(?!M)",
    "lds16": r"LDS\..*\b128",
    "ldsm": r"LDSM",  # ldmatrix
    "ldgsts": r"LDGSTS",  # cp.async
    "bar": r"BAR\.",  # of a block
    "cluster_bar": r"UCGABAR",
    "shfl": r"SHFL",
    "fence": r"MEMBAR|FENCE",
    "atomic": r"REDG?\.|ATOM",  # on global and on shared memory
    "mbarrier": r"SYNCS",
    "stas": r"STAS",  # st.async: to the shared memory of another block, which counts it on an mbarrier
    "invalidate": r"CCTL\.IVALL",  # what L1 holds is forgotten: behind each acquire
    "acquire": r"LDG?\..*STRONG\.(GPU|SYS)",
    "local": r"LDL|STL",  # spilled registers, and arrays that are indexed at run time
}
TWO_IN_ONE = re.compile("FFMA2")  # from sm_100 on

INSTRUCTION = re.compile(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:\{\s*)?(?:@!?U?P\w+\s+)?([A-Z][\w.]*)")
FUNCTION = re.compile(r"^\.text\.(\S+):$")


def nvdisasm() -> str | None:
    """Where the disassembler is, if it is anywhere."""
    wheels = [str(path.parent) for folder in sys.path for path in Path(folder).glob("nvidia/*/bin/nvdisasm")]
    toolkits = [os.path.join(home, "bin") for home in (os.environ.get("CUDA_HOME"), "/usr/local/cuda") if home]
    return next(filter(None, (shutil.which("nvdisasm", path=place) for place in [*wheels, None, *toolkits])), None)


def instructions(cubin: bytes) -> dict[str, Counter[str]]:
    """Symbol of a kernel -> how often each instruction, with its modifiers, stands in it."""
    program = nvdisasm()
    assert program, "needs nvdisasm: pip install nvidia-cuda-nvdisasm"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        text = subprocess.run([program, "-c", file.name], capture_output=True, text=True, check=True).stdout
    found: dict[str, Counter[str]] = {}
    counter: Counter[str] = Counter()
    for line in text.splitlines():
        if match := INSTRUCTION.match(line):
            counter[match[1]] += 1
        elif match := FUNCTION.match(line):
            counter = found.setdefault(match[1], Counter())
    return found


def count(code: Mapping[str, int]) -> dict[str, int]:
    """How many instructions of each kind."""
    return {
        kind: sum(
            number * (2 if TWO_IN_ONE.match(name) else 1) for name, number in code.items() if re.match(pattern, name)
        )
        for kind, pattern in KINDS.items()
    }
