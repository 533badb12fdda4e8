"""Evaluation data sets: the design's JSON lines and SQuAD 1.1/2.0 JSON, plain or gzip, recognised by content."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from embeddings.errors import PinciteError
from eval.metrics import Place
from qa.types import Turn

Form = Literal["pincite", "squad-1.1", "squad-2.0"]

MAX_BYTES = 512 * 1024 * 1024  # unpacked; a gzip file from a stranger may be a bomb
NO_GOLD = "answerable, but no acceptable answer is given"
_FORMS_HINT = "A data set is JSON lines (id, question, kind, answerable, answers) or SQuAD JSON, plain or .gz."
_KIND_WORDS = re.compile(
    r"\b(how (?:many|much|long|old|far|often)|who|whom|whose|when|where|why|which|what|how)\b", re.I
)


@dataclass(frozen=True, slots=True)
class GoldSpan:
    """An acceptable span; offsets count code points of the document's text."""

    document: str
    start: int
    text: str

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return self.start + len(self.text)

    @property
    def place(self) -> Place:
        """(document, start, end)."""
        return self.document, self.start, self.end


@dataclass(frozen=True, slots=True)
class Question:
    """One question; ``paragraph`` names the SQuAD paragraph it was asked about, "" in other data sets."""

    id: str
    question: str
    kind: str
    answerable: bool
    answers: tuple[GoldSpan, ...]
    history: tuple[Turn, ...] = ()
    paragraph: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A SQuAD paragraph; ``name`` is the document it becomes when the file's paragraphs are the corpus."""

    name: str
    article: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """Questions, and for SQuAD the paragraphs; ``fingerprint`` is the SHA-256 of the unpacked bytes."""

    name: str
    form: Form
    fingerprint: str
    questions: tuple[Question, ...]
    paragraphs: tuple[Paragraph, ...] = field(default=(), repr=False)

    def first(self, limit: int | None) -> Dataset:
        """Return the data set with its first ``limit`` questions (all of them for None)."""
        return self if limit is None else replace(self, questions=self.questions[:limit])


def load_dataset(path: str | Path) -> Dataset:
    """Read a data set, or raise a PinciteError that says what is wrong and where."""
    path = Path(path)
    raw = read_bytes(path)
    text = decode(raw, path.name)
    digest = hashlib.sha256(raw).hexdigest()
    whole = parse_json_object(text)
    if whole is not None and "data" in whole:
        questions, paragraphs, form = _squad(whole, path.name)
    elif whole is not None and "question" not in whole:
        raise PinciteError(f"{path.name} is JSON without questions (keys: {_some(whole)}).", _FORMS_HINT)
    else:
        questions, paragraphs, form = tuple(_json_lines(text, path.name)), (), "pincite"
    if not questions:
        raise PinciteError(f"{path.name} holds no question.", _FORMS_HINT)
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise PinciteError(f"{path.name}: the id {question.id!r} stands twice; every question needs its own.")
        seen.add(question.id)
    return Dataset(path.name, form, digest, questions, paragraphs)


def ineligible(dataset: Dataset, known: Collection[str]) -> dict[str, str]:
    """Return the questions that cannot be scored over documents named ``known``, with the reason.

    Raises PinciteError when no question that names a document names one of these: the data set belongs
    to other documents.
    """
    reasons: dict[str, str] = {}
    named = [question for question in dataset.questions if question.answers]
    for question in dataset.questions:
        if question.answerable and not question.answers:
            reasons[question.id] = NO_GOLD
        elif question.answers and not any(gold.document in known for gold in question.answers):
            reasons[question.id] = f"its document {question.answers[0].document!r} is not among the documents"
    if named and all(question.id in reasons for question in named):
        raise PinciteError(
            f"{dataset.name} is a data set for other documents: it asks about {named[0].answers[0].document!r}, "
            f"and the {len(known)} documents given are {_some(known)}.",
            "Name the right folder with --docs or the right index with --index.",
        )
    return reasons


def check_offsets(dataset: Dataset, known: Collection[str], text_of: Callable[[str], str]) -> None:
    """Raise PinciteError for the first acceptable span that does not stand at its offset."""
    texts: dict[str, str] = {}
    for question in dataset.questions:
        for gold in question.answers:
            if gold.document in known:
                if gold.document not in texts:
                    texts[gold.document] = text_of(gold.document)
                _check_span(gold, texts[gold.document], f"{dataset.name}: question {question.id!r}")


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, unpacked when it is gzip (told by content), or raise PinciteError."""
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
                raw = packed.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "Give the path of a data set or predictions file."
        raise PinciteError(f"There is no file {str(path)!r}.", hint) from None
    except IsADirectoryError:
        raise PinciteError(f"{str(path)!r} is a folder, not a file.", "Documents go with --docs.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise PinciteError(f"{path.name} cannot be read: {error}.") from error
    if len(raw) > MAX_BYTES:
        raise PinciteError(f"{path.name} holds more than {MAX_BYTES // 2**20} MiB.", "Split it into smaller files.")
    return raw


def decode(raw: bytes, name: str) -> str:
    """Decode UTF-8 (BOM dropped), or raise PinciteError."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PinciteError(f"{name} is not UTF-8 text (byte {error.start}).", _FORMS_HINT) from None


