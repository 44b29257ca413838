// Accounts, balances and transfers. Keys stay in the wallet's extension; those of a development chain are public.

import type { ApiPromise } from '@polkadot/api';
import type { SubmittableExtrinsic } from '@polkadot/api/types';
import { Keyring } from '@polkadot/keyring';
import type { KeyringPair } from '@polkadot/keyring/types';
import { web3Accounts, web3Enable, web3FromSource } from '@polkadot/extension-dapp';
import { cryptoWaitReady, decodeAddress } from '@polkadot/util-crypto';
import type { EventRecord } from '@polkadot/types/interfaces';
import type { ISubmittableResult } from '@polkadot/types/types';
import { variant, words } from './records';

export interface Account {
	address: string;
	name: string;
	/** Extension that holds its key; null for an account of a development chain. */
	source: string | null;
	pair: KeyringPair | null;
}

const DEVELOPMENT = ['Alice', 'Bob', 'Charlie', 'Dave', 'Eve', 'Ferdie'];
const SS58 = 42;

/** Returns the accounts that wallet extensions show to this page; none if there is no extension, or if it was refused. */
export async function extensionAccounts(): Promise<Account[]> {
	await cryptoWaitReady();
	const extensions = await web3Enable('Blyan');
	if (extensions.length === 0) return [];
	const accounts = await web3Accounts({ ss58Format: SS58 });
	return accounts.map(({ address, meta }) => ({ address, name: meta.name ?? 'unnamed', source: meta.source, pair: null }));
}

/** Returns the accounts of a development chain. */
export async function developmentAccounts(): Promise<Account[]> {
	await cryptoWaitReady();
	const keyring = new Keyring({ type: 'sr25519', ss58Format: SS58 });
	return DEVELOPMENT.map((name) => {
		const pair = keyring.addFromUri(`//${name}`, { name });
		return { address: pair.address, name, source: null, pair };
	});
}

/** Watches what an account has: free and held, in planck. */
export async function watchBalance(
	api: ApiPromise,
	address: string,
	onChange: (free: bigint, reserved: bigint) => void,
): Promise<() => void> {
	const account = api.query['system']?.['account'];
	if (!account) throw new Error('this chain has no accounts: connect to a node of another one');
	const end = await account(address, (found: { data: { free: { toBigInt(): bigint }; reserved: { toBigInt(): bigint } } }) =>
		onChange(found.data.free.toBigInt(), found.data.reserved.toBigInt()),
	);
	return end as unknown as () => void;
}

/** State of a transaction, in words. */
export type Sent = { state: 'signing' | 'sent' | 'in a block' | 'final'; hash: string | null };

/** Sends an amount to another account, and follows the transaction until its block is final. */
export async function transfer(api: ApiPromise, from: Account, to: string, planck: bigint, onState: (sent: Sent) => void): Promise<void> {
	const call = api.tx['balances']?.['transferKeepAlive'];
	if (!call) throw new Error('this chain has no transfers: connect to a node of another one');
	await submit(api, from, call(ensureAddress(to), planck), onState);
}

/** Refuses what is no address of an account. */
export function ensureAddress(text: string): string {
	try {
		decodeAddress(text);
		return text;
	} catch {
		throw new Error(`${JSON.stringify(text)} is not the address of an account: copy the whole of it, which begins with 5 and has 48 characters`);
	}
}

/** What keeps a transaction from being taken, in words; anything else is left as it is. */
export function inWords(error: unknown): unknown {
	const message = error instanceof Error ? error.message : String(error);
	if (/pay some fees/i.test(message)) return new Error('the account cannot pay the fee: choose another one, or have some BLY sent to it');
	if (/cancelled|rejected by user|user rejected/i.test(message)) return new Error('the wallet did not sign, so nothing was sent');
	if (/outdated|stale|priority is too low|already imported/i.test(message)) return new Error('the account has another transaction on its way: wait for it, then try again');
	return error;
}

/** A call that can be signed. */
export type Call = SubmittableExtrinsic<'promise'>;

