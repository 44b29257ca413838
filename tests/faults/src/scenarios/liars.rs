//! A peer that serves wrong bytes.

use super::{Done, Settings};
use crate::stage::Stage;
use blyan_e2e::network::{Link, Member};
use sp_core::H256;
use std::{
	path::PathBuf,
	sync::Arc,
	time::{Duration, Instant},
};

/// Who serves wrong bytes, and who is offered them.
const LIAR: &str = "operator-bob";
const ASKER: &str = "operator-charlie";
/// Everybody else who could serve the right ones.
const HONEST: [&str; 3] = ["operator-alice", "collator-alice", "collator-bob"];
/// How long a blob may take to reach a node that can ask for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(180);
/// What a node logs when a proof does not hold.
const CAUGHT: &str = "sent wrong bytes";

/// The asker loses a blob of the model, and the liar's copy is changed. Then the asker can reach the liar only. It must not
/// believe it, and must get the right bytes from others later.
pub async fn wrong_bytes(stage: Arc<Stage>, settings: Settings) -> Done {
	let hash = stage.expert().ok_or("the model has an expert")?;
	let [asker, liar] = [ASKER, LIAR].map(|name| stage.network.member(name));
	asker.stop();
	std::fs::remove_file(path(asker, hash)).map_err(|error| format!("{}: {error}", asker.name()))?;
	let right = change(liar, hash)?;
	stage.wire.set_between(&stage.addresses(&[ASKER]), &stage.addresses(&HONEST), Link::CUT);
	let before = caught(asker);
	asker.start();
	let began_at = Instant::now();
	while caught(asker) == before && began_at.elapsed() < settings.hold * 4 {
		tokio::time::sleep(Duration::from_secs(1)).await;
	}
	let caught = caught(asker) - before;
	let believed = stage.network.chain(ASKER).await.has_blob(hash).await;
	stage.wire.heal();
	if believed {
		return Err(format!("{ASKER} took what {LIAR} has instead of the blob"));
	}
	if caught == 0 {
		return Err(format!("{ASKER} never caught {LIAR}, which had the only copy within reach"));
	}
	wait_for_blob(&stage, ASKER, hash).await?;
	replace(liar, hash, &right)?;
	Ok(format!(
		"{ASKER} lost an expert, {LIAR} had it with a byte changed and was the only peer in reach: \
		caught {caught} times; after healing {ASKER} got the right bytes from others"
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

/// How often a node caught another one so far.
fn caught(member: &Member) -> usize {
	member.log().matches(CAUGHT).count()
}

/// Where a node keeps a blob.
fn path(member: &Member, hash: H256) -> PathBuf {
	member.dir().join("data/chains/blyan-local/blobs").join(format!("{hash:x}"))
}

/// Changes a byte in the middle of a node's copy, and returns what it was.
fn change(member: &Member, hash: H256) -> Result<Vec<u8>, String> {
	let right = std::fs::read(path(member, hash)).map_err(|error| format!("{}: {error}", member.name()))?;
	let mut wrong = right.clone();
	let middle = wrong.len() / 2;
	wrong[middle] ^= 0xff;
	replace(member, hash, &wrong)?;
	Ok(right)
}

/// Puts another file in the place of a blob. What the node has mapped of the old one stays as it is.
fn replace(member: &Member, hash: H256, bytes: &[u8]) -> Result<(), String> {
	let beside = member.dir().join("other-bytes");
	std::fs::write(&beside, bytes)
		.and_then(|()| std::fs::rename(&beside, path(member, hash)))
		.map_err(|error| format!("{}: {error}", member.name()))
}
