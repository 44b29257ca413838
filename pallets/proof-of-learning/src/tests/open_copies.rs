//! `report_open_copy`: near copies of adapters of open models earn nothing, and honest adapters are safe from reports.

use super::{
	open_models::{architecture, open_world, HasAdapters},
	*,
};
use crate::{Error, Event, OpenCopyEvidence, OpenSubmissions, Original};
use blyan_exact::definition2::{
	block::{part_file, Layout},
	golden::Stream,
	similarity::{bytes_of, tiles_of},
	OwnedPart, OwnedTensor, Part,
};
use blyan_primitives::{
	BlobRef, BlockRef, ExpertHead, Projection, Score, ShownAdapter, SubmissionId, Verdict,
};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{self, Dave, Eve, Ferdie};

type PoL = Error<Test>;

const PART: Part = Part::Expert { layer: 0, expert: 0 };

pub(super) fn parent() -> OwnedPart {
	Stream::new(b"parent").part(&architecture(), PART)
}

/// An adapter of which every third code of each matrix is another than its parent's.
pub(super) fn trained(seed: &[u8]) -> OwnedPart {
	let mut stream = Stream::new(seed);
	let mut part = parent();
	for (_, tensor) in &mut part.0 {
		let OwnedTensor::Codes(codes) = tensor else { continue };
		codes.bytes.iter_mut().step_by(3).for_each(|code| *code = stream.draw() as u8);
	}
	part
}

/// The adapters with their first two inner rows the other way round, in both matrices: other bytes, the same products.
pub(super) fn mixed(part: &OwnedPart) -> OwnedPart {
	let mut mixed = part.clone();
	for (name, tensor) in &mut mixed.0 {
		let OwnedTensor::Codes(codes) = tensor else { continue };
		let cols = codes.cols;
		// The first of a pair has an inner row in each row, the second in each column.
		if name.shift_max() > 0 {
			let (first, rest) = codes.bytes.split_at_mut(cols);
			first.swap_with_slice(&mut rest[..cols]);
		} else {
			codes.bytes.chunks_exact_mut(cols).for_each(|row| row.swap(0, 1));
		}
	}
	mixed
}

/// The adapters with a code of each matrix changed.
pub(super) fn flipped(part: &OwnedPart) -> OwnedPart {
	let mut flipped = part.clone();
	for (_, tensor) in &mut flipped.0 {
		let OwnedTensor::Codes(codes) = tensor else { continue };
		codes.bytes[5] ^= 1;
	}
	flipped
}

fn file(part: &OwnedPart) -> Vec<u8> {
	part_file(&architecture(), PART, &part.view()).unwrap()
}

fn layout() -> Layout {
	Layout::of(&architecture(), PART).unwrap()
}

pub(super) fn block_of(part: &OwnedPart) -> BlockRef {
	let file = file(part);
	let hash = H256(sp_io::hashing::blake2_256(&file));
	BlockRef {
		tensor_root: H256(layout().check(&file).unwrap()),
		blob: BlobRef { hash, size: file.len() as u32 },
	}
}

fn shown(part: &OwnedPart, projection: Projection) -> ShownAdapter {
	let (layout, file) = (layout(), file(part));
	let place = bytes_of(&layout, &tiles_of(&layout, projection.name()).unwrap());
	let leaves: Vec<H256> = layout.leaves(&file).unwrap().into_iter().map(H256).collect();
	ShownAdapter {
		scales: layout.scales(&file).to_vec().try_into().unwrap(),
		leaves: leaves.try_into().unwrap(),
		bytes: file[place.start as usize..place.end as usize].to_vec().try_into().unwrap(),
	}
}

pub(super) fn evidence(original: &OwnedPart, copy: &OwnedPart, projection: Projection) -> OpenCopyEvidence {
	OpenCopyEvidence {
		projection,
		original: shown(original, projection),
		original_parent: None,
		copy_parent: shown(&parent(), projection),
		copy: shown(copy, projection),
	}
}

/// Makes the parent the head of slot 0.
pub(super) fn with_parent() {
	let head = ExpertHead { version: 0, block: block_of(&parent()) };
	Heads::mutate(|heads| heads.insert(slot(0), head));
	History::set([(0, Heads::get())].into());
}

/// A world of adapters whose head in slot 0 is the parent.
pub(super) fn world(story: impl FnOnce()) {
	HasAdapters::set(true);
	open_world(|| {
		with_parent();
		story();
	});
	HasAdapters::set(false);
}

pub(super) fn offer(who: Sr25519Keyring, part: &OwnedPart) -> SubmissionId {
	assert_ok!(submit_as(who.to_account_id(), slot(0), block_of(part)));
	Learning::submission_count() - 1
}

