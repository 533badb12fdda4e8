"""Pictures of every tab, light and dark, wide and narrow, into ``docs/``: ``python -m ui.screenshots``.

Serves the page over the seed articles with the real models and drives Debian's Chromium. Prints the time from
opening the page to the first answer too.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embeddings.errors import PinciteError

if TYPE_CHECKING:
    from qa.assistant import Assistant

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"wide": (1600, 1000), "narrow": (390, 844)}
SCHEMES = ("light", "dark")
CONVERSATION = (
    "How many times did the leaders of Russia and Japan meet?",
    "Who is the spokeswoman of Russia's Foreign Ministry?",
    "What is the boiling point of nitrogen?",
)
EVALUATED = 30
PATIENCE = 240_000  # milliseconds


def main() -> None:
    """Make all pictures."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise PinciteError("The playwright package is not installed.", "pip install -e '.[dev]'") from None
    if path is None:
        raise PinciteError("Chromium is not installed.", "apt-get install chromium")
    from qa.assistant import Assistant
    from ui.app import launch

    docs = ROOT / "docs"
    docs.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Assistant.from_documents(ROOT / "seeds", index=Path(folder) / "seeds.pincite") as assistant,
    ):
        assistant.warm_up()
        page = launch(assistant, port=0, block=False)
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
                address = str(page.local_url)
                print(f"first answer {_first_answer(browser, address):.2f} s after opening the page", flush=True)
                _tour(browser.new_page(reduced_motion="reduce"), address, docs)
                browser.close()
        finally:
            page.close(verbose=False)
    _report_size(docs, assistant)


def _first_answer(browser: Any, address: str) -> float:
    """Return the seconds from opening the page to the first answer on it, the models being loaded."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    started = time.perf_counter()
    page.goto(address)
    box = page.locator("#question textarea")
    box.fill(CONVERSATION[1])
    box.press("Enter")
    page.locator(".turn .actions").wait_for()
    seconds = time.perf_counter() - started
    context.close()
    return seconds


def _tour(page: Any, address: str, docs: Path) -> None:
    """Go through the tabs as one person, and take every picture on the way."""
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.locator(".welcome").wait_for()
    _pictures(page, docs, "welcome")
    box = page.locator("#question textarea")
    for number, question in enumerate(CONVERSATION):
        box.fill(question)
        box.press("Enter")
        page.locator(".turn").nth(number).locator(".actions").wait_for()
        if number == 1:
            _pictures(page, docs, "chat", focus=".turn:last-child")
    page.locator(".turn details summary").last.click()
    _pictures(page, docs, "not-found", focus=".turn:last-child")

    page.get_by_role("tab", name="Documents", exact=True).click()
    page.locator("#document-table [role=gridcell]").first.click()
    page.locator("#document-source .doc").wait_for()
    _pictures(page, docs, "documents")

    page.get_by_role("tab", name="Evaluation", exact=True).click()
    page.locator("#limit input").fill(str(EVALUATED))
    page.locator("#run").click()
    page.locator("#diagrams svg").first.wait_for()
    page.locator("#question-table [data-testid=cell-3-3]").click()
    page.locator("#case .question").wait_for()
    _pictures(page, docs, "evaluation", focus="#headline")
    _pictures(page, docs, "questions", focus="#questions-row")


def _pictures(page: Any, docs: Path, name: str, *, focus: str = "body") -> None:
    """Take the page as it is, wide and narrow, light and dark, each reduced to 256 colours."""
    from PIL import Image

    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            page.evaluate("dark => document.body.classList.toggle('dark', dark)", scheme == "dark")
            page.locator(focus).last.evaluate("part => part.scrollIntoView({block: 'start'})")
            if focus.startswith(".turn"):  # only the conversation scrolls, not the page around it
                page.evaluate("window.scrollTo(0, 0)")
            page.wait_for_timeout(500)
            with Image.open(io.BytesIO(page.screenshot())) as picture:
                reduced = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
                reduced.save(docs / f"{name}-{size}-{scheme}.png", optimize=True)
    page.set_viewport_size({"width": SIZES["wide"][0], "height": SIZES["wide"][1]})


def _report_size(docs: Path, assistant: Assistant) -> None:
    pictures = sorted(docs.glob("*.png"))
    size = sum(picture.stat().st_size for picture in pictures) / 2**20
    print(f"{len(pictures)} pictures in {docs} ({size:.1f} MiB), reader {assistant.settings.reader}")


if __name__ == "__main__":
    try:
        main()
    except PinciteError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
