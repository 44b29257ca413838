//! A server that charges, a chain in memory, and payers.
#![allow(dead_code)] // every test uses a part of it

#[path = "../../../gateway/tests/support/mod.rs"]
pub mod support;

use blyan_gateway::engine::{Engine, Event, Generation, Job, Load, ServeError};
use blyan_open_model::conversation::{Answer, End};
use blyan_primitives::serving::{Prices, ServingSignature, SignedReceipt, Voucher};
use blyan_text::FinishReason;
use blyan_till::{
	receipt, write_voucher, Ages, BookError, Cashier, Config, ServingPair, SessionBook, SessionRecord,
};
use futures::{future::BoxFuture, FutureExt};
use serde_json::Value;
use sp_core::{sr25519, Pair, H256};
use std::{
	collections::HashMap,
	path::Path,
	sync::{
		atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
		Arc, Mutex,
	},
	time::Duration,
};
use support::{Response, Wanted, World};
use tempfile::TempDir;
use tokio::sync::{mpsc, Semaphore};

pub const CHAT: &str = "/v1/chat/completions";
pub const GENESIS: H256 = H256::repeat_byte(7);
pub const OPERATOR: [u8; 32] = [2; 32];
pub const OFFER: u32 = 4;
/// A planck for each token that is read, two for each that is written.
pub const PRICES: Prices = Prices { input: 1_000, output: 2_000 };
/// Planck in a new session.
pub const DEPOSIT: u128 = 10_000;

/// The chain: sessions, what was paid out, and whether it can be reached.
#[derive(Default)]
pub struct Chain {
	pub sessions: Mutex<HashMap<u64, SessionRecord>>,
	pub paid: Mutex<u128>,
	pub is_gone: AtomicBool,
	/// Time that a settlement takes, and how many were made at the same time at most.
	pub settling: Mutex<(Duration, usize, usize)>,
}

impl SessionBook for Chain {
	fn session(&self, id: u64) -> BoxFuture<'_, Result<Option<SessionRecord>, BookError>> {
		async move {
			self.reach()?;
			Ok(self.sessions.lock().unwrap().get(&id).cloned())
		}
		.boxed()
	}

	fn settle(
		&self,
		id: u64,
		voucher: Voucher,
		signature: ServingSignature,
	) -> BoxFuture<'_, Result<(), BookError>> {
		async move {
			self.reach()?;
			let time = {
				let mut settling = self.settling.lock().unwrap();
				settling.1 += 1;
				settling.2 = settling.2.max(settling.1);
				settling.0
			};
			tokio::time::sleep(time).await;
			self.settling.lock().unwrap().1 -= 1;
			let mut sessions = self.sessions.lock().unwrap();
			let refused = |reason: &str| BookError::Refused(reason.into());
			let session = sessions.get_mut(&id).ok_or_else(|| refused("no session"))?;
			if !voucher.is_signed(&GENESIS, &session.voucher_key, &signature) {
				return Err(refused("signature"));
			}
			if voucher.amount <= session.settled || voucher.amount > session.deposit {
				return Err(refused("amount"));
			}
			*self.paid.lock().unwrap() += voucher.amount - session.settled;
			session.settled = voucher.amount;
			Ok(())
		}
		.boxed()
	}

	fn best_block(&self) -> BoxFuture<'_, Result<u32, BookError>> {
		async move {
			self.reach()?;
			Ok(100)
		}
		.boxed()
	}
}

impl Chain {
	fn reach(&self) -> Result<(), BookError> {
		match self.is_gone.load(Ordering::SeqCst) {
			true => Err(BookError::Unreachable("the test says so".into())),
			false => Ok(()),
		}
	}

	pub fn change(&self, id: u64, change: impl FnOnce(&mut SessionRecord)) {
		change(self.sessions.lock().unwrap().get_mut(&id).unwrap());
	}
}

/// Engine whose answers are of the letter `a`, a token each, as fast as a test lets them. Nothing else is computed.
pub struct Scripted {
	/// A permit for each token that may be chosen.
	pub tokens: Arc<Semaphore>,
	/// Answers that were begun.
	pub begun: Arc<AtomicUsize>,
}

impl Scripted {
	/// Makes an engine that never waits.
	pub fn quick() -> Self {
		Self { tokens: Arc::new(Semaphore::new(1 << 20)), begun: Arc::default() }
	}

	/// Makes one that chooses so many tokens, and then waits for more permits.
	pub fn slow(tokens: usize) -> Self {
		Self { tokens: Arc::new(Semaphore::new(tokens)), begun: Arc::default() }
	}
}

