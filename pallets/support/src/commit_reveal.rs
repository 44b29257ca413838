//! Commit-reveal in committees: no member learns what another found before all have committed, or had their time.
//!
//! ```text
//!        commit(seal)                    reveal(value, salt)
//!  Waiting ---------> Committed(seal) ---------------------> Revealed
//!     |  its time is over   |  its time is over
//!     v                     v
//!   absent                hidden
//! ```
//!
//! A seal is [`blyan_primitives::seal_hash`] of a digest, a salt and the member's account. Phases and their deadlines are the
//! pallet's; a phase that is complete ends before its deadline.

use sp_core::H256;

/// State of a member's commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commitment {
	/// Nothing was committed to.
	Waiting,
	/// This seal is closed.
	Committed(H256),
	/// The value is known.
	Revealed,
}

/// Reason for which a value is not the opening of a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevealError {
	/// There is no commitment.
	NotCommitted,
	/// The commitment is open already.
	AlreadyRevealed,
	/// Value and salt are not those that were committed to.
	SealMismatch,
}

impl Commitment {
	/// Reports whether this can still be committed.
	pub fn is_waiting(self) -> bool {
		self == Self::Waiting
	}

	/// Reports whether there is a seal that was not opened.
	pub fn is_hidden(self) -> bool {
		matches!(self, Self::Committed(_))
	}

	/// Checks that a value may be revealed whose seal is `seal`.
	///
	/// # Errors
	///
	/// Returns the first reason that holds, in the order of [`RevealError`].
	pub fn ensure_opened_by(self, seal: impl FnOnce() -> H256) -> Result<(), RevealError> {
		match self {
			Self::Waiting => Err(RevealError::NotCommitted),
			Self::Revealed => Err(RevealError::AlreadyRevealed),
			Self::Committed(committed) if committed != seal() => Err(RevealError::SealMismatch),
			Self::Committed(_) => Ok(()),
		}
	}
}

/// A place in a committee.
pub trait Seat {
	/// Names its member.
	type Member: PartialEq;
	/// The member.
	fn member(&self) -> &Self::Member;
	/// Its commitment.
	fn commitment(&self) -> Commitment;
}

/// The seat of a member.
pub fn seat_of<'a, S: Seat>(seats: &'a [S], member: &S::Member) -> Option<&'a S> {
	seats.iter().find(|seat| seat.member() == member)
}

/// The seat of a member, to be changed.
pub fn seat_of_mut<'a, S: Seat + 'a>(
	seats: impl IntoIterator<Item = &'a mut S>,
	member: &S::Member,
) -> Option<&'a mut S> {
	seats.into_iter().find(|seat| seat.member() == member)
}

/// Reports whether every member has committed. True without any seat.
pub fn is_sealed<S: Seat>(seats: &[S]) -> bool {
	seats.iter().all(|seat| !seat.commitment().is_waiting())
}

/// Reports whether no commitment is hidden. Members that never committed do not count.
pub fn is_open<S: Seat>(seats: &[S]) -> bool {
	seats.iter().all(|seat| !seat.commitment().is_hidden())
}

#[cfg(test)]
mod tests {
	use super::*;

	const SEAL: H256 = H256([7; 32]);

	impl Seat for (u8, Commitment) {
		type Member = u8;
		fn member(&self) -> &u8 {
			&self.0
		}
		fn commitment(&self) -> Commitment {
			self.1
		}
	}

	#[test]
	fn only_the_value_behind_a_closed_seal_opens_it() {
		let open = |commitment: Commitment, seal| commitment.ensure_opened_by(|| seal);
		assert_eq!(open(Commitment::Committed(SEAL), SEAL), Ok(()));
		assert_eq!(open(Commitment::Committed(SEAL), H256::zero()), Err(RevealError::SealMismatch));
		assert_eq!(open(Commitment::Waiting, SEAL), Err(RevealError::NotCommitted));
		assert_eq!(open(Commitment::Revealed, SEAL), Err(RevealError::AlreadyRevealed));
	}

	#[test]
	fn a_phase_is_complete_when_all_have_committed_and_when_nothing_is_hidden() {
		let mut seats = [(1, Commitment::Waiting), (2, Commitment::Committed(SEAL))];
		assert_eq!((is_sealed(&seats), is_open(&seats)), (false, false));
		seat_of_mut(&mut seats, &1).unwrap().1 = Commitment::Committed(SEAL);
		assert_eq!((is_sealed(&seats), is_open(&seats)), (true, false));
		seat_of_mut(&mut seats, &1).unwrap().1 = Commitment::Revealed;
		seat_of_mut(&mut seats, &2).unwrap().1 = Commitment::Waiting;
		assert_eq!((is_sealed(&seats), is_open(&seats)), (false, true), "who never sealed hides nothing");
		assert_eq!((seat_of(&seats, &2), seat_of(&seats, &3)), (Some(&seats[1]), None));
	}
}
