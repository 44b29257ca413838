//! Kept blocks of a miner: handed in, and finished where an earlier run ended.

use super::progress::Rounds;
use crate::{
	args::{MineArgs, MineRoundsArgs},
	chain_model::ChainModel,
	client::{self, Client},
	commands::submit::{self, Candidate},
	failure::{Context, Failure, Outcome},
	keys::Account,
	mining::idle::Watcher,
	session::Session,
	slot::SlotName,
	submissions::{NextStep, SubmissionRecord, SubmissionStore},
	verdict::Unit,
};
use blyan_primitives::ExpertSlot;
use blyan_runtime_api::SubmissionInfo;
use serde_json::{json, Value};

/// A miner at a node, and what was asked of it.
#[derive(Clone, Copy)]
pub struct Miner<'a> {
	/// Options of all commands.
	pub session: &'a Session,
	/// The node.
	pub client: &'a Client,
	/// The account that signs.
	pub account: &'a Account,
	/// Kept blocks.
	pub store: &'a SubmissionStore,
	/// Options of this command.
	pub args: &'a MineArgs,
	/// Rounds that this is one of.
	pub rounds: Option<&'a Rounds>,
}

impl<'a> Miner<'a> {
	/// Reports whether what earlier runs left is to be ignored: in the first of several rounds only.
	pub fn is_fresh(&self) -> bool {
		self.args.fresh && self.rounds.is_none_or(|rounds| rounds.made() == 0)
	}

	/// Returns a watcher of the machine, if training is to pause for other work.
	pub fn watcher(&self) -> Outcome<Option<Watcher<'a>>> {
		let MineRoundsArgs { when_idle, idle_load, serve_url, .. } = &self.args.rounds;
		when_idle.then(|| Watcher::new(self.client, serve_url, *idle_load)).transpose()
	}
}

/// Keeps a candidate on disk before the node is asked anything: whatever ends this program from here on, the next run goes on.
pub fn keep(
	miner: Miner<'_>,
	candidate: &Candidate,
	model: &ChainModel,
	facts: Value,
) -> Outcome<SubmissionRecord> {
	let Miner { client, account, store, args, .. } = miner;
	let record = submit::keep(&client.url, store, account, candidate, model, facts)?;
	if let Some(path) = &args.out {
		std::fs::write(path, &candidate.bytes).context(path.display())?;
	}
	Ok(record)
}

/// Reports that a block is on disk.
pub fn report(miner: Miner<'_>, record: &SubmissionRecord) {
	let path = miner.store.block_path(record);
	let text = format!("kept       {}", path.display());
	miner.session.output.event("kept", json!({ "file": path }), text);
}

/// From a kept block to the network's decision.
pub async fn hand_in(miner: Miner<'_>, candidate: &Candidate, mut record: SubmissionRecord) -> Outcome<()> {
	let Miner { session, client, account, store, args, rounds } = miner;
	let output = &session.output;
	let before = record.clone();
	let done = async {
		let placed = match rounds {
			Some(rounds) => rounds.put(miner, candidate, &mut record).await?,
			None => submit::put(client, output, account, candidate, store, &mut record).await?,
		};
		client::upload(client, output, &candidate.bytes).await?;
		submit::finish(client, output, placed, &args.waiting, store, record).await
	};
	let done = done.await;
	if let Some(rounds) = rounds {
		rounds.note_end(miner, &before, done.as_ref().err()).await?;
	}
	done.map_err(|failure| match failure.message.contains("ParentNotHead") {
		true => Failure { next: Some("train another: blyan mine --fresh".into()), ..failure },
		false => failure,
	})
}

/// A block of an earlier run, and what is left to do for it.
pub struct Unfinished {
	record: SubmissionRecord,
	step: NextStep,
	found: Option<SubmissionInfo>,
}

impl Unfinished {
	/// Reports whether finishing it costs nothing more.
	pub fn is_paid_for(&self) -> bool {
		matches!(self.step, NextStep::Upload | NextStep::Wait | NextStep::Close)
	}
}

