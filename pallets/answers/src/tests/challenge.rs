//! Stories of `challenge`: what a challenge must be, and the attacks that it is a part of.

use super::*;
use crate::{Error, Event, Phase};
use blyan_exact::definition2::Trace;
use blyan_primitives::{finding_hash, EvaluationOutcome, Receipt, SignedReceipt};
use blyan_support::genesis_hash;
use frame_support::{assert_noop, assert_ok};
use sp_core::{sr25519, Pair, H256};
use std::sync::OnceLock;

type DisputesError = pallet_disputes::Error<Test>;

/// A wrong answer, and its check.
pub(super) fn wrong() -> &'static (Said, Trace) {
	static WRONG: OnceLock<(Said, Trace)> = OnceLock::new();
	WRONG.get_or_init(|| {
		let said = Said::right(&World::all()[0], (256, 200), 5).with_wrong_token(4, 0);
		let trace = said.trace();
		(said, trace)
	})
}

/// A right answer, and its check.
pub(super) fn right() -> &'static (Said, Trace) {
	static RIGHT: OnceLock<(Said, Trace)> = OnceLock::new();
	RIGHT.get_or_init(|| {
		let said = Said::right(&World::all()[0], (256, 200), 5);
		let trace = said.trace();
		(said, trace)
	})
}

/// Tells a story about the wrong answer, whose model is served: its receipt, and what an honest challenger found.
pub(super) fn story_of_wrong(tell: impl FnOnce(SignedReceipt, EvaluationOutcome)) {
	let (said, trace) = wrong();
	story(|| {
		said.serve();
		tell(said.signed(), Party::honest(trace).outcome());
	});
}

#[test]
fn challenge_holds_a_bond_and_waits_for_the_operator() {
	story_of_wrong(|receipt, outcome| {
		let id = receipt.id(&genesis_hash::<Test>());
		assert_ok!(challenge(&challenger(), receipt, outcome));
		let opened = Event::ReceiptChallenged {
			receipt: id,
			operator: operator(),
			challenger: challenger(),
			misses: outcome.baseline_loss,
			bond: BOND,
		};
		assert!(events().contains(&opened));
		let until = System::block_number() + DEFENCE;
		assert_eq!(record(&receipt).unwrap().phase, Phase::Open { until });
		assert_eq!((held(&challenger()), Answers::is_accused(&operator())), (BOND, true));
	});
}

#[test]
fn challenge_fails_when_it_was_not_committed_to() {
	story_of_wrong(|receipt, outcome| {
		let who = signed(&challenger());
		assert_noop!(Answers::challenge(who.clone(), receipt, outcome), DisputesError::NotCommitted);
		let hash = finding_hash(&challenger(), "challenge_answer", &(&receipt, &outcome));
		assert_ok!(Disputes::commit(who.clone(), hash));
		assert_noop!(Answers::challenge(who.clone(), receipt, outcome), DisputesError::CommitmentTooYoung);
		run_for(AGE);
		assert_ok!(Answers::challenge(who, receipt, outcome));
	});
}

/// Attack: another account reads the challenge in the pool, and sends it first with a higher tip.
#[test]
fn a_copied_challenge_comes_too_late() {
	story_of_wrong(|receipt, outcome| {
		let copier = account(3);
		let hash = finding_hash(&challenger(), "challenge_answer", &(&receipt, &outcome));
		assert_ok!(Disputes::commit(signed(&challenger()), hash));
		run_for(AGE);
		// The finder's call is in the pool: the copier has its commitment in the same block at the earliest.
		let copied = finding_hash(&copier, "challenge_answer", &(&receipt, &outcome));
		assert_noop!(Answers::challenge(signed(&copier), receipt, outcome), DisputesError::NotCommitted);
		assert_ok!(Disputes::commit(signed(&copier), copied));
		assert_noop!(
			Answers::challenge(signed(&copier), receipt, outcome),
			DisputesError::CommitmentTooYoung
		);
		assert_ok!(Answers::challenge(signed(&challenger()), receipt, outcome));
		run_for(AGE);
		assert_noop!(Answers::challenge(signed(&copier), receipt, outcome), Error::<Test>::AlreadyChallenged);
	});
}

