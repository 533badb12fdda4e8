"""Fit the calibration: ``python -m qa.reader.calibrate READER --squad FILE ... --train FOLDER --out FILE``.

The questions are asked as users ask them: over corpora of a few articles, retrieved, read and ranked by the
same code that answers. What is fitted is how spans compare across passages, the probability that the best
one is right (it shares half of its words with an answer, so that where a span ends does not decide whether it is
trusted), and the abstention threshold. Figures are
cross-fitted over articles: no question is judged by numbers that were fitted on its own article.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from qa.answers import answer_tokens, group_spans, rank_spans, span_features
from qa.asking import read_candidates
from qa.reader.calibration import FEATURES, Calibration
from qa.reader.spans import PassageReading
from qa.types import Candidate

Floats = NDArray[np.float64]
FOLDS = 5
# Token F1 from which a span counts as right.
RIGHT = 0.5
# Articles in one corpus: a folder as people have it.
ARTICLES = 5
# The share of answerable questions that the threshold is fitted for: people mostly ask what their documents hold.
ANSWERABLE = 0.7


@dataclass(frozen=True, slots=True)
class Asked:
    """A question over a corpus: its article, the answers that are right (none: unanswerable), and what was read."""

    question: str
    article: str
    texts: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()
    readings: tuple[PassageReading, ...] = ()


@dataclass(frozen=True, slots=True)
class Corpus:
    """A few articles with their questions."""

    articles: dict[str, str]
    asked: list[Asked]


def squad_corpora(path: Path, size: int) -> list[Corpus]:
    """Return corpora of ``size`` articles each from a SQuAD file, every article one document."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        data = json.load(file)["data"]
    corpora = []
    for low in range(0, len(data), size):
        articles, asked = {}, []
        for article in data[low : low + size]:
            title = article["title"]
            articles[title] = "\n\n".join(paragraph["context"] for paragraph in article["paragraphs"])
            for paragraph in article["paragraphs"]:
                for item in paragraph["qas"]:
                    texts = () if item.get("is_impossible") else tuple(a["text"] for a in item["answers"])
                    asked.append(Asked(item["question"], title, texts))
        corpora.append(Corpus(articles, asked))
    return corpora


def held_out_corpora(train: Path, files: dict[str, int], rng: random.Random) -> list[Corpus]:
    """Return corpora of the contexts that training left out: the last ``files[name]`` of each file, 30 a corpus.

    A fifth of the questions is changed until nothing answers it, as in training.
    """
    from qa.reader.data import Row, choose_answer, read_source
    from qa.reader.negatives import unanswerable_question

    corpora = []
    for name, held in files.items():
        raw = read_source(train, name)
        contexts = list(dict.fromkeys(item["context"] for item in raw))[-held:]
        for low in range(0, len(contexts), 30):
            part = contexts[low : low + 30]
            asked = []
            for item in raw:
                if item["context"] not in part:
                    continue
                answers = item["answers"]
                span = choose_answer(item["context"], answers["text"], answers["answer_start"], 160)
                if span is None:
                    continue
                question, texts = item["question"], tuple(answers["text"])
                if rng.random() < 0.2:
                    row = Row(question, item["context"], span)
                    changed = unanswerable_question(row, rng.choice(part), rng)
                    question, texts = (changed, ()) if changed is not None else (question, texts)
                asked.append(Asked(question, f"{name} {contexts.index(item['context'])}", texts))
            corpora.append(Corpus({f"{name} {low + i}": text for i, text in enumerate(part)}, asked))
    return corpora


def read_corpus(corpus: Corpus, reader: str, top_k: int) -> list[Asked]:
    """Index a corpus in a temporary folder, retrieve and read for all its questions."""
    from qa.assistant import Assistant
    from qa.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder) / "documents"
        documents.mkdir()
        for i, (title, text) in enumerate(corpus.articles.items()):
            (documents / f"{i:04}.txt").write_text(f"{title}\n\n{text}", encoding="utf-8")
        settings = Settings(reader=reader, top_k=top_k)
        with Assistant.from_documents(documents, index=Path(folder) / "index", settings=settings) as assistant:
            questions = [asked.question for asked in corpus.asked]
            found = assistant.retrieve(questions)
            read = read_candidates(assistant.reader, questions, found, None)
    return [
        replace(asked, candidates=tuple(candidates), readings=tuple(readings))
        for asked, candidates, readings in zip(corpus.asked, found, read, strict=True)
    ]


