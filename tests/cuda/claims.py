"""What the kernels claim to be made of: to be extended with every kernel. A claim about no kernel is an error too."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """Kernels whose name has `pattern` hold all kinds of instructions in `has` and none of those in `lacks`.

    The kinds are those of sass.KINDS; names are as in docs/cuda-kernels.csv.
    """

    pattern: str
    has: str = ""
    lacks: str = ""
    least_architecture: int = 80

    def concerns(self, kernel: str, architecture: int) -> bool:
        return architecture >= self.least_architecture and re.search(self.pattern, kernel) is not None

    def broken_by(self, code: dict[str, int]) -> list[str]:
        """What is wrong with a kernel, in words; nothing if nothing is."""
        missing = [f"has no {kind}" for kind in self.has.split() if not code[kind]]
        return missing + [f"has {code[kind]} {kind}" for kind in self.lacks.split() if code[kind]]


CLAIMS = [
    Claim("", lacks="local"),
    Claim(r"^dropout_kernel<.*, true>", has="ldg16 stg16"),
    Claim(r"^dropout_kernel<.*, false>", lacks="ldg16 stg16"),  # their arrays need not be aligned
    Claim(r"^(persistent|step)_\w+<.*\bfloat, \d+(, false)?>", has="ffma lds16 bar", lacks="dfma mma"),
    Claim(r"^(persistent|step)_\w+<.*\bdouble\b", has="dfma lds16 bar", lacks="mma"),
    Claim(r"^diagonal_", lacks="bar shfl fence atomic"),  # threads have nothing to tell one another
    Claim(r"^persistent_", lacks="fence atomic acquire cluster_bar"),  # blocks do not talk within a launch
    Claim(r"^(step|transpose)_", lacks="fence atomic acquire cluster_bar"),
]
