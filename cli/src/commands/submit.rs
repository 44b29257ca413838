//! `submit`: from an expert's file to the network's decision. `mine` and `demo` end here too.

mod source;
mod state_dict;

use crate::{
	amount,
	args::{SubmitArgs, WaitingArgs},
	chain_model::ChainModel,
	client::{self, Client, Submission},
	commitment, engine,
	failure::{Context, Failure, Kind, Outcome},
	keys::Account,
	learning::manifest_hash,
	names,
	output::Output,
	pow,
	session::Session,
	submissions::{is_open, SubmissionRecord, SubmissionStore},
	verdict::Unit,
};
use blyan_primitives::{BlockRef, ExpertSlot, SubmissionId, VersionIndex};
use blyan_runtime_api::{SubmissionInfo, SubmissionOutcome, SubmissionState, SubmissionTerms};
use serde_json::json;
use sp_core::{crypto::AccountId32, H256};
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

/// Latest submissions that are searched for one of the miner's own; open ones are among them.
const SEARCHED: u32 = 200;

/// Submits a file.
pub async fn run(session: &Session, args: SubmitArgs) -> Outcome<()> {
	if let Some(path) = &args.state_dict {
		return state_dict::run(session, &args, path).await;
	}
	let (Some(path), Some(name)) = (&args.block, args.slot) else {
		return Err(Failure::new("neither an expert with its slot nor a whole model is named")
			.next("blyan submit FILE --slot LAYER.EXPERT, or blyan submit --state-dict PATH"));
	};
	let bytes = std::fs::read(path).context_next(path.display(), "make a block with: blyan train expert")?;
	let manifest =
		args.manifest.as_ref().map(|path| std::fs::read(path).context(path.display())).transpose()?;
	let (client, account) = session.connect_as(&args.signer).await?;
	let slot = ExpertSlot { model: args.model, layer: name.layer, expert: name.expert };
	let model = client.chain_model(slot.model).await?;
	let head = model.head(slot)?;
	let hash = manifest.as_ref().map_or(H256::zero(), |manifest| manifest_hash(manifest));
	let candidate = Candidate { slot, parent: args.parent.unwrap_or(head.version), bytes, manifest: hash };
	let output = &session.output;
	let store = session.submissions(&client);
	// Kept as it is where it is JSON; else its hash has to do.
	let facts = manifest.and_then(|manifest| serde_json::from_slice(&manifest).ok()).unwrap_or_default();
	let mut record = keep(&client.url, &store, &account, &candidate, &model, facts)?;
	let placed = put(&client, output, &account, &candidate, &store, &mut record).await?;
	if !args.no_upload {
		client::upload(&client, output, &candidate.bytes).await?;
	}
	finish(&client, output, placed, &args.waiting, &store, record).await
}

/// Checks a candidate and writes it to disk, with all that it takes to submit and upload it another time.
///
/// What is known of it already stays in the record. The node at `url` is only named: it may be gone since the training began, and
/// the block is on disk all the same when this returns.
pub fn keep(
	url: &str,
	store: &SubmissionStore,
	account: &Account,
	candidate: &Candidate,
	model: &ChainModel,
	manifest: serde_json::Value,
) -> Outcome<SubmissionRecord> {
	let Candidate { slot, parent, bytes, manifest: hash } = candidate;
	let block = engine::slot_ref(model, *slot, bytes)?;
	let mut record = store.record(url, account.address(), *slot, *parent, block, *hash, manifest);
	let known = store.all()?.into_iter().find(|known| known.block == block && known.miner == record.miner);
	// The salt of an earlier run opens the commitment that it made.
	record.salt = known.as_ref().and_then(|known| known.salt).or_else(|| Some(commitment::new_salt()));
	record.sent = known.as_ref().is_some_and(|known| known.sent);
	record.submission = known.and_then(|known| known.submission);
	store.save(&record, bytes)?;
	Ok(record)
}

/// Puts a kept candidate on chain, unless this miner's submission of it is open there already.
///
/// Returns its number and the block it is in.
pub async fn put(
	client: &Client,
	output: &Output,
	account: &Account,
	candidate: &Candidate,
	store: &SubmissionStore,
	record: &mut SubmissionRecord,
) -> Outcome<(SubmissionId, u64)> {
	let root = record.block.tensor_root;
	if record.sent {
		// What an earlier run sent before it ended may be in no block yet. Sent again, it would fail and cost its fee.
		client::wait_for_pool(client, output, account).await?;
	}
	let placed = match find_open(client, account, record).await? {
		Some(info) => resumed(output, &info),
		None => {
			let salt = salt(store, record)?;
			record.sent = true;
			store.update(record)?;
			match submit(client, output, account, candidate, &salt).await {
				Ok(placed) => placed,
				Err(failure) => match find_open(client, account, record).await.ok().flatten() {
					// Another run of the same command was faster, or this one's transaction was taken for lost.
					Some(info) => resumed(output, &info),
					None => {
						if failure.message.contains("DuplicateBlock") {
							// The same tensors would be refused every time.
							store.update(&SubmissionRecord { closed: true, ..record.clone() })?;
						}
						return Err(explain_duplicate(client, &root, failure).await);
					}
				},
			}
		}
	};
	record.submission = Some(placed.0);
	store.update(record)?;
	Ok(placed)
}

