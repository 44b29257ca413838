//! Breakdown of a forward pass by operator: every one alone, at the shapes of one batch of a model.

use super::{fastest, Source};
use blyan_engine::kernel::{
	activations::ActivationRows,
	attention::{self, keys_len, put_key, put_values, HeadCache, Queries, POSITIONS},
	packed_int8::PackedInt8,
	rowwise,
	ternary::{self, TernaryView},
	Kernel,
};
use blyan_exact::{number::RESIDUAL_BITS, ModelConfig, Rescale, Scale, RESIDUAL_MAX, VOCAB};
use std::hint::black_box;

/// Tokens of a batch, as many as the evaluator's.
const TOKENS: usize = 1_024;

/// One operator's time.
pub struct Share {
	/// Name of the operator.
	pub name: &'static str,
	/// True if it counts as attention, normalisation or softmax.
	pub is_row_wise: bool,
	/// Nanoseconds a token, all layers together.
	pub nanoseconds: f64,
}

/// Sequences of as many tokens as the context, in numbers of the magnitudes that models have.
struct Batch {
	stream: Vec<i32>,
	accumulators: Vec<i32>,
	gain: Vec<i16>,
	hidden_gain: Vec<i16>,
	codes: Vec<u8>,
	table: Vec<u8>,
}

impl Batch {
	fn new(config: ModelConfig) -> Self {
		let mut source = Source(7);
		let (d, f) = (usize::from(config.d_model), usize::from(config.d_ff));
		let mut numbers =
			|len: usize, bound: i64| -> Vec<i32> { (0..len).map(|_| source.within(bound) as i32).collect() };
		let stream = numbers(TOKENS * d, 1 << 15);
		// An accumulator is a sum of d products of a weight and an activation.
		let accumulators =
			numbers(TOKENS * f * usize::from(config.top_k), 40 * i64::from(config.d_model).isqrt());
		Self {
			stream,
			accumulators,
			gain: vec![256; d],
			hidden_gain: vec![256; f],
			codes: source.codes(d * f),
			table: (0..VOCAB * d).map(|_| source.within(127) as u8).collect(),
		}
	}

	fn ternary(&self, rows: usize, cols: usize) -> TernaryView<'_> {
		TernaryView { codes: &self.codes[..rows * cols / 4], rows, cols }
	}
}

/// Every operator of a forward pass on one core.
pub fn measure(kernel: Kernel, config: ModelConfig, seconds: f64) -> Vec<Share> {
	let batch = Batch::new(config);
	let (d, f) = (usize::from(config.d_model), usize::from(config.d_ff));
	let (top_k, experts, layers) =
		(usize::from(config.top_k), usize::from(config.experts), f64::from(config.layers));
	let inputs = ActivationRows::norm_quant(kernel, &batch.stream, &batch.gain);
	// An expert's share of the tokens, if each gets as many.
	let group: Vec<u32> = (0..(TOKENS * top_k).div_ceil(experts) as u32).collect();
	let gathered = inputs.gather(&group);
	let hidden = ActivationRows::norm_quant_squared_relu(
		kernel,
		&batch.accumulators[..group.len() * f],
		&batch.hidden_gain,
	);
	let scale = Scale::new(1 << 31, 37).unwrap_or_default();
	let rescale = Rescale::new(scale, 1 << 17, RESIDUAL_BITS);
	let [router, head] = [experts, VOCAB].map(|rows| PackedInt8::new(&batch.table[..rows * d], d));
	let (mut router_logits, mut head_logits) = (vec![0; TOKENS * experts], vec![0; TOKENS * VOCAB]);
	let mut scratch = batch.stream.clone();
	let mut attention = Attention::new(kernel, config, &batch.stream);
	let logits: Vec<i32> = batch.stream.iter().cycle().take(TOKENS * VOCAB).copied().collect();
	let said: Vec<i32> = batch.stream.repeat(top_k);
	let angles = vec![[11_585_i16; 2]; config.head_size() / 2];
	let mut shares = Vec::new();
	// `times`: how often the body runs in a pass.
	let mut share = |name, is_row_wise, times: f64, body: &mut dyn FnMut()| {
		let nanoseconds = fastest(seconds, body) * times * 1e9 / TOKENS as f64;
		shares.push(Share { name, is_row_wise, nanoseconds });
	};
	share("products of attention's projections", false, 4.0 * layers, &mut || {
		black_box(ternary::multiply(kernel, batch.ternary(d, d), &inputs));
	});
	share("products of experts", false, experts as f64 * layers, &mut || {
		black_box(ternary::multiply(kernel, batch.ternary(f, d), &gathered));
		black_box(ternary::multiply(kernel, batch.ternary(d, f), &hidden));
	});
	share("products of router and head", false, 1.0, &mut || {
		for _ in 0..config.layers {
			router.multiply_into(kernel, &inputs, black_box(&mut router_logits));
		}
		head.multiply_into(kernel, &inputs, black_box(&mut head_logits));
	});
	share("rescaling", false, 1.0, &mut || {
		for _ in 0..usize::from(config.layers) * (4 + top_k) {
			scratch.chunks_exact_mut(d).for_each(|row| rowwise::rescale(kernel, row, rescale, RESIDUAL_MAX));
		}
	});
	share("normalisation", true, 3.0 * layers + 1.0, &mut || {
		black_box(ActivationRows::norm_quant(kernel, &batch.stream, &batch.gain));
	});
	share("normalisation of hidden layers", true, layers, &mut || {
		black_box(ActivationRows::norm_quant_squared_relu(kernel, &batch.accumulators, &batch.hidden_gain));
	});
	share("quantised heads", true, layers, &mut || attention.quantise());
	share("attention", true, layers, &mut || attention.attend());
	share("softmax of the loss", true, 1.0, &mut || {
		for row in logits.chunks_exact(VOCAB) {
			black_box(rowwise::loss(kernel, row, 7));
		}
	});
	share("rotation", false, 2.0 * layers, &mut || {
		scratch.chunks_exact_mut(d).for_each(|row| rowwise::rotate(kernel, row, &angles));
	});
	share("gathering, mixing and adding", false, layers, &mut || {
		for _ in 0..experts {
			black_box(inputs.gather(&group));
		}
		let gates = &[16_384; 2][..top_k];
		for (row, said) in scratch.chunks_exact_mut(d).zip(said.chunks_exact(top_k * d)) {
			rowwise::mix(kernel, row, gates, said);
		}
		rowwise::add(kernel, &mut scratch, &batch.stream);
	});
	shares
}

