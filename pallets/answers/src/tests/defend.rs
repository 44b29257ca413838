//! Stories of `defend`, and of operators that are silent.

use super::{
	challenge::{right, story_of_wrong, wrong},
	*,
};
use crate::{Challenges, Error, Event, Phase, Silent};
use blyan_primitives::{Receipt, Subject};
use blyan_support::genesis_hash;
use frame_support::{assert_noop, assert_ok, dispatch::Pays};

#[test]
fn defend_begins_the_game_and_is_free() {
	let (said, trace) = right();
	story(|| {
		said.serve();
		let receipt = said.signed();
		let id = receipt.id(&genesis_hash::<Test>());
		let liar = Party::lying(trace, 0, 2, 0, 1, 1).outcome();
		assert_ok!(challenge(&challenger(), receipt, liar));
		let outcome = Party::honest(trace).outcome();
		let done = Answers::defend(signed(&operator()), id, outcome).unwrap();
		assert_eq!(done.pays_fee, Pays::No);
		let digest = crate::verdict(outcome).digest();
		let defended = Event::AnswerDefended { receipt: id, operator: operator(), digest, plays: true };
		assert!(events().contains(&defended));
		let until = System::block_number() + DISPUTE;
		assert_eq!(record(&receipt).unwrap().phase, Phase::Defended { outcome, until, games: 1 });
		// The bond of the challenge is that of the game now.
		assert_eq!((held(&challenger()), record(&receipt).unwrap().bond), (BOND, 0));
		assert_noop!(defend(&receipt, outcome), Error::<Test>::AlreadyDefended);
	});
}

#[test]
fn defend_fails_when_it_is_not_the_operators_or_has_a_miss() {
	let (said, trace) = right();
	story(|| {
		said.serve();
		let receipt = said.signed();
		let id = receipt.id(&genesis_hash::<Test>());
		let (honest, liar) = (Party::honest(trace).outcome(), Party::lying(trace, 0, 2, 0, 1, 1).outcome());
		assert_noop!(defend(&receipt, honest), Error::<Test>::NotChallenged);
		assert_ok!(challenge(&challenger(), receipt, liar));
		let other = signed(&account(1));
		assert_noop!(Answers::defend(other, id, honest), Error::<Test>::NotOperator);
		assert_noop!(defend(&receipt, liar), Error::<Test>::NotADefence);
	});
}

/// Attack: an operator that knows that it is wrong says nothing.
#[test]
fn a_silent_operator_loses() {
	story_of_wrong(|receipt, outcome| {
		let id = receipt.id(&genesis_hash::<Test>());
		assert_ok!(challenge(&challenger(), receipt, outcome));
		run_for(DEFENCE);
		assert_eq!(offenders(), []);
		run_for(1);
		assert_eq!(offenders(), [(operator(), None)]);
		assert_eq!(Reversed::get(), [id]);
		// The bond waits for what the operator may still show.
		assert_eq!((held(&challenger()), Answers::is_accused(&operator())), (BOND, true));
		run_for(LATE + 1);
		assert_eq!((held(&challenger()), earned(&challenger())), (0, 0));
		assert_eq!((record(&receipt), Answers::is_accused(&operator())), (None, false));
	});
}

/// Attack: a challenge of a right answer while its operator is known to be away. It defends when it is back, and owes nothing.
#[test]
fn an_honest_operator_that_was_away_defends_late() {
	let (said, trace) = right();
	story(|| {
		said.serve();
		let receipt = said.signed();
		let liar = Party::lying(trace, 1, 7, 0, 1, 1);
		assert_ok!(challenge(&challenger(), receipt, liar.outcome()));
		run_for(DEFENCE + LATE / 2);
		assert_eq!(offenders().len(), 1);
		let honest = Party::honest(trace);
		assert_ok!(defend(&receipt, honest.outcome()));
		assert_eq!(offenders(), []);
		assert_eq!(play(last_game(), said, trace, [&honest, &liar]), [false, true]);
		assert_eq!((earned(&operator()), earned(&challenger())), (600, -(BOND as i128)));
		run_for(2 * DISPUTE + LATE);
		assert_eq!((record(&receipt), offenders()), (None, vec![]));
	});
}

/// Attack: silent first, then a false defence when the offence is near. It falls like any other.
#[test]
fn a_late_false_defence_loses() {
	let (said, trace) = wrong();
	story_of_wrong(|receipt, outcome| {
		assert_ok!(challenge(&challenger(), receipt, outcome));
		run_for(DEFENCE + 5);
		let liar = Party::lying(trace, 0, 3, 0, 1, 0);
		assert_ok!(defend(&receipt, liar.outcome()));
		assert_eq!(play(last_game(), said, trace, [&liar, &Party::honest(trace)]), [true, false]);
		assert_eq!(offenders(), [(operator(), Some(challenger()))]);
	});
}

