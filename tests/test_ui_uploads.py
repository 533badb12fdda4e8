"""Uploads: names that cannot lead anywhere, limits in sentences, cancelling without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embeddings.documents import load_bytes
from embeddings.errors import PinciteError
from tests.ui_helpers import fake_assistant, write_corpus
from ui import uploads


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        (".hidden", "hidden"),
        ("", "document"),
        ("...", "document"),
        ("a:b*c?.txt", "a_b_c_.txt"),
        ("\x00\x1b[31m.md", "_[31m.md"),
        ("größe €.docx", "größe €.docx"),
    ],
)
def test_safe_name(name: str, safe: str) -> None:
    assert uploads.safe_name(name) == safe


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_safe_name_is_one_visible_short_part(name: str) -> None:
    safe = uploads.safe_name(name)
    assert safe == Path(safe).name
    assert not safe.startswith(".")
    assert len(safe.encode("utf-8", "surrogatepass")) <= 4 * uploads.MAX_NAME
    assert uploads.safe_name(safe) == safe


def test_too_many_or_too_large_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.txt"
    file.write_text("x")
    with pytest.raises(PinciteError, match="at most 500"):
        uploads.check_upload([file] * 501)
    monkeypatch.setattr(uploads, "MAX_BYTES", 0)
    with pytest.raises(PinciteError, match=r"a\.txt is too large"):
        uploads.check_upload([file])


def test_reading_tells_equal_names_apart_and_says_what_it_skipped(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notes.txt").write_text(f"These are the notes of {folder}.")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    (tmp_path / "fake.pdf").write_bytes(b"<script>not a pdf</script>")
    paths = [tmp_path / "one/notes.txt", tmp_path / "two/notes.txt", tmp_path / "image.png", tmp_path / "fake.pdf"]
    documents, skipped = uploads.read_upload(paths, lambda *_: None, lambda: False)
    assert [document.name for document in documents] == ["uploads/notes.txt", "uploads/notes (2).txt"]
    assert [item.name for item in skipped] == ["image.png", "fake.pdf"]
    assert all(item.reason for item in skipped)


def test_cancelling_restores_a_replaced_document(tmp_path: Path) -> None:
    with fake_assistant(write_corpus(tmp_path / "documents"), tmp_path / "x.pincite") as assistant:
        store, encoder = assistant.store, assistant.encoder
        old = load_bytes("uploads/a.txt", b"The old words stand here.")
        uploads.add_upload(store, encoder, [old], lambda *_: None, lambda: False)
        before = {record.name: record.hash for record in store.documents()}
        new = load_bytes("uploads/a.txt", b"The new words stand here.")
        other = load_bytes("uploads/b.txt", b"Another document.")
        report = uploads.add_upload(store, encoder, [new, other], lambda *_: None, lambda: True)
        assert report.cancelled
        assert {record.name: record.hash for record in store.documents()} == before
        assert store.document("uploads/a.txt").text == old.text


def test_a_failure_leaves_the_old_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_assistant(write_corpus(tmp_path / "documents"), tmp_path / "x.pincite") as assistant:
        before = {record.name for record in assistant.store.documents()}
        monkeypatch.setattr(assistant.encoder, "encode", lambda *_args, **_more: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            uploads.add_upload(
                assistant.store,
                assistant.encoder,
                [load_bytes("uploads/b.txt", b"Another document.")],
                lambda *_: None,
                lambda: False,
            )
        assert {record.name for record in assistant.store.documents()} == before
