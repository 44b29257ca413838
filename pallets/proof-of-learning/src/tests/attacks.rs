//! What an attacker tries, and what it gets: each story was a success before the rule that it plays against.

use super::*;
use crate::{
	math::evaluation_fee, Announced, Event, Forgetting, Inconclusive, OpenSubmissions, Phase, Queues, Stage,
};
use blyan_primitives::{
	traits::{Claims, Service},
	DEFINITION,
};
use blyan_runtime_api::{ExpiryReason, RejectReason, SubmissionOutcome};
use frame_support::{
	assert_ok,
	traits::fungible::{Inspect, InspectHold},
};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve, One};

const FIVE: [Sr25519Keyring; 5] = [Alice, Bob, Charlie, Dave, Eve];

/// Gives operators weights so far apart that the heavy ones fill the first committee.
fn weigh(heavy: &[Sr25519Keyring]) {
	Eligible::mutate(|operators| {
		for operator in operators {
			let is_heavy = heavy.iter().any(|who| who.to_account_id() == operator.account);
			operator.weight = if is_heavy { 1_000_000_000 } else { 1 };
		}
	});
}

/// Runs until the committee that is due has been drawn.
fn run_to_draw() {
	run_to(System::block_number() + DELAY + 1);
}

fn is_open(submission: u64) -> bool {
	OpenSubmissions::<Test>::contains_key(submission)
}

/// A group that fills a whole committee was free to lie: nobody who computes the score had a claim to contradict it with, and
/// whoever saw an honest member beside itself just told the truth. Now the group must seal before it knows who comes second.
#[test]
fn attack_lie_together_when_alone_in_the_committee() {
	ExtBuilder::default().operators(&FIVE).build_and_check(|| {
		SecondCommitteeSize::set(2);
		MaxRedraws::set(1);
		weigh(&OPERATORS);
		let (lie, truth) = (score(64, 0), score(0, 0));
		let submission = submit_and_draw(1);
		let drawn = evaluation(submission).unwrap();
		assert_eq!((drawn.stage, drawn.seats.len()), (Stage::First, 3), "colluders among themselves");
		for who in OPERATORS {
			seal_as(who, submission, lie).unwrap();
		}
		// Nothing can be revealed yet, so strangers have nothing to copy.
		assert!(reveal_as(Alice, submission, lie).is_err());
		end_block();
		assert!(matches!(evaluation(submission).unwrap().stage, Stage::Between { .. }));
		run_to(System::block_number() + 1);
		end_block();
		let drawn = evaluation(submission).unwrap();
		assert_eq!((drawn.stage, drawn.seats.len(), drawn.first), (Stage::Last, 5, 3));
		let draw = subject(submission);
		for who in [Dave, Eve] {
			seal_as(who, submission, truth).unwrap();
		}
		for (who, verdict) in [(Alice, lie), (Bob, lie), (Charlie, lie), (Dave, truth), (Eve, truth)] {
			reveal_as(who, submission, verdict).unwrap();
		}
		end_block();
		assert_eq!(Heads::get()[&slot(0)].version, 0, "three of five decide nothing");
		assert_eq!(Payments::get(), []);
		// The submission is drawn again, and the lie stays there to be disputed by those who know the truth.
		assert!(is_open(submission));
		assert!(Learning::is_disputable(draw));
		assert_eq!(Learning::disputable(), [draw]);
		let claims: Vec<_> = Learning::claims(draw).into_iter().map(|(_, verdict)| verdict).collect();
		assert_eq!(claims, [lie, lie, lie, truth, truth]);
		assert!(Learning::statement(draw, 0).is_some() && Learning::job(draw, 0).is_some());
	});
}

