//! The chain's books at one block, read as raw storage: what exists is what accounts hold, and what every envelope
//! was given is still there or was paid out.
//!
//! The same invariants are checked by the pallets themselves (`try_state`); a node cannot be asked to run those.

use blyan_e2e::network::Member;
use codec::{Compact, Decode};
use serde_json::Value as Json;
use sp_crypto_hashing::twox_128;
use subxt::rpcs::rpc_params;

/// Keys asked for at once.
const PAGE: u32 = 500;

/// Everything about money at one block, in plancks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Books {
	/// Total issuance, as the chain counts it.
	pub issuance: u128,
	/// Balances of all accounts, free and reserved.
	pub held: u128,
	/// Balances on hold for a reason, over all accounts.
	pub on_hold: u128,
	/// Reserved balances of all accounts.
	pub reserved: u128,
	/// Imbalance of the envelopes: all that was put in, less their contents and what was paid.
	pub envelopes_off: i128,
}

impl Books {
	/// Reads the books of one block.
	///
	/// The error says what the node did not answer, or what it answered in another shape.
	pub async fn read(member: &Member, block: &str) -> Result<Self, String> {
		let accounts = Self::values(member, block, "System", "Account").await?;
		let (mut held, mut reserved) = (0u128, 0u128);
		for account in accounts {
			// Nonce, consumers, providers and sufficients; then free, reserved, frozen, flags.
			type Account = ([u32; 4], [u128; 4]);
			let (_, [free, locked, ..]) = decode::<Account>(&account)?;
			held = held.saturating_add(free).saturating_add(locked);
			reserved = reserved.saturating_add(locked);
		}
		let mut on_hold = 0u128;
		for holds in Self::values(member, block, "Balances", "Holds").await? {
			// A reason is a pallet's index and one of its own.
			let mut rest = &holds[..];
			let Compact(count) = Compact::<u32>::decode(&mut rest).map_err(|error| error.to_string())?;
			for _ in 0..count {
				let (_, amount) = <([u8; 2], u128)>::decode(&mut rest).map_err(|error| error.to_string())?;
				on_hold = on_hold.saturating_add(amount);
			}
		}
		let sum = |bytes: Vec<u8>| -> Result<i128, String> {
			let amounts = bytes.chunks(16).map(decode::<u128>).collect::<Result<Vec<_>, _>>()?;
			i128::try_from(amounts.iter().sum::<u128>()).map_err(|error| error.to_string())
		};
		let envelope = |item| async move { sum(Self::value(member, block, "Ledger", item).await?) };
		let [credited, left, paid] =
			[envelope("Credited").await?, envelope("Envelopes").await?, envelope("Paid").await?];
		Ok(Self {
			issuance: decode(&Self::value(member, block, "Balances", "TotalIssuance").await?)?,
			held,
			on_hold,
			reserved,
			envelopes_off: credited - left - paid,
		})
	}

	/// Describes what is wrong with them, if anything is.
	pub fn discrepancy(&self) -> Option<String> {
		(self.issuance != self.held || self.on_hold > self.reserved || self.envelopes_off != 0)
			.then(|| format!("the books do not reconcile: {self:?}"))
	}

	async fn value(member: &Member, block: &str, pallet: &str, item: &str) -> Result<Vec<u8>, String> {
		let answer = member.request("state_getStorage", rpc_params![key(pallet, item), block]).await?;
		// An empty value is one that was never written.
		answer.as_str().map_or(Ok(Vec::new()), bytes)
	}

	async fn values(member: &Member, block: &str, pallet: &str, item: &str) -> Result<Vec<Vec<u8>>, String> {
		let prefix = key(pallet, item);
		let mut values = Vec::new();
		let mut last: Option<String> = None;
		loop {
			let params = rpc_params![prefix.clone(), PAGE, last.clone(), block];
			let keys: Vec<String> =
				serde_json::from_value(member.request("state_getKeysPaged", params).await?)
					.map_err(|error| error.to_string())?;
			let Some(newest) = keys.last() else { return Ok(values) };
			last = Some(newest.clone());
			let answer = member.request("state_queryStorageAt", rpc_params![keys, block]).await?;
			let changes = answer[0]["changes"].as_array().ok_or("storage has values")?;
			for change in changes {
				values.push(change[1].as_str().map_or(Ok(Vec::new()), bytes)?);
			}
		}
	}
}

fn key(pallet: &str, item: &str) -> String {
	format!("0x{}{}", hex::encode(twox_128(pallet.as_bytes())), hex::encode(twox_128(item.as_bytes())))
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
	hex::decode(text.trim_start_matches("0x")).map_err(|error| error.to_string())
}

fn decode<T: Decode>(bytes: &[u8]) -> Result<T, String> {
	T::decode(&mut &bytes[..]).map_err(|error| error.to_string())
}

/// A JSON answer that is a string.
pub fn text(answer: &Json) -> Result<String, String> {
	answer.as_str().map(String::from).ok_or_else(|| format!("expected a string, not {answer}"))
}
