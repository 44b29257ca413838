//! Moving blobs between this machine and a node, in chunks that can be resumed, every byte verified.

use super::Client;
use crate::failure::{Failure, Kind, Outcome};
use base64::{engine::general_purpose::STANDARD, Engine};
use blyan_primitives::BlobRef;
use blyan_rpc_api::{BlyanApiClient, Upload};
use sp_core::H256;
use std::time::Duration;

/// Bytes in one message; the node takes at most 1 MiB.
const CHUNK: usize = 512 * 1024;
/// Smallest piece that is asked for when a node's answers are limited.
const CHUNK_MIN: usize = 4 * 1024;
/// Attempts at an upload that does not get on: the node is full, has not seen the block that announces the
/// blob, or loses what it is sent.
const ATTEMPTS: u32 = 5;
/// Pause after the first attempt; each later one is twice as long.
const PAUSE: Duration = Duration::from_secs(1);

/// Blake2b-256, which names a blob.
pub fn hash(bytes: &[u8]) -> H256 {
	H256(sp_crypto_hashing::blake2_256(bytes))
}

/// Where an upload goes.
trait Receiver {
	/// Sends a chunk that begins at `offset`.
	async fn send(&self, offset: usize, chunk: &[u8]) -> Outcome<Upload>;
	/// Reports whether the node has the whole blob.
	async fn has_blob(&self) -> Outcome<bool>;
}

struct NodeStore<'a> {
	client: &'a Client,
	hash: H256,
	total: usize,
}

impl Receiver for NodeStore<'_> {
	async fn send(&self, offset: usize, chunk: &[u8]) -> Outcome<Upload> {
		let (offset, total) = (offset as u64, self.total as u64);
		let call = self.client.node.upload_blob(self.hash, offset, total, STANDARD.encode(chunk));
		self.client.answer("blyan_uploadBlob", call).await
	}

	async fn has_blob(&self) -> Outcome<bool> {
		self.client.has_blob(&self.hash).await
	}
}

/// Hands a blob to the node, which takes only what the chain has announced.
///
/// Goes on where the node says that bytes are missing, so an upload that was cut off is resumed. Ends with
/// [`Kind::Incomplete`] when the node takes no more bytes, however often they are sent.
///
/// - `progress` is told the bytes that the node has.
pub async fn upload(client: &Client, bytes: &[u8], progress: impl FnMut(u64)) -> Outcome<()> {
	let node = NodeStore { client, hash: hash(bytes), total: bytes.len() };
	upload_to(&node, bytes, CHUNK, PAUSE, progress).await
}

/// Progress of an upload, without its input and output.
struct Cursor {
	total: usize,
	chunk: usize,
	offset: usize,
	/// Bytes that the node named last.
	received: u64,
	/// Every chunk is sent, whatever the node names: its count may hide a hole.
	in_order: bool,
	/// The node was taken at its word once after it had stopped.
	set_back: bool,
	stalls: u32,
	sends_left: usize,
}

impl Cursor {
	fn new(total: usize, chunk: usize) -> Self {
		// Every attempt sends each chunk once, and may be set back once; more means that the node counts in
		// bytes to keep its client busy.
		let sends_left = (ATTEMPTS as usize + 1) * 2 * (total.div_ceil(chunk) + 1);
		Self { total, chunk, offset: 0, received: 0, in_order: false, set_back: false, stalls: 0, sends_left }
	}

	fn range(&self) -> std::ops::Range<usize> {
		self.offset..self.total.min(self.offset + self.chunk)
	}

	/// Takes the node's answer to the chunk at the cursor; says whether the upload got on.
	fn took(&mut self, received: u64) -> bool {
		let sent_to = self.range().end;
		let before = std::mem::replace(&mut self.received, received);
		let named = usize::try_from(received).unwrap_or(usize::MAX);
		let got_on = received > before;
		if self.in_order && sent_to < self.total {
			self.offset = sent_to;
			return true;
		}
		if got_on && named < self.total && !self.in_order {
			self.offset = named;
			return true;
		}
		// The node lost bytes, names all of them without having the blob, or did not take this chunk. Once it
		// is taken at its word; then every chunk is sent from the first byte on.
		let is_first = !std::mem::replace(&mut self.set_back, true);
		(self.offset, self.in_order) = match is_first && named < self.total {
			true => (named, false),
			false => (0, true),
		};
		false
	}
}

