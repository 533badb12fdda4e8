"""Small parts that the tabs share."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import gradio as gr

from ui.source import render_source
from ui.text import escape, tag

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Arguments of every inner event: not part of the programs' interface, and no overlay that makes things jump."""


def asset(name: str) -> str:
    """Return a text file of ``ui/assets``."""
    return files("ui").joinpath("assets", name).read_text(encoding="utf-8")


def source_panel(elem_id: str) -> gr.HTML:
    """Return an empty source panel."""
    return gr.HTML(render_source(None), elem_id=elem_id, js_on_load=asset("source.js"), apply_default_css=False)


def figure(name: str, value: str, meaning: str = "", change: str = "") -> str:
    """Return a figure with its name; ``value`` and ``change`` are ready HTML."""
    shown = value + (tag("span", change, class_="change") if change else "")
    explained = tag("div", escape(meaning), class_="meaning") if meaning else ""
    return tag(
        "div", tag("div", escape(name), class_="name") + tag("div", shown, class_="value") + explained, class_="figure"
    )


def sentence_list(heading: str, lines: Sequence[str]) -> str:
    """Return a folded list of plain lines under a heading."""
    items = "".join(tag("li", escape(line)) for line in lines)
    return tag("details", tag("summary", escape(heading)) + tag("ul", items), class_="folded plain")


def progress_bar(what: str, done: int, total: int) -> str:
    """Return a labelled progress bar; a total of 0 means that nobody knows yet."""
    bar = tag("progress", "", value=done, max=total) if total else tag("progress", "")
    so_far = f" {done:,} of {total:,}" if total else ""
    return tag("div", tag("span", escape(what + so_far)) + bar, class_="progress-line", role="status")
