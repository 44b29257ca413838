//! Feasibility: rules about kinds and bounds.

use super::mock::{base, with_experts};
use crate::feasibility::{feasibility, read, Infeasibility, Sizes};
use blyan_exact::definition2::{golden, Architecture, Network};
use blyan_primitives::{evolution::EvolutionKind, traits::ModelLimits};
use proptest::prelude::*;

const LIMITS: ModelLimits = ModelLimits { slots: 2_048, expert_bytes: 1 << 24, part_bytes: 1 << 30 };

fn changed(change: impl FnOnce(&mut Architecture)) -> Architecture {
	let mut architecture = base();
	change(&mut architecture);
	architecture.validate().unwrap();
	architecture
}

fn deeper() -> Architecture {
	changed(|one| {
		let layer = one.layers[0];
		one.layers.push(layer);
	})
}

fn wider() -> Architecture {
	changed(|one| {
		for layer in &mut one.layers {
			if let Network::Routed(routing) = &mut layer.network {
				routing.expert.hidden *= 2;
			}
		}
	})
}

#[test]
fn each_change_is_of_its_kind_and_of_no_other() {
	use EvolutionKind::*;
	let smaller = changed(|one| one.layers.truncate(1));
	let few = with_experts(4);
	for (target, kinds) in [
		(with_experts(16), &[ScaleExperts][..]),
		(deeper(), &[Deepen][..]),
		(wider(), &[Widen][..]),
		(smaller, &[Efficiency, Memory][..]),
		(few, &[Memory][..]),
	] {
		for kind in EvolutionKind::ALL {
			let found = feasibility(kind, &base(), &target, &LIMITS);
			assert_eq!(found.is_ok(), kinds.contains(&kind), "{kind:?} {found:?}");
			if !kinds.contains(&kind) {
				assert_eq!(found, Err(Infeasibility::Kind), "{kind:?}");
			}
		}
	}
}

#[test]
fn each_bound_is_refused_by_name() {
	use EvolutionKind::ScaleExperts;
	let refused = |target: &Architecture, limits: &ModelLimits| {
		feasibility(ScaleExperts, &base(), target, limits).unwrap_err()
	};
	let target = with_experts(16);
	assert_eq!(refused(&base(), &LIMITS), Infeasibility::Unchanged);
	let other = Architecture { vocabulary: 299, ..target.clone() };
	assert_eq!(refused(&other, &LIMITS), Infeasibility::Vocabulary);
	let shorter = Architecture { context: 63, ..target.clone() };
	assert_eq!(refused(&shorter, &LIMITS), Infeasibility::Context);
	let sizes = Sizes::of(&target);
	assert_eq!(sizes.slots, 32);
	let limits = ModelLimits { slots: 31, ..LIMITS };
	assert_eq!(refused(&target, &limits), Infeasibility::Slots);
	let limits = ModelLimits { part_bytes: (sizes.part - 1) as u32, ..LIMITS };
	assert_eq!(refused(&target, &limits), Infeasibility::PartBytes);
	let limits = ModelLimits { expert_bytes: (sizes.expert - 1) as u32, ..LIMITS };
	assert_eq!(refused(&target, &limits), Infeasibility::ExpertBytes);
	assert_eq!(refused(&with_experts(1_000), &LIMITS), Infeasibility::Growth);
}

#[test]
fn a_target_at_a_bound_is_barely_feasible() {
	let target = with_experts(16);
	let limits = ModelLimits { slots: 32, ..LIMITS };
	assert_eq!(feasibility(EvolutionKind::ScaleExperts, &base(), &target, &limits), Ok(1));
}

#[test]
fn only_the_canonical_record_of_a_valid_architecture_is_read() {
	for (name, architecture) in golden::ARCHITECTURES {
		let record = architecture().to_bytes();
		assert_eq!(read(&record), Ok(architecture()), "{name}");
		let longer = [record.clone(), vec![0]].concat();
		assert_eq!(read(&longer), Err(Infeasibility::Record), "{name}");
		assert_eq!(read(&record[1..]), Err(Infeasibility::Record), "{name}");
	}
	assert_eq!(read(&[]), Err(Infeasibility::Record));
}

proptest! {
	#[test]
	fn more_experts_are_never_more_feasible(few in 9_u16..60, more in 1_u16..20) {
		let kind = EvolutionKind::ScaleExperts;
		let of = |experts| feasibility(kind, &base(), &with_experts(experts), &LIMITS).unwrap_or(0);
		prop_assert!(of(few + more) <= of(few));
	}

	#[test]
	fn no_bytes_are_a_panic(record in proptest::collection::vec(any::<u8>(), 0..200)) {
		let _ = read(&record);
	}
}
