//! Evolution as the runtime wires it.

mod common;

use blyan_primitives::{
	evolution::{EpochPhase, TASKS_MAX},
	BlobRef,
};
use blyan_runtime::{
	parameters::{evolution, RuntimeParameters},
	Evolution, Parameters, RankedCollective, Runtime, RuntimeOrigin, System,
};
use common::development;
use frame_support::{
	assert_ok,
	traits::{Get, Hooks},
	weights::Weight,
};
use pallet_evolution::Config;
use sp_core::H256;

fn set(parameter: evolution::Parameters) {
	let parameter = RuntimeParameters::Evolution(parameter);
	assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), parameter));
}

#[test]
fn an_epoch_takes_twenty_eight_days_of_governance_and_begins_by_itself() {
	development().execute_with(|| {
		let length = <Runtime as Config>::EpochLength::get();
		assert_eq!(length, RankedCollective::days(28, 1));
		assert_eq!(Evolution::epoch(), None);
		RankedCollective::on_idle(System::block_number(), Weight::MAX);
		Evolution::on_idle(System::block_number(), Weight::MAX);
		let epoch = Evolution::epoch().expect("it began");
		assert_eq!((epoch.phase, epoch.next_at - epoch.opened_at), (EpochPhase::Nomination, length));
		assert!(epoch.voices > 0, "the operators of genesis may endorse");
		set(evolution::Parameters::EpochDays(evolution::EpochDays, Some(0)));
		assert_eq!(<Runtime as Config>::EpochLength::get(), 0);
	});
}

#[test]
fn no_majority_makes_measuring_a_matter_of_luck_or_impossible() {
	development().execute_with(|| {
		set(evolution::Parameters::TasksMin(evolution::TasksMin, Some(0)));
		set(evolution::Parameters::TasksMax(evolution::TasksMax, Some(u32::MAX)));
		set(evolution::Parameters::EndorsementsMin(evolution::EndorsementsMin, Some(u32::MAX)));
		set(evolution::Parameters::Evaluators(evolution::Evaluators, Some(0)));
		set(evolution::Parameters::MinEvaluators(evolution::MinEvaluators, Some(0)));
		assert_eq!(<Runtime as Config>::TasksMin::get(), 20);
		assert_eq!(<Runtime as Config>::TasksMax::get(), TASKS_MAX);
		assert_eq!(<Runtime as Config>::EndorsementsMin::get(), 333_333);
		assert_eq!(<Runtime as Config>::Evaluators::get(), 2);
		assert_eq!(<Runtime as Config>::MinEvaluators::get(), 2);
	});
}

#[test]
fn a_tokenizer_belongs_to_a_model_of_the_second_definition() {
	development().execute_with(|| {
		let tokenizer = blyan_primitives::evolution::TokenizerRef {
			blob: BlobRef { hash: H256([1; 32]), size: 1 },
			ends: Default::default(),
		};
		let unknown = pallet_evolution::Error::<Runtime>::BaseUnknown;
		frame_support::assert_noop!(Evolution::set_tokenizer(RuntimeOrigin::root(), 99, tokenizer), unknown);
	});
}
