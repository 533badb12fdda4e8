"""The page in a real browser: asking, reading sources, documents, evaluation, and what must not happen."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from qa.assistant import Assistant
from tests.ui_helpers import HARBOUR, GatedEncoder, NotingReader, chromium, fake_assistant, served, write_corpus

pytestmark = pytest.mark.timeout(240)

WAIT = 60_000  # milliseconds; generous, for a busy machine
YEAR = "In which year was the harbour of Elsinore dredged?"
BUILDER = "Who built the lighthouse of Kronborg?"
TREES = "How many trees were held in the orchard of Frederiksborg?"
NOWHERE = "What is the boiling point of nitrogen?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    folder = tmp_path_factory.mktemp("page")
    with fake_assistant(write_corpus(folder / "documents"), folder / "page.pincite") as opened:
        yield opened


@pytest.fixture(scope="module")
def address(browser: Any, assistant: Assistant) -> Iterator[str]:
    with served(assistant) as url:
        yield url


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


@pytest.fixture(scope="module")
def regular(browser: Any, address: str) -> Iterator[Visitor]:
    opened = Visitor(browser, address)
    yield opened
    opened.context.close()


@pytest.fixture
def visitor(regular: Visitor) -> Iterator[Visitor]:
    """The same person for most tests, with an empty conversation for each."""
    regular.tab("Chat")
    regular.page.locator("#clear").click()
    regular.page.locator(".welcome").wait_for()
    yield regular
    assert regular.surprises == []
    foreign = [url for url in regular.requests if not url.startswith((regular.address, "data:", "blob:"))]
    assert foreign == []


def test_answer_is_the_exact_words_with_its_marked_source(visitor: Visitor) -> None:
    turn = visitor.ask(TREES)
    assert turn.locator(".answer-words").inner_text() == "340"
    assert turn.locator(".answer > .sentence mark").inner_text() == "340"
    assert re.search(r"right.* · \d+ %", turn.locator(".confidence").inner_text())
    visitor.wait_for_text("#source .doc mark.span", "340")
    text = visitor.source().locator(".doc").text_content()
    mark = visitor.source().locator(".doc mark.span")
    start = int(mark.get_attribute("data-o"))
    assert text[start : start + 3] == "340"
    assert visitor.source().locator(".doc mark.context").count() >= 2, "the sentence is marked around the span"
    assert "orchard.md" in visitor.source().inner_text()


def test_follow_up_shows_what_was_understood_and_can_be_asked_as_typed(visitor: Visitor) -> None:
    visitor.ask(BUILDER)
    turn = visitor.ask("And where was he born?")
    understood = turn.locator(".standalone").inner_text()
    assert "Jens Madsen" in understood
    assert turn.locator(".answer-words").inner_text() == "Ribe"
    turn.get_by_role("button", name="Edit").click()
    visitor.page.wait_for_function("() => document.querySelector('#question textarea').value.includes('Jens Madsen')")
    turn.get_by_role("button", name="Ask as typed").click()
    visitor.page.locator(".turn").nth(1).locator(".understood").wait_for(state="detached")
    assert visitor.answered(1).locator(".question").inner_text() == "And where was he born?"


def test_disagreeing_and_agreeing_documents_show_as_that(visitor: Visitor) -> None:
    turn = visitor.ask(YEAR)
    assert "do not agree" in turn.locator(".notice.differ").inner_text()
    assert sorted(h.split()[0] for h in turn.locator(".differing h4").all_inner_texts()) == ["1574", "1581"]
    turn = visitor.ask(BUILDER)
    assert "2 documents" in turn.locator(".notice.agree").inner_text()


def test_not_found_is_calm_and_folds_the_nearest_passages(visitor: Visitor) -> None:
    turn = visitor.ask(NOWHERE)
    assert "Not in these documents" in turn.inner_text()
    assert turn.locator(".answer-words").count() == 0
    nearest = turn.locator("details.folded")
    if nearest.count():
        assert not nearest.first.evaluate("part => part.open")
        nearest.locator("summary").first.click()
        assert turn.locator(".nearest li").first.is_visible()


def test_citations_open_by_click_step_and_keyboard_also_of_earlier_answers(visitor: Visitor) -> None:
    first = visitor.ask(YEAR)
    visitor.ask(BUILDER)
    visitor.wait_for_text("#source .doc mark.span", "Jens Madsen")
    first.locator(".differing .source-link").last.click()
    visitor.page.wait_for_function("() => document.querySelector('#source .position').textContent.startsWith('2')")
    assert first.locator(".differing .source-link").last.get_attribute("aria-current") == "true"
    before = visitor.source().locator(".doc mark.span").inner_text()
    visitor.page.locator("#source .source-body").focus()
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.wait_for_function("() => document.querySelector('#source .position').textContent.startsWith('1')")
    assert visitor.source().locator(".doc mark.span").inner_text() != before
    visitor.page.get_by_role("button", name="Previous citation").first.press("Enter")
    visitor.page.wait_for_function("() => document.querySelector('#source .position').textContent.startsWith('2')")


def test_examples_clear_and_errors_are_in_the_page(visitor: Visitor) -> None:
    turn = visitor.ask("x" * 3000)
    assert "characters" in turn.locator(".error").inner_text()
    visitor.page.locator("#clear").click()
    visitor.page.locator(".welcome").wait_for()


def test_filter_by_document(visitor: Visitor) -> None:
    visitor.page.locator("#options-button").click()
    visitor.page.locator("#document-filter input").click()
    visitor.page.get_by_role("option", name="A chronicle of the Sound").click()
    visitor.page.keyboard.press("Escape")
    turn = visitor.ask(YEAR)
    assert turn.locator(".answer-words").inner_text() == "1581"
    assert turn.locator(".notice.differ").count() == 0
    visitor.page.locator("#document-filter button[aria-label*='emove'], #document-filter .token-remove").first.click()
    visitor.page.locator("#side .toggle-button").click()


def test_thumbs_remark_and_own_questions_are_stored(visitor: Visitor, assistant: Assistant) -> None:
    turn = visitor.ask(BUILDER)
    turn.get_by_role("button", name="This is wrong").click()
    turn.locator(".remark-text").fill("It was <b>Hans</b>.")
    turn.get_by_role("button", name="Send").click()
    turn.locator(".remark.done").wait_for()
    stored = assistant.store.feedback()[-1]
    assert (stored["question"], stored["verdict"], stored["remark"]) == (BUILDER, "down", "It was <b>Hans</b>.")
    assert stored["answer"]["citations"][0]["text"] == "Jens Madsen"

    turn.get_by_role("button", name="Add to the evaluation set").click()
    turn.locator(".done").filter(has_text="evaluation set").wait_for()
    line = assistant.store.eval_questions()[-1]
    gold = line["answers"][0]
    document = assistant.store.document(gold["doc"]).text
    assert document[gold["start"] : gold["start"] + len(gold["text"])] == gold["text"] == "Jens Madsen"


def test_words_selected_in_the_source_become_the_right_answer(visitor: Visitor, assistant: Assistant) -> None:
    visitor.ask(BUILDER)
    visitor.wait_for_text("#source .doc mark.span", "Jens Madsen")
    visitor.page.evaluate(
        """() => {
          const run = document.querySelector('#source .doc mark.span');
          const range = document.createRange();
          range.setStart(run.firstChild, 5); range.setEnd(run.firstChild, 11);
          const chosen = window.getSelection(); chosen.removeAllRanges(); chosen.addRange(range);
        }"""
    )
    before = len(assistant.store.eval_questions())
    visitor.page.locator("#source .selection-bar.shown button").click()
    visitor.page.locator(".turn .done").filter(has_text="evaluation set").wait_for()
    lines = assistant.store.eval_questions()
    assert len(lines) == before + 1
    gold = lines[-1]["answers"][0]
    assert gold["text"] == "Madsen"
    assert assistant.store.document(gold["doc"]).text[gold["start"] :].startswith("Madsen")


def test_two_people_have_separate_conversations(browser: Any, address: str, visitor: Visitor) -> None:
    other = Visitor(browser, address)
    visitor.ask(BUILDER)
    turn = other.ask("And where was he born?")
    assert turn.locator(".understood").count() == 0
    assert other.page.locator(".turn").count() == 1
    assert visitor.page.locator(".turn").count() == 1
    other.context.close()


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


def test_upload_ask_remove(visitor: Visitor, assistant: Assistant, tmp_path: Path) -> None:
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
    assert "uploads/bells.html" not in {record.name for record in assistant.store.documents()}


def test_asking_while_indexing_answers_from_the_old_state_and_cancel_keeps_it(
    visitor: Visitor, assistant: Assistant, tmp_path: Path
) -> None:
    encoder = assistant.encoder
    assert isinstance(encoder, GatedEncoder)
    (tmp_path / "slow.txt").write_text("GATE. The tower of Rundetaarn contains a spiral ramp.", encoding="utf-8")
    before = {record.name for record in assistant.store.documents()}
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
    assert {record.name for record in assistant.store.documents()} == before


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


def test_hostile_document_shows_as_plain_text_everywhere(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / HOSTILE_NAME).write_text(HOSTILE, encoding="utf-8")
    with fake_assistant(folder, tmp_path / "hostile.pincite") as assistant, served(assistant) as url:
        visitor = Visitor(browser, url)
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


def test_twenty_at_once_are_answered_in_order_while_the_page_responds(visitor: Visitor, assistant: Assistant) -> None:
    reader = assistant.reader
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


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1600, "light")])
def test_fits_the_screen_and_reads_well(browser: Any, address: str, width: int, scheme: str) -> None:
    visitor = Visitor(browser, address, color_scheme=scheme)
    visitor.page.set_viewport_size({"width": width, "height": 840})
    visitor.ask(YEAR)
    for tab in ("Chat", "Documents", "Evaluation"):
        visitor.tab(tab)
        overflow = visitor.page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{tab} is wider than the screen"
    visitor.tab("Chat")
    faint = visitor.page.evaluate(CONTRAST)
    assert faint == []
    if width < 800:
        visitor.page.locator(".turn .source-link").first.click()
        visitor.page.locator("#source .close").wait_for()
        visitor.page.locator("#source .close").click()
        visitor.page.locator("#source").wait_for(state="hidden")
    visitor.context.close()


# WCAG 2.2, 1.4.3: contrast of text with what is painted behind it, at least 4.5 to 1.
CONTRAST = """() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => { const f = [r, g, b].map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
  const faint = [];
  for (const e of document.querySelectorAll('.turns *, .source *, .brand *, .actions *, #ask-row *, [role=tab]')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${e.className || e.tagName} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""  # noqa: E501


def test_labels_focus_and_title(visitor: Visitor) -> None:
    assert visitor.page.title() == "Pincite"
    nameless = visitor.page.evaluate(
        """() => [...document.querySelectorAll('button, input, textarea, select')]
          .filter(e => e.checkVisibility() && !e.closest('footer, .tab-container'))
          .filter(e => !(e.innerText || e.ariaLabel || e.title || e.placeholder || (e.labels && e.labels.length)))
          .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    visitor.page.keyboard.press("Tab")
    outline = visitor.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
