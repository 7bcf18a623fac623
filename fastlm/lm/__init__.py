"""Language models on top of the layers: vocabulary, data, models, training, evaluation, generation."""

from fastlm.lm.data import chunks, columns
from fastlm.lm.evaluation import perplexity
from fastlm.lm.generation import generate
from fastlm.lm.models import RecurrentLM
from fastlm.lm.training import Step, train
from fastlm.lm.vocabulary import END, UNKNOWN, Vocabulary

__all__ = [
    "END",
    "UNKNOWN",
    "RecurrentLM",
    "Step",
    "Vocabulary",
    "chunks",
    "columns",
    "generate",
    "perplexity",
    "train",
]
