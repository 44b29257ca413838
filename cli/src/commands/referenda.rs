//! `referenda`, `propose` and `vote`: what operators decide.

use crate::{
	amount,
	args::{ProposeArgs, ReferendaCommand, Track, Vote, VoteArgs},
	client::{
		governance::{account, REFERENDA, VOTES},
		Client,
	},
	commands::turnout,
	failure::{Context, Failure, Kind, Outcome},
	keys::{self, Account},
	output::table,
	session::Session,
};
use codec::Encode;
use serde_json::{json, Value as Json};
use sp_core::{crypto::AccountId32, H256};
use sp_crypto_hashing::blake2_256;
use std::path::Path;
use subxt::dynamic::Value;

/// Shows referenda.
pub async fn run(session: &Session, command: ReferendaCommand) -> Outcome<()> {
	match command {
		ReferendaCommand::List { count } => list(session, count).await,
		ReferendaCommand::Show { referendum } => show(session, referendum).await,
		ReferendaCommand::Stats => turnout::run(session).await,
	}
}

/// State of a referendum, and what is known of it while it runs.
fn state(referendum: &Json) -> (String, &Json) {
	if let Some(status) = referendum.get("Ongoing") {
		let state = match (&status["deciding"], &status["decision_deposit"]) {
			(Json::Object(_), _) if status["deciding"]["Some"]["confirming"] != "None" => "confirming",
			(Json::Object(_), _) => "deciding",
			(_, Json::String(_)) => "no deposit",
			_ => "preparing",
		};
		return (state.into(), status);
	}
	let name = referendum.as_object().and_then(|variant| variant.keys().next().cloned());
	(name.or_else(|| referendum.as_str().map(str::to_string)).unwrap_or_default().to_lowercase(), &Json::Null)
}

async fn list(session: &Session, count: u32) -> Outcome<()> {
	let client = session.connect().await?;
	let mut values = Vec::new();
	let mut rows = Vec::new();
	for (number, referendum) in client.referenda(count).await? {
		let (state, status) = state(&referendum);
		let track = status["track"].as_u64().map(Track::name).unwrap_or_default();
		let tally = &status["tally"];
		let votes = match tally {
			Json::Null => String::new(),
			tally => format!("{} aye, {} nay of {}", tally["ayes"], tally["nays"], tally["voices"]),
		};
		values.push(json!({ "referendum": number, "state": state, "track": track, "tally": tally }));
		rows.push(vec![number.to_string(), track, state, votes]);
	}
	session.output.result(&values, table(&["number", "track", "state", "votes"], &rows));
	Ok(())
}

async fn show(session: &Session, number: u32) -> Outcome<()> {
	let client = session.connect().await?;
	let Some(referendum) = client.referendum(number).await? else {
		return Err(Failure::new(format!("there is no referendum {number}")).next("blyan referenda list"));
	};
	let (state, status) = state(&referendum);
	let call = call_of(&client, &status["proposal"]).await?;
	let mut votes = Vec::new();
	for (voice, aye) in client.votes(number).await? {
		let Some(bytes) = account(&voice) else { continue };
		votes.push((keys::address(&AccountId32::from(bytes)), aye));
	}
	let track = status["track"].as_u64().map(Track::name).unwrap_or_default();
	let mut text = format!("referendum  {number} ({track})\nstate       {state}\n");
	if let Some((name, bytes)) = &call {
		text.push_str(&format!("call        {name}, {} bytes: 0x{}\n", bytes.len(), hex::encode(bytes)));
	}
	let tally = &status["tally"];
	if !tally.is_null() {
		text.push_str(&format!(
			"votes       {} aye, {} nay of {} voices\n",
			tally["ayes"], tally["nays"], tally["voices"]
		));
	}
	for (who, aye) in &votes {
		text.push_str(&format!("{:<11} {who}\n", if *aye { "aye" } else { "nay" }));
	}
	let value = json!({
		"referendum": number,
		"state": state,
		"track": track,
		"tally": tally,
		"call": call.as_ref().map(|(name, bytes)| json!({ "name": name, "bytes": format!("0x{}", hex::encode(bytes)) })),
		"votes": votes.iter().map(|(who, aye)| json!({ "voice": who, "aye": aye })).collect::<Vec<_>>(),
		"record": referendum,
	});
	session.output.result(&value, text.trim_end());
	Ok(())
}

