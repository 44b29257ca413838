//! Strategies of a coalition of operators and miners, for its seats and its submissions.

/// Strategy of a coalition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
	/// Evaluates, reports what it computed, submits nothing.
	Honest,
	/// Submits garbage, and lies where it sees no honest member beside itself; then puts right what it broke, for a second reward.
	Lie,
	/// The same, and a second account of its own reports the lie that fell.
	LieAndReport,
	/// Submits garbage whose bytes only its own operators get, and lies.
	HiddenBytes,
	/// Seals nothing for a rival's valuable expert, and submits a copy of it: disguised, where copies are reported.
	SilentTheft,
	/// Submits a copy of each promising expert that was refused for want of certainty.
	Copier,
	/// The same, each copy changed at random until it is none to the chain.
	Disguise,
	/// Submits garbage so that its operators are paid for refusing it.
	SpamForPay,
	/// Submits candidates that improve nothing from ever new accounts, and hopes for a false acceptance.
	Lottery,
	/// Submits one real improvement a day.
	Whole,
	/// Submits the same improvement in four slices.
	Slices,
	/// Signs false scores of honest experts, good or not, so that their miners lose.
	Frame,
	/// Seals the hashes of others, which it cannot open.
	CopiedSeals,
	/// Takes seats and seals nothing, to save electricity.
	Idle,
	/// Keeps 64 useless submissions in the queue.
	Flood,
	/// Keeps submissions in the queue whose bytes only its own operators get, so that no committee agrees.
	Withhold,
	/// Plays each of the others for a week, and then each week the one that has earned most so far.
	Rational,
}

impl Strategy {
	/// Those that are played at every share.
	pub const PLAYED: [Self; 13] = [
		Self::Lie,
		Self::LieAndReport,
		Self::HiddenBytes,
		Self::SilentTheft,
		Self::Copier,
		Self::Disguise,
		Self::SpamForPay,
		Self::Lottery,
		Self::Slices,
		Self::Frame,
		Self::CopiedSeals,
		Self::Idle,
		Self::Rational,
	];
	/// Those that a rational coalition chooses from.
	pub const CHOICE: [Self; 10] = [
		Self::Honest,
		Self::Lie,
		Self::HiddenBytes,
		Self::SilentTheft,
		Self::Copier,
		Self::Disguise,
		Self::SpamForPay,
		Self::Lottery,
		Self::CopiedSeals,
		Self::Idle,
	];

	/// Name in tables and JSON.
	pub fn name(self) -> &'static str {
		match self {
			Self::Honest => "honest",
			Self::Lie => "lie when alone",
			Self::LieAndReport => "lie, report itself",
			Self::HiddenBytes => "hidden bytes",
			Self::SilentTheft => "silence and theft",
			Self::Copier => "copy the refused",
			Self::Disguise => "disguised copies",
			Self::SpamForPay => "spam for pay",
			Self::Lottery => "lottery",
			Self::Whole => "whole improvement",
			Self::Slices => "sliced improvement",
			Self::Frame => "frame miners",
			Self::CopiedSeals => "copied seals",
			Self::Idle => "idle seats",
			Self::Flood => "flood the queue",
			Self::Withhold => "withheld bytes",
			Self::Rational => "rational",
		}
	}

	/// Returns the strategy of the same coalition if it were honest.
	pub fn baseline(self) -> Self {
		match self {
			Self::Slices => Self::Whole,
			_ => Self::Honest,
		}
	}

	/// Reports whether it breaks a duty of operators, so that there is something to detect. The others pay a price instead.
	pub fn breaks_duties(self) -> bool {
		matches!(
			self,
			Self::Lie
				| Self::LieAndReport
				| Self::HiddenBytes
				| Self::SilentTheft
				| Self::Frame
				| Self::CopiedSeals
				| Self::Idle
		)
	}
}

/// Act of a member on its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
	/// Computes, seals and reveals the truth.
	Truth,
	/// Seals and reveals the coalition's false verdict.
	Lie,
	/// Seals nothing.
	Silent,
	/// Seals something that is never opened.
	Shut,
}

/// A coalition's play in one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
	/// Honestly.
	Truth,
	/// Lies if all of the first committee is its own; takes part in it later only if no stranger contradicts.
	LieWhenAlone,
	/// Lies if it has at least so many of the first committee, whatever comes then.
	LieFrom(usize),
	/// Is silent if it has at least so many of the first committee.
	SilentFrom(usize),
	/// Never opens its seals.
	Shut,
}

impl Play {
	/// Of the first committee, of which `ours` of `len` seats are the coalition's.
	pub fn first(self, ours: usize, len: usize) -> Act {
		match self {
			Self::Truth => Act::Truth,
			Self::LieWhenAlone if ours == len => Act::Lie,
			Self::LieFrom(least) if ours >= least => Act::Lie,
			Self::SilentFrom(least) if ours >= least => Act::Silent,
			Self::LieWhenAlone | Self::LieFrom(_) | Self::SilentFrom(_) => Act::Truth,
			Self::Shut => Act::Shut,
		}
	}

	/// Of the second committee, after the first has acted.
	pub fn second(self, first: Act, ours: usize, len: usize) -> Act {
		match (self, first) {
			(Self::LieWhenAlone, Act::Lie) if ours < len => Act::Truth,
			// Zero seats of the first committee: the first act was none.
			(Self::SilentFrom(0), _) => Act::Silent,
			(_, act) => act,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_careful_liar_lies_only_where_every_seat_is_its_own() {
		assert_eq!(Play::LieWhenAlone.first(4, 5), Act::Truth);
		assert_eq!(Play::LieWhenAlone.first(5, 5), Act::Lie);
		assert_eq!(Play::LieWhenAlone.second(Act::Lie, 2, 3), Act::Truth);
		assert_eq!(Play::LieWhenAlone.second(Act::Lie, 3, 3), Act::Lie);
	}

	#[test]
	fn silence_begun_is_kept_up() {
		assert_eq!(Play::SilentFrom(2).first(1, 5), Act::Truth);
		assert_eq!(Play::SilentFrom(2).second(Act::Truth, 3, 3), Act::Truth);
		assert_eq!(Play::SilentFrom(2).second(Act::Silent, 1, 3), Act::Silent);
	}
}
