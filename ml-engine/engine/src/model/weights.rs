//! Tensors where they lie, in the form the kernels want.

use crate::{
	block::{BlockError, BlockShape, TensorBlock},
	kernel::{
		activations::ActivationRows,
		packed::{self, PackedView},
		packed_int8::PackedInt8,
		rowwise,
		ternary::{self, TernaryView},
		Kernel,
	},
	packed::{PackedExpert, Part},
};
use blyan_exact::{
	number::{LOGIT_BITS, RESIDUAL_BITS},
	ModelConfig, Rescale, Scale, LOGIT_MAX,
};
use std::{ops::Range, sync::Arc};

/// A ternary matrix inside a block.
#[derive(Clone, Debug)]
pub struct TernaryWeights {
	block: Arc<TensorBlock>,
	section: usize,
	rows: usize,
	cols: usize,
	scale: Scale,
	packed: Packed,
}

/// The same matrix in the form that most kernels are faster with.
#[derive(Clone, Debug)]
enum Packed {
	/// Not there.
	None,
	/// In its expert's packed form. The block is not read then.
	Expert(Arc<PackedExpert>, Part),
	/// A copy beside the block, which other kernels read.
	Copy(Arc<[u8]>),
}

impl TernaryWeights {
	/// With a copy, as large as the matrix, in the form that most kernels are faster with; if this machine has one of those.
	fn packed(mut self) -> Self {
		if !packed::is_faster(Kernel::best()) {
			return self;
		}
		let mut codes = vec![0; packed::packed_len(self.rows, self.cols)];
		packed::pack(self.view(), &mut codes);
		self.packed = Packed::Copy(codes.into());
		self
	}

	fn view(&self) -> TernaryView<'_> {
		let range = self.block.layout().sections[self.section].clone();
		TernaryView { codes: &self.block.bytes()[range], rows: self.rows, cols: self.cols }
	}

	/// Outputs.
	pub fn rows(&self) -> usize {
		self.rows
	}

	/// Integer products: `out: [tokens, rows]`.
	pub fn accumulate(&self, kernel: Kernel, inputs: &ActivationRows, out: &mut [i32]) {
		self.accumulate_rows(kernel, inputs, 0..self.rows, out);
	}

	/// The same for the outputs in `rows`, which begin at a multiple of
	/// [`packed::GROUP_ROWS`]: `out: [tokens, rows.len()]`.
	pub fn accumulate_rows(
		&self,
		kernel: Kernel,
		inputs: &ActivationRows,
		rows: Range<usize>,
		out: &mut [i32],
	) {
		match &self.packed {
			Packed::Expert(packed, part) => {
				packed::multiply_into(kernel, packed.view(*part).part(rows), inputs, out)
			}
			Packed::Copy(codes) if packed::is_faster_for(kernel, inputs.tokens()) => {
				let view = PackedView { codes, rows: self.rows, cols: self.cols };
				packed::multiply_into(kernel, view.part(rows), inputs, out);
			}
			_ => ternary::multiply_into(kernel, self.view().part(rows), inputs, out),
		}
	}

	/// Outputs in Q12, clamped to `bound`: `out: [tokens, rows]`.
	pub fn project(&self, kernel: Kernel, inputs: &ActivationRows, bound: i32, out: &mut [i32]) {
		self.project_rows(kernel, inputs, 0..self.rows, bound, out);
	}

	/// The same for the outputs in `rows`, as [`Self::accumulate_rows`].
	pub fn project_rows(
		&self,
		kernel: Kernel,
		inputs: &ActivationRows,
		rows: Range<usize>,
		bound: i32,
		out: &mut [i32],
	) {
		let width = rows.len();
		self.accumulate_rows(kernel, inputs, rows, out);
		for (row, &scale) in out.chunks_exact_mut(width).zip(&inputs.scales) {
			rowwise::rescale(kernel, row, Rescale::new(self.scale, scale, RESIDUAL_BITS), bound);
		}
	}
}

/// An 8-bit matrix that products are taken with: a copy in the order that the kernels want.
#[derive(Clone, Debug)]
pub struct TableWeights {
	packed: PackedInt8,
	scale: Scale,
}

impl TableWeights {
	/// Outputs.
	pub fn rows(&self) -> usize {
		self.packed.rows()
	}

