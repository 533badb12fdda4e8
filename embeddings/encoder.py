"""Encoder: text -> unit vectors, by sentence-transformers models on whatever the machine does fastest.

Nothing here loads torch before the first text is encoded: a model's name, fingerprint, size and tokenizer
are read from its files.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from embeddings.errors import PinciteError
from embeddings.model_files import fingerprint_of, model_directory, read_json, simple_pooling

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]

# Larger batches are slower on a CPU, whose caches they leave, and faster on an accelerator.
BATCH_CHARACTERS = 6_000
BATCH_CHARACTERS_ACCELERATOR = 96_000
MAX_BATCH = 64


class Encoder(Protocol):
    """What the index needs of a model. ``max_tokens`` counts content tokens, special tokens left out."""

    name: str
    fingerprint: str
    dimension: int
    max_tokens: int

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """Return unit rows of shape (len(texts), dimension), float32; ``progress`` gets (texts done, all texts)."""
        ...

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the character offsets of the tokens of ``text``, special tokens left out."""
        ...


class SentenceEncoder:
    """A sentence-transformers model: a bundled name ("minilm"), a directory, or a Hugging Face model id.

    A model id is taken from the local cache when it is there; only otherwise, and unless HF_HUB_OFFLINE is
    set, it is downloaded. Weights must be safetensors: pickled ones are never loaded. Safe to share between
    threads. The same texts give the same vectors on the same machine.

    Raises:
        PinciteError: there is no such model, or no connection to fetch it.
    """

    def __init__(self, name_or_path: str = "minilm") -> None:
        self.name = name_or_path
        self._directory = model_directory(name_or_path)
        modules = read_json(self._directory / "modules.json", missing=[])
        self._root = self._directory / str(modules[0].get("path", "") if modules else "")
        config = read_json(self._root / "config.json", missing={})
        if not config or not modules:
            raise PinciteError(
                f"{self._directory} is not a sentence-transformers model (config.json or modules.json is missing).",
                "Give a directory made by SentenceTransformer.save, or the bundled name 'minilm'.",
            )
        self._modules: list[dict[str, str]] = modules
        self.fingerprint = fingerprint_of(self._directory)
        self.dimension = self._find_dimension(config)
        limits = read_json(self._root / "sentence_bert_config.json", missing={})
        positions = int(config.get("max_position_embeddings", 512)) - 2  # some families keep two for padding
        tokenizer = read_json(self._root / "tokenizer_config.json", missing={})
        longest = limits.get("max_seq_length") or min(positions, tokenizer.get("model_max_length") or positions)
        self._lock = threading.Lock()
        self._tokenizer: Tokenizer | None = None
        self._forward: Callable[[Sequence[str]], Vectors] | None = None
        self._longest = int(longest)
        self.max_tokens = self._longest - self._tokens().num_special_tokens_to_add(False)

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """Return unit rows of shape (len(texts), dimension), float32, in batches of texts of like length."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if not texts:
            return vectors
        forward = self._model()
        # A batch is padded to its longest text, so texts of like length go together; the longest first, so that
        # memory peaks at once.
        order = sorted(range(len(texts)), key=lambda i: (-len(texts[i]), i))
        budget = BATCH_CHARACTERS if device_and_dtype()[0] == "cpu" else BATCH_CHARACTERS_ACCELERATOR
        done = 0
        while done < len(order):
            size = min(max(budget // max(len(texts[order[done]]), 1), 1), MAX_BATCH)
            batch = order[done : done + size]
            vectors[batch] = forward([texts[i] for i in batch])
            done += len(batch)
            if progress:
                progress(done, len(order))
        return vectors

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the character offsets of the tokens of ``text``, special tokens left out."""
        spans: list[tuple[int, int]] = self._tokens().encode(text, add_special_tokens=False).offsets
        return spans

    def _tokens(self) -> Tokenizer:
        """Return the tokenizer without truncation and padding; the Rust object is safe to share."""
        if self._tokenizer is None:
            from tokenizers import Tokenizer

            path = self._root / "tokenizer.json"
            if not path.exists():
                raise PinciteError(
                    f"{self._directory} holds no tokenizer.json.", "Save the model again with its fast tokenizer."
                )
            tokenizer = Tokenizer.from_file(str(path))
            tokenizer.no_truncation()
            tokenizer.no_padding()
            self._tokenizer = tokenizer
        return self._tokenizer

    def _find_dimension(self, config: dict[str, Any]) -> int:
        for module in reversed(self._modules):
            settings = read_json(self._directory / module.get("path", "") / "config.json", missing={})
            for key in ("out_features", "word_embedding_dimension", "embedding_dimension"):
                if module.get("path") and key in settings:
                    return int(settings[key])
        return int(config["hidden_size"])

    def _model(self) -> Callable[[Sequence[str]], Vectors]:
        with self._lock:
            if self._forward is None:
                self._forward = self._load()
            return self._forward

    def _load(self) -> Callable[[Sequence[str]], Vectors]:
        pooling = simple_pooling(self._directory, self._modules)
        if pooling is None:
            return self._load_sentence_transformer()
        import torch
        from transformers import AutoModel

        # The usual recipe (transformer, mean or first-token pooling, unit length) needs nothing but transformers,
        # whose import is half as long as that of sentence-transformers, and which the reader needs anyway.
        device, dtype = device_and_dtype()
        with _quietly():
            # On CPUs plain matrix products beat the fused attention kernel at the length of passages.
            attention = "eager" if device == "cpu" else "sdpa"
            model = AutoModel.from_pretrained(
                self._root, local_files_only=True, use_safetensors=True, attn_implementation=attention
            )
        model = model.to(device=device, dtype=dtype).eval()
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self._tokens().to_str())
        tokenizer.enable_truncation(self._longest)
        pad = model.config.pad_token_id or 0

        def forward(texts: Sequence[str]) -> Vectors:
            encodings = tokenizer.encode_batch(list(texts))
            width = max(len(encoding) for encoding in encodings)
            ids = np.full((len(texts), width), pad, dtype=np.int64)
            mask = np.zeros((len(texts), width), dtype=np.int64)
            for row, encoding in enumerate(encodings):
                ids[row, : len(encoding)] = encoding.ids
                mask[row, : len(encoding)] = 1
            with torch.inference_mode():
                kept = torch.from_numpy(mask).to(device)
                hidden = model(input_ids=torch.from_numpy(ids).to(device), attention_mask=kept).last_hidden_state
                if pooling == "mean":
                    weights = kept.unsqueeze(-1).float()
                    pooled = (hidden.float() * weights).sum(1) / weights.sum(1)
                else:
                    pooled = hidden[:, 0].float()
                unit = torch.nn.functional.normalize(pooled, dim=1)
            vectors: Vectors = unit.cpu().numpy()
            return vectors

        return forward

    def _load_sentence_transformer(self) -> Callable[[Sequence[str]], Vectors]:
        from sentence_transformers import SentenceTransformer

        device, dtype = device_and_dtype()
        with _quietly():
            model = SentenceTransformer(
                str(self._directory),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"torch_dtype": dtype, "use_safetensors": True},
            )

        def forward(texts: Sequence[str]) -> Vectors:
            rows = model.encode(list(texts), batch_size=MAX_BATCH, show_progress_bar=False)
            wide = np.asarray(rows, dtype=np.float32)  # unit length is made here: in bf16 it would be off by 0.003
            unit: Vectors = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
            return unit

        return forward


def device_and_dtype() -> tuple[str, Any]:
    """Return the fastest device and number format of this machine, as torch knows them.

    bf16 keeps the cosine to fp32 at 0.9999 and is about three times as fast where the CPU multiplies it
    (AMX, AVX512-BF16); elsewhere it is emulated and slower, so fp32 is used.
    """
    import torch

    if torch.cuda.is_available():
        return "cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if torch.backends.mps.is_available():
        return "mps", torch.float32
    return "cpu", torch.bfloat16 if cpu_multiplies_bf16() else torch.float32


def cpu_multiplies_bf16() -> bool:
    """Return whether this CPU has instructions that multiply bf16."""
    try:
        flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags.split())


@contextmanager
def _quietly() -> Iterator[None]:
    """Hide transformers' progress bar over the tensors of a model."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
