//! Licence files of a folder: which licence their text is.

use spdx::LicenseId;
use std::{
	fs::File,
	io::{self, Read},
	path::Path,
};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a licence file that are looked at; the longest licence of SPDX has 50 KiB.
const BYTES_MAX: u64 = 256 << 10;
/// Likeness in thousandths from which on a text is a licence. Names, years and a title change a few pairs of words.
const LIKENESS_MIN: usize = 900;

/// Extensions of data, whatever the name in front of them.
const DATA: [&str; 9] = ["json", "jsonl", "ndjson", "csv", "tsv", "parquet", "gz", "zst", "html"];

/// Reports whether a file name is that of a licence.
pub(super) fn is_named(name: &str) -> bool {
	let name = name.to_ascii_lowercase();
	let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
	let is_text = ["", "txt", "md", "rst"].contains(&extension);
	let begins = ["license", "licence", "copying", "unlicense"].iter().any(|word| {
		name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_']))
	});
	// `LICENSE.MIT` is one, `LICENSE.jsonl` is data.
	begins && (is_text || (stem.contains("licen") && !DATA.contains(&extension)))
}

/// Pairs of neighbouring words of a text, hashed and sorted; as often as they occur.
struct Pairs(Vec<u64>);

impl Pairs {
	fn of(text: &str) -> Self {
		let lower = text.to_lowercase();
		let words: Vec<&str> = lower
			.lines()
			// Holders and years differ from copy to copy.
			.filter(|line| !line.trim_start().starts_with("copyright"))
			.flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric()))
			.filter(|word| !word.is_empty())
			.collect();
		let mut pairs: Vec<u64> = words.windows(2).map(|pair| xxh3_64(pair.join(" ").as_bytes())).collect();
		pairs.sort_unstable();
		Self(pairs)
	}

	/// Sorensen-Dice likeness in thousandths, rounded down: twice the pairs in common over all pairs.
	fn likeness(&self, other: &Self) -> usize {
		let (mut first, mut second) = (self.0.as_slice(), other.0.as_slice());
		let all = first.len() + second.len();
		let mut common = 0;
		while let ([a, first_rest @ ..], [b, second_rest @ ..]) = (first, second) {
			match a.cmp(b) {
				std::cmp::Ordering::Less => first = first_rest,
				std::cmp::Ordering::Greater => second = second_rest,
				std::cmp::Ordering::Equal => {
					common += 1;
					(first, second) = (first_rest, second_rest);
				}
			}
		}
		2_000 * common / all.max(1)
	}
}

/// Licences by their texts. Preparing them takes about 0.2 seconds, so it is done once and only if there is such a file.
#[derive(Default)]
pub(super) struct Detector {
	licences: Vec<(LicenseId, Pairs)>,
}

impl Detector {
	/// The SPDX identifier of a file's text; `None` if it is not one of SPDX. Of licences with the same text, the first by name.
	pub fn detect(&mut self, path: &Path) -> io::Result<Option<String>> {
		let mut bytes = Vec::new();
		File::open(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
		if self.licences.is_empty() {
			let all = spdx::identifiers::LICENSES.iter().filter_map(|licence| spdx::license_id(licence.name));
			self.licences = all.map(|id| (id, Pairs::of(id.text()))).collect();
		}
		let pairs = Pairs::of(&String::from_utf8_lossy(&bytes));
		// SPDX lists licences by name, and of equals the last one of a maximum is taken: so from the end.
		let likely = self.licences.iter().rev().map(|(id, text)| (text.likeness(&pairs), id));
		let found = likely.max_by_key(|(likeness, _)| *likeness);
		Ok(found.filter(|(likeness, _)| *likeness >= LIKENESS_MIN).map(|(_, id)| id.name.to_owned()))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn names_of_licence_files_are_known() {
		for name in ["LICENSE", "LICENCE.txt", "COPYING", "LICENSE-MIT", "license.md", "UNLICENSE"] {
			assert!(is_named(name), "{name}");
		}
		for name in ["licensing-guide.txt", "copy.txt", "LICENSE.jsonl", "a.txt"] {
			assert!(!is_named(name), "{name}");
		}
	}

	#[test]
	fn the_text_of_this_projects_licences_is_recognised() {
		let root = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..");
		let mut detector = Detector::default();
		for (name, id) in
			[("LICENSE-MIT", "MIT"), ("LICENSE-APACHE", "Apache-2.0"), ("LICENSE-GPL3", "GPL-3.0")]
		{
			let found = detector.detect(&root.join(name)).unwrap().unwrap();
			assert!(found.starts_with(id), "{name}: {found}");
		}
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("LICENSE");
		std::fs::write(&path, "You may look at this, and nothing else.").unwrap();
		assert_eq!(detector.detect(&path).unwrap(), None);
	}
}
