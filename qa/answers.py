"""From spans to an Answer: ranked across passages, grouped, cited, or honestly not given."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa.overlap import question_overlap
from qa.reader.calibration import Calibration, SpanFeatures
from qa.types import Alternative, Answer, Candidate, Citation, Context

if TYPE_CHECKING:
    from embeddings.documents import Document
    from qa.reader.spans import PassageReading

MAX_SPANS = 24
MAX_ALTERNATIVES = 5
# A further place is cited when it is at least half as likely right as the best one.
SUPPORT_SHARE = 0.5
# A different answer of another document contradicts when it is at least half as likely beside the best one, and
# each would be more likely right than wrong without the other.
RIVAL_SHARE = 0.5
RIVAL_CONFIDENCE = 0.5

_PUNCTUATION = str.maketrans("", "", string.punctuation + "“”‘’—–…•")
_RELATIVE_TIME = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday today yesterday tomorrow now currently".split()
)
_NUMBER_WORDS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand "
    "million billion dozen".split()
)


@dataclass(frozen=True, slots=True)
class RankedSpan:
    """A span in its document, with the scores it is compared on. ``rank`` is in logits."""

    candidate: Candidate
    start: int
    end: int
    text: str
    score: float
    null: float
    rank: float


def answer_tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of an answer as SQuAD's script compares them: lower case, no punctuation, no articles."""
    words = text.lower().translate(_PUNCTUATION).split()
    return tuple(word for word in words if word not in {"a", "an", "the"})


def rank_spans(
    candidates: Sequence[Candidate], readings: Sequence[PassageReading], calibration: Calibration
) -> list[RankedSpan]:
    """Return the spans of all passages on one scale, best first; of spans that overlap the best one is kept."""
    spans = [
        RankedSpan(
            candidate,
            candidate.start + span.start,
            candidate.start + span.end,
            candidate.text[span.start : span.end],
            span.score,
            reading.null_score,
            calibration.rank(span.score, reading.null_score, candidate.score),
        )
        for candidate, reading in zip(candidates, readings, strict=True)
        for span in reading.spans
    ]
    spans.sort(key=lambda span: (-span.rank, span.candidate.document, span.start, span.end))
    kept: list[RankedSpan] = []
    for span in spans:
        if len(kept) == MAX_SPANS:
            break
        if not any(
            other.candidate.document == span.candidate.document and other.start < span.end and span.start < other.end
            for other in kept
        ):
            kept.append(span)
    return kept


