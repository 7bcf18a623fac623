"""The models: one contract, the same numbers as models of torch.nn, and a config that makes them again."""

import json
import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence

from fastlm import lm

V, T, B = 11, 6, 3
AWD = {"embedding_size": 4, "hidden_size": 6, "num_layers": 2}


def conditional(**options):
    return lm.ConditionalLM(7, V, 5, num_layers=2, **options)


MODELS = {
    "window": lambda: lm.FixedWindowLM(V, 3, 4, 5),
    "direct": lambda: lm.FixedWindowLM(V, 3, 4, 5, direct=True),
    "window of one": lambda: lm.FixedWindowLM(V, 1, 4, 5),
    "elman": lambda: lm.RecurrentLM(V, 5),
    "adaptive": lambda: lm.RecurrentLM(V, 16, cutoffs=[4, 8]),
    "adaptive window": lambda: lm.FixedWindowLM(V, 3, 4, 5, cutoffs=[6]),
    "relu": lambda: lm.RecurrentLM(V, 5, cell="rnn_relu"),
    "lstm": lambda: lm.RecurrentLM(V, 5, 2, cell="lstm", tied=True),
    "gru of torch": lambda: lm.RecurrentLM(V, 5, cell="gru", recurrent="torch", embedding_size=3),
    "indrnn": lambda: lm.RecurrentLM(V, 5, cell="indrnn", init="xavier"),
    "awd": lambda: lm.RecurrentLM.from_preset("awd-lstm", V, **AWD),
    "conditional": conditional,
    "attention": lambda: conditional(attention=True, cell="gru"),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]().eval()


def begin(model):
    if isinstance(model, lm.ConditionalLM):
        return model.encode(torch.arange(4 * B).view(4, B) % 7, torch.tensor([4, 2, 1]))
    return None


def text():
    return torch.randint(V, (T, B)), torch.randint(V, (T, B))


class TestContract:
    def test_forward_is_the_logits_of_the_features(self, model):
        x, _ = text()
        logits, _ = model(x, begin(model))
        hidden, _ = model.features(x, begin(model))
        assert logits.shape == (T, B, V)
        torch.testing.assert_close(model.logits(hidden), logits)

    def test_loss_is_the_mean_over_the_targets_that_count(self, model):
        x, y = text()
        y[2:, 1] = -100
        logits, _ = model(x, begin(model))
        loss, _ = model.loss(x, y, begin(model))
        torch.testing.assert_close(loss, cross_entropy(logits.flatten(0, 1), y.flatten()))
        objective, of_text, _ = model(x, begin(model), y)
        assert objective == of_text == loss

    def test_the_state_goes_on_where_the_text_was_cut(self, model):
        x, _ = text()
        whole, _ = model(x, begin(model))
        first, state = model(x[:2], begin(model))
        rest = []
        for step in x[2:]:
            logits, state = model(step.unsqueeze(0), lm.detached(state))
            rest.append(logits)
        torch.testing.assert_close(torch.cat([first, *rest]), whole, rtol=1e-4, atol=1e-5)

    def test_the_batch_is_dimension_one_of_the_state(self, model):
        x, _ = text()
        _, state = model(x, begin(model))
        order = torch.tensor([2, 0])
        after, _ = model(x[:1, order], lm.map_state(lambda s: s[:, order], state))
        expected, _ = model(x[:1], state)
        torch.testing.assert_close(after, expected[:, order], rtol=1e-4, atol=1e-6)

    def test_config_makes_it_again(self, model):
        again = lm.from_config(json.loads(json.dumps(model.config)))
        assert again.config == model.config
        shapes = {name: p.shape for name, p in model.named_parameters()}
        assert {name: p.shape for name, p in again.named_parameters()} == shapes

    def test_gradients(self, model):
        model.double()
        x, y = text()
        parameters = [p for p in model.parameters() if p.numel() < 40]
        assert torch.autograd.gradcheck(lambda *_: model.loss(x, y, begin(model))[0], parameters)


