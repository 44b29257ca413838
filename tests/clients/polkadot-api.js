// polkadot-api (PAPI): the new JSON-RPC interface, types from metadata.

import { WebSocket } from 'ws';
import { sr25519CreateDerive } from '@polkadot-labs/hdkd';
import { DEV_MINI_SECRET } from '@polkadot-labs/hdkd-helpers';
import { all, report, versionOf } from './report.js';

globalThis.WebSocket ??= WebSocket; // Node has one of its own from release 22 on.
const { createClient } = await import('polkadot-api');
const { getWsProvider } = await import('polkadot-api/ws');
const { getPolkadotSigner } = await import('polkadot-api/signer');
const { getExtrinsicDecoder } = await import('@polkadot-api/tx-utils');
const { decAnyMetadata, unifyMetadata } = await import('@polkadot-api/substrate-bindings');

const client = createClient(getWsProvider(process.argv[2]));
const api = client.getUnsafeApi();
const derive = sr25519CreateDerive(DEV_MINI_SECRET);
const signer = (path) => {
	const pair = derive(path);
	return getPolkadotSigner(pair.publicKey, 'Sr25519', pair.sign);
};
const hashOf = (number) => client._request('chain_getBlockHash', [number]);
const head = await client.getFinalizedBlock();
const metadata = await client.getMetadata(head.hash);
const { pallets } = unifyMetadata(decAnyMetadata(metadata));
const numbers = Array.from({ length: head.number }, (_, index) => index + 1);

await report(`polkadot-api ${versionOf('polkadot-api')}`, {
	async storage() {
		const faults = [];
		let entries = 0;
		for (const { name, storage } of pallets) {
			for (const item of storage?.items ?? []) {
				entries += 1;
				const query = api.query[name][item.name];
				const reading = item.type.tag === 'map' ? query.getEntries() : query.getValue();
				await reading.catch((error) => faults.push(`${name}.${item.name}: ${error.message}`));
			}
		}
		return all(entries, faults);
	},
	async events() {
		let events = 0;
		const faults = [];
		for (const number of numbers) {
			const at = await hashOf(number);
			await api.query.System.Events.getValue({ at })
				.then((some) => { events += some.length; }, (error) => faults.push(`block ${number}: ${error.message}`));
		}
		return all(events, faults);
	},
	async extrinsics() {
		const decode = getExtrinsicDecoder(metadata);
		let extrinsics = 0;
		const faults = [];
		for (const number of numbers) {
			for (const bytes of await client.getBlockBody(await hashOf(number))) {
				extrinsics += 1;
				try {
					decode(bytes);
				} catch (error) {
					faults.push(`block ${number}: ${error.message}`);
				}
			}
		}
		return all(extrinsics, faults);
	},
	async runtimeApis() {
		const model = await api.apis.ModelsApi.model(0);
		return `${model.body.value.config.layers} layers of ${model.body.value.config.experts} experts`;
	},
	async transfer() {
		const dest = { type: 'Id', value: (await import('polkadot-api')).AccountId().dec(derive('//Bob').publicKey) };
		const call = api.tx.Balances.transfer_keep_alive({ dest, value: 5_000_000n });
		const { ok, dispatchError } = await call.signAndSubmit(signer('//Alice'));
		if (!ok) throw new Error(JSON.stringify(dispatchError));
		return 'in a final block';
	},
	async ourErrors() {
		// Want of a commitment is cured by another transaction, so the pool lets it through.
		const call = api.tx.Disputes.withdraw_commitment({ hash: `0x${'09'.repeat(32)}` });
		const outcome = await call.signAndSubmit(signer('//Bob'));
		if (outcome.ok) throw new Error('it succeeded');
		return `${outcome.dispatchError.value.type}.${outcome.dispatchError.value.value?.type}`;
	},
});
