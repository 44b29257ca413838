//! `evolution`: architectures that are proposed, tried and kept if they are measurably better.

mod check;
mod hours;
mod network;

use crate::{
	amount,
	args::{EvolutionCommand, EvolutionProposeArgs, SignerArgs},
	client::{self, evolution::EVOLUTION, Receipt},
	commands::model,
	failure::{Context, Failure, Kind, Outcome},
	names,
	open_dir::OpenModelDir,
	output::table,
	session::Session,
};
use blyan_open_model::{Directory, Manifest};
use blyan_primitives::{
	evolution::{
		least_gain_ppm, EpochOutcome, EpochPhase, ModelRecord, Proposal, SuiteChoice, SuiteName,
		TokenizerEnds, TokenizerRef,
	},
	BlobRef,
};
use blyan_runtime_api::evolution::{EpochInfo, EpochSummary, EvaluationInfo, ProposalInfo};
use codec::Encode;
use serde_json::json;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use std::path::{Path, PathBuf};

/// File of a model's folder with its tokenizer.
const TOKENIZER: &str = "tokenizer.json";

/// Takes part in evolution, or shows it.
pub async fn run(session: &Session, command: EvolutionCommand) -> Outcome<()> {
	match command {
		EvolutionCommand::Templates => templates(session).await,
		EvolutionCommand::Status => status(session).await,
		EvolutionCommand::History { count } => history(session, count).await,
		EvolutionCommand::Check { epoch, old, new } => check::run(session, epoch, &old, &new).await,
		EvolutionCommand::Propose(args) => propose(session, *args).await,
		EvolutionCommand::Endorse { proposal, signer } => endorse(session, proposal, &signer).await,
		EvolutionCommand::Deliver { dir, no_upload, signer } => {
			deliver(session, dir, no_upload, &signer).await
		}
		EvolutionCommand::File { signer } => network::file(session, &signer).await,
		EvolutionCommand::Adopt { signer } => network::adopt(session, &signer).await,
		EvolutionCommand::OfferGpus { gpus, hours, price, signer } => {
			hours::offer(session, gpus, hours, price, &signer).await
		}
		EvolutionCommand::Reserve { hours, price, signer } => {
			hours::reserve(session, hours, price, &signer).await
		}
		EvolutionCommand::Claim { hours, signer } => hours::claim(session, hours, &signer).await,
		EvolutionCommand::Confirm { operator, hours, signer } => {
			hours::confirm(session, &operator, hours, &signer).await
		}
		EvolutionCommand::Reservations => hours::list(session).await,
		EvolutionCommand::Begin { call, signer } => begin(session, call, &signer).await,
		EvolutionCommand::Record { model, set: None, .. } => record(session, model).await,
		EvolutionCommand::Record { model, set: Some(path), call, signer } => {
			set_record(session, model, &path, call, &signer).await
		}
		EvolutionCommand::Tokenizer { model, dir, call, signer } => {
			tokenizer(session, model, &dir, call, &signer).await
		}
	}
}

async fn templates(session: &Session) -> Outcome<()> {
	let client = session.connect().await?;
	let (found, terms) = (client.evolution_templates().await?, client.evolution_terms().await?);
	let rows: Vec<Vec<String>> = found
		.iter()
		.map(|template| {
			vec![
				template.kind.name().into(),
				template.difficulty.to_string(),
				percent(i64::from(template.minimum_ppm)),
				template.training_hours.to_string(),
				if template.is_supported { "yes" } else { "no" }.into(),
			]
		})
		.collect();
	let text = format!(
		"{}\n\nA proposal holds {} BLY, an endorsement {} BLY, and each block of a candidate {} BLY. Suites have {} to {} tasks.",
		table(&["kind", "difficulty", "least gain", "hours", "supported"], &rows),
		amount::show(terms.proposal_deposit),
		amount::show(terms.endorsement_bond),
		amount::show(terms.deposit_per_block),
		terms.tasks_min,
		terms.tasks_max
	);
	session.output.result(&json!({ "templates": found, "terms": terms }), text);
	Ok(())
}

async fn status(session: &Session) -> Outcome<()> {
	let client = session.connect().await?;
	let (epoch, proposals) = (client.epoch().await?, client.evolution_proposals().await?);
	let evaluation = client.evolution_evaluation().await?;
	let value = json!({ "epoch": epoch, "proposals": proposals, "evaluation": evaluation });
	let text = match &epoch {
		None => "no epoch has begun".to_string(),
		Some(epoch) => {
			let parts = [
				Some(headline(epoch)),
				(!proposals.is_empty()).then(|| proposal_table(&proposals)),
				evaluation.as_ref().map(evaluation_text),
			];
			parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
		}
	};
	session.output.result(&value, text);
	Ok(())
}

