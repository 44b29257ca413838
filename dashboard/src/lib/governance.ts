// Referenda, emergencies and parameters, as values: what a view shows of them follows from these alone.

import { amount, fields, list, maybe, number, text, variant, words } from './records';

/** Rules of one track. Times are blocks; shares are parts of a thousand million, as the chain has them. */
export interface Track {
	id: number;
	name: string;
	prepare: number;
	decision: number;
	confirm: number;
	enactment: number;
	deposit: bigint;
	approval: Curve;
	support: Curve;
}

/** Threshold over the time of a decision. */
export type Curve = (elapsed: number) => number;

const BILLION = 1_000_000_000;

/** Reads a curve that falls in a line from its ceiling to its floor. Others are not used by this chain, and read as unknown. */
export function curve(value: unknown): Curve {
	const [name, inner] = variant(value);
	if (words(name) !== 'linear decreasing') return () => NaN;
	const { length, floor, ceil } = fields(inner);
	const [span, low, high] = [number(length), number(floor), number(ceil)];
	return (elapsed) => (high - (high - low) * Math.min(1, span > 0 ? (elapsed * BILLION) / span : 1)) / BILLION;
}

export function track(value: unknown): Track {
	const [id, info] = list(value);
	const found = fields(info);
	return {
		id: number(id),
		name: words(text(found['name']).replaceAll('\0', '')),
		prepare: number(found['preparePeriod']),
		decision: number(found['decisionPeriod']),
		confirm: number(found['confirmPeriod']),
		enactment: number(found['minEnactmentPeriod']),
		deposit: amount(found['decisionDeposit']),
		approval: curve(found['minApproval']),
		support: curve(found['minSupport']),
	};
}

export interface Tally {
	ayes: number;
	nays: number;
	voices: number;
}

export const approvalOf = ({ ayes, nays }: Tally) => (ayes + nays === 0 ? 0 : ayes / (ayes + nays));
export const supportOf = ({ ayes, voices }: Tally) => (voices === 0 ? 0 : ayes / voices);

export interface Poll {
	index: number;
	track: number;
	state: 'preparing' | 'waits for its deposit' | 'waits for a place' | 'deciding' | 'confirming' | 'approved' | 'rejected' | 'cancelled' | 'timed out' | 'killed';
	isOngoing: boolean;
	submittedAt: number;
	submitter: string;
	hasDecisionDeposit: boolean;
	decidingSince: number | null;
	confirmingUntil: number | null;
	/** Block of its end. */
	endedAt: number | null;
	tally: Tally;
	/** Where the call stands: hash and length of a preimage, or the call itself. */
	call: { hash: string; length: number } | { inline: string } | null;
	enactment: { after: number } | { at: number } | null;
}

const OVER = ['approved', 'rejected', 'cancelled', 'timed out', 'killed'] as const;

/** Reads what the chain keeps of a referendum. */
export function poll(index: number, value: unknown): Poll {
	const [name, inner] = variant(value);
	const over = OVER.find((state) => state === words(name));
	const nothing = { track: NaN, submittedAt: NaN, submitter: '', hasDecisionDeposit: false, decidingSince: null, confirmingUntil: null, call: null, enactment: null };
	if (words(name) !== 'ongoing') {
		const at = Array.isArray(inner) ? inner[0] : inner;
		return { index, ...nothing, state: over ?? 'killed', isOngoing: false, endedAt: number(at), tally: { ayes: 0, nays: 0, voices: 0 } };
	}
	const found = fields(inner);
	const deciding = found['deciding'] ? fields(found['deciding']) : null;
	const confirmingUntil = deciding ? maybe(deciding['confirming']) : null;
	const hasDecisionDeposit = Boolean(found['decisionDeposit']);
	const waiting = found['inQueue'] === true ? 'waits for a place' : hasDecisionDeposit ? 'preparing' : 'waits for its deposit';
	const { ayes, nays, voices } = fields(found['tally']);
	return {
		index,
		track: number(found['track']),
		state: deciding ? (confirmingUntil === null ? 'deciding' : 'confirming') : waiting,
		isOngoing: true,
		submittedAt: number(found['submitted']),
		submitter: text(fields(found['submissionDeposit'])['who']),
		hasDecisionDeposit,
		decidingSince: deciding ? number(deciding['since']) : null,
		confirmingUntil,
		endedAt: null,
		tally: { ayes: number(ayes), nays: number(nays), voices: number(voices) },
		call: boundedCall(found['proposal']),
		enactment: enactment(found['enactment']),
	};
}

