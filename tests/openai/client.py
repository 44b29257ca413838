"""OpenAI's client for Python against a running `blyan serve`.

    client.py http://127.0.0.1:8000 [FILE]

Ends in one line of JSON, and with exit status 1 if a check fails. FILE gets the receipt of an answer.
"""

import json
import sys
import time
import traceback
import urllib.request

import openai

SERVER = sys.argv[1]
FILE = sys.argv[2] if len(sys.argv) > 2 else None
client = openai.OpenAI(base_url=f"{SERVER}/v1", api_key="none is needed", max_retries=0)
MODEL = client.models.list().data[0].id
MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]
SETTINGS = {"model": MODEL, "messages": MESSAGES, "max_tokens": 32, "seed": 7, "temperature": 0.8}


def fetch(path):
    with urllib.request.urlopen(SERVER + path, timeout=60) as response:
        return response.read().decode()


def ask(**more):
    return client.chat.completions.create(**{**SETTINGS, **more})


def the_model_is_found_by_its_name():
    assert client.models.retrieve(MODEL).object == "model"
    try:
        client.models.retrieve("another")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found", error
    else:
        raise AssertionError("another model was found")


def an_answer_has_text_usage_and_a_receipt():
    raw = client.chat.completions.with_raw_response.create(**SETTINGS)
    answer = raw.parse()
    assert isinstance(answer.choices[0].message.content, str)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    receipt = fetch("/v1/receipts/" + raw.headers["x-blyan-receipt"])
    assert len(json.loads(receipt)["answer"]) == answer.usage.completion_tokens
    if FILE:
        with open(FILE, "w", encoding="utf-8") as out:
            out.write(receipt)


def a_stream_is_the_same_answer_and_ends_with_its_usage():
    whole = ask()
    text, usage = "", None
    for chunk in ask(stream=True, stream_options={"include_usage": True}):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        usage = chunk.usage or usage
    assert text == whole.choices[0].message.content, (text, whole)
    assert usage.completion_tokens == whole.usage.completion_tokens


def several_answers_have_consecutive_seeds():
    several = ask(n=2).choices
    assert [choice.index for choice in several] == [0, 1], several
    for choice in several:
        alone = ask(seed=SETTINGS["seed"] + choice.index).choices[0]
        assert choice.message.content == alone.message.content, (choice, alone)
    streamed = ["", ""]
    for chunk in ask(n=2, stream=True):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == [choice.message.content for choice in several], streamed


def tokens_have_their_probabilities():
    choice = ask(logprobs=True, top_logprobs=3).choices[0]
    entries = choice.logprobs.content
    assert bytes(byte for entry in entries for byte in entry.bytes).decode() == choice.message.content, entries
    assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 3 for entry in entries), entries
    older = client.completions.create(model=MODEL, prompt="fn main() {", max_tokens=12, seed=7, logprobs=2).choices[0]
    assert "".join(older.logprobs.tokens) == older.text, older
    assert older.logprobs.text_offset[0] == 0 and len(older.logprobs.token_logprobs) == len(older.logprobs.tokens), older


def a_completion_goes_on_from_a_text():
    asked = {"model": MODEL, "prompt": "fn main() {", "max_tokens": 12, "seed": 7}
    whole = client.completions.create(**asked).choices[0].text
    streamed = "".join(chunk.choices[0].text for chunk in client.completions.create(**asked, stream=True))
    assert streamed == whole, (streamed, whole)


def a_stop_string_ends_the_answer_and_is_not_part_of_it():
    free = ask().choices[0].message.content
    stop = free[4:7]
    choice = ask(stop=[stop]).choices[0]
    assert choice.message.content == free.split(stop)[0], (choice, free)
    assert choice.finish_reason == "stop"


def a_conversation_goes_on_with_the_answer_as_it_was_sent():
    said = ask().choices[0].message.model_dump()
    more = [*MESSAGES, said, {"role": "user", "content": [{"type": "text", "text": "And of Italy?"}]}]
    assert len(ask(messages=more).choices) == 1


def refusals_are_errors_of_the_client_with_the_field_that_is_the_reason():
    for more, param, code in [
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"n": 9}, "n", "invalid_value"),
        ({"max_tokens": 10_000_000}, "messages", "context_length_exceeded"),
        ({"extra_body": {"top_k": 5}}, "top_k", "unknown_parameter"),
    ]:
        try:
            ask(**more)
        except openai.BadRequestError as error:
            assert (error.param, error.code) == (param, code), error
        else:
            raise AssertionError(f"{more} was not refused")


def a_stream_that_is_given_up_ends_the_generation():
    unbounded = {key: value for key, value in SETTINGS.items() if key != "max_tokens"}
    stream = client.chat.completions.create(**unbounded, stream=True)
    next(iter(stream))
    stream.close()
    for _ in range(1_000):
        if "\nblyan_gateway_places_taken 0\n" in fetch("/metrics"):
            return
        time.sleep(0.02)
    raise AssertionError("the generation goes on")


CHECKS = [
    the_model_is_found_by_its_name,
    an_answer_has_text_usage_and_a_receipt,
    a_stream_is_the_same_answer_and_ends_with_its_usage,
    several_answers_have_consecutive_seeds,
    tokens_have_their_probabilities,
    a_completion_goes_on_from_a_text,
    a_stop_string_ends_the_answer_and_is_not_part_of_it,
    a_conversation_goes_on_with_the_answer_as_it_was_sent,
    refusals_are_errors_of_the_client_with_the_field_that_is_the_reason,
    a_stream_that_is_given_up_ends_the_generation,
]
failed = 0
for check in CHECKS:
    try:
        check()
    except Exception:  # noqa: BLE001: every failure is reported, of whatever kind
        failed += 1
        print(f"{check.__name__}:", file=sys.stderr)
        traceback.print_exc()
print(json.dumps({"client": f"openai for Python {openai.__version__}", "checks": len(CHECKS), "failed": failed}))
sys.exit(1 if failed else 0)
