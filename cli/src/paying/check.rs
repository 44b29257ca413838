//! Checks of an answer's receipt by the payer that it was written for.
//!
//! A receipt is right if the operator's key signed it for this chain, it is of this session and this model, its tokens are those of the
//! answer, and it charges no more for them than the session's prices. What the tokens should be, is checked by computing them again:
//! `blyan audit replay`, or `blyan chat --verify`.

use super::{channel::SessionTerms, delivery::Delivered};
use blyan_open_model::{text::Tokenizer, GenerationRecord};
use blyan_primitives::{SessionId, SignedReceipt};
use blyan_text::{StreamError, StreamOptions, TextStream};
use blyan_till::receipt::{self, ReceiptError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sp_core::H256;
use std::sync::Arc;

/// An answer as its operator wrote it down: what it follows from, and the receipt.
#[derive(Clone, Debug)]
pub struct Billed {
	/// Tokens and settings.
	pub generation: GenerationRecord,
	/// Receipt of them.
	pub signed: SignedReceipt,
	/// Request that it answers, where the payer wrote it down.
	pub asked: Option<AskedRecord>,
}

/// A request, as its payer sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedRecord {
	/// Path.
	pub route: String,
	/// Body.
	pub body: String,
	/// Index of the answer among those to the request.
	pub index: u32,
	/// Seconds since 1970 at which it was sent: templates may write the date.
	pub sent_at: u64,
}

impl AskedRecord {
	/// Puts it into the record of the answer.
	pub fn put_into(&self, record: &mut Value) {
		if let (Some(fields), Ok(asked)) = (record.as_object_mut(), serde_json::to_value(self)) {
			fields.insert(receipt::ASKED.into(), asked);
		}
	}
}

/// Facts that a payer knows without the operator.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
	/// Hash of block 0.
	pub genesis: H256,
	/// The session.
	pub session: SessionId,
	/// Its terms.
	pub terms: &'a SessionTerms,
}

/// Fault of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
	/// Another key signed it.
	#[error("the receipt is of the key {0:?}, which is not a serving key of this operator")]
	Key(H256),
	/// It is not signed, or not about the answer beside it.
	#[error(transparent)]
	Receipt(ReceiptError),
	/// It is of another session.
	#[error("the receipt is of session {found}, not of {expected}")]
	Session {
		/// This session.
		expected: SessionId,
		/// Session of the receipt.
		found: SessionId,
	},
	/// It is of another model.
	#[error("the receipt is of model {0:?}, which is not the offer's")]
	Model(H256),
	/// It charges more than the prices say.
	#[error("the receipt charges {charged} planck for what costs {cost} at the session's prices")]
	Charge {
		/// Charge of the receipt.
		charged: u128,
		/// Cost of its tokens.
		cost: u128,
	},
	/// It charges more than the request can cost.
	#[error("{0}")]
	Ceiling(String),
	/// It is about another request than the one that was sent.
	#[error("the receipt is about another request than was sent: {0}")]
	Request(String),
	/// Its settings are refused, so no text can be made of its tokens.
	#[error("the receipt's settings: {0}")]
	Settings(String),
	/// A choice came that was not asked for, and that no receipt is about.
	#[error("the answer has a choice {0}, which was not asked for and which no receipt is about")]
	Choice(u64),
	/// The answer that came is another one.
	#[error("the tokens of the receipt are {0:?}.., which is not the text that came")]
	Text(String),
}

impl Billed {
	/// Reads what a gateway says of an answer, as `GET /v1/receipts/ID` and a line of a file have it.
	pub fn read(value: &Value) -> Result<Self, ReceiptError> {
		let asked = value.get(receipt::ASKED).and_then(|asked| serde_json::from_value(asked.clone()).ok());
		receipt::read(value.clone()).map(|(generation, signed)| Self { generation, signed, asked })
	}

	/// Checks everything that a payer can know of a receipt. Returns what is charged.
	pub fn check(&self, expected: &Expected<'_>) -> Result<u128, ReceiptFault> {
		let (receipt, terms) = (&self.signed.receipt, expected.terms);
		let key = H256(self.signed.key.0);
		if !terms.serving_keys.contains(&key) {
			return Err(ReceiptFault::Key(key));
		}
		self.ensure_sound(&expected.genesis)?;
		if receipt.session != expected.session {
			return Err(ReceiptFault::Session { expected: expected.session, found: receipt.session });
		}
		if receipt.model_root != terms.model_root {
			return Err(ReceiptFault::Model(receipt.model_root));
		}
		let cost = terms.prices.cost(receipt.prompt_tokens_seen, receipt.answer_tokens).unwrap_or(u128::MAX);
		match receipt.charged > cost {
			true => Err(ReceiptFault::Charge { charged: receipt.charged, cost }),
			false => Ok(receipt.charged),
		}
	}

	/// Checks what needs no session: the signature, and that receipt and answer are about each other.
	pub fn ensure_sound(&self, genesis: &H256) -> Result<(), ReceiptFault> {
		receipt::verify(&self.signed, &self.generation, genesis).map_err(ReceiptFault::Receipt)
	}