async fn upload_to(
	node: &impl Receiver,
	bytes: &[u8],
	chunk: usize,
	pause: Duration,
	mut note: impl FnMut(u64),
) -> Outcome<()> {
	if node.has_blob().await? {
		return Ok(());
	}
	let mut cursor = Cursor::new(bytes.len(), chunk);
	let mut reason = None;
	while cursor.sends_left > 0 && cursor.stalls <= ATTEMPTS {
		cursor.sends_left -= 1;
		match node.send(cursor.offset, &bytes[cursor.range()]).await {
			Ok(answer) if answer.complete => return Ok(()),
			Ok(answer) => {
				reason = None;
				let got_on = cursor.took(answer.received);
				note(answer.received.min(bytes.len() as u64));
				if got_on {
					continue;
				}
			}
			// The node may be full, or not have seen the block that announces the blob.
			Err(failure) if failure.kind == Kind::Refused => reason = Some(failure),
			Err(failure) => return Err(failure.next(RESUME)),
		}
		if cursor.stalls < ATTEMPTS {
			tokio::time::sleep(pause.saturating_mul(1 << cursor.stalls)).await;
		}
		cursor.stalls += 1;
	}
	if node.has_blob().await? {
		return Ok(());
	}
	if let Some(refusal) = reason {
		return Err(refusal.next(RESUME));
	}
	Err(Failure::new(format!(
		"the upload of blob {:?} does not get on: the node names {} of {} bytes and takes no more",
		hash(bytes),
		cursor.received.min(bytes.len() as u64),
		bytes.len()
	))
	.kind(Kind::Incomplete)
	.next(RESUME))
}

/// Next step after an upload that ended early.
const RESUME: &str =
	"nothing is lost: go on with the same command, or with: blyan upload FILE; another node may take \
	it with --url";

