//! Signed receipts: what an operator says about one answer, and the check of it against the answer itself.

use blyan_exact::{definition2::step::sequence_bytes, merkle};
use blyan_open_model::{End, GenerationRecord};
use blyan_primitives::serving::{AnswerEnd, Receipt, ServingKey, SessionId, SignedReceipt, RECEIPT_VERSION};
use blyan_text::FinishReason;
use codec::{DecodeAll, Encode};
use serde_json::{json, Value};
use sp_core::{sr25519, Pair, H256};
use std::{
	fs, io,
	path::{Path, PathBuf},
};

/// Field in which a payer writes down the request beside the record of its answer.
pub const ASKED: &str = "asked";

/// Key with which an operator signs receipts and quotes.
#[derive(Clone)]
pub struct ServingPair {
	pair: sr25519::Pair,
	genesis: H256,
}

/// Reason why a serving key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
	/// The file cannot be read.
	#[error("the serving key {0:?}: {1}")]
	File(PathBuf, io::Error),
	/// The file is not a seed.
	#[error("{0:?} is not a serving key: it holds 64 hexadecimal digits, the seed of an sr25519 key")]
	Seed(PathBuf),
	/// Others can read the file.
	#[error("{0:?} can be read by others (mode {1:o}): chmod 600 {0:?}")]
	Mode(PathBuf, u32),
}

/// Reason why a receipt does not belong to an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
	/// There is none.
	#[error("the record has no signed receipt: its operator signs none")]
	Absent,
	/// It cannot be read.
	#[error("the signed receipt cannot be read: {0}")]
	Malformed(&'static str),
	/// The signature is another's, or of another chain.
	#[error("the receipt's signature is not that of its key on this chain")]
	Signature,
	/// A part of it is about another answer.
	#[error("the receipt's {field} is {receipt}, and the answer's is {answer}")]
	Difference {
		/// The part.
		field: &'static str,
		/// Its value in the receipt.
		receipt: String,
		/// Its value in the answer.
		answer: String,
	},
}

impl ServingPair {
	/// Reads a seed from a file that only its owner reads.
	pub fn open(path: &Path, genesis: H256) -> Result<Self, KeyError> {
		let failed = |error| KeyError::File(path.into(), error);
		#[cfg(unix)]
		{
			use std::os::unix::fs::PermissionsExt;
			let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
			if mode & 0o077 != 0 {
				return Err(KeyError::Mode(path.into(), mode));
			}
		}
		let text = fs::read_to_string(path).map_err(failed)?;
		let digits = text.trim();
		let seed = hex::decode(digits.strip_prefix("0x").unwrap_or(digits));
		let seed: Option<[u8; 32]> = seed.ok().and_then(|seed| seed.try_into().ok());
		seed.map(|seed| Self::from_seed(&seed, genesis)).ok_or_else(|| KeyError::Seed(path.into()))
	}

	/// Makes the key of a seed, for one chain.
	pub fn from_seed(seed: &[u8; 32], genesis: H256) -> Self {
		Self { pair: sr25519::Pair::from_seed(seed), genesis }
	}

	/// Returns the public half.
	pub fn public(&self) -> ServingKey {
		self.pair.public()
	}

	/// Signs a receipt.
	pub fn sign(&self, receipt: Receipt) -> SignedReceipt {
		let signature = self.pair.sign(&receipt.payload(&self.genesis));
		SignedReceipt { receipt, key: self.public(), signature }
	}

	/// Signs the payload of a quote.
	pub fn sign_payload(&self, payload: &[u8]) -> sr25519::Signature {
		self.pair.sign(payload)
	}
}

/// Returns the root over the ids that a model read and then chose: one sequence, as in a holdout of the second definition.
pub fn tokens_root(prompt: &[u32], answer: &[u32]) -> H256 {
	let bytes = [sequence_bytes(prompt), sequence_bytes(answer)].concat();
	H256(merkle::root_of([bytes.as_slice()]))
}

