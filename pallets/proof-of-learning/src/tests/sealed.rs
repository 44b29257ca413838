//! Models whose test sequences are sealed: waiting, looking again, and paying keepers.

use super::*;
use crate::{Decisions, Error, Event, HoldReason, Inconclusive, OpenSubmissions, Queues};
use blyan_primitives::{
	traits::{BlobAnnouncements, Claims, SealedHoldouts},
	BlobRef, ChunkScore, DrawId, HoldoutRef, Look, ModelId, SealedHoldout, Subject, SubmissionId,
};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use frame_support::{assert_ok, parameter_types, traits::fungible::InspectHold};
use sp_core::H256;
use sp_keyring::Sr25519Keyring;

parameter_types! {
	/// Sequences that submissions are measured on.
	pub static Chunk: SealedHoldout = SealedHoldout::Public;
	/// Consequences of the next scores; after the last none looks again.
	pub static Looks: Vec<Look> = Vec::new();
	/// Questions and scores so far.
	pub static Asked: Vec<(SubmissionId, AccountId, u32)> = Vec::new();
	pub static Measured: Vec<(SubmissionId, u64, u64, bool)> = Vec::new();
	pub static Closed: Vec<SubmissionId> = Vec::new();
	/// Verdicts that fell, and draws that cannot be disputed any more.
	pub static Fallen: Vec<(DrawId, H256)> = Vec::new();
	pub static Undisputed: Vec<DrawId> = Vec::new();
	pub static Starved: Vec<SubmissionId> = Vec::new();
	pub static ChunkKeepers: Vec<AccountId> = Vec::new();
}

/// Forgets what an earlier story said.
pub(crate) fn forget() {
	Chunk::set(SealedHoldout::Public);
	Looks::set(Vec::new());
	Asked::set(Vec::new());
	Measured::set(Vec::new());
	Closed::set(Vec::new());
	Fallen::set(Vec::new());
	Undisputed::set(Vec::new());
	Starved::set(Vec::new());
	ChunkKeepers::set(Vec::new());
}

/// The pallet that keeps sealed holdouts.
pub struct Vault;
impl SealedHoldouts<AccountId, u32> for Vault {
	fn request(submission: SubmissionId, _: ModelId, miner: &AccountId, known_at: u32) -> SealedHoldout {
		Asked::mutate(|asked| asked.push((submission, miner.clone(), known_at)));
		if Starved::get().contains(&submission) {
			return SealedHoldout::Waiting;
		}
		Chunk::get()
	}
	fn is_starved(submission: SubmissionId) -> bool {
		Starved::get().contains(&submission)
	}
	fn note_measured(submission: SubmissionId, score: &ChunkScore) -> Look {
		let ChunkScore { baseline_loss, positions, convinces, .. } = *score;
		Measured::mutate(|all| all.push((submission, baseline_loss, positions, convinces)));
		let mut looks = Looks::get();
		let look = if looks.is_empty() { Look::Last } else { looks.remove(0) };
		Looks::set(looks);
		look
	}
	fn note_refuted(draw: DrawId, digest: H256) {
		Fallen::mutate(|fallen| fallen.push((draw, digest)));
	}
	fn note_undisputed(draw: DrawId) {
		Undisputed::mutate(|undisputed| undisputed.push(draw));
	}
	fn keepers(_: SubmissionId) -> Vec<AccountId> {
		ChunkKeepers::get()
	}
	fn note_closed(submission: SubmissionId) {
		Closed::mutate(|closed| closed.push(submission));
	}
}

/// A chunk that is not the public holdout.
fn chunk(seed: u8) -> HoldoutRef {
	let blob = BlobRef { hash: H256([seed; 32]), size: 20 * u32::from(SEQUENCE) };
	HoldoutRef { root: H256([!seed; 32]), blob, sequences: 20, sequence_len: SEQUENCE }
}

/// Lets the keeper's chunk be there from this block on.
fn open(seed: u8) {
	Chunk::set(SealedHoldout::Ready { holdout: chunk(seed), draw: System::block_number() });
}

/// Runs until the committee of a submission is drawn.
fn draw(submission: SubmissionId) {
	run_to(System::block_number() + 4);
	assert!(evaluation(submission).is_some(), "the draw was due");
}

#[test]
fn a_submission_waits_for_its_chunk_and_does_not_expire() {
	ExtBuilder::default().build_and_check(|| {
		Chunk::set(SealedHoldout::Waiting);
		let submission = submit(1);
		run_to(DELAY + 3 * DRAW);
		assert!(evaluation(submission).is_none() && OpenSubmissions::<Test>::contains_key(submission));
		let known_at = OpenSubmissions::<Test>::get(submission).unwrap().claim.submitted_at;
		assert_eq!(Asked::get()[0], (submission, miner(), known_at));
		open(7);
		let opened = System::block_number();
		draw(submission);
		let terms = evaluation(submission).unwrap().terms;
		assert_eq!(terms.target.holdout, chunk(7), "never the public holdout");
		assert_eq!(OpenSubmissions::<Test>::get(submission).unwrap().appointment, opened);
	});
}