/// Name and bytes of the call that a referendum is about, where the chain has them.
async fn call_of(client: &Client, proposal: &Json) -> Outcome<Option<(String, Vec<u8>)>> {
	let bytes = if let Some(text) = proposal.get("Inline").and_then(Json::as_str) {
		hex::decode(text.trim_start_matches("0x")).ok()
	} else {
		let lookup = &proposal["Lookup"];
		let hash = lookup["hash"].as_str().and_then(account).map(H256);
		let len = lookup["len"].as_u64().and_then(|len| u32::try_from(len).ok());
		match (hash, len) {
			(Some(hash), Some(len)) => client.preimage(hash, len).await?,
			_ => None,
		}
	};
	let Some(bytes) = bytes else { return Ok(None) };
	let name = client.call_name(&bytes).await?.unwrap_or_else(|| "unknown to this runtime".into());
	Ok(Some((name, bytes)))
}

/// Proposes something: notes its call, submits the referendum, and pays for the decision.
pub async fn propose(session: &Session, args: ProposeArgs) -> Outcome<()> {
	let (client, signer) = session.connect_as(&args.signer).await?;
	let (track, call) = subject(session, &client, &args).await?;
	let name = client.call_name(&call).await?.ok_or_else(|| {
		Failure::new("the call is none of this chain's")
			.next("encode it with this chain's metadata: pallet, call, and the arguments in SCALE")
	})?;
	// Always by its hash: some clients show only what has a preimage.
	note(&client, &signer, &call).await?;
	let len = u128::from(u32::try_from(call.len()).context("the length of the call")?);
	let proposal = Value::named_variant(
		"Lookup",
		[("hash", Value::from_bytes(blake2_256(&call))), ("len", Value::u128(len))],
	);
	let origin = match track.origin() {
		Some(power) => Value::unnamed_variant("Origins", [Value::unnamed_variant(power, [])]),
		None => Value::unnamed_variant("system", [Value::unnamed_variant("Root", [])]),
	};
	let after = Value::unnamed_variant("After", [Value::u128(0)]);
	let fields = vec![("proposal_origin", origin), ("proposal", proposal), ("enactment_moment", after)];
	let receipt = client.submit(&signer, REFERENDA, "submit", fields).await?;
	let number = receipt.event(REFERENDA, "Submitted").and_then(|fields| fields["index"].as_u64());
	let number = number.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| {
		Failure::new("the chain took the referendum and did not say its number").next("blyan referenda list")
	})?;
	if !args.no_deposit {
		client.submit_encoded(&signer, REFERENDA, "place_decision_deposit", &number.encode()).await?;
	}
	let track = Track::name(track as u64);
	let value = json!({ "referendum": number, "track": track, "call": name, "block": receipt.block,
		"decided": !args.no_deposit });
	let next = match args.no_deposit {
		true => "it waits for its decision deposit",
		false => "operators vote with",
	};
	let text = format!(
		"referendum {number} about {name} on track {track}, since block {}; {next}: blyan vote {number} aye",
		receipt.block
	);
	session.output.result(&value, text);
	Ok(())
}

/// Puts a call on the chain, unless it is there.
async fn note(client: &Client, signer: &Account, call: &[u8]) -> Outcome<()> {
	let hash = H256(blake2_256(call));
	let len = u32::try_from(call.len()).context("the length of the call")?;
	if client.preimage(hash, len).await?.is_some() {
		return Ok(());
	}
	client.submit_encoded(signer, "Preimage", "note_preimage", &call.to_vec().encode()).await.map(|_| ())
}

