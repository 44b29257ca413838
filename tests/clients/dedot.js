// dedot, with the JSON-RPC interface that all nodes have.

import { LegacyClient, WsProvider } from 'dedot';
import { Keyring } from '@polkadot/keyring';
import { cryptoWaitReady } from '@polkadot/util-crypto';
import { all, report, versionOf } from './report.js';

await cryptoWaitReady();
const keyring = new Keyring({ type: 'sr25519' });
const client = await LegacyClient.new(new WsProvider(process.argv[2]));
const camel = (name) => name[0].toLowerCase() + name.slice(1);
const { number: last } = await client.rpc.chain_getHeader();
const numbers = Array.from({ length: last }, (_, index) => index + 1);
const hashOf = (number) => client.rpc.chain_getBlockHash(number);

await report(`dedot ${versionOf('dedot')}`, {
	async storage() {
		const faults = [];
		let entries = 0;
		for (const pallet of client.metadata.latest.pallets) {
			for (const entry of pallet.storage?.entries ?? []) {
				entries += 1;
				const query = client.query[camel(pallet.name)][camel(entry.name)];
				const reading = entry.storageType.type === 'Map' ? query.entries() : query();
				await reading.catch((error) => faults.push(`${pallet.name}.${entry.name}: ${error.message}`));
			}
		}
		return all(entries, faults);
	},
	async events() {
		let events = 0;
		for (const number of numbers) {
			events += (await (await client.at(await hashOf(number))).query.system.events()).length;
		}
		return all(events, []);
	},
	async extrinsics() {
		let extrinsics = 0;
		const faults = [];
		for (const number of numbers) {
			for (const bytes of (await client.rpc.chain_getBlock(await hashOf(number))).block.extrinsics) {
				extrinsics += 1;
				try {
					client.registry.$Extrinsic.tryDecode(bytes);
				} catch (error) {
					faults.push(`block ${number}: ${error.message}`);
				}
			}
		}
		return all(extrinsics, faults);
	},
	async runtimeApis() {
		const model = await client.call.modelsApi.model(0);
		return `${model.body.value.config.layers} layers of ${model.body.value.config.experts} experts`;
	},
	async transfer() {
		const { address } = keyring.addFromUri('//Bob');
		const call = client.tx.balances.transferKeepAlive(address, 5_000_000n);
		const { dispatchError } = await call.signAndSend(keyring.addFromUri('//Alice')).untilFinalized();
		if (dispatchError) throw new Error(JSON.stringify(dispatchError));
		return 'in a final block';
	},
	async ourErrors() {
		// Want of a commitment is cured by another transaction, so the pool lets it through.
		const call = client.tx.disputes.withdrawCommitment(`0x${'09'.repeat(32)}`);
		const outcome = await call.signAndSend(keyring.addFromUri('//Bob')).untilFinalized();
		if (!outcome.dispatchError) throw new Error('it succeeded');
		const error = client.registry.findErrorMeta(outcome.dispatchError);
		return `${error.pallet}.${error.name}`;
	},
});