/// Two thirds of both committees are not enough where all of them sit in the first one: no stranger would have had the bytes.
#[test]
fn attack_outvote_the_only_stranger() {
	ExtBuilder::default().operators(&FIVE).build_and_check(|| {
		CommitteeSize::set(4);
		SecondCommitteeSize::set(1);
		let first = [Alice, Bob, Charlie, Dave];
		weigh(&first);
		let (lie, truth) = (score(64, 0), score(0, 0));
		let submission = submit_and_draw(1);
		for who in first {
			seal_as(who, submission, lie).unwrap();
		}
		end_block();
		run_to(System::block_number() + 1);
		end_block();
		// The stranger cannot be kept from sealing by one of the first committee that was late on purpose.
		assert!(seal_as(Alice, submission, lie).is_err());
		seal_as(Eve, submission, truth).unwrap();
		for who in first {
			reveal_as(who, submission, lie).unwrap();
		}
		reveal_as(Eve, submission, truth).unwrap();
		end_block();
		assert_eq!(
			outcome(submission),
			Some(SubmissionOutcome::Rejected(RejectReason::NoAgreement)),
			"four of five agree, and none of them is a stranger"
		);
	});
}

#[test]
fn both_committees_that_agree_accept_an_expert() {
	ExtBuilder::default().operators(&FIVE).build_and_check(|| {
		SecondCommitteeSize::set(2);
		EvaluationFee::set(50);
		weigh(&OPERATORS);
		let submission = submit_and_draw(1);
		for who in OPERATORS {
			seal_as(who, submission, score(64, 0)).unwrap();
		}
		end_block();
		run_to(System::block_number() + 1);
		end_block();
		System::reset_events();
		// One stranger is late; the others decide when its time is over.
		seal_as(Dave, submission, score(64, 0)).unwrap();
		let Deadlines { seal, .. } = deadlines(submission);
		run_to(seal + 1);
		for who in [Alice, Bob, Charlie, Dave] {
			reveal_as(who, submission, score(64, 0)).unwrap();
		}
		end_block();
		assert!(matches!(outcome(submission), Some(SubmissionOutcome::Accepted { .. })));
		run_to_maturity(submission);
		// The reward, a part of the emission for each of four, and the miner's fee in four parts.
		assert_eq!(Payments::get().len(), 5);
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT + 2_000 - 50);
		for who in [Alice, Bob, Charlie, Dave] {
			assert_eq!(Balances::free_balance(who.to_account_id()), ENDOWMENT + 12);
		}
		assert_eq!(Slashed::get(), 2, "what four parts of fifty leave");
	});
}

/// Members that stay silent refused any expert for nothing, and a copy of it with one weight flipped stood right behind.
#[test]
fn attack_refuse_an_expert_by_silence_and_earn_with_its_copy() {
	ExtBuilder::default().operators(&FIVE).build_and_check(|| {
		CommitteeSize::set(3);
		MaxRedraws::set(3);
		MinAttestations::set(2);
		let honest = score(64, 0);
		let silent = [Alice, Bob];
		weigh(&[Alice, Bob, Charlie]);
		let thief = One.to_account_id();
		let victim = submit(1);
		submit_as(thief.clone(), slot(0), block(2)).unwrap();
		let copy = victim + 1;
		for who in silent {
			attest_as(who, victim, 1).unwrap();
			attest_as(who, copy, 2).unwrap();
		}
		run_to_draw();
		seal_as(Charlie, victim, honest).unwrap();
		let Deadlines { seal, .. } = deadlines(victim);
		run_to(seal + 1);
		reveal_as(Charlie, victim, honest).unwrap();
		end_block();
		assert_eq!(Queues::<Test>::get(0).into_inner(), [victim, copy], "the victim keeps its place");
		let record = OpenSubmissions::<Test>::get(victim).unwrap();
		assert_eq!(record.redraws, 1);
		for who in silent {
			assert!(record.absent.contains(&who.to_account_id()), "the silent are not asked again");
		}
		run_to_draw();
		let members: Vec<_> =
			evaluation(victim).unwrap().seats.into_iter().map(|seat| seat.operator).collect();
		assert!(silent.iter().all(|who| !members.contains(&who.to_account_id())), "{members:?}");
		for who in [Charlie, Dave, Eve] {
			seal_as(who, victim, honest).unwrap();
		}
		for who in [Charlie, Dave, Eve] {
			reveal_as(who, victim, honest).unwrap();
		}
		end_block();
		assert!(matches!(outcome(victim), Some(SubmissionOutcome::Accepted { .. })));
		run_to_draw();
		assert_eq!(outcome(copy), Some(SubmissionOutcome::Rejected(RejectReason::Stale)));
		assert!(Payments::get().iter().all(|(who, _)| *who != thief), "the thief is paid nothing");
	});
}

