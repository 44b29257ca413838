"""The filter as a step of a datatrove pipeline; needs `datatrove[io,processing]`."""

from __future__ import annotations

from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from ._native import Filter, Verdict


class BlyanFilter(BaseFilter):
    """Drops the documents that the filter refuses, each with its reason; counts are in datatrove's statistics.

    :param exclusion_writer: writer of what is dropped
    :param batch_size: documents judged at a time
    :param rules: arguments of `blyan_datasets.Filter`
    """

    name = "Blyan"

    def __init__(
        self, exclusion_writer: DiskWriter | None = None, batch_size: int = 256, **rules: Any
    ) -> None:
        super().__init__(exclusion_writer, batch_size)
        self.judge = Filter(**rules)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        return _outcome(self.judge.judge(doc.text))

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        return [_outcome(verdict) for verdict in self.judge.judge_batch([doc.text for doc in batch])]


def _outcome(verdict: Verdict) -> bool | tuple[bool, str]:
    return True if verdict.reason is None else (False, verdict.reason)
