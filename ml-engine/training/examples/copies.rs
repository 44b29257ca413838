//! Measures how near copies are told from honest work: `scripts/simulate copies [STEPS] [COPIES]`.
//!
//! Trains experts of one slot of the genesis model with the trainer that miners use, on the sources of this repository, a
//! tenth of them held out. One is the original; the others are honest: other data, the same data with another seed, and, as
//! the worst case, other data with the same seed. Copies of the original are then perturbed at random, half of them with their
//! neurons permuted too, and every one is held against the rule by which the chain judges reports.

use blyan_engine::{
	block::{write_expert, BlockShape, Layout, TensorBlock},
	copies::{compare, Files, Finding},
};
use blyan_exact::{Expert, Model, ModelConfig, SlotIndex, Trunk};
use blyan_training::{
	expert::{train_expert, Options},
	Corpus,
};
use burn_flex::Flex;
use core::ops::ControlFlow;
use rand::{seq::SliceRandom, Rng};
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};
use std::{error::Error, fs, path::Path};

const MODEL: &str = "models/genesis";
const CONFIG: ModelConfig =
	ModelConfig { d_model: 128, d_ff: 256, layers: 4, heads: 4, experts: 8, top_k: 2, context: 256 };
/// In the last layer, which trains fastest.
const SLOT: SlotIndex = SlotIndex { layer: 3, expert: 2 };
/// Bytes of a sequence that is measured, and how many there are.
const SEQUENCE: usize = 128;
const SEQUENCES: usize = 64;
/// Least improvement that the chain pays for, bits per byte: `Delta` of the runtime.
const DELTA: f64 = 0.0005;
/// Copies whose improvement is measured exactly; all that escape are, up to as many.
const MEASURED_MAX: usize = 60;

