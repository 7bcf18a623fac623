"""Sampling from LSTM language models, beside the same models of torch.nn: the same text, by the same loop."""

from typing import NamedTuple

import torch

from fastlm import lm


class Shape(NamedTuple):
    words: int
    texts: int
    hidden: int
    vocabulary: int

    def __str__(self):
        return f"{self.words} words, {self.texts} at once, 2x{self.hidden}, V={self.vocabulary}"


SHAPES = [Shape(1000, 1, 650, 10_000), Shape(100, 16, 650, 10_000), Shape(1000, 1, 200, 100)]
QUICK_SHAPES = [Shape(100, 1, 650, 10_000)]


def bench_generation(duel, shape):
    torch.manual_seed(0)
    vocabulary = lm.Vocabulary(f"w{i}" for i in range(shape.vocabulary - 2))
    models = [
        lm.RecurrentLM(shape.vocabulary, shape.hidden, 2, cell="lstm", recurrent=side) for side in ("fastlm", "torch")
    ]
    models[1].load_state_dict(models[0].state_dict())
    texts = {}

    def sampling(model):
        def run():
            prompts = [""] * shape.texts
            texts[model] = lm.generate_batch(
                model, vocabulary, prompts, max_words=shape.words, temperature=0.8, seed=1, until_end=False
            )

        return run

    duel(*map(sampling, models), regime="generation")
    assert texts[models[0]] == texts[models[1]]
