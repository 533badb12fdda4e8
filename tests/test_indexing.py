"""Indexing: only what changed is read and encoded, nothing is lost, and a kill at any moment does no harm."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embeddings import indexing
from embeddings.documents import Document, SourceFile
from embeddings.errors import PinciteError
from embeddings.passages import PassageSettings
from embeddings.store import IndexReport, Store, add_documents, index_documents
from tests.fakes import FakeEncoder

ROOT = Path(__file__).parent.parent
SETTINGS = PassageSettings(32, 8)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "x.pincite", FakeEncoder(), SETTINGS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    write(folder / "a.txt", "Alpha is the first.")
    write(folder / "b.md", "# Beta\n\nBeta is the second.")
    write(folder / "sub" / "c.html", "<p>Gamma is the third.")
    return folder


def write(path: Path, text: str) -> None:
    """Write a file as if it had been there for an hour."""
    path.write_text(text)
    past = time.time() - 3600
    os.utime(path, (past, past))


def names(store: Store) -> list[str]:
    return [record.name for record in store.documents()]


def counts(report: IndexReport) -> tuple[list[str], list[str], list[str], list[str]]:
    return report.added, report.changed, report.removed, report.unchanged


def test_only_what_changed_is_encoded(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder()
    first = index_documents(store, [folder], encoder)
    assert counts(first) == (["a.txt", "b.md", "sub/c.html"], [], [], [])
    assert first.passages == encoder.encoded == 3
    assert first.seconds > 0
    revision = store.revision()
    write(folder / "b.md", "Beta is the second, still.")
    (folder / "sub" / "c.html").unlink()
    write(folder / "d.txt", "Delta is new.")
    opened: list[str] = []
    real = indexing.read_bytes

    def read(file: SourceFile) -> bytes:
        opened.append(file.name)
        return real(file)

    monkeypatch.setattr(indexing, "read_bytes", read)
    second = index_documents(store, [folder], encoder)
    assert counts(second) == (["d.txt"], ["b.md"], ["sub/c.html"], ["a.txt"])
    assert encoder.encoded == 5
    assert opened == ["b.md", "d.txt"]
    assert store.revision() > revision
    assert store.document("b.md").text == "Beta is the second, still."
    assert store.search_lexical(["gamma"], 5) == []
    assert list(store.check()) == []
    revision = store.revision()
    os.utime(folder / "a.txt", (1, 1))  # touched, not changed
    assert counts(index_documents(store, [folder], encoder)) == ([], [], [], ["a.txt", "b.md", "d.txt"])
    assert opened[-1] == "a.txt"
    assert (encoder.encoded, store.revision()) == (5, revision)
    index_documents(store, [folder], encoder)
    assert opened[-1] == "a.txt"
    assert len(opened) == 3


def test_a_change_that_keeps_size_and_time_of_a_new_file_is_seen(store: Store, folder: Path) -> None:
    path = folder / "a.txt"
    path.write_text("Alpha was 1.")
    status = path.stat()
    index_documents(store, [folder], FakeEncoder())
    path.write_text("Alpha was 2.")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert index_documents(store, [folder], FakeEncoder()).changed == ["a.txt"]


def test_without_prune_nothing_is_removed(store: Store, folder: Path) -> None:
    index_documents(store, [folder], FakeEncoder())
    (folder / "a.txt").unlink()
    assert index_documents(store, [folder], FakeEncoder(), prune=False).removed == []
    assert "a.txt" in names(store)
    assert index_documents(store, [folder], FakeEncoder()).removed == ["a.txt"]


def test_prune_leaves_other_folders_and_documents_from_memory(store: Store, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other / "o.txt", "Omega.")
    add_documents(store, [Document("upload.txt", "t", "Uploaded.", "txt", "h")], FakeEncoder())
    index_documents(store, [folder, other], FakeEncoder())
    (folder / "a.txt").unlink()
    assert index_documents(store, [folder], FakeEncoder()).removed == ["a.txt"]
    assert names(store) == ["b.md", "o.txt", "sub/c.html", "upload.txt"]
    write(other / "upload.txt", "Another file of that name.")
    report = index_documents(store, [other], FakeEncoder())
    assert report.added == ["other/upload.txt"]
    assert store.document("upload.txt").text == "Uploaded."


def test_documents_of_one_name_from_two_folders_are_both_kept(store: Store, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other / "a.txt", "Another alpha.")
    index_documents(store, [folder, other], FakeEncoder())
    assert names(store) == ["a.txt", "b.md", "other/a.txt", "sub/c.html"]
    again = index_documents(store, [other], FakeEncoder())
    assert counts(again) == ([], [], [], ["other/a.txt"])
    assert index_documents(store, [folder], FakeEncoder()).unchanged == ["a.txt", "b.md", "sub/c.html"]


def test_a_file_named_by_itself_and_by_its_folders_is_one_document(store: Store, folder: Path) -> None:
    encoder = FakeEncoder()
    index_documents(store, [folder], encoder)
    assert index_documents(store, [folder / "a.txt"], encoder).unchanged == ["a.txt"]
    assert index_documents(store, [folder / "sub"], encoder).unchanged == ["sub/c.html"]
    (folder / "sub" / "c.html").unlink()
    assert index_documents(store, [folder], encoder).removed == ["sub/c.html"]
    assert (names(store), encoder.encoded) == (["a.txt", "b.md"], 3)
    write(folder / "sub" / "e.txt", "Epsilon.")
    assert index_documents(store, [folder / "sub"], encoder).added == ["e.txt"]
    assert index_documents(store, [folder], encoder).unchanged == ["a.txt", "b.md", "e.txt"]
    (folder / "sub" / "e.txt").unlink()
    assert index_documents(store, [folder], encoder).removed == ["e.txt"]


def test_a_folder_that_nobody_may_list_costs_no_document(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_documents(store, [folder], FakeEncoder())
    real = os.scandir

    def scan(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    report = index_documents(store, [folder], FakeEncoder())
    assert [(item.name, item.reason) for item in report.skipped] == [("sub", "there is no permission to read it.")]
    assert (report.removed, len(names(store))) == ([], 3)


def test_a_folder_that_was_renamed_is_followed(store: Store, folder: Path) -> None:
    encoder = FakeEncoder()
    index_documents(store, [folder], encoder)
    moved = folder.rename(folder.with_name("moved"))
    assert index_documents(store, [moved], encoder).unchanged == ["a.txt", "b.md", "sub/c.html"]
    assert encoder.encoded == 3
    (moved / "a.txt").unlink()
    assert index_documents(store, [moved], encoder).removed == ["a.txt"]


def test_a_folder_that_is_gone_is_an_error_and_costs_no_document(store: Store, folder: Path) -> None:
    index_documents(store, [folder], FakeEncoder())
    with pytest.raises(PinciteError, match="no file or folder"):
        index_documents(store, [folder.with_name("gone")], FakeEncoder())
    assert len(names(store)) == 3


def test_skipped_files_are_remembered_and_not_read_again(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "broken.pdf", "%PDF-nonsense")
    write(folder / "picture.png", "x")
    report = index_documents(store, [folder], FakeEncoder())
    assert [item.name for item in report.skipped] == ["broken.pdf", "picture.png"]
    assert store.skipped() == report.skipped
    monkeypatch.setattr(indexing, "load_bytes", lambda *_: pytest.fail("read again"))
    assert index_documents(store, [folder], FakeEncoder()).skipped == report.skipped
    monkeypatch.undo()
    (folder / "picture.png").unlink()
    write(folder / "broken.pdf", "")
    (again,) = index_documents(store, [folder], FakeEncoder()).skipped
    assert (again.name, again.reason) == ("broken.pdf", "it is empty.")
    assert store.skipped() == [again]


def test_what_becomes_unreadable(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_documents(store, [folder], FakeEncoder())
    write(folder / "a.txt", "")  # its words are gone, so they must not be quoted any more
    write(folder / "b.md", "Changed, but nobody may read it.")
    real = indexing.read_bytes

    def read(file: SourceFile) -> bytes:
        if file.name == "b.md":
            raise PinciteError("b.md was skipped: there is no permission to read it.")
        return real(file)

    monkeypatch.setattr(indexing, "read_bytes", read)
    report = index_documents(store, [folder], FakeEncoder())
    assert report.removed == ["a.txt"]
    assert [(item.name, item.reason) for item in report.skipped] == [
        ("a.txt", "it is empty."),
        ("b.md", "there is no permission to read it."),
    ]
    assert names(store) == ["b.md", "sub/c.html"]


def test_progress_and_cancelling(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int]] = []
    index_documents(store, [folder], FakeEncoder(), progress=lambda *step: seen.append(step))
    assert seen[:3] == [("a.txt", 0, 3), ("b.md", 1, 3), ("sub/c.html", 2, 3)]
    assert seen[-1] == ("embedding 3 passages", 3, 3)
    monkeypatch.setattr(indexing, "BATCH_PASSAGES", 1)
    for name in ("a.txt", "b.md", "sub/c.html"):
        write(folder / name, f"{name} has changed.")
    asked = iter([False] * 4)
    report = index_documents(store, [folder], FakeEncoder(), cancelled=lambda: next(asked, True))
    assert report.cancelled
    assert report.changed == ["a.txt"]
    assert (report.removed, report.unchanged) == ([], [])
    assert len(names(store)) == 3
    assert index_documents(store, [folder], FakeEncoder()).changed == ["b.md", "sub/c.html"]


def test_memory_documents_are_replaced_by_hash(store: Store) -> None:
    encoder = FakeEncoder()
    one = [Document("a", "t", "One.", "txt", "1"), Document("b", "t", "Two.", "txt", "2")]
    assert add_documents(store, one, encoder).added == ["a", "b"]
    report = add_documents(store, [one[0], Document("b", "t", "Three.", "txt", "3")], encoder)
    assert (report.unchanged, report.changed, encoder.encoded) == (["a"], ["b"], 3)


@pytest.mark.timeout(600)
def test_fifty_kills_while_indexing_lose_nothing(tmp_path: Path) -> None:
    """Runs in a fresh process that forks an indexer and kills it, so that nothing of the test's own state is shared."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    script = [sys.executable, str(ROOT / "tests" / "kill_indexing.py"), str(tmp_path), "50"]
    run = subprocess.run(script, capture_output=True, text=True, timeout=580, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    assert "50 kills" in run.stdout, run.stdout