/// Makes the receipt of an answer; `None` if its record names no model. `prompt_tokens`: as they were sent.
pub fn receipt(
	record: &GenerationRecord,
	prompt_tokens: u32,
	session: SessionId,
	charged: u128,
) -> Option<Receipt> {
	Some(Receipt {
		version: RECEIPT_VERSION,
		model_root: hash(&record.model_root)?,
		tokenizer: hash(&record.tokenizer)?,
		tokens_root: tokens_root(&record.prompt, &record.answer),
		prompt_tokens,
		prompt_tokens_seen: u32::try_from(record.prompt.len()).ok()?,
		answer_tokens: u32::try_from(record.answer.len()).ok()?,
		seed: record.seed,
		temperature_q8: record.temperature_q8,
		top_p_q8: record.top_p_q8,
		end: end(record.end),
		session,
		charged,
	})
}

fn end(end: End) -> AnswerEnd {
	match end {
		End::Finished(FinishReason::EndToken) => AnswerEnd::EndOfTurn,
		End::Finished(FinishReason::Stop) => AnswerEnd::Stop,
		End::Finished(FinishReason::Length) => AnswerEnd::Length,
		End::ContextFull => AnswerEnd::Context,
		End::Cancelled => AnswerEnd::Cancelled,
	}
}

fn hash(digits: &str) -> Option<H256> {
	let bytes: [u8; 32] = hex::decode(digits.strip_prefix("0x").unwrap_or(digits)).ok()?.try_into().ok()?;
	Some(H256(bytes))
}

/// Writes a signed receipt for programs: its bytes, and its fields.
pub fn to_json(signed: &SignedReceipt, genesis: &H256) -> Value {
	json!({
		"id": format!("0x{}", hex::encode(signed.id(genesis).0)),
		"genesis": format!("0x{}", hex::encode(genesis.0)),
		"scale": format!("0x{}", hex::encode(signed.encode())),
		"receipt": serde_json::to_value(signed.receipt).unwrap_or_default(),
		"key": format!("0x{}", hex::encode(signed.key.0)),
		"signature": format!("0x{}", hex::encode(signed.signature.0)),
	})
}

/// Reads a signed receipt from what [`to_json`] wrote. Its bytes count; the fields beside them are for people.
pub fn from_json(value: &Value) -> Result<SignedReceipt, ReceiptError> {
	let scale =
		value.get("scale").and_then(Value::as_str).ok_or(ReceiptError::Malformed("it has no 'scale'"))?;
	let bytes = hex::decode(scale.strip_prefix("0x").unwrap_or(scale));
	let bytes = bytes.map_err(|_| ReceiptError::Malformed("'scale' is not hexadecimal"))?;
	let signed = SignedReceipt::decode_all(&mut bytes.as_slice());
	signed.map_err(|_| ReceiptError::Malformed("'scale' is not a signed receipt"))
}

/// Reads what `GET /v1/receipts/ID` answers, or a line of its file: the record of the answer, and its receipt.
pub fn read(mut value: Value) -> Result<(GenerationRecord, SignedReceipt), ReceiptError> {
	let fields = value.as_object_mut().ok_or(ReceiptError::Malformed("it is not an object"))?;
	let signed = from_json(&fields.remove("signed_receipt").ok_or(ReceiptError::Absent)?)?;
	for name in ["format", "version", ASKED] {
		fields.remove(name);
	}
	let record = serde_json::from_value(value);
	Ok((record.map_err(|_| ReceiptError::Malformed("its record is not a blyan/generation"))?, signed))
}

