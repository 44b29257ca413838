//! Copies that benchmarks report.

use super::candidate;
use crate::{Claim, Config, CopyEvidence, Decisions, Original, TileProof};
use blyan_exact::{
	block::{write_expert, BlockShape, Layout},
	golden::random_expert,
	merkle, Expert,
};
use blyan_primitives::{traits::ExpertRegistry, BlockRef, SubmissionId};
use blyan_runtime_api::SubmissionOutcome;
use frame_benchmarking::{account, BenchmarkError};
use frame_support::BoundedVec;
use sp_core::H256;

/// Makes an accepted submission the copy of an earlier version, and proves it. Another version lies between the two, so
/// that both parents are evidence.
pub(super) fn copied<T: Config>(
	submission: SubmissionId,
	miner: &T::AccountId,
) -> Result<(Original, CopyEvidence), BenchmarkError> {
	let decision = Decisions::<T>::get(submission).ok_or("it was decided above")?;
	let slot = decision.claim.slot;
	let config = T::Experts::config(slot.model).ok_or("the model is there")?;
	let layout = Layout::new(BlockShape::expert_of(&config)).map_err(|_| "the configuration is valid")?;
	let parent = random_expert(&config, b"parent");
	let mut copy = parent.clone();
	for weight in copy.up.weights.iter_mut().step_by(10) {
		*weight = if *weight == 1 { -1 } else { weight.saturating_add(1) };
	}
	// The version between is another expert: otherwise the original would be one that was taken back.
	let mut between = parent.clone();
	for weight in between.up.weights.iter_mut().skip(1).step_by(100) {
		*weight = if *weight == 1 { -1 } else { weight.saturating_add(1) };
	}
	let file = |expert: &Expert| write_expert(expert, &config).map_err(|_| "generated experts are valid");
	let (parent, between, copy) = (file(&parent)?, file(&between)?, file(&copy)?);
	let proof = |file: &[u8]| {
		let leaves = layout.leaves(file);
		let path = merkle::prove(&leaves, 0).unwrap_or_default().into_iter().map(H256);
		TileProof {
			bytes: BoundedVec::truncate_from(file.get(layout.tile(0)).unwrap_or_default().to_vec()),
			tiles: H256(merkle::root(&leaves)),
			path: BoundedVec::truncate_from(path.collect()),
		}
	};
	let promote = |file: &[u8], seed: u32| -> Result<u32, BenchmarkError> {
		let head = T::Experts::head(slot).ok_or("the slot has a head")?;
		let root = layout.check(file).map_err(|_| "the file is a block")?;
		let block = BlockRef { tensor_root: H256(root), ..candidate(seed) };
		Ok(T::Experts::promote(slot, head.version, &account("author", 0, 0), block)?)
	};
	promote(&parent, 20_001)?;
	let original = promote(&copy, 20_002)?;
	let own = promote(&between, 20_003)?;
	let version = promote(&copy, 20_004)?;
	let block = T::Experts::head(slot).ok_or("the slot has a head")?.block;
	Decisions::<T>::mutate(submission, |decision| {
		if let Some(decision) = decision {
			decision.claim = Claim { block, parent: own, miner: miner.clone(), ..decision.claim.clone() };
			decision.outcome = SubmissionOutcome::Accepted { version, improvement: 1, reward: 0 };
		}
	});
	let evidence = CopyEvidence {
		tile: 0,
		copy_tile: 0,
		original: proof(&copy),
		original_parent: Some(proof(&parent)),
		copy_parent: proof(&between),
		copy: proof(&copy),
		moved: BoundedVec::new(),
	};
	Ok((Original::Version(original), evidence))
}
