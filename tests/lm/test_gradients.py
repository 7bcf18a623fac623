"""How far gradients reach: beside the chain rule by hand, and on networks where the answer is a power."""

import csv
import json

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from typer.testing import CliRunner

from fastlm import lm
from fastlm.cli.app import app
from fastlm.lm.gradient_report import clipping_rows, reach_rows, save_gradients
from fastlm.lm.gradients import gradient_reach, gradients, largest_singular_value, recall_task

IDS = torch.arange(200) % 7


@pytest.fixture(scope="module")
def measured():
    ids, places = recall_task(3, sentences=200)
    options = {"steps": 20, "updates": 40, "singular_value": 3.0}
    return gradients(ids, 10, cells=["rnn_relu", "lstm"], hidden_size=32, places=places, **options)


def linear_model(scale):
    """Elman with ReLU, all units active whatever the word, and U = scale * identity: h_t' = scale * h_{t-1}'."""
    model = lm.RecurrentLM(7, 6, cell="rnn_relu")
    for name, parameter in model.rnn.named_parameters():
        nn.init.constant_(parameter, 1.0 if name.startswith("bias") else 0.0)
    with torch.no_grad():
        model.rnn.weight_hh_l0.copy_(scale * torch.eye(6))
        model.decoder.weight.mul_(1e-4)  # so that the losses' gradients are nearly the same at every place
    return model


class TestReach:
    @pytest.mark.parametrize("scale", [0.5, 1.0, 1.2])
    def test_of_a_linear_network_is_a_power_of_the_singular_value(self, scale):
        model = linear_model(scale)
        norms = gradient_reach(model, IDS, steps=12)
        assert largest_singular_value(model) == pytest.approx(scale)
        assert [norm / norms[0] for norm in norms] == pytest.approx([scale**k for k in range(13)], rel=1e-3)

    def test_is_the_chain_rule(self):
        torch.manual_seed(0)
        model, steps, place = lm.RecurrentLM(7, 5), 4, 150
        w, u, b, c = model.rnn.all_weights[0]
        with torch.no_grad():
            h = torch.zeros(5)
            for word in IDS[place - 2 * steps - 1 : place - steps]:
                h = torch.tanh(w @ model.embedding.weight[word] + u @ h + b + c)
        states = [h.requires_grad_()]
        for word in IDS[place - steps : place]:
            states.append(torch.tanh(w @ model.embedding.weight[word] + u @ states[-1] + b + c))
        loss = cross_entropy(model.decoder(states[-1]), IDS[place])
        expected = [slope.norm().item() for slope in torch.autograd.grad(loss, states)]
        found = gradient_reach(model, IDS, steps, places=torch.tensor([place]))
        assert found == pytest.approx(expected[::-1], rel=1e-4)

    def test_of_an_lstm_counts_both_states_of_all_layers(self):
        model = lm.RecurrentLM(7, 5, 2, cell="lstm")
        norms = gradient_reach(model, IDS, steps=3)
        assert len(norms) == 4
        assert min(norms) > 0
        with torch.no_grad():
            for layer in (0, 1):
                getattr(model.rnn, f"weight_hh_l{layer}").zero_()
                getattr(model.rnn, f"bias_hh_l{layer}")[5:10] = 100.0  # the forget gate: c stays
        cells_alone = gradient_reach(model, IDS, steps=40)
        assert cells_alone[40] == pytest.approx(cells_alone[5], rel=0.8)

    def test_singular_values_are_of_each_gate(self):
        model = lm.RecurrentLM(7, 4, 2, cell="gru")
        with torch.no_grad():
            model.rnn.weight_hh_l0.zero_()
            model.rnn.weight_hh_l1.copy_(torch.cat([torch.eye(4), 3 * torch.eye(4), torch.zeros(4, 4)]))
        assert largest_singular_value(model) == pytest.approx(3.0)

    def test_errors(self):
        with pytest.raises(ValueError, match="behind 201 others, got 200 tokens"):
            gradient_reach(lm.RecurrentLM(7, 4), IDS, steps=200)
        with pytest.raises(ValueError, match="learning_rate > 0"):
            gradients(IDS, 7, learning_rate=0.0)
        with pytest.raises(ValueError, match="no recurrent matrix"):
            largest_singular_value(lm.FixedWindowLM(7))


class TestTraining:
    def test_clipping_keeps_a_relu_network_from_diverging(self, measured):
        relu, _ = measured
        assert relu.unclipped.diverged
        assert relu.unclipped.loss == float("inf")
        assert relu.clipped.diverged is None
        assert len(relu.clipped.losses) == 40
        assert relu.clipped.exploding(1.0) == sum(norm > 1 for norm in relu.clipped.norms) > 0
        assert max(relu.clipped.norms_after) == 1.0

    def test_starts_from_the_singular_value_that_is_asked_for(self):
        (found,) = gradients(IDS, 7, cells=["gru"], hidden_size=8, steps=4, updates=1, singular_value=1.7)
        assert found.singular_values[0] == pytest.approx(1.7, rel=1e-5)

    def test_the_task_of_memory(self):
        ids, places = recall_task(delay=2, sentences=50, symbols=3)
        sentences = ids.view(50, 5)
        assert sentences[:, 0].equal(ids[places])
        assert set(sentences[:, 0].tolist()) == {2, 3, 4}
        assert sentences[:, 1:3].eq(0).all()
        assert sentences[:, 4].eq(1).all()


def test_files(measured, tmp_path):
    paths = save_gradients(tmp_path / "new", measured)
    reach = list(csv.DictReader(paths[0].open()))
    assert len(reach) == 2 * 2 * 21
    assert float(reach[22]["norm"]) == pytest.approx(measured[0].trained[1])
    clipping = list(csv.DictReader(paths[1].open()))
    assert len(clipping) == sum(len(run.losses) for cell in measured for run in (cell.clipped, cell.unclipped))
    assert json.loads(paths[2].read_text())[1]["cell"] == "lstm"
    assert paths[3].read_bytes().startswith(b"\x89PNG")
    assert reach_rows(measured)[1]["20 steps back, trained"] == measured[1].trained[20] / measured[1].trained[1]
    assert clipping_rows(measured)[0]["loss, without clipping"].startswith("diverged at step")


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(app, ["lm", "gradients", *arguments])

    def test_table_and_json(self, tmp_path):
        text = tmp_path / "text"
        text.write_text("the tickets that she printed were old\n" * 20)
        small = ["--hidden", "8", "--steps", "4", "--updates", "2", "--cell", "gru"]
        shown = self.run(str(text), *small, "--output", str(tmp_path / "out"))
        assert shown.exit_code == 0
        assert "GRU" in shown.stdout
        assert len(list((tmp_path / "out").iterdir())) == 4
        (cell,) = json.loads(self.run(*small, "--delay", "1", "--json").stdout)["cells"]
        assert len(cell["trained"]) == 5

    def test_errors(self, tmp_path):
        unknown = self.run("--cell", "transformer")
        assert (unknown.exit_code, "there are rnn_tanh" in unknown.stderr) == (2, True)
        missing = self.run(str(tmp_path / "none"))
        assert (missing.exit_code, missing.stderr.count("\n")) == (1, 1)
        (tmp_path / "short").write_text("a b\n")
        short = self.run(str(tmp_path / "short"))
        assert (short.exit_code, "take fewer steps" in short.stderr) == (1, True)
