//! Measures what a miner gains that trains on test sequences: `scripts/simulate sealed [STEPS]`.
//!
//! Trains experts of one slot of the genesis model with the trainer that miners use. The sources of this repository are dealt into four
//! parts: a public holdout, two sealed chunks of different keepers, and text to train on. One miner trains honestly, one on the public
//! holdout, and one on the chunk of a keeper that has shown it; each expert is measured on all three.

use blyan_engine::block::{BlockShape, TensorBlock};
use blyan_exact::{Expert, Model, ModelConfig, SlotIndex, Trunk};
use blyan_training::{
	expert::{train_expert, Options},
	Corpus,
};
use burn_flex::Flex;
use core::ops::ControlFlow;
use std::{error::Error, fs, path::Path};

const MODEL: &str = "models/genesis";
const CONFIG: ModelConfig =
	ModelConfig { d_model: 128, d_ff: 256, layers: 4, heads: 4, experts: 8, top_k: 2, context: 256 };
/// In the last layer, which trains fastest.
const SLOT: SlotIndex = SlotIndex { layer: 3, expert: 2 };
/// Bytes of a sequence, and how many are measured.
const SEQUENCE: usize = 128;
const SEQUENCES: usize = 64;
/// Parts that the sources are dealt into, and their names.
const PARTS: [&str; 4] = ["public", "chunk A", "chunk B", "text"];
/// Part that is trained on honestly.
const TEXT: usize = 3;
/// Steps of training without an argument.
const STEPS: u64 = 200;

/// The model, and the parts of the sources.
struct World {
	trunk: Trunk,
	experts: Vec<Expert>,
	/// Documents of the text; of each other part the sequences that are measured.
	parts: [Vec<Vec<u8>>; PARTS.len()],
}

impl World {
	fn read() -> Result<Self, Box<dyn Error>> {
		let read = |name: String, shape| -> Result<TensorBlock, Box<dyn Error>> {
			Ok(TensorBlock::from_bytes(fs::read(Path::new(MODEL).join(name))?, shape)?)
		};
		let shape = BlockShape::expert_of(&CONFIG);
		let mut experts = Vec::new();
		for layer in 0..CONFIG.layers {
			for expert in 0..CONFIG.experts {
				experts.push(read(format!("l{layer}e{expert}.tblk"), shape)?.to_expert()?);
			}
		}
		let mut all = Vec::new();
		for part in ["ml-engine", "pallets", "node", "cli", "runtime", "primitives", "benches"] {
			sources(Path::new(part), &mut all)?;
		}
		let mut parts: [Vec<Vec<u8>>; PARTS.len()] = Default::default();
		for (index, document) in all.into_iter().enumerate() {
			parts[index % PARTS.len()].push(document);
		}
		for part in &mut parts[..TEXT] {
			let text = part.concat();
			let stride = (text.len() / SEQUENCE / SEQUENCES).max(1);
			let sequences = text.chunks_exact(SEQUENCE).step_by(stride).take(SEQUENCES);
			*part = sequences.map(<[u8]>::to_vec).collect();
		}
		let trunk = read("trunk.tblk".into(), BlockShape::Trunk(CONFIG))?.to_trunk()?;
		Ok(Self { trunk, experts, parts })
	}

	fn place(&self) -> usize {
		CONFIG.slot_index(SLOT.layer, SLOT.expert).map_or(0, |index| index as usize)
	}

	/// Trains on one part.
	fn train(&self, part: usize, steps: u64) -> Result<Expert, Box<dyn Error>> {
		let data = Corpus::new(self.parts[part].iter().map(Vec::as_slice));
		let options = Options { steps, seed: 7, seconds_max: None, ..Options::default() };
		let go_on = &mut |_: &_| ControlFlow::Continue(());
		let (all, device) = (self.experts.iter().collect::<Vec<_>>(), Default::default());
		let trained =
			train_expert::<Flex>(&CONFIG, &self.trunk, &all, SLOT, &data, &[], options, &device, go_on)?;
		Ok(trained.expert)
	}

	/// Bits per byte of a part with this expert in the slot, as the chain measures them.
	fn bits(&self, part: usize, expert: &Expert) -> Result<f64, Box<dyn Error>> {
		let mut all: Vec<&Expert> = self.experts.iter().collect();
		all[self.place()] = expert;
		let model = Model::new(CONFIG, &self.trunk, all)?;
		let mut bits = 0.0;
		for sequence in &self.parts[part] {
			bits += model.sequence_loss(sequence)? as f64 / 65_536.0;
		}
		Ok(bits / (self.parts[part].len() * SEQUENCE) as f64)
	}
}

/// Rust sources below a folder.
fn sources(dir: &Path, into: &mut Vec<Vec<u8>>) -> std::io::Result<()> {
	let mut entries =
		fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
	entries.sort();
	for path in entries {
		if path.is_dir() {
			sources(&path, into)?;
		} else if path.extension().is_some_and(|extension| extension == "rs") {
			into.push(fs::read(&path)?);
		}
	}
	Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
	let steps = std::env::args().nth(1).map_or(Ok(STEPS), |steps| steps.parse())?;
	let world = World::read()?;
	let parent = &world.experts[world.place()];
	let before = (0..TEXT).map(|part| world.bits(part, parent)).collect::<Result<Vec<_>, _>>()?;
	println!("gain in bits per byte after {steps} steps, on {SEQUENCES} sequences of {SEQUENCE} bytes each");
	println!("{:<22} {:>9} {:>9} {:>9}", "trained on", PARTS[0], PARTS[1], PARTS[2]);
	let mut rows = Vec::new();
	for part in [TEXT, 0, 1] {
		let expert = world.train(part, steps)?;
		let mut gains = Vec::new();
		for (of, before) in before.iter().enumerate() {
			gains.push(before - world.bits(of, &expert)?);
		}
		println!("{:<22} {:>9.4} {:>9.4} {:>9.4}", PARTS[part], gains[0], gains[1], gains[2]);
		rows.push(format!("\"{}\": {gains:?}", PARTS[part]));
	}
	println!("{{\"steps\": {steps}, \"gains\": {{{}}}}}", rows.join(", "));
	Ok(())
}