def token_f1(text: str, texts: Iterable[str]) -> float:
    """Return the best token F1 of ``text`` over ``texts`` (SQuAD)."""
    tokens = Counter(answer_tokens(text))
    best = 0.0
    for other in map(Counter, map(answer_tokens, texts)):
        common = (tokens & other).total()
        if common:
            best = max(best, 2 * common / (tokens.total() + other.total()))
    return best


def fit_ranking(asked: Sequence[Asked]) -> tuple[float, float]:
    """Return (null weight, retrieval weight) of the conditional logit that best picks a right span.

    Only questions with a right span among those found say anything; the scale of the softmax is fitted along.
    """
    problems: list[tuple[Floats, Floats]] = []
    for item in asked:
        spans = [
            (span.score, reading.null_score, candidate.score, candidate.text[span.start : span.end])
            for candidate, reading in zip(item.candidates, item.readings, strict=True)
            for span in reading.spans
        ]
        right = np.array([token_f1(text, item.texts) for *_, text in spans], dtype=np.float64)
        if item.texts and right.max(initial=0.0) > 0.5:
            problems.append((np.array([values[:3] for values in spans], dtype=np.float64), right))

    def loss(parameters: Floats) -> float:
        scale, null, retrieval = parameters
        total = 0.0
        for values, right in problems:
            logits = np.exp(scale) * (values @ np.array([1.0, -null, retrieval]))
            logits = logits - logits.max()
            share = np.exp(logits) / np.exp(logits).sum()
            total -= np.log(max(1e-9, float(share @ right) / float(right.max())))
        return total / len(problems) + 1e-4 * float(parameters @ parameters)

    fitted = minimize(loss, np.array([-1.0, 0.5, 5.0]), method="Nelder-Mead", options={"maxiter": 150})
    return float(fitted.x[1]), float(fitted.x[2])


@dataclass(frozen=True, slots=True)
class Judged:
    """The best span of each question: features (n, f), right or not (n,), F1 (n,), answerable (n,), article."""

    features: Floats
    right: Floats
    f1: Floats
    answerable: Floats
    articles: list[str]


def judge(asked: Sequence[Asked], calibration: Calibration) -> Judged:
    """Rank the spans of every question and compute what the confidence of the best one rests on."""
    rows, right, f1, answerable, articles = [], [], [], [], []
    for item in asked:
        groups = group_spans(rank_spans(item.candidates, item.readings, calibration))
        if not groups:
            continue
        best = groups[0][0]
        rival = groups[1][0].rank if len(groups) > 1 else None
        rows.append(span_features(item.question, best, groups[0], rival).vector())
        right.append(float(token_f1(best.text, item.texts) >= RIGHT))
        f1.append(token_f1(best.text, item.texts))
        answerable.append(float(bool(item.texts)))
        articles.append(item.article)
    return Judged(np.array(rows), np.array(right), np.array(f1), np.array(answerable), articles)


def balance(answerable: Floats) -> Floats:
    """Return weights under which the share :data:`ANSWERABLE` of the questions is answerable."""
    share = answerable.mean()
    weights: Floats = np.where(answerable > 0, ANSWERABLE / share, (1 - ANSWERABLE) / (1 - share))
    return weights


def fit_confidence(features: Floats, right: Floats) -> tuple[float, dict[str, float]]:
    """Return intercept and weights by feature of the logistic regression, in the features' own units."""
    mean, spread = features.mean(0), features.std(0) + 1e-9
    model = LogisticRegression(C=1.0, max_iter=1000).fit((features - mean) / spread, right)
    weights = model.coef_[0] / spread
    return float(model.intercept_[0] - weights @ mean), dict(zip(FEATURES, map(float, weights), strict=True))


def probabilities(features: Floats, intercept: float, weights: dict[str, float]) -> Floats:
    """Return the confidence of every row of ``features``."""
    logits = features @ np.array([weights[name] for name in FEATURES]) + intercept
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float64)


def best_threshold(confidence: Floats, judged: Judged) -> float:
    """Return the threshold with the highest F1 as SQuAD 2.0 counts it, at the share :data:`ANSWERABLE`."""
    weights = balance(judged.answerable)
    grid = np.linspace(0.05, 0.95, 181)
    values = [
        float(weights @ np.where(confidence >= t, judged.f1, 1 - judged.answerable)) / len(confidence) for t in grid
    ]
    # The middle of the plateau is steadier than its first point.
    near = grid[np.array(values) >= max(values) - 0.002]
    return round(float(np.median(near)), 3)


