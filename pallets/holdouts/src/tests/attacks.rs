//! Attacks, one story each: the table is in the README.

use super::mock::*;
use crate::{Chunks, Error, Fault, Keepers, LeakNotices, Phase, LEAK_NOTICE};
use blyan_primitives::{traits::SealedHoldouts, Look, SealedHoldout};
use blyan_support::mocks;
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use std::collections::BTreeMap;

/// Of many appointments, how many each keeper got.
fn appointments(count: u32, miner: u32) -> BTreeMap<u32, u32> {
	let mut all = BTreeMap::new();
	for number in 0..count {
		let submission = u64::from(number) + 1_000;
		let at = System::block_number();
		let asked =
			<Holdouts as SealedHoldouts<AccountId, u32>>::request(submission, MODEL, &account(miner), at);
		assert_eq!(asked, SealedHoldout::Asked);
		*all.entry(wait_for_appointment(submission)).or_default() += 1;
		close(submission);
	}
	all
}

#[test]
fn attack_be_the_keeper_of_the_own_submission() {
	check(|| {
		sealed_with(4);
		assert!(!appointments(60, KEEPER).contains_key(&KEEPER), "the miner itself");
		// An operator that belongs to the miner.
		let own = blyan_primitives::traits::EligibleOperator {
			owner: account(MINER),
			..blyan_primitives::traits::EligibleOperator::independent(account(KEEPER + 1), 10)
		};
		mocks::register(own, key(50));
		assert!(!appointments(60, MINER).contains_key(&(KEEPER + 1)), "its operator");
	});
}

#[test]
fn attack_split_a_bond_among_many_accounts() {
	check(|| {
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, Some(RULES)));
		// One keeper with the bond of four, and four with one each.
		keep(KEEPER);
		assert_ok!(Holdouts::join(signed(KEEPER), 3 * BOND));
		(1..5).for_each(|other| keep(KEEPER + other));
		run(1);
		let got = appointments(400, MINER).remove(&KEEPER).unwrap();
		// Half of 400; four standard deviations are forty.
		assert!((160..=240).contains(&got), "{got}");
	});
}

#[test]
fn attack_commit_to_a_chunk_when_the_candidate_is_known() {
	check(|| {
		sealed_with(3);
		ask(SUBMISSION);
		// A text on which the candidate is good, by a keeper with the bond of a hundred.
		assert_ok!(Holdouts::join(signed(KEEPER + 5), 80 * BOND));
		assert_ok!(commit(KEEPER + 5, KEEPER + 5));
		assert_ne!(wait_for_appointment(SUBMISSION), KEEPER + 5);
	});
}

/// The friend of some keepers commits to an expert and waits until all chunks but theirs are younger than it.
#[test]
fn attack_wait_until_the_chunks_of_others_are_younger_than_the_candidate() {
	check(|| {
		sealed_with(3);
		let known_at = System::block_number();
		run(1);
		// Of eight equal bonds three are the coalition's, with the only old chunks.
		(3..8).for_each(|other| keep(KEEPER + other));
		run(1);
		let mut colluding = 0;
		for submission in 1_000..1_030 {
			<Holdouts as SealedHoldouts<AccountId, u32>>::request(
				submission,
				MODEL,
				&account(MINER),
				known_at,
			);
			run(4);
			assert!(matches!(phase(submission), Some(Phase::Starved { .. })), "{:?}", phase(submission));
			assert!(<Holdouts as SealedHoldouts<AccountId, u32>>::is_starved(submission));
			colluding += u32::from(wait_for_appointment(submission) < KEEPER + 3);
			close(submission);
		}
		// 11 are expected; five standard deviations are 13.
		assert!(colluding < 25, "{colluding} of 30");
	});
}

#[test]
fn attack_raise_a_bond_when_the_seed_is_known() {
	check(|| {
		sealed_with(4);
		ask(SUBMISSION);
		run(1);
		assert_ok!(Holdouts::join(signed(KEEPER), 80 * BOND));
		assert_ne!(wait_for_appointment(SUBMISSION), KEEPER);
		// It counts in the next draw.
		close(SUBMISSION);
		let got = appointments(40, MINER).remove(&KEEPER).unwrap();
		assert!(got > 25, "{got} of 40, with 81 of 84 bonds");
	});
}