/// The miner's submission of a kept block, if it waits for its decision.
pub async fn find_open(
	client: &Client,
	account: &Account,
	record: &SubmissionRecord,
) -> Outcome<Option<SubmissionInfo>> {
	let found = find(client, &account.id(), &record.block.tensor_root, record.submission).await?;
	Ok(found.filter(is_open))
}

/// Reports that a submission is on chain already. Returns its number and block.
pub fn resumed(output: &Output, info: &SubmissionInfo) -> (SubmissionId, u64) {
	let fields = json!({ "submission": info.id, "slot": info.slot, "parent": info.parent,
		"block": info.submitted_at, "tensor_root": info.block.tensor_root, "blob": info.block.blob.hash });
	let text = format!(
		"resumed    submission {} of these tensors is open since block {}: only the upload is left",
		info.id, info.submitted_at
	);
	output.event("resumed", fields, text);
	(info.id, info.submitted_at.into())
}

/// The salt of a kept candidate's commitment, which is on disk when this returns.
fn salt(store: &SubmissionStore, record: &mut SubmissionRecord) -> Outcome<H256> {
	if let Some(salt) = record.salt {
		return Ok(salt);
	}
	let salt = commitment::new_salt();
	record.salt = Some(salt);
	store.update(record)?;
	Ok(salt)
}

/// Follows a kept candidate to its decision, and notes that there is one.
pub async fn finish(
	client: &Client,
	output: &Output,
	placed: (SubmissionId, u64),
	waiting: &WaitingArgs,
	store: &SubmissionStore,
	record: SubmissionRecord,
) -> Outcome<()> {
	if waiting.no_wait && !record.left {
		store.update(&SubmissionRecord { left: true, ..record.clone() })?;
	}
	let concluded = conclude(client, output, placed, waiting).await;
	let decided = match waiting.no_wait {
		true => false,
		// A decision refuses, or is no failure; whatever else happened may be looked at again.
		false => concluded.as_ref().err().is_none_or(|failure| failure.kind == Kind::Refused),
	};
	if decided {
		store.update(&SubmissionRecord { closed: true, ..record })?;
	}
	concluded
}

/// The miner's latest submission of these tensors, whatever became of it.
pub async fn find(
	client: &Client,
	miner: &AccountId32,
	root: &H256,
	known: Option<SubmissionId>,
) -> Outcome<Option<SubmissionInfo>> {
	let is_it = |info: &SubmissionInfo| info.miner == *miner && info.block.tensor_root == *root;
	if let Some(id) = known {
		if let Some(info) = client.find_submission(id).await?.filter(is_it) {
			return Ok(Some(info));
		}
	}
	Ok(client.submissions(SEARCHED).await?.into_iter().rev().find(is_it))
}

