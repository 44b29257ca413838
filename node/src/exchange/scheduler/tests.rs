//! A whole network in one thread: real blocks, real files, a real scheduler, and peers of every sort. Time is a number
//! that jumps from event to event, so minutes of stalling cost nothing.

use super::*;
use crate::exchange::assembly::Assembly;
use blyan_engine::{
	blobs::BlobStore,
	block::{blob_ref, block_ref, write_trunk},
};
use blyan_exact::{golden, ModelConfig};
use blyan_primitives::BlockRef;
use proptest::prelude::*;
use std::{
	ops::Range,
	sync::{Arc, LazyLock},
};

const CONFIG: ModelConfig =
	ModelConfig { d_model: 512, d_ff: 64, layers: 16, heads: 8, experts: 1, top_k: 1, context: 128 };
/// The network's own limit for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(100);

/// The trunk that every node fetches: some mebibytes.
static TRUNK: LazyLock<Vec<u8>> =
	LazyLock::new(|| write_trunk(&golden::random_model(CONFIG, b"exchange").trunk, &CONFIG).expect("fits"));

fn need() -> Need {
	Need::trunk(&CONFIG, &block_ref(&TRUNK))
}

/// Behaviour of a simulated peer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Nature {
	/// With what was asked for, after so many milliseconds.
	Honest(u64),
	/// With one wrong byte in every piece.
	LiesAboutPieces,
	/// With one wrong byte in the index.
	LiesAboutTheIndex,
	/// Never, though it says that it has the blob.
	Stalls,
	/// That it is busy, every other time.
	Busy,
	/// As an honest one, but not for long.
	Leaves(u64),
	/// That it has it, and then that it does not.
	Forgets,
	/// Not at all.
	HasNothing,
}

impl Nature {
	fn is_honest(&self) -> bool {
		!matches!(self, Self::LiesAboutPieces | Self::LiesAboutTheIndex)
	}
}

enum Event {
	Answer(Ticket, Option<(Arc<Assembly>, Part, Vec<u8>)>, Answer),
	Leave(u8),
	Tick,
}

/// A node that fetches, and those around it.
struct World {
	bytes: Vec<u8>,
	peers: Vec<Nature>,
	store: Arc<BlobStore>,
	dir: tempfile::TempDir,
	scheduler: Scheduler<u8>,
	assemblies: BTreeMap<H256, Arc<Assembly>>,
	events: BTreeMap<(Time, u64), Event>,
	now: Time,
	sequence: u64,
	asked: BTreeMap<u8, u64>,
	reports: Vec<(u8, Fault)>,
	received: u64,
	stored: Option<Time>,
}

impl World {
	/// Peers that have `bytes`, around a node that wants them as `need`.
	fn new(bytes: &[u8], need: Need, peers: &[Nature], seed: u64) -> Self {
		let dir = tempfile::tempdir().expect("temporary folder");
		let mut world = Self {
			bytes: bytes.to_vec(),
			peers: peers.to_vec(),
			store: Arc::new(BlobStore::open(dir.path(), 1 << 30).expect("a fresh store")),
			dir,
			scheduler: Scheduler::new(Rules::default(), seed),
			assemblies: BTreeMap::new(),
			events: BTreeMap::new(),
			now: Time::ZERO,
			sequence: 0,
			asked: BTreeMap::new(),
			reports: Vec::new(),
			received: 0,
			stored: None,
		};
		world.arrive(need);
		world
	}

	fn arrive(&mut self, need: Need) {
		self.scheduler.want(need, false, self.now);
		for (peer, nature) in self.peers.clone().into_iter().enumerate() {
			self.scheduler.connected(peer as u8, self.now);
			if let Nature::Leaves(after) = nature {
				self.later(Duration::from_millis(after), Event::Leave(peer as u8));
			}
		}
		self.later(TICK, Event::Tick);
	}

