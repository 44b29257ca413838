// What every client tells the runner: one line of JSON, the last of its output.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** Version of a package that is installed here. */
export function versionOf(name) {
	// Not every package exports its manifest.
	let folder = dirname(require.resolve(name));
	for (;;) {
		try {
			const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
			if (manifest.name === name) return manifest.version;
		} catch (error) {
			if (error.code !== 'ENOENT') throw error;
		}
		if (folder === dirname(folder)) throw new Error(`${name} has no manifest`);
		folder = dirname(folder);
	}
}

/** Runs a client's checks one after the other: each gives what it saw, or throws. Ends the process. */
export async function report(client, checks) {
	const results = {};
	for (const [name, check] of Object.entries(checks)) {
		try {
			results[name] = { seen: await check() };
		} catch (error) {
			results[name] = { failed: String(error?.message ?? error).slice(0, 400) };
		}
	}
	const text = JSON.stringify({ client, results }, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
	process.stdout.write(`\n${text}\n`, () => process.exit(0));
}

/** Fails if a list of faults is not empty; else gives the number of things that had none. */
export function all(number, faults) {
	if (number === 0) throw new Error('nothing was there to be read');
	if (faults.length > 0) throw new Error(`${faults.length} of ${number}: ${faults.slice(0, 3).join('; ')}`);
	return number;
}
