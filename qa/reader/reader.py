"""The extractive reader: (question, passage) pairs in, scored spans of whole words out."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from embeddings.encoder import device_and_dtype
from qa.errors import PinciteError
from qa.reader.calibration import Calibration
from qa.reader.loading import (
    BUNDLED,
    check_files,
    find_directory,
    load_model,
    load_tokenizer,
    max_tokens_of,
    weight_files,
)
from qa.reader.spans import PassageReading, Span, TokenisedPassage, WindowLogits, decode
from qa.reader.windows import MAX_WINDOW_TOKENS, Tokens, Window, Windower
from qa.reader.words import split_words

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["PassageReading", "Reader", "ReaderModel", "Span", "load_reader"]

MAX_ANSWER_TOKENS = 30
N_BEST = 5
# Larger batches are slower on a CPU: their activations leave the cache.
BATCH_TOKENS = 768
BATCH_TOKENS_ACCELERATOR = 16384
# Pairs whose windows are held in memory and sorted together.
CHUNK_PAIRS = 512


class ReaderModel(Protocol):
    """What the assistant needs of a reader."""

    fingerprint: str

    def read(self, pairs: Sequence[tuple[str, str]]) -> list[PassageReading]:
        """Return one reading per (question, passage) pair, in order."""
        ...


class Reader:
    """A question answering model with its tokenizer and calibration. Safe to share between threads."""

    def __init__(
        self,
        model: PreTrainedModel,
        windower: Windower,
        *,
        directory: Path,
        calibration: Calibration,
        max_answer_tokens: int = MAX_ANSWER_TOKENS,
        n_best: int = N_BEST,
    ) -> None:
        self.calibration = calibration
        self.max_answer_tokens = max_answer_tokens
        self.n_best = n_best
        self._model = model
        self._windower = windower
        self._directory = directory
        self._has_types = int(getattr(model.config, "type_vocab_size", 0) or 0) > 1
        self._batch_tokens = BATCH_TOKENS if model.device.type == "cpu" else BATCH_TOKENS_ACCELERATOR
        self._lock = threading.Lock()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex over configuration, tokenizer and weights: the same model, the same fingerprint."""
        digest = hashlib.sha256()
        named = [self._directory / name for name in ("config.json", "tokenizer.json")]
        for path in [path for path in named if path.is_file()] + weight_files(self._directory):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def read(self, pairs: Sequence[tuple[str, str]]) -> list[PassageReading]:
        """Return one reading per (question, passage) pair, in order.

        Scores are raw logit sums. They do not depend on the order of the pairs and only in rounding on what else is
        in the batch. Raises :class:`PinciteError` for a question longer than the window allows.
        """
        readings: list[PassageReading] = []
        for first in range(0, len(pairs), CHUNK_PAIRS):
            readings.extend(self._read_chunk(pairs[first : first + CHUNK_PAIRS]))
        return readings

    def _read_chunk(self, pairs: Sequence[tuple[str, str]]) -> list[PassageReading]:
        questions = self._tokenise([question for question, _ in pairs])
        for question, tokens in questions.items():
            self._windower.check_question(question, tokens)
        passages = self._tokenise([passage for _, passage in pairs])
        words = {text: split_words(text) for text in passages}
        windows = [
            window
            for index, (question, passage) in enumerate(pairs)
            for window in self._windower.windows(index, questions[question], passages[passage])
        ]
        found: list[list[WindowLogits]] = [[] for _ in pairs]
        for window, start, end in self._forward(windows):
            inside = slice(window.position, window.position + window.stop - window.first)
            null_score = float(start[0]) + float(end[0])
            found[window.pair].append(WindowLogits(window.first, start[inside], end[inside], null_score))
        return [
            decode(
                TokenisedPassage(words[passage], passages[passage].offsets),
                logits,
                n_best=self.n_best,
                max_answer_tokens=self.max_answer_tokens,
            )
            for (_, passage), logits in zip(pairs, found, strict=True)
        ]

    def _tokenise(self, texts: Sequence[str]) -> dict[str, Tokens]:
        distinct = list(dict.fromkeys(texts))
        return dict(zip(distinct, self._windower.tokenise(distinct), strict=True))

    def _forward(self, windows: Sequence[Window]) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
        """Yield every window with its start and end logits (n,) float32, in batches of like lengths."""
        for batch in _batches(windows, self._batch_tokens):
            longest = max(len(window.ids) for window in batch)
            ids = np.full((len(batch), longest), self._windower.pad_id, np.int64)
            types = np.zeros_like(ids)
            mask = np.zeros_like(ids)
            for row, window in enumerate(batch):
                ids[row, : len(window.ids)] = window.ids
                types[row, : len(window.ids)] = window.type_ids
                mask[row, : len(window.ids)] = 1
            starts, ends = self._logits(ids, types, mask)
            for window, start, end in zip(batch, starts, ends, strict=True):
                yield window, start, end

    def _logits(self, ids: np.ndarray, types: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import torch

        arrays = {"input_ids": ids, "attention_mask": mask}
        if self._has_types:
            arrays["token_type_ids"] = types
        with self._lock, torch.inference_mode():
            output = self._model(**{k: torch.from_numpy(array).to(self._model.device) for k, array in arrays.items()})
            starts, ends = output.start_logits.float().cpu().numpy(), output.end_logits.float().cpu().numpy()
        if not (np.isfinite(starts).all() and np.isfinite(ends).all()):
            raise PinciteError(
                f"The reader {self._directory} computed scores that are no numbers: its weights are damaged.",
                "Copy its files again, or reinstall the reader.",
            )
        return starts, ends


def _batches(windows: Sequence[Window], batch_tokens: int) -> Iterator[list[Window]]:
    """Yield windows sorted by length, as many at a time as the token budget allows with padding."""
    batch: list[Window] = []
    for window in sorted(windows, key=lambda window: len(window.ids)):
        if batch and (len(batch) + 1) * len(window.ids) > batch_tokens:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def load_reader(name_or_path: str = "default") -> Reader:
    """Load a reader: a bundled name, a directory of a ``*ForQuestionAnswering`` model, or a Hugging Face id.

    A directory without ``calibration.json`` gets the bundled reader's calibration. Raises :class:`PinciteError`
    that names what is missing or damaged and what helps. Only a hub id may use the network.
    """
    directory = find_directory(name_or_path)
    config = check_files(directory)
    calibration = _load_calibration(directory)
    tokenizer = load_tokenizer(directory)
    device, dtype = device_and_dtype()
    model = load_model(directory, str(config["architectures"][0]), device, dtype)
    windower = Windower(tokenizer, max_tokens=min(MAX_WINDOW_TOKENS, max_tokens_of(model, tokenizer)))
    return Reader(model, windower, directory=directory, calibration=calibration)


def _load_calibration(directory: Path) -> Calibration:
    for path in (directory / "calibration.json", BUNDLED["default"] / "calibration.json"):
        if path.is_file():
            return Calibration.load(path)
    return Calibration.default()
