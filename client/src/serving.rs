//! Offers and sessions of paid serving, read by the chain's metadata.

use super::{events, AtBlock, Client};
use crate::{
	account,
	failure::{Failure, Kind, Outcome},
};
use blyan_primitives::{OfferId, Prices, SessionId};
use serde_json::{json, Value as Json};
use sp_core::{crypto::AccountId32, H256};
use subxt::dynamic::{self, Value};

/// The pallet.
const PALLET: &str = "Inference";

/// An operator's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
	/// Its number.
	pub id: OfferId,
	/// The operator.
	pub operator: AccountId32,
	/// Key that signs receipts and quotes.
	pub serving_key: H256,
	/// The model's number, if it is registered.
	pub model: Option<u32>,
	/// Root of the model.
	pub model_root: H256,
	/// Prices, for sessions that are opened now.
	pub prices: Prices,
	/// Most tokens of a prompt and its answer.
	pub context: u32,
	/// Address of the gateway.
	pub endpoint: String,
}

/// A prepaid session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidSession {
	/// Its number.
	pub id: SessionId,
	/// Account that pays.
	pub payer: AccountId32,
	/// Account that is paid.
	pub operator: AccountId32,
	/// Offer that it was opened for.
	pub offer: OfferId,
	/// Key that signs vouchers.
	pub voucher_key: H256,
	/// Prices, fixed when it was opened.
	pub prices: Prices,
	/// Sum of what was deposited.
	pub deposit: u128,
	/// Sum of what was paid out.
	pub settled: u128,
	/// First block, in working time, in which it can be finished, if its payer is closing it.
	pub closes_at: Option<u32>,
}

/// Block by which the chain is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
	/// The newest, which another may replace.
	Best,
	/// The newest that stays.
	Finalised,
}

impl Client {
	/// All offers, by their numbers.
	pub async fn offers(&self) -> Outcome<Vec<Offer>> {
		let at = self.here().await?;
		self.ensure_serving(&at)?;
		let mut entries = at.storage().iter(dynamic::storage::<(u32,), Value>(PALLET, "Offers"), ()).await?;
		let mut offers = Vec::new();
		while let Some(entry) = entries.next().await {
			let entry = entry?;
			let key = entry.key()?;
			let Some(id) = key.part(0).map(|part| part.decode_as::<u32>()).transpose()?.flatten() else {
				continue;
			};
			offers.push(offer(id, &events::to_json(&entry.value().decode()?))?);
		}
		offers.sort_by_key(|offer| offer.id);
		Ok(offers)
	}

	/// One offer; `None` if it was withdrawn or never made.
	pub async fn find_offer(&self, id: OfferId) -> Outcome<Option<Offer>> {
		let at = self.here().await?;
		self.ensure_serving(&at)?;
		let found =
			at.storage().try_fetch(dynamic::storage::<(u32,), Value>(PALLET, "Offers"), (id,)).await?;
		found.map(|value| offer(id, &events::to_json(&value.decode()?))).transpose()
	}

	/// One offer.
	pub async fn offer(&self, id: OfferId) -> Outcome<Offer> {
		match self.find_offer(id).await? {
			Some(offer) => Ok(offer),
			None => {
				let unknown = Failure::new(format!("there is no offer {id}, or it was withdrawn"))
					.kind(Kind::Refused)
					.next("list the offers: blyan offer list");
				Err(self.blame_sync(unknown).await)
			}
		}
	}

	/// One session; `None` if it is over or was never opened.
	pub async fn find_paid_session(&self, id: SessionId) -> Outcome<Option<PaidSession>> {
		self.paid_session_on(Ground::Best, id).await
	}

	/// All sessions, by their numbers.
	pub async fn paid_sessions(&self) -> Outcome<Vec<PaidSession>> {
		let at = self.here().await?;
		self.ensure_serving(&at)?;
		let mut entries =
			at.storage().iter(dynamic::storage::<(u64,), Value>(PALLET, "Sessions"), ()).await?;
		let mut sessions = Vec::new();
		while let Some(entry) = entries.next().await {
			let entry = entry?;
			let key = entry.key()?;
			let Some(id) = key.part(0).map(|part| part.decode_as::<u64>()).transpose()?.flatten() else {
				continue;
			};
			sessions.push(session(id, &events::to_json(&entry.value().decode()?))?);
		}
		sessions.sort_by_key(|session| session.id);
		Ok(sessions)
	}

	/// One session as it is at a block of one kind.
	pub async fn paid_session_on(&self, ground: Ground, id: SessionId) -> Outcome<Option<PaidSession>> {
		let at = match ground {
			Ground::Best => self.at(self.best_block().await?).await?,
			Ground::Finalised => self.at(self.finalised_block().await?).await?,
		};
		self.ensure_serving(&at)?;
		let address = dynamic::storage::<(u64,), Value>(PALLET, "Sessions");
		let found = at.storage().try_fetch(address, (id,)).await?;
		found.map(|value| session(id, &events::to_json(&value.decode()?))).transpose()
	}

	/// One session.
	pub async fn paid_session(&self, id: SessionId) -> Outcome<PaidSession> {
		match self.find_paid_session(id).await? {
			Some(session) => Ok(session),
			None => {
				let unknown = Failure::new(format!("there is no session {id}, or it is over"))
					.kind(Kind::Refused)
					.next("list yours: blyan session list");
				Err(self.blame_sync(unknown).await)
			}
		}
	}

	fn ensure_serving(&self, at: &AtBlock) -> Outcome<()> {
		match at.metadata_ref().pallet_by_name(PALLET) {
			Some(_) => Ok(()),
			None => Err(Failure::new(format!("the chain behind {} has no paid serving", self.url))
				.kind(Kind::Outdated)
				.next("wait until the chain is upgraded, or name another node with --url")),
		}
	}
}

