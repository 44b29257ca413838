//! `holdout keep`, `list` and `status`: sealed test sequences.
//!
//! A keeper's program runs unattended. What it must not lose (bytes and salts) is on disk before anything is sent; everything else is
//! read from the chain again at every pass, so it may end at any time and goes on with the same command.

use crate::{
	amount,
	args::{HoldoutCommand, HoldoutKeepArgs},
	client::{self, Client},
	failure::{Failure, Kind, Outcome},
	keeper_texts::Texts,
	keys::Account,
	names,
	output::table,
	session::Session,
	vault::Vault,
};
use blyan_primitives::{ModelId, SealingRules, SubmissionId};
use blyan_runtime_api::holdouts::{ChunkInfo, KeeperInfo, KeepingTerms, RoundInfo, RoundPhase};
use codec::Encode;
use serde_json::json;
use sp_core::H256;
use std::time::Duration;
use subxt::dynamic::Value;

/// Interval at which the chain is looked at.
const POLL: Duration = Duration::from_secs(3);
/// Pause after a node that did not answer.
const RETRY: Duration = Duration::from_secs(10);

/// Keeps sealed chunks, or shows what the chain has of them.
pub async fn run(session: &Session, command: HoldoutCommand) -> Outcome<()> {
	match command {
		HoldoutCommand::Keep(args) => keep(session, args).await,
		HoldoutCommand::List { model } => list(session, model).await,
		HoldoutCommand::Status => status(session).await,
	}
}

/// A keeper's program.
struct Keeper<'a> {
	session: &'a Session,
	client: Client,
	account: Account,
	model: ModelId,
	rules: SealingRules,
	wanted: u32,
	vault: Vault,
	texts: Texts,
}

async fn keep(session: &Session, args: HoldoutKeepArgs) -> Outcome<()> {
	let (output, paths) = (session.output.clone(), args.paths.clone());
	let reading = move || super::dataset::documents_of(&output, &paths);
	let documents = tokio::task::spawn_blocking(reading).await??;
	let (client, account) = session.connect_as(&args.signer).await?;
	let rules = client.sealing(args.model).await?.ok_or_else(|| {
		Failure::new(format!("candidates for model {} are measured on its public holdout", args.model))
			.kind(Kind::Refused)
			.next("nothing is to be kept for it; the chain's rule seals a model with Holdouts.seal_model")
	})?;
	let model = client.chain_model(args.model).await?;
	let texts = match (model.architecture(), &args.model_dir) {
		(None, _) => Texts::Bytes(documents),
		(Some(architecture), Some(dir)) => Texts::tokens(&documents, dir, architecture)?,
		(Some(_), None) => {
			let refused = format!("sequences for model {} are token ids of its tokenizer", args.model);
			return Err(Failure::new(refused)
				.kind(Kind::Refused)
				.next("name the model's directory with --model-dir"));
		}
	};
	// What an earlier run sent before it ended may be in no block yet.
	client::wait_for_pool(&client, &session.output, &account).await?;
	let terms = client.keeping_terms().await?;
	join(session, &client, &account, &terms, args.bond.as_deref()).await?;
	let vault = Vault::open(&session.home, client.genesis(), account.id(), args.model)?;
	session.output.say(format!("chunks and their salts are in {}", vault.folder().display()));
	let wanted = args.chunks.min(terms.chunks_max);
	let mut keeper = Keeper { session, client, account, model: args.model, rules, wanted, vault, texts };
	loop {
		match keeper.pass().await {
			Ok(()) => tokio::time::sleep(POLL).await,
			Err(failure) => {
				session.output.warn(format!("{}; trying again in {} s", failure.message, RETRY.as_secs()));
				tokio::time::sleep(RETRY).await;
				keeper.reconnect(failure.kind).await;
			}
		}
	}
}

/// Puts on hold what is missing of a keeper's bond.
async fn join(
	session: &Session,
	client: &Client,
	account: &Account,
	terms: &KeepingTerms,
	bond: Option<&str>,
) -> Outcome<()> {
	let wanted = bond.map(amount::parse).transpose()?.unwrap_or(terms.bond_min);
	let has = own(client, account).await?.map_or(0, |info| info.bond);
	if has >= wanted {
		return Ok(());
	}
	let missing = wanted - has;
	let fields = vec![("amount", Value::u128(missing))];
	let receipt = client.submit(account, "Holdouts", "join", fields).await?;
	let fields = json!({ "keeper": account.address(), "bond": wanted.to_string(), "block": receipt.block,
		"fee": receipt.fee().to_string() });
	let text = format!("joined     with a bond of {} (block {})", amount::show(wanted), receipt.block);
	session.output.event("joined", fields, text);
	Ok(())
}

