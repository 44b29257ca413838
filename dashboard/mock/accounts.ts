// Accounts of the mock: any signature is one, every account has five free requests, words with "robot" in them ask for work,
// and those with "task of SERVICE" for a solution, of which "solved" is one.

import { randomUUID } from 'node:crypto';
import { leadingZeroBits } from '../src/lib/account';
import { blake2AsU8a } from '@polkadot/util-crypto/blake2';

/** An answer of a route: its status, and its body. */
export type Answer = [number, unknown];

interface Account {
	name: string;
	isDemo: boolean;
	left: number;
	challenge: string | null;
	/** Whether a solution was taken. */
	isPerson: boolean;
	history: object[];
}

const FREE = 5;
const BITS = 8;
const byToken = new Map<string, Account>();

const refusal = (status: number, code: string, message: string, details?: object): Answer => [status, { error: { message, type: 'invalid_request_error', param: null, code, details } }];
const unknown = () => refusal(401, 'invalid_session', 'the session is over');

function open(account: Account): Answer {
	const [access, refresh] = [`blyan_at_${randomUUID()}`, `blyan_rt_${randomUUID()}`];
	byToken.set(access, account).set(refresh, account);
	return [200, { account: account.name, access_token: access, refresh_token: refresh, expires_in: 86_400 }];
}

const make = (name: string, isDemo: boolean): Account => ({ name, isDemo, left: FREE, challenge: null, isPerson: false, history: [] });

/** Answers a route of accounts; null for any other. */
export function answer(path: string, body: Record<string, string>, authorization: string | undefined): Answer | null {
	const account = byToken.get((authorization ?? '').replace('Bearer ', ''));
	switch (path) {
		case '/account/demo':
			return open(make(`demo-${randomUUID().replace(/-/g, '')}`, true));
		case '/wallet/request_nonce':
			return [200, { message: `mock wants you to sign in with your account:\n${body['address']}`, nonce: 'mock' }];
		case '/wallet/authenticate': {
			const signedIn = account?.isDemo ? account : make('', false);
			[signedIn.name, signedIn.isDemo] = [body['message']?.split('\n')[1] ?? '', false];
			return open(signedIn);
		}
		case '/wallet/refresh': {
			const known = byToken.get(body['refresh_token'] ?? '');
			return known ? open(known) : unknown();
		}
		case '/wallet/sign_out':
			return [200, {}];
		case '/account':
			if (!account) return unknown();
			return [200, {
				account: account.name, kind: account.isDemo ? 'demo' : 'wallet', level: 'newbie', free_requests: FREE, free_requests_left: account.left,
				requests_per_hour: 100, requests_left: 100, gateway_free_tokens_left: 100_000, standing: 'good',
			}];
		case '/account/history':
			return account ? [200, { data: account.history }] : unknown();
		default:
			return null;
	}
}

/** Takes one of an account's free requests; null if it may ask. */
export function take(words: string, authorization: string | undefined, proof: string | undefined, captcha: string | undefined): Answer | null {
	const account = byToken.get((authorization ?? '').replace('Bearer ', ''));
	if (!account) return refusal(401, 'sign_in_required', 'this gateway answers accounts only');
	if (words.includes('robot') && !isSolved(account, proof)) {
		account.challenge ??= randomUUID().replace(/-/g, '');
		return refusal(429, 'proof_of_work_required', 'your requests look like a program', { challenge: account.challenge, bits: BITS });
	}
	const service = /task of (\S+)/.exec(words)?.[1];
	if (captcha === 'solved') account.isPerson = true;
	if (service && !account.isPerson) {
		return refusal(429, 'captcha_required', `your requests look like a program's, again: solve a task of ${service}`, { service, site_key: 'mock', header: 'x-blyan-captcha' });
	}
	account.isPerson = false;
	if (account.left === 0) return refusal(429, 'free_requests_used', '0 of 5 free requests are left');
	account.left -= 1;
	account.history.unshift({ receipt: 'mock-1', ended_at: new Date().toISOString().slice(0, 19) + 'Z', answer_tokens: 7, charged: '0', is_free: true });
	return null;
}

function isSolved(account: Account, proof: string | undefined): boolean {
	const [challenge, number] = (proof ?? '').split(':');
	if (!account.challenge || challenge !== account.challenge) return false;
	const bytes = Buffer.alloc(8);
	bytes.writeBigUInt64LE(BigInt(number ?? 0));
	const hashed = blake2AsU8a(Buffer.concat([Buffer.from('blyan/account-pow/1'), Buffer.from(challenge, 'hex'), bytes]));
	account.challenge = null;
	return leadingZeroBits(hashed) >= BITS;
}
