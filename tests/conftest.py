"""Shared fixtures: the seeds, the fakes, and an environment without anybody's settings or cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before any model library is imported: no network, and no quarrel over the machine's few cores.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "seeds"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's settings out of the tests, and the tests' indexes out of the user's cache."""
    for name in [name for name in os.environ if name.upper().startswith("PINCITE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PINCITE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def seeds() -> Path:
    """The folder of the five articles."""
    return SEEDS


@pytest.fixture
def shared() -> Path:
    """The folder of large data sets that lies beside the repository, where there is one."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the data beside the repository (../shared) is not here")
    return folder


@pytest.fixture
def fake_assistant(tmp_path: Path) -> Iterator[object]:
    """An assistant over the seeds with fake models, so that answers are exact and need no weights."""
    from qa.assistant import Assistant
    from tests.fakes import FakeEncoder, FakeReader

    with Assistant.from_documents(
        SEEDS, index=tmp_path / "seeds.pincite", encoder=FakeEncoder(), reader=FakeReader()
    ) as assistant:
        yield assistant
