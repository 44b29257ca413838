// A session that is paid from the page, against a gateway that keeps to the till's rules, and against ones that do not.

import { hexToU8a, u8aToHex } from '@polkadot/util';
import { cryptoWaitReady, sr25519PairFromSeed, sr25519Sign, sr25519Verify } from '@polkadot/util-crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Connected } from '../../src/lib/chain';
import type { Offer, Session } from '../../src/lib/session';
import { payloadOf, readSigned } from '../../src/lib/signature';

const genesis = `0x${'07'.repeat(32)}`;
const connected = { genesis } as Connected;
const prices = { input: 1_000n, output: 10_000n };
const offers: Offer[] = [{ id: 3, operator: 'op', key: '0x02', modelRoot: '0x03', context: 8192, prices, endpoint: '', isOpen: true }];

/** Storage and locks of one browser, which its windows share. */
function browser() {
	const kept = new Map<string, string>();
	let tail: Promise<unknown> = Promise.resolve();
	vi.stubGlobal('localStorage', {
		getItem: (name: string) => kept.get(name) ?? null,
		setItem: (name: string, text: string) => void kept.set(name, text),
		removeItem: (name: string) => void kept.delete(name),
	});
	const request = (_name: string, _options: object, work: () => Promise<unknown>) => {
		const done = tail.then(work);
		tail = done.catch(() => {});
		return done;
	};
	vi.stubGlobal('navigator', { locks: { request } });
	return kept;
}

/** A window of it. */
async function open() {
	vi.resetModules();
	return import('../../src/lib/session');
}

/** Answers questions about the session; other routes are not there. */
function gateway(state: () => object) {
	vi.stubGlobal('fetch', async (path: string) => (path === '/v1/account' ? Response.json(state()) : Response.json({ error: { message: 'no', code: 'no' } }, { status: 404 })));
}

const idle = { served: '0', held: '0', known: '0', voucher: null };
const session = (key: string, more: Partial<Session> = {}): Session => ({ id: '12', offer: 3, operator: 'op', key, prices, deposit: 1_000n, settled: 0n, closing: null, ...more });
const sumOf = (voucher: string) => BigInt(voucher.split(':')[1] ?? '');
const TEST_MS = 20_000;

const serving = () => sr25519PairFromSeed(new Uint8Array(32).fill(1));
/** The receipt of an answer of two tokens to three, which costs 23 planck at these prices: what the gateway says of it, by the key of an operator. */
function receiptOver(charged: bigint): object {
	const bytes = new Uint8Array(146);
	const view = new DataView(bytes.buffer);
	view.setUint8(0, 1);
	bytes.fill(1, 1, 33).fill(2, 33, 65).fill(3, 65, 97);
	[3, 3, 2].forEach((count, index) => view.setUint32(97 + 4 * index, count, true));
	view.setBigUint64(109, 9n, true);
	view.setBigUint64(122, 12n, true);
	view.setBigUint64(130, charged, true);
	const pair = serving();
	const unsigned = readSigned(u8aToHex(new Uint8Array([...bytes, ...pair.publicKey, ...new Uint8Array(64)])));
	if (!unsigned) throw new Error('it has the bytes of a receipt');
	const scale = u8aToHex(new Uint8Array([...bytes, ...pair.publicKey, ...sr25519Sign(payloadOf(unsigned, hexToU8a(genesis)), pair)]));
	return {
		format: 'blyan/generation', version: 1, model_root: '01'.repeat(32), tokenizer: '02'.repeat(32), prompt: [1, 2, 3], answer: [4, 5], seed: 9, temperature_q8: 0, top_p_q8: 0,
		max_tokens: 2, stop: [], ends: [], end: 'end', engine: 'test', signed_receipt: { scale },
	};
}

let kept: Map<string, string>;
beforeEach(() => {
	kept = browser();
	gateway(() => idle);
});
afterEach(() => vi.unstubAllGlobals());

