//! Files of a model's parts, for witnesses.

use crate::directory::{Directory, DirectoryError, PartFile};
use blyan_exact::definition2::{step::PartFiles, Architecture, Part};
use std::{
	cell::{OnceCell, RefCell},
	collections::BTreeMap,
};

/// Files of the parts in a directory, mapped when a witness reads them, and a candidate's bytes in its slot.
pub struct DirectoryFiles<'a> {
	parts: BTreeMap<Part, OnceCell<Option<PartFile>>>,
	directory: &'a Directory,
	architecture: &'a Architecture,
	candidate: Option<(Part, &'a [u8])>,
	/// Reason why a file could not be had.
	failure: RefCell<Option<DirectoryError>>,
}

impl<'a> DirectoryFiles<'a> {
	/// Names the files of a directory. `candidate`: its slot and its file, for the trace of the model with it.
	pub fn new(
		directory: &'a Directory,
		architecture: &'a Architecture,
		candidate: Option<(Part, &'a [u8])>,
	) -> Self {
		let parts = crate::directory::parts(architecture).into_iter().map(|part| (part, Default::default()));
		let failure = RefCell::new(None);
		Self { parts: parts.collect(), directory, architecture, candidate, failure }
	}

	/// Returns the reason why a file could not be had, if there was one.
	pub fn failure(&self) -> Option<DirectoryError> {
		self.failure.take()
	}
}

impl PartFiles for DirectoryFiles<'_> {
	fn file(&self, part: Part) -> Option<&[u8]> {
		if let Some((_, bytes)) = self.candidate.filter(|(slot, _)| *slot == part) {
			return Some(bytes);
		}
		let open = || {
			let file = self.directory.open(self.architecture, part);
			file.map_err(|error| self.failure.replace(Some(error))).ok()
		};
		self.parts.get(&part)?.get_or_init(open).as_ref().map(PartFile::bytes)
	}
}
