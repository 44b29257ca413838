//! Proposals, endorsements and deliveries that are taken, and those that are not.

use super::mock::*;
use crate::*;
use blyan_primitives::{
	evolution::{EpochPhase, EvolutionKind, Proposal, TokenizerRef},
	record_id,
	traits::BlobAnnouncements,
	BlobRef,
};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use sp_runtime::{DispatchError, DispatchResult};

fn changed(change: impl FnOnce(&mut Proposal)) -> DispatchResult {
	let mut changed = proposal();
	change(&mut changed);
	Evolution::propose(signed(ALICE), changed, record(&target()))
}

#[test]
fn a_proposal_is_kept_with_its_feasibility_and_its_deposit_is_held() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		let id = propose(ALICE, &target()).unwrap();
		let kept = Proposals::<Test>::get(id).unwrap();
		assert_eq!((kept.proposer, kept.proposal), (account(ALICE), proposal()));
		assert_eq!(kept.architecture, record_id(&target().to_bytes()));
		assert!((1..1_000_000).contains(&kept.feasibility));
		assert_eq!((kept.endorsements, held(ALICE)), (0, DEPOSIT));
		assert_eq!(propose(BOB, &with_experts(12)), Ok(id + 1));
	});
}

#[test]
fn a_proposal_below_its_template_is_refused_and_so_is_one_without_every_suite() {
	story(OPERATORS, || {
		assert_noop!(propose(ALICE, &target()), Error::<Test>::WrongPhase);
		run_to(EpochPhase::Nomination);
		let refused = [
			(changed(|one| one.kind = EvolutionKind::Multimodal), Error::<Test>::NotSupported),
			(changed(|one| one.difficulty = 1), Error::DifficultyInvalid),
			(changed(|one| one.minimum_ppm = 149_999), Error::MinimumInvalid),
			(changed(|one| one.suites.truncate(4)), Error::SuitesInvalid),
			(changed(|one| one.suites[0].tasks = TASKS - 1), Error::SuitesInvalid),
			(changed(|one| one.base = 7), Error::BaseUnknown),
			(changed(|one| one.kind = EvolutionKind::Deepen), Error::DifficultyInvalid),
		];
		for (place, (found, expected)) in refused.into_iter().enumerate() {
			assert_eq!(found, Err(DispatchError::from(expected)), "{place}");
		}
		assert_eq!(Proposals::<Test>::count(), 0);
	});
}

#[test]
fn an_infeasible_architecture_is_refused_with_the_reason() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		let refused = |reason| Error::<Test>::Infeasible { reason };
		assert_noop!(propose(ALICE, &base()), refused(Infeasibility::Unchanged));
		assert_noop!(propose(ALICE, &with_experts(4)), refused(Infeasibility::Kind));
		assert_noop!(propose(ALICE, &with_experts(40)), refused(Infeasibility::Slots));
		let noise = vec![7_u8; 100].try_into().unwrap();
		assert_noop!(Evolution::propose(signed(ALICE), proposal(), noise), refused(Infeasibility::Record));
	});
}

#[test]
fn a_base_whose_tokenizer_is_not_named_cannot_be_surpassed_yet() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		Tokenizers::<Test>::remove(BASE);
		assert_noop!(propose(ALICE, &target()), Error::<Test>::TokenizerUnknown);
		assert_ok!(Evolution::set_tokenizer(RuntimeOrigin::root(), BASE, tokenizer()));
		assert_ok!(propose(ALICE, &target()));
	});
}

#[test]
fn a_tokenizer_is_named_by_the_chains_rule_announced_and_not_changed_under_a_comparison() {
	story(OPERATORS, || {
		let blob = BlobRef { hash: H256([0x71; 32]), size: 99 };
		let other = TokenizerRef { blob, ..tokenizer() };
		let set =
			|who, model, tokenizer: &TokenizerRef| Evolution::set_tokenizer(who, model, tokenizer.clone());
		assert_noop!(set(signed(ALICE), BASE, &other), DispatchError::BadOrigin);
		assert_noop!(set(RuntimeOrigin::root(), 5, &other), Error::<Test>::BaseUnknown);
		let empty = TokenizerRef { blob: BlobRef { size: 0, ..blob }, ..tokenizer() };
		assert_noop!(set(RuntimeOrigin::root(), BASE, &empty), Error::<Test>::TokenizerInvalid);
		assert_eq!(Evolution::announced(&blob.hash), None);
		assert_ok!(set(RuntimeOrigin::root(), BASE, &other));
		assert_eq!(Evolution::announced(&blob.hash), Some(99));
		let longer = TokenizerRef { blob: BlobRef { size: 100, ..blob }, ..tokenizer() };
		assert_noop!(set(RuntimeOrigin::root(), BASE, &longer), Error::<Test>::TokenizerInvalid);
		tried();
		assert_noop!(set(RuntimeOrigin::root(), BASE, &tokenizer()), Error::<Test>::TokenizerInUse);
	});
}

#[test]
fn an_endorsement_takes_a_voice_and_a_bond() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		let id = propose(ALICE, &target()).unwrap();
		assert_noop!(Evolution::endorse(signed(BOB), id), Error::<Test>::NoVoice);
		assert_noop!(Evolution::endorse(signed(0), id + 1), Error::<Test>::ProposalUnknown);
		assert_ok!(Evolution::endorse(signed(0), id));
		assert_eq!(held(0), BOND);
		assert_eq!(Proposals::<Test>::get(id).unwrap().endorsements, 1);
		run_to(EpochPhase::Training);
		assert_noop!(Evolution::endorse(signed(1), id), Error::<Test>::WrongPhase);
	});
}

#[test]
fn without_money_nothing_is_proposed_or_endorsed() {
	story(30, || {
		run_to(EpochPhase::Nomination);
		let poor = 1_500;
		assert!(matches!(propose(poor, &target()), Err(DispatchError::Token(_))));
		let id = propose(ALICE, &target()).unwrap();
		// Operators of this number have no money in these stories.
		register_for(poor, poor);
		assert!(matches!(Evolution::endorse(signed(poor), id), Err(DispatchError::Token(_))));
		assert_eq!(Proposals::<Test>::get(id).unwrap().endorsements, 0);
	});
}

#[test]
fn operators_that_come_after_an_epoch_began_without_any_can_still_endorse() {
	story(0, || {
		run_to(EpochPhase::Nomination);
		let id = propose(ALICE, &target()).unwrap();
		assert_noop!(Evolution::endorse(signed(0), id), Error::<Test>::NoVoice);
		(0..3).for_each(|seed| register_for(seed, seed));
		assert_ok!(Evolution::endorse(signed(0), id));
		assert_eq!((epoch().electorate, epoch().voices), (Some(1), 3));
	});
}

#[test]
fn the_candidate_is_registered_under_a_name_of_the_chains_and_its_base_is_kept() {
	story(OPERATORS, || {
		let candidate = delivered();
		assert_eq!(Registered::get()[candidate as usize].name, b"evolution-0");
		assert_eq!(Kept::get(), [(BASE, 0)]);
		assert_eq!(held(ALICE), DEPOSIT + candidate_deposit());
		assert_noop!(deliver_candidate(ALICE, &target()), Error::<Test>::WrongPhase);
	});
}
