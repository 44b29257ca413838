// What the node's own methods take and answer, as a client in JavaScript sees it.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WsProvider } from '@polkadot/api';
import { startNode } from '../node.js';

let node;
let provider;

before(async () => {
	node = await startNode();
	provider = new WsProvider(node.url);
	await provider.isReady;
}, { timeout: 180_000 });

after(async () => {
	await provider?.disconnect();
	await node?.stop();
}, { timeout: 90_000 });

/** One call over HTTP. */
async function post(method, params) {
	const body = JSON.stringify({ id: 1, jsonrpc: '2.0', method, params });
	const headers = { 'content-type': 'application/json' };
	return (await fetch(node.url.replace('ws:', 'http:'), { method: 'POST', headers, body })).json();
}

/** All events of a generation. */
function generate(request) {
	return new Promise((done, fail) => {
		const events = [];
		const take = (error, event) => {
			if (error) return fail(error);
			events.push(event);
			if (event.done || event.error) done(events);
		};
		provider.subscribe('blyan_generate', 'blyan_subscribeGenerate', [request], take).catch(fail);
	});
}

/** A WebSocket that sends, and reads nothing before `read` is called; that resolves to true once `wanted` came. */
function deafSocket(port) {
	const frame = (text) => {
		const payload = Buffer.from(text);
		const mask = randomBytes(4);
		const head = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 255]);
		return Buffer.concat([head, mask, payload.map((byte, at) => byte ^ mask[at % 4])]);
	};
	return new Promise((done, fail) => {
		const socket = connect(port, '127.0.0.1', () => {
			const key = randomBytes(16).toString('base64');
			socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
				`Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
		});
		socket.on('error', fail);
		socket.once('data', () => {
			socket.pause();
			const read = (wanted) => new Promise((found) => {
				let text = '';
				socket.on('data', (chunk) => {
					text += chunk.toString('latin1');
					if (text.includes(wanted)) found(true);
				});
				socket.on('close', () => found(false));
				socket.resume();
			});
			done({ send: (text) => socket.write(frame(text)), read, close: () => socket.destroy() });
		});
	});
}

test('money and names are text', async () => {
	const operators = await provider.send('blyan_operators', []);
	assert.equal(operators.length, 3);
	for (const operator of operators) {
		assert.match(operator.stake, /^\d+$/);
		assert.match(operator.bond, /^\d+$/);
	}
	const model = await provider.send('blyan_model', [0]);
	assert.equal(typeof model.name, 'string');
});

test('a prompt is text, and its answer the same by both ways', async () => {
	const request = { prompt: '0xdeadbeef', max_bytes: 24, seed: '9007199254740993', temperature: null };
	const events = await generate(request);
	const summary = events.at(-1);
	assert.deepEqual([summary.prompt_bytes, summary.prompt_bytes_seen, summary.truncated], [10, 10, false]);
	const bytes = Buffer.from(events.slice(0, -1).map((event) => event.byte_hex).join(''), 'hex');
	assert.equal(bytes.length, 24);
	assert.equal(events.map((event) => event.text).join(''), bytes.toString('utf8'));

	const { result } = await post('blyan_generateOnce', [request]);
	assert.equal(result.bytes_hex, bytes.toString('hex'));
	assert.equal(result.text, bytes.toString('utf8'));
	assert.equal(result.model_root, summary.model_root);
	const other = await post('blyan_generateOnce', [{ ...request, seed: '9007199254740992' }]);
	assert.notEqual(other.result.bytes_hex, result.bytes_hex, 'seeds are not rounded');
	const cut = await post('blyan_generateOnce', [{ prompt: 'a'.repeat(9000), max_bytes: 1 }]);
	const { prompt_bytes, prompt_bytes_seen, truncated, price_planck } = cut.result;
	assert.ok(prompt_bytes === 9000 && prompt_bytes_seen < 9000 && truncated);
	const whole = await post('blyan_generateOnce', [{ prompt: 'a'.repeat(prompt_bytes_seen), max_bytes: 1 }]);
	assert.equal(price_planck, whole.result.price_planck, 'what was not read is not priced');
});

test('what is wrong with a request is named', async () => {
	for (const [request, named] of [
		[{ prompt: 5 }, /`prompt` must be a string/],
		[{ prompt: 'a', prompt_hex: '61' }, /not both/],
		[{ max_bytes: 4097 }, /`max_bytes`.*between 1 and 4096/],
		[{ seed: -1 }, /`seed`.*between 0 and 18446744073709551615/],
	]) {
		const { error } = await post('blyan_generateOnce', [request]);
		assert.equal(error.code, -32602);
		assert.match(error.message, named);
		await assert.rejects(generate(request), named);
	}
	const surrogate = await fetch(node.url.replace('ws:', 'http:'), {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: '{"id":1,"jsonrpc":"2.0","method":"blyan_generateOnce","params":[{"prompt":"\\ud83d"}]}',
	});
	assert.match((await surrogate.json()).error.message, /`prompt` is not valid text/);
});

test('an upload of what the node has is checked all the same', async () => {
	const [{ block: { blob } }] = await provider.send('blyan_experts', [0]);
	const upload = (...params) => post('blyan_uploadBlob', params);
	assert.match((await upload(blob.hash, 5, 5, 'AAAA')).error.message, /does not fit/);
	assert.match((await upload(blob.hash, 0, 3, 'AAAA')).error.message, /has \d+ bytes, not 3/);
	assert.match((await upload(blob.hash, 0, blob.size, '!!!!')).error.message, /base64/);
	assert.deepEqual((await upload(blob.hash, 0, blob.size, 'AAAA')).result, { received: blob.size, complete: true });
});

test('an answer that is not read is parked and given up with a reason, and others are served meanwhile', { timeout: 300_000 }, async () => {
	const status = () => provider.send('blyan_engineStatus', []);
	const deaf = await deafSocket(Number(new URL(node.url).port));
	const params = [{ prompt: 'x'.repeat(60), max_bytes: 4096 }];
	// The operating system takes the first answers for the reader, and those are parked for moments only.
	for (let id = 0, still = 0, before = 0; still < 25; id++) {
		deaf.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'blyan_subscribeGenerate', params }));
		await sleep(200);
		const { generations_parked, generated_bytes } = await status();
		still = generations_parked > 0 && generated_bytes === before ? still + 1 : 0;
		before = generated_bytes;
	}
	for (let round = 0; round < 5; round++) {
		const events = await generate({ prompt: 'a', max_bytes: 300 });
		assert.ok(events.at(-1).done, `an answer in spite of it: ${JSON.stringify(events.at(-1))}`);
	}
	while ((await status()).generations_parked > 0) await sleep(200);
	assert.ok(await deaf.read('this connection took nothing for 30 seconds'), 'the last event says why');
	deaf.close();
});