describe('a session that pays from the page', () => {
	test('promises what an answer can cost, by a voucher that its key has signed', async () => {
		const window = await open();
		const key = await window.makeKey();
		await window.use(connected, session(key), offers);
		const { voucher } = await window.pay({ genesis, session: '12' }, () => 300n);
		await cryptoWaitReady();
		const signature = hexToU8a(voucher.split(':')[2] ?? '');
		expect(sumOf(voucher)).toBe(300n);
		expect(sr25519Verify(await window.voucherPayload(genesis, 12n, 300n), signature, hexToU8a(key))).toBe(true);
		expect(window.paying.value?.open).toHaveLength(1);
	}, TEST_MS);

	test.each(['11', 'ff', '00'])('attack by a gateway that says that the whole deposit was promised, by a signature of %s: no voucher follows its word', async (byte) => {
		gateway(() => ({ ...idle, known: '1000', voucher: `12:1000:0x${byte.repeat(64)}` }));
		const window = await open();
		await window.use(connected, session(await window.makeKey()), offers);
		expect(sumOf((await window.pay({ genesis, session: '12' }, () => 10n)).voucher)).toBe(10n);
	}, TEST_MS);

	test('whose record was lost goes on from the largest voucher of its key', async () => {
		const window = await open();
		const key = await window.makeKey();
		await window.use(connected, session(key), offers);
		const { voucher } = await window.pay({ genesis, session: '12' }, () => 300n);
		kept.delete(`blyan/channel/1/${genesis}/12`);
		gateway(() => ({ ...idle, served: '120', known: '300', voucher }));
		const later = await open();
		await later.use(connected, session(key), offers);
		expect(later.paying.value).toMatchObject({ charged: 120n, promised: 300n, open: [] });
		kept.delete(`blyan/channel/1/${genesis}/12`);
		gateway(() => ({ ...idle, served: '301', known: '300', voucher }));
		await expect(later.use(connected, session(key), offers)).rejects.toThrow('more was served than this key has promised');
	}, TEST_MS);

	test('that is left and chosen again has promised what it had', async () => {
		const window = await open();
		const key = await window.makeKey();
		await window.use(connected, session(key), offers);
		(await window.pay({ genesis, session: '12' }, () => 300n)).refuse();
		window.leave();
		expect((await open()).paying.value).toBeNull();
		await window.use(connected, session(key), offers);
		expect(window.paying.value).toMatchObject({ promised: 300n, charged: 0n, open: [] });
	}, TEST_MS);

	test('keeps its record where an account signs in', async () => {
		const window = await open();
		await window.use(connected, session(await window.makeKey()), offers);
		kept.set('blyan/session/1', '{"account":"a"}');
		expect((await open()).paying.value?.session).toBe('12');
	}, TEST_MS);

	test('is read again by a window that was open before another one paid', async () => {
		const [first, second] = [await open(), await open()];
		const key = await first.makeKey();
		await first.use(connected, session(key), offers);
		await second.use(connected, session(key), offers);
		(await first.pay({ genesis, session: '12' }, () => 300n)).refuse();
		// The view of a session in the older window must not write its older record over that.
		await second.bring(connected, session(key, { deposit: 2_000n }), offers);
		expect(second.paying.value).toMatchObject({ promised: 300n, deposit: 2_000n });
		const { voucher } = await second.pay({ genesis, session: '12' }, () => 100n);
		expect(sumOf(voucher)).toBe(300n);
	}, TEST_MS);

	test('waits for the answer of another window before it is looked at', async () => {
		const [first, second] = [await open(), await open()];
		const key = await first.makeKey();
		await first.use(connected, session(key), offers);
		gateway(() => ({ ...idle, served: '50' }));
		let end = () => {};
		const answer = first.alone({ genesis, session: '12' }, async () => {
			const payment = await first.pay({ genesis, session: '12' }, () => 300n);
			await new Promise<void>((resume) => (end = resume));
			payment.refuse();
		});
		const looking = second.bring(connected, session(key), offers);
		await vi.waitFor(() => expect(first.paying.value?.open).toHaveLength(1));
		end();
		await answer;
		// What was refused was not charged, whatever the gateway says.
		expect(await looking).toMatchObject({ charged: 0n, open: [] });
	}, TEST_MS);

	test('an answer that a closed window left open is agreed on when nothing is computed any more', async () => {
		const window = await open();
		const key = await window.makeKey();
		await window.use(connected, session(key), offers);
		await window.pay({ genesis, session: '12' }, () => 300n);
		const later = await open();
		expect(later.paying.value?.open[0]?.state).toBe('left');
		gateway(() => ({ ...idle, held: '300' }));
		expect(await later.bring(connected, session(key), offers)).toMatchObject({ charged: 0n, open: [{ ceiling: 300n }] });
		gateway(() => ({ ...idle, served: '80' }));
		expect(await later.bring(connected, session(key), offers)).toMatchObject({ charged: 80n, open: [] });
	}, TEST_MS);

	test('is not promised by a page without encryption', async () => {
		const window = await open();
		const key = await window.makeKey();
		vi.stubGlobal('navigator', {});
		await expect(window.use(connected, session(key), offers)).rejects.toThrow('open it by https');
	}, TEST_MS);

	/** A window that pays an operator by its key. */
	async function paidWindow() {
		await cryptoWaitReady();
		const window = await open();
		const terms = offers.map((offer) => ({ ...offer, key: u8aToHex(serving().publicKey), modelRoot: `0x${'01'.repeat(32)}` }));
		await window.use(connected, session(await window.makeKey()), terms);
		return window;
	}

	const gives = (charged: bigint) => vi.stubGlobal('fetch', async (path: string) => Response.json(path === '/v1/account' ? idle : receiptOver(charged)));

	test('counts what receipts charge, and equal ones of two requests twice', async () => {
		const window = await paidWindow();
		gives(23n);
		for (const sum of [100n, 123n]) {
			const payment = await window.pay({ genesis, session: '12' }, () => 100n);
			expect(sumOf(payment.voucher)).toBe(sum);
			await payment.finish('r', 'whole');
		}
		expect(window.paying.value).toMatchObject({ charged: 46n, promised: 123n, open: [], stopped: null });
	}, TEST_MS);

	test("attack by an operator whose receipt charges more than the session's prices: it is paid no more", async () => {
		const window = await paidWindow();
		gives(24n);
		const payment = await window.pay({ genesis, session: '12' }, () => 100n);
		await expect(payment.finish('r', 'broken off')).rejects.toThrow("more than the session's prices");
		expect(window.paying.value?.charged).toBe(0n);
		await expect(window.pay({ genesis, session: '12' }, () => 1n)).rejects.toThrow('not paid any more');
	}, TEST_MS);
});
