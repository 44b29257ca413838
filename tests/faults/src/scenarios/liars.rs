//! A peer that serves wrong bytes.

use super::{Done, Settings};
use crate::stage::Stage;
use blyan_e2e::network::Link;
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
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

/// A candidate reaches the liar while the asker is cut off. Then its bytes are changed on the liar's disk, and the asker
/// can reach the liar only. It must not believe it, and must get the right bytes from others later.
pub async fn wrong_bytes(stage: Arc<Stage>, settings: Settings) -> Done {
	let noise = stage.files.noise(1);
	let hash = noise.block.blob.hash;
	let [asker, liar] = [ASKER, LIAR].map(|name| stage.addresses(&[name]));
	let honest = stage.addresses(&HONEST);
	stage.wire.set_between(&asker, &[&honest[..], &liar].concat(), Link::CUT);

	let entry = stage.network.member("operator-alice");
	let said = stage.files.command(&entry.url()).run(&[
		"submit",
		&noise.arg(),
		"--slot",
		blyan_e2e::SLOT,
		"--suri",
		"//Ferdie",
		"--no-wait",
	]);
	let submitted = said.values.iter().find(|value| value["event"] == "submitted");
	let id =
		submitted.and_then(|value| value["submission"].as_u64()).ok_or(format!("not submitted: {said:?}"))?;
	wait_for_blob(&stage, LIAR, hash).await?;
	change(&stage, hash)?;

	// The asker hears of the submission from the liar, and asks it for the bytes.
	stage.wire.set_between(&asker, &liar, Link::default());
	let before = stage.network.member(ASKER).log().matches(CAUGHT).count();
	let began_at = Instant::now();
	let caught = loop {
		let caught = stage.network.member(ASKER).log().matches(CAUGHT).count() - before;
		if caught > 0 || began_at.elapsed() > settings.hold * 3 {
			break caught;
		}
		tokio::time::sleep(Duration::from_secs(1)).await;
	};
	if stage.network.chain(ASKER).await.has_blob(hash).await {
		return Err(format!("{ASKER} took what {LIAR} has instead of the blob"));
	}
	stage.wire.heal();
	if caught == 0 {
		return Err(format!("{ASKER} never caught {LIAR}, which had the only copy within reach"));
	}
	wait_for_blob(&stage, ASKER, hash).await?;
	let chain = stage.network.chain(ASKER).await;
	let outcome = chain.wait_for_outcome(id).await;
	if !matches!(outcome, SubmissionOutcome::Rejected(RejectReason::NotBetter { .. })) {
		return Err(format!("noise was decided otherwise: {outcome:?}"));
	}
	let verdicts = chain.verdicts(id).await;
	let judges: Vec<_> = verdicts.iter().filter(|(_, verdict)| *verdict == verdicts[0].1).collect();
	Ok(format!(
		"{LIAR} served changed bytes of a candidate as the only peer in reach: caught {caught} times by {ASKER}, \
		which fetched the right ones after healing; {} of {} verdicts agree",
		judges.len(),
		verdicts.len()
	))
}

async fn wait_for_blob(stage: &Stage, name: &str, hash: sp_core::H256) -> Result<(), String> {
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

/// Changes a byte in the middle of the liar's copy.
fn change(stage: &Stage, hash: sp_core::H256) -> Result<(), String> {
	let data = stage.network.member(LIAR).dir().join("data");
	let path: PathBuf = data.join("chains/blyan-local/blobs").join(format!("{hash:x}"));
	let wrong = |error| format!("{}: {error}", path.display());
	let mut bytes = std::fs::read(&path).map_err(wrong)?;
	let middle = bytes.len() / 2;
	bytes[middle] ^= 0xff;
	std::fs::write(&path, bytes).map_err(wrong)
}