/** Makes a call by its names, or says that this chain does not have it. */
export function callOf(api: ApiPromise, pallet: string, name: string, ...args: unknown[]): Call {
	const make = api.tx[pallet]?.[name];
	if (!make) throw new Error(`this chain has no ${pallet}.${name}: connect to a node of another one`);
	return make(...args);
}

/** Wraps a call so that it is made in the name of `real`, by an account that is its proxy. */
export function throughProxy(api: ApiPromise, real: string, call: Call): Call {
	return callOf(api, 'proxy', 'proxy', real, null, call);
}

/** Signs and sends a call, and follows it until its block is final. Resolves to what the call made happen, or fails with the chain's reason. */
export async function submit(api: ApiPromise, from: Account, call: Call, onState: (sent: Sent) => void): Promise<EventRecord[]> {
	onState({ state: 'signing', hash: null });
	const signer = from.source === null ? null : (await web3FromSource(from.source)).signer;
	// A connection that is lost takes the subscription with it: no end of the transaction would ever be heard of.
	let lost = () => {};
	const included = new Promise<EventRecord[]>((done, fail) => {
		lost = () => fail(new Error('the node has left, so it is not known whether the transaction came through: connect again, and look before you send it once more'));
		const follow = ({ status, dispatchError, txHash, isError, events }: ISubmittableResult) => {
			const hash = txHash.toHex();
			if (isError && !status.isFinalized && !dispatchError) return fail(new Error(`the transaction was dropped (${status.type}): send it again`));
			if (dispatchError) return fail(new Error(reasonOf(api, dispatchError)));
			const inner = innerError(api, events);
			if (inner) return fail(new Error(reasonOf(api, inner)));
			if (status.isFinalized) {
				onState({ state: 'final', hash });
				return done(events);
			}
			onState({ state: status.isInBlock ? 'in a block' : 'sent', hash });
		};
		const sending = signer
			? call.signAndSend(from.address, { signer: signer as never }, follow)
			: from.pair
				? call.signAndSend(from.pair, follow)
				: Promise.reject(new Error('this account has no key here: choose another one'));
		sending.catch((error: unknown) => fail(inWords(error)));
	});
	api.on('disconnected', lost);
	return included.finally(() => api.off('disconnected', lost));
}

/** A proxy's call succeeds also where the call in it failed; the event says so. */
function innerError(api: ApiPromise, events: EventRecord[]): DispatchError | null {
	const isProxied = api.events['proxy']?.['ProxyExecuted'];
	const found = isProxied && events.find(({ event }) => isProxied.is(event));
	const result = found?.event.data[0] as unknown as { isErr: boolean; asErr: DispatchError } | undefined;
	return result?.isErr ? result.asErr : null;
}

/** Accounts in whose name an account may govern: of those given, the ones that made it their proxy for that, or for everything. */
export async function principals(api: ApiPromise, delegate: string, among: readonly string[], kinds: readonly string[]): Promise<string[]> {
	const query = api.query['proxy']?.['proxies'];
	if (!query || among.length === 0) return [];
	const found = await query.multi([...among]);
	const isIts = (entry: unknown) => {
		const [list] = entry as [{ delegate: { toString(): string }; proxyType: { toString(): string }; delay: { toNumber(): number } }[]];
		return list.some((one) => one.delegate.toString() === delegate && kinds.includes(one.proxyType.toString()) && one.delay.toNumber() === 0);
	};
	return among.filter((_, index) => isIts(found[index]));
}

type DispatchError = NonNullable<ISubmittableResult['dispatchError']>;

function reasonOf(api: ApiPromise, error: DispatchError): string {
	if (!error.isModule) {
		const [kind, reason] = variant(error.toJSON());
		return `the chain refuses it: ${[kind, variant(reason)[0]].filter(Boolean).map(words).join(', ')}`;
	}
	const { section, name, docs } = api.registry.findMetaError(error.asModule);
	return `the chain refuses it: ${section}.${name}. ${docs.join(' ')}`;
}
