//! `mine`: train an expert of the model on the chain, submit it, and follow it to its decision.

use super::{
	submit::{self, Candidate},
	train,
};
use crate::{
	args::MineArgs,
	client,
	failure::{Context, Outcome},
	mining::{self, LocalModel},
	session::Session,
};
use blyan_primitives::ExpertSlot;
use serde_json::json;
use std::sync::Arc;

/// Mines once.
pub async fn run(session: &Session, args: MineArgs) -> Outcome<()> {
	let output = &session.output;
	let (client, account) = session.connect_as(&args.signer).await?;
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
			tokio::task::spawn_blocking(move || model.choose_slot(args.model, &text.corpus, seed)).await??
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
	let submitted = submit::submit(&client, output, &account, &candidate).await?;
	client::upload(&client, output, &candidate.bytes).await?;
	submit::conclude(&client, output, submitted, &args.waiting).await
}
