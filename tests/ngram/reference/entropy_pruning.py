"""Entropy pruning: n-grams go if the model's perplexity, on text of its own, hardly rises without them.

Stolcke (1998), "Entropy-based pruning of backoff language models". As in SRILM, the probability of a history that
begins with <s> takes that of </s> for <s>, since there are as many of both, and an n-gram stays if a longer one that
begins with it does; here also if one does that ends with it, as an engine finds longer n-grams by way of their ends.
"""

import math

from tests.ngram.reference.counts import BEGIN, END
from tests.ngram.reference.model import Model


def history_probability(model, history):
    """P(h1) P(h2 | h1) ...: how often the model itself would write these words."""
    p = 1.0
    for i, word in enumerate(history):
        p *= model.probability(END if i == 0 and word == BEGIN else word, history[:i])
    return p


def relative_change(model, ngram, listed):
    """(perplexity without the n-gram) / (perplexity with it) - 1; listed: {context: its listed words}."""
    history, word = ngram[:-1], ngram[-1]
    p, shorter = model.p[ngram], model.probability(word, history[1:])
    left = 1 - sum(model.p[*history, other] for other in listed[history])
    room = 1 - sum(model.probability(other, history[1:]) for other in listed[history])
    weight = (left + p) / (room + shorter)  # of the shorter context, when the n-gram has gone
    change = p * (math.log(shorter * weight) - math.log(p))
    if left > 1e-9:  # what was not listed changes too
        change += left * (math.log(weight) - math.log(model.weights.get(history, 1.0)))
    return math.exp(-history_probability(model, history) * change) - 1


def entropy_pruned(model, threshold):
    """The model without the n-grams of which each alone would raise its perplexity by less than the threshold."""
    listed = words_of_contexts(model.p)
    p = dict(model.p)
    needed = set()  # begins and ends of n-grams that stay
    for ngram in sorted(model.p, key=len, reverse=True):
        if len(ngram) > 1 and ngram not in needed and relative_change(model, ngram, listed) < threshold:
            del p[ngram]
        else:
            needed.update((ngram[:-1], ngram[1:]))
    return with_weights(model.order, p)


def words_of_contexts(p):
    listed = {}
    for ngram in p:
        if len(ngram) > 1:
            listed.setdefault(ngram[:-1], []).append(ngram[-1])
    return listed


def with_weights(order, p):
    """A model of these n-grams: the weight of each context is the one that makes it sum to 1."""
    model = Model(order, p, {})
    listed = words_of_contexts(p)
    for history in sorted(listed, key=len):
        left = 1 - sum(p[*history, word] for word in listed[history])
        room = 1 - sum(model.probability(word, history[1:]) for word in listed[history])
        model.weights[history] = left / room if room > 1e-9 else 0.0
    return model
