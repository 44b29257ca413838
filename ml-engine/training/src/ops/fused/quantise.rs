//! Fused quantisation: rounds a weight to the integer network's number formats, in two passes over it.

use super::{rows, tensor, Dense};
use crate::quantiser::{Format, GAIN_MAX, GAIN_STEP, WEIGHT_MIN};
use burn::tensor::Tensor;
use burn_flex::Flex;
use rayon::prelude::*;

/// Rounds a parameter; see [`crate::quantiser::quantise`]. Uses the threads of the pool it is called from.
pub(crate) fn quantise(latent: Tensor<Flex, 2>, format: Format) -> Tensor<Flex, 2> {
	let shape = latent.dims();
	let latent = Dense::new(latent);
	let values = latent.values();
	let mut output = vec![0.0; values.len()];
	match format {
		Format::Ternary { groups } => {
			let len = values.len() / groups;
			output.par_chunks_mut(len).zip(values.par_chunks(len)).for_each(|(output, group)| {
				// Row by row: a sum of a million numbers in single precision would lose digits.
				let sum = group.chunks(shape[1]).map(|row| f64::from(rows::magnitude(row))).sum::<f64>();
				let alpha = ((sum / len as f64) as f32).max(WEIGHT_MIN);
				rows::round_to_step(group, alpha, 1.0, output);
			});
		}
		Format::I8 => {
			let step = rows::peak(values).max(WEIGHT_MIN) / 127.0;
			rows::round_to_step(values, step, 127.0, &mut output);
		}
		Format::Gain => rows::round_to_step(values, GAIN_STEP, GAIN_MAX, &mut output),
	}
	tensor(output, shape)
}
