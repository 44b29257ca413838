import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import { Problem } from './parts';

/** A view that is loaded when it is first shown, so that those who only chat need not wait for it. */
export function later(load: () => Promise<FunctionComponent>): FunctionComponent {
	const found = signal<FunctionComponent | null>(null);
	const problem = signal<unknown>(null);
	return () => {
		useEffect(() => {
			if (found.value) return;
			load().then(
				(view) => ((found.value = view), (problem.value = null)),
				() => (problem.value = new Error('a part of the page cannot be loaded: load the page again')),
			);
		}, []);
		const View = found.value;
		if (View) return <View />;
		return problem.value ? <Problem error={problem.value} /> : <h1 aria-busy="true">Loading…</h1>;
	};
}
