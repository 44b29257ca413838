//! Records and the tally. The tally alone reads storage, when a poll begins.

use crate::{Config, Pallet};
use alloc::collections::BTreeSet;
use blyan_primitives::voting::{Elector, ElectorateId, Electorates};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::marker::PhantomData;
use frame_support::{
	traits::{Polling, VoteTally},
	BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_runtime::{Perbill, Permill, SaturatedConversion};

/// Number of voices or of votes.
pub type VoiceCount = u32;
/// Number of a poll, counted from zero.
pub type PollNumber = u32;
/// Turnout that is aimed at. Nothing enforces it: no threshold changes with it, and nothing is paid for it.
pub const TURNOUT_GOAL: Permill = Permill::from_percent(50);
/// [`Tally`] of a runtime.
pub type TallyOf<T> = Tally<T>;
/// Number of a poll of a runtime.
pub type PollIndexOf<T> = <<T as Config>::Polls as Polling<TallyOf<T>>>::Index;
/// Kind of a poll of a runtime.
pub type ClassOf<T> = <<T as Config>::Polls as Polling<TallyOf<T>>>::Class;
/// [`ElectorateRecord`] of a runtime.
pub type ElectorateRecordOf<T> = ElectorateRecord<
	BlockNumberFor<T>,
	BoundedVec<Elector<<T as frame_system::Config>::AccountId>, <T as Config>::MaxOperators>,
>;

/// An account that may vote in polls that begin now.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct MemberRecord {
	/// Always zero: no voice ranks above another. Clients of ranked collectives read it.
	pub rank: u16,
}

/// A vote, with the number of voices that it counts for: always one.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum VoteRecord {
	/// Approves.
	Aye(VoiceCount),
	/// Rejects.
	Nay(VoiceCount),
}

impl From<bool> for VoteRecord {
	fn from(aye: bool) -> Self {
		if aye {
			Self::Aye(1)
		} else {
			Self::Nay(1)
		}
	}
}

/// Operators that vote in the polls which began while this was the newest list.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct ElectorateRecord<BlockNumber, Electors> {
	/// Block in which it was taken.
	pub taken_at: BlockNumber,
	/// Different voices among the electors.
	pub voices: VoiceCount,
	/// The electors, ordered by operator.
	pub electors: Electors,
}

/// A poll that is not counted yet, as it was submitted: the referenda forget its tally when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct PollRecord<Class> {
	/// Its class.
	pub class: Class,
	/// All voices that could vote.
	pub voices: VoiceCount,
	/// Electorate that votes.
	pub electorate: ElectorateId,
}

/// Polls of one class that have ended, and votes in them.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct TurnoutRecord {
	/// Polls that were approved.
	pub approved: u32,
	/// Polls that were rejected.
	pub rejected: u32,
	/// Polls that ended undecided: cancelled, killed, or timed out. Their votes are not counted.
	pub undecided: u32,
	/// Sum of the voices that approved.
	pub ayes: u64,
	/// Sum of the voices that rejected.
	pub nays: u64,
	/// Sum of the voices that could vote.
	pub voices: u64,
	/// Sum of the turnouts of decided polls, each in parts per million.
	pub turnouts_ppm: u64,
	/// Turnout of the poll that was counted last, in parts per million.
	pub last_ppm: u32,
	/// The poll that was counted last.
	pub last_poll: Option<PollNumber>,
}

impl TurnoutRecord {
	/// Polls that were decided.
	pub fn decided(&self) -> u32 {
		self.approved.saturating_add(self.rejected)
	}

	/// Mean turnout of the decided polls, in parts per million, rounded down; nothing of nothing is nothing.
	pub fn mean_ppm(&self) -> u32 {
		self.turnouts_ppm.checked_div(self.decided().into()).unwrap_or_default().saturated_into()
	}

	/// Adds a poll that was decided.
	pub fn add(
		&mut self,
		poll: PollNumber,
		approved: bool,
		ayes: VoiceCount,
		nays: VoiceCount,
		voices: VoiceCount,
	) {
		let decided = if approved { &mut self.approved } else { &mut self.rejected };
		*decided = decided.saturating_add(1);
		self.ayes = self.ayes.saturating_add(ayes.into());
		self.nays = self.nays.saturating_add(nays.into());
		self.voices = self.voices.saturating_add(voices.into());
		self.last_ppm = turnout_ppm(ayes.saturating_add(nays), voices);
		self.turnouts_ppm = self.turnouts_ppm.saturating_add(self.last_ppm.into());
		self.last_poll = Some(poll);
	}
}

