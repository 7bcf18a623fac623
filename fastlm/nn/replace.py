"""Puts fastlm's modules in the place of torch's, inside a model that exists."""

from __future__ import annotations

from torch import nn

from fastlm.nn.dropout import Dropout
from fastlm.nn.rnn import GRU, LSTM, RNN

_RECURRENT: dict[type, type] = {nn.RNN: RNN, nn.LSTM: LSTM, nn.GRU: GRU}


def replace_(model: nn.Module) -> nn.Module:
    """Replaces, in place, every RNN, LSTM, GRU and Dropout of ``torch.nn`` in a model by fastlm's module.

    Parameters stay the same objects, so optimisers and tied weights keep working. Subclasses of torch's modules are
    left as they are, because they may do something else; so are its cells, which are no slower than fastlm's.

    Args:
        model: any module; it is changed.

    Returns:
        The model, or its replacement if ``model`` itself is one of torch's modules.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.RNN(3, 4), nn.Dropout(0.1))
        >>> replace_(model)
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): RNN(3, 4)
          (2): Dropout(p=0.1, inplace=False)
        )
        >>> type(model[1]).__module__
        'fastlm.nn.rnn'
    """
    replaced: dict[int, nn.Module] = {}  # a module that occurs twice stays one module
    for module in list(model.modules()):
        for name, child in module._modules.items():  # named_children() leaves out a second name of the same module
            if child is not None:
                if id(child) not in replaced:
                    replaced[id(child)] = _replacement(child)
                module._modules[name] = replaced[id(child)]
    return _replacement(model)


def _replacement(module: nn.Module) -> nn.Module:
    if type(module) is nn.Dropout:
        return Dropout(module.p, module.inplace).train(module.training)
    kind = _RECURRENT.get(type(module))
    if kind is not None:
        names = ["num_layers", "bias", "batch_first", "dropout", "bidirectional"]
        names += {RNN: ["nonlinearity"], LSTM: ["proj_size"]}.get(kind, [])
        options = {name: getattr(module, name) for name in names}
        new = kind(module.input_size, module.hidden_size, **options, device="meta")
        for name, parameter in module.named_parameters():
            setattr(new, name, parameter)
        return new.train(module.training)
    return module
