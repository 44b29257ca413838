//! Multiple choice that follows from the context alone: repeated patterns, and values to copy.

use super::Draws;
use crate::task::{Choice, Kind};

/// Words of different lengths, so that rules by sum and by byte differ.
const WORDS: [&str; 24] = [
	"red", "blue", "green", "yellow", "black", "white", "orange", "purple", "river", "mountain", "house",
	"tree", "seven", "three", "north", "south", "winter", "summer", "iron", "silver", "bread", "water",
	"horse", "eagle",
];
const NAMES: [&str; 12] =
	["alpha", "beta", "gamma", "delta", "kappa", "lambda", "sigma", "omega", "theta", "zeta", "tau", "rho"];
/// Choices of a question.
const CHOICES: usize = 4;
/// Words that a pattern shows.
const SHOWN_MIN: u64 = 9;
const SHOWN_MAX: u64 = 14;
/// Pairs of a name and a value.
const PAIRS: usize = 6;

pub(super) fn pattern(draws: &mut Draws) -> Kind {
	let choices = draws.some(&WORDS, CHOICES);
	// A period of three or four of the four words; the right answer is one of the period.
	let period = draws.number(3, CHOICES as u64) as usize;
	let shown = draws.number(SHOWN_MIN, SHOWN_MAX) as usize;
	let order: Vec<&str> = choices.iter().copied().cycle().take(period).collect();
	let words: Vec<&str> = order.iter().copied().cycle().take(shown).collect();
	let right = order.get(shown % period).copied().unwrap_or_default();
	question(words.join(" "), right, draws.some(&choices, CHOICES))
}

pub(super) fn copying(draws: &mut Draws) -> Kind {
	let (names, values) = (draws.some(&NAMES, PAIRS), draws.some(&WORDS, PAIRS));
	let asked = draws.number(0, PAIRS as u64 - 1) as usize;
	let lines: Vec<String> =
		names.iter().zip(&values).map(|(name, value)| format!("{name} = {value}")).collect();
	let (name, right) =
		(names.get(asked).copied().unwrap_or_default(), values.get(asked).copied().unwrap_or_default());
	let others: Vec<&str> = values.iter().copied().filter(|value| *value != right).collect();
	let mut choices = draws.some(&others, CHOICES - 1);
	choices.push(right);
	let choices = draws.some(&choices, CHOICES);
	question(format!("{}\n{name} =", lines.join("\n")), right, choices)
}

fn question(context: String, right: &str, choices: Vec<&str>) -> Kind {
	let answer = choices.iter().position(|choice| *choice == right).unwrap_or(choices.len());
	Kind::Choice(Choice { context, choices: choices.into_iter().map(str::to_owned).collect(), answer })
}
