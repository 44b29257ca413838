import preact from '@preact/preset-vite';
import { defineConfig } from 'vitest/config';

// The gateway or the mock that a development server asks.
const gateway = process.env['BASE_URL'] ?? 'http://127.0.0.1:8000';

export default defineConfig({
	plugins: [preact()],
	resolve: { alias: { '@blyan/verifier': new URL('verifier/src/index.ts', import.meta.url).pathname } },
	worker: { format: 'es' },
	build: {
		target: 'es2022',
		// Nothing inline: the policy of the page takes scripts and modules from its own server only.
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		chunkSizeWarningLimit: 2_000,
	},
	// The host stays that of the page, or the gateway would refuse the page as another site's.
	server: { proxy: { '^/(v1|account|wallet)(/|$)': { target: gateway, changeOrigin: false }, '/ws': { target: gateway, ws: true, changeOrigin: false } } },
	test: { include: ['tests/unit/**/*.test.{ts,tsx}', 'verifier/test/**/*.test.ts'], environment: 'node', pool: 'threads', fileParallelism: false },
});
