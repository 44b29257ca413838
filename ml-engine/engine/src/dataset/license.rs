//! Which licences let anyone train on a text.

/// Licences that ask for no more than attribution or the same terms for changed files.
const PERMISSIVE: &[&str] = &[
	"0BSD",
	"Apache-2.0",
	"BSD-1-Clause",
	"BSD-2-Clause",
	"BSD-3-Clause",
	"BSL-1.0",
	"CC0-1.0",
	"ISC",
	"MIT",
	"MIT-0",
	"MPL-2.0",
	"Unicode-3.0",
	"Unicode-DFS-2016",
	"Unlicense",
	"Zlib",
];

/// Whether an SPDX expression can be satisfied by permissive licences alone.
///
/// `OR` (and the older `/`) needs one side, `AND` both and binds tighter; `WITH` only adds permissions.
/// An expression that does not parse is not permissive.
pub fn is_permissive(expression: &str) -> bool {
	let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
	let mut words = spaced.split_whitespace().peekable();
	let permissive = any_of(&mut words);
	permissive == Some(true) && words.next().is_none()
}

type Words<'a, 'b> = core::iter::Peekable<core::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words) -> Option<bool> {
	let mut permissive = all_of(words)?;
	while words.next_if_eq(&"OR").is_some() {
		permissive |= all_of(words)?;
	}
	Some(permissive)
}

fn all_of(words: &mut Words) -> Option<bool> {
	let mut permissive = one(words)?;
	while words.next_if_eq(&"AND").is_some() {
		permissive &= one(words)?;
	}
	Some(permissive)
}

fn one(words: &mut Words) -> Option<bool> {
	let word = words.next()?;
	if word == "(" {
		let inner = any_of(words)?;
		return words.next_if_eq(&")").map(|_| inner);
	}
	if matches!(word, "OR" | "AND" | "WITH" | ")") {
		return None;
	}
	if words.next_if_eq(&"WITH").is_some() {
		words.next()?;
	}
	Some(PERMISSIVE.contains(&word.trim_end_matches('+')))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn is_permissive_follows_the_expression() {
		let yes = [
			"MIT",
			"MIT OR Apache-2.0",
			"MIT/Apache-2.0",
			"GPL-3.0 OR MIT",
			"(MIT OR Apache-2.0) AND Unicode-3.0",
			"Apache-2.0 WITH LLVM-exception",
		];
		let no =
			["", "GPL-3.0", "MIT AND GPL-3.0", "MIT OR", "(MIT", "MIT)", "Proprietary", "MIT Apache-2.0"];
		assert!(yes.iter().all(|expression| is_permissive(expression)));
		for expression in no {
			assert!(!is_permissive(expression), "{expression}");
		}
	}
}
