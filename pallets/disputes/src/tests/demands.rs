//! Data withheld: a score of bytes that no other node can get.

use super::*;
use crate::{Call, Demands, Error, Event, Word};
use blyan_primitives::Verdict;
use blyan_support::mocks;
use codec::Encode;
use frame_support::{assert_noop, assert_ok};
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie};

fn demand(tile: u32) -> sp_runtime::DispatchResult {
	Disputes::demand_tile(signed(&challenger()), SUBJECT, honest().digest(), tile)
}

#[test]
fn a_demand_that_is_met_costs_its_bond_and_pays_nobody() {
	story(|| {
		all_claim(honest());
		assert_ok!(demand(1));
		assert_eq!((held(&challenger()), book().open), (BOND, 1));
		let supply = |tile, shown| {
			let digest = honest().digest();
			Disputes::supply_tile(signed(&account(1)), SUBJECT, digest, tile, tile_evidence(shown))
		};
		assert_noop!(supply(0, 0), Error::<Test>::DemandUnknown);
		assert_noop!(supply(1, 0), Error::<Test>::TileUnproven);
		run_for(WINDOW);
		let (subject, digest, tile) = (SUBJECT, honest().digest(), 1);
		assert!(deliver(Call::close_demand { subject, digest, tile }).is_err());
		assert_ok!(supply(1, 1));
		assert_eq!((Balances::free_balance(account(1)), Slashed::get()), (ENDOWMENT, BOND));
		assert_eq!(Balances::free_balance(challenger()), ENDOWMENT - BOND);
		assert_eq!((book().refuted.len(), book().open), (0, 0));
	});
}

#[test]
fn operators_supply_without_fee() {
	story(|| {
		all_claim(honest());
		assert_ok!(demand(2));
		let (subject, digest, tile, evidence) = (SUBJECT, honest().digest(), 2, tile_evidence(2));
		let hash = H256(sp_io::hashing::blake2_256(&evidence.encode()));
		let (key, signature) = say(Bob, Word::Supply(subject, digest, tile, hash));
		let call = Call::supply_tile_authorized { subject, digest, tile, evidence, key, signature };
		assert_ok!(deliver(call.clone()));
		assert!(deliver(call).is_err(), "once");
		assert_eq!(Balances::free_balance(Bob.to_account_id()), ENDOWMENT);
	});
}

#[test]
fn a_score_of_withheld_bytes_falls() {
	story(|| {
		all_claim(honest());
		assert_ok!(demand(0));
		assert_ok!(demand(1));
		run_for(WINDOW + 1);
		let (subject, digest) = (SUBJECT, honest().digest());
		assert_ok!(deliver(Call::close_demand { subject, digest, tile: 0 }));
		assert!(events().contains(&Event::DemandClosed { subject, digest, tile: 0 }));
		assert_eq!(book().refuted, [digest]);
		assert_eq!(offenders().len(), 3);
		// The other demand has nothing left to ask for.
		assert_eq!(held(&challenger()), BOND);
		assert_ok!(deliver(Call::close_demand { subject, digest, tile: 1 }));
		assert_eq!((held(&challenger()), Balances::free_balance(challenger())), (0, ENDOWMENT));
		assert_eq!((book().refuted.len(), book().open), (1, 0));
	});
}

#[test]
fn a_demand_of_a_fallen_score_is_closed_before_its_time() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		claim(SUBJECT, &[(Alice, liar.verdict()), (Bob, honest())]);
		let digest = liar.digest();
		assert_ok!(Disputes::demand_tile(signed(&challenger()), SUBJECT, digest, 0));
		assert_noop!(
			Disputes::close_demand(signed(&account(1)), SUBJECT, digest, 0),
			Error::<Test>::DemandStillRuns
		);
		let game = confront(Bob, &liar.verdict(), &honest());
		play_out(game, [&account(1), &account(2)], [&liar, &Party::honest()]);
		assert_ok!(Disputes::close_demand(signed(&account(1)), SUBJECT, digest, 0));
		assert_eq!(held(&challenger()), 0);
		assert_eq!(Demands::<Test>::iter().count(), 0);
	});
}

#[test]
fn an_operator_demands_without_a_bond_once_and_only_if_it_may_be_drawn() {
	story(|| {
		claim(SUBJECT, &[(Alice, honest()), (Bob, honest())]);
		let demand_by = |who, tile| {
			let (subject, digest) = (SUBJECT, honest().digest());
			let (key, signature) = say(who, Word::Demand(subject, digest, tile));
			deliver(Call::demand_tile_authorized { subject, digest, tile, key, signature })
		};
		let demand = |tile| demand_by(Charlie, tile);
		Eligible::mutate(|all| all.retain(|one| one.account != Charlie.to_account_id()));
		assert!(demand(0).is_err());
		admit(Charlie);
		assert_ok!(demand(0));
		assert_eq!(held(&Charlie.to_account_id()), 0);
		assert!(demand(1).is_err());
		assert_ok!(Disputes::supply_tile(
			signed(&account(1)),
			SUBJECT,
			honest().digest(),
			0,
			tile_evidence(0)
		));
		assert!(demand(1).is_err(), "also when the first one is met");
		// And each tile once, or a few operators could have the same one put on the chain again and again.
		assert!(demand_by(Alice, 0).is_err());
		assert_ok!(demand_by(Alice, 1));
		assert_ok!(Disputes::supply_tile(
			signed(&account(1)),
			SUBJECT,
			honest().digest(),
			1,
			tile_evidence(1)
		));
		// It is forgotten with the subject.
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().disputable = false);
		run_for(3);
		assert_eq!(crate::OperatorDemands::<Test>::iter().count(), 0);
	});
}

#[test]
fn demand_refuses_what_cannot_be_supplied() {
	story(|| {
		claim(SUBJECT, &[(Alice, honest()), (Charlie, Verdict::Invalid)]);
		assert_noop!(demand(TILES), Error::<Test>::TileUnknown);
		let ask = |digest| Disputes::demand_tile(signed(&challenger()), SUBJECT, digest, 0);
		assert_noop!(ask(Verdict::Invalid.digest()), Error::<Test>::NotAScore);
		assert_noop!(ask(H256([1; 32])), Error::<Test>::ClaimUnknown);
		assert_ok!(demand(0));
		assert_noop!(demand(0), Error::<Test>::AlreadyDemanded);
		assert_eq!(Disputes::demands(SUBJECT).len(), 1);
	});
}

#[test]
fn a_demand_is_signed_over_these_bytes_and_held_by_this_tag() {
	story(|| {
		claim(SUBJECT, &[(Alice, honest()), (Bob, honest())]);
		let (subject, digest, tile) = (SUBJECT, honest().digest(), 1u32);
		let genesis = System::block_hash(0);
		let parts = [&genesis.0[..], &[5, 0], &7u64.to_le_bytes(), &DRAW.0, &digest.0, &tile.to_le_bytes()];
		let payload = mocks::payload_of(b"blyan/dispute/1", &parts);
		let (key, signature) = (Charlie.public().into(), Charlie.pair().sign(&payload).into());
		let call = Call::demand_tile_authorized { subject, digest, tile, key, signature };
		let valid = mocks::authorise(&RuntimeCall::Disputes(call)).unwrap();
		assert_eq!(valid.provides, [mocks::tag_of("blyan/dispute", ("demand", subject, digest, tile))]);
		assert_eq!((valid.priority, valid.longevity), (u64::MAX, CLOCK.into()));
		assert!(valid.propagate && valid.requires.is_empty());
	});
}
