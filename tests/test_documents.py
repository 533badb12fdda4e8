"""Documents: loading, decoding, extraction, and what is passed over with which reason."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from embeddings import documents, formats
from embeddings.documents import Document, Skipped, find_files, load_bytes, load_documents
from embeddings.errors import PinciteError

SEEDS = Path(__file__).parent.parent / "seeds"


def make_pdf(*pages: str, password: str | None = None, title: str | None = None) -> bytes:
    canvas = pytest.importorskip("reportlab.pdfgen.canvas")
    buffer = io.BytesIO()
    encrypt = None
    if password:
        from reportlab.lib.pdfencrypt import StandardEncryption

        encrypt = StandardEncryption(password)
    pdf = canvas.Canvas(buffer, encrypt=encrypt)
    if title:
        pdf.setTitle(title)
    for page in pages:
        for row, line in enumerate(page.split("\n")):
            pdf.drawString(72, 760 - 16 * row, line)
        pdf.showPage()
    pdf.save()
    return buffer.getvalue()


def make_docx() -> bytes:
    import docx

    word = docx.Document()
    word.add_heading("Minutes of May", 0)
    word.add_paragraph("The board met on 3 May 2021.")
    table = word.add_table(rows=2, cols=2)
    for row, (left, right) in enumerate([("Item", "Cost"), ("Paint", "42 euros")]):
        table.rows[row].cells[0].text = left
        table.rows[row].cells[1].text = right
    word.add_paragraph("It closed at noon.")
    buffer = io.BytesIO()
    word.save(buffer)
    return buffer.getvalue()


def test_a_folder_is_walked_in_sorted_order_with_names_relative_to_it(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/b/c.txt", ".hidden.txt", ".git/x.txt", "a-b.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}")
    found = list(load_documents([tmp_path]))
    assert all(isinstance(item, Document) for item in found)
    assert [item.name for item in found] == ["a-b.txt", "a/b/c.txt", "a/z.md", "b.txt"]
    assert [item.name for item in load_documents([tmp_path / "a" / "z.md", str(tmp_path / "b.txt")])] == [
        "z.md",
        "b.txt",
    ]


def test_a_file_met_twice_is_loaded_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    assert [item.name for item in load_documents([tmp_path, tmp_path / "a.txt", tmp_path])] == ["a.txt"]


def test_seeds_are_their_files_decoded() -> None:
    found = list(load_documents([SEEDS]))
    assert len(found) == 5
    for document in found:
        assert isinstance(document, Document)
        data = (SEEDS / document.name).read_bytes()
        assert document.text == data.decode("utf-8-sig")
        assert document.hash == hashlib.sha256(data).hexdigest()
        assert document.format == "txt"
        assert document.page_starts == ()
        assert document.page_of(3) is None
        assert 0 < len(document.title) <= formats.MAX_TITLE
    assert found[2].title == "Last news in Fakti"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfA BOM.\r\nTwo\rlines\n", "A BOM.\r\nTwo\rlines\n"),
        ("Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich, größtenteils.".encode("cp1252"), "Zwölf"),
        ("Größe und Übermut: ".encode() * 9 + b"\xff kaputt", "Größe und Übermut: \ufffd kaputt"),
        ("“Naïve”, he said: it’s the café.".encode("cp1252"), "“Naïve”, he said: it’s the café."),
        ("Съешь же ещё этих мягких французских булок.".encode("cp1251"), "французских"),
        ("\ufeffUnicode in sixteen bits: čeština, ελληνικά.".encode("utf-16-le"), "čeština, ελληνικά."),
    ],
)
def test_text_is_decoded_with_newlines_untouched(data: bytes, text: str) -> None:
    document = load_bytes("x.txt", data)
    assert text in document.text
    assert not document.text.startswith("\ufeff")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.txt", b"", "it is empty"),
        ("x.txt", b" \n\t ", "it is empty"),
        ("x.txt", bytes(range(256)) * 40, "not text"),
        ("x.md", b"\x00\x01\x02\x03" * 400, "not text"),
        ("x.html", b"<html><script>1</script></html>", "holds no text"),
        ("x.pdf", b"%PDF-1.4 and then nothing", "not a readable PDF"),
        ("x.pdf", b"garbage", "not a readable PDF"),
        ("x.docx", b"garbage", "not a Word file"),
        ("x.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "encrypted, or an old .doc"),
        ("x.png", b"\x89PNG", "(.png) is not supported; .docx, .html"),
        ("README", b"text", "no file extension"),
    ],
)
def test_what_cannot_be_read_has_a_reason(name: str, data: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(PinciteError, match="was skipped") as error:
        load_bytes(name, data)
    assert reason in str(error.value)
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.txt").write_text("And the rest goes on.")
    found = {item.name: item for item in load_documents([tmp_path])}
    skipped = found[name]
    assert isinstance(skipped, Skipped)
    assert reason in skipped.reason
    assert not skipped.reason.startswith(name)
    assert isinstance(found["good.txt"], Document)


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PinciteError, match="no file or folder at"):
        list(load_documents([tmp_path / "gone"]))


def test_no_permission_and_links_out_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "docs"
    (folder / "real").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("not yours")
    (folder / "real" / "in.txt").write_text("inside")
    (folder / "closed.txt").write_text("closed")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "within.txt").symlink_to(folder / "real" / "in.txt")
    (folder / "broken.txt").symlink_to(folder / "nothing")
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.txt")
    real_open = open

    def refuse(path: object, *args: object, **kwargs: object) -> object:
        if str(path).endswith("closed.txt"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(documents, "open", refuse, raising=False)
    found = {item.name: item for item in load_documents([folder])}
    reasons = {name: item.reason for name, item in found.items() if isinstance(item, Skipped)}
    assert reasons == {
        "out.txt": "it is a link that leads out of the folder.",
        "broken.txt": "it is a broken link.",
        "up": "links to folders are not followed.",
        "pipe.txt": "it is not a regular file.",
        "closed.txt": "there is no permission to read it.",
    }
    assert sorted(set(found) - set(reasons)) == ["real/in.txt"]  # the link within leads to the same file


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    with open(tmp_path / "big.txt", "wb") as handle:
        handle.truncate(formats.MAX_BYTES + 1)
    (skipped,) = load_documents([tmp_path])
    assert isinstance(skipped, Skipped)
    assert "too large" in skipped.reason


def test_an_index_within_the_folder_is_no_document(tmp_path: Path) -> None:
    (tmp_path / "x.pincite").mkdir()
    (tmp_path / "x.pincite" / "index.sqlite").write_bytes(b"")
    (tmp_path / "x.pincite" / "notes.txt").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    assert [item.name for item in find_files([tmp_path])] == ["a.txt"]


def test_html_keeps_the_words_and_drops_the_page() -> None:
    html = """<html><head><title>The  Blue
    Book</title><script>var x = 1</script><style>p {}</style></head><body><nav>Home | News</nav>
    <h1>Diplomacy</h1><p>One   sentence<br>broken, with <b>bold</b>&nbsp;text &amp; more.</p>
    <ul><li>first</li><li>second</li></ul><table><tr><th>Year</th><td>2023</td></tr><tr><td>a</td><td>b</td></tr></table>
    <pre>x = 1
      y</pre><p hidden>hidden</p><noscript>no</noscript></body></html>"""
    document = load_bytes("page.html", html.encode())
    assert document.title == "The Blue Book"
    assert document.text == (
        "Diplomacy\n\nOne sentence\nbroken, with bold text & more.\n\nfirst\n\nsecond\n\nYear\t2023\n\na\tb\n\nx = 1\ny"
    )
    assert load_bytes("p.htm", b'<head><meta charset="latin-1"></head><p>caf\xe9').text == "café"


def test_hostile_html_takes_no_long() -> None:
    assert load_bytes("a.html", b"<div>" * 1_000 + b"the words").text == "the words"
    with pytest.raises(PinciteError, match="nested too deeply"):
        load_bytes("a.html", b"<p>Some words.</p>" + b"<div>" * 50_000 + b"the words")
    many = load_bytes("a.html", b"<p>a word</p>" * 20_000 + b"<table>" * 2_000 + b"<a " + b"b=1 " * 9_000 + b">end</a>")
    assert many.text.count("a word") == 20_000
    assert many.text.endswith("end")


def test_pdf_has_pages_and_a_title() -> None:
    document = load_bytes("report.pdf", make_pdf("First page.\nSecond line.", "Another page.", title="The Report"))
    assert document.title == "The Report"
    assert document.text == "First page.\nSecond line.\n\nAnother page."
    assert document.page_starts == (0, 26)
    assert [document.page_of(offset) for offset in (0, 25, 26, 38)] == [1, 1, 2, 2]
    assert load_bytes("r.pdf", make_pdf("Head line\nBody.")).title == "Head line"
    with pytest.raises(PinciteError, match="encrypted"):
        load_bytes("locked.pdf", make_pdf("secret", password="x"))
    with pytest.raises(PinciteError, match="OCR"):
        load_bytes("scan.pdf", make_pdf("", ""))


def test_pdf_caps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_PDF_PAGES", 1)
    with pytest.raises(PinciteError, match="2 pages; 1 is the limit"):
        load_bytes("x.pdf", make_pdf("a", "b"))
    monkeypatch.setattr(formats, "MAX_PDF_PAGES", 9)
    monkeypatch.setattr(formats, "MAX_CHARACTERS", 9)
    with pytest.raises(PinciteError, match="more than 9 characters"):
        load_bytes("x.pdf", make_pdf("aaaaaa", "bbbbbb"))
    with pytest.raises(PinciteError, match="10 characters; 9 is the limit"):
        load_bytes("x.txt", b"a" * 10)


def test_docx_keeps_paragraphs_and_tables_in_order() -> None:
    document = load_bytes("minutes.docx", make_docx())
    assert document.title == "Minutes of May"
    assert document.text == (
        "Minutes of May\n\nThe board met on 3 May 2021.\n\nItem\tCost\nPaint\t42 euros\n\nIt closed at noon."
    )


def test_a_zip_bomb_is_not_unpacked() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as entry:
        for _ in range(300):
            entry.write(b"\0" * 2**20)
    with pytest.raises(PinciteError, match="unpacks to 300 MiB"):
        load_bytes("bomb.docx", buffer.getvalue())


def test_markdown_title_is_its_first_heading() -> None:
    document = load_bytes("a.md", b"Some words.\n\n## The *plan* ##\n\nText.\n")
    assert document.title == "The *plan*"
    assert document.text == "Some words.\n\n## The *plan* ##\n\nText.\n"


def test_a_long_first_line_is_cut_between_words() -> None:
    title = load_bytes("a.txt", b"word " * 100).title
    assert title.endswith("word…")
    assert len(title) <= formats.MAX_TITLE
