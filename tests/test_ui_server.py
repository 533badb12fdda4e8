"""The server for programs: /ask, MCP, the login on every route, and what it tells browsers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from embeddings.errors import PinciteError
from qa.assistant import Assistant
from tests.ui_helpers import fake_assistant, served, write_corpus

pytestmark = pytest.mark.timeout(180)
LOGIN = ("keeper", "of:the$keys")
QUESTION = "Who built the lighthouse of Kronborg?"


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    folder = tmp_path_factory.mktemp("server")
    with fake_assistant(write_corpus(folder / "documents"), folder / "x.pincite") as opened:
        yield opened


@pytest.fixture(scope="module")
def open_address(assistant: Assistant) -> Iterator[str]:
    with served(assistant) as url:
        yield url


@pytest.fixture(scope="module")
def locked_address(assistant: Assistant) -> Iterator[str]:
    with served(assistant, auth=LOGIN, mcp=True) as url:
        yield url


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "timings_ms": None}


def test_ask_gives_the_answer_as_json(open_address: str, assistant: Assistant) -> None:
    from gradio_client import Client

    client = Client(open_address, verbose=False)
    answer = client.predict(QUESTION, api_name="/ask")
    assert without_times(answer) == without_times(assistant.ask(QUESTION).to_json())
    history = [{"question": QUESTION, "answer": "Jens Madsen"}]
    answer = client.predict("And where was he born?", history, ["harbour.txt"], 5, "lexical", 0.2, api_name="/ask")
    assert answer["text"] == "Ribe"
    assert "Jens Madsen" in answer["standalone_question"]
    typed = client.predict(question="And where was he born?", history=history, rewrite=False, api_name="/ask")
    assert typed["standalone_question"] is None
    with pytest.raises(Exception, match="no document 'nowhere'"):
        client.predict(QUESTION, documents=["nowhere"], api_name="/ask")


def test_only_ask_is_public_and_documented(open_address: str) -> None:
    info = httpx.get(f"{open_address}gradio_api/info").json()
    assert list(info["named_endpoints"]) == ["/ask"]
    assert info["unnamed_endpoints"] == {}
    assert "exact quotations" in info["named_endpoints"]["/ask"]["description"]
    names = [parameter["parameter_name"] for parameter in info["named_endpoints"]["/ask"]["parameters"]]
    assert names == ["question", "history", "documents", "top_k", "retrieval", "threshold", "rewrite"]
    config = httpx.get(f"{open_address}config").json()
    assert config["run_history"] is False
    assert config["analytics_enabled"] is False


def test_browsers_are_told_to_stay_here(open_address: str) -> None:
    headers = httpx.get(open_address).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


def test_login_stands_before_every_route(locked_address: str, assistant: Assistant) -> None:
    from ui.app import build

    page = build(assistant)
    page.launch(prevent_thread_lock=True, _frontend=False, quiet=True, server_port=None)
    try:
        included = [getattr(route, "original_router", None) for route in page.app.routes]
        routes = {
            (method, route.path)
            for route in [*page.app.routes, *(route for router in included if router for route in router.routes)]
            for method in (getattr(route, "methods", None) or {"GET"}) & {"GET", "POST"}
            if hasattr(route, "path")
        }
    finally:
        page.close(verbose=False)
    assert len(routes) > 40
    open_prefixes = ("/assets", "/static", "/login", "/theme.css", "/gradio_api/theme.css", "/favicon", "/robots")
    with httpx.Client(base_url=locked_address, timeout=30) as client:
        for method, path in sorted(routes):
            if path == "/" or path.startswith(open_prefixes):
                continue
            filled = path.replace("{path:path}", "x").replace("{", "").replace("}", "")
            assert client.request(method, filled).status_code == 401, f"{method} {path} is open"
        for path in ("/gradio_api/mcp/", "/gradio_api/mcp/sse", "/nowhere", "/assets/../config"):
            assert client.get(path).status_code in (401, 404), path
            assert "components" not in client.get(path).text
        front = client.get("/")
        assert "auth_required" in front.text
        assert "Kronborg" not in front.text
        assert "harbour.txt" not in front.text
        assert client.post("/login", data={"username": LOGIN[0], "password": "wrong"}).status_code == 400
        assert client.get("/config", auth=(LOGIN[0], "wrong")).status_code == 401
        assert client.get("/config", headers={"Authorization": "Basic ???"}).status_code == 401
        assert client.post("/login", data={"username": LOGIN[0], "password": LOGIN[1]}).status_code == 200
        assert client.get("/config").status_code == 200


def test_programs_log_in_too(locked_address: str) -> None:
    from gradio_client import Client

    assert Client(locked_address, auth=LOGIN, verbose=False).predict(QUESTION, api_name="/ask")["text"] == "Jens Madsen"
    assert httpx.get(f"{locked_address}config", auth=LOGIN).status_code == 200


def test_mcp_tool_behind_the_login(locked_address: str) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def call() -> tuple[list[Any], str]:
        url = f"{locked_address}gradio_api/mcp/"
        async with (
            streamablehttp_client(url, auth=httpx.BasicAuth(*LOGIN)) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            result = await session.call_tool(tools[0].name, {"question": QUESTION})
            return tools, result.content[0].text

    tools, text = asyncio.run(call())
    assert len(tools) == 1
    assert "quotations" in tools[0].description
    assert set(tools[0].inputSchema["properties"]) >= {"question", "history", "documents"}
    answer = json.loads(text)
    assert answer["text"] == "Jens Madsen"
    assert answer["citations"][0]["document"]


def test_a_taken_port_is_a_sentence(open_address: str, assistant: Assistant) -> None:
    from ui.app import launch

    port = int(open_address.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(PinciteError, match="--port"):
        launch(assistant, port=port, block=False)


def test_importing_the_page_sends_nothing(tmp_path: Path) -> None:
    import os

    import ui

    assert ui.__doc__
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
