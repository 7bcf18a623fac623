"""fastlm ngram in this process and as one of its own, and a small corpus."""

import subprocess
import sys
from functools import partial

from tests.cli import command

COMMAND = [sys.executable, "-c", "from fastlm.cli import main; main()", "ngram"]
LINES = ["the cat sat on the mat", "the dog sat on the cat", "the dog ran"]
TEXT = "".join(f"{line}\n" for line in LINES)
run, succeed = partial(command.run, "ngram"), partial(command.succeed, "ngram")


def run_process(*arguments, **options):
    """The command's result, as a process."""
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, timeout=120, **options)
