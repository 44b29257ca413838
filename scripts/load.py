"""Plays a crowd to one development node and measures what an honest user still gets. `scripts/load --help` explains.

Sockets are spoken to as bytes, not through a client library: a library would read what the crowd must leave unread.
"""

import argparse
import asyncio
import base64
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CHAT = {"prompt": "pub fn ", "max_bytes": 32, "temperature": 0, "seed": "7"}
# The bound: an honest chat's first byte, as the ratio of medians with and without the crowd.
RATIO_MAX = 2.0
# Sent at once by the malformed: each is one WebSocket message.
MALFORMED = [
    "{",
    "[]",
    "[" * 2000,
    '{"jsonrpc":"2.0","id":1,"method":"blyan_model","params":[-1]}',
    '{"jsonrpc":"2.0","id":1,"method":"blyan_blob","params":["0x00",0,4294967295]}',
    '{"jsonrpc":"2.0","id":1,"method":"blyan_submissions","params":[0,4294967295]}',
    '{"jsonrpc":"2.0","id":1,"method":"blyan_generateOnce","params":[{"max_bytes":4294967295}]}',
    '{"jsonrpc":"2.0","id":1,"method":"state_call","params":["ModelsApi_model","0xff"]}',
    "\x00" * 100,
]


class Socket:
    """A WebSocket whose reader may choose not to read."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port, receive_buffer=None):
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=plain, limit=1 << 16)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            writer.close()
            raise ConnectionRefusedError("hung up") from error
        if b" 101 " not in head.split(b"\r\n")[0]:
            writer.close()
            raise ConnectionRefusedError(head.split(b"\r\n")[0].decode())
        return cls(reader, writer)

    def send(self, text):
        payload, mask = text.encode() if isinstance(text, str) else text, b"\x00" * 4
        size = len(payload)
        if size < 126:
            head = bytes([0x81, 0x80 | size])
        elif size < 1 << 16:
            head = bytes([0x81, 0x80 | 126]) + size.to_bytes(2, "big")
        else:
            head = bytes([0x81, 0x80 | 127]) + size.to_bytes(8, "big")
        self.writer.write(head + mask + payload)

    def call(self, method, *params):
        self.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}))

    async def receive(self):
        """The next text message, as JSON."""
        while True:
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            payload = await self.reader.readexactly(size)
            if first & 0x0F == 8:
                raise ConnectionResetError("closed by the node")
            if first & 0x0F == 1:
                return json.loads(payload)

    def close(self):
        self.writer.transport.abort()


async def first_byte(port):
    """Seconds from before connecting to the first byte of an answer, and to its end; tries again when told to."""
    began = time.monotonic()
    refused = 0
    while True:
        try:
            line = await Socket.open(port)
        except ConnectionRefusedError:
            refused += 1
            await asyncio.sleep(0.05)
            continue
        try:
            line.call("blyan_subscribeGenerate", CHAT)
            first = None
            while True:
                message = await line.receive()
                if "error" in message:
                    refused += 1
                    break
                event = message.get("params", {}).get("result")
                if event is None:
                    continue
                if "error" in event:
                    raise RuntimeError(event["error"])
                first = first or time.monotonic() - began
                if event.get("done"):
                    return first, time.monotonic() - began, refused
        finally:
            line.close()
        await asyncio.sleep(0.05)


async def chat(port, count):
    figures = []
    for _ in range(count):
        figures.append(await asyncio.wait_for(first_byte(port), 60))
        await asyncio.sleep(0.2)
    return figures


async def chats(port, count):
    """The figures of `count` chats from a process of its own: this one is busy with the crowd, and its delays are not the node's."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--chat", str(port), str(count), stdout=subprocess.PIPE
    )
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError(f"the chats ended with {process.returncode}")
    return json.loads(out)


