// The conversation, which lives in this browser and nowhere else.

export interface Turn {
	role: 'user' | 'assistant';
	content: string;
	/** Of an answer: name of its receipt, tokens, planck as a string, tokens a second. */
	receipt?: string;
	tokens?: number;
	cost?: string;
	speed?: number;
	/** Reason for which it is not whole. */
	cut?: 'length' | 'stopped' | 'failed';
}

export interface Settings {
	system: string;
	temperature: string;
	topP: string;
	maxTokens: string;
	seed: string;
	transport: 'websocket' | 'sse';
}

export const DEFAULTS: Settings = { system: '', temperature: '0.7', topP: '0.9', maxTokens: '256', seed: '', transport: 'websocket' };

/** Setting that is not one, with what it should be. */
export class SettingError extends Error {
	override name = 'SettingError';
}

function number(text: string, name: string, min: number, max: number): number | undefined {
	if (text.trim() === '') return undefined;
	const value = Number(text);
	if (Number.isFinite(value) && value >= min && value <= max) return value;
	throw new SettingError(`${name} is ${JSON.stringify(text)}: write a number from ${min} to ${max}, or nothing`);
}

/** Makes the body of a request of turns and settings. */
export function requestOf(model: string, turns: readonly Turn[], settings: Settings): Record<string, unknown> {
	const messages = turns.map(({ role, content }) => ({ role, content }));
	const system = settings.system.trim();
	const seed = settings.seed.trim();
	if (seed && (!/^\d{1,20}$/.test(seed) || BigInt(seed) >= 1n << 64n)) {
		throw new SettingError(`The seed is ${JSON.stringify(seed)}: write a whole number below 2^64, or nothing`);
	}
	const tokens = number(settings.maxTokens, 'Tokens at most', 1, 1 << 24);
	if (tokens !== undefined && !Number.isInteger(tokens)) throw new SettingError('Tokens at most is not whole: write a whole number');
	return {
		model,
		messages: system ? [{ role: 'system', content: system }, ...messages] : messages,
		temperature: number(settings.temperature, 'Temperature', 0, 2),
		top_p: number(settings.topP, 'Top-p', 0, 1),
		max_tokens: tokens,
		// A string: seeds have 64 bits and numbers 53.
		seed: seed || undefined,
	};
}

const KEY = 'blyan/conversation/1';
/** Characters that are kept. Browsers give five million to a site. */
const KEPT_MAX = 1_000_000;

/** Drops the oldest turns until the rest fits, a question with its answer. */
export function fitting(turns: readonly Turn[], kept = KEPT_MAX): Turn[] {
	let rest = [...turns];
	while (rest.length > 0 && JSON.stringify(rest).length > kept) rest = rest.slice(2);
	return rest;
}

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export function save(store: Store, turns: readonly Turn[], settings: Settings) {
	try {
		store.setItem(KEY, JSON.stringify({ turns: fitting(turns), settings }));
	} catch {
		// A browser that keeps nothing still shows the conversation.
	}
}

/** Reads what was kept; a conversation that another version wrote is dropped. */
export function load(store: Store): { turns: Turn[]; settings: Settings } {
	try {
		const found = JSON.parse(store.getItem(KEY) ?? '{}') as { turns?: Turn[]; settings?: Partial<Settings> };
		const isTurn = (turn: Turn) => (turn.role === 'user' || turn.role === 'assistant') && typeof turn.content === 'string';
		const turns = Array.isArray(found.turns) && found.turns.every(isTurn) ? found.turns : [];
		const known = Object.keys(DEFAULTS) as (keyof Settings)[];
		const kept = known.filter((name) => typeof found.settings?.[name] === 'string');
		return { turns, settings: { ...DEFAULTS, ...Object.fromEntries(kept.map((name) => [name, found.settings?.[name]])) } };
	} catch {
		return { turns: [], settings: DEFAULTS };
	}
}