/// Track and call of what is proposed.
async fn subject(session: &Session, client: &Client, args: &ProposeArgs) -> Outcome<(Track, Vec<u8>)> {
	if let (Some(text), Some(to)) = (&args.spend, &args.to) {
		let to: [u8; 32] = *session.keys().resolve(to)?.as_ref();
		// No kind of asset, a compact amount, the beneficiary, and no first block.
		let arguments = (codec::Compact(amount::parse(text)?), to, None::<u32>).encode();
		let call = client.call_bytes("Treasury", "spend", &arguments).await?;
		return Ok((args.track.unwrap_or(Track::Treasury), call));
	}
	if let Some(text) = &args.set_parameter {
		let (group, name, value) = parameter(text)?;
		let usual = if group == "Ledger" { Track::Budget } else { Track::Parameters };
		let call = client.parameter_call(&group, &name, value).await?;
		return Ok((args.track.unwrap_or(usual), call));
	}
	if let Some(path) = &args.upgrade {
		let code = read(path)?;
		let authorize = client.call_bytes("System", "authorize_upgrade", &blake2_256(&code)).await?;
		if !args.whitelisted {
			return Ok((args.track.unwrap_or(Track::Root), authorize));
		}
		let call =
			client.call_bytes("Whitelist", "dispatch_whitelisted_call_with_preimage", &authorize).await?;
		return Ok((Track::WhitelistedCaller, call));
	}
	let call = match (&args.call, &args.call_file) {
		(Some(bytes), _) => bytes.0.clone(),
		(None, Some(path)) => {
			let bytes = read(path)?;
			let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().strip_prefix("0x"));
			match text {
				Some(digits) => hex::decode(digits).context(path.display())?,
				None => bytes,
			}
		}
		(None, None) => return Err(Failure::new("nothing is proposed").next("see blyan propose --help")),
	};
	let track = args.track.ok_or_else(|| {
		Failure::new("the track of a call is not known").next("name it with --track").kind(Kind::General)
	})?;
	Ok((track, call))
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
	std::fs::read(path).context(path.display())
}

/// Reads `Group.Name=value`; without a value, the default.
fn parameter(text: &str) -> Outcome<(String, String, Option<u128>)> {
	let refuse = || {
		Failure::new(format!("\"{text}\" sets no parameter"))
			.next("write GROUP.NAME=NUMBER, such as Learning.Delta=40, in the chain's own units")
	};
	let (path, value) = text.split_once('=').ok_or_else(refuse)?;
	let (group, name) = path.split_once('.').ok_or_else(refuse)?;
	let value = match value.trim() {
		"" => None,
		number => Some(number.parse().map_err(|_| refuse())?),
	};
	Ok((group.trim().into(), name.trim().into(), value))
}

/// Votes in a referendum.
pub async fn vote(session: &Session, args: VoteArgs) -> Outcome<()> {
	let (client, signer) = session.connect_as(&args.signer).await?;
	let aye = args.vote == Vote::Aye;
	let receipt = client.submit_encoded(&signer, VOTES, "vote", &(args.referendum, aye).encode()).await?;
	let tally = receipt.event(VOTES, "Voted").map(|fields| fields["tally"].clone()).unwrap_or_default();
	let text = format!(
		"{} votes {} in referendum {}: {} aye, {} nay of {} voices (block {})",
		signer.name,
		if aye { "aye" } else { "nay" },
		args.referendum,
		tally["ayes"],
		tally["nays"],
		tally["voices"],
		receipt.block
	);
	let value = json!({ "referendum": args.referendum, "voter": signer.address(), "aye": aye, "tally": tally,
		"block": receipt.block, "fee": receipt.fee().to_string() });
	session.output.result(&value, text);
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn parameters_are_group_name_and_number() {
		assert_eq!(parameter("Learning.Delta=40").unwrap(), ("Learning".into(), "Delta".into(), Some(40)));
		assert_eq!(parameter("Learning.Delta=").unwrap(), ("Learning".into(), "Delta".into(), None));
		for text in ["", "Learning", "Learning=4", "Learning.Delta", "Learning.Delta=x", "Learning.Delta=-1"]
		{
			assert!(parameter(text).is_err(), "{text}");
		}
	}

	#[test]
	fn states_are_read_from_what_the_chain_keeps() {
		let deciding = json!({ "Ongoing": { "deciding": { "Some": { "since": 4, "confirming": "None" } },
			"decision_deposit": { "Some": {} } } });
		assert_eq!(state(&deciding).0, "deciding");
		let confirming =
			json!({ "Ongoing": { "deciding": { "Some": { "since": 4, "confirming": { "Some": 9 } } } } });
		assert_eq!(state(&confirming).0, "confirming");
		let poor = json!({ "Ongoing": { "deciding": "None", "decision_deposit": "None" } });
		assert_eq!(state(&poor).0, "no deposit");
		let waiting = json!({ "Ongoing": { "deciding": "None", "decision_deposit": { "Some": {} } } });
		assert_eq!(state(&waiting).0, "preparing");
		assert_eq!(state(&json!({ "Approved": [7, "None", "None"] })).0, "approved");
	}
}