/// A keeper that leaves a draw whose seed is known moves no ticket of the others: it cannot choose among its own keepers and theirs.
#[test]
fn attack_leave_the_draw_when_the_seed_is_known() {
	let winner = |leaves: Option<u32>| {
		new_ext().execute_with(|| {
			sealed_with(8);
			ask(SUBMISSION);
			run(1);
			if let Some(keeper) = leaves {
				assert_ok!(withdraw(keeper, keeper));
			}
			wait_for_appointment(SUBMISSION)
		})
	};
	let drawn = winner(None);
	for loser in (KEEPER..KEEPER + 8).filter(|keeper| *keeper != drawn) {
		assert_eq!(winner(Some(loser)), drawn, "without {loser}");
	}
	assert_ne!(winner(Some(drawn)), drawn);
}

#[test]
fn attack_open_something_else() {
	check(|| {
		sealed_with(3);
		ask(SUBMISSION);
		let keeper = wait_for_appointment(SUBMISSION);
		assert_noop!(reveal(keeper, SUBMISSION, 999), Error::<Test>::CommitmentMismatch);
		let other = (KEEPER..KEEPER + 3).find(|other| *other != keeper).unwrap();
		assert_noop!(reveal(other, SUBMISSION, other), Error::<Test>::NotAppointed);
		assert_ok!(reveal(keeper, SUBMISSION, keeper));
		assert_noop!(reveal(keeper, SUBMISSION, keeper), Error::<Test>::NotAppointed);
	});
}

#[test]
fn attack_open_what_was_opened_before() {
	check(|| {
		sealed_with(8);
		ask(SUBMISSION);
		// It is public now, and another keeper commits to it.
		let (number, _) = look(SUBMISSION);
		close(SUBMISSION);
		let copier = KEEPER + 9;
		assert_ok!(Holdouts::join(signed(copier), 50 * BOND));
		assert_ok!(commit(copier, number));
		run(1);
		ask(SUBMISSION + 1);
		while wait_for_appointment(SUBMISSION + 1) != copier {
			run(REVEAL + 2);
		}
		assert_noop!(reveal(copier, SUBMISSION + 1, number), Error::<Test>::AlreadyPublic);
	});
}

#[test]
fn attack_stay_silent_to_stop_a_rival() {
	check(|| {
		sealed_with(5);
		ask(SUBMISSION);
		let silent = wait_for_appointment(SUBMISSION);
		// More chunks do not let it try again soon.
		assert_ok!(commit(silent, 500));
		run(REVEAL + 2);
		let record = Keepers::<Test>::get(account(silent)).unwrap();
		assert!(record.suspended_until > System::block_number() + SUSPENSION - 3);
		assert!(record.bond < BOND, "it is not appointed before it has made its loss good");
		assert_noop!(commit(silent, 501), Error::<Test>::BondTooSmall);
		let (other, _) = look(SUBMISSION);
		assert_ne!(other, silent, "the rival is measured all the same");
	});
}

#[test]
fn attack_keep_noise() {
	check(|| {
		sealed_with(4);
		ask(SUBMISSION);
		let (keeper, _) = look(SUBMISSION);
		// Eight bits a byte, and a candidate that would have been refused for it.
		assert_eq!(measured(SUBMISSION, 8, false), Look::Void);
		let record = Keepers::<Test>::get(account(keeper)).unwrap();
		assert_eq!((record.bond, record.faults, record.chunks), (BOND - PENALTY, 1, 0));
		assert!(!keepers_of(SUBMISSION).contains(&account(keeper)), "it is not paid");
		assert_ne!(look(SUBMISSION).0, keeper);
		assert_eq!(Slashed::get(), 0, "the score can be disputed");
		let draw = penalties()[0];
		end_disputes();
		assert_eq!(Slashed::get(), PENALTY);
		let event = crate::Event::PenaltyCollected { keeper: account(keeper), draw, amount: PENALTY };
		assert_eq!(events().last(), Some(&event));
	});
}

/// A committee of liars has a keeper punished for a text that is sound.
#[test]
fn attack_have_a_keeper_punished_by_a_false_score() {
	check(|| {
		sealed_with(4);
		ask(SUBMISSION);
		let (keeper, _) = look(SUBMISSION);
		assert_eq!(measured(SUBMISSION, 8, false), Look::Void);
		let draw = penalties()[0];
		refute(DIGEST);
		assert_eq!(Balances::free_balance(account(keeper)), ENDOWMENT - BOND + PENALTY);
		let event = crate::Event::PenaltyReturned { keeper: account(keeper), draw, amount: PENALTY };
		assert_eq!(events().last(), Some(&event));
		let record = Keepers::<Test>::get(account(keeper)).unwrap();
		// Back in the bond, at a moment that a disputer chooses, it would win a draw whose seed is known.
		assert_eq!((record.bond, record.faults), (BOND - PENALTY, 0));
		end_disputes();
		assert_eq!(Slashed::get(), 0, "there is nothing left to take");
	});
}

