// Chopsticks: forks the chain, with the runtime that imports nothing of our node, and builds blocks on it. It reads the metadata of the
// block before the fork from the chain's own runtime, so that one's imports must be left open; it asks the slots' length of the
// fork's, which it links strictly whatever it is told.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { merkleizeMetadata } from '@polkadot-api/merkleize-metadata';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { freePort, listens } from '../js/node.js';
import { block, send, submit } from '../js/chain.js';
import { report, versionOf } from './report.js';

const [url, runtime] = process.argv.slice(2);
const port = await freePort();
const program = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, 'node_modules/.bin/chopsticks');
const fork = spawn(program, [
	'--endpoint', url, '--wasm-override', runtime, '--allow-unresolved-imports', 'true',
	'--port', `${port}`, '--build-block-mode', 'Instant',
], { stdio: ['ignore', 'pipe', 'pipe'] });
let said = '';
for (const stream of [fork.stdout, fork.stderr]) stream.on('data', (bytes) => { said += bytes; });
let ended = null;
fork.on('exit', (code, signal) => { ended = signal ?? `exit status ${code}`; });
process.on('exit', () => fork.kill());

const provider = new WsProvider(`ws://127.0.0.1:${port}`, false);
let api;
const alice = () => new Keyring({ type: 'sr25519' }).addFromUri('//Alice');
const number = async () => (await api.rpc.chain.getHeader()).number.toNumber();

await report(`chopsticks ${versionOf('@acala-network/chopsticks')}`, {
	async fork() {
		for (let waited = 0; !(await listens(port)); waited += 200) {
			if (ended !== null || waited > 60_000) throw new Error(`${ended ?? 'it does not listen'}: ${said.slice(-300)}`);
			await sleep(200);
		}
		await provider.connect();
		api = await ApiPromise.create({ provider, noInitWarn: true });
		return `at block ${await number()}`;
	},
	async blocks() {
		const before = await number();
		await provider.send('dev_newBlock', [{ count: 3 }]);
		const built = (await number()) - before;
		if (built !== 3) throw new Error(`${built} of 3 blocks`);
		return built;
	},
	async runtimeApis() {
		return (await api.call.modelsApi.models()).toString();
	},
	async transfer() {
		const bob = new Keyring({ type: 'sr25519' }).addFromUri('//Bob').address;
		await send(api, api.tx.balances.transferKeepAlive(bob, 5_000_000n), alice());
		return 'in a block';
	},
	// CheckMetadataHash in mode 1, as hardware wallets sign: the fork's runtime has its metadata's hash compiled in.
	async metadataHash() {
		const { specName, specVersion } = api.runtimeVersion;
		const metadata = (await api.call.metadata.metadataAtVersion(15)).toHex();
		const base58Prefix = api.consts.system.ss58Prefix.toNumber();
		const digest = merkleizeMetadata(metadata, {
			base58Prefix, decimals: 12, tokenSymbol: 'BLY', specName: specName.toString(), specVersion: specVersion.toNumber(),
		}).digest();
		const pay = (options) => {
			const bob = new Keyring({ type: 'sr25519' }).addFromUri('//Bob').address;
			return send(api, api.tx.balances.transferKeepAlive(bob, 5_000_000n), alice(), options);
		};
		await pay({ mode: 1, metadataHash: digest });
		const wrong = digest.slice();
		wrong[0] ^= 1;
		const refused = await pay({ mode: 1, metadataHash: wrong }).then(() => null, (error) => error.message);
		if (refused === null) throw new Error('a transaction over another hash was taken');
		await pay({ mode: 0 });
		return 'on and off in a block, another hash refused';
	},
	async submit() {
		const { powBits } = await api.call.learningApi.terms(alice().address);
		const building = setInterval(() => provider.send('dev_newBlock', []).catch(() => {}), 1_000);
		try {
			await submit(api, alice(), block(77), (bits) => bits >= powBits.toNumber());
		} finally {
			clearInterval(building);
		}
		return 'announced';
	},
});
