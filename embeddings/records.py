"""What a store gives back: its manifest, documents without their text, passages."""

from __future__ import annotations

from dataclasses import dataclass

from embeddings.passages import PassageSettings


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index was made with: its format version, the encoder, and the passage settings."""

    format: int
    encoder: str
    fingerprint: str
    dimension: int
    passages: PassageSettings


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document without its text; ``characters`` and ``passages`` are counts, ``added`` an ISO date and time (UTC)."""

    name: str
    title: str
    format: str
    hash: str
    characters: int
    passages: int
    added: str
    page_starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage as it is stored: the document's text from ``start`` to ``end`` is ``text``."""

    id: int
    document: str
    title: str
    start: int
    end: int
    text: str
