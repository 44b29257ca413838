"""The records that the node's own code has judged: `cargo run --example labelled` of blyan-datasets, by scripts/wheel."""

import json
import os

import pytest


@pytest.fixture(scope="session")
def lines():
    path = os.environ.get("BLYAN_LABELLED")
    assert path, "name the output of the example `labelled` in BLYAN_LABELLED, as scripts/wheel does"
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="session")
def records(lines):
    return [line for line in lines if "text" in line]
