// The connection to a node, as the views see it. What talks to the node is loaded when it is first needed.

import { signal } from '@preact/signals';
import type { Block, Connected, Facts } from './chain';

export const DEFAULT_NODE = 'ws://127.0.0.1:9944';
const KEY = 'blyan/node';

export const nodeUrl = signal(globalThis.localStorage?.getItem(KEY) ?? DEFAULT_NODE);

export interface ChainState {
	phase: 'off' | 'connecting' | 'on';
	connected: Connected | null;
	facts: Facts | null;
	head: number | null;
	finalized: number | null;
	/** Newest first. */
	blocks: readonly Block[];
	error: unknown;
}

const OFF: ChainState = { phase: 'off', connected: null, facts: null, head: null, finalized: null, blocks: [], error: null };
export const chain = signal<ChainState>(OFF);

/** Blocks that are shown. */
const BLOCKS_SHOWN = 12;

/** Puts a block before the others. Where it takes the place of one of another branch, that one and what was built on it go. */
export function withBlock(blocks: readonly Block[], block: Block | undefined): readonly Block[] {
	return block ? [block, ...blocks.filter(({ number }) => number < block.number)].slice(0, BLOCKS_SHOWN) : blocks;
}

/** Refuses what is no address of a node. */
export function ensureNode(text: string): string {
	const url = URL.canParse(text) ? new URL(text) : null;
	if (url?.protocol === 'ws:' || url?.protocol === 'wss:') return url.href;
	throw new Error(`${JSON.stringify(text)} is not the address of a node: write one such as ${DEFAULT_NODE}`);
}

export async function connect() {
	await disconnect();
	try {
		const url = ensureNode(nodeUrl.value.trim());
		chain.value = { ...OFF, phase: 'connecting' };
		const { open } = await import('./chain');
		const connected = await open(url, ({ block, ...change }) => {
			// A node that was left has no say any more.
			if (chain.value.phase === 'off') return;
			chain.value = { ...chain.value, ...change, blocks: withBlock(chain.value.blocks, block) };
		});
		localStorage.setItem(KEY, nodeUrl.value.trim());
		chain.value = { ...chain.value, phase: 'on', connected };
	} catch (error) {
		chain.value = { ...OFF, error };
	}
}

export async function disconnect() {
	const { connected } = chain.value;
	chain.value = OFF;
	await connected?.close();
}
