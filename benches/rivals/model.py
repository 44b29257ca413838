"""llama.cpp on models of random weights: one JSON command a line in, one JSON answer a line out.

The models have llama.cpp's own `llama` architecture with experts: as many layers, heads, experts and experts a token
as ours, and as wide, over 256 bytes and 3 tokens of control. Its experts have three matrices and ours two, so the hidden
layer is two thirds as wide, rounded down to what the quantisation permits: never more parameters than ours.

{"open": {shape}, "quantisation": "Q8_0", "threads": 1}   makes the file unless it is there, and loads it
{"prefill": tokens}                                       seconds for a prompt, logits of its last token
{"decode": [from, tokens]}                                seconds for single tokens after a prompt of `from`
{"versions": true}
"""

import ctypes
import json
import os
import sys
import time
from importlib.metadata import version

import gguf
import llama_cpp.llama_cpp as llama
import numpy as np

VOCABULARY = 259
QUANTISATIONS = {
    "Q8_0": gguf.GGMLQuantizationType.Q8_0,
    "Q4_0": gguf.GGMLQuantizationType.Q4_0,
    "TQ1_0": gguf.GGMLQuantizationType.TQ1_0,
    "TQ2_0": gguf.GGMLQuantizationType.TQ2_0,
}


def hidden_width(shape, quantisation):
    """Two thirds of ours, down to a whole number of the quantisation's blocks."""
    block = gguf.GGML_QUANT_SIZES[QUANTISATIONS[quantisation]][0]
    return 2 * shape["d_ff"] // 3 // block * block


def permitted(shape, quantisation):
    """Whether rows of both widths are whole numbers of blocks."""
    block = gguf.GGML_QUANT_SIZES[QUANTISATIONS[quantisation]][0]
    return shape["d_model"] % block == 0 and hidden_width(shape, quantisation) > 0


def write(path, shape, quantisation):
    """Writes the model's file."""
    numbers = np.random.default_rng(1)
    d, layers, experts = shape["d_model"], shape["layers"], shape["experts"]
    hidden = hidden_width(shape, quantisation)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(d)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["heads"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(d // shape["heads"])
    writer.add_expert_count(experts)
    writer.add_expert_used_count(shape["top_k"])
    writer.add_vocab_size(VOCABULARY)
    control = [b"<unk>", b"<s>", b"</s>"]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(control + [b"<0x%02X>" % byte for byte in range(256)])
    writer.add_token_scores([0.0] * VOCABULARY)
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    writer.add_token_types(kinds + [gguf.TokenType.BYTE] * 256)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)

    def matrix(name, *dimensions, kind=QUANTISATIONS[quantisation]):
        weights = numbers.standard_normal(dimensions, dtype=np.float32) * np.float32(d**-0.5)
        writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)

    def gain(name):
        writer.add_tensor(name, np.ones(d, dtype=np.float32))

    bytes_ = QUANTISATIONS["Q8_0"]
    matrix("token_embd.weight", VOCABULARY, d, kind=bytes_)
    for layer in range(layers):
        block = f"blk.{layer}"
        gain(f"{block}.attn_norm.weight")
        for part in ["attn_q", "attn_k", "attn_v", "attn_output"]:
            matrix(f"{block}.{part}.weight", d, d)
        gain(f"{block}.ffn_norm.weight")
        router = numbers.standard_normal((experts, d), dtype=np.float32)
        writer.add_tensor(f"{block}.ffn_gate_inp.weight", router)
        matrix(f"{block}.ffn_gate_exps.weight", experts, hidden, d)
        matrix(f"{block}.ffn_up_exps.weight", experts, hidden, d)
        matrix(f"{block}.ffn_down_exps.weight", experts, d, hidden)
    gain("output_norm.weight")
    matrix("output.weight", VOCABULARY, d, kind=bytes_)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Runner:
    """One model in one context, run through llama_decode."""

    def __init__(self, path, context, threads):
        params = llama.llama_model_default_params()
        self.model = llama.llama_model_load_from_file(path.encode(), params)
        if not self.model:
            raise RuntimeError(f"llama.cpp does not load {path}")
        params = llama.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = context
        params.n_threads = params.n_threads_batch = threads
        params.no_perf = True
        self.context = llama.llama_init_from_model(self.model, params)
        if not self.context:
            raise RuntimeError("llama.cpp makes no context")
        self.prompt = llama.llama_batch_init(context, 0, 1)
        self.single = llama.llama_batch_init(1, 0, 1)

    def close(self):
        llama.llama_batch_free(self.prompt)
        llama.llama_batch_free(self.single)
        llama.llama_free(self.context)
        llama.llama_model_free(self.model)

    def parameters(self):
        return llama.llama_model_n_params(self.model)

    def fill(self, batch, first, tokens):
        batch.n_tokens = tokens
        for at in range(tokens):
            batch.token[at] = 3 + (first + at) * 7919 % 256
            batch.pos[at] = first + at
            batch.n_seq_id[at] = 1
            batch.seq_id[at][0] = 0
            batch.logits[at] = at == tokens - 1

    def decode(self, batch):
        if llama.llama_decode(self.context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        return llama.llama_get_logits_ith(self.context, -1)

    def clear(self):
        llama.llama_memory_clear(llama.llama_get_memory(self.context), False)

    def timed_prefill(self, tokens):
        self.clear()
        self.fill(self.prompt, 0, tokens)
        begin = time.perf_counter()
        self.decode(self.prompt)
        return time.perf_counter() - begin

    def timed_decode(self, first, tokens):
        self.timed_prefill(first)
        seconds = 0.0
        for position in range(first, first + tokens):
            self.fill(self.single, position, 1)
            begin = time.perf_counter()
            self.decode(self.single)
            seconds += time.perf_counter() - begin
        return seconds


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    silent = llama.llama_log_callback(lambda level, text, data: None)
    llama.llama_log_set(silent, ctypes.c_void_p(0))
    llama.llama_backend_init()
    runner = None
    for line in sys.stdin:
        command = json.loads(line)
        if "versions" in command:
            packages = ["llama-cpp-python", "gguf", "numpy"]
            answer = {name: version(name) for name in packages}
            answer["system"] = llama.llama_print_system_info().decode()
        elif "open" in command:
            shape, quantisation = command["open"], command["quantisation"]
            if runner:
                runner.close()
                runner = None
            if permitted(shape, quantisation):
                name = "-".join(str(shape[key]) for key in sorted(shape))
                path = os.path.join(folder, f"{name}-{quantisation}-{version('gguf')}.gguf")
                if not os.path.exists(path):
                    write(path + ".new", shape, quantisation)
                    os.rename(path + ".new", path)
                runner = Runner(path, shape["context"], command["threads"])
                answer = {
                    "parameters": runner.parameters(),
                    "d_ff": hidden_width(shape, quantisation),
                    "file_bytes": os.path.getsize(path),
                }
            else:
                answer = {"refused": "rows are no whole number of blocks"}
        elif "prefill" in command:
            answer = {"seconds": runner.timed_prefill(command["prefill"])}
        else:
            answer = {"seconds": runner.timed_decode(*command["decode"])}
        print(json.dumps(answer), flush=True)


main()
