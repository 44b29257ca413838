//! Signing, sending and understanding transactions.

use super::{events, Client};
use crate::{
	failure::{Context, Failure, Kind, Outcome},
	keys::Account,
};
use serde_json::Value as Json;
use std::time::Duration;
use subxt::{
	client::OnlineClientAtBlockImpl,
	config::{DefaultExtrinsicParamsBuilder, SubstrateConfig},
	dynamic::{self, Value},
	error::{DispatchError, TransactionEventsError},
	ext::scale_value::Composite,
	rpcs::client::rpc_params,
	transactions::{Payload, TransactionInBlock, TransactionStatus},
};

/// How long a transaction may wait for a finalised block.
const INCLUSION_TIMEOUT: Duration = Duration::from_secs(180);

/// A transaction in a finalised block.
pub struct Receipt {
	/// The block.
	pub block: u64,
	/// Hash of the transaction.
	pub hash: String,
	/// What the pallets reported: (pallet, event, fields).
	pub events: Vec<(String, String, Json)>,
}

impl Receipt {
	/// Fields of the first event of that name.
	pub fn event(&self, pallet: &str, name: &str) -> Option<&Json> {
		self.events.iter().find(|(p, n, _)| p == pallet && n == name).map(|(_, _, fields)| fields)
	}

	/// What was paid for the transaction.
	pub fn fee(&self) -> u128 {
		self.event("TransactionPayment", "TransactionFeePaid")
			.and_then(|fields| events::as_u128(&fields["actual_fee"]))
			.unwrap_or_default()
	}
}

impl Client {
	/// Signs a call, sends it, and waits until it is final.
	pub async fn submit(
		&self,
		account: &Account,
		pallet: &str,
		call: &str,
		fields: Vec<(&str, Value)>,
	) -> Outcome<Receipt> {
		let payload = dynamic::transaction(pallet, call, Composite::named(fields));
		self.send(account, format!("{pallet}.{call}"), payload).await
	}

	/// The same for a call whose arguments are encoded already.
	pub async fn submit_encoded(
		&self,
		account: &Account,
		pallet: &str,
		call: &str,
		arguments: &[u8],
	) -> Outcome<Receipt> {
		let what = format!("{pallet}.{call}");
		let at = self.here().await?;
		let index = at
			.metadata_ref()
			.pallet_by_name(pallet)
			.and_then(|pallet| Some([pallet.call_index(), pallet.call_variant_by_name(call)?.index]));
		let index = index.ok_or_else(|| {
			Failure::new(format!("the chain behind {} does not know {what}", self.url))
				.kind(Kind::WrongNetwork)
				.next("name a blyan-node of this version with --url")
		})?;
		let data = [&index[..], arguments].concat();
		let payload = at
			.transactions()
			.from_call_data_bytes(&data)
			.context_next(&what, "this program and the chain differ in age; update the older of the two")?;
		self.send(account, what, payload).await
	}

	/// What the pallets reported in a block: (pallet, event, fields).
	pub async fn events(&self, block: u64) -> Outcome<Vec<(String, String, Json)>> {
		let found = self.at(block).await?.events().fetch().await?;
		let mut all = Vec::new();
		for event in found.iter() {
			let event = event?;
			let fields: Composite<()> = event.decode_fields_unchecked_as()?;
			let fields = events::fields_to_json(&fields);
			all.push((event.pallet_name().to_string(), event.event_name().to_string(), fields));
		}
		Ok(all)
	}

	async fn send(&self, account: &Account, what: String, payload: impl Payload) -> Outcome<Receipt> {
		// The era begins one block back: the pool may not have seen the newest one yet.
		let at = self.at(self.finalised_block().await?.saturating_sub(1)).await?;
		// The pool's view of the nonce, so that several transactions may wait at once.
		let nonce: u64 = self.request("system_accountNextIndex", rpc_params![account.address()]).await?;
		let params = DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new().nonce(nonce).mortal(64).build();
		let mut progress = at
			.transactions()
			.sign_and_submit_then_watch(&payload, &account.signer, params)
			.await
			.map_err(|error| explain_refusal(&what, &error.to_string()))?;
		let included = async {
			while let Some(status) = progress.next().await {
				match status? {
					TransactionStatus::InFinalizedBlock(block) => return Ok(block),
					TransactionStatus::Error { message }
					| TransactionStatus::Invalid { message }
					| TransactionStatus::Dropped { message } => return Err(explain_refusal(&what, &message)),
					_ => {}
				}
			}
			Err(Failure::new(format!("{what}: the node stopped reporting")).next("look at the node's log"))
		};
		let block = tokio::time::timeout(INCLUSION_TIMEOUT, included).await.map_err(|_| {
			Failure::new(format!("{what} is in no finalised block after {} s", INCLUSION_TIMEOUT.as_secs()))
				.next("check that the node makes blocks: blyan status")
		})??;
		receipt(&what, block).await
	}
}

async fn receipt(
	what: &str,
	included: TransactionInBlock<SubstrateConfig, OnlineClientAtBlockImpl<SubstrateConfig>>,
) -> Outcome<Receipt> {
	let found = included.wait_for_success().await.map_err(|error| match error {
		TransactionEventsError::ExtrinsicFailed(error) => explain_dispatch(what, &error),
		error => Failure::new(format!("{what}: {error}")),
	})?;
	let mut events = Vec::new();
	for event in found.iter() {
		let event = event.context(what)?;
		let fields: Composite<()> = event.decode_fields_unchecked_as().context(what)?;
		let fields = events::fields_to_json(&fields);
		events.push((event.pallet_name().to_string(), event.event_name().to_string(), fields));
	}
	Ok(Receipt {
		block: included.at().await?.block_number(),
		hash: format!("0x{}", hex::encode(included.extrinsic_hash())),
		events,
	})
}

const FUND: &str = "see what is there with: blyan balance ACCOUNT   and fund it; on a development chain: \
	blyan transfer --suri //Alice ACCOUNT 1000";

/// A call that ran and failed. The pallets' own words say what is wrong and what to do.
fn explain_dispatch(what: &str, error: &DispatchError) -> Failure {
	let DispatchError::Module(module) = error else {
		let failure = Failure::new(format!("{what} failed: {error}")).kind(Kind::Refused);
		return match error {
			DispatchError::Token(_) => failure.next(FUND),
			_ => failure,
		};
	};
	let docs = module.details().map(|details| details.variant.docs.join(" ")).unwrap_or_default();
	let failure = Failure::new(format!("{what} was refused: {module}")).kind(Kind::Refused);
	match docs.trim() {
		"" => failure,
		docs => failure.next(docs),
	}
}

/// A transaction that the pool did not take.
fn explain_refusal(what: &str, message: &str) -> Failure {
	let failure = Failure::new(format!("{what} was not accepted: {message}")).kind(Kind::Refused);
	if message.contains("Inability to pay") || message.contains("balance too low") {
		return failure.next(FUND);
	}
	if message.contains("BadProof") || message.contains("bad signature") {
		return failure.next("the node runs another runtime than it did a moment ago; run the command again");
	}
	if message.contains("outdated") || message.contains("Priority is too low") {
		return failure.next("another transaction of this account is on its way; run the command again");
	}
	failure
}