	/// Ends the node as a power failure would, and starts it again with nothing but its disk.
	fn restart(&mut self, need: Need, seed: u64) {
		self.assemblies.clear();
		self.events.clear();
		self.store = Arc::new(BlobStore::open(self.dir.path(), 1 << 30).expect("the same store"));
		self.scheduler = Scheduler::new(Rules::default(), seed);
		self.arrive(need);
	}

	fn later(&mut self, after: Duration, event: Event) {
		self.sequence += 1;
		self.events.insert((self.now + after, self.sequence), event);
	}

	/// Lets time pass until `is_enough`, or until there was time enough.
	fn run(&mut self, most: Duration, is_enough: impl Fn(&Self) -> bool) -> bool {
		let end = self.now + most;
		while !is_enough(self) {
			self.obey();
			let Some(((at, _), event)) = self.events.pop_first() else { return false };
			if at > end {
				return false;
			}
			self.now = at;
			match event {
				Event::Tick => self.later(TICK, Event::Tick),
				Event::Leave(peer) => self.scheduler.disconnected(peer, self.now),
				Event::Answer(ticket, None, answer) => self.scheduler.answered(ticket, answer, self.now),
				Event::Answer(ticket, Some((assembly, part, bytes)), _) => {
					self.received += bytes.len() as u64;
					let answer = match assembly.accept(part, &bytes).expect("the disk works") {
						true => Answer::Right,
						false => Answer::Wrong,
					};
					self.scheduler.answered(ticket, answer, self.now);
				}
			}
		}
		true
	}

	fn run_to_the_end(&mut self) -> bool {
		self.run(Duration::from_secs(600), |world| world.stored.is_some())
	}

	fn obey(&mut self) {
		for command in self.scheduler.advance(self.now) {
			match command {
				Command::Open(need) => {
					let (assembly, found) = Assembly::open(&self.store, need).expect("there is room");
					let source = found.source.as_ref().map(|source| source[0]);
					self.assemblies.insert(need.blob.hash, Arc::new(assembly));
					self.scheduler.opened(&need.blob.hash, Some((found, source)), self.now);
				}
				Command::Ask(ticket, peer, question) => self.ask(ticket, peer, question),
				Command::Lookup(_) => {}
				Command::SetSource(hash, peer) => {
					self.assemblies[&hash].set_source(&[peer]).expect("the disk works")
				}
				Command::Drop(hash) => {
					self.assemblies.remove(&hash);
					self.store.drop_partial(&hash).expect("the disk works");
				}
				Command::Complete(hash) => {
					let completion = match self.assemblies[&hash].complete(&self.store) {
						Ok(()) => {
							self.stored = Some(self.now);
							Completion::Stored
						}
						Err(_) => Completion::WrongHash,
					};
					self.scheduler.completed(&hash, completion, self.now);
				}
				Command::Report(peer, fault) => self.reports.push((peer, fault)),
			}
		}
	}

	fn ask(&mut self, ticket: Ticket, peer: u8, question: Question) {
		let count = self.asked.entry(peer).or_default();
		*count += 1;
		let (count, nature) = (*count, self.peers[peer as usize]);
		let away = matches!(nature, Nature::Leaves(after) if self.now >= Duration::from_millis(after));
		let delay = Duration::from_millis(match nature {
			Nature::Honest(delay) => delay,
			_ => 20,
		});
		let (after, target, answer) = match (question, nature) {
			_ if away => (delay, None, Answer::Refused),
			(Question::Have(hashes), nature) => {
				let here = nature != Nature::HasNothing;
				(delay, None, Answer::Have(vec![here; hashes.len()]))
			}
			(_, Nature::Stalls) => (ANSWER_MAX, None, Answer::Stalled),
			(_, Nature::Forgets | Nature::HasNothing) => (delay, None, Answer::Missing),
			(_, Nature::Busy) if count % 2 == 0 => (delay, None, Answer::Busy),
			(Question::Part(hash, part), nature) => {
				let assembly = self.assemblies[&hash].clone();
				let Range { start, end } = assembly.range(part);
				let mut bytes = self.bytes[start as usize..end as usize].to_vec();
				let lies = match part {
					Part::Index => nature == Nature::LiesAboutTheIndex,
					Part::Piece(_) => nature == Nature::LiesAboutPieces,
				};
				if lies {
					let middle = bytes.len() / 2;
					bytes[middle] ^= 1;
				}
				(delay, Some((assembly, part, bytes)), Answer::Right)
			}
		};
		self.later(after, Event::Answer(ticket, target, answer));
	}

