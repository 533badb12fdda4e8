"""A SQuAD file as a corpus: its paragraphs, or its articles, become documents in a folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from embeddings.errors import PinciteError
from eval.datasets import Dataset, GoldSpan, Paragraph, Question

_BETWEEN = "\n\n"


def as_articles(dataset: Dataset) -> Dataset:
    """Return the data set with each article as one document, its paragraphs joined by an empty line."""
    texts: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    places: dict[str, tuple[str, int]] = {}
    for paragraph in dataset.paragraphs:
        name = f"{paragraph.article}.txt"
        before = texts.setdefault(name, [])
        titles[name] = paragraph.title
        places[paragraph.name] = name, sum(len(text) + len(_BETWEEN) for text in before)
        before.append(paragraph.text)
    articles = (Paragraph(name, name[:-4], titles[name], _BETWEEN.join(parts)) for name, parts in texts.items())
    return _moved(dataset, places.__getitem__, tuple(articles))


def located(dataset: Dataset, names: Sequence[str], text_of: Callable[[str], str | None]) -> Dataset:
    """Return the data set with its offsets in the given documents, which hold the paragraphs word for word.

    For SQuAD files that annotate documents of one's own. A paragraph that stands nowhere, or in more than one
    place, keeps its own name, and its questions cannot be scored.
    """
    texts = {name: text_of(name) or "" for name in names}
    places: dict[str, tuple[str, int]] = {}
    for paragraph in dataset.paragraphs:
        found = [(name, text.find(paragraph.text)) for name, text in texts.items() if paragraph.text in text]
        places[paragraph.name] = found[0] if len(found) == 1 else (paragraph.name, 0)
    return _moved(dataset, places.__getitem__, dataset.paragraphs)


def write_corpus(dataset: Dataset, folder: Path) -> Path:
    """Write the data set's paragraphs as documents under ``folder`` (kept when they are there) and return it."""
    if not dataset.paragraphs:
        message = f"{dataset.name} gives no paragraphs that could be the corpus."
        raise PinciteError(message, "Use a SQuAD file, or `--mode end-to-end` with --docs.")
    if folder.is_dir():
        return folder
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        for paragraph in dataset.paragraphs:
            path = temporary / paragraph.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(paragraph.text.encode("utf-8"))
        temporary.replace(folder)
    except UnicodeEncodeError:
        raise PinciteError(f"{dataset.name}: the paragraph {paragraph.name} holds half a surrogate pair.") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _moved(dataset: Dataset, place: Callable[[str], tuple[str, int]], paragraphs: tuple[Paragraph, ...]) -> Dataset:
    def moved(question: Question) -> Question:
        golds = []
        for gold in question.answers:
            name, offset = place(gold.document)
            golds.append(GoldSpan(name, gold.start + offset, gold.text))
        return replace(question, answers=tuple(golds), paragraph=place(question.paragraph)[0])

    return replace(dataset, questions=tuple(map(moved, dataset.questions)), paragraphs=paragraphs)