	/// Outputs in Q16, base-2 units: `out: [tokens, rows]`.
	pub fn logits(&self, kernel: Kernel, inputs: &ActivationRows, out: &mut [i32]) {
		self.packed.multiply_into(kernel, inputs, out);
		for (row, &scale) in out.chunks_exact_mut(self.rows()).zip(&inputs.scales) {
			rowwise::rescale(kernel, row, Rescale::new(self.scale, scale, LOGIT_BITS), LOGIT_MAX);
		}
	}
}

/// The embedding inside a block.
#[derive(Clone, Debug)]
pub struct EmbeddingWeights {
	block: Arc<TensorBlock>,
	section: usize,
	cols: usize,
	scale: Scale,
}

impl EmbeddingWeights {
	/// Appends a row as residuals in Q12.
	pub fn embed_into(&self, kernel: Kernel, token: u8, out: &mut Vec<i32>) {
		let table = &self.block.bytes()[self.block.layout().sections[self.section].clone()];
		let row = &table[usize::from(token) * self.cols..][..self.cols];
		let shift = u32::from(self.scale.exponent()).saturating_sub(RESIDUAL_BITS);
		let begin = out.len();
		out.resize(begin + self.cols, 0);
		rowwise::embed(kernel, row, i64::from(self.scale.mantissa()), shift, &mut out[begin..]);
	}
}

/// One layer's tensors outside its experts.
#[derive(Clone, Debug)]
pub struct LayerWeights {
	/// Gain in front of attention.
	pub attn_gain: Vec<i16>,
	/// Queries.
	pub wq: TernaryWeights,
	/// Keys.
	pub wk: TernaryWeights,
	/// Values.
	pub wv: TernaryWeights,
	/// Back to the residual stream.
	pub wo: TernaryWeights,
	/// Gain between the heads and `wo`.
	pub attn_out_gain: Vec<i16>,
	/// Gain in front of router and experts.
	pub ffn_gain: Vec<i16>,
	/// The router.
	pub router: TableWeights,
}

/// Everything of a model that is not an expert, verified.
#[derive(Clone, Debug)]
pub struct TrunkWeights {
	block: Arc<TensorBlock>,
	/// Architecture.
	pub config: ModelConfig,
	/// Embedding.
	pub embedding: EmbeddingWeights,
	/// `[context, head_size / 2]` pairs of (cos, sin).
	pub rotary: Vec<[i16; 2]>,
	/// One entry a layer.
	pub layers: Vec<LayerWeights>,
	/// Gain in front of the head.
	pub final_gain: Vec<i16>,
	/// Head.
	pub head: TableWeights,
}

struct Sections<'a>(&'a Arc<TensorBlock>);

impl Sections<'_> {
	fn scale(&self, index: usize) -> Result<Scale, BlockError> {
		self.0.scale(index).ok_or(BlockError::Scale(index))
	}

	fn ternary(
		&self,
		section: usize,
		scale: usize,
		rows: usize,
		cols: usize,
	) -> Result<TernaryWeights, BlockError> {
		Ok(TernaryWeights {
			block: self.0.clone(),
			section,
			rows,
			cols,
			scale: self.scale(scale)?,
			packed: Packed::None,
		})
	}

	fn table(&self, section: usize, scale: usize, cols: usize) -> Result<TableWeights, BlockError> {
		let bytes = &self.0.bytes()[self.0.layout().sections[section].clone()];
		Ok(TableWeights { packed: PackedInt8::new(bytes, cols), scale: self.scale(scale)? })
	}
}

impl TrunkWeights {
	/// Verifies the block and takes its tensors.
	pub fn new(block: Arc<TensorBlock>) -> Result<Self, BlockError> {
		block.verify_all()?;
		let BlockShape::Trunk(config) = block.shape() else {
			return Err(BlockError::Header { field: "kind" });
		};
		let (d, layer_count) = (usize::from(config.d_model), usize::from(config.layers));
		let sections = Sections(&block);
		let mut layers = Vec::with_capacity(layer_count);
		for layer in 0..layer_count {
			let (section, scale) = (3 + 8 * layer, 1 + 5 * layer);
			layers.push(LayerWeights {
				attn_gain: block.integers(section),
				wq: sections.ternary(section + 1, scale, d, d)?.packed(),
				wk: sections.ternary(section + 2, scale + 1, d, d)?.packed(),
				wv: sections.ternary(section + 3, scale + 2, d, d)?.packed(),
				wo: sections.ternary(section + 4, scale + 3, d, d)?.packed(),
				attn_out_gain: block.integers(section + 5),
				ffn_gain: block.integers(section + 6),
				router: sections.table(section + 7, scale + 4, d)?,
			});
		}
		Ok(Self {
			config,
			embedding: EmbeddingWeights {
				block: block.clone(),
				section: 1,
				cols: d,
				scale: sections.scale(0)?,
			},
			rotary: block.angles(2),
			layers,
			final_gain: block.integers(3 + 8 * layer_count),
			head: sections.table(4 + 8 * layer_count, 1 + 5 * layer_count, d)?,
			block,
		})
	}

