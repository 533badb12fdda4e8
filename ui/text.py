"""Untrusted text to HTML, one code point for one code point.

Document text, titles, names and questions are shown as plain text. Escaping keeps what the browser counts
equal to the document's own offsets: no character is dropped, merged or added, so that a selection in the
page can be counted back to the document.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\r": "&#13;"}
_KEPT_CONTROLS = "\t\n\r"
_SURROGATES = re.compile("[\ud800-\udfff]")


def _table() -> dict[int, str]:
    table = {ord(char): entity for char, entity in _ENTITIES.items()}
    for code in range(0x20):
        if chr(code) not in _KEPT_CONTROLS:
            table[code] = chr(0x2400 + code)  # the control pictures: ESC shows as a symbol
    table[0x7F] = "\u2421"
    for code in range(0x80, 0xA0):
        table[code] = "\ufffd"
    for code in (0x202D, 0x202E):
        table[code] = "\ufffd"  # a direction override makes a quotation read differently from what it is
    return table


_TABLE = _table()


def escape(text: str) -> str:
    """Return ``text`` as HTML that shows exactly its code points, in text and in quoted attributes.

    A line feed, tab and carriage return survive (CR as a reference: the HTML parser would merge CRLF);
    other control characters, direction overrides and lone surrogates become one visible stand-in each.
    """
    return _SURROGATES.sub("\ufffd", text.translate(_TABLE))


def one_line(text: str, limit: int = 0) -> str:
    """Return ``text`` on one line, cut to ``limit`` characters with an ellipsis (0: uncut); not escaped."""
    flat = " ".join(text.split())
    if limit and len(flat) > limit:
        return flat[: limit - 1].rstrip() + "…"
    return flat


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return "1 document", "2 documents", with thousands separated."""
    word = noun if number == 1 else plural or f"{noun}s"
    return f"{number:,} {word}"


def percent(share: float) -> str:
    """Return a share in [0, 1] as a whole per cent; never "0 %" or "100 %" for what is only nearly so."""
    rounded = round(share * 100)
    if rounded == 100 and share < 1:
        return "99 %"
    if rounded == 0 and share > 0:
        return "under 1 %"
    return f"{rounded} %"


def tag(name: str, content: str, /, **attributes: str | int | bool | None) -> str:
    """Return an element around ready HTML ``content``, its attributes escaped (``class_`` for class)."""
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        parts.append(attribute if value is True else f'{attribute}="{escape(str(value))}"')
    return f"<{' '.join(parts)}>{content}</{name}>"


def joined(items: list[str], render: Callable[[str], str] = escape) -> str:
    """Return "a, b and c" of rendered items."""
    shown = [render(item) for item in items]
    if len(shown) < 2:
        return "".join(shown)
    return ", ".join(shown[:-1]) + " and " + shown[-1]