function boundedCall(value: unknown): Poll['call'] {
	const [name, inner] = variant(value);
	if (name.toLowerCase() === 'inline') return { inline: text(inner) };
	const { hash, hash_, len } = fields(inner);
	const digits = text(hash ?? hash_);
	return digits ? { hash: digits, length: number(len ?? 0) } : null;
}

function enactment(value: unknown): Poll['enactment'] {
	const [name, inner] = variant(value);
	if (name.toLowerCase() === 'after') return { after: number(inner) };
	return name.toLowerCase() === 'at' ? { at: number(inner) } : null;
}

/** Stage of a referendum: from the first block to the one that it ends by, where these are known. */
export interface Stage {
	name: 'prepare' | 'decide' | 'confirm' | 'wait' | 'end';
	from: number | null;
	to: number | null;
	state: 'over' | 'now' | 'ahead';
	/** Words beside the times. */
	note: string;
}

/** Timeline of a referendum that is not over. What is ahead is told as if the vote stayed as it is. */
export function timeline(poll: Poll, rules: Track, undecidingTimeout: number): Stage[] {
	const { submittedAt, decidingSince, confirmingUntil } = poll;
	const prepared = submittedAt + rules.prepare;
	const since = decidingSince;
	const isPassing = poll.tally.ayes > 0 && passes(poll.tally, rules, 0);
	const stages: Stage[] = [
		{
			name: 'prepare', from: submittedAt, to: since ?? prepared, state: since === null ? 'now' : 'over',
			note: since !== null ? '' : poll.hasDecisionDeposit ? 'the decision begins then, if there is a place on its track'
				: `a decision deposit is missing: without it the referendum times out at block ${(submittedAt + undecidingTimeout).toLocaleString('en')}`,
		},
		{
			name: 'decide', from: since, to: since === null ? null : since + rules.decision, state: since === null ? 'ahead' : confirmingUntil === null ? 'now' : 'over',
			note: isPassing ? 'both thresholds are reached' : 'it is rejected then, unless both thresholds are reached before',
		},
		{
			name: 'confirm', from: confirmingUntil === null ? null : confirmingUntil - rules.confirm, to: confirmingUntil, state: confirmingUntil === null ? 'ahead' : 'now',
			note: `both thresholds must stay reached for ${rules.confirm.toLocaleString('en')} blocks`,
		},
		{ name: 'wait', from: confirmingUntil, to: enactedAt(poll, rules), state: 'ahead', note: 'between approval and the call, for those whom it affects' },
	];
	return stages;
}

/** Block in which the call is made if the referendum passes when its confirmation ends; null before that is known. */
export function enactedAt({ confirmingUntil, enactment }: Poll, rules: Track): number | null {
	if (confirmingUntil === null) return null;
	const least = confirmingUntil + rules.enactment;
	if (enactment && 'at' in enactment) return Math.max(least, enactment.at);
	return confirmingUntil + Math.max(rules.enactment, enactment?.after ?? 0);
}

/** Reports whether a tally reaches both thresholds, after this part of the decision's time. */
export function passes(tally: Tally, rules: Track, elapsed: number): boolean {
	return approvalOf(tally) >= rules.approval(elapsed) && supportOf(tally) >= rules.support(elapsed);
}

/** Ayes that are still missing if no one else votes nay; null where nays have made it impossible. */
export function missingAyes(tally: Tally, rules: Track): number | null {
	for (let more = 0; tally.ayes + tally.nays + more <= tally.voices; more++) {
		if (passes({ ...tally, ayes: tally.ayes + more }, rules, 0)) return more;
	}
	return null;
}

/** Tally at one block, as an event or a reading of the state gave it. */
export interface Point {
	block: number;
	tally: Tally;
}

/** Adds points to a history, by block: of one block the later one counts, and what says nothing new is left out. */
export function merged(history: readonly Point[], more: readonly Point[]): Point[] {
	const byBlock = new Map<number, Point>();
	for (const point of [...history, ...more]) byBlock.set(point.block, point);
	const sorted = [...byBlock.values()].sort((a, b) => a.block - b.block);
	const same = (a: Tally, b: Tally) => a.ayes === b.ayes && a.nays === b.nays && a.voices === b.voices;
	return sorted.filter((point, index) => index === 0 || !same(point.tally, sorted[index - 1]!.tally));
}

