"""Programs as a whole: their CPU time, wall time and the most memory that they hold.

``python commands.py PROGRAM ARGUMENT...`` runs one and prints the three numbers: the memory of a program that is
started by a large one, such as pytest, would count that one's too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

FASTLM = (sys.executable, "-c", "from fastlm.cli import main; main()")


class Spent(NamedTuple):
    """What a program took."""

    cpu: float
    """Seconds of all its threads."""
    wall: float
    bytes: float
    """Most memory at once."""


def run(*commands: Sequence[object]) -> Spent:
    """Runs programs one after the other: their times together, and the most memory of one of them.

    Raises:
        RuntimeError: one of them fails; the message has what it has said.
    """
    spent = []
    for command in commands:
        started = [sys.executable, "-I", "-S", __file__, *map(str, command)]
        result = subprocess.run(started, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))} has failed:\n{result.stderr[-2000:]}")
        spent.append(Spent(*map(float, result.stdout.split())))
    return Spent(sum(s.cpu for s in spent), sum(s.wall for s in spent), max(s.bytes for s in spent))


if __name__ == "__main__":
    begin = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(usage.ru_utime + usage.ru_stime, time.perf_counter() - begin, usage.ru_maxrss << 10)
    sys.exit(process.returncode != 0)
