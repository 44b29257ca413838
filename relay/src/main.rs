//! A relay chain's validator, without any native runtime: the chain specification brings its own.
//!
//! For networks on one machine and for tests. Whoever runs a public relay chain uses the released `polkadot`.

fn main() {
	if let Err(error) = polkadot_cli::run() {
		eprintln!("Error: {error}");
		std::process::exit(1);
	}
}