def expected_calibration_error(confidence: Floats, right: Floats, bins: int = 10) -> float:
    """Return the mean distance of confidence and accuracy over equally wide bins (Guo et al. 2017)."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(
        sum(abs(confidence[place == b].sum() - right[place == b].sum()) for b in range(bins)) / len(confidence)
    )


def cross_fit(asked: Sequence[Asked], calibration: Calibration) -> tuple[Judged, Floats]:
    """Return the judged questions with the confidence that a fit on the other articles gives them."""
    judged = judge(asked, calibration)
    names = sorted(set(judged.articles))
    random.Random(0).shuffle(names)
    fold = {name: i % FOLDS for i, name in enumerate(names)}
    folds = np.array([fold[article] for article in judged.articles])
    confidence = np.zeros(len(folds))
    for number in range(FOLDS):
        out = folds == number
        confidence[out] = probabilities(
            judged.features[out], *fit_confidence(judged.features[~out], judged.right[~out])
        )
    return judged, confidence


def summary(judged: Judged, confidence: Floats, threshold: float) -> dict[str, float]:
    """Return the figures that the model card shows."""
    answered = confidence >= threshold
    can = judged.answerable > 0
    order = np.argsort(confidence, kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    positive = judged.right > 0
    pairs = positive.sum() * (~positive).sum()
    auroc = (ranks[positive].sum() - positive.sum() * (positive.sum() + 1) / 2) / pairs
    return {
        "n": len(confidence),
        "forced_right": 100 * float(judged.right[can].mean()),
        "forced_f1": 100 * float(judged.f1[can].mean()),
        "answered_when_answerable": 100 * float(answered[can].mean()),
        "abstained_when_not": 100 * float((~answered[~can]).mean()) if not can.all() else float("nan"),
        "auroc": 100 * float(auroc),
        "ece": expected_calibration_error(confidence, judged.right),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m qa.reader.calibrate", description="Fit a reader's calibration.")
    parser.add_argument("reader", help="a bundled name or the directory of a reader")
    parser.add_argument("--squad", type=Path, nargs="+", default=[], help="SQuAD files (.json.gz) to fit on")
    parser.add_argument("--train", type=Path, help="folder of the training files: their held-out contexts are used too")
    parser.add_argument("--limit", type=int, default=2500, help="questions taken of each file, at random")
    parser.add_argument("--top-k", type=int, default=10, help="passages read for a question")
    parser.add_argument("--out", type=Path, required=True, help="the calibration.json to write")
    options = parser.parse_args(arguments)
    rng = random.Random(0)
    parts: dict[str, list[Corpus]] = {path.name: squad_corpora(path, ARTICLES) for path in options.squad}
    if options.train is not None:
        held = {"squad_train_partial.jsonl.gz": 120, "squadshifts_new_wiki.jsonl.gz": 140}
        parts["training articles kept aside"] = held_out_corpora(options.train, held, rng)
    asked: dict[str, list[Asked]] = defaultdict(list)
    for name, corpora in parts.items():
        share = min(1.0, options.limit / sum(len(corpus.asked) for corpus in corpora))
        for corpus in corpora:
            chosen = rng.sample(corpus.asked, round(share * len(corpus.asked)))
            asked[name] += read_corpus(replace(corpus, asked=chosen), options.reader, options.top_k)
        print(f"{name}: {len(asked[name])} questions read", flush=True)
    everything = [item for items in asked.values() for item in items]
    null, retrieval = fit_ranking(everything)
    calibration = replace(Calibration.default(), rank_null=round(null, 4), rank_retrieval=round(retrieval, 4))
    judged, confidence = cross_fit(everything, calibration)
    threshold = best_threshold(confidence, judged)
    intercept, weights = fit_confidence(judged.features, judged.right)
    fitted = replace(
        calibration,
        intercept=round(intercept, 4),
        weights={name: round(value, 4) for name, value in weights.items()},
        threshold=threshold,
        given_retrieval=round(float(np.median(judged.features[judged.right > 0, FEATURES.index("retrieval")])), 4),
        fitted_on=", ".join(f"{name} (n={len(items)})" for name, items in asked.items()),
    )
    options.out.write_text(json.dumps(fitted.to_json(), indent=2) + "\n", encoding="utf-8")
    print(json.dumps(fitted.to_json(), indent=2))
    print("all, cross-fitted:", json.dumps(summary(judged, confidence, threshold)))
    first = 0
    for name, items in asked.items():
        count = sum(any(reading.spans for reading in item.readings) for item in items)
        part = slice(first, first + count)
        first += count
        own = Judged(
            judged.features[part], judged.right[part], judged.f1[part], judged.answerable[part], judged.articles[part]
        )
        if 0 < own.answerable.mean() < 1 or own.right.any():
            print(f"{name}:", json.dumps(summary(own, confidence[part], threshold)))


if __name__ == "__main__":
    main()
