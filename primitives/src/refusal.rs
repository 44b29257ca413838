//! Refusals: reasons for which a node does not take a transaction that is certain to fail.

/// Numbers beyond the next one that are taken for a mistake: so many are not given out while a transaction waits in a pool.
pub const FAR: u64 = 1_000;

/// Blocks for which a transaction is mortal by default: what takes longer does not come to pass while it waits.
pub const LONG: u32 = 64;

/// Why a transaction is refused before it is in a block, where it would fail and cost its fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
	/// No signature of this account suffices for the call.
	NotAllowed,
	/// An argument is outside of its bounds, or the arguments contradict each other.
	Malformed,
	/// A signature, a proof of work or evidence does not prove what it should.
	Unproven,
	/// The thing that the call is about has ended, or has happened already.
	Over,
	/// The thing that the call is about does not exist.
	Unknown,
	/// The time for the call is far away.
	TooEarly,
}

impl Refusal {
	/// Every reason.
	pub const ALL: [Self; 6] =
		[Self::NotAllowed, Self::Malformed, Self::Unproven, Self::Over, Self::Unknown, Self::TooEarly];

	/// The number that nodes report, as `InvalidTransaction::Custom`.
	pub fn code(self) -> u8 {
		match self {
			Self::NotAllowed => 101,
			Self::Malformed => 102,
			Self::Unproven => 103,
			Self::Over => 104,
			Self::Unknown => 105,
			Self::TooEarly => 106,
		}
	}

	/// The reason with this number.
	pub fn from_code(code: u8) -> Option<Self> {
		Self::ALL.into_iter().find(|refusal| refusal.code() == code)
	}

	/// Returns what is wrong, and what to do next, in words for users.
	pub fn words(self) -> [&'static str; 2] {
		match self {
			Self::NotAllowed => [
				"this account may not make this call, now or later",
				"sign with the account that it belongs to; what only the chain's rule or an operator's session key may \
				 do, no account can sign",
			],
			Self::Malformed => [
				"an argument is outside of its bounds, or two contradict each other",
				"correct the arguments; the documentation of the call says what each may be",
			],
			Self::Unproven => [
				"a signature, a proof of work or a piece of evidence does not prove what it should",
				"make it again, for this account and this chain",
			],
			Self::Over => [
				"what the call is about has ended, or was done before",
				"look at the present state before you send it again (blyan submissions, blyan operator)",
			],
			Self::Unknown => [
				"what the call is about does not exist on this chain",
				"check the number or the address, and that the node is on the network that you mean and synchronised",
			],
			Self::TooEarly => {
				["the time for the call has not come, and is far away", "send it again when the time has come"]
			}
		}
	}

	/// Returns the reason for which nothing is found under a number, if nothing will be: numbers are given out in order, and `next` is the next one.
	///
	/// `None` if an earlier transaction may still bring it.
	pub fn of_missing(number: u64, next: u64) -> Option<Self> {
		if number < next {
			return Some(Self::Over);
		}
		next.checked_add(FAR).filter(|far| number >= *far).map(|_| Self::Unknown)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_reason_has_a_number_of_its_own_and_words() {
		for refusal in Refusal::ALL {
			assert_eq!(Refusal::from_code(refusal.code()), Some(refusal));
			assert!(refusal.words().iter().all(|words| !words.is_empty()));
		}
		assert_eq!(Refusal::from_code(0), None);
	}

	#[test]
	fn missing_number_is_refused_only_when_none_can_bring_it() {
		assert_eq!(Refusal::of_missing(4, 5), Some(Refusal::Over));
		assert_eq!(Refusal::of_missing(5, 5), None);
		assert_eq!(Refusal::of_missing(4 + FAR, 5), None);
		assert_eq!(Refusal::of_missing(5 + FAR, 5), Some(Refusal::Unknown));
		assert_eq!(Refusal::of_missing(u64::MAX, u64::MAX), None);
	}
}
