//! List of everything that can be run in this project.

use crate::{tidy, tree::Tree};

/// Commands of this program.
const OWN: [(&str, &str); 4] = [
	("cargo xtask tidy", "Checks layers, circles, lengths, words, links and scripts; takes seconds."),
	("cargo xtask tidy --update", "Lowers the ratchets to what the tree has now."),
	("cargo xtask tidy --rebase", "Takes the tree as it is for the ratchets, and prints what that raises."),
	("cargo xtask new-pallet NAME", "Writes a pallet that compiles, in the shape that tidy demands."),
];

/// Every recipe with what it is for, one a line.
pub fn list(tree: &Tree) -> String {
	let scripts = tidy::scripts::entry_points(tree)
		.map(|(path, text)| (path.to_owned(), tidy::scripts::purpose(text).unwrap_or_default()));
	let own = OWN.map(|(command, purpose)| (command.to_owned(), purpose.to_owned()));
	let recipes: Vec<_> = scripts.filter(|(path, _)| !path.contains('.')).chain(own).collect();
	let width = recipes.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
	recipes.iter().map(|(command, purpose)| format!("{command:width$}  {purpose}\n")).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn list_names_every_script_with_the_first_sentence_of_its_comment() {
		let mut tree = Tree::default();
		tree.insert("scripts/demo", "#!/usr/bin/env bash\n# Shows it.\n# More.\n");
		tree.insert("scripts/bench", "#!/usr/bin/env bash\n# Measures\n# one thing. Ends.\n\n# More.\n");
		tree.insert("scripts/env", "# Sourced.\n");
		let list = list(&tree);
		assert!(
			list.starts_with(
				"scripts/bench                Measures one thing.\nscripts/demo                 Shows it.\n"
			),
			"{list}"
		);
		assert!(!list.contains("scripts/env"));
	}
}
