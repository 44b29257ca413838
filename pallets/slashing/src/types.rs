//! Records and penalties. No storage access.

use blyan_primitives::traits::{Contested, OffenceKind};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::traits::fungible::{Credit, Inspect};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::{traits::Convert, Perbill};

/// An offence's number, given out in order.
pub type OffenceId = u64;
/// Amounts of a runtime's coin.
pub type BalanceOf<T> =
	<<T as crate::Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// Money that was taken, on its way to the reporter and the treasury.
pub type CreditOf<T> = Credit<<T as frame_system::Config>::AccountId, <T as crate::Config>::Currency>;
/// [`Offence`] of a runtime.
pub type OffenceOf<T> = Offence<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

/// Penalty for an offence of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Penalty {
	/// Share of the stake that is taken.
	pub share: Perbill,
	/// True if the offender is in quarantine from the moment of the report.
	pub is_grave: bool,
	/// True if it counts towards the offences after which an operator is banned for good.
	pub is_strike: bool,
	/// Days for which the offender is banned, from the punishment on; 0 if it is not.
	pub ban_days: u32,
}

/// The usual penalties: failed verification 10 %, false hardware 10 %, false score and reveal missed 50 % and a ban of seven days,
/// equivocation 50 % and a ban of thirty days. All of these count towards the ban for good. A day without heartbeats costs 0.1 % and counts
/// towards nothing: a machine that is down is no lie.
///
/// A seal that is never opened costs what a false score costs, or a liar that sees honest colleagues in a later committee
/// would simply not open its own. It is taken back when the seal is opened after all, so a crash costs nothing.
pub struct UsualPenalties;

impl Convert<OffenceKind, Penalty> for UsualPenalties {
	fn convert(kind: OffenceKind) -> Penalty {
		let grave = |percent, ban_days| Penalty {
			share: Perbill::from_percent(percent),
			is_grave: true,
			is_strike: true,
			ban_days,
		};
		match kind {
			OffenceKind::HeartbeatsMissed => Penalty {
				share: Perbill::from_parts(1_000_000),
				is_grave: false,
				is_strike: false,
				ban_days: 0,
			},
			OffenceKind::VerificationFailed | OffenceKind::HardwareFalse => grave(10, 0),
			OffenceKind::FalseScore | OffenceKind::RevealMissed => grave(50, 7),
			OffenceKind::Equivocation => grave(50, 30),
		}
	}
}

/// An appeal.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct Appeal<Balance, BlockNumber> {
	/// When, in working time.
	pub at: BlockNumber,
	/// Bond that the offender has on hold for it.
	pub bond: Balance,
	/// True if the claim is computed again. If not, the judge decides, in a limited time.
	pub is_computed: bool,
}

/// Where an offence stands.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum State<Balance, BlockNumber> {
	/// May be appealed, and is applied when the time for that is over.
	Open,
	/// Appealed: nothing is taken until that is decided.
	Appealed(Appeal<Balance, BlockNumber>),
	/// Punished.
	Applied {
		/// Share of the stake that was taken.
		share: Perbill,
		/// The amount taken.
		taken: Balance,
		/// The reporter's part of it.
		rewarded: Balance,
		/// When.
		at: BlockNumber,
	},
	/// Forgiven.
	Pardoned {
		/// When.
		at: BlockNumber,
	},
}

impl<Balance, BlockNumber> State<Balance, BlockNumber> {
	/// Reports whether it awaits its decision.
	pub fn is_pending(&self) -> bool {
		matches!(self, Self::Open | Self::Appealed(_))
	}
}

/// Offence of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct Offence<AccountId, Balance, BlockNumber> {
	/// The accused operator.
	pub offender: AccountId,
	/// Kind of offence.
	pub kind: OffenceKind,
	/// Evidence that proves it.
	pub evidence: H256,
	/// The claim it is about, if it is about one.
	pub contested: Option<Contested>,
	/// Recipient of the reporter's share, if there is one.
	pub reporter: Option<AccountId>,
	/// When it was reported.
	pub at: BlockNumber,
	/// When it is applied at the earliest, unless it is appealed; in working time.
	pub applies_at: BlockNumber,
	/// Where it stands.
	pub state: State<Balance, BlockNumber>,
}

impl<AccountId: Encode, Balance, BlockNumber> Offence<AccountId, Balance, BlockNumber> {
	/// Returns the fingerprint that two reports of the same offence have in common.
	pub fn fingerprint(&self) -> H256 {
		fingerprint(&self.offender, self.kind, self.evidence)
	}
}

/// Returns the fingerprint that two reports of the same offence have in common.
pub fn fingerprint(offender: &impl Encode, kind: OffenceKind, evidence: H256) -> H256 {
	H256(sp_io::hashing::blake2_256(&(b"blyan/offence/1", offender, kind, evidence).encode()))
}
