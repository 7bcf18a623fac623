"""``make gpu``: on a machine with a GPU, every check and every measurement, and one report of them.

Writes bench-output/gpu/report.md, its pictures and results.json. Exit code 2 without a GPU, 1 if a check failed.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from fastlm.bench.gpu_device import stop_without_gpu

if TYPE_CHECKING:
    from fastlm.bench.duels import Duel

ROOT = Path(__file__).resolve().parents[1]
TESTS = ("tests/cuda", "tests/ops", "tests/nn")
SANITIZERS = ("memcheck", "racecheck", "initcheck", "synccheck")
# A few launches of each regime: a sanitizer makes a kernel a hundred times slower.
SANITIZED = (
    "tests/cuda/test_on_gpu.py",
    "-k",
    "(each_regime and float32 and lstm) or (dropout and not 1677) or out_of_bounds",
)
FOUND = 86  # exit code of a sanitizer that has found something
TIMEOUT = 3600


@dataclass(frozen=True)
class Check:
    """A run of tests, plain or under a sanitizer."""

    name: str
    passed: int = 0
    failures: Sequence[str] = ()
    skipped: Counter[str] = field(default_factory=Counter)
    """Reason -> tests."""
    seconds: float = 0
    trouble: str = ""
    """What kept it from running or from ending well, in one sentence; the output is beside the report."""

    @property
    def ok(self) -> bool:
        """A check that was not run is not one that failed, but is said."""
        return not self.failures and not self.trouble

    @property
    def verdict(self) -> str:
        """In a word or a sentence."""
        return self.trouble or ("FAILED" if self.failures else "passed" if self.passed else "not run")


def parse_junit(name: str, path: Path) -> Check:
    """What pytest has written."""
    cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    failures, skipped = [], Counter[str]()
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            failures.append(f"{case.get('classname')}::{case.get('name')}")
        elif (skip := case.find("skipped")) is not None:
            skipped[skip.get("message") or "no reason"] += 1
    passed = len(cases) - len(failures) - skipped.total()
    return Check(name, passed, failures, skipped, sum(float(case.get("time") or 0) for case in cases))


def run_pytest(name: str, arguments: Sequence[str], folder: Path, before: Sequence[str] = ()) -> Check:
    """Runs tests, possibly under another program."""
    report, output = folder / f"{name}.xml", folder / f"{name}.txt"
    report.unlink(missing_ok=True)
    options = ["-q", "-p", "no:cacheprovider", "-rfE", f"--junitxml={report}"]
    command = [*before, sys.executable, "-m", "pytest", *options, *arguments]
    # torch's allocator hands out parts of larger blocks, past whose ends a sanitizer does not see
    environment = os.environ | ({"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"} if before else {})
    begin = time.monotonic()
    try:
        with output.open("w") as file:
            code = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, timeout=TIMEOUT
            ).returncode
    except subprocess.TimeoutExpired:
        return Check(name, trouble=f"stopped after {TIMEOUT} s", seconds=time.monotonic() - begin)
    seconds = time.monotonic() - begin
    if not report.exists():
        return Check(name, trouble=f"pytest did not end (exit code {code}); see {output.name}", seconds=seconds)
    check = parse_junit(name, report)
    trouble = trouble_of(check, code, output.name)
    return Check(name, check.passed, check.failures, check.skipped, seconds, trouble)


def trouble_of(check: Check, code: int, output: str) -> str:
    """What an exit code says beyond the failed tests."""
    if code == FOUND:
        return f"the sanitizer has found something; see {output}"
    if not check.passed and not check.failures:
        return "no test ran"
    return f"exit code {code}; see {output}" if code and not check.failures else ""


def sanitizer() -> str | None:
    """NVIDIA's compute-sanitizer, if it is installed."""
    homes = [os.environ.get("CUDA_HOME"), "/usr/local/cuda"]
    places = [None, *(os.path.join(home, "bin") for home in homes if home)]
    return next(filter(None, (shutil.which("compute-sanitizer", path=place) for place in places)), None)


def sanitize(folder: Path) -> Iterator[Check]:
    """The chosen tests under each tool."""
    program = sanitizer()
    for tool in SANITIZERS if program else ():
        before = [str(program), "--tool", tool, f"--error-exitcode={FOUND}", "--target-processes=all"]
        yield run_pytest(tool, SANITIZED, folder, before)


