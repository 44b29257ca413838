// A gateway without a model, for work on the page: it answers with the words of the question, and its receipts are those of the fixture.
//
//   npm run build && npm run mock           http://127.0.0.1:8000
//   PORT=8123 PAID=1 npm run mock           another port, with prices
//   ACCOUNTS=1 npm run mock                 with accounts

import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import * as accounts from './accounts';

const port = Number(process.env['PORT'] ?? 8000);
const hasAccounts = process.env['ACCOUNTS'] === '1';
const isPaid = process.env['PAID'] === '1';
const pace = Number(process.env['PACE_MS'] ?? 40);
const root = fileURLToPath(new URL('..', import.meta.url));
const receiptFile = join(root, 'verifier/fixture/sampled.json');
const receipt = existsSync(receiptFile) ? readFileSync(receiptFile, 'utf8') : null;
const modelRoot = receipt ? `0x${(JSON.parse(receipt) as { model_root: string }).model_root}` : `0x${'ab'.repeat(32)}`;
const prices = isPaid ? { input: 200_000_000n, output: 1_000_000_000n } : { input: 0n, output: 0n };
const cost = (price: bigint, tokens: number) => (price * BigInt(tokens) + 999n) / 1000n;

const TYPES: Record<string, string> = {
	'.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.wasm': 'application/wasm',
};
/** The gateway's own, so that what it forbids fails here, too. With accounts it is that of one that asks for tasks of these services. */
const SOURCES = 'https://hcaptcha.com https://*.hcaptcha.com https://challenges.cloudflare.com';
const END = "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const POLICY = hasAccounts
	? `default-src 'self'; script-src 'self' 'wasm-unsafe-eval' ${SOURCES}; style-src 'self' ${SOURCES}; frame-src ${SOURCES}; ` +
		`img-src 'self' data:; connect-src 'self' ws: wss: ${SOURCES}; ${END}`
	: `default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; connect-src 'self' ws: wss:; ${END}`;

interface Chat {
	messages: { role: string; content: string }[];
	max_tokens?: number;
	seed?: string;
}

/** Words of an answer, which says what it was asked with. */
function words(chat: Chat): string[] {
	const question = chat.messages.at(-1)?.content ?? '';
	const system = chat.messages.find(({ role }) => role === 'system')?.content;
	const text = `You said: ${question}. ${system ? `I was told: ${system}. ` : ''}This is the mock, which has no model; it writes a few words so that the page has something to show. `;
	return text.repeat(question.includes('long') ? 20 : 1).split(/(?<= )/).slice(0, chat.max_tokens ?? 10_000);
}

/** Time before the first word, to see how that is shown. */
const reading = (chat: Chat) => sleep(chat.messages.at(-1)?.content.includes('slow') ? 2_000 : 0);

const promptTokens = (chat: Chat) => chat.messages.reduce((sum, { content }) => sum + Math.ceil(content.length / 4), 8);

function send(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}) {
	response.writeHead(status, { 'content-type': 'application/json', ...headers });
	response.end(typeof value === 'string' ? value : JSON.stringify(value));
}

const refuse = (response: ServerResponse, status: number, code: string, message: string) =>
	send(response, status, { error: { message, type: 'invalid_request_error', param: null, code } });

async function text(request: IncomingMessage): Promise<string> {
	const pieces: Buffer[] = [];
	for await (const piece of request) pieces.push(piece as Buffer);
	return Buffer.concat(pieces).toString();
}

const body = async (request: IncomingMessage) => JSON.parse(await text(request)) as Chat;

/** What the mock refuses, to see how it is shown. */
const refusalOf = (chat: Chat) =>
	chat.messages.at(-1)?.content.includes('too long')
		? { code: 'context_length_exceeded', message: "the prompt has 9000 tokens and the model's context is 8192: shorten the conversation" }
		: null;

async function complete(request: IncomingMessage, response: ServerResponse) {
	const chat = await body(request);
	const refused = refusalOf(chat);
	if (refused) return refuse(response, 400, refused.code, refused.message);
	const header = (name: string) => String(request.headers[name] ?? '');
	const barred = hasAccounts && accounts.take(chat.messages.at(-1)?.content ?? '', header('authorization'), header('x-blyan-proof'), header('x-blyan-captcha'));
	if (barred) return send(response, ...barred);
	response.writeHead(200, { 'content-type': 'text/event-stream', 'x-receipt-id': 'mock-1' });
	const event = (value: unknown) => response.write(`data: ${JSON.stringify(value)}\n\n`);
	const choice = (content: string | null, reason: string | null) => ({
		choices: [{ index: 0, delta: content === null ? {} : { content }, finish_reason: reason }], usage: null,
	});
	let tokens = 0;
	await reading(chat);
	for (const word of words(chat)) {
		if (response.destroyed) return;
		event(choice(word, null));
		tokens += 1;
		await sleep(pace);
	}
	event(choice(null, 'stop'));
	const charged = cost(prices.input, promptTokens(chat)) + cost(prices.output, tokens);
	event({ choices: [], usage: { completion_tokens: tokens, ...(isPaid && { blyan: { charged: charged.toString() } }) } });
	response.end('data: [DONE]\n\n');
}

