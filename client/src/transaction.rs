//! Signing, sending and understanding transactions.

use super::{events, Client};
use crate::{
	account::Account,
	failure::{Context, Failure, Kind, Outcome},
};
use blyan_primitives::Refusal;
use codec::{Compact, Decode, Encode};
use rand::Rng;
use serde_json::Value as Json;
use sp_core::H256;
use std::{
	fmt::{Debug, Display},
	time::Duration,
};
use subxt::{
	client::OnlineClientAtBlockImpl,
	config::{DefaultExtrinsicParamsBuilder, SubstrateConfig},
	dynamic::{self, Value},
	error::DispatchError,
	ext::scale_value::Composite,
	extrinsics::ExtrinsicEvents,
	rpcs::client::rpc_params,
	transactions::{Payload, TransactionInBlock, TransactionStatus},
};

/// Longest time that a transaction may wait for a finalised block.
const INCLUSION_TIMEOUT: Duration = Duration::from_secs(180);
/// Attempts to get a nonce of its own for a transaction, while others of the same account are sent.
const ATTEMPTS: u32 = 24;
/// Longest pause between two of them, in milliseconds; it is drawn, so that commands side by side part.
const PAUSE_MS_MAX: u64 = 1_000;
/// Interval at which the pool is asked whether it still waits for an earlier transaction of the account.
const GAP_POLL: Duration = Duration::from_secs(4);
/// Answers in a row after which the earlier transaction counts as lost.
const GAPS_MAX: u32 = 4;
/// Encoding of a signature's origin in front of the account: the first pallet's second.
const SIGNED_ORIGIN: [u8; 2] = [0, 1];
/// Version of messages to other chains in the answer of a rehearsal, in which they are not looked at.
const XCM_VERSION: u32 = 5;
/// Longest wait for transactions that an earlier run has sent.
const EARLIER_TIMEOUT: Duration = Duration::from_secs(120);
/// Interval at which they are looked for.
const EARLIER_POLL: Duration = Duration::from_millis(250);
/// Time in which a replaced transaction must become one that can never be included.
const REPLACED_TIMEOUT: Duration = Duration::from_secs(120);

/// Fate of a transaction that another one of the same nonce has replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Replaced {
	/// It is a failure.
	Reported,
	/// It is sent again with the next nonce.
	SentAgain,
}

/// Why a transaction is in no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
	/// Another transaction of the account has this nonce, and the pool never took this one.
	NonceTaken,
	/// The pool had it, and took another one of the same nonce for it.
	Usurped,
	/// The pool is full, or has no room for one of so low a fee.
	PoolFull,
	/// The node reports no more; a block may hold it.
	NotWatched,
	/// Anything else.
	Invalid,
}

impl Obstacle {
	/// Reads it from the node's words; `was_in_pool` if an earlier message said so.
	fn of(message: &str, was_in_pool: bool) -> Self {
		let message = message.to_ascii_lowercase();
		let says = |words: &str| message.contains(words);
		if says("usurped") || says("rendered invalid by another") {
			return Self::Usurped;
		}
		if says("priority") && says("low") || says("already imported") || says("outdated") || says("stale") {
			return if was_in_pool { Self::Usurped } else { Self::NonceTaken };
		}
		if says("finality") {
			return Self::NotWatched;
		}
		// A transaction that no block has room for is refused for good, and names limits too.
		if !says("exhaust") && (says("limit") || says("dropped")) {
			return Self::PoolFull;
		}
		Self::Invalid
	}
}

/// Reason why a transaction that was sent ended up in no block.
struct Unplaced {
	obstacle: Obstacle,
	message: String,
	nonce: u64,
	hash: H256,
}

/// A transaction in a finalised block.
type Included = TransactionInBlock<SubstrateConfig, OnlineClientAtBlockImpl<SubstrateConfig>>;

/// A transaction in a finalised block.
pub struct Receipt {
	/// The block.
	pub block: u64,
	/// Hash of the transaction.
	pub hash: String,
	/// Events of the pallets: (pallet, event, fields).
	pub events: Vec<(String, String, Json)>,
}

