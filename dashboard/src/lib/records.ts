// Records of the chain as the page shows them. What comes over the wire is read field by field: a field that is not there shows as nothing.

export type Fields = Record<string, unknown>;

export const fields = (value: unknown): Fields => (value !== null && typeof value === 'object' ? (value as Fields) : {});
export const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
export const number = (value: unknown): number => (typeof value === 'number' ? value : Number(value ?? NaN));
/** An amount, as nodes and as the library write it: digits, a number, or hexadecimal digits behind 0x. */
export const amount = (value: unknown): bigint => (/^(\d+|0x[0-9a-f]+)$/i.test(text(value)) ? BigInt(text(value)) : 0n);
/** A list, whatever stands in its place. */
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
/** A number that may be missing. */
export const maybe = (value: unknown): number | null => (value === null || value === undefined ? null : number(value));

/** Splits a variant of an enumeration into its name and what it holds. */
export function variant(value: unknown): [string, unknown] {
	if (typeof value === 'string') return [value, null];
	const [entry] = Object.entries(fields(value));
	return entry ?? ['', null];
}

/** A name of the chain in words: `NotBetter` and `notBetter` become `not better`. */
export function words(name: string): string {
	return name.replace(/_/g, ' ').replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
}

export interface Slot {
	model: number;
	layer: number;
	expert: number;
}

const slotOf = (value: unknown): Slot => {
	const { model, layer, expert } = fields(value);
	return { model: number(model), layer: number(layer), expert: number(expert) };
};

export interface Expert {
	slot: Slot;
	version: number;
	root: string;
	isStored: boolean;
}

export interface Model {
	id: number;
	name: string;
	version: string;
	generation: number;
	experts: Expert[];
}

export function model(value: unknown, experts: unknown[]): Model {
	const { id, name, version, generation } = fields(value);
	const { major, minor, patch } = fields(version);
	return {
		id: number(id),
		name: text(name),
		version: [major, minor, patch].map(text).join('.'),
		generation: number(generation),
		experts: experts.map((entry) => {
			const { slot, version, block, stored } = fields(entry);
			return { slot: slotOf(slot), version: number(version), root: text(fields(block)['tensor_root']), isStored: stored === true };
		}),
	};
}

/** One, as the chain counts improvements. */
const Q16 = 65_536;

export interface Submission {
	id: number;
	miner: string;
	slot: Slot;
	parent: number;
	root: string;
	at: number;
	state: string;
	/** What became of it, in words; empty while it is open. */
	outcome: string;
	/** Version of the expert that it became. */
	accepted: number | null;
	reward: bigint | null;
	/** Mean improvement in bits per byte that operators measured; null unless it was accepted. */
	gain: number | null;
}

export function submission(value: unknown): Submission {
	const { id, miner, slot, parent, block, submitted_at, state } = fields(value);
	const [name, inner] = variant(state);
	const [outcome, detail] = variant(fields(inner)['outcome']);
	const isAccepted = words(outcome) === 'accepted';
	const [reason] = isAccepted ? [''] : variant(detail);
	return {
		id: number(id),
		miner: text(miner),
		slot: slotOf(slot),
		parent: number(parent),
		root: text(fields(block)['tensor_root']),
		at: number(submitted_at),
		state: words(name),
		outcome: [outcome, reason].filter(Boolean).map(words).join(': '),
		accepted: isAccepted ? number(fields(detail)['version']) : null,
		reward: isAccepted ? amount(fields(detail)['reward']) : null,
		gain: isAccepted ? number(fields(detail)['improvement']) / Q16 : null,
	};
}

/** An improvement in bits per byte, to a ten-thousandth. */
export const bits = (gain: number): string => `${gain.toLocaleString('en', { maximumFractionDigits: 4 })} bits/byte`;

/** Submission by which an expert came to be what it is, among those that are known. */
export function originOf(expert: Expert, submissions: readonly Submission[]): Submission | null {
	const { model, layer, expert: index } = expert.slot;
	const isIts = ({ slot, accepted, root }: Submission) =>
		slot.model === model && slot.layer === layer && slot.expert === index && accepted === expert.version && root === expert.root;
	return submissions.find(isIts) ?? null;
}

export interface Operator {
	account: string;
	stake: bigint;
	reputation: number;
	isOnDuty: boolean;
	tier: string;
	role: string;
	lastHeartbeat: number;
	offences: number;
}

export function operator(value: unknown): Operator {
	const { account, stake, reputation, eligible, tier, role, last_heartbeat, pending_offences } = fields(value);
	return {
		account: text(account),
		stake: amount(stake),
		reputation: number(reputation),
		isOnDuty: eligible === true,
		tier: words(variant(tier)[0]),
		role: words(variant(role)[0]),
		lastHeartbeat: number(last_heartbeat),
		offences: number(pending_offences ?? 0),
	};
}

export interface Game {
	id: number;
	subject: string;
	part: number;
	/** Sides that have to move. */
	owes: string;
	isExecuting: boolean;
	since: number;
}

export function game(value: unknown): Game {
	const { id, subject, part, owes, executing, roundBegan } = fields(value);
	const [kind, of] = variant(subject);
	const first = Array.isArray(of) ? of[0] : of;
	const sides = Array.isArray(owes) ? owes.flatMap((owes, side) => (owes === true ? [`side ${side + 1}`] : [])) : [];
	return {
		id: number(id),
		subject: `${words(kind)} ${text(first)}`.trim(),
		part: number(part),
		owes: sides.join(' and ') || 'no side',
		isExecuting: executing === true,
		since: number(roundBegan),
	};
}

export interface Dataset {
	id: string;
	licence: string;
	records: number;
	bytes: number;
	stage: string;
	tier: string;
	votes: string;
	uses: number;
}

export function dataset(value: unknown, human: unknown): Dataset {
	const { dataset, records, bytes, stage, vote, uses } = fields(value);
	const { dataset: series, version } = fields(dataset);
	const [name, inner] = variant(stage);
	const [first] = Array.isArray(inner) ? (inner as unknown[]) : [inner];
	const hasTier = ['approved', 'quarantined'].includes(words(name));
	const { yes, no, voters } = fields(vote);
	return {
		id: `${text(series)}.${text(version)}`,
		licence: text(fields(human)['licence']),
		records: number(records),
		bytes: number(bytes),
		stage: words(name),
		tier: hasTier ? words(variant(first)[0]) : '',
		votes: vote ? `${text(yes)} yes, ${text(no)} no of ${text(voters)}` : '',
		uses: number(uses),
	};
}

export interface Referendum {
	index: number;
	state: string;
	tally: string;
	/** Block of its submission or of its end. */
	at: number;
}

export function referendum(index: number, value: unknown): Referendum {
	const [name, inner] = variant(value);
	if (words(name) === 'ongoing') {
		const { tally, submitted, deciding } = fields(inner);
		const { ayes, nays } = fields(tally);
		const state = deciding ? 'deciding' : 'preparing';
		return { index, state, tally: `${text(ayes)} ayes, ${text(nays)} nays`, at: number(submitted) };
	}
	const at = Array.isArray(inner) ? inner[0] : inner;
	return { index, state: words(name), tally: '', at: number(at) };
}
