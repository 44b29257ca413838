//! "These bytes are no expert", said rightly and wrongly.

use super::*;
use crate::{Call, Error, Event, NoExpert, Word};
use blyan_primitives::{Opening, Query, Verdict};
use frame_support::{assert_noop, assert_ok, BoundedVec};
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie};

fn show(bytes: &[u8]) -> sp_runtime::DispatchResult {
	Disputes::prove_blob(signed(&account(5)), SUBJECT, bytes.to_vec().try_into().unwrap())
}

#[test]
fn every_score_of_what_is_no_expert_falls() {
	story(|| {
		let other = Party::lying(Spot::any(0, 12));
		claim(SUBJECT, &[(Alice, honest()), (Bob, other.verdict()), (Charlie, Verdict::Invalid)]);
		set_candidate(NO_EXPERT);
		let game = confront(Charlie, &honest(), &Verdict::Invalid);
		let info = Disputes::game(game).unwrap();
		assert_eq!((info.query, info.owes), (Some(Query::Candidate), [false, true]));
		assert_noop!(show(EXPERT), Error::<Test>::WrongBytes);
		let blob: BoundedVec<u8, _> = NO_EXPERT.to_vec().try_into().unwrap();
		let hash = H256(sp_io::hashing::blake2_256(&blob));
		let (key, signature) = say(Charlie, Word::Show(SUBJECT, hash));
		assert_ok!(deliver(Call::prove_blob_authorized { subject: SUBJECT, blob, key, signature }));
		assert!(events().contains(&Event::CandidateShown { subject: SUBJECT, valid: false }));
		assert_eq!(book().refuted, [honest().digest(), other.digest()]);
		let reporter = Some(Charlie.to_account_id());
		let expected = [(Alice.to_account_id(), reporter.clone()), (Bob.to_account_id(), reporter)];
		assert_eq!(offenders(), expected);
		assert_ok!(deliver(Call::settle { game }));
		assert_eq!(refuted(game), [true, false]);
		assert_noop!(show(NO_EXPERT), Error::<Test>::NothingRefuted);
	});
}

#[test]
fn challengers_scores_of_what_is_no_expert_fall_too() {
	story(|| {
		let other = Party::lying(Spot::any(0, 12));
		all_claim(honest());
		set_candidate(NO_EXPERT);
		let game = challenge(&challenger(), &honest(), &other.verdict());
		let proof = challenge(&account(2), &honest(), &Verdict::Invalid);
		assert_ok!(show(NO_EXPERT));
		assert_ok!(Disputes::settle(signed(&account(1)), game));
		assert_ok!(Disputes::settle(signed(&account(1)), proof));
		assert_eq!((refuted(game), refuted(proof)), ([true, true], [true, false]));
		assert_eq!(Balances::free_balance(challenger()), ENDOWMENT - BOND);
		assert_eq!(Balances::free_balance(account(2)), ENDOWMENT);
		assert_eq!(book().refuted, [honest().digest(), other.digest()]);
		assert_noop!(
			Disputes::challenge(signed(&challenger()), SUBJECT, honest().digest(), other.verdict()),
			Error::<Test>::AlreadyRefuted
		);
	});
}

#[test]
fn a_false_complaint_falls_by_the_bytes_or_by_the_clock() {
	for shown in [true, false] {
		story(|| {
			claim(SUBJECT, &[(Alice, Verdict::Invalid), (Bob, Verdict::Invalid), (Charlie, honest())]);
			let game = confront(Charlie, &Verdict::Invalid, &honest());
			if shown {
				assert_ok!(show(EXPERT));
				assert_noop!(show(EXPERT), Error::<Test>::NothingRefuted);
				assert_ok!(deliver(Call::settle { game }));
			} else {
				run_for(CLOCK + 1);
				assert_ok!(deliver(Call::claim_timeout { game }));
			}
			assert_eq!(refuted(game), [true, false]);
			assert_eq!(book().refuted, [Verdict::Invalid.digest()]);
			assert_eq!(offenders().len(), 2);
			assert!(!NoExpert::<Test>::contains_key(SUBJECT));
		});
	}
}

#[test]
fn nothing_is_opened_where_the_bytes_decide() {
	story(|| {
		claim(SUBJECT, &[(Alice, Verdict::Invalid), (Bob, honest())]);
		let game = confront(Bob, &honest(), &Verdict::Invalid);
		for side in crate::game::Side::BOTH {
			assert_noop!(
				Disputes::descend(signed(&account(1)), game, side, Opening::Candidate(EXPERT.to_vec())),
				Error::<Test>::NotOwed
			);
		}
		assert_noop!(Disputes::execute(signed(&account(1)), game, witness()), Error::<Test>::NotExecuting);
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().open = 0);
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().disputable = false);
		assert_noop!(show(EXPERT), Error::<Test>::NotDisputable);
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().open = 1);
	});
}
