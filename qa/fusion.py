"""Lexical and dense evidence on one absolute scale: pure functions, without a model or an index.

Per-question rank or min-max fusion says which passage is best, never whether it is any good: the best of a
hopeless list gets the same score as a perfect match. Here both parts are absolute and lie in [0, 1]:

- dense: the cosine of question and passage, negative ones counted as 0;
- lexical: the *BM25 share*, BM25 divided by the most it can reach for this question, ``(k1 + 1) * sum of idf``
  over the question's words (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and
  Beyond"; a term's frequency part is bounded by k1 + 1). A word that no document holds counts with the highest
  idf, so a question about something else keeps a low share however well its remaining words match.

The hybrid score is their weighted mean. The weight is fitted by :mod:`qa.fit_retriever`; weighted averages of
normalised scores are what Bruch et al. 2023, "An Analysis of Fusion Functions for Hybrid Retrieval", find to
beat reciprocal rank fusion, and to need little data.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

# Weight of the BM25 share when the cosine has 1, from `python -m qa.fit_retriever` on 1,500 questions each of
# SQuAD's training articles and of SQuADShifts' new Wikipedia articles.
LEXICAL_WEIGHT = 1.30

# SQLite's FTS5 has k1 = 1.2, b = 0.75 built in (https://sqlite.org/fts5.html#the_bm25_function).
_BM25_K1 = 1.2

_WORD = re.compile(r"\w+")

# Words that carry the form of an English question, not its subject.
STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being between both but by can could d
    did do does doing down during each few for from further had has have having he her here hers herself him himself
    his how i if in into is it its itself just ll m me more most my myself no nor not now of off on once only or other
    our ours ourselves out over own re s same she should so some such t than that the their theirs them themselves
    then there these they this those through to too under until up ve very was we were what when where which while
    who whom whose why will with would you your yours yourself yourselves""".split()
)


def words(text: str) -> list[str]:
    """Return the words of a text, as they are written."""
    return _WORD.findall(text)


def question_terms(question: str) -> list[str]:
    """Return the distinct words to search for, folded, in order: all of them when all are stop words."""
    terms = list(dict.fromkeys(words(unicodedata.normalize("NFC", question).casefold())))
    return [term for term in terms if term not in STOP_WORDS] or terms


def inverse_document_frequency(passages: int, frequency: int) -> float:
    """Return the idf that FTS5's BM25 gives to a term in ``frequency`` of ``passages`` passages."""
    return max(math.log((passages - frequency + 0.5) / (frequency + 0.5)), 1e-6)


def bm25_ceiling(passages: int, frequencies: Iterable[int]) -> float:
    """Return the most that BM25 can reach for terms of these document frequencies (0: in no passage)."""
    idf = sum(inverse_document_frequency(passages, frequency) for frequency in frequencies)
    return (_BM25_K1 + 1) * idf


def near_words(word: str, vocabulary: Sequence[str], limit: int = 5) -> list[str]:
    """Return the words of ``vocabulary`` one typing error away (two from eight letters on), nearest only.

    The distance is optimal string alignment: inserted, left out, replaced and swapped letters.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    if len(word) < 4 or not word.isalpha():
        return []
    cutoff = 1 if len(word) < 8 else 2
    found = process.extract(word, vocabulary, scorer=OSA.distance, score_cutoff=cutoff, limit=limit)
    nearest = min((distance for _, distance, _ in found), default=0)
    return sorted(match for match, distance, _ in found if distance == nearest)


def bm25_shares(scores: Iterable[tuple[int, float]], ceiling: float) -> dict[int, float]:
    """Return BM25 scores as shares of their ceiling, in [0, 1], by passage id."""
    if ceiling <= 0:
        return {}
    return {passage: min(max(score / ceiling, 0.0), 1.0) for passage, score in scores}


def fuse(
    shares: Mapping[int, float], cosines: Mapping[int, float], *, lexical_weight: float = LEXICAL_WEIGHT
) -> list[tuple[int, float]]:
    """Return (passage id, score in [0, 1]), best first, of the passages in either; equal scores by id.

    A passage past the dense list's end has at most its last cosine, and gets that one; a passage without a share
    holds none of the words, or next to none, and counts 0 there.
    """
    total = 1.0 + lexical_weight
    last = min(cosines.values(), default=0.0)
    scored = [
        (passage, (lexical_weight * shares.get(passage, 0.0) + clip(cosines.get(passage, last))) / total)
        for passage in shares.keys() | cosines.keys()
    ]
    return ranked(scored)


def clip(cosine: float) -> float:
    """Return a cosine as a score in [0, 1]."""
    return min(max(cosine, 0.0), 1.0)


def ranked(scored: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the pairs by falling score, equal scores by passage id, so that ties are deterministic."""
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))