/// Colluders that reject an expert with a lie lose their stake, and gain nothing for whoever waits behind it.
#[test]
fn attack_reject_an_expert_with_a_lie_and_jump_the_queue() {
	ExtBuilder::default().build_and_check(|| {
		let victim = submit(1);
		let (second, third) = (submit(2), submit(3));
		run_to_draw();
		report(victim, [score(0, 0), score(0, 0), score(64, 0)]);
		end_block();
		// The next one is drawn already when the lie falls.
		run_to_draw();
		assert!(evaluation(second).is_some());
		Learning::refuted(subject(victim), score(0, 0).digest());
		assert_eq!(Queues::<Test>::get(0).into_inner(), [second, victim, third]);
		all_report(second, score(0, 0));
		end_block();
		assert_eq!(Queues::<Test>::get(0).into_inner(), [victim, third]);
	});
}

/// Bytes that are never shown cost the model ten minutes and its miner nothing.
#[test]
fn attack_hold_up_a_model_with_withheld_bytes() {
	ExtBuilder::default().build_and_check(|| {
		EvaluationFee::set(40);
		MaxRedraws::set(1);
		let submission = submit(1);
		for redraw in 0..2 {
			run_to_draw();
			assert!(evaluation(submission).is_some(), "{redraw}");
			run_to(deadlines(submission).reveal + 1);
			end_block();
		}
		assert_eq!(outcome(submission), Some(SubmissionOutcome::Expired(ExpiryReason::NoReports)));
		assert_eq!(Balances::total_balance(&miner()), ENDOWMENT - 40);
		assert_eq!(Slashed::get(), 40);
		assert!(Services::get().is_empty(), "who was shown nothing is not blamed");
	});
}

/// Places in the queue were free to take and to give back.
#[test]
fn attack_fill_the_queue_and_withdraw() {
	ExtBuilder::default().build_and_check(|| {
		EvaluationFee::set(100);
		let fee = |ahead| evaluation_fee(100u128, ahead);
		assert_eq!((fee(0), fee(16), fee(48)), (100, 400, 1_600));
		// A queue of 256: what a place costs, and what all of them cost.
		assert_eq!(fee(255), 28_687);
		assert!((0..256).map(fee).sum::<u128>() > 2_600_000);
		for seed in 1..=3 {
			submit(seed);
		}
		let held = Balances::balance_on_hold(&crate::HoldReason::SubmissionBond.into(), &miner());
		assert_eq!(held, 3 * BOND + fee(0) + fee(1) + fee(2));
		for submission in 0..3 {
			assert_ok!(Learning::withdraw(signed(miner()), submission));
		}
		assert_eq!(Balances::total_balance(&miner()), ENDOWMENT - fee(0) - fee(1) - fee(2));
	});
}

/// An operator that has garbage of its own judged was paid from the emission for each seat that rejected it.
#[test]
fn attack_mint_with_rejected_garbage() {
	ExtBuilder::default().build_and_check(|| {
		EvaluationFee::set(60);
		judge(1, score(-700, 0));
		run_to_maturity(0);
		assert_eq!(Payments::get(), [], "nothing is minted for a rejection");
		for who in OPERATORS {
			assert_eq!(Balances::free_balance(who.to_account_id()), ENDOWMENT + 20);
		}
		assert_eq!(Balances::total_balance(&miner()), ENDOWMENT - 60);
	});
}

