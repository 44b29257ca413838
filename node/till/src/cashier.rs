//! The till of a server that charges: credentials become money that is held, answers become charges and receipts.

use crate::{
	account::Signed,
	answers::{PaidAnswer, Payer},
	book::{KnownSessions, SessionBook, SessionRecord},
	config::{system_clock, Clock, Config},
	credentials::{self, Credentials, Presented},
	desk::{Asked, Desk, Funds, Granted, Hold},
	kept::{self, KeptAnswer, StoreRoom},
	keys::{ApiKeys, KeysError},
	receipt, refusal,
	store::{Change, Store, StoreError},
	x402,
};
use blyan_exact::blake2_256;
use blyan_gateway::{
	receipt_line,
	till::{
		http::{HeaderMap, StatusCode},
		Bill, Lease, Meter, Order, Outcome, Permit, Prices, Refusal, Repeat, Room, Till,
	},
};
use blyan_open_model::GenerationRecord;
use blyan_primitives::serving::{self, Quote, ServingSignature, SignedReceipt, Voucher};
use codec::{DecodeAll, Encode};
use futures::{future::BoxFuture, FutureExt};
use serde_json::{json, Value};
use sp_core::H256;
use std::sync::{
	atomic::{AtomicU32, Ordering},
	Arc, Mutex, MutexGuard, PoisonError,
};
use tokio::sync::Notify;

/// Header with the account of a payer that asks for a signed quote: 32 bytes in hexadecimals.
const PAYER: &str = "x-blyan-payer";

