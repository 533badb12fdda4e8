"""Example questions for the welcome: from the bundled evaluation set, when its documents are the ones indexed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from embeddings.errors import PinciteError
from eval.datasets import Question, load_dataset

if TYPE_CHECKING:
    from embeddings.store import Store
    from qa.assistant import Assistant

SHOWN = 4
BUNDLED = Path(__file__).resolve().parent.parent / "eval" / "data" / "seeds.jsonl"


@lru_cache(maxsize=1)
def _bundled() -> tuple[Question, ...]:
    try:
        return load_dataset(BUNDLED).questions
    except PinciteError:
        return ()


def example_questions(assistant: Assistant) -> list[str]:
    """Return a few questions, each from another document, that the indexed documents hold the answer to."""
    store = assistant.store
    return list(_examples(store, store.revision()))


@lru_cache(maxsize=8)
def _examples(store: Store, revision: int) -> tuple[str, ...]:
    known = {record.name for record in store.documents()}
    texts: dict[str, str] = {}
    chosen: dict[str, str] = {}
    for question in _bundled():
        gold = question.answers[0] if question.answers and not question.history else None
        if gold is None or gold.document not in known or gold.document in chosen:
            continue
        if gold.document not in texts:
            texts[gold.document] = store.document(gold.document).text
        if texts[gold.document][gold.start : gold.end] == gold.text:
            chosen[gold.document] = question.question
        if len(chosen) == SHOWN:
            break
    return tuple(chosen.values())
