import { describe, expect, test } from 'vitest';
import { withBlock } from '../../src/lib/chain-state';
import { contributions, courseOf, readSubmissions, sinceOf } from '../../src/lib/contributions';
import { submission, type Submission } from '../../src/lib/records';

/** A submission as a node writes it. */
const wire = (id: number, miner: string, at: number, improvement: number | null, reward = '0', model = 0) => ({
	id, miner, slot: { model, layer: 0, expert: 1 }, parent: 0, block: { tensor_root: '0x01' }, submitted_at: at,
	state: { Closed: { outcome: improvement === null ? { Rejected: 'NotBetter' } : { Accepted: { version: 1, improvement, reward } }, at: at + 5 } },
});
const read = (...all: Parameters<typeof wire>[]): Submission[] => all.map((one) => submission(wire(...one)));

describe('contributions', () => {
	test('are counted by miner over a time, those first who earned most', () => {
		const found = read([0, 'a', 5, 65_536, '1000'], [1, 'a', 20, 32_768, '100'], [2, 'b', 21, 16_384, '9007199254740993'], [3, 'c', 22, null], [4, 'b', 23, null]);
		expect(contributions(found, 20)).toEqual({
			submitted: 4, accepted: 2, distributed: 9007199254741093n, meanGain: 0.375,
			miners: [
				{ account: 'b', submitted: 2, accepted: 1, earned: 9007199254740993n, best: 0.25 },
				{ account: 'a', submitted: 1, accepted: 1, earned: 100n, best: 0.5 },
				{ account: 'c', submitted: 1, accepted: 0, earned: 0n, best: null },
			],
		});
		expect(contributions(found, 0).miners[1]).toMatchObject({ account: 'a', earned: 1100n, best: 1 });
		expect(contributions([], 0)).toEqual({ submitted: 0, accepted: 0, distributed: 0n, meanGain: null, miners: [] });
	});

	test('of a time begin at the block of its pace, and with the first one where no pace is known', () => {
		expect(sinceOf('24 hours', 20_000, 6_000)).toBe(5_600);
		expect([sinceOf('30 days', 20_000, 6_000), sinceOf('7 days', 20_000, null)]).toEqual([0, 0]);
	});

	test('add up to the course of their model', () => {
		const found = read([3, 'a', 9, 65_536], [1, 'b', 4, 32_768], [2, 'b', 5, null], [4, 'c', 7, 65_536, '0', 8]);
		expect(courseOf(found, 0)).toEqual([{ block: 4, total: 0.5 }, { block: 9, total: 1.5 }]);
		expect(courseOf(found, 9)).toEqual([]);
	});

	test('are read by pages, the newest thousand', async () => {
		const asked: unknown[][] = [];
		const rpc = async <T,>(...question: unknown[]) => (asked.push(question), [wire(1, 'a', 1, null)] as T);
		expect(await readSubmissions({ rpc } as never, 1_250)).toHaveLength(10);
		expect([asked[0], asked.at(-1)]).toEqual([['blyan_submissions', 251, 100], ['blyan_submissions', 1_151, 100]]);
		asked.length = 0;
		await readSubmissions({ rpc } as never, 0);
		expect(asked).toEqual([['blyan_submissions', 0, 100]]);
	});
});

test('a block of another branch takes the place of those that it does not build on', () => {
	const block = (number: number, hash: string) => ({ number, hash, at: 0 });
	const shown = [block(3, 'a'), block(4, 'b'), block(5, 'c'), block(4, 'd')].reduce<readonly ReturnType<typeof block>[]>(withBlock, []);
	expect(shown.map(({ hash }) => hash)).toEqual(['d', 'a']);
	expect(withBlock(shown, undefined)).toBe(shown);
	expect([...Array(40).keys()].map((number) => block(number, '')).reduce<readonly ReturnType<typeof block>[]>(withBlock, [])).toHaveLength(12);
});