/// Reason why a till cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
	/// The store cannot be used.
	#[error(transparent)]
	Store(#[from] StoreError),
	/// The API keys cannot be read.
	#[error(transparent)]
	Keys(#[from] KeysError),
	/// An offer is served without a key.
	#[error("an offer is served without a serving key: receipts of paid answers are signed, so name the key's file")]
	NoServingKey,
}

/// The till.
pub struct Cashier {
	config: Config,
	pub(crate) known: KnownSessions,
	pub(crate) desk: Arc<Desk>,
	keys: Option<Mutex<ApiKeys>>,
	pub(crate) clock: Clock,
	/// Number of the best block; 0 while it is not known.
	pub(crate) block: AtomicU32,
	/// Wakes the task that settles.
	pub(crate) due: Notify,
}

impl Cashier {
	/// Opens a till with the store that it had before.
	pub fn open(config: Config, book: Arc<dyn SessionBook>) -> Result<Self, OpenError> {
		Self::with_clock(config, book, system_clock())
	}

	/// As [`Self::open`], by another clock.
	pub fn with_clock(config: Config, book: Arc<dyn SessionBook>, clock: Clock) -> Result<Self, OpenError> {
		if config.offer.is_some() && config.key.is_none() {
			return Err(OpenError::NoServingKey);
		}
		let (store, contents) = Store::open(&config.store, &config.genesis.0, config.kept_bytes_max)?;
		let keys = config.api_keys.as_deref().map(ApiKeys::open).transpose()?.map(Mutex::new);
		let (known, desk) = (KnownSessions::new(book, config.ages), Arc::new(Desk::new(store, contents)));
		let (block, due) = (AtomicU32::new(0), Notify::new());
		Ok(Self { config, known, desk, keys, clock, block, due })
	}

	/// Returns the settings.
	pub fn config(&self) -> &Config {
		&self.config
	}

	/// Reports whether no credentials are needed.
	fn is_open(&self) -> bool {
		self.config.prices == serving::Prices::default() && self.keys.is_none()
	}

	async fn permits(&self, headers: &HeaderMap, order: &Order) -> Result<Vec<Permit>, Refusal> {
		let unreadable = |error: credentials::CredentialsError| {
			Refusal::new(StatusCode::BAD_REQUEST, "invalid_credentials", error.to_string())
		};
		let payer = credentials::read(headers).map_err(unreadable)?;
		let key = credentials::idempotency_key(headers).map_err(unreadable)?;
		let mut asked = Asked {
			order,
			prices: gateway_prices(self.config.prices),
			key: key.map(|key| blake2_256(&[key.as_bytes()])),
			is_retry: credentials::is_retry(headers),
			now: (self.clock)(),
			room: self.room_left(),
		};
		match payer {
			Credentials::Voucher(presented) => {
				let record = self.session(&presented, order).await?;
				asked.prices = gateway_prices(record.prices);
				self.permits_of_session(&presented, &record, asked).await
			}
			Credentials::Key(key) => {
				let found = self.keys().and_then(|keys| keys.find(&key).cloned());
				let found = found.ok_or_else(refusal::unknown_key)?;
				let funds = Funds::Key { id: &found.id, budget: found.budget };
				let granted = self.desk.grant(funds, asked).await.map_err(|error| refusal::store(&error))?;
				let denied = |denied| refusal::denied(&self.config, order.route, denied, Default::default());
				Ok(self.permit(granted.map_err(denied)?))
			}
			Credentials::None if self.is_open() => {
				let tokens = u64::from(order.prompt_tokens).saturating_add(order.answer_tokens_max.into());
				if kept::bytes_max(tokens).saturating_mul(order.answers.into()) > asked.room {
					return Err(refusal::store_full());
				}
				let lease = |index: u32| {
					let meter = Meter { prompt_tokens: order.paid_prompt_tokens(index), ..Meter::default() };
					Permit::Serve(Lease::new(0, index, order.seed.wrapping_add(index.into()), meter))
				};
				Ok((0..order.answers).map(lease).collect())
			}
			Credentials::None => {
				let ceiling = order.ceiling(&asked.prices);
				Err(refusal::no_credentials(&self.config, order.route, ceiling))
			}
		}
	}

	/// Returns the session of a voucher, which is one of this operator and offer, goes on, and whose key has signed the voucher.
	async fn session(&self, presented: &Presented, order: &Order) -> Result<SessionRecord, Refusal> {
		let id = presented.voucher.session;
		let read = self.known.get(id).await.map_err(|error| refusal::chain(&error))?;
		let ceiling = order.ceiling(&gateway_prices(self.config.prices));
		let refused =
			|code, reason: &str| refusal::session(&self.config, order.route, code, id, reason, ceiling);
		let record = read.ok_or_else(|| {
			refused("session_unknown", "is not on this chain, or has ended: open another one")
		})?;
		if record.operator != self.config.operator {
			return Err(refused(
				"wrong_operator",
				"pays another operator: open one for an offer of this one",
			));
		}
		if Some(record.offer) != self.config.offer {
			return Err(refused(
				"wrong_offer",
				"is for another offer: open one for the offer that is served here",
			));
		}
		self.ensure_signed(presented, &record)?;
		if record.is_closing {
			return Err(refused("session_closing", "is closing: open another one"));
		}
		Ok(record)
	}

	fn ensure_signed(&self, presented: &Presented, record: &SessionRecord) -> Result<(), Refusal> {
		let Presented { voucher, signature } = presented;
		match voucher.is_signed(&self.config.genesis, &record.voucher_key, signature) {
			true => Ok(()),
			false => Err(refusal::wrong_signature(voucher.session)),
		}
	}

	async fn permits_of_session(
		&self,
		presented: &Presented,
		record: &SessionRecord,
		asked: Asked<'_>,
	) -> Result<Vec<Permit>, Refusal> {
		let (id, resource) = (presented.voucher.session, asked.order.route);
		let SessionRecord { deposit, settled, .. } = *record;
		let funds = Funds::Session { id, signed: signed(presented), deposit, settled };
		let granted = self.desk.grant(funds, asked).await.map_err(|error| refusal::store(&error))?;
		let denied = |denied| {
			let account = self.desk.account(id).unwrap_or_default();
			refusal::denied(&self.config, resource, denied, (id, account.served, account.promised(), deposit))
		};
		Ok(self.permit(granted.map_err(denied)?))
	}

	/// Makes permits of what the desk has granted. A lease that is dropped gives its money back.
	fn permit(&self, granted: Vec<Granted>) -> Vec<Permit> {
		let permit = |granted| match granted {
			Granted::Hold(number, Hold { name, seed, meter, .. }) => {
				let desk = self.desk.clone();
				let lease = Lease::new(number, name.index, seed, meter);
				Permit::Serve(lease.releasing(move || desk.release(number)))
			}
			Granted::Again(paid, scores) => {
				let bill = self.bill_again(&paid);
				Permit::Again(Repeat { answer: paid.answer.unwrap_or_default(), scores }, bill)
			}
		};
		granted.into_iter().map(permit).collect()
	}

	/// Returns the bill of an answer that is sent again, which is that of the first time.
	fn bill_again(&self, paid: &PaidAnswer) -> Bill {
		let Ok(signed) = SignedReceipt::decode_all(&mut paid.receipt.as_slice()) else {
			return Bill { charged: paid.charged, ..Bill::default() };
		};
		let mut bill = self.bill(Some(&signed), signed.receipt.charged);
		if let Some(Value::Object(fields)) = &mut bill.receipt {
			fields.insert("again".into(), true.into());
		}
		bill
	}

	fn bill(&self, signed: Option<&SignedReceipt>, charged: u128) -> Bill {
		let genesis = &self.config.genesis;
		let payment = signed.filter(|signed| signed.receipt.session != 0).map(|signed| {
			let payer = format!("session:{}", signed.receipt.session);
			x402::response(genesis, &payer, &signed.id(genesis), charged)
		});
		Bill { charged, receipt: signed.map(|signed| receipt::to_json(signed, genesis)), payment }
	}

	/// Charges an answer. No receipt, no charge: an answer without a record costs nothing, and so does one that was computed when the
	/// process died.
	async fn charge(&self, lease: Lease, outcome: Outcome) -> Bill {
		let Some(record) = outcome.record else { return Bill::default() };
		let (number, meter, seed) = (lease.number, lease.meter, lease.seed);
		let answer_tokens = u32::try_from(record.answer.len()).unwrap_or(u32::MAX);
		let hold = self.desk.hold(number);
		let charged = hold.as_ref().map_or(0, |hold| meter.charge(answer_tokens).min(hold.planck));
		let session = match hold.as_ref().map(|hold| &hold.name.payer) {
			Some(Payer::Session(id)) => *id,
			Some(Payer::Key(_)) | None => 0,
		};
		let now = (self.clock)();
		let receipt = receipt::receipt(&record, outcome.prompt_tokens, session, charged);
		let signed = self.config.key.as_ref().zip(receipt).map(|(key, receipt)| key.sign(receipt));
		let kept = match signed.as_ref().map(|signed| self.kept(&outcome.id, &record, signed, now)) {
			// What cannot be kept could not be defended, so it is not signed for.
			Some(None) => {
				tracing::error!("the record of {} cannot be written, so no receipt is given", outcome.id);
				return Bill::default();
			}
			kept => kept.flatten(),
		};
		let written = match hold {
			None => match kept {
				Some(kept) => self.desk.put(kept).await,
				None => Ok(()),
			},
			Some(hold) => {
				// From here on the money is charged, so it is not given back when the lease goes.
				lease.finish();
				let paid = PaidAnswer {
					body: hold.body,
					ended_at: now,
					seed,
					charged,
					attempts: hold.attempts_after(outcome.is_whole),
					answer: outcome.is_whole.then_some(outcome.answer),
					receipt: signed.as_ref().map(Encode::encode).unwrap_or_default(),
				};
				let tokens = u64::from(meter.prompt_tokens).saturating_add(answer_tokens.into());
				let scores = if outcome.is_whole { outcome.scores } else { Vec::new() };
				self.desk.charge(number, (charged, tokens), (paid, scores), kept, now).await
			}
		};
		if let Err(error) = written {
			// The reader has its answer, and no receipt: a till that starts again from this disk could not defend it, nor does it know the charge.
			tracing::error!("the answer {} is neither charged nor signed for: {error}", outcome.id);
			return Bill::default();
		}
		self.bill(signed.as_ref(), charged)
	}

	/// Returns the change that keeps an answer which is signed for; `None` if its record cannot be written.
	fn kept(&self, id: &str, record: &GenerationRecord, signed: &SignedReceipt, now: u64) -> Option<Change> {
		let genesis = &self.config.genesis;
		let line = receipt_line(record, Some(&receipt::to_json(signed, genesis))).ok()?.into_bytes();
		let kept = KeptAnswer { ended_at: now, id: id.into(), signed: *signed, line };
		Some(Change::Keep(signed.id(genesis).0, Box::new(kept)))
	}

	/// Returns an answer that was signed for, by its receipt's name on chain.
	pub fn kept_answer(&self, name: &H256) -> Result<Option<KeptAnswer>, StoreError> {
		self.desk.store().kept(&name.0)
	}

	/// Returns the keys that signed for answers which are kept, but for the key that signs now.
	pub fn former_keys(&self) -> Result<Vec<[u8; 32]>, StoreError> {
		let mut keys = self.desk.store().kept_keys()?;
		keys.retain(|key| self.config.key.as_ref().is_none_or(|now| now.public().0 != *key));
		Ok(keys)
	}

	/// Reports whether answers are kept that a key signed at least two days ago. Reads the disk.
	pub fn has_old_answers_of(&self, key: &[u8; 32]) -> Result<bool, StoreError> {
		self.desk.store().has_kept_of(key, self.old())
	}

	/// Forgets some of the answers that a key signed at least two days ago: the chain has forgotten the key, so none can challenge them. There may be
	/// more, since payers whose charges are written do not wait for all of them.
	pub async fn forget_key(&self, key: [u8; 32]) -> Result<(), StoreError> {
		self.desk.put(Change::ForgetKey(key, self.old())).await
	}

	fn old(&self) -> u64 {
		(self.clock)().saturating_sub(kept::MIN_MS)
	}

	/// Returns the room for answers that are signed for. Asks the system for that of the disk.
	pub fn room(&self) -> StoreRoom {
		self.desk.store().room()
	}

	/// Looks whether the disk takes changes again, if the last one failed.
	pub async fn probe(&self) -> Result<(), StoreError> {
		if self.room().has_failed {
			self.desk.store().probe().await?;
		}
		Ok(())
	}

	/// Bytes that are left for answers that are signed for. Without a key none are kept.
	fn room_left(&self) -> u64 {
		if self.config.key.is_none() {
			return u64::MAX;
		}
		self.room().left()
	}

	async fn state(&self, headers: &HeaderMap) -> Result<Value, Refusal> {
		let payer = credentials::read(headers);
		let payer = payer.map_err(|error| {
			Refusal::new(StatusCode::BAD_REQUEST, "invalid_credentials", error.to_string())
		})?;
		match payer {
			Credentials::Voucher(presented) => self.state_of_session(&presented).await,
			Credentials::Key(key) => {
				let found = self.keys().and_then(|keys| keys.find(&key).cloned());
				let found = found.ok_or_else(refusal::unknown_key)?;
				let used = self.desk.allowance(&found.id);
				let written = self.desk.store().caught_up().await;
				written.map_err(|error| refusal::store(&error))?;
				Ok(json!({
					"object": "account", "kind": "key", "id": found.id, "label": found.label,
					"budget": serde_json::to_value(found.budget).unwrap_or_default(),
					"used": {
						"tokens": used.tokens, "planck": used.planck.to_string(), "requests": used.requests,
					},
				}))
			}
			Credentials::None if self.is_open() => Ok(json!({ "object": "account", "kind": "free" })),
			Credentials::None => Err(refusal::no_credentials(&self.config, "/v1/account", 0)),
		}
	}

	/// Returns the state of a session to a client that shows a voucher of it, whatever its amount; takes the voucher if it is worth more than what is
	/// known, or exactly what was served. So a client that has lost its notes finds out what it has promised.
	async fn state_of_session(&self, presented: &Presented) -> Result<Value, Refusal> {
		let id = presented.voucher.session;
		let read = self.known.get(id).await.map_err(|error| refusal::chain(&error))?;
		let refused = |code, reason: &str| refusal::session(&self.config, "/v1/account", code, id, reason, 0);
		let record = read.ok_or_else(|| {
			refused("session_unknown", "is not on this chain, or has ended: open another one")
		})?;
		if record.operator != self.config.operator {
			return Err(refused("wrong_operator", "pays another operator: ask that one"));
		}
		// A voucher that is taken here would be settled by a till that serves nothing for it.
		if Some(record.offer) != self.config.offer {
			return Err(refused("wrong_offer", "is for another offer: ask the gateway of that one"));
		}
		self.ensure_signed(presented, &record)?;
		// Zero is a question, and more than the deposit is worth nothing.
		let is_worth = presented.voucher.amount > 0 && presented.voucher.amount <= record.deposit;
		let offered = if is_worth { signed(presented) } else { Signed { amount: 0, signature: [0; 64] } };
		let (account, written) = self.desk.take(id, offered, record.settled);
		written.await.map_err(|error| refusal::store(&error))?;
		self.due.notify_one();
		let amount = |amount: u128| Value::String(amount.to_string());
		let largest = account.largest().map(|largest| {
			let voucher = Voucher { session: id, amount: largest.amount };
			credentials::write(&voucher, &ServingSignature::from_raw(largest.signature))
		});
		Ok(json!({
			"object": "account", "kind": "session", "session": id.to_string(), "served": amount(account.served),
			"held": amount(account.held), "known": amount(account.promised()), "settled": amount(account.settled),
			"deposit": amount(record.deposit), "is_closing": record.is_closing, "voucher": largest,
			"prices": { "input": amount(record.prices.input), "output": amount(record.prices.output) },
		}))
	}

	/// Returns the keys as their file has them by now; `None` if there are none.
	fn keys(&self) -> Option<MutexGuard<'_, ApiKeys>> {
		let mut keys = self.keys.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
		if let Err(error) = keys.reload() {
			tracing::warn!("the API keys stay as they were: {error}");
		}
		Some(keys)
	}

	fn signed_quote(&self, headers: &HeaderMap, order: &Order) -> Option<Value> {
		let (key, offer) = (self.config.key.as_ref()?, self.config.offer?);
		let payer = headers.get(PAYER)?.to_str().ok()?;
		let payer: [u8; 32] = hex::decode(payer.strip_prefix("0x").unwrap_or(payer)).ok()?.try_into().ok()?;
		let block = Some(self.block.load(Ordering::Relaxed)).filter(|block| *block > 0)?;
		let quote = Quote {
			offer,
			payer: H256(payer),
			prompt: H256(order.body),
			prompt_tokens: order.prompt_tokens,
			max_answer_tokens: order.answer_tokens_max.checked_mul(order.answers)?,
			prices: self.config.prices,
			ceiling: order.ceiling(&gateway_prices(self.config.prices)),
			expires: block.checked_add(self.config.quote_blocks)?,
		};
		let signature = key.sign_payload(&quote.payload(&self.config.genesis));
		Some(json!({
			"quote": serde_json::to_value(quote).ok()?, "scale": format!("0x{}", hex::encode(quote.encode())),
			"key": format!("0x{}", hex::encode(key.public().0)), "signature": format!("0x{}", hex::encode(signature.0)),
		}))
	}
}

