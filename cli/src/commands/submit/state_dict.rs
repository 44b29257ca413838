//! `submit --state-dict`: the experts of a whole model that differ from the heads, one by one.
//!
//! Everything is checked and shown before anything is sent. The same command again goes on: what was accepted is a head by then,
//! and what was judged is not submitted twice.

use super::{
	ensure_can_submit, finish, keep, put,
	source::{read, StateDict},
	Candidate,
};
use crate::{
	amount,
	args::SubmitArgs,
	chain_model::ChainModel,
	client::{self, Client},
	engine,
	failure::{Failure, Kind, Outcome},
	keys::Account,
	mining::cached,
	output::{table, Output},
	session::Session,
	slot::SlotName,
	submissions::{SubmissionRecord, SubmissionStore},
};
use blyan_primitives::{BlockRef, ExpertSlot};
use blyan_runtime_api::{SubmissionOutcome, SubmissionState, SubmissionTerms};
use serde_json::json;
use std::path::Path;

/// Bytes of an expert, per thousand, that may differ without its being another: weights of a checkpoint that was saved in another
/// precision round to other codes here and there.
const NOISE_PER_MILLE: usize = 1;
/// Names of foreign tensors that are shown.
const SHOWN: usize = 6;

/// State of one expert.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Finding {
	/// It is the head.
	Unchanged,
	/// It differs from the head in so many bytes, and not more than rounding may.
	Noise(usize),
	/// It is another expert.
	Changed(BlockRef),
	/// This miner's submission of it was judged.
	Judged,
	/// It does not fit the slot.
	Incompatible(String),
}

impl Finding {
	fn name(&self) -> &'static str {
		match self {
			Self::Unchanged => "unchanged",
			Self::Noise(_) => "noise",
			Self::Changed(_) => "changed",
			Self::Judged => "judged",
			Self::Incompatible(_) => "incompatible",
		}
	}

	fn words(&self) -> String {
		match self {
			Self::Unchanged => "is the head".into(),
			Self::Noise(bytes) => format!("differs in {bytes} bytes, as by rounding: taken for the head"),
			Self::Changed(block) => format!("{} bytes, tensors {:?}", block.blob.size, block.tensor_root),
			Self::Judged => "was submitted by this account, and judged".into(),
			Self::Incompatible(reason) => reason.clone(),
		}
	}
}

/// Finds what differs, shows it, and submits it with `--yes`.
pub async fn run(session: &Session, args: &SubmitArgs, path: &Path) -> Outcome<()> {
	let (client, account) = session.connect_as(&args.signer).await?;
	let chain = client.chain_model(args.model).await?;
	let output = &session.output;
	let state_dict = read(session, &chain, path).await?;
	let store = session.submissions(&client);
	let cache = session.home.create_dir("blobs")?;
	let known = own(&store, &account)?;
	let mut findings = Vec::new();
	for place in state_dict.places(&chain) {
		let finding = state_dict.finding(output, &client, &chain, &cache, place, &account, &known).await?;
		findings.push((place, finding));
	}
	show(output, &findings, state_dict.others());
	let changed: Vec<_> =
		findings.into_iter().filter(|(_, finding)| matches!(finding, Finding::Changed(_))).collect();
	if changed.is_empty() {
		output.say("nothing to submit");
		return Ok(());
	}
	let terms = ensure_can_submit(&client, &account).await?;
	let free = client.balance(&account.id()).await?.free;
	show_price(output, &terms, changed.len(), free);
	if !args.yes {
		output.say("nothing was sent: the same command with --yes submits them one by one");
		return Ok(());
	}
	let facts = json!({ "program": concat!("blyan ", env!("CARGO_PKG_VERSION")), "from": "state-dict",
		"experts": changed.len() });
	let manifest = client::hash(facts.to_string().as_bytes());
	let mut kept = Vec::new();
	for ((layer, expert), _) in &changed {
		let slot = ExpertSlot { model: args.model, layer: *layer, expert: *expert };
		let bytes = state_dict.bytes((*layer, *expert))?;
		let candidate = Candidate { slot, parent: chain.head(slot)?.version, bytes, manifest };
		// All are on disk before the first one is sent.
		kept.push(keep(&client.url, &store, &account, &candidate, &chain, facts.clone())?);
	}
	submit_all(output, &client, &account, &store, args, kept).await
}

