"""Two processes under torchrun learn what one process learns from the whole batch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fastlm import distributed, lm

PROGRAM = f"""
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

sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_training
test_training.train(sys.argv[2], distributed.Processes())
torch.distributed.destroy_process_group()
"""


def train(folder, processes=None):
    """Three epochs; and one, resumed for two more. In the last chunk, one of two processes has nothing to learn."""
    text = torch.arange(141) * 7 % 20
    vocabulary = lm.Vocabulary(f"w{i}" for i in range(18))
    for name, epochs in (("whole", 3), ("resumed", 1), ("resumed", 3)):
        torch.manual_seed(0)
        recipe = lm.Recipe(optimizer="sgd", lr=0.5, batch_size=2, epochs=epochs)
        files = {"output": f"{folder}/{name}", "log": f"{folder}/{name}.csv"}
        model = lm.RecurrentLM(20, hidden_size=8)
        trainer = lm.Trainer(model, text, vocabulary, recipe, valid=text[:31], processes=processes, **files)
        if (name, epochs) == ("resumed", 3):
            trainer.resume()
        trainer.run()


def test_two_processes_equal_one(tmp_path):
    program, result = tmp_path / "train.py", tmp_path / "model.pt"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(program), str(result), str(tmp_path)], capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    torch.manual_seed(0)
    model = lm.RecurrentLM(20, hidden_size=8)
    text = lm.columns(torch.arange(480) * 7 % 20, batch_size=4, start=1)
    list(lm.train(model, *text, torch.optim.SGD(model.parameters(), lr=0.5), bptt=20, epochs=2))
    for name, value in torch.load(result).items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-4, atol=1e-5)

    assert (tmp_path / "whole").read_bytes() == (tmp_path / "resumed").read_bytes()
    (tmp_path / "alone").mkdir()
    train(tmp_path / "alone")
    ours, theirs = (lm.load(path / "whole") for path in (tmp_path, tmp_path / "alone"))
    assert ours.meta["loss"] == pytest.approx(theirs.meta["loss"], rel=1e-4)
    for name, value in ours.model.state_dict().items():
        torch.testing.assert_close(value, theirs.model.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_outside_of_torchrun():
    with pytest.raises(RuntimeError, match="expected a program that torchrun started"):
        distributed.data_parallel(lm.RecurrentLM(5))
