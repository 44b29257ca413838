//! Messages of operators that enter a block without a fee.
//!
//! ```text
//!  off-chain worker            pool, and the author of a block
//!      | sign(payload) ----------->| 1. the pallet's own checks: reads, no signature
//!      |                           | 2. the signature, over a payload that names chain and fork
//!      |                           | 3. whatever costs more than a signature
//!      |                           | 4. Admission: one transaction for each tag, for so many blocks
//! ```
//!
//! Anyone can send these for free, so the order is what keeps them cheap: whatever is replayed or made up is refused by some
//! reads, and only an operator can have a node do more. The payload comes from the pallet. It holds the pallet's
//! context, the genesis hash ([`crate::genesis_hash`]) and whatever tells the subject apart on two forks: the seed of a draw,
//! or the hash of the bytes.

use blyan_primitives::{OperatorId, OperatorSignature};
use codec::Encode;
use frame_support::pallet_prelude::{TransactionValidityWithRefund, Weight};
use sp_runtime::{
	traits::UniqueSaturatedInto,
	transaction_validity::{
		InvalidTransaction, TransactionLongevity, TransactionPriority, TransactionValidityError,
		ValidTransaction,
	},
	RuntimeAppPublic,
};

/// Refuses a signature that is not by `key` over `payload`.
pub fn ensure_signed(
	payload: &[u8],
	key: &OperatorId,
	signature: &OperatorSignature,
) -> Result<(), TransactionValidityError> {
	if key.verify(&payload, signature) {
		Ok(())
	} else {
		Err(InvalidTransaction::BadProof.into())
	}
}

/// Terms on which pools hold a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
	prefix: &'static str,
	priority: TransactionPriority,
	longevity: TransactionLongevity,
}

impl Admission {
	/// Terms of a message that is of use for so many `blocks`: above everything that is paid for, since it has a deadline.
	///
	/// - `prefix`: tells this kind of message apart from all others in a pool.
	pub fn new(prefix: &'static str, blocks: impl UniqueSaturatedInto<u64>) -> Self {
		Self { prefix, priority: TransactionPriority::MAX, longevity: blocks.unique_saturated_into() }
	}

	/// The same with another priority.
	pub fn with_priority(self, priority: TransactionPriority) -> Self {
		Self { priority, ..self }
	}

	/// Admits a message whose signature was checked. A pool holds one for each `tag`.
	pub fn admit(self, tag: impl Encode) -> TransactionValidityWithRefund {
		ValidTransaction::with_tag_prefix(self.prefix)
			.priority(self.priority)
			.and_provides(tag)
			.longevity(self.longevity)
			.propagate(true)
			.build()
			.map(|valid| (valid, Weight::zero()))
	}

	/// Admits a message if `signature` is by `key` over `payload`. A pool holds one for each `tag`.
	pub fn admit_signed(
		self,
		tag: impl Encode,
		payload: &[u8],
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		ensure_signed(payload, key, signature)?;
		self.admit(tag)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::operator_key::Pair;
	use sp_core::Pair as _;

	fn pair(name: &str) -> Pair {
		Pair::from_string(&format!("//{name}"), None).unwrap()
	}

	#[test]
	fn a_message_is_admitted_once_for_each_tag_and_for_its_window() {
		let alice = pair("Alice");
		let signature = alice.sign(b"payload");
		let admitted = Admission::new("blyan/test", 7u32).admit_signed(
			(1u8, 2u8),
			b"payload",
			&alice.public(),
			&signature,
		);
		let (valid, refund) = admitted.unwrap();
		assert_eq!(valid.provides, [("blyan/test", (1u8, 2u8)).encode()]);
		assert_eq!((valid.priority, valid.longevity, valid.propagate), (u64::MAX, 7, true));
		assert_eq!((valid.requires.len(), refund), (0, Weight::zero()));
	}

	#[test]
	fn a_signature_by_another_key_or_over_other_bytes_is_refused() {
		let (alice, bob) = (pair("Alice"), pair("Bob"));
		let signature = alice.sign(b"payload");
		let admit = |payload: &[u8], key: &OperatorId| {
			Admission::new("blyan/test", 7u32).with_priority(3).admit_signed((), payload, key, &signature)
		};
		assert_eq!(admit(b"payload", &alice.public()).unwrap().0.priority, 3);
		let refused = Err(InvalidTransaction::BadProof.into());
		assert_eq!(admit(b"payload", &bob.public()), refused);
		assert_eq!(admit(b"another", &alice.public()), refused);
	}
}