/// Has the committee find a candidate better by so much a predicted token.
pub(super) fn judge(submission: SubmissionId, per_token: i64) {
	run_to(System::block_number() + DELAY + 1);
	let target = measured(per_token, 0, SEQUENCE - 1);
	all_report(submission, Verdict::Scored(Score { target, guard: None }));
	end_block();
}

fn report(
	copy: SubmissionId,
	original: SubmissionId,
	evidence: OpenCopyEvidence,
) -> frame_support::pallet_prelude::DispatchResultWithPostInfo {
	let original = Original::Submission(original);
	Learning::report_open_copy(signed(Ferdie.to_account_id()), copy, original, Box::new(evidence))
}

/// A rival changes codes, or mixes the two matrices, has another root and another hash, and hopes to be the first that is accepted.
#[test]
fn attack_copy_adapters_with_codes_changed_or_matrices_mixed() {
	for disguise in [flipped, mixed] {
		for projection in Projection::ALL {
			world(|| {
				let first = trained(b"first");
				let copy = disguise(&first);
				let (original, stolen) = (offer(Dave, &first), offer(Eve, &copy));
				assert_ok!(report(stolen, original, evidence(&first, &copy, projection)));
				assert_eq!(outcome(stolen), Some(SubmissionOutcome::Rejected(RejectReason::Copied)));
				assert!(OpenSubmissions::<Test>::contains_key(original));
				assert!(events()
					.iter()
					.any(|event| matches!(event, Event::CopyProven { likeness: 995.., .. })));
			});
		}
	}
}

/// The original is refused for bad luck, and the copy of it is accepted: it is taken back.
#[test]
fn attack_copy_adapters_that_were_refused() {
	world(|| {
		let first = trained(b"first");
		let copy = mixed(&first);
		let (original, stolen) = (offer(Dave, &first), offer(Eve, &copy));
		judge(original, 0);
		assert!(matches!(outcome(original), Some(SubmissionOutcome::Rejected(_))));
		judge(stolen, 2 * i64::from(DELTA));
		assert!(matches!(outcome(stolen), Some(SubmissionOutcome::Accepted { .. })));
		assert_ok!(report(stolen, original, evidence(&first, &copy, Projection::Up)));
		assert_eq!(outcome(stolen), Some(SubmissionOutcome::Rejected(RejectReason::Copied)));
		assert_eq!(Heads::get()[&slot(0)].block, block_of(&parent()));
	});
}

#[test]
fn attack_report_honest_adapters_as_a_copy() {
	world(|| {
		let (first, honest) = (trained(b"first"), trained(b"second"));
		let (earlier, victim) = (offer(Dave, &first), offer(Eve, &honest));
		for projection in Projection::ALL {
			assert_noop!(report(victim, earlier, evidence(&first, &honest, projection)), PoL::NotACopy);
			// Other adapters than those that were submitted.
			assert_noop!(report(victim, earlier, evidence(&honest, &honest, projection)), PoL::TileUnproven);
		}
		// A parent that is not on record, to measure the original from.
		let mut forged = evidence(&first, &honest, Projection::Gate);
		forged.original_parent = Some(shown(&honest, Projection::Gate));
		assert_noop!(report(victim, earlier, forged), PoL::TileUnproven);
		assert_noop!(
			report(earlier, victim, evidence(&honest, &first, Projection::Gate)),
			PoL::OriginalNotEarlier
		);
		assert!(OpenSubmissions::<Test>::contains_key(victim));
	});
}

/// Experts that change hardly more than rounding does are alike.
#[test]
fn report_open_copy_fails_when_the_original_hardly_changes_its_parent() {
	world(|| {
		let (first, second) = (flipped(&parent()), flipped(&mixed(&parent())));
		let (earlier, later) = (offer(Dave, &first), offer(Eve, &second));
		assert_noop!(
			report(later, earlier, evidence(&first, &second, Projection::Down)),
			PoL::SampleTooSmall
		);
	});
}

#[test]
fn report_open_copy_fails_when_the_experts_are_not_adapters() {
	open_world(|| {
		let size = blyan_primitives::expert_bytes(&architecture(), 0).unwrap() as u32;
		for (who, seed) in [(Dave, 1), (Eve, 2)] {
			let expert = BlockRef { blob: BlobRef { size, ..block(seed).blob }, ..block(seed) };
			assert_ok!(submit_as(who.to_account_id(), slot(0), expert));
		}
		let empty = ShownAdapter {
			scales: Default::default(),
			leaves: Default::default(),
			bytes: Default::default(),
		};
		let nothing = OpenCopyEvidence {
			projection: Projection::Gate,
			original: empty.clone(),
			original_parent: None,
			copy_parent: empty.clone(),
			copy: empty,
		};
		assert_noop!(report(1, 0, nothing), PoL::CopiesNotMeasured);
	});
}
