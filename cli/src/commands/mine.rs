//! `mine`: train an expert of the model on the chain, submit it, and follow it to its decision.

mod kept;
mod open_model;
mod progress;
mod rounds;
mod training;

use super::{
	submit::{self, Candidate},
	train,
};
use crate::{
	args::MineArgs,
	chain_model::ChainModel,
	client::{self, Client},
	commands::dataset::TrainingText,
	failure::{Failure, Kind, Outcome},
	keys::Account,
	mining::{
		self,
		idle::{self, Watcher},
		LocalModel, TrainedExpert,
	},
	session::Session,
};
use blyan_primitives::ExpertSlot;
use kept::Miner;
use progress::Rounds;
use serde_json::json;
use std::sync::Arc;
use training::Training;

/// Mines once, or finishes what an earlier run has begun.
pub async fn run(session: &Session, args: MineArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(&args.signer).await?;
	with(session, &client, &account, &args).await
}

/// The same over a connection, with an account that is unlocked.
pub async fn with(session: &Session, client: &Client, account: &Account, args: &MineArgs) -> Outcome<()> {
	let store = session.submissions(client);
	let miner = Miner { session, client, account, store: &store, args, rounds: None };
	match args.rounds.repeat {
		true => rounds::run(miner).await,
		false => once(miner).await,
	}
}

/// Makes one round.
async fn once(miner: Miner<'_>) -> Outcome<()> {
	let Miner { client, account, args, .. } = miner;
	if !miner.is_fresh() {
		if let Some(unfinished) = kept::unfinished(miner).await? {
			return kept::finish(miner, unfinished).await;
		}
	}
	if miner.rounds.is_some() {
		rounds::wait_for_quota(miner).await?;
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
	let text = train::text(output, args.training.file()?).await?;
	let training = miner.rounds.map(|_| Training::unfinished(miner, chain_model)).transpose()?.flatten();
	let slot = match (&training, args.slot) {
		(Some(training), _) => training.record.slot,
		(None, Some(slot)) => ExpertSlot { model: args.model, layer: slot.layer, expert: slot.expert },
		(None, None) => choose_slot(miner, chain_model, &model, &text).await?,
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
	let training = match (training, miner.rounds) {
		(None, Some(_)) => Some(Training::of(miner, chain_model, slot)?),
		(training, _) => training,
	};
	let mut options = args.training.clone();
	if let Some(training) = &training {
		options.checkpoint = Some(training.checkpoint.clone());
	}
	let mut watcher = miner.watcher()?;
	let gate = watcher.as_ref().map(Watcher::gate);
	let train = mining::train_expert(output, model.clone(), slot, text, &options, gate);
	let trained = idle::during(watcher.as_mut(), train).await?;
	if let (Some(rounds), Some(training)) = (miner.rounds, &training) {
		// A run that had made its last step before it was killed is not measured again: both numbers are the same then.
		if trained.held_out.is_some_and(|(before, after)| after > before) {
			return skip(miner, rounds, training, &trained);
		}
	}
	let manifest = client::hash(trained.manifest.to_string().as_bytes());
	let candidate = Candidate { slot, parent, bytes: trained.bytes.clone(), manifest };
	let record = kept::keep(miner, &candidate, chain_model, trained.manifest.clone())?;
	trained.report(output);
	kept::report(miner, &record);
	// What was learned is in the block.
	if let Some(Err(failure)) = training.map(|training| training.remove()) {
		output.warn(failure.message);
	}
	kept::hand_in(miner, &candidate, record).await
}

/// Ends a round whose expert is worse on text that was held out here: the chain would not accept it.
fn skip(miner: Miner<'_>, rounds: &Rounds, training: &Training, trained: &TrainedExpert) -> Outcome<()> {
	let (slot, seconds) = (training.record.slot, trained.seconds);
	trained.report(&miner.session.output);
	let text = format!(
		"skipped    layer{}.expert{} is worse on text that was held out here; nothing was sent",
		slot.layer, slot.expert
	);
	miner.session.output.event("skipped", json!({ "slot": slot, "seconds": seconds }), text);
	training.remove()?;
	rounds.note_worthless(slot, seconds)
}

/// Chooses a slot: by the strategy of rounds, or the one that is worth training most.
async fn choose_slot(
	miner: Miner<'_>,
	chain_model: &ChainModel,
	model: &Arc<LocalModel>,
	text: &Arc<TrainingText>,
) -> Outcome<ExpertSlot> {
	let (id, seed) = (miner.args.model, miner.args.training.seed.unwrap_or(0));
	let (model, text) = (model.clone(), text.clone());
	let Some(rounds) = miner.rounds else {
		return tokio::task::spawn_blocking(move || model.choose_slot(id, &text.corpus, seed)).await?;
	};
	let experience = rounds.experience(miner).await?;
	let slots = chain_model.slots().iter().collect::<Vec<_>>();
	let choose = move || -> Outcome<Option<(u8, u16)>> {
		let counts = match experience.needs_usage() {
			true => model.usage(&text.corpus, seed)?,
			false => vec![0; slots.len()],
		};
		let uses: Vec<_> = slots.into_iter().zip(counts).collect();
		Ok(experience.choose(&uses))
	};
	let chosen = tokio::task::spawn_blocking(choose).await??;
	let (layer, expert) = chosen.ok_or_else(|| Failure::new(format!("model {id} has no experts")))?;
	Ok(ExpertSlot { model: id, layer, expert })
}
