//! From the codes of an adapter to the numbers that are trained.

use super::{
	network::Adapters,
	rounding::Rounded,
	slot::{Projection, Slot},
};
use burn::tensor::{backend::Backend, Tensor, TensorData};
use rand::Rng;
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

/// Returns the latent matrices of a slot's adapter in the order of [`Slot::shapes`], row by row.
///
/// Of each pair only the product has a meaning. The first matrix gets a root mean square of one over the root of its
/// columns, whatever its codes are: its products with normalised inputs are then near one, and one learning rate suits
/// every model. A pair whose product is zero begins again: with the first matrix random and the second one zero (LoRA).
pub(crate) fn latent(slot: &Slot, seed: u64) -> Vec<Vec<f32>> {
	let mut rng = ChaCha8Rng::seed_from_u64(seed);
	slot.projections.iter().flat_map(|projection| pair(projection, &mut rng)).collect()
}

fn pair(projection: &Projection, rng: &mut ChaCha8Rng) -> [Vec<f32>; 2] {
	let adapter = projection.adapter.view();
	let codes = |bytes: &[u8]| bytes.iter().map(|byte| f64::from(*byte as i8)).collect::<Vec<_>>();
	let (first, second) = (codes(adapter.input().bytes), codes(adapter.output().bytes));
	let size = (projection.columns as f64).sqrt().recip();
	let square = first.iter().map(|code| code * code).sum::<f64>() / first.len() as f64;
	if square == 0.0 || second.iter().all(|code| *code == 0.0) {
		// Uniform numbers of this root mean square.
		let bound = (3.0_f64.sqrt() * size) as f32;
		let first = first.iter().map(|_| rng.gen_range(-bound..bound)).collect();
		return [first, vec![0.0; second.len()]];
	}
	let of_first = size / square.sqrt();
	let of_second = projection.unit * f64::from(adapter.shift()).exp2() / of_first;
	let scaled = |codes: Vec<f64>, by: f64| codes.into_iter().map(|code| (code * by) as f32).collect();
	[scaled(first, of_first), scaled(second, of_second)]
}

/// Returns the matrices that rounded adapters stand for.
pub(crate) fn of_codes(slot: &Slot, rounded: &[Rounded; 3]) -> Vec<Vec<f32>> {
	let projections = slot.projections.iter().zip(rounded);
	let matrices = projections.flat_map(|(projection, rounded)| {
		let adapter = rounded.adapter.view();
		let unit = projection.unit * f64::from(adapter.shift()).exp2();
		let scaled = |bytes: &[u8], by: f64| {
			bytes.iter().map(|byte| (f64::from(*byte as i8) * by) as f32).collect::<Vec<_>>()
		};
		[scaled(adapter.input().bytes, 1.0), scaled(adapter.output().bytes, unit)]
	});
	matrices.collect()
}

/// Returns tensors of a slot's shapes.
pub(crate) fn tensors<B: Backend>(slot: &Slot, values: Vec<Vec<f32>>, device: &B::Device) -> Adapters<B> {
	let mut values = values.into_iter();
	let mut matrix = |shape: [usize; 2]| {
		let values = values.next().unwrap_or_default();
		Tensor::from_data(TensorData::new(values, shape), device)
	};
	slot.shapes().map(&mut matrix)
}
