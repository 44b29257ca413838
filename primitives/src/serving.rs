//! Paid serving: prices, quotes, vouchers and receipts, and the bytes that their makers sign.
//!
//! Whatever is signed here is `SCALE(context, genesis hash, record)`: a context of its own keeps a voucher from being read as a
//! quote, and the genesis hash keeps both from another chain. Amounts are in planck; in JSON they are decimal strings, as
//! is the seed, since a JSON number is exact up to 2^53 only.

use crate::json::decimal;
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;
use sp_runtime::traits::Verify;

/// An offer's number, given out in order.
pub type OfferId = u32;
/// A session's number, given out in order from 1. 0 is no session.
pub type SessionId = u64;
/// A request's number, given out in order.
pub type RequestId = u64;
/// Public half of the key with which an operator signs receipts and quotes. Plain sr25519, so that wallets and command lines can make it.
pub type ServingKey = sp_core::sr25519::Public;
/// Signature by a serving key, or by the key of a payer's vouchers.
pub type ServingSignature = sp_core::sr25519::Signature;

/// Version of [`Receipt`]. Goes up with each revision of the second definition, since answers are judged by the one that they were given under.
pub const RECEIPT_VERSION: u8 = 1;
/// Most bytes of a receipt with its key and its signature, however long the answer is.
pub const SIGNED_RECEIPT_BYTES_MAX: usize = 258;
/// Tokens that a price is for.
pub const TOKENS_PER_PRICE: u128 = 1_000;

macro_rules! wire {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		#[derive(
			Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
			TypeInfo, Serialize, Deserialize,
		)]
		#[scale_info(capture_docs = "always")]
		$(#[$meta])*
		pub $($rest)*
	};
}

wire! {
	/// Prices of an offer, in planck per 1,000 tokens.
	#[derive(Default)]
	pub struct Prices {
		/// For tokens that the model reads.
		#[serde(with = "decimal")]
		pub input: u128,
		/// For tokens that the model chooses.
		#[serde(with = "decimal")]
		pub output: u128,
	}
}

impl Prices {
	/// Returns the cost of an answer: `ceil(n x price / 1,000)` for what was read and for what was chosen, each rounded up by itself; `None` if
	/// that overflows.
	pub fn cost(&self, prompt_tokens_seen: u32, answer_tokens: u32) -> Option<u128> {
		let read = part(self.input, prompt_tokens_seen)?;
		read.checked_add(part(self.output, answer_tokens)?)
	}

	/// Returns both prices times `percent` / 100, rounded up; `None` if that overflows.
	pub fn scaled(&self, percent: u32) -> Option<Self> {
		let scale = |price: u128| Some(price.checked_mul(percent.into())?.div_ceil(100));
		Some(Self { input: scale(self.input)?, output: scale(self.output)? })
	}
}

fn part(price: u128, tokens: u32) -> Option<u128> {
	Some(price.checked_mul(tokens.into())?.div_ceil(TOKENS_PER_PRICE))
}

wire! {
	/// Reason for which an answer ended.
	#[serde(rename_all = "snake_case")]
	pub enum AnswerEnd {
		/// The model ended its turn.
		#[codec(index = 0)]
		EndOfTurn,
		/// A stop text of the request came.
		#[codec(index = 1)]
		Stop,
		/// The answer was as long as it could be for this request.
		#[codec(index = 2)]
		Length,
		/// The model's context was full.
		#[codec(index = 3)]
		Context,
		/// The user left or cancelled.
		#[codec(index = 4)]
		Cancelled,
	}
}

wire! {
	/// An operator's signed account of one answer. At most 258 bytes with key and signature, however long the answer is.
	pub struct Receipt {
		/// [`RECEIPT_VERSION`].
		pub version: u8,
		/// Root of the model: `definition2::model_root`.
		pub model_root: H256,
		/// Hash of the tokenizer's file, as `blyan/generation` names it.
		pub tokenizer: H256,
		/// Merkle root over one sequence: the ids that the model read, then the ids that it chose. The leaf and the tree are those of a
		/// holdout of one sequence of the second definition.
		pub tokens_root: H256,
		/// Tokens of the prompt as it was sent.
		pub prompt_tokens: u32,
		/// Tokens of it that the model read. The rest was cut off, and is never charged.
		pub prompt_tokens_seen: u32,
		/// Tokens that the model chose, the one that ended the answer included.
		pub answer_tokens: u32,
		/// Seed of the noise, whose key is `Sampling::key_of(seed)`.
		#[serde(with = "decimal")]
		pub seed: u64,
		/// Temperature, in 256ths.
		pub temperature_q8: u16,
		/// Share of probability that is sampled from, in 256ths.
		pub top_p_q8: u16,
		/// Reason for which it ended.
		pub end: AnswerEnd,
		/// The session that pays for it; 0 for none.
		pub session: SessionId,
		/// Amount charged for this answer, in planck.
		#[serde(with = "decimal")]
		pub charged: u128,
	}
}

