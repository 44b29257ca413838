//! `session`: prepaid sessions, from the deposit to its rest.

use super::offer::number;
use crate::{
	amount,
	args::{SessionCommand, SignerArgs},
	client::{Client, Offer, PaidSession, Receipt},
	failure::{Context, Failure, Kind, Outcome},
	keys,
	output::table,
	paying::{
		account::{self, OperatorAccount},
		channel::{Channel, SessionTerms},
		payer,
		refresh::SeenSession,
		state,
		store::ChannelStore,
		upstream::Upstream,
	},
	seed_file,
	session::Session,
};
use blyan_primitives::SessionId;
use codec::Encode;
use serde_json::{json, Value as Json};
use sp_core::{Pair, H256};
use std::path::Path;
use subxt::dynamic::Value;

/// Opens, shows and closes sessions.
pub async fn run(session: &Session, command: SessionCommand) -> Outcome<()> {
	match command {
		SessionCommand::Open { offer, deposit, voucher_key, signer } => {
			open(session, offer, &deposit, voucher_key.as_deref(), &signer).await
		}
		SessionCommand::TopUp { session: id, amount, signer } => top_up(session, id, &amount, &signer).await,
		SessionCommand::Status { session: id } => status(session, id).await,
		SessionCommand::Close { session: id, signer } => close(session, id, &signer).await,
		SessionCommand::Finish { session: id, signer } => {
			let receipt = call(session, id, "finish_session", &signer).await?;
			over(session, id, &receipt);
			Ok(())
		}
		SessionCommand::Release { session: id, signer } => {
			let receipt = call(session, id, "release_session", &signer).await?;
			over(session, id, &receipt);
			Ok(())
		}
		SessionCommand::List { all } => list(session, all).await,
		SessionCommand::Recover { session: id, promised_max } => {
			recover(session, id, promised_max.as_deref()).await
		}
	}
}

/// Returns the records of the sessions on a node's network.
pub fn store(session: &Session, client: &Client) -> ChannelStore {
	ChannelStore::new(&session.home, client.genesis())
}

async fn open(
	session: &Session,
	offer: u32,
	deposit: &str,
	voucher_key: Option<&Path>,
	signer: &SignerArgs,
) -> Outcome<()> {
	let deposit = amount::parse(deposit)?;
	let (client, account) = session.connect_as(signer).await?;
	let offer = client.offer(offer).await?;
	let store = store(session, &client);
	// On disk first: a session whose key is lost is money that only waits for its end.
	let key = match voucher_key {
		Some(path) => store.adopt_key(&seed_file::read_seed(path)?)?,
		None => store.make_key()?,
	};
	let fields = vec![
		("offer", Value::u128(offer.id.into())),
		("voucher_key", Value::from_bytes(key.public().0)),
		("deposit", Value::u128(deposit)),
	];
	let receipt = client.submit(&account, "Inference", "open_session", fields).await?;
	let id: SessionId = number(&receipt, "SessionOpened", "session")?;
	let opened = client.paid_session(id).await?;
	let channel = Channel::new(H256(client.genesis()), id, terms(&offer, &opened), opened.deposit);
	store.insert(&channel)?;
	if opened.prices != offer.prices {
		session.output.warn(format_args!(
			"offer {} changed its prices while session {id} was opened, and the session has the new ones; nothing is promised yet: take the deposit back \
			with blyan session close {id} if they are too high",
			offer.id
		));
	}
	let value = json!({
		"session": id,
		"offer": offer.id,
		"operator": keys::address(&offer.operator),
		"endpoint": offer.endpoint,
		"deposit": deposit.to_string(),
		"prices": opened.prices,
		"voucher_key": channel.terms.voucher_key,
		"block": receipt.block,
		"fee": receipt.fee().to_string(),
	});
	let text = format!(
		"opened session {id} with {} in block {}: {} for 1,000 tokens read, {} for 1,000 written\n\
		talk             blyan chat --session {id}\n\
		any client       blyan connect --session {id}\n\
		take back        blyan session close {id}",
		amount::show(deposit),
		receipt.block,
		amount::show(opened.prices.input),
		amount::show(opened.prices.output),
	);
	session.output.result(&value, text);
	Ok(())
}

