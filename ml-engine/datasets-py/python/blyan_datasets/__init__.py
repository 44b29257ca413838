"""The filter that Blyan's nodes run on datasets, before any model: licences, personal data, secrets, toxic language, copies.

>>> from blyan_datasets import Filter
>>> Filter().judge("Write to jane.doe@example.org about it.")
Verdict(reason="personal_data", findings=('email',))

The verdict depends on the text and the rules alone: no order, clock or random seed. A verdict of the same RULES_VERSION is that of
a node, byte for byte. docs/datasets.md of the repository has what each reason and finding means.
"""

from ._native import (
    DOCUMENT_BYTES_MAX,
    FINDINGS,
    REASONS,
    RULES_VERSION,
    Filter,
    Gate,
    Verdict,
    __version__,
    copies,
)
from .batches import DropRefused, JudgeColumn

__all__ = [
    "DOCUMENT_BYTES_MAX",
    "FINDINGS",
    "REASONS",
    "RULES_VERSION",
    "DropRefused",
    "Filter",
    "Gate",
    "JudgeColumn",
    "Verdict",
    "__version__",
    "copies",
]