/// The keeper of noise, or its friend in the committee, lets another verdict fall than the one that was agreed on.
#[test]
fn attack_win_a_penalty_back_by_another_verdict() {
	check(|| {
		sealed_with(4);
		ask(SUBMISSION);
		look(SUBMISSION);
		assert_eq!(measured(SUBMISSION, 8, false), Look::Void);
		refute(H256([9; 32]));
		assert_eq!(penalties().len(), 1);
		end_disputes();
		assert_eq!(Slashed::get(), PENALTY);
	});
}

#[test]
fn attack_leave_before_a_penalty_is_taken() {
	check(|| {
		sealed_with(4);
		ask(SUBMISSION);
		let (keeper, _) = look(SUBMISSION);
		assert_eq!(measured(SUBMISSION, 8, false), Look::Void);
		assert_ok!(Holdouts::leave(signed(keeper)));
		assert_eq!(Balances::free_balance(account(keeper)), ENDOWMENT - PENALTY);
		// It comes back: its new bond does not pay for the old fault.
		assert_ok!(Holdouts::join(signed(keeper), BOND));
		Holdouts::do_try_state().unwrap();
		end_disputes();
		assert_eq!(Slashed::get(), PENALTY);
		assert_eq!(Keepers::<Test>::get(account(keeper)).unwrap().bond, BOND);
	});
}

#[test]
fn attack_keep_what_the_model_knows_by_heart() {
	check(|| {
		sealed_with(4);
		ask(SUBMISSION);
		look(SUBMISSION);
		assert_eq!(measured(SUBMISSION, 0, true), Look::Void);
	});
}

/// The buyer of a chunk can only know that it is the one if it is shown the salt, and then it can report the seller for more than
/// the silence is worth to it.
#[test]
fn attack_sell_a_chunk_with_its_proof() {
	check(|| {
		sealed_with(3);
		let report = |by, number| {
			let bytes = name_of(&text(number));
			Holdouts::report_leak(signed(by), account(KEEPER), MODEL, bytes, SALT)
		};
		assert_ok!(announce_leak(MINER, 999));
		run(LEAK_NOTICE);
		assert_noop!(report(MINER, 999), Error::<Test>::ChunkUnknown);
		assert_ok!(announce_leak(MINER, KEEPER));
		run(LEAK_NOTICE);
		assert_ok!(report(MINER, KEEPER));
		let taken = PENALTY + DEPOSIT;
		assert_eq!(Balances::free_balance(account(MINER)), ENDOWMENT + taken / 2);
		assert_eq!(Slashed::get(), taken / 2);
		assert_eq!(Chunks::<Test>::get(MODEL, account(KEEPER)).len(), 0);
		assert_noop!(report(MINER, KEEPER), Error::<Test>::LeakNotAnnounced);
		let event =
			crate::Event::KeeperPenalised { keeper: account(KEEPER), fault: Fault::Leaked, amount: taken };
		assert!(events().contains(&event));
	});
}

#[test]
fn attack_take_a_sold_chunk_back_when_its_report_is_in_the_pool() {
	check(|| {
		sealed_with(3);
		assert_ok!(withdraw(KEEPER, KEEPER));
		run(NOTICE - LEAK_NOTICE - 1);
		assert_noop!(withdraw(KEEPER, KEEPER), Error::<Test>::NoticeNotOver);
		let bytes = name_of(&text(KEEPER));
		assert_ok!(announce_leak(MINER, KEEPER));
		run(LEAK_NOTICE);
		assert_ok!(Holdouts::report_leak(signed(MINER), account(KEEPER), MODEL, bytes, SALT));
		assert_noop!(withdraw(KEEPER, KEEPER), Error::<Test>::ChunkUnknown);
	});
}

