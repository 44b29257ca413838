//! Who may put what against what, and what follows from who is right.

use super::*;
use crate::{game::Side, Call, Error, Event, Pairs, Word};
use blyan_primitives::{Score, Verdict};
use frame_support::{assert_noop, assert_ok};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie, Dave};

#[test]
fn an_honest_challenger_beats_a_lying_majority() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		all_claim(liar.verdict());
		let game = challenge(&challenger(), &liar.verdict(), &honest());
		assert_eq!((held(&challenger()), book().open), (BOND, 1));
		let helper = account(1);
		play_out(game, [&helper, &challenger()], [&liar, &Party::honest()]);
		assert_eq!(refuted(game), [true, false]);
		// The decision falls, everybody who signed it is reported, and the challenger is whole.
		assert_eq!(book().refuted, [liar.digest()]);
		let reporter = Some(challenger());
		assert_eq!(offenders(), OPERATORS.map(|who| (who.to_account_id(), reporter.clone())));
		assert_eq!((held(&challenger()), Balances::free_balance(challenger())), (0, ENDOWMENT));
		assert_eq!(book().open, 0);
	});
}

#[test]
fn a_lying_challenger_pays_those_whose_claim_it_attacked() {
	story(|| {
		let liar = Party::lying(Spot::at(0, 3, program().operators() - 3));
		all_claim(honest());
		let game = challenge(&challenger(), &honest(), &liar.verdict());
		let (first, second) = (account(1), account(2));
		// One of the defenders moves once, the other does the rest: five openings and the witness.
		assert_ok!(open(&first, game, Side::First, &Party::honest()));
		assert_ok!(open(&challenger(), game, Side::Second, &liar));
		let rounds = play_out(game, [&second, &challenger()], [&Party::honest(), &liar]);
		assert_eq!((rounds, refuted(game)), (6, [false, true]));
		// Sixty percent of the bond belong to those who made the claim, in equal parts; who moved for it has nothing of it.
		let earned = |who: &AccountId| Balances::free_balance(who) - ENDOWMENT;
		assert_eq!((earned(&first), earned(&second)), (0, 0));
		assert_eq!(OPERATORS.map(|who| earned(&who.to_account_id())), [200; 3]);
		assert_eq!(Slashed::get(), BOND - 600);
		assert_eq!((held(&challenger()), Balances::free_balance(challenger())), (0, ENDOWMENT - BOND));
		assert_eq!(offenders(), []);
		assert!(events().contains(&Event::BondLost { who: challenger(), amount: BOND, paid: 600 }));
		assert_eq!(book().refuted, [liar.digest()]);
	});
}

#[test]
fn anybody_may_move_for_either_side() {
	story(|| {
		// The challenger has the truth and disappears; somebody else who knows it wins its game.
		let liar = Party::lying(Spot::any(0, 12));
		all_claim(liar.verdict());
		let game = challenge(&challenger(), &liar.verdict(), &honest());
		play_out(game, [&account(1), &account(2)], [&liar, &Party::honest()]);
		assert_eq!((refuted(game), held(&challenger())), ([true, false], 0));
	});
}

#[test]
fn both_wrong_means_both_fall() {
	story(|| {
		let spot = Spot::any(0, 12);
		let (first, second) = (Party::telling(&[(spot, 1)]), Party::telling(&[(spot, 3)]));
		claim(SUBJECT, &[(Alice, first.verdict()), (Bob, second.verdict()), (Charlie, honest())]);
		let game = confront(Charlie, &first.verdict(), &second.verdict());
		play_out(game, [&account(1), &account(2)], [&first, &second]);
		assert_eq!(refuted(game), [true, true]);
		assert_eq!(book().refuted, [first.digest(), second.digest()]);
		// Nobody stood up for what was right, so nobody has a share in it.
		assert_eq!(offenders(), [(Alice.to_account_id(), None), (Bob.to_account_id(), None)]);
	});
}

#[test]
fn copies_fall_together() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		let other = Party::lying(Spot::any(0, 13));
		claim(SUBJECT, &[(Alice, liar.verdict()), (Bob, liar.verdict()), (Charlie, honest())]);
		// Three games in which the same claim stands, two of them with bonds.
		let decided = confront(Charlie, &liar.verdict(), &honest());
		let right = challenge(&challenger(), &liar.verdict(), &other.verdict());
		let copy = challenge(&Dave.to_account_id(), &honest(), &other.verdict());
		assert_noop!(Disputes::settle(signed(&account(1)), right), Error::<Test>::NothingToSettle);
		play_out(decided, [&account(1), &account(2)], [&liar, &Party::honest()]);
		assert_eq!(offenders().len(), 2);
		// The games of the fallen claim are settled by anybody, without a signature.
		assert_ok!(deliver(Call::settle { game: right }));
		assert_eq!((refuted(right), held(&challenger())), ([true, false], 0));
		// What was said against an honest claim is still to be played.
		assert_noop!(Disputes::settle(signed(&account(1)), copy), Error::<Test>::NothingToSettle);
		play_out(copy, [&account(1), &account(2)], [&Party::honest(), &other]);
		assert_eq!(refuted(copy), [false, true]);
		assert_eq!(book().refuted, [liar.digest(), other.digest()]);
		assert_noop!(
			Disputes::challenge(signed(&challenger()), SUBJECT, honest().digest(), liar.verdict()),
			Error::<Test>::AlreadyRefuted
		);
	});
}

