"""Store: opening, migrations, round trips, full text, many readers and one writer, and states that must survive."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embeddings import connections, schema
from embeddings.documents import Document, load_documents
from embeddings.errors import PinciteError
from embeddings.passages import PassageSettings, split_passages
from embeddings.store import Store, add_documents, index_documents, remove_documents
from tests.fakes import FakeEncoder

SEEDS = Path(__file__).parent.parent / "seeds"
SETTINGS = PassageSettings(32, 8)


def document_of(name: str, text: str) -> Document:
    return Document(name, name, text, "txt", f"hash of {text}", ())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "x.pincite", FakeEncoder(), SETTINGS)


def test_documents_and_passages_come_back_as_they_were(store: Store) -> None:
    encoder = FakeEncoder()
    index_documents(store, [SEEDS], encoder)
    loaded = [document for document in load_documents([SEEDS]) if isinstance(document, Document)]
    records = store.documents()
    assert [record.name for record in records] == [document.name for document in loaded]
    reopened = Store.open(store.path, encoder=encoder)
    for record, document in zip(records, loaded, strict=True):
        assert reopened.document(document.name) == document
        passages = split_passages(document, encoder, SETTINGS)
        stored = reopened.passages(reopened.passage_ids([document.name]))
        assert [(p.start, p.end, p.text) for p in stored] == [(p.start, p.end, p.text) for p in passages]
        assert {(p.document, p.title) for p in stored} == {(document.name, document.title)}
        assert (record.passages, record.characters) == (len(passages), len(document.text))
        assert record.added.startswith("20")
    _, ids, vectors = reopened.vectors()
    everything = reopened.passages(ids.tolist())
    assert [p.id for p in everything] == reopened.passage_ids() == ids.tolist()
    document = loaded[3]
    own = reopened.passage_ids([document.name])
    expected = encoder.encode([p.embedded for p in split_passages(document, encoder, SETTINGS)])
    assert (reopened.vectors(own)[2] == expected).all()
    assert vectors.shape == (len(ids), encoder.dimension)
    assert list(reopened.check()) == []


def test_text_with_anything_in_it_survives(store: Store) -> None:
    text = "nul \x00 tab\t\r\n emoji 👩\u200d👧 e\u0301 \u202e ümlaut. " * 5
    document = Document("ñ/ü 1.pdf", "T\x00", text, "pdf", "0" * 64, (0, 10, 20))
    add_documents(store, [document], FakeEncoder())
    assert store.document(document.name) == document
    assert list(store.check()) == []
    assert store.search_lexical(["umlaut"], 5)


def test_passages_keep_the_order_asked_for_and_leave_out_what_is_gone(store: Store) -> None:
    add_documents(store, [document_of("a", "one. " * 40), document_of("b", "two. " * 40)], FakeEncoder())
    ids = store.passage_ids()
    asked = [ids[3], 99_999, ids[0], ids[3]]
    assert [p.id for p in store.passages(asked)] == [ids[3], ids[0], ids[3]]
    with pytest.raises(PinciteError, match="no document 'c'"):
        store.document("c")


def test_lexical_search_stems_ranks_and_filters(store: Store) -> None:
    texts = {"a": "The treaties were negotiated.", "b": "A treaty, a treaty, a treaty!", "c": "Nothing of the kind."}
    add_documents(store, [document_of(*item) for item in texts.items()], FakeEncoder())
    found = store.search_lexical(["treaty"], 5)
    assert [p.document for p in store.passages([i for i, _ in found])] == ["b", "a"]
    assert found[0][1] > found[1][1] > 0
    assert len(store.search_lexical(["treaty"], 1)) == 1
    assert store.search_lexical(["treaty"], 5, documents=["a"]) == [found[1]]
    assert store.search_lexical(["treaty"], 5, documents=[]) == []
    assert store.document_frequency("Treaties") == 2
    assert store.document_frequency("the") == 2
    assert store.stem("negotiations") in store.vocabulary()
    assert store.stem("?!") == ""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=st.lists(st.one_of(st.text(max_size=12), st.sampled_from(['"', "OR", "NEAR(", "*", "a:b", "-x", "^t"]))))
def test_any_text_is_a_safe_query(store: Store, terms: list[str]) -> None:
    if not store.documents():
        add_documents(store, [document_of("a", 'OR near "quoted" words a b x t')], FakeEncoder())
    assert len(store.search_lexical(terms, 5)) <= 1


def test_long_and_empty_queries(store: Store) -> None:
    add_documents(store, [document_of("a", "A word.")], FakeEncoder())
    assert store.search_lexical([], 5) == []
    assert store.search_lexical(["", " ", "?", "😀", "\x00"], 5) == []
    assert store.search_lexical([f"w{i}" for i in range(20_000)], 5) == []
    assert len(store.search_lexical(["word", *(f"w{i}" for i in range(20_000))], 5)) == 1
    assert store.search_lexical(["x" * 100_000], 5) == []


def test_removing_removes_everything(store: Store) -> None:
    texts = [document_of("a", "Alpha beta. " * 30), document_of("b", "Gamma beta. " * 30)]
    add_documents(store, texts, FakeEncoder())
    revision, kept = store.revision(), store.passage_ids(["b"])
    assert remove_documents(store, ["a", "a", "nothing"]) == 1
    assert store.revision() > revision
    assert [record.name for record in store.documents()] == ["b"]
    assert store.passage_ids() == kept
    assert store.vectors()[1].tolist() == kept
    assert store.search_lexical(["alpha"], 5) == []
    assert "alpha" not in store.vocabulary()
    assert remove_documents(store, ["a"]) == 0
    add_documents(store, [texts[0]], FakeEncoder())
    assert not set(store.passage_ids(["a"])) & set(range(max(kept) + 1))  # ids are not used twice


def test_feedback_and_own_questions(store: Store) -> None:
    store.add_feedback("Who?", {"text": "“Ich”"}, "wrong", "It was she.")
    store.add_feedback("When?", {}, None)
    first, second = store.feedback()
    assert (first["question"], first["answer"]["text"], first["verdict"]) == ("Who?", "“Ich”", "wrong")
    assert (second["remark"], second["verdict"]) == ("", None)
    line = {"id": "own-1", "question": "Who?", "answers": []}
    store.add_eval_question(line)
    assert Store.open(store.path).eval_questions() == [line]


def test_what_is_no_index_is_an_error_that_names_the_command(tmp_path: Path) -> None:
    for name, content in {"text.pincite": b"text " * 500, "empty.pincite": b""}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.sqlite").write_bytes(content)
    other = tmp_path / "other.pincite"
    other.mkdir()
    with closing(sqlite3.connect(other / "index.sqlite")) as connection:
        connection.execute("CREATE TABLE t (x)")
    (tmp_path / "file").write_text("a file")
    for name in ("gone", "file", "text.pincite", "empty.pincite", "other.pincite"):
        with pytest.raises(PinciteError) as error:
            Store.open(tmp_path / name)
        assert str(tmp_path / name) in str(error.value)
        assert "pincite index PATH... --index" in error.value.hint


def test_another_encoder_or_a_newer_format_is_refused(store: Store) -> None:
    with pytest.raises(PinciteError, match=r"made with the encoder 'fake' .*pincite index"):
        Store.open(store.path, encoder=FakeEncoder(fingerprint="another"))
    with pytest.raises(PinciteError, match="made with the encoder"):
        index_documents(store, [SEEDS], FakeEncoder(fingerprint="another"))
    with closing(sqlite3.connect(store.path / "index.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(PinciteError, match=r"has format 99; .*pincite index"):
        Store.open(store.path)


def test_an_older_format_is_migrated_on_open(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
    old = Store.create(tmp_path / "old.pincite", FakeEncoder(), SETTINGS)
    monkeypatch.undo()
    with pytest.raises(PinciteError):
        old.feedback()
    with pytest.raises(PinciteError, match="read-only"):
        Store.open(old.path, readonly=True)
    migrated = Store.open(old.path)
    assert migrated.feedback() == []
    assert migrated.manifest == store.manifest


def test_creating_twice_or_among_other_files_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(PinciteError, match="an index at"):
        Store.create(store.path, FakeEncoder(), SETTINGS)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("a")
    with pytest.raises(PinciteError, match="not empty"):
        Store.create(tmp_path / "letters", FakeEncoder(), SETTINGS)
    with pytest.raises(PinciteError, match="No index can be made"):
        Store.create(tmp_path / "letters" / "a.txt" / "x", FakeEncoder(), SETTINGS)


def test_who_reads_sees_the_old_state_while_somebody_writes(store: Store) -> None:
    add_documents(store, [document_of("a", "Old words.")], FakeEncoder())
    other = Store.open(store.path)
    seen = []

    def read() -> None:
        seen.append([other.document("a").text, len(store.search_lexical(["old"], 5)), store.revision()])

    with store.connections.writing() as connection:
        connection.execute("UPDATE documents SET text = 'New words.'")
        connection.execute("UPDATE meta SET value = '7' WHERE key = 'revision'")
        thread = threading.Thread(target=read)
        thread.start()
        thread.join(10)
    assert seen == [["Old words.", 1, 1]]
    assert other.document("a").text == "New words."
    assert other.revision() == 7


def test_a_second_writer_waits_or_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.2)
    other = Store.open(store.path)
    with store.connections.writing(), pytest.raises(PinciteError, match="Another process has been writing"):
        add_documents(other, [document_of("a", "x")], FakeEncoder())
    monkeypatch.setattr(connections, "BUSY_SECONDS", 20.0)
    other = Store.open(store.path)
    with store.connections.writing():
        thread = threading.Thread(target=add_documents, args=(other, [document_of("b", "y")], FakeEncoder()))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(20)
    assert [record.name for record in store.documents()] == ["b"]


def test_many_threads_share_a_store(store: Store) -> None:
    add_documents(store, [document_of(f"d{i}", f"Word{i} common.") for i in range(20)], FakeEncoder())
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(20):
                assert len(store.search_lexical([f"word{i}"], 3)) == 1
                if i % 10 == 0:
                    store.add_feedback(f"q{number}", {}, i)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.feedback()) == 16
    store.close()
    with pytest.raises(PinciteError, match="closed"):
        store.documents()


def test_a_read_only_index_answers_and_refuses_changes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add_documents(store, [document_of("a", "Some words.")], FakeEncoder())
    store.close()
    assert not (store.path / "index.sqlite-wal").exists()  # all of it is in the one file
    monkeypatch.setattr("os.access", lambda *_: False)
    reader = Store.open(store.path)
    assert reader.document("a").text == "Some words."
    assert len(reader.search_lexical(["word"], 5)) == 1
    assert reader.vocabulary() == ["some", "word"]
    for change in (
        lambda: remove_documents(reader, ["a"]),
        lambda: index_documents(reader, [SEEDS], FakeEncoder()),
        lambda: reader.add_feedback("q", {}, 1),
    ):
        with pytest.raises(PinciteError, match="read-only"):
            change()
    assert [record.name for record in reader.documents()] == ["a"]


def test_a_full_disk_leaves_the_old_state(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add_documents(store, [document_of("a", "Old words.")], FakeEncoder())
    real = connections.Connections._connect

    def connect(self: connections.Connections) -> sqlite3.Connection:
        connection = real(self)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 8}")
        return connection

    monkeypatch.setattr(connections.Connections, "_connect", connect)
    small = Store.open(store.path)
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "big.txt").write_text("Many new words. " * 20_000)
    with pytest.raises(PinciteError, match="disk is full"):
        index_documents(small, [folder], FakeEncoder())
    monkeypatch.undo()
    assert [record.name for record in small.documents()] == ["a"]
    again = Store.open(store.path)
    assert list(again.check()) == []
    assert index_documents(again, [folder], FakeEncoder()).added == ["big.txt"]
    assert [record.name for record in again.documents()] == ["a", "big.txt"]


def test_check_finds_faults(store: Store) -> None:
    add_documents(store, [document_of("a", "Some words."), document_of("b", "Others.")], FakeEncoder())
    with store.connections.writing() as connection:
        connection.execute("UPDATE passages SET text = 'Some warts.' WHERE id = 1")
        connection.execute("DELETE FROM vectors WHERE passage_id = 2")
    assert list(store.check()) == ["1 passages have no vector.", "Passage 1 is not what its document says."]