/// Fetches a blob and verifies it; `progress` is told the bytes that are here.
pub async fn download(client: &Client, blob: &BlobRef, mut progress: impl FnMut(u64)) -> Outcome<Vec<u8>> {
	let size = blob.size as usize;
	let mut bytes = Vec::with_capacity(size);
	let mut piece = CHUNK;
	while bytes.len() < size {
		let wanted = piece.min(size - bytes.len()) as u32;
		let call = client.node.blob(blob.hash, bytes.len() as u64, wanted);
		let chunk = match client.answer("blyan_blob", call).await {
			Err(failure) if failure.kind == Kind::Oversized && piece > CHUNK_MIN => {
				piece /= 2;
				continue;
			}
			answer => answer?,
		};
		let chunk = STANDARD.decode(chunk.data_base64)?;
		if chunk.is_empty() || chunk.len() > size - bytes.len() {
			return Err(Failure::new(format!("the node's copy of blob {:?} has another length", blob.hash))
				.next("fetch it from another node with --url"));
		}
		bytes.extend(chunk);
		progress(bytes.len() as u64);
	}
	if hash(&bytes) != blob.hash {
		return Err(Failure::new(format!("the node's copy of blob {:?} is corrupt", blob.hash))
			.next("fetch it from another node with --url"));
	}
	Ok(bytes)
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::cell::{Cell, RefCell};

	/// The unit in which a node counts what it has received.
	#[derive(Clone, Copy, PartialEq)]
	enum Counting {
		/// The first byte that is missing.
		FirstMissing,
		/// The sum of all bytes, as earlier releases had it.
		Sum,
		/// Always the same, whatever it is sent.
		Stuck(u64),
		/// One more each time, and never complete.
		Teasing,
	}

	struct TestNode {
		counting: Counting,
		has: RefCell<Vec<bool>>,
		sends: Cell<usize>,
		/// Sends before everything is lost once, as by a restart.
		restart_at: Option<usize>,
		refuse_first: usize,
	}

	impl TestNode {
		fn new(counting: Counting, total: usize) -> Self {
			Self {
				counting,
				has: RefCell::new(vec![false; total]),
				sends: Cell::new(0),
				restart_at: None,
				refuse_first: 0,
			}
		}

		fn upload(&self) -> Outcome<()> {
			let bytes = vec![7; self.has.borrow().len()];
			let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
			runtime.block_on(upload_to(self, &bytes, 10, Duration::ZERO, |_| ()))
		}
	}

	impl Receiver for TestNode {
		async fn send(&self, offset: usize, chunk: &[u8]) -> Outcome<Upload> {
			let send = self.sends.get();
			self.sends.set(send + 1);
			if send < self.refuse_first {
				return Err(
					Failure::new("no model, holdout or open submission names this blob").kind(Kind::Refused)
				);
			}
			let mut has = self.has.borrow_mut();
			if self.restart_at == Some(send) {
				has.fill(false);
			}
			has[offset..offset + chunk.len()].fill(true);
			let sum = has.iter().filter(|has| **has).count();
			let received = match self.counting {
				Counting::FirstMissing => has.iter().position(|has| !has).unwrap_or(has.len()),
				Counting::Sum => sum,
				Counting::Stuck(received) => received as usize,
				Counting::Teasing => send + 1,
			};
			let is_honest = matches!(self.counting, Counting::FirstMissing | Counting::Sum);
			Ok(Upload { received: received as u64, complete: is_honest && sum == has.len() })
		}

		async fn has_blob(&self) -> Outcome<bool> {
			Ok(false)
		}
	}

	#[test]
	fn upload_fills_the_holes_that_others_left_however_the_node_counts() {
		for counting in [Counting::FirstMissing, Counting::Sum] {
			for there in [vec![], vec![94], vec![0], vec![5, 94], vec![10, 11, 40], (1..95).collect()] {
				let node = TestNode::new(counting, 95);
				there.iter().for_each(|&at: &usize| node.has.borrow_mut()[at] = true);
				node.upload().unwrap();
				assert!(node.sends.get() <= 30, "{} sends", node.sends.get());
			}
		}
	}

	#[test]
	fn upload_goes_on_where_the_node_lost_bytes() {
		for counting in [Counting::FirstMissing, Counting::Sum] {
			let node = TestNode { restart_at: Some(6), ..TestNode::new(counting, 95) };
			node.upload().unwrap();
			assert!(node.sends.get() <= 30, "{} sends", node.sends.get());
		}
	}

	#[test]
	fn upload_waits_for_a_node_that_has_not_seen_the_announcement() {
		let node = TestNode { refuse_first: 3, ..TestNode::new(Counting::FirstMissing, 95) };
		node.upload().unwrap();
		let node = TestNode { refuse_first: usize::MAX, ..TestNode::new(Counting::FirstMissing, 95) };
		let failure = node.upload().unwrap_err();
		assert_eq!(failure.kind, Kind::Refused);
		assert!(failure.next.unwrap().contains("blyan upload"));
		assert_eq!(node.sends.get(), ATTEMPTS as usize + 1);
	}

	#[test]
	fn upload_ends_when_the_node_takes_no_more() {
		for counting in [
			Counting::Stuck(0),
			Counting::Stuck(94),
			Counting::Stuck(95),
			Counting::Stuck(u64::MAX),
			Counting::Teasing,
		] {
			let node = TestNode::new(counting, 95);
			let failure = node.upload().unwrap_err();
			assert_eq!(failure.kind, Kind::Incomplete);
			assert!(failure.message.contains("does not get on"), "{}", failure.message);
			assert!(node.sends.get() <= 2 * 6 * 11, "{} sends", node.sends.get());
		}
	}
}
