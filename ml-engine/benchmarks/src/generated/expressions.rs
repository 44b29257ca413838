//! Programs in one line: an expression that has the results shown, and those of tests that are not shown.

use super::Draws;
use crate::task::{Kind, Language, Program};

/// Largest value of a variable.
const VALUE_MAX: u64 = 20;
/// Largest constant.
const CONSTANT_MAX: u64 = 9;
/// Results that the question shows.
const SHOWN: usize = 3;
/// Tests that it does not show.
const HIDDEN: usize = 5;
/// Worked example in front of every question.
const EXAMPLE: &str = "a=2 b=3: 5\na=4 b=1: 5\na=7 b=6: 13\nexpression: a + b\n\n";

pub(super) fn expression(draws: &mut Draws) -> Kind {
	let constant = draws.number(2, CONSTANT_MAX) as i64;
	let (worked, result): (String, Box<dyn Fn(i64, i64) -> i64>) = match draws.number(0, 6) {
		0 => ("a - b".into(), Box::new(|a, b| a - b)),
		1 => ("a * b".into(), Box::new(|a, b| a * b)),
		2 => (format!("a + b + {constant}"), Box::new(move |a, b| a + b + constant)),
		3 => (format!("a * {constant} + b"), Box::new(move |a, b| a * constant + b)),
		4 => (format!("a * {constant} - b"), Box::new(move |a, b| a * constant - b)),
		5 => (format!("(a + b) * {constant}"), Box::new(move |a, b| (a + b) * constant)),
		_ => (format!("a * b + {constant}"), Box::new(move |a, b| a * b + constant)),
	};
	let mut prompt = EXAMPLE.to_owned();
	let mut suffix = String::new();
	for test in 0..SHOWN + HIDDEN {
		let (a, b) = (draws.number(0, VALUE_MAX) as i64, draws.number(0, VALUE_MAX) as i64);
		suffix.push_str(&format!("\n{a} {b} {}", result(a, b)));
		if test < SHOWN {
			prompt.push_str(&format!("a={a} b={b}: {}\n", result(a, b)));
		}
	}
	prompt.push_str("expression:");
	Kind::Program(Program { prompt, language: Language::Expression, prefix: String::new(), suffix, worked })
}
