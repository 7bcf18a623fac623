"""Language models on top of the layers: vocabulary, data, models, training, evaluation, generation."""

from fastlm.lm.beam import Hypothesis, beam_search
from fastlm.lm.data import chunks, columns
from fastlm.lm.evaluation import perplexity
from fastlm.lm.generation import generate, generate_batch
from fastlm.lm.models import RecurrentLM
from fastlm.lm.training import Step, train
from fastlm.lm.vocabulary import END, UNKNOWN, Vocabulary

__all__ = [
    "END",
    "UNKNOWN",
    "Hypothesis",
    "RecurrentLM",
    "Step",
    "Vocabulary",
    "beam_search",
    "chunks",
    "columns",
    "generate",
    "generate_batch",
    "perplexity",
    "train",
]
