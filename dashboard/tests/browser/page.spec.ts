// What a person does with the page, in Chromium: against the gateway that BASE_URL names, or against the mock.

import AxeBuilder from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import type { SubmittableExtrinsic } from '@polkadot/api/types';
import { answers, hasAccounts, isAccessible, isMock, isOver, isSerious, say, shoot, watch } from './support';

/** Node for the views of the chain; those stories are left out without one. */
const node = process.env['NODE_URL'];
const VIEWS = ['chat', 'receipt', 'chain', 'governance', 'evolution', 'delegation', 'wallet', 'session', ...(hasAccounts ? ['account'] : [])];

test.beforeEach(async ({ page }) => {
	await page.goto('/');
	await expect(page.getByText(/context [\d,]+/)).toBeVisible();
});

for (const transport of ['websocket', 'sse']) {
	test(`a person chats over ${transport} and sees price, tokens and speed`, async ({ page }) => {
		const faults = watch(page);
		await page.getByText('Settings', { exact: true }).click();
		await page.getByLabel('Transport').selectOption(transport);
		await page.getByLabel('Tokens at most').fill('24');
		await page.getByLabel('System prompt').fill('Be short.');
		await page.getByLabel('Seed').fill('18446744073709551615');
		await page.getByText('Settings', { exact: true }).click();
		await page.getByLabel('Message').fill('What is the capital of France?');
		await expect(page.locator('.price')).toContainText(/tokens to read/);
		await page.getByRole('button', { name: 'Send' }).click();
		await expect(page.locator('.price')).toContainText(/tokens\/s/);
		await expect(page.getByRole('progressbar', { name: 'Tokens of 24 at most' })).toBeVisible();
		await isOver(page);
		await expect(answers(page).last()).toContainText(/\d+ tokens/);
		await expect(answers(page).last().getByRole('link', { name: 'receipt' })).toBeVisible();
		if (isMock) await expect(answers(page).last()).toContainText('What is the capital of France?. I was told: Be short.');
		expect(faults).toEqual([]);
	});
}

test('an answer is stopped, keeps what came, and another one can be asked for', async ({ page }) => {
	await say(page, 'Tell me a long story, as long as you can.');
	await expect(answers(page).last().locator('.text')).toContainText(/\w+ \w+/);
	await page.getByRole('button', { name: 'Stop' }).click();
	await isOver(page);
	await expect(answers(page).last()).toContainText('stopped');
	await say(page, 'Hello?');
	await isOver(page);
	await expect(answers(page)).toHaveCount(2);
});

for (const transport of ['websocket', 'sse']) {
	test(`an answer over ${transport} that is stopped before its first word gives the message back, and is not asked for again`, async ({ page }) => {
		test.skip(!isMock, 'the mock is slow by a word of the message');
		await page.getByText('Settings', { exact: true }).click();
		await page.getByLabel('Transport').selectOption(transport);
		await page.getByText('Settings', { exact: true }).click();
		await say(page, 'Be slow.');
		await expect(page.getByText('reading…')).toBeVisible();
		await page.getByRole('button', { name: 'Stop' }).click();
		await isOver(page);
		await expect(page.getByLabel('Message')).toHaveValue('Be slow.');
		await expect(page.locator('.turn')).toHaveCount(0);
		await expect(page.getByRole('alert')).toHaveCount(0);
	});
}

test('the conversation is there again after the page is loaded again, and gone when a new one begins', async ({ page }) => {
	await say(page, 'Remember me.');
	await isOver(page);
	await page.reload();
	await expect(page.locator('.turn.user')).toHaveText(/Remember me\./);
	await page.getByRole('button', { name: 'New conversation' }).click();
	await page.reload();
	await expect(page.getByText('Ask something')).toBeVisible();
});

test('a setting that is out of bounds is refused in words, and nothing is lost', async ({ page }) => {
	await page.getByText('Settings', { exact: true }).click();
	await page.getByLabel('Temperature').fill('9');
	await say(page, 'Hello');
	await expect(page.getByRole('alert')).toContainText('Temperature is "9": write a number from 0 to 2');
	await expect(page.getByLabel('Message')).toHaveValue('Hello');
});

test('a refusal of the server says what to do, and the message goes back to the field', async ({ page }) => {
	test.skip(!isMock, 'the mock refuses by a word of the message');
	await say(page, 'this is too long');
	await expect(page.getByRole('alert')).toContainText('shorten the conversation');
	await expect(page.getByRole('alert')).toContainText('Begin a new conversation');
	await expect(page.getByLabel('Message')).toHaveValue('this is too long');
});

