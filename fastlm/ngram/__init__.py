"""N-gram language models: every n-gram of a text with its count, probabilities, files and samples.

>>> table = count_sentences(["the students opened their books", "the students opened their exams"], order=3)
>>> table["students opened"]
2
>>> model = table.estimate("backoff")
>>> model.next("opened their", k=2)
[('books', ...), ('exams', ...)]
"""

from fastlm.ngram._engine import FormatError, smoothings
from fastlm.ngram.arpa import Arpa, read_arpa, save_arpa
from fastlm.ngram.building import build
from fastlm.ngram.combining import merge
from fastlm.ngram.counting import count, count_sentences
from fastlm.ngram.decoding import State
from fastlm.ngram.exports import read_counts
from fastlm.ngram.files import load
from fastlm.ngram.indexing import index, index_documents
from fastlm.ngram.mixing import Mixture, mix
from fastlm.ngram.model import Model
from fastlm.ngram.occurrences import Contamination
from fastlm.ngram.results import Evaluation, TokenScores, WordScore
from fastlm.ngram.search import SuffixIndex
from fastlm.ngram.table import Table
from fastlm.ngram.tokenization import Tokenization

__all__ = [
    "Arpa",
    "Contamination",
    "Evaluation",
    "FormatError",
    "Mixture",
    "Model",
    "State",
    "SuffixIndex",
    "Table",
    "TokenScores",
    "Tokenization",
    "WordScore",
    "build",
    "count",
    "count_sentences",
    "index",
    "index_documents",
    "load",
    "merge",
    "mix",
    "read_arpa",
    "read_counts",
    "save_arpa",
    "smoothings",
]
