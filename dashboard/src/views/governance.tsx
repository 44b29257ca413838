import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { chosen } from '../lib/accounts-state';
import { bly } from '../lib/bly';
import type { Connected } from '../lib/chain';
import { until } from '../lib/duration';
import { merged, missingAyes, timeline, type Emergency, type Point, type Poll, type Stage, type Track, type Vote } from '../lib/governance';
import { readCourse, readDetail, readGovernance, type Detail, type Governance } from '../lib/governance-read';
import { useLive, usePace } from '../lib/live';
import { Act, ChainPage, Signer, useNames } from './act';
import { share, VoteChart } from './chart';
import { Problem, Rows, Section, Short } from './parts';

/** In whose name a vote is cast; empty for the account that signs. */
const voice = signal('');

/** Types of proxies that may vote. */
const PROXIES = ['Any', 'Governance'];

export function GovernanceView() {
	return (
		<ChainPage
			title="Governance"
			lead="Operators decide: one operator, one voice, whatever its stake. Nothing weighs a vote more than another, neither coins nor time."
		>
			{(connected) => <Loaded connected={connected} />}
		</ChainPage>
	);
}

function Loaded({ connected }: { connected: Connected }) {
	const { value: found, error } = useLive(connected, readGovernance);
	const pace = usePace(connected);
	const names = useNames(connected, found?.voices ?? [], PROXIES);
	if (error) return <Problem error={error} />;
	if (!found) return <p aria-busy="true">Reading referenda…</p>;
	const [open, over] = [found.polls.filter(({ isOngoing }) => isOngoing), found.polls.filter(({ isOngoing }) => !isOngoing)];
	return (
		<>
			<Signer connected={connected} />
			<Voice names={names} />
			<Section title="Open referenda" count={open.length}>
				{open.length === 0 && <p class="hint">None. Submit one with blyan propose, or in polkadot.js apps.</p>}
				{open.map((poll) => (
					<PollView key={poll.index} connected={connected} poll={poll} found={found} pace={pace} names={names} />
				))}
			</Section>
			<Emergencies connected={connected} found={found} pace={pace} names={names} />
			<Parameters found={found} />
			<Section title="Tracks" count={found.tracks.length}>
				<Rows caption="Tracks of referenda" head={['Track', 'Approval', 'Support', 'Prepare', 'Decide', 'Confirm', 'Then waits', 'Deposit']}>
					{found.tracks.map((rules) => [
						rules.name, share(rules.approval(0)), share(rules.support(0)), blocks(rules.prepare), blocks(rules.decision), blocks(rules.confirm),
						blocks(rules.enactment), bly(rules.deposit),
					])}
				</Rows>
			</Section>
			<Section title="Referenda that are over" count={over.length}>
				<Rows caption="Referenda that are over" head={['Referendum', 'End', 'Block']}>
					{over.map(({ index, state, endedAt }) => [index, state, endedAt?.toLocaleString('en') ?? '–'])}
				</Rows>
			</Section>
		</>
	);
}

const blocks = (count: number) => `${count.toLocaleString('en')} blocks`;

/** Whose voice is cast: the signer's own, or that of an operator which made it its proxy. */
function Voice({ names }: { names: string[] }) {
	const who = chosen.value;
	if (!who) return <p class="hint">Connect a wallet to vote: the account of an operator, its owner, or a proxy of it of the type Governance.</p>;
	if (names.length === 0) return <p class="hint">The chosen account has no voice now: operators vote that have been registered for seven days, and their owners and proxies.</p>;
	const value = names.includes(voice.value) ? voice.value : (names[0] ?? '');
	return (
		<label class="voice">
			Vote as
			<select value={value} onChange={(event) => (voice.value = event.currentTarget.value)}>
				{names.map((name) => (
					<option key={name} value={name}>
						{name === who ? 'this account' : 'its proxy for'} {name.slice(0, 8)}…{name.slice(-4)}
					</option>
				))}
			</select>
		</label>
	);
}

const voiceOf = (names: readonly string[]) => (names.includes(voice.value) ? voice.value : (names[0] ?? null));

interface Common {
	connected: Connected;
	found: Governance;
	pace: number | null;
	names: string[];
}

