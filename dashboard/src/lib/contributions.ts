// Contributions of miners over a time, from the submissions that a node still has.

import type { Connected } from './chain';
import { submission, type Submission } from './records';

/** Submissions that are read at most, and in one question, which is what nodes answer. */
export const READ_MAX = 1_000;
const PAGE = 100;
/** Miners in the list of those who earned most. */
export const RANKED_MAX = 100;

/** Times over which contributions are counted. */
export const WINDOWS = { '24 hours': 86_400, '7 days': 604_800, '30 days': 2_592_000 } as const;
export type Window = keyof typeof WINDOWS;

/** A miner's share. */
export interface Miner {
	account: string;
	submitted: number;
	accepted: number;
	/** Planck. */
	earned: bigint;
	/** Best gain in bits per byte; null where nothing was accepted. */
	best: number | null;
}

export interface Contributions {
	submitted: number;
	accepted: number;
	distributed: bigint;
	/** Mean gain of what was accepted, in bits per byte; null where nothing was. */
	meanGain: number | null;
	/** Those who earned most first. */
	miners: Miner[];
}

/** Counts what was submitted in or after a block. */
export function contributions(submissions: readonly Submission[], since: number): Contributions {
	const miners = new Map<string, Miner>();
	let [gains, accepted, submitted, distributed] = [0, 0, 0, 0n];
	for (const { miner, at, gain, reward } of submissions) {
		if (at < since) continue;
		const own = miners.get(miner) ?? { account: miner, submitted: 0, accepted: 0, earned: 0n, best: null };
		miners.set(miner, own);
		[submitted, own.submitted] = [submitted + 1, own.submitted + 1];
		if (gain === null) continue;
		[accepted, own.accepted] = [accepted + 1, own.accepted + 1];
		own.earned += reward ?? 0n;
		own.best = Math.max(own.best ?? -Infinity, gain);
		distributed += reward ?? 0n;
		gains += gain;
	}
	const ranked = [...miners.values()].sort((a, b) => (a.earned === b.earned ? b.accepted - a.accepted || a.account.localeCompare(b.account) : a.earned < b.earned ? 1 : -1));
	return { submitted, accepted, distributed, meanGain: accepted > 0 ? gains / accepted : null, miners: ranked };
}

/** First block of a time that ends with the present one, at a pace in milliseconds a block; all blocks where no pace is known. */
export function sinceOf(window: Window, head: number, pace: number | null): number {
	return pace === null ? 0 : Math.max(0, Math.floor(head - (WINDOWS[window] * 1_000) / pace));
}

/** A point of an expert's or a model's course. */
export interface Step {
	block: number;
	/** Sum of the gains until then, in bits per byte. */
	total: number;
}

/** Adds up what the accepted submissions to a model gained, oldest first. */
export function courseOf(submissions: readonly Submission[], model: number): Step[] {
	const accepted = submissions.filter(({ slot, gain }) => slot.model === model && gain !== null).sort((a, b) => a.at - b.at || a.id - b.id);
	let total = 0;
	return accepted.map(({ at, gain }) => ({ block: at, total: (total += gain ?? 0) }));
}

/** Reads the newest submissions, oldest first. */
export async function readSubmissions({ rpc }: Connected, newest: number): Promise<Submission[]> {
	const found: Submission[] = [];
	for (let start = Math.max(0, newest + 1 - READ_MAX); start <= newest; start += PAGE) {
		found.push(...(await rpc<unknown[]>('blyan_submissions', start, PAGE)).map(submission));
	}
	return found;
}
