"""Trainer: schedules, logs, and runs that are killed, interrupted or go wrong, and lose nothing."""

import csv
import json
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fastlm import lm
from fastlm.lm.progress import Progress

VOCABULARY = lm.Vocabulary([f"w{i}" for i in range(18)])
IDS = torch.randint(2, 20, (700,), generator=torch.Generator().manual_seed(3))
RECIPE = {"optimizer": "sgd", "lr": 0.5, "batch_size": 4, "bptt": 10, "epochs": 3}


def make_model(**options):
    torch.manual_seed(0)
    return lm.RecurrentLM(20, **{"hidden_size": 6, "cell": "lstm", "num_layers": 2, "dropout": 0.3, **options})


def trainer(model=None, recipe=None, **options):
    return lm.Trainer(model or make_model(), IDS, VOCABULARY, lm.Recipe(**{**RECIPE, **(recipe or {})}), **options)


PROGRAM = f"""
import os, signal, sys, time, torch
sys.path.insert(0, {str(Path(__file__).parent)!r})
torch.set_num_threads(1)  # no other threads: it can fork
import test_trainer as this
from fastlm import lm

def run(output, optimizer, killed=None):
    def report(at):
        if isinstance(at, lm.Step) and at.number == killed:
            os.kill(os.getpid(), signal.SIGKILL)
    model = this.make_model(weight_dropout=0.2, locked=True, embedding_dropout=0.1)
    recipe = dict(optimizer=optimizer, lr=20.0 if optimizer == "nt-asgd" else 0.01, clip=None, nonmono=1, epochs=5)
    recipe["variable_bptt"] = True
    files = dict(output=output, log=output + ".csv", log_every=20, save_every=0.05)
    trainer = this.trainer(model, recipe, valid=this.IDS[:50], report=report, **files)
    if os.path.exists(trainer.checkpoint):
        trainer.resume()
    trainer.run()

def fork(*arguments, seconds=None):
    process = os.fork()
    if not process:
        run(*arguments)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

this.trainer()  # a first optimiser imports a second's worth of modules
folder = sys.argv[1]
for optimizer in ("nt-asgd", "adam"):
    begin = time.perf_counter()
    assert fork(f"{{folder}}/{{optimizer}}-whole", optimizer) == 0
    seconds = time.perf_counter() - begin
    for step in map(int, sys.argv[2:]):
        assert fork(f"{{folder}}/{{optimizer}}-killed", optimizer, step) == -signal.SIGKILL
    assert fork(f"{{folder}}/{{optimizer}}-killed", optimizer) == 0
for share in (0.3, 0.5, 0.7):
    fork(f"{{folder}}/adam-anywhere", optimizer, seconds=share * seconds)
assert fork(f"{{folder}}/adam-anywhere", optimizer) == 0
"""