function PollView({ connected, found, poll, pace, names }: Common & { poll: Poll }) {
	const rules = found.tracks.find(({ id }) => id === poll.track);
	const [isOpen, setOpen] = useState(poll.index === found.polls.find(({ isOngoing }) => isOngoing)?.index);
	const { value: detail } = useLive(isOpen ? connected : null, () => readDetail(connected, poll), [poll.index, poll.call ? JSON.stringify(poll.call) : '']);
	const points = useCourse(connected, poll, found.now, isOpen);
	const name = detail?.call?.[0]?.name;
	return (
		<details class="poll" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
			<summary>
				<strong>Referendum {poll.index}</strong> {rules?.name} · {poll.state} · {poll.tally.ayes} aye, {poll.tally.nays} nay of {poll.tally.voices} voices
				{name && ` · ${name}`}
			</summary>
			{rules && (
				<>
					<Standing poll={poll} rules={rules} />
					<VoteChart
						title={`Referendum ${poll.index}`} points={points} from={poll.submittedAt} now={found.now} since={poll.decidingSince ?? found.now}
						to={Math.max(found.now, (poll.decidingSince ?? poll.submittedAt + rules.prepare) + rules.decision)} approval={rules.approval} support={rules.support}
					/>
					<Timeline stages={timeline(poll, rules, found.undecidingTimeout)} now={found.now} pace={pace} />
				</>
			)}
			<Ballot connected={connected} poll={poll} names={names} rules={rules} votes={detail?.votes ?? []} />
			<CallView detail={detail} poll={poll} />
			{detail && (
				<Rows caption={`Votes in referendum ${poll.index}`} head={['Voice', 'Vote']}>
					{detail.votes.map(({ voice, isAye }) => [<Short value={voice} />, isAye ? 'aye' : 'nay'])}
				</Rows>
			)}
		</details>
	);
}

/** Course of a vote: events of blocks that the node still has, and what was read since. Each block is asked for once. */
function useCourse(connected: Connected, poll: Poll, now: number, isOpen: boolean): Point[] {
	const [points, setPoints] = useState<Point[]>([]);
	const readTo = useRef(-1);
	// A reading outlives the block that it was begun with, and not the view.
	const isGone = useRef(false);
	useEffect(() => () => void (isGone.current = true), []);
	useEffect(() => {
		if (!isOpen || now <= readTo.current) return;
		const from = readTo.current;
		readTo.current = now;
		const first: Point[] = from < 0 ? [{ block: poll.submittedAt, tally: { ...poll.tally, ayes: 0, nays: 0 } }] : [];
		void readCourse(connected, poll, from, now)
			.catch(() => [])
			.then((more) => isGone.current || setPoints((before) => merged(before, [...first, ...more, { block: now, tally: poll.tally }])));
	}, [now, isOpen, poll.index]);
	return points;
}

function Standing({ poll, rules }: { poll: Poll; rules: Track }) {
	const missing = missingAyes(poll.tally, rules);
	const need = `It needs ${share(rules.approval(0))} of the votes and ${share(rules.support(0))} of all voices.`;
	if (missing === 0) return <p>{need} It has both now.</p>;
	if (missing === null) return <p>{need} With the nays as they are it cannot pass; votes may be changed.</p>;
	return (
		<p>
			{need} {missing === 1 ? 'One aye is missing' : `${missing} ayes are missing`}, if no one else votes nay.
		</p>
	);
}

const STAGES: Record<Stage['name'], string> = { prepare: 'Prepare', decide: 'Decide', confirm: 'Confirm', wait: 'Wait', end: 'End' };

function Timeline({ stages, now, pace }: { stages: Stage[]; now: number; pace: number | null }) {
	return (
		<ol class="timeline" aria-label="Stages">
			{stages.map(({ name, to, state, note }) => (
				<li key={name} class={state} aria-current={state === 'now' ? 'step' : undefined}>
					<strong>{STAGES[name]}</strong>
					<span>{state === 'over' ? 'over' : to === null ? 'ahead' : state === 'now' ? `ends: ${until(to, now, pace)}` : `until ${until(to, now, pace)}`}</span>
					{note && <small>{note}</small>}
				</li>
			))}
		</ol>
	);
}