def parse_json_object(text: str) -> dict[str, Any] | None:
    """Return the text as one JSON object, or None when it is something else (JSON lines, broken)."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def json_lines(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of each line that is not blank, or raise PinciteError naming the line."""
    # not splitlines(): JSON strings may hold U+2028 and its like unescaped
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise PinciteError(f"{name}, line {number} is broken JSON: {error}.", _FORMS_HINT) from None
            if not isinstance(value, dict):
                raise PinciteError(f"{name}, line {number} is not a JSON object.", _FORMS_HINT)
            yield number, value


def take(data: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """Return ``data[key]`` when it is a ``kind``, or raise PinciteError naming the place and the field."""
    if key not in data:
        raise PinciteError(f"{where} lacks the field {key!r}.", _FORMS_HINT)
    value = data[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise PinciteError(f"{where}: {key!r} should be {_JSON_NAMES[kind]}, not {str(value)[:60]!r}.", _FORMS_HINT)
    return value


_JSON_NAMES: Mapping[type, str] = {str: "a string", int: "a whole number", bool: "true or false", list: "a list"}


def _json_lines(text: str, name: str) -> Iterator[Question]:
    for number, data in json_lines(text, name):
        where = f"{name}, line {number}"
        question, answerable = _text(data, "question", where), take(data, "answerable", bool, where)
        answers = tuple(_gold(item, where) for item in _objects(data, "answers", where))
        if answers and not answerable:
            raise PinciteError(f"{where} is marked unanswerable but lists acceptable answers.")
        history = tuple(_turn(item, where) for item in _objects(data, "history", where)) if "history" in data else ()
        kind = _text(data, "kind", where) if "kind" in data else "question"
        yield Question(_text(data, "id", where), question, kind, answerable, answers, history)


def _gold(data: Mapping[str, Any], where: str) -> GoldSpan:
    span = GoldSpan(_text(data, "doc", where), take(data, "start", int, where), _text(data, "text", where))
    if span.start < 0:
        raise PinciteError(f"{where}: the start {span.start} of {span.text[:60]!r} is negative.")
    return span


def _turn(data: Mapping[str, Any], where: str) -> Turn:
    answer = take(data, "answer", str, where) if data.get("answer") is not None else None
    return Turn(_text(data, "question", where), answer)


def _squad(data: Mapping[str, Any], name: str) -> tuple[tuple[Question, ...], tuple[Paragraph, ...], Form]:
    questions: list[Question] = []
    paragraphs: list[Paragraph] = []
    second = False
    for number, article in enumerate(_objects(data, "data", name)):
        title = str(article.get("title", f"article {number + 1}"))
        folder = f"{number:03d}_{re.sub(r'[^A-Za-z0-9_-]+', '_', title)[:60]}"
        for index, item in enumerate(_objects(article, "paragraphs", f"{name}, article {title!r}")):
            where = f"{name}, article {title!r}, paragraph {index + 1}"
            paragraph = Paragraph(f"{folder}/{index:04d}.txt", folder, title, take(item, "context", str, where))
            paragraphs.append(paragraph)
            for qa in _objects(item, "qas", where):
                second |= bool(qa.get("is_impossible", False))
                questions.append(_squad_question(qa, paragraph, where))
    version = str(data.get("version", "")).lstrip("vV")
    return tuple(questions), tuple(paragraphs), "squad-2.0" if second or version.startswith("2") else "squad-1.1"


def _squad_question(qa: Mapping[str, Any], paragraph: Paragraph, where: str) -> Question:
    identity, text = _text(qa, "id", where), _text(qa, "question", where)
    where = f"{where}, question {identity!r}"
    impossible = bool(qa.get("is_impossible", False))
    answers: dict[GoldSpan, None] = {}  # SQuAD repeats an answer once per annotator
    for answer in [] if impossible else _objects(qa, "answers", where):
        if take(answer, "text", str, where):
            gold = GoldSpan(paragraph.name, take(answer, "answer_start", int, where), answer["text"])
            _check_span(gold, paragraph.text, where)
            answers[gold] = None
    word = _KIND_WORDS.search(text)
    kind = "no answer" if impossible else re.sub(r"^who[ms]e?$", "who", word[1].lower()) if word else "other"
    return Question(identity, text, kind, not impossible, tuple(answers), (), paragraph.name)


def _check_span(gold: GoldSpan, text: str, where: str) -> None:
    found = text[max(gold.start, 0) : max(gold.end, 0)]
    if found != gold.text:
        raise PinciteError(
            f"{where}: {gold.text[:60]!r} does not stand at offset {gold.start} of {gold.document} "
            f"({len(text)} characters); there stands {found[:60]!r}.",
            "Offsets count Unicode code points of the document's text.",
        )


def _objects(data: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    items: list[Any] = take(data, key, list, where)
    if not all(isinstance(item, dict) for item in items):
        raise PinciteError(f"{where}: every entry of {key!r} should be a JSON object.", _FORMS_HINT)
    return items


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value: str = take(data, key, str, where)
    if not value.strip():
        raise PinciteError(f"{where}: {key!r} is empty.", _FORMS_HINT)
    return value


def _some(names: Collection[str], most: int = 3) -> str:
    shown = ", ".join(repr(str(name)[:60]) for name in sorted(names)[:most])
    return f"{shown} ..." if len(names) > most else shown or "none"
