"""The chat in a real browser: asking, following up, reading sources, judging, on every screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.ui_helpers import Site, Visitor, open_site

pytestmark = pytest.mark.timeout(240)

YEAR = "In which year was the harbour of Elsinore dredged?"
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


def test_thumbs_remark_and_own_questions_are_stored(visitor: Visitor, site: Site) -> None:
    turn = visitor.ask(BUILDER)
    turn.get_by_role("button", name="This is wrong").click()
    turn.locator(".remark-text").fill("It was <b>Hans</b>.")
    turn.get_by_role("button", name="Send").click()
    turn.locator(".remark.done").wait_for()
    stored = site.assistant.store.feedback()[-1]
    assert (stored["question"], stored["verdict"], stored["remark"]) == (BUILDER, "down", "It was <b>Hans</b>.")
    assert stored["answer"]["citations"][0]["text"] == "Jens Madsen"

    turn.get_by_role("button", name="Add to the evaluation set").click()
    turn.locator(".done").filter(has_text="evaluation set").wait_for()
    line = site.assistant.store.eval_questions()[-1]
    gold = line["answers"][0]
    document = site.assistant.store.document(gold["doc"]).text
    assert document[gold["start"] : gold["start"] + len(gold["text"])] == gold["text"] == "Jens Madsen"


def test_words_selected_in_the_source_become_the_right_answer(visitor: Visitor, site: Site) -> None:
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
    before = len(site.assistant.store.eval_questions())
    visitor.page.locator("#source .selection-bar.shown button").click()
    visitor.page.locator(".turn .done").filter(has_text="evaluation set").wait_for()
    lines = site.assistant.store.eval_questions()
    assert len(lines) == before + 1
    gold = lines[-1]["answers"][0]
    assert gold["text"] == "Madsen"
    assert site.assistant.store.document(gold["doc"]).text[gold["start"] :].startswith("Madsen")


def test_two_people_have_separate_conversations(site: Site, visitor: Visitor) -> None:
    other = Visitor(site.browser, site.address)
    visitor.ask(BUILDER)
    turn = other.ask("And where was he born?")
    assert turn.locator(".understood").count() == 0
    assert other.page.locator(".turn").count() == 1
    assert visitor.page.locator(".turn").count() == 1
    other.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1600, "light")])
def test_fits_the_screen_and_reads_well(site: Site, width: int, scheme: str) -> None:
    visitor = Visitor(site.browser, site.address, color_scheme=scheme)
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
