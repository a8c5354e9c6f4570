"""Texts: where they come from, how they are split for training, and the losses of n-gram tables on them."""

from strivelm.data.corpus import Corpus, load_corpus
from strivelm.data.ngrams import NGrams, count_ngrams, ladder
from strivelm.data.sources import CorpusError

__all__ = ["Corpus", "CorpusError", "NGrams", "count_ngrams", "ladder", "load_corpus"]
