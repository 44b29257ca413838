// Reads a chain through a node: by its JSON-RPC and by the runtime APIs that its metadata describe, so that nothing here knows storage.

import { ApiPromise, WsProvider } from '@polkadot/api';
import * as read from './records';

/** A node that answers. */
export interface Connected {
	api: ApiPromise;
	/** Asks the node what no library knows. */
	rpc<T>(method: string, ...params: unknown[]): Promise<T>;
	name: string;
	/** Hash of the chain's first block, 0x and hexadecimal digits. */
	genesis: string;
	isDevelopment: boolean;
	close(): Promise<void>;
}

/** What the chain says now. Null: this chain or node does not answer that question. */
export interface Facts {
	models: read.Model[] | null;
	submissions: read.Submission[] | null;
	operators: read.Operator[] | null;
	games: read.Game[] | null;
	datasets: read.Dataset[] | null;
	referenda: read.Referendum[] | null;
}

/** A block as this page heard of it. */
export interface Block {
	number: number;
	hash: string;
	/** Milliseconds since 1970. */
	at: number;
}

export interface Change {
	head?: number;
	block?: Block;
	finalized?: number;
	facts?: Facts;
	error?: unknown;
}

/** Time in which a node has to answer, in milliseconds. */
const PATIENCE = 15_000;
const SUBMISSIONS = 50;
const DATASETS = 50;
const GAMES = 50;

/** Connects to a node, and hands over what is new with every block. */
export async function open(url: string, onChange: (change: Change) => void): Promise<Connected> {
	const provider = new WsProvider(url, 2_500, {}, PATIENCE);
	const api = new ApiPromise({ provider, noInitWarn: true, throwOnConnect: true });
	try {
		await within(api.isReadyOrError, `no node answers at ${url}: start one, or check its address`);
		const [name, type] = await Promise.all([api.rpc.system.chain(), api.rpc.system.chainType()]);
		const refresh = once(async () => onChange({ facts: await readFacts(api, provider), error: null }), (error) => onChange({ error }));
		const ends = await Promise.all([
			api.rpc.chain.subscribeNewHeads((header) => {
				const number = header.number.toNumber();
				onChange({ head: number, block: { number, hash: header.hash.toHex(), at: Date.now() } });
				refresh();
			}),
			api.rpc.chain.subscribeFinalizedHeads((header) => onChange({ finalized: header.number.toNumber() })),
		]);
		provider.on('disconnected', () => onChange({ error: new Error('the node has left: this page connects again as soon as it answers') }));
		refresh();
		return {
			api,
			rpc: (method, ...params) => provider.send(method, params),
			name: name.toString(),
			genesis: api.genesisHash.toHex(),
			isDevelopment: type.isDevelopment,
			close: async () => {
				ends.forEach((end) => end());
				await api.disconnect();
			},
		};
	} catch (error) {
		await api.disconnect().catch(() => {});
		throw error;
	}
}

async function within<T>(promise: Promise<T>, message: string): Promise<T> {
	let timer: ReturnType<typeof setTimeout> | undefined;
	const late = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(new Error(message)), PATIENCE);
	});
	try {
		return await Promise.race([promise, late]);
	} catch {
		throw new Error(message);
	} finally {
		clearTimeout(timer);
	}
}

/** Lets one reading run at a time; those that are asked for meanwhile are one more. */
function once(act: () => Promise<void>, onError: (error: unknown) => void): () => void {
	let state: 'idle' | 'running' | 'again' = 'idle';
	const run = () => {
		if (state !== 'idle') {
			state = 'again';
			return;
		}
		state = 'running';
		void act()
			.catch(onError)
			.finally(() => {
				const isAsked = state === 'again';
				state = 'idle';
				if (isAsked) run();
			});
	};
	return run;
}

async function readFacts(api: ApiPromise, provider: WsProvider): Promise<Facts> {
	const rpc = <T>(method: string, ...params: unknown[]) => provider.send<T>(method, params);
	const [models, submissions, operators, games, datasets, referenda] = await Promise.all([
		answer(async () => {
			const ids = await rpc<number[]>('blyan_models');
			return Promise.all(
				ids.map(async (id) => read.model(await rpc<unknown>('blyan_model', id), await rpc<unknown[]>('blyan_experts', id))),
			);
		}),
		answer(async () => (await rpc<unknown[]>('blyan_submissions', null, SUBMISSIONS)).map(read.submission).reverse()),
		answer(async () => (await rpc<unknown[]>('blyan_operators')).map(read.operator)),
		answer(() => readGames(api)),
		answer(() => readDatasets(api)),
		answer(() => readReferenda(api)),
	]);
	return { models, submissions, operators, games, datasets, referenda };
}

/** A question that this chain may not know. That a node has left is no answer to it. */
async function answer<T>(ask: () => Promise<T | null>): Promise<T | null> {
	try {
		return await ask();
	} catch (error) {
		if (/not connected|disconnected/i.test(String(error))) throw error;
		console.warn('a question was not answered:', error);
		return null;
	}
}

async function readGames(api: ApiPromise): Promise<read.Game[] | null> {
	const calls = api.call['disputesApi'];
	if (!calls?.['openGames'] || !calls['game']) return null;
	const ids = ((await calls['openGames']()).toJSON() as number[]).slice(0, GAMES);
	const games = await Promise.all(ids.map(async (id) => (await calls['game']?.(id))?.toJSON()));
	return games.filter((game) => game !== null && game !== undefined).map(read.game);
}

async function readDatasets(api: ApiPromise): Promise<read.Dataset[] | null> {
	const calls = api.call['datasetsApi'];
	if (!calls?.['datasets'] || !calls['datasetCount']) return null;
	const count = Number((await calls['datasetCount']()).toString());
	const found = await calls['datasets'](Math.max(0, count - DATASETS), DATASETS);
	// Texts are bytes on the chain, which only the words of a person show as text.
	const [plain, words] = [found.toJSON() as unknown[], found.toHuman() as unknown[]];
	return plain.map((dataset, index) => read.dataset(dataset, words[index])).reverse();
}

async function readReferenda(api: ApiPromise): Promise<read.Referendum[] | null> {
	const entries = api.query['rankedPolls']?.['referendumInfoFor'];
	if (!entries) return null;
	const found = await entries.entries();
	const polls = found.map(([key, info]) => read.referendum(Number(key.args[0]?.toString()), info.toJSON()));
	return polls.sort((a, b) => b.index - a.index);
}