/// The seed of the draw is named when the chunk is there: a keeper that is slow chooses neither committee nor sample.
#[test]
fn attack_wait_for_a_better_committee() {
	ExtBuilder::default().build_and_check(|| {
		Chunk::set(SealedHoldout::Waiting);
		let submission = submit(1);
		let named = OpenSubmissions::<Test>::get(submission).unwrap().appointment;
		run_to(8);
		open(7);
		draw(submission);
		assert!(OpenSubmissions::<Test>::get(submission).unwrap().appointment > named);
	});
}

#[test]
fn a_candidate_that_convinces_once_is_measured_on_another_chunk() {
	ExtBuilder::default().build_and_check(|| {
		open(7);
		Looks::set(vec![Look::Another]);
		let submission = submit(1);
		draw(submission);
		let first = draw_id(submission);
		all_report(submission, score(64, 1));
		end_block();
		assert!(outcome(submission).is_none() && Heads::get()[&slot(0)].version == 0, "nothing is decided");
		assert_eq!(events().last(), Some(&Event::Redrawn { submission, draw: first, redraw: 0 }));
		assert!(Inconclusive::<Test>::contains_key(first), "its claims can be disputed");
		assert_eq!(OpenSubmissions::<Test>::get(submission).unwrap().redraws, 0);
		run_to(System::block_number() + 1);
		open(8);
		draw(submission);
		assert_eq!(evaluation(submission).unwrap().terms.target.holdout, chunk(8));
		all_report(submission, score(48, 1));
		end_block();
		assert!(matches!(outcome(submission), Some(SubmissionOutcome::Accepted { improvement: 48, .. })));
		let convinced: Vec<_> = Measured::get().into_iter().map(|(_, _, _, convinces)| convinces).collect();
		assert_eq!(convinced, [true, true]);
	});
}

/// A miner that is related to most keepers is never measured. It does not hold up the others either.
#[test]
fn attack_hold_up_a_queue_for_want_of_unrelated_keepers() {
	ExtBuilder::default().build_and_check(|| {
		Chunk::set(SealedHoldout::Waiting);
		let (first, second) = (submit(1), submit(2));
		Starved::set(vec![first, second]);
		run_to(System::block_number() + DELAY + 2);
		let queue = || Queues::<Test>::get(0).into_inner();
		assert_eq!(queue(), [first, second], "none gives way to another like it");
		let finalised = Learning::finalise(signed(miner()), first).map_err(|error| error.error);
		assert_eq!(finalised, Err(Error::<Test>::NothingDue.into()));
		Starved::set(vec![first]);
		open(7);
		run_to(System::block_number() + 4);
		assert!(evaluation(second).is_some() && evaluation(first).is_none());
		assert_eq!(queue(), [second, first]);
	});
}

/// A challenger of a look needs the chunk, which no other record names.
#[test]
fn a_chunk_stays_announced_while_a_look_at_it_can_be_disputed() {
	ExtBuilder::default().build_and_check(|| {
		open(7);
		Looks::set(vec![Look::Another]);
		let submission = submit(1);
		draw(submission);
		let first = draw_id(submission);
		all_report(submission, score(64, 1));
		Chunk::set(SealedHoldout::Waiting);
		end_block();
		let blob = chunk(7).blob;
		let until = Inconclusive::<Test>::get(first).unwrap().until;
		assert_eq!(Learning::announced(&blob.hash), Some(blob.size));
		run_to(until + 2);
		assert!(!Inconclusive::<Test>::contains_key(first));
		assert_eq!(Learning::announced(&blob.hash), None);
	});
}

#[test]
fn a_candidate_that_does_not_convince_on_the_second_chunk_is_rejected() {
	ExtBuilder::default().build_and_check(|| {
		open(7);
		Looks::set(vec![Look::Another]);
		let submission = submit(1);
		draw(submission);
		// Learnt by heart.
		all_report(submission, score(4_096, 1));
		end_block();
		open(8);
		draw(submission);
		all_report(submission, score(0, 0));
		end_block();
		let reason = RejectReason::NotBetter { improvement: 0 };
		assert_eq!(outcome(submission), Some(SubmissionOutcome::Rejected(reason)));
		assert_eq!(Heads::get()[&slot(0)].version, 0);
		assert!(Payments::get().is_empty());
	});
}

