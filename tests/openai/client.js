// OpenAI's client for JavaScript against a running `blyan serve`.
//
//   node client.js http://127.0.0.1:8000 [FILE]
//
// Ends in one line of JSON, and with exit status 1 if a check fails. FILE gets the receipt of an answer.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import OpenAI from 'openai';

const [server, file] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${server}/v1`, apiKey: 'none is needed', maxRetries: 0 });
const model = (await client.models.list()).data[0].id;
const messages = [{ role: 'user', content: 'What is the capital of France?' }];
const settings = { model, messages, max_tokens: 32, seed: 7, temperature: 0.8 };

const checks = {
	async 'the model is found by its name'() {
		assert.equal((await client.models.retrieve(model)).object, 'model');
		await assert.rejects(client.models.retrieve('another'), OpenAI.NotFoundError);
	},
	async 'an answer has text, usage and a receipt'() {
		const { data, response } = await client.chat.completions.create(settings).withResponse();
		assert.equal(typeof data.choices[0].message.content, 'string');
		assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
		const id = response.headers.get('x-blyan-receipt');
		assert.equal(id, data._request_id);
		const receipt = await fetch(`${server}/v1/receipts/${id}`);
		assert.equal(receipt.status, 200);
		const text = await receipt.text();
		assert.equal(JSON.parse(text).answer.length, data.usage.completion_tokens);
		if (file) await writeFile(file, text);
	},
	async 'a stream is the same answer, and ends with its usage'() {
		const whole = await client.chat.completions.create(settings);
		const options = { stream: true, stream_options: { include_usage: true } };
		const stream = await client.chat.completions.create({ ...settings, ...options });
		let [text, usage, finish] = ['', null, null];
		for await (const chunk of stream) {
			text += chunk.choices[0]?.delta.content ?? '';
			finish = chunk.choices[0]?.finish_reason ?? finish;
			usage = chunk.usage ?? usage;
		}
		assert.equal(text, whole.choices[0].message.content);
		assert.equal(finish, whole.choices[0].finish_reason);
		assert.deepEqual(usage.completion_tokens, whole.usage.completion_tokens);
	},
	async 'the helper that collects a stream understands it'() {
		const runner = client.chat.completions.stream(settings);
		const whole = await client.chat.completions.create(settings);
		assert.equal(await runner.finalContent(), whole.choices[0].message.content);
	},
	async 'several answers have consecutive seeds, and tokens their probabilities'() {
		const several = await client.chat.completions.create({ ...settings, n: 2, logprobs: true, top_logprobs: 3 });
		for (const { index, message, logprobs } of several.choices) {
			const alone = await client.chat.completions.create({ ...settings, seed: settings.seed + index });
			assert.equal(message.content, alone.choices[0].message.content);
			const bytes = logprobs.content.flatMap((entry) => entry.bytes);
			assert.equal(Buffer.from(bytes).toString(), message.content);
			assert(logprobs.content.every(({ logprob, top_logprobs }) => logprob <= 0 && top_logprobs.length === 3));
		}
	},
	async 'a completion goes on from a text'() {
		const asked = { model, prompt: 'fn main() {', max_tokens: 12, seed: 7 };
		const whole = await client.completions.create(asked);
		let text = '';
		for await (const chunk of await client.completions.create({ ...asked, stream: true })) text += chunk.choices[0].text;
		assert.equal(text, whole.choices[0].text);
	},
	async 'a stop string ends the answer and is not part of it'() {
		const free = (await client.chat.completions.create(settings)).choices[0].message.content;
		const stop = [...free].slice(4, 7).join('');
		const { message, finish_reason } = (await client.chat.completions.create({ ...settings, stop })).choices[0];
		assert.equal(message.content, free.split(stop)[0]);
		assert.equal(finish_reason, 'stop');
	},
	async 'a conversation goes on with the answer as it was sent'() {
		const { message } = (await client.chat.completions.create(settings)).choices[0];
		const more = [...messages, message, { role: 'user', content: [{ type: 'text', text: 'And of Italy?' }] }];
		const answer = await client.chat.completions.create({ ...settings, messages: more });
		assert.equal(answer.choices.length, 1);
	},
	async 'refusals are errors of the client with the field that is the reason'() {
		for (const [more, param, code] of [
			[{ temperature: 3 }, 'temperature', 'invalid_value'],
			[{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools', 'unsupported_parameter'],
			[{ max_tokens: 10_000_000 }, 'messages', 'context_length_exceeded'],
			[{ top_logprobs: 2 }, 'top_logprobs', 'invalid_value'],
		]) {
			await assert.rejects(client.chat.completions.create({ ...settings, ...more }), (error) => {
				assert(error instanceof OpenAI.BadRequestError, `${error}`);
				assert.deepEqual([error.param, error.code], [param, code]);
				return true;
			});
		}
	},
	async 'a stream that is given up ends the generation'() {
		const active = async () => {
			const figures = await (await fetch(`${server}/metrics`)).text();
			return Number(/^blyan_gateway_places_taken (\d+)$/m.exec(figures)[1]);
		};
		const { max_tokens, ...unbounded } = settings;
		const stream = await client.chat.completions.create({ ...unbounded, stream: true });
		for await (const _ of stream) break;
		stream.controller.abort();
		for (let waited = 0; await active() > 0; waited += 1) {
			assert(waited < 1000, 'the generation goes on');
			await new Promise((done) => setTimeout(done, 20));
		}
	},
};

const results = {};
for (const [name, check] of Object.entries(checks)) {
	results[name] = await check().then(() => 'yes', (error) => error.stack ?? `${error}`);
}
const failed = Object.values(results).filter((result) => result !== 'yes').length;
for (const [name, result] of Object.entries(results)) if (result !== 'yes') console.error(`${name}: ${result}`);
console.log(JSON.stringify({ client: `openai for JavaScript ${OpenAI.VERSION ?? ''}`.trim(), checks: Object.keys(checks).length, failed }));
process.exitCode = failed ? 1 : 0;
