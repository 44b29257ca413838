//! `report_copy`: near copies earn nothing, and honest experts are safe from reports.

use super::*;
use crate::{CopyEvidence, Error, Event, OpenSubmissions, Original, TileProof};
use blyan_exact::{
	block::{write_expert, BlockShape, Layout},
	golden::random_expert,
	merkle, Expert,
};
use blyan_primitives::{BlobRef, BlockRef, ExpertHead, SubmissionId};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use frame_support::{
	assert_noop, assert_ok,
	traits::fungible::{Inspect, InspectHold},
};
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{self, Dave, Eve};

type PoL = Error<Test>;

pub(super) fn parent() -> Expert {
	random_expert(&CONFIG, b"parent")
}

/// An expert that changes every tenth weight of its parent, from `first` on.
pub(super) fn trained(first: usize) -> Expert {
	let mut expert = parent();
	for matrix in [&mut expert.up, &mut expert.down] {
		for weight in matrix.weights.iter_mut().skip(first).step_by(10) {
			*weight = if *weight == 1 { -1 } else { *weight + 1 };
		}
	}
	expert
}

/// The expert with one weight flipped.
pub(super) fn flipped(expert: &Expert) -> Expert {
	let mut copy = expert.clone();
	copy.up.weights[5] = if copy.up.weights[5] == 0 { 1 } else { 0 };
	copy
}

/// The same function with its neurons the other way round.
fn reversed(expert: &Expert) -> Expert {
	let mut copy = expert.clone();
	let (hidden, d) = (expert.up.rows, expert.up.cols);
	for to in 0..hidden {
		let from = hidden - 1 - to;
		copy.up.weights[to * d..(to + 1) * d].copy_from_slice(&expert.up.weights[from * d..(from + 1) * d]);
		copy.gain[to] = expert.gain[from];
		for row in 0..d {
			copy.down.weights[row * hidden + to] = expert.down.weights[row * hidden + from];
		}
	}
	copy
}

fn layout() -> Layout {
	Layout::new(BlockShape::expert_of(&CONFIG)).unwrap()
}

pub(super) fn block_of(expert: &Expert) -> BlockRef {
	let file = write_expert(expert, &CONFIG).unwrap();
	let hash = H256(sp_io::hashing::blake2_256(&file));
	BlockRef { tensor_root: H256(layout().check(&file).unwrap()), blob: BlobRef { hash, size: 500 } }
}

pub(super) fn tile(expert: &Expert) -> TileProof {
	let file = write_expert(expert, &CONFIG).unwrap();
	let leaves = layout().leaves(&file);
	TileProof {
		bytes: file[layout().tile(0)].to_vec().try_into().unwrap(),
		tiles: H256(merkle::root(&leaves)),
		path: merkle::prove(&leaves, 0)
			.unwrap()
			.into_iter()
			.map(H256)
			.collect::<Vec<_>>()
			.try_into()
			.unwrap(),
	}
}

pub(super) fn evidence(original: &Expert, copy: &Expert) -> CopyEvidence {
	CopyEvidence {
		tile: 0,
		copy_tile: 0,
		original: tile(original),
		original_parent: None,
		copy_parent: tile(&parent()),
		copy: tile(copy),
		moved: Default::default(),
	}
}

/// Makes the parent the head of slot 0.
pub(super) fn with_parent() {
	let head = ExpertHead { version: 0, block: block_of(&parent()) };
	Heads::mutate(|heads| heads.insert(slot(0), head));
	History::set([(0, Heads::get())].into());
}

pub(super) fn offer(who: Sr25519Keyring, expert: &Expert) -> SubmissionId {
	assert_ok!(submit_as(who.to_account_id(), slot(0), block_of(expert)));
	Learning::submission_count() - 1
}

fn report_by(
	who: Sr25519Keyring,
	copy: SubmissionId,
	original: Original,
	evidence: CopyEvidence,
) -> frame_support::pallet_prelude::DispatchResultWithPostInfo {
	Learning::report_copy(signed(who.to_account_id()), copy, original, Box::new(evidence))
}

pub(super) fn accept(submission: SubmissionId) {
	run_to(System::block_number() + DELAY + 1);
	all_report(submission, score(64, 0));
	end_block();
	assert!(matches!(outcome(submission), Some(SubmissionOutcome::Accepted { .. })));
}

