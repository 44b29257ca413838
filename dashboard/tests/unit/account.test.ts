import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as own from '../../src/lib/account';
import { GatewayError } from '../../src/lib/gateway';
import type { ChatEvent } from '../../src/lib/stream';

const signal = new AbortController().signal;
const tokens = (name: string, number: number) => ({ account: name, access_token: `at-${number}`, refresh_token: `rt-${number}`, expires_in: 86_400 });
const described = {
	account: 'demo-1', kind: 'demo', level: 'newbie', free_requests: 5, free_requests_left: 3, requests_per_hour: 100, requests_left: 90,
	gateway_free_tokens_left: 1_000, standing: 'good',
};

/** What was asked of a gateway that answers by path. */
function gateway(answers: Record<string, (body: Record<string, unknown>, token: string | null) => [number, unknown]>) {
	const asked: string[] = [];
	vi.stubGlobal('fetch', async (path: string, init?: RequestInit) => {
		asked.push(path);
		const headers = new Headers(init?.headers);
		const [status, body] = answers[path]?.(JSON.parse(String(init?.body ?? '{}')) as Record<string, unknown>, headers.get('authorization')) ?? [404, {}];
		return new Response(JSON.stringify(body), { status });
	});
	return asked;
}

function storage() {
	const kept = new Map<string, string>();
	return {
		getItem: (key: string) => kept.get(key) ?? null,
		setItem: (key: string, value: string) => void kept.set(key, value),
		removeItem: (key: string) => void kept.delete(key),
	};
}

let store = storage();
beforeEach(() => {
	store = storage();
	vi.stubGlobal('localStorage', store);
	[own.hasAccounts.value, own.session.value, own.account.value] = [null, null, null];
});
afterEach(() => vi.unstubAllGlobals());

describe('an account', () => {
	test('is made without a name, is there again after the page is loaded again, and goes over to a wallet', async () => {
		const seen: unknown[] = [];
		gateway({
			'/account': (_, token) => (token ? [200, described] : [401, {}]),
			'/account/demo': () => [200, tokens('demo-1', 1)],
			'/wallet/request_nonce': (body) => (seen.push(body), [200, { message: 'sign me' }]),
			'/wallet/authenticate': (body, token) => (seen.push([body, token]), [200, tokens('0xab', 2)]),
		});
		await own.begin(store);
		expect(own.hasAccounts.value).toBe(true);
		await own.makeDemo();
		expect(own.account.value).toMatchObject({ isDemo: true, freeLeft: 3 });
		[own.hasAccounts.value, own.session.value] = [null, null];
		await own.begin(store);
		expect(own.readSession(store)?.account).toBe('demo-1');
		await own.signIn('0xab', 137, async (message) => `signed ${message}`);
		expect(seen).toEqual([{ address: '0xab', chain_id: 137 }, [{ message: 'sign me', signature: 'signed sign me' }, 'Bearer at-1']]);
		expect(own.readSession(store)?.access).toBe('at-2');
	});

	test('is not asked for where a gateway has none', async () => {
		gateway({});
		await own.begin(store);
		expect(own.hasAccounts.value).toBe(false);
		expect(await own.accessToken()).toBeNull();
	});

	test('renews its token once, however many ask for it, and ends where it was used twice', async () => {
		let refreshes = 0;
		gateway({
			'/wallet/refresh': ({ refresh_token }) => (refreshes++, refresh_token === 'rt-1' ? [200, tokens('a', 2)] : [401, { error: { message: 'used', code: 'session_revoked' } }]),
		});
		own.session.value = { account: 'a', access: 'at-1', refresh: 'rt-1', until: 0 };
		expect(await Promise.all([own.accessToken(), own.accessToken(), own.accessToken()])).toEqual(['at-2', 'at-2', 'at-2']);
		expect(refreshes).toBe(1);
		store.removeItem('blyan/session/1');
		own.session.value = { account: 'a', access: 'at-2', refresh: 'rt-0', until: 0 };
		expect(await own.accessToken()).toBeNull();
		expect(own.session.value).toBeNull();
	});

	test('goes on with what another tab has renewed, and does not end it for both', async () => {
		const refreshed: unknown[] = [];
		gateway({
			'/wallet/refresh': ({ refresh_token }) => (refreshed.push(refresh_token), [401, { error: { message: 'used', code: 'session_revoked' } }]),
			'/account': (_, token) => (token === 'Bearer at-3' ? [200, described] : [401, { error: { message: 'over', code: 'invalid_session' } }]),
		});
		const other = { account: 'a', access: 'at-2', refresh: 'rt-2', until: Date.now() + 3_600_000 };
		own.session.value = { account: 'a', access: 'at-1', refresh: 'rt-1', until: 0 };
		store.setItem('blyan/session/1', JSON.stringify(other));
		expect(await own.accessToken()).toBe('at-2');
		expect(refreshed).toEqual([]);
		// This tab's token ends while it asks, since the other one has renewed again.
		vi.stubGlobal('fetch', ((ask) => async (path: string, init?: RequestInit) => {
			const answer = await ask(path, init);
			store.setItem('blyan/session/1', JSON.stringify({ ...other, access: 'at-3', refresh: 'rt-3' }));
			return answer;
		})(fetch));
		await own.refreshAccount();
		expect(own.account.value).toMatchObject({ isDemo: true });
		expect(own.readSession(store)?.access).toBe('at-3');
	});

	test('is kept where the gateway only fails', async () => {
		gateway({ '/wallet/refresh': () => [503, { error: { message: 'busy', code: 'overloaded' } }] });
		own.session.value = { account: 'a', access: 'at-1', refresh: 'rt-1', until: 0 };
		await expect(own.accessToken()).rejects.toThrow('busy');
		expect(own.session.value).not.toBeNull();
	});

	test.each(['', 'null', '{}', '[1]', '{"account":"a","access":"b","refresh":3,"until":1}', 'no'])('is not read from %j', (text) => {
		store.setItem('blyan/session/1', text);
		expect(own.readSession(store)).toBeNull();
	});
});

