// Sessions that are paid from the page. A key that is made here signs vouchers: a session names it when it is opened, and it is worth one deposit.

import { signal } from '@preact/signals';
import { readReceipt } from '@blyan/verifier';
import type { Connected } from './chain';
import * as channels from './channel';
import type { Channel } from './channel';
import { fetchReceipt, get, GatewayError } from './gateway';
import { ask } from './live';
import { planck } from './bly';
import { amount, fields, list, maybe, number, text } from './records';
import { fromBytes } from './governance';

/** Each key has a place of its own, so that two windows that make keys at once lose none. */
const KEYS = 'blyan/voucher-key/1';
/** Place of the record that pays. `blyan/session/1` is the session of an account (account.ts). */
const PAYING = 'blyan/paying/1';
const RECORDS = 'blyan/channel/1';

type Named = Pick<Channel, 'genesis' | 'session'>;
const placeOf = ({ genesis, session }: Named) => `${RECORDS}/${genesis}/${session}`;
const isSame = (one: Named | null, other: Named) => one !== null && placeOf(one) === placeOf(other);

/** The session that pays for the chat; null if none does. What was promised by a session is kept beyond that. */
export const paying = signal<Channel | null>(load());

function load(): Channel | null {
	try {
		const place = localStorage.getItem(PAYING);
		const found = place === null ? null : channels.fromText(localStorage.getItem(place) ?? '');
		return found && channels.resume(found);
	} catch {
		// A browser that keeps nothing has no session.
		return null;
	}
}

/** Reads the record of a session: another window of this browser may have written it. */
const recordOf = (named: Named) => channels.fromText(localStorage.getItem(placeOf(named)) ?? '');

/** Does what changes the record of a session, in one window of this browser at a time: two would each promise what the other did. */
export async function alone<T>(named: Named, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
	if (!('locks' in navigator)) throw new channels.ChannelError('this page came without encryption, so nothing can be promised here: open it by https, or use blyan connect');
	return navigator.locks.request(placeOf(named), { ...(signal && { signal }) }, work) as Promise<T>;
}

function store(place: string, text: string) {
	try {
		localStorage.setItem(place, text);
	} catch {
		throw new channels.ChannelError('this browser keeps nothing, so nothing can be promised here: allow this site to store data, or use blyan connect');
	}
}

/** Keeps the record before a voucher leaves: a record that is smaller than the truth could promise twice. */
function keep(channel: Channel) {
	store(placeOf(channel), channels.toText(channel));
	if (isSame(paying.value, channel)) paying.value = channel;
}

const seedOf = (key: string) => localStorage.getItem(`${KEYS}/${key}`);

/** Makes a key for vouchers and keeps its seed, before a session can name it. Returns its public half. */
export async function makeKey(): Promise<string> {
	const { cryptoWaitReady, randomAsU8a, sr25519PairFromSeed } = await import('@polkadot/util-crypto');
	const { u8aToHex } = await import('@polkadot/util');
	await cryptoWaitReady();
	const seed = randomAsU8a(32);
	const key = u8aToHex(sr25519PairFromSeed(seed).publicKey);
	try {
		localStorage.setItem(`${KEYS}/${key}`, u8aToHex(seed));
	} catch {
		throw new channels.ChannelError('this browser keeps nothing, so the key of a session would be lost: allow this site to store data, or use blyan session open');
	}
	return key;
}

export const hasKey = (key: string) => seedOf(key) !== null;

/** Bytes of a voucher: SCALE of context, genesis hash, session and amount (primitives/src/serving.rs). */
export async function voucherPayload(genesis: string, session: bigint, sum: bigint): Promise<Uint8Array> {
	const { compactToU8a, hexToU8a, stringToU8a, u8aConcat, bnToU8a } = await import('@polkadot/util');
	const context = stringToU8a('blyan/voucher/1');
	const le = (value: bigint, bitLength: number) => bnToU8a(value, { bitLength, isLe: true });
	return u8aConcat(compactToU8a(context.length), context, hexToU8a(genesis), le(session, 64), le(sum, 128));
}

