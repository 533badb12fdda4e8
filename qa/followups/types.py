"""What :func:`qa.followups.resolve` returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a question was understood.

    ``standalone`` is None when the question stands alone or nothing in the conversation fits it; otherwise it is
    ``readings[0]``. ``readings`` are the possible stand-alone forms, best first. ``reason`` says in a few words what
    was filled in, for people to read.
    """

    standalone: str | None
    readings: tuple[str, ...]
    reason: str