	fn blamed(&self, fault: Fault) -> BTreeSet<u8> {
		self.reports.iter().filter(|(_, other)| *other == fault).map(|(peer, _)| *peer).collect()
	}

	fn size(&self) -> u64 {
		self.bytes.len() as u64
	}

	fn expect_the_blob(&self) {
		let hash = blob_ref(&self.bytes).hash;
		assert_eq!(self.store.get(&hash).expect("it is in the store"), self.bytes);
		assert!(self.scheduler.downloads.is_empty(), "nothing is wanted any more");
		assert_eq!(self.store.used_bytes(), self.size(), "nothing is left over");
	}
}

#[test]
fn several_honest_peers_share_the_work() {
	let mut world = World::new(&TRUNK, need(), &[Nature::Honest(50); 3], 1);
	assert!(world.run_to_the_end());
	world.expect_the_blob();
	assert_eq!(world.received, world.size() - 128, "every byte but the header's comes once");
	assert!(
		world.asked.values().all(|count| *count >= 2),
		"every peer is asked for more than the list: {:?}",
		world.asked
	);
	assert!(world.reports.is_empty());
}

#[test]
fn a_liar_is_blamed_by_its_first_piece_and_asked_no_more() {
	let mut world = World::new(&TRUNK, need(), &[Nature::LiesAboutPieces, Nature::Honest(50)], 2);
	assert!(world.run_to_the_end());
	world.expect_the_blob();
	assert_eq!(world.blamed(Fault::Lie), [0].into());
	assert!(world.asked[&0] <= 4, "the list, the index and a piece: {}", world.asked[&0]);
	assert_eq!(world.scheduler.banned(world.now), 1);
}

#[test]
fn a_wrong_index_convicts_when_the_right_one_is_known() {
	let mut world = World::new(&TRUNK, need(), &[Nature::LiesAboutTheIndex, Nature::Honest(80)], 3);
	assert!(world.run_to_the_end());
	world.expect_the_blob();
	assert_eq!(world.blamed(Fault::Lie), [0].into());
}

#[test]
fn what_a_staller_holds_is_asked_of_another() {
	let mut world = World::new(&TRUNK, need(), &[Nature::Stalls, Nature::Honest(50), Nature::Honest(60)], 4);
	assert!(world.run_to_the_end());
	world.expect_the_blob();
	assert!(world.stored < Some(Duration::from_secs(40)), "{:?}", world.stored);
	assert!(world.blamed(Fault::Lie).is_empty());
}

#[test]
fn a_restart_costs_no_more_than_what_was_on_its_way() {
	let mut world = World::new(&TRUNK, need(), &[Nature::Honest(50); 2], 5);
	let half = world.size() / 2;
	assert!(world.run(Duration::from_secs(60), |world| world.received > half));
	world.restart(need(), 6);
	assert!(world.run_to_the_end());
	world.expect_the_blob();
	assert_eq!(world.received, world.size() - 128, "nothing comes twice");
}