/// The newest kept block of this miner that is worth more than training another: one to hand in, else one whose decision its
/// run did not live to see.
pub async fn unfinished(miner: Miner<'_>) -> Outcome<Option<Unfinished>> {
	let Miner { session, client, account, store, args, .. } = miner;
	let (mut stale, mut waiting) = (0, None);
	for mut record in store.all()? {
		let is_wanted = record.miner == account.address()
			&& record.slot.model == args.model
			&& args.slot.is_none_or(|slot| is_slot(&record.slot, slot));
		if record.closed || !is_wanted {
			continue;
		}
		let found = submit::find(client, &account.id(), &record.block.tensor_root, record.submission).await?;
		let head = submit::head(client, record.slot).await?.version;
		let has = client.has_blob(&record.block.blob.hash).await?;
		let step = NextStep::of(&record, found.as_ref().map(|info| &info.state), head, has);
		match step {
			NextStep::Upload | NextStep::Submit => return Ok(Some(Unfinished { record, step, found })),
			// Its run ended before it heard the decision, so this one waits for it, or reports it, in its place.
			NextStep::Wait | NextStep::Close if !record.left && found.is_some() => {
				waiting.get_or_insert(Unfinished { record, step, found });
			}
			NextStep::Wait => {
				let id = found.map(|info| info.id).unwrap_or_default();
				let fields = json!({ "submission": id, "slot": record.slot });
				let text = format!(
					"open       submission {id} of an earlier run waits for its decision: blyan submissions {id} --follow"
				);
				session.output.event("open", fields, text);
			}
			NextStep::Stale => stale += 1,
			NextStep::Close => {
				record.closed = true;
				store.update(&record)?;
			}
		}
	}
	if stale > 0 {
		let folder = store.folder();
		let text = format!(
			"kept       {stale} earlier blocks in {}: another expert has taken their slot",
			folder.display()
		);
		session.output.event("stale", json!({ "blocks": stale, "folder": folder }), text);
	}
	Ok(waiting)
}

fn is_slot(slot: &ExpertSlot, name: SlotName) -> bool {
	(slot.layer, slot.expert) == (name.layer, name.expert)
}

/// Finishes what an earlier run has begun.
pub async fn finish(miner: Miner<'_>, unfinished: Unfinished) -> Outcome<()> {
	let Miner { session, client, store, args, .. } = miner;
	let Unfinished { mut record, step, found } = unfinished;
	if let (NextStep::Close, Some(info)) = (step, &found) {
		record.closed = true;
		store.update(&record)?;
		if let Some(rounds) = miner.rounds {
			rounds.note_end(miner, &record, None).await?;
		}
		let unit = Unit::of(&client.model(info.slot.model).await?.body);
		return submit::report_decided(&session.output, info, unit);
	}
	let submission = found.map(|info| info.id);
	let bytes = store.read(&record)?;
	let (slot, parent) = (record.slot, record.parent);
	let what = match (step, submission) {
		(NextStep::Upload, Some(id)) => {
			format!("its submission {id} is open, and only its bytes are missing")
		}
		(NextStep::Wait, Some(id)) => {
			format!("its submission {id} waits for its decision, and so does this run")
		}
		(_, Some(id)) => format!("its submission {id} expired unjudged; it is submitted again"),
		(_, None) => "it was trained and not submitted; it is submitted now".into(),
	};
	let fields = json!({ "slot": slot, "parent": parent, "submission": submission,
		"file": store.block_path(&record), "upload_only": step == NextStep::Upload });
	let text = format!(
		"unfinished a block of an earlier run for layer{}.expert{} from version {parent}: {what} (--fresh trains another)",
		slot.layer, slot.expert
	);
	session.output.event("unfinished", fields, text);
	if let Some(path) = &args.out {
		std::fs::write(path, &bytes).context(path.display())?;
	}
	record.submission = submission;
	let candidate = Candidate { slot, parent, bytes, manifest: record.manifest_hash };
	hand_in(miner, &candidate, record).await
}
