// Blocks as time, in words.

/** Milliseconds between blocks, from the stamps of two of them; null where they say nothing. */
export function paceOf(earlier: { block: number; at: number }, later: { block: number; at: number }): number | null {
	const blocks = later.block - earlier.block;
	const time = later.at - earlier.at;
	return blocks > 0 && time > 0 ? time / blocks : null;
}

const UNITS = [
	['day', 86_400],
	['hour', 3_600],
	['minute', 60],
	['second', 1],
] as const;

/** Seconds in the two largest units that say something: `3 days 4 hours`. */
export function duration(seconds: number): string {
	let rest = Math.max(0, Math.round(seconds));
	const parts: string[] = [];
	for (const [name, size] of UNITS) {
		const count = Math.floor(rest / size);
		rest -= count * size;
		if (count > 0) parts.push(`${count} ${name}${count === 1 ? '' : 's'}`);
		else if (parts.length > 0) break;
		if (parts.length === 2) break;
	}
	return parts.join(' ') || 'a moment';
}

/** Time until a block, in words and in blocks; what is due already says so. */
export function until(block: number, now: number, blockMs: number | null): string {
	const blocks = block - now;
	if (!Number.isFinite(blocks)) return 'at a time that this chain does not say';
	if (blocks <= 0) return 'now';
	const counted = `${blocks.toLocaleString('en')} block${blocks === 1 ? '' : 's'}`;
	return blockMs === null ? counted : `${duration((blocks * blockMs) / 1000)} (${counted})`;
}

/** A share in millionths, as percent: to a hundredth at most. */
export function percent(millionths: number): string {
	return `${(millionths / 10_000).toLocaleString('en', { maximumFractionDigits: 2 })} %`;
}
