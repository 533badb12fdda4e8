"""Follow-up questions: the gate, the references, the fragments, and whole conversations."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.followups import Resolution, resolve
from qa.types import Turn

DATA = Path(__file__).parent / "data"


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


STANDALONE = _lines("standalone_after_turns.jsonl")
CONVERSATIONS = _lines("conversations.jsonl")


def understood(question: str, *turns: tuple[str, str | None]) -> str | None:
    """Resolve a question after turns given as (question, answer)."""
    return resolve(question, [Turn(*turn) for turn in turns]).standalone


LEFT = ("When did Russia leave the peace talks?", "March 21, 2022")
CLAIMS = ("Who claims Iturup?", "Japan")
ENVOY = ("Who is the Russian ambassador to Japan?", "Mikhail Galuzin")
TREATY = ("Which treaty did Japan sign in 1951?", "Treaty of San Francisco")
YALTA = ("Where did Stalin, Roosevelt and Churchill meet?", "Yalta")


# --- the gate ------------------------------------------------------------------------------------------------------


def test_the_gate_set_is_large_enough() -> None:
    assert len({row["question"] for row in STANDALONE}) >= 60
    assert all(row["history"] for row in STANDALONE)


def test_stand_alone_questions_are_left_alone_after_their_unrelated_turns() -> None:
    touched = [
        (row["question"], got)
        for row in STANDALONE
        if (got := understood(row["question"], *((t["question"], t["answer"]) for t in row["history"])))
    ]
    assert len(touched) <= 0.03 * len(STANDALONE), touched


def test_stand_alone_questions_are_left_alone_after_every_history_of_the_set() -> None:
    histories = {json.dumps(row["history"]) for row in STANDALONE}
    touched = [
        (row["question"], got)
        for row in STANDALONE
        for history in sorted(histories)
        if (got := resolve(row["question"], [Turn(**turn) for turn in json.loads(history)]).standalone)
    ]
    assert len(touched) <= 0.03 * len(STANDALONE) * len(histories), touched


@pytest.mark.parametrize(
    "question",
    [
        "Is it true that Russia left the talks?",
        "How long does it take to fly to Tokyo?",
        "When did Putin say he would visit Japan?",
        "Why did Obama ask Abe to cancel his visit to Russia?",
        "Which islands are there in the Kuril chain?",
        "Did Kishida say that Japan would sign a treaty?",
        "What did Japan ban this year?",
        "What is rhenium and what is it used for?",
        "Before he became president, where did Putin work?",
        "Who signed the treaty that ended the war with Japan?",
    ],
)
def test_words_that_only_look_like_references(question: str) -> None:
    assert resolve(question, [Turn(*ENVOY), Turn(*LEFT)]) == Resolution(None, (), "stands alone")


def test_nothing_is_resolved_without_a_history() -> None:
    assert resolve("And when did he do that?", []).standalone is None
    assert resolve("Why?", []).readings == ()


def test_a_reference_that_nothing_fits_is_left_and_said() -> None:
    resolution = resolve("What did she say?", [Turn(*LEFT)])
    assert resolution.standalone is None
    assert resolution.readings == ()


# --- references ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "question", "expected"),
    [
        (ENVOY, "When was he summoned?", "When was Mikhail Galuzin summoned?"),
        (ENVOY, "What was his statement about?", "What was Mikhail Galuzin's statement about?"),
        (ENVOY, "who summoned the ambassador", "who summoned Mikhail Galuzin"),
        (ENVOY, "How did the Canadians feel about his apology?",
         "How did the Canadians feel about Mikhail Galuzin's apology?"),
        (TREATY, "Who signed it?", "Who signed the Treaty of San Francisco?"),
        (TREATY, "Who drafted that treaty?", "Who drafted the Treaty of San Francisco?"),
        (TREATY, "Who drafted the treaty?", "Who drafted the Treaty of San Francisco?"),
        (YALTA, "What did they decide there?", "What did Stalin, Roosevelt and Churchill decide in Yalta?"),
        (LEFT, "What happened then?", "What happened on March 21, 2022?"),
        (LEFT, "What happened after that?", "What happened after Russia left the peace talks?"),
        (LEFT, "Why did it do that?", "Why did Russia leave the peace talks?"),
        (("Who negotiated in 1956?", "Japan and the USSR"), "Did the two countries sign a treaty?",
         "Did Japan and the USSR sign a treaty?"),
        (("Who publishes the Bluebook?", "the Japanese Foreign Ministry"), "Where is the ministry?",
         "Where is the Japanese Foreign Ministry?"),
        (("Which islands does Japan claim?", "Iturup, Kunashir, Shikotan and Habomai"), "Who took these islands?",
         "Who took Iturup, Kunashir, Shikotan and Habomai?"),
        (("Where is the ministry?", "in Tokyo"), "Who lives there?", "Who lives in Tokyo?"),
    ],
)  # fmt: skip
def test_references(turn: tuple[str, str], question: str, expected: str) -> None:
    assert understood(question, turn) == expected


def test_gender_decides_between_two_persons() -> None:
    turns = (("Who met Maria Zakharova?", "Sergey Lavrov"),)
    assert understood("What did she say?", *turns) == "What did Maria Zakharova say?"
    assert understood("What did he say?", *turns) == "What did Sergey Lavrov say?"


def test_a_person_is_known_by_the_pronoun_used_before() -> None:
    born = Turn("Where was she born?", "Kennett", "Where was Sheryl Crow born?")
    turns = [Turn("Who produced Sheryl Crow?", "Bill Bottrell"), born]
    assert resolve("What did she sing?", turns).standalone == "What did Sheryl Crow sing?"
    assert resolve("What did he say?", turns).standalone == "What did Bill Bottrell say?"


def test_lower_case_typing() -> None:
    turns = (("who protested in moscow", "Mikhail Galuzin"),)
    assert understood("and when did he do that", *turns) == "when did Mikhail Galuzin protest in moscow"
    assert understood("why", *turns) == "why did Mikhail Galuzin protest in moscow"


# --- fragments and bare question words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "question", "expected"),
    [
        (CLAIMS, "What about Shikotan?", "Who claims Shikotan?"),
        (CLAIMS, "And in 1956?", "Who claims Iturup in 1956?"),
        (CLAIMS, "Shikotan?", "Who claims Shikotan?"),
        (("Who claimed Iturup in 1945?", "Japan"), "And in 1956?", "Who claimed Iturup in 1956?"),
        (("What did Japan ban?", "luxury goods"), "And Germany?", "What did Germany ban?"),
        (("Did Abe meet Putin?", "yes"), "And his foreign minister?", "Did Abe's foreign minister meet Putin?"),
        (("Who said that Japan won?", "Lavrov"), "Where did he say so?", "Where did Lavrov say that Japan won?"),
        (LEFT, "Why?", "Why did Russia leave the peace talks?"),
        (LEFT, "And who protested?", "Who protested when Russia left the peace talks?"),
        (("Who withdrew from the talks?", "Russia"), "When?", "When did Russia withdraw from the talks?"),
        (("What did Japan ban in April?", "luxury goods"), "Why?", "Why did Japan ban luxury goods in April?"),
        (("Which islands does Japan claim?", "Iturup"), "How many?", "How many islands does Japan claim?"),
        (("Who attended the Yalta Conference?", "Stalin"), "Who else?", "Who else attended the Yalta Conference?"),
        (("Who signed the Shimoda Treaty?", None), "Where?", "Where was the Shimoda Treaty signed?"),
        (("Who protested in Moscow?", None), "When?", "When did they protest in Moscow?"),
        (("Did Russia sign the treaty?", None), "Why not?", "Why did Russia not sign the treaty?"),
        (("What is anemia?", "a blood disorder"), "What are the symptoms?", "What are the symptoms of anemia?"),
    ],
)  # fmt: skip
def test_what_is_left_unsaid(turn: tuple[str, str | None], question: str, expected: str) -> None:
    assert understood(question, turn) == expected


# --- conversations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=[row["id"] for row in CONVERSATIONS])
def test_conversations(conversation: dict[str, Any]) -> None:
    history: list[Turn] = []
    for turn in conversation["turns"]:
        resolution = resolve(turn["question"], history)
        if "understood" in turn:
            assert resolution.standalone == turn["understood"], turn["question"]
        history.append(Turn(turn["question"], turn["answer"], resolution.standalone))


def test_a_history_without_stand_alone_forms_is_understood_in_its_turn() -> None:
    turns = [Turn(*LEFT), Turn("And who protested?", "Mikhail Galuzin")]
    told = [turns[0], Turn("And who protested?", "Mikhail Galuzin", "Who protested when Russia left the peace talks?")]
    assert resolve("When did he do that?", turns) == resolve("When did he do that?", told)
    assert resolve("When did he do that?", turns).standalone == (
        "When did Mikhail Galuzin protest when Russia left the peace talks?"
    )


def test_the_old_subject_does_not_leak_after_a_change() -> None:
    turns = (ENVOY, ("Where is he from?", "Moscow"), ("Who painted the Mona Lisa?", "Leonardo da Vinci"))
    assert understood("When was he born?", *turns) == "When was Leonardo da Vinci born?"
    assert understood("Where is it kept?", *turns) == "Where is the Mona Lisa kept?"


def test_an_answer_the_user_never_saw_is_no_antecedent() -> None:
    turns = [Turn("Who signed the Shimoda Treaty?", "Yevfimy Putyatin"), Turn("Who is the mayor of Nemuro?", None)]
    assert resolve("When was he born?", turns).standalone == "When was Yevfimy Putyatin born?"
    resolution = resolve("When?", [Turn("Who won the World Cup?", None)])
    assert "None" not in " ".join(resolution.readings)


def test_readings_are_few_distinct_and_led_by_the_chosen_one() -> None:
    resolution = resolve("When did he leave?", [Turn("What did Obama ask Abe to do?", "cancel his visit to Russia")])
    assert resolution.standalone == resolution.readings[0]
    assert set(resolution.readings) == {"When did Obama leave?", "When did Abe leave?"}
    for row in CONVERSATIONS:
        history = [Turn(turn["question"], turn["answer"]) for turn in row["turns"][:-1]]
        readings = resolve(row["turns"][-1]["question"], history).readings
        assert len(readings) <= 4
        assert len(set(readings)) == len(readings)


def test_only_the_last_turns_count() -> None:
    old = [Turn("Who wrote Hamlet?", "William Shakespeare")]
    filler = [Turn(f"How deep is lake number {i}?", f"{i} metres") for i in range(30)]
    assert resolve("When was he born?", [*old, *filler]).standalone is None


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=60),
    st.lists(
        st.tuples(st.text(max_size=40), st.none() | st.text(max_size=40), st.none() | st.text(max_size=40)), max_size=4
    ),
)
def test_any_text_is_survived(question: str, turns: list[tuple[str, str | None, str | None]]) -> None:
    history = [Turn(*turn) for turn in turns]
    first = resolve(question, history)
    assert first == resolve(question, history)
    assert first.standalone == (first.readings[0] if first.readings else None)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            "and why when who what about did does is it he they that the ministry there then Japan 1956 , ?".split()
        ),
        max_size=9,
    ).map(" ".join)
)
def test_any_row_of_the_words_that_matter_is_survived(question: str) -> None:
    resolution = resolve(question, [Turn(*ENVOY), Turn(*TREATY), Turn(*LEFT)])
    assert resolution.standalone is None or resolution.standalone.strip()


def test_a_rewrite_takes_milliseconds() -> None:
    times = []
    for row in CONVERSATIONS:
        history: list[Turn] = []
        for turn in row["turns"]:
            start = time.perf_counter()
            resolution = resolve(turn["question"], history)
            times.append(time.perf_counter() - start)
            history.append(Turn(turn["question"], turn["answer"], resolution.standalone))
    assert statistics.median(times) < 0.010
