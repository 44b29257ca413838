//! Records and answers. No storage access.

use blyan_primitives::{randomness::RelayNumber, DatasetRef};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// Amounts in the smallest unit.
pub type Balance = u128;
/// Answers of one reviewer, in the order of the drawn records.
pub type Answers = BoundedVec<Answer, ConstU32<RECORDS_MAX>>;
/// [`ReviewRecord`] of a runtime.
pub type ReviewOf<T> = ReviewRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;
/// [`Seat`] of a runtime.
pub type SeatOf<T> = Seat<<T as frame_system::Config>::AccountId>;
/// [`ReviewerRecord`] of a runtime.
pub type ReviewerOf<T> = ReviewerRecord<BlockNumberFor<T>>;

/// Records of one review at most.
pub const RECORDS_MAX: u32 = 32;
/// Reviewers of one review at most.
pub const SEATS_MAX: u32 = 16;

macro_rules! wire {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
		)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

wire! {
	/// Reason for which a reviewer refuses a record: the closed list.
	#[derive(Copy)]
	pub enum RecordReason {
		/// Text of another author that the dataset's licence does not cover.
		#[codec(index = 0)]
		Copyright,
		/// Noise, garbled or false text.
		#[codec(index = 1)]
		Quality,
		/// Personal data, secrets, or text that harms.
		#[codec(index = 2)]
		Safety,
		/// Text that belittles a group.
		#[codec(index = 3)]
		Bias,
	}
}

wire! {
	/// Answer about one record.
	#[derive(Copy)]
	pub enum Answer {
		/// The record may teach.
		#[codec(index = 0)]
		Keep,
		/// The record should not.
		#[codec(index = 1)]
		Refuse(RecordReason),
		/// The reviewer cannot tell. Counts for neither side, and is not paid.
		#[codec(index = 2)]
		Unsure,
	}
}

wire! {
	/// Step of a review.
	#[derive(Copy)]
	pub enum Step {
		/// The seed of the draw is not known.
		#[codec(index = 0)]
		Appointed,
		/// Reviewers read and seal their answers.
		#[codec(index = 1)]
		Sealing,
		/// Reviewers open their seals.
		#[codec(index = 2)]
		Revealing,
		/// It is over, with or without an outcome.
		#[codec(index = 3)]
		Concluded,
	}
}

wire! {
	/// State of a seat.
	pub enum SeatState {
		/// Nothing was said.
		#[codec(index = 0)]
		Waiting,
		/// Answers are sealed.
		#[codec(index = 1)]
		Sealed(H256),
		/// Answers are known.
		#[codec(index = 2)]
		Revealed(Answers),
		/// The reviewer told its answers before it was time.
		#[codec(index = 3)]
		Void,
	}
}

wire! {
	/// Place of a reviewer in a review.
	pub struct Seat<AccountId> {
		/// The reviewer.
		pub who: AccountId,
		/// State.
		pub state: SeatState,
	}
}

wire! {
	/// A review of one dataset.
	pub struct ReviewRecord<AccountId, BlockNumber> {
		/// The contributor, who reviews nothing of its own.
		pub creator: AccountId,
		/// Records in the dataset.
		pub records: u64,
		/// When it was appointed. Reviewers that joined too late have no place in it.
		pub opened_at: BlockNumber,
		/// Appointment of the draw.
		pub appointment: RelayNumber,
		/// Names the draw, once it is known; zero before.
		pub draw: H256,
		/// Step.
		pub step: Step,
		/// Last moment of the step.
		pub until: BlockNumber,
		/// Places of the drawn records in the dataset, ascending.
		pub picks: BoundedVec<u64, ConstU32<RECORDS_MAX>>,
		/// The reviewers. Empty before the draw, and after the end.
		pub seats: BoundedVec<Seat<AccountId>, ConstU32<SEATS_MAX>>,
		/// Share of refused records in millionths of those that were decided, if enough were.
		pub refused: Option<u32>,
	}
}

wire! {
	/// Agreement with the majority, of records that the majority judged alike.
	#[derive(Copy, Default)]
	pub struct Score {
		/// Records on which the reviewer answered as the majority.
		pub agreed: u32,
		/// Records judged.
		pub judged: u32,
	}
}

wire! {
	/// A reviewer and its record.
	#[derive(Copy)]
	pub struct ReviewerRecord<BlockNumber> {
		/// Amount on hold.
		pub bond: Balance,
		/// When it joined, or lost its right.
		pub since: BlockNumber,
		/// Place in the list that draws choose from; `None` if it has no right (any more).
		pub place: Option<u32>,
		/// Reviews in which it has a seat.
		pub seats: u32,
		/// Record on what majorities kept.
		pub kept: Score,
		/// Record on what majorities refused. Apart from `kept`, or the answer that is nearly always right would be enough.
		pub refused: Score,
		/// Seats in a row that it left without answers.
		pub missed: u32,
	}
}

/// Rules of reputation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReputeRules {
	/// Share of agreement in millionths below which a reviewer loses its right, of either kind of record.
	pub accuracy_min: u32,
	/// Judged records of a kind without which that share says nothing.
	pub judged_min: u32,
	/// Judged records of a kind from which both figures are halved, so that the record is a recent one.
	pub judged_max: u32,
	/// Seats in a row without answers that cost the right.
	pub missed_max: u32,
}

/// Digest of the answers to one draw, which a seal is made of.
pub fn digest(dataset: DatasetRef, draw: &H256, answers: &Answers) -> H256 {
	H256(blake2_256(&(b"blyan/review/answers", dataset, draw, answers).encode()))
}

/// Seal of answers: only the reviewer that made it can open it, and equal answers have different seals.
pub fn seal(dataset: DatasetRef, draw: &H256, answers: &Answers, salt: &H256, who: &impl Encode) -> H256 {
	blyan_primitives::seal_hash(&digest(dataset, draw, answers), salt, who)
}
