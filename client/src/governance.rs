//! Referenda, votes and emergencies as the chain keeps them, read by its metadata.

use super::{events, AtBlock, Client};
use crate::failure::{Failure, Outcome};
use blyan_runtime_api::governance::{ParticipationInfo, TurnoutInfo};
use codec::{Decode, Encode};
use serde_json::{json, Value as Json};
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use subxt::{
	dynamic::{self, Value},
	ext::scale_value::Composite,
	rpcs::client::rpc_params,
};

/// Pallet of the referenda.
pub const REFERENDA: &str = "RankedPolls";
/// Pallet of the votes.
pub const VOTES: &str = "RankedCollective";
/// Pallet of the emergencies.
pub const EMERGENCIES: &str = "Emergencies";

const API: &str = "GovernanceApi";

impl Client {
	/// Turnout of every track.
	pub async fn turnout(&self) -> Outcome<TurnoutInfo> {
		self.ask(API, "turnout", ()).await
	}

	/// Votes of operators in the referenda that they could vote in.
	pub async fn participation(&self) -> Outcome<Vec<ParticipationInfo>> {
		self.ask(API, "participation", ()).await
	}

	/// Value of a storage item without keys.
	async fn number_in(&self, at: &AtBlock, pallet: &str, item: &str) -> Outcome<u32> {
		let address = dynamic::storage::<(), Value>(pallet, item);
		let Some(value) = at.storage().try_fetch(address, ()).await? else { return Ok(0) };
		let number = events::as_u128(&events::to_json(&value.decode()?));
		Ok(number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default())
	}

	/// Entry of a map by number.
	async fn entry(&self, at: &AtBlock, pallet: &str, item: &str, key: u32) -> Outcome<Option<Json>> {
		let address = dynamic::storage::<(u32,), Value>(pallet, item);
		let Some(value) = at.storage().try_fetch(address, (key,)).await? else { return Ok(None) };
		Ok(Some(events::to_json(&value.decode()?)))
	}

	/// The latest referenda with their numbers, the newest first.
	pub async fn referenda(&self, count: u32) -> Outcome<Vec<(u32, Json)>> {
		let at = self.here().await?;
		let next = self.number_in(&at, REFERENDA, "ReferendumCount").await?;
		let mut found = Vec::new();
		for number in (next.saturating_sub(count)..next).rev() {
			if let Some(referendum) = self.entry(&at, REFERENDA, "ReferendumInfoFor", number).await? {
				found.push((number, referendum));
			}
		}
		Ok(found)
	}

	/// One referendum.
	pub async fn referendum(&self, number: u32) -> Outcome<Option<Json>> {
		let at = self.here().await?;
		self.entry(&at, REFERENDA, "ReferendumInfoFor", number).await
	}

	/// Votes in a referendum: accounts whose voices they are, and whether they approve.
	pub async fn votes(&self, referendum: u32) -> Outcome<Vec<(String, bool)>> {
		let at = self.here().await?;
		let newest = self.number_in(&at, VOTES, "NewestElectorate").await?;
		let oldest = self.number_in(&at, VOTES, "OldestElectorate").await?;
		let mut voices: Vec<String> = Vec::new();
		for electorate in oldest..=newest {
			let Some(record) = self.entry(&at, VOTES, "Electorates", electorate).await? else { continue };
			let electors = record["electors"].as_array().cloned().unwrap_or_default();
			voices
				.extend(electors.iter().filter_map(|elector| elector["voice"].as_str().map(str::to_string)));
		}
		voices.sort();
		voices.dedup();
		let mut votes = Vec::new();
		for voice in voices {
			let Some(account) = account(&voice) else { continue };
			let address = dynamic::storage::<(u32, [u8; 32]), Value>(VOTES, "Voting");
			let Some(value) = at.storage().try_fetch(address, (referendum, account)).await? else { continue };
			let vote = events::to_json(&value.decode()?);
			votes.push((voice, vote.get("Aye").is_some()));
		}
		Ok(votes)
	}

	/// Open proposals and measures in effect, each with its number.
	pub async fn emergencies(&self) -> Outcome<Vec<Json>> {
		/// Numbers that are looked at: those before have ended.
		const LOOKED_AT: u32 = 256;
		let at = self.here().await?;
		let next = self.number_in(&at, EMERGENCIES, "NextProposal").await?;
		let mut found = Vec::new();
		for number in next.saturating_sub(LOOKED_AT)..next {
			let proposal = self.entry(&at, EMERGENCIES, "Proposals", number).await?;
			let active = self.entry(&at, EMERGENCIES, "Active", number).await?;
			if proposal.is_some() || active.is_some() {
				let supporters = self.entry(&at, EMERGENCIES, "Supporters", number).await?;
				found.push(json!({ "proposal": number, "open": proposal, "in_effect": active,
					"supporters": supporters }));
			}
		}
		Ok(found)
	}

	/// Name of an encoded call, as in `Treasury.spend`; none if the runtime has no such call.
	pub async fn call_name(&self, call: &[u8]) -> Outcome<Option<String>> {
		let [pallet, variant, ..] = call else { return Ok(None) };
		let at = self.here().await?;
		let Some(pallet) = at.metadata_ref().pallet_by_call_index(*pallet) else { return Ok(None) };
		let name =
			pallet.call_variant_by_index(*variant).map(|call| format!("{}.{}", pallet.name(), call.name));
		Ok(name)
	}

	/// Bytes of a preimage, if the chain has them.
	pub async fn preimage(&self, hash: H256, len: u32) -> Outcome<Option<Vec<u8>>> {
		let hashed = [
			&sp_crypto_hashing::twox_128(b"Preimage")[..],
			&sp_crypto_hashing::twox_128(b"PreimageFor"),
			&(hash, len).encode(),
		]
		.concat();
		let key = format!("0x{}", hex::encode(hashed));
		let params = rpc_params![key];
		let Some(bytes) = self.request::<Option<String>>("state_getStorage", params).await? else {
			return Ok(None);
		};
		let bytes = hex::decode(bytes.trim_start_matches("0x"))
			.map_err(|_| Failure::new("the node's answer is no hexadecimal number; update it"))?;
		let call = Vec::<u8>::decode(&mut &bytes[..]).map_err(|_| {
			Failure::new("the preimage cannot be read; this program may be older than the chain")
		})?;
		Ok((blake2_256(&call) == hash.0).then_some(call))
	}

	/// Encodes the call that sets a parameter, as the metadata describes it; none returns it to its default.
	pub async fn parameter_call(&self, group: &str, name: &str, value: Option<u128>) -> Outcome<Vec<u8>> {
		let key = Value::unnamed_composite([]);
		let value = match value {
			Some(value) => Value::unnamed_variant("Some", [Value::u128(value)]),
			None => Value::unnamed_variant("None", []),
		};
		let parameter = Value::unnamed_variant(group, [Value::unnamed_variant(name, [key, value])]);
		let payload = dynamic::transaction(
			"Parameters",
			"set_parameter",
			Composite::named(vec![("key_value", parameter)]),
		);
		let at = self.here().await?;
		at.transactions().call_data(&payload).map_err(|error| {
			Failure::new(format!(
				"{group}.{name} is no parameter of this chain, or has another type: {error}"
			))
			.next("see docs/governance.md for the groups and their parameters")
		})
	}
}

/// Account in what the chain's values look like as JSON.
pub fn account(hex_text: &str) -> Option<[u8; 32]> {
	hex::decode(hex_text.trim_start_matches("0x")).ok()?.try_into().ok()
}
