// Operators that take backing, and what an account has behind them.

import type { Connected } from './chain';
import { ask, constant } from './live';
import { amount, fields, list, maybe, number, text, variant, words } from './records';

/** An operator that takes backing, or has some left. Amounts are planck, shares millionths. */
export interface Pool {
	operator: string;
	isOpen: boolean;
	own: bigint;
	backed: bigint;
	leaving: bigint;
	room: bigint;
	backers: number;
	commission: number;
	raise: { commission: number; from: number } | null;
	lastIncome: bigint;
	currentIncome: bigint;
}

export function pool(value: unknown): Pool {
	const found = fields(value);
	const raise = fields(found['raise']);
	return {
		operator: text(found['operator']),
		isOpen: found['open'] === true,
		own: amount(found['own']),
		backed: amount(found['backed']),
		leaving: amount(found['unbonding']),
		room: amount(found['room']),
		backers: number(found['backers']),
		commission: number(found['commission']),
		raise: found['raise'] ? { commission: number(raise['commission']), from: number(raise['from']) } : null,
		lastIncome: amount(found['lastIncome']),
		currentIncome: amount(found['currentIncome']),
	};
}

export interface Backing {
	operator: string;
	worth: bigint;
	income: bigint;
	deposit: bigint;
	leaving: { worth: bigint; readyAt: number }[];
}

export function backing(value: unknown): Backing {
	const { operator, amount: worth, income, deposit, unbonding } = fields(value);
	return {
		operator: text(operator),
		worth: amount(worth),
		income: amount(income),
		deposit: amount(deposit),
		leaving: list(unbonding).map((part) => ({ worth: amount(fields(part)['amount']), readyAt: number(fields(part)['readyAt']) })),
	};
}

/** An offence of an operator, and what it cost. */
export interface Offence {
	kind: string;
	at: number;
	state: string;
	taken: bigint;
}

export function offence(value: unknown): Offence {
	const { kind, at, state } = fields(value);
	const [name, inner] = variant(state);
	return { kind: words(variant(kind)[0]), at: number(at), state: words(name), taken: amount(fields(inner)['taken']) };
}

/** Record of an operator, for those who choose one. */
export interface Standing {
	/** Reputation in millionths. */
	reputation: number;
	isOnDuty: boolean;
	lastHeartbeat: number;
	isLeaving: boolean;
	offences: Offence[];
}

export interface Delegation {
	pools: Pool[];
	backings: Backing[];
	standings: Map<string, Standing>;
	/** Block in the time that waits are counted in. */
	now: number;
	terms: Terms;
}

/** Rules of the chain. Times are blocks. */
export interface Terms {
	least: bigint;
	deposit: bigint;
	wait: number;
	notice: number;
	partsMax: number;
}

/** Reads all of it; null where the chain knows no delegation. */
export async function readDelegation(connected: Connected, backer: string | null): Promise<Delegation | null> {
	const found = await ask(connected, 'delegationApi', 'pools');
	if (found === null) return null;
	const pools = list(found).map(pool);
	const [backings, operators, offences, now] = await Promise.all([
		backer === null ? [] : ask(connected, 'delegationApi', 'backings', backer),
		ask(connected, 'operatorsApi', 'operators'),
		Promise.all(pools.map(({ operator }) => ask(connected, 'slashingApi', 'offences', operator))),
		workingTime(connected),
	]);
	const standings = new Map<string, Standing>();
	for (const value of list(operators)) {
		const { account, reputation, eligible, lastHeartbeat, withdrawableAt } = fields(value);
		const index = pools.findIndex(({ operator }) => operator === account);
		standings.set(text(account), {
			reputation: number(reputation),
			isOnDuty: eligible === true,
			lastHeartbeat: number(lastHeartbeat),
			isLeaving: maybe(withdrawableAt) !== null,
			offences: index < 0 ? [] : list(offences[index]).map(offence),
		});
	}
	const big = (name: string) => amount(connected.api.consts['delegation']?.[name]?.toString());
	const terms: Terms = {
		least: big('minBacking'),
		deposit: big('entryDeposit'),
		wait: constant(connected, 'delegation', 'unbondingPeriod'),
		notice: constant(connected, 'delegation', 'commissionNotice'),
		partsMax: constant(connected, 'delegation', 'maxChunks'),
	};
	return { pools, backings: list(backings).map(backing), standings, now, terms };
}

/** Blocks in which transactions were admitted: waits run in these, and stand still while a migration bars transactions. */
async function workingTime(connected: Connected): Promise<number> {
	const [block, barred] = await Promise.all([
		connected.api.query['system']?.['number']?.(),
		connected.api.query['stopwatch']?.['barred']?.(),
	]);
	return Number(block?.toString() ?? NaN) - Number(barred?.toString() ?? 0);
}

/** Commission that a backer who looks now has seen, a raise that is announced included. The chain refuses a higher one. */
export function commissionSeen({ commission, raise }: Pool): number {
	return Math.max(commission, raise?.commission ?? 0);
}

/** Reason why an amount cannot be put behind an operator, in words; null if it can. */
export function refuseBacking(pool: Pool, amount: bigint | null, terms: Terms, format: (planck: bigint) => string): string | null {
	if (!pool.isOpen) return 'this operator takes no backing now: choose another one';
	if (amount === null) return 'the amount is no number of BLY: write one such as 25.5';
	if (amount < terms.least) return `the least backing is ${format(terms.least)}: write that or more`;
	if (amount > pool.room) return `this operator has room for ${format(pool.room)}: write less, or choose another one`;
	return null;
}

/** Best first: open before closed, then by what remains of an income for backers, then by reputation. */
export function ranked(pools: readonly Pool[], standings: ReadonlyMap<string, Standing>): Pool[] {
	const repute = (pool: Pool) => standings.get(pool.operator)?.reputation ?? 0;
	return [...pools].sort(
		(a, b) => Number(b.isOpen) - Number(a.isOpen) || repute(b) - repute(a) || commissionSeen(a) - commissionSeen(b) || a.operator.localeCompare(b.operator),
	);
}
