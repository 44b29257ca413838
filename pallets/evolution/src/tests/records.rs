//! Model records: what a base allows of its successors.

use super::mock::*;
use crate::{
	record::{check, version_after},
	*,
};
use blyan_exact::definition2::{Architecture, FeedForward, Network};
use blyan_primitives::evolution::{EpochOutcome, EpochPhase, ExpertBounds, LineVersion, ModelRecord};
use blyan_primitives::ModelId;
use frame_support::{assert_noop, assert_ok};
use proptest::prelude::*;
use sp_runtime::{DispatchError, DispatchResult};

fn set(model: ModelId, record: ModelRecord) -> DispatchResult {
	Evolution::set_model_record(RuntimeOrigin::root(), model, record)
}

fn with(change: impl FnOnce(&mut ModelRecord)) -> ModelRecord {
	let mut record = model_record();
	change(&mut record);
	record
}

fn deeper() -> Architecture {
	let mut architecture = base();
	let layer = architecture.layers[0];
	architecture.layers.push(layer);
	architecture
}

fn wider() -> Architecture {
	let mut architecture = base();
	for layer in &mut architecture.layers {
		if let Network::Routed(routing) = &mut layer.network {
			routing.expert.hidden *= 2;
		}
	}
	architecture
}

#[test]
fn each_rule_of_a_record_is_refused_by_name_and_refuses_nothing_else() {
	use RecordViolation::*;
	let rules = [
		(with(|one| one.allow_layer_addition = false), deeper(), LayerAddition),
		(with(|one| one.allow_expert_multiplication = false), target(), ExpertMultiplication),
		(with(|one| one.allow_dimension_scaling = false), wider(), DimensionScaling),
		(model_record(), with_experts(17), ExpertsOutOfBounds),
		(model_record(), with_experts(3), ExpertsOutOfBounds),
		(with(|one| one.compatible_to = one.version), target(), VersionOutOfRange),
	];
	for (record, broken, reason) in &rules {
		assert_eq!(check(record, &base(), broken), Err(*reason));
		for allowed in [deeper(), target(), wider()] {
			let is_range = *reason == VersionOutOfRange;
			let is_its_own = allowed == *broken || is_range;
			assert_eq!(check(record, &base(), &allowed).is_err(), is_its_own, "{reason:?}");
		}
	}
}

/// The base beside whose experts every token passes a network of this many times their width.
fn with_shared(times: u32) -> Architecture {
	let mut architecture = base();
	for layer in &mut architecture.layers {
		if let Network::Routed(routing) = &mut layer.network {
			let hidden = routing.expert.hidden * times;
			routing.shared = Some(FeedForward { hidden, ..routing.expert });
		}
	}
	architecture
}

#[test]
fn attack_widen_experts_in_the_shade_of_a_wider_network_beside_them() {
	let narrow = with(|one| one.allow_dimension_scaling = false);
	let refused = Err(RecordViolation::DimensionScaling);
	let mut widened = with_shared(4);
	for layer in &mut widened.layers {
		if let Network::Routed(routing) = &mut layer.network {
			routing.expert.hidden *= 4;
		}
	}
	assert_eq!(check(&narrow, &with_shared(4), &widened), refused);
	assert_eq!(check(&narrow, &base(), &with_shared(1)), refused, "a network where there was none");
	assert_eq!(check(&narrow, &with_shared(4), &with_shared(2)), Ok(()));
	let more_keys = Architecture { kv_heads: base().kv_heads + 1, ..base() };
	assert_eq!(check(&narrow, &base(), &more_keys), refused);
}

#[test]
fn a_change_that_the_base_does_not_allow_cannot_be_proposed() {
	story(OPERATORS, || {
		assert_ok!(set(BASE, with(|one| one.allow_expert_multiplication = false)));
		run_to(EpochPhase::Nomination);
		let reason = RecordViolation::ExpertMultiplication;
		assert_noop!(propose(ALICE, &target()), Error::<Test>::Forbidden { reason });
		assert_ok!(set(BASE, model_record()));
		assert_ok!(propose(ALICE, &target()));
	});
}

