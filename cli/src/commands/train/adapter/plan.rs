//! Plan of a run, whichever command makes it: texts, limits, settings.

use super::{
	decision::Bar,
	texts::{self, Lots, Texts},
};
use crate::{
	failure::{Failure, Outcome},
	home::write_private,
	output::Output,
};
use blyan_open_model::text::Tokenizer;
use blyan_training::{
	open::{Cutter, Sequence, Settings},
	OptimiserConfig,
};
use std::path::{Path, PathBuf};

/// Minutes of training where nothing else is said.
const MINUTES: f64 = 10.0;
/// Sequences that the exact model reads at least for a run that is limited by steps alone.
const SEQUENCES_OF_RUN_MIN: u64 = 64;
/// Sequences of a sample below which no verdict is worth its name.
const SEQUENCES_MIN: usize = 2;
/// Bytes of a mebibyte, as a power of two.
const MIB_LOG2: u32 = 20;

/// Plan of a run.
#[derive(Clone, Debug)]
pub struct Plan {
	/// Texts to learn from; those in cargo's registry if there are none.
	pub data: Vec<PathBuf>,
	/// Texts that must not get worse.
	pub guard: Vec<PathBuf>,
	/// Mebibytes of text to learn from, at most.
	pub limit_mib: u64,
	/// Tokens that are predicted in a sequence.
	pub positions: usize,
	/// Sequences of each sample that is measured, at most.
	pub sequences: usize,
	/// Minutes of training.
	pub minutes: Option<f64>,
	/// Updates to make.
	pub steps: Option<u64>,
	/// Tokens an update learns from.
	pub batch: usize,
	/// The optimiser.
	pub optimiser: OptimiserConfig,
	/// Seed that was asked for.
	pub seed: Option<u64>,
	/// Threads; all cores if absent.
	pub threads: Option<usize>,
	/// Use only what everything else leaves of the processors.
	pub background: bool,
}

impl Plan {
	/// Refuses sequences that are longer than a model's context.
	pub fn ensure_fits(&self, context: u32) -> Outcome<()> {
		if self.positions <= context as usize {
			return Ok(());
		}
		let positions = self.positions;
		let error = format!("sequences of {positions} positions do not fit the model's context of {context}");
		Err(Failure::new(error).next(format!("try --positions {}", context.min(256))))
	}

	/// Reads and cuts the texts; refuses those that leave too little to judge by.
	pub fn texts(&self, output: &Output, tokenizer: &Tokenizer) -> Outcome<Texts> {
		let cutter = Cutter { tokenizer, positions: self.positions };
		let learn_bytes_max = self.limit_mib.saturating_mul(1 << MIB_LOG2);
		let lots = Lots { learn_bytes_max, sequences: self.sequences };
		let texts = texts::read(output, cutter, &self.data, &self.guard, lots)?;
		self.ensure_enough("sequences of the text held out are", &texts.held_out, "--data")?;
		if !self.guard.is_empty() {
			self.ensure_enough("sequences of the guard are", &texts.guard, "--guard")?;
		}
		Ok(texts)
	}

	fn ensure_enough(&self, what: &str, sequences: &[Sequence], option: &str) -> Outcome<()> {
		if sequences.len() >= SEQUENCES_MIN {
			return Ok(());
		}
		let (count, positions) = (sequences.len(), self.positions);
		let error = format!("{count} {what} too few to judge by; each has {positions} tokens");
		Err(Failure::new(error).next(format!("give more text with {option}, or longer documents")))
	}

	/// Returns the settings of a run in this directory, and keeps its seed there.
	pub fn settings(&self, folder: &Path, bar: &Bar) -> Outcome<Settings> {
		let minutes = match (self.minutes, self.steps) {
			(None, None) => Some(MINUTES),
			(minutes, _) => minutes,
		};
		// Without a limit of time, no more text than updates can learn from.
		let enough = |steps: u64| {
			(steps.saturating_mul(self.batch as u64) / self.positions.max(1) as u64).max(SEQUENCES_OF_RUN_MIN)
		};
		let sequences_max = match (minutes, self.steps) {
			(None, Some(steps)) => usize::try_from(enough(steps)).unwrap_or(0),
			_ => 0,
		};
		Ok(Settings {
			folder: folder.into(),
			sequences_max,
			steps: self.steps.unwrap_or(u64::MAX),
			seconds_max: minutes.map(|minutes| minutes * 60.0),
			batch: self.batch,
			optimiser: self.optimiser,
			seed: seed(self.seed, folder)?,
			threads: self.threads.unwrap_or(0),
			guard_tolerance: bar.guard_tolerance(),
			..Settings::default()
		})
	}
}

/// Returns the seed of a run: that of its directory, else the one that was given, or a new one.
///
/// A run that is under way keeps its own: with another in its place, none could go on with what it has learned.
fn seed(given: Option<u64>, folder: &Path) -> Outcome<u64> {
	let path = folder.join("seed");
	if let Ok(text) = std::fs::read_to_string(&path) {
		let malformed =
			|| Failure::new(format!("{} holds no seed", path.display())).next("remove the run's directory");
		let own: u64 = text.trim().parse().map_err(|_| malformed())?;
		return match given.filter(|given| *given != own) {
			None => Ok(own),
			Some(given) => {
				let error = format!("the run in {} has seed {own}, not {given}", folder.display());
				Err(Failure::new(error).next("leave --seed out, or name another directory with --run"))
			}
		};
	}
	let seed = given.unwrap_or_else(rand::random);
	write_private(&path, seed.to_string().as_bytes())?;
	Ok(seed)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_run_keeps_its_seed_whatever_another_command_says() {
		let folder = tempfile::tempdir().unwrap();
		assert_eq!(seed(Some(7), folder.path()).unwrap(), 7);
		let refused = seed(Some(8), folder.path()).unwrap_err();
		assert!(refused.message.contains("has seed 7, not 8"), "{}", refused.message);
		assert_eq!(seed(None, folder.path()).unwrap(), 7);
		assert_eq!(seed(Some(7), folder.path()).unwrap(), 7);
	}
}
