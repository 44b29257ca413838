"""Receipts that a server or a person got wrong."""

import json

import pytest
from blyan_verifier import VerifierError, read_receipt

GOOD = {
    "format": "blyan/generation", "version": 1, "model_root": "ab" * 32, "tokenizer": "cd" * 32, "prompt": [1, 2], "answer": [3],
    "seed": 7, "temperature_q8": 256, "top_p_q8": 230, "max_tokens": 20, "stop": [], "ends": [4], "end": "length", "engine": "test",
}


def test_integers_of_64_bits_are_read_to_their_last_digit():
    for seed in [2**64 - 1, str(2**64 - 1)]:
        record = read_receipt(json.dumps({**GOOD, "seed": seed}))
        assert (record.seed, record.prompt, record.end, record.signed) == (2**64 - 1, (1, 2), "length", None)


def test_a_record_that_is_read_already_is_taken():
    assert read_receipt({**GOOD, "signed_receipt": {"scale": "0x0a"}}).signed == "0a"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "x"), ("version", 2), ("version", True), ("model_root", "ab"), ("prompt", "x"), ("answer", [-1]), ("answer", [2**33]),
        ("answer", [True]), ("seed", -1), ("seed", 1.5), ("seed", 2**64), ("temperature_q8", 65_536), ("stop", [1]), ("end", "tired"),
        ("end", []), ("ends", [{}]),
    ],
)
def test_a_field_that_is_wrong_is_refused_by_name(field, value):
    with pytest.raises(VerifierError, match=field):
        read_receipt(json.dumps({**GOOD, field: value}))


@pytest.mark.parametrize("text", ["", "null", "[]", '{"format"', "[" * 100_000, b"\xff"])
def test_what_is_no_receipt_is_said_to_be_none(text):
    with pytest.raises(VerifierError, match="this is not a receipt"):
        read_receipt(text)
