// Amounts of the chain's coin. They are bigint everywhere: a number is exact up to 2^53, which is 9,007 BLY in planck.

/** Places of a BLY. */
const DECIMALS = 12;
const UNIT = 10n ** BigInt(DECIMALS);

/** Planck as BLY, exactly: to the last place that is not zero. */
export function bly(planck: bigint): string {
	const size = planck < 0n ? -planck : planck;
	const fraction = (size % UNIT).toString().padStart(DECIMALS, '0').replace(/0+$/, '');
	const whole = (size / UNIT).toString().replace(/\B(?=(\d{3})+$)/g, ',');
	return `${planck < 0n ? '-' : ''}${whole}${fraction ? `.${fraction}` : ''} BLY`;
}

/** Reads an amount in BLY that a person wrote; null if it is none, or finer than a planck. */
export function parseBly(text: string): bigint | null {
	const match = /^(\d{1,20})(?:\.(\d{1,12}))?(?:\s*BLY)?$/i.exec(text.trim().replace(/,/g, ''));
	if (!match?.[1]) return null;
	return BigInt(match[1]) * UNIT + BigInt((match[2] ?? '').padEnd(DECIMALS, '0'));
}

/** Reads a string of planck, as JSON has it; null if it is none. */
export function planck(value: unknown): bigint | null {
	return typeof value === 'string' && /^\d+$/.test(value) ? BigInt(value) : null;
}

/** Cost of tokens at a price per 1,000, rounded up as the chain does. */
export function costOf(price: bigint, tokens: number): bigint {
	return (price * BigInt(tokens) + 999n) / 1_000n;
}