/// Checks a receipt: signed for this chain by the key in it, and about this answer to the last token.
///
/// That the tokens are what the model gives is another check, which takes the model: `blyan audit replay`. So is that the key is one of an
/// operator, which the chain knows.
pub fn verify(signed: &SignedReceipt, record: &GenerationRecord, genesis: &H256) -> Result<(), ReceiptError> {
	if !signed.is_valid(genesis) {
		return Err(ReceiptError::Signature);
	}
	let found = &signed.receipt;
	let expected = receipt(record, found.prompt_tokens, found.session, found.charged);
	let expected = expected.ok_or(ReceiptError::Malformed("its record names no model"))?;
	let differs = |field, receipt: &dyn std::fmt::Debug, answer: &dyn std::fmt::Debug| {
		Err(ReceiptError::Difference {
			field,
			receipt: format!("{receipt:?}"),
			answer: format!("{answer:?}"),
		})
	};
	macro_rules! ensure_equal {
		($($field:ident),*) => {
			$(if found.$field != expected.$field {
				return differs(stringify!($field), &found.$field, &expected.$field);
			})*
		};
	}
	ensure_equal!(
		version,
		model_root,
		tokenizer,
		prompt_tokens_seen,
		answer_tokens,
		tokens_root,
		seed,
		temperature_q8,
		top_p_q8,
		end
	);
	if found.prompt_tokens < found.prompt_tokens_seen {
		return differs("prompt_tokens", &found.prompt_tokens, &found.prompt_tokens_seen);
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const GENESIS: H256 = H256::repeat_byte(7);

	fn pair() -> ServingPair {
		ServingPair::from_seed(&[1; 32], GENESIS)
	}

	fn record(prompt: Vec<u32>, answer: Vec<u32>, end: End) -> GenerationRecord {
		GenerationRecord {
			model_root: "ab".repeat(32),
			tokenizer: "cd".repeat(32),
			prompt,
			answer,
			seed: u64::MAX,
			temperature_q8: 179,
			top_p_q8: 256,
			max_tokens: 9,
			stop: Vec::new(),
			ends: Vec::new(),
			end,
			engine: "test".into(),
		}
	}

	#[test]
	fn a_serving_key_is_read_only_from_a_file_that_others_cannot_read() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("serving.key");
		crate::keys::write_secret(&path, format!("0x{}\n", "01".repeat(32)).as_bytes()).unwrap();
		assert_eq!(ServingPair::open(&path, GENESIS).unwrap().public(), pair().public());
		#[cfg(unix)]
		{
			use std::os::unix::fs::PermissionsExt;
			fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
			assert!(matches!(ServingPair::open(&path, GENESIS), Err(KeyError::Mode(_, 0o644))));
		}
		let other = dir.path().join("other.key");
		crate::keys::write_secret(&other, b"0x00").unwrap();
		assert!(matches!(ServingPair::open(&other, GENESIS), Err(KeyError::Seed(_))));
	}

	#[test]
	fn every_end_has_its_own_name_in_a_receipt() {
		let ends = [FinishReason::EndToken, FinishReason::Stop, FinishReason::Length].map(End::Finished);
		let names = ends.into_iter().chain([End::ContextFull, End::Cancelled]).map(end);
		use AnswerEnd::*;
		assert_eq!(names.collect::<Vec<_>>(), [EndOfTurn, Stop, Length, Context, Cancelled]);
	}

	#[test]
	fn a_record_of_another_operator_is_not_verified_by_this_chain() {
		let record = record(vec![1, 2], vec![3], End::Cancelled);
		let signed = pair().sign(receipt(&record, 2, 5, 70).unwrap());
		assert_eq!(verify(&signed, &record, &GENESIS), Ok(()));
		assert_eq!(verify(&signed, &record, &H256::zero()), Err(ReceiptError::Signature));
		let raised = SignedReceipt { receipt: Receipt { charged: 71, ..signed.receipt }, ..signed };
		assert_eq!(verify(&raised, &record, &GENESIS), Err(ReceiptError::Signature));
	}

	proptest! {
		#[test]
		fn a_receipt_is_of_one_answer_and_survives_its_journey(
			prompt in prop::collection::vec(any::<u32>(), 1..30), answer in prop::collection::vec(any::<u32>(), 1..30),
			place: prop::sample::Index, charged: u128,
		) {
			let record = record(prompt, answer, End::ContextFull);
			let signed = pair().sign(receipt(&record, record.prompt.len() as u32, 5, charged).unwrap());
			prop_assert_eq!(verify(&signed, &record, &GENESIS), Ok(()));
			// The way through JSON, as the server writes it.
			let mut value = serde_json::to_value(&record).unwrap();
			let fields = value.as_object_mut().unwrap();
			fields.insert("format".into(), "blyan/generation".into());
			fields.insert("version".into(), 1.into());
			fields.insert("signed_receipt".into(), to_json(&signed, &GENESIS));
			prop_assert_eq!(read(value).unwrap(), (record.clone(), signed));
			// One wrong token, wherever it is.
			let mut other = record.clone();
			*place.get_mut(&mut other.answer) ^= 1;
			let wrong = verify(&signed, &other, &GENESIS);
			let is_about_tokens = matches!(wrong, Err(ReceiptError::Difference { field: "tokens_root", .. }));
			prop_assert!(is_about_tokens);
			// The border between what was read and what was chosen is in the receipt as well.
			if let Some(moved) = other.prompt.pop() {
				other.answer.insert(0, moved);
				prop_assert!(verify(&signed, &other, &GENESIS).is_err());
			}
		}
	}
}