#[test]
fn a_claim_that_fell_elsewhere_costs_its_bond_in_every_game() {
	story(|| {
		let (liar, other) = (Party::lying(Spot::any(0, 12)), Party::lying(Spot::any(0, 13)));
		claim(SUBJECT, &[(Alice, honest()), (Bob, other.verdict())]);
		let lost = challenge(&challenger(), &honest(), &liar.verdict());
		let also = challenge(&Dave.to_account_id(), &other.verdict(), &liar.verdict());
		play_out(lost, [&account(1), &account(2)], [&Party::honest(), &liar]);
		assert_ok!(Disputes::settle(signed(&account(3)), also));
		assert_eq!(refuted(also), [false, true]);
		assert_eq!(held(&Dave.to_account_id()), 0);
		assert_eq!(Balances::free_balance(Dave.to_account_id()), ENDOWMENT - BOND);
	});
}

#[test]
fn challenge_refuses_what_cannot_be_played() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		all_claim(liar.verdict());
		let send = |against, verdict| Disputes::challenge(signed(&challenger()), SUBJECT, against, verdict);
		assert_noop!(send(honest().digest(), honest()), Error::<Test>::ClaimUnknown);
		assert_noop!(send(liar.digest(), liar.verdict()), Error::<Test>::SameClaim);
		let Verdict::Scored(score) = honest() else { unreachable!("honest people score") };
		let without_guard = Verdict::Scored(Score { guard: None, ..score });
		assert_noop!(send(liar.digest(), without_guard), Error::<Test>::ClaimInconsistent);
		for wrong in [
			blyan_primitives::EvaluationOutcome { sequences: 19, ..score.target },
			blyan_primitives::EvaluationOutcome { bytes: 1, ..score.target },
			blyan_primitives::EvaluationOutcome { sum_diff: score.target.sum_diff + 1, ..score.target },
		] {
			let wrong = Verdict::Scored(Score { target: wrong, ..score });
			assert_noop!(send(liar.digest(), wrong), Error::<Test>::ClaimInconsistent);
		}
		let pauper = sp_runtime::AccountId32::new([9; 32]);
		assert!(Disputes::challenge(signed(&pauper), SUBJECT, liar.digest(), honest()).is_err());
		assert_noop!(send(liar.digest(), honest()), Error::<Test>::NotCommitted);
		assert_ok!(challenge_about(&challenger(), SUBJECT, &liar.verdict(), &honest()));
		assert_noop!(send(liar.digest(), honest()), Error::<Test>::AlreadyPlaying);
		Books::mutate(|books| *books.get_mut(&SUBJECT).unwrap() = Book::default());
		assert_noop!(send(liar.digest(), honest()), Error::<Test>::NotDisputable);
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().open = 1);
	});
}

#[test]
fn a_claim_whose_numbers_contradict_each_other_falls_at_once() {
	story(|| {
		let Verdict::Scored(mut score) = honest() else { unreachable!("honest people score") };
		score.target.bytes += 1;
		let wrong = Verdict::Scored(score);
		all_claim(wrong);
		assert_ok!(challenge_about(&challenger(), SUBJECT, &wrong, &honest()));
		assert_eq!((book().refuted, held(&challenger())), (vec![wrong.digest()], 0));
		assert_eq!(offenders().len(), 3);
		assert!(Disputes::open_games().is_empty());
	});
}

#[test]
fn confront_needs_an_operators_word_and_two_claims_on_the_chain() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		claim(SUBJECT, &[(Alice, liar.verdict()), (Bob, honest())]);
		let (first, second) = (liar.digest(), honest().digest());
		let word = Word::Confront(SUBJECT, first, second);
		let call = |(key, signature)| Call::confront { subject: SUBJECT, first, second, key, signature };
		assert!(deliver(call(say(Dave, word))).is_err(), "Dave is no operator");
		let (key, _) = say(Alice, word);
		let (_, signature) = say(Bob, word);
		assert!(deliver(call((key, signature))).is_err(), "Bob's signature is not Alice's");
		assert!(deliver(call(say(Alice, Word::Confront(SUBJECT, second, first)))).is_err());
		assert_ok!(deliver(call(say(Charlie, word))));
		assert!(deliver(call(say(Charlie, word))).is_err(), "they play already");
		assert!(Pairs::<Test>::contains_key(SUBJECT, crate::pair(first, second)));
		let unknown = Party::lying(Spot::any(0, 13)).digest();
		let (key, signature) = say(Alice, Word::Confront(SUBJECT, first, unknown));
		let call = Call::confront { subject: SUBJECT, first, second: unknown, key, signature };
		assert!(deliver(call).is_err(), "nobody claims that");
	});
}

