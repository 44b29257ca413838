import { useEffect, useRef, useState } from 'preact/hooks';
import { loadWidget, SERVICES, showTask, task } from '../lib/captcha';
import { isDark } from '../lib/theme';
import { Problem } from './parts';

/** The task that the gateway asks for, if it asks for one. Nothing of a service is loaded before the person says so. */
export function CaptchaPanel() {
	const wanted = task.value;
	const panel = useRef<HTMLElement>(null);
	/** How often the task was asked for; 0 before the first time. */
	const [round, setRound] = useState(0);
	useEffect(() => {
		setRound(0);
		if (!wanted) return;
		panel.current?.focus();
		// The panel goes, and with it what had the focus.
		return () => document.getElementById('text')?.focus();
	}, [wanted]);
	if (!wanted) return null;
	const name = SERVICES[wanted.service]?.name ?? wanted.service;
	return (
		<section class="captcha" ref={panel} tabIndex={-1} aria-labelledby="captcha-title" aria-describedby="captcha-why">
			<h2 id="captcha-title">Show that you are a person</h2>
			{wanted.isAgain && (
				<p role="alert">
					<strong>The gateway did not take the last solution.</strong> Solve another task.
				</p>
			)}
			<p id="captcha-why">
				This gateway takes your requests for a program's, and asks for a task of {name}. Its script then runs in this page, and its servers see your
				network address; the page sends them neither your words nor your account.
			</p>
			{round === 0 ? (
				<button type="button" class="small" onClick={() => setRound(1)}>
					Show the task
				</button>
			) : (
				<Widget key={round} onRetry={() => setRound(round + 1)} />
			)}
			<p class="hint">
				Without it: Stop, and come back tomorrow or <a href="#/session">pay by a session</a>. Your message stays.
			</p>
		</section>
	);
}

/** The widget of the service, from its loading to its solution. */
function Widget({ onRetry }: { onRetry: () => void }) {
	const place = useRef<HTMLDivElement>(null);
	const end = useRef<HTMLDivElement>(null);
	const [state, setState] = useState<'loading' | 'shown' | 'failed'>('loading');
	const [error, setError] = useState<unknown>(null);
	useEffect(() => {
		const wanted = task.peek();
		const service = wanted && SERVICES[wanted.service];
		if (!service) return;
		let isOver = false;
		let remove = () => {};
		const failed = (reason: unknown) => {
			if (isOver) return;
			setError(reason);
			setState('failed');
			remove();
		};
		loadWidget(service).then((widget) => {
			if (isOver || !place.current) return;
			setState('shown');
			remove = showTask(widget, wanted, place.current, isDark(), { solved: (solution) => isOver || wanted.solve(solution), failed });
		}).catch(failed);
		return () => ((isOver = true), remove());
	}, []);
	// The field below lies over what is not scrolled to.
	useEffect(() => end.current?.scrollIntoView({ block: 'nearest' }), [state]);
	return (
		<>
			<p role="status">{{ loading: 'Loading the task…', shown: 'The task is below.', failed: '' }[state]}</p>
			<div class="widget" ref={place} />
			<Problem error={error} />
			{state !== 'loading' && (
				<button type="button" class="small secondary outline" onClick={onRetry}>
					{state === 'failed' ? 'Try again' : 'Load another task'}
				</button>
			)}
			<div class="end" ref={end} />
		</>
	);
}
