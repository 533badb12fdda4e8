"""Follow-up questions: "And when did he do that?" becomes a question that stands alone.

Deterministic, without a model, from the conversation's own words. A question that stands alone is left untouched.
"""

from .resolver import resolve
from .types import Resolution

__all__ = ["Resolution", "resolve"]
