import { bly } from '../lib/bly';
import type { Facts } from '../lib/chain';
import { chain } from '../lib/chain-state';
import { originOf, type Model, type Slot, type Submission } from '../lib/records';
import { ConnectForm } from './connect';
import { Problem, Rows, Section, Short } from './parts';

export function ChainView() {
	const { phase, connected, facts, error } = chain.value;
	return (
		<>
			<div class="heading">
				<h1>{connected?.name ?? 'Chain'}</h1>
				{connected && (
					<p>
						genesis <Short value={connected.genesis} />
					</p>
				)}
			</div>
			<ConnectForm />
			<Problem error={error} />
			{phase === 'on' && <Heads />}
			{phase === 'on' && (facts ? <FactsView facts={facts} /> : <p aria-busy="true">Reading the chain…</p>)}
		</>
	);
}

function Heads() {
	const { head, finalized } = chain.value;
	const shown = (block: number | null) => block?.toLocaleString('en') ?? '…';
	return (
		<dl class="heads" aria-label="Newest blocks">
			<div>
				<dt>Newest block</dt>
				<dd>{shown(head)}</dd>
			</div>
			<div>
				<dt>Final</dt>
				<dd>{shown(finalized)}</dd>
			</div>
		</dl>
	);
}

function FactsView({ facts }: { facts: Facts }) {
	return (
		<>
			{facts.models?.map((model) => <ModelView key={model.id} model={model} submissions={facts.submissions ?? []} />)}
			{facts.submissions && <Submissions submissions={facts.submissions} />}
			{facts.operators && (
				<Section title="Operators" count={facts.operators.length}>
					<Rows caption="Operators" head={['Account', 'Stake', 'Reputation', 'On duty', 'Tier', 'Role', 'Heartbeat', 'Offences']}>
						{facts.operators.map((operator) => [
							<Short value={operator.account} />,
							bly(operator.stake),
							operator.reputation,
							operator.isOnDuty ? 'yes' : 'no',
							operator.tier,
							operator.role,
							`block ${operator.lastHeartbeat}`,
							operator.offences,
						])}
					</Rows>
				</Section>
			)}
			{facts.games && (
				<Section title="Disputes" count={facts.games.length}>
					<Rows caption="Open dispute games" head={['Game', 'About', 'Part', 'To move', 'Proving a step', 'Since']}>
						{facts.games.map((game) => [
							game.id, game.subject, game.part, game.owes, game.isExecuting ? 'yes' : 'no', `block ${game.since}`,
						])}
					</Rows>
				</Section>
			)}
			{facts.datasets && (
				<Section title="Datasets" count={facts.datasets.length}>
					<Rows caption="Datasets" head={['Dataset', 'State', 'Tier', 'Votes', 'Licence', 'Records', 'Bytes', 'Uses']}>
						{facts.datasets.map((dataset) => [
							dataset.id,
							dataset.stage,
							dataset.tier || '–',
							dataset.votes || '–',
							dataset.licence,
							dataset.records.toLocaleString('en'),
							dataset.bytes.toLocaleString('en'),
							dataset.uses,
						])}
					</Rows>
				</Section>
			)}
			{facts.referenda && (
				<Section title="Referenda" count={facts.referenda.length}>
					<Rows caption="Referenda of operators" head={['Referendum', 'State', 'Tally', 'Block']}>
						{facts.referenda.map((poll) => [poll.index, poll.state, poll.tally || '–', Number.isNaN(poll.at) ? '–' : poll.at])}
					</Rows>
				</Section>
			)}
		</>
	);
}

const slotName = ({ model, layer, expert }: Slot) => `${model}.${layer}.${expert}`;

function ModelView({ model, submissions }: { model: Model; submissions: Submission[] }) {
	return (
		<Section title={`Model ${model.id}: ${model.name}`}>
			<p class="hint">
				version {model.version} · generation {model.generation} · {model.experts.length} experts
			</p>
			<Rows caption={`Experts of model ${model.id}`} head={['Expert', 'Version', 'Tensor root', 'Came from', 'On this node']}>
				{model.experts.map((expert) => {
					const origin = originOf(expert, submissions);
					const from = origin ? `submission ${origin.id}, over version ${origin.parent}` : expert.version === 0 ? 'genesis' : 'an earlier submission';
					return [slotName(expert.slot), expert.version, <Short value={expert.root} />, from, expert.isStored ? 'yes' : 'no'];
				})}
			</Rows>
		</Section>
	);
}

function Submissions({ submissions }: { submissions: Submission[] }) {
	const states = Map.groupBy(submissions, ({ state }) => state);
	return (
		<Section title="Newest submissions" count={submissions.length}>
			{[...states].map(([state, listed]) => (
				<details key={state} open>
					<summary>
						{state} <span class="count">{listed.length}</span>
					</summary>
					<Rows caption={`Submissions that are ${state}`} head={['Submission', 'Expert', 'Over version', 'Miner', 'Block', 'Outcome', 'Reward']}>
						{listed.map((submission) => [
							submission.id,
							slotName(submission.slot),
							submission.parent,
							<Short value={submission.miner} />,
							submission.at,
							submission.outcome || '–',
							submission.reward === null ? '–' : bly(submission.reward),
						])}
					</Rows>
				</details>
			))}
			{submissions.length === 0 && <p class="hint">None.</p>}
		</Section>
	);
}
