import type { GenerationRecord } from '@blyan/verifier';
import { u8aToHex } from '@polkadot/util';
import { cryptoWaitReady, sr25519PairFromSeed, sr25519Sign } from '@polkadot/util-crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { isAbout, isSigned, payloadOf, readSigned } from '../../src/lib/signature';

const genesis = `0x${'07'.repeat(32)}`;
const record: GenerationRecord = {
	modelRoot: '01'.repeat(32), tokenizer: '02'.repeat(32), prompt: [1, 2, 3], answer: [4, 5], seed: (1n << 64n) - 1n, temperatureQ8: 256,
	topPQ8: 230, maxTokens: 20n, stop: [], ends: [], end: 'end', engine: 'test', signed: null,
};

/** Bytes of the receipt about that record, as SCALE writes it. */
function receipt(): Uint8Array {
	const bytes = new Uint8Array(146);
	const view = new DataView(bytes.buffer);
	view.setUint8(0, 1);
	bytes.fill(1, 1, 33).fill(2, 33, 65).fill(3, 65, 97);
	[3, 3, 2].forEach((count, index) => view.setUint32(97 + 4 * index, count, true));
	view.setBigUint64(109, record.seed, true);
	view.setUint16(117, 256, true);
	view.setUint16(119, 230, true);
	view.setUint8(121, 0);
	view.setBigUint64(122, 12n, true);
	view.setBigUint64(130, 5n, true);
	view.setBigUint64(138, 1n, true);
	return bytes;
}

function signed(bytes = receipt()): string {
	const pair = sr25519PairFromSeed(new Uint8Array(32).fill(1));
	const unsigned = readSigned(u8aToHex(new Uint8Array([...bytes, ...pair.publicKey, ...new Uint8Array(64)])));
	if (!unsigned) throw new Error('it has the bytes of a receipt');
	const signature = sr25519Sign(payloadOf(unsigned, new Uint8Array(32).fill(7)), pair);
	return u8aToHex(new Uint8Array([...bytes, ...pair.publicKey, ...signature]));
}

beforeAll(() => cryptoWaitReady());

describe('a signed receipt', () => {
	test('is read field by field, amounts to their last digit', () => {
		expect(readSigned(signed())).toMatchObject({
			version: 1, modelRoot: `0x${'01'.repeat(32)}`, tokensRoot: `0x${'03'.repeat(32)}`, promptTokens: 3, answerTokens: 2,
			seed: record.seed, temperatureQ8: 256, topPQ8: 230, end: 'end_of_turn', session: 12n, charged: (1n << 64n) + 5n,
		});
	});

	test('of another length or with an unknown end is none', () => {
		const text = signed();
		expect([readSigned(text.slice(0, -2)), readSigned(`${text}00`), readSigned('zz'), readSigned('')]).toEqual([null, null, null, null]);
		const other = receipt();
		other[121] = 5;
		expect(readSigned(u8aToHex(new Uint8Array([...other, ...new Uint8Array(96)])))).toBeNull();
	});

	test('is signed as serving.rs says: context with its length, genesis hash, receipt', () => {
		const read = readSigned(signed());
		const payload = payloadOf(read!, new Uint8Array(32).fill(7));
		expect(new TextDecoder().decode(payload.slice(1, 16))).toBe('blyan/receipt/1');
		expect([payload[0], payload[16], payload.length]).toEqual([60, 7, 16 + 32 + 146]);
	});

	test('holds for its chain, its key and its bytes only', async () => {
		const read = readSigned(signed())!;
		expect(await isSigned(read, genesis)).toBe(true);
		expect(await isSigned(read, `0x${'08'.repeat(32)}`)).toBe(false);
		const raised = { ...read, bytes: read.bytes.with(130, 6) };
		expect(await isSigned(raised, genesis)).toBe(false);
		expect(await isSigned({ ...read, key: `0x${'11'.repeat(32)}` }, genesis)).toBe(false);
	});

	test('is about the answer whose fields it has, and about no other', () => {
		const read = readSigned(signed())!;
		expect(isAbout(read, record)).toBe(true);
		const changes: Partial<GenerationRecord>[] = [
			{ modelRoot: '09'.repeat(32) }, { answer: [4] }, { prompt: [] }, { seed: 1n }, { temperatureQ8: 0 }, { topPQ8: 0 }, { end: 'stop' },
		];
		for (const change of changes) expect(isAbout(read, { ...record, ...change })).toBe(false);
	});
});
