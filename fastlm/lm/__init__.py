"""Language models on top of the layers: vocabulary, data, models, training, evaluation, generation."""

from fastlm.lm.beam import Hypothesis, beam_search
from fastlm.lm.conditional import ConditionalLM
from fastlm.lm.config import from_config
from fastlm.lm.contract import LanguageModel, detached, map_state
from fastlm.lm.data import chunks, columns
from fastlm.lm.dynamic import dynamic_token_scores, gradient_squares
from fastlm.lm.encoders import SentenceClassifier, SentenceEncoder, SequenceTagger
from fastlm.lm.evaluation import Evaluation, evaluate, perplexity, token_scores
from fastlm.lm.fixed_window import FixedWindowLM
from fastlm.lm.generation import generate, generate_batch
from fastlm.lm.initial import init_
from fastlm.lm.interpolation import Interpolation, interpolate
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
    "Evaluation",
    "FixedWindowLM",
    "Hypothesis",
    "Interpolation",
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
    "dynamic_token_scores",
    "evaluate",
    "from_config",
    "generate",
    "generate_batch",
    "gradient_squares",
    "init_",
    "interpolate",
    "map_state",
    "perplexity",
    "token_scores",
    "train",
]