pub(super) fn reject(submission: SubmissionId) {
	run_to(System::block_number() + DELAY + 1);
	all_report(submission, score(0, 0));
	end_block();
	assert!(matches!(outcome(submission), Some(SubmissionOutcome::Rejected(_))));
}

/// A rival flips one weight of an open expert, has another root and another hash, and hopes that the original is refused.
#[test]
fn attack_copy_with_one_weight_flipped() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let (first, copy) = (trained(0), flipped(&trained(0)));
		let original = offer(Dave, &first);
		let stolen = offer(Eve, &copy);
		let before = Balances::balance(&Dave.to_account_id());
		let post = report_by(Dave, stolen, Original::Submission(original), evidence(&first, &copy)).unwrap();
		assert_eq!(post.pays_fee, frame_support::dispatch::Pays::No);
		assert!(
			!OpenSubmissions::<Test>::contains_key(stolen) && OpenSubmissions::<Test>::contains_key(original)
		);
		assert_eq!(outcome(stolen), Some(SubmissionOutcome::Rejected(RejectReason::Copied)));
		assert_eq!(Balances::total_balance_on_hold(&Eve.to_account_id()), 0);
		assert_eq!(Balances::balance(&Dave.to_account_id()), before + BOND / 5, "a fifth of the bond");
		assert_eq!(Slashed::get(), BOND - BOND / 5);
		assert!(events().iter().any(|event| matches!(event, Event::CopyProven { likeness: 990.., .. })));
		// Once is enough.
		let again = report_by(Dave, stolen, Original::Submission(original), evidence(&first, &copy));
		assert_noop!(again, PoL::SubmissionUnknown);
		accept(original);
	});
}

/// The original was refused for want of certainty, and its copy behind it was luckier.
#[test]
fn attack_earn_with_a_copy_of_a_refused_expert() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let (first, copy) = (trained(0), flipped(&trained(0)));
		let original = offer(Dave, &first);
		let stolen = offer(Eve, &copy);
		reject(original);
		accept(stolen);
		let accepted = decision(stolen).unwrap();
		assert!(accepted.held > 0);
		assert_ok!(report_by(
			Sr25519Keyring::Ferdie,
			stolen,
			Original::Submission(original),
			evidence(&first, &copy)
		));
		assert_eq!(outcome(stolen), Some(SubmissionOutcome::Rejected(RejectReason::Copied)));
		assert_eq!(Heads::get()[&slot(0)].block, block_of(&parent()), "the head is the parent again");
		assert_eq!(Refunded::get(), accepted.held, "the envelope may spend it again");
		assert_eq!(Balances::total_balance_on_hold(&Eve.to_account_id()), 0);
		let again = report_by(Dave, stolen, Original::Submission(original), evidence(&first, &copy));
		assert_noop!(again, PoL::NothingToTakeBack);
		run_to_maturity(stolen);
		assert!(events().iter().all(|event| !matches!(event, Event::RewardReleased { .. })));
	});
}

/// A permutation of the neurons changes no result and every weight's place.
#[test]
fn attack_hide_a_copy_behind_a_permutation() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let (first, copy) = (trained(0), reversed(&trained(0)));
		let original = offer(Dave, &first);
		let stolen = offer(Eve, &copy);
		let in_place = report_by(Dave, stolen, Original::Submission(original), evidence(&first, &copy));
		assert!(in_place.is_err());
		let last = CONFIG.d_ff - 1;
		let moved: Vec<_> = (0..CONFIG.d_ff).map(|to| (last - to, to)).collect();
		let evidence = CopyEvidence { moved: moved.try_into().unwrap(), ..evidence(&first, &copy) };
		assert_ok!(report_by(Dave, stolen, Original::Submission(original), evidence));
	});
}

