// Starts a chain, lets everything happen on it once, and shows it to every client. Ends in one line of JSON; exit status 1 if
// a client cannot do what known.json does not know of, or can do what it says it cannot.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { nodeBinary, startNode, tinyModel } from '../js/node.js';

const run = promisify(execFile);
const here = import.meta.dirname ?? dirname(new URL(import.meta.url).pathname);
const root = resolve(here, '../..');
const [python, detached] = process.argv.slice(2);
const known = JSON.parse(await readFile(join(here, 'known.json'), 'utf8'));
const home = await mkdtemp(join(tmpdir(), 'blyan-clients-'));
const say = (text) => process.stderr.write(`${text}\n`);

/** Runs the command line; gives its exit status. */
async function blyan(...args) {
	const program = process.env.BLYAN_CLI || join(dirname(nodeBinary()), 'blyan');
	const { code, stderr } = await run(program, args, { cwd: root, env: { ...process.env, BLYAN_HOME: join(home, 'home') } })
		.then(() => ({ code: 0 }), (error) => error);
	if (code !== 0) say(`blyan ${args[0]}: exit status ${code}: ${stderr}`);
	return code;
}

/** A model that has much to learn, and text to learn from. */
async function beginner(dataset) {
	const { config } = JSON.parse(await readFile(join(tinyModel(), 'manifest.json'), 'utf8'));
	const shape = ['d_model', 'd_ff', 'layers', 'heads', 'experts', 'top_k', 'context']
		.flatMap((field) => [`--${field.replace('_', '-')}`, `${config[field]}`]);
	const out = join(home, 'beginner');
	const sources = ['ml-engine', 'pallets', 'primitives', 'node'];
	if (await blyan('dataset', 'from-files', ...sources, '--licence', 'Apache-2.0 OR MIT', '--out', dataset) !== 0) throw new Error('no dataset');
	const training = ['--name', 'beginner', '--out', out, '--dataset', dataset, '--steps', '40', '--seed', '3', ...shape];
	if (await blyan('train', 'base', ...training) !== 0) throw new Error('no model');
	return out;
}

/** What a client that is a program of its own reports. */
function ask(program, ...args) {
	return new Promise((done) => {
		const child = spawn(program, args, { cwd: here, stdio: ['ignore', 'pipe', 'pipe'] });
		let out = '';
		let faults = '';
		child.stdout.on('data', (bytes) => { out += bytes; });
		child.stderr.on('data', (bytes) => { faults += bytes; });
		const timer = setTimeout(() => child.kill('SIGKILL'), 300_000);
		child.on('error', (error) => { faults += error.message; });
		child.on('close', () => {
			clearTimeout(timer);
			const last = out.trimEnd().split('\n').at(-1);
			try {
				done(JSON.parse(last));
			} catch {
				const failed = (faults || out || 'it said nothing').slice(-400);
				done({ client: args[0], results: { start: { failed } } });
			}
		});
	});
}

let node;
const surprises = [];
const reports = [];
try {
	const dataset = join(home, 'dataset.jsonl');
	say('a model and its chain');
	node = await startNode({ model: await beginner(dataset), options: ['--archive'] });
	const mine = (slot, ...rest) => blyan('mine', '--url', node.url, '--suri', '//Dave', '--slot', slot, '--dataset', dataset, ...rest);
	say('an expert that is accepted, and one that is refused');
	const accepted = await mine('0.0', '--steps', '60');
	const refused = await mine('0.1', '--steps', '1', '--learning-rate', '0.5');
	if (accepted !== 0 || refused === 0) surprises.push(`the chain: statuses ${accepted} and ${refused}, expected 0 and another`);

	const clients = [
		[process.execPath, 'polkadot-api.js', node.url],
		[process.execPath, 'dedot.js', node.url],
		[python, 'substrate_interface.py', node.url],
		[process.execPath, 'chopsticks.js', node.url, detached],
	];
	for (const [program, ...args] of clients) {
		say(args[0]);
		const told = await ask(program, ...args);
		reports.push(told);
		const expected = known[told.client.split(' ')[0]] ?? {};
		for (const [check, { seen, failed }] of Object.entries(told.results)) {
			say(`  ${failed === undefined ? 'can' : 'CANNOT'}  ${check}: ${failed ?? seen}`);
			if (failed !== undefined && !expected[check]) surprises.push(`${told.client}, ${check}: ${failed}`);
			if (failed === undefined && expected[check]) surprises.push(`${told.client} can do ${check} by now: take it out of known.json`);
		}
	}
} finally {
	await node?.stop();
	await rm(home, { recursive: true, force: true });
}
for (const surprise of surprises) say(`error: ${surprise}`);
process.stdout.write(`${JSON.stringify({ reports, surprises })}\n`, () => process.exit(surprises.length > 0 ? 1 : 0));
