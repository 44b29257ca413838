// Routes of the gateway that the page comes from.

import { planck } from './bly';

/** The model that is served. */
export interface Model {
	id: string;
	root: string;
	context: number;
}

export interface Prices {
	isFree: boolean;
	/** Planck per 1,000 tokens. */
	input: bigint;
	output: bigint;
}

/** What a request costs at most. */
export interface Quote {
	promptTokens: number;
	answerTokensMax: number;
	inputCost: bigint;
	ceiling: bigint;
}

/** Refusal in the gateway's words, with its name for programs. */
export class GatewayError extends Error {
	override name = 'GatewayError';
	constructor(
		message: string,
		readonly code: string | null,
		readonly status: number | null,
		/** Numbers for programs, beside the message. */
		readonly details: Record<string, unknown> | null = null,
	) {
		super(message);
	}
}

/** Makes the refusal of an answer, whatever the server or a proxy in front of it says. */
export async function refusal(response: Response): Promise<GatewayError> {
	const text = await response.text().catch(() => '');
	return refusalOf(text, response.status);
}

/** The same of the text of an answer. */
export function refusalOf(text: string, status: number | null): GatewayError {
	try {
		const { error } = JSON.parse(text) as { error: { message: string; code: string | null; details?: Record<string, unknown> } };
		return new GatewayError(error.message, error.code, status, error.details);
	} catch {
		return new GatewayError(text.slice(0, 200) || `the server answers ${status}`, null, status);
	}
}

/** Asks a route for an object. */
export async function get(path: string, init?: RequestInit): Promise<Record<string, unknown>> {
	const response = await fetch(path, init);
	if (!response.ok) throw await refusal(response);
	return (await response.json()) as Record<string, unknown>;
}

export async function fetchModel(): Promise<Model> {
	const { data } = (await get('/v1/models')) as { data?: { id: string; model_root: string; context_length: number }[] };
	const [served] = data ?? [];
	if (!served) throw new GatewayError('the server serves no model', null, null);
	return { id: served.id, root: served.model_root, context: served.context_length };
}

export async function fetchPrices(): Promise<Prices> {
	const found = await get('/v1/quote');
	return { isFree: found['is_free'] === true, input: planck(found['input']) ?? 0n, output: planck(found['output']) ?? 0n };
}

/** Asks what a chat would cost at most. */
export async function fetchQuote(body: object, signal: AbortSignal): Promise<Quote> {
	const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal };
	const found = await get('/v1/quote', init);
	return {
		promptTokens: Number(found['prompt_tokens']),
		answerTokensMax: Number(found['max_answer_tokens']),
		inputCost: planck(found['input_cost']) ?? 0n,
		ceiling: planck(found['ceiling']) ?? 0n,
	};
}

/** Fetches the text of a receipt. */
export async function fetchReceipt(id: string): Promise<string> {
	const response = await fetch(`/v1/receipts/${encodeURIComponent(id)}`);
	if (!response.ok) throw await refusal(response);
	return response.text();
}
