//! The golden values, and what holds of whole models: causality, incremental execution.

use super::*;
use crate::definition2::{
	architecture::ArchitectureError,
	execution::{integer_bytes, Execution},
	linear::embed,
	loss::argmax,
	norm::norm,
	program::{Kind, Role},
	sampling::{sample, Sampling},
	tensors::Name,
	trace::Trace,
};
use alloc::vec;
use std::println;

pub(super) fn incremental(model: &Model<'_>, ids: &[u32]) -> Vec<Vec<i32>> {
	let mut execution = Execution::new(model, ids.len() as u32).unwrap();
	ids.iter().map(|&id| execution.push(id).unwrap()).collect()
}

fn sampled(model: &Model<'_>, context: &[u32]) -> [u32; 8] {
	let sampling = Sampling { temperature: 256, top_p: 230, seed: [7; 32] };
	let mut execution = Execution::new(model, context.len() as u32 + 8).unwrap();
	let mut logits = Vec::new();
	for &id in context {
		logits = execution.push(id).unwrap();
	}
	core::array::from_fn(|index| {
		let token = sample(&sampling, &logits, (context.len() + index) as u64);
		logits = execution.push(token).unwrap();
		token
	})
}

fn computed(model: &OwnedModel) -> Golden {
	let (view, ids) = (model.view().unwrap(), ids(&model.architecture));
	let trace = Trace::of(&view, &ids).unwrap();
	let logits: Vec<u8> = incremental(&view, &ids[..19]).iter().flat_map(|row| integer_bytes(row)).collect();
	let index = trace.program().index_of(Role::Logits).unwrap();
	assert_eq!(trace.output(index), Some(logits.as_slice()), "trace and incremental execution agree");
	Golden {
		logits: blake2_256(&[&logits]),
		trace: trace.root(),
		loss: trace.loss(),
		sampled: sampled(&view, &ids[..4]),
	}
}

#[test]
fn the_golden_values_are_what_every_machine_computes() {
	let mut wrong = Vec::new();
	for (family, (name, _)) in ARCHITECTURES.iter().enumerate() {
		let computed = computed(&model(family));
		if computed != GOLDEN[family] {
			println!("{name}: {computed:?}");
			wrong.push(*name);
		}
	}
	assert_eq!(wrong, Vec::<&str>::new());
}

#[test]
fn a_trace_has_the_shapes_of_its_program_and_ends_in_the_loss() {
	for family in 0..ARCHITECTURES.len() {
		let model = model(family);
		let (view, ids) = (model.view().unwrap(), ids(&model.architecture));
		let trace = Trace::of(&view, &ids).unwrap();
		for (index, operator) in trace.program().operators().iter().enumerate() {
			let shape = operator.shape;
			assert_eq!(
				trace.output(index).unwrap().len(),
				shape.rows * shape.row_bytes,
				"{:?}",
				operator.role
			);
			assert!(operator.inputs.iter().all(|&input| input < index), "{:?}", operator.role);
			assert_eq!(trace.program().index_of(operator.role), Some(index));
		}
		let total = trace.operators().last().unwrap();
		assert_eq!(*total, blake2_256(&[&trace.loss().to_le_bytes()]));
		let bits = f64::from(model.architecture.vocabulary).log2() * 19.0;
		let loss = trace.loss() as f64 / 65_536.0;
		assert!(loss > bits * 0.8 && loss < bits * 2.0, "{loss} bits of {bits}: the model is plausible");
	}
}

#[test]
fn execution_is_causal() {
	for family in 0..ARCHITECTURES.len() {
		let model = model(family);
		let (view, mut ids) = (model.view().unwrap(), ids(&model.architecture));
		let long = incremental(&view, &ids[..8]);
		assert_eq!(long[..5], incremental(&view, &ids[..5]));
		ids[5] = (ids[5] + 1) % model.architecture.vocabulary;
		let other = incremental(&view, &ids[..8]);
		assert_eq!(long[..5], other[..5]);
		assert!(long[5] != other[5] && long[7] != other[7]);
	}
}