@pytest.fixture(scope="class")
def killed(tmp_path_factory):
    """Runs that were killed at random steps, and from outside at any moment; and runs that were not."""
    folder = tmp_path_factory.mktemp("killed")
    steps = sorted(random.Random(7).sample(range(2, 85), 5))
    command = [sys.executable, "-c", PROGRAM, str(folder), *map(str, steps)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return folder


class TestKilled:
    @pytest.mark.parametrize("run", ["nt-asgd-killed", "adam-killed", "adam-anywhere"])
    def test_and_resumed_gives_the_same_bits(self, killed, run):
        whole = killed / f"{run.rpartition('-')[0]}-whole"
        assert (killed / run).read_bytes() == whole.read_bytes()
        tensors = load_file(f"{killed / run}.checkpoint")
        for name, tensor in load_file(f"{whole}.checkpoint").items():
            assert tensors[name].equal(tensor), name
        assert any(name.endswith(".average") for name in tensors) == run.startswith("nt-asgd")

    def test_what_was_logged_twice_is_there_once(self, killed):
        rows = [self.rows(killed / f"adam-{run}.csv") for run in ("whole", "killed", "anywhere")]
        assert len(rows[0]) > 5
        assert rows[0] == rows[1] == rows[2]

    @staticmethod
    def rows(path):
        with path.open() as file:
            return [{**row, "seconds": ""} for row in csv.DictReader(file)]


class TestSteps:
    def test_are_those_of_train(self):
        """The plain loop, with torch's layers, takes the same steps."""
        losses = [[], []]
        trainer(make_model(dropout=0.0), {"clip": 0.3}, report=lambda at: losses[0].append(at.loss)).run()
        model = make_model(dropout=0.0, recurrent="torch")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        for step in lm.train(model, *lm.columns(IDS, 4, 1), optimizer, bptt=10, clip=0.3, epochs=3):
            losses[1].append(step.loss)
        steps = [loss for i, loss in enumerate(losses[0]) if (i + 1) % 19]  # a report is of an epoch
        assert steps == pytest.approx(losses[1], rel=1e-4)

    @pytest.mark.parametrize(
        ("tied", "recipe", "sparse"),
        [
            (False, {}, True),
            (True, {}, False),
            (False, {"momentum": 0.5}, False),
            (False, {"optimizer": "adam"}, False),
        ],
    )
    def test_the_gradient_of_an_embedding_has_only_the_words_of_a_chunk_where_that_is_the_same(
        self, tied, recipe, sparse
    ):
        seen = set()
        model = make_model(tied=tied)
        run = trainer(
            model,
            {"clip": 0.3, "epochs": 1, **recipe},
            report=lambda _: seen.add(model.embedding.weight.grad.is_sparse),
        )
        run.run()
        assert seen == {sparse}
        assert not model.embedding.sparse  # afterwards any optimiser takes it

    def test_summed_steps_are_a_larger_rate(self):
        found = []
        for recipe in ({"lr": 5.0, "clip": None}, {"lr": 0.5, "clip": None, "sum_steps": True}):
            run = trainer(make_model(dropout=0.0), {**recipe, "epochs": 1, "batch_size": 7})
            run.run()
            found.append(run.model.decoder.weight)
        torch.testing.assert_close(*found, rtol=1e-3, atol=1e-5)

    def test_a_seed_gives_the_same_model(self):
        found = [trainer(seed=seed) for seed in (5, 5, 6)]
        for run in found:
            run.run()
        weights = [run.model.decoder.weight for run in found]
        assert weights[0].equal(weights[1])
        assert not weights[0].equal(weights[2])


class TestSchedule:
    LOSSES = (5.0, 4.0, 4.5, 3.0, 3.5, 3.6, 3.7)

    @pytest.mark.parametrize(
        ("recipe", "rates", "epochs"),
        [
            ({}, [1.0] * 7, 7),
            ({"decay": 0.5, "decay_from": 4}, [1, 1, 1, 0.5, 0.25, 0.125, 0.0625], 7),
            ({"decay": 0.5, "decay_on_stall": True}, [1, 1, 0.5, 0.5, 0.25, 0.125, 0.0625], 7),
            ({"patience": 2}, [1.0] * 6, 6),
        ],
    )
    def test_rates_and_stops(self, recipe, rates, epochs):
        recipe = lm.Recipe(lr=1.0, **{"epochs": 7, **recipe})
        progress, found = Progress(lr=1.0), []
        for loss in self.LOSSES:
            progress.end_epoch(loss, recipe)
            found.append(progress.lr)
            if progress.finished:
                break
        assert found == rates
        assert progress.epoch == epochs
        assert progress.best == 3.0

    def test_the_best_model_is_kept(self):
        epochs = []
        run = trainer(recipe={"lr": 9.0, "clip": 5.0, "epochs": 6}, valid=IDS[:90], report=epochs.append)
        run.run()
        losses = [at.valid_loss for at in epochs if isinstance(at, lm.Epoch)]
        assert run.validation_loss() == pytest.approx(min(losses), rel=1e-6)
        assert [at.best for at in epochs if isinstance(at, lm.Epoch)][losses.index(min(losses))]

    def test_validation_is_the_perplexity(self):
        run = trainer(valid=IDS[:90], recipe={"batch_size": 1})
        assert np.exp(run.validation_loss()) == pytest.approx(lm.perplexity(run.model, IDS[:90], 1), rel=1e-5)


class TestStops:
    @pytest.mark.parametrize("optimizer", lm.recipe.OPTIMIZERS)
    def test_every_optimizer_goes_on_where_it_was(self, tmp_path, optimizer):
        recipe = {"optimizer": optimizer, "lr": 0.01, "weight_decay": 0.1, "momentum": 0.9, "epochs": 1}
        trainer(recipe=recipe, output=tmp_path / "whole").run()
        trainer(recipe=recipe, output=tmp_path / "model", seconds=0.0).run()
        after = trainer(recipe=recipe, output=tmp_path / "model")
        after.resume()
        after.run()
        assert (tmp_path / "whole").read_bytes() == (tmp_path / "model").read_bytes()

    def test_ctrl_c_saves_and_the_run_goes_on_from_there(self, tmp_path):
        whole = trainer(output=tmp_path / "whole")
        whole.run()

        def interrupt(at):
            if isinstance(at, lm.Step) and at.number == 23:
                os.kill(os.getpid(), signal.SIGINT)

        stopped = trainer(output=tmp_path / "stopped", report=interrupt)
        with pytest.raises(KeyboardInterrupt):
            stopped.run()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        after = trainer(output=tmp_path / "stopped")
        after.resume()
        assert after.progress.step == 23
        after.run()
        assert (tmp_path / "whole").read_bytes() == (tmp_path / "stopped").read_bytes()

    def test_after_its_time_and_goes_on(self, tmp_path):
        first = trainer(output=tmp_path / "model", seconds=0.0, valid=IDS[:50])
        first.run()
        assert first.progress.step == 1
        assert lm.load(tmp_path / "model").meta["steps"] == 1
        after = trainer(output=tmp_path / "model", valid=IDS[:50])
        after.resume()
        after.run()
        whole = trainer(output=tmp_path / "whole", valid=IDS[:50])
        whole.run()
        assert (tmp_path / "whole").read_bytes() == (tmp_path / "model").read_bytes()

    def test_more_epochs_go_on_where_it_ended(self, tmp_path):
        trainer(output=tmp_path / "model").run()
        more = trainer(output=tmp_path / "model", recipe={"epochs": 5})
        more.resume()
        more.run()
        whole = trainer(output=tmp_path / "whole", recipe={"epochs": 5})
        whole.run()
        assert (tmp_path / "whole").read_bytes() == (tmp_path / "model").read_bytes()

    @pytest.mark.parametrize(
        ("save_every", "message", "kept"),
        [(0.0, "the parameters are not finite after step 7", 6), (600.0, "the loss is nan at step 8", 0)],
    )
    def test_what_is_not_finite_stops_it_and_keeps_the_checkpoint(self, tmp_path, save_every, message, kept):
        def spoil(at):
            if at.number == 7:
                with torch.no_grad():
                    run.model.decoder.bias[3] = torch.nan

        run = trainer(output=tmp_path / "model", report=spoil, save_every=save_every)
        with pytest.raises(FloatingPointError, match=rf"{message}; .*the last good checkpoint is .*/model.checkpoint"):
            run.run()
        again = trainer(output=tmp_path / "model")
        again.resume()
        assert again.progress.step == kept
        assert again.model.decoder.bias.isfinite().all()

    def test_an_infinite_gradient_stops_it(self):
        model = make_model()
        with torch.no_grad():
            model.decoder.weight.fill_(3e38)
        with pytest.raises(FloatingPointError, match="at step 1"):
            trainer(model).run()


class TestFiles:
    def test_what_was_saved_is_loaded(self, tmp_path):
        model = make_model(tied=True)
        state = torch.get_rng_state()
        lm.save(model, VOCABULARY, tmp_path / "model", {"note": "ü"})
        loaded = lm.load(tmp_path / "model")
        assert torch.get_rng_state().equal(state)
        assert loaded.meta == {"note": "ü"}
        assert loaded.vocabulary == VOCABULARY
        assert loaded.model.decoder.weight is loaded.model.embedding.weight
        for ours, theirs in zip(model.parameters(), loaded.model.parameters(), strict=True):
            assert ours.equal(theirs)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"model": {"hidden_size": 7}}, "is of another model: hidden_size is 6 there and 7 here"),
            ({"recipe": {"lr": 0.4}}, "is of another recipe: lr is 0.5 there and 0.4 here"),
            ({"options": {"seed": 2}}, "is of another recipe: seed is 1 there and 2 here"),
            ({"options": {"valid": IDS[:30]}}, "is of another validation text: tokens is None there and 30 here"),
        ],
    )
    def test_a_checkpoint_of_another_run(self, tmp_path, change, message):
        trainer(output=tmp_path / "model", recipe={"epochs": 1}).run()
        before = (tmp_path / "model.checkpoint").read_bytes()
        other = trainer(
            make_model(**change.get("model", {})),
            change.get("recipe"),
            output=tmp_path / "model",
            **change.get("options", {}),
        )
        with pytest.raises(ValueError, match=message):
            other.resume()
        assert (tmp_path / "model.checkpoint").read_bytes() == before

    def test_other_files(self, tmp_path):
        (tmp_path / "text").write_text("no model")
        lm.write_tokens(tmp_path / "tokens", ["w1"], VOCABULARY)
        lm.save(make_model(), VOCABULARY, tmp_path / "model")
        (tmp_path / "cut").write_bytes((tmp_path / "model").read_bytes()[:-9])
        for name, message in {
            "text": "is no model of fastlm",
            "cut": "is no model of fastlm, or is damaged",
            "tokens": "expected a model of fastlm, got tokens",
        }.items():
            with pytest.raises(ValueError, match=message):
                lm.load(tmp_path / name)
        with pytest.raises(FileNotFoundError):
            lm.load(tmp_path / "nothing")
        with pytest.raises(ValueError, match="vocabulary of the model's 20 words, got one of 3"):
            lm.save(make_model(), lm.Vocabulary(["a"]), tmp_path / "model")

    def test_a_full_disk_leaves_what_was_there(self, tmp_path):
        run = trainer(output=tmp_path / "model")
        run.run()
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                run.save_checkpoint()
            with pytest.raises(OSError, match="File too large"):
                lm.save(run.model, VOCABULARY, tmp_path / "model")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_a_device_is_not_replaced_and_a_link_leads_to_the_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="pipe: expected the name of a file, got that of a folder or a device"):
            lm.save(make_model(), VOCABULARY, tmp_path / "pipe")
        (tmp_path / "model").touch(mode=0o640)
        (tmp_path / "link").symlink_to("model")
        lm.save(make_model(), VOCABULARY, tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "model").stat().st_mode & 0o777 == 0o640
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "model", "pipe"]

    @pytest.mark.parametrize("suffix", ["csv", "jsonl"])
    def test_the_log(self, tmp_path, suffix):
        path = tmp_path / f"log.{suffix}"
        trainer(log=path, log_every=9, valid=IDS[:50]).run()
        with path.open() as file:
            rows = list(csv.DictReader(file)) if suffix == "csv" else [json.loads(line) for line in file]
        assert [int(row["step"]) for row in rows] == [9, 18, 18, 27, 36, 36, 45, 54, 54]
        assert all(float(row["perplexity"]) == pytest.approx(np.exp(float(row["loss"]))) for row in rows)
        assert [bool(row.get("valid_loss")) for row in rows] == [False, False, True] * 3

    def test_bad_texts(self):
        with pytest.raises(ValueError, match=r"text of at least 4 tokens, .*, got 3; give more text"):
            lm.Trainer(make_model(), IDS[:3], VOCABULARY, lm.Recipe(**RECIPE))
        with pytest.raises(ValueError, match="validation text of at least 1 tokens"):
            trainer(valid=IDS[:0])
        with pytest.raises(ValueError, match="vocabulary of the model's 20 words, got one of 3"):
            lm.Trainer(make_model(), IDS, lm.Vocabulary(["a"]))
        short = lm.Trainer(make_model(), IDS[:12], VOCABULARY, lm.Recipe(**RECIPE))  # shorter than a chunk
        short.run()
        assert short.progress.step == 3
        with pytest.raises(ValueError, match="expected an output"):
            short.resume()
