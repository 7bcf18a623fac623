"""What the suites of fastlm bench are made of: sums, limits, pictures, loops."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("matplotlib")

import fastlm.bench
from fastlm.bench import limits, option_loops, peak_memory, plot
from fastlm.bench.duels import Duel, regimes, table

MACHINE = limits.Limits(gflops=100.0, read_gb_s=((1 << 20, 50.0), (1 << 30, 10.0)))


def test_a_regime_sums_up_its_duels():
    duels = [
        Duel("rnn", "small", "LSTM", ours=1.0, peer=4.0, limit=0.5),
        Duel("rnn", "large", "LSTM", ours=2.0, peer=2.0, limit=0.5, plain=1.0),
        Duel("memory", "large", "LSTM", ours=80.0, peer=100.0, unit="MB"),
    ]
    rnn, memory = regimes(duels)
    assert rnn.ratios == [4.0, 1.0]
    assert rnn.mean == pytest.approx(2.0)
    assert rnn.our_share == pytest.approx(100 * (0.5 * 0.25) ** 0.5)
    assert rnn.peer_share == pytest.approx(100 * (0.125 * 0.25) ** 0.5)
    assert memory.mean == pytest.approx(1.25)
    assert memory.our_share is rnn.of_plain is None
    lines = list(table(duels))
    assert any(
        re.search(r"large .* 2000\.000ms +2000\.000ms +1\.00x +25\.0% +25\.0% +2\.00 of plain", x) for x in lines
    )
    assert any(re.search(r"large +80\.0MB +100\.0MB +1\.25x$", line) for line in lines)


def least(rows, steps, training=False, **work):
    return limits.rnn_seconds(MACHINE, limits.Recurrent(**{"gates": 4, "hidden": 128} | work), rows, steps, training)


def test_the_least_time_counts_what_is_done():
    one = least(3200, 100)
    assert one == pytest.approx(2 * 2 * 3200 * 4 * 128**2 / 100e9)  # W and U, bound by arithmetic
    assert least(3200, 100, training=True) == pytest.approx(3 * one)
    assert least(3200, 100, layers=2) == pytest.approx(2 * one)
    assert least(3200, 100, directions=2) == pytest.approx(2 * one)
    assert least(3200, 100, layers=2, directions=2) == pytest.approx(5 * one)  # the second reads both directions
    assert least(1600, 100) == pytest.approx(one / 2)  # a packed batch half full
    assert least(100, 100) == pytest.approx(one / 64 + 100 * 4 * 4 * 128**2 / 50e9)  # one sequence: bound by reading U
    assert least(3200, 100, projection=64) == pytest.approx(one * (4 * 128**2 + (4 + 1) * 128 * 64) / (8 * 128**2))


def test_pictures(tmp_path):
    duels = [
        Duel(
            "rnn", "", f"{kind} {mode}", 1.0, 0.3 + 0.1 * batch, facts={"kind": kind, "mode": mode, "steps": 35} | size
        )
        for kind, mode in itertools.product(("RNN", "LSTM"), ("forward", "train"))
        for hidden, batch in itertools.product((64, 128, 256, 512), (1, 8, 32))
        for size in [{"hidden": hidden, "batch": batch, "variant": ""}]
    ]
    assert plot.draw(duels, tmp_path) == ["ratios.png", "rnn_heatmap.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("ratios.png", "rnn_heatmap.png"))
    assert plot.draw(duels[:3], tmp_path) == ["ratios.png"]  # too few for a map


LSTM_OPTIONS = ["recurrent_dropout", "weight_dropout", "input_dropout", "bptt_clip", "zoneout"]
CASES = [*(("LSTM", option) for option in LSTM_OPTIONS), ("GRU", "recurrent_dropout"), ("GRU", "zoneout")]


@pytest.mark.parametrize(("kind", "option"), CASES)
def test_a_loop_with_its_option_off_is_the_plain_layer(kind, option):
    loop = getattr(option_loops, f"{kind.lower()}_{option}")
    layer = getattr(torch.nn, kind)(5, 7)
    x = torch.randn(4, 3, 5, requires_grad=True)
    expected = layer(x)[0]
    off = 1e9 if option == "bptt_clip" else 0.0
    output = loop(layer, x, off)
    torch.testing.assert_close(output, expected)
    gradients = [torch.autograd.grad(y.square().sum(), (x, *layer.parameters())) for y in (output, expected)]
    torch.testing.assert_close(*gradients)


def test_memory_of_a_step_is_seen():
    steps, batch, hidden = 256, 32, 128
    least_kept = 4 * steps * batch * hidden * 3  # output, cell states and the input's gradient
    assert peak_memory.training_step_bytes("torch.nn", "LSTM", steps, batch, hidden) > least_kept


def test_recurrent_duels_run(tmp_path):
    folder = Path(fastlm.bench.__path__[0])
    options = ["-q", "-p", "no:cacheprovider", "-c", str(folder / "pytest.ini"), "--benchmark-quiet", "--quick"]
    command = [sys.executable, "-m", "pytest", *options, str(folder / "bench_rnn.py"), "-k", "B8-H128 and LSTM"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    for regime in ("forward, T128", "train, 2 layers", "train, bidirectional", "train, packed"):
        assert re.search(rf"^LSTM {regime} +[\d.]+x", result.stdout, re.M), result.stdout