/// Voices that voted, in parts per million of all, rounded down; nothing of nothing is nothing.
pub fn turnout_ppm(cast: VoiceCount, voices: VoiceCount) -> u32 {
	let cast = u64::from(cast.min(voices));
	cast.saturating_mul(1_000_000).checked_div(voices.into()).unwrap_or_default().saturated_into()
}

/// Votes of one operator in the decided polls that it could vote in.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct ParticipationRecord {
	/// Decided polls that it was an elector of.
	pub could: u32,
	/// Those of them in which its voice voted.
	pub cast: u32,
	/// The highest number of such a poll.
	pub last_poll: PollNumber,
}

/// Number of different voices.
pub fn voices<AccountId: Ord>(electors: &[Elector<AccountId>]) -> VoiceCount {
	let voices: BTreeSet<_> = electors.iter().map(|elector| &elector.voice).collect();
	voices.len().saturated_into()
}

/// Votes of one poll, and the electorate that they are counted in.
#[derive(
	CloneNoBound,
	DebugNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(capture_docs = "always", skip_type_params(T))]
#[codec(mel_bound())]
pub struct Tally<T: Config> {
	/// Voices that approve.
	pub ayes: VoiceCount,
	/// Voices that reject.
	pub nays: VoiceCount,
	/// All voices that there were when the poll began: what the voices that approve are compared with.
	pub voices: VoiceCount,
	/// Electorate that votes; none if there was none when the poll began, and then nothing can pass.
	pub electorate: Option<ElectorateId>,
	/// Marker of the runtime.
	pub runtime: PhantomData<T>,
}

impl<T: Config> Tally<T> {
	/// Tally without votes.
	pub fn empty(electorate: Option<ElectorateId>, voices: VoiceCount) -> Self {
		Self { ayes: 0, nays: 0, voices, electorate, runtime: PhantomData }
	}

	/// Adds a vote.
	pub fn add(&mut self, vote: VoteRecord) {
		match vote {
			VoteRecord::Aye(weight) => self.ayes = self.ayes.saturating_add(weight),
			VoteRecord::Nay(weight) => self.nays = self.nays.saturating_add(weight),
		}
	}

	/// Takes a vote back that was added.
	pub fn retract(&mut self, vote: VoteRecord) {
		match vote {
			VoteRecord::Aye(weight) => self.ayes = self.ayes.saturating_sub(weight),
			VoteRecord::Nay(weight) => self.nays = self.nays.saturating_sub(weight),
		}
	}
}

/// `part` of `whole`, rounded down; nothing of nothing is nothing.
fn ratio(part: VoiceCount, whole: VoiceCount) -> Perbill {
	if whole == 0 {
		return Perbill::zero();
	}
	Perbill::from_rational(part.min(whole), whole)
}

impl<T: Config> VoteTally<VoiceCount, ClassOf<T>> for Tally<T> {
	/// The electorate of the poll is the newest one: this runs when a referendum is submitted.
	fn new(_: ClassOf<T>) -> Self {
		match <Pallet<T> as Electorates<T::AccountId>>::enlist() {
			Some((electorate, voices)) => Self::empty(Some(electorate), voices),
			None => Self::empty(None, 0),
		}
	}

	fn ayes(&self, _: ClassOf<T>) -> VoiceCount {
		self.ayes
	}

	fn support(&self, _: ClassOf<T>) -> Perbill {
		ratio(self.ayes, self.voices)
	}

	fn approval(&self, _: ClassOf<T>) -> Perbill {
		ratio(self.ayes, self.ayes.saturating_add(self.nays))
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn unanimity(_: ClassOf<T>) -> Self {
		let electorate = crate::NewestElectorate::<T>::get();
		Self { ayes: 100, ..Self::empty(electorate, 100) }
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn rejection(_: ClassOf<T>) -> Self {
		let electorate = crate::NewestElectorate::<T>::get();
		Self { nays: 100, ..Self::empty(electorate, 100) }
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn from_requirements(support: Perbill, approval: Perbill, _: ClassOf<T>) -> Self {
		let voices = 1_000_000;
		let ayes = support.mul_ceil(voices);
		let cast = approval.saturating_reciprocal_mul(ayes);
		let electorate = crate::NewestElectorate::<T>::get();
		Self { ayes, nays: cast.saturating_sub(ayes), ..Self::empty(electorate, voices) }
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn setup(_: ClassOf<T>, _: Perbill) {
		let _ = <Pallet<T> as Electorates<T::AccountId>>::ensure_electorate_for_benchmark(
			<T::MaxOperators as frame_support::traits::Get<u32>>::get(),
		);
	}
}
