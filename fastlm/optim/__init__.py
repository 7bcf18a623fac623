"""Optimisers with torch's constructors and ``state_dict``, with clipping and the update in one pass."""

from fastlm.optim.clipped import SGD, Adam, AdamW
from fastlm.optim.ntasgd import NTASGD

__all__ = ["NTASGD", "SGD", "Adam", "AdamW"]
