//! A peer that serves wrong bytes.

use super::{Done, Settings};
use crate::stage::Stage;
use blyan_e2e::network::{Link, Member};
use sp_core::H256;
use std::{
	path::{Path, PathBuf},
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	thread::JoinHandle,
	time::{Duration, Instant},
};

/// The member that serves wrong bytes, and the one that is offered them.
const LIAR: &str = "operator-bob";
const ASKER: &str = "operator-charlie";
/// Everybody else who could serve the right ones.
const HONEST: [&str; 3] = ["operator-alice", "collator-alice", "collator-bob"];
/// Time within which a blob must reach a node that can ask for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(180);
/// Log message of a node about a proof that does not hold.
const CAUGHT: &str = "sent wrong bytes";

/// The asker loses a blob of the model, and the liar's copy is changed, again and again, because a node that reads its own
/// copy notices, and fetches another. The asker can reach the liar only. It must not believe it, and must get the
/// right bytes from others later.
pub async fn wrong_bytes(stage: Arc<Stage>, settings: Settings) -> Done {
	let hash = stage.expert().ok_or("the model has an expert")?;
	let [asker, liar] = [ASKER, LIAR].map(|name| stage.network.member(name));
	asker.stop();
	std::fs::remove_file(path(asker, hash)).map_err(|error| format!("{}: {error}", asker.name()))?;
	let right = std::fs::read(path(liar, hash)).map_err(|error| format!("{}: {error}", liar.name()))?;
	let spoiler = Spoiler::start(liar, hash, &right)?;
	stage.wire.set_between(&stage.addresses(&[ASKER]), &stage.addresses(&HONEST), Link::CUT);
	let before = caught(asker);
	asker.start();
	let began_at = Instant::now();
	while caught(asker) == before && began_at.elapsed() < settings.hold * 4 {
		tokio::time::sleep(Duration::from_secs(1)).await;
	}
	let caught = caught(asker) - before;
	let got_it = stage.network.chain(ASKER).await.has_blob(hash).await;
	let spoiled = spoiler.stop();
	replace(liar, &path(liar, hash), &right)?;
	stage.wire.heal();
	if caught == 0 {
		let instead = if got_it { "it got the right bytes nevertheless" } else { "it got none" };
		return Err(format!("{ASKER} never caught {LIAR} at serving wrong bytes; {instead}"));
	}
	wait_for_blob(&stage, ASKER, hash).await?;
	Ok(format!(
		"{ASKER} lost an expert; {LIAR}, the only peer in reach, had it with a byte changed ({spoiled} times): \
		caught {caught} times; after healing {ASKER} got the right bytes"
	))
}

async fn wait_for_blob(stage: &Stage, name: &str, hash: H256) -> Result<(), String> {
	let chain = stage.network.chain(name).await;
	let began_at = Instant::now();
	while !chain.has_blob(hash).await {
		if began_at.elapsed() > FETCH_TIMEOUT {
			return Err(format!("{name} did not get the blob in {} s", FETCH_TIMEOUT.as_secs()));
		}
		tokio::time::sleep(Duration::from_millis(500)).await;
	}
	Ok(())
}

/// Returns how often a node caught another one so far.
fn caught(member: &Member) -> usize {
	member.log().matches(CAUGHT).count()
}

/// Where a node keeps a blob.
fn path(member: &Member, hash: H256) -> PathBuf {
	member.dir().join("data/chains/blyan-local/blobs").join(format!("{hash:x}"))
}

/// Changes a byte of a node's copy whenever it is right.
struct Spoiler {
	is_over: Arc<AtomicBool>,
	thread: JoinHandle<u32>,
}

impl Spoiler {
	fn start(member: &Member, hash: H256, right: &[u8]) -> Result<Self, String> {
		let (place, beside, right) = (path(member, hash), member.dir().join("other-bytes"), right.to_vec());
		let mut wrong = right.clone();
		let middle = wrong.len() / 2;
		*wrong.get_mut(middle).ok_or("an expert has bytes")? ^= 0xff;
		let is_over = Arc::new(AtomicBool::new(false));
		let told = is_over.clone();
		let thread = std::thread::spawn(move || {
			let mut spoiled = 0;
			while !told.load(Ordering::Relaxed) {
				let is_right = std::fs::read(&place).is_ok_and(|bytes| bytes == right);
				spoiled += u32::from(is_right && put(&beside, &place, &wrong).is_ok());
				std::thread::sleep(Duration::from_millis(1));
			}
			spoiled
		});
		Ok(Self { is_over, thread })
	}

	/// Stops, and returns how often it was right and is not any more.
	fn stop(self) -> u32 {
		self.is_over.store(true, Ordering::Relaxed);
		self.thread.join().unwrap_or_default()
	}
}

/// Puts other bytes in the place of a file. What is mapped of the old one stays as it is.
fn put(beside: &Path, place: &Path, bytes: &[u8]) -> std::io::Result<()> {
	std::fs::write(beside, bytes)?;
	std::fs::rename(beside, place)
}

/// The same for a file of a node.
fn replace(member: &Member, place: &Path, bytes: &[u8]) -> Result<(), String> {
	put(&member.dir().join("other-bytes"), place, bytes)
		.map_err(|error| format!("{}: {error}", member.name()))
}
