import { signal } from '@preact/signals';
import { chosen } from '../lib/accounts-state';
import { bly } from '../lib/bly';
import type { Connected } from '../lib/chain';
import { percent, until } from '../lib/duration';
import { lineages, merit, PHASES, readEvolution, refuseEndorsement, type Epoch, type Evaluation, type Evolution, type Proposal, type Tried } from '../lib/evolution';
import { useLive, usePace } from '../lib/live';
import { Act, ChainPage, Signer } from './act';
import { Problem, Rows, Section, Short } from './parts';

/** The proposal that its reader was asked about once more: an endorsement is final. */
const asked = signal<number | null>(null);

export function EvolutionView() {
	return (
		<ChainPage
			title="Evolution"
			lead="On a schedule the network tries the best proposed architecture, and keeps the model if it is measurably better. Operators choose what is tried; exact scores decide what is kept."
		>
			{(connected) => <Loaded connected={connected} />}
		</ChainPage>
	);
}

function Loaded({ connected }: { connected: Connected }) {
	const { value: found, error } = useLive(connected, readEvolution);
	const pace = usePace(connected);
	if (error) return <Problem error={error} />;
	if (!found) return <p aria-busy="true">Reading epochs…</p>;
	return (
		<>
			<Signer connected={connected} />
			{found.epoch ? <EpochView epoch={found.epoch} pace={pace} /> : <p class="hint">No epoch has begun on this chain.</p>}
			{found.epoch && <Proposals connected={connected} found={found} epoch={found.epoch} />}
			{found.evaluation && found.epoch && <Comparison evaluation={found.evaluation} epoch={found.epoch} pace={pace} />}
			<Lineage found={found} />
			<History history={found.history} />
		</>
	);
}

function EpochView({ epoch, pace }: { epoch: Epoch; pace: number | null }) {
	const at = PHASES.findIndex((name) => name === epoch.phase);
	const isRest = epoch.phase === 'rest';
	return (
		<Section title={`Epoch ${epoch.id}`}>
			<ol class="timeline" aria-label="Phases">
				{PHASES.map((name, index) => (
					<li key={name} class={index < at ? 'over' : index === at ? 'now' : 'ahead'} aria-current={index === at ? 'step' : undefined}>
						<strong>{name.charAt(0).toUpperCase() + name.slice(1)}</strong>
						<span>{index < at ? 'over' : index > at ? 'ahead' : isRest ? `the next epoch: ${until(epoch.nextAt, epoch.now, pace)}` : `ends: ${until(epoch.until, epoch.now, pace)}`}</span>
					</li>
				))}
			</ol>
			{epoch.outcome && (
				<p>
					Outcome: {epoch.outcome.name}
					{epoch.outcome.gainPpm !== null && `, mean gain ${percent(epoch.outcome.gainPpm)}`}.
				</p>
			)}
		</Section>
	);
}

function Proposals({ connected, found, epoch }: { connected: Connected; found: Evolution; epoch: Epoch }) {
	const own = chosen.value === null ? undefined : found.endorsedBy.get(chosen.value);
	const best = [...found.proposals].sort((a, b) => merit(b) - merit(a));
	return (
		<Section title="Proposals" count={best.length}>
			<p class="hint">
				The one with the largest feasibility times endorsements is tried, if at least {epoch.endorsementsMin} of {epoch.voices} voices endorse it. An endorsement holds a bond of{' '}
				{bly(found.endorsementBond)}; a tenth of it is lost if the candidate fails. Those who endorse do not measure.
			</p>
			{best.map((proposal) => (
				<ProposalView key={proposal.id} connected={connected} proposal={proposal} epoch={epoch} own={own} bond={found.endorsementBond} />
			))}
			{best.length === 0 && <p class="hint">None yet. Propose one with blyan evolution propose.</p>}
		</Section>
	);
}

interface ProposalProps {
	connected: Connected;
	proposal: Proposal;
	epoch: Epoch;
	own: number | undefined;
	bond: bigint;
}