/// A thousand coins to win against two and a half to lose.
#[test]
fn attack_win_more_than_the_liars_have_at_stake() {
	ExtBuilder::default().build_and_check(|| {
		Eligible::mutate(|operators| operators.iter_mut().for_each(|operator| operator.stake = 100));
		let SubmissionOutcome::Accepted { reward, .. } = judge(1, score(64, 0)) else { panic!("accepted") };
		assert_eq!(reward, 150, "half of three stakes of a hundred");
	});
}

/// What an acceptance paid went to the treasury when it was refuted, so false ones emptied the envelope of all learning.
#[test]
fn attack_drain_the_envelope_with_acceptances_that_are_refuted() {
	ExtBuilder::default().build_and_check(|| {
		EvaluationFee::set(60);
		judge(1, score(64, 0));
		Learning::refuted(subject(0), score(64, 0).digest());
		assert_eq!(Refunded::get(), 2_000, "the envelope has it again");
		run_to(System::block_number() + DELAY + 1);
		all_report(0, score(0, 0));
		end_block();
		run_to_maturity(0);
		assert_eq!(
			Balances::total_balance(&miner()),
			ENDOWMENT - 60,
			"the members that found the truth have it"
		);
		assert_eq!(Slashed::get(), 0);
	});
}

/// Whoever owns most of the stake could leave its own operators out by submitting itself, and be judged by two accomplices.
#[test]
fn attack_shrink_the_committee_to_ones_accomplices() {
	ExtBuilder::default().operators(&FIVE).build_and_check(|| {
		Eligible::mutate(|operators| {
			for operator in operators.iter_mut().take(3) {
				operator.owner = miner();
				operator.stake = 10 * STAKE;
			}
		});
		let submission = submit(1);
		run_to(System::block_number() + DELAY + DRAW + 1);
		end_block();
		assert_eq!(outcome(submission), Some(SubmissionOutcome::Expired(ExpiryReason::NoCommittee)));
		assert_eq!(Balances::total_balance(&miner()), ENDOWMENT, "nobody was kept busy");
	});
}

/// An upgrade that changes a number of the definition made every true claim false.
#[test]
fn attack_hold_a_seal_of_the_old_definition_against_its_maker() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		for who in OPERATORS {
			seal_as(who, submission, score(64, 0)).unwrap();
		}
		// The runtime is upgraded between seal and reveal.
		OpenSubmissions::<Test>::mutate(submission, |record| {
			let Some(Phase::Evaluating(drawn)) = record.as_mut().map(|record| &mut record.phase) else {
				panic!("it is evaluated")
			};
			drawn.terms.definition = DEFINITION - 1;
		});
		end_block();
		assert!(evaluation(submission).is_none(), "it is drawn again, under the new one");
		run_to_draw();
		assert_eq!(evaluation(submission).unwrap().terms.definition, DEFINITION);
		assert_eq!((Services::get(), Reported::get()), (vec![], vec![]), "nobody is blamed");
		all_report(submission, score(64, 0));
		end_block();
		assert!(matches!(outcome(submission), Some(SubmissionOutcome::Accepted { .. })));
	});
}

#[test]
fn a_draw_that_came_to_nothing_is_forgotten_when_nobody_disputes_it() {
	ExtBuilder::default().build_and_check(|| {
		MaxRedraws::set(1);
		let submission = submit_and_draw(1);
		let draw = subject(submission);
		report(submission, [score(64, 0), score(1, 0), score(2, 0)]);
		System::reset_events();
		end_block();
		assert!(matches!(events()[..], [Event::Redrawn { submission: 0, redraw: 1, .. }]));
		assert_eq!((Inconclusive::<Test>::count(), Forgetting::<Test>::get().len()), (1, 1));
		Learning::note_opened(draw);
		assert!(Forgetting::<Test>::get().is_empty());
		run_to(System::block_number() + CHALLENGE + 1);
		assert!(Learning::is_disputable(draw), "a dispute keeps it");
		// What falls there changes nothing: no decision rests on it.
		Learning::refuted(draw, score(1, 0).digest());
		Learning::note_closed(draw);
		assert!(!Learning::is_disputable(draw));
		run_to(System::block_number() + 1);
		end_block();
		assert_eq!(Inconclusive::<Test>::count(), 0);
	});
}

