//! One function for each kernel: it checks that the buffers are long enough and chooses the grid.

use super::{
	driver::{Buffer, Driver, Kernel},
	DeviceError,
};
use blyan_exact::{
	exponential::EXP2_Q30, number::sqrt_q16, ModelConfig, Scale, LOGIT_MAX, RESIDUAL_MAX, VOCAB,
};

/// Threads of a block where a warp or a thread has its own row or entry.
const THREADS: usize = 128;
/// Tokens and outputs of a block of a matrix product; threads of one.
const TILE_TOKENS: usize = 64;
const TILE_OUTPUTS: usize = 128;
const MATMUL_THREADS: u32 = 128;
const ATTENTION_THREADS: u32 = 256;
/// Threads of the one block that groups tokens: the most experts a layer can have.
const EXPERTS_MAX: usize = 512;

/// Rows as they enter a matrix product, in the GPU's order.
pub(super) struct Activations {
	pub(super) values: Buffer<i8>,
	pub(super) scales: Buffer<u32>,
	pub(super) sums: Buffer<i32>,
}

/// A matrix in the order of [`super::layout`].
pub(super) struct Packed {
	pub(super) words: Buffer<u32>,
	pub(super) rows: usize,
	pub(super) cols: usize,
	pub(super) scale: Scale,
}

