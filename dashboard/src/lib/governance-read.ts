// Reads governance from a node: state through storage that its metadata describe, the course of a vote from events.

import type { Vec } from '@polkadot/types';
import type { EventRecord } from '@polkadot/types/interfaces';
import type { Connected } from './chain';
import { callLines, emergency, measure, parameter, poll, track, vote, type CallLine, type Emergency, type Measure, type Parameter, type Point, type Poll, type Track, type Vote } from './governance';
import { constant } from './live';
import { fields, list, number, text } from './records';

export interface Governance {
	tracks: Track[];
	polls: Poll[];
	/** Accounts that may vote in a referendum which begins now. */
	voices: string[];
	now: number;
	undecidingTimeout: number;
	emergencies: Emergency[];
	measures: Measure[];
	parameters: Parameter[];
}

const POLLS = 50;

/** Reads all of it; null where the chain holds no referenda. */
export async function readGovernance(connected: Connected): Promise<Governance | null> {
	const { api } = connected;
	const infos = api.query['rankedPolls']?.['referendumInfoFor'];
	if (!infos) return null;
	const [count, header] = await Promise.all([api.query['rankedPolls']?.['referendumCount']?.(), api.rpc.chain.getHeader()]);
	const total = Number(count?.toString() ?? 0);
	const indices = Array.from({ length: Math.min(total, POLLS) }, (_, place) => total - 1 - place);
	const [found, members, emergencies, measures, parameters] = await Promise.all([
		infos.multi(indices),
		api.query['rankedCollective']?.['members']?.keys() ?? [],
		readEmergencies(connected),
		api.query['emergencies']?.['active']?.entries() ?? [],
		api.query['parameters']?.['parameters']?.entries() ?? [],
	]);
	return {
		tracks: list(api.consts['rankedPolls']?.['tracks']?.toJSON()).map(track),
		polls: indices.flatMap((index, place) => {
			const info = found[place]?.toJSON();
			return info ? [poll(index, info)] : [];
		}),
		voices: members.map((key) => String(key.args[0])),
		now: header.number.toNumber(),
		undecidingTimeout: constant(connected, 'rankedPolls', 'undecidingTimeout'),
		emergencies,
		measures: measures.map(([key, value]) => measure(Number(key.args[0]), value.toJSON())),
		parameters: parameters.map(([key, value]) => parameter(key.args[0]?.toJSON(), value.toJSON())),
	};
}

async function readEmergencies({ api }: Connected): Promise<Emergency[]> {
	const { proposals, supporters } = api.query['emergencies'] ?? {};
	if (!proposals || !supporters) return [];
	const entries = await proposals.entries();
	const backed = await supporters.multi(entries.map(([key]) => key.args[0]));
	return entries.map(([key, value], place) => emergency(Number(key.args[0]), value.toJSON(), backed[place]?.toJSON()));
}

export interface Detail {
	votes: Vote[];
	/** The call, line by line; null where its preimage is not on the chain. */
	call: CallLine[] | null;
}

export async function readDetail(connected: Connected, { index, call }: Poll): Promise<Detail> {
	const { api } = connected;
	const [entries, lines] = await Promise.all([api.query['rankedCollective']?.['voting']?.entries(index) ?? [], readCall(connected, call)]);
	return { votes: entries.map(([key, value]) => vote(String(key.args[1]), value.toJSON())), call: lines };
}

/** Calls that are longer are not decoded: none that a person reads is. */
const CALL_BYTES_MAX = 256 * 1024;

async function readCall({ api }: Connected, call: Poll['call']): Promise<CallLine[] | null> {
	if (call === null) return null;
	try {
		let bytes: string | Uint8Array;
		if ('inline' in call) {
			bytes = call.inline;
		} else {
			if (call.length > CALL_BYTES_MAX) return null;
			const found = await api.query['preimage']?.['preimageFor']?.([call.hash, call.length]);
			const stored = found as unknown as { isSome: boolean; unwrap(): { toU8a(isBare: boolean): Uint8Array } } | undefined;
			if (!stored?.isSome) return null;
			bytes = stored.unwrap().toU8a(true);
		}
		return callLines(api.registry.createType('Call', bytes).toHuman());
	} catch (error) {
		// A call of another version of the chain cannot be decoded by this one.
		console.warn('a call was not decoded:', error);
		return null;
	}
}

/** Blocks whose events are looked at for the course of a vote. A node that prunes has the last 256. */
const LOOK_BACK = 250;
const AT_ONCE = 10;

/** Tallies of a poll from the events of blocks after `from`. Blocks that the node has forgotten are left out. */
export async function readCourse(connected: Connected, { index, submittedAt }: Poll, from: number, to: number): Promise<Point[]> {
	const { api } = connected;
	const first = Math.max(submittedAt, from + 1, to - LOOK_BACK);
	const points: Point[] = [];
	for (let at = first; at <= to; at += AT_ONCE) {
		const blocks = Array.from({ length: Math.min(AT_ONCE, to - at + 1) }, (_, step) => at + step);
		const found = await Promise.all(blocks.map((block) => eventsOf(connected, block)));
		for (const [place, events] of found.entries()) {
			for (const { event } of events) {
				const isVote = ['Voted', 'VoteStruck'].some((name) => api.events['rankedCollective']?.[name]?.is(event));
				const { poll, tally: then } = fields(event.toHuman(true)['data']);
				if (!isVote || number(text(poll).replaceAll(',', '')) !== index) continue;
				const { ayes, nays, voices } = fields(then);
				const count = (value: unknown) => number(text(value).replaceAll(',', ''));
				points.push({ block: blocks[place] ?? NaN, tally: { ayes: count(ayes), nays: count(nays), voices: count(voices) } });
			}
		}
	}
	return points;
}

async function eventsOf({ api }: Connected, block: number): Promise<EventRecord[]> {
	try {
		const hash = await api.rpc.chain.getBlockHash(block);
		const { query } = await api.at(hash);
		const events = (await query['system']?.['events']?.()) as unknown as Vec<EventRecord> | undefined;
		return events ? [...events] : [];
	} catch {
		return [];
	}
}
