//! Arguments of mining that goes on by itself.

use crate::{amount, mining::strategy::Strategy};
use clap::{value_parser, Args};

/// Options of `mine` for rounds and for machines that have other work.
#[derive(Clone, Debug, Default, Args)]
pub struct MineRoundsArgs {
	/// Train and submit one expert after the other. Each submission pays a fee and holds a bond.
	#[arg(long, conflicts_with_all = ["no_wait", "out", "checkpoint", "seed"])]
	pub repeat: bool,
	/// Choice of the slot of a round: in turn, by the use of experts on this text, or by what improved before; auto if absent.
	#[arg(long, value_enum, value_name = "NAME", requires = "repeat", conflicts_with = "slot")]
	pub strategy: Option<Strategy>,
	/// Never have more than this spent and on hold, bonds included. What earlier runs of this key and model spent counts, until
	/// --fresh begins another budget. Absent: as much as the account has.
	#[arg(long, value_name = "BLY", value_parser = bly, requires = "repeat")]
	pub max_spend: Option<u128>,
	/// End after so many rounds.
	#[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..), requires = "repeat")]
	pub rounds: Option<u32>,
	/// Train only while the machine has nothing else to do: training pauses within a step when the node on this machine, or
	/// `blyan serve`, has requests or evaluations, or when other programs use its processors.
	#[arg(long)]
	pub when_idle: bool,
	/// Part of the processors that other programs may use before training pauses (Linux only).
	#[arg(long, value_name = "PERCENT", default_value_t = 30, value_parser = value_parser!(u8).range(1..=100))]
	pub idle_load: u8,
	/// Address of a `blyan serve` on this machine that comes first. It may be absent.
	#[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
	pub serve_url: String,
}

fn bly(text: &str) -> Result<u128, String> {
	amount::parse(text).map_err(|failure| match failure.next {
		Some(next) => format!("{}: {next}", failure.message),
		None => failure.message,
	})
}

#[cfg(test)]
mod tests {
	use crate::args::{Cli, Command};
	use clap::Parser;

	fn parse(words: &[&str]) -> Result<Cli, String> {
		let words = ["blyan", "mine"].iter().chain(words);
		Cli::try_parse_from(words).map_err(|error| error.to_string())
	}

	#[test]
	fn a_budget_is_an_amount_and_belongs_to_repeated_rounds() {
		let cli =
			parse(&["--repeat", "--strategy", "round-robin", "--max-spend", "2.5", "--rounds", "3"]).unwrap();
		let Command::Mine(args) = cli.command else { panic!("mine") };
		assert_eq!(args.rounds.max_spend, Some(2_500_000_000_000));
		assert_eq!(args.rounds.rounds, Some(3));
		for refused in [
			&["--max-spend", "2.5"][..],
			&["--strategy", "hot"],
			&["--repeat", "--max-spend", "much"],
			&["--repeat", "--rounds", "0"],
			&["--repeat", "--no-wait"],
			&["--repeat", "--slot", "0.0", "--strategy", "hot"],
			&["--when-idle", "--idle-load", "0"],
		] {
			assert!(parse(refused).is_err(), "{refused:?}");
		}
	}
}
