// Tasks by which a gateway tells people from programs. The widget that a service publishes is loaded when a person asks for it, and not before.

import { signal } from '@preact/signals';

/** A task that the gateway wants solved. */
export interface Wanted {
	/** Name of the service, as the gateway says it. */
	service: string;
	/** Public key of the gateway with that service. */
	siteKey: string;
	/** Whether a solution was sent before and not taken. */
	isAgain: boolean;
}

/** A service whose widget this page can show. All of them have the form that reCAPTCHA began with. */
export interface Service {
	/** Name by which people know it. */
	name: string;
	/** Object that its script makes. */
	api: string;
	/** Addresses of its script; each is tried if the one before cannot be loaded. */
	scripts: readonly string[];
}

export const SERVICES: Readonly<Record<string, Service>> = {
	hcaptcha: { name: 'hCaptcha', api: 'hcaptcha', scripts: ['https://js.hcaptcha.com/1/api.js?render=explicit&recaptchacompat=off'] },
	turnstile: { name: 'Cloudflare Turnstile', api: 'turnstile', scripts: ['https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit'] },
	recaptcha: {
		name: 'Google reCAPTCHA',
		api: 'grecaptcha',
		// The second one is for countries from which the first cannot be reached.
		scripts: ['https://www.google.com/recaptcha/api.js?render=explicit', 'https://www.recaptcha.net/recaptcha/api.js?render=explicit'],
	},
};

/** Function that a script calls once it is ready. */
const READY = 'blyanCaptchaReady';
/** Time within which a script has to be ready. */
const LOAD_MS = 15_000;
/** Width in pixels below which a widget has to be narrow. */
const WIDE = 304;

/** A task that cannot be shown, with what to do. */
export class CaptchaError extends Error {
	override name = 'CaptchaError';
	constructor(
		message: string,
		readonly advice: string,
	) {
		super(message);
	}
}

/** Reads what a refusal says of the task; null if this page cannot show a task of that service. */
export function wantedOf(details: Record<string, unknown> | null, isAgain: boolean): Wanted | null {
	const { service, site_key: siteKey } = details ?? {};
	if (typeof service !== 'string' || typeof siteKey !== 'string' || !Object.hasOwn(SERVICES, service)) return null;
	return { service, siteKey, isAgain };
}

/** The task that a person is asked for; null while there is none. */
export const task = signal<(Wanted & { solve: (solution: string) => void }) | null>(null);

/** Asks the person at this page for a solution. Ends with it, or when the answer is stopped. */
export async function askPerson(wanted: Wanted, stop: AbortSignal): Promise<string> {
	stop.throwIfAborted();
	let leave = () => {};
	try {
		return await new Promise<string>((solve, fail) => {
			leave = () => fail(stop.reason);
			stop.addEventListener('abort', leave);
			task.value = { ...wanted, solve };
		});
	} finally {
		stop.removeEventListener('abort', leave);
		task.value = null;
	}
}

/** What a script of a service gives the page. */
interface Api {
	render: (container: HTMLElement, options: object) => string | number | null | undefined;
	/** reCAPTCHA has none. */
	remove?: (id: string | number) => void;
}

const globals = globalThis as unknown as Record<string, unknown>;

/** Loads a script; ends when it says that it is ready. */
function loadScript(address: string): Promise<void> {
	return new Promise((ready, fail) => {
		const script = document.createElement('script');
		const give = (up: () => void) => {
			clearTimeout(timer);
			delete globals[READY];
			up();
		};
		const refuse = () => give(() => (script.remove(), fail(new Error(`${address} cannot be loaded`))));
		const timer = setTimeout(refuse, LOAD_MS);
		globals[READY] = () => give(ready);
		script.onerror = refuse;
		script.async = true;
		script.src = `${address}&onload=${READY}`;
		document.head.append(script);
	});
}

/** Loads the widget of a service, once. */
export async function loadWidget({ name, api, scripts }: Service): Promise<Api> {
	const found = () => globals[api] as Api | undefined;
	for (const address of scripts) {
		if (typeof found()?.render === 'function') break;
		await loadScript(address).catch(() => {});
	}
	const widget = found();
	if (typeof widget?.render === 'function') return widget;
	const hosts = scripts.map((address) => new URL(address).host).join(' or ');
	throw new CaptchaError(
		`the task of ${name} cannot be loaded`,
		`A blocker in this browser or the network may keep it out: allow ${hosts}, then try again. Otherwise stop, and come back tomorrow or pay by a session.`,
	);
}

/** Shows a task in an element, and says what becomes of it. Returns what takes it away again. */
export function showTask(
	widget: Api,
	{ service, siteKey }: Wanted,
	container: HTMLElement,
	isDark: boolean,
	on: { solved: (solution: string) => void; failed: (error: CaptchaError) => void },
): () => void {
	const name = SERVICES[service]?.name ?? service;
	const again = 'Try again. If it keeps failing, tell the operator of this gateway; or come back tomorrow, or pay by a session.';
	const late = () => on.failed(new CaptchaError(`the task of ${name} was open for too long`, 'Try again.'));
	// A widget is made in an element of its own: reCAPTCHA shows no second one in the same.
	const place = container.appendChild(document.createElement('div'));
	let id: string | number | null | undefined;
	try {
		id = widget.render(place, {
			sitekey: siteKey,
			theme: isDark ? 'dark' : 'light',
			size: container.clientWidth < WIDE ? 'compact' : 'normal',
			// Another try is a person's to ask for: a widget that tries for ever looks like one that loads.
			retry: 'never',
			callback: (solution: unknown) => typeof solution === 'string' && on.solved(solution),
			'expired-callback': late,
			'chalexpired-callback': late,
			'timeout-callback': late,
			'error-callback': (code?: unknown) => {
				const said = typeof code === 'string' || typeof code === 'number' ? ` (${code})` : '';
				on.failed(new CaptchaError(`the task of ${name} failed${said}`, again));
				// Turnstile writes an error of its own otherwise.
				return true;
			},
		});
	} catch (error) {
		on.failed(new CaptchaError(`the task of ${name} failed (${error instanceof Error ? error.message : String(error)})`, again));
	}
	return () => {
		try {
			if (id !== undefined && id !== null) widget.remove?.(id);
		} catch {
			// What is left of it goes with its element.
		}
		place.remove();
	};
}
