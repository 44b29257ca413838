import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { bly, parseBly } from '../lib/bly';
import type { Connected } from '../lib/chain';
import { chain } from '../lib/chain-state';
import type { Account, Sent } from '../lib/wallet';
import { ConnectForm } from './chain';
import { Problem } from './parts';

const accounts = signal<Account[]>([]);
const chosen = signal<string | null>(null);
const balance = signal<{ free: bigint; reserved: bigint } | null>(null);
const problem = signal<unknown>(null);
const sent = signal<Sent | null>(null);
const isBusy = signal(false);

const load = () => import('../lib/wallet');

async function useExtension() {
	problem.value = null;
	try {
		const found = await (await load()).extensionAccounts();
		if (found.length === 0) {
			throw new Error('no wallet extension shows an account: install one such as polkadot{.js} or Talisman, and let it show accounts to this page');
		}
		accounts.value = [...accounts.value.filter(({ source }) => source === null), ...found];
		chosen.value = found[0]?.address ?? null;
	} catch (error) {
		problem.value = error;
	}
}

async function useDevelopment() {
	const found = await (await load()).developmentAccounts();
	accounts.value = [...accounts.value.filter(({ source }) => source !== null), ...found];
	chosen.value ??= found[0]?.address ?? null;
}

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
	useEffect(() => {
		// The keys of these accounts are public: they are for chains whose coins are worth nothing.
		if (connected.isDevelopment) void useDevelopment();
		else accounts.value = accounts.value.filter(({ source }) => source !== null);
		if (!accounts.value.some(({ address }) => address === chosen.value)) chosen.value = accounts.value[0]?.address ?? null;
	}, [connected]);
	const account = accounts.value.find(({ address }) => address === chosen.value) ?? null;
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
			<div class="row">
				<button type="button" class="outline" onClick={() => void useExtension()}>
					Connect a wallet extension
				</button>
			</div>
			{accounts.value.length > 0 && (
				<label>
					Account
					<select value={chosen.value ?? ''} onChange={(event) => (chosen.value = event.currentTarget.value)}>
						{accounts.value.map(({ address, name, source }) => (
							<option key={address} value={address}>
								{name} ({source ?? 'development'}) {address.slice(0, 8)}…{address.slice(-4)}
							</option>
						))}
					</select>
				</label>
			)}
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
				Sessions for paid answers are opened by <code>blyan session open</code>, which keeps the key of their vouchers.
			</p>
		</>
	);
}

function Transfer({ connected, account }: { connected: Connected; account: Account }) {
	const send = async (form: HTMLFormElement) => {
		const data = new FormData(form);
		const planck = parseBly(String(data.get('amount') ?? ''));
		sent.value = problem.value = null;
		isBusy.value = true;
		try {
			if (planck === null || planck === 0n) throw new Error('the amount is no number of BLY: write one such as 1.5, with at most 12 places');
			const { transfer } = await load();
			await transfer(connected.api, account, String(data.get('to') ?? '').trim(), planck, (state) => (sent.value = state));
			form.reset();
		} catch (error) {
			problem.value = error;
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
