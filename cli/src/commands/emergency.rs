//! `emergency`: measures that operators decide at once.

use crate::{
	amount,
	args::{EmergencyAction, EmergencyCommand, EmergencyKind, SignerArgs},
	client::{governance::EMERGENCIES, Receipt},
	failure::Outcome,
	output::table,
	session::Session,
};
use blyan_primitives::ExpertSlot;
use codec::Encode;
use serde_json::{json, Value as Json};

/// Calls or supports an emergency, or lists what is there.
pub async fn run(session: &Session, command: EmergencyCommand) -> Outcome<()> {
	match command {
		EmergencyCommand::Propose { kind, why, action, signer } => {
			let action = encode(session, &action)?;
			let arguments = [vec![kind as u8], action, why.into_bytes().encode()].concat();
			report(session, &signer, "propose", &arguments, kind_name(kind)).await
		}
		EmergencyCommand::Vote { proposal, signer } => {
			report(session, &signer, "support", &proposal.encode(), "emergency").await
		}
		EmergencyCommand::List => list(session).await,
	}
}

fn kind_name(kind: EmergencyKind) -> &'static str {
	match kind {
		EmergencyKind::Breach => "breach",
		EmergencyKind::EconomicAttack => "economic attack",
		EmergencyKind::ConsensusFailure => "consensus failure",
	}
}

/// Encodes an action as the chain numbers it.
fn encode(session: &Session, action: &EmergencyAction) -> Outcome<Vec<u8>> {
	let accounts = |names: &[String]| -> Outcome<Vec<u8>> {
		let resolve = |name: &String| session.keys().resolve(name).map(|account| *account.as_ref());
		Ok(names.iter().map(resolve).collect::<Outcome<Vec<[u8; 32]>>>()?.encode())
	};
	Ok(match action {
		EmergencyAction::Pause => vec![0],
		EmergencyAction::RevertHead { model, slot, head_version } => {
			let slot = ExpertSlot { model: *model, layer: slot.layer, expert: slot.expert };
			[vec![1], slot.encode(), head_version.encode()].concat()
		}
		EmergencyAction::Quarantine { operators } => [vec![2], accounts(operators)?].concat(),
		EmergencyAction::Freeze { accounts: named } => [vec![3], accounts(named)?].concat(),
		EmergencyAction::LowerRewards { keep } => {
			let millionths = u32::from(*keep) * 10_000;
			[vec![4], millionths.encode()].concat()
		}
		EmergencyAction::Mint { amount } => [vec![5], amount::parse(amount)?.encode()].concat(),
		EmergencyAction::Checkpoint { model } => [vec![6], model.encode()].concat(),
	})
}

/// Sends a call, and prints what became of it.
async fn report(
	session: &Session,
	signer: &SignerArgs,
	call: &str,
	arguments: &[u8],
	what: &str,
) -> Outcome<()> {
	let (client, account) = session.connect_as(signer).await?;
	let receipt = client.submit_encoded(&account, EMERGENCIES, call, arguments).await?;
	let supported = field(&receipt, "Supported");
	let enacted = receipt.event(EMERGENCIES, "Enacted");
	let proposal = &supported["proposal"];
	let text = match enacted {
		Some(fields) => format!(
			"{what}: proposal {proposal} has {} voices and was carried out in block {}; it ends at {}",
			supported["votes"], receipt.block, fields["ends_at"]
		),
		None => format!(
			"{what}: proposal {proposal} has {} of {} voices; others support it with: blyan emergency vote {proposal}",
			supported["votes"], supported["needed"]
		),
	};
	let value = json!({ "proposal": proposal, "votes": supported["votes"], "needed": supported["needed"],
		"enacted": enacted.is_some(), "block": receipt.block, "fee": receipt.fee().to_string() });
	session.output.result(&value, text);
	Ok(())
}

fn field(receipt: &Receipt, event: &str) -> Json {
	receipt.event(EMERGENCIES, event).cloned().unwrap_or_default()
}

async fn list(session: &Session) -> Outcome<()> {
	let client = session.connect().await?;
	let found = client.emergencies().await?;
	let rows: Vec<Vec<String>> = found
		.iter()
		.map(|entry| {
			let (open, active) = (&entry["open"], &entry["in_effect"]);
			let (state, until) = match open {
				Json::Null => ("in effect", &active["ends_at"]),
				open => ("open", &open["expires_at"]),
			};
			let what = if open.is_null() { &active["effect"] } else { &open["action"] };
			let votes = entry["supporters"].as_array().map_or(0, Vec::len);
			vec![
				entry["proposal"].to_string(),
				state.into(),
				what.to_string(),
				if open.is_null() { String::new() } else { format!("{votes} of {}", open["needed"]) },
				until.to_string(),
			]
		})
		.collect();
	session.output.result(&found, table(&["number", "state", "what", "voices", "until block"], &rows));
	Ok(())
}
