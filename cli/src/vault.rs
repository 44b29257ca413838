//! Sealed chunks on disk, so that what a keeper has committed to can be opened whatever ends in between.
//!
//! ```text
//! $BLYAN_HOME/holdouts/<genesis>/<keeper>-<model>/<commitment>.prepared    salt, then bytes; before anything is sent
//! $BLYAN_HOME/holdouts/<genesis>/<keeper>-<model>/<commitment>.chunk       the same file, once the chain has the commitment
//! ```
//!
//! A file is written whole or not at all. It stays when its chunk was opened: its sequences are never cut again.

use crate::{
	client,
	failure::{Context, Failure, Outcome},
	home::{create_private_dir, write_private, Home},
};
use blyan_engine::dataset::Document;
use blyan_primitives::{chunk_commitment, ModelId, SealingRules};
use rand::seq::SliceRandom;
use sp_core::{crypto::AccountId32, H256};
use std::{
	collections::BTreeSet,
	fs,
	path::{Path, PathBuf},
};

/// Directory of all chunks below the home directory.
const FOLDER: &str = "holdouts";
/// Extension of a chunk that may not be on chain yet.
const PREPARED: &str = "prepared";
/// Extension of a chunk that is, or was, on chain.
const COMMITTED: &str = "chunk";
/// Bytes of the salt in front of a chunk.
const SALT_BYTES: usize = 32;

/// A chunk with what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptChunk {
	/// Its salt.
	pub salt: H256,
	/// Its bytes.
	pub bytes: Vec<u8>,
}

impl KeptChunk {
	/// Hash that names its blob.
	pub fn blob(&self) -> H256 {
		client::hash(&self.bytes)
	}
}

/// One keeper's chunks for one model of one network.
pub struct Vault {
	folder: PathBuf,
	genesis: H256,
	keeper: AccountId32,
	model: ModelId,
}

impl Vault {
	/// Opens a vault, which is made if it is not there.
	pub fn open(home: &Home, genesis: [u8; 32], keeper: AccountId32, model: ModelId) -> Outcome<Self> {
		home.create_dir(FOLDER)?;
		let account: &[u8] = keeper.as_ref();
		let name = format!("{}-{model}", hex::encode(account));
		let folder = home.path(FOLDER).join(&hex::encode(genesis)[..16]).join(name);
		create_private_dir(&folder)?;
		Ok(Self { folder, genesis: H256(genesis), keeper, model })
	}

	/// Where its files are.
	pub fn folder(&self) -> &Path {
		&self.folder
	}

	/// The commitment to a chunk.
	pub fn commitment(&self, chunk: &KeptChunk) -> H256 {
		chunk_commitment(&self.genesis, &self.keeper, self.model, &chunk.blob(), &chunk.salt)
	}

	/// Writes a new chunk of these bytes, before anything about it is sent. Returns its commitment.
	pub fn prepare(&self, bytes: Vec<u8>) -> Outcome<H256> {
		let chunk = KeptChunk { salt: crate::commitment::new_salt(), bytes };
		let commitment = self.commitment(&chunk);
		write_private(&self.path(&commitment, PREPARED), &[chunk.salt.as_bytes(), &chunk.bytes].concat())?;
		Ok(commitment)
	}

	/// Notes that the chain has a commitment.
	pub fn note_committed(&self, commitment: &H256) -> Outcome<()> {
		let prepared = self.path(commitment, PREPARED);
		if prepared.exists() {
			fs::rename(&prepared, self.path(commitment, COMMITTED)).context(prepared.display())?;
		}
		Ok(())
	}

	/// Commitments that may not be on chain yet.
	pub fn prepared(&self) -> Outcome<Vec<H256>> {
		self.names(|extension| extension == PREPARED)
	}

	/// A prepared chunk that could be opened, if there is one. The chain takes any commitment as one to a chunk of its present rules'
	/// shape, and a keeper that cannot open such a chunk pays for it.
	///
	/// - `can_be_opened`: of a chunk's bytes, under the present rules.
	pub fn fitting(&self, can_be_opened: impl Fn(&[u8]) -> bool) -> Outcome<Option<H256>> {
		let is_meant = |commitment: &H256| {
			let chunk = self.read(commitment).ok().flatten();
			chunk.is_some_and(|chunk| can_be_opened(&chunk.bytes))
		};
		Ok(self.prepared()?.into_iter().find(is_meant))
	}

	/// All commitments.
	pub fn all(&self) -> Outcome<Vec<H256>> {
		self.names(|extension| extension == PREPARED || extension == COMMITTED)
	}

