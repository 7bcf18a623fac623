"""Language models on top of the layers: vocabulary, data, models, training, evaluation, generation."""

from fastlm.lm.beam import Hypothesis, beam_search
from fastlm.lm.conditional import ConditionalLM
from fastlm.lm.config import from_config
from fastlm.lm.contract import LanguageModel, detached, map_state
from fastlm.lm.data import chunks, columns
from fastlm.lm.encoders import SentenceClassifier, SentenceEncoder, SequenceTagger
from fastlm.lm.evaluation import perplexity
from fastlm.lm.fixed_window import FixedWindowLM
from fastlm.lm.generation import generate, generate_batch
from fastlm.lm.initial import init_
from fastlm.lm.presets import PRESETS, Preset
from fastlm.lm.recipe import Recipe
from fastlm.lm.recurrent import RecurrentLM
from fastlm.lm.training import Step, train
from fastlm.lm.vocabulary import END, UNKNOWN, Vocabulary

__all__ = [
    "END",
    "PRESETS",
    "UNKNOWN",
    "ConditionalLM",
    "FixedWindowLM",
    "Hypothesis",
    "LanguageModel",
    "Preset",
    "Recipe",
    "RecurrentLM",
    "SentenceClassifier",
    "SentenceEncoder",
    "SequenceTagger",
    "Step",
    "Vocabulary",
    "beam_search",
    "chunks",
    "columns",
    "detached",
    "from_config",
    "generate",
    "generate_batch",
    "init_",
    "map_state",
    "perplexity",
    "train",
]
