// A client that knows nothing of this project but the address of a node: everything it reads and
// writes is decoded and encoded by the chain's own metadata.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { startNode } from '../node.js';
import { proofOfWork } from '../work.js';

const UNIT = 1_000_000_000_000n;

let node;
let api;
let alice;
let bob;

before(async () => {
	node = await startNode();
	api = await ApiPromise.create({ provider: new WsProvider(node.url), noInitWarn: true });
	const keyring = new Keyring({ type: 'sr25519' });
	alice = keyring.addFromUri('//Alice');
	bob = keyring.addFromUri('//Bob');
}, { timeout: 180_000 });

after(async () => {
	await api?.disconnect();
	await node?.stop();
}, { timeout: 90_000 });

/** Sends a transaction and waits for its block; gives its events, or throws the pallet's error. */
function send(transaction, signer) {
	return new Promise((done, fail) => {
		transaction.signAndSend(signer, ({ status, events, dispatchError, isError }) => {
			if (isError) fail(new Error(`dropped: ${status}`));
			if (!status.isInBlock) return;
			if (!dispatchError) return done(events.map(({ event }) => event));
			const { section, name } = dispatchError.isModule
				? api.registry.findMetaError(dispatchError.asModule)
				: { section: '', name: dispatchError.toString() };
			fail(new Error(`${section}.${name}`));
		}).catch(fail);
	});
}
