// Approval and support of a referendum over time, against their thresholds. Drawn as SVG, so that it takes the colours of the page.

import { scaleLinear } from 'd3-scale';
import { curveStepAfter, line } from 'd3-shape';
import { useEffect, useRef, useState } from 'preact/hooks';
import { approvalOf, supportOf, type Curve, type Point } from '../lib/governance';
import { Table } from './parts';

/** Width that is drawn until the page knows what there is room for, and the least. */
const [WIDTH, WIDTH_MIN] = [640, 240];
const HEIGHT = 200;
const EDGE = { top: 12, right: 12, bottom: 28, left: 44 };

interface Series {
	name: 'approval' | 'support';
	valueOf: (point: Point) => number;
	threshold: Curve;
}

interface ChartProps {
	title: string;
	points: readonly Point[];
	/** First and last block of the drawing. */
	from: number;
	to: number;
	/** Present block: what is known ends here. */
	now: number;
	/** First block of the decision, from which thresholds count. */
	since: number;
	approval: Curve;
	support: Curve;
}

/** Pixels that an element has room for. Text in a drawing that is scaled to it would be too small to read on a phone. */
export function useWidth<E extends Element>() {
	const [width, setWidth] = useState(WIDTH);
	const element = useRef<E>(null);
	useEffect(() => {
		if (!element.current) return;
		const watch = new ResizeObserver(([entry]) => setWidth(Math.max(WIDTH_MIN, Math.round(entry?.contentRect.width ?? WIDTH))));
		watch.observe(element.current);
		return () => watch.disconnect();
	}, []);
	return [element, width] as const;
}

/** Value at the present block carried on: a vote stays as it is until another one changes it. */
export function carried(points: readonly Point[], now: number): Point[] {
	const last = points.at(-1);
	return last && last.block < now ? [...points, { ...last, block: now }] : [...points];
}

export function VoteChart({ title, points, from, to, now, since, approval, support }: ChartProps) {
	const [figure, width] = useWidth<HTMLElement>();
	const x = scaleLinear([from, Math.max(to, from + 1)], [EDGE.left, width - EDGE.right]);
	const y = scaleLinear([0, 1], [HEIGHT - EDGE.bottom, EDGE.top]);
	const all: Series[] = [
		{ name: 'approval', valueOf: ({ tally }) => approvalOf(tally), threshold: approval },
		{ name: 'support', valueOf: ({ tally }) => supportOf(tally), threshold: support },
	];
	const known = carried(points, Math.min(now, to));
	const step = (value: (point: Point) => number) =>
		line<Point>((point) => x(point.block), (point) => y(value(point))).curve(curveStepAfter)(known) ?? '';
	const thresholds = [from, since, to].filter((block, index, blocks) => block >= from && blocks.indexOf(block) === index);
	const limit = (threshold: Curve) => line<number>((block) => x(block), (block) => y(threshold(Math.max(0, block - since))))(thresholds) ?? '';
	const last = points.at(-1);
	const summary = last
		? `${title}: approval ${share(approvalOf(last.tally))} of ${share(approval(0))} needed, support ${share(supportOf(last.tally))} of ${share(support(0))} needed.`
		: `${title}: no vote yet.`;
	return (
		<figure class="chart" ref={figure}>
			<svg viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={summary}>
				{y.ticks(4).map((tick) => (
					<g key={tick} class="tick">
						<line x1={EDGE.left} x2={width - EDGE.right} y1={y(tick)} y2={y(tick)} />
						<text x={EDGE.left - 6} y={y(tick)} text-anchor="end" dominant-baseline="middle">{share(tick)}</text>
					</g>
				))}
				{x.ticks(width < 400 ? 3 : 5).filter(Number.isInteger).map((tick) => (
					<text key={tick} class="label" x={x(tick)} y={HEIGHT - 8} text-anchor="middle">{tick.toLocaleString('en')}</text>
				))}
				{all.map(({ name, valueOf, threshold }) => (
					<g key={name} class={name}>
						<path class="limit" d={limit(threshold)} />
						<path class="value" d={step(valueOf)} />
					</g>
				))}
				{now >= from && now <= to && <line class="present" x1={x(now)} x2={x(now)} y1={EDGE.top} y2={HEIGHT - EDGE.bottom} />}
			</svg>
			<figcaption>
				<span class="key approval">approval</span> <span class="key support">support</span> by block; dashed: what is needed; dotted: now
			</figcaption>
			{points.length > 0 && (
				<details>
					<summary>As a table</summary>
					<Table caption={`${title} by block`} head={['Block', 'Ayes', 'Nays', 'Approval', 'Support']}>
						{points.map((point) => (
							<tr key={point.block}>
								<td>{point.block.toLocaleString('en')}</td>
								<td>{point.tally.ayes}</td>
								<td>{point.tally.nays}</td>
								<td>{share(approvalOf(point.tally))}</td>
								<td>{share(supportOf(point.tally))}</td>
							</tr>
						))}
					</Table>
				</details>
			)}
		</figure>
	);
}

/** A part of one, as percent. */
export const share = (part: number) => `${(part * 100).toLocaleString('en', { maximumFractionDigits: 1 })} %`;