test('a receipt is verified here, and one that was changed is not equal', async ({ page }) => {
	// A model of a hundred megabytes takes half a second for each token.
	test.setTimeout(600_000);
	const faults = watch(page);
	await say(page, 'What is the capital of France?');
	await isOver(page);
	await answers(page).last().getByRole('link', { name: 'receipt' }).click();
	await expect(page.getByRole('heading', { name: 'Receipt' })).toBeVisible();
	await page.getByRole('button', { name: 'Verify here' }).click();
	await expect(page.locator('.verdict')).toContainText('Equal.', { timeout: 280_000 });
	await expect(page.locator('.pieces').last().locator('span').first()).toBeVisible();
	await shoot(page, 'receipt-equal');
	const download = page.waitForEvent('download');
	await page.getByRole('button', { name: 'Download' }).click();
	const stream = await (await download).createReadStream();
	const pieces: Buffer[] = [];
	for await (const piece of stream) pieces.push(piece as Buffer);
	const text = Buffer.concat(pieces).toString();
	const answer = (JSON.parse(text) as { answer: number[] }).answer;
	const changed = text.replace(/"answer":\[[\d,]*\]/, `"answer":${JSON.stringify(answer.with(1, (answer[1] ?? 0) ^ 1))}`);
	await page.getByLabel('Another receipt').setInputFiles({ name: 'changed.json', mimeType: 'application/json', buffer: Buffer.from(changed) });
	await page.getByRole('button', { name: 'Verify here' }).click();
	await expect(page.locator('.verify .verdict')).toContainText('Token 2 of', { timeout: 280_000 });
	await expect(page.locator('.pieces mark.wrong')).toHaveCount(1);
	await expect(page.locator('.tokens .verdict')).toContainText('The first difference is token 2');
	await shoot(page, 'receipt-different');
	expect(faults).toEqual([]);
});

test('a file that is no receipt is refused in words', async ({ page }) => {
	await page.goto('/#/receipt');
	await page.getByLabel('Receipt from a file').setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{}') });
	await expect(page.getByRole('alert')).toContainText('This is not a receipt');
});

test('a node that is not there is said to be not there', async ({ page }) => {
	await page.goto('/#/chain');
	await page.getByLabel('Node').fill('http://127.0.0.1:1');
	await page.getByRole('button', { name: 'Connect' }).click();
	await expect(page.getByRole('alert')).toContainText('is not the address of a node');
	await page.getByLabel('Node').fill('ws://127.0.0.1:1');
	await page.getByRole('button', { name: 'Connect' }).click();
	await expect(page.getByRole('alert')).toContainText('no node answers', { timeout: 30_000, ignoreCase: true });
});

test('a chain is shown as it grows', async ({ page }) => {
	test.skip(node === undefined, 'NODE_URL names no node');
	const faults = watch(page);
	await page.goto('/#/chain');
	await page.getByLabel('Node').fill(node ?? '');
	await page.getByRole('button', { name: 'Connect' }).click();
	await expect(page.getByRole('heading', { name: /Model 0/ })).toBeVisible({ timeout: 60_000 });
	for (const name of ['Operators', 'Disputes', 'Datasets', 'Referenda']) await expect(page.getByRole('heading', { name })).toBeVisible();
	await page.getByText('Newest blocks as they came').click();
	await expect(page.getByRole('region', { name: 'Newest blocks' }).getByRole('row')).not.toHaveCount(1, { timeout: 30_000 });
	await shoot(page, 'chain');
	expect((await new AxeBuilder({ page }).analyze()).violations.filter(isSerious)).toEqual([]);
	expect(faults).toEqual([]);
});

test('contributions of miners are shown by time, and how models became better, where something was mined', async ({ page }) => {
	test.skip(node === undefined, 'NODE_URL names no node');
	await page.goto('/#/chain');
	await page.getByLabel('Node').fill(node ?? '');
	await page.getByRole('button', { name: 'Connect' }).click();
	await expect(page.getByRole('heading', { name: 'Newest submissions' })).toBeVisible({ timeout: 60_000 });
	test.skip((await page.getByText('No expert was submitted yet').count()) > 0, 'nothing was mined on this chain');
	await page.getByLabel('30 days').check();
	await expect(page.getByRole('region', { name: 'Miners by what they earned' }).getByRole('row')).not.toHaveCount(1);
	await isAccessible(page);
	await page.emulateMedia({ colorScheme: 'dark' });
	await page.setViewportSize({ width: 360, height: 740 });
	await isAccessible(page);
	await page.getByRole('heading', { name: 'Contributions' }).scrollIntoViewIfNeeded();
	await shoot(page, 'contributions-dark-phone');
});

