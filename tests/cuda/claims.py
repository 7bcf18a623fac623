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


TENSOR = r"(__half|__nv_bfloat16)"

CLAIMS = [
    Claim("", lacks="local"),
    Claim(r"^dropout_kernel<.*, true>", has="ldg16 stg16"),
    Claim(r"^dropout_kernel<.*, false>", lacks="ldg16 stg16"),  # their arrays need not be aligned
    Claim(r"^cross_entropy_kernel<", has="ldg16 stg16 bar shfl", lacks="mma fence atomic acquire"),
    Claim(r"^reduce_losses_kernel<", has="bar shfl", lacks="mma fence atomic acquire"),  # one block, in a fixed order
    Claim(r"^(add_to_sums|multiply_by)_kernel<", lacks="bar shfl fence atomic"),
    # The grid's exchange, by counters and asynchronous copies, and from sm_90 on the cluster's: one kernel has both.
    Claim(r"^persistent_", has="bar shfl lds16 ldgsts acquire fence atomic", lacks="mma"),
    Claim(r"^persistent_", has="cluster_bar", least_architecture=90),
    Claim(r"^persistent_\w+<.*\b(float|__half|__nv_bfloat16)\b", has="ffma"),
    Claim(r"^persistent_\w+<.*\bdouble\b", has="dfma"),
    # The step regime, with tensor cores and without.
    Claim(r"^step_\w+<.*, true>", has="mma ldg16 bar", lacks="dfma"),
    Claim(r"^step_\w+<.*\bfloat, \d+, false>", has="ffma bar", lacks="dfma mma"),
    Claim(r"^step_\w+<.*\bdouble, \d+, false>", has="dfma bar", lacks="mma"),
    Claim(r"^product_kernel<.*, true, ", has="mma ldg16 bar", lacks="dfma"),
    Claim(r"^product_kernel<float.*, false, ", has="ffma bar", lacks="dfma mma"),
    Claim(r"^(step|product|rows|row|normalize|weights)\w*_", lacks="acquire cluster_bar"),  # blocks do not talk
    Claim(r"^diagonal_", lacks="bar shfl fence atomic"),  # threads have nothing to tell one another
]
