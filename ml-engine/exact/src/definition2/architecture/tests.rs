use super::*;
use crate::definition2::golden;
use alloc::vec;

fn network_of(hidden: u32, kind: WeightKind) -> FeedForward {
	FeedForward { hidden, gate: kind, up: kind, down: kind }
}

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
	let network = |hidden| FeedForward { down: WeightKind::Int4By64, ..network_of(hidden, WeightKind::Int8) };
	assert_eq!(damaged(|a| a.layers[0].network = Network::Dense(network(96))), Err(Error::GroupWidth(96)));
	assert_eq!(
		damaged(|a| a.layers[0].network = Network::Dense(network(65_568))),
		Err(Error::HiddenWidth(65_568))
	);
	let routed = |experts, top_k| {
		let (router, expert) = (WeightKind::Int8, network(128));
		Network::Routed(Routing {
			experts,
			top_k,
			normalised: true,
			router,
			expert,
			shared: None,
			adapter_rank: None,
		})
	};
	assert_eq!(damaged(|a| a.layers[1].network = routed(1_025, 1)), Err(Error::Experts(1_025)));
	assert_eq!(damaged(|a| a.layers[1].network = routed(32, 17)), Err(Error::TopK(17)));
	assert_eq!(damaged(|a| a.layers[1].network = routed(2, 3)), Err(Error::TopK(3)));
	let adapted = |rank, shared| {
		let Network::Routed(routing) = routed(4, 2) else { unreachable!() };
		Network::Routed(Routing { adapter_rank: Some(rank), shared, ..routing })
	};
	assert_eq!(damaged(|a| a.layers[1].network = adapted(0, None)), Err(Error::AdapterRank(0)));
	assert_eq!(damaged(|a| a.layers[1].network = adapted(65, None)), Err(Error::AdapterRank(65)));
	let shared = Some(network(128));
	assert_eq!(damaged(|a| a.layers[1].network = adapted(8, shared)), Err(Error::AdaptersAndShared));
	assert_eq!(damaged(|a| a.layers[1].network = adapted(1, None)), Ok(()));
	assert_eq!(damaged(|a| a.layers[1].network = adapted(64, None)), Ok(()));
}

/// Layers of full experts keep the bytes that they had before there were adapters; adapters have a byte of their own.
#[test]
fn the_record_of_adapters_ends_in_their_rank() {
	let (router, expert) = (WeightKind::Ternary, network_of(96, WeightKind::Int8));
	let routing = Routing {
		experts: 0x0304,
		top_k: 2,
		normalised: true,
		router,
		expert,
		shared: None,
		adapter_rank: None,
	};
	let tail = |routing| {
		let mut architecture = golden::ARCHITECTURES[0].1();
		architecture.layers.truncate(1);
		architecture.layers[0].network = Network::Routed(routing);
		let bytes = architecture.to_bytes();
		assert_eq!(Architecture::from_bytes(&bytes).as_ref(), Ok(&architecture));
		bytes[bytes.len() - 14..].to_vec()
	};
	assert_eq!(tail(routing), [1, 4, 3, 2, 1, 0, 96, 0, 0, 0, 1, 1, 1, 0]);
	let adapted = Routing { adapter_rank: Some(7), ..routing };
	assert_eq!(tail(adapted), [2, 4, 3, 2, 1, 0, 96, 0, 0, 0, 1, 1, 1, 7]);
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
