import { bly } from '../lib/bly';
import type { Block, Facts } from '../lib/chain';
import { chain } from '../lib/chain-state';
import { bits, originOf, type Model, type Slot, type Submission } from '../lib/records';
import { percent } from '../lib/duration';
import { ContributionsView } from './contributions';
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
			{!connected && <p>What a node of the chain says about blocks, models, experts, operators, disputes and datasets, new with every block.</p>}
			<ConnectForm />
			<Problem error={error} />
			{phase === 'on' && <Heads />}
			{phase === 'on' && (facts ? <FactsView facts={facts} /> : <p aria-busy="true">Reading the chain…</p>)}
		</>
	);
}

function Heads() {
	const { head, finalized, blocks } = chain.value;
	const shown = (block: number | null) => block?.toLocaleString('en') ?? '…';
	return (
		<>
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
			<Blocks blocks={blocks} finalized={finalized} />
		</>
	);
}

function Blocks({ blocks, finalized }: { blocks: readonly Block[]; finalized: number | null }) {
	return (
		<section class="facts">
			<details>
				<summary>Newest blocks as they came</summary>
				<Rows caption="Newest blocks" head={['Block', 'Hash', 'Came at', 'Final']} empty="None came yet.">
					{blocks.map(({ number, hash, at }) => [
						number.toLocaleString('en'), <Short value={hash} />, new Date(at).toLocaleTimeString('en-GB'), number <= (finalized ?? -1) ? 'yes' : 'not yet',
					])}
				</Rows>
			</details>
		</section>
	);
}

function FactsView({ facts }: { facts: Facts }) {
	return (
		<>
			{facts.models?.map((model) => <ModelView key={model.id} model={model} submissions={facts.submissions ?? []} />)}
			{facts.submissions && <Submissions submissions={facts.submissions} />}
			{facts.submissions && <ContributionsView newest={facts.submissions} />}
			{facts.operators && (
				<Section title="Operators" count={facts.operators.length}>
					<Rows caption="Operators" head={['Account', 'Stake', 'Reputation', 'On duty', 'Tier', 'Role', 'Heartbeat', 'Offences']} empty="No operator is registered.">
						{facts.operators.map((operator) => [
							<Short value={operator.account} />,
							bly(operator.stake),
							percent(operator.reputation),
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
					<Rows caption="Open dispute games" head={['Game', 'About', 'Part', 'To move', 'Proving a step', 'Since']} empty="No finding and no answer is disputed.">
						{facts.games.map((game) => [
							game.id, game.subject, game.part, game.owes, game.isExecuting ? 'yes' : 'no', `block ${game.since}`,
						])}
					</Rows>
				</Section>
			)}
			{facts.datasets && (
				<Section title="Datasets" count={facts.datasets.length}>
					<Rows caption="Datasets" head={['Dataset', 'State', 'Tier', 'Votes', 'Licence', 'Records', 'Bytes', 'Uses']} empty="No dataset was offered yet: blyan dataset makes and offers one.">
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
					<Rows caption="Referenda of operators" head={['Referendum', 'State', 'Tally', 'Block']} empty="None was submitted yet.">
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
				version {model.version} · generation {model.generation} · {model.experts.length} experts, each named by model, layer and place
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
					<Rows caption={`Submissions that are ${state}`} head={['Submission', 'Expert', 'Over version', 'Miner', 'Block', 'Outcome', 'Gain', 'Reward']}>
						{listed.map((submission) => [
							submission.id,
							slotName(submission.slot),
							submission.parent,
							<Short value={submission.miner} />,
							submission.at,
							submission.outcome || '–',
							submission.gain === null ? '–' : bits(submission.gain),
							submission.reward === null ? '–' : bly(submission.reward),
						])}
					</Rows>
				</details>
			))}
			{submissions.length === 0 && <p class="hint">No expert was submitted yet: blyan mine trains and submits one.</p>}
		</Section>
	);
}
