// Vercel's AI SDK against a running `blyan serve`.
//
//   node vercel.js http://127.0.0.1:8000
//
// Ends in one line of JSON, and with exit status 1 if the check fails.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText } from 'ai';

const [server] = process.argv.slice(2);
const { version } = createRequire(import.meta.url)('ai/package.json');

async function check() {
	const id = (await (await fetch(`${server}/v1/models`)).json()).data[0].id;
	const provider = createOpenAICompatible({ name: 'blyan', baseURL: `${server}/v1`, includeUsage: true });
	const asked = { model: provider(id), prompt: 'What is the capital of France?', maxOutputTokens: 24, seed: 7, temperature: 0.5, maxRetries: 0 };
	const whole = await generateText(asked);
	assert(whole.text.length > 0);
	const stream = streamText(asked);
	let text = '';
	for await (const piece of stream.textStream) text += piece;
	assert.equal(text, whole.text);
	assert.equal((await stream.usage).outputTokens, whole.usage.outputTokens);
	assert.equal(await stream.finishReason, whole.finishReason);
}

const failed = await check().then(() => 0, (error) => (console.error(error), 1));
console.log(JSON.stringify({ client: `ai ${version}`, checks: 1, failed }));
process.exitCode = failed;
