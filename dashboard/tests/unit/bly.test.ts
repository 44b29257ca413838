import { describe, expect, test } from 'vitest';
import { bly, costOf, parseBly, planck } from '../../src/lib/bly';

describe('amounts', () => {
	test.each([
		[0n, '0 BLY'],
		[1n, '0.000000000001 BLY'],
		[1_500_000_000_000n, '1.5 BLY'],
		[9_007_199_254_740_993n, '9,007.199254740993 BLY'],
		[123_456_789_000_000_000_000n, '123,456,789 BLY'],
		[-1_000_000_000_001n, '-1.000000000001 BLY'],
	])('%s planck are %s, to the last place', (amount, text) => expect(bly(amount)).toBe(text));

	test.each([0n, 1n, 10n ** 12n - 1n, 2n ** 53n + 1n, 10n ** 30n])('%s planck are read as they were shown', (amount) => {
		expect(parseBly(bly(amount))).toBe(amount);
	});

	test.each(['', '-1', '1.', '.5', '1e3', '0.0000000000001', 'BLY', '1 000', '٣'])('%j is no amount', (text) => {
		expect(parseBly(text)).toBeNull();
	});

	test('of the wire are strings of digits and nothing else', () => {
		expect([planck('9007199254740993'), planck(5), planck('0x5'), planck(undefined)]).toEqual([9007199254740993n, null, null, null]);
	});

	test('of answers are rounded up, as the chain does', () => {
		expect([costOf(1n, 1), costOf(10_000_000_000n, 1000), costOf(1n, 1001), costOf(5n, 0)]).toEqual([1n, 10_000_000_000n, 2n, 0n]);
	});
});
