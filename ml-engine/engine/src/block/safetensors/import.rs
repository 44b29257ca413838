//! From a safetensors file to a TensorBlock.

use super::{
	schema::{tensors, Content, Description, TensorSpec},
	SafetensorsError, FILE_BYTES_MAX, HEADER_BYTES_MAX, METADATA_KEY,
};
use crate::{
	block::{BlockShape, Layout},
	quantise::{self, rotary_table},
};
use blyan_exact::{
	block::{pack, seal},
	Scale,
};
use half::{bf16, f16};
use safetensors::{tensor::TensorView, Dtype, SafeTensors};
use std::collections::BTreeSet;

/// A block made of a safetensors file.
#[derive(Clone, Debug)]
pub struct Imported {
	/// Shape of the block.
	pub shape: BlockShape,
	/// The TensorBlock's file.
	pub file: Vec<u8>,
	/// Names of the tensors that the file does not hold as integers: rounded from floats, or computed.
	pub rounded: Vec<String>,
}

/// Makes a TensorBlock of a safetensors file; refuses anything but `expected`, if that is known.
pub fn import(file: &[u8], expected: Option<BlockShape>) -> Result<Imported, SafetensorsError> {
	ensure_readable(file)?;
	let (_, metadata) = SafeTensors::read_metadata(file)?;
	let source = SafeTensors::deserialize(file)?;
	let description = metadata.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
	let shape = match description {
		Some(json) => serde_json::from_str::<Description>(json)?.into(),
		None => expected.or_else(|| expert_shape(&source)).ok_or(SafetensorsError::Unknown)?,
	};
	if let Some(expected) = expected.filter(|expected| *expected != shape) {
		return Err(SafetensorsError::Other { found: describe(shape), expected: describe(expected) });
	}
	let layout = Layout::new(shape)?;
	let specs = tensors(shape);
	ensure_names(&source, &specs)?;
	let mut scales = vec![Scale::default(); specs.iter().filter(|spec| spec.scale().is_some()).count()];
	let mut rounded = Vec::new();
	let mut file = vec![0; layout.file_len()];
	for spec in &specs {
		let Part { bytes, scale, is_rounded } = Tensor::find(&source, spec, shape)?.convert(&source)?;
		file[layout.sections[spec.section].clone()].copy_from_slice(&bytes);
		if let (Some(place), Some(scale)) = (spec.scale(), scale) {
			scales[place] = scale;
		}
		if is_rounded {
			rounded.push(spec.name.clone());
		}
	}
	for (bytes, scale) in file[layout.sections[0].clone()].chunks_exact_mut(Scale::BYTES).zip(scales) {
		bytes.copy_from_slice(&scale.to_bytes());
	}
	seal(&layout, &mut file);
	Ok(Imported { shape, file, rounded })
}

/// Refuses files and headers that are longer than any that is imported.
pub(super) fn ensure_readable(file: &[u8]) -> Result<(), SafetensorsError> {
	if file.len() as u64 > FILE_BYTES_MAX {
		return Err(SafetensorsError::TooLarge(file.len() as u64));
	}
	match file.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)) {
		Some(len) if len > HEADER_BYTES_MAX => Err(SafetensorsError::HeaderTooLarge(len)),
		_ => Ok(()),
	}
}

/// Describes a shape in words.
fn describe(shape: BlockShape) -> String {
	match shape {
		BlockShape::Expert { d_model, d_ff } => format!("an expert of d_model {d_model} and d_ff {d_ff}"),
		BlockShape::Trunk(config) => {
			format!("a trunk of d_model {} and {} layers", config.d_model, config.layers)
		}
	}
}

/// Returns the shape of the expert that the shape of `up` implies.
fn expert_shape(source: &SafeTensors<'_>) -> Option<BlockShape> {
	let [d_ff, d_model] = *source.tensor("up").ok()?.shape() else { return None };
	Some(BlockShape::Expert { d_model: u16::try_from(d_model).ok()?, d_ff: u16::try_from(d_ff).ok()? })
}

/// Refuses tensors that the import would ignore: a misspelt name is one of them.
fn ensure_names(source: &SafeTensors<'_>, specs: &[TensorSpec]) -> Result<(), SafetensorsError> {
	let known: BTreeSet<String> = specs
		.iter()
		.flat_map(|spec| [Some(spec.name.clone()), spec.scale().map(|_| TensorSpec::scale_name(&spec.name))])
		.flatten()
		.collect();
	let stranger = source.names().into_iter().filter(|name| !known.contains(*name)).min();
	stranger.map_or(Ok(()), |name| {
		let name = name.chars().take(100).collect();
		let expected = specs.iter().map(|spec| spec.name.as_str()).take(12).collect::<Vec<_>>().join(", ");
		let dots = if specs.len() > 12 { ", .." } else { "" };
		Err(SafetensorsError::Unexpected { name, expected: format!("{expected}{dots}") })
	})
}

/// A section's bytes, and the scale that belongs to them.
struct Part {
	bytes: Vec<u8>,
	scale: Option<Scale>,
	is_rounded: bool,
}

/// A tensor of the right shape, or a table that the file may leave out.
enum Tensor<'a> {
	Given { spec: &'a TensorSpec, view: TensorView<'a> },
	Computed(Vec<i16>),
}

