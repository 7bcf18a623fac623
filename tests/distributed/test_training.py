"""Two processes under torchrun learn what one process learns from the whole batch."""

import subprocess
import sys

import pytest
import torch

from fastlm import distributed, lm

PROGRAM = """
import sys, torch
from fastlm import distributed, lm
torch.set_num_threads(1)
torch.manual_seed(0)
model = distributed.data_parallel(lm.RecurrentLM(20, hidden_size=8))
text = torch.arange(480) * 7 % 20
input, target = distributed.my_columns(*lm.columns(text, batch_size=4, start=1))
assert input.shape == (120, 2)
for step in lm.train(model, input, target, torch.optim.SGD(model.parameters(), lr=0.5), bptt=20, epochs=2):
    pass
if torch.distributed.get_rank() == 0:
    torch.save(model.module.state_dict(), sys.argv[1])
torch.distributed.destroy_process_group()
"""


def test_two_processes_equal_one(tmp_path):
    program, result = tmp_path / "train.py", tmp_path / "model.pt"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*command, str(program), str(result)], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    torch.manual_seed(0)
    model = lm.RecurrentLM(20, hidden_size=8)
    text = lm.columns(torch.arange(480) * 7 % 20, batch_size=4, start=1)
    list(lm.train(model, *text, torch.optim.SGD(model.parameters(), lr=0.5), bptt=20, epochs=2))
    for name, value in torch.load(result).items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_outside_of_torchrun():
    with pytest.raises(RuntimeError, match="expected a program that torchrun started"):
        distributed.data_parallel(lm.RecurrentLM(5))
