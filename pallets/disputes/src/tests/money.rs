//! Bonds and total issuance reconcile, whatever happens.

use super::*;
use crate::{game::Side, Call, Games, Word};
use blyan_primitives::{Statement, Subject, Verdict};
use codec::Encode;
use frame_support::{dispatch::Pays, traits::fungible::Inspect};
use proptest::prelude::*;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie};
use sp_runtime::traits::Dispatchable;

/// An account's act.
#[derive(Clone, Debug)]
enum Deed {
	Challenge { who: u32, against: usize, with: usize },
	Confront { first: usize, second: usize },
	Open { who: u32, game: u64, side: bool },
	Execute { who: u32, game: u64, tensor: bool },
	Timeout { game: u64 },
	Settle { game: u64 },
	Demand { who: u32, of: usize, tile: u32 },
	Supply { who: u32, of: usize, tile: u32 },
	Close { of: usize, tile: u32 },
	Show { who: u32 },
	Appeal { of: usize },
	Upgrade { game: u64 },
	Wait { blocks: u32 },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
	let (who, game, of, tile) = (0u32..6, 0u64..8, 0usize..5, 0u32..TILES);
	let deed = prop_oneof![
		4 => (who.clone(), of.clone(), of.clone())
			.prop_map(|(who, against, with)| Deed::Challenge { who, against, with }),
		2 => (of.clone(), of.clone()).prop_map(|(first, second)| Deed::Confront { first, second }),
		30 => (who.clone(), game.clone(), any::<bool>())
			.prop_map(|(who, game, side)| Deed::Open { who, game, side }),
		8 => (who.clone(), game.clone(), prop::bool::weighted(0.1))
			.prop_map(|(who, game, tensor)| Deed::Execute { who, game, tensor }),
		2 => game.clone().prop_map(|game| Deed::Timeout { game }),
		4 => game.clone().prop_map(|game| Deed::Settle { game }),
		1 => game.prop_map(|game| Deed::Upgrade { game }),
		2 => of.clone().prop_map(|of| Deed::Appeal { of }),
		2 => (who.clone(), of.clone(), tile.clone()).prop_map(|(who, of, tile)| Deed::Demand { who, of, tile }),
		2 => (who.clone(), of.clone(), tile.clone()).prop_map(|(who, of, tile)| Deed::Supply { who, of, tile }),
		2 => (of, tile).prop_map(|(of, tile)| Deed::Close { of, tile }),
		1 => who.prop_map(|who| Deed::Show { who }),
		4 => (1u32..6).prop_map(|blocks| Deed::Wait { blocks }),
	];
	prop::collection::vec(deed, 20..200)
}

/// The claims of the stories, the last one without a tree.
fn party(which: usize) -> Option<Party> {
	match which {
		0 => Some(Party::honest()),
		1..=3 => Some(Party::lying(Spot::any(0, which as u64))),
		_ => None,
	}
}

fn verdict(which: usize) -> Verdict {
	party(which).map_or(Verdict::Invalid, |party| party.verdict())
}

fn party_of(digest: sp_core::H256) -> Option<Party> {
	(0..4).filter_map(party).find(|party| party.digest() == digest)
}

/// Whether an appeal of `who` is open.
fn is_appealed(who: &AccountId) -> bool {
	let waits =
		Games::<Test>::iter_values().any(|game| game.appellants.iter().any(|(other, _)| other == who));
	waits
		|| crate::Demands::<Test>::iter_values()
			.any(|demand| matches!(demand.demander, crate::Demander::Appellants(all) if all.contains(who)))
}

/// Sends a signed call. What succeeds without a fee must not do so twice, or an account could fill blocks for nothing.
fn send(who: u32, call: Call<Test>) {
	let call = RuntimeCall::Disputes(call);
	let dispatch = || call.clone().dispatch(signed(&account(who)));
	if dispatch().is_ok_and(|info| info.pays_fee == Pays::No) {
		assert!(dispatch().is_err(), "free twice: {call:?}");
	}
}

/// As [`send`], in the name of an operator: always free.
fn speak(call: Call<Test>) {
	if deliver(call.clone()).is_ok() {
		assert!(deliver(call.clone()).is_err(), "free twice: {call:?}");
	}
}

