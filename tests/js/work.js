// The proof of work a submission carries, as the chain checks it.

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
