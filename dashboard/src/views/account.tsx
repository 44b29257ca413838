import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { account, appeal, begin, fetchHistory, hasAccounts, limits, makeDemo, session, signIn, signOut, type Past } from '../lib/account';
import { bly } from '../lib/bly';
import type { Account as WalletAccount } from '../lib/wallet';
import { Problem, Section, Short, Table } from './parts';

const problem = signal<unknown>(null);
const isBusy = signal(false);
const wallets = signal<WalletAccount[]>([]);
const history = signal<Past[]>([]);

/** Does something for a person, and shows what goes wrong. */
async function act(work: () => Promise<unknown>) {
	[problem.value, isBusy.value] = [null, true];
	try {
		await work();
		history.value = await fetchHistory();
	} catch (error) {
		problem.value = error;
	} finally {
		isBusy.value = false;
	}
}

async function findWallets() {
	const { extensionAccounts } = await import('../lib/wallet');
	wallets.value = await extensionAccounts();
	if (wallets.value.length === 0) {
		throw new Error('no wallet extension shows an account: install one such as polkadot{.js} or Talisman, and let it show accounts to this page');
	}
}

async function useWallet(address: string) {
	const { signWithExtension } = await import('../lib/signers');
	await signIn(address, null, (message) => signWithExtension(address, message));
	wallets.value = [];
}

async function useEthereum() {
	const { ethereumAccount, signWithEthereum } = await import('../lib/signers');
	const { address, chainId } = await ethereumAccount();
	await signIn(address, chainId, (message) => signWithEthereum(address, message));
}

export function AccountView() {
	useEffect(() => void act(begin), []);
	const known = account.value;
	return (
		<>
			<div class="heading">
				<h1>Account</h1>
			</div>
			<Problem error={problem.value} />
			{hasAccounts.value === false && <p>This gateway has no accounts: everything on it is free for all, or paid by sessions and keys.</p>}
			{hasAccounts.value && !session.value && <Strangers />}
			{known && <Known />}
		</>
	);
}

function Strangers() {
	return (
		<>
			<p>A demo account needs no name and has five free requests. You can sign in later without losing what you asked.</p>
			<div class="row">
				<button type="button" disabled={isBusy.value} onClick={() => void act(makeDemo)}>
					Try without a name
				</button>
			</div>
			<SignIn />
		</>
	);
}

/** Signing in proves that a key is yours. It costs nothing and moves nothing. */
function SignIn() {
	return (
		<Section title="Sign in">
			<p class="hint">Your wallet signs a sentence. That costs nothing and moves nothing.</p>
			<div class="row">
				<button type="button" class="outline" disabled={isBusy.value} onClick={() => void act(findWallets)}>
					Polkadot wallet
				</button>
				<button type="button" class="outline" disabled={isBusy.value} onClick={() => void act(useEthereum)}>
					Ethereum wallet
				</button>
			</div>
			{wallets.value.map(({ address, name }) => (
				<p key={address}>
					<button type="button" class="outline secondary" disabled={isBusy.value} onClick={() => void act(() => useWallet(address))}>
						{name} {address.slice(0, 8)}…{address.slice(-4)}
					</button>
				</p>
			))}
		</Section>
	);
}

function Known() {
	const known = account.value;
	if (!known) return null;
	return (
		<>
			<dl class="heads">
				<div>
					<dt>{known.isDemo ? 'Demo account' : 'Signed in as'}</dt>
					<dd>
						<Short value={known.name} />
					</dd>
				</div>
				<div>
					<dt>Trust</dt>
					<dd>{known.level}</dd>
				</div>
			</dl>
			<p role="status">{limits(known)}</p>
			{known.standing === 'quarantined' && <Appeal />}
			{known.isDemo && <SignIn />}
			<History />
			<div class="row">
				<button type="button" class="outline secondary" disabled={isBusy.value} onClick={() => void act(signOut)}>
					{known.isDemo ? 'Forget this account' : 'Sign out'}
				</button>
			</div>
		</>
	);
}

function Appeal() {
	const known = account.value;
	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				const text = String(new FormData(event.currentTarget).get('text') ?? '').trim();
				void act(() => appeal(text));
			}}
		>
			<p>Signs of a program: {known?.reasons.join('; ')}.</p>
			{known?.hasAppealed ? (
				<p>Your words are with the operator.</p>
			) : (
				<>
					<label>
						If you are a person, say so
						<textarea name="text" rows={3} required maxLength={1_000} />
					</label>
					<button type="submit" disabled={isBusy.value}>
						Send to the operator
					</button>
				</>
			)}
		</form>
	);
}

function History() {
	if (history.value.length === 0) return null;
	return (
		<Section title="Your requests" count={history.value.length}>
			<Table caption="Your requests" head={['Ended', 'Tokens', 'Cost', 'Receipt']}>
				{history.value.map(({ receipt, endedAt, tokens, charged, isFree }) => (
					<tr key={receipt}>
						<td>{endedAt.replace('T', ' ').replace('Z', ' UTC')}</td>
						<td>{tokens}</td>
						<td>{isFree ? 'free' : bly(BigInt(charged))}</td>
						<td>
							<a href={`#/receipt?id=${encodeURIComponent(receipt)}`}>receipt</a>
						</td>
					</tr>
				))}
			</Table>
		</Section>
	);
}
