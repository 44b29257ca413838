//! The same architecture in f32 through burn-flex: what the integer evaluator is compared with.
//!
//! Nothing is rounded and nothing is kept for a gradient, so this is the plain forward pass that somebody
//! without the integer network would run: the same shapes, the same routing, cost that follows the experts
//! used. Its weights are arbitrary, because the time of a dense matrix product does not depend on them.

use blyan_exact::{ModelConfig, VOCAB};
use burn::tensor::{
	activation::{log_softmax, relu, softmax},
	IndexingUpdateOp, Int, Tensor, TensorData,
};
use burn_flex::{Flex, FlexDevice};

type Matrix = Tensor<Flex, 2>;

/// Guards the division by the root mean square of a zero row.
const EPSILON: f32 = 1e-6;
/// Added to the score of a position that must not be seen. Its exponential is tiny but not subnormal, which
/// would be slow.
const HIDDEN: f32 = -60.0;

struct Expert {
	/// `[d_model, d_ff]`
	up: Matrix,
	/// `[d_ff, d_model]`
	down: Matrix,
}

struct Layer {
	/// `[d_model, 3 * d_model]`
	qkv: Matrix,
	/// `[d_model, d_model]`
	wo: Matrix,
	/// `[d_model, experts]`
	router: Matrix,
	experts: Vec<Expert>,
}

/// A float model. Matrices are stored the way round in which they are multiplied.
pub struct FloatModel {
	config: ModelConfig,
	/// `[256, d_model]`
	embedding: Matrix,
	layers: Vec<Layer>,
	/// `[d_model, 256]`
	head: Matrix,
	device: FlexDevice,
}

