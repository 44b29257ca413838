// Readings that are made again with every block, for as long as a view shows them.

import { useEffect, useState } from 'preact/hooks';
import type { Connected } from './chain';
import { chain } from './chain-state';
import { paceOf } from './duration';

export interface Reading<T> {
	value: T | null;
	error: unknown;
}

/** Reads now and with each new block. One reading runs at a time; one of an older block never replaces a newer one's. */
export function useLive<T>(connected: Connected | null, read: (connected: Connected) => Promise<T>, keys: readonly unknown[] = []): Reading<T> {
	const [reading, setReading] = useState<Reading<T>>({ value: null, error: null });
	const { head } = chain.value;
	useEffect(() => {
		if (!connected) return;
		let isOver = false;
		// Blocks may come faster than a node answers: a reading waits for those that come together.
		const timer = setTimeout(() => {
			read(connected).then(
				(value) => isOver || setReading({ value, error: null }),
				(error: unknown) => isOver || setReading((before) => ({ ...before, error })),
			);
		}, 150);
		return () => {
			isOver = true;
			clearTimeout(timer);
		};
	}, [connected, head, ...keys]);
	return reading;
}

/** Asks a runtime API; null where this chain does not have it. */
export async function ask(connected: Connected, api: string, method: string, ...args: unknown[]): Promise<unknown> {
	const call = connected.api.call[api]?.[method];
	return call ? (await call(...args)).toJSON() : null;
}

/** A constant of the chain as a number; NaN where it does not have it. */
export function constant(connected: Connected, pallet: string, name: string): number {
	return Number(connected.api.consts[pallet]?.[name]?.toString() ?? NaN);
}

/** Blocks over which the pace of a chain is measured. */
const PACE_BLOCKS = 20;

/** Measures the milliseconds of a block by the chain's own clock, once a connection; null until then, and where it says nothing. */
export function usePace(connected: Connected | null): number | null {
	const [pace, setPace] = useState<number | null>(null);
	useEffect(() => {
		setPace(null);
		if (!connected) return;
		let isOver = false;
		const stamp = async (block: number) => {
			const { query } = await connected.api.at(await connected.api.rpc.chain.getBlockHash(block));
			return { block, at: Number((await query['timestamp']?.['now']?.())?.toString() ?? NaN) };
		};
		const measure = async () => {
			const head = (await connected.api.rpc.chain.getHeader()).number.toNumber();
			const [earlier, later] = await Promise.all([stamp(Math.max(1, head - PACE_BLOCKS)), stamp(head)]);
			if (!isOver) setPace(paceOf(earlier, later));
		};
		// A chain that has no clock is told in blocks.
		measure().catch(() => {});
		return () => void (isOver = true);
	}, [connected]);
	return pace;
}
