//! Operators that are not products.

use super::{difference, Source};
use crate::cuda::{
	driver::{Buffer, Driver},
	layout,
	operators::{head_stride, Activations},
	DeviceError,
};
use blyan_exact::{
	attention::{attend as exact_attend, quantise_head, quantise_value},
	loss as exact_loss,
	norm::{self, Activations as ExactActivations},
	rotary::rotate,
	routing::{self, Choice},
	Matrix, ModelConfig, VOCAB,
};
use rayon::prelude::*;

type Outcome = Result<(usize, Option<String>), DeviceError>;

pub(super) fn embed(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	let width = source.width(8);
	let bytes = source.bytes(VOCAB * width);
	let weights: Vec<i8> = bytes.iter().map(|&byte| byte as i8).collect();
	let table = Matrix { rows: VOCAB, cols: width, weights, scale: source.scale() };
	let tokens = source.bytes(rows);
	let mut stream = driver.room(rows * width)?;
	driver.embed(
		&driver.upload(&tokens)?,
		rows,
		&driver.upload(&table.weights)?,
		table.scale,
		&mut stream,
	)?;
	let got: Vec<i32> = driver.download(&stream, rows * width)?;
	let expected: Vec<i32> = tokens.par_iter().flat_map_iter(|&token| table.embed(token)).collect();
	Ok((rows, difference("stream", &got, &expected, width)))
}

/// Compares rows that the GPU has quantised.
fn compare(
	driver: &Driver,
	got: &Activations,
	expected: &[ExactActivations],
) -> Result<Option<String>, DeviceError> {
	let width = expected.first().map_or(1, |row| row.values.len());
	let count = expected.len();
	let values = layout::in_order(&driver.download(&got.values, count * width)?);
	let all: Vec<i8> = expected.iter().flat_map(|row| row.values.iter().copied()).collect();
	let scales: Vec<u32> = expected.iter().map(|row| row.scale).collect();
	let sums: Vec<i32> = expected.iter().map(|row| row.values.iter().map(|&x| i32::from(x)).sum()).collect();
	let found = difference("activations", &values, &all, width)
		.or(difference("scales", &driver.download(&got.scales, count)?, &scales, 1))
		.or(difference("sums", &driver.download(&got.sums, count)?, &sums, 1));
	Ok(found)
}

pub(super) fn norm_quant(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	let width = source.width(8);
	let stream: Vec<i32> = (0..rows).flat_map(|_| source.integers(width, 22)).collect();
	let gain = source.gains(width);
	let mut out = driver.activations(rows, width)?;
	driver.norm_quant(&driver.upload(&stream)?, rows, &driver.upload(&gain)?, &mut out)?;
	let expected: Vec<_> = stream.par_chunks(width).map(|row| norm::norm_quant(row, &gain)).collect();
	Ok((rows, compare(driver, &out, &expected)?))
}

pub(super) fn norm_quant_squared_relu(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	let width = source.width(32);
	let count = 1 + source.below(4);
	let gains: Vec<Vec<i16>> = (0..count).map(|_| source.gains(width)).collect();
	let on_card: Vec<Buffer<i16>> = gains.iter().map(|gain| driver.upload(gain)).collect::<Result<_, _>>()?;
	let records: Vec<u64> = on_card.iter().flat_map(|gain| [0, gain.at(), 0, 0]).collect();
	let expert_of: Vec<u32> = (0..rows).map(|_| source.below(count) as u32).collect();
	let bound = 127 * (1 << source.below(10));
	let accumulators: Vec<i32> = (0..rows * width).map(|_| source.within(bound) as i32).collect();
	let mut out = driver.activations(rows, width)?;
	let (hidden, records) = (driver.upload(&accumulators)?, driver.upload(&records)?);
	let experts = driver.upload(&expert_of)?;
	// SAFETY: every record has a gain of this width, and `expert_of` is below their number.
	unsafe { driver.norm_quant_squared_relu(&hidden, (rows, width), records.at(), &experts, &mut out)? };
	let expected: Vec<_> = accumulators
		.par_chunks(width)
		.zip(&expert_of)
		.map(|(row, &expert)| norm::norm_quant_squared_relu(row, &gains[expert as usize]))
		.collect();
	Ok((rows, compare(driver, &out, &expected)?))
}

/// Draws an architecture whose heads are of any size there can be.
fn with_heads(source: &mut Source) -> ModelConfig {
	loop {
		let config = ModelConfig {
			d_model: source.width(8) as u16,
			d_ff: 64,
			layers: 1,
			heads: 1 + source.below(64) as u8,
			experts: 1,
			top_k: 1,
			context: 256,
		};
		if config.validate().is_ok() {
			return config;
		}
	}
}

