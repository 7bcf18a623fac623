"""Models that know how they were made: ``config``, a dict for JSON, and :func:`from_config`, which makes them again."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from typing import Any

from torch import nn

_CLASSES: dict[str, type[Configured]] = {}


class Configured(nn.Module):
    """A module that remembers the arguments of its constructor; every subclass can be made from a config by name."""

    _arguments: dict[str, Any]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _CLASSES[cls.__name__] = cls
        if "__init__" in vars(cls):
            cls.__init__ = _remembering(cls.__init__)  # type: ignore[method-assign]

    @property
    def config(self) -> dict[str, Any]:
        """``{"class": its name, argument: value, ...}``, which JSON can hold.

        Raises:
            TypeError: an argument is nothing that JSON can hold, such as a function.
        """
        for name, value in self._arguments.items():
            try:
                json.dumps(value)
            except TypeError:
                raise TypeError(
                    f"{type(self).__name__} was made with {name}={value!r}, which cannot be written to a file"
                ) from None
        return {"class": type(self).__name__, **self._arguments}


def from_config(config: dict[str, Any]) -> Any:
    """A new model with the arguments of another.

    Args:
        config: of a model of :mod:`fastlm.lm`.

    Raises:
        ValueError: there is no such class, or it does not take these arguments.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> from_config(RecurrentLM(10, hidden_size=4).config).embedding
        Embedding(10, 4)
    """
    arguments = dict(config)
    name = arguments.pop("class", None)
    if name not in _CLASSES:
        raise ValueError(f"expected a model that is one of {', '.join(sorted(_CLASSES))}, got {name!r}")
    try:
        return _CLASSES[name](**arguments)
    except TypeError as error:
        raise ValueError(f"{name} cannot be made from this file: {error}; it may be of another version") from None


def _remembering(init: Callable[..., None]) -> Callable[..., None]:
    signature = inspect.signature(init)
    rest = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), None)

    @functools.wraps(init)
    def wrapper(self: Configured, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])
        if rest is not None:
            arguments.update(arguments.pop(rest))
        init(self, *args, **kwargs)
        self._arguments = arguments  # last: the arguments of a base class are not those of this one

    return wrapper
