"""From a question to a cited answer. Importing this package loads no model and no heavy library."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qa.assistant import Assistant as Assistant
    from qa.conversation import Conversation as Conversation
    from qa.errors import PinciteError as PinciteError
    from qa.settings import Settings as Settings
    from qa.types import Answer as Answer
    from qa.types import Turn as Turn

_HOMES = {
    "Answer": "qa.types",
    "Assistant": "qa.assistant",
    "Conversation": "qa.conversation",
    "PinciteError": "qa.errors",
    "Settings": "qa.settings",
    "Turn": "qa.types",
}

__all__ = ["Answer", "Assistant", "Conversation", "PinciteError", "Settings", "Turn"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