async fn own(client: &Client, account: &Account) -> Outcome<Option<KeeperInfo>> {
	let who = account.id();
	Ok(client.keepers().await?.into_iter().find(|info| info.keeper == who))
}

impl Keeper<'_> {
	/// Does what is due: what is appointed first, then new chunks.
	async fn pass(&mut self) -> Outcome<()> {
		let mut passed = Ok(());
		for RoundInfo { submission, model, phase, .. } in self.client.rounds().await? {
			if model == self.model {
				// A chunk that is lost or damaged lets no other appointment pass.
				passed = passed.and(self.attend(submission, phase).await);
			}
		}
		passed.and(self.refill().await)
	}

	/// Does what is due in one round.
	async fn attend(&self, submission: SubmissionId, phase: RoundPhase) -> Outcome<()> {
		let who = self.account.id();
		match phase {
			RoundPhase::Revealing { keeper, commitment, .. } if keeper == who => {
				self.reveal(submission, &commitment).await
			}
			RoundPhase::Attesting { keeper, holdout, .. } | RoundPhase::Ready { keeper, holdout }
				if keeper == who =>
			{
				self.upload(submission, &holdout.blob.hash).await
			}
			_ => Ok(()),
		}
	}

	/// Opens a chunk that is appointed in a finalised block.
	async fn reveal(&self, submission: SubmissionId, commitment: &H256) -> Outcome<()> {
		// An earlier run may have ended before it noted that. A chunk that is public must not be sealed a second time.
		self.vault.note_committed(commitment)?;
		let chunk = self.vault.read(commitment)?.ok_or_else(|| {
			Failure::new(format!(
				"chunk {commitment:?} is appointed and not in {}",
				self.vault.folder().display()
			))
			.next("run the command with the home directory that it was committed from")
		})?;
		let arguments = (submission, &chunk.bytes, chunk.salt).encode();
		let receipt = self.client.submit_encoded(&self.account, "Holdouts", "reveal", &arguments).await?;
		let fields = json!({ "submission": submission, "commitment": commitment, "block": receipt.block });
		let text = format!("revealed   a chunk for submission {submission} (block {})", receipt.block);
		self.session.output.event("revealed", fields, text);
		self.upload(submission, &chunk.blob()).await
	}

	/// Hands the bytes of an open chunk to the node, unless it has them.
	async fn upload(&self, submission: SubmissionId, blob: &H256) -> Outcome<()> {
		if self.client.has_blob(blob).await? {
			return Ok(());
		}
		// Of another home directory; that one's program uploads it.
		let Some(chunk) = self.vault.find(blob)? else { return Ok(()) };
		client::upload(&self.client, &self.session.output, &chunk.bytes).await?;
		let fields = json!({ "submission": submission, "blob": blob, "bytes": chunk.bytes.len() });
		let text = format!("uploaded   {} bytes for submission {submission}", chunk.bytes.len());
		self.session.output.event("uploaded", fields, text);
		Ok(())
	}

	/// Commits to chunks until as many are sealed as are wanted, or the texts are used up.
	async fn refill(&mut self) -> Outcome<()> {
		// Rules can change while this runs. A chunk that was cut by others could not be opened.
		let Some(rules) = self.client.sealing(self.model).await? else { return Ok(()) };
		self.rules = rules;
		let sealed = self.client.sealed_chunks(&self.account.id(), self.model).await?;
		for chunk in &sealed {
			self.vault.note_committed(&chunk.commitment)?;
		}
		let fits = |chunk: &&ChunkInfo| {
			chunk.sequences == rules.sequences && chunk.sequence_len == rules.sequence_len
		};
		let count = u32::try_from(sealed.iter().filter(fits).count()).unwrap_or(u32::MAX);
		for _ in count..self.wanted {
			let Some(commitment) = self.next_chunk()? else { break };
			// Refused if other rules are in force by then: the chunk could not be opened under them.
			let arguments = (self.model, commitment, rules).encode();
			let receipt =
				self.client.submit_encoded(&self.account, "Holdouts", "commit_under", &arguments).await?;
			self.vault.note_committed(&commitment)?;
			let fields = json!({ "commitment": commitment, "block": receipt.block,
				"fee": receipt.fee().to_string() });
			let text = format!("committed  {} (block {})", names::short_hash(&commitment), receipt.block);
			self.session.output.event("committed", fields, text);
		}
		Ok(())
	}

	/// A chunk that is on disk and not on chain: one that an earlier run has prepared, or a new one.
	fn next_chunk(&mut self) -> Outcome<Option<H256>> {
		let rules = self.rules;
		if let Some(prepared) = self.vault.fitting(|chunk| self.texts.can_be_opened(&rules, chunk))? {
			return Ok(Some(prepared));
		}
		let (header, len) = self.texts.layout(&rules);
		let known = self.vault.sequences(header, len)?;
		let Some(bytes) = self.texts.cut(&rules, &known)? else {
			if !self.texts.is_empty() {
				self.session
					.output
					.warn("the texts are used up; what is sealed is kept. Start again with other texts");
				self.texts.clear();
			}
			return Ok(None);
		};
		self.vault.prepare(bytes).map(Some)
	}

	/// Connects again if the node did not answer.
	async fn reconnect(&mut self, kind: Kind) {
		if kind != Kind::Unreachable {
			return;
		}
		match Client::connect(&self.session.url).await {
			Ok(client) if client.genesis() == self.client.genesis() => self.client = client,
			Ok(_) => self.session.output.warn("the node is on another network now"),
			Err(failure) => self.session.output.warn(failure.message),
		}
	}
}

