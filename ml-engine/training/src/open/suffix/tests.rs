//! Layers behind a slot: their floats are the integer network's, their gradients lead downhill.

use super::super::{
	latent::{latent, tensors},
	network::{Adapters, Network},
	prefix::Prefix,
	sequence::Sequence,
	tests::{exact_bits, go_on, runner, settings, text, with_adapters, ROOT},
	tokens::{Tokens, Widths},
	train_adapter, Settings, Slot, Stage, Texts, TrainedAdapter,
};
use crate::ops::scalar;
use blyan_exact::definition2::golden::{self, OwnedModel};
use burn::{backend::Autodiff, tensor::Tensor};
use burn_flex::Flex;
use core::ops::ControlFlow;
use std::path::Path;

type Tape = Autodiff<Flex>;

/// Makes a tiny model of a family whose first layer has adapters; all others are the family's.
fn model(family: &str) -> OwnedModel {
	let (_, architecture) = golden::ARCHITECTURES.iter().find(|(name, _)| *name == family).unwrap();
	let mut architecture = architecture();
	// Two layers behind the slot.
	let last = architecture.layers[architecture.layers.len() - 1];
	architecture.layers.push(last);
	with_adapters(architecture, 0, family)
}

/// A slot of a model, and text seen from it.
struct World {
	slot: Slot,
	network: Network<Flex>,
	tokens: Vec<Tokens>,
}

impl World {
	fn new(model: &OwnedModel, sequences: &[Sequence]) -> Self {
		let device = Default::default();
		let slot = Slot::of_model(&model.view().unwrap(), ROOT, 0, 1).unwrap();
		let network = Network::<Flex>::new(&slot, &device);
		let parent = tensors::<Flex>(&slot, latent(&slot, 3), &device);
		let widths = Widths { d_model: slot.d_model, sample: 65 };
		let prefix = Prefix { slot: &slot, network: &network, parent: &parent, widths, seed: 3 };
		let mut runner = runner(model);
		let see = |(number, sequence): (usize, &Sequence)| {
			prefix.see(&mut runner, sequence, number as u64, false).unwrap().tokens
		};
		let tokens = sequences.iter().enumerate().map(see).filter(|tokens| tokens.len() > 0).collect();
		Self { slot, network, tokens }
	}

	fn parent(&self) -> Adapters<Flex> {
		tensors::<Flex>(&self.slot, latent(&self.slot, 3), &Default::default())
	}

	/// Computes the differences of all losses.
	fn differences(&self, adapters: &Adapters<Flex>) -> Vec<f32> {
		let adapters = adapters.clone().map(Tensor::<Tape, 2>::from_inner);
		let of = |tokens: &Tokens| self.network.differences(tokens, &adapters).inner().into_data();
		self.tokens.iter().flat_map(|tokens| of(tokens).iter::<f32>().collect::<Vec<_>>()).collect()
	}
}

fn size(values: &[f32]) -> f64 {
	values.iter().map(|value| f64::from(value.abs())).sum::<f64>() / values.len() as f64
}

/// Mean magnitude of the difference of a token's loss, nats, that floats may have where the integers have none. One token in a
/// few dozen is routed otherwise in the routed families, whose layers are tiny.
fn tolerance(family: &str) -> f64 {
	match family {
		"olmoe" | "mixtral" | "shared" | "adapters" => 0.1,
		_ => 0.03,
	}
}

#[test]
fn the_parent_in_floats_has_the_losses_of_the_integer_network_in_every_family() {
	for (family, _) in golden::ARCHITECTURES.iter() {
		let world = World::new(&model(family), &text(b"learn", 12));
		assert!(!world.tokens.is_empty(), "{family}");
		let differences = world.differences(&world.parent());
		let error = size(&differences);
		assert!(error < tolerance(family), "{family}: {error} nats a token");
	}
}

#[test]
fn tokens_in_front_of_the_first_that_the_expert_sees_are_not_counted() {
	let world = World::new(&model("llama"), &text(b"learn", 12));
	for tokens in &world.tokens {
		let first = tokens.first_seen();
		assert!(tokens.gates[..first].iter().all(|gate| *gate == 0.0) && tokens.gates[first] > 0.0);
		assert!(tokens.losses[..first].iter().all(|loss| *loss == 0.0));
		assert_eq!(world.network.counted(tokens), tokens.len() - first);
		assert!(world.network.pieces(tokens) == [tokens.clone()]);
	}
	let counted: usize = world.tokens.iter().map(|tokens| world.network.counted(tokens)).sum();
	assert_eq!(world.differences(&world.parent()).len(), counted);
}