/** Signs a voucher, as a header takes it. */
async function voucher(channel: Channel, sum: bigint): Promise<string> {
	const seed = seedOf(channel.voucherKey);
	if (!seed) throw new channels.ChannelError('the key of this session is not in this browser: open another session, and close this one under Session');
	const { cryptoWaitReady, sr25519PairFromSeed, sr25519Sign } = await import('@polkadot/util-crypto');
	const { hexToU8a, u8aToHex } = await import('@polkadot/util');
	await cryptoWaitReady();
	const signature = sr25519Sign(await voucherPayload(channel.genesis, BigInt(channel.session), sum), sr25519PairFromSeed(hexToU8a(seed)));
	return `${channel.session}:${sum}:${u8aToHex(signature)}`;
}

export interface Offer {
	id: number;
	operator: string;
	key: string;
	modelRoot: string;
	context: number;
	prices: { input: bigint; output: bigint };
	endpoint: string;
	isOpen: boolean;
}

function offer(value: unknown): Offer {
	const { id, operator, key, modelRoot, context, prices, endpoint, open } = fields(value);
	return {
		id: number(id), operator: text(operator), key: text(key), modelRoot: text(modelRoot), context: number(context), prices: pricesOf(prices),
		endpoint: fromBytes(endpoint), isOpen: open === true,
	};
}

const pricesOf = (value: unknown) => ({ input: amount(fields(value)['input']), output: amount(fields(value)['output']) });

export interface Session {
	id: string;
	offer: number;
	operator: string;
	key: string;
	prices: { input: bigint; output: bigint };
	deposit: bigint;
	settled: bigint;
	/** First block in which it can be finished, if it is being closed. */
	closing: number | null;
}

function session(id: string, value: unknown): Session {
	const found = fields(value);
	return {
		id, offer: number(found['offer']), operator: text(found['operator']), key: text(found['key']), prices: pricesOf(found['prices']),
		deposit: amount(found['deposit']), settled: amount(found['settled']), closing: maybe(found['closing']),
	};
}

export interface Sessions {
	/** Offers of the model that this gateway serves. */
	offers: Offer[];
	sessions: Session[];
	now: number;
}

const PAGE = 100;
/** Newest sessions of the chain among which those of an account are looked for. */
const LOOKED_AT = 1_000;

/** Reads offers of a model and the sessions of an account; null where the chain knows none. */
export async function readSessions(connected: Connected, payer: string | null, modelRoot: string): Promise<Sessions | null> {
	const { api } = connected;
	if (!api.call['servingApi']) return null;
	const [count, next, header] = await Promise.all([ask(connected, 'servingApi', 'offerCount'), api.query['inference']?.['nextSession']?.(), api.rpc.chain.getHeader()]);
	const starts = Array.from({ length: Math.ceil(number(count) / PAGE) }, (_, page) => page * PAGE);
	const pages = await Promise.all(starts.map((start) => ask(connected, 'servingApi', 'offers', start, PAGE)));
	const offers = pages.flatMap((page) => list(page).map(offer)).filter((one) => one.modelRoot === modelRoot);
	const last = Number(next?.toString() ?? 0);
	const ids = payer === null ? [] : Array.from({ length: Math.min(last + 1, LOOKED_AT) }, (_, place) => last - place).filter((id) => id >= 0);
	const records = ids.length > 0 ? await api.query['inference']?.['sessions']?.multi(ids) : [];
	const sessions = (records ?? []).flatMap((record, place) => {
		const found = record.toJSON();
		return found && text(fields(found)['payer']) === payer ? [session(String(ids[place]), found)] : [];
	});
	// Storage tells its end in working time; the runtime's answer has it as a block.
	const closing = await Promise.all(sessions.map(async (one) => (one.closing === null ? null : maybe(fields(await ask(connected, 'servingApi', 'session', one.id))['closing']))));
	return { offers, sessions: sessions.map((one, place) => ({ ...one, closing: closing[place] ?? one.closing })), now: header.number.toNumber() };
}

/** Has a session pay for the chat. */
export async function use(connected: Connected, session: Session, offers: readonly Offer[]) {
	const channel = await bring(connected, session, offers);
	store(PAYING, placeOf(channel));
	paying.value = channel;
}