def same_answer(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Tell whether two token tuples say the same: equal, or one stands whole in the other ("1956", "Oct. 19, 1956").

    A list ("Japan and Russia") is not the same as one of its members.
    """
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if not short or ("and" in long) != ("and" in short) or ("or" in long) != ("or" in short):
        return False
    return any(long[i : i + len(short)] == short for i in range(len(long) - len(short) + 1))


def group_spans(spans: Sequence[RankedSpan]) -> list[list[RankedSpan]]:
    """Join spans that give the same answer; groups and their members stay best first."""
    groups: list[tuple[tuple[str, ...], list[RankedSpan]]] = []
    for span in spans:
        tokens = answer_tokens(span.text)
        for head, members in groups:
            if same_answer(head, tokens):
                members.append(span)
                break
        else:
            groups.append((tokens, [span]))
    return [members for _, members in groups]


def span_features(question: str, span: RankedSpan, group: Sequence[RankedSpan], rival: float | None) -> SpanFeatures:
    """Return what the confidence of ``span`` rests on; ``rival`` is the best rank among different answers."""
    coverage, missing = question_overlap(question, (span.candidate.text, span.candidate.title))
    places = {(member.candidate.document, member.start) for member in group}
    return SpanFeatures(
        score=span.score,
        null=span.null,
        retrieval=span.candidate.score,
        gap=8.0 if rival is None else span.rank - rival,
        support=float(len(places) - 1),
        coverage=coverage,
        missing=float(missing),
        length=float(len(span.text.split())),
    )


def _rival(groups: Sequence[Sequence[RankedSpan]], index: int, besides: Iterable[int] = ()) -> float | None:
    left_out = {index, *besides}
    return max((group[0].rank for i, group in enumerate(groups) if i not in left_out), default=None)


def disagree(one: str, other: str) -> bool:
    """Tell whether two different answers can contradict each other: numbers with numbers, or words with words.

    "Monday" and "March 21" may be one day, and "Tokyo" against "27" answers something else: neither is a
    disagreement of sources.
    """
    first, second = answer_tokens(one), answer_tokens(other)
    if not first or not second or _RELATIVE_TIME & {*first, *second}:
        return False
    numbers = [
        {token for token in tokens if token in _NUMBER_WORDS or any(map(str.isdigit, token))}
        for tokens in (first, second)
    ]
    if numbers[0] or numbers[1]:
        return bool(numbers[0]) and bool(numbers[1]) and not numbers[0] & numbers[1]
    return not {*first} & {*second}


def compose(
    question: str,
    candidates: Sequence[Candidate],
    readings: Sequence[PassageReading],
    *,
    document: Callable[[str], Document],
    calibration: Calibration,
    threshold: float | None = None,
    standalone_question: str | None = None,
    timings_ms: Mapping[str, float] | None = None,
) -> Answer:
    """Make the Answer from what was read.

    Args:
        question: as it was typed.
        candidates: the passages read, in any order.
        readings: one for each candidate.
        document: gives a document by name, for the sentences around a span and the page.
        calibration: how spans are compared and confidence is computed.
        threshold: the least confidence that is answered, in [0, 1]; None takes the calibration's own.
        standalone_question: what a follow-up was understood as.
        timings_ms: milliseconds by stage, passed through.
    """
    asked = question if standalone_question is None else standalone_question
    limit = calibration.threshold if threshold is None else threshold
    groups = group_spans(rank_spans(candidates, readings, calibration))

    def confidence(index: int, span: RankedSpan, besides: Iterable[int] = ()) -> float:
        rival = _rival(groups, index, besides)
        return calibration.probability(span_features(asked, span, groups[index], rival))

    differing = _differing(groups, confidence, limit)
    alternatives: list[Alternative] = []
    best = 0.0
    top: tuple[Citation, ...] = ()
    for i, group in enumerate(groups[: MAX_ALTERNATIVES + 1]):
        # Where sources differ each answer is as sure as it would be without the other one.
        besides = [0, *differing] if i in differing else differing if i == 0 else []
        sure = confidence(i, group[0], besides)
        scored = [(span, sure if span is group[0] else min(sure, confidence(i, span, besides))) for span in group]
        citations = tuple(_cite(span, p, document) for span, p in scored if p >= SUPPORT_SHARE * sure)
        if i == 0:
            best, top = sure, citations
        else:
            alternatives.append(Alternative(group[0].text, min(sure, best), citations))
    answered = bool(top) and best >= limit
    if top and not answered:
        alternatives.insert(0, Alternative(top[0].text, best, top))
    return Answer(
        question=question,
        standalone_question=standalone_question,
        answered=answered,
        text=top[0].text if answered else None,
        confidence=best,
        citations=top if answered else (),
        alternatives=tuple(alternatives[:MAX_ALTERNATIVES]),
        sources_differ=answered and bool(differing),
        timings_ms=dict(timings_ms) if timings_ms is not None else {},
    )


def _differing(
    groups: Sequence[Sequence[RankedSpan]], confidence: Callable[[int, RankedSpan, Iterable[int]], float], limit: float
) -> list[int]:
    """Return the groups that contradict the first: each would be answered if the other were not there.

    They come from other documents than the first group's (a document does not disagree with itself), and the best
    answer does not outshine them.
    """
    if not groups:
        return []
    own = {span.candidate.document for span in groups[0]}
    out = []
    for i, group in enumerate(groups[1 : MAX_ALTERNATIVES + 1], start=1):
        elsewhere = not own & {span.candidate.document for span in group}
        if not elsewhere or not disagree(groups[0][0].text, group[0].text):
            continue
        if confidence(i, group[0], []) < RIVAL_SHARE * confidence(0, groups[0][0], []):
            continue
        least = max(limit, RIVAL_CONFIDENCE)
        if confidence(i, group[0], [0]) >= least and confidence(0, groups[0][0], [i]) >= least:
            out.append(i)
    return out


def _cite(span: RankedSpan, score: float, document: Callable[[str], Document]) -> Citation:
    source = document(span.candidate.document)
    start, end = sentence_around(source.text, span.start, span.end)
    return Citation(
        document=source.name,
        start=span.start,
        end=span.end,
        text=source.text[span.start : span.end],
        page=source.page_of(span.start),
        context=Context(start, end, source.text[start:end]),
        score=score,
    )


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the range of the whole sentence or sentences that hold ``text[start:end]``."""
    from embeddings.passages import sentence_spans

    touched = [(low, high) for low, high in sentence_spans(text) if low < end and high > start]
    if not touched:
        return start, end
    return min(start, touched[0][0]), max(end, touched[-1][1])
