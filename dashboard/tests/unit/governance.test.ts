import { describe, expect, test } from 'vitest';
import { approvalOf, callLines, curve, emergency, enactedAt, fromBytes, inWords, measure, merged, missingAyes, parameter, passes, poll, supportOf, timeline, track, vote } from '../../src/lib/governance';
import { carried } from '../../src/views/chart';

const flat = (part: number) => ({ linearDecreasing: { length: 1_000_000_000, floor: part, ceil: part } });
const rules = track([
	2,
	{
		name: 'parameters\0\0\0', maxDeciding: 10, decisionDeposit: '0x2d79883d2000', preparePeriod: 5, decisionPeriod: 140, confirmPeriod: 10, minEnactmentPeriod: 5,
		minApproval: flat(666_666_666), minSupport: flat(500_000_000),
	},
]);
const ongoing = (change: object) => ({
	ongoing: {
		track: 2, submitted: 100, submissionDeposit: { who: '5F', amount: 1 }, decisionDeposit: null, deciding: null, inQueue: false, enactment: { after: 0 },
		proposal: { lookup: { hash_: '0xaa', len: 9 } }, tally: { ayes: 3, nays: 1, voices: 9, electorate: 0 }, ...change,
	},
});

describe('tracks', () => {
	test('have names, times and thresholds that do not fall with time', () => {
		expect(rules).toMatchObject({ id: 2, name: 'parameters', prepare: 5, decision: 140, deposit: 50_000_000_000_000n });
		expect([rules.support(0), rules.support(140)]).toEqual([0.5, 0.5]);
	});

	test('a curve that falls is at its floor at the end of its length, and stays there', () => {
		const falling = curve({ linearDecreasing: { length: 1_000_000_000, floor: 0, ceil: 500_000_000 } });
		expect([falling(0), falling(0.5), falling(1), falling(9)]).toEqual([0.5, 0.25, 0, 0]);
		expect(curve({ reciprocal: {} })(0)).toBeNaN();
	});
});

describe('a referendum', () => {
	test('says what it waits for', () => {
		const state = (change: object) => poll(1, ongoing(change)).state;
		expect(state({})).toBe('waits for its deposit');
		expect(state({ decisionDeposit: { who: '5F' } })).toBe('preparing');
		expect(state({ decisionDeposit: { who: '5F' }, inQueue: true })).toBe('waits for a place');
		expect(state({ deciding: { since: 110, confirming: null } })).toBe('deciding');
		expect(state({ deciding: { since: 110, confirming: 130 } })).toBe('confirming');
		expect(poll(1, { approved: [200, null, null] })).toMatchObject({ state: 'approved', isOngoing: false, endedAt: 200 });
		expect(poll(1, { timedOut: [200] }).state).toBe('timed out');
	});

	test('counts votes as shares of votes and of voices', () => {
		const { tally } = poll(1, ongoing({}));
		expect([approvalOf(tally), supportOf(tally)]).toEqual([0.75, 3 / 9]);
		expect([approvalOf({ ayes: 0, nays: 0, voices: 0 }), supportOf({ ayes: 0, nays: 0, voices: 0 })]).toEqual([0, 0]);
	});

	test('says how many ayes are missing, and when none would help', () => {
		expect(missingAyes({ ayes: 3, nays: 1, voices: 9 }, rules)).toBe(2);
		expect(missingAyes({ ayes: 5, nays: 1, voices: 9 }, rules)).toBe(0);
		expect(missingAyes({ ayes: 0, nays: 5, voices: 9 }, rules)).toBeNull();
		expect(passes({ ayes: 5, nays: 1, voices: 9 }, rules, 0)).toBe(true);
	});

	test('goes through its stages in order, and names the missing deposit', () => {
		const without = timeline(poll(1, ongoing({})), rules, 280);
		expect(without.map(({ name, state }) => `${name} ${state}`)).toEqual(['prepare now', 'decide ahead', 'confirm ahead', 'wait ahead']);
		expect(without[0]?.note).toContain('times out at block 380');
		const confirming = timeline(poll(1, ongoing({ deciding: { since: 110, confirming: 130 } })), rules, 280);
		expect(confirming.map(({ state }) => state)).toEqual(['over', 'over', 'now', 'ahead']);
		expect(confirming[2]).toMatchObject({ from: 120, to: 130 });
		expect(confirming[3]?.to).toBe(135);
	});

	test('is carried out after the wait of its track at least, and where it was asked to be later, then', () => {
		const at = (enactment: object) => enactedAt(poll(1, ongoing({ deciding: { since: 110, confirming: 130 }, enactment })), rules);
		expect([at({ after: 0 }), at({ after: 50 }), at({ at: 10 }), at({ at: 500 })]).toEqual([135, 180, 135, 500]);
	});

	test('has a course without repetitions, in the order of blocks, that is carried on to the present', () => {
		const at = (block: number, ayes: number) => ({ block, tally: { ayes, nays: 0, voices: 9 } });
		const course = merged([at(5, 1), at(3, 0)], [at(7, 1), at(9, 2), at(9, 3)]);
		expect(course.map(({ block, tally }) => [block, tally.ayes])).toEqual([[3, 0], [5, 1], [9, 3]]);
		expect(carried(course, 20).at(-1)).toEqual(at(20, 3));
		expect(carried([], 20)).toEqual([]);
	});

	test('has votes by voice', () => {
		expect([vote('5F', { aye: 1 }), vote('5G', { nay: 1 })]).toEqual([{ voice: '5F', isAye: true }, { voice: '5G', isAye: false }]);
	});
});

