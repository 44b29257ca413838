// Pieces that several views are made of.

import type { ComponentChildren } from 'preact';
import { describe } from '../lib/advice';

/** What went wrong, and what to do. */
export function Problem({ error }: { error: unknown }) {
	if (error === null || error === undefined) return null;
	const { message, advice } = describe(error);
	const sentence = message.charAt(0).toUpperCase() + message.slice(1);
	return (
		<div class="problem" role="alert">
			<strong>
				{sentence}
				{/[.!?…]$/.test(sentence) ? '' : '.'}
			</strong>
			{advice && <span> {advice}</span>}
		</div>
	);
}

/** A hash or an address by its beginning and end; the whole of it is there for pointers and copying. */
export function Short({ value, length = 10 }: { value: string; length?: number }) {
	if (value.length <= length + 8) return <code>{value}</code>;
	return (
		<code title={value}>
			{value.slice(0, length)}…{value.slice(-4)}
		</code>
	);
}

/** A table that scrolls sideways in itself where the screen is narrow. */
export function Table({ caption, head, children }: { caption: string; head: string[]; children: ComponentChildren }) {
	return (
		<div class="scroll" tabIndex={0} role="region" aria-label={caption}>
			<table>
				<caption class="hidden">{caption}</caption>
				<thead>
					<tr>
						{head.map((name) => (
							<th key={name} scope="col">
								{name}
							</th>
						))}
					</tr>
				</thead>
				<tbody>{children}</tbody>
			</table>
		</div>
	);
}

export function Section({ title, count, children }: { title: string; count?: number | undefined; children: ComponentChildren }) {
	return (
		<section class="facts">
			<h2>
				{title}
				{count !== undefined && <span class="count">{count}</span>}
			</h2>
			{children}
		</section>
	);
}

/** A table of plain cells, or what stands in its place where there is none. */
export function Rows({ caption, head, empty = 'None.', children }: { caption: string; head: string[]; empty?: string; children: ComponentChildren[][] }) {
	if (children.length === 0) return <p class="hint">{empty}</p>;
	return (
		<Table caption={caption} head={head}>
			{children.map((cells, row) => (
				<tr key={row}>
					{cells.map((cell, column) => (
						<td key={column}>{cell}</td>
					))}
				</tr>
			))}
		</Table>
	);
}
