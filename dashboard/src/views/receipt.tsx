import { ReceiptError, readReceipt, type GenerationRecord, type Progress, type Verdict } from '@blyan/verifier';
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { check, sentence } from '../lib/check';
import { fetchReceipt, GatewayError } from '../lib/gateway';
import { route } from '../lib/route';
import { Problem, Short } from './parts';
import { SignedPart } from './signed';
import { TokensView } from './tokens';

interface Shown {
	name: string;
	text: string;
	record: GenerationRecord;
}

const shown = signal<Shown | null>(null);
const problem = signal<unknown>(null);
const progress = signal<Progress | null>(null);
const verdict = signal<Verdict | null>(null);
const running = signal<AbortController | null>(null);
/** The gateway does not hand out the model, so its folder has to be picked. */
const needsFiles = signal(false);

function show(name: string, text: string) {
	verdict.value = null;
	needsFiles.value = false;
	try {
		shown.value = { name, text, record: readReceipt(text) };
		problem.value = null;
	} catch (error) {
		shown.value = null;
		problem.value = error;
	}
}

async function open(id: string) {
	if (shown.value?.name === id) return;
	try {
		show(id, await fetchReceipt(id));
	} catch (error) {
		shown.value = null;
		problem.value = error;
	}
}

async function verify(files: File[] | null) {
	const record = shown.value?.record;
	if (!record || running.value) return;
	const controller = new AbortController();
	running.value = controller;
	verdict.value = problem.value = progress.value = null;
	try {
		verdict.value = await check(record, files, (step) => (progress.value = step), controller.signal);
		needsFiles.value = false;
	} catch (error) {
		if (error instanceof GatewayError && error.code !== null) needsFiles.value = true;
		if (!controller.signal.aborted) problem.value = error;
	} finally {
		running.value = progress.value = null;
	}
}

export function ReceiptView() {
	const id = route.value.parameters.get('id');
	useEffect(() => void (id && open(id)), [id]);
	return (
		<>
			<div class="heading">
				<h1>Receipt</h1>
			</div>
			<p>
				A receipt says what a model read and wrote, and everything that its answer follows from. Anyone with the model can compute the answer
				again; this page does so here, in WebAssembly, and trusts no server.
			</p>
			<Problem error={problem.value} />
			<PickReceipt />
			{shown.value && <Verify />}
			{shown.value && <TokensView record={shown.value.record} verdict={verdict.value} />}
			{shown.value && <Fields shown={shown.value} />}
		</>
	);
}

function PickReceipt() {
	const open = async (input: HTMLInputElement) => {
		const file = input.files?.[0];
		if (!file) return;
		if (file.size > 16 << 20) problem.value = new ReceiptError('this file is larger than any receipt: pick another one');
		else show(file.name.replace(/\.json$/, ''), await file.text());
		input.value = '';
	};
	return (
		<label class="pick">
			{shown.value ? 'Another receipt' : 'Receipt from a file'}
			<input type="file" accept=".json,application/json" onChange={(event) => void open(event.currentTarget)} />
		</label>
	);
}

function Verify() {
	const step = progress.value;
	return (
		<section class="verify" aria-label="Verification">
			{running.value ? (
				<>
					<p role="status">
						{step?.step === 'check' ? `Computing: position ${step.done} of ${step.total}` : `Loading the model: part ${step?.done ?? 0} of ${step?.total ?? '…'}`}
					</p>
					<progress value={step?.done ?? 0} max={step?.total ?? 1} aria-label="Progress of the verification" />
					<button type="button" class="secondary" onClick={() => running.value?.abort()}>
						Stop
					</button>
				</>
			) : (
				<button type="button" onClick={() => void verify(null)}>
					Verify here
				</button>
			)}
			{needsFiles.value && !running.value && <PickModel />}
			{verdict.value && (
				<p class={`verdict ${verdict.value.equal ? 'good' : 'bad'}`} role="status">
					<strong>{verdict.value.equal ? 'Equal.' : 'Different.'}</strong> {sentence(verdict.value)}
				</p>
			)}
			{shown.value?.record.signed && <SignedPart record={shown.value.record} verdict={verdict.value} />}
		</section>
	);
}

function PickModel() {
	return (
		<label class="pick">
			Folder of the model, as blyan model import writes it
			<input
				type="file"
				multiple
				// Browsers that know no folders pick files.
				{...{ webkitdirectory: true }}
				onChange={(event) => void verify([...(event.currentTarget.files ?? [])])}
			/>
		</label>
	);
}

const ENDS = {
	end: 'the model ended its turn',
	stop: 'a stop string of the request came',
	length: 'it is as long as the request allowed',
	context: 'the context of the model is full',
	cancelled: 'its reader stopped it',
};

function Fields({ shown: { name, text, record } }: { shown: Shown }) {
	const rows: [string, preact.ComponentChildren, string][] = [
		['Model', <Short value={`0x${record.modelRoot}`} />, 'root over every weight: another model has another one'],
		['Tokenizer', <Short value={`0x${record.tokenizer}`} />, 'hash of what turns text into tokens'],
		['Read', `${record.prompt.length} tokens`, 'the conversation, as the chat template of the model writes it'],
		['Written', `${record.answer.length} tokens`, 'the answer, the token that ended it included'],
		['Seed', record.seed.toString(), 'the noise of every choice follows from it'],
		['Temperature', (record.temperatureQ8 / 256).toString(), `${record.temperatureQ8}/256; 0 takes the favourite`],
		['Top-p', (record.topPQ8 / 256).toString(), `${record.topPQ8}/256 of the probability is chosen from`],
		['Tokens at most', record.maxTokens.toLocaleString('en'), 'limit of the request'],
		['Stop strings', record.stop.length ? record.stop.map((stop) => JSON.stringify(stop)).join(', ') : 'none', 'text that ends an answer'],
		['Ended', record.end, ENDS[record.end]],
		['Program', record.engine, 'what computed it; only to explain a difference'],
	];
	const url = `data:application/json;charset=utf-8,${encodeURIComponent(text)}`;
	return (
		<section>
			<dl class="fields-list">
				{rows.map(([label, value, meaning]) => (
					<div key={label}>
						<dt>{label}</dt>
						<dd>
							{value}
							<small>{meaning}</small>
						</dd>
					</div>
				))}
			</dl>
			<a role="button" class="outline" href={url} download={`${name}.json`}>
				Download
			</a>
			<p class="hint">
				On a machine with the model: <code>blyan audit replay {name}.json --model-dir DIR</code>
			</p>
		</section>
	);
}