impl<'a> Tensor<'a> {
	fn find(
		source: &'a SafeTensors<'_>,
		spec: &'a TensorSpec,
		shape: BlockShape,
	) -> Result<Self, SafetensorsError> {
		let name = || spec.name.clone();
		match (source.tensor(&spec.name), spec.content, shape) {
			(Ok(view), ..) if view.shape() == spec.dims => Ok(Self::Given { spec, view }),
			(Ok(view), ..) => Err(SafetensorsError::Shape {
				name: name(),
				found: view.shape().to_vec(),
				expected: spec.dims.clone(),
			}),
			(Err(_), Content::Angles, BlockShape::Trunk(config)) => Ok(Self::Computed(rotary_table(&config))),
			(Err(_), ..) => Err(SafetensorsError::Missing { name: name(), expected: spec.dims.clone() }),
		}
	}

	fn convert(self, source: &SafeTensors<'_>) -> Result<Part, SafetensorsError> {
		let (spec, view) = match self {
			Self::Given { spec, view } => (spec, view),
			Self::Computed(angles) => {
				return Ok(Part { bytes: integer_bytes(&angles), scale: None, is_rounded: true })
			}
		};
		match (spec.content, view.dtype()) {
			(Content::Ternary { .. }, Dtype::I8) => {
				let weights: Vec<i8> = view.data().iter().map(|&byte| byte as i8).collect();
				if let Some(at) = weights.iter().position(|weight| !(-1..=1).contains(weight)) {
					let columns = spec.dims[1];
					let (name, value) = (spec.name.clone(), weights[at]);
					let at = [at / columns, at % columns];
					return Err(SafetensorsError::NotTernary { name, value, at });
				}
				let scale = Some(given_scale(source, spec)?);
				Ok(Part { bytes: pack(&weights), scale, is_rounded: false })
			}
			(Content::Table { .. }, Dtype::I8) => {
				let scale = Some(given_scale(source, spec)?);
				Ok(Part { bytes: view.data().to_vec(), scale, is_rounded: false })
			}
			(Content::Gains | Content::Angles, Dtype::I16) => {
				Ok(Part { bytes: view.data().to_vec(), scale: None, is_rounded: false })
			}
			(Content::Angles, _) => Err(wrong_type(&spec.name, &view, "I16")),
			(content, _) => {
				let values = floats(spec, &view)?;
				let scale_name = TensorSpec::scale_name(&spec.name);
				if source.tensor(&scale_name).is_ok() {
					let of = spec.name.clone();
					return Err(SafetensorsError::ScaleBesideFloats { name: scale_name, of });
				}
				round(spec, content, &values)
			}
		}
	}
}

/// Rounds floats as training does.
fn round(spec: &TensorSpec, content: Content, values: &[f32]) -> Result<Part, SafetensorsError> {
	let (matrix, is_ternary) = match (content, spec.dims.as_slice()) {
		(Content::Ternary { .. }, &[rows, columns]) => {
			(quantise::ternary(values, rows, columns, &spec.name)?, true)
		}
		(Content::Table { unit, .. }, &[rows, columns]) => {
			(quantise::bytes(values, rows, columns, unit, &spec.name)?, false)
		}
		_ => {
			let bytes = integer_bytes(&quantise::gains(values));
			return Ok(Part { bytes, scale: None, is_rounded: true });
		}
	};
	let bytes = match is_ternary {
		true => pack(&matrix.weights),
		false => matrix.weights.iter().map(|&weight| weight as u8).collect(),
	};
	Ok(Part { bytes, scale: Some(matrix.scale), is_rounded: true })
}

fn integer_bytes(values: &[i16]) -> Vec<u8> {
	values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn wrong_type(name: &str, view: &TensorView<'_>, expected: &'static str) -> SafetensorsError {
	SafetensorsError::Type { name: name.into(), found: view.dtype(), expected }
}

/// Reads a tensor's floats, all of them finite.
fn floats(spec: &TensorSpec, view: &TensorView<'_>) -> Result<Vec<f32>, SafetensorsError> {
	let data = view.data();
	let values: Vec<f32> = match view.dtype() {
		Dtype::F64 => data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect(),
		Dtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
		Dtype::F16 => data.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
		Dtype::BF16 => data.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect(),
		_ => {
			let expected = match spec.content {
				Content::Gains => "I16 (Q8) or a float: F32, F16, BF16 or F64",
				_ => "I8 with a scale, or a float: F32, F16, BF16 or F64",
			};
			return Err(wrong_type(&spec.name, view, expected));
		}
	};
	match values.iter().position(|value| !value.is_finite()) {
		None => Ok(values),
		Some(at) => Err(SafetensorsError::NotFinite { name: spec.name.clone(), value: values[at], at }),
	}
}

/// Reads the scale beside a tensor of integers: one number.
fn given_scale(source: &SafeTensors<'_>, spec: &TensorSpec) -> Result<Scale, SafetensorsError> {
	let name = TensorSpec::scale_name(&spec.name);
	let Ok(view) = source.tensor(&name) else {
		return Err(SafetensorsError::ScaleMissing { name, of: spec.name.clone() });
	};
	if !matches!(view.shape(), [] | [1]) {
		return Err(SafetensorsError::Shape { name, found: view.shape().to_vec(), expected: Vec::new() });
	}
	let value = match view.dtype() {
		Dtype::F64 => view.data().first_chunk().map(|bytes| f64::from_le_bytes(*bytes)),
		Dtype::F32 => view.data().first_chunk().map(|bytes| f64::from(f32::from_le_bytes(*bytes))),
		_ => return Err(wrong_type(&name, &view, "F64 or F32")),
	};
	let value = value.unwrap_or(f64::NAN);
	Scale::from_f64_bits(value.to_bits()).ok_or(SafetensorsError::Scale { name, value })
}
