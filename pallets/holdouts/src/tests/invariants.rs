//! Any sequence of calls keeps the invariants.

use super::mock::*;
use crate::{Keepers, LEAK_NOTICE};
use frame_support::storage::with_storage_layer;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Deed {
	Join(u32, u128),
	Leave(u32),
	Commit(u32, u32),
	Withdraw(u32, u32),
	Ask(u64),
	Reveal(u64),
	Attest(u64),
	Measure(u64, u64, bool),
	Close(u64),
	Leak(u32, u32),
	Refute,
	EndDisputes,
	Seal(bool),
	Run(u32),
}

fn deed() -> impl Strategy<Value = Deed> {
	let keeper = KEEPER..KEEPER + 5;
	let submission = 0u64..3;
	prop_oneof![
		(keeper.clone(), 1u128..3_000).prop_map(|(keeper, amount)| Deed::Join(keeper, amount)),
		keeper.clone().prop_map(Deed::Leave),
		(keeper.clone(), 0u32..12).prop_map(|(keeper, number)| Deed::Commit(keeper, number)),
		(keeper.clone(), 0u32..12).prop_map(|(keeper, number)| Deed::Commit(keeper, number)),
		(keeper.clone(), 0u32..12).prop_map(|(keeper, number)| Deed::Withdraw(keeper, number)),
		submission.clone().prop_map(Deed::Ask),
		submission.clone().prop_map(Deed::Reveal),
		submission.clone().prop_map(Deed::Attest),
		(submission.clone(), 0u64..8, any::<bool>())
			.prop_map(|(id, bits, good)| Deed::Measure(id, bits, good)),
		submission.prop_map(Deed::Close),
		(keeper, 0u32..12).prop_map(|(keeper, number)| Deed::Leak(keeper, number)),
		Just(Deed::Refute),
		Just(Deed::EndDisputes),
		any::<bool>().prop_map(Deed::Seal),
		(1u32..12).prop_map(Deed::Run),
	]
}

/// Opens whatever text the appointed chunk is of.
fn reveal_any(submission: u64) {
	let Some(keeper) = appointed(submission) else { return };
	for number in (0..12).chain(KEEPER..KEEPER + 5) {
		let _ = with_storage_layer(|| reveal(keeper, submission, number));
	}
}

fn attest_any(submission: u64) {
	for number in (0..12).chain(KEEPER..KEEPER + 5) {
		for operator in 1..=2 {
			let _ = with_storage_layer(|| attest(operator, submission, number));
		}
	}
}

fn act(deed: Deed) {
	if let Deed::Leak(_, number) = deed {
		let _ = with_storage_layer(|| announce_leak(MINER, number));
		run(LEAK_NOTICE);
	}
	let _ = with_storage_layer(|| match deed {
		Deed::Join(keeper, amount) => Holdouts::join(signed(keeper), amount),
		Deed::Leave(keeper) => Holdouts::leave(signed(keeper)),
		Deed::Commit(keeper, number) => commit(keeper, number),
		Deed::Withdraw(keeper, number) => withdraw(keeper, number),
		Deed::Leak(keeper, number) => {
			let bytes = name_of(&text(number));
			Holdouts::report_leak(signed(MINER), account(keeper), MODEL, bytes, SALT)
		}
		Deed::Seal(sealed) => Holdouts::seal_model(RuntimeOrigin::root(), MODEL, sealed.then_some(RULES)),
		Deed::Ask(_)
		| Deed::Reveal(_)
		| Deed::Attest(_)
		| Deed::Measure(..)
		| Deed::Refute
		| Deed::EndDisputes
		| Deed::Close(_)
		| Deed::Run(_) => Ok(()),
	});
	match deed {
		Deed::Ask(submission) => {
			ask(submission);
		}
		Deed::Reveal(submission) => reveal_any(submission),
		Deed::Attest(submission) => attest_any(submission),
		Deed::Measure(submission, bits, good) => {
			measured(submission, bits, good);
		}
		Deed::Close(submission) => close(submission),
		Deed::Refute => refute(DIGEST),
		Deed::EndDisputes => end_disputes(),
		Deed::Run(blocks) => run(blocks),
		_ => {}
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(48))]

	#[test]
	fn any_sequence_of_calls_keeps_the_invariants(deeds in proptest::collection::vec(deed(), 1..60)) {
		new_ext().execute_with(|| {
			sealed_with(4);
			for deed in deeds {
				act(deed);
				Holdouts::do_try_state().unwrap();
			}
			// Every keeper gets what it has left: nothing stays on hold when all is closed.
			(0..3).for_each(close);
			end_disputes();
			// One that was appointed and came back may have been committed to again meanwhile: as many rounds as chunks.
			for _ in 0..4 {
				for keeper in KEEPER..KEEPER + 5 {
					for number in (0..12).chain(KEEPER..KEEPER + 5) {
						while with_storage_layer(|| withdraw(keeper, number)).is_ok() {}
					}
				}
				run(NOTICE);
			}
			for keeper in KEEPER..KEEPER + 5 {
				let _ = Holdouts::leave(signed(keeper));
			}
			assert_eq!(Keepers::<Test>::count(), 0);
			// A notice that led to no report has its deposit until it is taken back.
			let _ = with_storage_layer(|| Holdouts::announce_leak(signed(MINER), None));
			Holdouts::do_try_state().unwrap();
			let money: Balance = (KEEPER..KEEPER + 5).map(|keeper| Balances::free_balance(account(keeper))).sum();
			let reported = Balances::free_balance(account(MINER)) - ENDOWMENT;
			assert_eq!(money + reported + Slashed::get(), 5 * ENDOWMENT);
		});
	}
}
