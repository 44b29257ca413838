import { describe, expect, test } from 'vitest';
import { epoch, evaluation, lineages, merit, proposal, refuseEndorsement, suiteGain, tried } from '../../src/lib/evolution';

const now = epoch({
	epoch: 3, openedAt: 1, phase: 'Nomination', until: 141, now: 5, nextAt: 561, voices: 9, endorsementsMin: 1, endorsementsMax: 3, selected: null, candidate: null, outcome: null,
});
const offered = proposal({
	id: 7, proposer: '5F', proposal: { kind: 'ScaleExperts', base: 1, difficulty: 2, minimumPpm: 150000, gpuHours: 24 }, feasibility: 500000, endorsements: 2,
});

describe('an epoch', () => {
	test('has its phase, its end and its outcome in words', () => {
		expect(now).toMatchObject({ id: 3, phase: 'nomination', until: 141, now: 5, selected: null, outcome: null });
		expect(epoch({ phase: 'CleanUp', outcome: { refused: { gainPpm: -5 } }, selected: 0 })).toMatchObject({ phase: 'clean up', selected: 0, outcome: { name: 'refused', gainPpm: -5 } });
		expect(epoch({ outcome: 'NoQuorum' }).outcome).toEqual({ name: 'no quorum', gainPpm: null });
	});

	test('shows how far each evaluator is', () => {
		const seats = [{ operator: 'a', sealed: false, revealed: false }, { operator: 'b', sealed: true, revealed: false }, { operator: 'c', sealed: true, revealed: true }];
		expect(evaluation({ step: 'Sealing', until: 9, round: 1, draw: '0x', seats }).seats.map(({ state }) => state)).toEqual(['waiting', 'sealed', 'open']);
	});
});

describe('a proposal', () => {
	test('has the merit by which the chain selects', () => {
		expect(offered).toMatchObject({ id: 7, kind: 'scale experts', base: 1, gpuHours: 24 });
		expect(merit(offered)).toBe(1_000_000);
	});

	test('is endorsed once a voice, in nomination, up to a third of all', () => {
		expect(refuseEndorsement(now, offered, undefined)).toBeNull();
		expect(refuseEndorsement(now, offered, 7)).toContain('you endorse this proposal');
		expect(refuseEndorsement(now, offered, 6)).toContain('proposal 6');
		expect(refuseEndorsement(now, { ...offered, endorsements: 3 }, undefined)).toContain('a third of all voices');
		expect(refuseEndorsement({ ...now, phase: 'training' }, offered, undefined)).toContain('wait for the next one');
		expect(refuseEndorsement({ ...now, now: 142 }, offered, undefined)).toContain('wait for the next one');
	});
});

test('gains are those of the chain: against a tenth of the tasks at least, rounded down, doubled at most', () => {
	expect(suiteGain(100, 115, 200)).toBe(150_000);
	expect(suiteGain(0, 10, 200)).toBe(500_000);
	expect(suiteGain(0, 200, 200)).toBe(1_000_000);
	expect(suiteGain(3, 2, 200)).toBe(-333_334);
	expect(suiteGain(0, 0, 0)).toBe(0);
});

test('an epoch that is over has the gain of each suite', () => {
	const suites = [{ suite: 'Addition', base: { right: 100, total: 200 }, candidate: { right: 120, total: 200 } }];
	const found = tried({ epoch: 2, outcome: { promoted: { gainPpm: 200000 } }, decidedAt: 90, tried: 4, proposer: '5F', proposal: { kind: 'Widen', base: 1 }, candidate: 2, draw: '0xab', benchmark: { suites } });
	expect(found).toMatchObject({ epoch: 2, outcome: { name: 'promoted', gainPpm: 200000 }, candidate: 2, proposal: { id: 4, kind: 'widen' } });
	expect(found.suites).toEqual([{ name: 'addition', base: 100, candidate: 120, tasks: 200, gainPpm: 200_000 }]);
	expect(tried({ outcome: 'NoProposal', tried: null })).toMatchObject({ proposal: null, suites: [] });
});

test('models descend in lines, and a circle ends', () => {
	const to = (base: number, model: number) => ({ base, model, epoch: 0, gainPpm: 1 });
	expect(lineages([0, 1, 2, 3], [to(1, 2), to(2, 3)])).toEqual([[0], [1, 2, 3]]);
	expect(lineages([0, 1], [to(0, 1), to(1, 1)])).toEqual([[0, 1]]);
});

test('what is not understood is shown as nothing, and nothing breaks', () => {
	for (const value of [null, 5, 'x', [], {}, { proposal: 5, seats: 5, benchmark: { suites: [null] } }]) {
		expect(() => [epoch(value), proposal(value), evaluation(value), tried(value)]).not.toThrow();
	}
});
