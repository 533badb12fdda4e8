"""Long work beside the page: it reports on its way, and the page shows the latest report."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from embeddings.errors import PinciteError

log = logging.getLogger(__name__)
T = TypeVar("T")
U = TypeVar("U")
INTERVAL = 0.1


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How the work ended: with a value, or with the error that it raised."""

    value: T | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Report(Generic[U]):
    update: U


def in_background(work: Callable[[Callable[[U], None]], T]) -> Iterator[U | Outcome[T]]:
    """Run ``work(report)`` in a thread; yield what it reports, at most one report each tenth of a second, then its end.

    A report that a newer one has overtaken is left out.
    """
    updates: queue.SimpleQueue[_Report[U] | Outcome[T]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome: Outcome[T] = Outcome(value=work(lambda update: updates.put(_Report(update))))
        except Exception as error:
            outcome = Outcome(error=error)
        updates.put(outcome)

    threading.Thread(target=run, name="pincite-work", daemon=True).start()
    while True:
        item = updates.get()
        while isinstance(item, _Report) and not updates.empty():
            item = updates.get()
        if isinstance(item, Outcome):
            yield item
            return
        yield item.update
        time.sleep(INTERVAL)


def error_sentence(error: Exception | None) -> str:
    """Return an error as a sentence for the page; what is not for people goes to the log."""
    if isinstance(error, PinciteError):
        return str(error)
    log.error("the page could not do what was asked", exc_info=error)
    return "Something went wrong on the server. The terminal that serves the page says more."
