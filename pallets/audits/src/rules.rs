//! Rules of forced errors, and of what follows from them: plain values in, plain values out.
//!
//! The setter's secret was committed to before the audit's seed existed. The two together throw the coin
//! ([`is_forced`]) and, if it says so, spoil the true outcome ([`distort`]). Once the secret is revealed, everybody
//! can see that the setter did what the coin said ([`answer`]).
//!
//! # What a forced error looks like
//!
//! Its root is always a hash of secret and seed. To an operator that has not computed the true root that is a random string,
//! as the true root is. Half of the forced errors change nothing else: their totals *are* the true ones, so no
//! statistic of the totals tells them from honest answers, and no operator notices them without having computed every
//! sequence of both models, traces included. The other half also replace one sequence's difference
//! by another draw from the spread that the totals imply, half of them on the baseline's side and half on the candidate's: if
//! true totals under a wrong root were the only kind, conspirators who do compute could tell a forced error
//! from a real lie, and spare each other.

use blyan_primitives::EvaluationOutcome;
use codec::Encode;
use sp_core::{H256, U256};
use sp_io::hashing::blake2_256;

/// Version of these rules. An audit that began under others is void, because an upgrade in the middle of it must not
/// make an honest answer look wrong.
pub const RULES: u8 = 1;

/// Blocks for which a signed enrolment may be included.
pub(crate) const ENROL_VALID: u32 = 64;

/// The whole, where shares are counted per million.
pub const MILLION: u32 = 1_000_000;

/// A setter's answer, measured by its coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
	/// The coin asked for the truth, and that is what the setter says it presented.
	Honest,
	/// The coin asked for an error, and the setter presented the one that follows from its secret.
	Forced,
	/// The presented outcome is not the one the coin asked for.
	Defied,
}

/// Final position of one auditor, when the time for it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ballot {
	/// It sealed nothing.
	Absent,
	/// It sealed something and did not open it.
	Hidden,
	/// It confirmed the presented outcome.
	Confirmed,
	/// It denied it, and this is its own.
	Denied(EvaluationOutcome),
}

/// The chain's finding about one auditor, without any computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
	/// Nothing to judge: no vote.
	Missed,
	/// A vote on an honest answer that can no longer be seen.
	Hid,
	/// It agreed to a forced error, or hid its vote on one. The answer was not checked.
	Nodded,
	/// It claims this outcome, and is right if the claim stands.
	Claims(EvaluationOutcome),
}

/// The commitment to a secret.
pub fn commitment(secret: &H256) -> H256 {
	H256(blake2_256(&(b"blyan/audit/commitment", secret).encode()))
}

/// The nonce of a commitment that was made in block `at`.
pub(crate) fn enrolment_nonce<BlockNumber: Encode>(at: &BlockNumber) -> H256 {
	H256(blake2_256(&(b"blyan/audit/enrol", at).encode()))
}

/// Reports whether the coin asks for an error: in `share` of a million audits, over all secrets and seeds.
pub fn is_forced(secret: &H256, seed: &H256, share: u32) -> bool {
	let (word, _) = words(b"coin", secret, seed, 0);
	// The product is below 2^84; the quotient is uniform below a million.
	let place = u128::from(word).saturating_mul(MILLION.into()) >> 64u32;
	place < u128::from(share)
}

/// The outcome to present in place of `truth`: plausible, and wrong.
///
/// A function of its arguments alone, so that the chain can check it when the secret is known.
pub fn distort(truth: &EvaluationOutcome, secret: &H256, seed: &H256) -> EvaluationOutcome {
	let wrong = EvaluationOutcome { job_root: false_root(secret, seed), ..*truth };
	let (kind, _) = words(b"kind", secret, seed, 0);
	let side = match kind % 4 {
		0 => Side::Baseline,
		1 => Side::Candidate,
		_ => return wrong,
	};
	// Where the numbers leave no room the root alone is wrong. A try fails in about one case in twenty.
	(0..4).find_map(|attempt| redraw_one(&wrong, side, secret, seed, attempt)).unwrap_or(wrong)
}

/// Returns the outcome that a node with this secret presents, if `truth` is its engine's result.
pub fn present(truth: &EvaluationOutcome, secret: &H256, seed: &H256, share: u32) -> EvaluationOutcome {
	// Both are computed, so that the coin changes nothing but the choice.
	let wrong = distort(truth, secret, seed);
	if is_forced(secret, seed, share) {
		wrong
	} else {
		*truth
	}
}

/// Judges whether the setter, by whose claim `truth` is the truth, followed its coin.
pub fn answer(
	presented: &EvaluationOutcome,
	truth: &EvaluationOutcome,
	secret: &H256,
	seed: &H256,
	share: u32,
) -> Answer {
	match (is_forced(secret, seed, share), present(truth, secret, seed, share) == *presented) {
		(_, false) => Answer::Defied,
		(false, true) => Answer::Honest,
		(true, true) => Answer::Forced,
	}
}

/// Returns the chain's finding about an auditor, given that the setter followed its coin.
///
/// Rubber-stamping a forced error needs no re-execution: the root is a hash of the secret, so it is the root of nothing.
pub fn judge(is_forced: bool, presented: &EvaluationOutcome, ballot: &Ballot) -> Finding {
	match (ballot, is_forced) {
		(Ballot::Absent, _) => Finding::Missed,
		(Ballot::Hidden | Ballot::Confirmed, true) => Finding::Nodded,
		(Ballot::Hidden, false) => Finding::Hid,
		(Ballot::Confirmed, false) => Finding::Claims(*presented),
		(Ballot::Denied(own), true) if own == presented => Finding::Nodded,
		(Ballot::Denied(own), _) => Finding::Claims(*own),
	}
}

