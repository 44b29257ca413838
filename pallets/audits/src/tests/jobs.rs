//! Jobs of audits.

use super::*;
use crate::{jobs::JobSource, HeadSwap};
use blyan_primitives::{
	traits::{ArchitectureRegistry, ExpertRegistry},
	ArchitectureId, BlockRef, ExpertHead, ExpertSlot, ModelBody, ModelId, ModelInfo, VersionIndex,
};
use codec::Encode;
use sp_core::H256;
use sp_runtime::DispatchError;
use std::collections::BTreeSet;

fn seed(i: u32) -> H256 {
	H256(sp_io::hashing::blake2_256(&i.to_le_bytes()))
}

#[test]
fn a_job_tries_one_head_in_the_slot_of_another() {
	world().build().execute_with(|| {
		let mut pairs = BTreeSet::new();
		for i in 0..200 {
			let pinned = Jobs::draw(&seed(i), SAMPLE).unwrap();
			let job = Jobs::job(&pinned).unwrap();
			assert_eq!(job.statement(), Some(pinned.statement));
			let target = usize::from(job.layer) * 2 + usize::from(job.expert);
			assert_ne!(job.heads[target].tensor_root, job.candidate.tensor_root);
			let source = job.heads.iter().position(|head| *head == job.candidate).unwrap();
			pairs.insert((source, target));
		}
		assert_eq!(pairs.len(), 4 * 3, "every pair comes up");
	});
}

#[test]
fn a_job_stays_what_it_was_when_the_model_moves() {
	world().build().execute_with(|| {
		let pinned = Jobs::draw(&seed(1), SAMPLE).unwrap();
		let before = Jobs::job(&pinned).unwrap();
		assert!(Jobs::is_current(&pinned));
		Generation::set(3);
		assert!(!Jobs::is_current(&pinned));
		assert_eq!(Jobs::job(&pinned).unwrap(), before);
		HistoryLost::set(true);
		assert_eq!(Jobs::job(&pinned), None);
	});
}

#[test]
fn every_job_has_the_same_size() {
	world().build().execute_with(|| {
		let sizes: BTreeSet<_> = (0..200)
			.map(|i| {
				let pinned = Jobs::draw(&seed(i), SAMPLE).unwrap();
				(pinned.encoded_size(), Jobs::job(&pinned).unwrap().encoded_size(), pinned.sample())
			})
			.collect();
		assert_eq!(sizes.len(), 1);
	});
}

#[test]
fn a_model_whose_experts_are_all_equal_cannot_be_audited() {
	struct Clones;
	impl ArchitectureRegistry for Clones {
		fn architecture(_: &ArchitectureId) -> Option<blyan_exact::definition2::Architecture> {
			None
		}
	}
	impl ExpertRegistry<AccountId> for Clones {
		fn model(id: ModelId) -> Option<ModelInfo> {
			Experts::model(id)
		}
		fn head(_: ExpertSlot) -> Option<ExpertHead> {
			Some(ExpertHead { version: 0, block: block(1) })
		}
		fn revert(_: ExpertSlot, _: VersionIndex) -> Result<VersionIndex, DispatchError> {
			Err(DispatchError::Other("unused"))
		}
		fn keep(_: ModelId, _: u32) -> bool {
			true
		}
		fn release(_: ModelId, _: u32) {}
		fn promote(
			_: ExpertSlot,
			_: VersionIndex,
			_: &AccountId,
			_: BlockRef,
		) -> Result<VersionIndex, DispatchError> {
			Err(DispatchError::Other("unused"))
		}
		#[cfg(feature = "runtime-benchmarks")]
		fn ensure_model_for_benchmark() -> ExpertSlot {
			Experts::ensure_model_for_benchmark()
		}
	}
	world().build().execute_with(|| {
		assert_eq!(HeadSwap::<AccountId, Clones, Book>::draw(&seed(1), SAMPLE), None);
	});
}

#[test]
fn a_model_of_the_second_definition_gives_no_job() {
	struct Open;
	impl ArchitectureRegistry for Open {
		fn architecture(_: &ArchitectureId) -> Option<blyan_exact::definition2::Architecture> {
			let (_, architecture) = blyan_exact::definition2::golden::ARCHITECTURES[4];
			Some(architecture())
		}
	}
	impl ExpertRegistry<AccountId> for Open {
		fn model(id: ModelId) -> Option<ModelInfo> {
			let parts: Vec<_> = (200..204).map(block).collect();
			let body = ModelBody::Second {
				architecture: H256::repeat_byte(1),
				parts: blyan_primitives::blocks_root(&parts),
			};
			Experts::model(id).map(|model| ModelInfo { body, parts, ..model })
		}
		fn head(slot: ExpertSlot) -> Option<ExpertHead> {
			Experts::head(slot)
		}
		fn revert(_: ExpertSlot, _: VersionIndex) -> Result<VersionIndex, DispatchError> {
			Err(DispatchError::Other("unused"))
		}
		fn keep(_: ModelId, _: u32) -> bool {
			true
		}
		fn release(_: ModelId, _: u32) {}
		fn promote(
			_: ExpertSlot,
			_: VersionIndex,
			_: &AccountId,
			_: BlockRef,
		) -> Result<VersionIndex, DispatchError> {
			Err(DispatchError::Other("unused"))
		}
		#[cfg(feature = "runtime-benchmarks")]
		fn ensure_model_for_benchmark() -> ExpertSlot {
			Experts::ensure_model_for_benchmark()
		}
	}
	world().build().execute_with(|| {
		for i in 0..20 {
			assert_eq!(HeadSwap::<AccountId, Open, Book>::draw(&seed(i), SAMPLE), None);
		}
	});
}
