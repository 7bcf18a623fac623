"""The commands fastlm doctor and fastlm bench, as a user runs them."""

import json
import subprocess
import sys

import pytest


def fastlm(*arguments, cwd=None, **options):
    command = [sys.executable, "-c", "from fastlm.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, **options)


def test_doctor_reports_and_is_well():
    result = fastlm("doctor")
    assert result.returncode == 0, result.stdout + result.stderr
    for text in ("instruction set", "CUDA", "rnn_layer(rnn_tanh) float32 cpu", "dropout bfloat16", "all is well"):
        assert text in result.stdout


def test_doctor_as_json():
    findings = json.loads(fastlm("doctor", "--json").stdout)
    assert all(finding["ok"] for finding in findings)
    assert {"fastlm", "torch", "instruction set", "n-gram engine"} <= {finding["what"] for finding in findings}


def test_doctor_finds_a_wrong_operator():
    code = (
        "from fastlm import reference; import torch;"
        "reference.CELLS['rnn_tanh'] = reference.Cell(lambda x, h, *_: [torch.sin(x + h)]);"
        "from fastlm.cli import main; import sys; sys.argv[1:] = ['doctor']; main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert result.returncode == 1
    assert "something is not right" in result.stdout
    assert "please report it" in result.stdout


def test_bench_prints_ratios_and_writes_files(tmp_path):
    result = fastlm("bench", "dropout", "ngram", "--quick", "--output", str(tmp_path / "out"), cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "geometric means" in result.stdout
    assert "dropout bfloat16" in result.stdout
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {duel["suite"] for duel in results["duels"]} == {"dropout", "ngram"}
    assert all(duel["ours"] > 0 and (duel["peer"] is None or duel["ratio"] > 0) for duel in results["duels"])
    assert results["notes"][0].startswith("text: ")
    for name in ("ratios.png", "ngram_growth.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    header, row = (tmp_path / "out" / "ngram_growth.csv").read_text().splitlines()
    growth = dict(zip(header.split(","), row.split(","), strict=True))
    assert growth["words"] == "50000"
    assert float(growth["bytes_per_ngram"]) > float(growth["compact_bytes_per_ngram"]) > 0


def test_bench_refuses_a_text_that_is_not_there():
    result = fastlm("bench", "ngram", "--text", "no-such-file")
    assert result.returncode == 2
    assert "no-such-file is no file" in result.stderr


def test_bench_names_its_suites():
    result = fastlm("bench", "cooking")
    assert result.returncode == 2
    assert "fastlm: no suite cooking; there are dropout, generation, loss, memory, ngram, optim, rnn" in result.stderr


def test_bench_is_either_quick_or_full():
    result = fastlm("bench", "rnn", "--quick", "--full")
    assert result.returncode == 2
    assert "--quick and --full exclude each other" in result.stderr


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_packages_the_command_says_so(missing):
    code = f"import sys; sys.modules['{missing}'] = None; from fastlm.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert f"fastlm: the command line needs the package {missing}; pip install 'fastlm[cli]'" in result.stderr
    assert "Traceback" not in result.stderr
