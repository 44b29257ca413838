import { defineConfig } from '@playwright/test';

// BASE_URL: a gateway that runs; the mock is started where none is named.
const base = process.env['BASE_URL'];
const mock = 'http://127.0.0.1:8765';

export default defineConfig({
	testDir: 'tests/browser',
	timeout: 120_000,
	workers: 1,
	reporter: 'list',
	outputDir: 'test-results',
	use: {
		baseURL: base ?? mock,
		launchOptions: { executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox'] },
	},
	...(base === undefined && { webServer: { command: 'npm run -s mock', url: `${mock}/v1/models`, env: { PORT: '8765', PAID: '1' } } }),
});