class TestRecurrent:
    @pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "lstm", "gru"])
    def test_the_same_model_of_torch_has_the_same_weights_loss_and_gradients(self, cell):
        found = []
        x, y = text()
        for recurrent in ("fastlm", "torch"):
            torch.manual_seed(3)
            model = lm.RecurrentLM(V, 5, 2, cell=cell, recurrent=recurrent, init="xavier", orthogonal=True)
            loss, _ = model.loss(x, y)
            loss.backward()
            found.append((model.state_dict(), loss, [p.grad for p in model.parameters()]))
        for ours, theirs in zip(*found, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)

    def test_dropouts_of_torch_layers_are_the_same(self):
        losses = []
        x, y = text()
        for recurrent in ("fastlm", "torch"):
            torch.manual_seed(3)
            options = {"dropout": 0.4, "locked": True, "embedding_dropout": 0.2, "tied": True}
            model = lm.RecurrentLM(V, 6, 2, cell="lstm", embedding_size=4, recurrent=recurrent, **options)
            losses.append(model.loss(x, y)[0].item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)

    def test_tied_weights_are_one_parameter(self):
        model = lm.RecurrentLM(10, hidden_size=6, embedding_size=4, num_layers=2, tied=True)
        assert model.decoder.weight is model.embedding.weight
        assert [layer.hidden_size for layer in model.rnn.layers] == [6, 4]

    def test_penalties_are_of_the_objective_and_not_of_the_loss(self):
        model = lm.RecurrentLM(V, 5, activation_penalty=2.0, slowness_penalty=1.0)
        x, y = text()
        objective, loss, _ = model.objective(x, y)
        hidden, _ = model.features(x)
        penalty = 2 * hidden.square().mean() + (hidden[1:] - hidden[:-1]).square().mean()
        torch.testing.assert_close(objective, loss + penalty)
        assert model.eval().objective(x, y)[0] == loss

    @pytest.mark.parametrize("name", lm.PRESETS)
    def test_presets(self, name):
        model = lm.RecurrentLM.from_preset(name, V, hidden_size=6)
        assert isinstance(lm.PRESETS[name].recipe, lm.Recipe)
        assert model.objective(*text())[0].isfinite()

    def test_the_sizes_of_the_presets(self):
        with torch.device("meta"):
            models = {name: lm.RecurrentLM.from_preset(name, 10_000) for name in lm.PRESETS}
        sizes = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
        assert sizes["zaremba-small"] == 4_653_200  # with torch's two biases
        assert sizes["zaremba-medium"] == 19_780_400
        assert sizes["awd-lstm"] == 24_221_600

    def test_starts_from_unigrams(self):
        model = lm.RecurrentLM(4, hidden_size=4)
        model.start_from_unigrams(torch.tensor([2, 2, 2, 3]))
        assert model.decoder.bias.exp().sum().item() == pytest.approx(1.0)
        assert model.decoder.bias[2] > model.decoder.bias[3] > model.decoder.bias[0]

    def test_an_adaptive_softmax_starts_from_unigrams(self):
        model = lm.RecurrentLM(5, hidden_size=4, cutoffs=[3])
        ids = torch.tensor([2] * 6 + [3] * 3 + [4])
        model.start_from_unigrams(ids)
        torch.nn.init.zeros_(model.decoder.head.weight)
        torch.nn.init.zeros_(model.decoder.tail[0][1].weight)
        x, y = torch.zeros(1, 3, dtype=torch.int64), torch.tensor([[2, 3, 4]])
        expected = torch.tensor([[7 / 15, 6 / 15 / 2, 6 / 15 / 2]])  # each word once more; a cluster's share alike
        torch.testing.assert_close(model.loss_of(model.features(x)[0], y, "none"), -expected.log())

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: lm.RecurrentLM(1), "at least 2 words, got 1"),
            (lambda: lm.FixedWindowLM(1), "at least 2 words, got 1"),
            (lambda: lm.FixedWindowLM(5, window=0), "window must be at least 1"),
            (lambda: lm.RecurrentLM(5, 16, cutoffs=[3, 2]), "cutoffs should be a sequence of unique, positive"),
            (lambda: lm.RecurrentLM(5, 5, cutoffs=[1, 3]), "2 cutoffs need at least 16 features, got 5"),
            (lambda: lm.RecurrentLM(5, 4, cutoffs=[2], tied=True), "no matrix of all words that could be tied"),
            (lambda: lm.RecurrentLM(5, cell="gru2"), "cell must be one of rnn_tanh, .*, got 'gru2'"),
            (lambda: lm.RecurrentLM(5, recurrent="jax"), "recurrent must be 'fastlm', 'torch'"),
            (lambda: lm.RecurrentLM(5, recurrent="torch", weight_dropout=0.5), "have no weight_dropout"),
            (lambda: lm.RecurrentLM(5, 6, embedding_size=4, tied=True), "hidden_size must be that, too, got 6"),
            (lambda: lm.RecurrentLM(5, init="he"), "init must be one of default, uniform, xavier"),
            (lambda: lm.RecurrentLM(5, forget_bias=1.0), "forget_bias is for LSTMs"),
            (lambda: lm.RecurrentLM.from_preset("gpt", 5), "no preset 'gpt'; there are zaremba-small"),
            (lambda: conditional()(torch.zeros(1, 1, dtype=torch.int64)), "needs a state"),
            (lambda: lm.from_config({"class": "Net"}), "expected a model that is one of .*, got 'Net'"),
            (lambda: lm.from_config({"class": "RecurrentLM", "size": 3}), "cannot be made from this file"),
            (lambda: lm.SentenceEncoder(5, pool="sum"), "pool must be one of last, max, mean"),
            (lambda: lm.SentenceClassifier(5, 1), "at least 2 classes"),
            (lambda: lm.Recipe(lr=0), "lr must be a number above 0"),
            (lambda: lm.Recipe(optimizer="lion"), "optimizer must be one of sgd"),
            (lambda: lm.Recipe(bptt=0), "bptt must be at least 1"),
        ],
    )
    def test_errors(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()

    def test_a_model_of_a_users_layers_has_no_config(self):
        with pytest.raises(TypeError, match=r"recurrent=.* cannot be written to a file"):
            _ = lm.RecurrentLM(5, recurrent=nn.RNN).config


class TestInitialWeights:
    def test_uniform_is_everything(self):
        model = lm.RecurrentLM(V, 50, cell="lstm", init="uniform", init_scale=0.04)
        largest = [p.abs().max().item() for p in model.parameters()]
        assert 0.02 < min(largest) <= max(largest) <= 0.04

    def test_xavier_and_orthogonal_gate_by_gate(self):
        model = lm.RecurrentLM(V, 40, cell="gru", embedding_size=24, init="xavier", orthogonal=True)
        for gate in model.rnn.weight_hh_l0.split(40):
            torch.testing.assert_close(gate @ gate.T, torch.eye(40), atol=1e-5, rtol=0)
        for gate in model.rnn.weight_ih_l0.split(40):
            assert gate.std().item() == pytest.approx(math.sqrt(2 / 64), rel=0.1)
        assert not model.rnn.bias_ih_l0.any()

    def test_forget_bias(self):
        lstm = lm.RecurrentLM(V, 4, 2, cell="lstm", forget_bias=1.5).rnn
        for layer in ("l0", "l1"):
            bias = getattr(lstm, f"bias_ih_{layer}") + getattr(lstm, f"bias_hh_{layer}")
            assert (bias[4:8] == 1.5).all()


class TestSentences:
    @pytest.mark.parametrize("pool", ["last", "max", "mean"])
    @pytest.mark.parametrize("cell", ["lstm", "gru"])
    def test_padding_does_not_matter(self, pool, cell):
        model = lm.SentenceClassifier(V, 3, 5, num_layers=2, cell=cell, pool=pool)
        lengths = torch.tensor([2, 6, 4])
        x, _ = text()
        scores = model(x, lengths)
        y = torch.tensor([0, 2, 1])
        torch.testing.assert_close(model.loss(x, y, lengths), cross_entropy(scores, y))
        for i, n in enumerate(lengths):
            torch.testing.assert_close(model(x[:n, i : i + 1])[0], scores[i])
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        torch.testing.assert_close(model(packed), scores)

    def test_pools_equal_their_definitions(self):
        encoder = lm.SentenceEncoder(V, 5, cell="gru", bidirectional=False)
        x, _ = text()
        output, _ = encoder.rnn(encoder.embedding(x))
        for pool, expected in {"last": output[-1], "max": output.amax(0), "mean": output.mean(0)}.items():
            encoder.pool = pool
            torch.testing.assert_close(encoder(x), expected)

    def test_tags_do_not_see_the_padding(self):
        model = lm.SequenceTagger(V, 4, 5)
        lengths = torch.tensor([2, 5, 4])
        x, _ = text()
        scores = model(x, lengths)
        assert scores.shape == (T, B, 4)
        for i, n in enumerate(lengths):
            torch.testing.assert_close(model(x[:n, i : i + 1])[:, 0], scores[:n, i])
        y = torch.full((T, B), -100)
        y[:2] = 1
        torch.testing.assert_close(model.loss(x, y, lengths), cross_entropy(scores[:2].flatten(0, 1), y[:2].flatten()))

    def test_a_source_and_its_padding(self):
        model = conditional(attention=True)
        x, _ = text()
        source, lengths = torch.randint(7, (5, B)), torch.tensor([3, 5, 1])
        logits, _ = model(x, model.encode(source, lengths))
        for i, n in enumerate(lengths):
            alone, _ = model(x[:, i : i + 1], model.encode(source[:n, i : i + 1]))
            torch.testing.assert_close(alone[:, 0], logits[:, i], rtol=1e-4, atol=1e-5)
