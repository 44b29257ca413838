//! Experts that are never in memory as a whole, one or many back to back.

use super::{matrix::Products, Slab, StreamError, Streamer, TileFile};
use crate::{
	block::{BlockError, BlockShape, Layout, HEADER_BYTES},
	kernel::{activations::ActivationRows, rowwise, Kernel},
};
use blyan_exact::{number::RESIDUAL_BITS, Rescale, Scale, RESIDUAL_MAX};
use sp_core::H256;
use std::{ops::Range, path::Path};

/// An expert in a [`TileFile`].
#[derive(Debug)]
pub struct StreamedExpert {
	file: TileFile,
	layout: Layout,
	d_model: usize,
	d_ff: usize,
}

/// Result of [`ExpertWeights::steps`](crate::model::ExpertWeights::steps): the accumulators of the hidden layer,
/// `[tokens, d_ff]`, the same normalised, and the expert's output, `[tokens, d_model]` in Q12.
pub type ExpertSteps = (Vec<i32>, ActivationRows, Vec<i32>);

impl StreamedExpert {
	/// Opens the file of the expert of these widths that `tensor_root` names.
	pub fn open(path: &Path, shape: BlockShape, root: &H256) -> Result<Self, StreamError> {
		let BlockShape::Expert { d_model, d_ff } = shape else {
			return Err(BlockError::Header { field: "kind" }.into());
		};
		let (file, layout) = TileFile::open_block(path, shape, root)?;
		Ok(Self { file, layout, d_model: d_model.into(), d_ff: d_ff.into() })
	}

	/// The file.
	pub fn file(&self) -> &TileFile {
		&self.file
	}
}

/// Progress of one expert. Sections come in the order of the file, and so do the computations.
struct Progress<'a> {
	expert: &'a StreamedExpert,
	inputs: &'a ActivationRows,
	kernel: Kernel,
	scales: Vec<u8>,
	up: Products,
	gain: Vec<u8>,
	/// The hidden layer and the same normalised, once the gains are known.
	middle: Option<(Vec<i32>, ActivationRows)>,
	down: Products,
}

impl<'a> Progress<'a> {
	fn new(expert: &'a StreamedExpert, kernel: Kernel, inputs: &'a ActivationRows) -> Self {
		let (d, hidden, tokens) = (expert.d_model, expert.d_ff, inputs.tokens());
		Self {
			expert,
			inputs,
			kernel,
			scales: Vec::new(),
			up: Products::new(kernel, hidden, d, tokens),
			gain: Vec::new(),
			middle: None,
			down: Products::new(kernel, d, hidden, tokens),
		}
	}

	/// Takes the next bytes of the payload.
	fn feed(&mut self, slab: &Slab<'_>) -> Result<(), StreamError> {
		let expert = self.expert;
		let start = HEADER_BYTES + slab.offset as usize;
		let end = start + slab.bytes.len();
		let part = |range: &Range<usize>| {
			let (from, to) = (range.start.clamp(start, end), range.end.clamp(start, end));
			&slab.bytes[from - start..to - start]
		};
		let sections = &expert.layout.sections;
		let ends = sections.iter().skip(1).map(|range| range.start).chain([expert.layout.index_offset()]);
		for (index, (section, behind)) in sections.iter().zip(ends).enumerate() {
			let bytes = part(section);
			let is_ternary = match index {
				0 => {
					self.scales.extend_from_slice(bytes);
					true
				}
				1 => self.up.feed(self.inputs, bytes),
				2 => {
					self.gain.extend_from_slice(bytes);
					true
				}
				_ if bytes.is_empty() => true,
				_ => self.feed_down(bytes),
			};
			if !is_ternary {
				return Err(BlockError::NotTernary(index).into());
			}
			if part(&(section.end..behind)).iter().any(|&byte| byte != 0) {
				return Err(BlockError::Padding(index).into());
			}
		}
		Ok(())
	}

	fn feed_down(&mut self, codes: &[u8]) -> bool {
		let (_, normalised) = self.middle.get_or_insert_with(|| {
			let gain: Vec<i16> =
				self.gain.as_chunks().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect();
			let hidden = std::mem::take(&mut self.up.out);
			let normalised = ActivationRows::norm_quant_squared_relu(self.kernel, &hidden, &gain);
			(hidden, normalised)
		});
		self.down.feed(normalised, codes)
	}

	fn finish(self) -> Result<ExpertSteps, StreamError> {
		let scales = self.scales.as_chunks::<{ Scale::BYTES }>().0;
		let scale = |index: usize| {
			let scale = scales.get(index).and_then(|bytes| Scale::from_bytes(*bytes));
			scale.ok_or(StreamError::Block(BlockError::Scale(index)))
		};
		scale(0)?;
		let scale = scale(1)?;
		let (hidden, normalised) = self.middle.ok_or(StreamError::Interrupted)?;
		let mut down = self.down.out;
		for (row, &of_token) in down.chunks_exact_mut(self.expert.d_model).zip(&normalised.scales) {
			rowwise::rescale(self.kernel, row, Rescale::new(scale, of_token, RESIDUAL_BITS), RESIDUAL_MAX);
		}
		Ok((hidden, normalised, down))
	}
}

/// Runs experts on their inputs in one pass over their files, and hands each one's steps to `each`, in order.
///
/// While one is computed the next is read, so that many experts which do not fit into memory together cost what
/// reading and decoding them costs.
///
/// # Shapes
/// Inputs: `[tokens, d_model]`.
pub fn stream_experts(
	streamer: &mut Streamer,
	kernel: Kernel,
	experts: &[(&StreamedExpert, &ActivationRows)],
	mut each: impl FnMut(usize, ExpertSteps),
) -> Result<(), StreamError> {
	for (expert, inputs) in experts {
		if inputs.width != expert.d_model {
			let (payload, cols) = (expert.file.payload_len(), inputs.width);
			return Err(StreamError::Shape { rows: expert.d_ff, cols, payload });
		}
	}
	let files: Vec<&TileFile> = experts.iter().map(|(expert, _)| &expert.file).collect();
	let mut current: Option<Progress<'_>> = None;
	streamer.run(&files, |slab| {
		let (expert, inputs) = experts[slab.file];
		let progress = current.get_or_insert_with(|| Progress::new(expert, kernel, inputs));
		progress.feed(&slab)?;
		if slab.offset + slab.bytes.len() as u64 == expert.file.payload_len() {
			if let Some(progress) = current.take() {
				each(slab.file, progress.finish()?);
			}
		}
		Ok(())
	})
}
