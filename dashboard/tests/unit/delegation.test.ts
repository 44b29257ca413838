import { describe, expect, test } from 'vitest';
import { bly } from '../../src/lib/bly';
import { backing, commissionSeen, offence, pool, ranked, refuseBacking } from '../../src/lib/delegation';
import { duration, paceOf, percent, until } from '../../src/lib/duration';

const BLY = 1_000_000_000_000n;
const found = pool({
	operator: '5F', open: true, own: '0x5af3107a4000', backed: 20000000000000, unbonding: 0, room: 30000000000000, backers: 2, commission: 100000,
	raise: { commission: 150000, from: 900 }, lastIncome: 5, currentIncome: 1,
});
const terms = { least: 10n * BLY, deposit: 1n, wait: 100_800, notice: 201_600, partsMax: 8 };

describe('an operator that takes backing', () => {
	test('is read with amounts of any size', () => {
		expect(found).toMatchObject({ operator: '5F', own: 100n * BLY, backed: 20n * BLY, raise: { commission: 150_000, from: 900 } });
		expect(pool({ own: 3, raise: null })).toMatchObject({ own: 3n, raise: null, isOpen: false });
	});

	test('is accepted at the commission that was seen, a raise that is announced included', () => {
		expect(commissionSeen(found)).toBe(150_000);
		expect(commissionSeen({ ...found, raise: null })).toBe(100_000);
	});

	test('refuses in words what the chain would refuse', () => {
		const refuse = (amount: bigint | null, change = {}) => refuseBacking({ ...found, ...change }, amount, terms, bly);
		expect(refuse(10n * BLY)).toBeNull();
		expect(refuse(null)).toContain('no number of BLY');
		expect(refuse(9n * BLY)).toContain('the least backing is 10 BLY');
		expect(refuse(31n * BLY)).toContain('room for 30 BLY');
		expect(refuse(10n * BLY, { isOpen: false })).toContain('takes no backing now');
	});

	test('stands before those that are closed, and after those of better repute', () => {
		const standing = (reputation: number) => ({ reputation, isOnDuty: true, lastHeartbeat: 1, isLeaving: false, offences: [] });
		const pools = [{ ...found, operator: 'closed', isOpen: false }, { ...found, operator: 'worse' }, { ...found, operator: 'better' }];
		const order = ranked(pools, new Map([['closed', standing(9)], ['worse', standing(1)], ['better', standing(5)]]));
		expect(order.map(({ operator }) => operator)).toEqual(['better', 'worse', 'closed']);
	});
});

test('a backing has what is on its way out, and an offence what it took', () => {
	expect(backing({ operator: '5F', amount: 7, income: 2, deposit: 1, unbonding: [{ amount: 3, readyAt: 50 }] })).toEqual({
		operator: '5F', worth: 7n, income: 2n, deposit: 1n, leaving: [{ worth: 3n, readyAt: 50 }],
	});
	expect(offence({ kind: 'FalseScore', at: 5, state: { applied: { share: 500000000, taken: '12', rewarded: 1, at: 8 } } })).toEqual({ kind: 'false score', at: 5, state: 'applied', taken: 12n });
	for (const value of [null, 5, 'x', [], {}, { unbonding: 5, state: 5 }]) expect(() => [pool(value), backing(value), offence(value)]).not.toThrow();
});

describe('times', () => {
	test('are told in the two largest units', () => {
		expect([duration(0), duration(59), duration(61), duration(7 * 86_400), duration(90_061)]).toEqual([
			'a moment', '59 seconds', '1 minute 1 second', '7 days', '1 day 1 hour',
		]);
	});

	test('follow from the pace of the chain, and are blocks where that is not known', () => {
		expect(paceOf({ block: 10, at: 1_000 }, { block: 20, at: 61_000 })).toBe(6_000);
		expect([paceOf({ block: 5, at: 1 }, { block: 5, at: 9 }), paceOf({ block: 1, at: NaN }, { block: 5, at: 9 })]).toEqual([null, null]);
		expect(until(110, 100, 6_000)).toBe('1 minute (10 blocks)');
		expect([until(101, 100, null), until(100, 100, 6_000), until(NaN, 5, 6_000)]).toEqual(['1 block', 'now', 'at a time that this chain does not say']);
	});

	test('shares are percent', () => expect([percent(150_000), percent(123_456), percent(-5_000)]).toEqual(['15 %', '12.35 %', '-0.5 %']));
});
