// Epochs, proposals and comparisons of architectures.

import type { Connected } from './chain';
import { ask } from './live';
import { amount, fields, list, maybe, number, text, variant, words } from './records';

export interface Epoch {
	id: number;
	phase: string;
	openedAt: number;
	until: number;
	/** The present block, in the time that phases are in. */
	now: number;
	nextAt: number;
	voices: number;
	endorsementsMin: number;
	endorsementsMax: number;
	selected: number | null;
	candidate: number | null;
	outcome: Outcome | null;
}

export interface Outcome {
	name: string;
	/** Mean gain in parts per million, where both models were measured. */
	gainPpm: number | null;
}

function outcome(value: unknown): Outcome | null {
	if (value === null || value === undefined) return null;
	const [name, inner] = variant(value);
	return { name: words(name), gainPpm: maybe(fields(inner)['gainPpm']) };
}

export function epoch(value: unknown): Epoch {
	const found = fields(value);
	const [phase] = variant(found['phase']);
	return {
		id: number(found['epoch']),
		phase: words(phase),
		openedAt: number(found['openedAt']),
		until: number(found['until']),
		now: number(found['now']),
		nextAt: number(found['nextAt']),
		voices: number(found['voices']),
		endorsementsMin: number(found['endorsementsMin']),
		endorsementsMax: number(found['endorsementsMax']),
		selected: maybe(found['selected']),
		candidate: maybe(found['candidate']),
		outcome: outcome(found['outcome']),
	};
}

export interface Proposal {
	id: number;
	proposer: string;
	kind: string;
	base: number;
	difficulty: number;
	minimumPpm: number;
	gpuHours: number;
	feasibility: number;
	endorsements: number;
}

/** Terms of a change, as they stand in proposals and in the history. */
function terms(value: unknown) {
	const { kind, base, difficulty, minimumPpm, gpuHours } = fields(value);
	return { kind: words(variant(kind)[0]), base: number(base), difficulty: number(difficulty), minimumPpm: number(minimumPpm), gpuHours: number(gpuHours) };
}

export function proposal(value: unknown): Proposal {
	const { id, proposer, proposal, feasibility, endorsements } = fields(value);
	return { id: number(id), proposer: text(proposer), ...terms(proposal), feasibility: number(feasibility), endorsements: number(endorsements) };
}

/** Measure of selection, as the chain computes it: neither factor replaces the other. */
export const merit = ({ feasibility, endorsements }: Proposal) => feasibility * endorsements;

export interface Evaluation {
	step: string;
	until: number;
	round: number;
	draw: string;
	seats: { operator: string; state: 'waiting' | 'sealed' | 'open' }[];
}

export function evaluation(value: unknown): Evaluation {
	const { step, until, round, draw, seats } = fields(value);
	return {
		step: words(variant(step)[0]),
		until: number(until),
		round: number(round),
		draw: text(draw),
		seats: list(seats).map((seat) => {
			const { operator, sealed, revealed } = fields(seat);
			return { operator: text(operator), state: revealed === true ? 'open' : sealed === true ? 'sealed' : 'waiting' };
		}),
	};
}

/** Right answers of both models in one suite. */
export interface Suite {
	name: string;
	base: number;
	candidate: number;
	tasks: number;
	gainPpm: number;
}

const GAIN_MAX = 1_000_000;

/** Gain in one suite, in parts per million, as the chain computes it: measured against a tenth of the tasks at least, and doubled at most. */
export function suiteGain(base: number, candidate: number, tasks: number): number {
	const floor = Math.max(Math.ceil(tasks / 10), 1);
	const against = candidate >= base ? Math.max(base, floor) : base;
	return Math.min(Math.floor(((candidate - base) * 1_000_000) / Math.max(against, 1)), GAIN_MAX);
}

export interface Tried {
	epoch: number;
	outcome: Outcome;
	decidedAt: number;
	proposal: (ReturnType<typeof terms> & { id: number; proposer: string }) | null;
	candidate: number | null;
	draw: string;
	suites: Suite[];
}