impl Receipt {
	/// Domain separator of the signed payload.
	pub const CONTEXT: &'static [u8] = b"blyan/receipt/1";

	/// Returns the bytes that the serving key signs, on the chain with this genesis hash.
	pub fn payload(&self, genesis: &H256) -> Vec<u8> {
		(Self::CONTEXT, genesis, self).encode()
	}
}

wire! {
	/// Receipt with the key that answers for it.
	pub struct SignedReceipt {
		/// The receipt.
		pub receipt: Receipt,
		/// The serving key.
		pub key: ServingKey,
		/// Its signature over [`Receipt::payload`].
		pub signature: ServingSignature,
	}
}

impl SignedReceipt {
	/// Reports whether the key signed this receipt, for the chain with this genesis hash.
	pub fn is_valid(&self, genesis: &H256) -> bool {
		self.signature.verify(self.receipt.payload(genesis).as_slice(), &self.key)
	}

	/// Returns the receipt's name on chain: Blake2b-256 of the payload and the key. Receipts are shown around, so another operator can sign the
	/// same one; what becomes of its own must not touch the first.
	pub fn id(&self, genesis: &H256) -> H256 {
		H256(sp_crypto_hashing::blake2_256(&(Receipt::CONTEXT, genesis, self.receipt, self.key).encode()))
	}
}

wire! {
	/// Cumulative payment of a session: its operator may take so much in all. Only the largest amount matters, so an older voucher takes
	/// nothing away from a newer one, and adds nothing to it.
	pub struct Voucher {
		/// The session.
		pub session: SessionId,
		/// Sum of all payments of the session, in planck.
		#[serde(with = "decimal")]
		pub amount: u128,
	}
}

impl Voucher {
	/// Domain separator of the signed payload.
	pub const CONTEXT: &'static [u8] = b"blyan/voucher/1";

	/// Returns the bytes that the payer signs, on the chain with this genesis hash.
	pub fn payload(&self, genesis: &H256) -> Vec<u8> {
		(Self::CONTEXT, genesis, self).encode()
	}

	/// Reports whether `key` signed this voucher, for the chain with this genesis hash: the payload itself, or the payload between
	/// `<Bytes>` and `</Bytes>`, which is what wallet extensions sign.
	pub fn is_signed(&self, genesis: &H256, key: &ServingKey, signature: &ServingSignature) -> bool {
		let payload = self.payload(genesis);
		signature.verify(payload.as_slice(), key) || signature.verify(wrapped(&payload).as_slice(), key)
	}
}

/// Returns a payload as wallet extensions sign it.
pub fn wrapped(payload: &[u8]) -> Vec<u8> {
	[b"<Bytes>", payload, b"</Bytes>"].concat()
}

wire! {
	/// Price that an operator quotes off chain, valid until a block.
	pub struct Quote {
		/// The offer.
		pub offer: OfferId,
		/// Account of the payer, as bytes.
		pub payer: H256,
		/// Blake2b-256 of the body of the request.
		pub prompt: H256,
		/// Tokens of the prompt.
		pub prompt_tokens: u32,
		/// Most tokens of the answer.
		pub max_answer_tokens: u32,
		/// Prices of this request.
		pub prices: Prices,
		/// Most that can be charged, in planck.
		#[serde(with = "decimal")]
		pub ceiling: u128,
		/// Last block in which it can be authorised.
		pub expires: u32,
	}
}

impl Quote {
	/// Domain separator of the signed payload.
	pub const CONTEXT: &'static [u8] = b"blyan/quote/1";

	/// Returns the bytes that the serving key signs, on the chain with this genesis hash.
	pub fn payload(&self, genesis: &H256) -> Vec<u8> {
		(Self::CONTEXT, genesis, self).encode()
	}