describe('limits', () => {
	const of = (change: object) => own.limits(own.accountOf({ ...described, ...change }));
	test('are told in plain words, with the way out', () => {
		expect(of({})).toBe('3 of 5 free requests left.');
		expect(of({ free_requests_left: 0 })).toBe('0 of 5 free requests left: sign in with a wallet to have some every day.');
		expect(of({ kind: 'wallet', free_requests_left: 0 })).toBe('0 of 5 free requests left today: there are more tomorrow (UTC).');
		expect(of({ kind: 'wallet', requests_left: 1 })).toBe('3 of 5 free requests left today, 1 of them in this hour.');
		expect(of({ gateway_free_tokens_left: 0 })).toContain('no free answers left today');
		expect(of({ standing: 'quarantined' })).toContain('looks like a program');
		expect(of({ standing: 'banned' })).toContain('put this account aside');
	});
});

/** A person that is not to be asked. */
const onCaptcha = () => Promise.reject(new Error('a person was asked'));

describe('work', () => {
	test('is what the gateway checks: the number of its own test', async () => {
		expect(await own.solve('07'.repeat(16), 12, signal)).toBe(`${'07'.repeat(16)}:5948`);
	});

	test('counts zero bits across bytes', () => {
		expect(own.leadingZeroBits(Uint8Array.of(0, 0, 16))).toBe(19);
		expect(own.leadingZeroBits(Uint8Array.of(255))).toBe(0);
		expect(own.leadingZeroBits(new Uint8Array(4))).toBe(32);
	});

	test('is stopped with the answer', async () => {
		await expect(own.solve('00', 200, AbortSignal.timeout(30))).rejects.toThrow();
	});

	test('is done when it is asked for, and the question is sent again with it', async () => {
		const challenge = 'ab'.repeat(16);
		const proofs: (string | null)[] = [];
		vi.stubGlobal('fetch', async (_: string, init?: RequestInit) => {
			const proof = new Headers(init?.headers).get('x-blyan-proof');
			proofs.push(proof);
			if (proof) return new Response('data: [DONE]\n\n', { status: 200 });
			const error = { message: 'work', code: 'proof_of_work_required', details: { challenge, bits: 4 } };
			return new Response(JSON.stringify({ error }), { status: 429 });
		});
		const [events, bits]: [ChatEvent[], (number | null)[]] = [[], []];
		const question = { body: {}, apiKey: 'at-1', prices: { isFree: true, input: 0n, output: 0n }, signal };
		for await (const event of own.askAsAccount('sse', question, { onWork: (asked) => bits.push(asked), onCaptcha })) events.push(event);
		expect(events.map(({ type }) => type)).toEqual(['start', 'end']);
		expect(bits).toEqual([4, null]);
		expect(proofs[0]).toBeNull();
		expect(proofs[1]).toMatch(new RegExp(`^${challenge}:\\d+$`));
	});

	test('is not done for another refusal', async () => {
		vi.stubGlobal('fetch', async () => new Response(JSON.stringify({ error: { message: 'no', code: 'free_requests_used' } }), { status: 429 }));
		const question = { body: {}, apiKey: '', prices: { isFree: true, input: 0n, output: 0n }, signal };
		const asked = own.askAsAccount('sse', question, { onWork: () => {}, onCaptcha }).next();
		await expect(asked).rejects.toBeInstanceOf(GatewayError);
	});
});

