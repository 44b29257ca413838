"""The record of an answer as a server writes it, read with suspicion."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Tuple, Union

from ._native import ENDS

_HASH = re.compile(r"[0-9a-f]{64}")
_DIGITS = re.compile(r"[0-9]{1,20}")


class VerifierError(ValueError):
    """Nothing can be said about an answer: the message says why, and what to do."""


@dataclass(frozen=True)
class Receipt:
    """Everything that an answer follows from, beside the bytes of its model."""

    model_root: str
    tokenizer: str
    prompt: Tuple[int, ...]
    answer: Tuple[int, ...]
    seed: int
    temperature_q8: int
    top_p_q8: int
    max_tokens: int
    stop: Tuple[str, ...]
    ends: Tuple[int, ...]
    end: str
    engine: str
    #: The receipt that the operator signed, in hexadecimals of SCALE, if it signs any. Its signature is not checked here.
    signed: Optional[str]


def read_receipt(receipt: Union[str, bytes, Mapping[str, Any]]) -> Receipt:
    """Reads a `blyan/generation` record: the text of its file, or what json.loads made of it."""
    fields = receipt
    if isinstance(receipt, (str, bytes)):
        try:
            fields = json.loads(receipt)
        except (ValueError, RecursionError):
            raise VerifierError("this is not a receipt: it is not JSON") from None
    if not isinstance(fields, Mapping) or fields.get("format") != "blyan/generation":
        raise VerifierError('this is not a receipt: its format is not "blyan/generation"')
    if not _is_integer(fields.get("version")) or fields["version"] != 1:
        raise VerifierError(
            f"version {fields.get('version')!r} of receipts is not known here: install a newer blyan-verifier"
        )
    end = fields.get("end")
    if end not in ENDS:
        raise _wrong("end", "one of " + ", ".join(ENDS))
    signed = fields.get("signed_receipt")
    scale = signed.get("scale") if isinstance(signed, Mapping) else None
    return Receipt(
        model_root=_hash(fields, "model_root"),
        tokenizer=_hash(fields, "tokenizer"),
        prompt=_ids(fields, "prompt"),
        answer=_ids(fields, "answer"),
        seed=_integer(fields.get("seed"), "seed", 64),
        temperature_q8=_integer(fields.get("temperature_q8"), "temperature_q8", 16),
        top_p_q8=_integer(fields.get("top_p_q8"), "top_p_q8", 16),
        max_tokens=_integer(fields.get("max_tokens"), "max_tokens", 64),
        stop=_strings(fields, "stop"),
        ends=_ids(fields, "ends"),
        end=end,
        engine=str(fields.get("engine", "")),
        signed=_bare(scale) if isinstance(scale, str) else None,
    )


def _wrong(field: str, wanted: str) -> VerifierError:
    return VerifierError(
        f"the receipt's {field} is not {wanted}: download it again from the server that gave the answer"
    )


def _bare(digits: str) -> str:
    return digits[2:] if digits.startswith("0x") else digits


def _hash(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if isinstance(value, str) and _HASH.fullmatch(_bare(value)):
        return _bare(value)
    raise _wrong(name, "64 hexadecimal digits")


def _is_integer(value: Any) -> bool:
    # JSON's true is an instance of int, and no number.
    return isinstance(value, int) and not isinstance(value, bool)


def _integer(value: Any, name: str, bits: int) -> int:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if _is_integer(value) and 0 <= value < 1 << bits:
        return value
    raise _wrong(name, f"a whole number below 2^{bits}")


def _list(fields: Mapping[str, Any], name: str, wanted: str) -> list:
    value = fields.get(name)
    if isinstance(value, (list, tuple)):
        return list(value)
    raise _wrong(name, wanted)


def _ids(fields: Mapping[str, Any], name: str) -> Tuple[int, ...]:
    return tuple(_integer(value, name, 32) for value in _list(fields, name, "a list of token ids"))


def _strings(fields: Mapping[str, Any], name: str) -> Tuple[str, ...]:
    values = _list(fields, name, "a list of strings")
    if all(isinstance(value, str) for value in values):
        return tuple(values)
    raise _wrong(name, "a list of strings")