#[test]
fn attack_copy_a_report_from_the_pool() {
	check(|| {
		sealed_with(3);
		let bytes = name_of(&text(KEEPER));
		let thief = 1;
		let report = |by| Holdouts::report_leak(signed(by), account(KEEPER), MODEL, bytes, SALT);
		assert_ok!(announce_leak(MINER, KEEPER));
		run(LEAK_NOTICE - 1);
		assert_noop!(report(MINER), Error::<Test>::LeakNoticeTooNew);
		run(1);
		// The honest report is in the pool now: its bytes and salt are known, and this block's first places are for sale.
		assert_noop!(report(thief), Error::<Test>::LeakNotAnnounced);
		let hash = LeakNotices::<Test>::get(account(MINER)).unwrap().hash;
		assert_ok!(Holdouts::announce_leak(signed(thief), Some(hash)));
		assert_noop!(report(thief), Error::<Test>::LeakNotAnnounced);
		assert_ok!(announce_leak(thief, KEEPER));
		// Authors that are in league with the thief keep the honest report out of their blocks, and are not enough of them in a row.
		run(LEAK_NOTICE - 1);
		assert_noop!(report(thief), Error::<Test>::LeakNoticeTooNew);
		assert_ok!(report(MINER));
		run(1);
		assert_noop!(report(thief), Error::<Test>::ChunkUnknown);
		assert_ok!(Holdouts::announce_leak(signed(thief), None));
		assert_noop!(Holdouts::announce_leak(signed(thief), None), Error::<Test>::LeakNotAnnounced);
		assert_eq!(LeakNotices::<Test>::iter().count(), 0);
	});
}

#[test]
fn a_chunk_with_notice_is_not_appointed() {
	check(|| {
		sealed_with(4);
		assert_ok!(withdraw(KEEPER, KEEPER));
		ask(SUBMISSION);
		assert_ne!(wait_for_appointment(SUBMISSION), KEEPER);
	});
}

/// It would be cheaper than being reported, and still loses.
#[test]
fn attack_report_the_own_leak() {
	check(|| {
		sealed_with(3);
		let bytes = name_of(&text(KEEPER));
		assert_ok!(announce_leak(KEEPER, KEEPER));
		run(LEAK_NOTICE);
		assert_ok!(Holdouts::report_leak(signed(KEEPER), account(KEEPER), MODEL, bytes, SALT));
		let all =
			Balances::free_balance(account(KEEPER)) + Keepers::<Test>::get(account(KEEPER)).unwrap().bond;
		assert_eq!(all, ENDOWMENT - (PENALTY + DEPOSIT) / 2);
	});
}

#[test]
fn attack_attest_to_the_own_bytes() {
	check(|| {
		// A keeper that is an operator, with a second operator of the same owner.
		let own = |account_of: u32, owner: u32| blyan_primitives::traits::EligibleOperator {
			owner: account(owner),
			..blyan_primitives::traits::EligibleOperator::independent(account(account_of), 10)
		};
		sealed_with(3);
		ask(SUBMISSION);
		let keeper = wait_for_appointment(SUBMISSION);
		mocks::register(own(keeper, keeper), key(51));
		mocks::register(own(60, keeper), key(60));
		mocks::register(own(61, 1), key(61));
		assert_ok!(reveal(keeper, SUBMISSION, keeper));
		for related in [51, 60] {
			assert!(attest(related, SUBMISSION, keeper).is_err());
		}
		assert_ok!(attest(1, SUBMISSION, keeper));
		assert!(attest(61, SUBMISSION, keeper).is_err(), "another operator of the first one's owner");
		assert_eq!(ask(SUBMISSION), SealedHoldout::Waiting);
		assert_ok!(attest(2, SUBMISSION, keeper));
		assert!(matches!(phase(SUBMISSION), Some(Phase::Ready { .. })));
	});
}

/// A coalition that shows its chunks to a miner needs one on every look.
#[test]
fn attack_collude_with_a_share_of_the_keepers() {
	check(|| {
		sealed_with(12);
		// A quarter: three of twelve.
		let is_colluding = |keeper: u32| keeper < KEEPER + 3;
		let (mut one, mut both) = (0, 0);
		for number in 0..300u64 {
			let submission = 2_000 + number;
			ask(submission);
			let first = wait_for_appointment(submission);
			if is_colluding(first) {
				one += 1;
				// The first look is passed. The chunk of the second is another keeper's.
				crate::Rounds::<Test>::mutate(submission, |round| {
					let round = round.as_mut().unwrap();
					let Phase::Revealing { keeper, chunk, .. } = round.phase.clone() else { unreachable!() };
					Holdouts::return_chunk(MODEL, &keeper, chunk);
					Keepers::<Test>::mutate(&keeper, |record| record.as_mut().unwrap().chunks += 1);
					round.looked.try_push(keeper).unwrap();
					round.phase = Phase::Starved { until: System::block_number() };
				});
				both += u32::from(is_colluding(wait_for_appointment(submission)));
			}
			close(submission);
		}
		// Of 300: 75 expected with one look, 75 x 2/11 = 13.6 with two; bounds of four standard deviations.
		assert!((45..=105).contains(&one), "{one}");
		assert!(both <= 28, "{both}");
	});
}
