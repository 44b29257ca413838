// Choosing who signs, and following what was signed.

import { useEffect, useState } from 'preact/hooks';
import { accountProblem, accounts, act, chosen, followChain, load, transaction, useExtension } from '../lib/accounts-state';
import type { Connected } from '../lib/chain';
import { chain } from '../lib/chain-state';
import type { Call } from '../lib/wallet';
import { ConnectForm } from './connect';
import { Problem } from './parts';

/** The account that signs. */
export function Signer({ connected }: { connected: Connected }) {
	useEffect(() => void followChain(connected), [connected]);
	return (
		<div class="signer">
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
			<button type="button" class="outline" onClick={() => void useExtension()}>
				Connect a wallet extension
			</button>
			<Problem error={accountProblem.value} />
		</div>
	);
}

interface ActProps {
	connected: Connected;
	/** Names the action among all of the page's. */
	what: string;
	label: string;
	/** Longer name for readers of the screen, where several buttons say the same. */
	name?: string;
	disabled?: boolean | undefined;
	make: (wallet: typeof import('../lib/wallet')) => Call | Promise<Call>;
	onDone?: () => void;
	secondary?: boolean;
}

/** A button that has the chosen account sign a call, and says beneath it what becomes of that. */
export function Act({ connected, what, label, name, disabled, make, onDone, secondary }: ActProps) {
	const { isRunning } = transaction.value;
	const isMine = transaction.value.what === what;
	return (
		<span class="act">
			<button
				type="button"
				class={secondary ? 'secondary outline small' : 'small'}
				aria-label={name}
				disabled={disabled || isRunning}
				aria-busy={isMine && isRunning ? true : undefined}
				onClick={() => void act(what, connected, make).then((events) => events && onDone?.())}
			>
				{label}
			</button>
			<Outcome what={what} />
		</span>
	);
}

/** State of the transaction that was begun under this name. */
export function Outcome({ what }: { what: string }) {
	const { what: begun, sent, error } = transaction.value;
	if (begun !== what) return null;
	return (
		<>
			<Problem error={error} />
			<small role="status">{sent && `The transaction is ${sent.state === 'signing' ? 'being signed' : sent.state}.`}</small>
		</>
	);
}

/** Accounts in whose name the chosen one may act: itself, and those that made it their proxy. */
export function useNames(connected: Connected, among: readonly string[], kinds: readonly string[]): string[] {
	const [found, setFound] = useState<string[]>([]);
	const who = chosen.value;
	const key = among.join();
	useEffect(() => {
		setFound([]);
		if (!who) return;
		let isOver = false;
		void load()
			.then((wallet) => wallet.principals(connected.api, who, among, kinds))
			.then((names) => isOver || setFound(names))
			.catch(() => {});
		return () => void (isOver = true);
	}, [connected, who, key]);
	return who && among.includes(who) ? [who, ...found.filter((name) => name !== who)] : found;
}

/** What every view of a chain begins with: its heading, the node, what went wrong, and its content once there is a chain. */
export function ChainPage({ title, lead, children }: { title: string; lead: string; children: (connected: Connected) => preact.ComponentChildren }) {
	const { connected, error } = chain.value;
	return (
		<>
			<div class="heading">
				<h1>{title}</h1>
			</div>
			<p>{lead}</p>
			<ConnectForm />
			<Problem error={error} />
			{connected && children(connected)}
		</>
	);
}
