import { useEffect, useRef } from 'preact/hooks';
import { begin, hasAccounts } from './lib/account';
import { route, VIEWS, type View } from './lib/route';
import { nextTheme, theme } from './lib/theme';
import { AccountView } from './views/account';
import { ChainView } from './views/chain';
import { ChatView } from './views/chat';
import { later } from './views/later';
import { ReceiptView } from './views/receipt';
import { WalletView } from './views/wallet';

const NAMES: Record<View, string> = {
	chat: 'Chat', receipt: 'Receipt', chain: 'Chain', governance: 'Governance', evolution: 'Evolution', delegation: 'Delegation', wallet: 'Wallet', session: 'Session',
	account: 'Account',
};
const VIEW = {
	chat: ChatView, receipt: ReceiptView, chain: ChainView, wallet: WalletView, account: AccountView,
	governance: later(async () => (await import('./views/governance')).GovernanceView),
	evolution: later(async () => (await import('./views/evolution')).EvolutionView),
	delegation: later(async () => (await import('./views/delegation')).DelegationView),
	session: later(async () => (await import('./views/session')).SessionView),
};

export function App() {
	const { view } = route.value;
	// A gateway that does not answer says so where it is asked for a model.
	useEffect(() => void begin().catch(() => {}), []);
	const Shown = VIEW[view];
	const main = useRef<HTMLElement>(null);
	const first = useRef(true);
	const nav = useRef<HTMLElement>(null);
	useEffect(() => {
		document.title = `${NAMES[view]} · Blyan`;
		// A reader of the screen hears the new view; the first one needs no announcement.
		if (!first.current) main.current?.focus();
		first.current = false;
		// Where the names scroll, that of this view is in sight.
		const current = nav.current?.querySelector<HTMLElement>('[aria-current]');
		if (nav.current && current) nav.current.scrollLeft = current.offsetLeft - nav.current.clientWidth / 2;
	}, [view]);
	return (
		<>
			<a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
				To the content
			</a>
			<header class="bar">
				<a class="brand" href="#/chat" aria-label="Blyan, to the chat">
					<img src="/icon.svg" alt="" width="24" height="24" />
					<strong>Blyan</strong>
				</a>
				<nav ref={nav} aria-label="Views">
					{VIEWS.filter((name) => name !== 'session' && (name !== 'account' || hasAccounts.value)).map((name) => (
						<a key={name} href={`#/${name}`} aria-current={name === view ? 'page' : undefined}>
							{NAMES[name]}
						</a>
					))}
				</nav>
				<button type="button" class="quiet" onClick={nextTheme} aria-label={`Colours: ${theme.value}. Change`}>
					<span aria-hidden="true">{{ auto: '◐', light: '☀', dark: '☾' }[theme.value]}</span>
				</button>
			</header>
			<main id="main" ref={main} tabIndex={-1} class={view}>
				<Shown />
			</main>
		</>
	);
}