/// Attack: a receipt that the operator never signed.
#[test]
fn challenge_fails_when_the_signature_is_forged() {
	story_of_wrong(|receipt, outcome| {
		let forger = sr25519::Pair::from_seed(&[7; 32]);
		let payload = receipt.receipt.payload(&genesis_hash::<Test>());
		let forged = SignedReceipt { signature: forger.sign(&payload), ..receipt };
		assert_noop!(tried(forged, outcome), Error::<Test>::BadSignature);
		// What was signed is the whole receipt.
		let changed = Receipt { charged: 78, ..receipt.receipt };
		assert_noop!(
			tried(SignedReceipt { receipt: changed, ..receipt }, outcome),
			Error::<Test>::BadSignature
		);
		// A key of one's own answers for no one.
		let own = SignedReceipt { key: forger.public(), signature: forger.sign(&payload), ..receipt };
		assert_noop!(tried(own, outcome), Error::<Test>::KeyUnknown);
	});
}

/// Attack: a receipt that the operator signed on another chain, such as a test network.
#[test]
fn challenge_fails_when_the_receipt_is_of_another_genesis() {
	story_of_wrong(|receipt, outcome| {
		let payload = receipt.receipt.payload(&H256([1; 32]));
		let elsewhere = SignedReceipt { signature: serving_pair().sign(&payload), ..receipt };
		assert_noop!(tried(elsewhere, outcome), Error::<Test>::BadSignature);
	});
}

/// Attack: an accomplice that has a serving key, and no stake any more, signs the operator's wrong receipt with that, has it challenged and says nothing, so that
/// it counts as refuted. The operator's own receipt is another one.
#[test]
fn a_receipt_that_another_operator_signed_as_well_protects_no_wrong_answer() {
	let (said, trace) = wrong();
	story_of_wrong(|receipt, outcome| {
		let accomplice = sr25519::Pair::from_seed(&[43; 32]);
		Serving::mutate(|keys| keys.insert(accomplice.public().0, account(5)));
		let payload = receipt.receipt.payload(&genesis_hash::<Test>());
		let twin =
			SignedReceipt { key: accomplice.public(), signature: accomplice.sign(&payload), ..receipt };
		assert_ok!(challenge(&account(2), twin, outcome));
		assert_ok!(challenge(&challenger(), receipt, outcome));
		let liar = Party::lying(trace, 0, 3, 0, 1, 0);
		assert_ok!(defend(&receipt, liar.outcome()));
		assert_eq!(play(last_game(), said, trace, [&liar, &Party::honest(trace)]), [true, false]);
		assert_eq!(offenders(), [(operator(), Some(challenger()))]);
		run_for(DEFENCE + 1);
		assert_eq!(offenders().last(), Some(&(account(5), None)));
		run_for(LATE + 1);
		assert_eq!(record(&twin), None);
	});
}

/// Attack: an outcome that has fallen already, for which no game is played and no bond lost, so that the operator has to defend again and again.
#[test]
fn challenge_fails_when_the_outcome_has_fallen_before() {
	use frame_support::{traits::Hooks, weights::Weight};
	let (said, trace) = right();
	story(|| {
		said.serve();
		let receipt = said.signed();
		let (honest, liar) = (Party::honest(trace), Party::lying(trace, 0, 2, 0, 1, 1));
		assert_ok!(challenge(&challenger(), receipt, liar.outcome()));
		assert_ok!(defend(&receipt, honest.outcome()));
		assert_eq!(play(last_game(), said, trace, [&honest, &liar]), [false, true]);
		run_for(DISPUTE + 1);
		// The challenge is over, and disputes have not forgotten the claim yet.
		Answers::on_idle(System::block_number(), Weight::MAX);
		assert_eq!(record(&receipt), None);
		assert_noop!(tried(receipt, liar.outcome()), Error::<Test>::OutcomeRefuted);
		// When they have, it costs a bond again.
		run_for(3);
		assert_ok!(challenge(&challenger(), receipt, liar.outcome()));
		assert_ok!(defend(&receipt, honest.outcome()));
		assert_eq!(play(last_game(), said, trace, [&honest, &liar]), [false, true]);
		assert_eq!(earned(&challenger()), -2 * (BOND as i128));
	});
}

