//! `submit`: from an expert's file to the network's decision. `mine` and `demo` end here too.

use crate::{
	amount,
	args::{SubmitArgs, WaitingArgs},
	client::{self, Client, Submission},
	engine,
	failure::{Context, Failure, Kind, Outcome},
	keys::Account,
	names,
	output::Output,
	pow,
	session::Session,
};
use blyan_primitives::{BlockRef, ExpertSlot, SubmissionId, VersionIndex};
use blyan_runtime_api::{SubmissionOutcome, SubmissionTerms};
use serde_json::json;
use sp_core::H256;
use std::time::Duration;
use subxt::dynamic::Value;

/// An expert ready to be submitted.
pub struct Candidate {
	/// The slot it is for.
	pub slot: ExpertSlot,
	/// Version of the head it was trained from.
	pub parent: VersionIndex,
	/// Its TensorBlock.
	pub bytes: Vec<u8>,
	/// Hash of the training manifest.
	pub manifest: H256,
}

/// Submits a file.
pub async fn run(session: &Session, args: SubmitArgs) -> Outcome<()> {
	let bytes = std::fs::read(&args.block)
		.context_next(args.block.display(), "make a block with: blyan train expert")?;
	let manifest = match &args.manifest {
		Some(path) => client::hash(&std::fs::read(path).context(path.display())?),
		None => H256::zero(),
	};
	let (client, account) = session.connect_as(&args.signer).await?;
	let slot = ExpertSlot { model: args.model, layer: args.slot.layer, expert: args.slot.expert };
	let head = head(&client, slot).await?;
	let candidate = Candidate { slot, parent: args.parent.unwrap_or(head.version), bytes, manifest };
	let output = &session.output;
	let id = submit(&client, output, &account, &candidate).await?;
	if !args.no_upload {
		client::upload(&client, output, &candidate.bytes).await?;
	}
	conclude(&client, output, id, &args.waiting).await
}

/// Waits for the decision unless told otherwise; a refusal is a failure of the command.
pub async fn conclude(
	client: &Client,
	output: &Output,
	(id, block): (SubmissionId, u64),
	waiting: &WaitingArgs,
) -> Outcome<()> {
	if waiting.no_wait {
		output.say(format!("follow it with: blyan submissions {id} --follow"));
		return Ok(());
	}
	let timeout = Duration::from_secs(waiting.timeout);
	let submission = client::follow(client, output, id, block, timeout).await?;
	ensure_accepted(&submission)
}

/// A refused submission as a failure.
fn ensure_accepted(submission: &Submission) -> Outcome<()> {
	if matches!(submission.outcome, SubmissionOutcome::Accepted { .. }) {
		return Ok(());
	}
	let (text, next) = crate::verdict::outcome(&submission.outcome);
	let failure = Failure::new(format!("submission {}: {text}", submission.id)).kind(Kind::Refused);
	Err(match next {
		Some(next) => failure.next(next),
		None => failure,
	})
}

/// The expert that fills a slot now.
pub async fn head(client: &Client, slot: ExpertSlot) -> Outcome<blyan_primitives::ExpertHead> {
	let model = client.model(slot.model).await?;
	let index = model.config.slot_index(slot.layer, slot.expert);
	index.and_then(|index| model.heads.get(index as usize).copied()).ok_or_else(|| {
		Failure::new(format!("model {} has no expert {}.{}", slot.model, slot.layer, slot.expert))
			.next(format!("list them with: blyan experts --model {}", slot.model))
	})
}

