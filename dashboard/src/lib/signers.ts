// Wallets that sign in: extensions for Substrate accounts, and providers of Ethereum. Neither sends a transaction, and no key comes here.

import { web3FromAddress } from '@polkadot/extension-dapp';
import { stringToHex } from '@polkadot/util';

/** What a wallet of Ethereum gives to a page (EIP-1193). */
interface Provider {
	request(asked: { method: string; params?: unknown[] }): Promise<unknown>;
}

const provider = () => (globalThis as { ethereum?: Provider }).ethereum;

export const hasEthereum = () => provider() !== undefined;

/** Signs a message with the extension that holds this account's key. It wraps the message in `<Bytes>`. */
export async function signWithExtension(address: string, message: string): Promise<string> {
	const { signer } = await web3FromAddress(address);
	if (!signer.signRaw) throw new Error('this wallet signs no messages: use another one');
	const { signature } = await signer.signRaw({ address, data: stringToHex(message), type: 'bytes' });
	return signature;
}

/** Asks a wallet of Ethereum for its account and chain. */
export async function ethereumAccount(): Promise<{ address: string; chainId: number }> {
	const found = provider();
	if (!found) throw new Error('there is no wallet of Ethereum in this browser: install one, or sign in with a Polkadot wallet');
	const [address] = (await found.request({ method: 'eth_requestAccounts' })) as string[];
	if (!address) throw new Error('the wallet shows no account to this page: let it show one');
	return { address, chainId: Number(await found.request({ method: 'eth_chainId' })) };
}

/** Signs a message with a wallet of Ethereum (EIP-191). */
export async function signWithEthereum(address: string, message: string): Promise<string> {
	return String(await provider()?.request({ method: 'personal_sign', params: [stringToHex(message), address] }));
}