/// Pads rows of `size` entries as the GPU keeps them, the rest of the stride zero.
fn padded(rows: &[i8], size: usize) -> Vec<i8> {
	let fill = head_stride(size) - size;
	rows.chunks_exact(size).flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0, fill))).collect()
}

pub(super) fn split_heads(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	let config = with_heads(source);
	let (d, heads, size) = (usize::from(config.d_model), usize::from(config.heads), config.head_size());
	let len = 1 + source.below(rows.div_ceil(heads).min(256));
	let sequences = (rows / heads / len).max(1);
	let tokens = sequences * len;
	let mut projections = || -> Vec<i32> { (0..tokens).flat_map(|_| source.integers(d, 19)).collect() };
	let [queries, keys, values] = [projections(), projections(), projections()];
	let angles: Vec<[i16; 2]> =
		(0..len * size / 2).map(|_| [source.next() as i16, source.next() as i16]).collect();
	let on_card = [driver.upload(&queries)?, driver.upload(&keys)?, driver.upload(&values)?];
	let mut out = driver.heads(&config, tokens)?;
	driver.split_heads(
		&config,
		on_card.each_ref(),
		(tokens, len),
		&driver.upload(angles.as_flattened())?,
		&mut out,
	)?;
	// Rows are [sequences, heads, len], each with the quantised query, its maximum, and so on.
	let places = (0..sequences * heads * len).into_par_iter().map(|row| {
		let (sequence, head, position) = (row / len / heads, row / len % heads, row % len);
		let at = (sequence * len + position) * d + head * size;
		let turned = |rows: &[i32]| {
			let mut turned = rows[at..at + size].to_vec();
			rotate(&mut turned, &angles[position * size / 2..(position + 1) * size / 2]);
			let mut quantised = vec![0; size];
			let maximum = quantise_head(&turned, &mut quantised);
			(quantised, maximum)
		};
		let value: Vec<i8> = values[at..at + size].iter().map(|&v| quantise_value(v)).collect();
		(turned(&queries), turned(&keys), value)
	});
	let expected: Vec<_> = places.collect();
	let all = |part: fn(&((Vec<i8>, i32), (Vec<i8>, i32), Vec<i8>)) -> &Vec<i8>| {
		padded(&expected.iter().flat_map(|row| part(row).iter().copied()).collect::<Vec<_>>(), size)
	};
	let count = expected.len();
	let (bytes, stride) = (count * head_stride(size), head_stride(size));
	let maxima: [Vec<i32>; 2] =
		[expected.iter().map(|row| row.0 .1).collect(), expected.iter().map(|row| row.1 .1).collect()];
	let found = difference("queries", &driver.download(&out.queries, bytes)?, &all(|row| &row.0 .0), stride)
		.or(difference("keys", &driver.download(&out.keys, bytes)?, &all(|row| &row.1 .0), stride))
		.or(difference("values", &driver.download(&out.values, bytes)?, &all(|row| &row.2), stride))
		.or(difference("maxima of queries", &driver.download(&out.query_maxima, count)?, &maxima[0], 1))
		.or(difference("maxima of keys", &driver.download(&out.key_maxima, count)?, &maxima[1], 1));
	Ok((count, found))
}

pub(super) fn attend(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	let config = with_heads(source);
	let (d, count, size) = (usize::from(config.d_model), usize::from(config.heads), config.head_size());
	let len = 1 + source.below(rows.div_ceil(count).min(256));
	let sequences = (rows / count / len).max(1);
	let (tokens, rows) = (sequences * len, sequences * len * count);
	let [queries, keys, values] = std::array::from_fn(|_| source.activations(rows * size));
	let mut maxima = || -> Vec<i32> { source.integers(rows, 21).iter().map(|x| x.abs()).collect() };
	let [query_maxima, key_maxima] = [maxima(), maxima()];
	let mut heads = driver.heads(&config, tokens)?;
	driver.write(&mut heads.queries, &padded(&queries, size))?;
	driver.write(&mut heads.keys, &padded(&keys, size))?;
	driver.write(&mut heads.values, &padded(&values, size))?;
	driver.write(&mut heads.query_maxima, &query_maxima)?;
	driver.write(&mut heads.key_maxima, &key_maxima)?;
	let mut out = driver.room(tokens * d)?;
	driver.attend(&config, (tokens, len), &heads, &driver.exp2_table()?, &mut out)?;
	let got: Vec<i32> = driver.download(&out, tokens * d)?;
	let heads = (0..tokens * count).into_par_iter().flat_map_iter(|at| {
		let (token, head) = (at / count, at % count);
		let (sequence, position) = (token / len, token % len);
		let first = (sequence * count + head) * len;
		let row = |rows: &'_ [i8], index: usize| rows[index * size..(index + 1) * size].to_vec();
		let [keys, values] = [&keys, &values].map(|rows| &rows[first * size..(first + position + 1) * size]);
		let (keys, values): (Vec<_>, Vec<_>) = (keys.chunks(size).collect(), values.chunks(size).collect());
		let query = row(&queries, first + position);
		let maxima = &key_maxima[first..=first + position];
		exact_attend(&query, query_maxima[first + position], &keys, maxima, &values)
	});
	let expected: Vec<i32> = heads.collect();
	Ok((rows, difference("outputs", &got, &expected, size)))
}

