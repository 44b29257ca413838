//! Every number that the simulation depends on, in one place: what the chain sets, and what the world around it does.

/// Amounts in the smallest unit, as in the ledger.
pub type Balance = pallet_ledger::Balance;

/// One BLY.
pub const BLY: Balance = 1_000_000_000_000;
/// Blocks of a day.
pub const DAY: u32 = 14_400;
/// Blocks of an hour.
pub const HOUR: u32 = DAY / 24;

/// From what an operator's chance of being drawn follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighting {
	/// Reputation alone.
	Reputation,
	/// Reputation, times stake, times verified work from one to 64.
	Standing,
}

/// Rules that the chain sets.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
	/// Column of the tables.
	pub name: &'static str,
	/// Stake of a basic operator, `StakeUnit`.
	pub stake: Balance,
	/// Members of the first committee.
	pub first: u32,
	/// Members of the second committee, drawn from operators outside the first after that has sealed.
	pub strangers: u32,
	/// Seats that operators of one owner may have in a committee.
	pub per_owner: u32,
	/// Operators without whom there is no draw.
	pub committee_min: usize,
	/// From what weights follow.
	pub weighting: Weighting,
	/// Draws after the first one, where one came to no decision.
	pub redraws: u32,
	/// Members whose absence from earlier draws of a submission is remembered.
	pub absent_max: usize,
	/// Seals missed in a row, in draws that came to a decision, after which an operator is not drawn for a day.
	pub misses_max: Option<u32>,
	/// True if an unrevealed commitment costs in the end as much as a false score.
	pub shut_seal_is_false: bool,
	/// Weight of operators, in parts per thousand of all, that attest a candidate's bytes before it enters the queue.
	/// `None`: it enters at once.
	pub attested_permille: Option<u32>,
	/// True if a drawn member that had no bytes in time may contradict an acceptance while it can be disputed.
	pub late_verdicts: bool,
	/// True if the fee of a submission is lost too if all draws end without agreement.
	pub undecided_costs_fee: bool,
	/// True if the initial contents of the envelopes are part of the first year's emission.
	pub genesis_counts: bool,
	/// Price of an evaluation for its miner in an empty queue.
	pub fee: Balance,
	/// Price of a transaction that submits.
	pub transaction: Balance,
	/// Bond of a submission.
	pub bond: Balance,
	/// True if the bond waits for maturity.
	pub bond_matures: bool,
	/// True if a submission whose acceptance was refuted is judged again, with its bond on hold. Otherwise the bond is lost.
	pub refuted_is_judged_again: bool,
	/// Reward of one seat from the validation envelope.
	pub seat_reward: Balance,
	/// True if it earns that for rejections too.
	pub pays_rejections: bool,
	/// Learning reward of an improvement of exactly `delta`.
	pub learning_base: Balance,
	/// Largest learning reward, in multiples of `learning_base`.
	pub learning_multiple_max: u32,
	/// True if a reward is at most what those who signed for it would lose.
	pub reward_is_covered: bool,
	/// True if a cancelled reward returns to its envelope; otherwise it goes to the treasury.
	pub refunds_envelope: bool,
	/// True if a near copy that is proven to the chain is refused and loses its bond.
	pub copies_are_reported: bool,
	/// Share of a slashed stake that the reporter gets, in per cent.
	pub reporter_percent: u32,
	/// Offences of weight after which everything is taken, and for how many days they are remembered.
	pub strikes_max: u32,
	/// Days for which strikes are remembered.
	pub strike_days: u32,
	/// Improvement that must be exceeded, in bits per byte, Q16.
	pub delta: u32,
	/// Budget of false acceptances, in millionths.
	pub alpha: u32,
	/// Failures that a new account is taken to have behind it.
	pub newcomer_attempts: u32,
	/// Sequences of a sample.
	pub sample: u32,
	/// Open submissions of all models.
	pub open_max: usize,
	/// Blocks of an evaluation in which every member is there.
	pub cycle: u32,
	/// Blocks a committee has to seal.
	pub seal_window: u32,
	/// Blocks of the challenge window, and of both clocks of a game: what detection of a false score takes at most.
	pub dispute_blocks: u32,
	/// Registration bond of the first operator in a while, the factor of each, and the half-life in blocks.
	pub registration: (Balance, u32, u64),
}

