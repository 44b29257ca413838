"""A dataset of many gigabytes, made in one go and by a job that is killed in the middle: the same bytes, and what both take.

Usage: offer.py PROGRAM FOLDER MIB. PROGRAM is the example `offer` of blyan-datasets. Ends in one line of JSON; fails where the second
dataset is not the first.
"""

import json
import os
import signal
import subprocess
import sys
import time


def run(program, folder, mib):
    began = time.perf_counter()
    output = subprocess.run([program, folder, mib], check=True, capture_output=True, text=True).stdout
    return json.loads(output), time.perf_counter() - began


def manifest(folder):
    with open(f"{folder}/dataset/manifest.json", "rb") as file:
        return file.read()


def read_state(folder):
    try:
        with open(f"{folder}/dataset/.job/state.json", "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def kill_in_the_middle(program, folder, mib):
    """Kills a run a second after its state has changed, as it does after every 128 MiB; returns the seconds that it had."""
    began = time.perf_counter()
    process = subprocess.Popen([program, folder, mib], stdout=subprocess.DEVNULL)
    first = None
    while True:
        if process.poll() is not None:
            sys.exit("error: the job ended before it could be killed; name more MiB, 512 at least")
        state = read_state(folder)
        first = first or state
        if state != first:
            break
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if os.path.exists(f"{folder}/dataset/manifest.json"):
        sys.exit("error: the job ended before it was killed; name more MiB")
    return time.perf_counter() - began


def main():
    program, folder, mib = sys.argv[1:]
    whole, again = f"{folder}/whole", f"{folder}/again"
    report, _ = run(program, whole, mib)
    os.mkdir(again)
    os.link(f"{whole}/offer.jsonl", f"{again}/offer.jsonl")
    report["killed_after_seconds"] = round(kill_in_the_middle(program, again, mib), 1)
    resumed, seconds = run(program, again, mib)
    report["resumed_seconds"] = round(seconds, 1)
    report["resumed_peak_mib"] = resumed["peak_mib"]
    if manifest(whole) != manifest(again):
        sys.exit("error: the job that went on made another dataset")
    report["resumed_is_the_same"] = True
    print(json.dumps(report))


if __name__ == "__main__":
    main()
