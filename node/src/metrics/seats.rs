//! The seats of this node's operators: what they owe now, and what they missed since the node started.

use super::chain::{Seats, SubmissionCounts};
use blyan_primitives::SubmissionId;
use blyan_runtime_api::{
	AccountId, ActiveEvaluation, BlockNumber, CommitteeSeat, EvaluationStage, SubmissionInfo, SubmissionState,
};
use sp_core::H256;
use std::collections::BTreeMap;

/// Open seats, remembered from one look at the chain to the next.
#[derive(Default)]
pub struct SeatBook {
	/// Draws under way.
	pending: BTreeMap<SubmissionId, Draw>,
	/// Decisions that were there at the last look, and when they were made; `None` before the first look.
	decided: Option<BTreeMap<SubmissionId, BlockNumber>>,
	/// Evaluations that ended, sealed and missed, by operator.
	ended: BTreeMap<AccountId, (u64, u64)>,
}

/// Own seats in one draw of a submission.
struct Draw {
	draw: H256,
	seal_deadline: BlockNumber,
	/// Operators, with whether they sealed.
	flags: Vec<(AccountId, bool)>,
}

impl SeatBook {
	/// Takes note of all submissions that may be open, as of block `now`; returns each operator's seats.
	pub fn note(
		&mut self,
		submissions: &[SubmissionInfo],
		own: &[AccountId],
		now: BlockNumber,
	) -> BTreeMap<AccountId, Seats> {
		let mut seats: BTreeMap<AccountId, Seats> =
			own.iter().map(|account| (account.clone(), Seats::default())).collect();
		let (mut pending, mut decisions) = (BTreeMap::new(), BTreeMap::new());
		for submission in submissions {
			match &submission.state {
				SubmissionState::Evaluating(evaluation) => {
					let mine = mine(&evaluation.committee, own);
					for seat in &mine {
						if let Some(seats) = seats.get_mut(&seat.operator) {
							note_seat(seats, seat, evaluation, now);
						}
					}
					// Undecided, and drawn again between two looks.
					let before = self.pending.remove(&submission.id);
					if let Some(before) = before.filter(|before| before.draw != evaluation.draw) {
						self.count_if_over(before, now);
					}
					if !mine.is_empty() {
						let (draw, seal_deadline) = (evaluation.draw, evaluation.seal_deadline);
						pending.insert(submission.id, Draw { draw, seal_deadline, flags: flags(&mine) });
					}
				}
				// Between two looks the last seals may have come, or all of the evaluation: the decision says.
				SubmissionState::Decided(decided) => {
					self.pending.remove(&submission.id);
					let is_new = self
						.decided
						.as_ref()
						.is_some_and(|known| known.get(&submission.id) != Some(&decided.decided_at));
					if is_new {
						self.count(flags(&mine(&decided.committee, own)));
					}
					decisions.insert(submission.id, decided.decided_at);
				}
				// Undecided, and waiting to be drawn again; or another fork took the draw back.
				SubmissionState::Announced { .. } | SubmissionState::Queued { .. } => {
					if let Some(before) = self.pending.remove(&submission.id) {
						self.count_if_over(before, now);
					}
				}
				SubmissionState::Closed { .. } => {}
			}
		}
		for (_, draw) in std::mem::take(&mut self.pending) {
			self.count(draw.flags);
		}
		(self.pending, self.decided) = (pending, Some(decisions));
		for (account, seats) in &mut seats {
			(seats.sealed, seats.missed) = self.ended.get(account).copied().unwrap_or_default();
		}
		seats
	}

	/// Counts the seats of a draw whose time to seal is over: before that, only another fork can have taken it back.
	fn count_if_over(&mut self, draw: Draw, now: BlockNumber) {
		if now > draw.seal_deadline {
			self.count(draw.flags);
		}
	}

	/// Counts the seats of an evaluation that ended.
	fn count(&mut self, flags: Vec<(AccountId, bool)>) {
		for (operator, sealed) in flags {
			let (seals, missed) = self.ended.entry(operator).or_default();
			let count = if sealed { seals } else { missed };
			*count = count.saturating_add(1);
		}
	}
}

