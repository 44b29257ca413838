"""Programs that people already chat with, unchanged, against a running `blyan serve`.

    foreign.py http://127.0.0.1:8000

The command `llm`, LangChain's `ChatOpenAI`, and a chat page by Gradio's `load_chat` with a client of that page. Ends in one line of JSON for each,
and with exit status 1 if a check fails.
"""

import json
import os
import subprocess
import sys
import tempfile
import traceback
import urllib.request
from importlib.metadata import version
from pathlib import Path

SERVER = sys.argv[1]
QUESTION = "What is the capital of France?"


def ask(path, body=None):
    """Asks the server itself, for comparison."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(SERVER + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)


MODEL = ask("/v1/models")["data"][0]["id"]


def expected(**more):
    messages = [{"role": "user", "content": QUESTION}]
    body = {"model": MODEL, "messages": messages, "max_tokens": 24, "seed": 7, "temperature": 0.5, **more}
    return ask("/v1/chat/completions", body)["choices"][0]


def the_command_llm_prints_the_answer():
    with tempfile.TemporaryDirectory() as home:
        listed = [{"model_id": "served", "model_name": MODEL, "api_base": f"{SERVER}/v1"}]
        # JSON is YAML too.
        Path(home, "extra-openai-models.yaml").write_text(json.dumps(listed), encoding="utf-8")
        options = ["-o", "seed", "7", "-o", "max_tokens", "24", "-o", "temperature", "0.5"]
        environment = {**os.environ, "LLM_USER_PATH": home}
        command = [sys.executable, "-m", "llm", "-m", "served", "--key", "none", *options, QUESTION]
        for stream in [[], ["--no-stream"]]:
            run = subprocess.run([*command, *stream], env=environment, capture_output=True, text=True, timeout=300)
            assert run.returncode == 0, run.stderr
            # It ends its output with a line break of its own.
            assert run.stdout.rstrip("\n") == expected()["message"]["content"].rstrip("\n"), run.stdout


def langchain_gets_the_answer_whole_and_as_a_stream_with_probabilities():
    from langchain_openai import ChatOpenAI

    settings = {"model": MODEL, "seed": 7, "temperature": 0.5, "max_tokens": 24, "max_retries": 0}
    chat = ChatOpenAI(base_url=f"{SERVER}/v1", api_key="none", **settings)
    choice = expected()
    assert chat.invoke(QUESTION).content == choice["message"]["content"]
    assert "".join(chunk.content for chunk in chat.stream(QUESTION)) == choice["message"]["content"]
    scored = chat.bind(logprobs=True, top_logprobs=2).invoke(QUESTION)
    entries = scored.response_metadata["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"], entries
    assert all(entry["logprob"] <= 0 and len(entry["top_logprobs"]) == 2 for entry in entries), entries


def a_page_by_gradio_chats():
    import gradio
    from gradio_client import Client

    page = gradio.load_chat(f"{SERVER}/v1/", model=MODEL, token="none")
    _, address, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    try:
        answer = Client(address, verbose=False).predict({"text": QUESTION, "files": []}, api_name="/open_api_stream")
        assert answer, answer
    finally:
        page.close(verbose=False)


CLIENTS = {
    "llm": the_command_llm_prints_the_answer,
    "langchain-openai": langchain_gets_the_answer_whole_and_as_a_stream_with_probabilities,
    "gradio": a_page_by_gradio_chats,
}
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
status = 0
for name, check in CLIENTS.items():
    failed = 0
    try:
        check()
    except Exception:  # noqa: BLE001: every failure is reported, of whatever kind
        failed = 1
        print(f"{name}, {check.__name__}:", file=sys.stderr)
        traceback.print_exc()
    print(json.dumps({"client": f"{name} {version(name)}", "checks": 1, "failed": failed}), flush=True)
    status |= failed
# Threads of the page may still be there.
sys.stderr.flush()
os._exit(status)
