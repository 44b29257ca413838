"""Computes an answer of an open model again and names the first token that the model would not have chosen.

>>> from blyan_verifier import verify
>>> verify(open("receipt.json").read(), "smollm2").equal
True

The arithmetic is the definition of the chain, in integers: a verdict is the same on every machine.
"""

from ._native import __version__
from .model import Difference, Model, Verdict, verify
from .receipt import ENDS, Receipt, VerifierError, read_receipt

__all__ = [
    "ENDS",
    "Difference",
    "Model",
    "Receipt",
    "Verdict",
    "VerifierError",
    "__version__",
    "read_receipt",
    "verify",
]
