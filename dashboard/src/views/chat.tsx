import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { accessToken, account, askAsAccount, hasAccounts, limits, makeDemo, refreshAccount, session } from '../lib/account';
import { bly } from '../lib/bly';
import { load, requestOf, save, type Turn } from '../lib/conversation';
import { askPerson, task } from '../lib/captcha';
import { ceilingOf, leftOf, type Channel } from '../lib/channel';
import { fetchModel, fetchPrices, fetchQuote, GatewayError, type Model, type Prices, type Quote } from '../lib/gateway';
import { alone, pay, paying, type Payment } from '../lib/session';
import { CaptchaPanel } from './captcha';
import { Problem, Short } from './parts';
import { apiKey, settings, SettingsForm } from './settings';

const kept = load(localStorage);
const turns = signal<Turn[]>(kept.turns);
settings.value = kept.settings;

const model = signal<Model | null>(null);
const prices = signal<Prices | null>(null);
const quote = signal<Quote | null>(null);
const draft = signal('');
const problem = signal<unknown>(null);
/** Bits of the work that the gateway has asked for; null while it asks for none. */
const work = signal<number | null>(null);
/** Tokens that the answer on its way has at most; null where the server has not said it. */
const quotedMax = signal<number | null>(null);
/** The answer on its way. */
const running = signal<AbortController | null>(null);
const progress = signal<{ tokens: number; cost: bigint; speed: number; isLeast: boolean } | null>(null);

const keep = () => save(localStorage, turns.value, settings.value);

async function loadModel() {
	try {
		[model.value, prices.value] = await Promise.all([fetchModel(), fetchPrices()]);
		problem.value = null;
	} catch (error) {
		problem.value = error;
	}
}

const replaceLast = (change: Partial<Turn>) => {
	const last = turns.value.at(-1);
	if (last) turns.value = [...turns.value.slice(0, -1), { ...last, ...change }];
};

async function send() {
	const text = draft.value;
	if (running.value || !text.trim()) return;
	if (!model.value) await loadModel();
	if (!model.value || !prices.value) return;
	problem.value = null;
	const asked: Turn[] = [...turns.value, { role: 'user', content: text }];
	const controller = new AbortController();
	const before = turns.value;
	try {
		const body = requestOf(model.value.id, asked, settings.value);
		quotedMax.value = (body['max_tokens'] as number | undefined) ?? quote.value?.answerTokensMax ?? null;
		running.value = controller;
		turns.value = [...asked, { role: 'assistant', content: '' }];
		draft.value = '';
		await answer(body, prices.value, controller.signal);
	} catch (error) {
		const isStopped = controller.signal.aborted;
		const last = turns.value.at(-1);
		if (last?.role === 'assistant' && last.content) {
			replaceLast({ cut: isStopped ? 'stopped' : 'failed' });
		} else {
			// A question without any answer goes back to where it can be sent again.
			turns.value = before;
			draft.value ||= text;
		}
		if (!isStopped) problem.value = error;
	} finally {
		running.value = null;
		progress.value = null;
		keep();
		void refreshAccount().catch(() => {});
	}
}

/** The API key of Settings, or the account's token. A person who has neither gets an account without a name where the gateway has such. */
async function credentials(): Promise<string> {
	const key = apiKey.value.trim();
	if (key || !hasAccounts.value || paysBySession()) return key;
	if (!session.value) await makeDemo();
	return (await accessToken()) ?? '';
}

/** An API key that was written goes before a session that was chosen. */
const paysBySession = () => paying.value !== null && prices.value?.isFree === false && !apiKey.value.trim();

/** Promises the answer at the session's prices, as far as these words can cost: the server's count is held against them. */
async function promise(body: Record<string, unknown>, signal: AbortSignal, by: Channel): Promise<Payment> {
	const asked = await fetchQuote(body, signal);
	const messages = body['messages'] as { content: string }[];
	return pay(by, (channel) => ceilingOf(channel, messages, asked.promptTokens, asked.answerTokensMax, body['max_tokens'] as number | undefined));
}

/** Asks for an answer. Those of one session run one after another, over all windows of this browser. */
async function answer(body: Record<string, unknown>, price: Prices, signal: AbortSignal) {
	const channel = paysBySession() ? paying.value : null;
	if (!channel) return stream(body, price, signal, null);
	await alone(channel, () => paid(body, price, signal, channel), signal);
}

/** What is known of an answer before it is whole. */
interface Seen {
	hasBegun: boolean;
	receipt: string | null;
}