/// Nothing that a reporter may choose makes honest work look copied: neither other neurons, nor tiles of other experts.
#[test]
fn attack_report_an_honest_expert_as_a_copy() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let (first, honest) = (trained(0), trained(3));
		let original = offer(Dave, &first);
		let victim = offer(Eve, &honest);
		let original = Original::Submission(original);
		let slashed = Slashed::get();
		let report = |evidence| report_by(Dave, victim, original, evidence);
		assert_noop!(report(evidence(&first, &honest)), PoL::NotACopy);
		assert_noop!(report(evidence(&first, &first)), PoL::TileUnproven);
		assert_noop!(report(evidence(&honest, &honest)), PoL::TileUnproven);
		let own_parent = Some(tile(&parent()));
		let measured = CopyEvidence { original_parent: own_parent, ..evidence(&first, &honest) };
		assert_noop!(report(measured), PoL::NotACopy);
		for (moved, error) in [
			(vec![(0, 0)], PoL::EvidenceMalformed),
			(vec![(1, 2), (1, 3)], PoL::EvidenceMalformed),
			(vec![(1, 3), (3, 1)], PoL::EvidenceMalformed),
			(vec![(900, 1)], PoL::EvidenceMalformed),
			((0..63).map(|to| (to + 1, to)).collect(), PoL::NotACopy),
		] {
			let evidence = CopyEvidence { moved: moved.try_into().unwrap(), ..evidence(&first, &honest) };
			let refused = report(evidence);
			assert!(
				refused == Err(error.into()) || refused == Err(PoL::SampleTooSmall.into()),
				"{refused:?}"
			);
		}
		let elsewhere = CopyEvidence { copy_tile: 1, ..evidence(&first, &honest) };
		assert_noop!(report(elsewhere), PoL::TileUnproven);
		// The parent itself changes nothing.
		let as_copy_of_parent = report_by(Dave, victim, Original::Version(0), evidence(&parent(), &honest));
		assert_noop!(as_copy_of_parent, PoL::SampleTooSmall);
		assert_eq!(Slashed::get(), slashed);
		assert!(OpenSubmissions::<Test>::contains_key(victim));
	});
}

/// The thief reports the expert that it copied.
#[test]
fn attack_report_the_original_as_the_copy() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let (first, copy) = (trained(0), flipped(&trained(0)));
		let original = offer(Dave, &first);
		let stolen = offer(Eve, &copy);
		let turned = report_by(Eve, original, Original::Submission(stolen), evidence(&copy, &first));
		assert_noop!(turned, PoL::OriginalNotEarlier);
		let itself = report_by(Eve, original, Original::Submission(original), evidence(&first, &first));
		assert_noop!(itself, PoL::OriginalNotEarlier);
		let later = report_by(Eve, original, Original::Version(1), evidence(&first, &first));
		assert_noop!(later, PoL::OriginalNotEarlier);
	});
}

/// A squatter with a helpful collator comes first and makes way: its closed submission has the author's root and the lower
/// number.
#[test]
fn attack_report_the_author_as_a_copy_of_its_squatter() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let first = trained(0);
		let (author, squatter) = (Dave.to_account_id(), Eve.to_account_id());
		assert_ok!(commit_as(author.clone(), slot(0), block_of(&first)));
		run_to(3);
		assert_ok!(submit_as(squatter, slot(0), block_of(&first)));
		assert_ok!(open_as(author, slot(0), block_of(&first)));
		assert_eq!(outcome(0), Some(SubmissionOutcome::Rejected(RejectReason::Preempted)));
		let turned = report_by(Eve, 1, Original::Submission(0), evidence(&first, &first));
		assert_noop!(turned, PoL::OriginalNotEarlier);
	});
}

/// The author's first try expires when its bytes are known. A copier is faster than the second try, which has the higher number.
#[test]
fn attack_report_the_second_try_as_a_copy_of_its_copy() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		MinAttestations::set(2);
		let (first, copy) = (trained(0), flipped(&trained(0)));
		let expired = offer(Dave, &first);
		run_to(System::block_number() + BYTES + 2);
		assert!(matches!(outcome(expired), Some(SubmissionOutcome::Expired(_))));
		let stolen = offer(Eve, &copy);
		run_to(System::block_number() + 1);
		let second_try = offer(Dave, &first);
		let turned = report_by(Eve, second_try, Original::Submission(stolen), evidence(&copy, &first));
		assert_noop!(turned, PoL::OriginalNotEarlier);
		assert_ok!(report_by(Dave, stolen, Original::Submission(expired), evidence(&first, &copy)));
		// Refused, it is no original either.
		let again = report_by(Eve, second_try, Original::Submission(stolen), evidence(&copy, &first));
		assert_noop!(again, PoL::OriginalNotEarlier);
	});
}

