import { signal } from '@preact/signals';
import { DEFAULTS, type Settings } from '../lib/conversation';

export const settings = signal<Settings>(DEFAULTS);
/** Kept in memory only: a key in the browser's storage outlives the person at it. */
export const apiKey = signal('');

/** Settings of the next answer. */
export function SettingsForm({ isPaid, onChange }: { isPaid: boolean; onChange: () => void }) {
	const field = (name: keyof Settings) => ({
		value: settings.value[name],
		onInput: (event: { currentTarget: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement }) => {
			settings.value = { ...settings.value, [name]: event.currentTarget.value };
			onChange();
		},
	});
	return (
		<details class="settings">
			<summary>Settings</summary>
			<div class="fields">
				<label class="wide">
					System prompt
					<textarea rows={2} {...field('system')} />
				</label>
				<label>
					Temperature
					<input type="number" min="0" max="2" step="0.05" {...field('temperature')} />
				</label>
				<label>
					Top-p
					<input type="number" min="0" max="1" step="0.05" {...field('topP')} />
				</label>
				<label>
					Tokens at most
					<input type="number" min="1" step="1" placeholder="context" {...field('maxTokens')} />
				</label>
				<label>
					Seed
					<input inputMode="numeric" placeholder="drawn" {...field('seed')} />
				</label>
				<label>
					Transport
					<select {...field('transport')}>
						<option value="websocket">WebSocket</option>
						<option value="sse">Server-sent events</option>
					</select>
				</label>
				{isPaid && (
					<label>
						API key
						<input
							type="password"
							autocomplete="off"
							placeholder="blyan-…"
							value={apiKey.value}
							onInput={(event) => (apiKey.value = event.currentTarget.value)}
						/>
					</label>
				)}
			</div>
		</details>
	);
}
