import { blake2AsHex } from '@polkadot/util-crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checked, pieces, vocabulary } from '../../src/lib/tokens';

const file = (change: object) => JSON.stringify({ format: 'blyan-tokenizer-1', scheme: 'byte_level', tokens: [], added: [], unknown: null, ...change });

describe('tokens as text', () => {
	// É is C3 89, and byte-level vocabularies write C3 as Ã and 89 as ī.
	const words = vocabulary(file({ tokens: ['<|end|>', 'Hi', 'Ġthere', 'Ã', 'ī', '<think>', 'Ċ'], added: [{ id: 0, kind: 'control' }, { id: 5, kind: 'markup' }] }));

	test('together are the text, with control tokens named beside it', () => {
		const found = pieces([1, 2, 6, 5, 0], words);
		expect(found.map(({ text }) => text)).toEqual(['Hi', ' there', '\n', '<think>', '<|end|>']);
		expect(found.map(({ kind }) => kind)).toEqual(['text', 'text', 'text', 'text', 'control']);
	});

	test('a character of several tokens stands with the last of them', () => {
		expect(pieces([3, 4], words)).toEqual([{ id: 3, text: '', kind: 'part' }, { id: 4, text: 'É', kind: 'text' }]);
		expect(pieces([3], words)[0]?.text).toBe('\ufffd');
	});

	test('a byte order mark is text like any other', () => {
		const words = vocabulary(file({ scheme: 'sentence_piece', tokens: ['<0xEF>', '<0xBB>', '<0xBF>', 'a'] }));
		expect(pieces([0, 1, 2, 3, 0, 1, 2], words).map(({ text }) => text)).toEqual(['', '', '\ufeff', 'a', '', '', '\ufeff']);
	});

	test('a number outside of the vocabulary is no text, and breaks nothing', () => {
		expect(pieces([99, -1], words).map(({ text }) => text)).toEqual(['', '']);
	});

	test('vocabularies of SentencePiece have spaces and single bytes of their own', () => {
		const words = vocabulary(file({ scheme: 'sentence_piece', tokens: ['<unk>', '▁Hi', '<0x0A>'], unknown: 0 }));
		expect(pieces([1, 2, 0], words).map(({ text, kind }) => [text, kind])).toEqual([[' Hi', 'text'], ['\n', 'text'], ['<unk>', 'control']]);
	});

	test.each(['', '[]', 'null', file({ format: 'x' }), file({ tokens: 5 }), file({ tokens: [5] })])('a file that is no tokenizer is refused in words: %s', (text) => {
		expect(() => vocabulary(text)).toThrow('tokenizer.json is malformed');
	});
});

test('a tokenizer that the receipt does not name is refused', () => {
	const bytes = new TextEncoder().encode(file({ tokens: ['a'] }));
	expect(checked(bytes, blake2AsHex(bytes, 256).slice(2)).name(0)).toBe('a');
	expect(() => checked(bytes, '00'.repeat(32))).toThrow('names another one');
});

const fixture = fileURLToPath(new URL('../../verifier/fixture/', import.meta.url));

test.runIf(existsSync(`${fixture}greedy.json`))('the tokenizer of a model is the one that its receipt names', () => {
	const receipt = JSON.parse(readFileSync(`${fixture}greedy.json`, 'utf8')) as { tokenizer: string; prompt: number[] };
	const words = checked(readFileSync(`${fixture}model/tokenizer.json`), receipt.tokenizer);
	expect(pieces(receipt.prompt, words).map(({ text }) => text).join('')).toContain('user\nhello');
});
