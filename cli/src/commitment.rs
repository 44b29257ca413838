//! The commitment before a submission: made once, found again by the same salt, and waited for.

use crate::{
	amount,
	client::Client,
	failure::{Failure, Kind, Outcome},
	keys::Account,
	names,
	output::Output,
};
use blyan_primitives::{commitment_hash, BlockRef, ExpertSlot};
use blyan_runtime_api::CommitmentInfo;
use serde_json::json;
use sp_core::H256;
use std::time::{Duration, Instant};
use subxt::dynamic::Value;

/// Pause before the node is asked for its newest block again.
const POLL: Duration = Duration::from_millis(250);
/// Wait for the blocks that make a commitment old enough, at most. On a chain with blocks of six seconds it takes half a minute.
const AGE_TIMEOUT: Duration = Duration::from_secs(600);

/// Returns a salt that no other account can guess.
pub fn new_salt() -> H256 {
	H256(rand::random())
}

/// Commits the account to a block, unless the chain has this commitment already.
pub async fn ensure(
	client: &Client,
	output: &Output,
	account: &Account,
	slot: ExpertSlot,
	block: &BlockRef,
	salt: &H256,
) -> Outcome<CommitmentInfo> {
	let commitment = commitment_hash(&H256(client.genesis()), &account.id(), &slot, block, salt);
	let fields = |info: &CommitmentInfo, fee: Option<u128>| {
		json!({ "commitment": commitment, "block": info.committed_at, "opens_at": info.opens_at,
			"expires_at": info.expires_at, "fee": fee.map(|fee| fee.to_string()) })
	};
	if let Some(info) = find(client, account, &commitment).await? {
		let text = format!(
			"committed  {} in block {} by an earlier run; it opens in block {}",
			names::short_hash(&commitment),
			info.committed_at,
			info.opens_at
		);
		output.event("committed", fields(&info, None), text);
		return Ok(info);
	}
	let arguments = vec![("commitment", Value::from_bytes(commitment))];
	let receipt = match client.submit(account, "ProofOfLearning", "commit", arguments).await {
		Ok(receipt) => receipt,
		// The chain may have it by now, from a run that was ended before it heard so.
		Err(failure) => match find(client, account, &commitment).await.ok().flatten() {
			Some(info) => return Ok(info),
			None => return Err(failure),
		},
	};
	let info = find(client, account, &commitment).await?.ok_or_else(|| {
		Failure::new("the commitment is in a block, but the chain does not list it")
			.next("run the same command again: it goes on with the same commitment")
	})?;
	let text = format!(
		"committed  {}, fee {} (block {}); it opens in block {}",
		names::short_hash(&commitment),
		amount::show(receipt.fee()),
		info.committed_at,
		info.opens_at
	);
	output.event("committed", fields(&info, Some(receipt.fee())), text);
	Ok(info)
}

/// Waits until the next block may hold the submission that opens a commitment.
pub async fn wait(client: &Client, output: &Output, commitment: &CommitmentInfo) -> Outcome<()> {
	let spinner = output.spinner("the commitment ages");
	let started = Instant::now();
	loop {
		let finalised = client.finalised_block().await?;
		// A transaction that is sent now is in a later block than the finalised one.
		if finalised.saturating_add(1) >= u64::from(commitment.opens_at) {
			return Ok(());
		}
		if started.elapsed() > AGE_TIMEOUT {
			return Err(Failure::new(format!(
				"the chain is at block {finalised} after {} s, and the commitment opens in block {}",
				AGE_TIMEOUT.as_secs(),
				commitment.opens_at
			))
			.kind(Kind::Unreachable)
			.next("check that the node makes blocks: blyan status; the same command goes on from here"));
		}
		spinner.note(format!("block {finalised}; the commitment opens in block {}", commitment.opens_at));
		tokio::time::sleep(POLL).await;
	}
}

async fn find(client: &Client, account: &Account, commitment: &H256) -> Outcome<Option<CommitmentInfo>> {
	let all = client.commitments(&account.id()).await?;
	Ok(all.into_iter().find(|info| info.commitment == *commitment))
}
