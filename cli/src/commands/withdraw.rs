//! `withdraw`: takes a submission back before its committee is drawn.

use crate::{
	args::WithdrawArgs,
	failure::{Failure, Kind, Outcome},
	keys,
	session::Session,
	submissions::SubmissionRecord,
	verdict,
};
use blyan_runtime_api::{SubmissionInfo, SubmissionState};
use serde_json::json;
use sp_core::crypto::AccountId32;
use subxt::dynamic::Value;

/// Withdraws.
pub async fn run(session: &Session, args: WithdrawArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(&args.signer).await?;
	let id = args.submission;
	ensure_withdrawable(&client.submission(id).await?, &account.id())?;
	let fields = vec![("submission", Value::u128(id.into()))];
	let receipt = client.submit(&account, "ProofOfLearning", "withdraw", fields).await?;
	let store = session.submissions(&client);
	for record in store.all()?.into_iter().filter(|record| record.submission == Some(id)) {
		store.update(&SubmissionRecord { closed: true, ..record })?;
	}
	let value = json!({ "submission": id, "block": receipt.block, "fee": receipt.fee().to_string(),
		"hash": receipt.hash });
	let text = format!("withdrew submission {id} in block {}; the bond is returned", receipt.block);
	session.output.result(&value, text);
	Ok(())
}

/// Refuses what the chain would refuse, before a fee is paid.
fn ensure_withdrawable(info: &SubmissionInfo, who: &AccountId32) -> Outcome<()> {
	let refuse = |message: String| Failure::new(message).kind(Kind::Refused);
	if info.miner != *who {
		let (miner, who) = (keys::address(&info.miner), keys::address(who));
		return Err(refuse(format!("submission {} is of {miner}, not of {who}", info.id))
			.next("sign with its miner's key: --key NAME"));
	}
	match &info.state {
		SubmissionState::Announced { .. } | SubmissionState::Queued { .. } => Ok(()),
		SubmissionState::Evaluating(_) => {
			Err(refuse(format!("submission {} has a committee already and cannot be withdrawn", info.id))
				.next(format!("wait for its decision: blyan submissions {} --follow", info.id)))
		}
		state => Err(refuse(format!("submission {} is over: {}", info.id, verdict::state(state)))
			.next("there is nothing to take back")),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::{BlobRef, BlockRef, ExpertSlot};
	use blyan_runtime_api::SubmissionOutcome;
	use sp_core::H256;

	#[test]
	fn only_the_miner_withdraws_and_only_before_the_draw() {
		let eve = AccountId32::new([5; 32]);
		let info = |state| SubmissionInfo {
			id: 7,
			miner: eve.clone(),
			slot: ExpertSlot { model: 0, layer: 0, expert: 0 },
			parent: 0,
			block: BlockRef { tensor_root: H256::zero(), blob: BlobRef { hash: H256::zero(), size: 1 } },
			manifest: H256::zero(),
			submitted_at: 1,
			state,
		};
		let queued = info(SubmissionState::Queued { ahead: 0, draw_from: 3 });
		assert!(ensure_withdrawable(&queued, &eve).is_ok());
		let other = ensure_withdrawable(&queued, &AccountId32::new([6; 32])).unwrap_err();
		assert_eq!(other.kind, Kind::Refused);
		let over = info(SubmissionState::Closed { outcome: SubmissionOutcome::Withdrawn, at: 9 });
		let failure = ensure_withdrawable(&over, &eve).unwrap_err();
		assert!(failure.message.contains("withdrawn"), "{}", failure.message);
	}
}