#[test]
fn moves_of_operators_cost_nothing_and_are_valid_only_while_owed() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		all_claim(honest());
		let game = challenge(&challenger(), &honest(), &liar.verdict());
		let opening = Party::honest().open(0, blyan_primitives::Query::Items { level: 2, index: 0 });
		let hash = |opening: &blyan_primitives::Opening| {
			sp_core::H256(sp_io::hashing::blake2_256(&codec::Encode::encode(opening)))
		};
		let side = Side::First;
		let call = |opening: blyan_primitives::Opening, (key, signature)| Call::descend_authorized {
			game,
			side,
			opening,
			key,
			signature,
		};
		let said = say(Bob, Word::Descend(game, side, hash(&opening)));
		assert!(deliver(call(
			liar.open(0, blyan_primitives::Query::Items { level: 2, index: 0 }),
			said.clone()
		))
		.is_err());
		assert!(
			deliver(call(opening.clone(), say(Bob, Word::Descend(game + 1, side, hash(&opening))))).is_err()
		);
		assert!(deliver(call(opening.clone(), say(Dave, Word::Descend(game, side, hash(&opening))))).is_err());
		assert_ok!(deliver(call(opening.clone(), said.clone())));
		assert!(deliver(call(opening, said)).is_err(), "it is no longer owed");
		assert!(crate::Games::<Test>::get(game).unwrap().sides[0].moved);
	});
}

#[test]
fn execution_in_an_operators_name_is_checked_before_it_is_free() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		all_claim(honest());
		let game = challenge(&challenger(), &honest(), &liar.verdict());
		let hash = |witness: &blyan_primitives::BlockWitness| {
			sp_core::H256(sp_io::hashing::blake2_256(&codec::Encode::encode(witness)))
		};
		let call = |witness: blyan_primitives::BlockWitness| {
			let (key, signature) = say(Bob, Word::Execute(game, hash(&witness)));
			Call::execute_authorized { game, witness, key, signature }
		};
		assert!(deliver(call(witness())).is_err(), "there is nothing to compute yet");
		while crate::Games::<Test>::get(game).unwrap().position.is_descent() {
			assert_ok!(open(&account(1), game, Side::First, &Party::honest()));
			assert_ok!(open(&challenger(), game, Side::Second, &liar));
		}
		assert!(deliver(call(witness_of(vec![]))).is_err());
		assert_ok!(deliver(call(witness())));
		assert_eq!(refuted(game), [false, true]);
	});
}

#[test]
fn games_are_answered_open_and_ended() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		all_claim(honest());
		let game = challenge(&challenger(), &honest(), &liar.verdict());
		run_for(3);
		assert_ok!(open(&account(1), game, Side::First, &Party::honest()));
		let info = Disputes::game(game).unwrap();
		assert_eq!(info.query, Some(blyan_primitives::Query::Items { level: 2, index: 0 }));
		assert_eq!((info.owes, info.clocks), ([false, true], [CLOCK - 3, CLOCK]));
		assert_eq!(info.digests, [honest().digest(), liar.digest()]);
		assert_eq!((info.executing, info.ended), (false, None));
		assert_eq!((Disputes::games(SUBJECT), Disputes::open_games()), (vec![info], vec![game]));
		assert_ok!(open(&account(1), game, Side::Second, &liar));
		play_out(game, [&account(1), &account(2)], [&Party::honest(), &liar]);
		let info = Disputes::game(game).unwrap();
		assert_eq!((info.query, info.refuted), (None, [false, true]));
		assert_eq!(info.ended, Some((blyan_runtime_api::disputes::GameEnd::Executed, 4)));
		assert_eq!(Disputes::refuted(SUBJECT), [liar.digest()]);
	});
}

#[test]
fn only_the_last_few_games_are_remembered() {
	story(|| {
		all_claim(honest());
		for seed in 0..6 {
			let liar = Party::lying(Spot::any(0, seed));
			let game = challenge(&challenger(), &honest(), &liar.verdict());
			play_out(game, [&account(1), &account(2)], [&Party::honest(), &liar]);
		}
		let known: Vec<_> = (0..6).filter(|game| Disputes::game(*game).is_some()).collect();
		assert_eq!(known, [2, 3, 4, 5]);
	});
}
