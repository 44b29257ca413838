import { chain, connect, disconnect, nodeUrl } from '../lib/chain-state';

/** Address of the node that is asked. The page asks no other machine. */
export function ConnectForm() {
	const { phase } = chain.value;
	const isOn = phase !== 'off';
	return (
		<form
			class="connect"
			onSubmit={(event) => {
				event.preventDefault();
				void (isOn ? disconnect() : connect());
			}}
		>
			<label>
				Node
				<input
					value={nodeUrl.value}
					disabled={isOn}
					spellcheck={false}
					onInput={(event) => (nodeUrl.value = event.currentTarget.value)}
				/>
			</label>
			<button type="submit" class={isOn ? 'secondary' : ''} aria-busy={phase === 'connecting' ? true : undefined}>
				{isOn ? 'Disconnect' : 'Connect'}
			</button>
		</form>
	);
}
