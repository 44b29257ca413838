import type { GenerationRecord, Verdict } from '@blyan/verifier';
import { useEffect, useState } from 'preact/hooks';
import type { Piece, Vocabulary } from '../lib/tokens';
import { Problem } from './parts';

/** Most tokens of a prompt that are shown; the answer is shown whole. */
const PROMPT_SHOWN = 2_000;

/** Which words each token of a receipt stands for, and the first one that the model does not give. */
export function TokensView({ record, verdict }: { record: GenerationRecord; verdict: Verdict | null }) {
	const [words, setWords] = useState<Vocabulary | null>(null);
	const [split, setSplit] = useState<((ids: readonly number[], words: Vocabulary) => Piece[]) | null>(null);
	const [error, setError] = useState<unknown>(null);
	const read = (get: (lib: typeof import('../lib/tokens')) => Promise<Vocabulary>) => {
		setError(null);
		import('../lib/tokens')
			.then(async (lib) => {
				const found = await get(lib);
				setSplit(() => lib.pieces);
				setWords(found);
			})
			.catch(setError);
	};
	useEffect(() => {
		setWords(null);
		read((lib) => lib.fetchVocabulary(record.modelRoot, record.tokenizer));
	}, [record]);
	const difference = verdict?.firstDifference;
	const wrong = difference?.kind === 'token' ? difference : null;
	return (
		<section class="tokens" aria-label="Text of the tokens">
			<h2>Words</h2>
			{error !== null && (
				<>
					<Problem error={error} />
					<label class="pick">
						The file tokenizer.json of the model
						<input
							type="file"
							accept=".json,application/json"
							onChange={(event) => {
								const file = event.currentTarget.files?.[0];
								if (file) read(async (lib) => lib.checked(new Uint8Array(await file.arrayBuffer()), record.tokenizer));
							}}
						/>
					</label>
				</>
			)}
			{words && split && (
				<>
					<p class="hint">Each mark is a token; the tokenizer has the hash that the receipt names. Point at a token for its number.</p>
					<details>
						<summary>Read: {record.prompt.length} tokens</summary>
						<Pieces pieces={split(record.prompt.slice(0, PROMPT_SHOWN), words)} wrongAt={null} />
						{record.prompt.length > PROMPT_SHOWN && <p class="hint">The first {PROMPT_SHOWN.toLocaleString('en')} tokens are shown.</p>}
					</details>
					<h3>Written: {record.answer.length} tokens</h3>
					<Pieces pieces={split(record.answer, words)} wrongAt={wrong?.index ?? null} />
					{wrong && (
						<p class="verdict bad" role="status">
							The first difference is token {wrong.index + 1}: the receipt says <q>{shown(split([wrong.found], words))}</q> ({wrong.found}), and the model gives{' '}
							<q>{shown(split([wrong.expected], words))}</q> ({wrong.expected}). What follows it was written by another rule than the model's.
						</p>
					)}
				</>
			)}
		</section>
	);
}

const shown = ([piece]: Piece[]) => (piece?.text ?? '').replaceAll('\n', '⏎') || 'nothing';

function Pieces({ pieces, wrongAt }: { pieces: Piece[]; wrongAt: number | null }) {
	return (
		<p class="pieces">
			{pieces.map(({ id, text, kind }, index) => {
				const name = `token ${index + 1}: ${id}${kind === 'control' ? ', no text' : kind === 'part' ? ', a part of the next character' : ''}`;
				const piece = kind === 'part' ? '·' : text.replaceAll('\n', '⏎\n');
				if (index === wrongAt) {
					return (
						<mark key={index} class="wrong" title={name}>
							<span class="hidden">first difference: </span>
							{piece}
						</mark>
					);
				}
				return (
					<span key={index} class={`${kind}${wrongAt !== null && index > wrongAt ? ' after' : ''}`} title={name}>
						{piece}
					</span>
				);
			})}
		</p>
	);
}