test('coins of a development chain are sent', async ({ page }) => {
	test.skip(node === undefined, 'NODE_URL names no node');
	await page.goto('/#/wallet');
	await page.getByLabel('Node').fill(node ?? '');
	await page.getByRole('button', { name: 'Connect' }).click();
	await expect(page.getByLabel('Account')).toContainText('Alice', { timeout: 60_000 });
	await page.getByLabel('To', { exact: true }).fill('5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty');
	await page.getByLabel('Amount in BLY').fill('1.5');
	await page.getByRole('button', { name: 'Send' }).click();
	await expect(page.getByText('The transaction is final')).toBeVisible({ timeout: 90_000 });
	await shoot(page, 'wallet');
	await page.getByLabel('To', { exact: true }).fill('5abc');
	await page.getByLabel('Amount in BLY').fill('1');
	await page.getByRole('button', { name: 'Send' }).click();
	await expect(page.getByRole('alert')).toContainText('"5abc" is not the address of an account');
	await page.getByLabel('To', { exact: true }).fill('5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty');
	await page.getByLabel('Amount in BLY').fill('9999999999');
	await page.getByRole('button', { name: 'Send' }).click();
	await expect(page.getByRole('alert')).toContainText('The chain refuses it: token, funds unavailable', { timeout: 60_000 });
});

async function connectTo(page: Page, view: string) {
	await page.goto(`/#/${view}`);
	await page.getByLabel('Node').fill(node ?? '');
	await page.getByRole('button', { name: 'Connect', exact: true }).click();
	await expect(page.locator('.signer select')).toContainText('Alice', { timeout: 60_000 });
}

test('an operator reads a referendum, votes in it, places its deposit, and supports an emergency', async ({ page }) => {
	test.skip(node === undefined, 'NODE_URL names no node');
	test.setTimeout(240_000);
	const faults = watch(page);
	const index = await withChain(async (api, send) => {
		const call = api.tx['treasury']!['spend']!(null, 1_000_000_000_000n, ALICE, null);
		const bytes = call.method.toHex();
		await send(api.tx['preimage']!['notePreimage']!(bytes)).catch(() => {});
		await send(api.tx['rankedPolls']!['submit']!({ Origins: 'Treasurer' }, { Lookup: { hash: call.method.hash, len: call.method.toU8a().length } }, { After: 0 }));
		await send(api.tx['emergencies']!['propose']!('Breach', 'Pause', 'a key was stolen'), '//Bob').catch(() => {});
		return Number(await api.query['rankedPolls']!['referendumCount']!()) - 1;
	});
	await connectTo(page, 'governance');
	const poll = page.locator('details.poll').filter({ hasText: `Referendum ${index}` });
	await expect(poll).toContainText('treasury.spend', { timeout: 60_000 });
	await poll.getByRole('button', { name: 'Vote aye' }).click();
	await expect(poll).toContainText('1 aye', { timeout: 90_000 });
	await expect(page.getByText('The transaction is final')).toBeVisible({ timeout: 90_000 });
	await poll.getByRole('button', { name: 'Place the decision deposit' }).click();
	await expect(poll.getByRole('button', { name: 'Place the decision deposit' })).toHaveCount(0, { timeout: 90_000 });
	await expect(page.getByText('a key was stolen')).toBeVisible();
	await isAccessible(page);
	await shoot(page, 'governance-open');
	await page.emulateMedia({ colorScheme: 'dark' });
	await page.setViewportSize({ width: 360, height: 740 });
	await isAccessible(page);
	await shoot(page, 'governance-open-dark-phone');
	expect(faults).toEqual([]);
});

test('the epoch of a chain is shown with its phases and the descent of models', async ({ page }) => {
	test.skip(node === undefined, 'NODE_URL names no node');
	await connectTo(page, 'evolution');
	await expect(page.getByRole('heading', { name: /Epoch \d/ }).first()).toBeVisible({ timeout: 60_000 });
	await expect(page.getByRole('list', { name: 'Phases' })).toContainText('Nomination');
	await expect(page.getByRole('list', { name: 'Descent of model 0' })).toBeVisible();
	await isAccessible(page);
	await shoot(page, 'evolution-open');
});

test('coins are put behind an operator, and taken out again', async ({ page }) => {
	test.skip(node === undefined, 'NODE_URL names no node');
	test.setTimeout(240_000);
	await withChain((api, send) => send(api.tx['delegation']!['setCommission']!(100_000), '//Bob').catch(() => {}));
	await connectTo(page, 'delegation');
	const operator = page.getByRole('article', { name: `Operator ${BOB}` });
	await expect(operator).toContainText('10 %', { timeout: 60_000 });
	await operator.getByLabel(/BLY to put behind it/).fill('5');
	await expect(operator).toContainText('The least backing is 10 BLY');
	await operator.getByLabel(/BLY to put behind it/).fill('20');
	await operator.getByRole('button', { name: 'Back' }).click();
	const backing = page.getByRole('article', { name: `Backing of ${BOB}` });
	await expect(backing).toContainText('20 BLY', { timeout: 90_000 });
	await expect(page.getByText('The transaction is final')).toBeVisible({ timeout: 90_000 });
	await isAccessible(page);
	await backing.getByRole('button', { name: 'All of it' }).click();
	await backing.getByRole('button', { name: 'Take backing out' }).click();
	await expect(backing).toContainText('On its way out', { timeout: 90_000 });
	await shoot(page, 'delegation-open');
});

