// What a client does with a chain, whichever release of the runtime it has.

import { setTimeout as sleep } from 'node:timers/promises';
import { commitmentTo, findNonce } from './work.js';

/** Smallest units in one BLY. */
export const UNIT = 1_000_000_000_000n;

/** Sends a transaction, signed with these options, and waits until its block is final; gives its events, or throws the pallet's error. */
export function send(api, transaction, signer, options = {}) {
	return new Promise((done, fail) => {
		// Immortal: a development chain finalises a block at once, and an era that begins with it can reach
		// the transaction pool before the block does.
		transaction.signAndSend(signer, { era: 0, ...options }, ({ status, events, dispatchError, isError }) => {
			if (isError) fail(new Error(`dropped: ${status}`));
			if (!status.isFinalized) return;
			if (!dispatchError) return done(events.map(({ event }) => event));
			const { section, name } = dispatchError.isModule
				? api.registry.findMetaError(dispatchError.asModule)
				: { section: '', name: dispatchError.toString() };
			fail(new Error(`${section}.${name}`));
		}).catch(fail);
	});
}

/** What an account can spend. */
export async function free(api, { address }) {
	return (await api.query.system.account(address)).data.free.toBigInt();
}

/**
 * Commits to a block of tensors that nobody has, for the first slot, and submits it when the commitment is old enough, with a
 * proof of work over the newest block whose leading zero bits `suits` accepts. Runtime APIs are asked through `asking`. Gives the
 * events of the submission.
 */
export async function submit(api, signer, block, suits, asking = api) {
	const slot = { model: 0, layer: 0, expert: 0 };
	const salt = new Uint8Array(32).fill(60);
	const commitment = commitmentTo(api.genesisHash.toU8a(), signer.publicKey, slot, block, salt);
	await send(api, api.tx.proofOfLearning.commit(commitment), signer);
	const commitments = await asking.call.learningApi.commitments(signer.address);
	const opensAt = Math.max(...commitments.map((made) => made.opensAt.toNumber()));
	// The next block holds what is sent now.
	while ((await api.rpc.chain.getHeader()).number.toNumber() + 1 < opensAt) await sleep(100);
	const header = await api.rpc.chain.getHeader();
	const nonce = findNonce(signer.publicKey, block.tensorRoot, header.hash, suits);
	const stamp = { block: header.number.toNumber(), nonce };
	const parent = (await api.query.experts.heads(slot)).unwrap().version;
	return send(api, api.tx.proofOfLearning.submit(slot, parent, block, new Uint8Array(32), stamp, salt), signer);
}

/** A block of tensors that nobody has. */
export function block(seed, size = 4096) {
	return { tensorRoot: new Uint8Array(32).fill(seed), blob: { hash: new Uint8Array(32).fill(seed + 1), size } };
}
