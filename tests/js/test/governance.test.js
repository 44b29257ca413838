// The reads of the page "Ranked collective" of polkadot.js apps, and the calls of its buttons: what that page needs of a chain.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { send } from '../chain.js';
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

test('the page appears: it looks for these names', () => {
	assert.equal(typeof api.tx.rankedCollective.vote, 'function');
	assert.equal(typeof api.tx.rankedPolls.submit, 'function');
	const fields = (event) => event.meta.fields.map((field) => field.name.unwrap().toString());
	assert.equal(fields(api.events.rankedCollective.MemberAdded)[0], 'who');
	assert.equal(fields(api.events.rankedCollective.MemberRemoved)[0], 'who');
	assert.deepEqual(fields(api.events.rankedCollective.Voted).slice(0, 2), ['who', 'poll']);
});

test('tracks have curves that can be drawn', () => {
	const tracks = api.consts.rankedPolls.tracks;
	assert.equal(tracks.length, 10);
	for (const [id, info] of tracks) {
		assert.ok(info.name.toString().replaceAll('\u0000', '').length > 0, `track ${id}`);
		for (const curve of [info.minApproval, info.minSupport]) {
			assert.ok(curve.isLinearDecreasing && curve.asLinearDecreasing.length.toNumber() > 0);
		}
		assert.ok(info.decisionPeriod.toNumber() > 0 && info.confirmPeriod.toNumber() > 0);
	}
});

test('members are the operators, with ranks', async () => {
	const members = await api.query.rankedCollective.members.keys();
	assert.equal(members.length, 3);
	const ranks = await api.query.rankedCollective.members.multi(members.map((key) => key.args[0]));
	assert.ok(ranks.every((member) => member.unwrap().rank.toNumber() === 0));
});

test('a referendum is submitted, shown, decoded and voted in as the page does it', async () => {
	const call = api.tx.treasury.spend(null, 1_000_000_000_000n, bob.address, null);
	await send(api, api.tx.preimage.notePreimage(call.method.toHex()), alice);
	const proposal = { Lookup: { hash: call.method.hash, len: call.method.toU8a().length } };
	const submit = api.tx.rankedPolls.submit({ Origins: 'Treasurer' }, proposal, { After: 0 });
	const events = await send(api, submit, alice);
	const { index } = events.find((event) => api.events.rankedPolls.Submitted.is(event)).data;
	await send(api, api.tx.rankedPolls.placeDecisionDeposit(index), alice);

	await send(api, api.tx.rankedCollective.vote(index, true), alice);
	await send(api, api.tx.rankedCollective.vote(index, false), bob);
	const [info] = await api.query.rankedPolls.referendumInfoFor.multi([index]);
	const status = info.unwrap().asOngoing;
	assert.equal(status.track.toNumber(), 3);
	// The page takes a tally with `support` for one of coins.
	assert.ok(!('support' in status.tally));
	assert.deepEqual([status.tally.ayes.toNumber(), status.tally.nays.toNumber()], [1, 1]);

	const keys = await api.query.rankedCollective.voting.keys(index);
	assert.equal(keys.length, 2);
	for (const key of keys) {
		const vote = (await api.query.rankedCollective.voting(...key.args)).unwrap();
		const isAlice = key.args[1].toString() === alice.address;
		// Aye is aye and nay is nay.
		assert.equal(vote.isAye, isAlice);
		assert.equal((isAlice ? vote.asAye : vote.asNay).toNumber(), 1);
	}

	// The library calls the field so: every codec has a hash of its own.
	const { hash_: hash, len } = status.proposal.asLookup;
	assert.equal(hash.toHex(), call.method.hash.toHex());
	const preimage = (await api.query.preimage.preimageFor([hash, len])).unwrap();
	const decoded = api.registry.createType('Call', preimage.toU8a(true));
	assert.deepEqual([decoded.section, decoded.method], ['treasury', 'spend']);
});
