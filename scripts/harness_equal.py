"""Scores a file of multiple choice with lm-evaluation-harness under losses that are hashes, and compares: scripts/harness-equal."""

import hashlib
import json
import math
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

import lm_eval
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

TASK = """
task: blyan_arc
dataset_path: json
dataset_kwargs:
  data_files:
    test: {path}
output_type: multiple_choice
test_split: test
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_target: "{{{{choices.label.index(answerKey)}}}}"
doc_to_choice: "{{{{choices.text}}}}"
num_fewshot: 0
metric_list:
  - metric: acc
  - metric: acc_norm
  - metric: acc_bytes
"""


class Hashes(LM):
    """The losses of ml-engine/benchmarks/examples/harness.rs, in nats."""

    def loglikelihood(self, requests, disable_tqdm=False):
        return [(-loss(*request.args) / 65536 * math.log(2), False) for request in requests]

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        raise NotImplementedError

    def generate_until(self, requests, disable_tqdm=False):
        raise NotImplementedError


def loss(context, continuation):
    text = context.encode() + b"\0" + continuation.encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=32).digest()[:3], "little")


def main():
    path = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "blyan_arc.yaml"), "w") as task:
            task.write(TASK.format(path=path))
        manager = TaskManager(include_path=folder, include_defaults=False)
        results = lm_eval.simple_evaluate(
            model=Hashes(), tasks=["blyan_arc"], task_manager=manager, bootstrap_iters=1, log_samples=True
        )
    scores, samples = results["results"]["blyan_arc"], results["samples"]["blyan_arc"]
    count = lambda name: round(scores[f"{name},none"] * len(samples))
    counts = {name: count(name) for name in ("acc", "acc_norm", "acc_bytes")}
    counts["standard_error_ppm"] = math.floor(scores["acc_bytes_stderr,none"] * 1_000_000)
    print("harness ", json.dumps(counts, sort_keys=True))
    ours = json.loads(sys.argv[2])
    differing = [name for name, number in counts.items() if ours[name] != number]
    if differing:
        sys.exit(f"the scores differ in {', '.join(differing)}")


main()