impl Engine for Scripted {
	fn submit(&self, job: Job) -> BoxFuture<'static, Result<Generation, ServeError>> {
		self.begun.fetch_add(1, Ordering::SeqCst);
		let (sender, events) = mpsc::unbounded_channel();
		let (stop, mut stopped) = tokio::sync::watch::channel(false);
		let permits = self.tokens.clone();
		tokio::spawn(async move {
			let mut tokens = Vec::new();
			let mut end = End::Finished(FinishReason::Length);
			while tokens.len() < job.settings.tokens_max {
				tokio::select! {
					biased;
					() = async { drop(stopped.wait_for(|is_stopped| *is_stopped).await) } => {
						end = End::Cancelled;
						break;
					}
					permit = permits.acquire() => permit.unwrap().forget(),
				}
				tokens.push(97);
				drop(sender.send(Event::Token(97)));
				drop(sender.send(Event::Text("a".into())));
			}
			let answer = Answer {
				text: "a".repeat(tokens.len()),
				tokens,
				end,
				prompt_tokens: job.prompt.len(),
				prompt: job.prompt,
				prompt_tokens_known: 0,
				prompt_tokens_cut: 0,
				messages_cut: 0,
				reading: Duration::ZERO,
				generating: Duration::ZERO,
			};
			drop(sender.send(Event::Ended(Box::new(answer))));
		});
		async move {
			Ok(Generation::new(events, move || {
				let _ = stop.send(true);
			}))
		}
		.boxed()
	}

	fn load(&self) -> Load {
		Load::default()
	}

	fn is_running(&self) -> bool {
		true
	}
}

/// A payer with a session.
pub struct Payer {
	pub session: u64,
	pub pair: sr25519::Pair,
}

impl Payer {
	/// Returns the header with a voucher over this amount.
	pub fn voucher(&self, amount: u128) -> String {
		self.voucher_for(amount, &GENESIS)
	}

	/// As [`Self::voucher`], for another chain.
	pub fn voucher_for(&self, amount: u128, genesis: &H256) -> String {
		let voucher = Voucher { session: self.session, amount };
		write_voucher(&voucher, &self.pair.sign(&voucher.payload(genesis)))
	}
}

/// A server that charges.
pub struct Shop {
	pub world: World,
	pub till: Arc<Cashier>,
	pub chain: Arc<Chain>,
	/// Milliseconds since 1970.
	pub now: Arc<AtomicU64>,
	pub tokens: Arc<Semaphore>,
	pub begun: Arc<AtomicUsize>,
	pub dir: TempDir,
}

/// Settings of a till in a directory.
pub fn config(dir: &Path) -> Config {
	Config {
		genesis: GENESIS,
		operator: OPERATOR,
		offer: Some(OFFER),
		prices: PRICES,
		key: Some(ServingPair::from_seed(&[9; 32], GENESIS)),
		store: dir.join("till.redb"),
		api_keys: Some(dir.join("api-keys.json")),
		ages: Ages { fresh: Duration::ZERO, usable: Duration::from_secs(3_600) },
		settle_from: 1_000_000,
		quote_blocks: 50,
		kept_bytes_max: 1 << 30,
	}
}

impl Shop {
	pub async fn new(engine: Scripted) -> Self {
		let dir = tempfile::tempdir().unwrap();
		let config = config(dir.path());
		Self::with(engine, config, Arc::default(), dir).await
	}

	pub async fn with(engine: Scripted, config: Config, chain: Arc<Chain>, dir: TempDir) -> Self {
		let now = Arc::new(AtomicU64::new(1_764_000_000_000));
		let clock = now.clone();
		let clock = Arc::new(move || clock.load(Ordering::SeqCst));
		let till = Arc::new(Cashier::with_clock(config, chain.clone(), clock).unwrap());
		let (tokens, begun) = (engine.tokens.clone(), engine.begun.clone());
		let wanted = Wanted { engine: Some(Box::new(engine)), till: Some(till.clone()), ..Wanted::default() };
		Self { world: World::with(wanted).await, till, chain, now, tokens, begun, dir }
	}

	/// Opens a session.
	pub fn payer(&self, session: u64) -> Payer {
		let pair = sr25519::Pair::from_seed(&[session as u8 + 100; 32]);
		let record = SessionRecord {
			operator: OPERATOR,
			offer: OFFER,
			voucher_key: pair.public(),
			prices: PRICES,
			deposit: DEPOSIT,
			settled: 0,
			is_closing: false,
		};
		self.chain.sessions.lock().unwrap().insert(session, record);
		Payer { session, pair }
	}

	/// Asks with a voucher.
	pub async fn ask(&self, body: &Value, voucher: &str) -> Response {
		self.world.post_with(CHAT, body, &[("x-blyan-voucher", voucher)]).await
	}

	/// Returns the state of a payer's session, by a voucher over nothing.
	pub async fn account(&self, payer: &Payer) -> Value {
		let voucher = payer.voucher(0);
		self.world.get_with("/v1/account", &[("x-blyan-voucher", &voucher)]).await.json()
	}

	/// Waits until so many planck were served in a session, and none are held.
	pub async fn served(&self, payer: &Payer, amount: u128) {
		for _ in 0..2_000 {
			let account = self.account(payer).await;
			if account["served"] == amount.to_string() && account["held"] == "0" {
				return;
			}
			tokio::time::sleep(Duration::from_millis(5)).await;
		}
		panic!("{amount} planck were not served: {}", self.account(payer).await);
	}

	/// Returns the receipt of an answer, which is checked.
	pub async fn receipt(&self, id: &str) -> SignedReceipt {
		let value: Value = self.world.get(&format!("/v1/receipts/{id}")).await.json();
		let (record, signed) = receipt::read(value).unwrap();
		receipt::verify(&signed, &record, &GENESIS).unwrap();
		signed
	}
}

/// Returns the refusal of an answer: its status and its error.
pub fn refusal(response: &Response) -> (u16, Value) {
	let body: Value = response.json();
	(response.status().as_u16(), body["error"].clone())
}

/// Returns a header as text.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
	response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
