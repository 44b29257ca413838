//! Copying what waits in the pool, with a higher tip: it wins nothing.

use super::*;
use crate::{Call, Commitments, Error, Event, SignedReport};
use blyan_primitives::{finding_hash, traits::OffenceKind, OperatorId, ScoreReport, Verdict};
use blyan_support::genesis_hash;
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::Alice;

fn copier() -> AccountId {
	account(66)
}

fn deposit_of(who: &AccountId) -> Balance {
	Balances::balance_on_hold(&crate::HoldReason::CommitmentDeposit.into(), who)
}

/// The challenge shows the verdict that took hours to compute. The one who saw it in the pool and paid a higher tip became the
/// challenger: the reporter's share was the copier's, and the finder's own transaction failed.
#[test]
fn attack_copy_a_challenge_from_the_pool() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		all_claim(liar.verdict());
		let arguments = (SUBJECT, liar.digest(), honest());
		assert_ok!(Disputes::commit(
			signed(&challenger()),
			finding_hash(&challenger(), "challenge", &arguments)
		));
		let send = |who: &AccountId| Disputes::challenge(signed(who), SUBJECT, liar.digest(), honest());
		assert_noop!(send(&challenger()), Error::<Test>::CommitmentTooYoung);
		run_for(AGE);
		// The finder's call is in the pool now. The copier's tip puts its own in front, commitment and all.
		assert_noop!(send(&copier()), Error::<Test>::NotCommitted);
		let copied = finding_hash(&copier(), "challenge", &arguments);
		assert_ok!(Disputes::commit(signed(&copier()), copied));
		assert_noop!(send(&copier()), Error::<Test>::CommitmentTooYoung);
		assert_ok!(send(&challenger()));
		assert_eq!((deposit_of(&challenger()), held(&challenger())), (0, BOND));
		run_for(AGE);
		assert_noop!(send(&copier()), Error::<Test>::AlreadyPlaying);
		// Nor does it help to send every move first: they earn nothing.
		play_out(0, [&copier(), &copier()], [&liar, &Party::honest()]);
		assert_eq!(refuted(0), [true, false]);
		assert!(offenders().iter().all(|(_, reporter)| *reporter == Some(challenger())));
		assert_ok!(Disputes::withdraw_commitment(signed(&copier()), copied));
		assert_eq!(Balances::free_balance(copier()), ENDOWMENT);
	});
}

/// A hash says nothing about what is behind it, and belongs to the account that is in it.
#[test]
fn attack_copy_a_commitment() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		all_claim(liar.verdict());
		let hash = finding_hash(&challenger(), "challenge", &(SUBJECT, liar.digest(), honest()));
		assert_ok!(Disputes::commit(signed(&copier()), hash));
		// A copied hash keeps no one out.
		assert_ok!(Disputes::commit(signed(&challenger()), hash));
		run_for(AGE);
		let send = |who: &AccountId| Disputes::challenge(signed(who), SUBJECT, liar.digest(), honest());
		assert_noop!(send(&copier()), Error::<Test>::NotCommitted);
		assert_ok!(send(&challenger()));
	});
}

#[test]
fn attack_copy_moves_for_a_claim_of_others() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		all_claim(honest());
		let game = challenge(&challenger(), &honest(), &liar.verdict());
		// Every opening that a defender sends, the copier sends first.
		play_out(game, [&copier(), &challenger()], [&Party::honest(), &liar]);
		assert_eq!(refuted(game), [false, true]);
		assert_eq!(Balances::free_balance(copier()), ENDOWMENT);
		assert_eq!(Balances::free_balance(Alice.to_account_id()), ENDOWMENT + 200, "it made the claim");
	});
}

#[test]
fn attack_copy_a_pair_of_contradicting_reports() {
	story(|| {
		all_claim(honest());
		let key: OperatorId = Alice.public().into();
		let [first, second] = [honest(), Verdict::Invalid].map(|verdict| {
			let report = ScoreReport { submission: 7, verdict };
			let payload = report.signing_payload(&genesis_hash::<Test>(), &DRAW);
			SignedReport { report, draw: DRAW, signature: Alice.pair().sign(&payload).into() }
		});
		let hash = |who: &AccountId| finding_hash(who, "report_equivocation", &(&first, &second, &key));
		let send = |who: &AccountId| {
			let sent = Disputes::report_equivocation(signed(who), first.clone(), second.clone(), key.clone());
			sent.map(|_| ()).map_err(|error| error.error)
		};
		assert_ok!(Disputes::commit(signed(&challenger()), hash(&challenger())));
		run_for(AGE);
		assert_noop!(send(&copier()), Error::<Test>::NotCommitted);
		assert_ok!(Disputes::commit(signed(&copier()), hash(&copier())));
		assert_ok!(send(&challenger()));
		run_for(AGE);
		assert_noop!(send(&copier()), Error::<Test>::AlreadyReported);
		let [(offender, kind, _, reporter)] = &Reports::get()[..] else { panic!("one offence") };
		assert_eq!((offender, *kind), (&Alice.to_account_id(), OffenceKind::Equivocation));
		assert_eq!(*reporter, Some(challenger()));
	});
}

#[test]
fn attack_copy_a_tile_for_the_bond_of_its_demand() {
	story(|| {
		all_claim(honest());
		let digest = honest().digest();
		assert_ok!(Disputes::demand_tile(signed(&challenger()), SUBJECT, digest, 1));
		assert_ok!(Disputes::supply_tile(signed(&copier()), SUBJECT, digest, 1, tile_evidence(1)));
		assert_eq!((Balances::free_balance(copier()), Slashed::get()), (ENDOWMENT, BOND));
	});
}

#[test]
fn attack_copy_the_bytes_of_what_is_no_expert() {
	story(|| {
		all_claim(honest());
		set_candidate(NO_EXPERT);
		let game = challenge(&challenger(), &honest(), &Verdict::Invalid);
		let blob = NO_EXPERT.to_vec().try_into().unwrap();
		assert_ok!(Disputes::prove_blob(signed(&copier()), SUBJECT, blob));
		assert!(!offenders().is_empty());
		assert!(offenders().iter().all(|(_, reporter)| *reporter == Some(challenger())));
		assert_ok!(deliver(Call::settle { game }));
		assert_eq!(Balances::free_balance(copier()), ENDOWMENT);
	});
}

#[test]
fn a_commitment_holds_a_deposit_until_it_is_used_or_withdrawn() {
	story(|| {
		let hash = H256([7; 32]);
		assert_ok!(Disputes::commit(signed(&challenger()), hash));
		assert_noop!(Disputes::commit(signed(&challenger()), hash), Error::<Test>::AlreadyCommitted);
		assert_eq!(deposit_of(&challenger()), BOND);
		assert!(events().contains(&Event::FindingCommitted { who: challenger(), hash, deposit: BOND }));
		assert_noop!(Disputes::withdraw_commitment(signed(&copier()), hash), Error::<Test>::NotCommitted);
		assert_ok!(Disputes::withdraw_commitment(signed(&challenger()), hash));
		assert_noop!(Disputes::withdraw_commitment(signed(&challenger()), hash), Error::<Test>::NotCommitted);
		assert_eq!((deposit_of(&challenger()), Commitments::<Test>::iter().count()), (0, 0));
		let pauper = sp_runtime::AccountId32::new([9; 32]);
		assert!(Disputes::commit(signed(&pauper), hash).is_err());
	});
}
