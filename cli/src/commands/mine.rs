//! `mine`: train an expert of the model on the chain, submit it, and follow it to its decision.

mod kept;
mod open_model;

use super::{
	submit::{self, Candidate},
	train,
};
use crate::{
	args::MineArgs,
	chain_model::ChainModel,
	client::{self, Client},
	failure::{Failure, Kind, Outcome},
	keys::Account,
	mining::{self, LocalModel},
	session::Session,
};
use blyan_primitives::ExpertSlot;
use kept::Miner;
use serde_json::json;
use std::sync::Arc;

/// Mines once, or finishes what an earlier run has begun.
pub async fn run(session: &Session, args: MineArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(&args.signer).await?;
	with(session, &client, &account, &args).await
}

/// The same over a connection, with an account that is unlocked.
pub async fn with(session: &Session, client: &Client, account: &Account, args: &MineArgs) -> Outcome<()> {
	let store = session.submissions(client);
	let miner = Miner { session, client, account, store: &store, args };
	if !args.fresh {
		if let Some(unfinished) = kept::unfinished(miner).await? {
			return kept::finish(miner, unfinished).await;
		}
	}
	// A miner that cannot pay should hear of it before the training, not after.
	let terms = submit::ensure_can_submit(client, account).await?;
	let chain_model = Arc::new(client.chain_model(args.model).await?);
	if chain_model.info.body.is_second() {
		return open_model::mine(miner, chain_model, &terms).await;
	}
	first_definition(miner, &chain_model).await
}

/// Mines an expert of a model of the first definition.
async fn first_definition(miner: Miner<'_>, chain_model: &ChainModel) -> Outcome<()> {
	let Miner { session, client, account, args, .. } = miner;
	let output = &session.output;
	if args.open.model_dir.is_some() {
		let error = format!("model {} is not an open model: its parts are fetched from the node", args.model);
		return Err(Failure::new(error).kind(Kind::Refused).next("leave --model-dir out"));
	}
	let cache = session.home.create_dir("blobs")?;
	let model = Arc::new(LocalModel::fetch(output, client, &cache, &chain_model.info).await?);
	let text = train::text(output, args.training.dataset.as_deref()).await?;
	let slot = match args.slot {
		Some(slot) => ExpertSlot { model: args.model, layer: slot.layer, expert: slot.expert },
		None => {
			let (model, text) = (model.clone(), text.clone());
			let (id, seed) = (args.model, args.training.seed.unwrap_or(0));
			tokio::task::spawn_blocking(move || model.choose_slot(id, &text.corpus, seed)).await??
		}
	};
	let parent = submit::head(client, slot).await?.version;
	let fields = json!({ "slot": slot, "parent": parent, "miner": account.address() });
	let line = format!(
		"mining     layer{}.expert{} of model {} from version {parent} as {}",
		slot.layer,
		slot.expert,
		slot.model,
		account.address()
	);
	output.event("mining", fields, line);
	let trained = mining::train_expert(output, model.clone(), slot, text, &args.training).await?;
	let manifest = client::hash(trained.manifest.to_string().as_bytes());
	let candidate = Candidate { slot, parent, bytes: trained.bytes.clone(), manifest };
	let record = kept::keep(miner, &candidate, chain_model, trained.manifest.clone())?;
	trained.report(output);
	kept::report(miner, &record);
	kept::hand_in(miner, &candidate, record).await
}
