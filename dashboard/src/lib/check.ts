// A check that runs in a worker, as the page sees it.

import type { GenerationRecord, Progress, Verdict } from '@blyan/verifier';
import type { Asked, Told } from './check.worker';
import { GatewayError } from './gateway';

let worker: Worker | null = null;

const start = () => new Worker(new URL('./check.worker.ts', import.meta.url), { type: 'module' });

/** Computes the answer of a receipt again. Aborting ends the worker, and with it the model that it holds. */
export function check(
	receipt: GenerationRecord,
	files: File[] | null,
	onProgress: (progress: Progress) => void,
	signal: AbortSignal,
): Promise<Verdict> {
	const running = (worker ??= start());
	const end = () => {
		running.terminate();
		worker = null;
	};
	return new Promise<Verdict>((resolve, reject) => {
		signal.addEventListener('abort', () => (end(), reject(new DOMException('stopped', 'AbortError'))));
		running.onerror = (event) => {
			end();
			// The module traps where it has no more memory.
			reject(new GatewayError(event.message || 'the check has ended by itself: the model may be too large for this browser', null, null));
		};
		running.onmessage = ({ data }: MessageEvent<Told>) => {
			if (data.type === 'progress') onProgress(data.progress);
			else if (data.type === 'verdict') resolve(data.verdict);
			else reject(new GatewayError(data.message, data.code, null));
		};
		running.postMessage({ receipt, files } satisfies Asked);
	});
}

/** What a verdict says, in a sentence. */
export function sentence(verdict: Verdict): string {
	const { firstDifference: difference, tokens } = verdict;
	const seconds = `${verdict.seconds.toFixed(1)} s`;
	if (!difference) {
		const end = verdict.endChecked ? 'and the end are' : 'are (the end is not checked, since the request had stop strings)';
		return `All ${tokens} tokens ${end} what the model gives. Computed here in ${seconds}.`;
	}
	if (difference.kind === 'token') {
		const { index, expected, found } = difference;
		return `Token ${index + 1} of ${tokens} is ${found}, and the model gives ${expected}. The answer is not what this model says.`;
	}
	if (difference.tokens === null) return `All ${tokens} tokens are right, and the answer does not end there.`;
	return `The answer ends after ${difference.tokens} tokens (${difference.expected}), and the receipt says otherwise (${difference.found}).`;
}
