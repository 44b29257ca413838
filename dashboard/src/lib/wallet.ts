// Accounts, balances and transfers. Keys stay in the wallet's extension; those of a development chain are public.

import type { ApiPromise } from '@polkadot/api';
import { Keyring } from '@polkadot/keyring';
import type { KeyringPair } from '@polkadot/keyring/types';
import { web3Accounts, web3Enable, web3FromSource } from '@polkadot/extension-dapp';
import { cryptoWaitReady } from '@polkadot/util-crypto';

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
export async function transfer(
	api: ApiPromise,
	from: Account,
	to: string,
	planck: bigint,
	onState: (sent: Sent) => void,
): Promise<void> {
	const call = api.tx['balances']?.['transferKeepAlive'];
	if (!call) throw new Error('this chain has no transfers: connect to a node of another one');
	onState({ state: 'signing', hash: null });
	const signer = from.source === null ? null : (await web3FromSource(from.source)).signer;
	const transaction = call(to, planck);
	await new Promise<void>((done, fail) => {
		const follow = ({ status, dispatchError, txHash, isError }: import('@polkadot/types/types').ISubmittableResult) => {
			const hash = txHash.toHex();
			if (isError && !status.isFinalized && !dispatchError) return fail(new Error(`the transaction was dropped (${status.type}): send it again`));
			if (dispatchError) return fail(new Error(reasonOf(api, dispatchError)));
			if (status.isFinalized) {
				onState({ state: 'final', hash });
				return done();
			}
			onState({ state: status.isInBlock ? 'in a block' : 'sent', hash });
		};
		const sending = signer
			? transaction.signAndSend(from.address, { signer: signer as never }, follow)
			: from.pair
				? transaction.signAndSend(from.pair, follow)
				: Promise.reject(new Error('this account has no key here: choose another one'));
		sending.catch(fail);
	});
}

type DispatchError = NonNullable<import('@polkadot/types/types').ISubmittableResult['dispatchError']>;

function reasonOf(api: ApiPromise, error: DispatchError): string {
	if (!error.isModule) return `the chain refuses it: ${error.toString()}`;
	const { section, name, docs } = api.registry.findMetaError(error.asModule);
	return `the chain refuses it: ${section}.${name}. ${docs.join(' ')}`;
}