describe('a call', () => {
	test('is lines with the calls inside of it indented', () => {
		const human = {
			section: 'utility', method: 'batchAll',
			args: { calls: [{ section: 'treasury', method: 'spendLocal', args: { amount: '500', beneficiary: { Id: '5F' } } }] },
		};
		expect(callLines(human)).toEqual([
			{ depth: 0, name: 'utility.batchAll', value: '' },
			{ depth: 1, name: 'calls', value: '' },
			{ depth: 2, name: 'treasury.spendLocal', value: '' },
			{ depth: 3, name: 'amount', value: '500' },
			{ depth: 3, name: 'beneficiary', value: 'id 5F' },
		]);
	});

	test('that is none has no lines', () => expect([callLines(null), callLines('x'), callLines({ section: 1 })]).toEqual([[], [], []]));
});

describe('emergencies and parameters', () => {
	test('are in words', () => {
		const value = { kind: 'Breach', action: { freezeAccounts: { accounts: ['5F', '5G'] } }, justification: '0x61206b6579', author: '5F', needed: 6, expiresAt: 90 };
		expect(emergency(3, value, ['5F'])).toEqual({ id: 3, kind: 'breach', action: 'freeze accounts: accounts 5F, 5G', why: 'a key', author: '5F', needed: 6, expiresAt: 90, supporters: ['5F'] });
		expect(measure(3, { effect: { callPaused: { pallet: '0x42616c616e636573', call: '0x7472616e73666572' } }, endsAt: 40 })).toEqual({
			id: 3, effect: 'call paused: pallet Balances, call transfer', endsAt: 40,
		});
		expect(inWords('Pause')).toBe('pause');
		expect(parameter({ learning: { delta: null } }, { learning: { delta: 40 } })).toEqual({ group: 'learning', name: 'delta', value: '40' });
	});

	test('bytes that are no text stay hexadecimal where a person would read nothing', () => {
		expect(fromBytes('plain')).toBe('plain');
		expect(inWords({ kept: { hash: '0x00ff' } })).toBe('kept: hash 0x00ff');
	});
});

test('what is not understood is shown as nothing, and nothing breaks', () => {
	for (const value of [null, 5, 'x', [], {}, { ongoing: 5 }, { ongoing: { proposal: 5, deciding: 'x' } }]) {
		expect(() => [poll(0, value), track(value), vote('', value), emergency(0, value, value), measure(0, value), parameter(value, value), callLines(value)]).not.toThrow();
	}
});
