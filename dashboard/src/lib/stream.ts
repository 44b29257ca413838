// Answers as they come, by one of two transports, as one kind of events.

import { EventSourceParserStream } from 'eventsource-parser/stream';
import { costOf, planck } from './bly';
import { GatewayError, refusal, type Prices } from './gateway';

export type Transport = 'websocket' | 'sse';

/** An answer on its way. Costs are planck. */
export type ChatEvent =
	| { type: 'start'; inputCost: bigint; receipt: string | null }
	/** `tokens` and `cost` are at least so much where `isLeast` is true: a piece of an event stream has a token or more. */
	| { type: 'token'; text: string; tokens: number; cost: bigint; isLeast: boolean }
	| { type: 'end'; tokens: number; cost: bigint; reason: string; receipt: string | null };

export interface Question {
	body: object;
	apiKey: string;
	prices: Prices;
	signal: AbortSignal;
	/** Work that the gateway has asked for. */
	proof?: string | undefined;
	/** What the service of a task gave for its solution. */
	captcha?: string | undefined;
	/** Voucher of a session, and the name of the request under which it is charged once. */
	payment?: { voucher: string; key: string } | undefined;
}

/** Asks for an answer. Ends with an event `end`, or throws. */
export function ask(transport: Transport, question: Question): AsyncGenerator<ChatEvent> {
	return transport === 'sse' ? overEvents(question) : overSocket(question);
}

interface Chunk {
	error?: { message: string; code: string | null };
	choices?: { delta?: { content?: string }; finish_reason?: string | null }[];
	usage?: { completion_tokens: number; blyan?: { charged: string } } | null;
}

/** Server-sent events of OpenAI's interface: the whole conversation goes along, which `/chat/stream` does not take. */
async function* overEvents({ body, apiKey, prices, signal, proof, captcha, payment }: Question): AsyncGenerator<ChatEvent> {
	const headers: Record<string, string> = { 'content-type': 'application/json' };
	if (apiKey) headers['authorization'] = `Bearer ${apiKey}`;
	if (proof) headers['x-blyan-proof'] = proof;
	if (captcha) headers['x-blyan-captcha'] = captcha;
	if (payment) Object.assign(headers, { 'x-blyan-voucher': payment.voucher, 'idempotency-key': payment.key });
	const asked = { ...body, stream: true, stream_options: { include_usage: true } };
	const response = await fetch('/v1/chat/completions', { method: 'POST', headers, body: JSON.stringify(asked), signal });
	if (!response.ok) throw await refusal(response);
	if (!response.body) throw new GatewayError('the server sent no answer', null, response.status);
	const receipt = response.headers.get('x-receipt-id');
	yield { type: 'start', inputCost: 0n, receipt };
	let [tokens, cost, reason] = [0, 0n, 'stop'];
	const events = response.body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>).pipeThrough(new EventSourceParserStream());
	const reader = events.getReader();
	try {
		for (;;) {
			const { done, value } = await reader.read();
			if (done) break;
			if (value.data === '[DONE]') {
				yield { type: 'end', tokens, cost, reason, receipt };
				return;
			}
			const chunk = JSON.parse(value.data) as Chunk;
			if (chunk.error) throw new GatewayError(chunk.error.message, chunk.error.code, null);
			if (chunk.usage) {
				tokens = chunk.usage.completion_tokens;
				cost = planck(chunk.usage.blyan?.charged) ?? 0n;
			}
			const choice = chunk.choices?.[0];
			reason = choice?.finish_reason ?? reason;
			const text = choice?.delta?.content;
			if (text) {
				tokens += 1;
				yield { type: 'token', text, tokens, cost: costOf(prices.output, tokens), isLeast: true };
			}
		}
	} finally {
		// A reader that leaves early cancels the answer.
		await reader.cancel().catch(() => {});
	}
	throw new GatewayError('the connection ended before the answer did', null, null);
}

interface Message {
	type: string;
	stream_id?: string;
	error?: { message: string; code: string | null; details?: Record<string, unknown> };
	[field: string]: unknown;
}

/** Reads a message of the native stream; null if it is none of this stream, or of no consequence. */
export function eventOf(message: Message, id: string): ChatEvent | null {
	if (message.stream_id !== id) return null;
	const cost = (field: string) => planck(message[field]) ?? 0n;
	const receipt = typeof message['receipt'] === 'string' ? message['receipt'] : null;
	switch (message.type) {
		case 'stream_start':
			return { type: 'start', inputCost: cost('input_cost'), receipt };
		case 'token':
			return {
				type: 'token', text: String(message['token']), tokens: Number(message['tokens']), cost: cost('cumulative_cost'), isLeast: false,
			};
		case 'stream_end':
			return {
				type: 'end', tokens: Number(message['total_tokens']), cost: cost('total_cost'), reason: String(message['finish_reason']), receipt,
			};
		case 'error':
			throw new GatewayError(message.error?.message ?? 'the server failed', message.error?.code ?? null, null, message.error?.details);
		default:
			return null;
	}
}

/** The WebSocket, one connection an answer: it ends with the answer, so that nothing has to be kept alive. */
async function* overSocket({ body, apiKey, signal, proof, captcha, payment }: Question): AsyncGenerator<ChatEvent> {
	const url = new URL('/ws/chat', location.href);
	url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
	const socket = new WebSocket(url);
	const id = 'a';
	const waiting: (Message | Error)[] = [];
	let wake = () => {};
	const push = (item: Message | Error) => {
		waiting.push(item);
		wake();
	};
	socket.onopen = () => {
		const means = { ...(apiKey && { authorization: `Bearer ${apiKey}` }), ...(payment && { voucher: payment.voucher, idempotency_key: payment.key }) };
		socket.send(JSON.stringify({ type: 'start', stream_id: id, request: body, ...means, ...(proof && { proof }), ...(captcha && { captcha }) }));
	};
	socket.onmessage = ({ data }) => push(JSON.parse(String(data)) as Message);
	socket.onclose = () => push(new GatewayError('the connection ended before the answer did', null, null));
	const cancel = () => {
		if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'cancel', stream_id: id }));
		push(new DOMException('stopped', 'AbortError'));
	};
	signal.addEventListener('abort', cancel);
	try {
		signal.throwIfAborted();
		for (;;) {
			const item = waiting.shift();
			if (item === undefined) {
				await new Promise<void>((resume) => (wake = resume));
				continue;
			}
			if (item instanceof Error || item instanceof DOMException) throw item;
			const event = eventOf(item, id);
			if (event) yield event;
			if (event?.type === 'end') return;
		}
	} finally {
		signal.removeEventListener('abort', cancel);
		socket.close();
	}
}
