//! Invariants under any order of calls.

use super::mock::*;
use crate::*;
use blyan_primitives::evolution::{BenchmarkFinding, EpochPhase};
use frame_support::storage::with_storage_layer;
use proptest::prelude::*;

fn any_finding(choice: u32) -> BenchmarkFinding {
	match choice % 6 {
		0 => BenchmarkFinding::Unavailable,
		1 => BenchmarkFinding::Malformed,
		2 => measured(40, 41),
		_ => measured(40, 90),
	}
}

/// One call of some account, whatever comes of it. What fails leaves nothing behind, as in a block.
fn act(what: u32, choice: u32) {
	let who = ALICE + choice % 3;
	let experts = 7 + u16::try_from(choice % 24).unwrap();
	let _ = with_storage_layer(|| match what % 13 {
		0 | 1 => propose(who, &with_experts(experts)).map(|_| ()),
		2 => Evolution::endorse(signed(choice % 12), choice / 12 % 8),
		3 => {
			let tried = epoch_target();
			deliver_candidate(who, &with_experts(tried.unwrap_or(experts)))
		}
		4 => Evolution::advance(signed(who)).map(|_| ()).map_err(|error| error.error),
		5 => Evolution::set_tokenizer(RuntimeOrigin::root(), choice % 3, tokenizer()),
		6 => Evolution::set_model_record(RuntimeOrigin::root(), choice % 3, model_record()),
		7 => Evolution::offer_gpus(signed(choice % 12), 1, 1 + choice / 12 % 40, 1 + choice % 3),
		8 => Evolution::reserve_hours(signed(who), 1 + choice / 3 % 20, 3),
		9 => Evolution::claim_hours(signed(choice % 12), choice / 12 % 20),
		10 => Evolution::file_proposal(signed(who)).map(|_| ()).map_err(|error| error.error),
		11 => Evolution::adopt(signed(who)),
		_ => Evolution::confirm_hours(signed(who), account(choice / 3 % 12), choice / 36 % 20),
	});
	measure(choice);
}

/// Experts a layer of what is tried.
fn epoch_target() -> Option<u16> {
	let tried = Proposals::<Test>::get(Current::<Test>::get()?.selected?)?;
	(7..40)
		.find(|experts| blyan_primitives::record_id(&with_experts(*experts).to_bytes()) == tried.architecture)
}

/// Evaluators say something, or nothing.
fn measure(choice: u32) {
	let Some(evaluation) = Evaluation::<Test>::get() else { return };
	for seat in &evaluation.seats {
		let number = number_of(&seat.operator);
		let finding = any_finding(choice / 7 + number % 2);
		if !(choice + number).is_multiple_of(5) {
			let _ = seal(number, &finding);
			let _ = reveal(number, &finding);
		}
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(12))]

	#[test]
	fn invariants_hold_after_any_calls(
		steps in proptest::collection::vec((0u32..13, any::<u16>(), 0u32..60), 1..60),
	) {
		new_ext_with(12).execute_with(|| {
			run_to(EpochPhase::Nomination);
			// So that something follows from the state.
			Registered::mutate(|all| all[BASE as usize].heads[0].version = 1);
			(ALICE..ALICE + 3).for_each(|who| Credits::<Test>::insert(account(who), 1_000));
			for (what, choice, wait) in steps {
				act(what, choice.into());
				Evolution::do_try_state().unwrap();
				run(wait);
			}
			// In the end nothing is held for ever, and what was lost is what is missing.
			EpochLength::set(0);
			run_to(EpochPhase::Rest);
			let people = (0..20).chain(ALICE..ALICE + 10);
			let missing: Balance = people.map(|who| {
				assert_eq!(held(who), 0);
				ENDOWMENT - money(who)
			}).sum();
			assert_eq!(missing, Slashed::get());
		});
	}
}
