"""The filter over batches of columns, as Hugging Face `datasets.map(batched=True)` and Ray Data `map_batches` pass them.

Each of these is one document: cut longer texts with `Filter.pieces` before.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from ._native import Filter

Batch = MutableMapping[str, Any]


class JudgeColumn:
    """Adds the columns `reason` (empty for documents that are kept) and `findings` (names with spaces between).

    Strings, because a column of None alone has no type in Arrow, and one of lists of any length none in NumPy.
    """

    def __init__(self, column: str = "text", **rules: Any) -> None:
        self.column = column
        self.filter = Filter(**rules)

    def __call__(self, batch: Batch) -> dict[str, Any]:
        verdicts = self.filter.judge_batch(batch[self.column])
        judged = dict(batch)
        judged["reason"] = [verdict.reason or "" for verdict in verdicts]
        judged["findings"] = [" ".join(verdict.findings) for verdict in verdicts]
        return judged


class DropRefused:
    """Leaves out the rows whose document the filter refuses."""

    def __init__(self, column: str = "text", **rules: Any) -> None:
        self.column = column
        self.filter = Filter(**rules)

    def __call__(self, batch: Batch) -> dict[str, list[Any]]:
        verdicts = self.filter.judge_batch(batch[self.column])
        return {
            name: [value for value, verdict in zip(values, verdicts) if verdict.kept]
            for name, values in batch.items()
        }