/// Queries of a batch, with the keys and values of one sequence.
struct Attention<'a> {
	kernel: Kernel,
	config: ModelConfig,
	rows: &'a [i32],
	stride: usize,
	/// `[heads, tokens, head_size]`
	queries: Vec<i8>,
	/// `[heads, tokens]`
	query_maxima: Vec<i32>,
	keys: Vec<i8>,
	maxima: Vec<i32>,
	values: Vec<i8>,
	out: Vec<i32>,
	scratch: Vec<i32>,
}

impl<'a> Attention<'a> {
	fn new(kernel: Kernel, config: ModelConfig, rows: &'a [i32]) -> Self {
		let (heads, size) = (usize::from(config.heads), config.head_size());
		let stride = usize::from(config.context).next_multiple_of(POSITIONS);
		let mut attention = Self {
			kernel,
			config,
			rows,
			stride,
			queries: vec![0; rows.len()],
			query_maxima: vec![0; heads * TOKENS],
			keys: vec![0; heads * keys_len(stride, size)],
			maxima: vec![0; heads * stride],
			values: vec![0; heads * size * stride],
			out: vec![0; rows.len()],
			scratch: Vec::new(),
		};
		attention.quantise();
		attention
	}

	/// Queries, keys and values of the batch, keys and values to their places.
	fn quantise(&mut self) {
		let (size, d) = (self.config.head_size(), usize::from(self.config.d_model));
		let (positions, stride, kernel) = (usize::from(self.config.context), self.stride, self.kernel);
		let (mut key, mut pair) = (vec![0; size], vec![0; 2 * size]);
		for head in 0..d / size {
			let keys = &mut self.keys[head * keys_len(stride, size)..][..keys_len(stride, size)];
			let values = &mut self.values[head * size * stride..][..size * stride];
			for (token, row) in self.rows.chunks_exact(d).enumerate() {
				let (row, position) = (&row[head * size..][..size], token % positions);
				let query = &mut self.queries[(head * TOKENS + token) * size..][..size];
				self.query_maxima[head * TOKENS + token] = attention::quantise_head(kernel, row, query);
				self.maxima[head * stride + position] = attention::quantise_head(kernel, row, &mut key);
				put_key(keys, stride, position, &key);
				attention::quantise_values(kernel, row, &mut pair[position % 2 * size..][..size]);
				if position % 2 == 1 {
					put_values(values, size, position - 1, &pair);
				}
			}
		}
	}

	/// Every query over the positions up to its own.
	fn attend(&mut self) {
		let (size, d) = (self.config.head_size(), usize::from(self.config.d_model));
		let (positions, stride) = (usize::from(self.config.context), self.stride);
		for head in 0..d / size {
			let past = HeadCache {
				keys: &self.keys[head * keys_len(stride, size)..][..keys_len(stride, size)],
				maxima: &self.maxima[head * stride..][..stride],
				values: &self.values[head * size * stride..][..size * stride],
				stride,
			};
			let queries = self.queries[head * TOKENS * size..][..TOKENS * size].chunks(positions * size);
			let maxima = self.query_maxima[head * TOKENS..][..TOKENS].chunks(positions);
			let outs = self.out.chunks_mut(positions * d);
			for ((entries, maxima), out) in queries.zip(maxima).zip(outs) {
				let queries = Queries { entries, maxima, first: 1 };
				attention::attend(self.kernel, queries, past, &mut self.scratch, &mut out[head * size..], d);
			}
		}
	}
}
