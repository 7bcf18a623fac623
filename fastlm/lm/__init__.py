"""Language models on top of the layers: vocabulary, data, models, training, evaluation, generation."""

from fastlm.lm.conditional import ConditionalLM
from fastlm.lm.config import from_config
from fastlm.lm.contract import LanguageModel, detached, map_state
from fastlm.lm.data import Columns, chunk_lengths, chunks, columns
from fastlm.lm.encoders import SentenceClassifier, SentenceEncoder, SequenceTagger
from fastlm.lm.evaluation import perplexity
from fastlm.lm.fixed_window import FixedWindowLM
from fastlm.lm.generation import generate
from fastlm.lm.initial import init_
from fastlm.lm.presets import PRESETS, Preset
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
    "FixedWindowLM",
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
    "are_tokens",
    "chunk_lengths",
    "chunks",
    "columns",
    "detached",
    "from_config",
    "generate",
    "init_",
    "load",
    "map_state",
    "perplexity",
    "read_tokens",
    "save",
    "train",
    "write_tokens",
]