/// Returns the terms of a session, as the chain has fixed them.
fn terms(offer: &Offer, opened: &PaidSession) -> SessionTerms {
	SessionTerms {
		offer: opened.offer,
		operator: H256(<[u8; 32]>::from(opened.operator.clone())),
		endpoint: offer.endpoint.clone(),
		serving_keys: vec![offer.serving_key],
		voucher_key: opened.voucher_key,
		model_root: offer.model_root,
		context: offer.context,
		prices: opened.prices,
	}
}

async fn top_up(session: &Session, id: SessionId, text: &str, signer: &SignerArgs) -> Outcome<()> {
	let planck = amount::parse(text)?;
	let (client, account) = session.connect_as(signer).await?;
	let fields = vec![("session", Value::u128(id.into())), ("amount", Value::u128(planck))];
	let receipt = client.submit(&account, "Inference", "top_up", fields).await?;
	let deposit = client.paid_session(id).await?.deposit;
	let value = json!({ "session": id, "deposit": deposit.to_string(), "block": receipt.block,
		"fee": receipt.fee().to_string() });
	// A program that pays by it reads the chain now and then; its record is not touched here.
	let text = format!(
		"added {} to session {id} in block {}; its deposit is {}",
		amount::show(planck),
		receipt.block,
		amount::show(deposit)
	);
	session.output.result(&value, text);
	Ok(())
}

async fn call(session: &Session, id: SessionId, name: &str, signer: &SignerArgs) -> Outcome<Receipt> {
	let (client, account) = session.connect_as(signer).await?;
	client.submit_encoded(&account, "Inference", name, &id.encode()).await
}

/// Brings the operator a voucher for exactly what it charged, so that it need not settle one that promises more.
async fn square(session: &Session, id: SessionId) -> Outcome<()> {
	let Some(store) = ChannelStore::find(&session.home, id)? else { return Ok(()) };
	let Some(channel) = store.read(id)? else { return Ok(()) };
	let key = store.key(&channel.terms.voucher_key)?;
	payer::square(&Upstream::new(&channel.terms.endpoint)?, &channel, &key).await
}

async fn close(session: &Session, id: SessionId, signer: &SignerArgs) -> Outcome<()> {
	if let Err(failure) = square(session, id).await {
		session.output.warn(format_args!(
			"the operator did not take a voucher for exactly what it charged ({}); it may settle the newest it has",
			failure.message
		));
	}
	let receipt = call(session, id, "close_session", signer).await?;
	let client = session.connect().await?;
	let closes_at = client.find_paid_session(id).await?.and_then(|found| found.closes_at);
	let value = json!({ "session": id, "block": receipt.block, "closes_at": closes_at,
		"fee": receipt.fee().to_string() });
	let text = match closes_at {
		Some(at) => format!(
			"session {id} is closing since block {}: its operator may settle until block {at} (time in which the chain stood still is added); then take the rest back: blyan \
			session finish {id}",
			receipt.block
		),
		None => format!("session {id} is closed since block {}", receipt.block),
	};
	session.output.result(&value, text);
	Ok(())
}

/// Prints how a session ended.
fn over(session: &Session, id: SessionId, receipt: &Receipt) {
	let fields = receipt.event("Inference", "SessionEnded").cloned().unwrap_or_default();
	let returned = crate::client::as_u128(&fields["returned"]).unwrap_or_default();
	let value = json!({ "session": id, "returned": returned.to_string(), "block": receipt.block,
		"fee": receipt.fee().to_string() });
	let text = format!(
		"session {id} is over since block {}: {} returned to its payer",
		receipt.block,
		amount::show(returned)
	);
	session.output.result(&value, text);
}