/// Eight submissions of random hashes from each of a few accounts kept a model busy with bytes that nobody ever showed.
#[test]
fn attack_stand_in_the_way_with_bytes_that_nobody_has() {
	ExtBuilder::default().build_and_check(|| {
		MinAttestations::set(2);
		EvaluationFee::set(40);
		let (empty, honest) = (submit(1), submit(2));
		for who in [Alice, Bob] {
			attest_as(who, honest, 2).unwrap();
		}
		assert!(attest_as(Alice, honest, 2).is_err(), "once is enough");
		assert!(attest_as(Charlie, honest, 2).is_err(), "two are enough");
		assert!(attest_as(Alice, empty, 2).is_err(), "the bytes of another one");
		run_to_draw();
		assert!(evaluation(honest).is_some(), "it does not wait for the one in front of it");
		all_report(honest, score(0, 0));
		run_to(1 + BYTES);
		end_block();
		assert!(is_open(empty), "bytes may still come");
		run_to(2 + BYTES);
		end_block();
		assert_eq!(outcome(empty), Some(SubmissionOutcome::Expired(ExpiryReason::BytesMissing)));
		assert_eq!(Slashed::get(), 40, "a place costs something, whatever stands there");
		assert!(Announced::<Test>::get().is_empty());
	});
}

/// Whoever uploads slowly keeps its rank: the first to announce is the first to be judged.
#[test]
fn attack_overtake_a_slow_upload() {
	ExtBuilder::default().build_and_check(|| {
		MinAttestations::set(1);
		let (first, slow, fast) = (submit(1), submit(2), submit(3));
		attest_as(Alice, first, 1).unwrap();
		run_to_draw();
		assert!(evaluation(first).is_some());
		attest_as(Alice, fast, 3).unwrap();
		attest_as(Bob, slow, 2).unwrap();
		assert_eq!(Queues::<Test>::get(0).into_inner(), [first, slow, fast]);
		// It can be taken back before its bytes are there, and after.
		let late = submit(4);
		assert_ok!(Learning::withdraw(signed(miner()), late));
		assert_ok!(Learning::withdraw(signed(miner()), slow));
		assert_eq!(Queues::<Test>::get(0).into_inner(), [first, fast]);
	});
}

/// The window was shortened while a submission waited: those after it close in their own time, not in its.
#[test]
fn announced_submissions_close_by_their_own_deadlines() {
	ExtBuilder::default().build_and_check(|| {
		MinAttestations::set(2);
		let patient = submit(1);
		BytesWindow::set(BYTES / 2);
		let hasty = submit(2);
		run_to(2 + BYTES / 2);
		end_block();
		assert_eq!(outcome(hasty), Some(SubmissionOutcome::Expired(ExpiryReason::BytesMissing)));
		assert!(is_open(patient));
		run_to(2 + BYTES);
		end_block();
		assert_eq!(outcome(patient), Some(SubmissionOutcome::Expired(ExpiryReason::BytesMissing)));
	});
}

/// Operators that attest to bytes which no committee can get are remembered for it; those who never claimed to have them are not.
#[test]
fn attack_attest_to_bytes_that_are_not_there() {
	ExtBuilder::default().operators(&FIVE).build_and_check(|| {
		MinAttestations::set(1);
		let submission = submit(1);
		attest_as(Alice, submission, 1).unwrap();
		run_to_draw();
		run_to(deadlines(submission).reveal + 1);
		end_block();
		assert_eq!(outcome(submission), Some(SubmissionOutcome::Expired(ExpiryReason::NoReports)));
		let blamed: Vec<_> = Services::get().into_iter().map(|(who, _)| who).collect();
		assert!(!blamed.is_empty() && blamed.iter().all(|who| *who == Alice.to_account_id()), "{blamed:?}");
		assert!(Services::get().contains(&(Alice.to_account_id(), Service::BytesMissing)));
	});
}