async fn list(session: &Session, model: ModelId) -> Outcome<()> {
	let client = session.connect().await?;
	let rules = client.sealing(model).await?;
	let keepers = client.keepers().await?;
	let is_open = client.model(model).await?.body.is_second();
	let mut rows = Vec::new();
	for info in &keepers {
		let sealed = client.sealed_chunks(&info.keeper, model).await?.len();
		let cells = [
			names::short(&info.keeper),
			amount::show(info.bond).to_string(),
			sealed.to_string(),
			info.chunks.to_string(),
			info.faults.to_string(),
		];
		rows.push(cells.to_vec());
	}
	let head = ["keeper", "bond", "sealed", "chunks", "faults"];
	let about = match &rules {
		Some(SealingRules { sequences, sequence_len, .. }) => {
			let unit = if is_open { "token ids" } else { "bytes" };
			format!("model {model} is sealed: chunks of {sequences} sequences of {sequence_len} {unit}")
		}
		None => format!("model {model} is measured on its public holdout"),
	};
	let value = json!({ "model": model, "rules": rules, "keepers": keepers });
	session.output.result(&value, format!("{about}\n{}", table(&head, &rows)));
	Ok(())
}

async fn status(session: &Session) -> Outcome<()> {
	let rounds = session.connect().await?.rounds().await?;
	let rows: Vec<Vec<String>> = rounds
		.iter()
		.map(|round| {
			let RoundInfo { submission, model, looks, phase } = round;
			vec![submission.to_string(), model.to_string(), looks.to_string(), phase_words(phase)]
		})
		.collect();
	let head = ["submission", "model", "looks", "state"];
	session.output.result(&rounds, table(&head, &rows));
	Ok(())
}

/// State of a round in words.
fn phase_words(phase: &RoundPhase) -> String {
	match phase {
		RoundPhase::Drawing => "a keeper is about to be appointed".into(),
		RoundPhase::Revealing { keeper, until, .. } => {
			format!("{} is to open its chunk until {until} (working time)", names::short(keeper))
		}
		RoundPhase::Attesting { keeper, attested, needed, .. } => {
			format!("{attested} of {needed} operators have the chunk of {}", names::short(keeper))
		}
		RoundPhase::Ready { keeper, .. } => format!("measured on the chunk of {}", names::short(keeper)),
		RoundPhase::Starved { until } => format!("too few keepers; tried again at {until} (working time)"),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::crypto::AccountId32;

	#[test]
	fn a_state_says_whose_turn_it_is() {
		let keeper = AccountId32::new([1; 32]);
		let words = phase_words(&RoundPhase::Revealing {
			keeper: keeper.clone(),
			commitment: H256::zero(),
			until: 7,
		});
		assert!(words.contains(&names::short(&keeper)) && words.contains('7'), "{words}");
		assert!(phase_words(&RoundPhase::Starved { until: 9 }).contains("too few keepers"));
	}
}
