// The receipt that an operator signs about an answer: see primitives/src/serving.rs.

import type { GenerationRecord } from '@blyan/verifier';
import { compactToU8a, hexToU8a, isHex, stringToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { cryptoWaitReady, sr25519Verify } from '@polkadot/util-crypto';

const CONTEXT = stringToU8a('blyan/receipt/1');
const RECEIPT_BYTES = 146;
const SIGNED_BYTES = RECEIPT_BYTES + 32 + 64;
const ENDS = ['end_of_turn', 'stop', 'length', 'context', 'cancelled'];

/** A signed receipt, in words. Hashes and key are hexadecimal digits with 0x. */
export interface SignedReceipt {
	version: number;
	modelRoot: string;
	tokenizer: string;
	tokensRoot: string;
	promptTokens: number;
	promptTokensSeen: number;
	answerTokens: number;
	seed: bigint;
	temperatureQ8: number;
	topPQ8: number;
	end: string;
	session: bigint;
	/** Planck. */
	charged: bigint;
	key: string;
	/** The bytes that are signed behind context and genesis hash. */
	bytes: Uint8Array;
	signature: Uint8Array;
}

/** Reads the SCALE of a signed receipt; null if it is none. */
export function readSigned(digits: string): SignedReceipt | null {
	const hex = `0x${digits.replace(/^0x/, '')}`;
	if (!isHex(hex)) return null;
	const all = hexToU8a(hex);
	if (all.length !== SIGNED_BYTES) return null;
	const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
	const bytes = (from: number, length: number) => all.slice(from, from + length);
	const end = ENDS[view.getUint8(121)];
	if (end === undefined) return null;
	return {
		version: view.getUint8(0),
		modelRoot: u8aToHex(bytes(1, 32)),
		tokenizer: u8aToHex(bytes(33, 32)),
		tokensRoot: u8aToHex(bytes(65, 32)),
		promptTokens: view.getUint32(97, true),
		promptTokensSeen: view.getUint32(101, true),
		answerTokens: view.getUint32(105, true),
		seed: view.getBigUint64(109, true),
		temperatureQ8: view.getUint16(117, true),
		topPQ8: view.getUint16(119, true),
		end,
		session: view.getBigUint64(122, true),
		charged: view.getBigUint64(130, true) | (view.getBigUint64(138, true) << 64n),
		key: u8aToHex(bytes(146, 32)),
		bytes: bytes(0, RECEIPT_BYTES),
		signature: bytes(178, 64),
	};
}

/** The bytes that the serving key signs, on the chain with this genesis hash. */
export function payloadOf(receipt: SignedReceipt, genesis: Uint8Array): Uint8Array {
	return u8aConcat(compactToU8a(CONTEXT.length), CONTEXT, genesis, receipt.bytes);
}

/** Reports whether the key signed the receipt, for the chain with this genesis hash. */
export async function isSigned(receipt: SignedReceipt, genesis: string): Promise<boolean> {
	await cryptoWaitReady();
	try {
		return sr25519Verify(payloadOf(receipt, hexToU8a(genesis)), receipt.signature, hexToU8a(receipt.key));
	} catch {
		// Bytes that are no point of the curve are no key.
		return false;
	}
}

const SIGNED_END: Record<GenerationRecord['end'], string> = {
	end: 'end_of_turn', stop: 'stop', length: 'length', context: 'context', cancelled: 'cancelled',
};

/** Reports whether a signed receipt is about the answer of a record, as far as that can be told without its tokens' root. */
export function isAbout(signed: SignedReceipt, record: GenerationRecord): boolean {
	return (
		signed.modelRoot === `0x${record.modelRoot}` &&
		signed.tokenizer === `0x${record.tokenizer}` &&
		signed.promptTokensSeen === record.prompt.length &&
		signed.answerTokens === record.answer.length &&
		signed.seed === record.seed &&
		signed.temperatureQ8 === record.temperatureQ8 &&
		signed.topPQ8 === record.topPQ8 &&
		signed.end === SIGNED_END[record.end]
	);
}