function ProposalView({ connected, proposal, epoch, own, bond }: ProposalProps) {
	const { id, kind, base, difficulty, minimumPpm, gpuHours, feasibility, endorsements, proposer } = proposal;
	const refusal = refuseEndorsement(epoch, proposal, own);
	return (
		<article class="panel" aria-label={`Proposal ${id}`}>
			<h3>
				Proposal {id}: {kind}, over model {base}
				{epoch.selected === id && <span class="count">tried in this epoch</span>}
			</h3>
			<p>
				Feasibility {percent(feasibility)} · {endorsements} of {epoch.endorsementsMin} endorsements needed, {epoch.endorsementsMax} at most · difficulty {difficulty} · gains {percent(minimumPpm)} or is refused ·{' '}
				{gpuHours.toLocaleString('en')} GPU hours
			</p>
			<p class="hint">
				by <Short value={proposer} />
			</p>
			{refusal ? (
				<p class="hint">{refusal.charAt(0).toUpperCase() + refusal.slice(1)}.</p>
			) : asked.value === id ? (
				<div class="row" role="group" aria-label={`Endorse proposal ${id}`}>
					<p>An endorsement is final, and {bly(bond)} are held until the epoch is over.</p>
					<Act
						connected={connected} what={`endorse-${id}`} label="Endorse it" disabled={chosen.value === null} onDone={() => (asked.value = null)}
						make={(wallet) => wallet.callOf(connected.api, 'evolution', 'endorse', id)}
					/>
					<button type="button" class="secondary outline small" onClick={() => (asked.value = null)}>
						Do not
					</button>
				</div>
			) : (
				<button type="button" class="small" aria-label={`Endorse proposal ${id}`} disabled={chosen.value === null} onClick={() => (asked.value = id)}>
					Endorse
				</button>
			)}
		</article>
	);
}

const STATES = { waiting: 'measures', sealed: 'has sealed its finding', open: 'has opened its finding' };

function Comparison({ evaluation, epoch, pace }: { evaluation: Evaluation; epoch: Epoch; pace: number | null }) {
	return (
		<Section title="Comparison">
			<p>
				Candidate {epoch.candidate === null ? '–' : `model ${epoch.candidate}`} is measured against its base: {evaluation.step}, until {until(evaluation.until, epoch.now, pace)}.
				{evaluation.round > 0 && ' The first committee came to no decision, and this is the second.'}
			</p>
			<Rows caption="Evaluators" head={['Operator', 'State']}>
				{evaluation.seats.map(({ operator, state }) => [<Short value={operator} />, STATES[state]])}
			</Rows>
			{evaluation.seats.length === 0 && <p class="hint">The committee is drawn from a block of the relay chain that is still to come.</p>}
		</Section>
	);
}

function Lineage({ found }: { found: Evolution }) {
	const gains = new Map(found.successors.map(({ model, gainPpm, epoch }) => [model, { gainPpm, epoch }]));
	return (
		<Section title="Lineage" count={found.models.length}>
			{lineages(found.models, found.successors).map((line) => (
				<ol key={line[0]} class="lineage" aria-label={`Descent of model ${line[0]}`}>
					{line.map((model) => {
						const gain = gains.get(model);
						return (
							<li key={model}>
								<strong>Model {model}</strong>
								{gain && <small>+{percent(gain.gainPpm)} in epoch {gain.epoch}</small>}
							</li>
						);
					})}
				</ol>
			))}
			{found.models.length === 0 && <p class="hint">No model is registered.</p>}
		</Section>
	);
}

const signed = (ppm: number) => `${ppm > 0 ? '+' : ''}${percent(ppm)}`;

function History({ history }: { history: Tried[] }) {
	return (
		<Section title="Earlier epochs" count={history.length}>
			{history.map(({ epoch, outcome, proposal, candidate, suites, decidedAt, draw }) => (
				<article key={epoch} class="panel" aria-label={`Epoch ${epoch}`}>
					<h3>
						Epoch {epoch}: {outcome.name}
						{outcome.gainPpm !== null && `, mean gain ${signed(outcome.gainPpm)}`}
					</h3>
					<p class="hint">
						block {decidedAt.toLocaleString('en')}
						{proposal && ` · proposal ${proposal.id}: ${proposal.kind}, over model ${proposal.base}, needed +${percent(proposal.minimumPpm)}`}
						{candidate !== null && ` · candidate model ${candidate}`}
						{draw && (
							<>
								{' '}
								· draw <Short value={draw} />
							</>
						)}
					</p>
					{suites.length > 0 && (
						<Rows caption={`Suites of epoch ${epoch}`} head={['Suite', 'Base', 'Candidate', 'Gain']}>
							{suites.map(({ name, base, candidate, tasks, gainPpm }) => [name, `${base} of ${tasks}`, `${candidate} of ${tasks}`, signed(gainPpm)])}
						</Rows>
					)}
				</article>
			))}
			{history.length === 0 && <p class="hint">None was decided yet.</p>}
		</Section>
	);
}