#[test]
fn a_chunk_that_is_no_text_decides_nothing_either_way() {
	ExtBuilder::default().build_and_check(|| {
		open(7);
		Looks::set(vec![Look::Void]);
		let submission = submit(1);
		draw(submission);
		let first = draw_id(submission);
		all_report(submission, score(0, 0));
		end_block();
		assert!(outcome(submission).is_none());
		assert_eq!(events().last(), Some(&Event::Redrawn { submission, draw: first, redraw: 0 }));
		assert_eq!(Measured::get(), [(submission, 1 << 40, u64::from(SAMPLE) * u64::from(SEQUENCE), false)]);
	});
}

/// The price of a chunk's losses is taken from its keeper when the disputes about them are over.
#[test]
fn disputes_about_a_void_chunk_reach_the_pallet_that_holds_its_penalty() {
	ExtBuilder::default().build_and_check(|| {
		open(7);
		Looks::set(vec![Look::Void]);
		let submission = submit(1);
		draw(submission);
		let first = draw_id(submission);
		all_report(submission, score(0, 0));
		Chunk::set(SealedHoldout::Waiting);
		end_block();
		let subject = Subject::Submission(submission, first);
		let (_, verdict) = Learning::claims(subject).remove(0);
		let until = Inconclusive::<Test>::get(first).unwrap().until;
		// A dispute that lasts longer than the time for new ones.
		Learning::note_opened(subject);
		run_to(until + 2);
		assert!(Undisputed::get().is_empty());
		<Learning as Claims<AccountId>>::refuted(subject, verdict.digest());
		Learning::note_closed(subject);
		run_to(until + 4);
		assert_eq!((Fallen::get(), Undisputed::get()), (vec![(first, verdict.digest())], vec![first]));
	});
}

#[test]
fn the_fee_is_for_all_looks_and_for_keepers_too() {
	ExtBuilder::default().build_and_check(|| {
		EvaluationFee::set(60);
		open(7);
		Looks::set(vec![Look::Another]);
		let keeper = Sr25519Keyring::Dave.to_account_id();
		ChunkKeepers::set(vec![keeper.clone()]);
		let submission = submit(1);
		draw(submission);
		all_report(submission, score(64, 1));
		end_block();
		let alice = OPERATORS[0].to_account_id();
		assert_eq!(Balances::free_balance(&alice), ENDOWMENT + 10, "a third of a half, at once");
		let held = || Balances::balance_on_hold(&HoldReason::SubmissionBond.into(), &miner());
		assert_eq!(held(), BOND + 30);
		open(8);
		draw(submission);
		all_report(submission, score(64, 1));
		end_block();
		assert_eq!(Balances::free_balance(&keeper), ENDOWMENT, "nothing before it can no longer be disputed");
		run_to_maturity(submission);
		// Thirty among three members and a keeper; the rest is lost.
		assert_eq!(Balances::free_balance(&keeper), ENDOWMENT + 7);
		assert_eq!(Balances::free_balance(&alice), ENDOWMENT + 17);
		// What is earned as an operator is shared with those who back it, and what a keeper earns is not.
		let incomes = blyan_support::mocks::Incomes::get();
		assert!(incomes.contains(&(alice, 10)) && incomes.iter().all(|(who, _)| *who != keeper));
		assert!(Payments::get().contains(&(keeper, 5)));
		assert_eq!((held(), Slashed::get()), (0, 2));
		assert_eq!(Closed::get(), [submission]);
	});
}

/// A keeper that is also a miner submits worthless experts: no coin is minted for it.
#[test]
fn attack_submit_rejected_experts_to_be_paid_as_a_keeper() {
	ExtBuilder::default().build_and_check(|| {
		EvaluationFee::set(60);
		open(7);
		ChunkKeepers::set(vec![Sr25519Keyring::Dave.to_account_id()]);
		let submission = submit(1);
		draw(submission);
		all_report(submission, score(0, 0));
		end_block();
		run_to_maturity(submission);
		assert!(Payments::get().is_empty());
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT - 60, "the fee of its own is all it can win");
	});
}

#[test]
fn a_stale_submission_is_closed_while_it_waits_for_a_chunk() {
	ExtBuilder::default().build_and_check(|| {
		Chunk::set(SealedHoldout::Waiting);
		let submission = submit(1);
		Experts::promote_again(slot(0));
		run_to(DELAY + 3);
		assert_eq!(outcome(submission), Some(SubmissionOutcome::Rejected(RejectReason::Stale)));
		assert_eq!(Closed::get(), [submission]);
	});
}

#[test]
fn a_withdrawn_submission_frees_its_keeper() {
	ExtBuilder::default().build_and_check(|| {
		Chunk::set(SealedHoldout::Waiting);
		let submission = submit(1);
		assert_ok!(Learning::withdraw(signed(miner()), submission));
		assert_eq!(Closed::get(), [submission]);
		assert_eq!(Decisions::<Test>::count(), 0);
	});
}