#[test]
fn sequences_that_no_model_takes_are_refused() {
	let model = model(0);
	let view = model.view().unwrap();
	assert_eq!(Trace::of(&view, &[]), Err(ModelError::SequenceLength(0)));
	assert_eq!(Trace::of(&view, &[1]), Err(ModelError::SequenceLength(1)));
	assert_eq!(Trace::of(&view, &[1; 66]), Err(ModelError::SequenceLength(66)));
	assert_eq!(Trace::of(&view, &[1, 300]), Err(ModelError::Token(300)));
	assert!(Trace::of(&view, &[1; 65]).is_ok());
	let mut execution = Execution::new(&view, 1).unwrap();
	assert_eq!(execution.push(300), Err(ModelError::Token(300)));
	assert!(execution.push(299).is_ok());
	assert!(matches!(execution.push(1), Err(ModelError::SequenceLength(_))));
}

/// Another expert in one slot changes what is routed to it and nothing that comes before.
#[test]
fn with_expert_fills_one_slot() {
	let model = model(4);
	let (view, ids) = (model.view().unwrap(), ids(&model.architecture));
	let slot = Part::Expert { layer: 1, expert: 2 };
	let other = Stream::new(b"other").part(&model.architecture, slot);
	let candidate = view.with_expert(slot, other.view()).unwrap();
	let (old, new) = (Trace::of(&view, &ids).unwrap(), Trace::of(&candidate, &ids).unwrap());
	let first = (0..).find(|&index| old.operators()[index] != new.operators()[index]).unwrap();
	assert!(matches!(old.program().operator(first).unwrap().role, Role::Gate(1, _)));
	assert_ne!(old.loss(), new.loss());
	let wrong = Part::Expert { layer: 1, expert: 4 };
	assert_eq!(view.with_expert(wrong, other.view()).err(), Some(ModelError::Shape(wrong, None)));
}

#[test]
fn view_refuses_each_fault() {
	let refused = |damage: fn(&mut OwnedModel)| {
		let mut model = model(4);
		damage(&mut model);
		model.view().err()
	};
	assert_eq!(refused(|_| ()), None);
	assert_eq!(refused(|m| drop(m.experts.pop())), Some(ModelError::PartCount));
	assert_eq!(refused(|m| drop(m.parts.pop())), Some(ModelError::PartCount));
	assert_eq!(refused(|m| drop(m.parts[1].0.pop())), Some(ModelError::Shape(Part::Layer(0), None)));
	let swapped = Some(ModelError::Shape(Part::Layer(0), Some(Name::AttentionGain)));
	assert_eq!(refused(|m| m.parts[1].0.swap(0, 1)), swapped);
	let gain = |m: &mut OwnedModel| m.parts[1].0[0].1 = OwnedTensor::Gain(vec![1 << 24; 64], Real::ZERO);
	assert_eq!(refused(gain), Some(ModelError::Range(Part::Layer(0), Name::AttentionGain)));
	let eps = ArchitectureError::Eps(u64::MAX);
	assert_eq!(refused(|m| m.architecture.eps = u64::MAX), Some(ModelError::Architecture(eps)));
}

#[test]
fn the_first_operators_are_their_functions() {
	let model = model(0);
	let (view, ids) = (model.view().unwrap(), ids(&model.architecture));
	let trace = Trace::of(&view, &ids).unwrap();
	let h = embed(&view.embedding().unwrap(), ids[3] as usize, 12);
	assert_eq!(trace.row(0, 3), Some(integer_bytes(&h).as_slice()));
	let gain = view.part(Part::Layer(0)).unwrap().gain(Name::AttentionGain).unwrap();
	let input = norm(&h, 12, gain, model.architecture.eps, 10);
	assert_eq!(trace.row(1, 3), Some(input.to_bytes().as_slice()));
	assert_eq!(trace.program().operator(1).unwrap().kind, Kind::Norm { unit: 12, width: 10 });
	let logits = incremental(&view, &ids[..2]);
	assert!(logits.iter().all(|row| row[argmax(row) as usize] == *row.iter().max().unwrap()));
}
