"""From a file's bytes to plain text, for each format.

Files are untrusted: sizes are capped, and nothing is executed or fetched. Every function raises
:class:`Unreadable` with a sentence that a person can act on.
"""

from __future__ import annotations

import io
import re
import threading
import zipfile
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 64 * 2**20
MAX_CHARACTERS = 16_000_000
MAX_PDF_PAGES = 5_000
MAX_DOCX_UNPACKED = 256 * 2**20
MAX_TITLE = 120

# PDFium is not thread-safe, not even for separate documents.
_pdfium_lock = threading.Lock()

_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hr legend li main nav ol option p pre section summary table tbody tfoot "
    "thead tr ul".split()
)
_NOT_CONTENT = frozenset(
    "head script style noscript template svg math iframe object canvas nav form button select".split()
)
_NOT_TEXT = "it is not text (binary data, or an unknown character encoding)."
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LEGACY = (
    "cp1252 cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 koi8_r shift_jis euc_jp gb18030 big5 euc_kr"
).split()
_BLOCK, _BREAK = "\x1e", "\x1f"  # separators that no HTML text may hold


class Unreadable(Exception):
    """A file holds no text that can be taken from it; the message says why."""


@dataclass(frozen=True, slots=True)
class Extract:
    """Plain text of a file, its title ("" when it names none) and, for PDF, the offset at which each page starts."""

    text: str
    title: str = ""
    page_starts: tuple[int, ...] = ()


def extract(data: bytes, kind: str) -> Extract:
    """Return the text of ``data``, which is of the format ``kind``: txt, md, html, pdf or docx."""
    if len(data) > MAX_BYTES:
        raise Unreadable(f"it is too large ({len(data) / 2**20:.0f} MiB; {MAX_BYTES // 2**20} MiB is the limit).")
    if not data.strip():
        raise Unreadable("it is empty.")
    found = {"txt": _plain, "md": _markdown, "html": _html, "pdf": _pdf, "docx": _docx}[kind](data)
    # Lone surrogates cannot be stored or sent as UTF-8; one code point replaces one, so offsets stay.
    text = re.sub(r"[\ud800-\udfff]", "\ufffd", found.text)
    if not text.strip():
        scanned = kind == "pdf"
        raise Unreadable("it holds no text (scanned pages need OCR first)." if scanned else "it holds no text.")
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"it holds {len(text):,} characters; {MAX_CHARACTERS:,} is the limit. Split it.")
    return Extract(text, shorten(found.title or first_line(text)), found.page_starts)


def first_line(text: str) -> str:
    """Return the first line of ``text`` that is not blank, without white space around it."""
    match = re.search(r"\S[^\r\n]*", text)
    return match.group().rstrip() if match else ""