/** An answer that a session pays for: however it ends, what it cost is found out before the next one is promised. */
async function paid(body: Record<string, unknown>, price: Prices, signal: AbortSignal, channel: Channel) {
	const payment = await promise(body, signal, channel);
	const seen: Seen = { hasBegun: false, receipt: null };
	try {
		await stream(body, price, signal, payment, seen);
	} catch (error) {
		// A refusal with a name comes before anything is delivered; everything else may come after.
		const isRefused = !seen.hasBegun && error instanceof GatewayError && error.code !== null;
		if (isRefused) payment.refuse();
		else await payment.finish(seen.receipt, signal.aborted ? 'left' : 'broken off').catch((reason) => (problem.value = reason));
		throw error;
	}
	await payment.finish(seen.receipt, 'whole');
}

async function stream(body: object, price: Prices, signal: AbortSignal, payment: Payment | null, seen: Seen = { hasBegun: false, receipt: null }) {
	let [content, first, firstTokens, inputCost] = ['', 0, 0, quote.value?.inputCost ?? 0n];
	const question = { body, apiKey: await credentials(), prices: price, signal, ...(payment && { payment }) };
	const challenges = { onWork: (bits: number | null) => (work.value = bits), onCaptcha: askPerson };
	for await (const event of askAsAccount(settings.value.transport, question, challenges)) {
		if (event.type === 'start') {
			seen.hasBegun = true;
			if (event.inputCost > 0n) inputCost = event.inputCost;
			progress.value = { tokens: 0, cost: inputCost, speed: 0, isLeast: false };
			if (event.receipt) replaceLast({ receipt: event.receipt });
			seen.receipt = event.receipt ?? seen.receipt;
		} else if (event.type === 'token') {
			if (!first) [first, firstTokens] = [performance.now(), event.tokens];
			content += event.text;
			const seconds = (performance.now() - first) / 1000;
			const speed = seconds > 0 ? (event.tokens - firstTokens) / seconds : 0;
			// Over server-sent events the cost of what was read is the quote's.
			const cost = event.isLeast ? event.cost + inputCost : event.cost;
			progress.value = { tokens: event.tokens, cost, speed, isLeast: event.isLeast };
			replaceLast({ content });
		} else {
			const speed = progress.value?.speed ?? 0;
			const end: Partial<Turn> = { content, tokens: event.tokens, cost: event.cost.toString(), speed };
			if (event.receipt) end.receipt = event.receipt;
			seen.receipt = event.receipt ?? seen.receipt;
			if (event.reason === 'length') end.cut = 'length';
			replaceLast(end);
		}
	}
}

/** Asks for the price of the message in the field, when its writer pauses. */
function useQuote() {
	const [text, chosen, isBusy] = [draft.value, settings.value, running.value !== null];
	useEffect(() => {
		quote.value = null;
		if (!text.trim() || !model.value || isBusy) return;
		const controller = new AbortController();
		const timer = setTimeout(async () => {
			try {
				const body = requestOf(model.value?.id ?? '', [...turns.value, { role: 'user', content: text }], chosen);
				quote.value = await fetchQuote(body, controller.signal);
			} catch {
				// Sending says what is wrong.
			}
		}, 350);
		return () => (clearTimeout(timer), controller.abort());
	}, [text, chosen, isBusy, model.value]);
}

export function ChatView() {
	useEffect(() => void (model.value ?? loadModel()), []);
	useQuote();
	const end = useRef<HTMLDivElement>(null);
	const last = turns.value.at(-1)?.content;
	useEffect(() => end.current?.scrollIntoView({ block: 'end' }), [turns.value.length, last]);
	return (
		<>
			<div class="heading">
				<h1>{model.value?.id ?? 'Chat'}</h1>
				{model.value && (
					<p>
						<Short value={model.value.root} /> · context {model.value.context.toLocaleString('en')}
					</p>
				)}
				<button
					type="button"
					class="outline secondary small"
					disabled={running.value !== null || turns.value.length === 0}
					onClick={() => ((turns.value = []), (problem.value = null), keep())}
				>
					New conversation
				</button>
			</div>
			<div class="log" role="log" aria-label="Conversation" aria-live="polite" aria-relevant="additions">
				{turns.value.length === 0 && <Welcome />}
				{turns.value.map((turn, index) => (
					<TurnView key={index} turn={turn} isRunning={running.value !== null && index === turns.value.length - 1} />
				))}
				<div ref={end} />
			</div>
			<CaptchaPanel />
			<Composer />
		</>
	);
}

