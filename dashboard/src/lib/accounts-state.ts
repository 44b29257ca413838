// Accounts that can sign, as all views see them. Signing is loaded when it is first needed.

import { signal } from '@preact/signals';
import type { Connected } from './chain';
import type { Account, Call, Sent } from './wallet';

export const accounts = signal<Account[]>([]);
export const chosen = signal<string | null>(null);
export const accountProblem = signal<unknown>(null);

export const load = () => import('./wallet');

/** The account that signs; null before one was chosen. */
export const signing = (): Account | null => accounts.value.find(({ address }) => address === chosen.value) ?? null;

export async function useExtension() {
	accountProblem.value = null;
	try {
		const found = await (await load()).extensionAccounts();
		if (found.length === 0) {
			throw new Error('no wallet extension shows an account: install one such as polkadot{.js} or Talisman, and let it show accounts to this page');
		}
		accounts.value = [...accounts.value.filter(({ source }) => source === null), ...found];
		chosen.value = found[0]?.address ?? null;
	} catch (error) {
		accountProblem.value = error;
	}
}

/** Takes the public accounts of a development chain, and drops them on any other chain: coins there may be worth something. */
export async function followChain(connected: Connected) {
	if (connected.isDevelopment) {
		const found = await (await load()).developmentAccounts();
		accounts.value = [...accounts.value.filter(({ source }) => source !== null), ...found];
	} else {
		accounts.value = accounts.value.filter(({ source }) => source !== null);
	}
	if (!signing()) chosen.value = accounts.value[0]?.address ?? null;
}

/** A transaction of the page: one at a time, so that nothing is signed twice by a second click. */
export interface Transaction {
	/** Name of what was clicked, so that each button shows its own. */
	what: string;
	sent: Sent | null;
	error: unknown;
	isRunning: boolean;
}

export const transaction = signal<Transaction>({ what: '', sent: null, error: null, isRunning: false });

/** Has the chosen account sign a call, and follows it. Resolves to its events, or null where it failed; the state says why. */
export async function act(what: string, connected: Connected, make: (wallet: typeof import('./wallet')) => Call | Promise<Call>) {
	if (transaction.value.isRunning) return null;
	transaction.value = { what, sent: null, error: null, isRunning: true };
	try {
		const account = signing();
		if (!account) throw new Error('no account is chosen: connect a wallet extension, then choose the account that signs');
		const wallet = await load();
		const events = await wallet.submit(connected.api, account, await make(wallet), (sent) => {
			transaction.value = { ...transaction.value, sent };
		});
		transaction.value = { ...transaction.value, isRunning: false };
		return events;
	} catch (error) {
		transaction.value = { what, sent: null, error, isRunning: false };
		return null;
	}
}