/// Attack: a second challenge of a receipt that was defended, shortly before the time of the first is over. The operator has all of its own time again.
#[test]
fn a_second_challenge_gives_as_much_time_as_the_first() {
	let (said, trace) = right();
	story(|| {
		said.serve();
		let receipt = said.signed();
		let honest = Party::honest(trace);
		let liar = Party::lying(trace, 0, 2, 0, 1, 1);
		assert_ok!(challenge(&challenger(), receipt, liar.outcome()));
		assert_ok!(defend(&receipt, honest.outcome()));
		assert_eq!(play(last_game(), said, trace, [&honest, &liar]), [false, true]);
		run_for(DISPUTE + 2);
		assert_eq!(record(&receipt), None);
		let again = Party::lying(trace, 0, 3, 0, 1, 1);
		assert_ok!(challenge(&account(2), receipt, again.outcome()));
		let until = System::block_number() + DEFENCE;
		// The first challenge's place in the line becomes due.
		run_for(DEFENCE - DISPUTE + 1);
		assert_eq!((record(&receipt).unwrap().phase, offenders()), (Phase::Open { until }, vec![]));
		run_to(until);
		assert_eq!(offenders(), []);
		run_for(1);
		assert_eq!(offenders().len(), 1);
		// Nor does it cut the time short in which a silent operator may still defend.
		assert_ok!(defend(&receipt, honest.outcome()));
		assert_eq!(play(last_game(), said, trace, [&honest, &again]), [false, true]);
		run_for(DISPUTE + 2);
		let third = Party::lying(trace, 1, 3, 0, 1, 1);
		assert_ok!(challenge(&account(3), receipt, third.outcome()));
		run_for(DEFENCE + 1);
		let late = match record(&receipt).unwrap().phase {
			Phase::Silent { until } => until,
			phase => panic!("{phase:?}"),
		};
		run_to(late);
		assert_ok!(defend(&receipt, honest.outcome()));
		assert_eq!(offenders(), []);
	});
}

/// Attack: the operator of a wrong answer has an accomplice challenge it, is silent, and defends late, so that its silence is forgiven once; then it is silent
/// for good.
#[test]
fn silence_that_was_forgiven_once_is_no_licence() {
	let (_, trace) = wrong();
	story_of_wrong(|receipt, outcome| {
		assert_ok!(challenge(&account(2), receipt, Party::lying(trace, 0, 1, 0, 1, 2).outcome()));
		run_for(DEFENCE + 1);
		assert_ok!(defend(&receipt, Party::lying(trace, 0, 3, 0, 1, 0).outcome()));
		assert_eq!(offenders(), []);
		run_for(CLOCK + 1);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), last_game()));
		run_for(2 * DISPUTE + 4);
		assert_eq!(record(&receipt), None);
		assert_ok!(challenge(&challenger(), receipt, outcome));
		run_for(DEFENCE + 1);
		assert_eq!(offenders(), [(operator(), None)]);
	});
}

/// Attack: so many offences are pending, which the operator takes back later, that the one that it cannot take back is dropped.
#[test]
fn a_silence_that_cannot_be_reported_waits_until_it_can() {
	story_of_wrong(|receipt, outcome| {
		assert_ok!(challenge(&challenger(), receipt, outcome));
		Crowded::set(true);
		run_for(DEFENCE + 1);
		assert!(matches!(record(&receipt).unwrap().phase, Phase::Open { .. }));
		assert_eq!((offenders(), Reversed::get(), held(&challenger())), (vec![], vec![], BOND));
		Crowded::set(false);
		run_for(DEFENCE + 1);
		assert_eq!(offenders(), [(operator(), None)]);
		assert_eq!(Reversed::get().len(), 1);
	});
}

/// Attack: accomplices challenge right answers, about which the operator is silent until its wrong one has fallen, so that no more can be pending against it; then
/// it defends them all.
#[test]
fn silence_about_many_answers_leaves_room_for_what_is_proven() {
	let (said, trace) = right();
	story(|| {
		said.serve();
		let of = |number: u32| sign(Receipt { charged: number.into(), ..said.receipt() });
		let liar = Party::lying(trace, 0, 2, 0, 1, 1).outcome();
		for number in 0..SILENT + 1 {
			assert_ok!(challenge(&account(number), of(number), liar));
		}
		run_for(DEFENCE + 1);
		assert_eq!(offenders().len() as u32, SILENT);
		assert!(matches!(record(&of(SILENT)).unwrap().phase, Phase::Open { .. }));
		// A late defence makes room for the next.
		assert_ok!(defend(&of(0), Party::honest(trace).outcome()));
		run_for(DEFENCE + 1);
		assert_eq!(offenders().len() as u32, SILENT);
		assert!(matches!(record(&of(SILENT)).unwrap().phase, Phase::Silent { .. }));
		run_for(2 * LATE);
		assert_eq!(Silent::<Test>::get(operator()), 0);
	});
}

