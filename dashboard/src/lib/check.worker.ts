// The check of an answer, beside the page: a model is a hundred megabytes of arithmetic, and the page must stay awake.

import { fromFiles, fromGateway, Verifier, type GenerationRecord, type Progress, type Verdict } from '@blyan/verifier';
import wasm from '../../verifier/wasm/blyan_verifier.wasm?url';

/** Question to the worker: a receipt, and files where the gateway is not asked for them. */
export interface Asked {
	receipt: GenerationRecord;
	files: File[] | null;
}

export type Told =
	| { type: 'progress'; progress: Progress }
	| { type: 'verdict'; verdict: Verdict }
	| { type: 'failed'; message: string; code: string | null };

/** The model that is loaded; receipts of a conversation have one. */
let loaded: Verifier | null = null;

const tell = (told: Told) => self.postMessage(told);
const onProgress = (progress: Progress) => tell({ type: 'progress', progress });

self.onmessage = async ({ data }: MessageEvent<Asked>) => {
	try {
		if (loaded?.modelRoot !== data.receipt.modelRoot) {
			// The memory of one model at a time.
			loaded = null;
			const module = await WebAssembly.compileStreaming(fetch(wasm));
			const source = data.files ? fromFiles(data.files) : fromGateway(location.origin, data.receipt.modelRoot);
			loaded = await Verifier.load(source, { module, onProgress });
		}
		tell({ type: 'verdict', verdict: await loaded.verify(data.receipt, { onProgress }) });
	} catch (error) {
		const { message, code } = error as { message?: string; code?: string | null };
		tell({ type: 'failed', message: message ?? String(error), code: code ?? null });
	}
};