/// The claim that stands: the only one that was not refuted, or else the one that more than half of the claimants
/// make. `None` if there is no such claim.
pub fn standing(claims: &[H256], refuted: &[H256]) -> Option<H256> {
	let mut alive = claims.iter().filter(|claim| !refuted.contains(claim));
	let first = alive.next()?;
	if alive.all(|claim| claim == first) {
		return Some(*first);
	}
	claims.iter().filter(|claim| !refuted.contains(claim)).copied().find(|claim| {
		let votes = claims.iter().filter(|other| *other == claim).count();
		votes.saturating_mul(2) > claims.len()
	})
}

/// Reports whether rubber-stamping earns something: `pay` for every honest answer, less `penalty` for every forced error.
///
/// Amounts in the same unit. A runtime should hold its parameters to `false`, with the smallest stake's penalty.
pub fn nodding_pays(pay: u128, penalty: u128, share: u32) -> bool {
	let honest = MILLION.saturating_sub(share);
	U256::from(pay).saturating_mul(honest.into()) >= U256::from(penalty).saturating_mul(share.into())
}

/// Reports whether an outcome's numbers can belong to `sequences` sequences of `sequence_len` predicted positions: counts match the
/// sample, the difference of the sums is the sum of the differences, squares are at least what that sum implies
/// (Cauchy-Schwarz), and as odd as it (a number and its square are).
pub fn is_plausible(outcome: &EvaluationOutcome, sequences: u32, sequence_len: u16) -> bool {
	let bytes = u64::from(sequences).saturating_mul(sequence_len.into());
	let difference = i128::from(outcome.baseline_loss).saturating_sub(outcome.candidate_loss.into());
	let sum = U256::from(outcome.sum_diff.unsigned_abs());
	outcome.sequences == sequences
		&& outcome.bytes == bytes
		&& i128::from(outcome.sum_diff) == difference
		&& sum.saturating_mul(sum) <= U256::from(outcome.sum_diff_sq).saturating_mul(sequences.into())
		&& outcome.sum_diff.unsigned_abs() % 2 == (outcome.sum_diff_sq % 2) as u64
}

/// Losses of which model a forced error changes.
#[derive(Clone, Copy)]
enum Side {
	Baseline,
	Candidate,
}

/// Replaces the difference of one sequence, as the totals let us imagine it, by another draw of the same kind.
///
/// Mean and spread come from the totals: m = S1 / n, s^2 = S2 / n - m^2. Both differences are m + s g with g
/// about normal, so the totals keep their mean, their size and their parity.
fn redraw_one(
	truth: &EvaluationOutcome,
	side: Side,
	secret: &H256,
	seed: &H256,
	attempt: u8,
) -> Option<EvaluationOutcome> {
	let n = u128::from(truth.sequences);
	let mean = i128::from(truth.sum_diff).checked_div_euclid(n.try_into().ok()?)?;
	let mean_sq = mean.unsigned_abs().checked_pow(2)?;
	let spread = truth.sum_diff_sq.checked_div(n)?.checked_sub(mean_sq)?.isqrt();
	let draw = |label: &[u8; 4]| mean.checked_add(scale(spread, words(label, secret, seed, attempt).1)?);
	let (old, new) = (draw(b"past")?, draw(b"next")?);
	let change = i64::try_from(new.checked_sub(old)?).ok().filter(|change| *change != 0)?;
	let mut moved = *truth;
	match side {
		Side::Baseline => moved.baseline_loss = truth.baseline_loss.checked_add_signed(change)?,
		Side::Candidate => {
			moved.candidate_loss = truth.candidate_loss.checked_add_signed(change.checked_neg()?)?
		}
	}
	moved.sum_diff = truth.sum_diff.checked_add(change)?;
	let squares = truth.sum_diff_sq.checked_add(new.unsigned_abs().checked_pow(2)?)?;
	moved.sum_diff_sq = squares.checked_sub(old.unsigned_abs().checked_pow(2)?)?;
	let sequence_len = u16::try_from(truth.bytes.checked_div(truth.sequences.into())?).ok()?;
	is_plausible(&moved, truth.sequences, sequence_len).then_some(moved)
}

/// `spread` times a noise in Q16, towards zero.
fn scale(spread: u128, noise: i64) -> Option<i128> {
	let size = spread.checked_mul(noise.unsigned_abs().into())? >> 16u32;
	let size = i128::try_from(size).ok()?;
	if noise < 0 {
		size.checked_neg()
	} else {
		Some(size)
	}
}

/// The root under a forced error.
fn false_root(secret: &H256, seed: &H256) -> H256 {
	H256(digest(b"root", secret, seed, 0))
}

fn digest(label: &[u8; 4], secret: &H256, seed: &H256, attempt: u8) -> [u8; 32] {
	blake2_256(&(b"blyan/audit/coin", label, secret, seed, attempt).encode())
}

/// Randomness two ways: a uniform word, and a noise in Q16 that is about normal with standard deviation one (twelve
/// uniform numbers of variance 1/12 each, less their mean).
fn words(label: &[u8; 4], secret: &H256, seed: &H256, attempt: u8) -> (u64, i64) {
	let bytes = digest(label, secret, seed, attempt);
	let (first, rest) = bytes.split_at(8);
	let mut word = [0u8; 8];
	word.copy_from_slice(first);
	let uniform = rest.chunks_exact(2).map(|pair| match pair {
		[low, high] => i64::from(u16::from_le_bytes([*low, *high])),
		_ => 0,
	});
	// At most 12 x 65,535, less 12 x 32,767.5 rounded up.
	let noise = uniform.fold(0i64, i64::saturating_add).saturating_sub(12 * 65_535 / 2);
	(u64::from_le_bytes(word), noise)
}