	/// Reports whether `key` signed this quote, for the chain with this genesis hash.
	pub fn is_signed(&self, genesis: &H256, key: &ServingKey, signature: &ServingSignature) -> bool {
		signature.verify(self.payload(genesis).as_slice(), key)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::DecodeAll;
	use proptest::prelude::*;
	use sp_core::{sr25519, Pair};

	const GENESIS: H256 = H256::repeat_byte(7);

	fn hash() -> impl Strategy<Value = H256> {
		any::<[u8; 32]>().prop_map(H256)
	}

	fn end() -> impl Strategy<Value = AnswerEnd> {
		use AnswerEnd::*;
		prop::sample::select(vec![EndOfTurn, Stop, Length, Context, Cancelled])
	}

	prop_compose! {
		fn receipt()(
			(version, model_root, tokenizer, tokens_root) in (any::<u8>(), hash(), hash(), hash()),
			(prompt_tokens, prompt_tokens_seen, answer_tokens, seed) in any::<(u32, u32, u32, u64)>(),
			(temperature_q8, top_p_q8, session, charged) in any::<(u16, u16, u64, u128)>(),
			end in end(),
		) -> Receipt {
			Receipt {
				version, model_root, tokenizer, tokens_root, prompt_tokens, prompt_tokens_seen, answer_tokens, seed,
				temperature_q8, top_p_q8, end, session, charged,
			}
		}
	}

	prop_compose! {
		fn quote()(
			(payer, prompt) in (hash(), hash()),
			(offer, prompt_tokens, max_answer_tokens, expires) in any::<(u32, u32, u32, u32)>(),
			(input, output, ceiling) in any::<(u128, u128, u128)>(),
		) -> Quote {
			let prices = Prices { input, output };
			Quote { offer, payer, prompt, prompt_tokens, max_answer_tokens, prices, ceiling, expires }
		}
	}

	fn pair(seed: u8) -> sr25519::Pair {
		sr25519::Pair::from_seed(&[seed; 32])
	}

	fn signed(receipt: Receipt) -> SignedReceipt {
		let pair = pair(1);
		SignedReceipt { receipt, key: pair.public(), signature: pair.sign(&receipt.payload(&GENESIS)) }
	}

	fn round_trips<T>(value: &T)
	where
		T: Encode + Decode + Serialize + serde::de::DeserializeOwned + PartialEq + core::fmt::Debug,
	{
		assert_eq!(&T::decode_all(&mut value.encode().as_slice()).expect("it was encoded"), value);
		let json = serde_json::to_string(value).expect("it has a JSON form");
		assert_eq!(&serde_json::from_str::<T>(&json).expect("it was written as JSON"), value);
	}

	proptest! {
		#[test]
		fn records_round_trip_in_both_encodings(receipt in receipt(), quote in quote(), session: u64, amount: u128) {
			round_trips(&receipt);
			round_trips(&quote);
			round_trips(&Voucher { session, amount });
		}

		#[test]
		fn receipt_decodes_from_no_other_length(receipt in receipt(), cut in 1usize..146) {
			let bytes = receipt.encode();
			prop_assert!(Receipt::decode_all(&mut &bytes[..bytes.len() - cut]).is_err());
			let longer = [bytes.as_slice(), &[0]].concat();
			prop_assert!(Receipt::decode_all(&mut longer.as_slice()).is_err());
		}

		#[test]
		fn cost_is_the_least_whole_number_that_covers_each_part(
			input in 0u128..1 << 90, output in 0u128..1 << 90, read: u32, chosen: u32,
		) {
			let part = |price: u128, tokens: u32| {
				let exact = price * u128::from(tokens);
				exact / 1_000 + u128::from(!exact.is_multiple_of(1_000))
			};
			let cost = Prices { input, output }.cost(read, chosen);
			prop_assert_eq!(cost, Some(part(input, read) + part(output, chosen)));
		}

		#[test]
		fn cost_never_falls_when_more_is_read_or_chosen(
			input in 0u128..1 << 90, output in 0u128..1 << 90, read in 0u32..1 << 31, chosen in 0u32..1 << 31, more in 0u32..1 << 31,
		) {
			let prices = Prices { input, output };
			prop_assert!(prices.cost(read + more, chosen) >= prices.cost(read, chosen));
			prop_assert!(prices.cost(read, chosen + more) >= prices.cost(read, chosen));
		}

		#[test]
		fn cost_of_any_numbers_does_not_panic(input: u128, output: u128, read: u32, chosen: u32, percent: u32) {
			let prices = Prices { input, output };
			let _ = (prices.cost(read, chosen), prices.scaled(percent));
		}

		#[test]
		fn splitting_an_answer_never_makes_it_cheaper(price in 0u128..1 << 90, a in 0u32..1 << 31, b in 0u32..1 << 31) {
			let prices = Prices { input: price, output: price };
			let parts = prices.cost(a, 0).unwrap() + prices.cost(b, 0).unwrap();
			prop_assert!(parts >= prices.cost(a + b, 0).unwrap());
		}
	}

	#[test]
	fn prices_of_the_table_cost_what_it_says() {
		// 0.01 and 0.02 BLY per 1,000 tokens.
		let prices = Prices { input: 10_000_000_000, output: 20_000_000_000 };
		assert_eq!(prices.cost(1_000, 1_000), Some(30_000_000_000));
		assert_eq!(prices.cost(1, 0), Some(10_000_000));
		assert_eq!(prices.cost(0, 0), Some(0));
		assert_eq!(Prices { input: 1, output: 1 }.cost(1, 1), Some(2));
		assert_eq!(Prices { input: u128::MAX, output: 0 }.cost(2, 0), None);
		assert_eq!(Prices { input: 0, output: 0 }.cost(u32::MAX, u32::MAX), Some(0));
		assert_eq!(prices.scaled(120), Some(Prices { input: 12_000_000_000, output: 24_000_000_000 }));
		assert_eq!(Prices { input: 1, output: 0 }.scaled(120), Some(Prices { input: 2, output: 0 }));
	}

	#[test]
	fn signed_receipt_keeps_its_size() {
		assert_eq!(Receipt::max_encoded_len(), 146);
		assert_eq!(SignedReceipt::max_encoded_len(), 242);
		assert!(SignedReceipt::max_encoded_len() <= SIGNED_RECEIPT_BYTES_MAX);
	}

	#[test]
	fn ends_have_the_numbers_and_names_that_clients_know() {
		use AnswerEnd::*;
		let names = ["end_of_turn", "stop", "length", "context", "cancelled"];
		for ((end, name), index) in
			[EndOfTurn, Stop, Length, Context, Cancelled].into_iter().zip(names).zip(0u8..)
		{
			assert_eq!(end.encode(), [index]);
			assert_eq!(serde_json::to_value(end).unwrap(), name);
		}
		assert!(AnswerEnd::decode_all(&mut [5u8].as_slice()).is_err());
	}

	#[test]
	fn receipt_holds_for_its_key_and_its_chain_only() {
		let receipt = Receipt {
			version: RECEIPT_VERSION,
			model_root: H256([1; 32]),
			tokenizer: H256([2; 32]),
			tokens_root: H256([3; 32]),
			prompt_tokens: 10,
			prompt_tokens_seen: 9,
			answer_tokens: 8,
			seed: u64::MAX,
			temperature_q8: 256,
			top_p_q8: 256,
			end: AnswerEnd::Stop,
			session: 1,
			charged: 5,
		};
		let good = signed(receipt);
		assert!(good.is_valid(&GENESIS));
		assert!(!good.is_valid(&H256::zero()));
		assert!(!SignedReceipt { key: pair(2).public(), ..good }.is_valid(&GENESIS));
		let raised = Receipt { charged: 6, ..receipt };
		assert!(!SignedReceipt { receipt: raised, ..good }.is_valid(&GENESIS));
		assert_ne!(good.id(&GENESIS), SignedReceipt { receipt: raised, ..good }.id(&GENESIS));
		assert_ne!(good.id(&GENESIS), good.id(&H256::zero()));
		assert_ne!(good.id(&GENESIS), SignedReceipt { key: pair(2).public(), ..good }.id(&GENESIS));
		// The signature is not part of the name: sr25519 makes another each time.
		assert_eq!(good.id(&GENESIS), signed(receipt).id(&GENESIS));
		assert_eq!(serde_json::to_value(receipt).unwrap()["seed"], "18446744073709551615");
	}

	#[test]
	fn voucher_is_taken_as_a_wallet_signs_it() {
		let (voucher, pair) = (Voucher { session: 4, amount: 9 }, pair(3));
		let payload = voucher.payload(&GENESIS);
		let plain = pair.sign(&payload);
		let by_wallet = pair.sign(&wrapped(&payload));
		assert!(voucher.is_signed(&GENESIS, &pair.public(), &plain));
		assert!(voucher.is_signed(&GENESIS, &pair.public(), &by_wallet));
		assert!(!voucher.is_signed(&H256::zero(), &pair.public(), &plain));
		for other in [Voucher { amount: 10, ..voucher }, Voucher { session: 5, ..voucher }] {
			assert!(!other.is_signed(&GENESIS, &pair.public(), &plain));
			assert!(!other.is_signed(&GENESIS, &pair.public(), &by_wallet));
		}
	}

	#[test]
	fn contexts_are_no_prefix_of_each_other() {
		let contexts = [Receipt::CONTEXT, Voucher::CONTEXT, Quote::CONTEXT];
		for (index, one) in contexts.iter().enumerate() {
			for (other_index, other) in contexts.iter().enumerate() {
				assert_eq!(index == other_index, one.encode().starts_with(&other.encode()));
			}
		}
	}
}
