//! Texts that may be near each other, found in bounded memory.
//!
//! ```text
//! (band's key, number of the text) ──> sorted: texts with a key in common lie side by side ──> groups of two and more
//! (number of the text, group)      ──> sorted: the groups of each text, in the order in which texts are merged
//! group                            ──> the latest of its documents that was kept
//! ```
//!
//! Nothing is forgotten, so what is found does not depend on the memory there was. Most keys are of one text alone, which is why what is
//! kept by group is small; where it is not, because a dataset is mostly copies of itself, it is a file.

use super::sort::{Sorted, Sorter};
use crate::{filter::Bands, Error};
use std::{
	fs::{File, OpenOptions},
	os::unix::fs::FileExt,
	path::{Path, PathBuf},
};

/// Two numbers of a record: they are sorted by the first, then by the second.
const PAIR_BYTES: usize = 16;

fn pair(first: u64, second: u64) -> [u8; PAIR_BYTES] {
	(u128::from(first) << 64 | u128::from(second)).to_be_bytes()
}

fn split(pair: [u8; PAIR_BYTES]) -> (u64, u64) {
	let both = u128::from_be_bytes(pair);
	((both >> 64) as u64, both as u64)
}

/// Takes the keys of all texts.
pub(super) struct Signatures {
	folder: PathBuf,
	bytes_max: usize,
	keys: Sorter<PAIR_BYTES>,
	texts: u64,
}

impl Signatures {
	/// With this much memory for itself, and half of it for what follows.
	pub fn new(folder: &Path, bytes_max: usize) -> Self {
		Self { folder: folder.into(), bytes_max, keys: Sorter::new(folder, "keys", bytes_max), texts: 0 }
	}

	/// Adds the next text.
	pub fn push(&mut self, bands: &Bands) -> Result<(), Error> {
		for key in bands {
			self.keys.push(pair(*key, self.texts))?;
		}
		self.texts += 1;
		Ok(())
	}

	/// Groups the texts.
	pub fn finish(self) -> Result<Neighbours, Error> {
		let mut keys = self.keys.finish()?;
		let mut members = Sorter::new(&self.folder, "members", self.bytes_max / 2);
		let (mut groups, mut is_open, mut before) = (0, false, None);
		while let Some(record) = keys.next()? {
			let (key, text) = split(record);
			match before.filter(|(last, _)| *last == key) {
				Some((_, first)) => {
					if !is_open {
						members.push(pair(first, groups))?;
						is_open = true;
					}
					members.push(pair(text, groups))?;
				}
				None => {
					groups += u64::from(is_open);
					is_open = false;
				}
			}
			before = Some((key, text));
		}
		drop(keys);
		groups += u64::from(is_open);
		let mut members = members.finish()?;
		let next = members.next()?.map(split);
		let latest = Latest::new(&self.folder, groups, self.bytes_max / 2)?;
		Ok(Neighbours { members, next, latest })
	}
}

/// The groups of texts, asked for in the order in which the texts were added.
pub(super) struct Neighbours {
	members: Sorted<PAIR_BYTES>,
	next: Option<(u64, u64)>,
	latest: Latest,
}

impl Neighbours {
	/// The groups of a text.
	pub fn groups(&mut self, text: u64) -> Result<Vec<u64>, Error> {
		let mut groups = Vec::new();
		while let Some((of, group)) = self.next.filter(|(of, _)| *of <= text) {
			if of == text {
				groups.push(group);
			}
			self.next = self.members.next()?.map(split);
		}
		Ok(groups)
	}

	/// Places of documents that may be near a text of these groups: the latest that was kept of each, in ascending order.
	pub fn candidates(&self, groups: &[u64]) -> Result<Vec<u64>, Error> {
		let mut places = Vec::new();
		for group in groups {
			// One more than the place, so that zero is a group without a document.
			places.extend(self.latest.get(*group)?.checked_sub(1));
		}
		places.sort_unstable();
		places.dedup();
		Ok(places)
	}

