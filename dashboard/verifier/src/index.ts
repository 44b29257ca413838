// Host of the WebAssembly module: hands it a model and a receipt, and runs it a position at a time.

import { ENDS, encodeRecord, readReceipt, type End, type GenerationRecord } from './record';
import type { ModelSource } from './source';

export { ENDS, readReceipt, ReceiptError, type End, type GenerationRecord } from './record';
export { fromFiles, fromGateway, readManifest, SourceError, type Manifest, type ModelSource } from './source';

/** First place where an answer is not what its model gives. */
export type Difference =
	| { kind: 'token'; index: number; expected: number; found: number }
	/** All tokens are right. `tokens` and `expected`: where and why the answer ends by the definition; null if it goes on. */
	| { kind: 'end'; tokens: number | null; expected: End | null; found: End };

/** Result of a check. */
export interface Verdict {
	equal: boolean;
	/** False where the end could not be checked, since the request had stop strings. */
	endChecked: boolean;
	firstDifference: Difference | null;
	/** Root of the model, from its bytes. */
	modelRoot: string;
	/** Root over the tokens of prompt and answer, by which a signed receipt names them. */
	tokensRoot: string;
	/** Tokens of the answer. */
	tokens: number;
	seconds: number;
}

/** Step of a check: parts of the model that were loaded, or positions that were computed. */
export interface Progress {
	step: 'load' | 'check';
	done: number;
	total: number;
}

export interface Options {
	/** The module's bytes, or what was compiled of them. */
	module: BufferSource | WebAssembly.Module;
	onProgress?: (progress: Progress) => void;
	signal?: AbortSignal;
}

/** Reason why nothing can be said about an answer. */
export class VerifierError extends Error {
	override name = 'VerifierError';
}

/** Functions of the module; see `guest.rs`. */
interface Guest {
	memory: WebAssembly.Memory;
	input(length: number): number;
	open(): number;
	parts(): number;
	part_bytes(part: number): number;
	put(part: number): number;
	seal(): number;
	begin(): number;
	step(): number;
	position(): number;
	positions(): number;
	output(): number;
	output_len(): number;
}

const REFUSED = 1;
const EQUAL = 2;
const EQUAL_BUT_END = 3;
const DIFFERENT = 4;
const NONE = 0xffff_ffff;
/** Time after which others get a turn, in milliseconds. */
const TURN = 50;

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A model in memory, by which answers are computed again. */
export class Verifier {
	private constructor(
		private readonly guest: Guest,
		/** Root of the model, from its bytes. */
		readonly modelRoot: string,
	) {}

	/** Loads a model and checks every byte of it. */
	static async load(source: ModelSource, { module, onProgress, signal }: Options): Promise<Verifier> {
		const compiled = module instanceof WebAssembly.Module ? module : await WebAssembly.compile(module);
		const guest = (await WebAssembly.instantiate(compiled, {})).exports as unknown as Guest;
		const { architecture, parts } = await source.manifest(signal);
		give(guest, architecture);
		ensure(guest, guest.open());
		if (guest.parts() !== parts.length) {
			throw new VerifierError(`model.json lists ${parts.length} parts, and its architecture has ${guest.parts()}: import the model again`);
		}
		for (const [index, name] of parts.entries()) {
			onProgress?.({ step: 'load', done: index, total: parts.length });
			signal?.throwIfAborted();
			const file = await source.part(name, signal);
			// Nothing of a wrong length needs to be copied to be refused.
			if (file.length !== guest.part_bytes(index)) {
				throw new VerifierError(`part ${name} has ${file.length} bytes instead of ${guest.part_bytes(index)}: get its file again`);
			}
			give(guest, file);
			ensure(guest, guest.put(index));
		}
		onProgress?.({ step: 'load', done: parts.length, total: parts.length });
		ensure(guest, guest.seal());
		return new Verifier(guest, hex(output(guest)));
	}

	/** Computes an answer of this model again, up to the first difference. */
	async verify(receipt: GenerationRecord, { onProgress, signal }: Omit<Options, 'module'> = {}): Promise<Verdict> {
		if (receipt.modelRoot !== this.modelRoot) {
			throw new VerifierError(
				`the receipt is about model 0x${receipt.modelRoot}, and these files are model 0x${this.modelRoot}: pick the directory of that model`,
			);
		}
		const { guest } = this;
		const began = performance.now();
		give(guest, encodeRecord(receipt));
		ensure(guest, guest.begin());
		const tokensRoot = hex(output(guest));
		let turn = performance.now();
		let status = 0;
		while ((status = guest.step()) === 0) {
			if (performance.now() - turn < TURN) continue;
			onProgress?.({ step: 'check', done: guest.position(), total: guest.positions() });
			await new Promise((resume) => setTimeout(resume));
			signal?.throwIfAborted();
			turn = performance.now();
		}
		ensure(guest, status);
		onProgress?.({ step: 'check', done: guest.position(), total: guest.positions() });
		return {
			equal: status === EQUAL || status === EQUAL_BUT_END,
			endChecked: status !== EQUAL_BUT_END,
			firstDifference: status === DIFFERENT ? difference(output(guest)) : null,
			modelRoot: this.modelRoot,
			tokensRoot,
			tokens: receipt.answer.length,
			seconds: (performance.now() - began) / 1000,
		};
	}
}

/** Loads the model of a receipt and computes its answer again, up to the first difference. */
export async function verify(
	receipt: GenerationRecord | string | object,
	model: ModelSource,
	options: Options,
): Promise<Verdict> {
	const record = asRecord(receipt);
	const verifier = await Verifier.load(model, options);
	return verifier.verify(record, options);
}

function asRecord(receipt: GenerationRecord | string | object): GenerationRecord {
	if (typeof receipt === 'string') return readReceipt(receipt);
	if ('modelRoot' in receipt) return receipt as GenerationRecord;
	const { seed } = receipt as { seed?: unknown };
	if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
		throw new VerifierError('the seed of this receipt has lost its last digits in a number: give the text of the receipt instead');
	}
	return readReceipt(JSON.stringify(receipt));
}

/** Copies an argument into the module. Its memory may move when it grows, so the view is made again each time. */
function give(guest: Guest, bytes: Uint8Array) {
	const at = guest.input(bytes.length) >>> 0;
	new Uint8Array(guest.memory.buffer, at, bytes.length).set(bytes);
}

function output(guest: Guest): Uint8Array {
	return new Uint8Array(guest.memory.buffer, guest.output() >>> 0, guest.output_len() >>> 0).slice();
}

function ensure(guest: Guest, status: number) {
	if (status === REFUSED) throw new VerifierError(new TextDecoder().decode(output(guest)));
}

function difference(bytes: Uint8Array): Difference {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const [kind, first, expected, found] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [number, number, number, number];
	if (kind === 0) return { kind: 'token', index: first, expected, found };
	const end = (number: number) => ENDS[number] ?? null;
	return { kind: 'end', tokens: first === NONE ? null : first, expected: end(expected), found: end(found) ?? 'cancelled' };
}
