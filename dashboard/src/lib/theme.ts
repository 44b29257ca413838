// Dark or light: the system's choice, unless the person made one.

import { signal } from '@preact/signals';

type Theme = 'auto' | 'light' | 'dark';
const KEY = 'blyan/theme';

const kept = () => {
	const found = globalThis.localStorage?.getItem(KEY);
	return found === 'light' || found === 'dark' ? found : 'auto';
};

export const theme = signal<Theme>(kept());

/** Whether the page is dark at present. */
export const isDark = () => (theme.value === 'auto' ? matchMedia('(prefers-color-scheme: dark)').matches : theme.value === 'dark');

/** Shows the document in the theme that was chosen. */
export function applyTheme() {
	const root = document.documentElement;
	if (theme.value === 'auto') root.removeAttribute('data-theme');
	else root.setAttribute('data-theme', theme.value);
}

/** Chooses the next theme. */
export function nextTheme() {
	const order: Theme[] = ['auto', 'light', 'dark'];
	theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? 'auto';
	localStorage.setItem(KEY, theme.value);
	applyTheme();
}
