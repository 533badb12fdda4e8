"""Readers of random weights, a few kilobytes large, with real fast tokenizers: for tests of loading and windows."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    MPNetConfig,
    MPNetForQuestionAnswering,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForQuestionAnswering,
)

CORPUS = [
    "The river Lea rises north of Luton and flows through Hertford, Ware and London to the Thames.",
    "In 1571 Parliament paid £1,200 for a new cut; barges of 40 tons carried malt (and flour) to the city.",
    "Who paid for the new cut, and when did the barges carry malt? Yoshimasa Hayashi's answer: it wasn't 52.6%.",
    "Café owners at St. Mary's Lock sold tea, bread and butter. “Nobody,” said O'Neill, “ever drowned here.”",
]
BERT_SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}


def word_piece(special: list[str]) -> Tokenizer:
    """A WordPiece tokenizer as BERT and MPNet have it."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=special[-1]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=160, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def byte_pairs() -> Tokenizer:
    """A byte-level BPE tokenizer as RoBERTa has it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=ROBERTA_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def save_reader(kind: str, directory: Path, max_tokens: int = 64) -> Path:
    """Save a tiny BERT, MPNet or RoBERTa reader that takes ``max_tokens`` tokens, and return its directory."""
    torch.manual_seed(7)
    model: PreTrainedModel
    if kind == "bert":
        backend, inputs = word_piece(BERT_SPECIAL), ["input_ids", "token_type_ids", "attention_mask"]
        pad, cls, sep, unknown = BERT_SPECIAL
        backend.post_processor = processors.BertProcessing((sep, 2), (cls, 1))
        sizes = {"vocab_size": backend.get_vocab_size(), "max_position_embeddings": max_tokens, **SIZES}
        model = BertForQuestionAnswering(BertConfig(pad_token_id=0, **sizes))
    else:
        backend, inputs = (
            word_piece(ROBERTA_SPECIAL) if kind == "mpnet" else byte_pairs(),
            ["input_ids", "attention_mask"],
        )
        cls, pad, sep, unknown = ROBERTA_SPECIAL
        backend.post_processor = processors.RobertaProcessing((sep, 2), (cls, 0), trim_offsets=True)
        # Both begin counting positions behind the padding id, which is 1.
        sizes = {"vocab_size": backend.get_vocab_size(), "max_position_embeddings": max_tokens + 2, **SIZES}
        if kind == "mpnet":
            model = MPNetForQuestionAnswering(MPNetConfig(pad_token_id=1, **sizes))
        else:
            model = RobertaForQuestionAnswering(RobertaConfig(pad_token_id=1, **sizes))
    with torch.no_grad():  # spread the logits, so that spans differ by more than rounding
        model.qa_outputs.weight.mul_(40)
    names = {"cls_token": cls, "sep_token": sep, "pad_token": pad, "unk_token": unknown}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, model_input_names=inputs, **names)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