function Welcome() {
	return (
		<div class="welcome">
			<h2>Ask something</h2>
			<p>
				Every answer follows from the model, your words, the settings and a seed, to the last bit. It comes with a receipt, by which this
				page computes it again and shows that nothing was changed.
			</p>
			<p>The conversation stays in this browser.</p>
		</div>
	);
}

const CUTS = { length: 'cut at its length', stopped: 'stopped', failed: 'broken off' };

function TurnView({ turn, isRunning }: { turn: Turn; isRunning: boolean }) {
	const isAnswer = turn.role === 'assistant';
	const notes = [
		turn.tokens !== undefined && `${turn.tokens} tokens`,
		turn.speed ? `${turn.speed.toFixed(1)} tokens/s` : false,
		turn.cost && turn.cost !== '0' && bly(BigInt(turn.cost)),
		turn.cut && CUTS[turn.cut],
	].filter(Boolean);
	return (
		<article class={`turn ${turn.role}`} aria-busy={isRunning && !turn.content ? true : undefined}>
			<h2 class="hidden">{isAnswer ? 'Model' : 'You'}</h2>
			<p class="text">{turn.content || (isRunning ? 'reading…' : '')}</p>
			{isAnswer && !isRunning && (
				<footer>
					{notes.join(' · ')}
					{turn.receipt && (
						<>
							{notes.length > 0 && ' · '}
							<a href={`#/receipt?id=${encodeURIComponent(turn.receipt)}`}>receipt</a>
						</>
					)}
				</footer>
			)}
		</article>
	);
}

function Composer() {
	const onKeyDown = (event: KeyboardEvent) => {
		if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
			event.preventDefault();
			void send();
		}
	};
	return (
		<form
			class="composer"
			// What is out of bounds is said in the page's own words, also where Settings are folded away.
			noValidate
			onSubmit={(event) => {
				event.preventDefault();
				void send();
			}}
		>
			<Problem error={problem.value} />
			<SettingsForm isPaid={prices.value?.isFree === false} onChange={keep} />
			<div class="entry">
				<label class="hidden" for="text">
					Message
				</label>
				<textarea
					id="text"
					rows={2}
					placeholder="Write a message"
					value={draft.value}
					onInput={(event) => (draft.value = event.currentTarget.value)}
					onKeyDown={onKeyDown}
				/>
				{/* Two buttons and not one that changes: the click that stops would else submit what it has brought back to the field. */}
				{running.value ? (
					<button key="stop" type="button" class="secondary" onClick={() => running.value?.abort()}>
						Stop
					</button>
				) : (
					<button key="send" type="submit" disabled={!draft.value.trim()}>
						Send
					</button>
				)}
			</div>
			<p class="price" role="status">
				<StatusLine />
			</p>
		</form>
	);
}

function StatusLine() {
	if (task.value) return <>The gateway waits for the task above.</>;
	if (work.value !== null) return <>The gateway asks for some work first: one moment…</>;
	return progress.value ? <ProgressLine /> : <PriceLine />;
}

function ProgressLine() {
	if (!progress.value) return null;
	const { tokens, cost, speed, isLeast } = progress.value;
	const least = isLeast ? ' or more' : '';
	const most = quotedMax.value;
	return (
		<>
			{most !== null && <progress value={Math.min(tokens, most)} max={most} aria-label={`Tokens of ${most.toLocaleString('en')} at most`} />}
			{tokens} tokens{least} · {speed.toFixed(1)} tokens/s{!prices.value?.isFree && ` · ${bly(cost)}${least} so far`}
		</>
	);
}

function PriceLine() {
	const price = prices.value;
	if (!price) return <>&nbsp;</>;
	const asked = quote.value;
	const isSession = paysBySession();
	const left = account.value && !apiKey.value.trim() && !isSession ? limits(account.value) : '';
	const read = asked ? `${asked.promptTokens} tokens to read` : '';
	if (price.isFree || left) return <>{[left || 'FREE', read].filter(Boolean).join(' · ')}</>;
	return (
		<>
			{asked && <strong>at most {bly(asked.ceiling)} · </strong>}
			{read && `${read} · `}
			{bly(price.input)} per 1,000 tokens read, {bly(price.output)} per 1,000 written ·{' '}
			<a href="#/session">{isSession && paying.value ? `session ${paying.value.session}: ${bly(leftOf(paying.value))} left` : 'pay by a session'}</a>
		</>
	);
}
