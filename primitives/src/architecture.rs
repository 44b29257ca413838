//! Architectures of the second definition: where they are kept, and what follows from one.

use crate::model::{ArchitectureId, LayerIndex};
use blyan_exact::{
	definition2::{block::Layout, step, Answer, Architecture, Part, Program},
	Sampling,
};
use sp_core::H256;

/// Architectures of the second definition.
pub trait ArchitectureRegistry {
	/// The architecture of this identifier; `None` if no model was registered with it.
	fn architecture(id: &ArchitectureId) -> Option<Architecture>;
}

impl ArchitectureRegistry for () {
	fn architecture(_: &ArchitectureId) -> Option<Architecture> {
		None
	}
}

/// Identifier of the architecture whose canonical record this is: `blyan_exact::definition2::model::architecture_hash`.
pub fn record_id(record: &[u8]) -> ArchitectureId {
	H256(blyan_exact::blake2_256(&[record]))
}

/// Length in bytes of the blocks that a layer's experts have under the second definition: it follows from the architecture. `None`
/// if the layer has no experts.
pub fn expert_bytes(architecture: &Architecture, layer: LayerIndex) -> Option<u64> {
	part_bytes(architecture, Part::Expert { layer, expert: 0 })
}

/// Length in bytes of the block of a part under the second definition; `None` if the architecture has no such part.
pub fn part_bytes(architecture: &Architecture, part: Part) -> Option<u64> {
	Layout::of(architecture, part).map(|layout| layout.file_bytes())
}

/// Reports whether a dispute can be about every block of an evaluation of sequences of so many predicted positions. A score over others could
/// be a lie that no game brings to light. Takes the time of one block of each operator of each different layer.
pub fn is_disputable(architecture: &Architecture, positions: u32) -> bool {
	Program::new(architecture, positions).is_ok_and(|program| step::is_disputable(&program))
}

/// Reports whether a dispute can be about every block of an answer of so many ids in all, those that the model read and those that it chose, at any
/// settings. A receipt for another can be signed, but not be proven wrong: more than 4,096 positions, or keys and values of a head that no witness
/// holds. Takes as long as [`is_disputable`].
pub fn is_disputable_answer(architecture: &Architecture, tokens: u32) -> bool {
	// The settings with the longest list of operators.
	let sampling = Sampling { temperature: 256, top_p: 255, seed: [0; 32] };
	let program =
		|positions| Program::answer_check(architecture, positions, Answer { first: 0, sampling }).ok();
	tokens.checked_sub(1).and_then(program).is_some_and(|program| step::is_disputable(&program))
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::{golden, model::architecture_hash};

	#[test]
	fn a_record_is_named_by_the_hash_of_its_architecture() {
		for (name, architecture) in golden::ARCHITECTURES {
			let architecture = architecture();
			assert_eq!(record_id(&architecture.to_bytes()).0, architecture_hash(&architecture), "{name}");
		}
	}

	#[test]
	fn sequences_beyond_the_context_or_the_bounds_of_a_game_are_not_disputable() {
		for (name, architecture) in golden::ARCHITECTURES {
			let architecture = architecture();
			assert!(is_disputable(&architecture, 19), "{name}");
			assert!(is_disputable_answer(&architecture, 20), "{name}");
			assert!(!is_disputable_answer(&architecture, 1), "{name}");
			assert!(!is_disputable_answer(&architecture, 0), "{name}");
			assert!(!is_disputable(&architecture, 0), "{name}");
			assert!(!is_disputable(&architecture, architecture.context + 1), "{name}");
			let long = Architecture { context: 131_072, ..architecture };
			assert!(!is_disputable(&long, step::POSITIONS_MAX as u32 + 1), "{name}");
			assert!(!is_disputable_answer(&long, step::POSITIONS_MAX as u32 + 2), "{name}");
		}
	}

	#[test]
	fn only_layers_with_a_router_have_experts_of_a_length() {
		for (name, architecture) in golden::ARCHITECTURES {
			let architecture = architecture();
			for layer in 0..=u8::try_from(architecture.layers.len()).unwrap() {
				let has_experts = architecture.routing(layer).is_some();
				assert_eq!(expert_bytes(&architecture, layer).is_some(), has_experts, "{name} {layer}");
			}
		}
	}
}
