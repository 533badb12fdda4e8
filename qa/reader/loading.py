"""Finding and loading a reader's files: bundled, from a directory, or from the Hugging Face hub.

Only plain files are read: configuration, a fast tokenizer and safetensors weights. Nothing is unpickled, no code
that a model brings is run, and nothing but a hub id touches the network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.errors import PinciteError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_HERE = Path(__file__).parent
BUNDLED = {"default": _HERE / "weights", "small": _HERE / "weights" / "small"}
_HUB_FILES = ["config.json", "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "*.safetensors*"]
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"


def find_directory(name_or_path: str) -> Path:
    """Return the directory that holds a reader's files; a hub id is downloaded into the hub's own cache."""
    bundled = BUNDLED.get(name_or_path)
    if bundled is not None:
        if not (bundled / "config.json").is_file():
            raise PinciteError(
                f"The bundled reader '{name_or_path}' is not in this installation ({bundled} holds no config.json).",
                "Reinstall Pincite, or name another reader: " + _choices(),
            )
        return bundled
    path = Path(name_or_path).expanduser()
    if name_or_path and path.is_dir():
        return path
    if path.exists() or not _is_hub_id(name_or_path):
        raise PinciteError(f"There is no reader at '{name_or_path}'.", "A reader is " + _choices())
    return _download(name_or_path)


def _choices() -> str:
    names = ", ".join(f"'{name}'" for name, path in BUNDLED.items() if (path / "config.json").is_file())
    kinds = ["a directory of a Hugging Face question answering model", "a Hugging Face model id."]
    return ", ".join(([names] if names else []) + [" or ".join(kinds)])


def _is_hub_id(name: str) -> bool:
    parts = name.split("/")
    return len(parts) <= 2 and all(
        part and part[0].isalnum() and all(c.isalnum() or c in "-_." for c in part) for part in parts
    )


def _download(name: str) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=_HUB_FILES))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise PinciteError(
            f"The reader '{name}' is no local directory and cannot be fetched from the Hugging Face hub "
            f"({type(error).__name__}).",
            "Check the name and the connection, or name another reader: " + _choices(),
        ) from error


def check_files(directory: Path) -> dict[str, Any]:
    """Return the configuration of a reader's directory, or raise a :class:`PinciteError` that names what is wrong."""
    config_path = directory / "config.json"
    remedy = "A reader is " + _choices()
    try:
        config = json.loads(config_path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PinciteError(f"{directory} is no reader: it holds no config.json.", remedy) from error
    except (OSError, ValueError) as error:
        raise PinciteError(f"{config_path} cannot be read ({error}).", remedy) from error
    architectures = config.get("architectures") if isinstance(config, dict) else None
    if not architectures or not str(architectures[0]).endswith("ForQuestionAnswering"):
        raise PinciteError(
            f"{directory} is no reader: its config.json names the architecture {(architectures or ['none'])[0]}, "
            "not one that ends in ForQuestionAnswering.",
            remedy,
        )
    missing = [name for name in _weight_names(directory) if not (directory / name).is_file()]
    if missing:
        pickled = sorted(path.name for path in directory.glob("*.bin"))
        raise PinciteError(
            f"The weight file {directory / missing[0]} is missing"
            + (f"; {pickled[0]} is a pickle, which is never loaded." if pickled else "."),
            f"{'Convert it to safetensors' if pickled else 'Copy the file again'}, or reinstall the reader.",
        )
    return dict(config)


def _weight_names(directory: Path) -> list[str]:
    """The weight files a directory must hold: one, or those that its index of shards names."""
    index = directory / _INDEX
    if not index.is_file():
        return [_WEIGHTS]
    try:
        shards = {str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise PinciteError(
            f"{index} cannot be read ({error}).", "Copy the file again, or reinstall the reader."
        ) from error
    foreign = [name for name in shards if Path(name).name != name]
    if foreign:
        raise PinciteError(f"{index} names a weight file outside its directory: '{foreign[0]}'.", "Do not trust it.")
    return sorted(shards)


def weight_files(directory: Path) -> list[Path]:
    """Return the paths of a reader's weight files."""
    return [directory / name for name in _weight_names(directory)]


def load_tokenizer(directory: Path) -> PreTrainedTokenizerBase:
    """Return a directory's fast tokenizer."""
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            directory, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # the tokenizers library raises bare Exceptions
        raise PinciteError(
            f"The tokenizer of {directory} cannot be loaded ({_first_line(error)}).",
            "A reader needs a fast tokenizer: a readable tokenizer.json beside its config.json.",
        ) from error
    if not tokenizer.is_fast:
        raise PinciteError(
            f"The reader {directory} has no fast tokenizer ({type(tokenizer).__name__}), so no exact offsets.",
            "Choose a reader with a tokenizer.json.",
        )
    return tokenizer


def load_model(directory: Path, architecture: str, device: str, dtype: torch.dtype) -> PreTrainedModel:
    """Return a directory's question answering model, in evaluation mode, on the device and in the number format."""
    import transformers
    from transformers.utils import logging

    model_class = getattr(transformers, architecture, None)
    if model_class is None:
        raise PinciteError(
            f"{directory} is a {architecture}, unknown to the installed transformers {transformers.__version__}.",
            "Choose another reader, or update transformers.",
        )
    bar = logging.is_progress_bar_enabled()
    verbosity = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        model, report = model_class.from_pretrained(
            directory,
            local_files_only=True,
            use_safetensors=True,
            dtype=dtype,
            # On a CPU and at the length of passages plain attention is faster than the fused kernel.
            attn_implementation="eager" if device == "cpu" else None,
            output_loading_info=True,
        )
    except Exception as error:  # safetensors and transformers raise a dozen classes for a bad file
        files = ", ".join(path.name for path in weight_files(directory))
        raise PinciteError(
            f"The weights in {directory} ({files}) are damaged or of another model ({_first_line(error)}).",
            "Copy the files again, or reinstall the reader.",
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
    lacking = sorted(report["missing_keys"])
    if lacking:
        raise PinciteError(
            f"The weights in {directory} lack {len(lacking)} tensors of {architecture}, among them {lacking[0]}.",
            "It is no trained reader, or its files are incomplete: copy them again.",
        )
    head = getattr(model, "qa_outputs", None)
    if head is None:
        raise PinciteError(
            f"{architecture} has no plain start and end logits, so Pincite cannot read with it.",
            "Choose a reader such as deepset/roberta-base-squad2.",
        )
    # bf16 logits would be steps of 1/32 around 6, and spans would tie: the head is tiny, so it computes in fp32.
    head.float().register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
    return model.eval().to(device)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no details'}"


def max_tokens_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return how many tokens a model's positions and its tokenizer allow."""
    limit = int(getattr(model.config, "max_position_embeddings", 0) or 512)
    for name, module in model.named_modules():
        # RoBERTa and its kin begin counting positions behind the padding id.
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            limit -= int(module.padding_idx) + 1
    return min(limit, int(tokenizer.model_max_length))
