import { hexToU8a, u8aToHex } from '@polkadot/util';
import { describe, expect, test } from 'vitest';
import { abandon, agree, begin, ceilingOf, follow, fromText, leftOf, miss, owedMax, resume, settle, stop, toText, type Channel } from '../../src/lib/channel';
import { voucherPayload } from '../../src/lib/session';

const fresh: Channel = {
	genesis: `0x${'07'.repeat(32)}`, session: '12', offer: 3, voucherKey: '0x01', servingKey: '0x02', modelRoot: '0x03', context: 8192,
	prices: { input: 1_000n, output: 10_000n }, deposit: 1_000n, promised: 0n, charged: 0n, open: [], unproven: 0, receipts: [], stopped: null,
};

describe('what a session promises', () => {
	test('is what was charged and the ceiling of what is open, and never falls', () => {
		const first = begin(fresh, 'a', 300n);
		expect(first.promised).toBe(300n);
		const settled = settle(first, 'a', 'r1', 120n);
		expect([settled.charged, settled.promised, leftOf(settled)]).toEqual([120n, 300n, 880n]);
		const second = begin(settled, 'b', 100n);
		// A smaller voucher than one before would be refused, so the larger one is sent again.
		expect([owedMax(second), second.promised]).toEqual([220n, 300n]);
		expect(begin(settled, 'b', 500n).promised).toBe(620n);
	});

	test('never passes the deposit', () => {
		expect(() => begin(fresh, 'a', 1_001n)).toThrow('top the session up');
		expect(begin(fresh, 'a', 1_000n).promised).toBe(1_000n);
	});

	test('attack by a server that refuses: nothing of the answer stays owed', () => {
		expect(owedMax(abandon(begin(fresh, 'a', 300n), 'a'))).toBe(0n);
	});

	test('attack by an operator that shows one receipt twice: it is charged once for a request', () => {
		const once = settle(begin(fresh, 'a', 300n), 'a', 'r1', 120n);
		expect(settle(once, 'a', 'r1', 120n)).toMatchObject({ charged: 120n, open: [], stopped: null });
		// An answer follows from its words, settings and seed: who asks twice owes twice, as the till counts it, and could pay no more otherwise.
		expect(settle(begin(once, 'b', 300n), 'b', 'r1', 120n)).toMatchObject({ charged: 240n, open: [] });
	});

	test('attack by an operator that breaks answers off and charges without receipts: three are borne', () => {
		let channel = fresh;
		for (const [key, served] of [['a', 10n], ['b', 20n], ['c', 30n]] as const) channel = agree(miss(begin(channel, key, 10n), key, 'broken off'), served);
		expect([channel.charged, channel.unproven]).toEqual([30n, 3]);
		const fourth = miss(begin(channel, 'd', 10n), 'd', 'broken off');
		expect(() => begin(fourth, 'e', 10n)).toThrow('broke off 4 answers');
		// One that says that it charged nothing for the last is believed, as after a crash.
		expect(begin(agree(fourth, 30n), 'e', 10n).promised).toBe(40n);
	});

	test('attack by an operator that charges more than an answer can cost: it is paid no more', () => {
		const cheated = settle(begin(fresh, 'a', 300n), 'a', 'r1', 301n);
		expect(cheated.stopped).toContain('300 at most');
		expect(() => begin(cheated, 'b', 1n)).toThrow('not paid any more');
		expect(stop(cheated, 'later').stopped).toBe(cheated.stopped);
	});

	test('attack by an operator that gives no receipts: three are borne, the fourth ends it', () => {
		let channel = fresh;
		for (const key of ['a', 'b', 'c']) channel = miss(begin(channel, key, 10n), key, 'missing');
		expect([channel.stopped, owedMax(channel)]).toEqual([null, 30n]);
		expect(miss(begin(channel, 'd', 10n), 'd', 'missing').stopped).toContain('no receipt of 4 answers');
	});

	test('attack by an operator that says more was served than can be owed: it is not believed', () => {
		const left = miss(begin(fresh, 'a', 300n), 'a', 'left');
		expect(agree(left, 301n)).toBe(left);
		expect(agree(left, 80n)).toMatchObject({ charged: 80n, open: [] });
		const mixed = miss(begin(left, 'b', 10n), 'b', 'missing');
		expect(agree(mixed, 80n)).toBe(mixed);
	});

	test('attack by an operator that takes more on the chain than was promised: it is paid no more', () => {
		const promised = begin(fresh, 'a', 300n);
		expect(follow(promised, { deposit: 2_000n, settled: 300n })).toMatchObject({ deposit: 2_000n, stopped: null });
		expect(follow(promised, { deposit: 2_000n, settled: 301n }).stopped).toContain('has taken 301');
	});

	test('attack by a server that counts more tokens than the words have: nothing is promised', () => {
		const words = [{ content: 'hello' }];
		expect(ceilingOf(fresh, words, 10, 100, 100)).toBe(10n + 1_000n);
		expect(() => ceilingOf(fresh, words, 5_000, 100, 100)).toThrow('cannot be');
		expect(() => ceilingOf(fresh, words, 10, 101, 100)).toThrow('100 were asked for at most');
		expect(() => ceilingOf(fresh, words, NaN, 100, 100)).toThrow('cannot be');
		expect(() => ceilingOf(fresh, words, 10, 9_000, undefined)).toThrow('8192');
	});

	test('outlives the page: what was under way was left, and amounts keep every digit', () => {
		const promised = begin({ ...fresh, deposit: 2n ** 90n }, 'a', 2n ** 80n);
		const found = fromText(toText(promised));
		expect(found).toEqual(promised);
		expect(found && resume(found).open[0]?.state).toBe('left');
		for (const text of ['', '{}', 'null', '{"deposit":"x"}']) expect(fromText(text)).toBeNull();
	});
});

test('a voucher is the bytes that the chain checks: context, genesis, session and sum, all of fixed length', async () => {
	const bytes = await voucherPayload(fresh.genesis, 12n, 2n ** 64n + 5n);
	const context = u8aToHex(new TextEncoder().encode('blyan/voucher/1')).slice(2);
	expect(u8aToHex(bytes)).toBe(`0x3c${context}${'07'.repeat(32)}0c00000000000000${'0500000000000000'}${'0100000000000000'}`);
	expect(bytes.length).toBe(1 + 15 + 32 + 8 + 16);
	expect(hexToU8a(fresh.genesis).length).toBe(32);
});