/// Sixteen acceptances of one slot, a few minutes of work, made every older decision's baseline unknown: honest workers lost
/// their true claims by the clock, and a lie could not be computed any more.
#[test]
fn attack_make_a_claim_undefendable_with_a_sliced_improvement() {
	ExtBuilder::default().build_and_check(|| {
		Remembered::set(3);
		MaxRedraws::set(1);
		let undecided = submit_and_draw(1);
		let inconclusive = subject(undecided);
		report(undecided, [score(64, 0), score(1, 0), score(2, 0)]);
		end_block();
		assert_eq!(Inconclusive::<Test>::count(), 1);
		run_to_draw();
		end_block();
		let decided = subject(undecided);
		let jobs = [inconclusive, decided].map(|subject| Learning::job(subject, 0));
		all_report(undecided, score(64, 0));
		end_block();
		for _ in 0..40 {
			Experts::promote_again(slot(0));
		}
		assert!(jobs[0].is_some());
		assert_eq!(Learning::job(inconclusive, 0), jobs[0]);
		assert!(Learning::job(decided, 0).is_some());
		run_to(System::block_number() + 500);
	});
}

/// Generations that are kept are bounded. Where there is no room, a draw waits: no claim is ever made that could not be
/// defended.
#[test]
fn attack_fill_the_room_for_generations_and_have_claims_made_without_any() {
	ExtBuilder::default().build_and_check(|| {
		MaxKept::set(0);
		let submission = submit(1);
		run_to_draw();
		end_block();
		assert!(evaluation(submission).is_none() && is_open(submission));
		MaxKept::set(1);
		end_block();
		assert!(evaluation(submission).is_some());
	});
}

/// Judges an expert on a day on which its miner may still submit one.
fn judge_on(seed: u8, verdict: blyan_primitives::Verdict) -> SubmissionOutcome {
	crate::Miners::<Test>::mutate(miner(), |record| record.uploads = 0);
	// Only so many decisions may be in doubt at a time.
	let maturing = crate::Maturing::<Test>::get();
	if maturing.is_full() {
		run_to_maturity(maturing[0].0);
	}
	judge(seed, verdict)
}

/// Reports whether this many acceptances in a row, each of which loses `loss` a byte on the guard sample, all come through.
fn wear_down(first: u8, times: u8, loss: i64) -> Vec<bool> {
	(first..first + times)
		.map(|seed| matches!(judge_on(seed, guarded_score(640, -loss)), SubmissionOutcome::Accepted { .. }))
		.collect()
}

/// The guard was held against the current head each time, so every acceptance could be a little worse elsewhere than the one
/// before it, and ten of them cost ten tolerances while each was paid for what it gained on the public sample.
#[test]
fn attack_wear_the_guard_down_in_small_steps() {
	ExtBuilder::default().with_guard().build_and_check(|| {
		let loss = i64::from(TOLERANCE) / 2;
		assert_eq!(wear_down(1, 8, loss), [true, true, true, true, true, true, false, false]);
		let sample = Learning::guard_sample(0).unwrap();
		assert_eq!(Learning::guard_left(0, Some(&sample)), 0);
	});
}

/// Spending the whole budget does not shut the door on others: what leaves the guard sample as it is needs none of it, and
/// what improves it pays it back.
#[test]
fn attack_burn_the_guard_budget_to_have_honest_experts_refused() {
	ExtBuilder::default().with_guard().build_and_check(|| {
		let accepted = |seed, guard| {
			matches!(judge_on(seed, guarded_score(640, guard)), SubmissionOutcome::Accepted { .. })
		};
		assert_eq!(wear_down(1, 3, i64::from(TOLERANCE) - 1), [true, true, true]);
		assert!(!accepted(4, -100), "nothing to speak of is left");
		assert!(accepted(5, 0), "nothing lost");
		assert!(accepted(6, 40), "something gained");
		assert!(
			!accepted(7, -44) && accepted(8, -43),
			"three of the last step were left, and forty came back"
		);
		// Governance starts over from the model as it is.
		Learning::register_guard(RuntimeOrigin::root(), 0, guard()).unwrap();
		assert!(accepted(9, -100));
	});
}

