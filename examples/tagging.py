"""Parts of speech: a bidirectional LSTM tags each word, seen from both sides.

python examples/tagging.py en_ewt-ud-train.conllu   # any file of Universal Dependencies, or word and tag a line
"""

import argparse

import torch

from fastlm import lm
from fastlm.lm.fitting import accuracy, fit, predict
from fastlm.lm.labelled import read_tagged


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", help="a CoNLL-U file; treebanks are at universaldependencies.org")
    parser.add_argument("--small", action="store_true", help="few units: seconds instead of minutes")
    options = parser.parse_args(arguments)
    sentences = read_tagged(options.sentences)
    heldout, train = sentences[::10], [sentence for i, sentence in enumerate(sentences) if i % 10]

    vocabulary = lm.Vocabulary.from_sentences(" ".join(words).lower() for words, _ in train)
    tags = sorted({tag for _, of_words in sentences for tag in of_words})

    def ids_of(words):
        return [vocabulary.id_of(word.lower()) for word in words]

    parts = [
        [(ids_of(words), [tags.index(tag) for tag in of_words]) for words, of_words in part]
        for part in (train, heldout)
    ]
    torch.manual_seed(1)
    model = lm.SequenceTagger(len(vocabulary), len(tags), 32 if options.small else 200, dropout=0.3)
    fit(model, parts[0], valid=parts[1], epochs=10, lr=0.01 if options.small else 0.002)
    print(f"{len(train)} sentences to learn from, {len(heldout)} to judge, {len(tags)} tags")
    print(f"{100 * accuracy(model, parts[1]):.1f} % of the words right")
    words, _ = heldout[0]
    (scores,) = predict(model, [ids_of(words)])
    print(" ".join(f"{word}/{tags[i]}" for word, i in zip(words, scores.argmax(-1).tolist(), strict=True)))


if __name__ == "__main__":
    main()
