"""What occurs in a text: how often each n-gram does, and Kneser and Ney's adjusted counts.

Kneser & Ney (1995), "Improved backing-off for m-gram language modeling"; Heafield et al. (2013), "Scalable modified
Kneser-Ney language model estimation", for n-grams at the begin of a sentence.
"""

import re
from collections import Counter

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"


def words_of(sentence):
    return re.findall(r"[^ \t\n\v\f\r]+", sentence)


def vocabulary_of(sentences, min_count=1, max_vocabulary=None):
    """The words that occur often enough: by falling frequency, then by first appearance."""
    frequency = Counter(word for sentence in sentences for word in words_of(sentence) if word != UNKNOWN)
    ranked = sorted(frequency, key=lambda word: -frequency[word])
    return [word for word in ranked if frequency[word] >= min_count][:max_vocabulary]


def counts(sentences, order, vocabulary=None):
    """{n: {n-gram: how often}} for n = 1 ... order.

    Level 1 has <unk>, <s>, </s> and every word of the vocabulary, seen or not; words outside of it are <unk>.
    """
    texts = [words_of(sentence) for sentence in sentences]
    if vocabulary is not None:
        known = set(vocabulary)
        texts = [[word if word in known else UNKNOWN for word in text] for text in texts]
    levels = {n: Counter() for n in range(1, order + 1)}
    levels[1].update(dict.fromkeys([(UNKNOWN,), (BEGIN,), (END,), *((word,) for word in vocabulary or [])], 0))
    for text in texts:
        words = (BEGIN, *text, END)
        for n, level in levels.items():
            level.update(words[i : i + n] for i in range(len(words) - n + 1))
    return levels


def adjusted(levels):
    """The same levels with Kneser and Ney's counts: how many different words stand before the n-gram, <s> among them.

    N-grams of the highest order, and those that begin with <s>, before which nothing can stand, keep their count.
    """
    order = max(levels)
    result = {n: {ngram: c if n == order or ngram[0] == BEGIN else 0 for ngram, c in levels[n].items()} for n in levels}
    for n in range(1, order):
        for longer in levels[n + 1]:
            result[n][longer[1:]] += 1
    return result


def continuations(level):
    """{context: {word: count}} of the n-grams of one order. <s> follows nothing."""
    result = {}
    for ngram, c in level.items():
        if ngram != (BEGIN,):
            result.setdefault(ngram[:-1], {})[ngram[-1]] = c
    return result


def counts_of_counts(level):
    """{r: how many n-grams of this order occur r times}"""
    return Counter(c for ngram, c in level.items() if ngram != (BEGIN,))
