"""A command of fastlm in this process: a new one would import torch each time."""

import io
import subprocess
import sys

import pytest

from fastlm.cli import main


def run(group, *arguments, input=""):
    """The result of a command of ``fastlm lm`` or another group."""
    streams = {
        "stdin": io.TextIOWrapper(io.BytesIO(input if isinstance(input, bytes) else input.encode())),
        "stdout": io.TextIOWrapper(io.BytesIO(), encoding="utf-8"),
        "stderr": io.TextIOWrapper(io.BytesIO(), encoding="utf-8"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["fastlm", group, *map(str, arguments)])
        for name, stream in streams.items():
            patch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as end:
            main()
    written = []
    for name in ("stdout", "stderr"):
        streams[name].flush()
        written.append(streams[name].buffer.getvalue().decode())
    return subprocess.CompletedProcess(arguments, end.value.code, *written)


def succeed(group, *arguments, **options):
    result = run(group, *arguments, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout
