//! Products, and what experts make of them.

use super::{difference, Source};
use crate::cuda::{
	driver::Driver,
	layout,
	operators::{Activations, Into, Packed},
	weights::{upload_records, DeviceExpert},
	DeviceError,
};
use blyan_exact::{
	add_residual, golden::random_expert, routing, Activations as ExactActivations, Expert, Matrix,
	ModelConfig, PROJECTION_MAX, RESIDUAL_MAX,
};
use rayon::prelude::*;
use std::sync::Arc;

type Outcome = Result<(usize, Option<String>), DeviceError>;

/// Activations that no row needs to have led to.
fn activations(source: &mut Source, rows: usize, width: usize) -> Vec<ExactActivations> {
	(0..rows)
		.map(|_| {
			let values = match source.below(16) {
				0 => vec![-127; width],
				1 => vec![127; width],
				_ => source.activations(width),
			};
			// Below 2^22.
			ExactActivations { values, scale: (source.next() >> 42) as u32 >> source.below(22) }
		})
		.collect()
}

fn upload(driver: &Driver, rows: &[ExactActivations]) -> Result<Activations, DeviceError> {
	// The GPU's order is its own inverse.
	let values: Vec<i8> = rows.iter().flat_map(|row| layout::in_order(&row.values)).collect();
	let scales: Vec<u32> = rows.iter().map(|row| row.scale).collect();
	let sums: Vec<i32> = rows.iter().map(|row| row.values.iter().map(|&x| i32::from(x)).sum()).collect();
	Ok(Activations {
		values: driver.upload(&values)?,
		scales: driver.upload(&scales)?,
		sums: driver.upload(&sums)?,
	})
}

fn codes(matrix: &Matrix) -> Vec<u8> {
	let code = |four: &[i8]| four.iter().enumerate().map(|(j, &w)| ((w + 1) as u8) << (2 * j)).sum();
	matrix.weights.chunks(4).map(code).collect()
}

pub(super) fn pack_ternary(driver: &Driver, matrix: &Matrix) -> Result<Packed, DeviceError> {
	let (rows, cols) = (matrix.rows, matrix.cols);
	let words = driver.upload(&layout::ternary(&codes(matrix), rows, cols))?;
	Ok(Packed { words, rows, cols, scale: matrix.scale })
}

pub(super) fn ternary(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	let (outputs, width) = (source.width(4), source.width(32));
	let weights = match source.below(8) {
		0 => vec![1; outputs * width],
		1 => vec![-1; outputs * width],
		_ => (0..outputs * width).map(|_| source.below(3) as i8 - 1).collect(),
	};
	let matrix = Matrix { rows: outputs, cols: width, weights, scale: source.scale() };
	let inputs = activations(source, rows, width);
	let on_card = (upload(driver, &inputs)?, pack_ternary(driver, &matrix)?);
	let project =
		|bound| inputs.par_iter().flat_map_iter(|row| matrix.project(row, bound)).collect::<Vec<i32>>();
	let (out, expected) = if source.below(2) == 0 {
		let stream = source.integers(rows * outputs, 22);
		let mut out = driver.upload(&stream)?;
		driver.ternary_matmul(&on_card.0, rows, &on_card.1, Into::Stream(&mut out))?;
		let mut expected = stream;
		add_residual(&mut expected, &project(RESIDUAL_MAX));
		(out, expected)
	} else {
		let bound = [PROJECTION_MAX, RESIDUAL_MAX][source.below(2)];
		let mut out = driver.room(rows * outputs)?;
		driver.ternary_matmul(&on_card.0, rows, &on_card.1, Into::Outputs(&mut out, bound))?;
		(out, project(bound))
	};
	let what = format!("{rows} rows of {width} to {outputs}");
	Ok((rows, difference(&what, &driver.download(&out, rows * outputs)?, &expected, outputs)))
}

pub(super) fn table(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	let (outputs, width) = (1 + source.below(300), source.width(8));
	let weights = match source.below(8) {
		0 => vec![i8::MIN; outputs * width],
		_ => source.bytes(outputs * width).iter().map(|&byte| byte as i8).collect(),
	};
	let matrix = Matrix { rows: outputs, cols: width, weights, scale: source.scale() };
	let inputs = activations(source, rows, width);
	let bytes: Vec<u8> = matrix.weights.iter().map(|&w| w as u8).collect();
	let words = driver.upload(&layout::table(&bytes, outputs, width))?;
	let packed = Packed { words, rows: outputs, cols: width, scale: matrix.scale };
	let mut out = driver.room(rows * outputs)?;
	driver.table_matmul(&upload(driver, &inputs)?, rows, &packed, &mut out)?;
	let expected: Vec<i32> = inputs.par_iter().flat_map_iter(|row| matrix.logits(row)).collect();
	let what = format!("{rows} rows of {width} to {outputs}");
	Ok((rows, difference(&what, &driver.download(&out, rows * outputs)?, &expected, outputs)))
}

pub(super) fn experts(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	let (d, hidden) = (source.width(4), source.width(8));
	let most = [3, 12][source.below(2)];
	let count = 1 + source.below(most);
	let top_k = (1 + source.below(2)).min(count);
	let config = ModelConfig {
		d_model: d as u16,
		d_ff: hidden as u16,
		layers: 1,
		heads: (d / 64) as u8,
		experts: count as u16,
		top_k: top_k as u8,
		context: 256,
	};
	let experts: Vec<Expert> =
		(0..count).map(|_| random_expert(&config, &source.next().to_le_bytes())).collect();
	let upload_expert = |expert: &Expert| {
		let (up, down) = (pack_ternary(driver, &expert.up)?, pack_ternary(driver, &expert.down)?);
		Ok(Arc::new(DeviceExpert { up, gain: driver.upload(&expert.gain)?, down }))
	};
	let loaded = experts.iter().map(upload_expert).collect::<Result<Vec<_>, DeviceError>>()?;
	let records = upload_records(driver, &loaded)?;
	let inputs = activations(source, rows, d);
	// Few bits, so that some experts are chosen by many tokens and some by none.
	let logits: Vec<i32> = (0..rows).flat_map(|_| source.integers(count, 4)).collect();
	let mut routing = driver.routing(&config, rows)?;
	driver.route(&config, rows, &driver.upload(&logits)?, &driver.exp2_table()?, &mut routing)?;
	let choices = rows * top_k;
	let (mut up, mut said) = (driver.room(choices * hidden)?, driver.room(choices * d)?);
	let mut normalised = driver.activations(choices, hidden)?;
	let on_card = upload(driver, &inputs)?;
	// SAFETY: there is one record for each expert of the configuration, and the routing was computed just now.
	unsafe {
		driver.expert_up(&config, rows, &on_card, records.at(), &routing, &mut up)?;
		let shape = (choices, hidden);
		driver.norm_quant_squared_relu(&up, shape, records.at(), &routing.expert_of, &mut normalised)?;
		driver.expert_down(&config, rows, &normalised, records.at(), &routing, &mut said)?;
	}
	let expected: Vec<i32> = inputs
		.par_iter()
		.zip(logits.par_chunks(count))
		.flat_map_iter(|(row, logits)| {
			routing::route(logits, top_k)
				.into_iter()
				.flat_map(|choice| experts[choice.expert].apply(row))
				.collect::<Vec<_>>()
		})
		.collect();
	let what = format!("{rows} rows of {d} to {top_k} of {count} experts, {hidden} wide");
	Ok((rows, difference(&what, &driver.download(&said, choices * d)?, &expected, d)))
}
