"""Building: one clear sentence for each thing that may be missing, and a source distribution that has everything."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def setup(*arguments, path=None, **environment):
    """Runs setup.py; `path` is a folder whose modules come before the installed ones."""
    env = os.environ | environment | ({"PYTHONPATH": str(path)} if path else {})
    return subprocess.run(
        [sys.executable, "setup.py", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )


def fake_torch(folder, text):
    (folder / "torch" / "utils").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text(text)
    (folder / "torch" / "utils" / "__init__.py").write_text("")
    (folder / "torch" / "utils" / "cpp_extension.py").write_text("")
    return folder


def test_without_torch(tmp_path):
    result = setup("--version", path=fake_torch(tmp_path, "raise ImportError('no torch')"))
    assert result.returncode != 0
    assert "fastlm: building needs torch >= 2.10; install it first" in result.stderr
    assert "Traceback" not in result.stderr


def test_with_a_torch_that_is_too_old(tmp_path):
    result = setup("--version", path=fake_torch(tmp_path, "__version__ = '2.9.1+cpu'"))
    assert "fastlm: building needs torch >= 2.10, found 2.9.1+cpu; upgrade it" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_compiler():
    result = setup("--version", CXX="no-such-compiler")
    assert (
        "fastlm: building needs a C++20 compiler; 'no-such-compiler' was not found: install g++ >= 11" in result.stderr
    )
    assert "Traceback" not in result.stderr


def test_with_a_compiler_that_is_too_old(tmp_path):
    old = tmp_path / "old-c++"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    result = setup("--version", CXX=str(old))
    assert "fastlm: building needs g++ >= 11" in result.stderr


def test_without_nvcc_it_builds_the_rest(tmp_path):
    result = setup("--version", CUDA_HOME=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert "fastlm: nvcc was not found, building without the CUDA library; set CUDA_HOME" in result.stdout


def test_cuda_can_be_left_out():
    result = setup("--version", FASTLM_CUDA="0")
    assert result.returncode == 0, result.stderr
    assert "fastlm: FASTLM_CUDA=0, building without the CUDA library" in result.stdout


def test_the_source_distribution_has_every_source(tmp_path):
    result = setup("-q", "sdist", "--dist-dir", str(tmp_path))
    assert result.returncode == 0, result.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    folders = ("csrc", "fastlm", "bench", "tests", "docs", "examples")
    tracked = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True).stdout.split()
    if not tracked:
        pytest.skip("not a git checkout: nothing to compare with")
    assert set(tracked) <= names
    assert {"setup.py", "pyproject.toml", "CMakeLists.txt", "Makefile", "README.md", "LICENSE"} <= names