/// Sends a challenge without a commitment: what is wrong with it is found first.
fn tried(receipt: SignedReceipt, outcome: EvaluationOutcome) -> sp_runtime::DispatchResult {
	Answers::challenge(signed(&challenger()), receipt, outcome)
}

#[test]
fn challenge_fails_when_the_receipt_cannot_be_computed() {
	story_of_wrong(|receipt, outcome| {
		let with = |change: fn(&mut Receipt)| {
			let mut changed = receipt.receipt;
			change(&mut changed);
			tried(sign(changed), outcome)
		};
		assert_noop!(with(|receipt| receipt.version = 2), Error::<Test>::VersionUnknown);
		assert_noop!(with(|receipt| receipt.model_root = H256([1; 32])), Error::<Test>::ModelUnknown);
		// Nothing was read, nothing was chosen, and more than the context holds.
		assert_noop!(with(|receipt| receipt.prompt_tokens_seen = 0), Error::<Test>::NotDisputable);
		assert_noop!(with(|receipt| receipt.answer_tokens = 0), Error::<Test>::NotDisputable);
		assert_noop!(with(|receipt| receipt.answer_tokens = 60), Error::<Test>::NotDisputable);
		assert_noop!(with(|receipt| receipt.answer_tokens = u32::MAX), Error::<Test>::NotDisputable);
	});
}

#[test]
fn challenge_fails_when_its_numbers_contradict_nothing() {
	story_of_wrong(|receipt, outcome| {
		let with = |change: fn(&mut EvaluationOutcome)| {
			let mut changed = outcome;
			change(&mut changed);
			tried(receipt, changed)
		};
		let no_miss =
			|outcome: &mut EvaluationOutcome| (outcome.baseline_loss, outcome.candidate_loss) = (0, 0);
		assert_noop!(with(no_miss), Error::<Test>::NoMiss);
		let inconsistent: [fn(&mut EvaluationOutcome); 6] = [
			|outcome| outcome.candidate_loss += 1,
			|outcome| outcome.sum_diff = 1,
			|outcome| outcome.sum_diff_sq = 1,
			|outcome| outcome.sequences = 2,
			|outcome| outcome.bytes += 1,
			|outcome| (outcome.baseline_loss, outcome.candidate_loss) = (14, 14),
		];
		for change in inconsistent {
			assert_noop!(with(change), Error::<Test>::OutcomeInconsistent);
		}
	});
}

#[test]
fn challenge_fails_when_the_receipt_is_challenged_or_refuted_already() {
	story_of_wrong(|receipt, outcome| {
		assert_ok!(challenge(&challenger(), receipt, outcome));
		assert_noop!(tried(receipt, outcome), Error::<Test>::AlreadyChallenged);
		// The operator is silent, and its time is over: no one takes its stake twice.
		run_for(DEFENCE + LATE + 2);
		assert_eq!(record(&receipt), None);
		assert_noop!(tried(receipt, outcome), Error::<Test>::AlreadyRefuted);
		assert_eq!(offenders().len(), 1);
	});
}