impl Receipt {
	/// Fields of the first event of that name.
	pub fn event(&self, pallet: &str, name: &str) -> Option<&Json> {
		self.events.iter().find(|(p, n, _)| p == pallet && n == name).map(|(_, _, fields)| fields)
	}

	/// Returns the fee that was paid for the transaction.
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
		self.send(account, format!("{pallet}.{call}"), payload, Replaced::Reported).await
	}

	/// The same for a call that means the same in any order with the account's others: one that another transaction
	/// has replaced is sent again with the next nonce, once it cannot be included any more.
	pub async fn submit_in_any_order(
		&self,
		account: &Account,
		pallet: &str,
		call: &str,
		fields: Vec<(&str, Value)>,
	) -> Outcome<Receipt> {
		let payload = dynamic::transaction(pallet, call, Composite::named(fields));
		self.send(account, format!("{pallet}.{call}"), payload, Replaced::SentAgain).await
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
		let data = self.call_bytes(pallet, call, arguments).await?;
		let at = self.here().await?;
		let payload = at
			.transactions()
			.from_call_data_bytes(&data)
			.context_next(&what, "this program and the chain differ in age; update the older of the two")?;
		self.send(account, what, payload, Replaced::Reported).await
	}

	/// Returns the bytes of a call whose arguments are encoded already.
	pub async fn call_bytes(&self, pallet: &str, call: &str, arguments: &[u8]) -> Outcome<Vec<u8>> {
		let at = self.here().await?;
		let index = at
			.metadata_ref()
			.pallet_by_name(pallet)
			.and_then(|pallet| Some([pallet.call_index(), pallet.call_variant_by_name(call)?.index]));
		let index = index.ok_or_else(|| {
			Failure::new(format!("the chain behind {} does not know {pallet}.{call}", self.url))
				.kind(Kind::WrongNetwork)
				.next("name a blyan-node of this version with --url")
		})?;
		Ok([&index[..], arguments].concat())
	}

	/// Returns the factor of transactions' fees, which rises while blocks are full; rounded up, and at least 1.
	pub async fn fee_multiplier(&self) -> Outcome<u128> {
		const ONE: u128 = 1_000_000_000_000_000_000;
		let address = dynamic::storage::<(), Value>("TransactionPayment", "NextFeeMultiplier");
		let at = self.here().await?;
		let Some(value) = at.storage().try_fetch(address, ()).await? else { return Ok(1) };
		let multiplier = events::as_u128(&events::to_json(&value.decode()?)).unwrap_or(ONE);
		Ok(multiplier.div_ceil(ONE).max(1))
	}

	/// Returns the events of the pallets in a block: (pallet, event, fields).
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

	/// Signs and sends until the pool takes it, and waits until it is final.
	async fn send(
		&self,
		account: &Account,
		what: String,
		payload: impl Payload,
		replaced: Replaced,
	) -> Outcome<Receipt> {
		let first_block = self.finalised_block().await?;
		let mut attempt = 0;
		loop {
			let unplaced = match self.send_once(account, &what, &payload).await? {
				Ok(block) => return receipt(&what, block).await,
				Err(unplaced) => unplaced,
			};
			attempt += 1;
			match unplaced.obstacle {
				// The pool never had it, so it may be signed again whatever it does.
				Obstacle::NonceTaken if attempt < ATTEMPTS => {}
				Obstacle::Usurped if replaced == Replaced::SentAgain && attempt < ATTEMPTS => {
					if let Some(receipt) = self.outlived(account, &what, &unplaced, first_block).await? {
						return Ok(receipt);
					}
				}
				Obstacle::NotWatched => {
					let found = self.outlived(account, &what, &unplaced, first_block).await;
					return match found {
						Ok(Some(receipt)) => Ok(receipt),
						Ok(None) => {
							Err(explain(&what, &Unplaced { obstacle: Obstacle::Usurped, ..unplaced }))
						}
						Err(failure) if failure.kind == Kind::Unreachable => Err(explain(&what, &unplaced)),
						Err(failure) => Err(failure),
					};
				}
				Obstacle::Invalid if refusal_in(&unplaced.message).is_some() => {
					let error = self.rehearse(account, &payload).await.ok().flatten();
					let found = error.map(|error| explain_dispatch(&what, &error));
					return Err(found.unwrap_or_else(|| explain(&what, &unplaced)));
				}
				_ => return Err(self.explain_if_empty(explain(&what, &unplaced)).await),
			}
			let pause = rand::thread_rng().gen_range(PAUSE_MS_MAX / 20..=pause_ms(attempt));
			tokio::time::sleep(Duration::from_millis(pause)).await;
		}
	}

	/// Runs a call on the node without sending it. Returns the error it would end in.
	///
	/// The pool's refusal is a number for a kind of reasons; the pallet's own error says which one it is.
	async fn rehearse(&self, account: &Account, payload: &impl Payload) -> Outcome<Option<DispatchError>> {
		let at = self.here().await?;
		let call = at.transactions().call_data(payload).context("encoding the call")?;
		let signer = account.id();
		let arguments = [&SIGNED_ORIGIN[..], signer.as_ref(), &call, &XCM_VERSION.encode()].concat();
		let arguments = format!("0x{}", hex::encode(arguments));
		let answer: String =
			self.request("state_call", rpc_params!["DryRunApi_dry_run_call", arguments]).await?;
		let bytes = hex::decode(answer.trim_start_matches("0x")).context("reading what the node says")?;
		let error = error_in(&bytes).map(|error| DispatchError::decode_from(error, at.metadata()));
		error.transpose().context("reading what the node says")
	}

	/// Signs with the pool's next nonce, sends, and waits for the end: a finalised block, or why there is none.
	async fn send_once(
		&self,
		account: &Account,
		what: &str,
		payload: &impl Payload,
	) -> Outcome<Result<Included, Unplaced>> {
		// The era begins one block back: the pool may not have seen the newest one yet.
		let at = self.at(self.finalised_block().await?.saturating_sub(1)).await?;
		// The pool's view of the nonce, so that several transactions may wait at once.
		let nonce = self.next_nonce(account).await?;
		let params = DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new().nonce(nonce).mortal(64).build();
		let signed = at.transactions().create_signed(payload, &account.signer, params).await.context(what)?;
		let hash = H256(signed.hash().0);
		let unplaced = |message: String, was_in_pool| {
			let obstacle = Obstacle::of(&message, was_in_pool);
			Ok(Err(Unplaced { obstacle, message, nonce, hash }))
		};
		let not_watched = |message| Unplaced { obstacle: Obstacle::NotWatched, message, nonce, hash };
		let mut progress = match signed.submit_and_watch().await {
			Ok(progress) => progress,
			Err(error) => return unplaced(words_of(&error), false),
		};
		let (mut was_in_pool, mut gaps) = (false, 0);
		let deadline = tokio::time::Instant::now() + INCLUSION_TIMEOUT;
		loop {
			let status = tokio::select! {
				status = tokio::time::timeout(GAP_POLL, progress.next()) => status,
				() = tokio::time::sleep_until(deadline) => return Err(Failure::new(format!(
					"{what} is in no finalised block after {} s", INCLUSION_TIMEOUT.as_secs()
				)).next("check that the node makes blocks: blyan status")),
			};
			let Ok(status) = status else {
				let next = self.next_nonce(account).await?;
				gaps = if next <= nonce { gaps + 1 } else { 0 };
				if gaps >= GAPS_MAX {
					return Err(gap(what, nonce, next));
				}
				continue;
			};
			match status {
				None => return Ok(Err(not_watched("it stopped reporting".into()))),
				Some(Err(error)) => return Ok(Err(not_watched(error.to_string()))),
				Some(Ok(TransactionStatus::InFinalizedBlock(block))) => return Ok(Ok(block)),
				Some(Ok(
					TransactionStatus::Error { message }
					| TransactionStatus::Invalid { message }
					| TransactionStatus::Dropped { message },
				)) => return unplaced(message, was_in_pool),
				Some(Ok(_)) => was_in_pool = true,
			}
		}
	}

	/// Waits until every transaction of an account that the pool knows of is in a finalised block, so that what the chain
	/// says of the account is all there is. Goes on after a while: a transaction may stay in a pool for as long as it is mortal.
	///
	/// - `waiting` is told how many there are.
	pub async fn wait_for_pool(&self, account: &Account, mut waiting: impl FnMut(u64)) -> Outcome<()> {
		let started = tokio::time::Instant::now();
		loop {
			let next = self.next_nonce(account).await?;
			let final_nonce = self.nonce_at(account, self.finalised_block().await?).await?;
			if final_nonce >= next || started.elapsed() > EARLIER_TIMEOUT {
				return Ok(());
			}
			waiting(next - final_nonce);
			tokio::time::sleep(EARLIER_POLL).await;
		}
	}

	/// The nonce after all that the pool has of an account.
	async fn next_nonce(&self, account: &Account) -> Outcome<u64> {
		self.request("system_accountNextIndex", rpc_params![account.address()]).await
	}

	/// Waits until a replaced transaction can never be included: then a finalised block has another of its nonce.
	///
	/// Returns its receipt if it was the one that was included after all.
	async fn outlived(
		&self,
		account: &Account,
		what: &str,
		unplaced: &Unplaced,
		first_block: u64,
	) -> Outcome<Option<Receipt>> {
		let (started, mut next) = (tokio::time::Instant::now(), first_block);
		loop {
			let finalised = self.finalised_block().await?;
			let is_over = self.nonce_at(account, finalised).await? > unplaced.nonce;
			while next <= finalised {
				let at = self.at(next).await?;
				let extrinsics = at.extrinsics().fetch().await?;
				for extrinsic in extrinsics.iter() {
					let extrinsic = extrinsic?;
					if H256(extrinsic.hash().0) == unplaced.hash {
						let events = extrinsic.events().await?;
						return receipt_of(what, next, unplaced.hash, &events, at.metadata()).map(Some);
					}
				}
				next += 1;
			}
			if is_over {
				return Ok(None);
			}
			if started.elapsed() > REPLACED_TIMEOUT {
				return Err(explain(what, unplaced));
			}
			tokio::time::sleep(Duration::from_millis(PAUSE_MS_MAX)).await;
		}
	}

	/// The account's nonce after a block.
	async fn nonce_at(&self, account: &Account, block: u64) -> Outcome<u64> {
		let address = dynamic::storage::<([u8; 32],), Value>("System", "Account");
		let key: [u8; 32] = *account.id().as_ref();
		let at = self.at(block).await?;
		let Some(value) = at.storage().try_fetch(address, (key,)).await? else {
			return Ok(0);
		};
		let value = events::to_json(&value.decode()?);
		Ok(events::as_u128(&value["nonce"]).and_then(|nonce| nonce.try_into().ok()).unwrap_or_default())
	}

	/// An account without funds may be one that the node has not heard of yet.
	async fn explain_if_empty(&self, failure: Failure) -> Failure {
		match failure.next.as_deref() == Some(FUND) {
			true => self.blame_sync(failure).await,
			false => failure,
		}
	}
}