	/// A chunk, checked against its commitment; `None` if it is not kept here.
	pub fn read(&self, commitment: &H256) -> Outcome<Option<KeptChunk>> {
		let Some((path, file)) = self.file(commitment)? else { return Ok(None) };
		let chunk = file
			.split_at_checked(SALT_BYTES)
			.map(|(salt, bytes)| KeptChunk { salt: H256::from_slice(salt), bytes: bytes.to_vec() })
			.filter(|chunk| self.commitment(chunk) == *commitment);
		match chunk {
			Some(chunk) => Ok(Some(chunk)),
			None => Err(Failure::new(format!("{} is not the chunk of its name", path.display())).next(
				"restore it from a copy, or give notice for the chunk before it is appointed: Holdouts.withdraw",
			)),
		}
	}

	/// A chunk's file, if there is one, with its path.
	fn file(&self, commitment: &H256) -> Outcome<Option<(PathBuf, Vec<u8>)>> {
		let paths = [COMMITTED, PREPARED].map(|extension| self.path(commitment, extension));
		let Some(path) = paths.into_iter().find(|path| path.exists()) else { return Ok(None) };
		let file = fs::read(&path).context(path.display())?;
		Ok(Some((path, file)))
	}

	/// The chunk whose blob has this name. Files that are damaged are others: one of them must not keep an open chunk from operators.
	pub fn find(&self, blob: &H256) -> Outcome<Option<KeptChunk>> {
		let mut chunks =
			self.all()?.into_iter().filter_map(|commitment| self.read(&commitment).ok().flatten());
		Ok(chunks.find(|chunk| chunk.blob() == *blob))
	}

	/// Every sequence of so many bytes in any chunk, a damaged one included: what is left of it may have been opened.
	///
	/// - `header`: bytes in front of a chunk's sequences.
	pub fn sequences(&self, header: usize, len: usize) -> Outcome<BTreeSet<Vec<u8>>> {
		let mut known = BTreeSet::new();
		for commitment in self.all()? {
			let file = self.file(&commitment)?.map(|(_, file)| file).unwrap_or_default();
			let bytes = file.get(SALT_BYTES.saturating_add(header)..).unwrap_or_default();
			known.extend(bytes.chunks_exact(len.max(1)).map(<[u8]>::to_vec));
		}
		Ok(known)
	}

	fn names(&self, is_meant: impl Fn(&str) -> bool) -> Outcome<Vec<H256>> {
		let mut names = Vec::new();
		for entry in fs::read_dir(&self.folder).context(self.folder.display())? {
			let path = entry?.path();
			let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
			let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
			if let (true, Ok(commitment)) = (is_meant(extension), stem.parse::<H256>()) {
				names.push(commitment);
			}
		}
		names.sort_unstable();
		Ok(names)
	}

	fn path(&self, commitment: &H256, extension: &str) -> PathBuf {
		self.folder.join(format!("{}.{extension}", hex::encode(commitment.as_bytes())))
	}
}

