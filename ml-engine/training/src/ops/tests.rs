//! Hand-written gradients, composed and fused, against those that burn's tape derives for the same formulas.

use super::{
	attention, cross_entropy, experts, fused, gated, linear, norm_quant, rms_quant, sampled_loss,
	ExpertWeights, FrozenNorm, GateFunction, Heads, Rotary, Routing, Sample, TrainBackend,
};
use crate::{
	optimiser::{AdamW, OptimiserConfig},
	quantiser::{self, Format},
};
use burn::{
	backend::Autodiff,
	tensor::{
		activation::{log_softmax, sigmoid, softmax},
		Int, Tensor, TensorData, Tolerance,
	},
};
use burn_flex::Flex;
use rand::Rng;
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

type Tape = Autodiff<Flex>;

fn random(shape: [usize; 2], seed: u64) -> Tensor<Flex, 2> {
	let mut rng = ChaCha8Rng::seed_from_u64(seed);
	let values = (0..shape[0] * shape[1]).map(|_| rng.gen_range(-1.0f32..1.0)).collect::<Vec<_>>();
	Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

fn leaf(value: &Tensor<Flex, 2>) -> Tensor<Tape, 2> {
	Tensor::from_inner(value.clone()).require_grad()
}

/// Passes gradients straight through whatever `to` does to `x`.
fn straight_through<const D: usize>(x: Tensor<Tape, D>, to: Tensor<Tape, D>) -> Tensor<Tape, D> {
	x.clone() + (to - x).detach()
}

fn absmax(x: Tensor<Tape, 2>) -> Tensor<Tape, 2> {
	let step = x.clone().abs().max_dim(1).div_scalar(127.0);
	straight_through(x.clone(), (x / step.clone()).round() * step)
}

fn reference_norm(input: Tensor<Tape, 2>, gain: Tensor<Tape, 2>) -> Tensor<Tape, 2> {
	let scaled = input * gain;
	let rms = (scaled.clone() * scaled.clone()).mean_dim(1).sqrt();
	absmax(scaled / rms)
}

/// Compares outputs and gradients of two functions of the same leaves.
fn assert_same<const N: usize>(
	leaves: [Tensor<Flex, 2>; N],
	ours: impl Fn(&[Tensor<Tape, 2>; N]) -> Tensor<Tape, 2>,
	reference: impl Fn(&[Tensor<Tape, 2>; N]) -> Tensor<Tape, 2>,
) {
	let run = |function: &dyn Fn(&[Tensor<Tape, 2>; N]) -> Tensor<Tape, 2>| {
		let leaves = leaves.each_ref().map(leaf);
		let output = function(&leaves);
		let weights = Tensor::<Tape, 2>::from_inner(random(output.dims(), 99));
		let grads = (output.clone() * weights).sum().backward();
		let mut data = vec![output.inner().into_data()];
		data.extend(leaves.iter().map(|leaf| leaf.grad(&grads).unwrap().into_data()));
		data
	};
	let (ours, reference) = (run(&ours), run(&reference));
	for (ours, reference) in ours.iter().zip(&reference) {
		// Single precision, sums of a few hundred terms in another order.
		ours.assert_approx_eq::<f32>(reference, Tolerance::rel_abs(1e-3, 1e-4));
	}
}

#[test]
fn norm_quant_has_the_gradient_of_its_formula() {
	for ours in [norm_quant::norm_quant, Flex::norm_quant] {
		// Neither width is a multiple of the lanes that are summed side by side.
		for width in [64, 40] {
			assert_same(
				[random([6, width], 1), random([1, width], 2)],
				|[x, g]| ours(x.clone(), g.clone()),
				|[x, g]| reference_norm(x.clone(), g.clone()),
			);
		}
	}
}

/// Rounds rows to `steps` of their largest entry, straight through.
fn rounded(x: Tensor<Tape, 2>, steps: f32) -> Tensor<Tape, 2> {
	let step = x.clone().abs().max_dim(1).div_scalar(steps);
	straight_through(x.clone(), (x / step.clone()).round() * step)
}

#[test]
fn rms_quant_has_the_gradient_of_its_formula() {
	for ours in [rms_quant::rms_quant, Flex::rms_quant] {
		for width in [64, 40] {
			let norm = FrozenNorm { gain: random([1, width], 2), eps: 0.3, steps: 511.0 };
			assert_same(
				[random([6, width], 1)],
				|[x]| ours(x.clone(), &norm),
				|[x]| {
					let mean_square = (x.clone() * x.clone()).mean_dim(1);
					let unit = x.clone() / mean_square.add_scalar(0.3).sqrt();
					rounded(unit * Tensor::from_inner(norm.gain.clone()), 511.0)
				},
			);
		}
	}
}

#[test]
fn gated_has_the_gradient_of_its_formula() {
	for ours in [gated::gated, Flex::gated] {
		for function in [GateFunction::Silu, GateFunction::SquaredRelu] {
			for steps in [None, Some(2_047.0)] {
				let leaves = [random([6, 40], 1) * 4.0, random([6, 40], 2)];
				assert_same(
					leaves,
					|[gate, up]| ours(function, gate.clone(), up.clone(), steps),
					|[gate, up]| {
						let value = match function {
							GateFunction::Silu => gate.clone() * sigmoid(gate.clone()),
							GateFunction::SquaredRelu => gate.clone().clamp_min(0.0).powf_scalar(2.0),
						};
						let product = value * up.clone();
						match steps {
							Some(steps) => rounded(product, steps),
							None => product,
						}
					},
				);
			}
		}
	}
}

/// Makes a sample that holds some tokens several times.
fn sample(rows: usize) -> Sample {
	let ids = [5_u32, 1, 1, 2, 9, 9, 9, 30].repeat(rows);
	let logits = ids.iter().enumerate().map(|(i, id)| (*id as f32 * 0.7 + i as f32 * 0.01).sin()).collect();
	Sample { width: 8, ids, logits, target_shares: (0..rows).map(|row| 0.1 + 0.2 * row as f32).collect() }
}

#[test]
fn sampled_loss_has_the_gradient_of_its_formula() {
	let (head, sample) = (random([31, 40], 5), sample(4));
	for ours in [sampled_loss::sampled_loss, Flex::sampled_loss] {
		assert_same(
			[random([4, 40], 1)],
			|[x]| ours(x.clone(), &head, &sample),
			|[x]| {
				let logits = x.clone().matmul(Tensor::<Tape, 2>::from_inner(head.clone()).transpose());
				let ids = sample.ids.iter().map(|id| *id as i32).collect::<Vec<_>>();
				let ids =
					Tensor::<Tape, 2, Int>::from_data(TensorData::new(ids, [4, 8]), &Default::default());
				let parents = TensorData::new(sample.logits.clone(), [4, 8]);
				let moved = logits.gather(1, ids) - Tensor::from_data(parents, &Default::default());
				let shares = TensorData::new(sample.target_shares.clone(), [4, 1]);
				let share = Tensor::<Tape, 2>::from_data(shares, &Default::default());
				let of_target = moved.clone().narrow(1, 0, 1);
				let of_others = moved.narrow(1, 1, 7).exp().mean_dim(1);
				let rest = share.clone().neg().add_scalar(1.0);
				(share * of_target.clone().exp() + rest * of_others).log() - of_target
			},
		);
	}
}

#[test]
fn sampled_loss_is_zero_for_the_parent_itself() {
	let (head, mut sample) = (random([31, 40], 5), sample(4));
	let x = random([4, 40], 1);
	let logits = x.clone().matmul(head.clone().transpose()).into_data().to_vec::<f32>().unwrap();
	for (i, logit) in sample.logits.iter_mut().enumerate() {
		*logit = logits[i / 8 * 31 + sample.ids[i] as usize];
	}
	for ours in [sampled_loss::sampled_loss, Flex::sampled_loss] {
		let losses = ours(leaf(&x), &head, &sample).inner().into_data().to_vec::<f32>().unwrap();
		assert!(losses.iter().all(|loss| loss.abs() < 1e-5), "{losses:?}");
	}
}

#[test]
fn linear_has_the_gradient_of_its_formula() {
	for ours in [linear::linear, Flex::project] {
		assert_same(
			[random([9, 64], 1), random([40, 64], 2), random([9, 40], 3)],
			|[x, w, h]| ours(x.clone(), w.clone(), Some(h.clone())) + ours(x.clone(), w.clone(), None),
			|[x, w, h]| h.clone() + x.clone().matmul(w.clone().transpose()).mul_scalar(2.0),
		);
	}
}

#[test]
fn cross_entropy_has_the_gradient_of_its_formula() {
	for ours in [cross_entropy::cross_entropy, Flex::cross_entropy] {
		assert_same(
			[random([4, 20], 3).mul_scalar(4.0)],
			|[logits]| ours(logits.clone(), &[3, 0, 15, 3]),
			|[logits]| {
				let targets = [[3], [0], [15], [3]];
				let targets = Tensor::<Tape, 2, Int>::from_data(targets, &Default::default());
				log_softmax(logits.clone(), 1).gather(1, targets).neg()
			},
		);
	}
}

#[test]
fn experts_have_the_gradient_of_their_formula() {
	let (tokens, d, f, count) = (10, 64, 64, 4);
	// No token chooses expert 2.
	let logits = (0..tokens)
		.flat_map(|token| {
			let mut row = [0.1, 0.2, -9.0, 0.0];
			row[[0, 1, 3][token % 3]] += 1.0;
			row
		})
		.collect::<Vec<f32>>();
	let (routing, picked) = Routing::new(&logits, count, 2);
	assert!(routing.chosen[2].is_empty());
	assert_eq!(picked[..4], [0, 1, 1, 0]);
	for ours in [experts::experts, Flex::experts] {
		assert_same(
			[
				random([tokens, d], 4),
				random([count * f, d], 5),
				random([count, f], 6),
				random([count * d, f], 7),
				random([tokens, 2], 8),
			],
			|[x, up, gain, down, gates]| {
				let weights = ExpertWeights { up: up.clone(), gain: gain.clone(), down: down.clone() };
				ours(x.clone(), weights, gates.clone(), &routing)
			},
			|[x, up, gain, down, gates]| {
				let outputs = (0..count).map(|e| {
					let hidden = x.clone().matmul(up.clone().narrow(0, e * f, f).transpose()).clamp_min(0.0);
					let hidden = reference_norm(hidden.clone() * hidden, gain.clone().narrow(0, e, 1));
					hidden.matmul(down.clone().narrow(0, e * d, d).transpose())
				});
				let mut sum = x.zeros_like();
				for (e, output) in outputs.enumerate() {
					for place in &routing.chosen[e] {
						let (token, k) = ((place / 2) as usize, (place % 2) as usize);
						let gate = gates.clone().slice([token..token + 1, k..k + 1]);
						let row = output.clone().narrow(0, token, 1) * gate;
						let mask = (0..tokens).map(|i| f32::from(i == token)).collect::<Vec<_>>();
						let mask = Tensor::from_data(TensorData::new(mask, [tokens, 1]), &Default::default());
						sum = sum + row * mask;
					}
				}
				sum
			},
		);
	}
}

#[test]
fn attention_has_the_gradient_of_its_formula() {
	for ours in [attention::attention, Flex::attend] {
		// The second spans two tiles of queries.
		for tokens in [5, 70] {
			attention_matches(ours, tokens);
		}
	}
}

fn attention_matches(ours: fn(Tensor<Tape, 2>, &Heads<Flex>) -> Tensor<Tape, 2>, tokens: usize) {
	let (batch, heads, head_size) = (2, 2, 8);
	let width = heads * head_size;
	let angles = (0..tokens * head_size / 2)
		.flat_map(|i| {
			let angle = i as f64 * 0.37;
			[(angle.cos() * 16_384.0) as i16, (angle.sin() * 16_384.0) as i16]
		})
		.collect::<Vec<_>>();
	let device = Default::default();
	let plan = Heads::new(&Rotary::<Flex>::new(&angles, tokens, head_size, &device), batch, heads);
	let table = |which: usize| {
		let values = angles.chunks_exact(2).map(|pair| f32::from(pair[which]) / 16_384.0).collect::<Vec<_>>();
		let table = Tensor::<Tape, 2>::from_data(
			TensorData::new(values, [tokens, head_size / 2]),
			&Default::default(),
		);
		table.reshape([tokens, head_size / 2, 1])
	};
	assert_same(
		[random([batch * tokens, 3 * width], 9).mul_scalar(3.0)],
		|[qkv]| ours(qkv.clone(), &plan),
		|[qkv]| {
			let mut rows = Vec::new();
			for sequence in 0..batch {
				let mut columns = Vec::new();
				for head in 0..heads {
					let part = |which: usize| {
						let row = sequence * tokens;
						let column = which * width + head * head_size;
						qkv.clone().slice([row..row + tokens, column..column + head_size])
					};
					let rotate = |x: Tensor<Tape, 2>| {
						let pairs = x.reshape([tokens, head_size / 2, 2]);
						let (even, odd) = (pairs.clone().narrow(2, 0, 1), pairs.narrow(2, 1, 1));
						let (cos, sin) = (table(0), table(1));
						let turned = vec![
							even.clone() * cos.clone() - odd.clone() * sin.clone(),
							even * sin + odd * cos,
						];
						Tensor::cat(turned, 2).reshape([tokens, head_size])
					};
					let (q, k, v) = (absmax(rotate(part(0))), absmax(rotate(part(1))), part(2));
					let v = straight_through(v.clone(), v.mul_scalar(32.0).round().div_scalar(32.0));
					let scores = q.matmul(k.transpose()).div_scalar((head_size as f32).sqrt());
					let hidden = (0..tokens * tokens)
						.map(|i| if i % tokens <= i / tokens { 0.0f32 } else { -1e9 })
						.collect::<Vec<_>>();
					let hidden = TensorData::new(hidden, [tokens, tokens]);
					let scores = scores + Tensor::from_data(hidden, &Default::default());
					columns.push(softmax(scores, 1).matmul(v));
				}
				rows.push(Tensor::cat(columns, 1));
			}
			Tensor::cat(rows, 0)
		},
	);
}

#[test]
fn quantise_gives_the_same_values_fused_and_composed() {
	for (format, seed) in [(Format::Ternary { groups: 4 }, 1), (Format::I8, 2), (Format::Gain, 3)] {
		let latent = random([64, 40], seed).mul_scalar(0.3);
		let composed = quantiser::quantise(latent.clone(), format).into_data();
		// The mean magnitude is summed in another order.
		let fused = Flex::quantise(latent, format).into_data();
		fused.assert_approx_eq::<f32>(&composed, Tolerance::rel_abs(1e-6, 1e-7));
	}
}

#[test]
fn updates_are_the_same_fused_and_composed() {
	let formats = [Format::I8, Format::Gain];
	let shapes = [[300, 64], [1, 40]];
	let config = OptimiserConfig { clip: 0.5, ..OptimiserConfig::default() };
	let run = |is_fused: bool| {
		let mut parameters = shapes.map(|shape| random(shape, 1));
		let mut optimiser = AdamW::new(config, &parameters);
		for step in 0..5 {
			let parts = [0, 1].map(|part| (shapes.map(|shape| random(shape, 10 * step + part)).into(), 0.5));
			let norm = if is_fused {
				let grads = fused::sum_gradients(parts.into());
				fused::update(&mut optimiser, &mut parameters, &formats, grads, 1e-2)
			} else {
				let [(a, _), (b, _)]: [(Vec<_>, f32); 2] = parts;
				let grads = a.into_iter().zip(b).map(|(a, b): (Tensor<Flex, 2>, _)| (a + b).mul_scalar(0.5));
				optimiser.update(&mut parameters, &formats, grads.collect(), 1e-2)
			};
			assert!(norm > 1.0, "nothing would be clipped");
		}
		assert_eq!(optimiser.updates, 5);
		parameters.map(Tensor::into_data)
	};
	for (fused, composed) in run(true).iter().zip(run(false)) {
		// The norm, by which gradients are clipped, is summed in another order.
		fused.assert_approx_eq::<f32>(&composed, Tolerance::rel_abs(1e-5, 1e-6));
	}
}
