// The commitment before a submission and the proof of work that it carries, as the chain checks them.

import { blake2AsU8a } from '@polkadot/util-crypto';

const CONTEXT = new TextEncoder().encode('blyan/pow/1');

function leadingZeroBits(hash) {
	let bits = 0;
	for (const byte of hash) {
		if (byte !== 0) return bits + Math.clz32(byte) - 24;
		bits += 8;
	}
	return bits;
}

/** The first nonce whose stamp over account, tensor root and block hash has as many leading zero bits as `suits` wants. */
export function findNonce(account, tensorRoot, blockHash, suits) {
	const input = new Uint8Array([...CONTEXT, ...account, ...tensorRoot, ...blockHash, ...new Uint8Array(8)]);
	const nonceAt = new DataView(input.buffer, input.length - 8);
	for (let nonce = 0n; ; nonce++) {
		nonceAt.setBigUint64(0, nonce, true);
		if (suits(leadingZeroBits(blake2AsU8a(input)))) return nonce;
	}
}

const COMMITMENT_CONTEXT = new TextEncoder().encode('blyan/commitment/1');

/** The hash that commits an account to a block in a slot: all of its inputs have a fixed length. */
export function commitmentTo(genesis, account, slot, block, salt) {
	const place = new DataView(new ArrayBuffer(7));
	place.setUint32(0, slot.model, true);
	place.setUint8(4, slot.layer);
	place.setUint16(5, slot.expert, true);
	const size = new DataView(new ArrayBuffer(4));
	size.setUint32(0, block.blob.size, true);
	return blake2AsU8a(new Uint8Array([
		...COMMITMENT_CONTEXT,
		...genesis,
		...account,
		...new Uint8Array(place.buffer),
		...block.tensorRoot,
		...block.blob.hash,
		...new Uint8Array(size.buffer),
		...salt,
	]));
}