impl Rules {
	/// The rules before the review.
	pub const fn old() -> Self {
		Self {
			name: "old",
			stake: BLY,
			first: 5,
			strangers: 0,
			per_owner: 1,
			committee_min: 2,
			weighting: Weighting::Reputation,
			redraws: 0,
			absent_max: 0,
			misses_max: None,
			shut_seal_is_false: false,
			attested_permille: None,
			late_verdicts: false,
			undecided_costs_fee: false,
			genesis_counts: false,
			fee: 0,
			transaction: 5 * BLY / 1_000,
			bond: BLY,
			bond_matures: false,
			refuted_is_judged_again: false,
			seat_reward: BLY,
			pays_rejections: true,
			learning_base: 10 * BLY,
			learning_multiple_max: 100,
			reward_is_covered: false,
			refunds_envelope: false,
			copies_are_reported: false,
			reporter_percent: 20,
			strikes_max: 3,
			strike_days: 180,
			delta: 32,
			alpha: 1_350,
			newcomer_attempts: 0,
			sample: 256,
			open_max: 256,
			cycle: 6,
			seal_window: 100,
			dispute_blocks: 3 * HOUR,
			registration: (BLY / 10, 1_250, DAY as u64),
		}
	}

	/// The present rules: two committees, a fee, and a basic stake of a hundred BLY.
	pub const fn new() -> Self {
		Self {
			name: "new",
			stake: 100 * BLY,
			strangers: 3,
			weighting: Weighting::Standing,
			redraws: 5,
			// Only members that had the bytes are left out of a redraw, and those of a coalition that hides them sealed.
			absent_max: 0,
			misses_max: Some(3),
			shut_seal_is_false: true,
			// By operators of any weight: a coalition is enough of them.
			attested_permille: Some(0),
			// They object when they have the bytes.
			late_verdicts: true,
			undecided_costs_fee: true,
			fee: BLY / 2,
			bond_matures: true,
			pays_rejections: false,
			reward_is_covered: true,
			refunds_envelope: true,
			copies_are_reported: true,
			newcomer_attempts: 20,
			genesis_counts: true,
			refuted_is_judged_again: true,
			cycle: 12,
			..Self::old()
		}
	}

	/// Returns an evaluation's price for its miner when `ahead` submissions wait: `fee (1 + ahead / 16)^2`, rounded down.
	pub fn evaluation_fee(&self, ahead: usize) -> Balance {
		let factor = 16 + ahead as Balance;
		self.fee * factor * factor / 256
	}
}

/// World around the chain; the same under all rules.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
	/// Operators.
	pub operators: usize,
	/// Chance that an honest operator is away for a seal window.
	pub away: f64,
	/// Honest miners; the first is the most diligent, the others follow Zipf's law.
	pub miners: usize,
	/// Honest submissions of a day.
	pub submissions: u32,
	/// Submissions of a day that a coalition makes where its strategy needs some.
	pub tries: u32,
	/// Bits per byte that can still be learnt at the beginning, and what each day adds.
	pub gap: (f64, f64),
	/// Standard deviation of a sequence's difference, bits per byte.
	pub deviation: f64,
	/// Bytes of a sequence.
	pub sequence_len: u16,
	/// Chance that a plain copy escapes a report: the upper end of the 95 % interval of 0 in 1,000.
	pub escape: f64,
	/// Share of the original's improvement that is left to a copy disguised well enough not to be one.
	pub disguised: f64,
	/// The largest fee that an honest miner pays.
	pub fee_max: Balance,
	/// The largest fee that a coalition pays for a try.
	pub try_fee_max: Balance,
	/// Electricity cost of an evaluation.
	pub electricity: Balance,
	/// Coins at the beginning, and what the learning and validation envelopes hold.
	pub issuance: Balance,
	/// Initial contents of the learning and the validation envelope.
	pub envelopes: (Balance, Balance),
	/// Days played.
	pub days: u32,
	/// Seed of everything random.
	pub seed: u64,
}

impl Default for Setting {
	fn default() -> Self {
		Self {
			operators: 100,
			away: 0.01,
			miners: 40,
			submissions: 30,
			tries: 30,
			gap: (1.0, 0.01),
			deviation: 0.016,
			sequence_len: 128,
			escape: 0.003,
			disguised: 0.42,
			fee_max: 20 * BLY,
			try_fee_max: 2 * BLY,
			electricity: BLY / 100,
			// The development genesis: twelve accounts of a million each.
			issuance: 12_000_000 * BLY,
			envelopes: (1_000_000 * BLY, 100_000 * BLY),
			days: 365,
			seed: 1,
		}
	}
}