/// Submits kept experts one after the other; the verdict on one does not stop the others.
async fn submit_all(
	output: &Output,
	client: &Client,
	account: &Account,
	store: &SubmissionStore,
	args: &SubmitArgs,
	kept: Vec<SubmissionRecord>,
) -> Outcome<()> {
	let (all, mut refused) = (kept.len(), 0_usize);
	for mut record in kept {
		let (slot, bytes) = (record.slot, store.read(&record)?);
		let candidate = Candidate { slot, parent: record.parent, bytes, manifest: record.manifest_hash };
		if super::find_open(client, account, &record).await?.is_none() {
			// A quota that is used up, or an empty account, is no verdict on an expert: it ends the command.
			ensure_can_submit(client, account).await?;
		}
		let placed = match put(client, output, account, &candidate, store, &mut record).await {
			Ok(placed) => placed,
			Err(failure) if failure.kind == Kind::Refused => {
				refused += 1;
				output.warn(format!("layer{}.expert{}: {}", slot.layer, slot.expert, failure.message));
				continue;
			}
			Err(failure) => return Err(failure),
		};
		client::upload(client, output, &candidate.bytes).await?;
		match finish(client, output, placed, &args.waiting, store, record).await {
			Err(failure) if failure.kind == Kind::Refused => {
				refused += 1;
				output.warn(failure.message);
			}
			result => result?,
		}
	}
	match refused {
		0 => Ok(()),
		_ => {
			Err(Failure::new(format!("{refused} of {all} experts were not accepted; the reasons are above"))
				.kind(Kind::Refused)
				.next("see them again with: blyan submissions"))
		}
	}
}

impl StateDict {
	/// Compares an expert with the head of its slot.
	async fn finding(
		&self,
		output: &Output,
		client: &Client,
		chain: &ChainModel,
		cache: &Path,
		place: (u8, u16),
		account: &Account,
		own: &[SubmissionRecord],
	) -> Outcome<Finding> {
		let (layer, expert) = place;
		let slot = ExpertSlot { model: chain.info.id, layer, expert };
		let Ok(head) = chain.head(slot) else {
			return Ok(Finding::Incompatible("the model has no such expert".into()));
		};
		// Of an open model every root was checked when the directory was opened.
		if self.block(place).is_some_and(|block| block.tensor_root == head.block.tensor_root) {
			return Ok(Finding::Unchanged);
		}
		let bytes = match self.bytes(place) {
			Ok(bytes) => bytes,
			Err(failure) => return Ok(Finding::Incompatible(failure.message)),
		};
		let block = match engine::slot_ref(chain, slot, &bytes) {
			Ok(block) => block,
			Err(failure) => return Ok(Finding::Incompatible(failure.message)),
		};
		if block.tensor_root == head.block.tensor_root {
			return Ok(Finding::Unchanged);
		}
		if let Some(known) = own.iter().find(|known| known.block == block) {
			let root = &block.tensor_root;
			let found = super::find(client, &account.id(), root, known.submission).await?;
			if found.is_some_and(|info| was_judged(&info.state)) {
				return Ok(Finding::Judged);
			}
		}
		let current = cached(output, client, cache, &head.block.blob).await?;
		Ok(match noise(&current, &bytes) {
			Some(differing) => Finding::Noise(differing),
			None => Finding::Changed(block),
		})
	}
}

/// Returns the number of differing bytes of two experts, if they are so few that rounding may have made them.
fn noise(current: &[u8], bytes: &[u8]) -> Option<usize> {
	if current.len() != bytes.len() {
		return None;
	}
	let differing = current.iter().zip(bytes).filter(|(a, b)| a != b).count();
	(differing.saturating_mul(1_000) <= bytes.len().saturating_mul(NOISE_PER_MILLE)).then_some(differing)
}