const server = createServer((request, response) => {
	const url = new URL(request.url ?? '/', 'http://mock');
	const path = decodeURIComponent(url.pathname);
	const files = `/v1/models/${modelRoot}/files/`;
	if (hasAccounts && /^\/(account|wallet)/.test(path)) {
		void text(request).then((body) => {
			const found = accounts.answer(path, JSON.parse(body || '{}') as Record<string, string>, request.headers['authorization']);
			return found ? send(response, ...found) : refuse(response, 404, 'unknown_url', 'the mock does not have this');
		});
	} else if (path === '/v1/models') {
		send(response, 200, { object: 'list', data: [{ id: 'mock', model_root: modelRoot, context_length: 8192 }] });
	} else if (path === '/v1/quote' && request.method === 'GET') {
		send(response, 200, { is_free: !isPaid, input: prices.input.toString(), output: prices.output.toString() });
	} else if (path === '/v1/quote') {
		void body(request).then((chat) => {
			const [read, written] = [promptTokens(chat), chat.max_tokens ?? 8192];
			const input = cost(prices.input, read);
			send(response, 200, {
				is_free: !isPaid, prompt_tokens: read, max_answer_tokens: written, input_cost: input.toString(),
				ceiling: (input + cost(prices.output, written)).toString(),
			});
		});
	} else if (path === '/v1/chat/completions') {
		void complete(request, response);
	} else if (path.startsWith('/v1/receipts/')) {
		if (receipt) send(response, 200, receipt);
		else refuse(response, 404, 'receipt_not_found', 'the mock has no receipt: scripts/page writes the fixture that it shows');
	} else if (path.startsWith(files) && process.env['SHARE'] !== '0') {
		file(response, join(root, 'verifier/fixture/model'), path.slice(files.length));
	} else if (path.startsWith('/v1/')) {
		refuse(response, 404, path.includes('/files/') ? 'files_not_shared' : 'unknown_url', 'the mock does not have this');
	} else {
		file(response, join(root, 'dist'), path === '/' ? 'index.html' : path.slice(1));
	}
});

function file(response: ServerResponse, folder: string, name: string) {
	const path = normalize(join(folder, name));
	if (!path.startsWith(folder) || !existsSync(path)) return refuse(response, 404, 'unknown_url', 'there is no such file');
	response.writeHead(200, {
		'content-type': TYPES[extname(path)] ?? 'application/octet-stream', 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff',
	});
	createReadStream(path).pipe(response);
}

new WebSocketServer({ server, path: '/ws/chat' }).on('connection', (socket) => {
	const cancelled = new Set<string>();
	const tell = (value: unknown) => socket.readyState === socket.OPEN && socket.send(JSON.stringify(value));
	socket.on('message', async (data: Buffer) => {
		const message = JSON.parse(data.toString()) as { type: string; stream_id: string; request: Chat; authorization?: string; proof?: string; captcha?: string };
		const id = message.stream_id;
		if (message.type === 'cancel') {
			cancelled.add(id);
			return tell({ type: 'cancelled', stream_id: id, was_running: true });
		}
		const refused = refusalOf(message.request);
		if (refused) return tell({ type: 'error', stream_id: id, error: refused });
		const barred = hasAccounts && accounts.take(message.request.messages.at(-1)?.content ?? '', message.authorization, message.proof, message.captcha);
		if (barred) return tell({ type: 'error', stream_id: id, ...(barred[1] as object) });
		const input = cost(prices.input, promptTokens(message.request));
		tell({ type: 'stream_start', stream_id: id, input_cost: input.toString(), max_tokens: 8192, receipt: 'mock-1' });
		let tokens = 0;
		await reading(message.request);
		for (const token of words(message.request)) {
			if (cancelled.has(id) || socket.readyState !== socket.OPEN) return;
			tokens += 1;
			const total = input + cost(prices.output, tokens);
			tell({ type: 'token', stream_id: id, token, tokens, cumulative_cost: total.toString(), tokens_per_second: 1000 / pace });
			await sleep(pace);
		}
		const total = (input + cost(prices.output, tokens)).toString();
		tell({ type: 'stream_end', stream_id: id, total_tokens: tokens, total_cost: total, finish_reason: 'stop', receipt: 'mock-1', signed_receipt: null });
	});
});

server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`));