	/// Checks that the text of the choice with this index is what the tokens of the receipt say. Where either the answer or its delivery was cut short, less
	/// may have come: the operator's side may have been done when the reader left.
	pub fn ensure_text(
		&self,
		tokenizer: &Arc<Tokenizer>,
		index: u32,
		delivered: &Delivered,
	) -> Result<(), ReceiptFault> {
		// An error came, and no answer.
		if delivered.texts.is_empty() {
			return Ok(());
		}
		// A choice that did not come has no text, whatever came in its place.
		let text = delivered.texts.get(&index.into()).map_or("", String::as_str);
		let generation = &self.generation;
		let options = StreamOptions {
			stop: generation.stop.clone(),
			ends: generation.ends.clone(),
			tokens_max: Some(generation.max_tokens),
		};
		let mut stream = TextStream::new(tokenizer.clone(), options)
			.map_err(|error: StreamError| ReceiptFault::Settings(error.to_string()))?;
		let mut written: String = generation.answer.iter().map(|id| stream.push(*id).text).collect();
		written.push_str(&stream.finish().text);
		let is_right = match generation.is_cut_short() || !delivered.is_whole {
			true => written.starts_with(text),
			false => written == text,
		};
		match is_right {
			true => Ok(()),
			false => Err(ReceiptFault::Text(written.chars().take(40).collect())),
		}
	}
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use crate::paying::channel::tests::terms;
	use blyan_open_model::End;
	use blyan_primitives::{AnswerEnd, Receipt};
	use sp_core::{sr25519, Pair};

	pub const GENESIS: H256 = H256([9; 32]);

	pub fn pair() -> sr25519::Pair {
		sr25519::Pair::from_seed(&[2; 32])
	}

	pub fn serving_terms() -> SessionTerms {
		SessionTerms { serving_keys: vec![H256(pair().public().0)], ..terms() }
	}

	/// An answer of two tokens to three, for seven planck.
	pub fn billed() -> Billed {
		let generation = GenerationRecord {
			model_root: "04".repeat(32),
			tokenizer: "05".repeat(32),
			prompt: vec![1, 2, 3],
			answer: vec![4, 5],
			seed: u64::MAX,
			temperature_q8: 256,
			top_p_q8: 256,
			max_tokens: 2,
			stop: Vec::new(),
			ends: Vec::new(),
			end: End::Cancelled,
			engine: "test".into(),
		};
		let receipt = receipt::receipt(&generation, 3, 7, 7).unwrap();
		signed(generation, receipt)
	}

	pub fn signed(generation: GenerationRecord, receipt: Receipt) -> Billed {
		let signature = pair().sign(&receipt.payload(&GENESIS));
		let signed = SignedReceipt { receipt, key: pair().public(), signature };
		Billed { generation, signed, asked: None }
	}

	fn check(billed: &Billed) -> Result<u128, ReceiptFault> {
		billed.check(&Expected { genesis: GENESIS, session: 7, terms: &serving_terms() })
	}

	#[test]
	fn a_right_receipt_says_what_was_charged() {
		assert_eq!(check(&billed()), Ok(7));
	}

	#[test]
	fn every_lie_of_an_operator_has_its_words() {
		let lie = |change: fn(&mut Receipt)| {
			let mut receipt = billed().signed.receipt;
			change(&mut receipt);
			check(&signed(billed().generation, receipt)).unwrap_err()
		};
		assert_eq!(lie(|receipt| receipt.charged = 8), ReceiptFault::Charge { charged: 8, cost: 7 });
		assert_eq!(lie(|receipt| receipt.session = 8), ReceiptFault::Session { expected: 7, found: 8 });
		for change in [
			|receipt: &mut Receipt| receipt.version = 2,
			|receipt: &mut Receipt| receipt.answer_tokens = 3,
			|receipt: &mut Receipt| receipt.prompt_tokens_seen = 4,
			|receipt: &mut Receipt| receipt.prompt_tokens = 2,
			|receipt: &mut Receipt| receipt.tokens_root = H256([0; 32]),
			|receipt: &mut Receipt| receipt.tokenizer = H256([0; 32]),
			|receipt: &mut Receipt| receipt.model_root = H256([0; 32]),
			|receipt: &mut Receipt| receipt.seed = 1,
			|receipt: &mut Receipt| receipt.end = AnswerEnd::Stop,
		] {
			let lied = lie(change);
			assert!(matches!(lied, ReceiptFault::Receipt(ReceiptError::Difference { .. })), "{lied}");
		}
	}

	#[test]
	fn a_receipt_of_another_key_or_chain_or_changed_afterwards_is_refused() {
		let mut changed = billed();
		changed.signed.receipt.charged = 1;
		assert_eq!(check(&changed), Err(ReceiptFault::Receipt(ReceiptError::Signature)));
		let other = Expected { genesis: H256([8; 32]), session: 7, terms: &serving_terms() };
		assert_eq!(billed().check(&other), Err(ReceiptFault::Receipt(ReceiptError::Signature)));
		let strangers = Expected { genesis: GENESIS, session: 7, terms: &terms() };
		assert!(matches!(billed().check(&strangers), Err(ReceiptFault::Key(_))));
	}

	#[test]
	fn an_answer_that_was_begun_elsewhere_may_cost_less() {
		let mut receipt = billed().signed.receipt;
		receipt.charged = 2;
		assert_eq!(check(&signed(billed().generation, receipt)), Ok(2));
	}
}
