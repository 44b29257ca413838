//! `mine`: train an expert of the model on the chain, submit it, and follow it to its decision.

use super::{
	submit::{self, Candidate},
	train,
};
use crate::{
	args::MineArgs,
	client::{self, Client},
	failure::{Context, Failure, Outcome},
	keys::Account,
	mining::{self, LocalModel},
	session::Session,
	slot::SlotName,
	submissions::{NextStep, SubmissionRecord, SubmissionStore},
};
use blyan_primitives::{ExpertSlot, SubmissionId};
use serde_json::json;
use std::sync::Arc;

/// Mines once, or finishes what an earlier run has begun.
pub async fn run(session: &Session, args: MineArgs) -> Outcome<()> {
	let output = &session.output;
	let (client, account) = session.connect_as(&args.signer).await?;
	let store = session.submissions(&client);
	if !args.fresh {
		if let Some(unfinished) = unfinished(session, &client, &account, &store, &args).await? {
			return finish(session, &client, &account, &store, &args, unfinished).await;
		}
	}
	// A miner that cannot pay should hear of it before the training, not after.
	submit::ensure_can_submit(&client, &account).await?;
	let info = client.model(args.model).await?;
	let cache = session.home.create_dir("blobs")?;
	let model = Arc::new(LocalModel::fetch(output, &client, &cache, &info).await?);
	let text = train::text(output, args.training.dataset.as_deref()).await?;
	let slot = match args.slot {
		Some(slot) => ExpertSlot { model: args.model, layer: slot.layer, expert: slot.expert },
		None => {
			let (model, text, seed) = (model.clone(), text.clone(), args.training.seed);
			tokio::task::spawn_blocking(move || {
				model.choose_slot(args.model, &text.corpus, seed.unwrap_or(0))
			})
			.await??
		}
	};
	let parent = submit::head(&client, slot).await?.version;
	let fields = json!({ "slot": slot, "parent": parent, "miner": account.address() });
	let line = format!(
		"mining     layer{}.expert{} of model {} from version {parent} as {}",
		slot.layer,
		slot.expert,
		slot.model,
		account.address()
	);
	output.event("mining", fields, line);
	let trained = mining::train_expert(output, model, slot, text, &args.training).await?;
	if let Some(path) = &args.out {
		std::fs::write(path, &trained.bytes).context(path.display())?;
	}
	let manifest = client::hash(trained.manifest.to_string().as_bytes());
	let candidate = Candidate { slot, parent, bytes: trained.bytes, manifest };
	// On disk before anything is sent: whatever ends this program from here on, the next run goes on.
	let record = submit::keep(&client, &store, &account, &candidate, trained.manifest).await?;
	let path = store.block_path(&record);
	output.event("kept", json!({ "file": path }), format!("kept       {}", path.display()));
	hand_in(session, &client, &account, &store, &args, &candidate, record).await
}

/// From a kept block to the network's decision.
async fn hand_in(
	session: &Session,
	client: &Client,
	account: &Account,
	store: &SubmissionStore,
	args: &MineArgs,
	candidate: &Candidate,
	mut record: SubmissionRecord,
) -> Outcome<()> {
	let output = &session.output;
	let placed = submit::put(client, output, account, candidate, store, &mut record).await?;
	client::upload(client, output, &candidate.bytes).await?;
	submit::finish(client, output, placed, &args.waiting, store, record).await
}

/// A block of an earlier run, and what is left to do for it.
struct Unfinished {
	record: SubmissionRecord,
	step: NextStep,
	submission: Option<SubmissionId>,
}

/// The newest kept block of this miner that is worth more than training another.
async fn unfinished(
	session: &Session,
	client: &Client,
	account: &Account,
	store: &SubmissionStore,
	args: &MineArgs,
) -> Outcome<Option<Unfinished>> {
	let mut stale = 0;
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
		let submission = found.map(|info| info.id);
		match step {
			NextStep::Upload | NextStep::Submit => return Ok(Some(Unfinished { record, step, submission })),
			NextStep::Wait => {
				let id = submission.unwrap_or_default();
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
	Ok(None)
}

fn is_slot(slot: &ExpertSlot, name: SlotName) -> bool {
	(slot.layer, slot.expert) == (name.layer, name.expert)
}

async fn finish(
	session: &Session,
	client: &Client,
	account: &Account,
	store: &SubmissionStore,
	args: &MineArgs,
	unfinished: Unfinished,
) -> Outcome<()> {
	let Unfinished { mut record, step, submission } = unfinished;
	let bytes = store.read(&record)?;
	let (slot, parent) = (record.slot, record.parent);
	let what = match (step, submission) {
		(NextStep::Upload, Some(id)) => {
			format!("its submission {id} is open, and only its bytes are missing")
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
	let done = hand_in(session, client, account, store, args, &candidate, record).await;
	done.map_err(|failure| match failure.message.contains("ParentNotHead") {
		true => Failure { next: Some("train another: blyan mine --fresh".into()), ..failure },
		false => failure,
	})
}