function Ballot({ connected, poll, names, rules, votes }: { connected: Connected; poll: Poll; names: string[]; rules: Track | undefined; votes: Vote[] }) {
	const cast = voiceOf(names);
	const own = votes.find(({ voice }) => voice === cast);
	const make = (isAye: boolean) => (wallet: typeof import('../lib/wallet')) => {
		const call = wallet.callOf(connected.api, 'rankedCollective', 'vote', poll.index, isAye);
		return cast && cast !== chosen.value ? wallet.throughProxy(connected.api, cast, call) : call;
	};
	return (
		<div class="row">
			{own && <p class="hint">This voice has voted {own.isAye ? 'aye' : 'nay'}; it can change that until the end.</p>}
			<Act connected={connected} what={`aye-${poll.index}`} label="Aye" name={`Vote aye in referendum ${poll.index}`} disabled={cast === null} make={make(true)} />
			<Act connected={connected} what={`nay-${poll.index}`} label="Nay" name={`Vote nay in referendum ${poll.index}`} disabled={cast === null} make={make(false)} secondary />
			{!poll.hasDecisionDeposit && rules && (
				<Act
					connected={connected} what={`deposit-${poll.index}`} label={`Place the decision deposit of ${bly(rules.deposit)}`} disabled={chosen.value === null} secondary
					make={(wallet) => wallet.callOf(connected.api, 'rankedPolls', 'placeDecisionDeposit', poll.index)}
				/>
			)}
		</div>
	);
}

function CallView({ detail, poll }: { detail: Detail | null; poll: Poll }) {
	if (!detail) return <p class="hint">Reading the call…</p>;
	if (!detail.call || detail.call.length === 0) {
		const hash = poll.call && 'hash' in poll.call ? poll.call.hash : null;
		return (
			<p class="problem">
				The call cannot be shown{hash && <> (hash <Short value={hash} />)</>}: its preimage is not on the chain, or it is of another version. Do not approve what you cannot read.
			</p>
		);
	}
	return (
		<figure class="call" aria-label={`Call of referendum ${poll.index}`}>
			{detail.call.map(({ depth, name, value }, index) => (
				<div key={index} class={`depth-${Math.min(depth, 6)}`}>
					<code>{name}</code> {value}
				</div>
			))}
		</figure>
	);
}

function Emergencies({ connected, found, pace, names }: Common) {
	const cast = voiceOf(names);
	return (
		<Section title="Emergencies" count={found.emergencies.length + found.measures.length}>
			{found.measures.length > 0 && (
				<Rows caption="Measures in force" head={['Measure', 'In force', 'Ends']}>
					{found.measures.map(({ id, effect, endsAt }) => [id, effect, until(endsAt, found.now, pace)])}
				</Rows>
			)}
			{found.emergencies.map((emergency) => (
				<EmergencyView key={emergency.id} connected={connected} emergency={emergency} now={found.now} pace={pace} cast={cast} />
			))}
			{found.emergencies.length + found.measures.length === 0 && <p class="hint">None is proposed, and no measure is in force.</p>}
		</Section>
	);
}

interface EmergencyProps {
	connected: Connected;
	emergency: Emergency;
	now: number;
	pace: number | null;
	cast: string | null;
}

function EmergencyView({ connected, emergency, now, pace, cast }: EmergencyProps) {
	const { id, kind, action, why, author, needed, expiresAt, supporters } = emergency;
	const isOver = expiresAt < now;
	const isSupported = cast !== null && supporters.includes(cast);
	return (
		<article class="panel" aria-label={`Emergency ${id}`}>
			<h3>
				{kind}: {action}
			</h3>
			<p>“{why}”</p>
			<p class="hint">
				by <Short value={author} /> · {supporters.length} of {needed} voices that it needs · {isOver ? 'its time is over' : `open: ${until(expiresAt, now, pace)}`}
			</p>
			<progress value={supporters.length} max={needed} aria-label={`Voices for emergency ${id}`} />
			{isOver ? (
				<Act connected={connected} what={`close-${id}`} label="Close" name={`Close emergency ${id}`} secondary make={(wallet) => wallet.callOf(connected.api, 'emergencies', 'close', id)} />
			) : (
				<Act
					connected={connected} what={`support-${id}`} label={isSupported ? 'Supported' : 'Support'} name={`Support emergency ${id}`} disabled={cast === null || isSupported}
					make={(wallet) => {
						const call = wallet.callOf(connected.api, 'emergencies', 'support', id);
						return cast && cast !== chosen.value ? wallet.throughProxy(connected.api, cast, call) : call;
					}}
				/>
			)}
		</article>
	);
}

function Parameters({ found }: { found: Governance }) {
	return (
		<Section title="Parameters that were set" count={found.parameters.length}>
			{found.parameters.length === 0 ? (
				<p class="hint">None: the defaults of the runtime hold.</p>
			) : (
				<Rows caption="Parameters that referenda have set" head={['Group', 'Parameter', 'Value']}>
					{found.parameters.map(({ group, name, value }) => [group, name, value])}
				</Rows>
			)}
			<p class="hint">All others are at the defaults of the runtime, which its documentation lists. Amounts are planck, times are blocks.</p>
		</Section>
	);
}
