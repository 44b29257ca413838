//! `models`, `experts`, `submissions`, `operators`: what the chain holds, as tables.

use crate::{
	amount,
	args::{ModelArgs, SubmissionsArgs},
	chain_model::ChainModel,
	client,
	failure::Outcome,
	names,
	output::table,
	session::Session,
	verdict::{self, Unit},
};
use blyan_open_model::directory::summary;
use blyan_primitives::{ModelBody, ModelInfo};
use blyan_runtime_api::{OperatorInfo, SubmissionInfo};
use serde_json::{json, Value};
use std::time::Duration;

/// Lists models.
pub async fn models(session: &Session) -> Outcome<()> {
	let client = session.connect().await?;
	let mut models = Vec::new();
	for id in client.models().await? {
		models.push(client.chain_model(id).await?);
	}
	let values: Vec<Value> = models.iter().map(value).collect();
	let rows: Vec<Vec<String>> = models
		.iter()
		.map(|model| {
			let (experts, shape) = describe(model);
			let info = &model.info;
			let version = &info.version;
			vec![
				info.id.to_string(),
				name(info),
				format!("{}.{}.{}", version.major, version.minor, version.patch),
				info.generation.to_string(),
				experts,
				shape,
			]
		})
		.collect();
	let head = ["id", "name", "version", "generation", "experts", "shape"];
	session.output.result(&values, table(&head, &rows));
	Ok(())
}

/// Returns a model as JSON, its heads left out: `config` and `trunk` under the first definition; under the second the
/// identifier and the record of its architecture, and its parts.
pub fn value(model: &ChainModel) -> Value {
	let ChainModel { info, .. } = model;
	let mut value = json!({ "id": info.id, "name": name(info), "version": info.version,
		"generation": info.generation });
	match &info.body {
		ModelBody::First { config, trunk } => {
			value["config"] = json!(config);
			value["trunk"] = json!(trunk);
		}
		ModelBody::Second { architecture, parts } => {
			let record = model.architecture().map(|record| hex::encode(record.to_bytes()));
			value["architecture"] = json!(architecture);
			value["architecture_record"] = json!(record);
			value["parts_root"] = json!(parts);
			value["parts"] = json!(info.parts);
		}
	}
	value
}

/// Describes a model's experts and its shape in words.
pub fn describe(model: &ChainModel) -> (String, String) {
	match (model.info.config(), model.architecture()) {
		(Some(config), _) => (
			format!("{} x {} experts, top {}", config.layers, config.experts, config.top_k),
			format!("d {} ff {} context {}", config.d_model, config.d_ff, config.context),
		),
		(None, Some(architecture)) => {
			let slots = model.slots();
			let routed = slots.0.iter().filter(|experts| **experts > 0).count();
			(
				format!("{} experts in {routed} of {} layers", slots.count(), slots.0.len()),
				summary(architecture),
			)
		}
		(None, None) => ("unknown".into(), "unknown".into()),
	}
}

/// Returns a model's name.
pub fn name(model: &ModelInfo) -> String {
	String::from_utf8_lossy(&model.name).into_owned()
}

/// Lists a model's experts.
pub async fn experts(session: &Session, args: ModelArgs) -> Outcome<()> {
	let model = session.connect().await?.chain_model(args.model).await?;
	let slots = model.slots();
	let heads = || slots.iter().zip(&model.info.heads);
	let values: Vec<Value> = heads()
		.map(|((layer, expert), head)| {
			json!({ "layer": layer, "expert": expert, "version": head.version, "block": head.block })
		})
		.collect();
	let rows: Vec<Vec<String>> = heads()
		.map(|((layer, expert), head)| {
			vec![
				format!("{layer}.{expert}"),
				head.version.to_string(),
				names::short_hash(&head.block.tensor_root),
				names::short_hash(&head.block.blob.hash),
				head.block.blob.size.to_string(),
			]
		})
		.collect();
	session.output.result(&values, table(&["expert", "version", "tensor root", "blob", "bytes"], &rows));
	Ok(())
}

/// Lists submissions, shows one, or follows one.
pub async fn submissions(session: &Session, args: SubmissionsArgs) -> Outcome<()> {
	let client = session.connect().await?;
	let Some(id) = args.id else {
		let submissions = client.submissions(args.count).await?;
		let rows: Vec<Vec<String>> = submissions.iter().map(row).collect();
		let head = ["id", "expert", "miner", "block", "state"];
		session.output.result(&submissions, table(&head, &rows));
		return Ok(());
	};
	let submission = client.submission(id).await?;
	if args.follow {
		let from = submission.submitted_at.into();
		client::follow(&client, &session.output, id, from, Duration::from_secs(900)).await?;
		return Ok(());
	}
	let model = client.model(submission.slot.model).await?;
	let text = verdict::explain_submission(&submission, Unit::of(&model.body));
	session.output.result(&submission, text);
	Ok(())
}

fn row(submission: &SubmissionInfo) -> Vec<String> {
	vec![
		submission.id.to_string(),
		format!("{}.{}", submission.slot.layer, submission.slot.expert),
		names::short(&submission.miner),
		submission.submitted_at.to_string(),
		verdict::state(&submission.state),
	]
}

/// Lists operators.
pub async fn operators(session: &Session) -> Outcome<()> {
	let operators = session.connect().await?.operators().await?;
	let rows: Vec<Vec<String>> = operators
		.iter()
		.map(|operator| {
			vec![
				names::short(&operator.account),
				amount::show(operator.stake),
				operator.reputation.to_string(),
				operator.last_heartbeat.to_string(),
				duty(operator),
				percent(operator.measures.uptime),
				percent(operator.measures.proof_success),
				percent(operator.measures.job_completion),
				operator.pending_offences.to_string(),
			]
		})
		.collect();
	let head = [
		"operator",
		"stake",
		"reputation",
		"last heartbeat",
		"eligible",
		"uptime",
		"agreed",
		"delivered",
		"offences pending",
	];
	session.output.result(&operators, table(&head, &rows));
	Ok(())
}

/// Describes whether an operator may be drawn, or why not.
fn duty(operator: &OperatorInfo) -> String {
	match (operator.eligible, operator.quarantined_until, operator.withdrawable_at) {
		(true, ..) => "yes".into(),
		(false, Some(until), _) => format!("in quarantine until block {until}"),
		(false, None, Some(_)) => "leaving".into(),
		(false, None, None) => "no".into(),
	}
}

/// A measure, which counts in millionths.
fn percent(measure: u32) -> String {
	format!("{:.1} %", f64::from(measure) / 10_000.0)
}
