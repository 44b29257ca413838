import { describe, expect, test } from 'vitest';
import { DEFAULTS, fitting, load, requestOf, save, type Turn } from '../../src/lib/conversation';

const turns: Turn[] = [
	{ role: 'user', content: 'a' },
	{ role: 'assistant', content: 'b', receipt: 'r', cost: '5', tokens: 3 },
];

/** Storage of a browser, with so much room. */
function storage(room = 5_000_000) {
	const kept = new Map<string, string>();
	return {
		getItem: (key: string) => kept.get(key) ?? null,
		removeItem: (key: string) => void kept.delete(key),
		setItem: (key: string, value: string) => {
			if (value.length > room) throw new DOMException('full', 'QuotaExceededError');
			kept.set(key, value);
		},
	};
}

describe('a request', () => {
	test('has the words of the turns and the settings, and the seed to its last digit', () => {
		const settings = { ...DEFAULTS, system: ' Be short. ', seed: '18446744073709551615', maxTokens: '' };
		expect(requestOf('m', turns, settings)).toEqual({
			model: 'm',
			messages: [
				{ role: 'system', content: 'Be short.' },
				{ role: 'user', content: 'a' },
				{ role: 'assistant', content: 'b' },
			],
			temperature: 0.7, top_p: 0.9, max_tokens: undefined, seed: '18446744073709551615',
		});
	});

	test.each([
		['temperature', '3'], ['temperature', 'x'], ['topP', '-1'], ['maxTokens', '0'], ['maxTokens', '1.5'], ['seed', '18446744073709551616'], ['seed', '-1'],
	])('with %s of %j is refused, with what to write', (name, value) => {
		expect(() => requestOf('m', turns, { ...DEFAULTS, [name]: value })).toThrow(/write a (whole )?number/);
	});
});

describe('what a browser keeps', () => {
	test('comes back as it was', () => {
		const store = storage();
		const settings = { ...DEFAULTS, seed: '7', transport: 'sse' as const };
		save(store, turns, settings);
		expect(load(store)).toEqual({ turns, settings });
	});

	test('is nothing at first, and nothing where it was written by something else', () => {
		const store = storage();
		expect(load(store)).toEqual({ turns: [], settings: DEFAULTS });
		for (const text of ['{', 'null', '{"turns":[{"role":"root"}],"settings":{"seed":5}}', '{"turns":5}']) {
			store.setItem('blyan/conversation/1', text);
			expect(load(store)).toEqual({ turns: [], settings: DEFAULTS });
		}
	});

	test('loses its oldest questions with their answers where it is too long', () => {
		const long = Array.from({ length: 20 }, (_, index): Turn => ({ role: index % 2 ? 'assistant' : 'user', content: 'x'.repeat(100) }));
		const rest = fitting(long, 1_000);
		expect(JSON.stringify(rest).length).toBeLessThanOrEqual(1_000);
		expect([rest.length > 0, rest[0]?.role]).toEqual([true, 'user']);
	});

	test('is given up without a word where the browser keeps nothing', () => {
		expect(() => save(storage(0), turns, DEFAULTS)).not.toThrow();
	});
});