#[test]
fn bytes_that_a_crash_tore_are_fetched_again() {
	let mut world = World::new(&TRUNK, need(), &[Nature::Honest(50); 2], 7);
	assert!(world.run(Duration::from_secs(60), |world| world.received > world.size() / 2));
	let name = format!("{:x}.fetch", need().blob.hash);
	let path = world.dir.path().join(name);
	let mut bytes = std::fs::read(&path).expect("it is being fetched");
	bytes[500_000] ^= 1;
	std::fs::write(&path, bytes).expect("writable");
	world.restart(need(), 8);
	assert!(world.run_to_the_end());
	world.expect_the_blob();
	assert!(world.reports.is_empty(), "no peer tore them");
}

#[test]
fn bytes_that_are_no_block_come_from_one_peer_and_nobody_is_blamed() {
	// A submission may name anything. Those who judge it need its bytes, whatever they are.
	let bytes: Vec<u8> = (0..TRUNK.len()).map(|i| (i / 7) as u8).collect();
	let block = BlockRef { tensor_root: H256([9; 32]), blob: blob_ref(&bytes) };
	let need = Need::trunk(&CONFIG, &block);
	let mut world = World::new(&bytes, need, &[Nature::Honest(50); 2], 9);
	assert!(world.run_to_the_end());
	world.expect_the_blob();
	assert!(world.reports.is_empty());
}

#[test]
fn a_root_and_a_hash_that_contradict_each_other_do_not_convict_the_honest() {
	// The root is that of a block, the hash that of other bytes of its size, whose index is the block's: every tile is
	// proven as long as it is the block's, and the whole is not what the hash names.
	let mut bytes = TRUNK.clone();
	bytes[3] ^= 1;
	let block = BlockRef { tensor_root: block_ref(&TRUNK).tensor_root, blob: blob_ref(&bytes) };
	let mut world = World::new(&bytes, Need::trunk(&CONFIG, &block), &[Nature::Honest(50); 2], 10);
	assert!(world.run_to_the_end());
	world.expect_the_blob();
	assert!(world.reports.is_empty());
}

#[test]
fn who_answers_for_the_whole_is_blamed_for_it() {
	let need = Need::whole(blob_ref(&TRUNK));
	let mut world = World::new(&TRUNK, need, &[Nature::LiesAboutPieces, Nature::Honest(50)], 11);
	assert!(world.run_to_the_end());
	world.expect_the_blob();
	assert_eq!(world.blamed(Fault::Lie), [0].into());
	assert!(world.received <= 2 * world.size());
}

#[test]
fn a_whole_goes_on_with_the_same_peer_after_a_restart() {
	let need = Need::whole(blob_ref(&TRUNK));
	let mut world = World::new(&TRUNK, need, &[Nature::Honest(50)], 12);
	assert!(world.run(Duration::from_secs(60), |world| world.received > world.size() / 2));
	world.restart(need, 13);
	assert!(world.run_to_the_end());
	world.expect_the_blob();
	assert_eq!(world.received, world.size(), "nothing comes twice");
}

#[test]
fn nothing_is_wanted_of_those_who_have_nothing() {
	let mut world = World::new(&TRUNK, need(), &[Nature::HasNothing; 2], 14);
	assert!(!world.run_to_the_end());
	let asked: u64 = world.asked.values().sum();
	assert!(asked < 60, "they are asked less and less often: {asked}");
	// Until one of them says that it has it now.
	world.peers[1] = Nature::Honest(50);
	let hash = need().blob.hash;
	world.scheduler.holds(1, &[hash], world.now);
	let since = world.now;
	world.later(TICK, Event::Tick);
	assert!(world.run_to_the_end());
	assert!(world.stored < Some(since + Duration::from_secs(5)), "an offer is taken at once");
}