impl Till for Cashier {
	fn prices(&self) -> Prices {
		gateway_prices(self.config.prices)
	}

	fn authorise<'a>(
		&'a self,
		headers: &'a HeaderMap,
		order: &'a Order,
	) -> BoxFuture<'a, Result<Vec<Permit>, Refusal>> {
		self.permits(headers, order).boxed()
	}

	fn deliver(&self, lease: &Lease, _: u32) -> bool {
		lease.number == 0 || self.desk.is_live(lease.number)
	}

	fn finish(&self, lease: Lease, outcome: Outcome) -> BoxFuture<'_, Bill> {
		self.charge(lease, outcome).boxed()
	}

	fn account<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Value, Refusal>> {
		self.state(headers).boxed()
	}

	fn quote(&self, headers: &HeaderMap, order: &Order) -> Option<Value> {
		self.signed_quote(headers, order)
	}

	fn room(&self) -> Option<Room> {
		self.config.key.as_ref()?;
		let room = Cashier::room(self);
		Some(Room { taken: room.taken, max: room.max, left: room.left() })
	}

	fn receipt(&self, id: &str) -> Option<Vec<u8>> {
		match self.desk.store().kept_by_id(id) {
			Ok(kept) => kept.map(|kept| kept.line),
			Err(error) => {
				tracing::error!("a receipt cannot be read: {error}");
				None
			}
		}
	}
}

fn signed(presented: &Presented) -> Signed {
	Signed { amount: presented.voucher.amount, signature: presented.signature.0 }
}

fn gateway_prices(prices: serving::Prices) -> Prices {
	Prices { input: prices.input, output: prices.output }
}
