//! Prints what the ladder makes of a replayed day of programs and people: `cargo run -p blyan-accounts --example replay -- SEED`.
#![allow(clippy::unwrap_used)]

#[path = "../tests/attack_set/mod.rs"]
mod attack_set;

fn main() {
	let seed = std::env::args().nth(1).map_or(1, |seed| seed.parse().unwrap());
	attack_set::replay(seed, 5).print();
}
