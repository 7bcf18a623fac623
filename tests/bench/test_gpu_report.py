"""The parts of make gpu that need no GPU: the refusal without one, taking turns, reading results, the report."""

import itertools
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

pytest.importorskip("matplotlib")

from fastlm.bench import gpu_duels, gpu_report, plot
from fastlm.bench.bench_rnn import Shape
from fastlm.bench.duels import Duel
from fastlm.bench.gpu_report import Check, Findings

ROOT = Path(__file__).parents[2]
NO_DRIVER = """
import ctypes
load = ctypes.CDLL
ctypes.CDLL = lambda name, *more, **options: load("missing" if name == "libcuda.so.1" else name, *more, **options)
"""


@pytest.mark.parametrize("module", ["gpu_device", "gpu_report"])
def test_stops_at_once_without_a_gpu(module):
    start = f"import runpy; runpy.run_module('fastlm.bench.{module}', run_name='__main__')"
    command = [sys.executable, "-c", NO_DRIVER + start]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    assert result.stderr == (
        "fastlm: make gpu is for a machine with a GPU: no NVIDIA driver was found (libcuda.so.1)\n"
    )


def test_the_first_look_needs_nothing_but_python():
    command = [sys.executable, "-S", "-c", NO_DRIVER + "import gpu_device; print(gpu_device.why_no_gpu())"]
    result = subprocess.run(command, cwd=ROOT / "bench", capture_output=True, text=True, timeout=60)
    assert result.stdout == "no NVIDIA driver was found (libcuda.so.1)\n", result.stderr


def test_sides_take_turns():
    order, seconds = [], {"fast": itertools.cycle([1.0, 2.0, 9.0]), "slow": itertools.repeat(5.0)}

    def clock(side, calls):
        order.append(side)
        return next(seconds[side]) * calls

    fast, slow = gpu_duels.alternate(["fast", "slow"], clock, rounds=9)
    assert (fast, slow) == (2.0, 5.0)
    assert order[-18:] == ["fast", "slow"] * 9


def fixed_clock(seconds):
    def clock(side, calls):
        side()
        return seconds * calls

    return clock


def test_a_side_that_fails_does_not_stop_the_others():
    failures = []
    sides = {"fastlm": lambda: lambda: None, "torch.nn": lambda: lambda: None, "Other": lambda: 1 / 0}
    assert gpu_duels.hold(sides, failures, "LSTM", fixed_clock(0.5)) == {"fastlm": 0.5, "torch.nn": 0.5}
    assert failures == ["Other, LSTM: ZeroDivisionError: division by zero"]
    assert gpu_duels.hold({"Other": lambda: 1 / 0}, failures, "GRU", fixed_clock(0.5)) == {}


@pytest.mark.parametrize("shape", [Shape(3, 2, 4), Shape(8, 2, 4, packed=True), Shape(3, 2, 4, 2, True)], ids=str)
@pytest.mark.parametrize("training", [False, True], ids=["forward", "train"])
def test_both_sides_run_each_shape(shape, training, monkeypatch):
    monkeypatch.setattr(gpu_duels, "DEVICE", "cpu")
    failures = []
    sides = gpu_duels.rnn_sides("LSTM", shape, torch.float32, training)
    seconds = gpu_duels.hold(sides, failures, "", fixed_clock(1.0))
    assert not failures
    assert {"fastlm", "torch.nn"} <= seconds.keys()


def test_dropout_runs(monkeypatch):
    monkeypatch.setattr(gpu_duels, "DEVICE", "cpu")
    failures = []
    assert gpu_duels.hold(gpu_duels.dropout_sides(100, torch.float32), failures, "", fixed_clock(1.0))
    assert not failures


def test_tf32_is_as_before_afterwards():
    before = torch.backends.cudnn.allow_tf32
    with gpu_duels.tf32(not before):
        assert torch.backends.cudnn.allow_tf32 != before
    assert torch.backends.cudnn.allow_tf32 == before


def test_each_peer_has_its_duel():
    facts = {"kind": "LSTM float32", "mode": "forward", "variant": ""}
    seconds = {"fastlm": 1.0, "torch.nn": 2.0, "Haste": 3.0}
    cudnn, haste = gpu_duels.duels("rnn", "LSTM", "T3", seconds, 0.5, facts)
    assert (cudnn.suite, cudnn.regime, cudnn.ratio, cudnn.facts) == ("rnn", "LSTM", 2.0, facts)
    assert (haste.suite, haste.regime, haste.ratio) == ("rnn peers", "LSTM, Haste", 3.0)
    assert not list(gpu_duels.duels("rnn", "LSTM", "T3", {"torch.nn": 2.0}))


