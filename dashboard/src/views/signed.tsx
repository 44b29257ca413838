import type { GenerationRecord, Verdict } from '@blyan/verifier';
import { useEffect, useState } from 'preact/hooks';
import { bly } from '../lib/bly';
import { chain } from '../lib/chain-state';
import type { SignedReceipt } from '../lib/signature';
import { Short } from './parts';

interface Read {
	signed: SignedReceipt | null;
	isAbout: boolean;
	isValid: boolean;
}

/** The cryptography is loaded with the first signed receipt: a page that is free needs none. */
async function readAll(record: GenerationRecord, genesis: string | null): Promise<Read> {
	const { isAbout, isSigned, readSigned } = await import('../lib/signature');
	const signed = readSigned(record.signed ?? '');
	if (!signed) return { signed, isAbout: false, isValid: false };
	return { signed, isAbout: isAbout(signed, record), isValid: genesis !== null && (await isSigned(signed, genesis)) };
}

/** What the operator signed about the answer, and what can be said about it. */
export function SignedPart({ record, verdict }: { record: GenerationRecord; verdict: Verdict | null }) {
	const genesis = chain.value.connected?.genesis ?? null;
	const [read, setRead] = useState<Read | null>(null);
	useEffect(() => {
		let isOver = false;
		void readAll(record, genesis).then((read) => isOver || setRead(read));
		return () => void (isOver = true);
	}, [record, genesis]);
	if (!read) return null;
	const { signed, isAbout, isValid } = read;
	if (!signed) return <p class="verdict bad">The signed receipt is malformed: it has not the bytes of one.</p>;
	const tokens = verdict && `0x${verdict.tokensRoot}` === signed.tokensRoot;
	return (
		<div class="signed">
			<h2>Signed by the operator</h2>
			<ul>
				<li>
					{isAbout ? 'It is about this answer: ' : 'It is about another answer: '}
					model, tokenizer, settings and lengths {isAbout ? 'are those above.' : 'are not all those above.'}
				</li>
				<li>
					{verdict === null
						? 'Verify the answer to compare the root over its tokens.'
						: tokens
							? 'The root over its tokens is that of this answer.'
							: 'The root over its tokens is not that of this answer.'}
				</li>
				<li>
					{genesis === null ? (
						<>
							Its signature holds for one chain: <a href="#/chain">connect to a node</a> of it to check it.
						</>
					) : isValid ? (
						'The signature is that of its key, on the chain that this page is connected to.'
					) : (
						'The signature does not hold on the chain that this page is connected to.'
					)}
				</li>
			</ul>
			<p>
				Key <Short value={signed.key} /> · session {signed.session.toString()} · charged {bly(signed.charged)}
			</p>
		</div>
	);
}
