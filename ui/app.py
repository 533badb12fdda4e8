"""The page put together: ``build`` lays it out, ``launch`` serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.chat import Chat, build_chat
from ui.documents import Documents, build_documents
from ui.evaluation import Evaluation, build_evaluation
from ui.options import build_options, document_choices
from ui.panel import PRIVATE, asset
from ui.session import Session
from ui.text import count
from ui.theme import page_theme

if TYPE_CHECKING:
    from qa.assistant import Assistant

TITLE = "Pincite"


def build(assistant: Assistant) -> gr.Blocks:
    """Return the page over an assistant. The models are shared; each browser session has its own conversation."""
    chat = Chat(assistant)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        session = gr.State(Session())
        brand = gr.HTML(lambda: _brand(assistant), elem_id="brand", apply_default_css=False)
        with gr.Sidebar(label="Search options", open=False, elem_id="side"):
            document_filter, options = build_options(assistant, chat.threshold)

        def corpus() -> tuple[Any, str]:
            return gr.update(choices=document_choices(assistant)), _brand(assistant)

        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Chat", id="chat"):
                build_chat(chat, session, options)
            with gr.Tab("Documents", id="documents"):
                build_documents(Documents(assistant), session, [document_filter, brand], corpus)
            with gr.Tab("Evaluation", id="evaluation") as evaluation:
                build_evaluation(Evaluation(assistant), session, evaluation)
        page.load(corpus, None, [document_filter, brand], queue=False, **PRIVATE)
    return page


def _brand(assistant: Assistant) -> str:
    records = assistant.store.documents()
    passages = sum(record.passages for record in records)
    corpus = f"{count(len(records), 'document')} · {count(passages, 'passage')}"
    return (
        f'<header class="brand">{asset("icon.svg")}<div><h1>Pincite</h1>'
        "<p>The exact words, pinned to where they stand</p></div>"
        f'<p class="corpus">{corpus}</p></header>'
    )


def launch(
    assistant: Assistant,
    *,
    host: str = "127.0.0.1",
    port: int | None = 7860,
    auth: tuple[str, str] | None = None,
    mcp: bool = False,
    block: bool = True,
) -> gr.Blocks:
    """Serve the page until interrupted (``block``), or return at once with it running in the background."""
    page = build(assistant)
    page.queue(default_concurrency_limit=4, max_size=256)
    options: dict[str, Any] = {
        "server_name": host,
        "server_port": port,
        "auth": auth,
        "mcp_server": mcp,
        "theme": page_theme(),
        "css": asset("theme.css"),
        "footer_links": ["api", "settings"],
        "run_history": False,
        "share": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "pwa": False,
        "prevent_thread_lock": not block,
        "quiet": True,
    }
    page.launch(**options)
    return page