fn headline(epoch: &EpochInfo) -> String {
	let left = epoch.until.saturating_sub(epoch.now);
	let phase = match epoch.phase {
		EpochPhase::Nomination => format!(
			"nomination for {left} more blocks; a proposal needs {} of {} voices, and has {} at most\npropose with: blyan evolution propose; operators endorse with: blyan evolution endorse PROPOSAL",
			epoch.endorsements_min, epoch.voices, epoch.endorsements_max
		),
		EpochPhase::Training => format!(
			"training for {left} more blocks\nits proposer delivers the candidate with: blyan evolution deliver FOLDER"
		),
		EpochPhase::Evaluation => {
			format!("evaluation, this step for {left} more blocks; the nodes of drawn operators measure by themselves")
		}
		EpochPhase::CleanUp => "clean-up".into(),
		EpochPhase::Rest => {
			format!("over; the next begins in {} blocks", epoch.next_at.saturating_sub(epoch.now))
		}
	};
	let tried = epoch.selected.map(|proposal| format!("\nproposal {proposal} is tried")).unwrap_or_default();
	let candidate =
		epoch.candidate.map(|model| format!("; its candidate is model {model}")).unwrap_or_default();
	let outcome = epoch.outcome.map(|outcome| format!("\n{}", outcome_text(outcome))).unwrap_or_default();
	format!("epoch {}: {phase}{tried}{candidate}{outcome}", epoch.epoch)
}

fn proposal_table(proposals: &[ProposalInfo]) -> String {
	let row = |one: &ProposalInfo| {
		vec![
			one.id.to_string(),
			one.proposal.kind.name().into(),
			one.proposal.base.to_string(),
			percent(i64::from(one.proposal.minimum_ppm)),
			percent(i64::from(one.feasibility)),
			one.endorsements.to_string(),
			names::short(&one.proposer),
		]
	};
	let rows: Vec<Vec<String>> = proposals.iter().map(row).collect();
	table(&["proposal", "kind", "base", "least gain", "feasibility", "endorsed", "proposer"], &rows)
}

fn evaluation_text(evaluation: &EvaluationInfo) -> String {
	let count = |is: fn(&(bool, bool)) -> bool| {
		evaluation.seats.iter().filter(|seat| is(&(seat.sealed, seat.revealed))).count()
	};
	format!(
		"committee of {}: {} sealed, {} opened (draw {:?})",
		evaluation.seats.len(),
		count(|(sealed, _)| *sealed),
		count(|(_, revealed)| *revealed),
		evaluation.draw
	)
}

async fn history(session: &Session, count: u32) -> Outcome<()> {
	let client = session.connect().await?;
	let found = client.evolution_history(count).await?;
	let row = |one: &EpochSummary| {
		vec![
			one.epoch.to_string(),
			one.proposal.as_ref().map(|proposal| proposal.kind.name().to_string()).unwrap_or_default(),
			one.proposal.as_ref().map(|proposal| proposal.base.to_string()).unwrap_or_default(),
			one.candidate.map(|model| model.to_string()).unwrap_or_default(),
			outcome_text(one.outcome),
			one.decided_at.to_string(),
		]
	};
	let rows: Vec<Vec<String>> = found.iter().map(row).collect();
	session
		.output
		.result(&found, table(&["epoch", "kind", "base", "candidate", "outcome", "decided at"], &rows));
	Ok(())
}

fn outcome_text(outcome: EpochOutcome) -> String {
	match outcome {
		EpochOutcome::NoProposal => "no proposal was endorsed enough".into(),
		EpochOutcome::NotDelivered => "the candidate was not delivered".into(),
		EpochOutcome::Unavailable => "the candidate's bytes could not be had".into(),
		EpochOutcome::Malformed => "the candidate's bytes are no model".into(),
		EpochOutcome::NoQuorum => "no committee decided".into(),
		EpochOutcome::Refused { gain_ppm } => format!("refused: gain {}", percent(gain_ppm.into())),
		EpochOutcome::Promoted { gain_ppm } => format!("promoted: gain {}", percent(gain_ppm.into())),
	}
}

/// Parts per million as a percentage with two decimals, rounded towards zero.
fn percent(ppm: i64) -> String {
	let (sign, all) = (if ppm < 0 { "-" } else { "" }, ppm.unsigned_abs() / 100);
	format!("{sign}{}.{:02} %", all / 100, all % 100)
}

