import { chosen } from '../lib/accounts-state';
import { signal } from '@preact/signals';
import { bly, parseBly } from '../lib/bly';
import type { Connected } from '../lib/chain';
import { commissionSeen, ranked, readDelegation, refuseBacking, type Backing, type Delegation, type Pool } from '../lib/delegation';
import { percent, until } from '../lib/duration';
import { useLive, usePace } from '../lib/live';
import { Act, ChainPage, Signer } from './act';
import { Problem, Rows, Section, Short } from './parts';

/** Amounts that stand in the fields, by operator and direction. */
const written = signal<Record<string, string>>({});

export function DelegationView() {
	return (
		<ChainPage title="Delegation" lead="Put coins behind an operator: they earn a part of what it earns, and are lost with its own stake if it lies.">
			{(connected) => <Loaded connected={connected} />}
		</ChainPage>
	);
}

function Loaded({ connected }: { connected: Connected }) {
	const { value: found, error } = useLive(connected, (connected) => readDelegation(connected, chosen.value), [chosen.value]);
	const pace = usePace(connected);
	if (error) return <Problem error={error} />;
	if (!found) return <p aria-busy="true">Reading operators…</p>;
	return (
		<>
			<Signer connected={connected} />
			<Risk found={found} pace={pace} />
			<Section title="What you back" count={found.backings.length}>
				{found.backings.map((backing) => (
					<BackingView key={backing.operator} connected={connected} backing={backing} found={found} pace={pace} />
				))}
				{found.backings.length === 0 && <p class="hint">{chosen.value ? 'The chosen account backs no operator.' : 'Connect a wallet to see it.'}</p>}
			</Section>
			<Section title="Operators that take backing" count={found.pools.length}>
				{ranked(found.pools, found.standings).map((pool) => (
					<PoolView key={pool.operator} connected={connected} pool={pool} found={found} pace={pace} />
				))}
				{found.pools.length === 0 && <p class="hint">None. An operator begins with blyan delegations commission.</p>}
			</Section>
		</>
	);
}

/** What can be lost, before anything is signed. */
function Risk({ found, pace }: { found: Delegation; pace: number | null }) {
	return (
		<div class="problem" role="note">
			<strong>You can lose coins here.</strong> You lose the same share as the operator does of its own stake: a tenth or a half for a lie, everything with the third one, and a thousandth for a day of
			silence. A lie that was told before you came and is found later costs you too. Coins that you take out wait for {until(found.terms.wait, 0, pace)} and can still be lost in that time. Past income is no
			promise.
		</div>
	);
}

interface Common {
	connected: Connected;
	found: Delegation;
	pace: number | null;
}

function AmountField({ id, label }: { id: string; label: string }) {
	return (
		<label>
			{label}
			<input
				inputMode="decimal"
				autocomplete="off"
				placeholder="25"
				value={written.value[id] ?? ''}
				onInput={(event) => (written.value = { ...written.value, [id]: event.currentTarget.value })}
			/>
		</label>
	);
}

const clear = (id: string) => (written.value = { ...written.value, [id]: '' });

