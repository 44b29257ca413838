import type { ApiPromise } from '@polkadot/api';
import { expect, test, vi } from 'vitest';
import { submit, type Account, type Call } from '../../src/lib/wallet';

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
