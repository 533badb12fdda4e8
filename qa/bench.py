"""``make bench``: how fast indexing, asking and starting are, as ratios to the plain way on the same machine.

Both sides of a comparison run in turns, so that a noisy neighbour slows both; figures are medians. The corpus is
the paragraphs of ``../shared/data/squad/dev-1.1-a.json.gz``, or else ``seeds/``. Results go to ``run/bench.json``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from embeddings.documents import Document, load_documents
from embeddings.encoder import SentenceEncoder, cpu_multiplies_bf16, device_and_dtype
from embeddings.errors import PinciteError
from embeddings.model_files import model_directory
from embeddings.passages import PassageSettings, sentence_spans, split_passages
from embeddings.store import Store, add_documents
from embeddings.vector_index import build
from qa.assistant import Assistant
from qa.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SQUAD = ROOT.parent / "shared" / "data" / "squad" / "dev-1.1-a.json.gz"
TRAIN = ROOT.parent / "shared" / "data" / "train"

Vectors = npt.NDArray[np.float32]


@dataclass
class Corpus:
    """Documents, and questions with the name of the document that holds the answer."""

    name: str
    documents: list[Document] = field(default_factory=list)
    questions: list[tuple[str, str]] = field(default_factory=list)


def load_corpus(limit: int | None = None) -> Corpus:
    """Return the SQuAD paragraphs where they are, else the seeds; at most ``limit`` documents."""
    corpus = _load_corpus()
    if limit is not None:
        corpus.documents = corpus.documents[:limit]
        kept = {document.name for document in corpus.documents}
        corpus.questions = [(question, name) for question, name in corpus.questions if name in kept]
    return corpus


def _load_corpus() -> Corpus:
    if SQUAD.is_file():
        corpus = Corpus(SQUAD.name)
        for article in json.loads(gzip.decompress(SQUAD.read_bytes()))["data"]:
            for number, paragraph in enumerate(article["paragraphs"]):
                name = f"{article['title']}/{number:03}.txt"
                text = paragraph["context"]
                corpus.documents.append(Document(name, article["title"].replace("_", " "), text, "txt", name))
                corpus.questions.extend((qa["question"], name) for qa in paragraph["qas"])
        return corpus
    print(f"{SQUAD} is not here: measuring on seeds/, which is too small for steady figures.")
    found = [item for item in load_documents([ROOT / "seeds"]) if isinstance(item, Document)]
    lines = (ROOT / "eval" / "data" / "seeds.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return Corpus("seeds", found, [(row["question"], row["answers"][0]["doc"]) for row in rows if row["answers"]])


def quantiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """Return the median and the 95th percentile."""
    values = np.percentile(np.array(milliseconds), [50, 95])
    return {"p50": round(float(values[0]), 2), "p95": round(float(values[1]), 2)}


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds that ``work`` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def recall(questions: Vectors, passages: Vectors, owners: Sequence[str], wanted: Sequence[str], k: int = 5) -> float:
    """Return the share of questions with a passage of the wanted document among the ``k`` nearest."""
    best = np.argsort(-(questions @ passages.T), axis=1)[:, :k]
    return float(np.mean([any(owners[i] == name for i in row) for row, name in zip(best, wanted, strict=True)]))


def bench_indexing(corpus: Corpus, rounds: int) -> dict[str, Any]:
    """Compare indexing (splitting, encoding, storing) with SentenceTransformer.encode and its defaults alone."""
    from sentence_transformers import SentenceTransformer

    encoder = SentenceEncoder()
    settings = PassageSettings()
    plain = SentenceTransformer(str(model_directory("minilm")), device="cpu")
    passages = [passage for document in corpus.documents for passage in split_passages(document, encoder, settings)]
    texts = [passage.embedded for passage in passages]
    encoder.encode(texts[:64])
    plain.encode(texts[:64], show_progress_bar=False)
    seconds: dict[str, list[float]] = {"plain": [], "encode": [], "index": []}
    for number in range(rounds):
        seconds["plain"].append(timed(lambda: plain.encode(texts, show_progress_bar=False)))
        seconds["encode"].append(timed(lambda: encoder.encode(texts)))
        with tempfile.TemporaryDirectory() as folder:
            store = Store.create(Path(folder) / f"{number}.pincite", encoder, settings)
            seconds["index"].append(timed(lambda store=store: add_documents(store, corpus.documents, encoder)))  # type: ignore[misc]
            store.close()
    asked = [question for question, _ in corpus.questions]
    wanted = [name for _, name in corpus.questions]
    owners = [passage.document for passage in passages]
    plain_vectors = plain.encode([*texts, *asked], show_progress_bar=False, normalize_embeddings=True)
    vectors = encoder.encode(texts)
    rates = {name: round(len(texts) / median(values), 1) for name, values in seconds.items()}
    return {
        "passages": len(texts),
        "passages_per_second": rates,
        "encode_speedup": round(median(seconds["plain"]) / median(seconds["encode"]), 2),
        "index_speedup": round(median(seconds["plain"]) / median(seconds["index"]), 2),
        "recall_at_5": round(100 * recall(encoder.encode(asked), vectors, owners, wanted), 2),
        "recall_at_5_plain": round(
            100 * recall(plain_vectors[len(texts) :], plain_vectors[: len(texts)], owners, wanted), 2
        ),
    }


def bench_asking(index: Path, questions: Sequence[str]) -> dict[str, Any]:
    """Time ``ask`` by stage, and against the same reader called passage by passage in fp32."""
    import torch

    from qa.reader.loading import check_files, find_directory, load_model, load_tokenizer, max_tokens_of
    from qa.reader.reader import Reader
    from qa.reader.windows import MAX_WINDOW_TOKENS, Windower

    with Assistant.open(index) as assistant:
        assistant.warm_up()
        for question in questions[:3]:
            assistant.ask(question)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        directory = find_directory(assistant.settings.reader)
        tokenizer = load_tokenizer(directory)
        model = load_model(directory, str(check_files(directory)["architectures"][0]), "cpu", torch.float32)
        windower = Windower(tokenizer, max_tokens=min(MAX_WINDOW_TOKENS, max_tokens_of(model, tokenizer)))
        plain = Reader(model, windower, directory=directory, calibration=assistant.calibration)
        plain.read([("warm up", "warm up")])
        stages: dict[str, list[float]] = {"retrieve": [], "read": [], "total": []}
        one_by_one: list[float] = []
        for question in questions:
            answer = assistant.ask(question)
            for stage, values in stages.items():
                values.append(answer.timings_ms[stage])
            (candidates,) = assistant.retrieve([question])
            pairs = [(question, candidate.text) for candidate in candidates]
            reading = timed(lambda pairs=pairs: [plain.read([pair]) for pair in pairs])  # type: ignore[misc]
            one_by_one.append(answer.timings_ms["retrieve"] + 1000 * reading)
        return {
            "questions": len(questions),
            "passages_read": assistant.settings.top_k,
            "ms": {stage: quantiles(values) for stage, values in stages.items()},
            "ms_one_by_one_fp32": quantiles(one_by_one),
            "speedup_p50": round(median(one_by_one) / median(stages["total"]), 2),
            "peak_memory_mib": round(peak),
        }


def bench_cold_start(index: Path, question: str, rounds: int) -> dict[str, Any]:
    """Time a new process that answers one question, against one that only imports torch and transformers."""
    ask = [sys.executable, "-m", "qa.cli", "ask", question, "--index", str(index), "--json"]
    bare = [sys.executable, "-c", "import torch, transformers"]
    seconds: dict[str, list[float]] = {"ask": [], "bare": []}
    for _ in range(rounds + 1):  # the first round fills the file cache
        for name, command in (("ask", ask), ("bare", bare)):
            seconds[name].append(timed(lambda c=command: subprocess.run(c, check=True, capture_output=True)))  # type: ignore[misc]
    asked, imported = median(seconds["ask"][1:]), median(seconds["bare"][1:])
    return {
        "ask_seconds": round(asked, 2),
        "bare_import_seconds": round(imported, 2),
        "ratio": round(asked / imported, 2),
    }


def bench_vector_index(count: int) -> dict[str, Any] | None:
    """Measure recall@10 and speed of the approximate index against exact search, on sentences of training texts."""
    import faiss

    texts: dict[str, None] = {}
    questions: list[str] = []
    for path in sorted(TRAIN.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                questions.append(row["question"])
                context = row["context"]
                texts.update((context[a:b], None) for a, b in sentence_spans(context) if b - a > 30)
                if len(texts) >= count:
                    break
        if len(texts) >= count:
            break
    if not texts:
        return None
    encoder = SentenceEncoder()
    vectors = encoder.encode(list(texts)[:count])
    queries = encoder.encode(questions[:: max(1, len(questions) // 500)][:500])
    ids = np.arange(len(vectors), dtype=np.int64)
    exact, _ = build(ids, vectors, exact_limit=len(ids))
    started = time.perf_counter()
    lists, probes = build(ids, vectors, exact_limit=0)
    building = time.perf_counter() - started
    parameters = faiss.SearchParametersIVF(nprobe=probes)
    _, wanted = exact.search(queries, 10)
    _, found = lists.search(queries, 10, params=parameters)
    hits = [len(np.intersect1d(*pair)) for pair in zip(found, wanted, strict=True)]
    slow = [1000 * timed(lambda q=q: exact.search(q[None], 10)) for q in queries[:100]]  # type: ignore[misc]
    fast = [1000 * timed(lambda q=q: lists.search(q[None], 10, params=parameters)) for q in queries[:100]]  # type: ignore[misc]
    return {
        "vectors": len(ids),
        "lists": int(lists.nlist),
        "probes": probes,
        "build_seconds": round(building, 1),
        "recall_at_10": round(float(np.mean(hits)) / 10, 4),
        "ms_exact": quantiles(slow),
        "ms_approximate": quantiles(fast),
    }


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    device, dtype = device_and_dtype()
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "multiplies_bf16": cpu_multiplies_bf16(),
        "device": device,
        "number_format": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the table: what, the figure, what it is measured against."""
    indexing, asking, cold, vectors = (result.get(key) for key in ("indexing", "asking", "cold_start", "vector_index"))
    table: list[tuple[str, str, str]] = []
    if indexing:
        rates = indexing["passages_per_second"]
        plain = f"SentenceTransformer.encode, defaults: {rates['plain']}/s"
        table += [
            ("encoding", f"{rates['encode']} passages/s", f"{indexing['encode_speedup']} x {plain}"),
            (
                "indexing (split, encode, store)",
                f"{rates['index']} passages/s",
                f"{indexing['index_speedup']} x {plain}",
            ),
            ("dense recall@5", f"{indexing['recall_at_5']} %", f"plain: {indexing['recall_at_5_plain']} %"),
        ]
    if asking:
        for stage, ms in asking["ms"].items():
            table.append((f"ask: {stage}", f"p50 {ms['p50']} ms, p95 {ms['p95']} ms", ""))
        plain = f"one by one in fp32: {asking['ms_one_by_one_fp32']['p50']} ms"
        table.append(("ask: speed at p50", f"{asking['speedup_p50']} x", plain))
        table.append(("ask: peak memory", f"{asking['peak_memory_mib']} MiB", ""))
    if cold:
        against = f"{cold['ratio']} x `import torch, transformers`: {cold['bare_import_seconds']} s"
        table.append(("pincite ask, new process", f"{cold['ask_seconds']} s", against))
    if vectors:
        fast, slow = vectors["ms_approximate"]["p50"], vectors["ms_exact"]["p50"]
        what = f"approximate search, {vectors['vectors']:,} vectors"
        table.append((what, f"recall@10 {vectors['recall_at_10']}, {fast} ms", f"exact: {slow} ms"))
    return table


