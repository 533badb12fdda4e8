"""The one settings tree: read from code, ``PINCITE_*`` environment variables and a ``pincite.toml``.

Code wins over the environment, the environment over the file, the file over the defaults. Unknown keys are
refused, because a misspelt key that is silently ignored is a setting that silently does nothing, and every
number is bounded. Nested keys are written ``PINCITE_PASSAGES__SIZE=120`` in the environment and as a
``[passages]`` table in the file; ``PINCITE_THRESHOLD=none`` gives None back to a value that can be None.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from embeddings.passages import PassageSettings
from qa.errors import PinciteError

RetrievalKind = Literal["hybrid", "lexical", "dense"]
RETRIEVAL_KINDS: tuple[RetrievalKind, ...] = get_args(RetrievalKind)

PREFIX = "PINCITE_"
_TOML_FILE: ContextVar[Path] = ContextVar("pincite_toml", default=Path("pincite.toml"))
_CODE_ALONE: ContextVar[bool] = ContextVar("pincite_code_alone", default=False)


class PassageOptions(BaseModel):
    """How documents are cut; an index made with other values has to be built again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(default=PassageSettings().size, ge=16, le=512, description="Longest passage, in encoder tokens.")
    overlap: int = Field(default=PassageSettings().overlap, ge=0, le=256, description="Tokens shared by neighbours.")

    @model_validator(mode="after")
    def _overlap_fits(self) -> PassageOptions:
        if self.overlap > self.size // 2:
            raise ValueError(f"has an overlap that is not between 0 and half of its size, {self.size // 2}")
        return self

    def passage_settings(self) -> PassageSettings:
        """Return the form that the index takes."""
        return PassageSettings(size=self.size, overlap=self.overlap)


class Settings(BaseSettings):
    """Everything that can be set. Raises :class:`PinciteError` naming the key, the value and what is valid."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_parse_none_str="none", extra="forbid", frozen=True
    )

    encoder: Annotated[str, Field(min_length=1, description="Bundled name, directory or hub id of the encoder.")] = (
        "minilm"
    )
    reader: Annotated[str, Field(min_length=1, description="Bundled name, directory or hub id of the reader.")] = (
        "default"
    )
    retrieval: Annotated[RetrievalKind, Field(description="How passages are found.")] = "hybrid"
    top_k: Annotated[int, Field(ge=1, le=100, description="Passages read for a question.")] = 10
    candidates: Annotated[
        int, Field(ge=1, le=1000, description="Passages taken from each of lexical and dense before fusing.")
    ] = 100
    threshold: Annotated[
        float | None,
        Field(ge=0, le=1, description="Confidence needed to answer; None takes the reader's fitted one."),
    ] = None
    rewrite: Annotated[bool, Field(description="Rewrite follow-up questions into ones that stand alone.")] = True
    spelling: Annotated[
        bool, Field(description="Search near words of the index for a word that no document holds.")
    ] = True
    max_question_characters: Annotated[int, Field(ge=1, le=20_000, description="Longest question taken.")] = 2_000
    cache: Annotated[Path | None, Field(description="Folder of cached indexes; None: the user's cache folder.")] = None
    passages: PassageOptions = PassageOptions()

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _readable(error) from None
        except ValueError as error:  # a toml file that does not parse
            raise PinciteError(f"The settings could not be read: {error}.", "Correct pincite.toml.") from None

    @classmethod
    def load(cls, file: str | Path | None = None, **values: Any) -> Settings:
        """Read the settings with ``file`` in the place of ``pincite.toml`` of the working directory."""
        if file is None:
            return cls(**values)
        path = Path(file)
        if not path.is_file():
            raise PinciteError(f"There is no settings file {str(path)!r}.", "Give the path of a pincite.toml.")
        token = _TOML_FILE.set(path)
        try:
            return cls(**values)
        finally:
            _TOML_FILE.reset(token)

    def replace(self, **overrides: Any) -> Settings:
        """Return a validated copy; every given override counts, 0 and None too."""
        values = {name: getattr(self, name) for name in self.model_fields_set}
        token = _CODE_ALONE.set(True)  # environment and file have been read
        try:
            return type(self)(**{**values, **overrides})
        finally:
            _CODE_ALONE.reset(token)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return code, environment and file, in this order; the environment's unknown keys are refused too."""
        if _CODE_ALONE.get():
            return (init_settings,)
        _refuse_unknown_environment(cls, os.environ)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=_TOML_FILE.get())


def _refuse_unknown_environment(cls: type[BaseSettings], environment: Mapping[str, str]) -> None:
    for key in sorted(environment):
        name = key.upper().removeprefix(PREFIX)
        if name != key.upper() and name.split("__")[0].lower() not in cls.model_fields:
            raise PinciteError(
                f"The environment variable {key} is no setting.", f"The settings are {_names(cls, prefix=PREFIX)}."
            )


def _names(cls: type[BaseModel], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{name.upper() if prefix else name}" for name in cls.model_fields)


def _readable(error: ValidationError) -> PinciteError:
    """Turn the first problem into one sentence with the key, the value and what is valid."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        nested = len(problem["loc"]) > 1
        return PinciteError(
            f"There is no setting {key!r}.", f"The settings are {_names(PassageOptions if nested else Settings)}."
        )
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    bounds = _bounds(problem["loc"])
    return PinciteError(
        f"The setting {key} cannot be {problem['input']!r}: it {message}.", f"Valid: {bounds}." if bounds else ""
    )


def _bounds(location: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Settings if len(location) < 2 else PassageOptions
    field = model.model_fields.get(str(location[-1])) if location else None
    if field is None:
        return ""
    if get_args(field.annotation) == RETRIEVAL_KINDS:
        return ", ".join(RETRIEVAL_KINDS)
    limits = {type(item).__name__: item for item in field.metadata}
    if "Ge" not in limits or "Le" not in limits:
        return ""
    none = " or none" if field.default is None else ""
    return f"{limits['Ge'].ge} to {limits['Le'].le}{none}"
