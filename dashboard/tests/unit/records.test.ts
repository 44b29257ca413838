import { describe, expect, test } from 'vitest';
import { ensureNode } from '../../src/lib/chain-state';
import { sentence } from '../../src/lib/check';
import { dataset, game, model, operator, originOf, referendum, submission, words } from '../../src/lib/records';
import { readRoute } from '../../src/lib/route';

const block = (root: string) => ({ tensor_root: root, blob: { hash: '0x00', size: 1 } });
const slot = { model: 0, layer: 1, expert: 2 };

describe('records of the chain', () => {
	test('a model has its experts, each with the submission that it came from', () => {
		const found = model({ id: 0, name: 'genesis', version: { major: 1, minor: 2, patch: 3 }, generation: 4 }, [
			{ slot, version: 5, block: block('0xaa'), stored: true },
		]);
		expect(found).toMatchObject({ id: 0, name: 'genesis', version: '1.2.3', generation: 4 });
		const accepted = { Decided: { outcome: { Accepted: { version: 5, improvement: 1, reward: '9007199254740993' } } } };
		const submitted = submission({ id: 7, miner: '5F', slot, parent: 4, block: block('0xaa'), submitted_at: 9, state: accepted });
		expect(submitted).toMatchObject({ state: 'decided', outcome: 'accepted', accepted: 5, reward: 9007199254740993n });
		const [expert] = found.experts;
		expect(originOf(expert!, [submitted])?.id).toBe(7);
		expect(originOf({ ...expert!, root: '0xbb' }, [submitted])).toBeNull();
		expect(originOf({ ...expert!, version: 6 }, [submitted])).toBeNull();
	});

	test.each([
		[{ Queued: { ahead: 1, draw_from: 5 } }, 'queued', ''],
		[{ Decided: { outcome: { Rejected: { NotBetter: { improvement: -1 } } } } }, 'decided', 'rejected: not better'],
		[{ Closed: { outcome: { Expired: 'NoCommittee' }, at: 5 } }, 'closed', 'expired: no committee'],
		[{ Closed: { outcome: 'Withdrawn', at: 5 } }, 'closed', 'withdrawn'],
	])('a submission is in words: %j', (state, name, outcome) => {
		expect(submission({ id: 1, miner: '5F', slot, parent: 0, block: block('0x'), submitted_at: 1, state })).toMatchObject({ state: name, outcome });
	});

	test('operators, games, datasets and referenda are read as nodes write them', () => {
		const record = { account: '5F', stake: '10100000000000001', reputation: 500, eligible: true, tier: 'Fast', role: 'Member', last_heartbeat: 9, pending_offences: 1 };
		expect(operator(record)).toMatchObject({ stake: 10100000000000001n, isOnDuty: true, tier: 'fast', offences: 1 });
		const played = { id: 3, subject: { submission: [7, '0x07'] }, part: 1, owes: [true, false], executing: false, roundBegan: 40 };
		expect(game(played)).toEqual({ id: 3, subject: 'submission 7', part: 1, owes: 'side 1', isExecuting: false, since: 40 });
		const offered = { dataset: { dataset: 3, version: 1 }, records: 10, bytes: 5, stage: { quarantined: ['Silver', 'Safety'] }, vote: { yes: 5, no: 1, voters: 9 }, uses: 2 };
		expect(dataset(offered, { licence: 'CC0-1.0' })).toMatchObject({ id: '3.1', licence: 'CC0-1.0', stage: 'quarantined', tier: 'silver', votes: '5 yes, 1 no of 9' });
		expect(dataset({ ...offered, stage: { rejected: 'Safety' }, vote: null }, {})).toMatchObject({ stage: 'rejected', tier: '', votes: '' });
		expect(referendum(2, { ongoing: { tally: { ayes: 3, nays: 1 }, submitted: 8, deciding: null } })).toEqual({ index: 2, state: 'preparing', tally: '3 ayes, 1 nays', at: 8 });
		expect(referendum(1, { approved: [12, null, null] })).toMatchObject({ state: 'approved', at: 12 });
	});

	test('what is not understood is shown as nothing, and nothing breaks', () => {
		for (const value of [null, 5, 'x', [], {}, { state: 5, slot: null }]) {
			expect(() => [submission(value), operator(value), game(value), dataset(value, null), referendum(0, value), model(value, [value])]).not.toThrow();
		}
	});

	test('names are words', () => expect([words('NotBetter'), words('not_better'), words('SevenDays2Go')]).toEqual(['not better', 'not better', 'seven days2 go']));
});

describe('verdicts in a sentence', () => {
	const verdict = { equal: true, endChecked: true, firstDifference: null, modelRoot: '', tokensRoot: '', tokens: 9, seconds: 1.25 };
	const differs = (firstDifference: Parameters<typeof sentence>[0]['firstDifference']) => sentence({ ...verdict, equal: false, firstDifference });

	test('count tokens from one, as people do', () => {
		expect(differs({ kind: 'token', index: 0, expected: 5, found: 6 })).toContain('Token 1 of 9 is 6, and the model gives 5.');
	});

	test('say what was not checked', () => {
		expect(sentence(verdict)).toContain('All 9 tokens and the end are what the model gives');
		expect(sentence({ ...verdict, endChecked: false })).toContain('the end is not checked');
	});

	test('say where an answer ends', () => {
		expect(differs({ kind: 'end', tokens: null, expected: null, found: 'length' })).toContain('does not end there');
		expect(differs({ kind: 'end', tokens: 4, expected: 'end', found: 'length' })).toContain('ends after 4 tokens (end)');
	});
});

test('addresses of nodes are WebSockets', () => {
	expect(ensureNode('ws://127.0.0.1:9944')).toBe('ws://127.0.0.1:9944/');
	for (const text of ['', '127.0.0.1:9944', 'http://a', 'javascript:alert(1)']) expect(() => ensureNode(text)).toThrow('is not the address of a node');
});

test('a fragment names a view, and what is not known leads to the chat', () => {
	expect(readRoute('#/receipt?id=a%2Fb').parameters.get('id')).toBe('a/b');
	expect(['#/chain', '#/x', '', '#chain'].map((hash) => readRoute(hash).view)).toEqual(['chain', 'chat', 'chat', 'chain']);
});
