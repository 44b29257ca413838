"""An open checkpoint on both sides: llama.cpp on a GGUF file, and the integer model imported from it.

    python open_model.py FILE.gguf MODEL_DIR PROGRAM [--threads 2] [--turns 5] [--kernel NAME]

PROGRAM is this project's `model` example (cargo build --release -p blyan-open-model --example model), MODEL_DIR what it imported
from FILE.gguf. Both sides get the same token ids and take turns in one script; the fastest of the turns counts, since
whatever else the machine does only slows a side down. Prints one line of JSON: tokens a second and the ratio.
"""

import argparse
import ctypes
import json
import subprocess
import time
from importlib.metadata import version

import llama_cpp.llama_cpp as llama

CASES = [("prefill", 256), ("prefill", 1024), ("decode", 16), ("decode", 1024)]
DECODED = 64
CONTEXT = 2048


def token(position):
    """Ids that neither side can know: spread over the vocabulary, the same for both."""
    return 3 + position * 7919 % 40000


class Llama:
    """llama.cpp through its C interface."""

    def __init__(self, path, threads):
        self.silent = llama.llama_log_callback(lambda level, text, data: None)
        llama.llama_log_set(self.silent, ctypes.c_void_p(0))
        llama.llama_backend_init()
        self.model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
        params = llama.llama_context_default_params()
        params.n_ctx = params.n_batch = CONTEXT
        params.n_threads = params.n_threads_batch = threads
        params.no_perf = True
        self.context = llama.llama_init_from_model(self.model, params)
        if not self.model or not self.context:
            raise SystemExit(f"llama.cpp does not load {path}")
        self.batch = llama.llama_batch_init(CONTEXT, 0, 1)

    def read(self, first, tokens):
        self.batch.n_tokens = tokens
        for at in range(tokens):
            self.batch.token[at] = token(first + at)
            self.batch.pos[at] = first + at
            self.batch.n_seq_id[at] = 1
            self.batch.seq_id[at][0] = 0
            self.batch.logits[at] = at == tokens - 1
        begin = time.perf_counter()
        if llama.llama_decode(self.context, self.batch) != 0:
            raise SystemExit("llama_decode failed")
        llama.llama_get_logits_ith(self.context, -1)
        return time.perf_counter() - begin

    def seconds(self, case, tokens):
        llama.llama_memory_clear(llama.llama_get_memory(self.context), False)
        prompt = self.read(0, tokens)
        if case == "prefill":
            return prompt
        return sum(self.read(tokens + at, 1) for at in range(DECODED))


class Ours:
    """This project's runner, one command a line."""

    def __init__(self, program, folder, threads, kernel):
        command = [program, "speed", folder, "--threads", str(threads)]
        command += ["--kernel", kernel] if kernel else []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, case, tokens):
        ids = [token(position) for position in range(tokens + (DECODED if case == "decode" else 0))]
        self.process.stdin.write(json.dumps({"read": ids[:tokens], "then": ids[tokens:]}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["read"] if case == "prefill" else answer["then"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf")
    parser.add_argument("model")
    parser.add_argument("program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--kernel")
    arguments = parser.parse_args()
    sides = {
        "llama.cpp": Llama(arguments.gguf, arguments.threads),
        "ours": Ours(arguments.program, arguments.model, arguments.threads, arguments.kernel),
    }
    report = {
        "llama-cpp-python": version("llama-cpp-python"),
        "system": llama.llama_print_system_info().decode(),
        "threads": arguments.threads,
        "kernel": arguments.kernel or "best",
    }
    for case, tokens in CASES:
        best = dict.fromkeys(sides, float("inf"))
        for _ in range(arguments.turns):
            for name, side in sides.items():
                best[name] = min(best[name], side.seconds(case, tokens))
        counted = tokens if case == "prefill" else DECODED
        speeds = {name: round(counted / seconds, 1) for name, seconds in best.items()}
        speeds["ratio"] = round(best["llama.cpp"] / best["ours"], 2)
        report[f"{case} {tokens}" if case == "prefill" else f"decode behind {tokens}"] = speeds
    print(json.dumps(report))


if __name__ == "__main__":
    main()
