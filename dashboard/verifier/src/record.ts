// The record of an answer as a server writes it, read with suspicion.

/** Reasons for which an answer is over, in the order of their numbers. */
export const ENDS = ['end', 'stop', 'length', 'context', 'cancelled'] as const;
export type End = (typeof ENDS)[number];

/** Everything that an answer follows from. Seed and limit are of 64 bits, which numbers do not hold. */
export interface GenerationRecord {
	modelRoot: string;
	tokenizer: string;
	prompt: number[];
	answer: number[];
	seed: bigint;
	temperatureQ8: number;
	topPQ8: number;
	maxTokens: bigint;
	stop: string[];
	ends: number[];
	end: End;
	engine: string;
	/** The receipt that the operator signed, in hexadecimal digits of SCALE, if it signs any. */
	signed: string | null;
}

/** A receipt that is none. The message says which field is at fault. */
export class ReceiptError extends Error {
	override name = 'ReceiptError';
}

const HASH = /^[0-9a-f]{64}$/;
// Integers of 64 bits lose their last digits in a number, so they are put in quotation marks before the text is read.
const LARGE = /"(seed|max_tokens)"\s*:\s*(\d+)(?=\s*[,}])/g;

function refuse(field: string, wanted: string): never {
	throw new ReceiptError(`the receipt's ${field} is not ${wanted}: download it again from the server that gave the answer`);
}

function hash(fields: Record<string, unknown>, name: string): string {
	const value = String(fields[name] ?? '').replace(/^0x/, '');
	return HASH.test(value) ? value : refuse(name, '64 hexadecimal digits');
}

function integer(value: unknown, name: string, bits: number): bigint {
	const isWhole = typeof value === 'string' ? /^\d{1,20}$/.test(value) : Number.isSafeInteger(value);
	if (!isWhole) refuse(name, `a whole number below 2^${bits}`);
	const number = BigInt(value as string | number);
	return number >= 0n && number < 1n << BigInt(bits) ? number : refuse(name, `a whole number below 2^${bits}`);
}

function ids(fields: Record<string, unknown>, name: string): number[] {
	const value = fields[name];
	if (!Array.isArray(value)) refuse(name, 'a list of token ids');
	return value.map((id) => Number(integer(id, name, 32)));
}

function strings(fields: Record<string, unknown>, name: string): string[] {
	const value = fields[name];
	const areStrings = Array.isArray(value) && value.every((item) => typeof item === 'string');
	return areStrings ? (value as string[]) : refuse(name, 'a list of strings');
}

/** Reads a receipt from the text of its file. */
export function readReceipt(text: string): GenerationRecord {
	let fields: Record<string, unknown>;
	try {
		fields = JSON.parse(text.replace(LARGE, '"$1":"$2"')) as Record<string, unknown>;
	} catch {
		throw new ReceiptError('this is not a receipt: it is not JSON');
	}
	if (fields === null || typeof fields !== 'object' || fields['format'] !== 'blyan/generation') {
		throw new ReceiptError('this is not a receipt: its format is not "blyan/generation"');
	}
	if (fields['version'] !== 1) {
		throw new ReceiptError(`version ${String(fields['version'])} of receipts is not known here: take a newer page`);
	}
	const end = ENDS.find((name) => name === fields['end']) ?? refuse('end', `one of ${ENDS.join(', ')}`);
	const signed = fields['signed_receipt'] as { scale?: unknown } | undefined;
	return {
		modelRoot: hash(fields, 'model_root'),
		tokenizer: hash(fields, 'tokenizer'),
		prompt: ids(fields, 'prompt'),
		answer: ids(fields, 'answer'),
		seed: integer(fields['seed'], 'seed', 64),
		temperatureQ8: Number(integer(fields['temperature_q8'], 'temperature_q8', 16)),
		topPQ8: Number(integer(fields['top_p_q8'], 'top_p_q8', 16)),
		maxTokens: integer(fields['max_tokens'], 'max_tokens', 64),
		stop: strings(fields, 'stop'),
		ends: ids(fields, 'ends'),
		end,
		engine: String(fields['engine'] ?? ''),
		signed: typeof signed?.scale === 'string' ? signed.scale.replace(/^0x/, '') : null,
	};
}

/** Writes a record as the guest reads it; see `guest_record.rs`. */
export function encodeRecord(record: GenerationRecord): Uint8Array {
	const lists = [record.prompt, record.answer, record.ends];
	const count = lists.reduce((sum, list) => sum + list.length, 0);
	const view = new DataView(new ArrayBuffer(36 + 4 * count));
	view.setBigUint64(0, record.seed, true);
	view.setBigUint64(8, record.maxTokens, true);
	view.setUint16(16, record.temperatureQ8, true);
	view.setUint16(18, record.topPQ8, true);
	view.setUint8(20, ENDS.indexOf(record.end));
	view.setUint8(21, record.stop.length > 0 ? 1 : 0);
	lists.forEach((list, index) => view.setUint32(24 + 4 * index, list.length, true));
	lists.flat().forEach((id, index) => view.setUint32(36 + 4 * index, id, true));
	return new Uint8Array(view.buffer);
}
