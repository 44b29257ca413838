// What a payer knows of one session, and what it may promise. The rules are those of `blyan connect` (cli/src/paying/channel.rs):
//
//   charged    sum of the receipts that were checked
//   open       answers whose receipt is not there yet, each with the most that it can cost
//   promised   amount of the largest voucher that was signed; it never falls
//
// The operator is promised `charged` and the ceilings of all that is open, and no planck more.

import { costOf } from './bly';

export interface OpenAnswer {
	/** Idempotency key of its request. */
	key: string;
	ceiling: bigint;
	/** `left`: its reader stopped it. `broken off`: it ended otherwise before it was whole. `missing`: it is whole. Each without a receipt. */
	state: 'under way' | 'left' | 'broken off' | 'missing';
}

export interface Channel {
	genesis: string;
	session: string;
	offer: number;
	/** Key that signs its vouchers, which is in this browser. */
	voucherKey: string;
	/** Key that signs receipts. */
	servingKey: string;
	modelRoot: string;
	context: number;
	/** Planck per 1,000 tokens, as the chain fixed them. */
	prices: { input: bigint; output: bigint };
	deposit: bigint;
	promised: bigint;
	charged: bigint;
	open: OpenAnswer[];
	/** Answers that broke off and were charged without a receipt. */
	unproven: number;
	/** Names of the newest receipts that were counted, each with the key of its request: equal answers of two requests have equal receipts. */
	receipts: string[];
	stopped: string | null;
}

/** Answers without a receipt, whole ones or broken ones, after which nothing is paid any more. */
const MISSING_MAX = 3;
const RECEIPTS_MAX = 256;

/** Reason why nothing is promised, with what to do. */
export class ChannelError extends Error {
	override name = 'ChannelError';
}

/** Most that the operator can be owed. */
export const owedMax = ({ charged, open }: Channel) => open.reduce((sum, { ceiling }) => sum + ceiling, charged);

/** Left of the deposit for further answers. */
export const leftOf = (channel: Channel) => {
	const left = channel.deposit - owedMax(channel);
	return left > 0n ? left : 0n;
};

/** Most tokens that messages can become: one a byte, and what a template writes around each. A server that counts more does not count these. */
export function promptTokensMax(messages: readonly { content: string }[]): number {
	const encoder = new TextEncoder();
	return messages.reduce((sum, { content }) => sum + encoder.encode(content).length + 64, 1024);
}

/** Most that an answer can cost at the session's prices, whatever the server says of it. Refuses a count that the words cannot have. */
export function ceilingOf(channel: Channel, messages: readonly { content: string }[], promptTokens: number, answerTokensMax: number, asked: number | undefined): bigint {
	if (!Number.isSafeInteger(promptTokens) || promptTokens < 0 || promptTokens > Math.min(promptTokensMax(messages), channel.context)) {
		throw new ChannelError(`the server counts ${promptTokens} tokens to read, which these words cannot be: nothing was paid. Use another gateway`);
	}
	const most = Math.min(asked ?? channel.context, channel.context);
	if (!Number.isSafeInteger(answerTokensMax) || answerTokensMax < 0 || answerTokensMax > most) {
		throw new ChannelError(`the server would write ${answerTokensMax} tokens, and ${most} were asked for at most: nothing was paid. Use another gateway`);
	}
	return costOf(channel.prices.input, promptTokens) + costOf(channel.prices.output, answerTokensMax);
}

const count = ({ open }: Channel, state: OpenAnswer['state']) => open.filter((one) => one.state === state).length;

/** Notes an answer that costs `ceiling` at most, and promises it. The amount of its voucher is `promised` of what is returned. */
export function begin(channel: Channel, key: string, ceiling: bigint): Channel {
	if (channel.stopped) throw new ChannelError(`this session is not paid any more: ${channel.stopped}. Close it under Session, and take the rest back`);
	const unproven = channel.unproven + count(channel, 'broken off');
	if (unproven > MISSING_MAX) {
		throw new ChannelError(`this session is not paid any more: the operator broke off ${unproven} answers and gave no receipt of them. Close it under Session, and take the rest back`);
	}
	const next = { ...channel, open: [...channel.open, { key, ceiling, state: 'under way' as const }] };
	const owed = owedMax(next);
	if (owed > channel.deposit) {
		throw new ChannelError('this answer may cost more than is left of the deposit: ask for fewer tokens under Settings, or top the session up under Session');
	}
	return { ...next, promised: owed > channel.promised ? owed : channel.promised };
}

