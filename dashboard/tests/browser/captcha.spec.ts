// A gateway that asks for a person, in Chromium: against the mock, with the widgets of the services played by stand-ins at their own addresses.

import { expect, test, type Page } from '@playwright/test';
import { answers, hasAccounts, isAccessible, isMock, isOver, say, shoot, watch } from './support';

test.skip(!hasAccounts || !isMock, 'ACCOUNTS=1 gives the mock accounts');

const SCRIPTS = {
	turnstile: 'https://challenges.cloudflare.com/turnstile/v0/api.js*',
	hcaptcha: 'https://js.hcaptcha.com/1/api.js*',
};
const FRAME = 'https://challenges.cloudflare.com/frame*';

/** Puts a stand-in where a service has its script: a frame with a button, whose click says `solution`, as a solution or as an error. */
async function serve(page: Page, service: keyof typeof SCRIPTS, solutions: string[]) {
	const asked: string[] = [];
	const frame = service === 'turnstile' ? FRAME : 'https://newassets.hcaptcha.com/frame*';
	await page.route(SCRIPTS[service], async (route) => {
		const url = new URL(route.request().url());
		asked.push(url.href);
		const script = `
			window.${service} = {
				render(place, options) {
					const frame = document.createElement('iframe');
					frame.title = 'Task of a stand-in';
					frame.style.width = options.size === 'compact' ? '150px' : '300px';
					frame.style.height = '65px';
					frame.style.colorScheme = options.theme;
					frame.src = ${JSON.stringify(frame.replace('*', '?'))} + new URLSearchParams({ key: options.sitekey, theme: options.theme });
					place.append(frame);
					addEventListener('message', ({ data, source }) => {
						if (source !== frame.contentWindow) return;
						if (data.error) options['error-callback'](data.error);
						else options.callback(data.solution);
					});
					return 'w';
				},
				remove() {},
			};
			window[${JSON.stringify(url.searchParams.get('onload'))}]();`;
		await route.fulfill({ contentType: 'text/javascript', body: script });
	});
	await page.route(frame, async (route) => {
		const solution = solutions.shift() ?? '';
		const said = solution.startsWith('error ') ? { error: solution.slice(6) } : { solution };
		const dark = route.request().url().includes('theme=dark');
		const body = `<!doctype html><html lang="en"><title>Task</title><body style="margin:0;background:${dark ? '#222' : '#fafafa'};color:${dark ? '#fff' : '#000'}">
			<label><input type="checkbox"> I am a person</label>
			<script>document.querySelector('input').onclick = () => parent.postMessage(${JSON.stringify(said)}, '*');</script>`;
		await route.fulfill({ contentType: 'text/html', body });
	});
	return asked;
}

const panel = (page: Page) => page.getByRole('region', { name: 'Show that you are a person' });
const box = (page: Page) => page.frameLocator('.captcha iframe').getByLabel('I am a person');

async function chooseTransport(page: Page, transport: string) {
	await page.getByText('Settings', { exact: true }).click();
	await page.getByLabel('Transport').selectOption(transport);
	await page.getByText('Settings', { exact: true }).click();
}

test.beforeEach(async ({ page }) => {
	await page.goto('/');
	await expect(page.getByText(/context [\d,]+/)).toBeVisible();
});

for (const [service, transport] of [['turnstile', 'websocket'], ['hcaptcha', 'sse']] as const) {
	test(`CAPTCHA: a person solves a task of ${service} over ${transport} by the keyboard alone, and has the answer`, async ({ page }) => {
		const faults = watch(page);
		const asked = await serve(page, service, ['wrong', 'solved']);
		await chooseTransport(page, transport);
		await say(page, `Tell me about the task of ${service}`);
		await expect(panel(page)).toBeFocused();
		expect(asked, 'nothing of the service is loaded before the person says so').toEqual([]);
		await page.keyboard.press('Tab');
		await expect(page.getByRole('button', { name: 'Show the task' })).toBeFocused();
		await page.keyboard.press('Enter');
		await expect(box(page)).toBeVisible();
		expect(asked).toHaveLength(1);
		await isAccessible(page);
		await shoot(page, `captcha-${service}`);
		await box(page).focus();
		await page.keyboard.press('Space');
		await expect(page.getByText('The gateway did not take the last solution.')).toBeVisible();
		await page.getByRole('button', { name: 'Show the task' }).press('Enter');
		await box(page).press('Space');
		await isOver(page);
		await expect(answers(page)).toContainText(`the task of ${service}`);
		await expect(panel(page)).toHaveCount(0);
		await expect(page.getByLabel('Message')).toBeFocused();
		expect(asked, 'the script is loaded once').toHaveLength(1);
		expect(faults).toEqual([]);
	});
}