async fn propose(session: &Session, args: EvolutionProposeArgs) -> Outcome<()> {
	let directory = Directory::new(&args.dir);
	let architecture = directory.architecture(&directory.manifest()?)?;
	let (client, account) = session.connect_as(&args.signer).await?;
	let terms = client.evolution_terms().await?;
	let template = args.kind.template();
	let difficulty = args.difficulty.unwrap_or(template.difficulty);
	let tasks = args.tasks.unwrap_or(terms.tasks_min);
	let suites = SuiteName::ALL.map(|suite| SuiteChoice { suite, tasks }).to_vec();
	let proposal = Proposal {
		kind: args.kind,
		base: args.base,
		difficulty,
		minimum_ppm: args.minimum.unwrap_or_else(|| least_gain_ppm(difficulty)),
		suites: suites.try_into().map_err(|_| Failure::new("there are more suites than a proposal names"))?,
		gpu_hours: args.gpu_hours.unwrap_or(template.training_hours),
		recipe: hash_of(&args.recipe)?,
		description: hash_of(&args.description)?,
	};
	proposal.check(terms.tasks_min..=terms.tasks_max).map_err(|error| {
		Failure::new(format!("the chain would refuse the proposal: {error:?}")).kind(Kind::Refused).next(
			"see what each kind must gain, and how many tasks a suite has, with: blyan evolution templates",
		)
	})?;
	let arguments = (proposal, architecture.to_bytes()).encode();
	let receipt = client.submit_encoded(&account, EVOLUTION, "propose", &arguments).await?;
	let fields = receipt.event(EVOLUTION, "Proposed").cloned().unwrap_or_default();
	let (number, feasibility) = (&fields["proposal"], &fields["feasibility"]);
	let value = json!({ "proposal": number, "epoch": fields["epoch"], "feasibility": feasibility,
		"block": receipt.block, "fee": receipt.fee().to_string() });
	let text = format!(
		"proposal {number} in block {}, feasibility {feasibility} of a million; operators endorse it with: blyan evolution endorse {number}",
		receipt.block
	);
	session.output.result(&value, text);
	Ok(())
}

fn hash_of(path: &Path) -> Outcome<H256> {
	Ok(H256(blake2_256(&std::fs::read(path).context(path.display())?)))
}

async fn endorse(session: &Session, proposal: u32, signer: &SignerArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(signer).await?;
	let receipt = client.submit_encoded(&account, EVOLUTION, "endorse", &proposal.encode()).await?;
	let fields = receipt.event(EVOLUTION, "Endorsed").cloned().unwrap_or_default();
	let value = json!({ "proposal": proposal, "endorsements": fields["endorsements"], "block": receipt.block,
		"fee": receipt.fee().to_string() });
	let text =
		format!("proposal {proposal} has {} endorsements (block {})", fields["endorsements"], receipt.block);
	session.output.result(&value, text);
	Ok(())
}

async fn deliver(session: &Session, dir: PathBuf, no_upload: bool, signer: &SignerArgs) -> Outcome<()> {
	let output = &session.output;
	let opened = dir.clone();
	let model = tokio::task::spawn_blocking(move || OpenModelDir::open(&opened)).await??;
	let (client, account) = session.connect_as(signer).await?;
	let arguments = (model.architecture.to_bytes(), &model.parts, &model.heads).encode();
	let receipt = client.submit_encoded(&account, EVOLUTION, "submit_candidate", &arguments).await?;
	let fields = receipt.event(EVOLUTION, "CandidateSubmitted").cloned().unwrap_or_default();
	let candidate = &fields["candidate"];
	let value = json!({ "candidate": candidate, "epoch": fields["epoch"], "block": receipt.block,
		"model_root": format!("0x{}", model.manifest.model_root), "fee": receipt.fee().to_string() });
	let text = format!("delivered  as model {candidate} in block {}", receipt.block);
	output.event("delivered", value, text);
	if no_upload {
		output.say("its bytes are not uploaded: evaluators that cannot get them fail the candidate");
		return Ok(());
	}
	let next = format!("the candidate is delivered; go on with: blyan model upload {}", dir.display());
	model::upload(output, &client, &model, &[]).await.map_err(|failure| failure.next(next))
}

