//! Every operator's output in plain loops over the definition's functions: what traces are held against.

use blyan_exact::{
	add_residual, attention,
	golden::OwnedModel,
	loss,
	norm::{norm_quant, norm_quant_squared_relu},
	rotary::rotate,
	routing::{mix, route},
	Activations, Program, PROJECTION_MAX, RESIDUAL_MAX,
};

fn integers(rows: &[Vec<i32>]) -> Vec<u8> {
	rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect()
}

fn small(values: &[i8]) -> impl Iterator<Item = u8> + '_ {
	values.iter().map(|&x| x as u8)
}

fn activations(rows: &[Activations]) -> Vec<u8> {
	rows.iter().flat_map(|row| small(&row.values).chain(row.scale.to_le_bytes())).collect()
}

/// Outputs in the order of the program.
pub fn outputs(model: &OwnedModel, sequence: &[u8]) -> Vec<Vec<u8>> {
	let (config, trunk) = (&model.config, &model.trunk);
	let (heads, size, top_k) = (usize::from(config.heads), config.head_size(), usize::from(config.top_k));
	let tokens: Vec<u8> = [0].into_iter().chain(sequence.iter().copied()).take(sequence.len()).collect();
	let mut stream: Vec<Vec<i32>> = tokens.iter().map(|&token| trunk.embedding.embed(token)).collect();
	let mut outputs = vec![integers(&stream)];
	for (layer, experts) in trunk.layers.iter().zip(model.experts.chunks(usize::from(config.experts))) {
		let inputs: Vec<_> = stream.iter().map(|h| norm_quant(h, &layer.attn_gain)).collect();
		let project = |matrix: &blyan_exact::Matrix| -> Vec<Vec<i32>> {
			inputs.iter().map(|input| matrix.project(input, PROJECTION_MAX)).collect()
		};
		let (mut queries, mut keys, values) = (project(&layer.wq), project(&layer.wk), project(&layer.wv));
		outputs.extend([activations(&inputs), integers(&queries), integers(&keys), integers(&values)]);
		for (position, (query, key)) in queries.iter_mut().zip(&mut keys).enumerate() {
			let angles = &trunk.rotary[position * size / 2..(position + 1) * size / 2];
			rotate(query, angles);
			rotate(key, angles);
		}
		let quantise = |rows: &[Vec<i32>]| -> Vec<Vec<(Vec<i8>, i32)>> {
			let head = |head: &[i32]| {
				let mut out = vec![0; size];
				let maximum = attention::quantise_head(head, &mut out);
				(out, maximum)
			};
			rows.iter().map(|row| row.chunks(size).map(head).collect()).collect()
		};
		let (queries, keys) = (quantise(&queries), quantise(&keys));
		let values: Vec<Vec<i8>> =
			values.iter().map(|row| row.iter().map(|&v| attention::quantise_value(v)).collect()).collect();
		let mut bytes = Vec::new();
		for row in &queries {
			row.iter().for_each(|(q, _)| bytes.extend(small(q)));
			row.iter().for_each(|(_, maximum)| bytes.extend(maximum.to_le_bytes()));
		}
		outputs.push(bytes);
		let by_head = |entry: &dyn Fn(usize, usize) -> Vec<u8>| -> Vec<u8> {
			(0..heads)
				.flat_map(|head| (0..tokens.len()).flat_map(move |position| entry(head, position)))
				.collect()
		};
		outputs.push(by_head(&|head, position| {
			let (key, maximum) = &keys[position][head];
			small(key).chain(maximum.to_le_bytes()).collect()
		}));
		let value = |head: usize, position: usize| &values[position][head * size..(head + 1) * size];
		outputs.push(by_head(&|head, position| small(value(head, position)).collect()));
		let attended: Vec<Vec<i32>> = queries
			.iter()
			.enumerate()
			.map(|(position, row)| {
				row.iter()
					.enumerate()
					.flat_map(|(head, (query, maximum))| {
						let keys_of: Vec<&[i8]> =
							(0..=position).map(|p| keys[p][head].0.as_slice()).collect();
						let maxima: Vec<i32> = (0..=position).map(|p| keys[p][head].1).collect();
						let values_of: Vec<&[i8]> = (0..=position).map(|p| value(head, p)).collect();
						attention::attend(query, *maximum, &keys_of, &maxima, &values_of)
					})
					.collect()
			})
			.collect();
		let mixed: Vec<_> = attended.iter().map(|row| norm_quant(row, &layer.attn_out_gain)).collect();
		outputs.extend([integers(&attended), activations(&mixed)]);
		for (h, mixed) in stream.iter_mut().zip(&mixed) {
			add_residual(h, &layer.wo.project(mixed, RESIDUAL_MAX));
		}
		let inputs: Vec<_> = stream.iter().map(|h| norm_quant(h, &layer.ffn_gain)).collect();
		let logits: Vec<_> = inputs.iter().map(|input| layer.router.logits(input)).collect();
		let choices: Vec<_> = logits.iter().map(|logits| route(logits, top_k)).collect();
		outputs.extend([integers(&stream), activations(&inputs), integers(&logits)]);
		let choice = |choice: &blyan_exact::routing::Choice| {
			[&(choice.expert as u16).to_le_bytes()[..], &choice.gate.to_le_bytes()].concat()
		};
		outputs.push(choices.iter().flatten().flat_map(choice).collect());
		let mut said = vec![Vec::new(); tokens.len()];
		for rank in 0..top_k {
			let expert = |position: usize| &experts[choices[position][rank].expert];
			let positions = 0..tokens.len();
			let up: Vec<_> = positions.clone().map(|p| expert(p).up.accumulate(&inputs[p].values)).collect();
			let hidden: Vec<_> =
				positions.clone().map(|p| norm_quant_squared_relu(&up[p], &expert(p).gain)).collect();
			let down: Vec<_> = positions.map(|p| expert(p).down.project(&hidden[p], RESIDUAL_MAX)).collect();
			outputs.extend([integers(&up), activations(&hidden), integers(&down)]);
			said.iter_mut().zip(down).for_each(|(said, down)| said.push(down));
		}
		for ((h, choices), said) in stream.iter_mut().zip(&choices).zip(&said) {
			mix(h, choices, said);
		}
		outputs.push(integers(&stream));
	}
	let inputs: Vec<_> = stream.iter().map(|h| norm_quant(h, &trunk.final_gain)).collect();
	let logits: Vec<_> = inputs.iter().map(|input| trunk.head.logits(input)).collect();
	let losses: Vec<u64> = logits.iter().zip(sequence).map(|(logits, &byte)| loss(logits, byte)).collect();
	outputs.extend([activations(&inputs), integers(&logits)]);
	outputs.push(losses.iter().flat_map(|loss| loss.to_le_bytes()).collect());
	outputs.push(losses.iter().sum::<u64>().to_le_bytes().to_vec());
	outputs
}

/// Roots of these outputs.
pub fn roots(model: &OwnedModel, sequence: &[u8]) -> Vec<blyan_exact::Hash> {
	let program = Program::new(model.config, sequence.len() as u16).unwrap();
	let outputs = outputs(model, sequence);
	assert_eq!(outputs.len(), program.operators());
	outputs.iter().enumerate().map(|(index, output)| program.shape_at(index).unwrap().root(output)).collect()
}
