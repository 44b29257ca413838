//! Paid serving: offers, requests, sessions, users.

use crate::{AccountId, Balance, BlockNumber};
use alloc::vec::Vec;
use blyan_primitives::{
	json::{decimal, text},
	ModelId, OfferId, Prices, RequestId, ServingKey, SessionId,
};
use codec::{Decode, Encode};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct OfferInfo {
	/// Its number.
	pub id: OfferId,
	/// The operator that serves it.
	pub operator: AccountId,
	/// Key that signs its receipts and quotes.
	pub key: ServingKey,
	/// The model's number, if it is registered.
	pub model: Option<ModelId>,
	/// Generation whose root this is; 0 for a model that is not registered.
	pub generation: u32,
	/// Root of the model.
	pub model_root: H256,
	/// Prices.
	pub prices: Prices,
	/// Requests that may be authorised at the same time.
	pub capacity: u32,
	/// Requests that are authorised now.
	pub load: u32,
	/// Most tokens of a prompt and its answer together.
	pub context: u32,
	/// Address of the service.
	#[serde(with = "text")]
	pub endpoint: Vec<u8>,
	/// True if the operator takes paid work now.
	pub open: bool,
}

/// State of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[scale_info(capture_docs = "always")]
pub enum RequestState {
	/// Made, and without a price.
	Pending,
	/// Priced. The price holds until the deadline.
	Quoted,
	/// Paid for by a hold.
	Authorised,
	/// Served, with a receipt; the charge can be disputed until the deadline.
	Captured,
	/// Paid to the operator.
	Credited,
	/// Ended without a receipt.
	Failed,
	/// Receipt taken back, or proven wrong.
	Reversed,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct RequestInfo {
	/// Its number.
	pub id: RequestId,
	/// The account that pays.
	pub payer: AccountId,
	/// The operator that serves.
	pub operator: AccountId,
	/// The offer.
	pub offer: OfferId,
	/// Root of the model that has to answer.
	pub model_root: H256,
	/// Hash of the request's body.
	pub prompt: H256,
	/// Tokens of the prompt, as quoted.
	pub prompt_tokens: u32,
	/// Most tokens of the answer.
	pub max_answer_tokens: u32,
	/// Seed of the noise.
	#[serde(with = "decimal")]
	pub seed: u64,
	/// Idempotency key.
	pub key: H256,
	/// Prices.
	pub prices: Prices,
	/// Most that can be charged.
	#[serde(with = "decimal")]
	pub ceiling: Balance,
	/// Amount on hold.
	#[serde(with = "decimal")]
	pub held: Balance,
	/// Amount charged.
	#[serde(with = "decimal")]
	pub charged: Balance,
	/// The receipt, once it is captured.
	pub receipt: Option<H256>,
	/// Where it stands.
	pub state: RequestState,
	/// True if the payer asked to stop.
	pub cancelled: bool,
	/// First block in which this state is over, if no migration bars transactions.
	pub deadline: BlockNumber,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct SessionInfo {
	/// Its number.
	pub id: SessionId,
	/// The account that pays.
	pub payer: AccountId,
	/// The operator that serves.
	pub operator: AccountId,
	/// The offer that it was opened for.
	pub offer: OfferId,
	/// Key that signs the vouchers.
	pub key: ServingKey,
	/// Prices, fixed when it was opened.
	pub prices: Prices,
	/// Sum of what was deposited.
	#[serde(with = "decimal")]
	pub deposit: Balance,
	/// Sum of what was paid out.
	#[serde(with = "decimal")]
	pub settled: Balance,
	/// Sum that receipts charged which were proven wrong. Vouchers pay so much less.
	#[serde(with = "decimal")]
	pub reversed: Balance,
	/// First block in which it can be finished, if the payer is closing it and no migration bars transactions.
	pub closing: Option<BlockNumber>,
}

/// Record of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct UserInfo {
	/// Sum of its payments.
	#[serde(with = "decimal")]
	pub spent: Balance,
	/// Number of its payments.
	pub interactions: u64,
	/// Block of the last one.
	pub last: BlockNumber,
	/// True if its requests and sessions are private.
	pub private: bool,
	/// Requests that are not over.
	pub open_requests: u32,
	/// Sessions.
	pub sessions: u32,
}

/// Usage of a model at one operator, as paid for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct UsageInfo {
	/// The operator.
	pub operator: AccountId,
	/// Answers that were paid for one by one.
	pub answers: u64,
	/// Tokens that those read.
	pub prompt_tokens: u64,
	/// Tokens that those chose.
	pub answer_tokens: u64,
	/// Settlements of sessions.
	pub settlements: u64,
	/// Sum that all of them charged.
	#[serde(with = "decimal")]
	pub charged: Balance,
}

/// Price of a request for one payer, before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct CostQuote {
	/// Prices for this payer.
	pub prices: Prices,
	/// Cost of the prompt.
	#[serde(with = "decimal")]
	pub input: Balance,
	/// Cost of the longest answer.
	#[serde(with = "decimal")]
	pub output: Balance,
	/// Part of both that privacy adds.
	#[serde(with = "decimal")]
	pub privacy: Balance,
	/// Most that can be charged.
	#[serde(with = "decimal")]
	pub ceiling: Balance,
	/// Amount on hold while it is quoted, and at least while it is authorised.
	#[serde(with = "decimal")]
	pub deposit: Balance,
	/// Blocks for which the price holds.
	pub holds_for: BlockNumber,
	/// True if nothing is charged.
	pub free: bool,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn amounts_and_seeds_are_decimal_strings_in_json() {
		let request = RequestInfo {
			id: 1,
			payer: AccountId::new([1; 32]),
			operator: AccountId::new([2; 32]),
			offer: 3,
			model_root: H256([4; 32]),
			prompt: H256([5; 32]),
			prompt_tokens: 6,
			max_answer_tokens: 7,
			seed: u64::MAX,
			key: H256([8; 32]),
			prices: Prices { input: u128::MAX, output: 1 },
			ceiling: u128::MAX,
			held: 9,
			charged: 10,
			receipt: None,
			state: RequestState::Authorised,
			cancelled: false,
			deadline: 11,
		};
		let json = serde_json::to_value(&request).unwrap();
		assert_eq!(json["seed"], u64::MAX.to_string());
		assert_eq!(json["prices"]["input"], u128::MAX.to_string());
		assert_eq!(json["state"], "authorised");
		assert_eq!(serde_json::from_value::<RequestInfo>(json).unwrap(), request);
		assert_eq!(RequestInfo::decode(&mut &request.encode()[..]).unwrap(), request);
	}

	#[test]
	fn endpoint_is_text_in_json() {
		let offer = OfferInfo {
			id: 0,
			operator: AccountId::new([1; 32]),
			key: ServingKey::from_raw([2; 32]),
			model: None,
			generation: 0,
			model_root: H256([3; 32]),
			prices: Prices::default(),
			capacity: 1,
			load: 0,
			context: 1,
			endpoint: b"https://operator.example".to_vec(),
			open: true,
		};
		let json = serde_json::to_value(&offer).unwrap();
		assert_eq!(json["endpoint"], "https://operator.example");
		assert_eq!(serde_json::from_value::<OfferInfo>(json).unwrap(), offer);
	}
}
