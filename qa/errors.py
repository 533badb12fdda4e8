"""The one user-facing error, re-exported: it is defined below so that every room can raise it."""

from embeddings.errors import PinciteError

__all__ = ["PinciteError"]