#[test]
fn a_defence_after_the_offence_was_decided_is_too_late() {
	let (_, trace) = right();
	story_of_wrong(|receipt, outcome| {
		assert_ok!(challenge(&challenger(), receipt, outcome));
		run_for(DEFENCE + 1);
		Decided::set(true);
		let honest = Party::honest(trace).outcome();
		assert_noop!(defend(&receipt, honest), Error::<Test>::TooLate);
	});
}

/// Attack: the challenger empties its account, so that no game can begin. The operator defends all the same.
#[test]
fn a_challenger_without_money_hinders_no_defence() {
	use frame_support::traits::fungible::Mutate;
	let (said, trace) = right();
	story(|| {
		said.serve();
		let receipt = said.signed();
		let liar = Party::lying(trace, 0, 2, 0, 1, 1).outcome();
		assert_ok!(challenge(&challenger(), receipt, liar));
		let rest = ENDOWMENT - BOND - 1;
		let to = account(9);
		<Balances as Mutate<AccountId>>::transfer(
			&challenger(),
			&to,
			rest,
			frame_support::traits::tokens::Preservation::Preserve,
		)
		.unwrap();
		assert_ok!(defend(&receipt, Party::honest(trace).outcome()));
		// The bond that was on hold is enough for the game's.
		assert_eq!(held(&challenger()), BOND);
		assert_eq!(last_game(), 0);
	});
}

/// No window runs while a migration bars transactions.
#[test]
fn no_one_is_silent_while_transactions_are_barred() {
	story_of_wrong(|receipt, outcome| {
		assert_ok!(challenge(&challenger(), receipt, outcome));
		let at = System::block_number();
		for block in 1..=3 * DEFENCE {
			Barred::set(block);
			run_to(at + block);
		}
		assert_eq!(offenders(), []);
		run_for(DEFENCE + 1);
		assert_eq!(offenders().len(), 1);
	});
}

/// Statements of another revision can be neither proven nor defended.
#[test]
fn another_revision_voids_what_is_open() {
	story_of_wrong(|receipt, outcome| {
		let id = receipt.id(&genesis_hash::<Test>());
		assert_ok!(challenge(&challenger(), receipt, outcome));
		Challenges::<Test>::mutate(id, |record| record.as_mut().unwrap().statement.revision += 1);
		let defence = Party::honest(&right().1).outcome();
		assert_noop!(defend(&receipt, defence), Error::<Test>::DefinitionChanged);
		run_for(DEFENCE + 1);
		assert_eq!((record(&receipt), held(&challenger()), offenders()), (None, 0, vec![]));
	});
}

/// A claim that is played about stays until the game is over, however long that takes.
#[test]
fn an_open_game_keeps_the_claim() {
	let (said, trace) = right();
	story(|| {
		said.serve();
		let receipt = said.signed();
		let liar = Party::lying(trace, 0, 2, 0, 1, 1);
		assert_ok!(challenge(&challenger(), receipt, liar.outcome()));
		assert_ok!(defend(&receipt, Party::honest(trace).outcome()));
		run_for(DISPUTE + 5);
		let subject = Subject::Answer(receipt.id(&genesis_hash::<Test>()));
		use blyan_primitives::traits::Claims;
		assert!(Answers::is_disputable(subject) && !Answers::may_open(subject));
		assert_eq!(Answers::disputable(), [subject]);
		assert_eq!(Answers::candidate(subject), None);
		assert_eq!(play(last_game(), said, trace, [&Party::honest(trace), &liar]), [false, true]);
		assert!(!Answers::is_disputable(subject));
		run_for(2 * DISPUTE);
		assert_eq!((record(&receipt), Answers::is_known(subject)), (None, false));
	});
}

/// Attack: "there is no candidate" about an answer, which has none, so that only its bytes could decide.
#[test]
fn a_complaint_about_a_candidate_is_refused() {
	use blyan_primitives::{finding_hash, Verdict};
	let (said, trace) = right();
	story(|| {
		said.serve();
		let receipt = said.signed();
		assert_ok!(challenge(&challenger(), receipt, Party::lying(trace, 0, 2, 0, 1, 1).outcome()));
		assert_ok!(defend(&receipt, Party::honest(trace).outcome()));
		let subject = Subject::Answer(receipt.id(&genesis_hash::<Test>()));
		let against = crate::verdict(Party::honest(trace).outcome()).digest();
		let who = account(4);
		commit_early(&who, finding_hash(&who, "challenge", &(subject, against, Verdict::Invalid)));
		assert_noop!(
			Disputes::challenge(signed(&who), subject, against, Verdict::Invalid),
			pallet_disputes::Error::<Test>::CandidateUnknown
		);
		assert_noop!(
			Disputes::demand_tile(signed(&who), subject, against, 0),
			pallet_disputes::Error::<Test>::CandidateUnknown
		);
	});
}
