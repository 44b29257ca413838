//! Sums and products, behind two that are worked.

use super::Draws;
use crate::{
	extraction::Extraction,
	task::{Arithmetic, Kind},
};

/// Largest summand of an addition.
const SUMMAND_MAX: u64 = 999;
/// Largest factor of a multiplication.
const FACTOR_MAX: u64 = 99;
/// Worked examples in front of a question.
const EXAMPLES: usize = 2;

pub(super) fn addition(draws: &mut Draws) -> Kind {
	task(draws, '+', SUMMAND_MAX, |a, b| a + b)
}

pub(super) fn multiplication(draws: &mut Draws) -> Kind {
	task(draws, '*', FACTOR_MAX, |a, b| a * b)
}

fn task(draws: &mut Draws, sign: char, largest: u64, result: fn(u64, u64) -> u64) -> Kind {
	let mut prompt = String::new();
	for _ in 0..EXAMPLES {
		let (a, b) = (draws.number(0, largest), draws.number(0, largest));
		prompt.push_str(&format!("{a} {sign} {b} = {}\n", result(a, b)));
	}
	let (a, b) = (draws.number(0, largest), draws.number(0, largest));
	prompt.push_str(&format!("{a} {sign} {b} ="));
	let answer = result(a, b).to_string();
	let worked = answer.clone();
	Kind::Arithmetic(Arithmetic { prompt, answer, extraction: Extraction::FirstInteger, worked })
}