class Crowd:
    """Everyone who wants too much, until `stop`."""

    def __init__(self, port, peers, blob):
        self.port, self.peers, self.blob = port, peers, blob
        self.tasks, self.idle, self.counts = [], [], {}

    def count(self, what, by=1):
        self.counts[what] = self.counts.get(what, 0) + by

    async def connect(self, connections):
        """Connections that do nothing, kept open."""
        for _ in range(connections):
            try:
                self.idle.append(await Socket.open(self.port))
            except (ConnectionError, OSError):
                self.count("connections refused")

    def start(self, unread):
        for _ in range(unread):
            self.spawn(self.deaf)
        for work in (self.ask_status, self.malformed, self.huge, self.upload, self.metadata, self.batches):
            self.spawn(work)
        for _ in range(32):
            self.spawn(self.babble)

    def spawn(self, work):
        async def again():
            while True:
                try:
                    await work()
                except (OSError, asyncio.IncompleteReadError, ValueError):
                    # Hung up on, which is the node's right.
                    self.count("connections lost")
                await asyncio.sleep(0.1)

        self.tasks.append(asyncio.create_task(again()))

    async def deaf(self):
        """Asks for long answers, as many as a connection may have, and reads nothing but the handshake's end."""
        line = await Socket.open(self.port, receive_buffer=4096)
        line.writer.transport.pause_reading()
        try:
            while not line.writer.transport.is_closing():
                for _ in range(4):
                    line.call("blyan_subscribeGenerate", {"prompt": "x" * 200, "max_bytes": 4096})
                    self.count("generations asked for and not read")
                await asyncio.wait_for(line.writer.drain(), 30)
                await asyncio.sleep(1)
        except (asyncio.TimeoutError, TimeoutError):
            pass
        finally:
            line.close()

    async def asking(self, what, *calls):
        line = await Socket.open(self.port)
        try:
            while True:
                for method, params in calls:
                    line.call(method, *params)
                    await line.receive()
                    self.count(what)
        finally:
            line.close()

    async def ask_status(self):
        await self.asking("exchangeStatus and engineStatus", ("blyan_exchangeStatus", []), ("blyan_engineStatus", []))

    async def metadata(self):
        await self.asking("experts and metadata", ("blyan_experts", [0]), ("state_getMetadata", []))

    async def upload(self):
        """Rubbish for a blob that nothing announces, for one that is here, and text that is not base64."""
        rubbish = base64.b64encode(os.urandom(1 << 20)).decode()
        await self.asking(
            "uploads of rubbish, 1 MiB each",
            ("blyan_uploadBlob", ["0x" + os.urandom(32).hex(), 0, 1 << 20, rubbish]),
            ("blyan_uploadBlob", [self.blob, 0, 1 << 20, rubbish]),
            ("blyan_uploadBlob", [self.blob, 0, 1 << 20, "!" * (1 << 20)]),
        )

    async def malformed(self):
        line = await Socket.open(self.port)
        try:
            while True:
                for text in MALFORMED:
                    line.send(text)
                    await asyncio.wait_for(line.receive(), 5)
                    self.count("malformed requests")
        except (asyncio.TimeoutError, TimeoutError):
            pass
        finally:
            line.close()

    async def huge(self):
        """More than a request may have; the node is to hang up or refuse."""
        line = await Socket.open(self.port)
        try:
            line.send('{"jsonrpc":"2.0","id":1,"method":"blyan_model","params":["' + "a" * (16 << 20) + '"]}')
            self.count("requests of 16 MiB")
            await asyncio.wait_for(line.receive(), 30)
        except (asyncio.TimeoutError, TimeoutError):
            pass
        finally:
            line.close()

    async def batches(self):
        one = {"jsonrpc": "2.0", "id": 1, "method": "blyan_submissions", "params": [0, 100]}
        line = await Socket.open(self.port)
        try:
            while True:
                line.send(json.dumps([dict(one, id=index) for index in range(500)]))
                await line.receive()
                self.count("calls in batches of 500", 500)
        finally:
            line.close()

    async def babble(self):
        """At the peers' port: a protocol's name and nonsense, then silence while the connection stays."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.peers)
        try:
            writer.write(b"\x13/multistream/1.0.0\n" + os.urandom(4096))
            self.count("connections full of nonsense at the peers' port")
            await asyncio.wait_for(reader.read(1 << 16), 10)
            await asyncio.sleep(1)
        except (asyncio.TimeoutError, TimeoutError):
            pass
        finally:
            writer.transport.abort()

    async def stop(self):
        # More than once: a wait with a time limit may swallow it.
        while running := [task for task in self.tasks if not task.done()]:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=1)
        for line in self.idle:
            line.close()


def free_port():
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", 0))
        return plain.getsockname()[1]


def anonymous_mib(process):
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) // 1024
    return 0


async def wait_until_it_listens(node, port, log):
    for _ in range(1200):
        if node.poll() is not None:
            raise RuntimeError(f"the node ended with {node.returncode}:\n{log.read_text()[-4000:]}")
        try:
            line = await Socket.open(port)
            line.close()
            return
        except OSError:
            await asyncio.sleep(0.1)
    raise RuntimeError("the node does not listen after two minutes")


async def mine(blyan, port, home, dataset, seed, timeout):
    """Submits an expert and waits for what its committee decides. Returns the record's state and the seconds it took."""
    began = time.monotonic()
    line = await Socket.open(port)
    process = await asyncio.create_subprocess_exec(
        blyan, "mine", "--json", "--url", f"ws://127.0.0.1:{port}", "--home", str(home), "--suri", "//Dave",
        "--slot", "0.0", "--dataset", str(dataset), "--steps", "3", "--seed", str(seed), "--no-wait",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "BLYAN_PASSWORD": "load"},
    )  # fmt: skip
    try:
        out, error = await asyncio.wait_for(process.communicate(), timeout)
        if process.returncode:
            raise RuntimeError(f"blyan mine ended with {process.returncode}: {(out + error).decode()[-500:]}")
        state = None
        while time.monotonic() - began < timeout:
            line.call("blyan_submissions", None, 1)
            state = (await line.receive())["result"][-1]["state"]
            # Afterwards it waits for disputes, for some 600 blocks.
            if "Decided" in state or "Closed" in state:
                break
            await asyncio.sleep(0.5)
        return state, time.monotonic() - began
    finally:
        if process.returncode is None:
            process.kill()
        line.close()


