// A client that knows nothing of this project but the address of a node: everything it reads and
// writes is decoded and encoded by the chain's own metadata.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { block, free, send, submit, UNIT } from '../chain.js';
import { startNode } from '../node.js';

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

test('storage of every pallet is decoded from metadata alone', async () => {
	const model = (await api.query.experts.models(0)).unwrap().toJSON();
	const { layers, experts } = model.spec.body.first.config;
	const heads = await api.query.experts.heads.entries();
	assert.equal(heads.length, layers * experts, 'every slot has a head');
	for (const [key, head] of heads) {
		const slot = key.args[0].toJSON();
		assert.equal(slot.model, 0);
		assert.ok(slot.layer < layers && slot.expert < experts);
		assert.equal(head.unwrap().version.toNumber(), 0, 'genesis experts have version 0');
	}

	const operators = await api.query.operators.operators.entries();
	assert.equal(operators.length, 3, 'Alice, Bob and Charlie operate the development chain');

	const holdout = (await api.query.proofOfLearning.holdouts(0)).unwrap();
	assert.ok(holdout.sequences.toNumber() > 0);
	const guard = (await api.query.proofOfLearning.guardHoldouts(0)).unwrap();
	assert.ok(guard.sequences.toNumber() > 0, 'the model must not get worse elsewhere');
	assert.equal((await api.query.proofOfLearning.nextSubmission()).toNumber(), 0);

	const issuance = (await api.query.balances.totalIssuance()).toBigInt();
	assert.ok(issuance > 0n);
});

test('runtime APIs are found and typed by metadata', async () => {
	const models = (await api.call.modelsApi.models()).toJSON();
	assert.deepEqual(models, [0]);
	const terms = await api.call.learningApi.terms(alice.address);
	assert.ok(terms.powBits.toNumber() > 0);
	assert.ok(terms.quotaLeft.toNumber() > 0);
	const dispute = await api.call.disputesApi.terms();
	assert.ok(dispute.bond.toBigInt() > 0n && dispute.clock.toNumber() > 0);
	assert.deepEqual((await api.call.disputesApi.openGames()).toJSON(), []);
	assert.deepEqual((await api.call.slashingApi.offences(alice.address)).toJSON(), []);
});

test('transfer moves exactly what it says', async () => {
	const before = await free(api, bob);
	const events = await send(api, api.tx.balances.transferKeepAlive(bob.address, 5n * UNIT), alice);
	assert.ok(events.some((event) => api.events.balances.Transfer.is(event)));
	assert.equal(await free(api, bob), before + 5n * UNIT);
});

test('submit holds the bond and the fee, and announces the blob', async () => {
	const submitted = block(7);
	const { bond, fee, powBits } = await api.call.learningApi.terms(alice.address);
	const events = await submit(api, alice, submitted, (bits) => bits >= powBits.toNumber());
	const event = events.find((event) => api.events.proofOfLearning.Submitted.is(event));
	assert.ok(event, 'the event is there');
	assert.equal(event.data.bond.toBigInt(), bond.toBigInt());
	assert.equal(event.data.fee.toBigInt(), fee.toBigInt());

	const open = (await api.query.proofOfLearning.openSubmissions(event.data.submission)).unwrap();
	assert.equal(open.claim.miner.toString(), alice.address);
	const holds = await api.query.balances.holds(alice.address);
	const held = bond.toBigInt() + fee.toBigInt();
	assert.ok(holds.some((hold) => hold.amount.toBigInt() === held), 'the bond and the fee are on hold');
	const announced = await api.call.modelsApi.blobAnnounced(submitted.blob.hash);
	assert.equal(announced.unwrap().toNumber(), 4096);
});

test('submit is refused without proof of work', async () => {
	await assert.rejects(submit(api, bob, block(9, 64), (bits) => bits === 0), /Custom error: 103/);
});