async fn status(session: &Session, id: SessionId) -> Outcome<()> {
	let client = session.connect().await?;
	let found = client.find_paid_session(id).await?;
	let record = store(session, &client).read(id)?;
	if found.is_none() && record.is_none() {
		let unknown =
			Failure::new(format!("there is no session {id}")).next("list yours: blyan session list");
		return Err(client.blame_sync(unknown).await);
	}
	let value = json!({
		"session": id,
		"chain": found.as_ref().map(PaidSession::to_json),
		"record": record.as_ref().map(state::session),
	});
	let mut lines = vec![format!("session     {id}")];
	match &found {
		Some(found) => lines.extend(on_chain(found)),
		None => lines.push("chain       it is over".into()),
	}
	match &record {
		Some(channel) => lines.extend(on_record(channel)),
		None => lines.push(format!("record      none here; make it again: blyan session recover {id}")),
	}
	session.output.result(&value, lines.join("\n"));
	Ok(())
}

fn on_chain(found: &PaidSession) -> Vec<String> {
	let state = match found.closes_at {
		Some(at) => {
			format!("closing; the rest can be taken back from block {at} on, or later if the chain stood still: blyan session finish {}", found.id)
		}
		None => "open".into(),
	};
	vec![
		format!("state       {state}"),
		format!("payer       {}", keys::address(&found.payer)),
		format!("operator    {}", keys::address(&found.operator)),
		format!(
			"deposit     {}, of which {} were taken",
			amount::show(found.deposit),
			amount::show(found.settled)
		),
	]
}

fn on_record(channel: &Channel) -> Vec<String> {
	let mut lines = vec![
		format!("gateway     {}", channel.terms.endpoint),
		format!("promised    {}", amount::show(channel.promised)),
		format!("charged     {} for {} answers", amount::show(channel.charged), channel.answers),
	];
	if !channel.open.is_empty() {
		lines.push(format!(
			"open        {} answers without a receipt, {} at most",
			channel.open.len(),
			amount::show(channel.owed_max().saturating_sub(channel.charged))
		));
	}
	lines.extend(channel.stopped.iter().map(|reason| format!("stopped     {reason}")));
	lines
}

async fn list(session: &Session, all: bool) -> Outcome<()> {
	let client = session.connect().await?;
	let store = store(session, &client);
	let channels = store.list()?;
	if all {
		for found in client.paid_sessions().await? {
			let is_here = channels.iter().any(|channel| channel.session == found.id);
			if !is_here && store.has_key(&found.voucher_key) {
				session.output.warn(format_args!(
					"session {} is paid by a key of this machine and has no record: blyan session recover {}",
					found.id, found.id
				));
			}
		}
	}
	let values: Vec<Json> = channels.iter().map(state::session).collect();
	let row = |channel: &Channel| {
		vec![
			channel.session.to_string(),
			channel.terms.offer.to_string(),
			amount::show(channel.deposit),
			amount::show(channel.promised),
			amount::show(channel.charged),
			channel.answers.to_string(),
			if channel.stopped.is_some() { "stopped".into() } else { channel.terms.endpoint.clone() },
		]
	};
	let rows: Vec<Vec<String>> = channels.iter().map(row).collect();
	let head = ["session", "offer", "deposit", "promised", "charged", "answers", "gateway"];
	let text = match rows.is_empty() {
		true => "no sessions yet; open one with: blyan session open OFFER --deposit 5".to_string(),
		false => table(&head, &rows),
	};
	session.output.result(&values, text);
	Ok(())
}