#[test]
fn thousands_of_small_blobs_come_one_after_another_and_cost_little_to_decide_about() {
	let blobs: Vec<Vec<u8>> = (0..5_000_u32).map(|i| i.to_le_bytes().to_vec()).collect();
	let mut scheduler = Scheduler::<u8>::new(Rules::default(), 16);
	for bytes in &blobs {
		scheduler.want(Need::whole(blob_ref(bytes)), false, Time::ZERO);
	}
	scheduler.connected(0, Time::ZERO);
	let (began, mut now, mut done) = (std::time::Instant::now(), Time::ZERO, 0);
	while !scheduler.downloads.is_empty() {
		now += Duration::from_millis(5);
		for command in scheduler.advance(now) {
			match command {
				Command::Ask(ticket, _, Question::Have(hashes)) => {
					scheduler.answered(ticket, Answer::Have(vec![true; hashes.len()]), now)
				}
				Command::Ask(ticket, ..) => scheduler.answered(ticket, Answer::Right, now),
				Command::Open(need) => {
					let found = Found { has_index: true, missing: [0].into(), source: None };
					scheduler.opened(&need.blob.hash, Some((found, None)), now);
				}
				Command::Complete(hash) => {
					scheduler.completed(&hash, Completion::Stored, now);
					done += 1;
				}
				_ => {}
			}
		}
	}
	assert_eq!(done, blobs.len());
	// A hundredth of that where nothing else runs.
	assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn an_urgent_blob_goes_first_and_a_forgotten_one_not_at_all() {
	let mut world = World::new(&TRUNK, need(), &[Nature::Honest(50)], 15);
	let other = Need::whole(blob_ref(b"later"));
	world.scheduler.want(other, true, world.now);
	assert_eq!(world.scheduler.progress()[0].hash, other.blob.hash);
	world.scheduler.forget(&other.blob.hash);
	assert!(world.run(Duration::from_secs(60), |world| world.received > 0));
	world.scheduler.forget(&need().blob.hash);
	world.obey();
	assert!(world.store.partials().is_empty() && world.assemblies.is_empty());
}

fn nature() -> impl Strategy<Value = Nature> {
	prop_oneof![
		3 => (10_u64..3_000).prop_map(Nature::Honest),
		1 => Just(Nature::LiesAboutPieces),
		1 => Just(Nature::LiesAboutTheIndex),
		1 => Just(Nature::Stalls),
		1 => Just(Nature::Busy),
		1 => (0_u64..5_000).prop_map(Nature::Leaves),
		1 => Just(Nature::Forgets),
		1 => Just(Nature::HasNothing),
	]
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(48))]

	#[test]
	fn one_honest_peer_is_enough_and_only_liars_are_blamed(
		others in prop::collection::vec(nature(), 0..7),
		place in 0_usize..8,
		is_whole: bool,
		restart_after in prop::option::of(0_u64..4_000),
		seed: u64,
	) {
		let mut peers = others;
		peers.insert(place.min(peers.len()), Nature::Honest(40));
		let need = if is_whole { Need::whole(blob_ref(&TRUNK)) } else { need() };
		let mut world = World::new(&TRUNK, need, &peers, seed);
		if let Some(after) = restart_after {
			world.run(Duration::from_millis(after), |world| world.stored.is_some());
			if world.stored.is_none() {
				world.restart(need, seed.wrapping_add(1));
			}
		}
		prop_assert!(world.run_to_the_end(), "{:?} after {:?}", world.scheduler.progress(), world.now);
		world.expect_the_blob();
		for peer in world.blamed(Fault::Lie) {
			prop_assert!(!peers[peer as usize].is_honest(), "{peer} of {peers:?} was blamed");
		}
	}

	#[test]
	fn without_an_honest_peer_nothing_wrong_gets_in(others in prop::collection::vec(nature(), 1..5), is_whole: bool, seed: u64) {
		let dishonest: Vec<_> = others.into_iter().filter(|nature| {
			matches!(nature, Nature::LiesAboutPieces | Nature::Stalls | Nature::Forgets | Nature::HasNothing)
		}).collect();
		let need = if is_whole { Need::whole(blob_ref(&TRUNK)) } else { need() };
		let mut world = World::new(&TRUNK, need, &dishonest, seed);
		prop_assert!(!world.run_to_the_end());
		prop_assert!(world.store.hashes().is_empty());
	}
}