export interface Vote {
	voice: string;
	isAye: boolean;
}

export function vote(voice: string, value: unknown): Vote {
	return { voice, isAye: words(variant(value)[0]) === 'aye' };
}

/** An emergency that is proposed. */
export interface Emergency {
	id: number;
	kind: string;
	action: string;
	why: string;
	author: string;
	needed: number;
	expiresAt: number;
	supporters: string[];
}

export function emergency(id: number, value: unknown, supporters: unknown): Emergency {
	const found = fields(value);
	return {
		id,
		kind: words(variant(found['kind'])[0]),
		action: inWords(found['action']),
		why: fromBytes(found['justification']),
		author: text(found['author']),
		needed: number(found['needed']),
		expiresAt: number(found['expiresAt']),
		supporters: list(supporters).map(text),
	};
}

export interface Measure {
	id: number;
	effect: string;
	endsAt: number;
}

export function measure(id: number, value: unknown): Measure {
	const { effect, endsAt } = fields(value);
	return { id, effect: inWords(effect), endsAt: number(endsAt) };
}

/** Text of bytes, as the library writes them: hexadecimal digits, or the text itself. */
export function fromBytes(value: unknown): string {
	const found = text(value);
	if (!/^0x([0-9a-f]{2})*$/i.test(found)) return found;
	const bytes = Uint8Array.from(found.slice(2).match(/../g) ?? [], (pair) => parseInt(pair, 16));
	return new TextDecoder().decode(bytes);
}

/** A variant with its fields, in words: `freeze accounts: accounts 5F.., 5G..`. */
export function inWords(value: unknown): string {
	const [name, inner] = variant(value);
	const parts = Object.entries(fields(inner)).map(([field, of]) => `${words(field)} ${plain(of)}`);
	return [words(name), parts.join(', ')].filter(Boolean).join(': ');
}

/** A value of the chain in one line. */
export function plain(value: unknown): string {
	if (value === null || value === undefined) return 'none';
	if (Array.isArray(value)) return value.map(plain).join(', ') || 'none';
	if (typeof value === 'object') return Object.entries(value).map(([name, of]) => `${words(name)} ${plain(of)}`).join(', ');
	const found = String(value);
	const readable = /^0x/.test(found) ? fromBytes(found) : '';
	// A name of a pallet or a region is bytes on the chain; a hash is bytes that are no text.
	return readable && /^[\x20-\x7e]+$/.test(readable) ? readable : found;
}

/** A parameter: its group, its name, what is stored, and null where the chain's default holds. */
export interface Parameter {
	group: string;
	name: string;
	value: string;
}

/** Reads an entry of the parameters that referenda have set. */
export function parameter(key: unknown, value: unknown): Parameter {
	const [group, inner] = variant(key);
	const [name] = variant(inner);
	let found = value;
	// The value stands in variants of the same names: `{learning: {delta: 40}}`.
	for (let depth = 0; depth < 2; depth++) {
		const [, next] = variant(found);
		if (next !== null && next !== undefined) found = next;
	}
	return { group: words(group), name: words(name), value: plain(Array.isArray(found) ? (found.at(-1) ?? null) : found) };
}

/** A decoded call as lines: its name, then its arguments, calls inside of it indented below. */
export interface CallLine {
	depth: number;
	name: string;
	value: string;
}

/** Splits a call, as the library writes it for people, into lines. Values are text, and only ever shown as text. */
export function callLines(human: unknown, depth = 0): CallLine[] {
	const { section, method, args } = fields(human);
	if (typeof section !== 'string' || typeof method !== 'string') return [];
	const lines: CallLine[] = [{ depth, name: `${section}.${method}`, value: '' }];
	for (const [name, value] of Object.entries(fields(args))) {
		const inner = Array.isArray(value) ? value.flatMap((one) => callLines(one, depth + 2)) : callLines(value, depth + 2);
		lines.push({ depth: depth + 1, name: words(name), value: inner.length > 0 ? '' : plain(value) });
		lines.push(...inner);
	}
	return lines;
}