/// Cuts documents into chunks of sequences that are in no other chunk, in random order: no two sequences of a chunk are equal, and what
/// stands beside each other in a document does not in a chunk.
pub fn cut(documents: &[Document], rules: &SealingRules, known: &BTreeSet<Vec<u8>>) -> Vec<Vec<u8>> {
	let len = usize::from(rules.sequence_len).max(1);
	let sequences: BTreeSet<&[u8]> = documents
		.iter()
		.flat_map(|document| document.text.as_bytes().chunks_exact(len))
		.filter(|sequence| !known.contains(*sequence))
		.collect();
	let mut sequences: Vec<&[u8]> = sequences.into_iter().collect();
	sequences.shuffle(&mut rand::thread_rng());
	let count = usize::try_from(rules.sequences).unwrap_or(usize::MAX).max(1);
	sequences.chunks_exact(count).map(|chunk| chunk.concat()).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	const RULES: SealingRules =
		SealingRules { sequences: 4, sequence_len: 16, loss_min: 0, loss_max: u32::MAX };

	fn documents(count: usize) -> Vec<Document> {
		let text = |n: usize| format!("document {n:07}").repeat(3);
		(0..count).map(|n| Document::new(text(n), format!("o{n}"), format!("f{n}"), "MIT".into())).collect()
	}

	fn vault(home: &Path) -> Vault {
		let home = Home::find(Some(home.to_path_buf())).unwrap();
		Vault::open(&home, [1; 32], AccountId32::new([2; 32]), 0).unwrap()
	}

	#[test]
	fn chunks_are_valid_and_share_no_sequence() {
		let chunks = cut(&documents(21), &RULES, &BTreeSet::new());
		// Each text is the same sixteen bytes three times.
		assert_eq!(chunks.len(), 5);
		let all: BTreeSet<&[u8]> = chunks.iter().flat_map(|chunk| chunk.chunks_exact(16)).collect();
		assert_eq!(all.len(), 20);
		assert!(chunks.iter().all(|chunk| RULES.holdout_of(chunk).is_some()));
		let known = all.into_iter().map(<[u8]>::to_vec).collect();
		assert!(cut(&documents(21), &RULES, &known).is_empty(), "one is left, and makes no chunk");
	}

	#[test]
	fn a_chunk_can_be_opened_whenever_the_program_ended() {
		let home = tempfile::tempdir().unwrap();
		let bytes = cut(&documents(4), &RULES, &BTreeSet::new()).remove(0);
		let commitment = vault(home.path()).prepare(bytes.clone()).unwrap();
		// Ended before, or just after, the commitment was sent.
		let again = vault(home.path());
		assert_eq!(again.prepared().unwrap(), [commitment]);
		let chunk = again.read(&commitment).unwrap().unwrap();
		assert_eq!((again.commitment(&chunk), &chunk.bytes), (commitment, &bytes));
		again.note_committed(&commitment).unwrap();
		again.note_committed(&commitment).unwrap();
		assert!(again.prepared().unwrap().is_empty());
		assert_eq!(again.all().unwrap(), [commitment]);
		assert_eq!(vault(home.path()).read(&commitment).unwrap(), Some(chunk.clone()));
		assert_eq!(again.find(&chunk.blob()).unwrap(), Some(chunk));
		assert_eq!(again.sequences(0, 16).unwrap().len(), 4);
		assert_eq!(again.read(&H256([9; 32])).unwrap(), None);
	}

	#[test]
	fn no_commitment_is_sent_to_a_chunk_that_could_not_be_opened() {
		let home = tempfile::tempdir().unwrap();
		let vault = vault(home.path());
		let mut chunks = cut(&documents(8), &RULES, &BTreeSet::new());
		let damaged = vault.prepare(chunks.remove(0)).unwrap();
		let path = vault.path(&damaged, PREPARED);
		let mut file = fs::read(&path).unwrap();
		file[40] ^= 1;
		fs::write(&path, file).unwrap();
		assert_eq!(vault.fitting(|bytes| RULES.holdout_of(bytes).is_some()).unwrap(), None);
		let whole = vault.prepare(chunks.remove(0)).unwrap();
		assert_eq!(vault.fitting(|bytes| RULES.holdout_of(bytes).is_some()).unwrap(), Some(whole));
		// The model was sealed by other rules meanwhile.
		let other = SealingRules { sequences: 5, ..RULES };
		assert_eq!(vault.fitting(|bytes| other.holdout_of(bytes).is_some()).unwrap(), None);
		vault.note_committed(&whole).unwrap();
		assert_eq!(vault.fitting(|bytes| RULES.holdout_of(bytes).is_some()).unwrap(), None);
	}

	#[test]
	fn a_damaged_chunk_keeps_no_other_from_operators() {
		let home = tempfile::tempdir().unwrap();
		let vault = vault(home.path());
		let mut chunks = cut(&documents(8), &RULES, &BTreeSet::new());
		let (damaged, whole) =
			(vault.prepare(chunks.remove(0)).unwrap(), vault.prepare(chunks.remove(0)).unwrap());
		let path = vault.path(&damaged, PREPARED);
		let mut file = fs::read(&path).unwrap();
		file[0] ^= 1;
		fs::write(&path, file).unwrap();
		let chunk = vault.read(&whole).unwrap().unwrap();
		assert_eq!(vault.find(&chunk.blob()).unwrap(), Some(chunk));
		assert_eq!(vault.find(&H256([9; 32])).unwrap(), None);
		assert_eq!(vault.sequences(0, 16).unwrap().len(), 8, "what may be public is not cut again");
	}

	#[test]
	fn a_damaged_chunk_is_not_shown_to_the_chain() {
		let home = tempfile::tempdir().unwrap();
		let vault = vault(home.path());
		let commitment = vault.prepare(vec![7; 64]).unwrap();
		let path = vault.path(&commitment, PREPARED);
		let mut file = fs::read(&path).unwrap();
		file[40] ^= 1;
		fs::write(&path, file).unwrap();
		assert!(vault.read(&commitment).unwrap_err().message.contains("is not the chunk of its name"));
		fs::write(&path, b"short").unwrap();
		assert!(vault.read(&commitment).is_err());
	}
}