/// The author goes on from its refused expert, and commits to other tensors, later than the copier did.
#[test]
fn attack_report_the_authors_next_version_as_a_copy_of_its_copy() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		MinAttestations::set(2);
		let (first, copy) = (trained(0), flipped(&trained(0)));
		let mut next = first.clone();
		next.up.weights[7] = if next.up.weights[7] == 0 { 1 } else { 0 };
		let expired = offer(Dave, &first);
		run_to(System::block_number() + BYTES + 2);
		let stolen = offer(Eve, &copy);
		assert_ok!(report_by(Dave, stolen, Original::Submission(expired), evidence(&first, &copy)));
		run_to(System::block_number() + 1);
		let improved = offer(Dave, &next);
		let turned = report_by(Eve, improved, Original::Submission(stolen), evidence(&copy, &next));
		assert_noop!(turned, PoL::OriginalUnknown);
		assert!(OpenSubmissions::<Test>::contains_key(improved));
	});
}

/// The copy of a refused expert was accepted, and taken back. It stays among the slot's versions.
#[test]
fn attack_report_the_second_try_as_a_copy_of_a_version_that_was_taken_back() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let (first, copy) = (trained(0), flipped(&trained(0)));
		let (original, stolen) = (offer(Dave, &first), offer(Eve, &copy));
		reject(original);
		accept(stolen);
		assert_ok!(report_by(Dave, stolen, Original::Submission(original), evidence(&first, &copy)));
		let head = Heads::get()[&slot(0)];
		assert_eq!((head.version, head.block), (2, block_of(&parent())));
		let second_try = offer(Dave, &first);
		let turned = report_by(Eve, second_try, Original::Version(1), evidence(&copy, &first));
		assert_noop!(turned, PoL::OriginalUnknown);
	});
}

/// A squatter that made way holds the author's root under the lower number, and the author's next version is later than it.
#[test]
fn attack_report_the_authors_next_version_as_a_copy_of_its_squatter() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let (first, next) = (trained(0), flipped(&trained(0)));
		let (author, squatter) = (Dave.to_account_id(), Eve.to_account_id());
		assert_ok!(commit_as(author.clone(), slot(0), block_of(&first)));
		run_to(3);
		assert_ok!(submit_as(squatter, slot(0), block_of(&first)));
		assert_ok!(open_as(author, slot(0), block_of(&first)));
		run_to(5);
		let improved = offer(Dave, &next);
		let turned = report_by(Eve, improved, Original::Submission(0), evidence(&first, &next));
		assert_noop!(turned, PoL::SameMiner);
	});
}

#[test]
fn report_copy_fails_when_the_decision_has_matured_or_the_miner_is_the_same() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let (first, copy) = (trained(0), flipped(&trained(0)));
		let original = offer(Dave, &first);
		let own = offer(Dave, &copy);
		let by_its_miner = report_by(Eve, own, Original::Submission(original), evidence(&first, &copy));
		assert_noop!(by_its_miner, PoL::SameMiner);
		reject(original);
		accept(own);
		run_to_maturity(own);
		let late = report_by(Eve, own, Original::Submission(original), evidence(&first, &copy));
		assert_noop!(late, PoL::SubmissionUnknown);
	});
}

#[test]
fn report_copy_pays_the_members_that_have_sealed() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		EvaluationFee::set(90);
		let (first, copy) = (trained(0), flipped(&trained(0)));
		let original = offer(Dave, &first);
		let stolen = offer(Eve, &copy);
		reject(original);
		run_to(System::block_number() + DELAY + 1);
		let member = OPERATORS[0];
		let before = Balances::balance(&member.to_account_id());
		assert_ok!(seal_as(member, stolen, score(64, 0)));
		assert_ok!(report_by(Dave, stolen, Original::Submission(original), evidence(&first, &copy)));
		assert!(Balances::balance(&member.to_account_id()) >= before + 90);
		assert_eq!(Balances::total_balance_on_hold(&Eve.to_account_id()), 0);
	});
}
