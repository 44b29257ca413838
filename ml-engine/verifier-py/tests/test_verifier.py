"""Verdicts about answers of a small model, honest and changed."""

import json
import shutil
import subprocess
import sys

import blyan_verifier.__main__ as command
import pytest
from blyan_verifier import Difference, Model, VerifierError, read_receipt, verify


@pytest.fixture(scope="module")
def model(fixture):
    return Model(fixture / "model")


def changed(receipt, **fields):
    return {**json.loads(receipt("sampled")), **fields}


@pytest.mark.parametrize("name", ["sampled", "greedy"])
def test_an_honest_answer_is_equal(fixture, receipt, name):
    verdict = verify(receipt(name), fixture / "model")
    assert (verdict.equal, verdict.end_checked, verdict.first_difference) == (True, True, None)
    assert verdict.model_root == read_receipt(receipt(name)).model_root
    assert len(bytes.fromhex(verdict.tokens_root)) == 32


def test_a_changed_token_is_found_where_it_is(model, receipt):
    answer = json.loads(receipt("sampled"))["answer"]
    for index in [0, 7, len(answer) - 1]:
        found = (answer[index] + 1) % 256
        other = [*answer[:index], found, *answer[index + 1 :]]
        verdict = model.verify(changed(receipt, answer=other))
        assert not verdict.equal
        assert verdict.first_difference == Difference("token", index, answer[index], found)


def test_an_answer_that_ends_too_early_is_found(model, receipt):
    answer = json.loads(receipt("sampled"))["answer"]
    verdict = model.verify(changed(receipt, answer=answer[:-1]))
    assert verdict.first_difference == Difference("end", None, None, "length")
    verdict = model.verify(changed(receipt, end="context"))
    assert verdict.first_difference == Difference("end", len(answer), "length", "context")


def test_another_seed_is_found_and_a_seed_of_64_bits_is_exact(model, receipt):
    seed = read_receipt(receipt("sampled")).seed
    assert seed == 2**64 - 7
    assert model.verify(changed(receipt, seed=seed - 1)).first_difference.kind == "token"


def test_the_end_of_an_answer_with_stop_strings_is_said_to_be_unchecked(model, receipt):
    verdict = model.verify(changed(receipt, stop=["\n"]))
    assert (verdict.equal, verdict.end_checked) == (True, False)


def test_a_prompt_that_cannot_be_read_says_nothing_about_the_answer(model, receipt):
    for prompt in [[], [2**31], [1] * 10_000]:
        with pytest.raises(VerifierError):
            model.verify(changed(receipt, prompt=prompt))


def test_a_model_that_was_changed_in_one_bit_or_lacks_a_file_is_refused(fixture, receipt, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(fixture / "model", copy)
    path = sorted((copy / "parts").iterdir())[0]
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    for file, message in [(bytes(damaged), "damaged"), (whole[:-1], "instead of")]:
        path.write_bytes(file)
        with pytest.raises(VerifierError, match=message):
            verify(receipt("greedy"), copy)
    path.unlink()
    with pytest.raises(VerifierError, match="cannot be read"):
        Model(copy)


def test_a_receipt_of_another_model_is_refused_by_its_root(model, receipt):
    with pytest.raises(VerifierError, match="the receipt is about model 0xabab"):
        model.verify(changed(receipt, model_root="ab" * 32))


def test_a_manifest_whose_part_would_lead_elsewhere_is_refused(fixture, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(fixture / "model", copy)
    fields = json.loads((copy / "model.json").read_text())
    fields["parts"][0]["name"] = "../../secret"
    (copy / "model.json").write_text(json.dumps(fields))
    with pytest.raises(VerifierError, match="does not name a part"):
        Model(copy)


def test_the_command_says_by_its_exit_status_what_was_found(fixture, receipt, tmp_path):
    def run(name, text):
        (tmp_path / name).write_text(text)
        arguments = [str(tmp_path / name), "--model-dir", str(fixture / "model"), "--json"]
        return subprocess.run([sys.executable, "-m", "blyan_verifier", *arguments], capture_output=True, text=True, check=False)

    honest = run("honest.json", receipt("greedy"))
    assert (honest.returncode, json.loads(honest.stdout)["equal"]) == (0, True)
    assert run("changed.json", json.dumps(changed(receipt, seed=1))).returncode == 1
    nothing = run("nothing.json", "{}")
    assert nothing.returncode == 2 and "not a receipt" in nothing.stderr


def test_a_check_that_breaks_down_gives_no_verdict(tmp_path, monkeypatch, capsys):
    def break_down(*_):
        raise MemoryError("there is none left")

    monkeypatch.setattr(command, "verify", break_down)
    (tmp_path / "receipt.json").write_text("{}")
    assert command.main([str(tmp_path / "receipt.json"), "--model-dir", str(tmp_path)]) == 2
    assert "there is none left" in capsys.readouterr().err