test('CAPTCHA: a widget that is blocked says so, with what to do, and can be tried again', async ({ page }) => {
	await page.route(SCRIPTS.turnstile, (route) => route.abort());
	await say(page, 'Tell me about the task of turnstile');
	await page.getByRole('button', { name: 'Show the task' }).click();
	const alert = page.getByRole('alert');
	await expect(alert).toContainText('The task of Cloudflare Turnstile cannot be loaded');
	await expect(alert).toContainText('allow challenges.cloudflare.com, then try again');
	await isAccessible(page);
	await shoot(page, 'captcha-blocked');
	await page.unroute(SCRIPTS.turnstile);
	await serve(page, 'turnstile', ['error 300010', 'solved']);
	await page.getByRole('button', { name: 'Try again' }).click();
	await box(page).click();
	await expect(alert).toContainText('The task of Cloudflare Turnstile failed (300010)');
	await page.getByRole('button', { name: 'Try again' }).click();
	await box(page).click();
	await isOver(page);
	await expect(answers(page)).toHaveCount(1);
});

test('CAPTCHA: what the policy of the gateway does not let in is said to be blocked, and runs nowhere', async ({ page }) => {
	const faults = watch(page);
	await page.route('**/recaptcha/api.js*', (route) => route.fulfill({ contentType: 'text/javascript', body: 'window.grecaptcha = { render() { window.hasRun = true; } }' }));
	await say(page, 'Tell me about the task of recaptcha');
	await page.getByRole('button', { name: 'Show the task' }).click();
	await expect(page.getByRole('alert')).toContainText('allow www.google.com or www.recaptcha.net');
	expect(await page.evaluate('window.hasRun')).toBeUndefined();
	expect(faults.join()).toContain('Content Security Policy');
});

test('CAPTCHA: a person who stops keeps the message, and a service without a widget here is a refusal in words', async ({ page }) => {
	await say(page, 'Tell me about the task of turnstile');
	await expect(panel(page)).toBeVisible();
	await page.getByRole('button', { name: 'Stop' }).click();
	await isOver(page);
	await expect(panel(page)).toHaveCount(0);
	await expect(page.getByRole('alert')).toHaveCount(0);
	await expect(page.getByLabel('Message')).toHaveValue('Tell me about the task of turnstile');
	await say(page, 'Tell me about the task of captcha.example');
	await expect(page.getByRole('alert')).toContainText('This page cannot show tasks of that service');
	await expect(page.getByLabel('Message')).toHaveValue('Tell me about the task of captcha.example');
});

for (const [width, height] of [[360, 640], [320, 568], [740, 360]] as const) {
	test(`CAPTCHA: the task fits a screen of ${width} by ${height}, dark and light`, async ({ page }) => {
		await serve(page, 'turnstile', ['', '']);
		await page.setViewportSize({ width, height });
		for (const colorScheme of ['dark', 'light'] as const) {
			await page.emulateMedia({ colorScheme });
			await say(page, 'Tell me about the task of turnstile');
			await page.getByRole('button', { name: 'Show the task' }).click();
			await expect(box(page)).toBeVisible();
			await expect(page.locator('.captcha iframe')).toHaveAttribute('src', new RegExp(`theme=${colorScheme}`));
			await isAccessible(page);
			await page.screenshot({ path: `screenshots/captcha-${colorScheme}-${width}x${height}.png` });
			await page.getByRole('button', { name: 'Stop' }).click();
			await isOver(page);
		}
	});
}