async def run(options):
    root = pathlib.Path(__file__).resolve().parent.parent
    folder = pathlib.Path(tempfile.mkdtemp())
    rpc, peers = free_port(), free_port()
    log = folder / "log"
    node = subprocess.Popen(
        [
            options.node, "--dev", "--base-path", str(folder / "node"), "--rpc-port", str(rpc), "--port", str(peers),
            "--dev-block-time", str(options.block_time), "--genesis-model", str(root / "models/tiny"), "--no-mdns", "--no-telemetry",
            "--no-prometheus", "--rpc-max-connections", str(options.connections + 200), *options.arguments,
        ],
        stdout=log.open("w"), stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        await wait_until_it_listens(node, rpc, log)
        dataset = folder / "dataset.jsonl"
        subprocess.run(
            [options.blyan, "dataset", "from-files", str(root / "pallets"), str(root / "primitives"), "--licence",
             "Apache-2.0 OR MIT", "--out", str(dataset), "--home", str(folder / "home"), "--json"],
            check=True, stdout=subprocess.DEVNULL, env={**os.environ, "BLYAN_PASSWORD": "load"},
        )  # fmt: skip
        return await measure(options, node, (rpc, peers), folder, dataset, log)
    finally:
        node.kill()
        node.wait()
        if options.keep_log:
            shutil.copy(log, options.keep_log)
        shutil.rmtree(folder, ignore_errors=True)


async def measure(options, node, ports, folder, dataset, log):
    rpc, peers = ports
    line = await Socket.open(rpc)
    line.call("blyan_model", 0)
    blob = (await line.receive())["result"]["trunk"]["blob"]["hash"]
    line.close()
    await chats(rpc, 3)
    before = await chats(rpc, options.chats)
    calm = await mine(options.blyan, rpc, folder / "home", dataset, 1, options.timeout)
    memory = anonymous_mib(node.pid)

    crowd = Crowd(rpc, peers, blob)
    await crowd.connect(options.connections - options.unread)
    crowd.start(options.unread)
    await asyncio.sleep(5)
    mining = asyncio.create_task(mine(options.blyan, rpc, folder / "home", dataset, 2, options.timeout))
    during, began = [], time.monotonic()
    while len(during) < options.chats or not mining.done():
        during += await chats(rpc, 5)
        if time.monotonic() - began > options.timeout + 60:
            break
    crowded = await mining
    memory_during = anonymous_mib(node.pid)
    await crowd.stop()
    if node.poll() is not None:
        raise RuntimeError(f"the node ended with {node.returncode}")
    await asyncio.sleep(2)
    after = await chats(rpc, options.chats)
    return report(options, crowd, (before, during, after), (calm, crowded), (memory, memory_during), log)


def report(options, crowd, figures, mined, memory, log):
    names = ("without the crowd", "with it", "after it")
    print(f"{'':18} | {'first byte, ms: median':>22} | {'p90':>6} | {'whole answer, median':>20} | {'refused':>7}")
    medians = []
    for name, answers in zip(names, figures):
        firsts = sorted(first * 1000 for first, _, _ in answers)
        medians.append(statistics.median(firsts))
        whole = statistics.median(all_ * 1000 for _, all_, _ in answers)
        refused = sum(refused for _, _, refused in answers)
        ninety = firsts[int(len(firsts) * 0.9)] if len(firsts) > 1 else firsts[0]
        print(f"{name:18} | {medians[-1]:22.1f} | {ninety:6.1f} | {whole:20.1f} | {refused:7}")
    for name, (state, seconds) in zip(names, mined):
        print(f"a submission {name}: {json.dumps(state)[:160]} after {seconds:.0f} s")
    print(f"anonymous memory, MiB: {memory[0]} before, {memory[1]} at the end of the crowd")
    print(f"the crowd: {len(crowd.idle)} idle connections; " + "; ".join(f"{n} {w}" for w, n in crowd.counts.items()))
    ratio = medians[1] / medians[0]
    # A runtime refuses malformed arguments by a panic in its sandbox, and the line below it says so.
    lines = log.read_text(errors="replace").splitlines()
    panics = [a for a, b in zip(lines, lines[1:] + [""]) if "panicked" in a and "Nothing bad happened" not in b]
    failures = []
    if ratio > options.ratio:
        failures.append(f"the first byte took {ratio:.2f} times as long; {options.ratio:g} is the bound")
    if len(crowd.idle) < options.connections - options.unread:
        failures.append(f"only {len(crowd.idle)} idle connections were accepted")
    # Operators that were kept from evaluating miss their seals, and the submission ends undecided.
    for name, (state, _) in zip(names, mined):
        if "Decided" not in (state or {}) or "Expired" in json.dumps(state):
            failures.append(f"the submission {name} was not evaluated within its window: {json.dumps(state)[:200]}")
    if panics:
        failures.append(f"{len(panics)} panics, the first: {panics[0][:200]}")
    print(json.dumps({
        "connections": len(crowd.idle) + options.unread, "first_byte_ms": [round(m, 1) for m in medians],
        "ratio": round(ratio, 2), "evaluation_seconds": [round(seconds) for _, seconds in mined],
        "memory_mib": list(memory), "failures": failures,
    }))  # fmt: skip
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


def main():
    if sys.argv[1:2] == ["--chat"]:
        port, count = map(int, sys.argv[2:])
        return print(json.dumps(asyncio.run(chat(port, count))))
    parser = argparse.ArgumentParser(prog="scripts/load")
    parser.add_argument("--node", required=True)
    parser.add_argument("--blyan", required=True)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--unread", type=int, default=32)
    parser.add_argument("--chats", type=int, default=30)
    parser.add_argument("--timeout", type=int, default=300)
    parser.add_argument("--block-time", type=int, default=500, help="milliseconds")
    parser.add_argument("--ratio", type=float, default=RATIO_MAX)
    parser.add_argument("--keep-log")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    # So that the node ends with this program.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * options.connections + 1024
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, wanted), hard), hard))
    sys.exit(asyncio.run(run(options)))


if __name__ == "__main__":
    main()
