import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { act, chosen, transaction } from '../lib/accounts-state';
import { bly, parseBly } from '../lib/bly';
import type { Connected } from '../lib/chain';
import { leftOf, owedMax } from '../lib/channel';
import { until } from '../lib/duration';
import { fetchModel } from '../lib/gateway';
import { useLive, usePace } from '../lib/live';
import { bring, hasKey, leave, makeKey, paying, promiseExactly, readSessions, use, type Offer, type Session } from '../lib/session';
import { Act, ChainPage, Outcome, Signer } from './act';
import { Problem, Section, Short } from './parts';

const problem = signal<unknown>(null);
const written = signal<Record<string, string>>({});

export function SessionView() {
	return (
		<ChainPage
			title="Session"
			lead="A session holds a deposit on the chain. Each answer brings a voucher of it to the operator, who takes what your vouchers allow, and no more; the rest comes back when you close it."
		>
			{(connected) => <Loaded connected={connected} />}
		</ChainPage>
	);
}

function Loaded({ connected }: { connected: Connected }) {
	const [root, setRoot] = useState<string | null>(null);
	useEffect(() => {
		fetchModel().then((model) => setRoot(model.root), (error: unknown) => (problem.value = error));
	}, []);
	const { value: found, error } = useLive(root === null ? null : connected, (connected) => readSessions(connected, chosen.value, root ?? ''), [chosen.value, root]);
	const pace = usePace(connected);
	return (
		<>
			<Signer connected={connected} />
			<Problem error={problem.value ?? error} />
			<Paying />
			{!found && <p aria-busy="true">Reading sessions…</p>}
			{found && (
				<>
					<Section title="Your sessions" count={found.sessions.length}>
						{found.sessions.map((session) => (
							<SessionCard key={session.id} connected={connected} session={session} offers={found.offers} now={found.now} pace={pace} />
						))}
						{found.sessions.length === 0 && <p class="hint">{chosen.value ? 'The chosen account has none.' : 'Connect a wallet to see them.'}</p>}
					</Section>
					<Section title="Offers of this model" count={found.offers.length}>
						{found.offers.map((offer) => (
							<OfferCard key={offer.id} connected={connected} offer={offer} />
						))}
						{found.offers.length === 0 && <p class="hint">No operator offers the model of this gateway for money on this chain.</p>}
					</Section>
				</>
			)}
		</>
	);
}

/** What the session that pays has spent, against what it can. */
function Paying() {
	const channel = paying.value;
	if (!channel) return <p class="hint">No session pays for the chat.</p>;
	const spent = Number((owedMax(channel) * 1_000n) / (channel.deposit || 1n));
	return (
		<article class="panel" aria-label="The session that pays">
			<h3>Session {channel.session} pays for the chat</h3>
			<progress value={Math.min(spent, 1_000)} max={1_000} aria-label="Spent of the deposit" />
			<p>
				{bly(channel.charged)} spent of {bly(channel.deposit)}; {bly(channel.promised)} promised at most; {bly(leftOf(channel))} left
				{channel.open.length > 0 && `; ${channel.open.length} answers without a receipt`}.
			</p>
			{channel.stopped && <p class="verdict bad">It pays no more: {channel.stopped}.</p>}
			<button type="button" class="secondary outline small" onClick={leave}>
				Pay no more by it
			</button>
		</article>
	);
}

const field = (id: string) => ({
	inputMode: 'decimal' as const,
	autocomplete: 'off',
	placeholder: '5',
	value: written.value[id] ?? '',
	onInput: (event: { currentTarget: HTMLInputElement }) => (written.value = { ...written.value, [id]: event.currentTarget.value }),
});

