from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from embeddings.passages import PassageSettings
from embeddings.store import Store, index_documents
from embeddings.vector_index import VectorIndex
from qa.errors import PinciteError
from qa.fit_retriever import (
    Evidence,
    fit,
    gather,
    mean_reciprocal_rank,
    min_max_fusion,
    misspell,
    read_questions,
    recalls,
    reciprocal_rank_fusion,
    rules,
)
from qa.fusion import LEXICAL_WEIGHT, bm25_ceiling, fuse, ranked
from qa.retriever import Retriever
from qa.settings import Settings
from tests.fakes import FakeEncoder

TEXTS = {
    "treaty.txt": "The peace treaty of Portsmouth ended the war in 1905.",
    "bridge.txt": "The harbour bridge of Larvik was opened in May 1932.",
    "museum.txt": "The whaling museum of Larvik keeps a model of the harbour bridge.",
    "potato.txt": "Farmers complained about potatoes after forty days of rain.",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in TEXTS.items():
        (docs / name).write_text(text)
    store = Store.create(tmp_path / "index", FakeEncoder(), PassageSettings())
    index_documents(store, [docs], FakeEncoder())
    yield store
    store.close()


def make(store: Store, **settings: object) -> Retriever:
    return Retriever(store, VectorIndex.open(store), FakeEncoder(), Settings(**settings))


@pytest.mark.parametrize("kind", ["hybrid", "lexical", "dense"])
def test_the_best_passage_is_found_by_every_kind(store: Store, kind: str) -> None:
    found = make(store).retrieve(["When did the treaty of Portsmouth end the war?"], kind=kind)[0]
    assert found[0].document == "treaty.txt"
    assert found[0].text == TEXTS["treaty.txt"][found[0].start : found[0].end]
    scores = [candidate.score for candidate in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_the_hybrid_score_is_the_documented_mean(store: Store) -> None:
    question = "Which harbour bridge keeps a model museum?"
    retriever = make(store)
    lexical, dense, hybrid = (
        {candidate.document: candidate.score for candidate in retriever.retrieve([question], kind=kind)[0]}
        for kind in ("lexical", "dense", "hybrid")
    )
    assert hybrid.keys() == dense.keys()
    for name, score in hybrid.items():
        expected = (LEXICAL_WEIGHT * lexical.get(name, 0) + dense[name]) / (1 + LEXICAL_WEIGHT)
        assert score == pytest.approx(expected)


def test_the_lexical_score_is_bm25_over_its_ceiling(store: Store) -> None:
    candidate = make(store).retrieve(["treaty zeppelin"], kind="lexical")[0][0]
    [(passage, bm25)] = store.search_lexical(["treaty", "zeppelin"], 10)
    assert candidate.passage_id == passage
    assert candidate.score == pytest.approx(bm25 / bm25_ceiling(4, [1, 0]))


def test_scores_tell_a_hopeless_question_from_a_good_one(store: Store) -> None:
    good, hopeless = make(store).retrieve(
        ["When was the harbour bridge of Larvik opened?", "Which enzyme unwinds nucleotides near a bridge?"]
    )
    assert good[0].score > 0.6
    assert hopeless[0].score < 0.5 * good[0].score


def test_many_questions_are_retrieved_as_each_alone(store: Store) -> None:
    questions = ["harbour bridge", "rain on potatoes", "peace treaty"]
    retriever = make(store)
    assert retriever.retrieve(questions) == [retriever.retrieve([question])[0] for question in questions]
    assert retriever.retrieve([]) == []


def test_k_and_the_filter_by_document(store: Store) -> None:
    retriever = make(store, top_k=2)
    assert len(retriever.retrieve(["harbour bridge"])[0]) == 2
    assert len(retriever.retrieve(["harbour bridge"], k=3)[0]) == 3
    only = retriever.retrieve(["harbour bridge"], documents=["museum.txt", "potato.txt"])[0]
    assert only[0].document == "museum.txt"
    assert {candidate.document for candidate in only} <= {"museum.txt", "potato.txt"}


def test_bad_kind_and_bad_documents(store: Store) -> None:
    with pytest.raises(PinciteError, match=r"'sparse'.*hybrid, lexical, dense"):
        make(store).retrieve(["x"], kind="sparse")
    with pytest.raises(PinciteError, match=r"'none\.txt'.*bridge\.txt"):
        make(store).retrieve(["x"], documents=["none.txt"])
    with pytest.raises(PinciteError, match="No document is chosen"):
        make(store).retrieve(["x"], documents="treaty.txt")


def test_a_misspelt_word_finds_what_it_meant(store: Store) -> None:
    asked = ["potatos and farmres"]
    assert make(store).retrieve(asked, kind="lexical")[0][0].document == "potato.txt"
    found = make(store).retrieve(["Portsmuoth"], kind="lexical")[0]
    assert found[0].document == "treaty.txt"
    # It counts for less than the word spelt right, and not at all where that is switched off.
    assert found[0].score <= make(store).retrieve(["Portsmouth"], kind="lexical")[0][0].score
    assert make(store, spelling=False).retrieve(["Portsmuoth"], kind="lexical")[0] == []


@pytest.mark.parametrize("question", ['" OR NEAR( *', "text:bridge* ^{a b} -x AND", "''", "\x00", "🙂", "the of and"])
@pytest.mark.parametrize("kind", ["hybrid", "lexical", "dense"])
def test_any_text_is_a_safe_query(store: Store, question: str, kind: str) -> None:
    for candidate in make(store).retrieve([question], kind=kind)[0]:
        assert 0 <= candidate.score <= 1


def test_ties_are_ordered_by_passage(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in "cab":
        (docs / f"{name}.txt").write_text("The same words everywhere.")
    store = Store.create(tmp_path / "index", FakeEncoder(), PassageSettings())
    index_documents(store, [docs], FakeEncoder())
    for kind in ("hybrid", "lexical", "dense"):
        found = make(store).retrieve(["same words"], kind=kind)[0]
        assert [candidate.passage_id for candidate in found] == sorted(candidate.passage_id for candidate in found)
        assert len({candidate.score for candidate in found}) == 1
    store.close()


# Fitting ----------------------------------------------------------------------------------------------


def test_questions_are_read_from_json_lines_and_squad(tmp_path: Path) -> None:
    lines = [
        {"context": "One.", "question": "q1", "is_impossible": False},
        {"context": "Two.", "question": "q2", "is_impossible": True},
        {"context": "One.", "question": "q3", "is_impossible": False},
    ]
    plain = tmp_path / "a.jsonl"
    plain.write_text("\n".join(map(json.dumps, lines)))
    expected = (["One.", "Two."], [("q1", 0), ("q3", 0)])
    assert read_questions(plain) == expected
    squad = {
        "data": [
            {
                "paragraphs": [
                    {"context": "One.", "qas": [{"question": "q1"}, {"question": "q3", "is_impossible": False}]},
                    {"context": "Two.", "qas": [{"question": "q2", "is_impossible": True}]},
                ]
            }
        ]
    }
    packed = tmp_path / "b.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(squad).encode()))
    assert read_questions(packed) == expected


def test_fusions_by_hand() -> None:
    item = Evidence({1: 0.5, 2: 0.3}, {2: 0.9, 3: 0.4}, frozenset({2}))
    assert reciprocal_rank_fusion(item, 10) == [
        (2, pytest.approx(1 / 12 + 1 / 11)),
        (1, pytest.approx(1 / 11)),
        (3, pytest.approx(1 / 12)),
    ]
    assert min_max_fusion(item, 0.5) == [(1, 0.5), (2, 0.5), (3, 0.0)]
    assert recalls([item], lambda it: ranked(it.shares.items())) == [0, 100, 100]
    assert mean_reciprocal_rank([item], lambda it: ranked(it.shares.items())) == 0.5


def test_the_weight_follows_the_better_parent() -> None:
    lexical_knows = [Evidence({1: 0.6, 2: 0.3}, {1: 0.4, 2: 0.8}, frozenset({1}))]
    dense_knows = [Evidence({1: 0.6, 2: 0.3}, {1: 0.4, 2: 0.8}, frozenset({2}))]
    assert fit([lexical_knows]) > 0.4 / 0.3 >= fit([dense_knows])


def test_misspelling_makes_one_typing_error_in_a_long_word() -> None:
    from rapidfuzz.distance import OSA

    question = "When did the negotiations about treaties finally begin?"
    made = [misspell(question, random.Random(seed)) for seed in range(40)]
    assert all(OSA.distance(question, wrong) <= 1 for wrong in made)
    assert sum(wrong != question for wrong in made) > 30
    assert all(wrong.startswith("When did the ") for wrong in made)
    assert misspell("Who is it?", random.Random(0)) == "Who is it?"


def test_the_hybrid_is_no_worse_than_its_parents_on_squad(shared: Path) -> None:
    evidence = gather(shared / "data" / "squad" / "dev-2.0-a.json.gz", 300)
    by_name = rules(LEXICAL_WEIGHT)
    lexical, dense = (recalls(evidence, by_name[name]) for name in ("lexical", "dense"))
    hybrid = recalls(evidence, lambda item: fuse(item.shares, item.cosines))
    assert min(lexical[0], dense[0]) > 50  # the parents are whole
    assert all(own >= max(parents) for own, *parents in zip(hybrid, lexical, dense, strict=True))


def test_a_misspelt_word_is_read_as_the_candidates_write_it(store: Store) -> None:
    retriever = make(store)
    candidates = retriever.retrieve(["portsmuoth"])[0]
    assert retriever.respell("Who left portsmuoth, PORTSMUOTH?", candidates) == "Who left Portsmouth, Portsmouth?"
    # A word that the tokenizer knows as a whole is a name the documents do not mention, not a typing error.
    assert retriever.respell("Who rained? Raine", candidates) == "Who rained? Raine"
    assert retriever.respell("Who left Portsmouth?", candidates) == "Who left Portsmouth?"
    assert retriever.respell("Who left zeppelins?", candidates) == "Who left zeppelins?"
    assert retriever.respell("Who left portsmuoth?", []) == "Who left portsmuoth?"
    assert make(store, spelling=False).respell("portsmuoth", candidates) == "portsmuoth"
