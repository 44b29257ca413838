//! Randomness by appointment: the seed of a draw is named before it is known, and nothing can exchange it afterwards.

use sp_core::H256;

/// Number of a relay-chain block.
pub type RelayNumber = u32;

/// An appointment that never comes: there was no relay parent to count from.
pub const NEVER: RelayNumber = RelayNumber::MAX;

/// A source of seeds that are agreed upon before they exist.
///
/// What needs a draw makes an appointment when it is committed, stores it, and asks for its seed in later blocks. The
/// answer is the same in every block from the first that has one, so neither a full block nor a skipped slot
/// changes the draw.
pub trait AppointedRandomness {
	/// Makes an appointment for what is committed in this block: a relay-chain block so far ahead that no author of this
	/// block can know what the seed is made of. [`NEVER`] before the block's relay parent is known, thus in hooks that run before inherents.
	fn appoint() -> RelayNumber;

	/// The seed that an appointment led to, mixed with `subject`: one draw's seed says nothing about another's.
	fn seed_of(appointment: RelayNumber, subject: &[u8]) -> Appointed;
}

/// State of an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appointed {
	/// Its relay-chain block was not reached yet.
	Pending,
	/// It led to this seed.
	Seed(H256),
	/// Its seed fell out of the history that is kept. A new appointment is needed.
	Missed,
}

/// A chain without randomness: nothing is ever drawn.
impl AppointedRandomness for () {
	fn appoint() -> RelayNumber {
		NEVER
	}

	fn seed_of(_: RelayNumber, _: &[u8]) -> Appointed {
		Appointed::Pending
	}
}