describe('a task for a person', () => {
	const details = { service: 'turnstile', site_key: 'site', header: 'x-blyan-captcha' };
	const question = { body: {}, apiKey: 'at-1', prices: { isFree: true, input: 0n, output: 0n }, signal };
	afterEach(() => void vi.useRealTimers());

	/** A gateway that answers each solution by this; tells what it was sent. */
	function asking(answers: Record<string, string | null>, of: object = details) {
		const sent: (string | null)[] = [];
		vi.stubGlobal('fetch', async (_: string, init?: RequestInit) => {
			const solution = new Headers(init?.headers).get('x-blyan-captcha');
			sent.push(solution);
			const code = solution === null ? 'captcha_required' : answers[solution];
			if (!code) return new Response('data: [DONE]\n\n', { status: 200 });
			return new Response(JSON.stringify({ error: { message: code, code, details: of } }), { status: 429 });
		});
		return sent;
	}

	async function ask(solutions: string[]) {
		const asked: boolean[] = [];
		const types: string[] = [];
		const challenges = {
			onWork: () => {},
			onCaptcha: async ({ isAgain }: { isAgain: boolean }) => (asked.push(isAgain), solutions.shift() ?? ''),
		};
		for await (const { type } of own.askAsAccount('sse', question, challenges)) types.push(type);
		return { asked, types };
	}

	test('is solved, and the question is sent again with the solution', async () => {
		const sent = asking({ good: null });
		expect(await ask(['good'])).toEqual({ asked: [false], types: ['start', 'end'] });
		expect(sent).toEqual([null, 'good']);
	});

	test('is asked for again where the gateway does not take the solution', async () => {
		const sent = asking({ old: 'captcha_required', good: null });
		expect((await ask(['old', 'good'])).asked).toEqual([false, true]);
		expect(sent).toEqual([null, 'old', 'good']);
	});

	test('is not asked for twice while only its service cannot be asked', async () => {
		vi.useFakeTimers();
		const answers: Record<string, string | null> = { good: 'captcha_unavailable' };
		const sent = asking(answers);
		const asked = ask(['good']);
		await vi.advanceTimersByTimeAsync(2_000);
		answers['good'] = null;
		await vi.advanceTimersByTimeAsync(5_000);
		expect((await asked).asked).toEqual([false]);
		expect(sent).toEqual([null, 'good', 'good']);
	});

	test('ends in words where its service stays away', async () => {
		vi.useFakeTimers();
		const sent = asking({ good: 'captcha_unavailable' });
		const asked = expect(ask(['good'])).rejects.toMatchObject({ code: 'captcha_unavailable' });
		await vi.advanceTimersByTimeAsync(60_000);
		await asked;
		expect(sent).toHaveLength(4);
	});

	test('of a service without a widget here is a refusal like any other', async () => {
		asking({}, { ...details, service: 'captcha.example' });
		await expect(ask(['good'])).rejects.toMatchObject({ code: 'captcha_required' });
	});
});
