import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { bly, parseBly } from '../lib/bly';
import type { Connected } from '../lib/chain';
import { load, signing } from '../lib/accounts-state';
import { chain } from '../lib/chain-state';
import type { Account, Sent } from '../lib/wallet';
import { Signer } from './act';
import { ConnectForm } from './connect';
import { Problem } from './parts';

const balance = signal<{ free: bigint; reserved: bigint } | null>(null);
const problem = signal<unknown>(null);
/** What became of a transfer, beneath its button. */
const failure = signal<unknown>(null);
const sent = signal<Sent | null>(null);
const isBusy = signal(false);

export function WalletView() {
	const { connected, error } = chain.value;
	return (
		<>
			<div class="heading">
				<h1>Wallet</h1>
			</div>
			{!connected && <p>Connect to a node of the chain first. Keys never leave your wallet; this page asks it to sign.</p>}
			<ConnectForm />
			<Problem error={error} />
			{connected && <Accounts connected={connected} />}
		</>
	);
}

function Accounts({ connected }: { connected: Connected }) {
	const account = signing();
	useEffect(() => {
		balance.value = null;
		if (!account) return;
		let end: (() => void) | null = null;
		let isOver = false;
		const watch = async () => {
			const { watchBalance } = await load();
			const stop = await watchBalance(connected.api, account.address, (free, reserved) => {
				if (!isOver) balance.value = { free, reserved };
			});
			if (isOver) stop();
			else end = stop;
		};
		watch().catch((error) => (problem.value = error));
		return () => ((isOver = true), end?.());
	}, [account?.address, connected]);
	return (
		<>
			{connected.isDevelopment && <p class="hint">This is a development chain: its accounts are public, and its coins are worth nothing.</p>}
			<Problem error={problem.value} />
			<Signer connected={connected} />
			{account && (
				<dl class="heads">
					<div>
						<dt>Free</dt>
						<dd>{balance.value ? bly(balance.value.free) : '…'}</dd>
					</div>
					<div>
						<dt>On hold</dt>
						<dd>{balance.value ? bly(balance.value.reserved) : '…'}</dd>
					</div>
				</dl>
			)}
			{account && <Transfer connected={connected} account={account} />}
			<p class="hint">
				<a href="#/session">Sessions for paid answers</a> are opened, topped up and closed on a page of their own.
			</p>
		</>
	);
}

function Transfer({ connected, account }: { connected: Connected; account: Account }) {
	const send = async (form: HTMLFormElement) => {
		const data = new FormData(form);
		const planck = parseBly(String(data.get('amount') ?? ''));
		sent.value = failure.value = null;
		isBusy.value = true;
		try {
			if (planck === null || planck === 0n) throw new Error('the amount is no number of BLY: write one such as 1.5, with at most 12 places');
			const { transfer } = await load();
			await transfer(connected.api, account, String(data.get('to') ?? '').trim(), planck, (state) => (sent.value = state));
			form.reset();
		} catch (error) {
			failure.value = error;
			sent.value = null;
		} finally {
			isBusy.value = false;
		}
	};
	return (
		<form
			class="transfer"
			onSubmit={(event) => {
				event.preventDefault();
				void send(event.currentTarget);
			}}
		>
			<h2>Transfer</h2>
			<label>
				To
				<input name="to" required spellcheck={false} autocomplete="off" placeholder="5…" />
			</label>
			<label>
				Amount in BLY
				<input name="amount" required inputMode="decimal" autocomplete="off" placeholder="1.5" />
			</label>
			<button type="submit" disabled={isBusy.value} aria-busy={isBusy.value ? true : undefined}>
				Send
			</button>
			<Problem error={failure.value} />
			<p role="status">
				{sent.value && (
					<>
						The transaction is {sent.value.state === 'signing' ? 'being signed' : sent.value.state}. {sent.value.hash && <code>{sent.value.hash}</code>}
					</>
				)}
			</p>
		</form>
	);
}
