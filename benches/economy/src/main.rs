//! Economy under attack: a year of coalitions, Sybils and spammers against honest operators and miners.
//!
//! ```text
//! scripts/simulate economy [--days 365] [--seed 1] [--plots docs/images/economy]
//! ```
//!
//! Committees come from `pallet_proof_of_learning::draw`, decisions from its `math::two_thirds` and `math::judge`, rewards and
//! emission from `pallet_ledger::math`, penalties from `pallet_slashing::UsualPenalties`, reputations and registration bonds
//! from `pallet_operators`. Played twice: with the rules before the review, and with the present ones. Ends in one line
//! of JSON.

mod closed;
mod dice;
mod plots;
mod report;
mod rules;
mod strategy;
mod study;
mod world;

use clap::Parser;
use rules::{Rules, Setting};
use std::{path::PathBuf, process::ExitCode, time::Instant};
use study::Study;

/// Plays attacks on the chain's money for a year.
#[derive(Parser)]
struct Arguments {
	/// Days to play.
	#[arg(long, default_value_t = 365)]
	days: u32,
	/// Seed of everything random.
	#[arg(long, default_value_t = 1)]
	seed: u64,
	/// Directory in which plots are written.
	#[arg(long)]
	plots: Option<PathBuf>,
}

fn main() -> ExitCode {
	let arguments = Arguments::parse();
	let setting = Setting { days: arguments.days, seed: arguments.seed, ..Default::default() };
	let began = Instant::now();
	let studies = [Rules::old(), Rules::new()].map(|rules| Study::new(rules, &setting));
	report::print(&studies, &setting);
	if let Some(directory) = arguments.plots {
		if let Err(reason) = plots::draw(&directory, &studies, &setting) {
			eprintln!(
				"the plots cannot be written to {}: {reason}; give another directory",
				directory.display()
			);
			return ExitCode::FAILURE;
		}
	}
	println!("{}", report::json(&studies, &setting, began.elapsed().as_secs_f64()));
	ExitCode::SUCCESS
}
