use super::*;
use crate::definition2::golden;
use alloc::vec;

fn damaged(damage: impl FnOnce(&mut Architecture)) -> Result<(), ArchitectureError> {
	let mut architecture = golden::ARCHITECTURES[0].1();
	damage(&mut architecture);
	architecture.validate()
}

#[test]
fn validate_refuses_each_number_outside_its_bound() {
	use ArchitectureError as Error;
	assert_eq!(damaged(|_| ()), Ok(()));
	assert_eq!(damaged(|a| a.d_model = 8_224), Err(Error::ModelWidth(8_224)));
	assert_eq!(damaged(|a| a.d_model = 48), Err(Error::ModelWidth(48)));
	assert_eq!(damaged(|a| a.heads = 0), Err(Error::Heads(0)));
	assert_eq!(damaged(|a| a.heads = 257), Err(Error::Heads(257)));
	assert_eq!(damaged(|a| a.kv_heads = 3), Err(Error::KvHeads(3)));
	assert_eq!(damaged(|a| a.kv_heads = 0), Err(Error::KvHeads(0)));
	assert_eq!(damaged(|a| a.head_size = 258), Err(Error::HeadSize(258)));
	assert_eq!(damaged(|a| a.head_size = 7), Err(Error::HeadSize(7)));
	assert_eq!(damaged(|a| a.head_size = 2), Err(Error::AttentionWidth(8)));
	assert_eq!(damaged(|a| a.vocabulary = 262_145), Err(Error::Vocabulary(262_145)));
	assert_eq!(damaged(|a| a.context = 131_073), Err(Error::Context(131_073)));
	assert_eq!(damaged(|a| a.fraction = 17), Err(Error::Fraction(17)));
	assert_eq!(damaged(|a| a.eps = 1 << 41), Err(Error::Eps(1 << 41)));
	assert_eq!(damaged(|a| a.bits.hidden = 13), Err(Error::Bits(13)));
	assert_eq!(damaged(|a| a.layers.clear()), Err(Error::Layers(0)));
	assert_eq!(damaged(|a| a.layers = vec![a.layers[0]; 129]), Err(Error::Layers(129)));
	let network = |hidden| FeedForward {
		hidden,
		gate: WeightKind::Int8,
		up: WeightKind::Int8,
		down: WeightKind::Int4By64,
	};
	assert_eq!(damaged(|a| a.layers[0].network = Network::Dense(network(96))), Err(Error::GroupWidth(96)));
	assert_eq!(
		damaged(|a| a.layers[0].network = Network::Dense(network(65_568))),
		Err(Error::HiddenWidth(65_568))
	);
	let routed = |experts, top_k| {
		let (router, expert) = (WeightKind::Int8, network(128));
		Network::Routed(Routing { experts, top_k, normalised: true, router, expert, shared: None })
	};
	assert_eq!(damaged(|a| a.layers[1].network = routed(1_025, 1)), Err(Error::Experts(1_025)));
	assert_eq!(damaged(|a| a.layers[1].network = routed(32, 17)), Err(Error::TopK(17)));
	assert_eq!(damaged(|a| a.layers[1].network = routed(2, 3)), Err(Error::TopK(3)));
}

#[test]
fn the_record_of_an_architecture_is_its_only_one() {
	for (name, architecture) in golden::ARCHITECTURES {
		let architecture = architecture();
		let bytes = architecture.to_bytes();
		assert_eq!(Architecture::from_bytes(&bytes).as_ref(), Ok(&architecture), "{name}");
		for len in 0..bytes.len() {
			assert!(Architecture::from_bytes(&bytes[..len]).is_err(), "{name}");
		}
		let mut longer = bytes.clone();
		longer.push(0);
		assert_eq!(Architecture::from_bytes(&longer), Err(ArchitectureError::Bytes));
		for at in 0..bytes.len() {
			let mut other = bytes.clone();
			other[at] ^= 0x40;
			// Whatever is read back must be written as it was read.
			if let Ok(read) = Architecture::from_bytes(&other) {
				assert_eq!(read.to_bytes(), other, "{name}, byte {at}");
			}
		}
	}
}
