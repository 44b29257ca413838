//! Random sequences of every call by eight accounts, on the real runtime.
//!
//! After each block every pallet's invariants hold and the ledger's books reconcile, what accounts own adds up to the issuance,
//! and the block is within its limits. Nothing panics, and nothing that is free can be had twice. The accounts know what
//! they do most of the time: they have a real, tiny model, commit to what they submit and find, compute true and false claims
//! about it, seal, reveal, dispute, copy each other and appeal. So a long run that never sees an acceptance, a slash or a
//! dispute won by either side is a failure too.
//!
//! Only `scripts/fuzz` runs this, since it takes half an hour and a build of its own: a million calls, or with
//! `scripts/fuzz 1000 1` one episode of a thousand. `BOLERO_RANDOM_SEED` repeats a failure.

// Inputs decide what happens, so an index that a bound does not cover is a fault of the target.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod accounts;
mod any;
mod chooser;
mod coverage;
mod justice;
mod lab;
mod learning;
mod promises;
mod rule;
mod world;

use coverage::Coverage;
use lab::Lab;
use std::{
	cell::RefCell,
	path::PathBuf,
	sync::Mutex,
	time::{Duration, Instant},
};
use world::{Deed, World};

thread_local! {
	static LAB: RefCell<Lab> = RefCell::new(Lab::new());
}

/// All that an input leads to, in so many calls.
fn play(input: &[u8], calls: usize) -> Coverage {
	world::listen();
	LAB.with_borrow_mut(|lab| {
		world::genesis(lab).execute_with(|| {
			let mut world = World::begin(input, calls, lab);
			while world.goes_on() {
				world.act();
			}
			world.end()
		})
	})
}

impl World<'_> {
	/// One step: usually a call, sometimes time.
	fn act(&mut self) {
		match self.choose.below(64) {
			0..=2 => return self.next_block(),
			3 => {
				let blocks = 1 + self.choose.below(24) as u32;
				return self.skip(blocks);
			}
			4 if self.choose.one_in(12) => {
				let blocks = self.choose.below(3_000) as u32;
				return self.skip(blocks);
			}
			5 if self.choose.one_in(48) => {
				let days = 1 + self.choose.below(7) as u32;
				return self.skip(days * blyan_runtime::DAYS);
			}
			6 if self.choose.one_in(4) => {
				let blocks = self.choose.below(200) as u32;
				return self.jump_relay(blocks);
			}
			_ => {}
		}
		// Often there is nothing to do of a kind. Time must not pass for want of it, or windows close before they are used.
		if let Some(deed) = (0..6).find_map(|_| self.deed()) {
			self.send(deed);
		}
	}

	fn deed(&mut self) -> Option<Deed> {
		match self.choose.below(40) {
			0..=11 => self.learn(),
			12..=20 => self.judge(),
			21..=23 => self.operate(),
			24..=25 => self.live(),
			26 => self.govern(),
			27 => self.wrap(),
			28..=29 => self.anything(),
			_ => self.sit(),
		}
	}
}

/// Calls after which a run must have seen what is deep.
const LONG: u64 = 50_000;

/// All that a long run must lead to, or the accounts do not know what they do.
const DEEP: [&str; 22] = [
	"ProofOfLearning.Committed",
	"ProofOfLearning.CommitmentExpired",
	"ProofOfLearning.Submitted",
	"ProofOfLearning.CommitteeDrawn",
	"ProofOfLearning.SecondCommitteeDrawn",
	"ProofOfLearning.Accepted",
	"ProofOfLearning.Rejected",
	"ProofOfLearning.Matured",
	"ProofOfLearning.CopyProven",
	"Disputes.FindingCommitted",
	"Disputes.EquivocationProven",
	"Disputes.GameOpened",
	"Disputes.Descended",
	"Disputes.ClaimRefuted",
	"Disputes.GameEnded first lost",
	"Disputes.GameEnded second lost",
	"Disputes.TileSupplied",
	"Slashing.OffenceReported",
	"Slashing.OffenceApplied",
	"Slashing.Appealed",
	"Audits.Presented",
	"Audits.VoteRevealed",
];

fn calls_of_an_episode() -> usize {
	std::env::var("BLYAN_FUZZ_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(300)
}

/// All that all episodes of this process have seen.
static SEEN: Mutex<Option<Coverage>> = Mutex::new(None);

#[test]
fn every_invariant_holds_whatever_eight_accounts_do() {
	let (calls, began) = (calls_of_an_episode(), Instant::now());
	let corpus = std::env::var_os("BLYAN_FUZZ_CORPUS").map(PathBuf::from);
	bolero::check!().with_type::<[u8; 8]>().with_shrink_time(Duration::ZERO).for_each(|input| {
		let seen = play(input, calls);
		let mut all = SEEN.lock().unwrap();
		let all = all.get_or_insert_default();
		let is_new = !seen.outcomes.is_subset(&all.outcomes);
		all.absorb(seen);
		if let Some(folder) = corpus.as_ref().filter(|_| is_new) {
			std::fs::write(folder.join(hex(input)), input).expect("the folder can be written to");
		}
	});
	let seen = SEEN.lock().unwrap().take().unwrap_or_default();
	seen.report(began.elapsed().as_secs_f64());
	if seen.tried() >= LONG {
		let missing: Vec<&str> = DEEP.into_iter().filter(|event| !seen.events.contains_key(*event)).collect();
		assert!(missing.is_empty(), "{} calls never led to {missing:?}", seen.tried());
	}
}

fn hex(input: &[u8]) -> String {
	input.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Inputs that brought something new when they were found. `BLYAN_FUZZ_CORPUS` names a folder that a run writes such inputs to.
#[test]
fn every_invariant_holds_in_the_corpus() {
	let (calls, began) = (calls_of_an_episode(), Instant::now());
	let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/tests/fuzz/corpus";
	let mut seen = Coverage::default();
	for entry in std::fs::read_dir(folder).expect("the corpus is there") {
		let input = std::fs::read(entry.unwrap().path()).unwrap();
		seen.absorb(play(&input, calls));
	}
	seen.report(began.elapsed().as_secs_f64());
	assert!(seen.episodes > 0, "the corpus is empty");
}
