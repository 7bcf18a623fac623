"""The model of the CUDA kernels' speed: its sums, and that the page is of the table of kernels."""

import csv
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from fastlm.bench import cuda_model
from fastlm.bench.cuda_flows import KEPT_REGISTERS, REGIMES, Work
from fastlm.bench.cuda_model import blocks_per_sm, devices, estimate

DOCS = Path(__file__).parents[2] / "docs"
A100, H100 = devices()["A100"], devices()["H100"]
BLOCK, CLUSTER, GRID, STEP = REGIMES[:4]


def kernels():
    with (DOCS / "cuda-kernels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_devices_are_those_of_the_header():
    assert list(devices()) == ["A100", "H100", "L4", "RTX 4090", "B200"]
    assert (H100.multiprocessors, H100.shared_of_block, H100.max_cluster) == (132, 227 << 10, 16)
    assert H100.dram_gb_s == 3352


def test_blocks_on_an_sm_are_counted_as_the_header_counts_them():  # see tests/cuda/occupancy_check.cc
    assert blocks_per_sm(A100, 256, 32, 0) == 8
    assert blocks_per_sm(A100, 256, 64, 0) == 4
    assert blocks_per_sm(H100, 512, 128, 227 << 10) == 1
    assert blocks_per_sm(H100, 512, 128, 228 << 10) == 0
    assert blocks_per_sm(H100, 512, 255, 0) == 0


def test_a_step_of_one_block():
    one = estimate(BLOCK, Work("LSTM", 10, 1, 128), H100, [])
    clocks = 2 * 4 * 128 * 128 / 2 / 128  # multiply-adds, 128 a clock
    assert one.arithmetic == pytest.approx(clocks / 1980, rel=1e-3)
    in_shared = 4 * 4 * 128 * 128 - 512 * KEPT_REGISTERS * 4  # the rest of U lies in registers
    assert one.flow.block_bytes == in_shared + 2 * 128 * 4
    assert one.shared == pytest.approx((in_shared + 16 * 128 * 4) / 128 / 1980)
    assert one.dram == pytest.approx(128 * 4 * (4 + 6) / 3352e3)
    assert (one.bound, one.step_us) == ("shared", one.shared + one.waiting)
    two = estimate(BLOCK, Work("LSTM", 10, 2, 128), H100, [])
    assert two.step_us == pytest.approx(one.step_us, rel=1e-2)  # on another SM


def test_a_launch_a_step_is_bound_by_launching_or_by_reading_u():
    assert estimate(STEP, Work("LSTM", 35, 16, 128), H100, []).bound == "waiting"
    large = estimate(STEP, Work("LSTM", 35, 16, 4096), H100, [])
    assert (large.bound, large.flow.dram > large.work.weights) == ("dram", True)  # 268 MB are more than L2 holds


def test_what_does_not_fit_has_no_estimate():
    assert estimate(BLOCK, Work("LSTM", 35, 16, 256), H100, []) is None
    assert estimate(CLUSTER, Work("LSTM", 35, 16, 256), A100, []) is None
    assert estimate(CLUSTER, Work("LSTM", 35, 16, 256), H100, []).flow.barriers.startswith("1 cluster of ")
    assert estimate(GRID, Work("LSTM", 35, 16, 4096), H100, []) is None


def test_registers_come_from_the_table_where_it_has_the_kernel():
    work, name = Work("RNN", 35, 16, 64), "persistent_forward_kernel<Elman<Tanh>, float, 2>"
    rows = [{"kernel": name, "architecture": a, "registers": r} for a, r in (("80", "50"), ("90", "60"), ("120", "70"))]
    rows.append({"kernel": name.replace("Tanh", "Relu"), "architecture": "90", "registers": "99"})
    for device, registers, in_table in ((A100, 50, True), (H100, 60, True)):
        one = estimate(BLOCK, work, device, rows)
        assert (one.registers, one.in_table) == (registers, in_table)
    assert not estimate(BLOCK, work._replace(backward=True), H100, rows).in_table


def test_the_page_is_of_the_table():
    page = cuda_model.document(list(cuda_model.estimates(kernels())), cuda_model.plans())
    assert (DOCS / "cuda-model.md").read_text() == page, "make cuda-model"
    assert all("MODEL, not measured" in line for line in page.splitlines() if line.startswith("## ") and "00" in line)


def test_files_are_written(tmp_path):
    found = list(cuda_model.estimates([]))
    cuda_model.save(found, tmp_path / "model.csv")
    cuda_model.plot(found, tmp_path / "model.png")
    with (tmp_path / "model.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found)
    assert all(float(row["step_us"]) > 0 and row["registers_known"] == "False" for row in rows)
    assert all(int(row["flops_sequence"]) == int(row["steps"]) * int(row["flops_step"]) for row in rows)
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")
