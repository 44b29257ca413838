// A client that is connected while the chain gets another runtime, and one that signed before it did.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { block, free, send, submit, UNIT } from '../chain.js';
import { nextRuntime, startNode } from '../node.js';

const WAIT_MS = 120_000;

let node;
let api;
let alice;
let bob;

before(async () => {
	node = await startNode();
	api = await ApiPromise.create({ provider: new WsProvider(node.url), noInitWarn: true });
	const keyring = new Keyring({ type: 'sr25519' });
	alice = keyring.addFromUri('//Alice');
	bob = keyring.addFromUri('//Bob');
}, { timeout: 180_000 });

after(async () => {
	await api?.disconnect();
	await node?.stop();
}, { timeout: 90_000 });

async function until(what, holds) {
	for (let waited = 0; !(await holds()); waited += 100) {
		assert.ok(waited < WAIT_MS, `waited in vain for ${what}`);
		await sleep(100);
	}
}

/**
 * What a client of this release does: it reads, it pays, it submits. Gives what must not change under it. Runtime APIs are
 * asked through `asking`.
 */
async function tour(seed, asking) {
	const had = await free(api, bob);
	await send(api, api.tx.balances.transferKeepAlive(bob.address, 5n * UNIT), alice);
	assert.equal(await free(api, bob), had + 5n * UNIT);
	const { powBits } = await asking.call.learningApi.terms(alice.address);
	const events = await submit(api, alice, block(seed), (bits) => bits >= powBits.toNumber(), asking);
	const { submission } = events.find((event) => api.events.proofOfLearning.Submitted.is(event)).data;
	const info = (await asking.call.learningApi.submission(submission)).unwrap();
	assert.equal(info.miner.toString(), alice.address);
	const model = (await asking.call.modelsApi.model(0)).unwrap();
	const operators = await api.query.operators.operators.entries();
	return {
		deposit: api.consts.balances.existentialDeposit.toString(),
		heads: model.heads.toJSON(),
		operators: operators.map(([key]) => key.args[0].toString()).sort(),
	};
}

test('a connected client goes on when the runtime is upgraded under it', { timeout: 300_000 }, async (context) => {
	const { specVersion } = api.runtimeVersion;
	const earlier = await tour(11, api);
	assert.equal(api.tx.rehearsal, undefined, 'this release does not know what the next one has');
	// Signed for this release, sent in the next.
	const { nonce } = await api.query.system.account(bob.address);
	const old = await api.tx.balances.transferKeepAlive(alice.address, UNIT).signAsync(bob, { era: 0, nonce });

	const code = `0x${(await nextRuntime()).toString('hex')}`;
	const weight = { refTime: 0, proofSize: 0 };
	await send(api, api.tx.sudo.sudoUncheckedWeight(api.tx.system.setCode(code), weight), alice);
	await until('the next runtime', () => api.runtimeVersion.specVersion.toNumber() === specVersion.toNumber() + 1);
	// While its migrations run, transactions wait.
	await until('its migrations', async () => (await api.query.multiBlockMigrations.cursor()).isNone);

	// When it is told of an upgrade, @polkadot/api takes the metadata of version 14, which knows no runtime APIs: whoever asks
	// those connects anew.
	const anew = await ApiPromise.create({ provider: new WsProvider(node.url), noInitWarn: true });
	context.after(() => anew.disconnect());
	assert.deepEqual(await tour(13, anew), earlier);
	await assert.rejects(api.rpc.author.submitExtrinsic(old.toHex()), /bad signature/i);

	const what = new Uint8Array(32).fill(3);
	const events = await send(api, api.tx.rehearsal.note(what), bob);
	assert.ok(events.some((event) => api.events.rehearsal.Noted.is(event)), 'what is new is there without a new client');
	const { heads } = (await anew.call.modelsApi.model(0)).unwrap();
	const roots = await api.query.rehearsal.headRoots.entries();
	assert.equal(roots.length, heads.length, 'the migration copied every head');
});