function OfferCard({ connected, offer }: { connected: Connected; offer: Offer }) {
	const id = `offer-${offer.id}`;
	const deposit = parseBly(written.value[id] ?? '');
	const isHere = URL.canParse(offer.endpoint) && new URL(offer.endpoint).origin === location.origin;
	const open = async () => {
		problem.value = null;
		try {
			// The key is kept before the session can name it: a session whose key is lost can only be closed.
			const key = await makeKey();
			const events = await act(id, connected, (wallet) => wallet.callOf(connected.api, 'inference', 'openSession', offer.id, key, deposit));
			if (events) written.value = { ...written.value, [id]: '' };
		} catch (error) {
			problem.value = error;
		}
	};
	return (
		<article class="panel" aria-label={`Offer ${offer.id}`}>
			<h3>
				Offer {offer.id} {!isHere && <span class="count">another gateway</span>}
			</h3>
			<p>
				{bly(offer.prices.input)} per 1,000 tokens read, {bly(offer.prices.output)} per 1,000 written · by <Short value={offer.operator} /> at {offer.endpoint}
			</p>
			{!isHere && <p class="hint">Sessions of this offer are paid at its own address. Where a proxy stands in front of this gateway under another name, it may be this one.</p>}
			<div class="row">
				<label>
					Deposit in BLY
					<input {...field(id)} />
				</label>
				<button
					type="button" class="small" aria-label={`Open a session of offer ${offer.id}`} onClick={() => void open()}
					disabled={!offer.isOpen || chosen.value === null || deposit === null || deposit === 0n || transaction.value.isRunning}
				>
					Open
				</button>
				<Outcome what={id} />
			</div>
			{!offer.isOpen && <p class="hint">Its operator takes no paid work now.</p>}
			<p class="hint">The key that signs its vouchers is made here and kept in this browser, unencrypted; it is worth this deposit. Clearing the browser's data loses it: then the session can be closed, and no more be paid by.</p>
		</article>
	);
}

interface CardProps {
	connected: Connected;
	session: Session;
	offers: Offer[];
	now: number;
	pace: number | null;
}

function SessionCard({ connected, session, offers, now, pace }: CardProps) {
	const { id, offer, deposit, settled, closing, key } = session;
	const topUp = `top-${id}`;
	const more = parseBly(written.value[topUp] ?? '');
	const pays = paying.value?.session === id && paying.value.genesis === connected.genesis;
	const choose = () => {
		problem.value = null;
		use(connected, session, offers).catch((error: unknown) => (problem.value = error));
	};
	// A top-up is taken over as soon as the chain has it.
	useEffect(() => {
		if (pays) bring(connected, session, offers).catch((error: unknown) => (problem.value = error));
	}, [pays, deposit, settled]);
	return (
		<article class="panel" aria-label={`Session ${id}`}>
			<h3>
				Session {id} {pays && <span class="count">pays for the chat</span>}
			</h3>
			<p>
				offer {offer} · {bly(settled)} taken of {bly(deposit)}
				{!hasKey(key) && ' · its key is not in this browser'}
			</p>
			{closing === null ? (
				<div class="row">
					{!pays && hasKey(key) && (
						<button type="button" class="small" aria-label={`Pay by session ${id}`} onClick={choose}>
							Pay by it
						</button>
					)}
					<label>
						More in BLY
						<input {...field(topUp)} />
					</label>
					<Act
						connected={connected} what={topUp} label="Top up" name={`Top up session ${id}`} secondary disabled={more === null || more === 0n}
						make={(wallet) => wallet.callOf(connected.api, 'inference', 'topUp', id, more)} onDone={() => (written.value = { ...written.value, [topUp]: '' })}
					/>
					<Act
						connected={connected} what={`close-${id}`} label="Close" name={`Close session ${id}`} secondary
						make={async (wallet) => {
							await promiseExactly(connected, session);
							return wallet.callOf(connected.api, 'inference', 'closeSession', id);
						}}
					/>
				</div>
			) : (
				<div class="row">
					<p class="hint">Closing: its operator may settle until then. You can take the rest back {closing <= now ? 'now' : `in ${until(closing, now, pace)}`}.</p>
					<Act
						connected={connected} what={`finish-${id}`} label="Take the rest back" name={`Finish session ${id}`} disabled={closing > now}
						make={(wallet) => wallet.callOf(connected.api, 'inference', 'finishSession', id)} onDone={() => void (pays && leave())}
					/>
				</div>
			)}
		</article>
	);
}