test('a visitor asks without a name, does the work that is asked for, signs in by a wallet and keeps the history', async ({ page }) => {
	test.skip(!hasAccounts || !isMock, 'ACCOUNTS=1 gives the mock accounts');
	const faults = watch(page);
	const address = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY';
	await page.addInitScript((address) => {
		const signer = { signRaw: async ({ data }: { data: string }) => ({ id: 1, signature: data }) };
		const accounts = { get: async () => [{ address, name: 'Test', type: 'sr25519' }], subscribe: () => () => {} };
		(window as unknown as Record<string, unknown>)['injectedWeb3'] = { test: { version: '1', enable: async () => ({ accounts, signer }) } };
	}, address);
	await page.reload();
	await say(page, 'I am no robot');
	await isOver(page);
	await expect(answers(page)).toHaveCount(1);
	await expect(page.locator('.price')).toContainText('4 of 5 free requests left');
	await page.getByRole('link', { name: 'Account' }).click();
	await expect(page.getByText('Demo account')).toBeVisible();
	await shoot(page, 'account-demo');
	await page.getByRole('button', { name: 'Polkadot wallet' }).click();
	await page.getByRole('button', { name: /Test 5Grwva/ }).click();
	await expect(page.getByText('Signed in as')).toBeVisible();
	await expect(page.getByRole('heading', { name: /Your requests/ })).toBeVisible();
	expect((await new AxeBuilder({ page }).analyze()).violations.filter(isSerious)).toEqual([]);
	await shoot(page, 'account-wallet');
	await page.getByRole('button', { name: 'Sign out' }).click();
	await expect(page.getByRole('button', { name: 'Try without a name' })).toBeVisible();
	expect(faults).toEqual([]);
});

const ALICE = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY';
const BOB = '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty';

type Send = (call: SubmittableExtrinsic<'promise'>, who?: string) => Promise<void>;

/** Prepares a development chain for a story. */
async function withChain<T>(make: (api: ApiPromise, send: Send) => Promise<T>): Promise<T> {
	const api = await ApiPromise.create({ provider: new WsProvider(node), noInitWarn: true });
	const keys = new Keyring({ type: 'sr25519' });
	const send: Send = (call, who = '//Alice') =>
		new Promise<void>((done, fail) => {
			call
				.signAndSend(keys.addFromUri(who), ({ status, dispatchError }) => {
					if (dispatchError) fail(new Error(dispatchError.toString()));
					else if (status.isInBlock || status.isFinalized) done();
				})
				.catch(fail);
		});
	try {
		return await make(api, send);
	} finally {
		await api.disconnect();
	}
}

for (const scheme of ['light', 'dark'] as const) {
	for (const [size, viewport] of [
		['wide', { width: 1280, height: 800 }],
		['tablet', { width: 768, height: 1024 }],
		['phone', { width: 360, height: 740 }],
	] as const) {
		test(`every view is accessible and fits: ${scheme}, ${size}`, async ({ page }) => {
			await page.emulateMedia({ colorScheme: scheme });
			await page.setViewportSize(viewport);
			await say(page, 'Hello, who are you?');
			await isOver(page);
			for (const view of VIEWS) {
				await page.goto(`/#/${view}`);
				await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
				const { violations } = await new AxeBuilder({ page }).analyze();
				expect(violations.filter(isSerious).map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
				const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
				expect(overflow, `${view} is wider than the screen`).toBeLessThanOrEqual(0);
				await shoot(page, `${view}-${scheme}-${size}`);
			}
		});
	}
}

test('the page is used by the keyboard alone', async ({ page }) => {
	await page.keyboard.press('Tab');
	await expect(page.getByRole('link', { name: 'To the content' })).toBeFocused();
	await page.keyboard.press('Enter');
	await page.getByLabel('Message').focus();
	await page.keyboard.type('Hello');
	await page.keyboard.press('Enter');
	await isOver(page);
	await expect(answers(page)).toHaveCount(1);
	await page.getByRole('link', { name: 'Chain' }).focus();
	await page.keyboard.press('Enter');
	await expect(page.getByRole('heading', { name: 'Chain' })).toBeVisible();
});
