// What the stories have in common.

import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** A gateway with accounts: the mock with ACCOUNTS=1. */
export const hasAccounts = process.env['ACCOUNTS'] === '1';
export const isMock = process.env['BASE_URL'] === undefined;

/** Violations of the page's policy, and errors of its scripts. */
export function watch(page: Page): string[] {
	const found: string[] = [];
	page.on('pageerror', (error) => found.push(error.message));
	page.on('console', (message) => {
		if (message.type() === 'error' && /Content Security Policy|Refused to/.test(message.text())) found.push(message.text());
	});
	return found;
}

export async function say(page: Page, text: string) {
	await page.getByLabel('Message').fill(text);
	await page.getByRole('button', { name: 'Send' }).click();
}

export const answers = (page: Page) => page.locator('.turn.assistant');
export const isOver = (page: Page) => expect(page.getByRole('button', { name: 'Send' })).toBeVisible({ timeout: 90_000 });

/** Holds a page against axe, and against the width of the screen. */
export const isAccessible = async (page: Page) => {
	const { violations } = await new AxeBuilder({ page }).analyze();
	expect(violations.filter(isSerious).map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
	const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
	expect(overflow).toBeLessThanOrEqual(0);
};

export const isSerious = ({ impact }: { impact?: string | null }) => impact === 'serious' || impact === 'critical';
export const shoot = (page: Page, name: string) => page.screenshot({ path: `screenshots/${name}.png`, fullPage: true });