/// Does it if it can be done. Refusals are as good as anything else here.
fn act(deed: Deed) {
	let digest = |which| verdict(which).digest();
	let show = |tensor| {
		let bytes: &[u8] = if tensor { b"no tensor" } else { b"inputs" };
		witness_of(vec![blyan_exact::step::Evidence::Output(bytes.to_vec())])
	};
	match deed {
		Deed::Challenge { who, against, with } => {
			let _ = challenge_about(&account(who), SUBJECT, &verdict(against), &verdict(with));
		}
		Deed::Confront { first, second } => {
			let (subject, first, second) = (SUBJECT, digest(first), digest(second));
			let (key, signature) = say(Alice, Word::Confront(subject, first, second));
			speak(Call::confront { subject, first, second, key, signature });
		}
		Deed::Open { who, game, side } => {
			let side = if side { Side::First } else { Side::Second };
			let Some(record) = Games::<Test>::get(game) else { return };
			let Some(party) = party_of(*side.of(&record.digests())) else { return };
			if who % 2 == 0 || !record.position.is_descent() {
				let _ = open(&account(who), game, side, &party);
				return;
			}
			let opening = party.open(record.part, record.position.query());
			let hash = H256(blake2_256(&opening.encode()));
			let (key, signature) = say(Bob, Word::Descend(game, side, hash));
			speak(Call::descend_authorized { game, side, opening, key, signature });
		}
		Deed::Execute { who, game, tensor } => {
			let witness = show(tensor);
			if who % 2 == 0 {
				let _ = Disputes::execute(signed(&account(who)), game, witness);
				return;
			}
			let (key, signature) = say(Bob, Word::Execute(game, H256(blake2_256(&witness.encode()))));
			speak(Call::execute_authorized { game, witness, key, signature });
		}
		Deed::Timeout { game } => {
			send(0, Call::claim_timeout { game });
			speak(Call::claim_timeout { game });
		}
		Deed::Settle { game } => send(0, Call::settle { game }),
		Deed::Demand { who, of, tile } => {
			let (subject, digest) = (SUBJECT, digest(of));
			if who % 2 == 0 {
				let _ = Disputes::demand_tile(signed(&account(who)), subject, digest, tile);
				return;
			}
			let (key, signature) = say(OPERATORS[who as usize % 3], Word::Demand(subject, digest, tile));
			speak(Call::demand_tile_authorized { subject, digest, tile, key, signature });
		}
		Deed::Supply { who, of, tile } => {
			let evidence = tile_evidence(tile);
			send(who, Call::supply_tile { subject: SUBJECT, digest: digest(of), tile, evidence });
		}
		Deed::Close { of, tile } => {
			send(0, Call::close_demand { subject: SUBJECT, digest: digest(of), tile });
		}
		Deed::Show { who } => {
			let blob: frame_support::BoundedVec<u8, _> = EXPERT.to_vec().try_into().unwrap();
			if who % 2 == 0 {
				let _ = Disputes::prove_blob(signed(&account(who)), SUBJECT, blob);
				return;
			}
			let (key, signature) = say(Charlie, Word::Show(SUBJECT, H256(blake2_256(&blob))));
			speak(Call::prove_blob_authorized { subject: SUBJECT, blob, key, signature });
		}
		Deed::Appeal { of } => {
			use blyan_primitives::traits::Appeals;
			let who = OPERATORS[of % 3].to_account_id();
			// An offender appeals once, and only what is not decided.
			if Pending::get().contains(&(who.clone(), SUBJECT)) && !is_appealed(&who) {
				let _ = frame_support::storage::with_storage_layer(|| Disputes::appeal(&who, SUBJECT));
			}
		}
		Deed::Upgrade { game } => Games::<Test>::mutate(game, |game| {
			// The game is about numbers of an older definition now.
			let Some(Statement::Evaluation(evaluation)) = game.as_mut().map(|game| &mut game.statement)
			else {
				return;
			};
			evaluation.definition = evaluation.definition.wrapping_sub(1);
		}),
		Deed::Wait { blocks } => run_for(blocks),
	}
}

/// Closes whatever is open.
fn finish() {
	run_for(3 * CLOCK);
	for game in Disputes::open_games() {
		let anyone = || signed(&account(0));
		assert!(Disputes::settle(anyone(), game).is_ok() || Disputes::claim_timeout(anyone(), game).is_ok());
	}
	for demand in Disputes::demands(SUBJECT) {
		Disputes::close_demand(signed(&account(0)), SUBJECT, demand.digest, demand.tile).unwrap();
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(96))]

	#[test]
	fn bonds_and_issuance_reconcile_after_any_sequence_of_games(deeds in deeds()) {
		story(|| {
			let issued = Balances::total_issuance();
			claim(SUBJECT, &[(Alice, verdict(0)), (Bob, verdict(1)), (Charlie, verdict(4))]);
			for deed in deeds {
				act(deed);
				Disputes::do_try_state().unwrap();
				assert_eq!(Balances::total_issuance() + Slashed::get(), issued);
			}
			finish();
			decide_all();
			assert_eq!(Balances::total_issuance() + Slashed::get(), issued);
			assert_eq!((book().open, crate::Cases::<Test>::iter().count()), (0, 0));
			for who in (0..6).map(account) {
				assert_eq!(held(&who), 0);
			}
			let accounts = (0..100).map(account).chain(sp_keyring::Sr25519Keyring::iter().map(|who| who.to_account_id()));
			let total: Balance = accounts.map(|who| Balances::total_balance(&who)).sum();
			assert_eq!(total + Slashed::get(), issued);
			// And it is forgotten.
			Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().disputable = false);
			run_for(3);
			assert_eq!(crate::Subjects::<Test>::iter_keys().collect::<Vec<Subject>>(), []);
		});
	}
}