def shorten(title: str) -> str:
    """Return a title on one line of at most ``MAX_TITLE`` characters, cut between words with an ellipsis."""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", title[: 10 * MAX_TITLE]).split())
    if len(line) <= MAX_TITLE:
        return line
    cut = line[: MAX_TITLE - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[MAX_TITLE // 2 :] else cut) + "…"


def _plain(data: bytes) -> Extract:
    return Extract(_decode(data))


def _markdown(data: bytes) -> Extract:
    text = _decode(data)
    heading = re.search(r"^ {0,3}#{1,6}[ \t]+(\S.*?)[ \t]*#*[ \t]*\r?$", text, re.MULTILINE)
    return Extract(text, heading.group(1) if heading else "")


def _decode(data: bytes) -> str:
    try:
        text = _decode_legacy(data) if data.startswith(_WIDE_BOMS) else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _decode_legacy(data)
    sample = text[:100_000]
    if len(re.findall(r"[\x00-\x08\x0e-\x1f]", sample)) > 0.02 * len(sample):
        raise Unreadable(_NOT_TEXT)
    return text


def _decode_legacy(data: bytes) -> str:
    """Return the text of bytes that are not UTF-8, in the encoding that fits them best."""
    import charset_normalizer

    if data.startswith(_WIDE_BOMS):
        wide = "utf-32" if b"\0\0" in data[:4] else "utf-16"
        return data.decode(wide, errors="replace")
    loose = data.decode("utf-8-sig", errors="replace")
    broken = loose.count("\ufffd")
    if (
        len(re.findall(r"[^\x00-\x7f]", loose)) > 5 * broken
    ):  # UTF-8 with a few damaged bytes: other encodings never fit it
        return loose
    if charset_normalizer.is_binary(data):
        raise Unreadable(_NOT_TEXT)
    matches = charset_normalizer.from_bytes(data, cp_isolation=list(_LEGACY))
    if not matches:
        raise Unreadable(_NOT_TEXT)
    best = matches[0]
    # Short Western texts fit several code pages equally well, of which Windows-1252 is by far the most used.
    equal = [match for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)]
    if any("cp1252" in match.could_be_from_charset for match in equal):
        return data.decode("cp1252", errors="replace")
    return str(best)


def _html(data: bytes) -> Extract:
    from lxml import etree

    try:
        markup = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        declared = re.search(rb"""<meta[^>]{0,200}charset=["']?([\w-]+)""", data[:4096], re.IGNORECASE)
        try:
            markup = data.decode(declared.group(1).decode() if declared else "", errors="replace")
        except LookupError:
            markup = _decode_legacy(data)
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    root = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    if any("depth" in fault.message for fault in parser.error_log):  # what lies below would be lost without a word
        raise Unreadable("its elements are nested too deeply.")
    if root is None:
        raise Unreadable("it holds no text.")
    headline = next(root.iter("title"), None)
    if headline is None or not "".join(headline.itertext()).strip():
        headline = next(root.iter("h1", "h2"), None)
    title = "".join(headline.itertext()) if headline is not None else ""
    return Extract(_html_text(root), title)


def _html_text(root: Any) -> str:
    """Return the words of a page: blocks set apart by empty lines, cells by tabs, what is not content left out."""
    from lxml import etree

    parts: list[str] = []
    left_out = preformatted = 0

    def add(text: str | None) -> None:
        if text and not left_out:
            text = re.sub("[\x1e\x1f]", "", text)
            pre = text.replace("\t", "    ").replace("\n", _BREAK)
            parts.append(pre if preformatted else re.sub(r"\s+", " ", text))

    # A walk over events, because the tree of a hostile page is deeper than Python can recurse.
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag
        away = tag in _NOT_CONTENT or "hidden" in element.attrib
        mark = _BLOCK if tag in _BLOCKS else ""
        if event == "start":
            left_out += away
            preformatted += tag == "pre"
            parts.append(_BREAK if tag == "br" else mark)
            add(element.text)
        else:
            left_out -= away
            preformatted -= tag == "pre"
            parts.append("\t" if tag in ("td", "th") else mark)
            add(element.tail)
    blocks = []
    for block in "".join(parts).split(_BLOCK):
        cells = [[" ".join(cell.split()) for cell in line.split("\t")] for line in block.split(_BREAK)]
        if kept := "\n".join("\t".join(filter(None, row)) for row in cells if any(row)):
            blocks.append(kept)
    return "\n\n".join(blocks)


def _pdf(data: bytes) -> Extract:
    import pypdfium2

    with _pdfium_lock:
        try:
            pdf = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower() or "security" in str(error).lower():
                raise Unreadable("it is encrypted; save it without a password.") from error
            raise Unreadable(f"it is not a readable PDF ({str(error).rstrip('.')}).") from error
        try:
            if len(pdf) > MAX_PDF_PAGES:
                raise Unreadable(f"it has {len(pdf):,} pages; {MAX_PDF_PAGES:,} is the limit. Split it.")
            pages: list[str] = []
            starts: list[int] = []
            length = 0
            for number in range(len(pdf)):
                text = _page_text(pdf, number)
                starts.append(length)
                pages.append(text)
                length += len(text) + 2
                if length > MAX_CHARACTERS:
                    raise Unreadable(f"it holds more than {MAX_CHARACTERS:,} characters. Split it.")
            title = pdf.get_metadata_dict().get("Title", "")
        except pypdfium2.PdfiumError as error:
            raise Unreadable(f"it is not a readable PDF ({str(error).rstrip('.')}).") from error
        finally:
            pdf.close()
    # Programs write their own file names into the title field; such a title says less than the first line.
    if title.lower().startswith(("untitled", "microsoft word", "(anonymous)")) or re.fullmatch(r"\S+\.\w{2,5}", title):
        title = ""
    return Extract("\n\n".join(pages), title, tuple(starts))


def _page_text(pdf: object, number: int) -> str:
    page = pdf[number]  # type: ignore[index]
    textpage = page.get_textpage()
    try:
        text: str = textpage.get_text_range()
    finally:
        textpage.close()
        page.close()
    # PDFium marks a hyphen at a line's end with U+FFFE or U+0002: the word goes on in the next line.
    text = re.sub(r"[\ufffe\x02](?:\r?\n)?", "", text)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()


def _docx(data: bytes) -> Extract:
    import docx
    from docx.table import Table

    if data[:4] == b"\xd0\xcf\x11\xe0":
        raise Unreadable("it is encrypted, or an old .doc file; save it as .docx without a password.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Unreadable("it is not a Word file (no zip archive).") from error
    if unpacked > MAX_DOCX_UNPACKED:
        raise Unreadable(f"it unpacks to {unpacked / 2**20:.0f} MiB; {MAX_DOCX_UNPACKED // 2**20} MiB is the limit.")
    try:
        word = docx.Document(io.BytesIO(data))
        blocks: list[str] = []
        title = (word.core_properties.title or "").strip()
        for item in word.iter_inner_content():
            if isinstance(item, Table):
                rows = ("\t".join(dict.fromkeys(cell.text.strip() for cell in row.cells)) for row in item.rows)
                block = "\n".join(row for row in rows if row.strip())
            else:
                block = item.text.strip()
                if block and not title and item.style is not None and item.style.name in ("Title", "Heading 1"):
                    title = block
            if block:
                blocks.append(block)
    except Exception as error:  # python-docx raises KeyError, ValueError, XMLSyntaxError ... on what is no document
        raise Unreadable("it is not a readable Word file.") from error
    # python-docx's template writes its own name into every new file.
    return Extract("\n\n".join(blocks), "" if title == "Word Document" else title)
