"""The Python package of the filter in one process, and in one and two workers of Ray, on the same file.

Usage: workers.py FILE.jsonl [--seconds 5]. Ends in one line of JSON: records a second, and how much faster two workers are than one.
"""

import argparse
import json
import time

import ray
from blyan_datasets import Filter

BATCH = 2_000


@ray.remote(num_cpus=1)
class Worker:
    def __init__(self):
        self.filter = Filter()

    def judge(self, texts):
        return sum(verdict.kept for verdict in self.filter.judge_batch(texts))


def alone(batches, seconds, parallel):
    judge = Filter()
    done, kept, began = 0, 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for batch in batches:
            kept += sum(verdict.kept for verdict in judge.judge_batch(batch, parallel=parallel))
            done += len(batch)
    return done / (time.perf_counter() - began), kept * 1000 // done


def in_workers(batches, seconds, count):
    workers = [Worker.remote() for _ in range(count)]
    stored = [ray.put(batch) for batch in batches]
    ray.get([worker.judge.remote(stored[0]) for worker in workers])
    done, kept, began = 0, 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        tasks = [workers[at % count].judge.remote(batch) for at, batch in enumerate(stored)]
        kept += sum(ray.get(tasks))
        done += sum(len(batch) for batch in batches)
    rate = done / (time.perf_counter() - began)
    for worker in workers:
        ray.kill(worker)
    return rate, kept * 1000 // done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--seconds", type=int, default=5)
    args = parser.parse_args()
    with open(args.file, encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file if line.strip()]
    # As many batches for each of two workers, so that neither waits for the other.
    texts = texts[: len(texts) // (2 * BATCH) * 2 * BATCH] or texts
    batches = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
    report = {"bench": "datasets-workers", "records": len(texts)}
    rates, kept = {}, set()
    for name, parallel in [("one_thread", False), ("all_cores", True)]:
        rates[name], share = alone(batches, args.seconds, parallel)
        kept.add(share)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    for name, count in [("one_worker", 1), ("two_workers", 2)]:
        rates[name], share = in_workers(batches, args.seconds, count)
        kept.add(share)
    ray.shutdown()
    assert len(kept) == 1, "workers judge otherwise than one process"
    report.update({f"{name}_records_per_second": int(rate) for name, rate in rates.items()})
    report["kept_of_a_thousand"] = kept.pop()
    report["two_workers_to_one"] = round(rates["two_workers"] / rates["one_worker"], 2)
    report["all_cores_to_one_thread"] = round(rates["all_cores"] / rates["one_thread"], 2)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
