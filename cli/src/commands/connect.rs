//! `connect`: a local server with OpenAI's interface, of which every answer is paid out of a session with the operator that gives it.

use super::sessions::{seen, store};
use crate::{
	amount,
	args::ConnectArgs,
	client::Client,
	failure::{Context, Failure, Kind, Outcome},
	interrupted,
	output::Output,
	paying::{
		channel::Channel,
		operators::Operators,
		payer::{Bill, Payer},
		prompt::PromptCheck,
		proxy::Proxy,
		refresh,
		store::{ChannelStore, HeldChannel},
		upstream::Upstream,
	},
	session::Session,
};
use blyan_primitives::SessionId;
use serde_json::json;
use sp_core::crypto::AccountId32;
use std::{
	net::SocketAddr,
	path::Path,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

/// Interval at which the chain's record of the session is read.
const WATCH: Duration = Duration::from_secs(20);
/// Time in which the receipts of the last answers are waited for at the end.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which the operator then takes a voucher for exactly what it charged.
const SQUARE_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves until Ctrl-C or SIGTERM, which are no failure here.
pub async fn run(session: &Session, args: ConnectArgs) -> Outcome<()> {
	let output = session.output.clone();
	let listener = TcpListener::bind(args.listen).await.context_next(
		format_args!("cannot listen on {}", args.listen),
		"name another address with --listen",
	)?;
	let address = listener.local_addr()?;
	let (reports, mut bills) = mpsc::unbounded_channel();
	let mut paying = pay_all(session, &args, &reports).await?;
	if !address.ip().is_loopback() {
		output.warn(format_args!(
			"every machine that can connect to {address} spends the deposits of these sessions"
		));
	}
	let differences = session.home.path("sessions").join("differences.json");
	let payers = paying.iter().map(|paying| (paying.payer.clone(), paying.channel.clone())).collect();
	let (operators, mut notices) = Operators::new(payers, differences);
	announce(&output, &paying, &operators, address).await;
	let proxy = Proxy::new(operators.clone(), address.ip().is_loopback());
	let mut watched = Vec::new();
	for Paying { payer, client, channel } in &mut paying {
		let of = (client.take(), session.url.clone(), channel.session);
		watched.push(tokio::spawn(watch(payer.clone(), operators.clone(), of, output.clone())));
	}
	if paying.len() > 1 {
		watched.push(tokio::spawn(operators.watch()));
	}
	let (ending, ended) = tokio::sync::oneshot::channel::<()>();
	let mut serving = tokio::spawn(proxy.serve(listener, async move { drop(ended.await) }));
	let mut ending = Some(ending);
	let result = loop {
		tokio::select! {
			Some(bill) = bills.recv() => show(&output, &bill),
			Some(notice) = notices.recv() => output.warn(notice),
			result = &mut serving => break result.map_err(Failure::from).and_then(|ended| Ok(ended?)),
			() = interrupted() => match ending.take() {
				Some(ending) => {
					output.say("no further requests are taken; the answers that are on their way may end (Ctrl-C breaks them off)");
					drop(ending);
				}
				None => break Ok(()),
			},
		}
	};
	serving.abort();
	watched.iter().for_each(JoinHandle::abort);
	let settled = paying.iter().map(|paying| paying.payer.settled());
	drop(tokio::time::timeout(SETTLE_TIMEOUT, futures::future::join_all(settled)).await);
	while let Ok(bill) = bills.try_recv() {
		show(&output, &bill);
	}
	let squared = paying.iter().map(|paying| paying.payer.square());
	drop(tokio::time::timeout(SQUARE_TIMEOUT, futures::future::join_all(squared)).await);
	output.event("ended", json!({}), "the server has ended");
	result
}

/// Begins to pay by all sessions that are named.
async fn pay_all(
	session: &Session,
	args: &ConnectArgs,
	reports: &mpsc::UnboundedSender<Bill>,
) -> Outcome<Vec<Paying>> {
	let mut paying: Vec<Paying> = Vec::new();
	for id in &args.session {
		let next = pay(session, *id, args.model_dir.as_deref(), reports.clone()).await?;
		if let Some(first) = paying.first() {
			ensure_alike(&first.channel, &next.channel)?;
		}
		paying.push(next);
	}
	Ok(paying)
}

/// Refuses sessions whose operators would give different answers to one request.
fn ensure_alike(first: &Channel, other: &Channel) -> Outcome<()> {
	let (one, two) = (first.session, other.session);
	if (first.genesis, first.terms.model_root) == (other.genesis, other.terms.model_root) {
		return Ok(());
	}
	Err(Failure::new(format!("sessions {one} and {two} are about different models, or of different chains"))
		.kind(Kind::Refused)
		.next("name sessions whose offers have one model: blyan offer list; for another model start another blyan connect"))
}

/// Says by which sessions is paid, and where clients ask.
async fn announce(output: &Output, paying: &[Paying], operators: &Operators, address: SocketAddr) {
	let mut text = String::new();
	for Paying { payer, .. } in paying {
		let channel = payer.channel().await;
		text.push_str(&format!(
			"session {} of {} with {}, of which {} are promised\n",
			channel.session,
			amount::show(channel.deposit),
			channel.terms.endpoint,
			amount::show(channel.promised),
		));
	}
	text.push_str(&format!("interface  http://{address}/v1 (any key; OPENAI_BASE_URL=http://{address}/v1)"));
	let mut fields = operators.to_json().await;
	fields["address"] = json!(address);
	output.event("connected", fields, text);
}

/// A payer, with what it reports and, if it answers, the node.
pub struct Paying {
	/// The payer.
	pub payer: Arc<Payer>,
	/// The node.
	pub client: Option<Client>,
	/// The session's record at the beginning.
	pub channel: Channel,
}

/// Begins to pay by a session whose record is on this machine. `bills` gets every bill.
pub async fn pay(
	session: &Session,
	id: SessionId,
	model_dir: Option<&Path>,
	bills: mpsc::UnboundedSender<Bill>,
) -> Outcome<Paying> {
	let output = &session.output;
	let prompts = model_dir.map(PromptCheck::open).transpose()?.map(Arc::new);
	let (store, client) = match session.connect().await {
		Ok(client) => (store(session, &client), Some(client)),
		Err(failure) if failure.kind == Kind::Unreachable => {
			let store = ChannelStore::find(&session.home, id)?.ok_or(failure)?;
			output.warn("the node does not answer: whether the session is still open is not known");
			(store, None)
		}
		Err(failure) => return Err(failure),
	};
	let held = store.hold(id)?;
	if let Some(client) = &client {
		if let Some(words) = look(&held, client, id).await? {
			return Err(Failure::new(format!("session {id} is not paid by: {words}"))
				.kind(Kind::Refused)
				.next(format!(
					"take the rest back: blyan session close {id}, then blyan session finish {id}"
				)));
		}
	}
	let channel = held.get().await;
	if let (Some(prompts), Some(dir)) = (&prompts, model_dir) {
		ensure_model(&channel, prompts.model_root(), dir)?;
	}
	let key = store.key(&channel.terms.voucher_key)?;
	let upstream = Upstream::new(&channel.terms.endpoint)?;
	if upstream.is_open() {
		output.warn(format_args!(
			"{} has no encryption: every machine on the way reads prompts and answers",
			channel.terms.endpoint
		));
	}
	let payer = Payer::new(upstream, held, key, prompts, store.receipts(id), bills);
	payer.reconcile().await;
	Ok(Paying { payer, client, channel })
}

/// Refuses the directory of another model than the session's: its words would be held against the operator, or against nothing.
fn ensure_model(channel: &Channel, root: &str, dir: &Path) -> Outcome<()> {
	if hex::encode(channel.terms.model_root.0) == root.trim_start_matches("0x") {
		return Ok(());
	}
	Err(Failure::new(format!(
		"session {} is about model {:?}, and {} holds 0x{root}",
		channel.session,
		channel.terms.model_root,
		dir.display()
	))
	.kind(Kind::Refused)
	.next("name the directory of the session's model"))
}

/// Reads the chain's record of the session. Returns why it is not paid by any more.
async fn look(held: &HeldChannel, client: &Client, id: SessionId) -> Outcome<Option<String>> {
	let seen = seen(client, id).await?;
	if seen.is_none() {
		// A node that syncs knows none of what is new.
		client.ensure_synced().await?;
	}
	let mut words = None;
	let noted = held
		.change(|channel| {
			words = refresh::apply(channel, seen.as_ref());
			Ok(())
		})
		.await;
	noted.map_err(|error| Failure::new(format!("the record of the session cannot be written: {error:?}")))?;
	Ok(words)
}

/// Looks at the chain now and then, and at the operator's account of answers that broke off.
async fn watch(
	payer: Arc<Payer>,
	operators: Arc<Operators>,
	(client, url, id): (Option<Client>, String, SessionId),
	output: Output,
) {
	let has_stopped = AtomicBool::new(false);
	let mut client = client;
	loop {
		if let Some(node) = &client {
			// What is not known stays as it was.
			let operator = payer.channel().await.terms.operator.0;
			if let Ok(found) = node.operator(&AccountId32::new(operator)).await {
				operators.note_reputation(id, found.map(|found| found.reputation));
			}
		}
		tokio::time::sleep(WATCH).await;
		if client.is_none() {
			client = Client::connect(&url).await.ok();
		}
		let Some(node) = &client else { continue };
		match look(payer.held(), node, id).await {
			Ok(Some(words)) if !has_stopped.swap(true, Ordering::Relaxed) => {
				output.warn(format_args!("session {id} is not paid by any more: {words}"));
			}
			Ok(_) => {}
			Err(_) => client = None,
		}
		payer.reconcile().await;
	}
}

/// Prints what an answer cost.
pub fn show(output: &Output, bill: &Bill) {
	let channel = &bill.channel;
	let genesis = channel.genesis;
	let names: Vec<String> =
		bill.billed.iter().map(|billed| format!("{:?}", billed.signed.id(&genesis))).collect();
	let tokens = bill.billed.iter().fold((0_u64, 0_u64), |(read, written), billed| {
		let receipt = &billed.signed.receipt;
		(read + u64::from(receipt.prompt_tokens_seen), written + u64::from(receipt.answer_tokens))
	});
	let fields = json!({
		"session": channel.session,
		"receipts": names,
		"tokens_read": tokens.0,
		"tokens_written": tokens.1,
		"charged": bill.charged.to_string(),
		"charged_in_all": channel.charged.to_string(),
		"promised": channel.promised.to_string(),
		"fault": bill.fault,
	});
	output.event("answer", fields, cost_line(bill));
	if let Some(fault) = &bill.fault {
		output.warn(fault);
	}
}

/// Returns the cost of an answer in one line.
pub fn cost_line(bill: &Bill) -> String {
	let channel = &bill.channel;
	let (mut read, mut written) = (0_u64, 0_u64);
	for billed in &bill.billed {
		read += u64::from(billed.signed.receipt.prompt_tokens_seen);
		written += u64::from(billed.signed.receipt.answer_tokens);
	}
	let name =
		bill.billed.first().map(|billed| crate::names::short_hash(&billed.signed.id(&channel.genesis)));
	format!(
		"{read} tokens read, {written} written: {} for this answer, {} in all; receipt {}",
		amount::show(bill.charged),
		amount::show(channel.charged),
		name.unwrap_or_else(|| "missing".into())
	)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::paying::channel::{tests::terms, SessionTerms};
	use sp_core::H256;

	#[test]
	fn sessions_of_one_model_and_chain_are_paid_by_together() {
		let channel = |model: u8, genesis: u8| {
			let terms = SessionTerms { model_root: H256([model; 32]), ..terms() };
			Channel::new(H256([genesis; 32]), 7, terms, 1_000)
		};
		assert!(ensure_alike(&channel(4, 9), &channel(4, 9)).is_ok());
		for other in [channel(5, 9), channel(4, 8)] {
			assert!(ensure_alike(&channel(4, 9), &other).unwrap_err().message.contains("different"));
		}
	}

	#[test]
	fn answers_are_held_against_the_sessions_model_and_no_other() {
		let channel = Channel::new(H256([9; 32]), 7, terms(), 1_000);
		let dir = Path::new("smollm2");
		assert!(ensure_model(&channel, &"04".repeat(32), dir).is_ok());
		assert!(ensure_model(&channel, &format!("0x{}", "04".repeat(32)), dir).is_ok());
		let failure = ensure_model(&channel, &"05".repeat(32), dir).unwrap_err();
		assert!(failure.message.contains("smollm2 holds 0x0505"), "{}", failure.message);
	}
}
