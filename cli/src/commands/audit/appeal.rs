//! `audit appeal`: contest an offence, so that what it is about is computed again, or judged.

use super::challenge::confirm;
use crate::{
	amount,
	args::AppealArgs,
	authority::{authority, submit_for, Authority},
	client::Client,
	failure::{Failure, Kind, Outcome},
	keys,
	session::Session,
};
use blyan_primitives::Subject;
use blyan_runtime_api::{OffenceInfo, OffenceState};
use codec::Encode;
use serde_json::json;
use sp_core::crypto::AccountId32;

/// Appeals against an offence, in the name of the operator that it is held against.
pub async fn run(session: &Session, args: AppealArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(&args.signer).await?;
	let operator = match &args.operator {
		Some(name) => session.keys().resolve(name)?,
		None => account.id(),
	};
	let offence = find(&client, &operator, args.offence).await?;
	ensure_open(&offence)?;
	if authority(&client, &operator, &account.id()).await? == Authority::None {
		return Err(Failure::new(format!(
			"{} may not appeal for the operator {}",
			account.address(),
			keys::address(&operator)
		))
		.kind(Kind::Refused)
		.next("name the operator's --key, or that of its proxy of type Operator"));
	}
	let bond = client.appeal_bond().await?;
	let fields = json!({ "offence": offence.id, "bond": bond.to_string(), "applies_at": offence.applies_at });
	let text = format!(
		"bond       {} of {}, returned if offence {} is pardoned and lost if it stands",
		amount::show(bond),
		keys::address(&operator),
		offence.id
	);
	session.output.event("bond", fields, text);
	// It is held of the operator, whichever account signs.
	let free = client.balance(&operator).await?.free;
	if free <= bond {
		return Err(Failure::new(format!(
			"the operator {} has only {}",
			keys::address(&operator),
			amount::show(free)
		))
		.kind(Kind::Refused)
		.next("fund it: the bond is held of the operator"));
	}
	if !args.yes && !confirm(&session.output)? {
		return Err(Failure::new("nothing was signed").kind(Kind::Refused));
	}
	let (call, arguments) = (("Slashing", "appeal"), offence.id.encode());
	let receipt = submit_for(&client, &operator, &account, call, &arguments).await?;
	let is_computed =
		receipt.event("Slashing", "Appealed").is_some_and(|fields| fields["is_computed"] == true);
	let next = match (is_computed, offence.contested.map(|contested| contested.subject)) {
		(true, Some(Subject::Answer(_))) => {
			"its game is played by blyan serve --offer with the store that has the answer: let it run"
		}
		(true, _) => "its game is played by the operator's node: let it run",
		(false, _) => "nothing can be computed again, so a judge decides (docs/governance.md)",
	};
	let fields = json!({ "offence": offence.id, "is_computed": is_computed, "block": receipt.block,
		"fee": receipt.fee().to_string() });
	let text = format!("appealed   offence {} in block {}; {next}", offence.id, receipt.block);
	session.output.event("appealed", fields, text);
	Ok(())
}

async fn find(client: &Client, operator: &AccountId32, id: u64) -> Outcome<OffenceInfo> {
	let found = client.offences(operator).await?.into_iter().find(|offence| offence.id == id);
	found.ok_or_else(|| {
		Failure::new(format!("{} has no offence {id} to answer for", keys::address(operator)))
			.kind(Kind::Refused)
			.next(
				"list its offences: blyan audit offences ACCOUNT; for a proxy's key name the operator with --operator",
			)
	})
}

/// Refuses what the chain would: an offence is appealed once, in time, and not against a computation of the chain itself.
fn ensure_open(offence: &OffenceInfo) -> Outcome<()> {
	let id = offence.id;
	let refuse = |message: String, next: &str| Err(Failure::new(message).kind(Kind::Refused).next(next));
	match offence.state {
		OffenceState::Open => {}
		OffenceState::Appealed { at } => {
			return refuse(format!("offence {id} was appealed in block {at}"), "wait for the decision");
		}
		OffenceState::Applied { at, .. } | OffenceState::Pardoned { at } => {
			return refuse(format!("offence {id} was decided in block {at}"), "there is nothing to be done");
		}
	}
	match offence.contested {
		Some(contested) if contested.executed => refuse(
			format!("offence {id} is proven: the chain itself computed the block that differs"),
			"look for faults of the machine that made the claim (memory, overclocking)",
		),
		_ => Ok(()),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::traits::{Contested, OffenceKind};
	use sp_core::H256;

	#[test]
	fn what_is_decided_or_proven_is_not_appealed() {
		let info = |state, executed| OffenceInfo {
			id: 5,
			offender: AccountId32::new([4; 32]),
			kind: OffenceKind::FalseScore,
			evidence: H256([6; 32]),
			contested: Some(Contested { subject: Subject::Answer(H256([9; 32])), executed }),
			reporter: None,
			at: 10,
			applies_at: 900,
			state,
		};
		assert!(ensure_open(&info(OffenceState::Open, false)).is_ok());
		let words = |state, executed| ensure_open(&info(state, executed)).unwrap_err().message;
		assert!(words(OffenceState::Open, true).contains("is proven"));
		assert!(words(OffenceState::Appealed { at: 11 }, false).contains("was appealed in block 11"));
		assert!(words(OffenceState::Pardoned { at: 12 }, false).contains("was decided in block 12"));
	}
}
