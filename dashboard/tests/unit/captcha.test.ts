import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { describe as words } from '../../src/lib/advice';
import * as captcha from '../../src/lib/captcha';

const wanted = { service: 'turnstile', siteKey: 'site', isAgain: false };
const service = captcha.SERVICES['turnstile']!;

/** A document whose scripts do what this says, when they are put into it. */
function documentThat(runs: (script: { src: string; onerror: () => void; remove: () => void }) => void) {
	const loaded: string[] = [];
	const make = () => ({ src: '', async: false, onerror: () => {}, remove: () => {} });
	const append = (script: ReturnType<typeof make>) => {
		loaded.push(script.src);
		queueMicrotask(() => runs(script));
	};
	vi.stubGlobal('document', { createElement: make, head: { append } });
	return loaded;
}

const becomesReady = (api: string, widget: object) => () => {
	vi.stubGlobal(api, widget);
	(globalThis as unknown as { blyanCaptchaReady: () => void }).blyanCaptchaReady();
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => (vi.useRealTimers(), vi.unstubAllGlobals()));

describe('a task', () => {
	test('is read from a refusal, if this page has a widget of its service', () => {
		const details = { service: 'hcaptcha', site_key: 'k', header: 'x-blyan-captcha' };
		expect(captcha.wantedOf(details, true)).toEqual({ service: 'hcaptcha', siteKey: 'k', isAgain: true });
		for (const other of [null, {}, { service: 'captcha.example', site_key: 'k' }, { service: 'toString', site_key: 'k' }, { service: 'hcaptcha', site_key: 1 }]) {
			expect(captcha.wantedOf(other, false)).toBeNull();
		}
	});

	test('waits for a person, and ends with the solution', async () => {
		const asked = captcha.askPerson(wanted, new AbortController().signal);
		expect(captcha.task.value).toMatchObject(wanted);
		captcha.task.value?.solve('solved');
		expect(await asked).toBe('solved');
		expect(captcha.task.value).toBeNull();
	});

	test('goes when the answer is stopped', async () => {
		const stop = new AbortController();
		const asked = captcha.askPerson(wanted, stop.signal);
		stop.abort();
		await expect(asked).rejects.toThrow('abort');
		expect(captcha.task.value).toBeNull();
		await expect(captcha.askPerson(wanted, stop.signal)).rejects.toThrow('abort');
		expect(captcha.task.value).toBeNull();
	});
});

describe('a widget', () => {
	test('is loaded once', async () => {
		const widget = { render: () => 'w' };
		const loaded = documentThat(becomesReady('turnstile', widget));
		expect(await captcha.loadWidget(service)).toBe(widget);
		expect(await captcha.loadWidget(service)).toBe(widget);
		expect(loaded).toEqual(['https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit&onload=blyanCaptchaReady']);
	});

	test('comes from the second address where the first cannot be reached', async () => {
		const ready = becomesReady('grecaptcha', { render: () => 0 });
		const loaded = documentThat((script) => (script.src.includes('google.com') ? script.onerror() : ready()));
		await captcha.loadWidget(captcha.SERVICES['recaptcha']!);
		expect(loaded.map((address) => new URL(address).host)).toEqual(['www.google.com', 'www.recaptcha.net']);
	});

	test('that is blocked, or that never becomes ready, is said to be so, with what to do', async () => {
		documentThat((script) => script.onerror());
		const blocked = await captcha.loadWidget(service).catch((error: unknown) => error);
		expect(words(blocked)).toEqual({
			message: 'the task of Cloudflare Turnstile cannot be loaded', advice: expect.stringContaining('allow challenges.cloudflare.com, then try again'),
		});
		documentThat(() => {});
		const silent = expect(captcha.loadWidget(service)).rejects.toBeInstanceOf(captcha.CaptchaError);
		await vi.advanceTimersByTimeAsync(60_000);
		await silent;
	});

	/** Shows a task by a widget that this makes of its options, and tells what came of it. */
	function show(render: (options: Record<string, (said?: unknown) => unknown>) => unknown, width = 400) {
		const [solved, failed, removed]: [string[], string[], unknown[]] = [[], [], []];
		const place = { remove: () => removed.push('place') };
		vi.stubGlobal('document', { createElement: () => place });
		const container = { clientWidth: width, appendChild: (child: unknown) => child } as unknown as HTMLElement;
		const widget = { render: (_: unknown, options: object) => render(options as never) as string, remove: (id: unknown) => removed.push(id) };
		const end = captcha.showTask(widget, wanted, container, true, {
			solved: (solution) => solved.push(solution), failed: (error) => failed.push(`${error.message}: ${error.advice}`),
		});
		return { solved, failed, removed, end };
	}

	test('gives its solution, and is taken away', () => {
		let size: unknown;
		const { solved, removed, end } = show((options) => (([size] = [options['size']]), options['callback']?.('token'), options['callback']?.(3), 'w'), 280);
		expect([solved, size]).toEqual([['token'], 'compact']);
		end();
		expect(removed).toEqual(['w', 'place']);
	});

	test('that fails or is left open says so in words', () => {
		expect(show((options) => options['error-callback']?.('110200')).failed[0]).toContain('the task of Cloudflare Turnstile failed (110200): Try again.');
		expect(show((options) => options['error-callback']?.({})).failed[0]).toContain('the task of Cloudflare Turnstile failed: Try again.');
		for (const late of ['expired-callback', 'chalexpired-callback', 'timeout-callback']) {
			expect(show((options) => options[late]?.()).failed[0]).toContain('was open for too long');
		}
		const thrown = show(() => {
			throw new Error('invalid sitekey');
		});
		expect(thrown.failed[0]).toContain('(invalid sitekey)');
		thrown.end();
		expect(thrown.removed).toEqual(['place']);
	});
});

test('every script of a widget is among the sources that the policy of a gateway lets in', () => {
	const rust = readFileSync(new URL('../../../cli/src/commands/serve/captcha.rs', import.meta.url), 'utf8');
	for (const [name, { scripts }] of Object.entries(captcha.SERVICES)) {
		const sources = new RegExp(`const ${name.toUpperCase()}: &str =\\s*"([^"]+)"`).exec(rust)?.[1]?.split(' ') ?? [];
		for (const script of scripts) {
			const { origin, host } = new URL(script);
			const isLetIn = sources.some((source) => script.startsWith(source) || source === origin || (source.includes('//*.') && host.endsWith(source.split('//*')[1] ?? '?')));
			expect(isLetIn, `${script} in ${sources.join(' ')}`).toBe(true);
		}
	}
});