/// A small step against the gradient changes the loss by as much as the gradient says.
#[test]
fn gradients_are_those_of_the_loss() {
	// Bits of all losses that a step is to change: far more than the noise of roundings, and so few that the loss is still
	// straight. With normalised queries and keys it bends sooner, and is smoother.
	for (family, expected) in [("llama", 1.0), ("qwen3", 0.1), ("bitnet", 1.0), ("olmoe", 1.0)] {
		let world = World::new(&model(family), &text(b"learn", 12));
		let leaves: Adapters<Tape> =
			world.parent().map(|latent| Tensor::<Tape, 2>::from_inner(latent).require_grad());
		let losses = world.tokens.iter().map(|tokens| world.network.differences(tokens, &leaves).sum());
		let loss = losses.reduce(|sum, loss| sum + loss).unwrap();
		let grads = loss.backward();
		let grads = leaves.each_ref().map(|leaf| leaf.grad(&grads).unwrap());
		let squares: f64 = grads.iter().map(|grad| scalar(grad.clone().powf_scalar(2.0).sum())).sum();
		// The same on both sides, so that curvature cancels.
		let moved = |towards: f64| -> f64 {
			let mut moved = world.parent().into_iter().zip(grads.clone());
			let moved: Adapters<Flex> = core::array::from_fn(|_| {
				let (latent, grad) = moved.next().unwrap();
				latent + grad.mul_scalar(towards * expected / squares)
			});
			world.differences(&moved).iter().map(|loss| f64::from(*loss)).sum()
		};
		let ratio = (moved(1.0) - moved(-1.0)) / (2.0 * expected);
		assert!((ratio - 1.0).abs() < 0.25, "{family}: {ratio} of what the gradient says");
	}
}

fn train(
	model: &OwnedModel,
	settings: &Settings,
	progress: &mut dyn FnMut(&Stage) -> ControlFlow<()>,
) -> TrainedAdapter {
	let (text, held) = (text(b"learn", 24), text(b"hold out", 12));
	let slot = Slot::of_model(&model.view().unwrap(), ROOT, 0, 1).unwrap();
	let device = Default::default();
	let texts = Texts { learn: &text, held_out: &held, guard: &[] };
	train_adapter::<Flex>(&mut runner(model), &slot, texts, settings, &device, progress).unwrap()
}

#[test]
fn an_adapter_two_layers_in_front_of_the_head_improves_the_integer_model() {
	for family in ["llama", "bitnet"] {
		let folder = tempfile::tempdir().unwrap();
		let mut model = model(family);
		let before = exact_bits(&model);
		let trained = train(&model, &settings(folder.path(), 60), &mut go_on);
		let [float_before, float_after, _] = trained.holdout_bits.unwrap();
		assert!((float_before / before - 1.0).abs() < 0.01, "{family}: {float_before} is not {before}");
		model.experts[1] = trained.part;
		let after = exact_bits(&model);
		let gain = float_before - float_after;
		assert!(gain > 0.005 * before, "{family}: {float_before} to {float_after}");
		assert!(before - after > 0.7 * gain, "{family}: {before} to {after}, not to {float_after}");
	}
}

#[test]
fn a_run_in_front_of_other_layers_goes_on_to_the_same_adapter() {
	let run = |folder: &Path, progress: &mut dyn FnMut(&Stage) -> ControlFlow<()>| {
		train(&model("llama"), &settings(folder, 8), progress)
	};
	let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
	let expected = run(whole.path(), &mut go_on);
	let first = run(stopped.path(), &mut |stage| match stage {
		Stage::Prefix { sequences: 5, .. } => ControlFlow::Break(()),
		_ => ControlFlow::Continue(()),
	});
	assert_eq!((first.sequences, first.steps), (5, 0));
	let second = run(stopped.path(), &mut |stage| match stage {
		Stage::Update(progress) if progress.step == 6 => ControlFlow::Break(()),
		_ => ControlFlow::Continue(()),
	});
	assert_eq!(second.steps, 6);
	let resumed = run(stopped.path(), &mut go_on);
	assert!(resumed.part == expected.part, "an interruption changed the outcome");
	assert_eq!((resumed.steps, resumed.tokens), (8, expected.tokens));
}