/// Says whose the other submission is when the chain has these tensors already.
async fn explain_duplicate(client: &Client, root: &H256, failure: Failure) -> Failure {
	if !failure.message.contains("DuplicateBlock") {
		return failure;
	}
	let latest = client.submissions(SEARCHED).await.unwrap_or_default();
	match latest.into_iter().rev().find(|info| info.block.tensor_root == *root) {
		Some(info) => {
			let next = format!(
				"submission {} of {} has the same tensors: look at it with: blyan submissions {}",
				info.id,
				crate::keys::address(&info.miner),
				info.id
			);
			failure.next(next)
		}
		None => failure,
	}
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

/// Reports what became of a submission that was decided while no command followed it; a refusal is a failure of the command.
pub fn report_decided(output: &Output, info: &SubmissionInfo, unit: Unit) -> Outcome<()> {
	let outcome = match &info.state {
		SubmissionState::Decided(decided) => decided.outcome,
		SubmissionState::Closed { outcome, .. } => *outcome,
		_ => return Ok(()),
	};
	let (text, _) = crate::verdict::outcome(&outcome, unit);
	let fields = json!({ "submission": info.id, "slot": info.slot,
		"outcome": crate::verdict::outcome_json(&outcome) });
	let text = format!(
		"decided    submission {} of an earlier run: {text} (the same command trains another now)",
		info.id
	);
	output.event("decided", fields, text);
	ensure_accepted(&Submission { id: info.id, outcome, unit, reports: Vec::new() })
}

/// A refused submission as a failure.
fn ensure_accepted(submission: &Submission) -> Outcome<()> {
	if matches!(submission.outcome, SubmissionOutcome::Accepted { .. }) {
		return Ok(());
	}
	let (text, next) = crate::verdict::outcome(&submission.outcome, submission.unit);
	let failure = Failure::new(format!("submission {}: {text}", submission.id)).kind(Kind::Refused);
	Err(match next {
		Some(next) => failure.next(next),
		None => failure,
	})
}

/// The expert that fills a slot now.
pub async fn head(client: &Client, slot: ExpertSlot) -> Outcome<blyan_primitives::ExpertHead> {
	client.chain_model(slot.model).await?.head(slot)
}

/// Checks the candidate here, commits to it, does the proof of work, and puts the submission on chain.
///
/// A commitment with the same salt that is on chain already is opened, and none is made.
/// Returns its number and the block it is in.
pub async fn submit(
	client: &Client,
	output: &Output,
	account: &Account,
	candidate: &Candidate,
	salt: &H256,
) -> Outcome<(SubmissionId, u64)> {
	let slot = candidate.slot;
	let block = engine::slot_ref(&client.chain_model(slot.model).await?, slot, &candidate.bytes)?;
	let terms = ensure_can_submit(client, account).await?;
	if block.blob.size > terms.block_bytes_max {
		let (size, most) = (block.blob.size, terms.block_bytes_max);
		return Err(Failure::new(format!("the block has {size} bytes; the chain takes at most {most}"))
			.kind(Kind::Refused)
			.next("that model's experts are too large for this network"));
	}
	let committed = commitment::ensure(client, output, account, slot, &block, salt).await?;
	let number = client.finalised_block().await?;
	let block_hash = client.block_hash(number).await?;
	let spinner = output.spinner("proof of work");
	let (miner, root, bits) = (account.id(), block.tensor_root, terms.pow_bits);
	let nonce = tokio::task::spawn_blocking(move || pow::search(&miner, &root, &block_hash, bits)).await??;
	drop(spinner);
	commitment::wait(client, output, &committed).await?;

	let fields = call(candidate, &block, number, nonce, salt);
	let receipt = client.submit(account, "ProofOfLearning", "submit", fields).await?;
	let event = receipt.event("ProofOfLearning", "Submitted").ok_or_else(|| {
		Failure::new("the submission is in a block, but the chain says nothing about it")
			.next("this program is older than the chain; update it")
	})?;
	let id = client::as_u128(&event["submission"])
		.and_then(|id| SubmissionId::try_from(id).ok())
		.ok_or_else(|| Failure::new("the chain's event names no submission"))?;
	let attempt = client::as_u128(&event["attempt"]).unwrap_or(1);
	let evaluation_fee = client::as_u128(&event["fee"]).unwrap_or(terms.fee);
	let fields = json!({ "submission": id, "slot": slot, "parent": candidate.parent, "block": receipt.block,
		"tensor_root": block.tensor_root, "blob": block.blob.hash, "bytes": block.blob.size,
		"attempt": attempt, "bond": terms.bond.to_string(), "evaluation_fee": evaluation_fee.to_string(),
		"fee": receipt.fee().to_string(), "pow_bits": bits });
	let text = format!(
		"submitted  {id}: layer{}.expert{} from version {}, {} bytes, tensors {}; bond {}, judging {}, fee {} (block {})",
		slot.layer,
		slot.expert,
		candidate.parent,
		block.blob.size,
		names::short_hash(&block.tensor_root),
		amount::show(terms.bond),
		amount::show(evaluation_fee),
		amount::show(receipt.fee()),
		receipt.block
	);
	output.event("submitted", fields, text);
	Ok((id, receipt.block))
}

/// Refuses a submission that the chain would refuse, before training, proof of work and fees.
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
	if free <= terms.bond.saturating_add(terms.fee) {
		let failure = refuse(format!(
			"the bond is {}, judging costs {} and more where others wait, and {} has {}",
			amount::show(terms.bond),
			amount::show(terms.fee),
			account.address(),
			amount::show(free)
		))
		.next(format!(
			"fund it; on a development chain: blyan transfer --suri //Alice {} 100",
			account.address()
		));
		return Err(client.blame_sync(failure).await);
	}
	Ok(terms)
}

fn call(
	candidate: &Candidate,
	block: &BlockRef,
	stamp_block: u64,
	nonce: u64,
	salt: &H256,
) -> Vec<(&'static str, Value)> {
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
		("salt", Value::from_bytes(salt)),
	]
}
