"""Documents and evaluation in a real browser, hostile documents, and many people at once."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.ui_helpers import (
    HARBOUR,
    GatedEncoder,
    NotingReader,
    Site,
    Visitor,
    fake_assistant,
    open_site,
    served,
)

pytestmark = pytest.mark.timeout(240)

BUILDER = "Who built the lighthouse of Kronborg?"
TREES = "How many trees were held in the orchard of Frederiksborg?"
NOWHERE = "What is the boiling point of nitrogen?"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(tmp_path_factory.mktemp("page")) as opened:
        yield opened


@pytest.fixture
def visitor(site: Site) -> Iterator[Visitor]:
    with site.visit() as regular:
        yield regular


def _pdf(text: str) -> bytes:
    from reportlab.pdfgen import canvas

    buffer = io.BytesIO()
    page = canvas.Canvas(buffer)
    page.drawString(72, 720, "The mill")
    page.showPage()
    page.drawString(72, 720, text)
    page.save()
    return buffer.getvalue()


def _docx(text: str) -> bytes:
    import docx

    document = docx.Document()
    document.add_paragraph(text)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def test_upload_ask_remove(visitor: Visitor, site: Site, tmp_path: Path) -> None:
    files = {
        "mill.pdf": _pdf("The mill of Esrum ground barley."),
        "ferry.docx": _docx("The ferry of Hven carried astronomers."),
        "bells.html": b"<html><body><p>The bells of Roskilde weigh tons.</p></body></html>",
        "broken.pdf": b"not a pdf at all",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    visitor.tab("Documents")
    visitor.page.locator("#upload input[type=file]").set_input_files([tmp_path / name for name in files])
    visitor.wait_for_text("#document-status", "Added")
    assert "broken.pdf" in visitor.page.locator("#document-status").text_content()
    visitor.tab("Chat")
    for question, words, place in (
        ("What did the mill of Esrum do?", "ground barley", "page 2"),
        ("What did the ferry of Hven do?", "carried astronomers", "paragraph 1"),
        ("What do the bells of Roskilde do?", "weigh tons", "paragraph 1"),
    ):
        turn = visitor.ask(question)
        assert turn.locator(".answer-words").inner_text() == words
        assert turn.locator(".where").first.inner_text() == place

    visitor.tab("Documents")
    visitor.page.locator("#document-table [role=gridcell]").filter(has_text="bells.html").first.click()
    visitor.wait_for_text("#document-source .doc", "bells of Roskilde")
    visitor.page.locator("#remove").click()
    visitor.wait_for_text("#confirm", "deleted for good")
    visitor.page.locator("#confirm-remove").click()
    visitor.wait_for_text("#document-status", "Removed")
    visitor.tab("Chat")
    turn = visitor.ask("What do the bells of Roskilde do?")
    assert "Not in these documents" in turn.inner_text()
    assert "uploads/bells.html" not in {record.name for record in site.assistant.store.documents()}


def test_asking_while_indexing_answers_from_the_old_state_and_cancel_keeps_it(
    visitor: Visitor, site: Site, tmp_path: Path
) -> None:
    encoder = site.assistant.encoder
    assert isinstance(encoder, GatedEncoder)
    (tmp_path / "slow.txt").write_text("GATE. The tower of Rundetaarn contains a spiral ramp.", encoding="utf-8")
    before = {record.name for record in site.assistant.store.documents()}
    encoder.gate.clear()
    try:
        visitor.tab("Documents")
        visitor.page.locator("#upload input[type=file]").set_input_files(tmp_path / "slow.txt")
        visitor.page.locator("#cancel-indexing").wait_for()
        visitor.tab("Chat")
        turn = visitor.ask(TREES)
        assert turn.locator(".answer-words").inner_text() == "340"
        visitor.tab("Documents")
        visitor.page.locator("#cancel-indexing").click()
        visitor.wait_for_text("#document-status", "Cancelled")
    finally:
        encoder.gate.set()
    assert {record.name for record in site.assistant.store.documents()} == before


def test_evaluation_runs_and_opens_a_wrong_row(visitor: Visitor, tmp_path: Path) -> None:
    lines = [
        {"id": "right", "question": BUILDER, "kind": "who", "answerable": True,
         "answers": [{"doc": "harbour.txt", "text": "Jens Madsen", "start": HARBOUR.index("Jens Madsen")}]},
        {"id": "wrong", "question": "Who was born in Ribe?", "kind": "who", "answerable": True,
         "answers": [{"doc": "harbour.txt", "text": "1857", "start": HARBOUR.index("1857")}]},
        {"id": "absent", "question": NOWHERE, "kind": "off topic", "answerable": False, "answers": []},
    ]  # fmt: skip
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps({**line, "history": []}) + "\n" for line in lines), encoding="utf-8")
    visitor.tab("Evaluation")
    visitor.page.locator("#data-set input").click()
    visitor.page.get_by_role("option", name="A file: JSON lines or SQuAD").click()
    visitor.page.locator("#data-set-file input[type=file]").set_input_files(path)
    visitor.page.locator("#data-set-file").get_by_text("questions.jsonl").or_(
        visitor.page.locator("#data-set-file").get_by_text("questions", exact=False)
    ).first.wait_for()
    visitor.page.locator("#run").click()
    visitor.page.locator("#headline .figure").first.wait_for()
    assert "Exact match" in visitor.page.locator("#headline").inner_text()
    assert visitor.page.locator("#diagrams svg").count() == 2
    exact = visitor.page.get_by_text("wrong", exact=True)
    visitor.page.locator("#question-table [role=gridcell]").filter(has=exact).first.click()
    visitor.wait_for_text("#case mark.expected", "1857")
    assert visitor.page.locator("#case mark.span").inner_text() == "Jens Madsen"
    visitor.wait_for_text("#case-source .doc mark.expected", "1857")
    visitor.wait_for_text("#case-source .doc mark.span", "Jens Madsen")

    figures = visitor.page.locator("#headline").inner_text()
    slider = visitor.page.locator("#report-threshold input[type=number]")
    slider.fill("1")
    slider.press("Enter")
    visitor.page.wait_for_function("before => document.querySelector('#headline').innerText !== before", arg=figures)
    with visitor.page.expect_download() as download:
        visitor.page.locator("#download-csv").click()
    assert "wrong,who," in Path(download.value.path()).read_text(encoding="utf-8-sig")


HOSTILE_NAME = "<img src=x onerror=alert(1)>.md"
HOSTILE = """# <script>alert('title')</script> **bold** $\\frac{a}{b}$