/// Destination of a ternary product.
pub(super) enum Into<'a> {
	/// Outputs in Q12 within a bound.
	Outputs(&'a mut Buffer<i32>, i32),
	/// Outputs in Q12, added to the residual stream.
	Stream(&'a mut Buffer<i32>),
}

/// Queries, keys and values, head by head.
pub(super) struct Heads {
	pub(super) queries: Buffer<i8>,
	pub(super) query_maxima: Buffer<i32>,
	pub(super) keys: Buffer<i8>,
	pub(super) key_maxima: Buffer<i32>,
	pub(super) values: Buffer<i8>,
}

/// Routing of tokens to experts.
pub(super) struct Routing {
	/// `[tokens, top_k]`, expert within the layer.
	pub(super) chosen: Buffer<u32>,
	/// `[tokens, top_k]`
	pub(super) gates: Buffer<u32>,
	counts: Buffer<u32>,
	offsets: Buffer<u32>,
	tiles: Buffer<u32>,
	cursors: Buffer<u32>,
	/// Choices, grouped by expert.
	pub(super) entries: Buffer<u32>,
	/// The expert of each.
	pub(super) expert_of: Buffer<u32>,
}

/// Returns the bytes of one head's row: the head size rounded up to 16.
pub(super) fn head_stride(size: usize) -> usize {
	size.next_multiple_of(16)
}

impl Driver {
	/// Allocates `rows` rows of `width`.
	pub(super) fn activations(&self, rows: usize, width: usize) -> Result<Activations, DeviceError> {
		Ok(Activations { values: self.room(rows * width)?, scales: self.room(rows)?, sums: self.room(rows)? })
	}

	/// Allocates the heads of `tokens` of an architecture.
	pub(super) fn heads(&self, config: &ModelConfig, tokens: usize) -> Result<Heads, DeviceError> {
		let rows = tokens * usize::from(config.heads);
		let bytes = rows * head_stride(config.head_size());
		Ok(Heads {
			queries: self.room(bytes)?,
			query_maxima: self.room(rows)?,
			keys: self.room(bytes)?,
			key_maxima: self.room(rows)?,
			values: self.room(bytes)?,
		})
	}

	/// Allocates the choices of `tokens`.
	pub(super) fn routing(&self, config: &ModelConfig, tokens: usize) -> Result<Routing, DeviceError> {
		let (experts, choices) = (usize::from(config.experts), tokens * usize::from(config.top_k));
		Ok(Routing {
			chosen: self.room(choices)?,
			gates: self.room(choices)?,
			counts: self.room(experts)?,
			offsets: self.room(experts + 1)?,
			tiles: self.room(experts + 1)?,
			cursors: self.room(experts)?,
			entries: self.room(choices)?,
			expert_of: self.room(choices)?,
		})
	}

	/// Uploads the table of powers of two.
	pub(super) fn exp2_table(&self) -> Result<Buffer<u32>, DeviceError> {
		self.upload(&EXP2_Q30)
	}

	/// Embeds tokens: `stream: [tokens, width]`.
	pub(super) fn embed(
		&self,
		tokens: &Buffer<u8>,
		count: usize,
		table: &Buffer<i8>,
		scale: Scale,
		stream: &mut Buffer<i32>,
	) -> Result<(), DeviceError> {
		let width = table.len() / VOCAB;
		assert!(
			tokens.len() >= count && stream.len() >= count * width,
			"buffers follow from one configuration"
		);
		let arguments = [
			tokens.at(),
			table.at(),
			stream.at(),
			count as u64,
			width as u64,
			scale.mantissa().into(),
			scale.exponent().into(),
		];
		// SAFETY: the lengths were checked above; tokens are bytes, of which there are 256.
		unsafe {
			self.launch(Kernel::Embed, (count * width).div_ceil(THREADS).into_x(), THREADS as u32, &arguments)
		}
	}

	/// Normalises `rows: [count, width]`, as wide as `gain` is long.
	pub(super) fn norm_quant(
		&self,
		rows: &Buffer<i32>,
		count: usize,
		gain: &Buffer<i16>,
		out: &mut Activations,
	) -> Result<(), DeviceError> {
		let width = gain.len();
		out.ensure(count, width);
		assert!(
			rows.len() >= count * width && width.is_multiple_of(16),
			"buffers follow from one configuration"
		);
		let arguments = [
			rows.at(),
			gain.at(),
			out.values.at(),
			out.scales.at(),
			out.sums.at(),
			count as u64,
			width as u64,
			sqrt_q16(width as u32),
		];
		// SAFETY: the lengths were checked above.
		unsafe {
			self.launch(
				Kernel::NormQuant,
				(32 * count).div_ceil(THREADS).into_x(),
				THREADS as u32,
				&arguments,
			)
		}
	}

	/// Normalises the squared ReLU of `rows: [count, width]`, each with the gain of its expert.
	///
	/// # Safety
	/// `experts` are records of [`super::weights`] whose gains have `width` entries, and `expert_of` names some of them.
	pub(super) unsafe fn norm_quant_squared_relu(
		&self,
		rows: &Buffer<i32>,
		(count, width): (usize, usize),
		experts: u64,
		expert_of: &Buffer<u32>,
		out: &mut Activations,
	) -> Result<(), DeviceError> {
		out.ensure(count, width);
		let fits = rows.len() >= count * width && expert_of.len() >= count && width.is_multiple_of(16);
		assert!(fits, "buffers follow from one configuration");
		let arguments = [
			rows.at(),
			experts,
			expert_of.at(),
			out.values.at(),
			out.scales.at(),
			out.sums.at(),
			count as u64,
			width as u64,
			sqrt_q16(width as u32),
		];
		let grid = (32 * count).div_ceil(THREADS).into_x();
		// SAFETY: the lengths were checked above; the experts are the caller's word.
		unsafe { self.launch(Kernel::NormQuantSquaredRelu, grid, THREADS as u32, &arguments) }
	}

	/// Computes the product of the first `tokens` rows with a ternary matrix.
	pub(super) fn ternary_matmul(
		&self,
		inputs: &Activations,
		tokens: usize,
		weights: &Packed,
		into: Into<'_>,
	) -> Result<(), DeviceError> {
		inputs.ensure(tokens, weights.cols);
		let (out, bound, into) = match into {
			Into::Outputs(out, bound) => (out, bound, 1),
			Into::Stream(stream) => (stream, RESIDUAL_MAX, 2),
		};
		let words = weights.rows.next_multiple_of(32) * weights.cols / 16;
		assert!(
			weights.words.len() == words && out.len() >= tokens * weights.rows,
			"buffers follow from one configuration"
		);
		let arguments = [
			inputs.values.at(),
			inputs.scales.at(),
			inputs.sums.at(),
			weights.words.at(),
			out.at(),
			tokens as u64,
			weights.rows as u64,
			weights.cols as u64,
			weights.scale.mantissa().into(),
			weights.scale.exponent().into(),
			bound as u64,
			into,
		];
		let grid = (tokens.div_ceil(TILE_TOKENS), weights.rows.div_ceil(TILE_OUTPUTS));
		// SAFETY: the lengths were checked above.
		unsafe { self.launch(Kernel::TernaryMatmul, grid, MATMUL_THREADS, &arguments) }
	}

	/// Computes the logits of the first `tokens` rows: `[tokens, rows]`.
	pub(super) fn table_matmul(
		&self,
		inputs: &Activations,
		tokens: usize,
		weights: &Packed,
		out: &mut Buffer<i32>,
	) -> Result<(), DeviceError> {
		inputs.ensure(tokens, weights.cols);
		let words = weights.rows.next_multiple_of(32) * weights.cols / 4;
		assert!(
			weights.words.len() == words && out.len() >= tokens * weights.rows,
			"buffers follow from one configuration"
		);
		let arguments = [
			inputs.values.at(),
			inputs.scales.at(),
			weights.words.at(),
			out.at(),
			tokens as u64,
			weights.rows as u64,
			weights.cols as u64,
			weights.scale.mantissa().into(),
			weights.scale.exponent().into(),
			LOGIT_MAX as u64,
		];
		let grid = (tokens.div_ceil(TILE_TOKENS), weights.rows.div_ceil(TILE_OUTPUTS));
		// SAFETY: the lengths were checked above.
		unsafe { self.launch(Kernel::TableMatmul, grid, MATMUL_THREADS, &arguments) }
	}

	/// Rotates and quantises `[queries, keys, values]`, each `[tokens, d_model]`, of sequences of `len` tokens.
	///
	/// # Shapes
	/// `angles: [context, head_size / 2]` pairs, two numbers each.
	pub(super) fn split_heads(
		&self,
		config: &ModelConfig,
		[queries, keys, values]: [&Buffer<i32>; 3],
		(tokens, len): (usize, usize),
		angles: &Buffer<i16>,
		heads: &mut Heads,
	) -> Result<(), DeviceError> {
		let (d, size) = (usize::from(config.d_model), config.head_size());
		heads.ensure(config, tokens);
		let fits = [queries, keys, values].iter().all(|rows| rows.len() >= tokens * d);
		assert!(fits && angles.len() >= len * size && size <= 64, "buffers follow from one configuration");
		let arguments = [
			queries.at(),
			keys.at(),
			values.at(),
			angles.at(),
			heads.queries.at(),
			heads.query_maxima.at(),
			heads.keys.at(),
			heads.key_maxima.at(),
			heads.values.at(),
			tokens as u64,
			len as u64,
			config.heads.into(),
			size as u64,
			head_stride(size) as u64,
		];
		let grid = (32 * tokens * usize::from(config.heads)).div_ceil(THREADS).into_x();
		// SAFETY: the lengths were checked above.
		unsafe { self.launch(Kernel::SplitHeads, grid, THREADS as u32, &arguments) }
	}

	/// Computes the heads: `[tokens, d_model]`, for whole sequences of `len` tokens.
	pub(super) fn attend(
		&self,
		config: &ModelConfig,
		(tokens, len): (usize, usize),
		heads: &Heads,
		exp2_table: &Buffer<u32>,
		out: &mut Buffer<i32>,
	) -> Result<(), DeviceError> {
		let (count, size) = (usize::from(config.heads), config.head_size());
		heads.ensure(config, tokens);
		let fits = out.len() >= tokens * count * size && exp2_table.len() == EXP2_Q30.len();
		assert!(fits && tokens.is_multiple_of(len) && len <= 256, "buffers follow from one configuration");
		let arguments = [
			heads.queries.at(),
			heads.query_maxima.at(),
			heads.keys.at(),
			heads.key_maxima.at(),
			heads.values.at(),
			exp2_table.at(),
			out.at(),
			len as u64,
			count as u64,
			size as u64,
			head_stride(size) as u64,
			127 * 127 * sqrt_q16(size as u32),
		];
		// SAFETY: the lengths were checked above.
		unsafe { self.launch(Kernel::Attend, (tokens / len * count).into_x(), ATTENTION_THREADS, &arguments) }
	}

	/// Chooses experts by `logits: [tokens, experts]` and groups the choices by expert.
	pub(super) fn route(
		&self,
		config: &ModelConfig,
		tokens: usize,
		logits: &Buffer<i32>,
		exp2_table: &Buffer<u32>,
		routing: &mut Routing,
	) -> Result<(), DeviceError> {
		let (experts, top_k) = (usize::from(config.experts), usize::from(config.top_k));
		let choices = tokens * top_k;
		routing.ensure(experts, choices);
		let fits = logits.len() >= tokens * experts && exp2_table.len() == EXP2_Q30.len();
		assert!(
			fits && experts <= EXPERTS_MAX && (1..=experts.min(2)).contains(&top_k),
			"the configuration is valid"
		);
		self.clear(&mut routing.counts)?;
		let [chosen, gates, counts] = [&routing.chosen, &routing.gates, &routing.counts].map(Buffer::at);
		let [offsets, tiles, cursors] = [&routing.offsets, &routing.tiles, &routing.cursors].map(Buffer::at);
		let [entries, expert_of] = [&routing.entries, &routing.expert_of].map(Buffer::at);
		let arguments = [
			logits.at(),
			exp2_table.at(),
			chosen,
			gates,
			counts,
			tokens as u64,
			experts as u64,
			top_k as u64,
		];
		let warps = (32 * tokens).div_ceil(THREADS).into_x();
		// SAFETY: the lengths were checked above; `route` writes experts that there are, `group` as many places as
		// there are choices, and `scatter` each of them once.
		unsafe {
			self.launch(Kernel::Route, warps, THREADS as u32, &arguments)?;
			let arguments = [counts, offsets, tiles, cursors, experts as u64];
			self.launch(Kernel::Group, (1, 1), EXPERTS_MAX as u32, &arguments)?;
			let arguments = [chosen, cursors, entries, expert_of, choices as u64];
			self.launch(Kernel::Scatter, choices.div_ceil(THREADS).into_x(), THREADS as u32, &arguments)
		}
	}

	/// Accumulators of the hidden layer for every choice, grouped by expert: `[tokens * top_k, d_ff]`.
	///
	/// # Safety
	/// `experts` are the layer's records of [`super::weights`], and `routing` is what [`Self::route`] left.
	pub(super) unsafe fn expert_up(
		&self,
		config: &ModelConfig,
		tokens: usize,
		inputs: &Activations,
		experts: u64,
		routing: &Routing,
		out: &mut Buffer<i32>,
	) -> Result<(), DeviceError> {
		let (d, hidden) = (usize::from(config.d_model), usize::from(config.d_ff));
		let (count, top_k) = (usize::from(config.experts), usize::from(config.top_k));
		inputs.ensure(tokens, d);
		routing.ensure(count, tokens * top_k);
		assert!(out.len() >= tokens * top_k * hidden, "buffers follow from one configuration");
		let arguments = [
			inputs.values.at(),
			inputs.sums.at(),
			experts,
			routing.entries.at(),
			routing.offsets.at(),
			routing.tiles.at(),
			out.at(),
			count as u64,
			top_k as u64,
			hidden as u64,
			d as u64,
		];
		let grid = (tiles_max(count, tokens * top_k), hidden.div_ceil(TILE_OUTPUTS));
		// SAFETY: the lengths were checked above; experts and routing are the caller's word.
		unsafe { self.launch(Kernel::ExpertUp, grid, MATMUL_THREADS, &arguments) }
	}

	/// Computes the outputs of the experts, back in the order of the tokens: `[tokens, top_k, d_model]`.
	///
	/// # Safety
	/// As for [`Self::expert_up`].
	pub(super) unsafe fn expert_down(
		&self,
		config: &ModelConfig,
		tokens: usize,
		hidden: &Activations,
		experts: u64,
		routing: &Routing,
		said: &mut Buffer<i32>,
	) -> Result<(), DeviceError> {
		let (d, width) = (usize::from(config.d_model), usize::from(config.d_ff));
		let (count, choices) = (usize::from(config.experts), tokens * usize::from(config.top_k));
		hidden.ensure(choices, width);
		routing.ensure(count, choices);
		assert!(said.len() >= choices * d, "buffers follow from one configuration");
		let arguments = [
			hidden.values.at(),
			hidden.scales.at(),
			hidden.sums.at(),
			experts,
			routing.entries.at(),
			routing.offsets.at(),
			routing.tiles.at(),
			said.at(),
			count as u64,
			d as u64,
			width as u64,
			RESIDUAL_MAX as u64,
		];
		let grid = (tiles_max(count, choices), d.div_ceil(TILE_OUTPUTS));
		// SAFETY: the lengths were checked above; experts and routing are the caller's word.
		unsafe { self.launch(Kernel::ExpertDown, grid, MATMUL_THREADS, &arguments) }
	}

	/// Adds `said: [tokens, top_k, width]` to `stream: [tokens, width]`.
	pub(super) fn mix(
		&self,
		(tokens, width, top_k): (usize, usize, usize),
		gates: &Buffer<u32>,
		said: &Buffer<i32>,
		stream: &mut Buffer<i32>,
	) -> Result<(), DeviceError> {
		let fits = gates.len() >= tokens * top_k
			&& said.len() >= tokens * top_k * width
			&& stream.len() >= tokens * width;
		assert!(fits, "buffers follow from one configuration");
		let arguments = [stream.at(), gates.at(), said.at(), tokens as u64, width as u64, top_k as u64];
		// SAFETY: the lengths were checked above.
		unsafe {
			self.launch(Kernel::Mix, (tokens * width).div_ceil(THREADS).into_x(), THREADS as u32, &arguments)
		}
	}

	/// Computes the losses of sequences of `len` tokens: `logits: [tokens, 256]`, `targets: [tokens]`.
	pub(super) fn loss(
		&self,
		(tokens, len): (usize, usize),
		logits: &Buffer<i32>,
		targets: &Buffer<u8>,
		exp2_table: &Buffer<u32>,
		losses: &mut Buffer<u64>,
	) -> Result<(), DeviceError> {
		let fits =
			logits.len() >= tokens * VOCAB && targets.len() >= tokens && losses.len() >= tokens.div_ceil(len);
		assert!(fits && exp2_table.len() == EXP2_Q30.len(), "buffers follow from one configuration");
		self.clear(losses)?;
		let arguments = [logits.at(), targets.at(), exp2_table.at(), losses.at(), tokens as u64, len as u64];
		// SAFETY: the lengths were checked above.
		unsafe {
			self.launch(Kernel::Loss, (32 * tokens).div_ceil(THREADS).into_x(), THREADS as u32, &arguments)
		}
	}
}

/// Returns the tiles that choices may fall into: every expert may have one that is not full.
fn tiles_max(experts: usize, choices: usize) -> usize {
	choices / TILE_TOKENS + experts.min(choices)
}

impl Activations {
	fn ensure(&self, rows: usize, width: usize) {
		let fits = self.values.len() >= rows * width && self.scales.len() >= rows && self.sums.len() >= rows;
		assert!(fits, "buffers follow from one configuration");
	}
}

impl Heads {
	fn ensure(&self, config: &ModelConfig, tokens: usize) {
		let rows = tokens * usize::from(config.heads);
		let bytes = rows * head_stride(config.head_size());
		let fits = [&self.queries, &self.keys, &self.values].iter().all(|buffer| buffer.len() >= bytes)
			&& [&self.query_maxima, &self.key_maxima].iter().all(|buffer| buffer.len() >= rows);
		assert!(fits, "buffers follow from one configuration");
	}
}

impl Routing {
	fn ensure(&self, experts: usize, choices: usize) {
		let by_choice = [&self.chosen, &self.gates, &self.entries, &self.expert_of];
		let by_expert = [&self.counts, &self.cursors];
		let fits = by_choice.iter().all(|buffer| buffer.len() >= choices)
			&& by_expert.iter().all(|buffer| buffer.len() >= experts)
			&& [&self.offsets, &self.tiles].iter().all(|buffer| buffer.len() > experts);
		assert!(fits, "buffers follow from one configuration");
	}
}

/// A grid of one dimension.
trait Blocks {
	fn into_x(self) -> (usize, usize);
}

impl Blocks for usize {
	fn into_x(self) -> (usize, usize) {
		(self, 1)
	}
}