impl Offer {
	/// For programs; amounts are decimal strings.
	pub fn to_json(&self) -> Json {
		json!({
			"offer": self.id,
			"operator": account::address(&self.operator),
			"serving_key": self.serving_key,
			"model": self.model,
			"model_root": self.model_root,
			"prices": self.prices,
			"context": self.context,
			"endpoint": self.endpoint,
		})
	}
}

impl PaidSession {
	/// For programs; amounts are decimal strings.
	pub fn to_json(&self) -> Json {
		json!({
			"session": self.id,
			"payer": account::address(&self.payer),
			"operator": account::address(&self.operator),
			"offer": self.offer,
			"voucher_key": self.voucher_key,
			"prices": self.prices,
			"deposit": self.deposit.to_string(),
			"settled": self.settled.to_string(),
			"closes_at": self.closes_at,
		})
	}
}

/// A record of the chain, field by field.
pub(super) struct Fields<'a> {
	/// Name of the record, for people.
	pub record: &'static str,
	/// Its fields.
	pub json: &'a Json,
}

impl Fields<'_> {
	pub(super) fn missing(&self, field: &str) -> Failure {
		Failure::new(format!("the chain's {} has no {field} that this program can read", self.record))
			.kind(Kind::Outdated)
			.next("this program and the chain differ in age; update the older of the two")
	}

	pub(super) fn number<T: TryFrom<u128>>(&self, field: &str) -> Outcome<T> {
		let found = events::as_u128(&self.json[field]).and_then(|number| number.try_into().ok());
		found.ok_or_else(|| self.missing(field))
	}

	fn bytes(&self, field: &str) -> Outcome<Vec<u8>> {
		let json = &self.json[field];
		let hex = json.as_str().and_then(|text| hex::decode(text.strip_prefix("0x")?).ok());
		// Less than four bytes are shown as numbers.
		let numbers = || json.as_array()?.iter().map(|byte| byte.as_u64()?.try_into().ok()).collect();
		hex.or_else(numbers).ok_or_else(|| self.missing(field))
	}

	pub(super) fn hash(&self, field: &str) -> Outcome<H256> {
		let bytes: [u8; 32] = self.bytes(field)?.try_into().map_err(|_| self.missing(field))?;
		Ok(H256(bytes))
	}

	pub(super) fn account(&self, field: &str) -> Outcome<AccountId32> {
		Ok(AccountId32::new(self.hash(field)?.0))
	}

	fn prices(&self) -> Outcome<Prices> {
		let prices = Fields { record: self.record, json: &self.json["prices"] };
		Ok(Prices { input: prices.number("input")?, output: prices.number("output")? })
	}

	/// The number of an `Option`.
	pub(super) fn option(&self, field: &str) -> Outcome<Option<u32>> {
		match &self.json[field] {
			Json::String(name) if name == "None" => Ok(None),
			some => {
				let number = events::as_u128(&some["Some"]).and_then(|number| number.try_into().ok());
				number.map(Some).ok_or_else(|| self.missing(field))
			}
		}
	}
}

fn offer(id: OfferId, json: &Json) -> Outcome<Offer> {
	let record = Fields { record: "offer", json };
	let terms = Fields { record: "offer", json: &json["terms"] };
	Ok(Offer {
		id,
		operator: record.account("operator")?,
		serving_key: record.hash("key")?,
		model: terms.option("model")?,
		model_root: terms.hash("model_root")?,
		prices: terms.prices()?,
		context: terms.number("context")?,
		endpoint: String::from_utf8_lossy(&terms.bytes("endpoint")?).into_owned(),
	})
}

fn session(id: SessionId, json: &Json) -> Outcome<PaidSession> {
	let record = Fields { record: "session", json };
	Ok(PaidSession {
		id,
		payer: record.account("payer")?,
		operator: record.account("operator")?,
		offer: record.number("offer")?,
		voucher_key: record.hash("key")?,
		prices: record.prices()?,
		deposit: record.number("deposit")?,
		settled: record.number("settled")?,
		closes_at: record.option("closing")?,
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	fn hex_of(byte: u8) -> String {
		format!("0x{}", hex::encode([byte; 32]))
	}

	#[test]
	fn records_are_read_field_by_field() {
		let json = json!({
			"operator": hex_of(1), "key": hex_of(2), "load": 0,
			"terms": { "model": "None", "generation": 0, "model_root": hex_of(3), "capacity": 4, "context": 8192,
				"prices": { "input": 5, "output": "36893488147419103232" },
				"endpoint": format!("0x{}", hex::encode("https://a")) },
		});
		let read = offer(7, &json).unwrap();
		assert_eq!((read.id, read.model, read.context), (7, None, 8192));
		assert_eq!(read.prices, Prices { input: 5, output: 1 << 65 });
		assert_eq!(read.endpoint, "https://a");
		let json = json!({
			"payer": hex_of(1), "operator": hex_of(2), "offer": 7, "key": hex_of(3), "deposit": 9, "settled": 8,
			"prices": { "input": 5, "output": 6 }, "closing": { "Some": 44 },
		});
		let read = session(u64::MAX, &json).unwrap();
		assert_eq!((read.deposit, read.settled, read.closes_at), (9, 8, Some(44)));
	}

	#[test]
	fn a_record_of_another_release_says_which_field_it_lacks() {
		let failure = offer(7, &json!({ "operator": hex_of(1), "terms": {} })).unwrap_err();
		assert_eq!(failure.kind, Kind::Outdated);
		assert!(failure.message.contains("no key"), "{}", failure.message);
	}
}
