// What a person can do about a refusal. The gateway's own words say what is wrong; these add the next step in this page.

const ADVICE: Record<string, string> = {
	context_length_exceeded: 'Begin a new conversation, or ask for fewer tokens under Settings.',
	rate_limit_exceeded: 'The server is busy: wait a moment and send the message again.',
	insufficient_quota: 'The budget of this key is used up for today.',
	overloaded: 'The server is busy: wait a moment and send the message again.',
	shutting_down: 'The server is being restarted: try again in a minute.',
	payment_required: 'This server is paid. Open a session under Session, or enter an API key under Settings.',
	insufficient_voucher: 'The session does not cover this answer: ask for fewer tokens, or top it up under Session.',
	insufficient_deposit: 'The session holds too little: top it up under Session.',
	session_unknown: 'The session is not known to this operator: look under Session whether it is over.',
	invalid_api_key: 'Check the API key under Settings: it begins with "blyan-".',
	sign_in_required: 'Make a demo account under Account, or sign in there.',
	invalid_session: 'Sign in again under Account.',
	session_revoked: 'Sign in again under Account.',
	free_requests_used: 'Sign in under Account to have free requests every day.',
	free_tokens_used: 'Ask for fewer tokens under Settings, or come back tomorrow.',
	free_answer_too_long: 'Ask for fewer tokens under Settings.',
	inferences_used: 'Wait until the hour is over.',
	account_quarantined: 'Say under Account that you are a person, and the operator looks at it.',
	captcha_required: 'This page cannot show tasks of that service: tell the operator, come back tomorrow, or pay by a session.',
	captcha_unavailable: 'Send the message again in a moment.',
	too_many_accounts: 'Use an account that you have, or come back tomorrow.',
	already_appealed: 'Wait for the operator of this gateway.',
	free_room_used: 'Come back later, or pay for answers: docs/paying.md.',
	receipt_not_found: 'Receipts are kept while the server runs: verify a receipt from its downloaded file instead.',
	wrong_origin: 'Open the page from the address of the server itself.',
	wrong_host: 'Open the page as http://127.0.0.1, or ask the operator for the right address.',
	chain_unreachable: 'The server cannot reach its node: try again in a minute.',
	generation_failed: 'Send the message again; if it keeps failing, tell the operator.',
	files_not_shared: 'Pick the folder of the model on your disk below.',
};

/** The next step for a refusal of this name; null where its own message says everything. */
export function adviceFor(code: string | null): string | null {
	return code === null ? null : (ADVICE[code] ?? null);
}

/** What went wrong, in words for a person. */
export function describe(error: unknown): { message: string; advice: string | null } {
	if (error instanceof TypeError) {
		return { message: 'The server cannot be reached.', advice: 'Check that it runs and that you are connected, then try again.' };
	}
	const { message, code, advice } = error as { message?: string; code?: string | null; advice?: string };
	return { message: message ?? String(error), advice: advice ?? adviceFor(code ?? null) };
}