/// The model, its data, and what experts of the slot are measured on.
struct World {
	trunk: Trunk,
	experts: Vec<Expert>,
	layout: Layout,
	documents: Vec<Vec<u8>>,
	holdout: Vec<u8>,
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
		let (mut documents, mut holdout) = (Vec::new(), Vec::new());
		for (index, document) in all.into_iter().enumerate() {
			if index % 10 == 9 {
				holdout.extend(document);
			} else {
				documents.push(document);
			}
		}
		let trunk = read("trunk.tblk".into(), BlockShape::Trunk(CONFIG))?.to_trunk()?;
		Ok(Self { trunk, experts, layout: Layout::new(shape)?, documents, holdout })
	}

	fn all(&self) -> Vec<&Expert> {
		self.experts.iter().collect()
	}

	fn place(&self) -> usize {
		CONFIG.slot_index(SLOT.layer, SLOT.expert).map_or(0, |index| index as usize)
	}

	fn parent(&self) -> &Expert {
		&self.experts[self.place()]
	}

	/// Trains on one of `parts` equal parts of the documents.
	fn train(&self, part: usize, parts: usize, seed: u64, steps: u64) -> Result<Expert, Box<dyn Error>> {
		let chosen = self.documents.iter().enumerate().filter(|(index, _)| index % parts == part);
		let data = Corpus::new(chosen.map(|(_, document)| document.as_slice()));
		let options = Options { steps, seed, seconds_max: None, ..Options::default() };
		let go_on = &mut |_: &_| ControlFlow::Continue(());
		let (all, device) = (self.all(), Default::default());
		let trained =
			train_expert::<Flex>(&CONFIG, &self.trunk, &all, SLOT, &data, &[], options, &device, go_on)?;
		Ok(trained.expert)
	}

	/// Bits per byte with this expert in the slot, as the chain measures them.
	fn bits(&self, expert: &Expert) -> Result<f64, Box<dyn Error>> {
		let mut all = self.all();
		all[self.place()] = expert;
		let model = Model::new(CONFIG, &self.trunk, all)?;
		let stride = (self.holdout.len() / SEQUENCE / SEQUENCES).max(1);
		let sequences: Vec<_> = self.holdout.chunks_exact(SEQUENCE).step_by(stride).take(SEQUENCES).collect();
		let mut bits = 0.0;
		for sequence in &sequences {
			bits += model.sequence_loss(sequence)? as f64 / 65_536.0;
		}
		Ok(bits / (sequences.len() * SEQUENCE) as f64)
	}

	fn compare(&self, original: &Expert, copy: &Expert) -> Result<Option<Finding>, Box<dyn Error>> {
		let (original, copy) = (write_expert(original, &CONFIG)?, write_expert(copy, &CONFIG)?);
		let copy_parent = write_expert(self.parent(), &CONFIG)?;
		let files =
			Files { original: &original, original_parent: None, copy: &copy, copy_parent: &copy_parent };
		Ok(compare(&self.layout, &files))
	}

	fn likeness(&self, original: &Expert, copy: &Expert) -> Result<(i32, bool), Box<dyn Error>> {
		let found = self.compare(original, copy)?;
		Ok(found.map_or((0, false), |found| (found.overlap.likeness_milli(), found.overlap.is_copy())))
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

/// Difference of a copy from its original.
#[derive(Clone, Copy)]
struct Perturbation {
	/// Share of the changes that are taken back.
	reverted: f64,
	/// Random changes, as a share of the original's.
	junk: f64,
	/// Set if the neurons stand in another order.
	permuted: bool,
}

fn perturb(parent: &Expert, original: &Expert, how: Perturbation, rng: &mut ChaCha8Rng) -> Expert {
	let mut copy = original.clone();
	let mut is_touched = false;
	for (copy, parent) in [(&mut copy.up, &parent.up), (&mut copy.down, &parent.down)] {
		let count = copy.weights.len();
		let mut changed: Vec<usize> = (0..count).filter(|i| copy.weights[*i] != parent.weights[*i]).collect();
		changed.shuffle(rng);
		let reverted = (changed.len() as f64 * how.reverted) as usize;
		for &at in &changed[..reverted] {
			copy.weights[at] = parent.weights[at];
		}
		for _ in 0..(changed.len() as f64 * how.junk) as usize {
			let at = rng.gen_range(0..count);
			copy.weights[at] = (copy.weights[at] + rng.gen_range(2..4)) % 3 - 1;
		}
		is_touched |= reverted > 0;
	}
	if !is_touched {
		let at = rng.gen_range(0..copy.up.weights.len());
		copy.up.weights[at] = (copy.up.weights[at] + 2) % 3 - 1;
	}
	if how.permuted {
		permute(&copy, rng)
	} else {
		copy
	}
}

/// The same function with its neurons in another order.
fn permute(expert: &Expert, rng: &mut ChaCha8Rng) -> Expert {
	let (hidden, d) = (expert.up.rows, expert.up.cols);
	let mut order: Vec<usize> = (0..hidden).collect();
	order.shuffle(rng);
	let mut permuted = expert.clone();
	for (to, from) in order.into_iter().enumerate() {
		let row = expert.up.weights[from * d..(from + 1) * d].to_vec();
		permuted.up.weights[to * d..(to + 1) * d].copy_from_slice(&row);
		permuted.gain[to] = expert.gain[from];
		for row in 0..d {
			permuted.down.weights[row * hidden + to] = expert.down.weights[row * hidden + from];
		}
	}
	permuted
}

/// Returns the majority of these experts: the best guess at an honest expert that is not known yet.
fn consensus(experts: &[&Expert]) -> Expert {
	let mut guess = experts[0].clone();
	let mean = |values: &mut dyn Iterator<Item = i8>| {
		(values.map(f64::from).sum::<f64>() / experts.len() as f64).round() as i8
	};
	for at in 0..guess.up.weights.len() {
		guess.up.weights[at] = mean(&mut experts.iter().map(|expert| expert.up.weights[at]));
	}
	for at in 0..guess.down.weights.len() {
		guess.down.weights[at] = mean(&mut experts.iter().map(|expert| expert.down.weights[at]));
	}
	guess
}

/// Likenesses of one kind of pairs.
#[derive(Default)]
struct Pairs {
	count: usize,
	refused: usize,
	most: i32,
}

impl Pairs {
	fn add(&mut self, (likeness, is_copy): (i32, bool)) {
		self.count += 1;
		self.refused += usize::from(is_copy);
		self.most = self.most.max(likeness);
	}

	fn print(&self, kind: &str) {
		println!("{kind}: {} pairs, most alike {}/1000, refused {}", self.count, self.most, self.refused);
	}
}

fn main() -> Result<(), Box<dyn Error>> {
	let number = |at, usual| std::env::args().nth(at).map_or(Ok(usual), |text| text.parse::<usize>());
	let (steps, copies) = (number(1, 400)? as u64, number(2, 1_000)?);
	let world = World::read()?;
	let base = world.bits(world.parent())?;
	let original = world.train(0, 4, 1, steps)?;
	let gained = base - world.bits(&original)?;
	println!("parent {base:.4} bits per byte, original {gained:.5} better");
	let honest = honest(&world, &original, steps)?;
	let refused = judge_copies(&world, &original, base, gained, copies)?;
	println!("{{\"copies\":{copies},{refused},{honest}}}");
	Ok(())
}

/// Compares honest experts with each other; returns fields of the last line.
fn honest(world: &World, original: &Expert, steps: u64) -> Result<String, Box<dyn Error>> {
	let mut own = vec![original.clone()];
	for (part, seed) in [(1, 2), (2, 3), (3, 4), (0, 5), (0, 6)] {
		own.push(world.train(part, 4, seed, steps)?);
	}
	let mut pairs = Pairs::default();
	for (index, one) in own.iter().enumerate() {
		for other in &own[..index] {
			pairs.add(world.likeness(other, one)?);
			pairs.add(world.likeness(one, other)?);
		}
	}
	pairs.print("honest, seeds of their own");
	let mut same_seed = Pairs::default();
	for part in [1, 2, 3] {
		same_seed.add(world.likeness(original, &world.train(part, 4, 1, steps)?)?);
	}
	same_seed.print("honest, one seed, other data");
	let guess = consensus(&own[1..].iter().collect::<Vec<_>>());
	let mut framed = Pairs::default();
	framed.add(world.likeness(&guess, original)?);
	framed.print("guess from five experts against a sixth");
	Ok(format!(
		"\"honest_pairs\":{},\"honest_refused\":{},\"same_seed_pairs\":{},\"same_seed_refused\":{}",
		pairs.count, pairs.refused, same_seed.count, same_seed.refused
	))
}

/// Perturbs the original and judges the copies; returns fields of the last line.
fn judge_copies(
	world: &World,
	original: &Expert,
	base: f64,
	gained: f64,
	copies: usize,
) -> Result<String, Box<dyn Error>> {
	let mut rng = ChaCha8Rng::seed_from_u64(1);
	let (mut escaped, mut paid, mut measured) = (0, 0, 0);
	for number in 0..copies {
		let share = |is_used: bool, rng: &mut ChaCha8Rng| if is_used { rng.gen_range(0.0..0.5) } else { 0.0 };
		// A tenth are single flips; the rest take back, add, or both.
		let kind = number % 10;
		let how = Perturbation {
			reverted: share((1..=6).contains(&kind), &mut rng),
			junk: share((4..=9).contains(&kind), &mut rng),
			permuted: (number / 10) % 2 == 1,
		};
		let copy = perturb(world.parent(), original, how, &mut rng);
		let (likeness, is_copy) = world.likeness(original, &copy)?;
		if is_copy {
			continue;
		}
		escaped += 1;
		if measured < MEASURED_MAX {
			measured += 1;
			let left = base - world.bits(&copy)?;
			paid += usize::from(left > DELTA);
			let (reverted, junk) = (how.reverted, how.junk);
			println!(
				"escaped: {reverted:.2} reverted, {junk:.2} added, likeness {likeness}, {left:.5} better"
			);
		}
	}
	println!("copies: {copies}, refused {}, escaped {escaped}, better than delta {paid}", copies - escaped);
	for (reverted, junk) in [
		(0.0, 0.0),
		(0.25, 0.0),
		(0.5, 0.0),
		(0.0, 0.25),
		(0.0, 0.5),
		(0.5, 0.5),
		(0.6, 0.6),
		(0.0, 2.0),
		(0.7, 0.0),
	] {
		let how = Perturbation { reverted, junk, permuted: false };
		let copy = perturb(world.parent(), original, how, &mut rng);
		let (likeness, is_copy) = world.likeness(original, &copy)?;
		let left = (base - world.bits(&copy)?) / gained;
		println!("{reverted:.2} reverted, {junk:.2} added: likeness {likeness}, copy {is_copy}, keeps {left:.2} of the gain");
	}
	Ok(format!("\"escaped\":{escaped},\"escaped_and_better\":{paid}"))
}
