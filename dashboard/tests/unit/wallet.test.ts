import type { ApiPromise } from '@polkadot/api';
import { expect, test, vi } from 'vitest';
import { ensureAddress, inWords, submit, type Account, type Call } from '../../src/lib/wallet';

// It looks for the window of a browser as soon as it is loaded.
vi.mock('@polkadot/extension-dapp', () => ({ web3Accounts: vi.fn(), web3Enable: vi.fn(), web3FromSource: vi.fn() }));

const account = { address: 'a', name: 'a', source: null, pair: {} } as Account;

/** A node whose end a test decides about. */
function node() {
	const listeners = new Set<() => void>();
	const api = { events: {}, on: (_: string, act: () => void) => listeners.add(act), off: (_: string, act: () => void) => listeners.delete(act) };
	return { api: api as unknown as ApiPromise, listeners };
}

const calling = (follow: (tell: (state: object) => void) => void) => ({ signAndSend: async (_: unknown, tell: (state: object) => void) => follow(tell) }) as unknown as Call;
const state = (isFinalized: boolean) => ({ status: { isFinalized, isInBlock: !isFinalized }, txHash: { toHex: () => '0x01' }, isError: false, events: [] });

test('a transaction whose node leaves ends, and does not hold up the next one', async () => {
	const { api, listeners } = node();
	const sent = submit(api, account, calling((tell) => tell(state(false))), () => {});
	await Promise.resolve();
	listeners.forEach((leave) => leave());
	await expect(sent).rejects.toThrow('not known whether the transaction came through');
	expect(listeners.size).toBe(0);
});

test('a transaction is over when its block is final', async () => {
	const { api, listeners } = node();
	const seen: string[] = [];
	const done = submit(api, account, calling((tell) => (tell(state(false)), tell(state(true)))), (sent) => seen.push(sent.state));
	expect(await done).toEqual([]);
	expect([seen, listeners.size]).toEqual([['signing', 'in a block', 'final'], 0]);
});

test('what is no address is refused in words, before anything is signed', () => {
	const address = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY';
	expect(ensureAddress(address)).toBe(address);
	for (const text of ['', '5abc', address.slice(1), address.replace('G', 'H')]) expect(() => ensureAddress(text)).toThrow('is not the address of an account: copy the whole of it');
});

test('what keeps a transaction from being taken is said in words', async () => {
	const { api } = node();
	const refused = (message: string) => submit(api, account, { signAndSend: async () => Promise.reject(new Error(message)) } as unknown as Call, () => {});
	await expect(refused('1010: Invalid Transaction: Inability to pay some fees (e.g. account balance too low)')).rejects.toThrow('cannot pay the fee');
	await expect(refused('Cancelled')).rejects.toThrow('did not sign');
	await expect(refused('1014: Priority is too low: (1 vs 1)')).rejects.toThrow('another transaction on its way');
	expect(inWords('something')).toBe('something');
});

test('a refusal of the chain that no pallet explains is in words', async () => {
	const { api } = node();
	const dispatchError = { isModule: false, toJSON: () => ({ token: 'FundsUnavailable' }) };
	await expect(submit(api, account, calling((tell) => tell({ ...state(false), dispatchError })), () => {})).rejects.toThrow('the chain refuses it: token, funds unavailable');
});
