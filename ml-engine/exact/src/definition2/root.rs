//! Places of a model's parts under its root.

use super::{architecture::Architecture, tensors::Part};

/// Place of a part in one of the two trees under a model's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartPlace {
	/// Among the embedding, the layers and the head, in this order.
	Fixed(usize),
	/// Among the experts, layer by layer.
	Expert(usize),
}

/// Returns the place of a part in a model; `None` if the model has no such part.
pub fn place(architecture: &Architecture, part: Part) -> Option<PartPlace> {
	let layers = architecture.layers.len();
	let experts = |layer| architecture.routing(layer).map_or(0, |routing| routing.experts);
	match part {
		Part::Embedding => Some(PartPlace::Fixed(0)),
		Part::Layer(layer) => (usize::from(layer) < layers).then(|| PartPlace::Fixed(1 + usize::from(layer))),
		Part::Head => Some(PartPlace::Fixed(1 + layers)),
		Part::Expert { layer, expert } => {
			let before: usize = (0..layer).map(|layer| usize::from(experts(layer))).sum();
			(expert < experts(layer)).then(|| PartPlace::Expert(before + usize::from(expert)))
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::definition2::golden;

	#[test]
	fn places_are_those_in_the_lists_of_parts() {
		for (name, architecture) in golden::ARCHITECTURES {
			let architecture = architecture();
			for (index, part) in architecture.parts().into_iter().enumerate() {
				assert_eq!(place(&architecture, part), Some(PartPlace::Fixed(index)), "{name}");
			}
			for (index, part) in architecture.expert_parts().enumerate() {
				assert_eq!(place(&architecture, part), Some(PartPlace::Expert(index)), "{name}");
			}
			let layers = architecture.layers.len() as u8;
			assert_eq!(place(&architecture, Part::Layer(layers)), None);
			assert_eq!(place(&architecture, Part::Expert { layer: layers, expert: 0 }), None);
			assert_eq!(place(&architecture, Part::Expert { layer: 0, expert: 1_024 }), None);
		}
	}
}
