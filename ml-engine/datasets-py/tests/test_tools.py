"""The package within the tools that people have."""

import json

import pytest
from blyan_datasets import DropRefused, Filter, JudgeColumn

CLEAN = "A text of some words, and nothing to object to, number {}."
REFUSED = "Write to jane.doe{}@example.org about it, please."


@pytest.fixture
def texts():
    return [(REFUSED if number % 5 == 0 else CLEAN).format(number) for number in range(100)]


def test_hugging_face_maps_batches(texts):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"text": texts, "number": list(range(100))})
    judged = data.map(JudgeColumn(), batched=True, batch_size=32)
    assert list(judged["reason"])[:2] == ["personal_data", ""]
    assert list(judged["findings"])[:2] == ["email", ""]
    kept = data.map(DropRefused(), batched=True, batch_size=32)
    assert list(kept["number"]) == [number for number in range(100) if number % 5]
    judge = Filter()
    rows = data.filter(lambda batch: [v.kept for v in judge.judge_batch(batch["text"])], batched=True)
    assert list(rows["text"]) == list(kept["text"])


def test_hugging_face_maps_in_two_processes(texts):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"text": texts})
    kept = data.map(DropRefused(), batched=True, batch_size=10, num_proc=2)
    assert len(kept) == 80


def test_datatrove_drops_with_reasons(texts, tmp_path):
    pytest.importorskip("datatrove.pipeline.filters")
    from blyan_datasets.datatrove import BlyanFilter
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    (tmp_path / "in").mkdir()
    with open(tmp_path / "in" / "a.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text, "id": str(number)}) + "\n" for number, text in enumerate(texts))
    pipeline = [
        JsonlReader(str(tmp_path / "in")),
        BlyanFilter(JsonlWriter(str(tmp_path / "dropped"), compression=None), batch_size=16),
        JsonlWriter(str(tmp_path / "kept"), compression=None),
    ]
    LocalPipelineExecutor(pipeline, logging_dir=str(tmp_path / "logs")).run()
    rows = {}
    for name in ("kept", "dropped"):
        lines = "".join(path.read_text() for path in (tmp_path / name).glob("*.jsonl")).splitlines()
        rows[name] = [json.loads(line) for line in lines]
    assert len(rows["kept"]) == 80
    assert {row["metadata"]["filter_reason"] for row in rows["dropped"]} == {"personal_data"}
    assert len(rows["dropped"]) == 20


def test_ray_maps_batches_on_two_workers(texts):
    ray = pytest.importorskip("ray")
    # Two for the workers, and one for Ray's own tasks.
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    workers = ray.data.ActorPoolStrategy(size=2)
    try:
        data = ray.data.from_items([{"text": text, "number": number} for number, text in enumerate(texts)])
        kept = data.map_batches(DropRefused, batch_size=16, compute=workers)
        assert sorted(row["number"] for row in kept.take_all()) == [n for n in range(100) if n % 5]
        judged = data.map_batches(JudgeColumn, batch_size=16, compute=workers).take_all()
        assert sorted(row["number"] for row in judged if row["reason"] == "personal_data") == list(range(0, 100, 5))
    finally:
        ray.shutdown()
