"""Language models on top of the layers: vocabulary, data, models, training, evaluation, generation."""

from fastlm.lm.beam import Hypothesis, beam_search
from fastlm.lm.conditional import ConditionalLM
from fastlm.lm.config import from_config
from fastlm.lm.contract import LanguageModel, detached, map_state
from fastlm.lm.data import Columns, chunk_lengths, chunks, columns
from fastlm.lm.dynamic import dynamic_token_scores, evaluate_dynamically, gradient_squares
from fastlm.lm.encoders import SentenceClassifier, SentenceEncoder, SequenceTagger
from fastlm.lm.evaluation import Evaluation, evaluate, perplexity, token_scores
from fastlm.lm.fitting import accuracy, fit, predict
from fastlm.lm.fixed_window import FixedWindowLM
from fastlm.lm.generation import generate, generate_batch
from fastlm.lm.initial import init_
from fastlm.lm.interpolation import Interpolation, interpolate
from fastlm.lm.labelled import read_labelled, read_tagged
from fastlm.lm.presets import PRESETS, Preset, preset
from fastlm.lm.recipe import Recipe
from fastlm.lm.recurrent import RecurrentLM
from fastlm.lm.saving import Loaded, load, save
from fastlm.lm.tokens import Tokens, are_tokens, read_tokens, write_tokens
from fastlm.lm.trainer import Epoch, Trainer
from fastlm.lm.training import Step, train
from fastlm.lm.vocabulary import END, UNKNOWN, Vocabulary

__all__ = [
    "END",
    "PRESETS",
    "UNKNOWN",
    "Columns",
    "ConditionalLM",
    "Epoch",
    "Evaluation",
    "FixedWindowLM",
    "Hypothesis",
    "Interpolation",
    "LanguageModel",
    "Loaded",
    "Preset",
    "Recipe",
    "RecurrentLM",
    "SentenceClassifier",
    "SentenceEncoder",
    "SequenceTagger",
    "Step",
    "Tokens",
    "Trainer",
    "Vocabulary",
    "accuracy",
    "are_tokens",
    "beam_search",
    "chunk_lengths",
    "chunks",
    "columns",
    "detached",
    "dynamic_token_scores",
    "evaluate",
    "evaluate_dynamically",
    "fit",
    "from_config",
    "generate",
    "generate_batch",
    "gradient_squares",
    "init_",
    "interpolate",
    "load",
    "map_state",
    "perplexity",
    "predict",
    "preset",
    "read_labelled",
    "read_tagged",
    "read_tokens",
    "save",
    "token_scores",
    "train",
    "write_tokens",
]