def test_the_limit_is_the_models():
    shape = Shape(1024, 16, 768)
    forward = gpu_duels.model_seconds("NVIDIA H100 80GB HBM3", "LSTM", "bfloat16", shape, False)
    assert 1e-3 < forward < 4e-3
    assert gpu_duels.model_seconds("NVIDIA H100 80GB HBM3", "LSTM", "bfloat16", shape, True) > 2 * forward
    assert gpu_duels.model_seconds("Tesla T4", "LSTM", "float32", shape, False) is None


TESTS = """
import pytest
def test_good(): pass
def test_bad(): assert False
@pytest.mark.skip(reason="needs a GPU")
def test_left_out(): pass
"""


def test_results_of_tests_are_read(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS)
    check = gpu_report.run_pytest("checks", [str(tmp_path / "test_it.py")], tmp_path)
    assert (check.passed, len(check.failures), check.skipped) == (1, 1, Counter({"needs a GPU": 1}))
    assert check.failures[0].endswith("::test_bad")
    assert (check.ok, check.verdict) == (False, "FAILED")
    assert "test_bad" in (tmp_path / "checks.txt").read_text()
    (tmp_path / "empty.py").write_text("")
    assert gpu_report.run_pytest("empty", [str(tmp_path / "empty.py")], tmp_path).verdict == "no test ran"
    broken = gpu_report.run_pytest("broken", [], tmp_path, before=[sys.executable, "-c", "raise SystemExit(3)"])
    assert broken.verdict == "pytest did not end (exit code 3); see broken.txt"


def test_a_sanitizers_finding_is_a_failure():
    passed = Check("memcheck", passed=3)
    assert (
        gpu_report.trouble_of(passed, gpu_report.FOUND, "out.txt") == "the sanitizer has found something; see out.txt"
    )
    assert gpu_report.trouble_of(passed, 0, "out.txt") == ""
    assert gpu_report.trouble_of(passed, 4, "out.txt") == "exit code 4; see out.txt"


def findings(**changes):
    """Stand-ins: none of these figures is anyone's."""
    facts = {"kind": "LSTM float32", "mode": "forward", "steps": 35, "batch": 8, "hidden": 64, "variant": ""}
    common = {
        "machine": {"GPU": "Stand-in 9000, sm_90"},
        "tests": Check("tests", 10, skipped=Counter({"no nvcc": 2}), seconds=12.3),
        "sanitizers": [Check("memcheck", 3, seconds=60)],
        "duels": [Duel("rnn", "T35-B8-H64", "LSTM forward float32", 1.0, 4.0, limit=0.5, facts=facts)],
        "not_run": ["fastlm, GRU train float16: RuntimeError: not yet"],
        "absent": ["Haste"],
        "pictures": ["ratios.png"],
    }
    return Findings(**common | changes)


def test_the_report(tmp_path):
    text = gpu_report.render(findings())
    assert text.startswith("# fastlm on a GPU: all checks passed\n")
    for line in (
        "- GPU: Stand-in 9000, sm_90",
        "| tests | 10 | 0 | 2 | 12 | passed |",
        "| memcheck | 3 | 0 | 0 | 60 | passed |",
        "- 2: no nvcc",
        "- Haste",
        "- fastlm, GRU train float16: RuntimeError: not yet",
        "![ratios.png](ratios.png)",
    ):
        assert line in text.splitlines()
    assert "4.00x" in text
    assert plot.draw(findings().duels, tmp_path) == ["ratios.png"]


def test_the_report_says_what_went_wrong():
    text = gpu_report.render(
        findings(tests=Check("tests", 9, ["tests.nn::test_x"]), sanitizers=[], duels=[], pictures=[], absent=[])
    )
    assert text.startswith("# fastlm on a GPU: CHECKS FAILED\n")
    assert "| tests | 9 | 1 | 0 | 0 | FAILED |" in text
    assert "- tests.nn::test_x" in text
    assert "compute-sanitizer is not installed: memory and races were NOT checked" in text
    assert "Not installed" not in text
    assert "```" not in text
    assert not findings(sanitizers=[Check("racecheck", 3, trouble="the sanitizer has found something")]).ok