impl FloatModel {
	/// A model of this architecture with arbitrary weights.
	pub fn new(config: ModelConfig) -> Self {
		let device = FlexDevice;
		let mut state = 0x9e37_79b9_7f4a_7c15u64;
		let mut matrix = |rows: usize, columns: usize| {
			let bound = (3.0 / rows as f32).sqrt();
			let values: Vec<f32> = (0..rows * columns)
				.map(|_| {
					// xorshift64: any stream without a pattern will do.
					state ^= state << 13;
					state ^= state >> 7;
					state ^= state << 17;
					((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * bound
				})
				.collect();
			Matrix::from_data(TensorData::new(values, [rows, columns]), &device)
		};
		let (d, f) = (usize::from(config.d_model), usize::from(config.d_ff));
		let embedding = matrix(VOCAB, d);
		let layers = (0..config.layers)
			.map(|_| Layer {
				qkv: matrix(d, 3 * d),
				wo: matrix(d, d),
				router: matrix(d, usize::from(config.experts)),
				experts: (0..config.experts)
					.map(|_| Expert { up: matrix(d, f), down: matrix(f, d) })
					.collect(),
			})
			.collect();
		let head = matrix(d, VOCAB);
		Self { config, embedding, layers, head, device }
	}

	/// Sum of the losses of all bytes, in bits.
	///
	/// `sequences` holds sequences one after another, as many and as long as the tables are for.
	pub fn loss(&self, sequences: &[u8], tables: &Tables) -> f32 {
		let Tables { batch, tokens, .. } = *tables;
		let inputs: Vec<i32> = sequences
			.chunks_exact(tokens)
			.flat_map(|sequence| {
				core::iter::once(0).chain(sequence[..tokens - 1].iter().map(|byte| i32::from(*byte)))
			})
			.collect();
		let mut h = self.embedding.clone().select(0, self.indices(&inputs));
		for layer in &self.layers {
			h = h.clone() + self.attend(layer, h, tables);
			h = h.clone() + self.experts(layer, h);
		}
		let logits = normalise(h).matmul(self.head.clone());
		let targets: Vec<i32> = sequences.iter().map(|byte| i32::from(*byte)).collect();
		let targets =
			Tensor::<Flex, 2, Int>::from_data(TensorData::new(targets, [batch * tokens, 1]), &self.device);
		-log_softmax(logits, 1).gather(1, targets).sum().into_scalar() / core::f32::consts::LN_2
	}

	fn attend(&self, layer: &Layer, h: Matrix, tables: &Tables) -> Matrix {
		let Tables { batch, tokens, .. } = *tables;
		let [rows, width] = h.dims();
		let heads = usize::from(self.config.heads);
		let size = width / heads;
		let qkv = normalise(h).matmul(layer.qkv.clone());
		// The last reshape copies: what follows is several times slower on a view.
		let part = |i: usize| {
			let part = qkv.clone().narrow(1, i * width, width).reshape([batch, tokens, heads, size]);
			part.swap_dims(1, 2).reshape([batch * heads, tokens, size])
		};
		let (q, k, v) = (tables.turn(part(0)), tables.turn(part(1)), part(2));
		let scores = q.matmul(k.swap_dims(1, 2)) + tables.mask.clone();
		let mixed = softmax(scores, 2).matmul(v).reshape([batch, heads, tokens, size]);
		let mixed = mixed.swap_dims(1, 2).reshape([rows, width]);
		normalise(mixed).matmul(layer.wo.clone())
	}

	fn experts(&self, layer: &Layer, h: Matrix) -> Matrix {
		let [rows, width] = h.dims();
		let top_k = usize::from(self.config.top_k);
		let x = normalise(h);
		let logits: Vec<f32> =
			x.clone().matmul(layer.router.clone()).into_data().to_vec().expect("logits are f32");
		let mut chosen: Vec<(Vec<i32>, Vec<f32>)> = vec![Default::default(); layer.experts.len()];
		for (token, row) in logits.chunks_exact(layer.experts.len()).enumerate() {
			let mut order: Vec<usize> = (0..row.len()).collect();
			order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
			let first = match order.get(1).filter(|_| top_k == 2) {
				Some(second) => 1.0 / (1.0 + (row[*second] - row[order[0]]).exp()),
				None => 1.0,
			};
			for (expert, gate) in order.into_iter().zip([first, 1.0 - first]).take(top_k) {
				chosen[expert].0.push(token as i32);
				chosen[expert].1.push(gate);
			}
		}
		let mut sum = Matrix::zeros([rows, width], &self.device);
		for (expert, (tokens, gates)) in layer.experts.iter().zip(chosen) {
			if tokens.is_empty() {
				continue;
			}
			let rows = self.indices(&tokens);
			let gates = Matrix::from_data(TensorData::new(gates, [tokens.len(), 1]), &self.device);
			let hidden = relu(x.clone().select(0, rows.clone()).matmul(expert.up.clone()));
			let hidden = hidden.clone() * hidden;
			let output = normalise(hidden).matmul(expert.down.clone()) * gates;
			sum = sum.select_assign(0, rows, output, IndexingUpdateOp::Add);
		}
		sum
	}

	fn indices(&self, values: &[i32]) -> Tensor<Flex, 1, Int> {
		Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &self.device)
	}

	/// The constants of attention over `batch` sequences of `tokens` bytes.
	pub fn tables(&self, batch: usize, tokens: usize) -> Tables {
		let size = self.config.head_size();
		let half = size / 2;
		let count = batch * usize::from(self.config.heads);
		let angle =
			|entry: usize, token: usize| token as f32 / 10_000f32.powf((entry % half) as f32 / half as f32);
		let table = |columns: usize, value: &dyn Fn(usize, usize) -> f32| {
			let one: Vec<f32> = (0..tokens * columns).map(|i| value(i % columns, i / columns)).collect();
			Tensor::from_data(TensorData::new(one.repeat(count), [count, tokens, columns]), &self.device)
		};
		// The factor 1 / sqrt(head size) of the scores is divided between queries and keys.
		let scale = (size as f32).powf(-0.25);
		let turn = (0..size * size).map(|i| {
			let (row, column) = (i / size, i % size);
			let sign = if column < half { -1.0 } else { 1.0 };
			if (column + half) % size == row {
				sign
			} else {
				0.0
			}
		});
		Tables {
			batch,
			tokens,
			cos: table(size, &|entry, token| scale * angle(entry, token).cos()),
			sin: table(size, &|entry, token| scale * angle(entry, token).sin()),
			turn: Tensor::from_data(
				TensorData::new(turn.collect::<Vec<f32>>(), [1, size, size]),
				&self.device,
			),
			mask: table(tokens, &|seen, from| if seen <= from { 0.0 } else { HIDDEN }),
		}
	}
}

/// The constants of attention, one copy for each sequence and head: the library adds tensors of one shape
/// many times faster than it broadcasts.
pub struct Tables {
	batch: usize,
	tokens: usize,
	/// `[batch * heads, tokens, head_size]`
	cos: Tensor<Flex, 3>,
	/// `[batch * heads, tokens, head_size]`
	sin: Tensor<Flex, 3>,
	/// Maps the halves `(a, b)` of a head to `(-b, a)`. `[1, head_size, head_size]`
	turn: Tensor<Flex, 3>,
	/// `[batch * heads, tokens, tokens]`
	mask: Tensor<Flex, 3>,
}

impl Tables {
	/// Rotates the first half of each head against the second, which costs what rotating pairs costs.
	fn turn(&self, x: Tensor<Flex, 3>) -> Tensor<Flex, 3> {
		x.clone() * self.cos.clone() + x.matmul(self.turn.clone()) * self.sin.clone()
	}
}

fn normalise(x: Matrix) -> Matrix {
	let mean_square = (x.clone() * x.clone()).mean_dim(1);
	x * mean_square.add_scalar(EPSILON).sqrt().recip()
}
