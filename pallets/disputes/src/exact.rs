//! The definitions as referee: `blyan_exact` computes blocks and looks at files.

use crate::{BlockCheck, Referee};
use blyan_exact::{
	block::{BlockShape, Layout},
	definition2::{self, Part},
	step::{self, Commitments, Evidence, Place, StepError},
	Hash, ModelConfig,
};
use blyan_primitives::{
	traits::ArchitectureRegistry, ArchitectureId, BlockWitness, Computation, ExpertShape, LayerIndex,
	TileEvidence,
};
use core::marker::PhantomData;
use sp_core::H256;

#[cfg(feature = "runtime-benchmarks")]
pub(crate) mod trial;

/// The definitions themselves, for runtimes. `R` knows the architectures of the second one.
pub struct Exact<R>(PhantomData<R>);

/// Returns the layout of an expert's block under the first definition.
fn first_layout(config: &ModelConfig) -> Option<Layout> {
	Layout::new(BlockShape::expert_of(config)).ok()
}

/// Returns the layout of an expert's block under the second definition.
fn second_layout<R: ArchitectureRegistry>(
	id: &ArchitectureId,
	layer: LayerIndex,
) -> Option<definition2::block::Layout> {
	// All experts of a layer have one shape.
	definition2::block::Layout::of(&R::architecture(id)?, Part::Expert { layer, expert: 0 })
}

impl<R: ArchitectureRegistry> Referee for Exact<R> {
	fn execute(
		computation: &Computation,
		commitments: &Commitments,
		agreed: &[Hash],
		place: Place,
		witness: &BlockWitness,
	) -> Result<Hash, StepError> {
		match (computation, witness) {
			(Computation::First(program), BlockWitness::First(witness)) => {
				step::execute(program, commitments, agreed, place, witness)
			}
			(Computation::Second(program), BlockWitness::Second(witness)) => {
				definition2::step::execute(program, commitments, agreed, place, witness)
			}
			_ => Err(StepError::WitnessMalformed),
		}
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn first_trial_for_benchmark() -> crate::Trial {
		trial::first()
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn second_trial_for_benchmark() -> crate::Trial {
		trial::second()
	}
}

impl<R: ArchitectureRegistry> BlockCheck for Exact<R> {
	fn is_valid(bytes: &[u8], tensor_root: H256, shape: &ExpertShape) -> bool {
		match shape {
			ExpertShape::First(config) => {
				first_layout(config).is_some_and(|layout| layout.check(bytes) == Ok(tensor_root.0))
			}
			ExpertShape::Second { architecture, layer } => second_layout::<R>(architecture, *layer)
				.is_some_and(|layout| layout.check(bytes) == Ok(tensor_root.0)),
		}
	}

	fn tiles(shape: &ExpertShape) -> u32 {
		// An expert of 512 by 2,048 has nine; one of the second definition less than 2^24.
		match shape {
			ExpertShape::First(config) => first_layout(config).map_or(0, |layout| layout.tiles as u32),
			ExpertShape::Second { architecture, layer } => {
				second_layout::<R>(architecture, *layer).map_or(0, |layout| layout.tiles() as u32)
			}
		}
	}

	fn is_tile(evidence: &TileEvidence, tile: u32, tensor_root: H256, shape: &ExpertShape) -> bool {
		match (evidence, shape) {
			(TileEvidence::First(Evidence::Tile { bytes, tiles, path }), ExpertShape::First(config)) => {
				first_layout(config).is_some_and(|layout| {
					layout.proves_tile(&tensor_root.0, tile as usize, bytes, tiles, path)
				})
			}
			(TileEvidence::Second(evidence), ExpertShape::Second { architecture, layer }) => {
				second_layout::<R>(architecture, *layer).is_some_and(|layout| {
					definition2::step::proves_tile(&layout, &tensor_root.0, tile as usize, evidence)
				})
			}
			_ => false,
		}
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn first_block_for_benchmark(bytes: u32) -> crate::Specimen<alloc::vec::Vec<u8>> {
		trial::first_block(bytes)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn second_block_for_benchmark(bytes: u32) -> crate::Specimen<alloc::vec::Vec<u8>> {
		trial::second_block(bytes)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn evidence_for_benchmark() -> crate::Specimen<TileEvidence> {
		trial::tile()
	}
}