The password of the vault is <b onclick=alert(2)>swordfish</b><script>alert(3)</script>.
<img src=x onerror=alert(4)> <svg onload=alert(5)> ${alert(6)} {{constructor.constructor('alert(7)')()}}
[link](javascript:alert(8)) $$\\int_0^1 x$$ \x1b[31mred\x1b[0m \u202ereversed
"""


def test_hostile_document_shows_as_plain_text_everywhere(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / HOSTILE_NAME).write_text(HOSTILE, encoding="utf-8")
    with fake_assistant(folder, tmp_path / "hostile.pincite") as assistant, served(assistant) as url:
        visitor = Visitor(site.browser, url)
        turn = visitor.ask("What is the password of the vault?<img src=x onerror=alert(9)>")
        assert turn.locator(".actions").count() == 1
        if turn.locator("details").count():
            turn.locator("summary").first.click()
        turn.locator(".source-link").first.click()
        visitor.wait_for_text("#source .doc", "swordfish")
        text = visitor.source().locator(".doc").text_content()
        assert "<script>alert(3)</script>" in text
        assert "\u241b[31mred" in text
        assert "<img src=x onerror=alert(1)>" in visitor.source().locator(".file").inner_text()
        visitor.page.evaluate("() => window.getSelection().selectAllChildren(document.querySelector('#source .doc'))")
        visitor.page.locator("#source .selection-bar.shown button").click()
        turn.locator(".done").wait_for()
        gold = assistant.store.eval_questions()[-1]["answers"][0]
        assert gold == {"doc": HOSTILE_NAME, "text": HOSTILE.strip(), "start": 0}
        visitor.wait_for_text(".toast-body", "<script>alert('title')</script>")
        visitor.tab("Documents")
        visitor.page.locator("#document-table [role=gridcell]").filter(has_text="onerror").first.click()
        visitor.wait_for_text("#document-source .doc", "swordfish")
        visitor.page.locator("#remove").click()
        visitor.wait_for_text("#confirm", "<img src=x")
        visitor.tab("Evaluation")
        visitor.page.locator("#data-set input").click()
        visitor.page.get_by_role("option", name=re.compile("Your own")).click()
        visitor.page.locator("#run").click()
        visitor.page.locator("#headline .figure").first.wait_for()
        visitor.page.locator("#question-table [role=gridcell]").nth(3).click()
        visitor.page.locator("#case .question").wait_for()
        visitor.page.wait_for_timeout(300)
        injected = "img[src='x'], svg[onload], [onerror], b[onclick], a[href^='javascript']"
        assert visitor.page.locator(injected).count() == 0
        assert visitor.surprises == []
        assert [u for u in visitor.requests if not u.startswith((url, "data:", "blob:")) or u.endswith("/x")] == []
        visitor.context.close()


def test_twenty_at_once_are_answered_in_order_while_the_page_responds(visitor: Visitor, site: Site) -> None:
    reader = site.assistant.reader
    assert isinstance(reader, NotingReader)
    visitor.ask(BUILDER)
    reader.questions.clear()
    reader.seconds = 0.25
    asked = [f"How many trees were held in orchard {index}?" for index in range(20)]
    with httpx.Client(base_url=visitor.address, timeout=120) as client:
        try:
            events = []
            for question in asked:
                data = [question, None, None, None, None, None, None]
                events.append(client.post("/gradio_api/call/ask", json={"data": data}).json()["event_id"])
            visitor.page.locator(".answer > .sources .source-link").nth(1).click()
            visitor.page.wait_for_function(
                "() => document.querySelector('#source .position').textContent.startsWith('2')"
            )
            waiting = len(asked) - len(set(reader.questions) & set(asked))
            assert waiting > 0, "the page answered a click before the questions were done"
            for question, event in zip(asked, events, strict=True):
                stream = client.get(f"/gradio_api/call/ask/{event}").text
                answer = json.loads(stream.split("data: ")[-1])[0]
                assert answer["question"] == question
        finally:
            reader.seconds = 0.0
    assert [question for question in reader.questions if question in asked] == asked
