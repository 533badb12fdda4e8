"""Question and passage pairs as windows of tokens that fit a model; needs a fast tokenizer and no model.

The windows are those of Hugging Face's ``tokenizer(question, passage, truncation="only_second", stride=...,
return_overflowing_tokens=True)``, but every distinct question and passage is tokenised once however many pairs
it is part of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qa.errors import PinciteError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MAX_WINDOW_TOKENS = 384
STRIDE_TOKENS = 128
MAX_QUESTION_TOKENS = 128
# A window in which the question leaves less room than this would be all seam.
MIN_PASSAGE_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Tokens:
    """Ids (n,) and character offsets (n, 2) of a text, without special tokens."""

    ids: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True, slots=True)
class Window:
    """One input of the model.

    ``ids`` and ``type_ids`` (n,) hold prefix, question, middle, passage tokens ``first..stop`` and suffix, the
    passage's beginning at ``position``. ``pair`` is the index of the pair the window belongs to.
    """

    pair: int
    ids: np.ndarray
    type_ids: np.ndarray
    position: int
    first: int
    stop: int


class Windower:
    """Cuts (question, passage) pairs into windows.

    ``max_tokens`` bounds a window with its special tokens, ``stride`` is the overlap of neighbouring windows in
    tokens, ``max_question_tokens`` bounds the question; the last two shrink with a small ``max_tokens``. The
    tokenizer is set to neither truncate nor pad, and to read special tokens that stand in a text as plain text.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_tokens: int = MAX_WINDOW_TOKENS,
        stride: int = STRIDE_TOKENS,
        max_question_tokens: int = MAX_QUESTION_TOKENS,
    ) -> None:
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        self._backend.encode_special_tokens = True
        self.pad_id = 0 if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)
        self.max_tokens = max_tokens
        self.stride = stride
        self._read_template()
        room = max_tokens - self._specials - MIN_PASSAGE_TOKENS
        if room < 1:
            raise PinciteError(
                f"A window of {max_tokens} tokens has no room for a question and a passage.",
                f"Choose a reader that takes at least {max_tokens - room + 1} tokens.",
            )
        self.max_question_tokens = min(max_question_tokens, room)

    def _read_template(self) -> None:
        """Learn from one encoded pair which special tokens and token types the model was trained with."""
        probe = self._backend.encode("a", "a", add_special_tokens=True)
        sides = np.array([-1 if side is None else side for side in probe.sequence_ids], np.int64)
        ids, types = np.array(probe.ids, np.int64), np.array(probe.type_ids, np.int64)
        question, passage = np.flatnonzero(sides == 0), np.flatnonzero(sides == 1)
        if not len(question) or not len(passage) or question[0] == 0 or question[-1] > passage[0]:
            raise PinciteError(
                "This reader's tokenizer puts no special token before the question, so it has no null token.",
                "Choose an extractive reader such as deepset/roberta-base-squad2.",
            )
        cuts = [slice(0, question[0]), slice(question[-1] + 1, passage[0]), slice(passage[-1] + 1, None)]
        self._ids = [ids[cut] for cut in cuts]
        self._types = [types[cut] for cut in cuts]
        self._side_types = (types[question[0]], types[passage[0]])
        self._specials = sum(map(len, self._ids))

    def tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the tokens of every text, without special tokens; an empty text has none."""
        return [
            Tokens(np.array(encoding.ids, np.int64), np.array(encoding.offsets, np.int64).reshape(-1, 2))
            for encoding in self._backend.encode_batch(list(texts), add_special_tokens=False)
        ]

    def check_question(self, question: str, tokens: Tokens) -> None:
        """Raise a :class:`PinciteError` for a question that is longer than the window allows."""
        if len(tokens.ids) > self.max_question_tokens:
            raise PinciteError(
                f"The question is {len(tokens.ids)} tokens long ({len(question)} characters); "
                f"the reader takes at most {self.max_question_tokens} tokens.",
                "Ask it in fewer words.",
            )

    def windows(self, pair: int, question: Tokens, passage: Tokens) -> Iterable[Window]:
        """Yield the windows of a pair, in order; one, without passage tokens, for an empty passage."""
        capacity = self.max_tokens - self._specials - len(question.ids)
        step = capacity - min(self.stride, capacity // 2)
        head, middle, suffix = self._ids
        lengths = (len(head), len(question.ids), len(middle))
        first = 0
        while True:
            stop = min(first + capacity, len(passage.ids))
            ids = np.concatenate((head, question.ids, middle, passage.ids[first:stop], suffix))
            types = np.concatenate(
                (
                    self._types[0],
                    np.full(lengths[1], self._side_types[0]),
                    self._types[1],
                    np.full(stop - first, self._side_types[1]),
                    self._types[2],
                )
            )
            yield Window(pair, ids, types, sum(lengths), first, stop)
            if stop == len(passage.ids):
                return
            first += step