/// Attack: many challenges of right answers at once, so that an operator cannot defend them all. Each of `STEP` costs a bond more.
#[test]
fn a_flood_of_challenges_costs_the_square_of_its_size() {
	let (said, trace) = right();
	story(|| {
		said.serve();
		let liar = Party::lying(trace, 0, 0, 0, 1, 1).outcome();
		let mut expected = 0;
		for number in 0..8_u32 {
			// Receipts of one answer with different charges are different receipts.
			let receipt = sign(Receipt { charged: number.into(), ..said.receipt() });
			assert_ok!(challenge(&account(number), receipt, liar));
			expected += BOND * Balance::from(1 + number / STEP);
		}
		let all: Balance = (0..8).map(|number| held(&account(number))).sum();
		assert_eq!((all, expected), (expected, 20 * BOND));
		// The honest operator loses nothing by any of them, and is paid by each that plays and falls.
		for number in 0..8_u32 {
			let receipt = sign(Receipt { charged: number.into(), ..said.receipt() });
			assert_ok!(defend(&receipt, Party::honest(trace).outcome()));
		}
		run_for(CLOCK + 1);
		for game in 0..8 {
			assert_ok!(Disputes::claim_timeout(signed(&account(1)), game));
		}
		// No side moved, so the outside challenger falls.
		assert_eq!(earned(&operator()), 8 * 600);
		assert_eq!(offenders(), []);
		run_for(2 * DISPUTE + 4);
		assert!(!Answers::is_accused(&operator()));
		assert_eq!((0..8).map(|number| held(&account(number))).sum::<Balance>(), 0);
	});
}

/// Attack: the operator has an accomplice challenge its wrong answer and lose on purpose, so that it passes for checked. The claim can be challenged in a
/// dispute meanwhile, and the receipt again afterwards.
#[test]
fn a_feigned_challenge_protects_no_wrong_answer() {
	let (said, trace) = wrong();
	story_of_wrong(|receipt, outcome| {
		let accomplice = account(2);
		let feigned = Party::lying(trace, 0, 1, 0, 1, 2);
		let liar = Party::lying(trace, 0, 3, 0, 1, 0);
		assert_ok!(challenge(&accomplice, receipt, feigned.outcome()));
		assert_ok!(defend(&receipt, liar.outcome()));
		let subject = blyan_primitives::Subject::Answer(receipt.id(&genesis_hash::<Test>()));
		let (claim, found) = (crate::verdict(liar.outcome()), crate::verdict(outcome));
		let arguments = (subject, claim.digest(), found);
		commit_early(&challenger(), finding_hash(&challenger(), "challenge", &arguments));
		assert_ok!(Disputes::challenge(signed(&challenger()), subject, claim.digest(), found));
		let refuted = play(last_game(), said, trace, [&liar, &Party::honest(trace)]);
		assert_eq!(refuted, [true, false]);
		assert_eq!(offenders(), [(operator(), Some(challenger()))]);
		// The accomplice's game is settled: its opponent fell elsewhere.
		assert_ok!(Disputes::settle(signed(&account(1)), 0));
		assert_eq!(Reversed::get().len(), 1);
		run_for(2 * DISPUTE + 4);
		assert_eq!(record(&receipt), None);
	});
}

#[test]
fn a_feigned_challenge_that_ended_leaves_the_receipt_to_the_next() {
	let (said, trace) = wrong();
	story_of_wrong(|receipt, outcome| {
		let feigned = Party::lying(trace, 0, 1, 0, 1, 2);
		let liar = Party::lying(trace, 0, 3, 0, 1, 0);
		assert_ok!(challenge(&account(2), receipt, feigned.outcome()));
		assert_ok!(defend(&receipt, liar.outcome()));
		run_for(CLOCK + 1);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), 0));
		run_for(2 * DISPUTE + 4);
		assert_eq!(record(&receipt), None);
		assert_ok!(challenge(&challenger(), receipt, outcome));
		assert_ok!(defend(&receipt, liar.outcome()));
		assert_eq!(play(last_game(), said, trace, [&liar, &Party::honest(trace)]), [true, false]);
	});
}