/** Brings the record of a session up to what the chain says of it, and the gateway of answers that a closed window left open. */
export async function bring(connected: Connected, { id, offer: offerId, key, prices, deposit, settled }: Session, offers: readonly Offer[]): Promise<Channel> {
	const terms = offers.find((one) => one.id === offerId);
	if (!terms) throw new channels.ChannelError('the offer of this session is not one of this gateway: open its own page');
	if (!hasKey(key)) throw new channels.ChannelError('the key of this session is not in this browser: pay by blyan connect where it was opened, or open another session here');
	const fresh: Channel = {
		genesis: connected.genesis, session: id, offer: offerId, voucherKey: key, servingKey: terms.key, modelRoot: terms.modelRoot, context: terms.context, prices, deposit,
		promised: settled, charged: settled, open: [], unproven: 0, receipts: [], stopped: null,
	};
	return alone(fresh, async () => {
		const known = recordOf(fresh);
		const now = known ? channels.follow({ ...channels.resume(known), servingKey: terms.key }, { deposit, settled }) : await recover(fresh);
		keep(now);
		return reconcile(now);
	});
}

/** Begins the record of a session again. Of what the gateway says was promised only a voucher is believed, which this key has signed. */
async function recover(fresh: Channel): Promise<Channel> {
	const { served, promised } = await stateOf(fresh, 0n);
	const most = promised > fresh.promised ? promised : fresh.promised;
	if (most > fresh.deposit || served > most) {
		throw new channels.ChannelError('the gateway says that more was served than this key has promised: close this session and take the rest back');
	}
	return { ...fresh, charged: served > fresh.charged ? served : fresh.charged, promised: most };
}

/** Ends the payments of the chat by a session; its record stays. */
export function leave() {
	localStorage.removeItem(PAYING);
	paying.value = null;
}

interface State {
	served: bigint;
	/** Ceilings of what is computed now. */
	held: bigint;
	/** Largest voucher of this key that the gateway has. */
	promised: bigint;
}

/** Asks the gateway for the state of a session, with a voucher over `sum`. */
async function stateOf(channel: Channel, sum: bigint): Promise<State> {
	const found = await get('/v1/account', { headers: { 'x-blyan-voucher': await voucher(channel, sum) } });
	const [served, held] = [planck(found['served']), planck(found['held'])];
	if (served === null || held === null) throw new GatewayError('the gateway does not say what was served in this session: use another one', null, null);
	return { served, held, promised: await proven(channel, found['voucher']) };
}

/** Amount of a voucher, if the key of the session has signed it. */
async function proven(channel: Channel, text: unknown): Promise<bigint> {
	const [, session, sum, signature] = /^(\d{1,20}):(\d{1,39}):(0x[0-9a-f]{128})$/.exec(String(text)) ?? [];
	if (session !== channel.session || sum === undefined || signature === undefined) return 0n;
	const { cryptoWaitReady, sr25519Verify } = await import('@polkadot/util-crypto');
	const { hexToU8a } = await import('@polkadot/util');
	await cryptoWaitReady();
	const payload = await voucherPayload(channel.genesis, BigInt(session), BigInt(sum));
	try {
		return sr25519Verify(payload, hexToU8a(signature), hexToU8a(channel.voucherKey)) ? BigInt(sum) : 0n;
	} catch {
		// Bytes that are no signature sign nothing.
		return 0n;
	}
}

/** Accepts what the gateway charged for answers that broke off. What is computed now is charged later, so nothing is accepted meanwhile. */
async function reconcile(channel: Channel): Promise<Channel> {
	if (channel.open.length === 0) return channel;
	// An answer stays open while the gateway says nothing: more is left aside for it than it may cost.
	const state = await stateOf(channel, 0n).catch(() => null);
	if (state?.held !== 0n) return channel;
	const next = channels.agree(channel, state.served);
	keep(next);
	return next;
}

/** Brings a voucher over exactly what was charged before a session is closed, so that an honest operator settles no more. */
export async function promiseExactly(connected: Connected, { id }: Session) {
	const named = { genesis: connected.genesis, session: id };
	if (!recordOf(named)) return;
	const promise = async () => {
		const found = recordOf(named);
		if (!found) return;
		const channel = await reconcile(channels.resume(found));
		if (channel.charged > 0n) await stateOf(channel, channel.charged);
	};
	// A session can be closed also where its gateway is gone.
	await alone(named, promise).catch(() => {});
}

/** Payment of one answer. */
export interface Payment {
	voucher: string;
	key: string;
	/** Notes how the answer ended; `receipt` is its name, if the server gave one. */
	finish(receipt: string | null, end: 'whole' | 'left' | 'broken off'): Promise<void>;
	/** Notes that it was refused before anything was delivered. */
	refuse(): void;
}

/** Promises an answer of at most `ceiling` by a session. To be called [`alone`], until the answer has ended. */
export async function pay(named: Named, ceiling: (channel: Channel) => bigint): Promise<Payment> {
	const found = recordOf(named);
	if (!found) throw new channels.ChannelError('the record of this session is gone: choose one under Session');
	// Alone: what an earlier window had under way was left.
	const channel = await reconcile(channels.resume(found));
	const key = crypto.randomUUID();
	const promised = channels.begin(channel, key, ceiling(channel));
	const signed = await voucher(promised, promised.promised);
	keep(promised);
	const change = (make: (channel: Channel) => Channel) => {
		const next = make(recordOf(named) ?? promised);
		keep(next);
		return next;
	};
	return {
		voucher: signed,
		key,
		refuse: () => void change((now) => channels.abandon(now, key)),
		finish: async (receipt, end) => {
			const found = receipt ? await findReceipt(receipt) : null;
			if (!found) {
				await reconcile(change((now) => channels.miss(now, key, end === 'whole' ? 'missing' : end)));
				return;
			}
			const { reason, charged, id } = await judge(channel, found);
			change((now) => (reason ? channels.stop(now, reason) : channels.settle(now, key, id, charged)));
			if (reason) throw new channels.ChannelError(`${reason}: this session is not paid any more. Close it under Session`);
		},
	};
}

const TRIES = 5;

/** Receipts are there a moment after their answer. */
async function findReceipt(name: string): Promise<string | null> {
	for (let tried = 0; tried < TRIES; tried++) {
		try {
			const found = await fetchReceipt(name);
			if (readReceipt(found).signed) return found;
		} catch (error) {
			if (!(error instanceof GatewayError)) return null;
		}
		await new Promise((resume) => setTimeout(resume, 300 * (tried + 1)));
	}
	return null;
}

/** Checks a receipt before it is counted: signature, key, session, model, the answer beside it, and the charge. */
export async function judge(channel: Channel, receipt: string): Promise<{ reason: string | null; charged: bigint; id: string }> {
	const { isAbout, isSigned, payloadOf, readSigned } = await import('./signature');
	const { blake2AsHex } = await import('@polkadot/util-crypto');
	const { hexToU8a, u8aConcat } = await import('@polkadot/util');
	const record = readReceipt(receipt);
	const signed = readSigned(record.signed ?? '');
	if (!signed) return { reason: 'the receipt of an answer is malformed', charged: 0n, id: '' };
	const id = blake2AsHex(u8aConcat(payloadOf(signed, hexToU8a(channel.genesis)), hexToU8a(signed.key)), 256);
	const most = costs(channel, signed.promptTokensSeen, signed.answerTokens);
	const checks: [boolean, string][] = [
		[signed.key === channel.servingKey, "a receipt is not signed by the offer's key"],
		[signed.session === BigInt(channel.session), 'a receipt is about another session'],
		[signed.modelRoot === channel.modelRoot, 'a receipt is about another model'],
		[isAbout(signed, record), 'a receipt is not about the answer beside it'],
		[signed.charged <= most, "a receipt charges more than the session's prices"],
		[await isSigned(signed, channel.genesis), 'the signature of a receipt does not hold'],
	];
	return { reason: checks.find(([isRight]) => !isRight)?.[1] ?? null, charged: signed.charged, id };
}

const costs = ({ prices }: Channel, read: number, written: number) =>
	(prices.input * BigInt(read) + 999n) / 1_000n + (prices.output * BigInt(written) + 999n) / 1_000n;
