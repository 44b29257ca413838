//! Experts that adapt their layer's network, at their beginning: the first matrices are random, the second ones zero.

use super::noise::{Noise, Purpose};
use crate::target::Section;
use blyan_exact::{
	definition2::{block::SectionScale, Name, TensorShape},
	Hash,
};
use std::borrow::Cow;

/// Returns the tensors of an expert. Their product is zero, so the expert is the layer's network; the random matrices let
/// gradients reach the zeros, and differ from expert to expert (Hu et al., 2021, <https://arxiv.org/abs/2106.09685>).
pub fn sections(
	root: &Hash,
	(layer, expert): (u8, u16),
	tensors: &[(Name, TensorShape)],
) -> Vec<Section<'static>> {
	let mut noise = Noise::new(root, Purpose::Adapter, layer, expert);
	let section = |(name, shape): &(Name, TensorShape)| {
		let TensorShape::Codes { rows, cols } = *shape else { return None };
		let is_first = matches!(name, Name::GateIn | Name::UpIn | Name::DownIn);
		let code = |_| if is_first { noise.code() as u8 } else { 0 };
		let bytes = Cow::Owned((0..rows * cols).map(code).collect());
		Some(Section { scale: SectionScale::default(), bytes })
	};
	tensors.iter().filter_map(section).collect()
}
