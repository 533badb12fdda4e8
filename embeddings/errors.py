"""The one user-facing error class."""

from __future__ import annotations


class PinciteError(Exception):
    """Something the user can act on.

    The message says what went wrong, with which value, and what would be valid; ``hint`` names the
    command or step that helps. The command line prints both without a traceback, the page shows them,
    the Python API raises them.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint
