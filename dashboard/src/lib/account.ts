// The account of the person at this page: made without a name or by a wallet, with its tokens, its limits, and the work that a gateway may ask for.

import { signal } from '@preact/signals';
import { wantedOf, type Wanted } from './captcha';
import { get, GatewayError } from './gateway';
import { ask, type ChatEvent, type Question, type Transport } from './stream';

/** Tokens of a session. They are in this browser's storage: a demo account has nothing else by which it could be found again. */
export interface Session {
	account: string;
	access: string;
	refresh: string;
	/** Milliseconds since 1970 until which the access token is valid. */
	until: number;
}

/** What the gateway says of an account. */
export interface Account {
	name: string;
	isDemo: boolean;
	level: string;
	free: number;
	freeLeft: number;
	requestsPerHour: number;
	requestsLeft: number;
	gatewayTokensLeft: number;
	standing: 'good' | 'quarantined' | 'banned';
	reasons: string[];
	hasAppealed: boolean;
}

/** A request in an account's history. */
export interface Past {
	receipt: string;
	endedAt: string;
	tokens: number;
	charged: string;
	isFree: boolean;
}

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const KEY = 'blyan/session/1';
/** Time before its end at which an access token is renewed. */
const MARGIN_MS = 60_000;
/** Numbers that are tried before the page is given a turn. */
const SLICE = 2_048;
/** Works for one answer: a second challenge may come where the first was too old. */
const WORKS_MAX = 2;
/** Times that a solution is sent again while its service cannot be asked, and the time between them, which is the gateway's. */
const WAITS_MAX = 2;
const WAIT_MS = 5_000;
const CONTEXT = new TextEncoder().encode('blyan/account-pow/1');

/** Whether the gateway has accounts; null while that is not known. */
export const hasAccounts = signal<boolean | null>(null);
export const session = signal<Session | null>(null);
export const account = signal<Account | null>(null);

/** Reads what was kept; anything else is no session. */
export function readSession(store: Store): Session | null {
	try {
		const found = JSON.parse(store.getItem(KEY) ?? 'null') as Partial<Session> | null;
		const isWhole = [found?.account, found?.access, found?.refresh].every((field) => typeof field === 'string');
		return found !== null && isWhole && typeof found.until === 'number' ? (found as Session) : null;
	} catch {
		return null;
	}
}

function keep(found: Session | null, store: Store = localStorage) {
	session.value = found;
	if (!found) account.value = null;
	try {
		if (found) store.setItem(KEY, JSON.stringify(found));
		else store.removeItem(KEY);
	} catch {
		// A browser that keeps nothing has its session until the page is closed.
	}
}

function sessionOf(found: Record<string, unknown>): Session {
	return {
		account: String(found['account']),
		access: String(found['access_token']),
		refresh: String(found['refresh_token']),
		until: Date.now() + Number(found['expires_in']) * 1_000,
	};
}

const post = (path: string, body: object, token?: string) =>
	get(path, {
		method: 'POST',
		headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
		body: JSON.stringify(body),
	});

/** Finds out whether the gateway has accounts, and goes on with the session that was kept. */
export async function begin(store: Store = localStorage) {
	if (hasAccounts.value === null) {
		const response = await fetch('/account');
		// Without accounts there is no such route, or it is a page's.
		hasAccounts.value = response.status === 401;
		session.value = hasAccounts.value ? readSession(store) : null;
	}
	if (session.value && !account.value) await refreshAccount();
}

/** Takes over what another tab of this browser has kept: they share one session, of which a refresh token is good once. */
function adopt(store: Store = localStorage): boolean {
	const kept = readSession(store);
	if (!kept || kept.refresh === session.value?.refresh) return false;
	if (kept.account !== session.value?.account) account.value = null;
	session.value = kept;
	return true;
}

const isFresh = ({ until }: Session) => until - MARGIN_MS > Date.now();

/** Returns the access token, renewed where its time is nearly over; null for a person without an account. */
export async function accessToken(): Promise<string | null> {
	if (!session.value) return null;
	adopt();
	if (isFresh(session.value)) return session.value.access;
	renewing ??= alone(renew).finally(() => (renewing = null));
	return renewing;
}

/** The renewal on its way: a refresh token is good once, so two at a time would end the session. */
let renewing: Promise<string | null> | null = null;

/** Does something while no other tab does it. Browsers have locks on pages by TLS and of this machine only. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
	const locks = (globalThis.navigator as { locks?: LockManager } | undefined)?.locks;
	return locks ? ((await locks.request(KEY, work)) as T) : work();
}

async function renew(): Promise<string | null> {
	// Another tab may have been faster.
	adopt();
	const known = session.value;
	if (!known || isFresh(known)) return known?.access ?? null;
	try {
		keep(sessionOf(await post('/wallet/refresh', { refresh_token: known.refresh })));
	} catch (error) {
		// Whatever else has failed may pass; a session that is over does not.
		if ((error as GatewayError).status !== 401) throw error;
		if (!adopt()) keep(null);
	}
	return session.value?.access ?? null;
}

/** Makes an account without a name. */
export async function makeDemo() {
	keep(sessionOf(await post('/account/demo', {})));
	await refreshAccount();
}

/** Signs in with a wallet. A demo account that is in use goes over to it, with its history. */
export async function signIn(address: string, chainId: number | null, sign: (message: string) => Promise<string>) {
	const asked = { address, ...(chainId !== null && { chain_id: chainId }) };
	const { message } = await post('/wallet/request_nonce', asked);
	const signature = await sign(String(message));
	const demo = account.value?.isDemo ? ((await accessToken()) ?? undefined) : undefined;
	keep(sessionOf(await post('/wallet/authenticate', { message, signature }, demo)));
	await refreshAccount();
}

/** Ends the session here and at the gateway. */
export async function signOut() {
	const token = await accessToken();
	keep(null);
	if (token) await post('/wallet/sign_out', {}, token);
}

export async function appeal(text: string) {
	const token = await accessToken();
	if (token) await post('/account/appeal', { text }, token);
	await refreshAccount();
}

/** Asks for the account's limits and standing. */
export async function refreshAccount() {
	const token = await accessToken();
	if (!token) return;
	try {
		account.value = accountOf(await get('/account', { headers: { authorization: `Bearer ${token}` } }));
	} catch (error) {
		if ((error as GatewayError).status !== 401) throw error;
		// It was ended elsewhere, or another tab has renewed it meanwhile.
		if (adopt()) return refreshAccount();
		keep(null);
	}
}

export function accountOf(found: Record<string, unknown>): Account {
	const number = (field: string) => Number(found[field] ?? 0);
	const standing = found['standing'];
	return {
		name: String(found['account']),
		isDemo: found['kind'] === 'demo',
		level: String(found['level']),
		free: number('free_requests'),
		freeLeft: number('free_requests_left'),
		requestsPerHour: number('requests_per_hour'),
		requestsLeft: number('requests_left'),
		gatewayTokensLeft: number('gateway_free_tokens_left'),
		standing: standing === 'quarantined' || standing === 'banned' ? standing : 'good',
		reasons: Array.isArray(found['reasons']) ? found['reasons'].map(String) : [],
		hasAppealed: found['has_appealed'] === true,
	};
}

export async function fetchHistory(): Promise<Past[]> {
	const token = await accessToken();
	if (!token) return [];
	const { data } = (await get('/account/history', { headers: { authorization: `Bearer ${token}` } })) as {
		data?: { receipt: string; ended_at: string; answer_tokens: number; charged: string; is_free: boolean }[];
	};
	return (data ?? []).map(({ receipt, ended_at, answer_tokens, charged, is_free }) => ({
		receipt, endedAt: ended_at, tokens: answer_tokens, charged, isFree: is_free,
	}));
}

/** What an account may ask for, in plain words. */
export function limits({ isDemo, free, freeLeft, requestsLeft, standing, gatewayTokensLeft }: Account): string {
	if (standing === 'banned') return 'The operator of this gateway has put this account aside.';
	if (standing === 'quarantined') return 'This account looks like a program and waits for the operator of this gateway.';
	if (gatewayTokensLeft === 0) return 'This gateway has no free answers left today.';
	const of = isDemo ? `${freeLeft} of ${free} free requests left` : `${freeLeft} of ${free} free requests left today`;
	const next = freeLeft > 0 ? '' : isDemo ? ': sign in with a wallet to have some every day' : ': there are more tomorrow (UTC)';
	const hour = requestsLeft < freeLeft ? `, ${requestsLeft} of them in this hour` : '';
	return `${of}${hour}${next}.`;
}

/** What stands between a question and its answer: work of the machine, or a task for the person at it. */
export interface Challenges {
	/** Bits of the work that begins; null when it ends. */
	onWork: (bits: number | null) => void;
	/** Has a person solve a task; ends with what its service gave. */
	onCaptcha: (wanted: Wanted, stop: AbortSignal) => Promise<string>;
}

/** Asks for an answer as the account of this page, and meets what the gateway may ask for first. */
export async function* askAsAccount(transport: Transport, question: Question, { onWork, onCaptcha }: Challenges): AsyncGenerator<ChatEvent> {
	let [proof, captcha]: (string | undefined)[] = [];
	let [works, waits] = [0, 0];
	for (;;) {
		try {
			yield* ask(transport, { ...question, proof, captcha });
			return;
		} catch (error) {
			const { code, details } = error instanceof GatewayError ? error : { code: null, details: null };
			const wanted = code === 'captcha_required' ? wantedOf(details, captcha !== undefined) : null;
			if (wanted) {
				captcha = await onCaptcha(wanted, question.signal);
			} else if (code === 'captcha_unavailable' && captcha !== undefined && waits++ < WAITS_MAX) {
				// The solution is still good: nothing is known about it yet.
				await pause(WAIT_MS, question.signal);
			} else if (code === 'proof_of_work_required' && details && works++ < WORKS_MAX) {
				const bits = Number(details['bits']);
				onWork(bits);
				proof = await solve(String(details['challenge']), bits, question.signal).finally(() => onWork(null));
			} else {
				throw error;
			}
		}
	}
}

/** Waits for so many milliseconds, unless it is stopped. */
async function pause(time: number, stop: AbortSignal) {
	const until = Date.now() + time;
	for (let left = time; left > 0; left = until - Date.now()) {
		stop.throwIfAborted();
		await new Promise((resume) => setTimeout(resume, Math.min(left, 100)));
	}
}

/** Searches the number that makes a challenge's hash small: see node/accounts/src/challenge.rs. */
export async function solve(challenge: string, bits: number, stop: AbortSignal): Promise<string> {
	const { blake2AsU8a } = await import('@polkadot/util-crypto/blake2');
	const token = Uint8Array.from(challenge.match(/../g) ?? [], (pair) => parseInt(pair, 16));
	const bytes = new Uint8Array(CONTEXT.length + token.length + 8);
	bytes.set(CONTEXT);
	bytes.set(token, CONTEXT.length);
	const view = new DataView(bytes.buffer, CONTEXT.length + token.length);
	for (let number = 0; ; number += 1) {
		if (number % SLICE === 0) {
			stop.throwIfAborted();
			await new Promise((resume) => setTimeout(resume));
		}
		view.setBigUint64(0, BigInt(number), true);
		if (leadingZeroBits(blake2AsU8a(bytes, 256, null, true)) >= bits) return `${challenge}:${number}`;
	}
}

export function leadingZeroBits(bytes: Uint8Array): number {
	const first = bytes.findIndex((byte) => byte !== 0);
	return first < 0 ? bytes.length * 8 : first * 8 + Math.clz32(bytes[first] ?? 0) - 24;
}