/// Longest pause before an attempt.
fn pause_ms(attempt: u32) -> u64 {
	(PAUSE_MS_MAX / 8).saturating_mul(attempt.into()).min(PAUSE_MS_MAX)
}

/// The connection or the subscription ended before the transaction did.
fn lost(what: &str, reason: impl std::fmt::Display) -> Failure {
	Failure::new(format!("{what}: the node does not say what became of it: {reason}"))
		.kind(Kind::Unreachable)
		.next("it may be in a block all the same: look before you send it again (blyan balance, blyan submissions)")
}

/// An earlier transaction of the account is missing, and this one waits for it.
fn gap(what: &str, nonce: u64, missing: u64) -> Failure {
	Failure::new(format!(
		"{what} waits for another transaction of this account that the pool has lost: this one has nonce {nonce}, and \
		{missing} is missing"
	))
	.kind(Kind::Refused)
	.next("run the command that sent the missing one again; this one is included behind it, or expires after 64 blocks")
}

async fn receipt(what: &str, included: Included) -> Outcome<Receipt> {
	let hash = H256(included.extrinsic_hash().0);
	let found = included.fetch_events().await.context(what)?;
	let at = included.at().await?;
	receipt_of(what, at.block_number(), hash, &found, at.metadata())
}

/// The receipt of a transaction with these events; one that ran and failed is a failure.
fn receipt_of(
	what: &str,
	block: u64,
	hash: H256,
	found: &ExtrinsicEvents<SubstrateConfig>,
	metadata: subxt::metadata::ArcMetadata,
) -> Outcome<Receipt> {
	let mut events = Vec::new();
	for event in found.iter() {
		let event = event.context(what)?;
		if (event.pallet_name(), event.event_name()) == ("System", "ExtrinsicFailed") {
			let error = DispatchError::decode_from(event.field_bytes(), metadata).context(what)?;
			return Err(explain_dispatch(what, &error));
		}
		let fields: Composite<()> = event.decode_fields_unchecked_as().context(what)?;
		let fields = events::fields_to_json(&fields);
		events.push((event.pallet_name().to_string(), event.event_name().to_string(), fields));
	}
	Ok(Receipt { block, hash: format!("{hash:?}"), events })
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

/// A transaction that is in no block.
fn explain(what: &str, unplaced: &Unplaced) -> Failure {
	let Unplaced { obstacle, message, nonce, .. } = unplaced;
	let refuse = |text: String| Failure::new(text).kind(Kind::Refused);
	match obstacle {
		Obstacle::NonceTaken => refuse(format!(
			"{what} was not accepted: another transaction of this account is on its way with nonce {nonce} ({message})"
		))
		.next("wait for it, then run the command again"),
		Obstacle::Usurped => refuse(format!(
			"{what} was replaced: another transaction of this account is on its way with nonce {nonce} ({message})"
		))
		.next("wait until that one is in a block; if this one is not there either, run the command again"),
		Obstacle::PoolFull => refuse(format!("{what} was dropped by the pool: {message}"))
			.next("the pool is full; run the command again later, or name another node with --url"),
		Obstacle::NotWatched => lost(what, message),
		Obstacle::Invalid => explain_invalid(what, message),
	}
}

fn explain_invalid(what: &str, message: &str) -> Failure {
	if let Some(refusal) = refusal_in(message) {
		let [wrong, next] = refusal.words();
		let code = refusal.code();
		return Failure::new(format!("{what} was not accepted, and cost nothing: {wrong} (code {code})"))
			.kind(Kind::Refused)
			.next(next);
	}
	let failure = Failure::new(format!("{what} was not accepted: {message}")).kind(Kind::Refused);
	let lower = message.to_ascii_lowercase();
	if lower.contains("inability to pay") || lower.contains("balance too low") || lower.contains("payment") {
		return failure.next(FUND);
	}
	if lower.contains("badproof") || lower.contains("bad signature") || lower.contains("bad proof") {
		return failure.next("the node runs another runtime than it did a moment ago; run the command again");
	}
	failure
}

/// The encoded error of a call in the runtime's answer about a rehearsal, if the call failed.
fn error_in(answer: &[u8]) -> Option<&[u8]> {
	type Answered = u8;
	type Failed = u8;
	type Weight = Option<(Compact<u64>, Compact<u64>)>;
	type Pays = u8;
	let mut rest = answer;
	match <(Answered, Failed, Weight, Pays)>::decode(&mut rest) {
		Ok((0, 1, _, _)) => Some(rest),
		_ => None,
	}
}

/// The reason that the runtime gives for refusing what is certain to fail, if the node's words hold one.
fn refusal_in(message: &str) -> Option<Refusal> {
	let message = message.to_ascii_lowercase();
	let (_, behind) = message.split_once("custom")?;
	let digits = behind.trim_start_matches(|symbol: char| !symbol.is_ascii_digit());
	let end = digits.find(|symbol: char| !symbol.is_ascii_digit()).unwrap_or(digits.len());
	digits[..end].parse().ok().and_then(Refusal::from_code)
}

/// Returns an error's words, with the runtime's reason where that is not among those for users.
fn words_of(error: &(impl Display + Debug)) -> String {
	let said = error.to_string();
	match refusal_in(&format!("{error:?}")) {
		Some(refusal) if refusal_in(&said).is_none() => format!("{said}: Custom error: {}", refusal.code()),
		_ => said,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn reason_for_a_refusal_is_told_in_words() {
		for message in [
			"Invalid transaction validity: InvalidTransaction::Custom(104)",
			"Invalid transaction validity: Custom(104)",
			"Invalid transaction with custom error: 104",
			"ErrorObject { code: 1010, message: \"Invalid Transaction\", data: \"Custom error: 104\" }",
		] {
			assert_eq!(refusal_in(message), Some(Refusal::Over), "{message}");
			let failure = explain_invalid("ProofOfLearning.settle", message);
			assert_eq!(failure.kind, Kind::Refused);
			assert!(failure.message.contains("has ended"), "{}", failure.message);
			assert_eq!(failure.next.as_deref(), Some(Refusal::Over.words()[1]));
		}
		for message in ["Invalid Transaction (1010)", "Custom", "Custom error: 3", "Custom error: 1040"] {
			assert_eq!(refusal_in(message), None, "{message}");
		}
	}

	#[test]
	fn what_the_pool_says_becomes_the_obstacle_it_means() {
		for (message, was_in_pool, obstacle) in [
			("The priority of the transaction is too low (pool 3 > current 3)", false, Obstacle::NonceTaken),
			("User error: Priority is too low: (12 vs 12) (1014)", false, Obstacle::NonceTaken),
			("Transaction is already imported", false, Obstacle::NonceTaken),
			("Invalid Transaction: Transaction is outdated", false, Obstacle::NonceTaken),
			("InvalidTransaction(Stale)", true, Obstacle::Usurped),
			("Extrinsic was rendered invalid by another extrinsic", true, Obstacle::Usurped),
			("Transaction was usurped by another with the same nonce", true, Obstacle::Usurped),
			("Extrinsic dropped from the pool due to exceeding limits", true, Obstacle::PoolFull),
			("The transaction could not enter the pool because of the limit", false, Obstacle::PoolFull),
			("Maximum number of finality watchers has been reached", true, Obstacle::NotWatched),
			("Extrinsic marked as invalid", true, Obstacle::Invalid),
			("Transaction would exhaust the block limits", false, Obstacle::Invalid),
			("Inability to pay some fees (e.g. account balance too low)", false, Obstacle::Invalid),
		] {
			assert_eq!(Obstacle::of(message, was_in_pool), obstacle, "{message}");
		}
	}

	#[test]
	fn every_obstacle_is_a_failure_with_a_way_out() {
		let unplaced = |obstacle| Unplaced { obstacle, message: "said".into(), nonce: 7, hash: H256::zero() };
		for obstacle in [Obstacle::NonceTaken, Obstacle::Usurped] {
			let failure = explain("Balances.transfer", &unplaced(obstacle));
			assert_eq!(failure.kind, Kind::Refused);
			let said = "another transaction of this account is on its way with nonce 7";
			assert!(failure.message.contains(said), "{}", failure.message);
			assert!(failure.next.is_some());
		}
		assert_eq!(explain("x", &unplaced(Obstacle::PoolFull)).kind, Kind::Refused);
		assert_eq!(explain("x", &unplaced(Obstacle::NotWatched)).kind, Kind::Unreachable);
		assert_eq!(gap("x", 8, 7).kind, Kind::Refused);
		let poor = explain_invalid("x", "Inability to pay some fees (e.g. account balance too low)");
		assert_eq!(poor.next.as_deref(), Some(FUND));
	}

	#[test]
	fn rehearsed_error_is_what_follows_the_weight() {
		let weight = Some((Compact(1_000_000u64), Compact(0u64)));
		assert_eq!(error_in(&(0u8, 1u8, weight, 0u8, [3u8, 60, 2]).encode()), Some(&[3, 60, 2][..]));
		assert_eq!(error_in(&(0u8, 1u8, 0u8, 1u8, 2u8).encode()), Some(&[2][..]));
		assert_eq!(error_in(&(0u8, 0u8, 0u8, 1u8).encode()), None);
		assert_eq!(error_in(&[1, 0]), None);
	}

	#[test]
	fn pauses_grow_to_a_bound_and_never_below_the_shortest() {
		assert!((1..=ATTEMPTS).all(|attempt| (PAUSE_MS_MAX / 20..=PAUSE_MS_MAX).contains(&pause_ms(attempt))));
		assert!(pause_ms(1) < pause_ms(ATTEMPTS));
	}
}
