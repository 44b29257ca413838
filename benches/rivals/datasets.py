"""The pre-filter of datasets in plain Python and in datatrove, on the same file.

Plain Python has the same rules, with the standard library and datasketch. datatrove has steps of its own that do comparable work without
a download: repetition and quality of Gopher, e-mail and IP addresses, MinHash signatures of 112 hashes.

Usage: datasets.py FILE.jsonl PROGRAM [--seconds 5] [--threads 2]. Runs all three and ends in one line of JSON with the ratios.
"""

import argparse
import hashlib
import json
import multiprocessing
import re
import subprocess
import tempfile
import time
import unicodedata

from datasketch import MinHash
from datatrove.data import Document
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.formatters import PIIFormatter
from loguru import logger

EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9.-]+\.[A-Za-z]{2,24}\b")
DIGITS = re.compile(r"(?<![\w.\-/#])\d(?:[ -]?\d){8,18}(?![\w])")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
PHONE = re.compile(r"\+\d[\d ()./-]{7,18}\d|\(\d{3}\) ?\d{3}-\d{4}|\b\d{3}-\d{3}-\d{4}\b")
SECRETS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{60,}|\bglpat-[\w-]{20,}"
    r"|\bsk-ant-[\w-]{20,}|\bsk-proj-[\w-]{20,}|\bAIza[\w-]{35}|\bxox[abprs]-\d{6,}-[\w-]{10,}|\b[rs]k_live_\w{20,}"
    r"|\bnpm_\w{36}|\bhf_[A-Za-z]{34}\b|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"
)
ASSIGNED = re.compile(r"(?i)(?:passw(?:or)?d|secret|api_?key|auth_?token)[\"']?\s*[:=]\s*[\"']([^\"'\s]{16,128})[\"']")
WORD = re.compile(r"[^\W_]+")
TOXIC = re.compile(r"(?i)\b(?:kill yourself|you idiot|you moron|worthless trash|stupid idiot)\b")
LICENCE = re.compile(r"(?i)spdx-license-identifier:\s*(\S+)|gnu (?:affero |lesser )?general public license")


def luhn(digits):
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit)
        if index % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def is_iban(text):
    text = text.replace(" ", "")
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


def shape(text):
    if len(text.strip()) < 20 or "\0" in text:
        return False
    visible = sum(not sign.isspace() for sign in text)
    if sum(sign.isalpha() for sign in text) * 4 < visible:
        return False
    lines = [line.strip() for line in text.splitlines() if len(line.strip()) > 3]
    if len(lines) >= 20 and len(set(lines)) * 5 < len(lines):
        return False
    return not any(len(line) > 1000 and sum(sign.isalpha() for sign in line) * 2 < len(line) for line in lines)


def judge(line):
    text = json.loads(line)["text"]
    data = text.encode()
    hashlib.blake2b(data, digest_size=32).digest()
    hashlib.blake2b(" ".join(text.lower().split()).encode(), digest_size=32).digest()
    kept = shape(text)
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    head = "\n".join(folded.splitlines()[:40])
    kept = not LICENCE.search(head) and kept
    kept = not SECRETS.search(folded) and not ASSIGNED.search(folded) and kept
    kept = not EMAIL.search(folded) and not PHONE.search(folded) and kept
    for found in DIGITS.finditer(folded):
        digits = found.group().replace(" ", "").replace("-", "")
        if 13 <= len(digits) <= 19 and digits[0] in "3456" and luhn(digits):
            kept = False
    kept = not any(is_iban(found.group()) for found in IBAN.finditer(folded)) and kept
    kept = not TOXIC.search(folded) and kept
    words = WORD.findall(folded.lower())
    runs = {" ".join(words[at : at + 5]).encode() for at in range(max(1, len(words) - 4))}
    signature = MinHash(num_perm=112, seed=1)
    signature.update_batch(list(runs))
    signature.digest()
    return kept


def measure(lines, seconds, threads):
    with multiprocessing.Pool(threads) as pool:
        pool.map(judge, lines[: 64 * threads], chunksize=32)
        done, kept, began = 0, 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            batch = [lines[(done + offset) % len(lines)] for offset in range(512 * threads)]
            kept += sum(pool.map(judge, batch, chunksize=64))
            done += len(batch)
        return done / (time.perf_counter() - began), kept, done


def run_datatrove(arguments):
    """Sends some records through datatrove's steps in one process, as its executor does; returns their number."""
    lines, rank, folder = arguments
    logger.remove()
    documents = (Document(json.loads(line)["text"], str(number)) for number, line in enumerate(lines))
    for step in [GopherRepetitionFilter(), GopherQualityFilter(), PIIFormatter()]:
        documents = step.run(documents, rank)
    MinhashDedupSignature(folder).run(documents, rank)
    return len(lines)


def measure_datatrove(lines, seconds, threads):
    with tempfile.TemporaryDirectory() as folder, multiprocessing.Pool(threads) as pool:
        # Imports and tokenizers are loaded before the clock starts.
        tasks = [(lines[rank * 20 : rank * 20 + 20], rank, f"{folder}/warm") for rank in range(threads)]
        pool.map(run_datatrove, tasks, chunksize=1)
        done, turn, began = 0, 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            first = turn * 400 * threads
            tasks = [
                ([lines[(first + rank * 400 + at) % len(lines)] for at in range(400)], rank, f"{folder}/{turn}")
                for rank in range(threads)
            ]
            done += sum(pool.map(run_datatrove, tasks, chunksize=1))
            turn += 1
        return done / (time.perf_counter() - began)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("program")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    options = ["--seconds", str(args.seconds), "--threads", str(args.threads)]
    ours = json.loads(subprocess.run([args.program, args.file, *options], check=True, capture_output=True).stdout)
    with open(args.file, encoding="utf-8") as file:
        lines = [line for line in file if line.strip()]
    rate, kept, done = measure(lines, args.seconds, args.threads)
    ours["python_records_per_second"] = int(rate)
    ours["python_kept_of_a_thousand"] = kept * 1000 // max(done, 1)
    ours["ratio"] = round(ours["records_per_second"] / rate, 1)
    rate = measure_datatrove(lines, args.seconds, args.threads)
    ours["datatrove_records_per_second"] = int(rate)
    ours["ratio_to_datatrove"] = round(ours["records_per_second"] / rate, 1)
    print(json.dumps(ours))


if __name__ == "__main__":
    main()
