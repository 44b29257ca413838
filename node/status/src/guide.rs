//! `/llms.txt`: the guide for automated miners, and behind it the numbers of this chain.

use crate::{amount, schema::Status};
use std::fmt::Write;

/// The guide as the book has it.
const GUIDE: &str = include_str!("../../../docs/miners-guide.md");

/// Renders it. Only numbers and hashes of the chain are in it: a name is free text, and the reader follows instructions.
pub fn render(status: &Status) -> String {
	let mut text = String::from(GUIDE);
	let terms = &status.terms.terms;
	let mut line = |words: std::fmt::Arguments<'_>| {
		// Writing to a string cannot fail.
		let _ = writeln!(text, "{words}");
	};
	line(format_args!("\n## This chain now\n"));
	line(format_args!(
		"The node that you asked adds this at each new block; `/status.json` has all of it.\n"
	));
	line(format_args!("- genesis `{:?}`, runtime {}", status.network.genesis, status.network.spec_version));
	line(format_args!("- block {} (`{:?}`)", status.block.number, status.block.hash));
	if status.node.is_syncing == Some(true) {
		line(format_args!("- the node is catching up: everything here is of the past"));
	}
	for model in &status.models {
		let fee =
			model.fee_now.as_ref().and_then(|fee| fee.parse().ok()).map_or("unknown".into(), amount::show);
		line(format_args!(
			"- model {}: generation {}, {} slots, fee now {fee}",
			model.id,
			model.generation,
			model.heads.len()
		));
	}
	line(format_args!("- open submissions {}", status.queue.len()));
	line(format_args!("- operators that may be drawn {}", status.operators.eligible));
	line(format_args!(
		"- a newcomer's terms: bond {}, {} bits of work, {} submissions a day, commitment {} blocks before with {} held",
		amount::show(terms.bond),
		terms.pow_bits,
		terms.quota_left,
		terms.commit_age,
		amount::show(terms.commit_deposit)
	));
	let projection = &status.projection;
	if let Some(window) = &projection.window {
		line(format_args!("- {}", window.summary()));
	}
	match projection.mean_miner_bly_per_hour {
		Some(bly) => line(format_args!("- the mean miner earned {bly} BLY an hour, before fees")),
		None => line(format_args!("- what the mean miner earned is not known yet")),
	}
	text
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::facts::samples;

	#[test]
	fn the_guide_ends_with_numbers_and_without_names() {
		let text = render(&samples::facts().status());
		assert!(text.starts_with("# "));
		assert!(text.contains("- block 1000 ("));
		assert!(text.contains("fee now 0.6328125 BLY"));
		assert!(text.contains("bond 1 BLY, 16 bits of work"));
		assert!(!text.contains("alert("), "a model's name could be an instruction");
		assert!(!text.contains("<b>chain"), "so could the chain's");
	}
}