	/// Remembers that a text of these groups was kept.
	pub fn keep(&mut self, groups: &[u64], place: u64) -> Result<(), Error> {
		groups.iter().try_for_each(|group| self.latest.set(*group, place + 1))
	}
}

/// A number by group, zero at first.
enum Latest {
	Memory(Vec<u64>),
	Disk { path: PathBuf, file: File },
}

impl Latest {
	fn new(folder: &Path, groups: u64, bytes_max: usize) -> Result<Self, Error> {
		let length = groups.saturating_mul(8);
		if length <= bytes_max as u64 {
			return Ok(Self::Memory(vec![0; usize::try_from(groups).unwrap_or_default()]));
		}
		let path = folder.join("latest");
		let file = OpenOptions::new()
			.read(true)
			.write(true)
			.create(true)
			.truncate(true)
			.open(&path)
			.map_err(Error::io(&path))?;
		file.set_len(length).map_err(Error::io(&path))?;
		Ok(Self::Disk { path, file })
	}

	fn get(&self, group: u64) -> Result<u64, Error> {
		match self {
			Self::Memory(all) => {
				let index = usize::try_from(group).unwrap_or(usize::MAX);
				Ok(all.get(index).copied().unwrap_or_default())
			}
			Self::Disk { path, file } => {
				let mut bytes = [0; 8];
				file.read_exact_at(&mut bytes, group * 8).map_err(Error::io(path))?;
				Ok(u64::from_le_bytes(bytes))
			}
		}
	}

	fn set(&mut self, group: u64, value: u64) -> Result<(), Error> {
		match self {
			Self::Memory(all) => {
				let index = usize::try_from(group).unwrap_or(usize::MAX);
				if let Some(entry) = all.get_mut(index) {
					*entry = value;
				}
				Ok(())
			}
			Self::Disk { path, file } => {
				file.write_all_at(&value.to_le_bytes(), group * 8).map_err(Error::io(&*path))
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::filter::BANDS;
	use proptest::prelude::*;

	/// Bands of which the first are these keys and the others are of this text alone.
	fn bands(text: u64, keys: &[u64]) -> Bands {
		let mut bands = [0; BANDS];
		for (index, band) in bands.iter_mut().enumerate() {
			*band = keys.get(index).copied().unwrap_or(1 << 40 | text << 8 | index as u64);
		}
		bands
	}

	/// Candidates of each text where every second is kept at ten times its number.
	fn candidates(texts: &[Vec<u64>], bytes_max: usize) -> Vec<Vec<u64>> {
		let folder = tempfile::tempdir().unwrap();
		let mut signatures = Signatures::new(folder.path(), bytes_max);
		for (text, keys) in (0..).zip(texts) {
			signatures.push(&bands(text, keys)).unwrap();
		}
		let mut neighbours = signatures.finish().unwrap();
		let take = |text: u64| {
			let groups = neighbours.groups(text).unwrap();
			let found = neighbours.candidates(&groups).unwrap();
			if text.is_multiple_of(2) {
				neighbours.keep(&groups, text * 10).unwrap();
			}
			found
		};
		(0..texts.len() as u64).map(take).collect()
	}

	#[test]
	fn a_text_meets_the_latest_that_was_kept_of_each_of_its_keys() {
		let texts = vec![vec![7], vec![7], vec![8, 7], vec![9], vec![8], vec![7, 8]];
		for bytes_max in [0, 1 << 20] {
			let found = candidates(&texts, bytes_max);
			// The second is not kept, so the third meets the first; the last meets the third and the fifth.
			assert_eq!(found, [vec![], vec![0], vec![0], vec![], vec![20], vec![20, 40]]);
		}
		assert!(candidates(&[], 0).is_empty());
	}

	proptest! {
		#[test]
		fn what_is_found_does_not_depend_on_the_memory(
			texts in prop::collection::vec(prop::collection::vec(0_u64..20, 0..4), 0..60),
			bytes_max in 0_usize..2_000,
		) {
			prop_assert_eq!(candidates(&texts, bytes_max), candidates(&texts, 1 << 20));
		}
	}
}