/** Notes that a request was refused before anything was delivered. */
export const abandon = (channel: Channel, key: string): Channel => ({ ...channel, open: channel.open.filter((open) => open.key !== key) });

/** Ends all payments; the first reason is kept. */
export const stop = (channel: Channel, reason: string): Channel => ({ ...channel, stopped: channel.stopped ?? reason });

/** Notes what an answer cost by its receipt, which was checked. A receipt is counted once for a request. One above the ceiling ends the payments. */
export function settle(channel: Channel, key: string, receipt: string, charged: bigint): Channel {
	const ceiling = channel.open.find((open) => open.key === key)?.ceiling ?? 0n;
	const name = `${key}/${receipt}`;
	if (channel.receipts.includes(name)) return abandon(channel, key);
	if (charged > ceiling) return stop(channel, `a receipt charges ${charged} planck for an answer that can cost ${ceiling} at most`);
	return { ...abandon(channel, key), charged: channel.charged + charged, receipts: [...channel.receipts, name].slice(-RECEIPTS_MAX) };
}

/** Notes that no receipt came: of an answer that was left or broke off, or of a whole one. It stays open, since it may have been delivered. */
export function miss(channel: Channel, key: string, state: 'left' | 'broken off' | 'missing'): Channel {
	const next = { ...channel, open: channel.open.map((open) => (open.key === key ? { ...open, state } : open)) };
	const missing = count(next, 'missing');
	return missing > MISSING_MAX ? stop(next, `the operator gave no receipt of ${missing} answers`) : next;
}

/** Notes that the page was closed: nothing is under way any more. */
export const resume = (channel: Channel): Channel => ({
	...channel,
	open: channel.open.map((open) => (open.state === 'under way' ? { ...open, state: 'left' } : open)),
});

/** Accepts what the operator says was charged in all, for answers that broke off: between the receipts and what it can be owed at most. */
export function agree(channel: Channel, served: bigint): Channel {
	const isSettled = channel.open.length > 0 && channel.open.every(({ state }) => state === 'left' || state === 'broken off');
	if (!isSettled || served < channel.charged || served > owedMax(channel)) return channel;
	// An operator that broke off because its machine died has charged nothing for it.
	const unproven = channel.unproven + (served > channel.charged ? count(channel, 'broken off') : 0);
	return { ...channel, charged: served, open: [], unproven };
}

/** Takes over what the chain says of the session. An operator that took more than it can be owed is paid no more. */
export function follow(channel: Channel, { deposit, settled }: { deposit: bigint; settled: bigint }): Channel {
	const next = { ...channel, deposit };
	return settled > channel.promised ? stop(next, `the operator has taken ${settled} planck on the chain, and ${channel.promised} were promised`) : next;
}

const BIG = ['deposit', 'promised', 'charged'] as const;

export function toText(channel: Channel): string {
	return JSON.stringify(channel, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}

/** Reads a record; null if it is none. */
export function fromText(text: string): Channel | null {
	try {
		const found = JSON.parse(text) as Record<string, unknown> & { prices: { input: string; output: string }; open: { key: string; ceiling: string; state: OpenAnswer['state'] }[] };
		const amounts = Object.fromEntries(BIG.map((name) => [name, BigInt(String(found[name]))]));
		return {
			...(found as unknown as Channel),
			...(amounts as Pick<Channel, (typeof BIG)[number]>),
			prices: { input: BigInt(found.prices.input), output: BigInt(found.prices.output) },
			unproven: Number(found['unproven'] ?? 0),
			open: found.open.map((open) => ({ ...open, ceiling: BigInt(open.ceiling) })),
		};
	} catch {
		return null;
	}
}
