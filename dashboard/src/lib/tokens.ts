// Tokens as text, by the tokenizer that a gateway serves: a file "blyan-tokenizer-1". Its hash is in every receipt, so it is trusted no more than the model.

import { blake2AsHex } from '@polkadot/util-crypto';
import { GatewayError, refusal } from './gateway';

/** Vocabulary: bytes of each token, and the names of those that stand for no text. */
export interface Vocabulary {
	bytes(id: number): Uint8Array;
	/** Content of a token, as the tokenizer lists it; empty outside of the vocabulary. */
	name(id: number): string;
}

/** Largest file that is read: vocabularies have some megabytes. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

interface File {
	format?: unknown;
	scheme?: unknown;
	tokens?: unknown;
	added?: unknown;
	/** Stand-in for what the vocabulary cannot write. */
	unknown?: unknown;
}

/** The characters under which byte-level vocabularies write bytes: those that can be printed stand for themselves, all others follow from 256 on. */
function byteCharacters(): Map<string, number> {
	const isPrinted = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
	const table = new Map<string, number>();
	let next = 256;
	for (let byte = 0; byte < 256; byte++) table.set(String.fromCodePoint(isPrinted(byte) ? byte : next++), byte);
	return table;
}

/** Reads the file of a tokenizer. */
export function vocabulary(text: string): Vocabulary {
	const wrong = (why: string) => new GatewayError(`tokenizer.json is malformed: ${why}. Import the model again`, null, null);
	let file: File;
	try {
		file = JSON.parse(text) as File;
	} catch {
		throw wrong('it is not JSON');
	}
	if (file?.format !== 'blyan-tokenizer-1') throw wrong('its format is not "blyan-tokenizer-1"');
	if (!Array.isArray(file.tokens) || !file.tokens.every((token) => typeof token === 'string')) throw wrong('its tokens are missing');
	const tokens = file.tokens as string[];
	const added = new Map<number, { kind?: string }>();
	for (const entry of Array.isArray(file.added) ? (file.added as { id: number; kind?: string }[]) : []) added.set(entry.id, entry);
	const [encoder, table, isByteLevel] = [new TextEncoder(), byteCharacters(), file.scheme === 'byte_level'];
	const bytes = (id: number): Uint8Array => {
		const content = tokens[id];
		const entry = added.get(id);
		// Control tokens stand for no text.
		if (content === undefined || entry?.kind === 'control' || id === file.unknown) return new Uint8Array();
		if (isByteLevel && entry === undefined) {
			const found = [...content].map((char) => table.get(char));
			return found.every((byte) => byte !== undefined) ? Uint8Array.from(found as number[]) : encoder.encode(content);
		}
		if (isByteLevel) return encoder.encode(content);
		const single = /^<0x([0-9A-Fa-f]{2})>$/.exec(content)?.[1];
		return single ? Uint8Array.of(parseInt(single, 16)) : encoder.encode(content.replaceAll('▁', ' '));
	};
	return { bytes, name: (id) => tokens[id] ?? '' };
}

/** A token with the text that it stands for. Where one character has several tokens, the last one of them has it. */
export interface Piece {
	id: number;
	text: string;
	kind: 'text' | 'control' | 'part';
}

/** Splits tokens into pieces of text whose texts together are the text of all of them. */
export function pieces(ids: readonly number[], words: Vocabulary): Piece[] {
	// A byte order mark is text of the answer, too.
	const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
	return ids.map((id, index): Piece => {
		const bytes = words.bytes(id);
		const isLast = index === ids.length - 1;
		const text = decoder.decode(bytes, { stream: !isLast });
		if (bytes.length === 0) return { id, text: text + words.name(id), kind: 'control' };
		if (text === '') return { id, text, kind: 'part' };
		return { id, text, kind: 'text' };
	});
}

/** Fetches the tokenizer of a model from its gateway, and holds it against the hash in the receipt. */
export async function fetchVocabulary(modelRoot: string, hash: string): Promise<Vocabulary> {
	const response = await fetch(`/v1/models/0x${modelRoot.replace(/^0x/, '')}/files/tokenizer.json`);
	if (!response.ok) throw await refusal(response);
	return checked(new Uint8Array(await response.arrayBuffer()), hash);
}

/** Reads a tokenizer if it is the one of this hash. */
export function checked(bytes: Uint8Array, hash: string): Vocabulary {
	if (bytes.length > FILE_BYTES_MAX) throw new GatewayError('tokenizer.json is larger than any tokenizer: pick the folder of the model', null, null);
	const found = blake2AsHex(bytes, 256);
	if (found !== `0x${hash.replace(/^0x/, '')}`) {
		throw new GatewayError(`this tokenizer is ${found.slice(0, 12)}…, and the receipt names another one: pick the folder of that model`, null, null);
	}
	return vocabulary(new TextDecoder().decode(bytes));
}