def _part(arguments: list[str]) -> dict[str, Any]:
    """Run one part in a process of its own, so that its memory is its own."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as out:
        command = [sys.executable, "-m", "qa.bench", *arguments, "--json", out.name]
        subprocess.run(command, check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        result: dict[str, Any] = json.loads(Path(out.name).read_text())
        return result


def main(argv: Sequence[str] | None = None) -> None:
    """Run every part, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--paragraphs", type=int, help="index only so many of the corpus's documents")
    parser.add_argument(
        "--vectors", type=int, default=20_000, help="sentences for the approximate index; 0 leaves it out"
    )
    parser.add_argument("--json", type=Path, default=ROOT / "run" / "bench.json")
    parser.add_argument("--asking", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    corpus = load_corpus(options.paragraphs)
    asked = [question for question, _ in corpus.questions]
    asked = asked[:: max(1, len(asked) // options.questions)][: options.questions]
    if options.asking is not None:
        options.json.write_text(json.dumps(bench_asking(options.asking, asked)))
        return
    Settings()  # a wrong setting is told before minutes have passed
    result: dict[str, Any] = {"machine": machine(), "corpus": corpus.name}
    result["indexing"] = bench_indexing(corpus, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "bench.pincite"
        encoder = SentenceEncoder()
        store = Store.create(index, encoder, PassageSettings())
        add_documents(store, corpus.documents, encoder)
        store.close()
        limit = [] if options.paragraphs is None else ["--paragraphs", str(options.paragraphs)]
        result["asking"] = _part(["--asking", str(index), "--questions", str(options.questions), *limit])
        result["cold_start"] = bench_cold_start(index, asked[0], options.rounds)
    if options.vectors:
        result["vector_index"] = bench_vector_index(options.vectors)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{result['machine']}")
    width = max(len(what) for what, _, _ in rows(result))
    for what, figure, against in rows(result):
        print(f"{what:<{width}}  {figure:<36}  {against}".rstrip())
    print(f"Written to {options.json}")


if __name__ == "__main__":
    try:
        main()
    except PinciteError as error:
        sys.exit(str(error))
