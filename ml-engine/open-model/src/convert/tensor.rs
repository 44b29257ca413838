//! Tensors of a part, and where they are in a checkpoint.

use super::{matrix, vector, ConvertError, Sink};
use blyan_checkpoint::{Checkpoint, Role};
use blyan_exact::definition2::{block::SectionScale, Architecture, Name, Part, Real, TensorShape};

/// Writes a tensor of a part, and returns its scale. The memory of the checkpoint's tensor is released.
pub fn write_tensor(
	checkpoint: &Checkpoint,
	architecture: &Architecture,
	part: Part,
	(name, shape): (Name, TensorShape),
	out: Sink<'_>,
) -> Result<SectionScale, ConvertError> {
	let role = role(architecture, part, name)?;
	let written = write(checkpoint, architecture, (role, name, shape), out);
	checkpoint.release(role);
	written
}

fn write(
	checkpoint: &Checkpoint,
	architecture: &Architecture,
	(role, name, shape): (Role, Name, TensorShape),
	out: Sink<'_>,
) -> Result<SectionScale, ConvertError> {
	match shape {
		TensorShape::Matrix { kind, .. } => {
			let written = matrix::write(role, &checkpoint.weight(role)?, kind, out)?;
			Ok(SectionScale { scale: in_bits(name, written.scale), ..written })
		}
		TensorShape::Gain(_) => {
			let (gains, scale) = vector::gain(role, &checkpoint.weight(role)?)?;
			out(&little_endian(&gains), &[])?;
			Ok(SectionScale { scale, ..SectionScale::default() })
		}
		TensorShape::Bias(_) => {
			out(&little_endian(&vector::bias(role, &checkpoint.weight(role)?)?), &[])?;
			Ok(SectionScale::default())
		}
		TensorShape::Frequencies(_) => {
			let source = checkpoint.architecture();
			let frequencies = vector::frequencies(&source.rope, source.head_size)?;
			let bytes: Vec<u8> = frequencies.into_iter().flat_map(u64::to_le_bytes).collect();
			out(&bytes, &[])?;
			Ok(SectionScale::default())
		}
		TensorShape::Scale => {
			let scale = matrix::scale(role, &checkpoint.weight(role)?, architecture.embedding)?;
			Ok(SectionScale { scale: in_bits(name, scale), ..SectionScale::default() })
		}
		TensorShape::Codes { .. } => Err(ConvertError::Adapter(name)),
	}
}

/// Puts log2(e) into the scale of matrices whose outputs are in base-2 units.
fn in_bits(name: Name, scale: Real) -> Real {
	match name {
		Name::Head | Name::Router => scale.times(vector::log2_e()),
		_ => scale,
	}
}

fn little_endian(integers: &[i32]) -> Vec<u8> {
	integers.iter().flat_map(|integer| integer.to_le_bytes()).collect()
}

/// Returns the checkpoint's name of a tensor. Frequencies follow from no tensor: the embedding stands for them.
fn role(architecture: &Architecture, part: Part, name: Name) -> Result<Role, ConvertError> {
	let (layer, expert) = match part {
		Part::Layer(layer) => (layer, 0),
		Part::Expert { layer, expert } => (layer, expert),
		Part::Embedding | Part::Head => (0, 0),
	};
	// The only network in the part of a routed layer is the shared one.
	let is_shared = matches!(part, Part::Layer(_)) && architecture.routing(layer).is_some();
	let (l, e) = (usize::from(layer), usize::from(expert));
	Ok(match name {
		Name::Embedding | Name::Frequencies => Role::Embedding,
		Name::AttentionGain => Role::AttnNorm(l),
		Name::Query => Role::Q(l),
		Name::QueryBias => Role::QBias(l),
		Name::Key => Role::K(l),
		Name::KeyBias => Role::KBias(l),
		Name::Value => Role::V(l),
		Name::ValueBias => Role::VBias(l),
		Name::QueryGain => Role::QNorm(l),
		Name::KeyGain => Role::KNorm(l),
		Name::OutputGain => Role::AttnSubNorm(l),
		Name::Output => Role::O(l),
		Name::FeedForwardGain => Role::FfnNorm(l),
		Name::Router => Role::Router(l),
		Name::Gate if is_shared => Role::SharedGate(l),
		Name::Up if is_shared => Role::SharedUp(l),
		Name::Down if is_shared => Role::SharedDown(l),
		Name::Gate => Role::Gate(l, e),
		Name::Up => Role::Up(l, e),
		Name::Down => Role::Down(l, e),
		Name::HiddenGain => Role::FfnSubNorm(l),
		Name::HeadGain => Role::OutputNorm,
		Name::Head => Role::Head,
		Name::GateIn | Name::GateOut | Name::UpIn | Name::UpOut | Name::DownIn | Name::DownOut => {
			return Err(ConvertError::Adapter(name));
		}
	})
}