/// A false gain on the guard sample would be a budget that is spent before the lie falls.
#[test]
fn attack_earn_guard_budget_with_a_score_that_is_refuted() {
	ExtBuilder::default().with_guard().build_and_check(|| {
		assert_eq!(wear_down(1, 2, 600), [true, true]);
		let sample = Learning::guard_sample(0).unwrap();
		let before = Learning::guard_left(0, Some(&sample));
		for (seed, claimed) in [(3, 500), (4, -500)] {
			let lie = guarded_score(640, claimed);
			assert!(matches!(judge_on(seed, lie), SubmissionOutcome::Accepted { .. }));
			assert_ne!(Learning::guard_left(0, Some(&sample)), before);
			let submission = u64::from(seed) - 1;
			Learning::refuted(subject(submission), lie.digest());
			assert_eq!(
				Learning::guard_left(0, Some(&sample)),
				before,
				"a loss that never was costs no one anything"
			);
			run_to(System::block_number() + DELAY + 1);
			all_report(submission, guarded_score(0, 0));
			end_block();
			run_to_maturity(submission);
		}
		// An expert that was replaced cannot be taken back. A gain that it claimed is not kept all the same.
		let lie = guarded_score(640, 500);
		judge_on(5, lie);
		judge_on(6, guarded_score(640, 0));
		Learning::refuted(subject(4), lie.digest());
		assert_eq!(Learning::guard_left(0, Some(&sample)), before);
	});
}

/// Every candidate is measured on the same guard sequences, which the draw names together with what may be lost on them.
#[test]
fn the_terms_of_a_draw_name_the_guard_sample_and_what_is_left_of_the_budget() {
	ExtBuilder::default().with_guard().build_and_check(|| {
		let terms = |seed| evaluation(submit_and_draw(seed)).unwrap().terms;
		let first = terms(1);
		all_report(0, guarded_score(640, -10));
		end_block();
		let second = terms(2);
		assert_eq!(first.guard, second.guard);
		assert_ne!(first.target.seed, second.target.seed);
		let bytes = u64::from(SAMPLE) * u64::from(GUARD_SEQUENCE);
		assert_eq!(first.rule.guard_left, u64::from(3 * TOLERANCE) * bytes);
		assert_eq!(first.rule.guard_left - second.rule.guard_left, 10 * bytes);
	});
}

/// Nodes looked for what they must keep among the last two thousand numbers, so two thousand cheap submissions made them
/// forget the candidates of older decisions. What is open and what can be disputed is asked for as such.
#[test]
fn attack_have_nodes_forget_a_decision_behind_thousands_of_submissions() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(64, 0));
		let waiting = submit(2);
		crate::NextSubmission::<Test>::put(1_000_000);
		let late = submit(3);
		assert_eq!(Learning::open_submissions(), [waiting, late]);
		assert_eq!(Learning::disputable(), [subject(0)]);
		assert!(Learning::job(subject(0), 0).is_some());
	});
}

/// A copy that is disguised until it is none to the chain keeps two fifths of the gain. From ever new accounts, each with a
/// budget of errors of its own, enough of them passed to pay for the others. A miner that has an expert in the model is
/// measured less strictly, and has spent that at the first failure.
#[test]
fn attack_submit_disguised_copies_of_refused_experts_from_new_accounts() {
	ExtBuilder::default().build_and_check(|| {
		NewcomerAttempts::set(20);
		let lucky = score(100, 32);
		assert_eq!(Learning::terms(miner()).attempts, 20);
		let reason = RejectReason::NotCertain { improvement: 100 };
		assert_eq!(judge(1, lucky), SubmissionOutcome::Rejected(reason));
		assert_eq!(Learning::terms(miner()).attempts, 21);
		assert!(matches!(judge(2, score(640, 0)), SubmissionOutcome::Accepted { .. }));
		assert!(matches!(judge(3, lucky), SubmissionOutcome::Accepted { .. }));
	});
}
