"""A small model and two of its answers, which the definition's own crate has written: `cargo run --example fixture` of blyan-verifier, by scripts/wheel."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def fixture():
    path = os.environ.get("BLYAN_FIXTURE")
    assert path, "name the output of the example `fixture` in BLYAN_FIXTURE, as scripts/wheel verifier does"
    return Path(path)


@pytest.fixture(scope="session")
def receipt(fixture):
    return lambda name: (fixture / f"{name}.json").read_text(encoding="utf-8")