def machine() -> dict[str, str]:
    """What was measured, and on what."""
    import torch

    import fastlm

    gpu = torch.cuda.get_device_properties(0)
    commit = text_of(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    query = ["nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,power.limit", "--format=csv,noheader"]
    return {
        "GPU": f"{gpu.name}, sm_{gpu.major}{gpu.minor}, {gpu.multi_processor_count} SMs, {gpu.total_memory >> 30} GiB",
        "driver, highest clock, power limit": text_of(query),
        "torch, CUDA, cuDNN": f"{torch.__version__}, {torch.version.cuda}, {torch.backends.cudnn.version()}",
        "fastlm": f"{fastlm.__version__}, commit {commit}",
        "system": f"{platform.platform()}, Python {platform.python_version()}",
        "when": time.strftime("%Y-%m-%d %H:%M %Z"),
    }


def text_of(command: Sequence[str]) -> str:
    """First line of what a program says; "unknown" if it does not."""
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        lines = []
    return lines[0] if lines else "unknown"


@dataclass(frozen=True)
class Findings:
    """All that the report tells."""

    machine: dict[str, str]
    tests: Check
    sanitizers: Sequence[Check]
    duels: Sequence[Duel]
    not_run: Sequence[str]
    """Sides of duels that failed, with the error."""
    absent: Sequence[str]
    """Peers that are not installed."""
    pictures: Sequence[str]

    @property
    def ok(self) -> bool:
        """Whether all checks passed."""
        return self.tests.ok and all(check.ok for check in self.sanitizers)


def render(findings: Findings) -> str:
    """The report, as Markdown."""
    return "\n".join([*_machine(findings), *_checks(findings), *_measurements(findings)]) + "\n"


def _machine(findings: Findings) -> Iterator[str]:
    yield f"# fastlm on a GPU: {'all checks passed' if findings.ok else 'CHECKS FAILED'}\n"
    yield from (f"- {what}: {found}" for what, found in findings.machine.items())
    yield ""


def _checks(findings: Findings) -> Iterator[str]:
    yield "## Checks\n"
    yield "| check | passed | failed | skipped | seconds | |"
    yield "|---|---:|---:|---:|---:|---|"
    for check in (findings.tests, *findings.sanitizers):
        counts = f"{check.passed} | {len(check.failures)} | {check.skipped.total()} | {check.seconds:.0f}"
        yield f"| {check.name} | {counts} | {check.verdict} |"
    yield ""
    if not findings.sanitizers:
        yield "compute-sanitizer is not installed: memory and races were NOT checked on the GPU.\n"
    for check in (findings.tests, *findings.sanitizers):
        yield from listed(f"Failed in {check.name}", check.failures)
    yield from listed("Skipped", (f"{count}: {reason}" for reason, count in findings.tests.skipped.most_common()))


def _measurements(findings: Findings) -> Iterator[str]:
    from fastlm.bench.duels import table

    yield "## Measurements\n"
    yield (
        "Medians of alternated rounds, timed by CUDA events. The peer is torch.nn (cuDNN) where no other is named. "
        "float32: TF32 is off for both; tf32: on for both. The limit is that of the MODEL in docs/cuda-model.md.\n"
    )
    yield from listed("Not installed, so not measured", findings.absent)
    yield from listed("Did not run", findings.not_run)
    yield from (f"![{name}]({name})\n" for name in findings.pictures)
    if findings.duels:
        yield from ("```", *table(list(findings.duels)), "```")


def listed(title: str, lines: Iterable[str]) -> Iterator[str]:
    """A title with its lines; nothing if there are none."""
    if lines := list(lines):
        yield from (f"{title}:\n", *(f"- {line}" for line in lines), "")


def stop_without_library() -> None:
    """Ends the program if torch or fastlm cannot use the GPU."""
    import torch

    import fastlm

    if not torch.cuda.is_available():
        print(f"fastlm: torch {torch.__version__} cannot use the GPU; install a CUDA build of torch", file=sys.stderr)
        sys.exit(2)
    if fastlm.status.cuda != "loaded":
        print(f"fastlm: its CUDA library is not in use: {fastlm.status.cuda}; see fastlm doctor", file=sys.stderr)
        sys.exit(2)


def main() -> None:
    """Runs everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="measure a few shapes only")
    parser.add_argument("--output", type=Path, default=ROOT / "bench-output" / "gpu")
    arguments = parser.parse_args()
    stop_without_gpu()
    stop_without_library()
    from fastlm.bench import gpu_duels, plot
    from fastlm.bench.duels import save

    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    tests = run_pytest("tests", TESTS, folder)
    sanitizers = list(sanitize(folder))
    not_run: list[str] = []
    absent = [name for module, name in gpu_duels.PEERS.items() if not gpu_duels.installed(module)]
    duels, pictures = list(gpu_duels.measure(arguments.quick, not_run)), []
    if duels:
        save(folder / "results.json", "CUDA events", duels)
        pictures = plot.draw(duels, folder)
    findings = Findings(machine(), tests, sanitizers, duels, not_run, absent, pictures)
    (folder / "report.md").write_text(render(findings))
    print(f"written: {folder / 'report.md'}")
    sys.exit(0 if findings.ok else 1)


if __name__ == "__main__":
    main()
