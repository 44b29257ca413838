// The module against receipts of a small model, which scripts/page has the definition's own crate write.

import { readFileSync, readdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { fromFiles, readReceipt, verify, Verifier, type GenerationRecord } from '../src/index';

const here = new URL('.', import.meta.url);
const fixture = new URL('../fixture/', here);
let module: WebAssembly.Module;
let files: File[];

const receipt = (name: string) => readFileSync(new URL(`${name}.json`, fixture), 'utf8');

beforeAll(async () => {
	module = await WebAssembly.compile(readFileSync(new URL('../wasm/blyan_verifier.wasm', here)));
	const names = readdirSync(new URL('model/parts/', fixture)).map((name) => `parts/${name}`);
	files = ['model.json', ...names].map((name) => {
		const bytes = readFileSync(new URL(`model/${name}`, fixture));
		return new File([bytes], name.split('/').pop() ?? name);
	});
});

describe('an honest receipt', () => {
	test.each(['sampled', 'greedy'])('is equal: %s', async (name) => {
		const verdict = await verify(receipt(name), fromFiles(files), { module });
		expect(verdict).toMatchObject({ equal: true, endChecked: true, firstDifference: null });
		expect(verdict.modelRoot).toBe(readReceipt(receipt(name)).modelRoot);
		expect(verdict.tokensRoot).toMatch(/^[0-9a-f]{64}$/);
	});

	test('has a seed that a number does not hold', () => {
		expect(readReceipt(receipt('sampled')).seed).toBe((1n << 64n) - 7n);
	});
});

describe('a changed receipt', () => {
	const changed = async (change: (record: GenerationRecord) => void) => {
		const record = readReceipt(receipt('sampled'));
		change(record);
		return verify(record, fromFiles(files), { module });
	};

	test('is found at the token that was changed', async () => {
		const { answer } = readReceipt(receipt('sampled'));
		for (const index of [0, 7, answer.length - 1]) {
			const found = ((answer[index] ?? 0) + 1) % 256;
			const verdict = await changed((record) => void (record.answer[index] = found));
			expect(verdict.equal).toBe(false);
			expect(verdict.firstDifference).toEqual({ kind: 'token', index, expected: answer[index], found });
		}
	});

	test('is found when it ends too early', async () => {
		const verdict = await changed((record) => void record.answer.pop());
		expect(verdict.firstDifference).toEqual({ kind: 'end', tokens: null, expected: null, found: 'length' });
	});

	test('is found when its seed is another', async () => {
		const verdict = await changed((record) => void (record.seed -= 1n));
		expect(verdict.firstDifference?.kind).toBe('token');
	});

	test('with stop strings says that its end is not checked', async () => {
		const verdict = await changed((record) => void record.stop.push('\n'));
		expect(verdict).toMatchObject({ equal: true, endChecked: false });
	});
});

describe('a model', () => {
	test('that was changed in one bit is refused', async () => {
		for (const index of [1, files.length - 1]) {
			const bytes = new Uint8Array(await (files[index] as File).arrayBuffer());
			bytes[bytes.length >> 1]! ^= 1;
			const others = files.with(index, new File([bytes], (files[index] as File).name));
			await expect(verify(receipt('greedy'), fromFiles(others), { module })).rejects.toThrow(/damaged/);
		}
	});

	test('that is another one is refused by its root', async () => {
		const record = { ...readReceipt(receipt('greedy')), modelRoot: 'ab'.repeat(32) };
		await expect(verify(record, fromFiles(files), { module })).rejects.toThrow(/the receipt is about model 0xabab/);
	});

	test('with a missing file says which', async () => {
		await expect(Verifier.load(fromFiles(files.slice(0, -1)), { module })).rejects.toThrow(/is not among the files/);
	});

	test('serves several receipts, and a check that is given up', async () => {
		const verifier = await Verifier.load(fromFiles(files), { module });
		const steps: number[] = [];
		const verdict = await verifier.verify(readReceipt(receipt('greedy')), { onProgress: ({ done }) => steps.push(done) });
		expect(verdict.equal && steps.length > 0).toBe(true);
		expect((await verifier.verify(readReceipt(receipt('sampled')))).equal).toBe(true);
		const signal = AbortSignal.abort();
		await expect(Verifier.load(fromFiles(files), { module, signal })).rejects.toThrow();
	});
});
