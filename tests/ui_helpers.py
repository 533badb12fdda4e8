"""Serving the page to tests, and a browser to look at it with."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa.assistant import Assistant
from tests.fakes import FakeEncoder, FakeReader

WAIT = 60_000  # milliseconds; generous, for a busy machine
HARBOUR = """Elsinore harbour

The harbour of Elsinore was dredged in 1574. Later the masons worked on the mole for three long summers.

The lighthouse of Kronborg was built by Jens Madsen. Jens Madsen was born in Ribe. The toll was abolished in 1857.
"""
CHRONICLE = """A chronicle of the Sound

Peder Oxe kept the accounts. The harbour of Elsinore was dredged in 1581. The ferry to Scania sailed daily.
"""
ORCHARD = """The orchard of Frederiksborg

The orchard of Frederiksborg held 340 trees. The gardener of the orchard was Hans Raszmussen.
The lighthouse of Kronborg was built by Jens Madsen.
"""


def write_corpus(folder: Path) -> Path:
    """Write three short documents: two disagree about a year, two agree about a name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("harbour.txt", HARBOUR), ("chronicle.txt", CHRONICLE), ("orchard.md", ORCHARD)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


class GatedEncoder(FakeEncoder):
    """Holds any encoding of a text with GATE in it until ``gate`` is set, as a long indexing would."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()

    def encode(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Wait at the gate, telling the progress meanwhile, so that a cancel is noticed."""
        if any("GATE" in text for text in texts):
            progress = options.get("progress")
            while not self.gate.wait(0.05):
                if progress is not None:
                    progress(0, len(texts))
        return super().encode(texts, **options)


class NotingReader(FakeReader):
    """Keeps the questions in the order in which they were read, and takes ``seconds`` for each."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[str] = []
        self.seconds = 0.0

    def read(self, pairs: Sequence[tuple[str, str]]) -> Any:
        """Note the question, wait, read."""
        for question, _ in pairs:
            if not self.questions or self.questions[-1] != question:
                self.questions.append(question)
        time.sleep(self.seconds)
        return super().read(pairs)


@contextmanager
def served(assistant: Assistant, **options: Any) -> Iterator[str]:
    """Serve the page on a free port and give its address."""
    from ui.app import launch

    page = launch(assistant, port=0, block=False, **options)
    try:
        assert page.local_url is not None
        yield page.local_url
    finally:
        page.close(verbose=False)


@contextmanager
def fake_assistant(folder: Path, index: Path) -> Iterator[Assistant]:
    """An assistant over ``folder`` with fake models."""
    with Assistant.from_documents(folder, index=index, encoder=GatedEncoder(), reader=NotingReader()) as assistant:
        yield assistant


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium, headless, driven by Playwright; the test is skipped where either is missing."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="the playwright package is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """A person at a browser of their own; notes every request, dialog and script error."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1400, "height": 900}, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.requests: list[str] = []
        self.surprises: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: (self.surprises.append(dialog.message), dialog.dismiss()))
        self.page.on("pageerror", lambda error: self.surprises.append(str(error)))
        self.address = address
        self.page.goto(address)
        self.page.wait_for_selector("#question textarea")
        self.page.wait_for_selector(".welcome")

    def ask(self, question: str) -> Any:
        turns = self.page.locator(".turn").count()
        box = self.page.locator("#question textarea")
        box.fill(question)
        box.press("Enter")
        return self.answered(turns)

    def answered(self, index: int) -> Any:
        turn = self.page.locator(".turn").nth(index)
        turn.locator(".actions, .error").first.wait_for()
        return turn

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def source(self, panel: str = "#source") -> Any:
        return self.page.locator(panel)

    def wait_for_text(self, selector: str, text: str) -> None:
        self.page.locator(selector).filter(has_text=text).first.wait_for()


@dataclass(frozen=True)
class Site:
    """A served page with fake models, a browser, and a person who is at it most of the time."""

    browser: Any
    assistant: Assistant
    address: str
    regular: Visitor

    @contextmanager
    def visit(self) -> Iterator[Visitor]:
        """Give the person an empty conversation; afterwards nothing may have surprised or left the host."""
        self.regular.tab("Chat")
        self.regular.page.locator("#clear").click()
        self.regular.page.locator(".welcome").wait_for()
        yield self.regular
        assert self.regular.surprises == []
        foreign = [url for url in self.regular.requests if not url.startswith((self.address, "data:", "blob:"))]
        assert foreign == []


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """Serve a page over the small corpus and open it in a browser."""
    with (
        chromium() as browser,
        fake_assistant(write_corpus(folder / "documents"), folder / "page.pincite") as assistant,
        served(assistant) as address,
    ):
        yield Site(browser, assistant, address, Visitor(browser, address))
