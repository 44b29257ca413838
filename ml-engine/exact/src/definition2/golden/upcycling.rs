//! Upcycling: copies of a layer's network, and adapters of zeros, are that network to the bit.

use super::{tests::incremental, *};
use crate::definition2::{
	architecture::{Activation, Bits, FeedForward, LayerShape, Network, Routing},
	tensors::Name,
};
use alloc::vec;
use proptest::prelude::*;
use WeightKind::{Int4By32, Int4By64, Int8, Ternary};

/// Form of the experts of an upcycled layer.
#[derive(Clone, Copy, Debug)]
enum Experts {
	/// Each has the layer's network.
	Copies,
	/// Each has random codes, but for the first or the second matrix of each pair, which is zero.
	ZeroAdapters { rank: u8, is_first_zero: bool },
	/// Each has random codes.
	Adapters { rank: u8 },
}

/// Makes each dense layer a routed one behind a random router with normalised gates.
fn upcycled(dense: &OwnedModel, experts: u16, top_k: u8, form: Experts, seed: u64) -> OwnedModel {
	let mut routed = dense.clone();
	let mut stream = Stream::new(&seed.to_le_bytes());
	let adapter_rank = match form {
		Experts::Copies => None,
		Experts::ZeroAdapters { rank, .. } | Experts::Adapters { rank } => Some(rank),
	};
	for index in 0..routed.architecture.layers.len() {
		let layer = routed.architecture.layers[index];
		let Network::Dense(expert) = layer.network else { continue };
		let (router, shared) = (Int8, None);
		let routing = Routing { experts, top_k, normalised: true, router, expert, shared, adapter_rank };
		routed.architecture.layers[index] = LayerShape { network: Network::Routed(routing), ..layer };
		let tensors = &mut routed.parts[index + 1].0;
		let first = tensors.iter().position(|(name, _)| *name == Name::Gate).unwrap();
		let matrix = stream.matrix(router, experts.into(), 64);
		tensors.insert(first, (Name::Router, OwnedTensor::Matrix(matrix)));
		if adapter_rank.is_none() {
			let copy = OwnedPart(tensors.split_off(first + 1));
			routed.experts.extend(vec![copy; experts.into()]);
			continue;
		}
		for expert in 0..experts {
			let part = Part::Expert { layer: index as u8, expert };
			let mut adapters = stream.part(&routed.architecture, part);
			adapters.0.iter_mut().for_each(|tensor| set(tensor, form, &mut stream));
			routed.experts.push(adapters);
		}
	}
	routed
}

/// Gives codes any shift that they may have, and zeros where the form has them.
fn set((name, tensor): &mut (Name, OwnedTensor), form: Experts, stream: &mut Stream) {
	let OwnedTensor::Codes(codes) = tensor else { return };
	let is_first = name.shift_max() > 0;
	codes.shift = stream.below(usize::from(name.shift_max()) + 1) as u8;
	if matches!(form, Experts::ZeroAdapters { is_first_zero, .. } if is_first_zero == is_first) {
		codes.bytes.fill(0);
	}
}

#[test]
fn an_upcycled_model_is_the_dense_one_to_the_bit() {
	let dense = model(0);
	let ids = ids(&dense.architecture);
	let before = incremental(&dense.view().unwrap(), &ids);
	for (experts, top_k) in [(1, 1), (3, 2), (7, 5), (16, 16)] {
		let logits = |form| incremental(&upcycled(&dense, experts, top_k, form, 5).view().unwrap(), &ids);
		assert_eq!(logits(Experts::Copies), before, "{top_k} of {experts}");
		let rank = 4 * top_k;
		let zeros = Experts::ZeroAdapters { rank, is_first_zero: false };
		assert_eq!(logits(zeros), before, "{top_k} of {experts}, rank {rank}");
		assert_ne!(logits(Experts::Adapters { rank }), before, "codes of an adapter count");
	}
}

fn any_kind() -> impl Strategy<Value = WeightKind> {
	prop::sample::select(vec![Ternary, Int8, Int4By32, Int4By64])
}

/// Draws a model of two dense layers.
fn any_dense() -> impl Strategy<Value = OwnedModel> {
	let network = (1_u32..=3, any_kind(), any_kind(), any_kind()).prop_map(|(hidden, gate, up, down)| {
		Network::Dense(FeedForward { hidden: 64 * hidden, gate, up, down })
	});
	let layers = prop::collection::vec(network, 2);
	let widths = (8_u8..=12, 8_u8..=12, 8_u8..=16);
	(layers, widths, any::<bool>(), any::<bool>(), any::<u64>()).prop_map(
		|(layers, (input, hidden, fraction), sub_norms, is_squared, seed)| {
			let mut architecture = ARCHITECTURES[0].1();
			architecture.bits = Bits { input, hidden, ..architecture.bits };
			(architecture.sub_norms, architecture.fraction) = (sub_norms, fraction);
			if is_squared {
				architecture.activation = Activation::SquaredRelu;
			}
			architecture.layers.iter_mut().zip(layers).for_each(|(layer, network)| layer.network = network);
			random_model(architecture, &seed.to_le_bytes())
		},
	)
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(48))]

	/// A dense layer, full copies of its network, and adapters of zeros come to the same logits, whatever the weights, the
	/// rank, the number of experts and how many of them a token goes to.
	#[test]
	fn copies_and_zero_adapters_are_the_dense_layer(
		dense in any_dense(), experts in 1_u16..=20, top_k in 1_u8..=16, rank in 1_u8..=64, is_first_zero: bool,
		seed: u64, ids in prop::collection::vec(0_u32..300, 3),
	) {
		let top_k = top_k.min(experts as u8);
		let before = incremental(&dense.view().unwrap(), &ids);
		for form in [Experts::Copies, Experts::ZeroAdapters { rank, is_first_zero }] {
			let routed = upcycled(&dense, experts, top_k, form, seed);
			prop_assert_eq!(&incremental(&routed.view().unwrap(), &ids), &before);
		}
	}
}