/// Checks the candidate here, does the proof of work, and puts the submission on chain.
///
/// Returns its number and the block it is in.
pub async fn submit(
	client: &Client,
	output: &Output,
	account: &Account,
	candidate: &Candidate,
) -> Outcome<(SubmissionId, u64)> {
	let slot = candidate.slot;
	let config = client.model(slot.model).await?.config;
	let block = engine::expert_ref(&candidate.bytes, &config)?;
	let terms = ensure_can_submit(client, account).await?;
	if block.blob.size > terms.block_bytes_max {
		let (size, most) = (block.blob.size, terms.block_bytes_max);
		return Err(Failure::new(format!("the block has {size} bytes; the chain takes at most {most}"))
			.kind(Kind::Refused)
			.next("that model's experts are too large for this network"));
	}
	let number = client.finalised_block().await?;
	let block_hash = client.block_hash(number).await?;
	let spinner = output.spinner("proof of work");
	let (miner, root, bits) = (account.id(), block.tensor_root, terms.pow_bits);
	let nonce = tokio::task::spawn_blocking(move || pow::search(&miner, &root, &block_hash, bits)).await??;
	drop(spinner);

	let receipt =
		client.submit(account, "ProofOfLearning", "submit", call(candidate, &block, number, nonce)).await?;
	let event = receipt.event("ProofOfLearning", "Submitted").ok_or_else(|| {
		Failure::new("the submission is in a block, but the chain says nothing about it")
			.next("this program is older than the chain; update it")
	})?;
	let id = client::as_u128(&event["submission"])
		.and_then(|id| SubmissionId::try_from(id).ok())
		.ok_or_else(|| Failure::new("the chain's event names no submission"))?;
	let attempt = client::as_u128(&event["attempt"]).unwrap_or(1);
	let fields = json!({ "submission": id, "slot": slot, "parent": candidate.parent, "block": receipt.block,
		"tensor_root": block.tensor_root, "blob": block.blob.hash, "bytes": block.blob.size,
		"attempt": attempt, "bond": terms.bond.to_string(), "fee": receipt.fee().to_string(),
		"pow_bits": bits });
	let text = format!(
		"submitted  {id}: layer{}.expert{} from version {}, {} bytes, tensors {}; bond {}, fee {} (block {})",
		slot.layer,
		slot.expert,
		candidate.parent,
		block.blob.size,
		names::short_hash(&block.tensor_root),
		amount::show(terms.bond),
		amount::show(receipt.fee()),
		receipt.block
	);
	output.event("submitted", fields, text);
	Ok((id, receipt.block))
}

/// What the chain would refuse anyway is refused here, before training, work and fees.
pub async fn ensure_can_submit(client: &Client, account: &Account) -> Outcome<SubmissionTerms> {
	let terms = client.terms(&account.id()).await?;
	let refuse = |message: String| Failure::new(message).kind(Kind::Refused);
	if terms.quota_left == 0 {
		return Err(refuse("today's submissions of this key are used up".into()).next(format!(
			"wait {} blocks, or earn a larger quota with accepted experts",
			terms.quota_renews_in
		)));
	}
	if terms.open_left == 0 {
		return Err(refuse("as many submissions of this key are open as one miner may have".into())
			.next("wait for a decision: blyan submissions"));
	}
	let free = client.balance(&account.id()).await?.free;
	if free <= terms.bond {
		return Err(refuse(format!(
			"the bond is {}, and {} has {}",
			amount::show(terms.bond),
			account.address(),
			amount::show(free)
		))
		.next(format!(
			"fund it; on a development chain: blyan transfer --suri //Alice {} 100",
			account.address()
		)));
	}
	Ok(terms)
}

fn call(candidate: &Candidate, block: &BlockRef, stamp_block: u64, nonce: u64) -> Vec<(&'static str, Value)> {
	let number = |number: u64| Value::u128(number.into());
	let slot = Value::named_composite([
		("model", number(candidate.slot.model.into())),
		("layer", number(candidate.slot.layer.into())),
		("expert", number(candidate.slot.expert.into())),
	]);
	let blob = Value::named_composite([
		("hash", Value::from_bytes(block.blob.hash)),
		("size", number(block.blob.size.into())),
	]);
	let tensors =
		Value::named_composite([("tensor_root", Value::from_bytes(block.tensor_root)), ("blob", blob)]);
	let stamp = Value::named_composite([("block", number(stamp_block)), ("nonce", number(nonce))]);
	vec![
		("slot", slot),
		("parent", number(candidate.parent.into())),
		("block", tensors),
		("manifest", Value::from_bytes(candidate.manifest)),
		("stamp", stamp),
	]
}
