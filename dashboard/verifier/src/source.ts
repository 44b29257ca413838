// Where the files of a model come from. No source is trusted: every byte is checked against the root that the receipt names.

/** Description of a model, as far as it is needed to ask for its parts. */
export interface Manifest {
	/** Record of the architecture. */
	architecture: Uint8Array;
	/** Names of the parts, in order. */
	parts: string[];
}

/** Files of a model. */
export interface ModelSource {
	manifest(signal?: AbortSignal): Promise<Manifest>;
	part(name: string, signal?: AbortSignal): Promise<Uint8Array>;
}

/** Reason why the model is not to be had from a source. `code` is the server's name of it, if it gave one. */
export class SourceError extends Error {
	override name = 'SourceError';
	constructor(
		message: string,
		readonly code: string | null = null,
	) {
		super(message);
	}
}

// Parts are named by layers and experts, and by nothing that leads elsewhere.
const NAME = /^[a-z0-9-]{1,64}$/;

/** Bytes of hexadecimal digits. */
export function fromHex(digits: string): Uint8Array {
	const bare = digits.replace(/^0x/, '');
	if (!/^([0-9a-f]{2})*$/i.test(bare)) throw new SourceError('model.json is malformed: its architecture is not hexadecimal');
	return Uint8Array.from(bare.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Reads `model.json`. */
export function readManifest(text: string): Manifest {
	const wrong = (why: string) => new SourceError(`model.json is malformed: ${why}. Import the model again`);
	let fields: { format?: unknown; architecture?: unknown; parts?: unknown };
	try {
		fields = JSON.parse(text) as typeof fields;
	} catch {
		throw wrong('it is not JSON');
	}
	if (fields?.format !== 'blyan-model/2') throw wrong('its format is not "blyan-model/2"');
	if (typeof fields.architecture !== 'string' || !Array.isArray(fields.parts)) throw wrong('architecture or parts are missing');
	const parts = fields.parts.map((part: { name?: unknown }) => String(part?.name));
	const odd = parts.find((name) => !NAME.test(name));
	if (odd !== undefined) throw wrong(`${JSON.stringify(odd)} does not name a part`);
	return { architecture: fromHex(fields.architecture), parts };
}

/** The files of a model from a server that hands them out. */
export function fromGateway(base: string, root: string): ModelSource {
	const get = async (name: string, signal?: AbortSignal) => {
		const url = `${base}/v1/models/0x${root.replace(/^0x/, '')}/files/${name}`;
		const response = await fetch(url, signal ? { signal } : {});
		if (response.ok) return response;
		const error = (await response.json().catch(() => null)) as { error?: { message?: string; code?: string } } | null;
		const message = error?.error?.message ?? `${name}: the server answers ${response.status}`;
		throw new SourceError(message, error?.error?.code ?? null);
	};
	return {
		manifest: async (signal) => readManifest(await (await get('model.json', signal)).text()),
		part: async (name, signal) => new Uint8Array(await (await get(`parts/${name}.tblk`, signal)).arrayBuffer()),
	};
}

/** The files of a model from those of its directory; which folder they lie in does not matter. */
export function fromFiles(files: Iterable<File>): ModelSource {
	const named = new Map(Array.from(files, (file) => [file.name, file] as const));
	const open = (name: string) => {
		const file = named.get(name);
		if (!file) throw new SourceError(`${name} is not among the files: pick the directory that blyan model import wrote`);
		return file;
	};
	return {
		manifest: async () => readManifest(await open('model.json').text()),
		part: async (name) => new Uint8Array(await open(`${name}.tblk`).arrayBuffer()),
	};
}
