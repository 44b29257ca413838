// Starts a development node for a test and ends it afterwards.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;

/** Path of the node: $BLYAN_NODE, or where scripts/build puts it. */
export function nodeBinary() {
	const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
	const target = process.env.CARGO_TARGET_DIR || join(cache, 'blyan', 'target');
	return process.env.BLYAN_NODE || join(target, 'debug', 'blyan-node');
}

/** The runtime one release ahead, as small as a transaction takes it. The build leaves it near the node. */
export function nextRuntime() {
	return readFile(join(dirname(nodeBinary()), 'wbuild/blyan-next-runtime/blyan_next_runtime.compressed.wasm'));
}

/** The smallest model there is. */
export function tinyModel() {
	return resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../models/tiny');
}

/** A port that nothing listens on. */
export function freePort() {
	return new Promise((done, fail) => {
		const server = createServer();
		server.on('error', fail);
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => done(port));
		});
	});
}

/** Whether something listens on a port of this machine. */
export function listens(port) {
	return new Promise((done) => {
		const socket = connect(port, '127.0.0.1');
		socket.on('connect', () => { socket.destroy(); done(true); });
		socket.on('error', () => done(false));
	});
}

/** A running development node: its url, and how to end it. What is given is added to its command line. */
export async function startNode({ model = tinyModel(), options = [] } = {}) {
	const base = await mkdtemp(join(tmpdir(), 'blyan-js-'));
	const logPath = join(base, 'node.log');
	const log = openSync(logPath, 'a');
	const [rpcPort, port] = [await freePort(), await freePort()];
	const child = spawn(nodeBinary(), [
		'--dev', '--dev-block-time', '500', '--base-path', base, '--rpc-port', `${rpcPort}`, '--port', `${port}`,
		'--genesis-model', model, '--engine-threads', '1', '--no-mdns', '--no-prometheus', '--no-telemetry',
		...options,
	], { stdio: ['ignore', log, log] });
	let ended = null;
	child.on('exit', (code, signal) => { ended = signal ?? `exit status ${code}`; });
	child.on('error', (error) => { ended = `${error.message} (build it first: scripts/build)`; });
	const logEnd = async () => (await readFile(logPath, 'utf8')).split('\n').slice(-40).join('\n');

	const stop = async () => {
		if (ended === null) {
			child.kill('SIGTERM');
			for (let waited = 0; ended === null && waited < STOP_TIMEOUT_MS; waited += 50) await sleep(50);
			if (ended === null) child.kill('SIGKILL');
		}
		await rm(base, { recursive: true, force: true });
	};
	for (let waited = 0; !(await listens(rpcPort)); waited += 100) {
		if (ended !== null || waited >= START_TIMEOUT_MS) {
			const message = `the node does not listen (${ended ?? 'still running'}):\n${await logEnd()}`;
			await stop();
			throw new Error(message);
		}
		await sleep(100);
	}
	return { url: `ws://127.0.0.1:${rpcPort}`, stop, logEnd };
}