	/// The block that holds the tensors.
	pub fn block(&self) -> &Arc<TensorBlock> {
		&self.block
	}
}

/// One expert, verified.
#[derive(Clone, Debug)]
pub struct ExpertWeights {
	block: Arc<TensorBlock>,
	/// Into the hidden layer.
	pub up: TernaryWeights,
	/// Gain of the hidden layer.
	pub gain: Vec<i16>,
	/// Back to the residual stream.
	pub down: TernaryWeights,
}

impl ExpertWeights {
	/// Verifies the block and takes its tensors.
	pub fn new(block: Arc<TensorBlock>) -> Result<Self, BlockError> {
		block.verify_all()?;
		let BlockShape::Expert { d_model, d_ff } = block.shape() else {
			return Err(BlockError::Header { field: "kind" });
		};
		let (d, hidden) = (usize::from(d_model), usize::from(d_ff));
		let sections = Sections(&block);
		Ok(Self {
			up: sections.ternary(1, 0, hidden, d)?,
			gain: block.integers(2),
			down: sections.ternary(3, 1, d, hidden)?,
			block,
		})
	}

	/// The same from its packed form, which is bound to the block's root. Of the block only the header is read: whoever
	/// wants more of it verifies it first.
	pub fn from_packed(block: Arc<TensorBlock>, packed: &Arc<PackedExpert>) -> Result<Self, BlockError> {
		let BlockShape::Expert { d_model, d_ff } = block.shape() else {
			return Err(BlockError::Header { field: "kind" });
		};
		let (d, hidden) = (usize::from(d_model), usize::from(d_ff));
		let ternary = |section: usize, part: Part, rows: usize, cols: usize| {
			let scale = packed.scale(part).ok_or(BlockError::Scale(part as usize))?;
			let packed = Packed::Expert(packed.clone(), part);
			Ok::<_, BlockError>(TernaryWeights { block: block.clone(), section, rows, cols, scale, packed })
		};
		Ok(Self {
			up: ternary(1, Part::Up, hidden, d)?,
			gain: packed.gain(),
			down: ternary(3, Part::Down, d, hidden)?,
			block,
		})
	}

	/// Reports whether it runs from its packed form.
	pub fn is_packed(&self) -> bool {
		matches!(self.up.packed, Packed::Expert(..))
	}

	/// The block that holds the tensors. Its header can be relied on; for its tensors see [`Self::verified_block`].
	pub fn block(&self) -> &Arc<TensorBlock> {
		&self.block
	}

	/// The same, verified now if the packed form made that unnecessary so far.
	pub fn verified_block(&self) -> Result<&TensorBlock, BlockError> {
		if self.is_packed() {
			self.block.verify_all()?;
		}
		Ok(&self.block)
	}

	/// Returns the expert's output for each row, `[tokens, d_model]` in Q12, behind what leads to it: the accumulators of the
	/// hidden layer, `[tokens, d_ff]`, and the same normalised.
	#[cfg(test)]
	pub fn steps(&self, kernel: Kernel, inputs: &ActivationRows) -> (Vec<i32>, ActivationRows, Vec<i32>) {
		let mut hidden = vec![0; inputs.tokens() * self.up.rows];
		self.up.accumulate(kernel, inputs, &mut hidden);
		let normalised = ActivationRows::norm_quant_squared_relu(kernel, &hidden, &self.gain);
		let mut down = vec![0; inputs.tokens() * self.down.rows];
		self.down.project(kernel, &normalised, blyan_exact::RESIDUAL_MAX, &mut down);
		(hidden, normalised, down)
	}
}