function PoolView({ connected, pool, found, pace }: Common & { pool: Pool }) {
	const standing = found.standings.get(pool.operator);
	const id = `back-${pool.operator}`;
	const text = written.value[id] ?? '';
	const amount = parseBly(text);
	const refusal = text === '' ? null : refuseBacking(pool, amount, found.terms, bly);
	const commission = commissionSeen(pool);
	return (
		<article class="panel" aria-label={`Operator ${pool.operator}`}>
			<h3>
				<Short value={pool.operator} /> {!pool.isOpen && <span class="count">takes none now</span>}
			</h3>
			<dl class="facts-list">
				<Fact name="Commission" value={percent(pool.commission)} note={pool.raise ? `${percent(pool.raise.commission)} from block ${pool.raise.from.toLocaleString('en')}` : 'of what backers earn'} />
				<Fact name="Own stake" value={bly(pool.own)} note={pool.own === 0n ? 'no operator any more' : 'what it risks itself'} />
				<Fact name="Backing" value={bly(pool.backed)} note={`by ${pool.backers}; room for ${bly(pool.room)}`} />
				<Fact name="Backers earned" value={bly(pool.lastIncome)} note={`in the last period; ${bly(pool.currentIncome)} in this one`} />
				<Fact
					name="Record" value={standing ? percent(standing.reputation) : '–'}
					note={standing ? `reputation; ${standing.isLeaving ? 'leaving' : standing.isOnDuty ? 'on duty' : 'not on duty'}, heartbeat in block ${standing.lastHeartbeat.toLocaleString('en')}` : 'not registered'}
				/>
			</dl>
			{standing && standing.offences.length > 0 && (
				<Rows caption={`Offences of ${pool.operator}`} head={['Offence', 'Block', 'State', 'Taken']}>
					{standing.offences.map(({ kind, at, state, taken }) => [kind, at.toLocaleString('en'), state, taken > 0n ? bly(taken) : '–'])}
				</Rows>
			)}
			{pool.isOpen && (
				<div class="row">
					<AmountField id={id} label={`BLY to put behind it, from ${bly(found.terms.least)}`} />
					<Act
						connected={connected} what={id} label="Back" name={`Back ${pool.operator}`} disabled={chosen.value === null || text === '' || refusal !== null} onDone={() => clear(id)}
						make={(wallet) => wallet.callOf(connected.api, 'delegation', 'delegate', pool.operator, amount, commission)}
					/>
					{refusal && <p class="hint" role="status">{refusal.charAt(0).toUpperCase() + refusal.slice(1)}.</p>}
					<p class="hint">
						You accept a commission of {percent(commission)}, and no higher one. A raise is announced {until(found.terms.notice, 0, pace)} before, which is longer than leaving takes. A first backing holds a
						deposit of {bly(found.terms.deposit)}, which comes back.
					</p>
				</div>
			)}
		</article>
	);
}

function Fact({ name, value, note }: { name: string; value: string; note: string }) {
	return (
		<div>
			<dt>{name}</dt>
			<dd>
				{value}
				<small>{note}</small>
			</dd>
		</div>
	);
}

function BackingView({ connected, backing, found, pace }: Common & { backing: Backing }) {
	const { operator, worth, income, leaving, deposit } = backing;
	const id = `leave-${operator}`;
	const amount = parseBly(written.value[id] ?? '');
	const ready = leaving.filter(({ readyAt }) => readyAt <= found.now);
	const isFull = leaving.length >= found.terms.partsMax;
	return (
		<article class="panel" aria-label={`Backing of ${operator}`}>
			<h3>
				<Short value={operator} />
			</h3>
			<dl class="facts-list">
				<Fact name="Worth now" value={bly(worth)} note="after what was lost" />
				<Fact name="Earned" value={bly(income)} note="not paid out yet" />
				<Fact name="Deposit" value={bly(deposit)} note="back with the last coin" />
			</dl>
			{leaving.length > 0 && (
				<Rows caption={`On its way out from ${operator}`} head={['On its way out', 'Ready']}>
					{leaving.map(({ worth, readyAt }) => [bly(worth), until(readyAt, found.now, pace)])}
				</Rows>
			)}
			<div class="row">
				<Act
					connected={connected} what={`claim-${operator}`} label="Be paid" name={`Claim what ${operator} earned`} disabled={income === 0n} secondary
					make={(wallet) => wallet.callOf(connected.api, 'delegation', 'claim', operator, chosen.value)}
				/>
				<Act
					connected={connected} what={`withdraw-${operator}`} label="Take back what is ready" disabled={ready.length === 0} secondary
					make={(wallet) => wallet.callOf(connected.api, 'delegation', 'withdrawUnbonded', operator)}
				/>
			</div>
			{worth > 0n && (
				<div class="row">
					<AmountField id={id} label="BLY to take out" />
					<Act
						connected={connected} what={id} label="Take out" name={`Take backing out from ${operator}`} disabled={amount === null || amount === 0n || amount > worth || isFull} onDone={() => clear(id)}
						make={(wallet) => wallet.callOf(connected.api, 'delegation', 'undelegate', operator, amount)}
					/>
					<button type="button" class="secondary outline small" onClick={() => (written.value = { ...written.value, [id]: bly(worth).replace(/ BLY|,/g, '') })}>
						All of it
					</button>
					<p class="hint">
						It earns nothing from then on, waits for {until(found.terms.wait, 0, pace)}, and can be lost until it is withdrawn.
						{isFull && ` ${found.terms.partsMax} parts are on their way out, and there may be no more: take back what is ready first.`}
					</p>
				</div>
			)}
		</article>
	);
}