fn flags(seats: &[&CommitteeSeat]) -> Vec<(AccountId, bool)> {
	seats.iter().map(|seat| (seat.operator.clone(), seat.sealed)).collect()
}

fn mine<'a>(committee: &'a [CommitteeSeat], own: &[AccountId]) -> Vec<&'a CommitteeSeat> {
	committee.iter().filter(|seat| own.contains(&seat.operator)).collect()
}

fn note_seat(seats: &mut Seats, seat: &CommitteeSeat, evaluation: &ActiveEvaluation, now: BlockNumber) {
	seats.held = seats.held.saturating_add(1);
	let deadline = match evaluation.stage {
		EvaluationStage::Sealing if !seat.sealed => evaluation.seal_deadline,
		EvaluationStage::Revealing if seat.sealed && seat.verdict.is_none() => evaluation.reveal_deadline,
		_ => return,
	};
	seats.owed = seats.owed.saturating_add(1);
	let left = u64::from(deadline.saturating_sub(now));
	seats.deadline_blocks = Some(seats.deadline_blocks.map_or(left, |first| first.min(left)));
}

/// Open submissions by state.
pub fn count(submissions: &[SubmissionInfo]) -> SubmissionCounts {
	let mut counts = SubmissionCounts::default();
	for submission in submissions {
		let count = match &submission.state {
			SubmissionState::Announced { .. } | SubmissionState::Queued { .. } => &mut counts.queued,
			SubmissionState::Evaluating(evaluation) => match evaluation.stage {
				EvaluationStage::Sealing | EvaluationStage::Drawing => &mut counts.sealing,
				EvaluationStage::Revealing => &mut counts.revealing,
			},
			SubmissionState::Decided(_) => &mut counts.decided,
			SubmissionState::Closed { .. } => continue,
		};
		*count = count.saturating_add(1);
	}
	counts
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::{BlobRef, BlockRef, ExpertSlot, HoldoutRef, Verdict};
	use blyan_runtime_api::{DecidedSubmission, ExpiryReason, RejectReason, SubmissionOutcome};

	const ME: AccountId = AccountId::new([1; 32]);
	const OTHER: AccountId = AccountId::new([2; 32]);

	fn submission(id: SubmissionId, state: SubmissionState) -> SubmissionInfo {
		SubmissionInfo {
			id,
			miner: OTHER,
			slot: ExpertSlot { model: 0, layer: 0, expert: 0 },
			parent: 0,
			block: BlockRef { tensor_root: H256::zero(), blob: BlobRef { hash: H256::zero(), size: 1 } },
			manifest: H256::zero(),
			submitted_at: 1,
			state,
		}
	}

	fn committee(sealed: bool, revealed: bool) -> Vec<CommitteeSeat> {
		[ME, OTHER]
			.map(|operator| CommitteeSeat { operator, sealed, verdict: revealed.then_some(Verdict::Invalid) })
			.to_vec()
	}

	fn evaluating(stage: EvaluationStage, committee: Vec<CommitteeSeat>) -> SubmissionState {
		let blob = BlobRef { hash: H256::zero(), size: 1 };
		SubmissionState::Evaluating(ActiveEvaluation {
			stage,
			draw: H256::zero(),
			seed: H256::zero(),
			sample: 1,
			holdout: HoldoutRef { root: H256::zero(), blob, sequences: 1, sequence_len: 1 },
			guard: None,
			seal_deadline: 110,
			reveal_deadline: 130,
			sealed: 0,
			revealed: 0,
			delta: 0,
			guard_tolerance: 0,
			t_milli: 0,
			committee,
		})
	}

	fn decided(committee: Vec<CommitteeSeat>) -> SubmissionState {
		SubmissionState::Decided(DecidedSubmission {
			draw: H256::zero(),
			outcome: SubmissionOutcome::Rejected(RejectReason::Invalid),
			decided_at: 120,
			matures_at: 720,
			disputes: 0,
			refuted: false,
			digest: None,
			held: 0,
			committee,
		})
	}

	#[test]
	fn a_seat_is_owed_until_it_is_sealed_and_again_until_it_is_opened() {
		let mut book = SeatBook::default();
		let mut look = |state, now| book.note(&[submission(7, state)], &[ME], now)[&ME];
		let seats = look(evaluating(EvaluationStage::Sealing, committee(false, false)), 100);
		assert_eq!((seats.held, seats.owed, seats.deadline_blocks), (1, 1, Some(10)));
		let seats = look(evaluating(EvaluationStage::Sealing, committee(true, false)), 101);
		assert_eq!((seats.held, seats.owed, seats.deadline_blocks), (1, 0, None));
		let seats = look(evaluating(EvaluationStage::Revealing, committee(true, false)), 112);
		assert_eq!((seats.owed, seats.deadline_blocks), (1, Some(18)));
		let seats = look(decided(committee(true, true)), 120);
		assert_eq!((seats.held, seats.sealed, seats.missed), (0, 1, 0));
		let seats = look(decided(committee(true, true)), 121);
		assert_eq!(seats.sealed, 1, "an evaluation is counted once");
	}

	#[test]
	fn a_missed_seal_is_counted_however_the_evaluation_ends() {
		let mut book = SeatBook::default();
		let open = |id| submission(id, evaluating(EvaluationStage::Sealing, committee(false, false)));
		book.note(&[open(1), open(2), open(3)], &[ME], 100);
		let expired =
			SubmissionState::Closed { outcome: SubmissionOutcome::Expired(ExpiryReason::NoReports), at: 120 };
		// The third was forgotten altogether.
		let ended = [submission(1, decided(committee(false, false))), submission(2, expired)];
		let seats = book.note(&ended, &[ME], 121)[&ME];
		assert_eq!((seats.sealed, seats.missed), (0, 3));
	}

	#[test]
	fn decisions_from_before_the_start_are_not_counted() {
		let mut book = SeatBook::default();
		let seats = book.note(&[submission(1, decided(committee(false, false)))], &[ME], 121)[&ME];
		assert_eq!((seats.sealed, seats.missed), (0, 0));
	}

	#[test]
	fn an_evaluation_between_two_looks_is_counted() {
		let mut book = SeatBook::default();
		book.note(&[submission(1, SubmissionState::Queued { ahead: 0, draw_from: 3 })], &[ME], 100);
		let seats = book.note(&[submission(1, decided(committee(true, true)))], &[ME], 121)[&ME];
		assert_eq!((seats.sealed, seats.missed), (1, 0));
	}

	#[test]
	fn a_draw_that_is_taken_back_counts_as_nothing() {
		let mut book = SeatBook::default();
		let open = submission(1, evaluating(EvaluationStage::Sealing, committee(false, false)));
		book.note(&[open], &[ME], 100);
		let queued = submission(1, SubmissionState::Queued { ahead: 0, draw_from: 101 });
		let seats = book.note(&[queued], &[ME], 101)[&ME];
		assert_eq!((seats.held, seats.sealed, seats.missed), (0, 0, 0));
	}

	#[test]
	fn a_missed_seal_is_counted_when_the_submission_is_drawn_again() {
		let mut book = SeatBook::default();
		let state = || evaluating(EvaluationStage::Sealing, committee(false, false));
		book.note(&[submission(1, state()), submission(2, state())], &[ME], 100);
		let mut again = state();
		if let SubmissionState::Evaluating(evaluation) = &mut again {
			evaluation.draw = H256::repeat_byte(1);
			evaluation.seal_deadline = 210;
		}
		let waits = SubmissionState::Queued { ahead: 0, draw_from: 130 };
		let seats = book.note(&[submission(1, waits), submission(2, again)], &[ME], 111)[&ME];
		assert_eq!((seats.held, seats.owed, seats.missed), (1, 1, 2));
	}

	#[test]
	fn submissions_are_counted_by_state() {
		let submissions = [
			submission(1, SubmissionState::Queued { ahead: 0, draw_from: 3 }),
			submission(2, evaluating(EvaluationStage::Sealing, committee(false, false))),
			submission(3, evaluating(EvaluationStage::Revealing, committee(true, false))),
			submission(4, decided(committee(true, true))),
			submission(5, SubmissionState::Closed { outcome: SubmissionOutcome::Withdrawn, at: 3 }),
		];
		assert_eq!(count(&submissions), SubmissionCounts { queued: 1, sealing: 1, revealing: 1, decided: 1 });
	}
}
