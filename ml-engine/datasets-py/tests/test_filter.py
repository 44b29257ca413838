"""The package against the node's code, on the same records."""

import ast
import os
import pickle
import threading
import time
from pathlib import Path

import blyan_datasets
import pytest
from blyan_datasets import FINDINGS, REASONS, Filter, Verdict, _native, copies


def as_written(verdict):
    return {"reason": verdict.reason, "findings": list(verdict.findings)}


def test_verdicts_are_those_of_the_node(records):
    texts = [record["text"] for record in records]
    assert len(texts) > 10_000
    wanted = [record["verdict"] for record in records]
    judge = Filter()
    assert [as_written(verdict) for verdict in judge.judge_batch(texts)] == wanted
    assert [as_written(verdict) for verdict in judge.judge_batch(iter(texts), parallel=True)] == wanted
    assert as_written(judge.judge(texts[0])) == wanted[0]
    reasons = {verdict["reason"] for verdict in wanted}
    assert {None, "personal_data", "secret", "few_letters", "generated", "proprietary"} <= reasons


def test_pieces_are_those_of_the_node_and_make_up_the_text(records):
    judge = Filter()
    cut = 0
    for record in records:
        pieces = judge.pieces(record["text"])
        assert "".join(piece for piece, _ in pieces) == record["text"]
        written = [{"bytes": len(piece.encode()), "verdict": as_written(verdict)} for piece, verdict in pieces]
        assert written == record["pieces"]
        cut += len(pieces) > 1
    assert cut > 0


def test_copies_are_those_of_the_node(lines, records):
    found = copies(record["text"] for record in records)
    wanted = lines[-1]["copies"]
    assert found == [copy and (copy["reason"], copy["kept"]) for copy in wanted]
    assert {"duplicate", "near_duplicate"} <= {copy[0] for copy in found if copy}


def test_lists_are_closed_and_every_finding_of_numbers_has_cases(records):
    assert len(REASONS) == len(set(REASONS)) and REASONS[0] == "not_text"
    about = {record["about"] for record in records}
    assert about - {None} == set(FINDINGS) - {"abuse", "licence_header", "false_arithmetic"}


def test_rules_are_arguments():
    generated = "# DO NOT EDIT, a program wrote this\nname = 1"
    assert Filter().judge(generated).reason == "generated"
    assert Filter(keep_generated=True).judge(generated).kept
    assert Filter(bytes_min=100).judge(generated).reason == "too_short"
    foreign = "// SPDX-License-Identifier: GPL-3.0-only\nfn main() {}"
    assert Filter(any_licence=True).judge(foreign) == Verdict(None, ["licence_header"])


def test_filters_and_verdicts_are_pickled():
    judge = pickle.loads(pickle.dumps(Filter(keep_generated=True, bytes_min=30)))
    assert repr(judge) == "Filter(any_licence=False, keep_generated=True, bytes_min=30)"
    verdict = Filter().judge("Write to jane.doe@example.org about it.")
    assert repr(verdict) == """Verdict(reason="personal_data", findings=('email',))"""
    assert pickle.loads(pickle.dumps(verdict)) == verdict
    assert len({verdict, pickle.loads(pickle.dumps(verdict))}) == 1


def test_what_is_no_list_of_texts_is_refused():
    judge = Filter()
    with pytest.raises(TypeError, match="pass \\[text\\]"):
        judge.judge_batch("a text, not a list")
    with pytest.raises(TypeError):
        judge.judge_batch([b"bytes"])
    with pytest.raises(ValueError, match="unknown variant"):
        Verdict("no_such_reason")
    with pytest.raises(UnicodeEncodeError):
        judge.judge("half of a pair \ud800")


def test_other_threads_run_while_a_batch_is_judged(records):
    texts = [record["text"] for record in records] * 4
    judge, counted, done = Filter(), 0, threading.Event()

    def work():
        judge.judge_batch(texts)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        counted += 1
        time.sleep(0.001)
    thread.join()
    # With the lock held for the batch this thread would have had no turn but the first.
    assert counted > 5


def test_the_stubs_name_what_the_native_half_has():
    tree = ast.parse(Path(_native.__file__).with_name("_native.pyi").read_text(encoding="utf-8"))

    def names(body):
        targets = {node.target.id for node in body if isinstance(node, ast.AnnAssign)}
        return targets | {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}

    def public(all_names):
        return {name for name in all_names if not name.startswith("_")}

    assert public(names(tree.body)) == public(dir(_native))
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            assert public(names(node.body)) == public(dir(getattr(_native, node.name))), node.name


def test_the_version_is_that_of_the_crate():
    assert blyan_datasets.__version__.count(".") == 2
    assert blyan_datasets.RULES_VERSION >= 2


def test_a_gate_without_its_program_says_how_to_build_it():
    with pytest.raises(RuntimeError, match="scripts/build-gate"):
        blyan_datasets.Gate(program="/nonexistent/blyan-gate")


@pytest.mark.skipif("BLYAN_GATE" not in os.environ, reason="scripts/build-gate builds the program, and BLYAN_GATE names it")
def test_a_gate_scores_texts_in_their_order():
    prose = "The scheduler keeps a queue of tasks for each core, and a core whose queue is empty takes half of another one's."
    noise = "qwer asdf zxcv uiop hjkl bnm qwert yuiop asdfg hjklz xcvbn " * 4
    gate = blyan_datasets.Gate(processes=1)
    assert gate.runtime
    scores = gate.judge_batch([prose, noise] * 100)
    assert [("low_quality" in advice) for _, _, _, advice in scores] == [False, True] * 100
    with pytest.raises(TypeError):
        gate.judge_batch(prose)
