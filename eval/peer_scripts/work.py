"""What every peer's script shares: reading the work, asking one question at a time, writing predictions.

Runs in the peer's own environment, so it imports nothing of this repository. The work is one JSON file with the
directories of ``reader`` and ``encoder``, ``passages`` (document, start, text), ``questions`` (id, question) and
``top_k``; predictions are JSON lines, the last one holding what has no place in a prediction.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

Said = Mapping[str, Any]
"""``text`` ("" for none), ``confidence`` (or None) and ``citations`` of the best span, and whether ``answered``."""


def run(prepare: Callable[[Mapping[str, Any]], Callable[[str], Said]], packages: list[str]) -> None:
    """Index the passages with ``prepare`` and ask each question of the function it returns.

    A question at which the peer raises is one without an answer; how often that was is told.
    """
    work = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    started = time.perf_counter()
    ask = prepare(work)
    seconds = time.perf_counter() - started
    with suppress(Exception):  # a question without an answer: some raise at that, see below
        ask("Is this warm?")
    failures: dict[str, int] = {}
    with Path(sys.argv[2]).open("w", encoding="utf-8") as out:
        for question in work["questions"]:
            started = time.perf_counter()
            try:
                said = ask(question["question"])
            except Exception as error:  # whatever the peer raises: its users would see it
                name = " ".join(f"{type(error).__name__}: {error}".split())[:100]
                failures[name] = failures.get(name, 0) + 1
                said = {"text": "", "confidence": None, "citations": [], "answered": False}
            total = (time.perf_counter() - started) * 1000
            best = {"text": said["text"], "citations": said["citations"]}
            record = {"id": question["id"], "answered": said["answered"], "confidence": said["confidence"]}
            record |= best if said["answered"] else {"text": None, "citations": [], "alternatives": [best]}
            out.write(json.dumps(record | {"timings_ms": {"total": total}}) + "\n")
        versions = {name: version(name) for name in packages}
        out.write(json.dumps({"versions": versions, "indexing_seconds": seconds, "failures": failures}) + "\n")


def cite(passage: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
    """Return the citation of ``passage["text"][start:end]`` in the offsets of its document."""
    offset = passage["start"]
    text = passage["text"][start:end]
    return {"document": passage["document"], "start": offset + start, "end": offset + end, "text": text}