/// Makes a lost record again. Nothing is signed here but a voucher for what is settled already.
///
/// The chain says what was settled. What was promised beyond it only the operator knows: it is believed if it shows the voucher, and else up to
/// what the user says may be; the next voucher is over that much at least, or the operator would refuse it.
async fn recover(session: &Session, id: SessionId, promised_max: Option<&str>) -> Outcome<()> {
	let promised_max = promised_max.map(amount::parse).transpose()?;
	let client = session.connect().await?;
	let store = store(session, &client);
	if store.read(id).is_ok_and(|found| found.is_some()) {
		return Err(Failure::new(format!("session {id} has a record here"))
			.next(format!("look at it with: blyan session status {id}")));
	}
	let opened = client.paid_session(id).await?;
	let offer = client.offer(opened.offer).await?;
	let key = store.key(&opened.voucher_key)?;
	let genesis = H256(client.genesis());
	let upstream = Upstream::new(&offer.endpoint)?;
	let held = account::ask(&upstream, &genesis, id, opened.settled, &key).await;
	let held = held.context_next(
		"the operator's gateway",
		"without its answer it is not known what was promised: try again, or close the session: blyan session close",
	)?;
	let terms = terms(&offer, &opened);
	let promised = believed(&held, opened.settled, &terms, promised_max)?;
	let channel = Channel {
		promised,
		charged: held.charged.clamp(opened.settled.min(promised), promised),
		..Channel::new(genesis, id, terms, opened.deposit)
	};
	store.insert(&channel)?;
	let text = format!(
		"session {id} has a record again: {} promised, {} charged, as the operator says: the receipts that would have shown it are lost",
		amount::show(channel.promised),
		amount::show(channel.charged)
	);
	session.output.result(&state::session(&channel), text);
	Ok(())
}

/// Returns the promise that is believed of an operator.
fn believed(
	held: &OperatorAccount,
	settled: u128,
	terms: &SessionTerms,
	promised_max: Option<u128>,
) -> Outcome<u128> {
	let promised = held.promised.max(settled);
	// One answer as long as the context is what an honest operator may hold at any time.
	let one = terms.prices.cost(terms.context, terms.context).unwrap_or(u128::MAX);
	let bound = promised_max.unwrap_or_else(|| settled.saturating_add(one));
	if held.is_shown || promised <= bound {
		return Ok(promised);
	}
	Err(Failure::new(format!(
		"the operator says that it holds a voucher over {}, and shows none; {} were settled",
		amount::show(promised),
		amount::show(settled)
	))
	.kind(Kind::Refused)
	.next(format!(
		"if so much may have been promised, say so with --promised-max {}; else close the session, and it has to show the voucher \
		to the chain: blyan session close",
		amount::show(promised)
	)))
}

/// Reads a session from the chain, as a payer's record is held against it.
pub async fn seen(client: &Client, id: SessionId) -> Outcome<Option<SeenSession>> {
	let Some(found) = client.find_paid_session(id).await? else { return Ok(None) };
	let offer = client.find_offer(found.offer).await?;
	Ok(Some(SeenSession {
		deposit: found.deposit,
		settled: found.settled,
		closes_at: found.closes_at,
		serving_keys: offer.iter().map(|offer| offer.serving_key).collect(),
		endpoint: offer.map(|offer| offer.endpoint),
	}))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::paying::channel;

	#[test]
	fn an_operator_that_shows_no_voucher_is_believed_up_to_one_answer_or_what_the_user_says() {
		let terms = channel::tests::terms();
		let one = terms.prices.cost(terms.context, terms.context).unwrap();
		let held = |promised, is_shown| OperatorAccount { promised, is_shown, charged: 0, held: 0 };
		let believed_of = |held: OperatorAccount, max| believed(&held, 1_000, &terms, max);
		assert_eq!(believed_of(held(1_000 + one, false), None).unwrap(), 1_000 + one);
		let failure = believed_of(held(1_001 + one, false), None).unwrap_err();
		assert!(failure.next.unwrap().contains("--promised-max"));
		assert_eq!(believed_of(held(1_001 + one, false), Some(9_000)).unwrap(), 1_001 + one);
		assert_eq!(believed_of(held(90_000, true), None).unwrap(), 90_000, "the signature shows it");
		assert_eq!(believed_of(held(5, true), None).unwrap(), 1_000, "so much was settled");
	}
}