#[test]
fn a_record_is_set_by_the_chains_rule_and_fits_its_model() {
	story(OPERATORS, || {
		let by_alice = Evolution::set_model_record(signed(ALICE), BASE, model_record());
		assert_eq!(by_alice, Err(DispatchError::BadOrigin));
		assert_noop!(set(7, model_record()), Error::<Test>::BaseUnknown);
		let far = LineVersion { major: 3, minor: 0 };
		for unfit in [
			with(|one| one.layers.truncate(1)),
			with(|one| one.layers[0] = ExpertBounds { min: 9, max: 16 }),
			with(|one| one.layers[0] = ExpertBounds { min: 4, max: 7 }),
			with(|one| one.version = far),
			with(|one| one.compatible_from = far),
		] {
			assert_noop!(set(BASE, unfit), Error::<Test>::RecordInvalid);
		}
		assert_ok!(set(BASE, model_record()));
		assert_eq!(ModelRecords::<Test>::get(BASE), Some(model_record()));
		System::assert_last_event(
			Event::<Test>::ModelRecordSet { model: BASE, record: model_record() }.into(),
		);
	});
}

#[test]
fn attack_forbid_a_change_after_it_was_proposed() {
	story(OPERATORS, || {
		tried();
		let narrow = with(|one| one.allow_expert_multiplication = false);
		assert_noop!(set(BASE, narrow.clone()), Error::<Test>::RecordInUse);
		run_to(EpochPhase::Rest);
		assert_ok!(set(BASE, narrow));
	});
}

#[test]
fn attack_hold_a_record_open_by_proposing_in_every_epoch() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		assert_ok!(propose(ALICE, &target()));
		assert_noop!(set(BASE, model_record()), Error::<Test>::RecordInUse);
		// It costs half a deposit an epoch, and the rest of the epoch is open.
		run_to(EpochPhase::Rest);
		assert_eq!(ENDOWMENT - money(ALICE), DEPOSIT / 2);
		assert_ok!(set(BASE, model_record()));
	});
}

#[test]
fn a_successor_inherits_the_record_with_a_version_of_its_own() {
	story(OPERATORS, || {
		assert_ok!(set(BASE, model_record()));
		let successor = delivered();
		play(|_| measured(40, 90));
		assert!(matches!(ended(0), EpochOutcome::Promoted { .. }));
		let version = LineVersion { major: 1, minor: 1 };
		assert_eq!(ModelRecords::<Test>::get(successor), Some(with(|one| one.version = version)));
		assert_eq!(ModelRecords::<Test>::get(BASE), Some(model_record()));
	});
}

#[test]
fn a_successor_of_a_model_without_a_record_has_none() {
	story(OPERATORS, || {
		let successor = delivered();
		play(|_| measured(40, 90));
		assert!(matches!(ended(0), EpochOutcome::Promoted { .. }));
		assert_eq!(ModelRecords::<Test>::get(successor), None);
	});
}

#[test]
fn depth_moves_the_major_version_and_experts_the_minor_one() {
	let version = LineVersion { major: 1, minor: 4 };
	let after = |target: &Architecture| version_after(version, &base(), target);
	assert_eq!(after(&deeper()), Some(LineVersion { major: 2, minor: 0 }));
	assert_eq!(after(&target()), Some(LineVersion { major: 1, minor: 5 }));
}

proptest! {
	#[test]
	fn experts_are_allowed_within_the_bounds_and_not_beside_them(
		min in 0_u16..9, max in 8_u16..40, experts in 1_u16..60,
	) {
		let bounds = ExpertBounds { min, max };
		let record = with(|one| one.layers.iter_mut().for_each(|layer| *layer = bounds));
		let found = check(&record, &base(), &with_experts(experts));
		prop_assert_eq!(found.is_ok(), (min..=max).contains(&experts));
	}
}
