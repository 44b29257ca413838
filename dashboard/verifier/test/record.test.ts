// Receipts and manifests that a server or a person got wrong.

import { describe, expect, test } from 'vitest';
import { encodeRecord, readReceipt } from '../src/record';
import { readManifest } from '../src/source';

const good = {
	format: 'blyan/generation', version: 1, model_root: 'ab'.repeat(32), tokenizer: 'cd'.repeat(32), prompt: [1, 2], answer: [3],
	seed: 7, temperature_q8: 256, top_p_q8: 230, max_tokens: 20, stop: [], ends: [4], end: 'length', engine: 'test',
};

describe('a receipt', () => {
	test('is read, with integers of 64 bits to their last digit', () => {
		const text = JSON.stringify(good).replace('"seed":7', '"seed": 18446744073709551615');
		expect(readReceipt(text)).toMatchObject({ seed: (1n << 64n) - 1n, maxTokens: 20n, prompt: [1, 2], end: 'length', signed: null });
	});

	test.each([
		['format', 'x'], ['version', 2], ['model_root', 'ab'], ['prompt', 'x'], ['answer', [-1]], ['answer', [1 << 20, 2 ** 33]],
		['seed', -1], ['seed', 1.5], ['temperature_q8', 65_536], ['stop', [1]], ['end', 'tired'], ['ends', [{}]],
	])('whose %s is %j is refused by name', (field, value) => {
		expect(() => readReceipt(JSON.stringify({ ...good, [field]: value }))).toThrow(field);
	});

	test.each(['', 'null', '[]', '{"format"'])('that is %j is none', (text) => {
		expect(() => readReceipt(text)).toThrow('this is not a receipt');
	});

	test('is written as the module reads it', () => {
		const bytes = encodeRecord(readReceipt(JSON.stringify(good)));
		expect(Array.from(bytes.slice(0, 24))).toEqual([7, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 230, 0, 2, 0, 0, 0]);
		expect(Array.from(new Uint32Array(bytes.slice(24).buffer))).toEqual([2, 1, 1, 1, 2, 3, 4]);
	});
});

describe('a manifest', () => {
	const manifest = { format: 'blyan-model/2', architecture: '0aff', parts: [{ name: 'embedding' }, { name: 'layer-00' }] };

	test('names architecture and parts', () => {
		expect(readManifest(JSON.stringify(manifest))).toEqual({ architecture: Uint8Array.of(10, 255), parts: ['embedding', 'layer-00'] });
	});

	test('whose part would lead elsewhere is refused', () => {
		const text = JSON.stringify({ ...manifest, parts: [{ name: '../../v1/account' }] });
		expect(() => readManifest(text)).toThrow('does not name a part');
	});

	test.each([{ format: 'x' }, { architecture: 'zz' }, { parts: 1 }])('with %j is refused', (change) => {
		expect(() => readManifest(JSON.stringify({ ...manifest, ...change }))).toThrow('model.json is malformed');
	});
});