async fn tokenizer(
	session: &Session,
	model: u32,
	dir: &Path,
	call_only: bool,
	signer: &SignerArgs,
) -> Outcome<()> {
	let directory = Directory::new(dir);
	let manifest = directory.manifest()?;
	// Checks that the file is canonical, and the one that the manifest names.
	directory.tokenizer(&manifest)?;
	let path = dir.join(TOKENIZER);
	let bytes = std::fs::read(&path).context(path.display())?;
	let arguments = (model, reference(&manifest, &bytes)?).encode();
	let Some(receipt) = as_rule(session, "set_tokenizer", &arguments, call_only, signer).await? else {
		return Ok(());
	};
	client::upload(&session.connect().await?, &session.output, &bytes).await?;
	let value = json!({ "model": model, "block": receipt.block, "bytes": bytes.len() });
	let text = format!("the tokenizer of model {model} is named in block {}", receipt.block);
	session.output.result(&value, text);
	Ok(())
}

async fn record(session: &Session, model: u32) -> Outcome<()> {
	let record = session.connect().await?.model_record(model).await?;
	let text = match &record {
		Some(record) => serde_json::to_string_pretty(record)?,
		None => format!("model {model} has no record: every feasible change may be proposed"),
	};
	session.output.result(&record, text);
	Ok(())
}

async fn set_record(
	session: &Session,
	model: u32,
	path: &Path,
	call_only: bool,
	signer: &SignerArgs,
) -> Outcome<()> {
	let text = std::fs::read_to_string(path).context(path.display())?;
	let next = format!("see the fields of one: blyan evolution record {model} --json");
	let record: ModelRecord = serde_json::from_str(&text).context_next(path.display(), next)?;
	let arguments = (model, record).encode();
	let Some(receipt) = as_rule(session, "set_model_record", &arguments, call_only, signer).await? else {
		return Ok(());
	};
	let value = json!({ "model": model, "block": receipt.block });
	session.output.result(&value, format!("the record of model {model} is set in block {}", receipt.block));
	Ok(())
}

async fn begin(session: &Session, call_only: bool, signer: &SignerArgs) -> Outcome<()> {
	let Some(receipt) = as_rule(session, "begin_epoch", &[], call_only, signer).await? else { return Ok(()) };
	let fields = receipt.event(EVOLUTION, "EpochOpened").cloned().unwrap_or_default();
	let epoch = &fields["epoch"];
	let value = json!({ "epoch": epoch, "until": fields["until"], "block": receipt.block });
	session.output.result(&value, format!("epoch {epoch} began in block {}", receipt.block));
	Ok(())
}

/// Makes a call that only the chain's rule may make, where one account may; or prints it for a referendum.
async fn as_rule(
	session: &Session,
	call: &str,
	arguments: &[u8],
	call_only: bool,
	signer: &SignerArgs,
) -> Outcome<Option<Receipt>> {
	if call_only {
		let bytes = session.connect().await?.call_bytes(EVOLUTION, call, arguments).await?;
		let (text, hash) = (format!("0x{}", hex::encode(&bytes)), client::hash(&bytes));
		session.output.result(
			&json!({ "call": text, "hash": hash }),
			format!("{text}\nhash {hash:?}: propose it with: blyan propose --call CALL --track models"),
		);
		return Ok(None);
	}
	let (client, account) = session.connect_as(signer).await?;
	let bytes = client.call_bytes(EVOLUTION, call, arguments).await?;
	Ok(Some(model::sudo(&client, &account, &bytes).await?))
}

fn reference(manifest: &Manifest, bytes: &[u8]) -> Outcome<TokenizerRef> {
	let blob = BlobRef { hash: H256(blake2_256(bytes)), size: u32::try_from(bytes.len())? };
	let ends: TokenizerEnds = manifest.ends.clone().try_into().map_err(|ends: Vec<u32>| {
		Failure::new(format!("the model has {} end tokens, more than the chain takes", ends.len()))
	})?;
	Ok(TokenizerRef { blob, ends })
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_record_of_the_documentation_can_be_set() {
		let page = include_str!("../../../docs/evolution.md");
		let (_, rest) = page.split_once("```json\n").unwrap();
		let (example, _) = rest.split_once("```").unwrap();
		let record: ModelRecord = serde_json::from_str(example).unwrap();
		assert!(record.is_compatible(record.version));
		assert_eq!(record.layers.len(), 2);
		let unknown = example.replace("allow_layer_addition", "allow_layers");
		assert!(serde_json::from_str::<ModelRecord>(&unknown).is_err());
	}

	#[test]
	fn gains_are_shown_in_percent_and_towards_zero() {
		assert_eq!([150_000, 1_000_000, 0, 99].map(percent), ["15.00 %", "100.00 %", "0.00 %", "0.00 %"]);
		assert_eq!([-200_000, -148_936].map(percent), ["-20.00 %", "-14.89 %"]);
	}
}