/// Lists the records of this miner, also those that no run has followed to their end: they may have been judged since.
fn own(store: &SubmissionStore, account: &Account) -> Outcome<Vec<SubmissionRecord>> {
	Ok(store.all()?.into_iter().filter(|record| record.miner == account.address()).collect())
}

/// Reports whether a submission has a verdict: what expired without one, or was withdrawn, may be submitted again.
fn was_judged(state: &SubmissionState) -> bool {
	let outcome = match state {
		SubmissionState::Decided(decided) => &decided.outcome,
		SubmissionState::Closed { outcome, .. } => outcome,
		_ => return false,
	};
	matches!(outcome, SubmissionOutcome::Accepted { .. } | SubmissionOutcome::Rejected(_))
}

/// Shows what was found: every expert that is not the head, and how many are.
fn show(output: &Output, findings: &[((u8, u16), Finding)], others: &[String]) {
	let name = |(layer, expert): (u8, u16)| SlotName { layer, expert }.to_string();
	for (place, finding) in findings {
		let (layer, expert) = place;
		let fields =
			json!({ "layer": layer, "expert": expert, "finding": finding.name(), "reason": finding.words() });
		if output.is_json() {
			output.event("expert", fields, "");
		}
	}
	let rows: Vec<Vec<String>> = findings
		.iter()
		.filter(|(_, finding)| *finding != Finding::Unchanged)
		.map(|(place, finding)| vec![name(*place), finding.name().into(), finding.words()])
		.collect();
	let unchanged = findings.len().saturating_sub(rows.len());
	if !rows.is_empty() {
		output.say(table(&["expert", "finding", ""], &rows));
	}
	output.say(format!("{unchanged} of {} experts are the heads already", findings.len()));
	if !others.is_empty() {
		let shown: Vec<&str> = others.iter().take(SHOWN).map(String::as_str).collect();
		let dots = if others.len() > SHOWN { ", .." } else { "" };
		let text =
			format!("not experts {} tensors were left alone: {}{dots}", others.len(), shown.join(", "));
		output.event("left_alone", json!({ "tensors": others }), text);
	}
}

/// Shows what submitting all of them takes.
fn show_price(output: &Output, terms: &SubmissionTerms, count: usize, free: u128) {
	let times = |price: u128| price.saturating_mul(count as u128);
	let (bond, fee, fee_max) = (terms.bond, terms.fee, terms.fee_max.max(terms.fee));
	let fields = json!({ "experts": count, "bonds": times(bond).to_string(), "fees": times(fee).to_string(),
		"fees_max": times(fee_max).to_string(), "free": free.to_string(), "quota_left": terms.quota_left });
	let text = format!(
		"price      {count} experts: fees of {} to {}, which do not come back, and bonds of {} one after the other, {} if all \
		are accepted; the account has {}; {} submissions are left today",
		amount::show(times(fee)),
		amount::show(times(fee_max)),
		amount::show(bond),
		amount::show(times(bond)),
		amount::show(free),
		terms.quota_left
	);
	output.event("price", fields, text);
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_runtime_api::{ExpiryReason, RejectReason};

	#[test]
	fn what_expired_unjudged_may_be_submitted_again_and_a_verdict_stands() {
		let closed = |outcome| SubmissionState::Closed { outcome, at: 9 };
		assert!(was_judged(&closed(SubmissionOutcome::Rejected(RejectReason::Stale))));
		assert!(!was_judged(&closed(SubmissionOutcome::Expired(ExpiryReason::NoReports))));
		assert!(!was_judged(&closed(SubmissionOutcome::Withdrawn)));
		assert!(!was_judged(&SubmissionState::Queued { ahead: 0, draw_from: 1 }));
	}

	#[test]
	fn experts_that_differ_by_a_byte_in_a_thousand_are_the_same() {
		let current = vec![0_u8; 10_000];
		let mut bytes = current.clone();
		bytes[..10].fill(1);
		assert_eq!(noise(&current, &bytes), Some(10));
		bytes[10] = 1;
		assert_eq!(noise(&current, &bytes), None);
		assert_eq!(noise(&current, &current[1..]), None);
	}
}
