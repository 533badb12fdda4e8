from __future__ import annotations

import re
from pathlib import Path

import pytest

from qa.errors import PinciteError
from qa.settings import PassageOptions, Settings
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_code_wins_over_environment_over_file_over_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path("pincite.toml").write_text('top_k = 3\ncandidates = 33\nretrieval = "dense"\n')
    monkeypatch.setenv("PINCITE_TOP_K", "4")
    monkeypatch.setenv("PINCITE_CANDIDATES", "44")
    settings = Settings(top_k=5)
    assert (settings.top_k, settings.candidates, settings.retrieval) == (5, 44, "dense")
    assert settings.rewrite is True


def test_nested_keys_from_environment_and_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pincite.toml").write_text("[passages]\nsize = 90\noverlap = 9\n")
    monkeypatch.setenv("PINCITE_PASSAGES__SIZE", "80")
    assert Settings().passages == PassageOptions(size=80, overlap=9)


def test_a_given_file_takes_the_place_of_the_one_here(tmp_path: Path) -> None:
    Path("pincite.toml").write_text("top_k = 3\n")
    other = tmp_path / "other.toml"
    other.write_text("candidates = 7\n")
    settings = Settings.load(other)
    assert (settings.top_k, settings.candidates) == (Settings.model_fields["top_k"].default, 7)
    assert Settings().top_k == 3


def test_zero_and_none_count_as_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINCITE_THRESHOLD", "0.7")
    assert Settings().threshold == 0.7
    assert Settings(threshold=0).threshold == 0
    assert Settings(threshold=None).threshold is None
    assert Settings(threshold=0.4).replace(threshold=0).threshold == 0
    assert Settings(threshold=0.4).replace(threshold=None).threshold is None
    monkeypatch.setenv("PINCITE_THRESHOLD", "none")
    assert Settings().threshold is None
    monkeypatch.setenv("PINCITE_THRESHOLD", "0")
    assert Settings().threshold == 0


def test_replace_keeps_the_rest_and_does_not_read_the_sources_again(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(candidates=50)
    monkeypatch.setenv("PINCITE_CANDIDATES", "60")
    changed = settings.replace(top_k=2)
    assert (changed.top_k, changed.candidates, settings.top_k) == (2, 50, 10)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"top_k": 0}, ["top_k", "0", "1 to 100"]),
        ({"top_k": 101}, ["top_k", "101", "1 to 100"]),
        ({"top_k": "many"}, ["top_k", "'many'", "1 to 100"]),
        ({"threshold": 1.5}, ["threshold", "1.5", "0 to 1 or none"]),
        ({"retrieval": "magic"}, ["retrieval", "'magic'", "hybrid, lexical, dense"]),
        ({"tpo_k": 3}, ["'tpo_k'", "top_k"]),
        ({"passages": {"size": 4}}, ["passages.size", "4", "16 to 512"]),
        ({"passages": {"sise": 40}}, ["'passages.sise'", "size, overlap"]),
        ({"passages": {"size": 40, "overlap": 21}}, ["passages", "half of its size, 20"]),
        ({"encoder": ""}, ["encoder", "''"]),
    ],
)
def test_a_bad_value_is_one_sentence_with_key_value_and_range(values: dict[str, object], said: list[str]) -> None:
    with pytest.raises(PinciteError) as raised:
        Settings(**values)
    message = str(raised.value)
    assert all(part in message for part in said), message
    assert "\n" not in message


def test_unknown_keys_are_refused_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pincite.toml").write_text("topk = 3\n")
    with pytest.raises(PinciteError, match="no setting 'topk'"):
        Settings()
    Path("pincite.toml").write_text("top_k = = 3\n")
    with pytest.raises(PinciteError, match=r"pincite\.toml"):
        Settings()
    Path("pincite.toml").unlink()
    monkeypatch.setenv("PINCITE_TOPK", "3")
    with pytest.raises(PinciteError, match="PINCITE_TOPK is no setting"):
        Settings()


def test_a_settings_file_that_is_not_there() -> None:
    with pytest.raises(PinciteError, match=r"no settings file 'none\.toml'"):
        Settings.load("none.toml")


def test_the_readme_lists_every_setting_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `([\w.]+)` \| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    defaults = Settings().model_dump()
    passages = defaults.pop("passages")
    defaults |= {f"passages.{key}": value for key, value in passages.items()}
    defaults["cache"] = Settings.model_fields["cache"].default
    assert listed == {key: str(value).lower() for key, value in defaults.items()}
