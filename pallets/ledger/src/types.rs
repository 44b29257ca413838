//! Budget, envelopes, the year, the journal. No storage access.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::traits::fungible;
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Amounts in the smallest unit; 10^12 of them are one BLY.
pub type Balance = u128;
/// A share, in millionths.
pub type PartsPerMillion = u32;
/// Number of a journal entry, counted from zero.
pub type EntryIndex = u64;
/// Coins in flight between two accounts.
pub type CreditOf<T> =
	fungible::Credit<<T as frame_system::Config>::AccountId, <T as crate::Config>::Currency>;
/// [`YearRecord`] of a runtime.
pub type YearRecordOf<T> = YearRecord<BlockNumberFor<T>>;
/// [`JournalEntry`] of a runtime.
pub type JournalEntryOf<T> = JournalEntry<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;

/// The whole, in [`PartsPerMillion`].
pub const MILLION: PartsPerMillion = 1_000_000;
/// Largest share of the emission that may go to data and its review.
pub const DATA_SHARE_MAX: PartsPerMillion = 200_000;
/// Domain separator of the journal's running hash.
pub const JOURNAL_CONTEXT: &[u8] = b"blyan/journal/1";

macro_rules! record {
	($(#[$meta:meta])* pub struct $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
		)]
		#[scale_info(capture_docs = "always")]
		pub struct $($rest)*
	};
}

/// Purpose of a budget.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum Envelope {
	/// Miners whose experts were accepted.
	Learning,
	/// Operators whose reports agreed with the decision.
	Validation,
	/// Contributors and reviewers of data.
	Data,
	/// Operators who serve the model.
	Serving,
	/// The treasury.
	Treasury,
}

impl Envelope {
	/// All of them, in the order of the wire.
	pub const ALL: [Self; 5] = [Self::Learning, Self::Validation, Self::Data, Self::Serving, Self::Treasury];
}

record! {
	/// One number for each envelope.
	#[derive(Default, Serialize, Deserialize)]
	#[serde(default, deny_unknown_fields)]
	pub struct PerEnvelope<N> {
		/// Of [`Envelope::Learning`].
		pub learning: N,
		/// Of [`Envelope::Validation`].
		pub validation: N,
		/// Of [`Envelope::Data`].
		pub data: N,
		/// Of [`Envelope::Serving`].
		pub serving: N,
		/// Of [`Envelope::Treasury`].
		pub treasury: N,
	}
}

/// An amount for each envelope.
pub type EnvelopeAmounts = PerEnvelope<Balance>;
/// A share for each envelope.
pub type EnvelopeShares = PerEnvelope<PartsPerMillion>;

impl<N: Copy> PerEnvelope<N> {
	/// The number of one envelope.
	pub fn get(&self, envelope: Envelope) -> N {
		match envelope {
			Envelope::Learning => self.learning,
			Envelope::Validation => self.validation,
			Envelope::Data => self.data,
			Envelope::Serving => self.serving,
			Envelope::Treasury => self.treasury,
		}
	}

	/// Each number through `change`.
	pub fn map<M>(&self, change: impl Fn(N) -> M) -> PerEnvelope<M> {
		PerEnvelope {
			learning: change(self.learning),
			validation: change(self.validation),
			data: change(self.data),
			serving: change(self.serving),
			treasury: change(self.treasury),
		}
	}
}

impl EnvelopeAmounts {
	/// All envelopes together; `None` on overflow.
	pub fn total(&self) -> Option<Balance> {
		Envelope::ALL.iter().try_fold(0u128, |sum, envelope| sum.checked_add(self.get(*envelope)))
	}

	/// With `amount` more in one envelope; `None` on overflow.
	pub fn increased(self, envelope: Envelope, amount: Balance) -> Option<Self> {
		Some(self.with(envelope, self.get(envelope).checked_add(amount)?))
	}

	/// With `amount` less in one envelope; `None` if it does not hold so much.
	pub fn decreased(self, envelope: Envelope, amount: Balance) -> Option<Self> {
		Some(self.with(envelope, self.get(envelope).checked_sub(amount)?))
	}

	/// With another amount in one envelope.
	fn with(self, envelope: Envelope, amount: Balance) -> Self {
		match envelope {
			Envelope::Learning => Self { learning: amount, ..self },
			Envelope::Validation => Self { validation: amount, ..self },
			Envelope::Data => Self { data: amount, ..self },
			Envelope::Serving => Self { serving: amount, ..self },
			Envelope::Treasury => Self { treasury: amount, ..self },
		}
	}

	/// Envelope by envelope; `None` on overflow.
	pub fn checked_add(&self, other: &Self) -> Option<Self> {
		Some(Self {
			learning: self.learning.checked_add(other.learning)?,
			validation: self.validation.checked_add(other.validation)?,
			data: self.data.checked_add(other.data)?,
			serving: self.serving.checked_add(other.serving)?,
			treasury: self.treasury.checked_add(other.treasury)?,
		})
	}
}

record! {
	/// Emission and its split by purpose.
	#[derive(Serialize, Deserialize)]
	#[serde(deny_unknown_fields)]
	pub struct Budget {
		/// Yearly emission, in millionths of the issuance at the beginning of the year.
		pub inflation: PartsPerMillion,
		/// Share of each envelope in the emission. What they leave of the whole is not emitted.
		pub shares: EnvelopeShares,
	}
}

impl Budget {
	/// Reports whether the shares fit into the whole and inflation under `inflation_max`.
	pub fn is_valid(&self, inflation_max: PartsPerMillion) -> bool {
		self.inflation <= inflation_max
			&& self.shares.data <= DATA_SHARE_MAX
			&& self.shares.map(Balance::from).total().is_some_and(|sum| sum <= MILLION.into())
	}
}

impl Default for Budget {
	/// Ten per cent a year: two fifths for learning, a fifth for validation, the rest in equal steps.
	fn default() -> Self {
		Self {
			inflation: 100_000,
			shares: EnvelopeShares {
				learning: 400_000,
				validation: 200_000,
				data: 150_000,
				serving: 150_000,
				treasury: 100_000,
			},
		}
	}
}

record! {
	/// A year of emission.
	pub struct YearRecord<BlockNumber> {
		/// Its first block.
		pub started_at: BlockNumber,
		/// Coins that existed at its beginning.
		pub issuance: Balance,
		/// Emission in it so far.
		pub emitted: Balance,
	}
}

record! {
	/// A payout.
	pub struct JournalEntry<AccountId, BlockNumber> {
		/// When.
		pub at: BlockNumber,
		/// The envelope that was debited.
		pub debit: Envelope,
		/// The account that was credited.
		pub credit: AccountId,
		/// The amount.
		pub amount: Balance,
	}
}

record! {
	/// Commitment to all journal entries ever made.
	#[derive(Default)]
	pub struct JournalRoot {
		/// Number of entries.
		pub entries: EntryIndex,
		/// The running hash over them; zero before the first one.
		pub root: H256,
	}
}

impl JournalRoot {
	/// The root after one more entry; `None` when the numbers are used up.
	pub fn append<AccountId: Encode, BlockNumber: Encode>(
		&self,
		entry: &JournalEntry<AccountId, BlockNumber>,
	) -> Option<Self> {
		Some(Self {
			entries: self.entries.checked_add(1)?,
			root: H256(sp_io::hashing::blake2_256(
				&[JOURNAL_CONTEXT, self.root.as_bytes(), &entry.encode()].concat(),
			)),
		})
	}
}
