import { afterEach, describe, expect, test, vi } from 'vitest';
import { adviceFor, describe as words } from '../../src/lib/advice';
import { GatewayError } from '../../src/lib/gateway';
import { ask, eventOf, type ChatEvent } from '../../src/lib/stream';

const prices = { isFree: false, input: 1_000n, output: 2_000n };
const signal = new AbortController().signal;

afterEach(() => vi.unstubAllGlobals());

/** A server that sends this text in pieces of so many bytes. */
function server(text: string, size: number, status = 200) {
	const bytes = new TextEncoder().encode(text);
	const body = new ReadableStream<Uint8Array>({
		start(controller) {
			for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
			controller.close();
		},
	});
	const answer = vi.fn(async () => new Response(body, { status, headers: { 'x-receipt-id': 'r-1' } }));
	vi.stubGlobal('fetch', answer);
	return answer;
}

async function all(events: AsyncGenerator<ChatEvent>): Promise<ChatEvent[]> {
	const found: ChatEvent[] = [];
	for await (const event of events) found.push(event);
	return found;
}

const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason: null }], usage: null })}\n\n`;
const end =
	'data: {"choices":[{"delta":{},"finish_reason":"length"}]}\n\n' +
	'data: {"choices":[],"usage":{"completion_tokens":7,"blyan":{"charged":"9007199254740993"}}}\n\n: charged 5\n\n';
const question = { body: { model: 'm' }, apiKey: 'blyan-k', prices, signal };

describe('server-sent events', () => {
	test.each([1, 3, 7, 1_000])('are read whole when they come in pieces of %i bytes', async (size) => {
		const answer = server(`${chunk('caf')}${chunk('é 🦀')}${end}data: [DONE]\n\n`, size);
		const events = await all(ask('sse', question));
		expect(events).toEqual([
			{ type: 'start', inputCost: 0n, receipt: 'r-1' },
			{ type: 'token', text: 'caf', tokens: 1, cost: 2n, isLeast: true },
			{ type: 'token', text: 'é 🦀', tokens: 2, cost: 4n, isLeast: true },
			{ type: 'end', tokens: 7, cost: 9007199254740993n, reason: 'length', receipt: 'r-1' },
		]);
		const [, init] = answer.mock.calls[0] as unknown as [string, RequestInit];
		expect((init.headers as Record<string, string>)['authorization']).toBe('Bearer blyan-k');
		expect(JSON.parse(String(init.body))).toMatchObject({ model: 'm', stream: true, stream_options: { include_usage: true } });
	});

	test('that break off are no answer', async () => {
		server(chunk('a'), 1_000);
		await expect(all(ask('sse', question))).rejects.toThrow('the connection ended before the answer did');
	});

	test('with an error end with its words and its name', async () => {
		server(`${chunk('a')}data: {"error":{"message":"the engine failed","code":"generation_failed"}}\n\n`, 1_000);
		await expect(all(ask('sse', question))).rejects.toMatchObject({ message: 'the engine failed', code: 'generation_failed' });
	});

	test('that are refused say why, whatever refuses them', async () => {
		server('{"error":{"message":"pay","code":"payment_required"}}', 1_000, 402);
		await expect(all(ask('sse', question))).rejects.toMatchObject({ message: 'pay', code: 'payment_required', status: 402 });
		server('<html>bad gateway', 1_000, 502);
		await expect(all(ask('sse', question))).rejects.toMatchObject({ message: '<html>bad gateway', status: 502 });
	});
});

describe('messages of the WebSocket', () => {
	test('are events with exact costs', () => {
		const token = { type: 'token', stream_id: 'a', token: 'x', tokens: 3, cumulative_cost: '9007199254740993' };
		expect(eventOf(token, 'a')).toEqual({ type: 'token', text: 'x', tokens: 3, cost: 9007199254740993n, isLeast: false });
		const start = { type: 'stream_start', stream_id: 'a', input_cost: '5', max_tokens: 9, receipt: 'r' };
		expect(eventOf(start, 'a')).toEqual({ type: 'start', inputCost: 5n, receipt: 'r' });
		const end = { type: 'stream_end', stream_id: 'a', total_tokens: 3, total_cost: '6', finish_reason: 'stop', receipt: 'r' };
		expect(eventOf(end, 'a')).toEqual({ type: 'end', tokens: 3, cost: 6n, reason: 'stop', receipt: 'r' });
	});

	test('of another stream, and pings, are passed over', () => {
		expect(eventOf({ type: 'token', stream_id: 'b' }, 'a')).toBeNull();
		expect(eventOf({ type: 'pong' }, 'a')).toBeNull();
	});

	test('that are errors are thrown', () => {
		const error = { message: 'no room', code: 'rate_limit_exceeded' };
		expect(() => eventOf({ type: 'error', stream_id: 'a', error }, 'a')).toThrow(GatewayError);
	});
});

describe('advice', () => {
	test('says what to do about what is known, and nothing about what is not', () => {
		expect(adviceFor('context_length_exceeded')).toContain('new conversation');
		expect([adviceFor('something'), adviceFor(null)]).toEqual([null, null]);
	});

	test('about a server that cannot be reached is in words', () => {
		expect(words(new TypeError('Failed to fetch')).message).toBe('The server cannot be reached.');
		expect(words(new GatewayError('x', 'overloaded', 503))).toMatchObject({ message: 'x', advice: expect.stringContaining('busy') });
	});
});
