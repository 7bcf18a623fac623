"""fastlm.replace_: the same model, with faster parts."""

import torch
from torch import nn

import fastlm


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(4, 6, 2, "relu", bidirectional=True, batch_first=True, dropout=0.3)
        self.drop = nn.Dropout(0.2)
        self.also = self.drop
        self.lstm = nn.LSTM(12, 3, bias=False)
        self.gru = nn.GRU(3, 5)
        self.projected = nn.LSTM(5, 4, proj_size=2)
        self.cells = nn.ModuleList([nn.RNNCell(2, 3, False, "relu"), nn.GRUCell(3, 4), nn.LSTMCell(4, 2)])

    def forward(self, x):
        x, _ = self.lstm(self.drop(self.rnn(x)[0]))
        x = self.projected(self.gru(x)[0])[0][0]
        for cell in self.cells:
            x = cell(x)
        return x


def test_same_results_and_the_same_parameters():
    model = Model().eval()
    x = torch.randn(2, 5, 4)
    want, parameters = model(x), list(model.parameters())
    assert fastlm.replace_(model) is model
    torch.testing.assert_close(model(x), want)
    assert [type(cell) for cell in model.cells] == [fastlm.RNNCell, fastlm.GRUCell, fastlm.LSTMCell]
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert isinstance(model.rnn, fastlm.RNN)
    assert not model.rnn.training
    assert isinstance(model.drop, fastlm.Dropout)
    assert model.drop is model.also
    assert isinstance(model.lstm, fastlm.LSTM)
    assert isinstance(model.gru, fastlm.GRU)
    assert type(model.projected) is nn.LSTM


def test_the_module_itself():
    new = fastlm.replace_(nn.RNN(2, 3))
    assert isinstance(new, fastlm.RNN)


def test_subclasses_are_left_alone():
    class Mine(nn.RNN):
        pass

    assert type(fastlm.replace_(nn.Sequential(Mine(2, 3)))[0]) is Mine