pub(super) fn route(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	let most = [4, 40, 512][source.below(3)];
	let experts = 1 + source.below(most);
	let top_k = (1 + source.below(2)).min(experts);
	let config = ModelConfig { experts: experts as u16, top_k: top_k as u8, ..with_heads(source) };
	// A few bits make ties; all of them reach the ends.
	let bits = [2, 18, 30][source.below(3)];
	let logits: Vec<i32> = (0..rows).flat_map(|_| source.integers(experts, bits)).collect();
	let mut routing = driver.routing(&config, rows)?;
	driver.route(&config, rows, &driver.upload(&logits)?, &driver.exp2_table()?, &mut routing)?;
	let expected: Vec<Choice> =
		logits.par_chunks(experts).flat_map_iter(|logits| routing::route(logits, top_k)).collect();
	let count = expected.len();
	let chosen: Vec<u32> = expected.iter().map(|choice| choice.expert as u32).collect();
	let gates: Vec<u32> = expected.iter().map(|choice| choice.gate).collect();
	let mut grouped = chosen.clone();
	grouped.sort_unstable();
	let (entries, expert_of) =
		(driver.download(&routing.entries, count)?, driver.download(&routing.expert_of, count)?);
	let of_entries: Vec<u32> =
		entries.iter().map(|&entry| chosen.get(entry as usize).copied().unwrap_or(u32::MAX)).collect();
	let mut every = entries;
	every.sort_unstable();
	let found = difference("experts", &driver.download(&routing.chosen, count)?, &chosen, top_k)
		.or(difference("gates", &driver.download(&routing.gates, count)?, &gates, top_k))
		.or(difference("groups", &expert_of, &grouped, 1))
		.or(difference("experts of grouped choices", &of_entries, &grouped, 1))
		.or(difference("grouped choices", &every, &(0..count as u32).collect::<Vec<_>>(), 1));
	Ok((rows, found))
}

pub(super) fn mix(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	let (width, top_k) = (source.width(8), 1 + source.below(2));
	let stream: Vec<i32> = (0..rows).flat_map(|_| source.integers(width, 22)).collect();
	let said: Vec<i32> = (0..rows * top_k).flat_map(|_| source.integers(width, 22)).collect();
	let gates: Vec<u32> = (0..rows)
		.flat_map(|_| {
			let gate = source.below(32_769) as u32;
			[gate, 32_768 - gate].into_iter().take(top_k)
		})
		.collect();
	let mut out = driver.upload(&stream)?;
	driver.mix((rows, width, top_k), &driver.upload(&gates)?, &driver.upload(&said)?, &mut out)?;
	let rows_of = stream.par_chunks(width).zip(said.par_chunks(width * top_k)).zip(gates.par_chunks(top_k));
	let expected: Vec<i32> = rows_of
		.flat_map_iter(|((row, said), gates)| {
			let mut row = row.to_vec();
			let choices: Vec<Choice> = gates.iter().map(|&gate| Choice { expert: 0, gate }).collect();
			routing::mix(&mut row, &choices, &said.chunks(width).map(<[i32]>::to_vec).collect::<Vec<_>>());
			row
		})
		.collect();
	Ok((rows, difference("stream", &driver.download(&out, rows * width)?, &expected, width)))
}

pub(super) fn loss(driver: &Driver, source: &mut Source, rows: usize) -> Outcome {
	// Single losses mostly; sums of several now and then.
	let len = [1, 1, 3, 256][source.below(4)].min(rows);
	let tokens = rows / len * len;
	let logits: Vec<i32> = (0..tokens).flat_map(|_| source.integers(VOCAB, 30)).collect();
	let targets = source.bytes(tokens);
	let mut out = driver.room(tokens / len)?;
	driver.loss(
		(tokens, len),
		&driver.upload(&logits)?,
		&driver.upload(&targets)?,
		&driver.exp2_table()?,
		&mut out,
	)?;
	let single = logits.par_chunks(VOCAB).zip(&targets).map(|(logits, &target)| exact_loss(logits, target));
	let expected: Vec<u64> =
		single.collect::<Vec<_>>().chunks(len).map(|losses| losses.iter().sum()).collect();
	Ok((tokens, difference("losses", &driver.download(&out, tokens / len)?, &expected, 1)))
}
