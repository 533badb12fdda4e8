"""The page put together: ``build`` lays it out, ``launch`` serves it."""

from __future__ import annotations

import logging
import socket
import threading
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import gradio as gr
from starlette.middleware import Middleware

from embeddings.errors import PinciteError
from embeddings.formats import MAX_BYTES
from ui.access import Gate, OwnHostOnly
from ui.api import add_ask, speak_json
from ui.chat import ASK_QUEUE, Chat, build_chat
from ui.documents import Documents, build_documents
from ui.evaluation import Evaluation, build_evaluation
from ui.options import build_options, document_choices
from ui.panel import asset
from ui.session import Session
from ui.text import count
from ui.theme import page_theme

if TYPE_CHECKING:
    from qa.assistant import Assistant

log = logging.getLogger(__name__)
TITLE = "Pincite"
QUEUE_SIZE = 256


def build(assistant: Assistant, *, queued_api: bool = True) -> gr.Blocks:
    """Return the page over an assistant. The models are shared; each browser session has its own conversation."""
    chat = Chat(assistant)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        session = gr.State(Session())
        brand = gr.HTML(_brand(assistant), elem_id="brand", apply_default_css=False)
        with gr.Sidebar(label="Search options", open=False, elem_id="side"):
            document_filter, options = build_options(assistant, chat.threshold)

        def corpus() -> tuple[Any, str]:
            return gr.update(choices=document_choices(assistant)), _brand(assistant)

        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Chat", id="chat"):
                build_chat(chat, session, options, page)
            with gr.Tab("Documents", id="documents"):
                build_documents(Documents(assistant), session, [document_filter, brand], corpus, page)
            with gr.Tab("Evaluation", id="evaluation") as evaluation:
                build_evaluation(Evaluation(assistant), session, evaluation)
        add_ask(assistant, queue=queued_api, concurrency_id=ASK_QUEUE)
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
    port: int = 7860,
    auth: tuple[str, str] | None = None,
    mcp: bool = False,
    block: bool = True,
) -> gr.Blocks:
    """Serve the page until interrupted (``block``), or return at once with it running in the background.

    ``port`` 0 takes a free one. ``auth`` is the user and password without which nothing is served; ``mcp``
    serves ``/ask`` as an MCP tool too. Raises PinciteError when the address cannot be used.
    """
    layers = [Middleware(OwnHostOnly)]
    if auth is not None:
        layers.append(Middleware(Gate, user=auth[0], password=auth[1]))
    page = build(assistant, queued_api=not mcp)
    page.queue(default_concurrency_limit=4, max_size=QUEUE_SIZE)
    threading.Thread(target=_warm_up, args=(assistant,), name="pincite-warm-up", daemon=True).start()
    with as_file(files("ui").joinpath("assets", "icon.png")) as icon:
        options: dict[str, Any] = {
            "server_name": host,
            "server_port": port or _free_port(host),
            "auth": auth,
            "auth_message": "This assistant asks for a name and a password.",
            "mcp_server": mcp,
            "theme": page_theme(),
            "css": asset("theme.css"),
            "favicon_path": icon,
            "footer_links": ["api", "settings"],
            "run_history": False,
            "max_file_size": MAX_BYTES,
            "app_kwargs": {"middleware": layers},
            "share": False,
            "ssr_mode": False,
            "enable_monitoring": False,
            "pwa": False,
            "prevent_thread_lock": True,
            "quiet": True,
        }
        try:
            page.launch(**options)
        except OSError as error:
            hint = "Choose another one with `--port`."
            raise PinciteError(f"The page cannot be served at {host}, port {port}: {error}.", hint) from error
        if mcp:
            speak_json(page)
        print(f"Pincite is at {page.local_url} (Ctrl+C stops it)", flush=True)
        if block:
            page.block_thread()
    return page


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _warm_up(assistant: Assistant) -> None:
    """Load the models while the page opens, so that the first question does not wait for them."""
    try:
        assistant.warm_up()
    except PinciteError as error:
        log.error("The models could not be loaded: %s", error)
