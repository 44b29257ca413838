// The view that the address names: `#/receipt?id=..`.

import { signal } from '@preact/signals';

export const VIEWS = ['chat', 'receipt', 'chain', 'governance', 'evolution', 'delegation', 'wallet', 'session', 'account'] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
	view: View;
	parameters: URLSearchParams;
}

/** Reads the fragment of an address; what is not known leads to the chat. */
export function readRoute(hash: string): Route {
	const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
	return { view: VIEWS.find((view) => view === path) ?? 'chat', parameters: new URLSearchParams(query) };
}

export const route = signal<Route>(readRoute(globalThis.location?.hash ?? ''));

globalThis.addEventListener?.('hashchange', () => {
	route.value = readRoute(location.hash);
});
