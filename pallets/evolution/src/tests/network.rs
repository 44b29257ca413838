//! The network's own proposal: what follows from the state, and who trains it.

use super::mock::*;
use crate::{network::derive, *};
use blyan_exact::definition2::{Architecture, Network};
use blyan_primitives::evolution::{EpochOutcome, EpochPhase, EvolutionKind, ProposalId};
use frame_support::assert_noop;
use proptest::prelude::*;

/// Gives the experts of the base so many accepted improvements, layer by layer.
fn improve(layers: [u32; 2]) {
	Registered::mutate(|all| {
		let info = &mut all[BASE as usize];
		let experts = info.heads.len() / 2;
		for (place, head) in info.heads.iter_mut().enumerate() {
			head.version = layers[place / experts];
		}
		info.generation = layers.iter().sum::<u32>() * experts as u32;
	});
}

fn file() -> Result<ProposalId, sp_runtime::DispatchError> {
	Evolution::file_proposal(signed(BOB)).map_err(|error| error.error)?;
	Ok(NetworkProposal::<Test>::get().unwrap())
}

fn experts_of(architecture: &Architecture) -> Vec<u16> {
	let experts = |network: &Network| match network {
		Network::Dense(_) => 0,
		Network::Routed(routing) => routing.experts,
	};
	architecture.layers.iter().map(|layer| experts(&layer.network)).collect()
}

/// The network's proposal for the base, with these versions, if everything is feasible.
fn derived(versions: &[u32]) -> Option<(EvolutionKind, Architecture)> {
	derive(&base(), versions, |_, _| Some(1)).map(|(kind, target, _)| (kind, target))
}

#[test]
fn the_layer_whose_experts_improve_most_often_gets_twice_as_many() {
	let eight = |first: u32, second: u32| [[first; 8], [second; 8]].concat();
	assert_eq!(experts_of(&base()), [8, 8]);
	let (kind, target) = derived(&eight(1, 3)).unwrap();
	assert_eq!((kind, experts_of(&target)), (EvolutionKind::ScaleExperts, vec![8, 16]));
	let (_, target) = derived(&eight(3, 3)).unwrap();
	assert_eq!(experts_of(&target), [16, 8], "of equal ones the first");
	assert_eq!(derived(&eight(0, 0)), None, "nothing follows from nothing");
}

#[test]
fn a_model_whose_layers_can_have_no_more_experts_gets_another_layer() {
	let versions = [1; 16];
	let is_deeper = |kind: EvolutionKind, _: &Architecture| (kind == EvolutionKind::Deepen).then_some(1);
	let (kind, target, _) = derive(&base(), &versions, is_deeper).unwrap();
	assert_eq!((kind, experts_of(&target)), (EvolutionKind::Deepen, vec![8, 8, 8]));
	assert!(derive(&base(), &versions, |_, _| None).is_none());
}

#[test]
fn what_follows_from_the_state_is_filed_adopted_endorsed_and_tried() {
	story(OPERATORS, || {
		improve([0, 2]);
		assert_noop!(file(), Error::<Test>::WrongPhase);
		run_to(EpochPhase::Nomination);
		let id = file().unwrap();
		assert_noop!(file(), Error::<Test>::AlreadyFiled);
		assert_eq!(held(BOB), 0, "filing holds nothing");
		let proposed = Proposals::<Test>::get(id).unwrap();
		assert_eq!((proposed.proposer, proposed.deposit), (Evolution::network(), 0));
		assert_eq!((proposed.proposal.base, proposed.proposal.minimum_ppm), (BASE, 150_000));
		Evolution::adopt(signed(ALICE)).unwrap();
		assert_eq!(held(ALICE), DEPOSIT);
		assert_noop!(Evolution::adopt(signed(BOB)), Error::<Test>::AlreadyAdopted);
		Evolution::endorse(signed(0), id).unwrap();
		run_to(EpochPhase::Training);
		assert_eq!(epoch().selected, Some(id));
		let (_, target) = derived(&[[0; 8], [2; 8]].concat()).unwrap();
		deliver_candidate(ALICE, &target).unwrap();
		play(|_| measured(40, 90));
		run_to(EpochPhase::Rest);
		assert!(ended(0).is_promoted());
		assert_eq!((held(ALICE), NetworkProposal::<Test>::get()), (0, None));
	});
}

#[test]
fn a_record_narrows_what_the_network_proposes() {
	story(OPERATORS, || {
		improve([1, 2]);
		let mut narrow = model_record();
		narrow.allow_expert_multiplication = false;
		narrow.allow_layer_addition = false;
		Evolution::set_model_record(RuntimeOrigin::root(), BASE, narrow).unwrap();
		run_to(EpochPhase::Nomination);
		assert_noop!(file(), Error::<Test>::NothingToPropose);
	});
}

#[test]
fn attack_endorse_what_no_account_trains_so_that_the_epoch_is_lost() {
	story(OPERATORS, || {
		improve([1, 2]);
		run_to(EpochPhase::Nomination);
		let orphan = file().unwrap();
		let other = propose(ALICE, &with_experts(9)).unwrap();
		(0..3).for_each(|voice| Evolution::endorse(signed(voice), orphan).unwrap());
		Evolution::endorse(signed(3), other).unwrap();
		run_to(EpochPhase::Training);
		assert_eq!(epoch().selected, Some(other), "what was not adopted is not tried");
		run_to(EpochPhase::Rest);
		assert_eq!((money(0), held(0)), (ENDOWMENT, 0));
	});
}

#[test]
fn attack_hold_a_record_open_by_filing_for_free() {
	story(OPERATORS, || {
		improve([1, 2]);
		run_to(EpochPhase::Nomination);
		file().unwrap();
		let set = || Evolution::set_model_record(RuntimeOrigin::root(), BASE, model_record());
		assert_noop!(set(), Error::<Test>::RecordInUse);
		run_to(EpochPhase::Rest);
		set().unwrap();
	});
}

#[test]
fn attack_adopt_what_one_endorsed() {
	story(OPERATORS, || {
		register_for(10, ALICE);
		improve([1, 2]);
		run_to(EpochPhase::Nomination);
		let id = file().unwrap();
		Evolution::endorse(signed(10), id).unwrap();
		for own in [10, ALICE] {
			assert_noop!(Evolution::adopt(signed(own)), Error::<Test>::OwnProposal);
		}
		Evolution::adopt(signed(BOB)).unwrap();
	});
}

#[test]
fn attack_file_without_an_improvement_or_until_the_list_is_full() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		assert_noop!(file(), Error::<Test>::NothingToPropose);
		improve([1, 2]);
		file().unwrap();
		assert_noop!(file(), Error::<Test>::AlreadyFiled);
		assert_eq!(Proposals::<Test>::count(), 1);
		run_to(EpochPhase::Rest);
		assert_eq!(ended(0), EpochOutcome::NoProposal);
	});
}

proptest! {
	#[test]
	fn what_is_derived_is_one_step_from_the_base(versions in proptest::collection::vec(0u32..100, 16)) {
		let Some((kind, target)) = derived(&versions) else {
			prop_assert!(versions.iter().all(|version| *version == 0));
			return Ok(());
		};
		prop_assert_eq!(kind, EvolutionKind::ScaleExperts);
		prop_assert!(target.validate().is_ok());
		let sum = |layer: usize| versions[layer * 8..][..8].iter().sum::<u32>();
		let most = usize::from(sum(1) > sum(0));
		let mut expected = vec![8, 8];
		expected[most] = 16;
		prop_assert_eq!(experts_of(&target), expected);
		prop_assert_eq!(derived(&versions), Some((kind, target)));
	}
}