export function tried(value: unknown): Tried {
	const found = fields(value);
	const suites = list(fields(found['benchmark'])['suites']).map((entry): Suite => {
		const { suite, base, candidate } = fields(entry);
		const [old, now] = [number(fields(base)['right']), number(fields(candidate)['right'])];
		const tasks = number(fields(base)['total']);
		return { name: words(variant(suite)[0]), base: old, candidate: now, tasks, gainPpm: suiteGain(old, now, tasks) };
	});
	const id = maybe(found['tried']);
	return {
		epoch: number(found['epoch']),
		outcome: outcome(found['outcome']) ?? { name: '', gainPpm: null },
		decidedAt: number(found['decidedAt']),
		proposal: id === null ? null : { id, proposer: text(found['proposer']), ...terms(found['proposal']) },
		candidate: maybe(found['candidate']),
		draw: text(found['draw']),
		suites,
	};
}

export interface Successor {
	base: number;
	model: number;
	epoch: number;
	gainPpm: number;
}

/** Lines of descent: each begins with a model that succeeds none, and follows successors. A circle, which the chain does not make, ends its line. */
export function lineages(models: readonly number[], successors: readonly Successor[]): number[][] {
	const next = new Map(successors.map(({ base, model }) => [base, model]));
	const heirs = new Set(successors.map(({ model }) => model));
	return models
		.filter((model) => !heirs.has(model))
		.map((first) => {
			const line = [first];
			for (let at = next.get(first); at !== undefined && !line.includes(at); at = next.get(at)) line.push(at);
			return line;
		});
}

/** Steps of an epoch, in their order, and which of them is the present one. */
export const PHASES = ['nomination', 'training', 'evaluation', 'clean up', 'rest'] as const;

export interface Evolution {
	epoch: Epoch | null;
	proposals: Proposal[];
	evaluation: Evaluation | null;
	/** Newest first. */
	history: Tried[];
	models: number[];
	successors: Successor[];
	endorsementBond: bigint;
	/** Proposal that each voice endorses in this epoch. */
	endorsedBy: Map<string, number>;
}

const HISTORY = 20;

/** Reads all of it; null where the chain knows no evolution. */
export async function readEvolution(connected: Connected): Promise<Evolution | null> {
	const { api } = connected;
	if (!api.call['evolutionApi']) return null;
	const [found, proposals, evaluated, terms, ids, next, endorsed] = await Promise.all([
		ask(connected, 'evolutionApi', 'epoch'),
		ask(connected, 'evolutionApi', 'proposals'),
		ask(connected, 'evolutionApi', 'evaluation'),
		ask(connected, 'evolutionApi', 'terms'),
		ask(connected, 'modelsApi', 'models'),
		api.query['evolution']?.['nextEpoch']?.(),
		api.query['evolution']?.['endorsements']?.entries() ?? [],
	]);
	const models = list(ids).map(number);
	const start = Math.max(0, Number(next?.toString() ?? 0) - HISTORY);
	const [history, successors] = await Promise.all([
		ask(connected, 'evolutionApi', 'history', start, HISTORY),
		Promise.all(models.map((model) => ask(connected, 'evolutionApi', 'successor', model))),
	]);
	return {
		epoch: found ? epoch(found) : null,
		proposals: list(proposals).map(proposal),
		evaluation: evaluated ? evaluation(evaluated) : null,
		history: list(history).map(tried).reverse(),
		models,
		successors: successors.flatMap((value, index): Successor[] => {
			if (!value) return [];
			const { model, epoch, gainPpm } = fields(value);
			return [{ base: models[index] ?? NaN, model: number(model), epoch: number(epoch), gainPpm: number(gainPpm) }];
		}),
		endorsementBond: amount(fields(terms)['endorsementBond']),
		endorsedBy: new Map(endorsed.map(([key, record]) => [String(key.args[0]), number(fields(record.toJSON())['proposal'])])),
	};
}

/** Reason why a proposal cannot be endorsed, in words; null if it can. */
export function refuseEndorsement(now: Epoch, { id, endorsements }: Proposal, already: number | undefined): string | null {
	if (now.phase !== 'nomination' || now.now > now.until) return 'proposals are endorsed while an epoch takes nominations: wait for the next one';
	if (already === id) return 'you endorse this proposal: an endorsement is final';
	if (already !== undefined) return `you endorse proposal ${already} in this epoch: an endorsement is final`;
	if (endorsements >= now.endorsementsMax) return 'a third of all voices endorse it: the others are left to measure it';
	return null;
}
