import { signal } from '@preact/signals';
import { scaleLinear } from 'd3-scale';
import { curveStepAfter, line } from 'd3-shape';
import { useEffect, useState } from 'preact/hooks';
import { chosen } from '../lib/accounts-state';
import { bly } from '../lib/bly';
import { chain } from '../lib/chain-state';
import { contributions, courseOf, RANKED_MAX, READ_MAX, readSubmissions, sinceOf, WINDOWS, type Step, type Window } from '../lib/contributions';
import { usePace } from '../lib/live';
import { bits, type Submission } from '../lib/records';
import { useWidth } from './chart';
import { Problem, Rows, Section, Short } from './parts';

const window = signal<Window>('24 hours');
const HEIGHT = 140;
const EDGE = { top: 12, right: 12, bottom: 28, left: 56 };

/** What miners gave and got, and how models became better. Read again when a submission comes, or one of the newest is decided. */
export function ContributionsView({ newest: [latest, ...rest] }: { newest: readonly Submission[] }) {
	const { connected, head } = chain.value;
	const newest = latest?.id ?? null;
	const states = [latest, ...rest].map((submission) => submission?.state).join();
	const [found, setFound] = useState<Submission[] | null>(null);
	const [error, setError] = useState<unknown>(null);
	const pace = usePace(connected);
	useEffect(() => {
		if (!connected || newest === null) return;
		let isOver = false;
		readSubmissions(connected, newest).then(
			(found) => isOver || (setFound(found), setError(null)),
			(error: unknown) => isOver || setError(error),
		);
		return () => void (isOver = true);
	}, [connected, newest, states]);
	if (newest === null) return null;
	const models = [...new Set(found?.map(({ slot }) => slot.model))];
	return (
		<>
			<Problem error={error} />
			{found && <Figures found={found} since={sinceOf(window.value, head ?? 0, pace)} isAll={newest < READ_MAX} />}
			{found && models.map((model) => <Course key={model} model={model} steps={courseOf(found, model)} head={head ?? 0} />)}
		</>
	);
}

function Figures({ found, since, isAll }: { found: Submission[]; since: number; isAll: boolean }) {
	const { submitted, accepted, distributed, meanGain, miners } = contributions(found, since);
	const own = miners.find(({ account }) => account === chosen.value);
	return (
		<Section title="Contributions">
			<fieldset class="choice">
				<legend class="hidden">Time</legend>
				{(Object.keys(WINDOWS) as Window[]).map((name) => (
					<label key={name}>
						<input type="radio" name="window" checked={window.value === name} onChange={() => (window.value = name)} />
						{name}
					</label>
				))}
			</fieldset>
			<dl class="facts-list">
				<Figure name="Submitted" value={submitted.toLocaleString('en')} note={`${accepted.toLocaleString('en')} accepted`} />
				<Figure name="Distributed" value={bly(distributed)} note="on hold until decisions stand" />
				<Figure name="Contributors" value={miners.length.toLocaleString('en')} note="accounts that submitted" />
				<Figure name="Mean gain" value={meanGain === null ? '–' : bits(meanGain)} note="of what was accepted" />
			</dl>
			{own && (
				<p class="hint">
					The account of your wallet earned {bly(own.earned)} with {own.accepted} of {own.submitted} submissions
					{own.best !== null && `; its best gained ${bits(own.best)}`}.
				</p>
			)}
			<Rows caption="Miners by what they earned" head={['Rank', 'Miner', 'Earned', 'Accepted', 'Submitted', 'Best gain']} empty="No submission in this time.">
				{miners.slice(0, RANKED_MAX).map(({ account, earned, accepted, submitted, best }, rank) => [
					rank + 1, <Short value={account} />, bly(earned), accepted, submitted, best === null ? '–' : bits(best),
				])}
			</Rows>
			{!isAll && <p class="hint">Of the newest {READ_MAX.toLocaleString('en')} submissions.</p>}
		</Section>
	);
}

function Figure({ name, value, note }: { name: string; value: string; note: string }) {
	return (
		<div>
			<dt>{name}</dt>
			<dd>
				{value} <small>{note}</small>
			</dd>
		</div>
	);
}

/** The sum of what a model's experts gained, by block. */
function Course({ model, steps, head }: { model: number; steps: Step[]; head: number }) {
	const [figure, width] = useWidth<HTMLElement>();
	const [first, last] = [steps[0], steps.at(-1)];
	if (!first || !last) return null;
	const carried = last.block < head ? [...steps, { ...last, block: head }] : steps;
	const x = scaleLinear([first.block - 1, Math.max(head, last.block)], [EDGE.left, width - EDGE.right]);
	const y = scaleLinear([0, Math.max(...steps.map(({ total }) => total))], [HEIGHT - EDGE.bottom, EDGE.top]).nice(3);
	const path = line<Step>(({ block }) => x(block), ({ total }) => y(total)).curve(curveStepAfter)([{ block: first.block - 1, total: 0 }, ...carried]);
	return (
		<Section title={`Gain of model ${model} over time`}>
			<figure class="chart" ref={figure}>
				<svg viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={`Model ${model} gained ${bits(last.total)} in ${steps.length} accepted submissions, the last one of block ${last.block}.`}>
					{y.ticks(3).map((tick) => (
						<g key={tick} class="tick">
							<line x1={EDGE.left} x2={width - EDGE.right} y1={y(tick)} y2={y(tick)} />
							<text x={EDGE.left - 6} y={y(tick)} text-anchor="end" dominant-baseline="middle">{tick.toLocaleString('en', { maximumFractionDigits: 4 })}</text>
						</g>
					))}
					{x.ticks(width < 400 ? 3 : 5).filter(Number.isInteger).map((tick) => (
						<text key={tick} class="label" x={x(tick)} y={HEIGHT - 8} text-anchor="middle">{tick.toLocaleString('en')}</text>
					))}
					<g class="approval">
						<path class="value" d={path ?? ''} />
					</g>
				</svg>
				<figcaption>bits per byte by block: the sum of what each accepted expert gained over the one before it, each measured on a sample of its own</figcaption>
				<details>
					<summary>As a table</summary>
					<Rows caption={`Gain of model ${model} by block`} head={['Block', 'Sum of gains']}>
						{steps.map(({ block, total }) => [block.toLocaleString('en'), bits(total)])}
					</Rows>
				</details>
			</figure>
		</Section>
	);
}
