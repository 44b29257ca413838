//! `dataset vote`, `appeal` and `withdraw`.

use super::dataset_stage::{name, stage};
use crate::{
	args::{DatasetVote, DatasetVoteArgs, OwnDatasetArgs, VoteReason},
	client::Client,
	failure::{Failure, Kind, Outcome},
	keys::{self, Account},
	session::Session,
};
use blyan_primitives::{Ballot, DatasetReason, DatasetStage};
use blyan_runtime_api::datasets::DatasetInfo;
use codec::Encode;
use serde_json::json;
use sp_core::crypto::AccountId32;

/// Votes.
pub async fn vote(session: &Session, args: DatasetVoteArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(&args.signer).await?;
	let info = client.dataset(args.dataset).await?;
	let of = name(info.dataset);
	let refuse = |message: String| Failure::new(message).kind(Kind::Refused);
	if info.stage != DatasetStage::Vote {
		return Err(refuse(format!("dataset {of} is not voted on: {}", stage(info.stage)))
			.next(format!("look at it with: blyan dataset status {of}")));
	}
	if info.creator == account.id() {
		return Err(refuse(format!("dataset {of} is of {}, who has no vote on it", account.address()))
			.next("leave it to others"));
	}
	let Some(proof) = client.voter_proof(info.dataset, &account.id()).await? else {
		let failure = refuse(format!("{} is not among the voters on dataset {of}", account.address()));
		return Err(failure.next(
			"the owners of the operators of the day on which the vote opened may vote: name one with --key",
		));
	};
	let ballot = ballot(args.vote, args.stars, args.reason)?;
	let arguments = (info.dataset, ballot, proof).encode();
	let receipt = client.submit_encoded(&account, "Datasets", "vote", &arguments).await?;
	let value = json!({ "dataset": of, "ballot": ballot, "block": receipt.block, "hash": receipt.hash,
		"fee": receipt.fee().to_string() });
	session.output.result(&value, format!("voted on dataset {of} in block {}", receipt.block));
	Ok(())
}

fn ballot(vote: DatasetVote, stars: Option<u8>, reason: Option<VoteReason>) -> Outcome<Ballot> {
	match (vote, reason) {
		(DatasetVote::Yes, None) => Ok(Ballot::Yes { stars }),
		(DatasetVote::Yes, Some(_)) => Err(Failure::new("a vote for a dataset has no --reason")),
		(DatasetVote::No, None) => Err(Failure::new("a vote against a dataset needs a --reason")),
		(DatasetVote::No, Some(reason)) => Ok(Ballot::No {
			reason: match reason {
				VoteReason::Copyright => DatasetReason::Copyright,
				VoteReason::Quality => DatasetReason::Quality,
				VoteReason::Safety => DatasetReason::Safety,
				VoteReason::Bias => DatasetReason::Bias,
				VoteReason::Duplicate => DatasetReason::Duplicate,
			},
		}),
	}
}

/// Appeals.
pub async fn appeal(session: &Session, args: OwnDatasetArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(&args.signer).await?;
	let info = own(&client, &account, &args).await?;
	let of = name(info.dataset);
	if info.appeal_until.is_none() {
		return Err(Failure::new(format!(
			"there is nothing to appeal about dataset {of}: {}",
			stage(info.stage)
		))
		.kind(Kind::Refused)
		.next("an appeal is made once, in time, against what was said of the data"));
	}
	let receipt = client.submit_encoded(&account, "Datasets", "appeal", &info.dataset.encode()).await?;
	let value = json!({ "dataset": of, "block": receipt.block, "hash": receipt.hash,
		"fee": receipt.fee().to_string() });
	let text = format!(
		"appealed in block {}: other auditors look at dataset {of}; follow it with: blyan dataset status {of} --follow",
		receipt.block
	);
	session.output.result(&value, text);
	Ok(())
}

/// Withdraws.
pub async fn withdraw(session: &Session, args: OwnDatasetArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(&args.signer).await?;
	let info = own(&client, &account, &args).await?;
	let of = name(info.dataset);
	if !matches!(info.stage, DatasetStage::Pending | DatasetStage::Audit | DatasetStage::Vote) {
		return Err(Failure::new(format!("dataset {of} is decided: {}", stage(info.stage)))
			.kind(Kind::Refused)
			.next("there is nothing to take back"));
	}
	let receipt = client.submit_encoded(&account, "Datasets", "withdraw", &info.dataset.encode()).await?;
	let value = json!({ "dataset": of, "block": receipt.block, "hash": receipt.hash,
		"fee": receipt.fee().to_string() });
	session.output.result(&value, format!("withdrew dataset {of} in block {}", receipt.block));
	Ok(())
}

/// The dataset, if it is the signer's; refuses what the chain would refuse, before a fee is paid.
async fn own(client: &Client, account: &Account, args: &OwnDatasetArgs) -> Outcome<DatasetInfo> {
	let info = client.dataset(args.dataset).await?;
	ensure_own(&info, &account.id())?;
	Ok(info)
}

/// Refuses a dataset of another account.
pub fn ensure_own(info: &DatasetInfo, who: &AccountId32) -> Outcome<()> {
	if info.creator == *who {
		return Ok(());
	}
	let (creator, who) = (keys::address(&info.creator), keys::address(who));
	Err(Failure::new(format!("dataset {} is of {creator}, not of {who}", name(info.dataset)))
		.kind(Kind::Refused)
		.next("sign with its contributor's key: --key NAME"))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_vote_against_gives_a_reason_and_one_for_it_may_give_stars() {
		assert_eq!(ballot(DatasetVote::Yes, Some(4), None).unwrap(), Ballot::Yes { stars: Some(4) });
		let no = ballot(DatasetVote::No, None, Some(VoteReason::Bias)).unwrap();
		assert_eq!(no, Ballot::No { reason: DatasetReason::Bias });
		assert!(
			ballot(DatasetVote::No, None, None).is_err()
				&& ballot(DatasetVote::Yes, None, Some(VoteReason::Bias)).is_err()
		);
		for reason in [VoteReason::Copyright, VoteReason::Quality, VoteReason::Safety, VoteReason::Duplicate]
		{
			assert!(ballot(DatasetVote::No, None, Some(reason)).unwrap().is_valid());
		}
	}
}
