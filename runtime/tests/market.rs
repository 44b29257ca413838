//! A market of paid answers with honest agents and cheats, on the whole chain: signatures, fees, holds and all.
//!
//! No cheat ends with more than it began, or with more than honest service earned it; honest operators earn, honest payers pay the price and
//! fees; and after each round the accounts add up to the issuance. `scripts/simulate market [ROUNDS]` plays more rounds and prints the table.
//!
//! Gain of an agent: what its accounts own in the end, less what they owned, plus the price of the answers that it got, less what it earned
//! honestly (the charges of answers that it really gave, without the network's share). Giving answers counts as if it cost nothing, which
//! flatters those who serve.

mod common;

use blyan_primitives::{
	AnswerEnd, Measurement, OfferId, OperatorId, OperatorSignature, Prices, Receipt, RequestId, ServingKey,
	ServingSignature, SessionId, SignedReceipt, Voucher, RECEIPT_VERSION,
};
use blyan_runtime::{
	extension, parameters::serving, AccountId, Balance, Balances, Executive, Inference, Ledger, Operators,
	Runtime, RuntimeCall, RuntimeOrigin, Signature, SignedPayload, System, UncheckedExtrinsic, HOURS, UNIT,
};
use codec::Encode;
use frame_support::{
	assert_ok,
	storage::{with_transaction, TransactionOutcome},
	traits::{
		fungible::Mutate,
		tokens::{Fortitude, Precision, Preservation},
		Get, Hooks,
	},
	weights::Weight,
};
use frame_system::offchain::CreateAuthorizedTransaction;
use pallet_inference::{serving_key_payload, Call, OfferTerms, ProvenKey, RequestTerms, Requests};
use pallet_operators::{heartbeat_payload, Capabilities};
use sp_core::{sr25519, Pair, H256};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie};
use sp_runtime::{generic::Era, DispatchError};
use std::collections::BTreeMap;

/// 0.01 and 0.02 BLY per 1,000 tokens.
const PRICES: Prices = Prices { input: UNIT / 100, output: UNIT / 50 };
/// Tokens of every prompt and of every answer.
const TOKENS: (u32, u32) = (1_000, 500);
/// Price of such an answer.
const PRICE: Balance = UNIT / 50;
/// Money that each agent begins with.
const ENDOWMENT: Balance = 100 * UNIT;
/// Rounds that the gate plays; a round is half a day.
const ROUNDS: u32 = 3;
/// Places of each offer.
const CAPACITY: u32 = 4;

fn root() -> H256 {
	H256::repeat_byte(1)
}

/// An agent: its accounts, and what it had and got.
struct Agent {
	name: &'static str,
	pairs: Vec<sr25519::Pair>,
	began: Balance,
	/// Price of the answers that were given to it.
	got: Balance,
	/// Income from honest service.
	earned: Balance,
}

fn account(pair: &sr25519::Pair) -> AccountId {
	AccountId::from(pair.public())
}

/// All that a pair's account owns, on hold or not.
fn owned(pair: &sr25519::Pair) -> Balance {
	let data = System::account(account(pair)).data;
	data.free + data.reserved
}

impl Agent {
	/// An agent with new accounts that share the money.
	fn with_accounts(name: &'static str, accounts: u8) -> Self {
		let pairs: Vec<_> = (0..accounts)
			.map(|number| sr25519::Pair::from_seed(&sp_io::hashing::blake2_256(&(name, number).encode())))
			.collect();
		for pair in &pairs {
			assert_ok!(Balances::mint_into(&account(pair), ENDOWMENT / Balance::from(accounts)));
		}
		Self::of(name, pairs)
	}

	fn of(name: &'static str, pairs: Vec<sr25519::Pair>) -> Self {
		let began = pairs.iter().map(owned).sum();
		Self { name, pairs, began, got: 0, earned: 0 }
	}

	fn gain(&self) -> i128 {
		let owns: Balance = self.pairs.iter().map(owned).sum();
		(owns + self.got) as i128 - (self.began + self.earned) as i128
	}

	/// Notes that an answer was given for which so much was charged.
	fn serves(&mut self, charged: Balance) {
		let share: sp_runtime::Perbill = serving::NetworkShare::get();
		self.earned += charged - share.mul_ceil(charged);
	}
}

/// The chain, driven block by block.
struct Market {
	nonces: BTreeMap<AccountId, u32>,
	seed: u64,
	refused: u32,
	/// Fate of the last transaction, for messages.
	last: String,
}

impl Market {
	fn next_block(&mut self, blocks: u32) {
		let number = System::block_number() + blocks;
		// Blocks in between are left out.
		System::set_block_number(number - 1);
		common::begin_block(number);
		// Each of them would have had idle time.
		for _ in 0..blocks.min(100) {
			Inference::on_idle(number, Weight::MAX);
		}
	}

	/// Time passes in which the operators stay online.
	fn hours(&mut self, hours: u32) {
		for _ in 0..hours {
			self.next_block(HOURS);
			for operator in [Alice, Bob, Charlie] {
				let period = System::block_number() / HOURS;
				let measurement = Measurement { cpu_tokens_per_second: 9_000, ..Default::default() };
				let payload = heartbeat_payload(&System::block_hash(0), period, &measurement);
				let call = pallet_operators::Call::<Runtime>::heartbeat {
					period,
					key: OperatorId::from(operator.public()),
					measurement,
					signature: OperatorSignature::from(operator.pair().sign(&payload)),
				};
				let transaction =
					<Runtime as CreateAuthorizedTransaction<pallet_operators::Call<Runtime>>>::create_authorized_transaction(
						call.into(),
					);
				let _: Result<_, _> = Executive::apply_extrinsic(transaction);
			}
		}
	}

	/// Sends a transaction in a block of its own and reports whether it did what it asks for. The fee is paid either way, unless the chain
	/// refuses it before that.
	fn send(&mut self, pair: &sr25519::Pair, call: Call<Runtime>) -> bool {
		self.next_block(1);
		let nonce = self.nonces.entry(account(pair)).or_default();
		let payload = SignedPayload::new(RuntimeCall::from(call), extension(*nonce, 0, Era::Immortal))
			.expect("implicit data is there");
		let signature = payload.using_encoded(|bytes| pair.sign(bytes));
		let (call, extension, _) = payload.deconstruct();
		let transaction = UncheckedExtrinsic::new_signed(
			call,
			account(pair).into(),
			Signature::Sr25519(signature),
			extension,
		);
		// An author leaves out what is refused, and all that it did until then.
		let outcome = with_transaction(|| match Executive::apply_extrinsic(transaction) {
			Ok(outcome) => TransactionOutcome::Commit(Ok::<_, DispatchError>(Ok(outcome))),
			Err(refusal) => TransactionOutcome::Rollback(Ok(Err(refusal))),
		})
		.expect("layers are few");
		self.last = format!("{outcome:?}");
		match outcome {
			Ok(outcome) => {
				*nonce += 1;
				outcome.is_ok()
			}
			Err(_) => {
				self.refused += 1;
				false
			}
		}
	}

	/// Transactions of an agent that were included, each for a fee.
	fn sent_by(&self, agent: &Agent) -> u32 {
		agent.pairs.iter().filter_map(|pair| self.nonces.get(&account(pair))).sum()
	}

	/// Gives an operator the capability to serve, and an offer signed for by its own pair.
	fn offer(&mut self, operator: Sr25519Keyring) -> OfferId {
		let who = operator.to_account_id();
		let capabilities = Capabilities::EVALUATE | Capabilities::SERVE;
		assert_ok!(Operators::update_capabilities(
			RuntimeOrigin::signed(who.clone()),
			capabilities,
			H256::zero()
		));
		let terms = OfferTerms {
			model: Some(0),
			generation: 0,
			model_root: root(),
			prices: PRICES,
			capacity: CAPACITY,
			context: 8_192,
			endpoint: b"https://operator.example/v1".to_vec().try_into().expect("it is short"),
		};
		let proof = operator.pair().sign(&serving_key_payload(&System::block_hash(0), &who));
		let offer = pallet_inference::NextOffer::<Runtime>::get();
		let key = ProvenKey { key: operator.public(), proof };
		assert_ok!(Inference::make_offer(RuntimeOrigin::signed(who), terms, key));
		offer
	}

	/// Makes a request; returns its number and seed, unless it is refused.
	fn request(&mut self, payer: &sr25519::Pair, offer: OfferId) -> Option<(RequestId, u64)> {
		self.seed += 1;
		let terms = RequestTerms {
			offer,
			prompt: H256::from_low_u64_be(self.seed),
			prompt_tokens: TOKENS.0,
			max_answer_tokens: TOKENS.1,
			seed: self.seed,
			key: H256::from_low_u64_be(self.seed),
		};
		let request = pallet_inference::NextRequest::<Runtime>::get();
		self.send(payer, Call::request { terms }).then_some((request, terms.seed))
	}

	/// Makes a request and pays its ceiling into a hold.
	fn authorised(&mut self, payer: &sr25519::Pair, offer: OfferId) -> Option<(RequestId, u64)> {
		let (request, seed) = self.request(payer, offer)?;
		self.send(payer, Call::authorise { request }).then_some((request, seed))
	}

	fn capture(
		&mut self,
		operator: Sr25519Keyring,
		request: RequestId,
		seed: u64,
		answer: u32,
		charged: Balance,
	) -> bool {
		let receipt = receipt(operator, seed, answer, charged);
		self.send(&operator.pair(), Call::capture { request, receipt })
	}

	fn open(&mut self, payer: &sr25519::Pair, offer: OfferId, deposit: Balance) -> Option<SessionId> {
		let voucher_key: ServingKey = payer.public();
		let opened = self.send(payer, Call::open_session { offer, voucher_key, deposit });
		opened.then(pallet_inference::NextSession::<Runtime>::get)
	}

	fn settle(
		&mut self,
		operator: Sr25519Keyring,
		payer: &sr25519::Pair,
		session: SessionId,
		amount: Balance,
	) -> bool {
		self.settle_with(operator, session, amount, voucher(payer, session, amount))
	}

	fn settle_with(
		&mut self,
		operator: Sr25519Keyring,
		session: SessionId,
		amount: Balance,
		signature: ServingSignature,
	) -> bool {
		self.send(&operator.pair(), Call::settle { session, amount, signature })
	}
}

fn voucher(payer: &sr25519::Pair, session: SessionId, amount: Balance) -> ServingSignature {
	payer.sign(&Voucher { session, amount }.payload(&System::block_hash(0)))
}

fn receipt(operator: Sr25519Keyring, seed: u64, answer: u32, charged: Balance) -> SignedReceipt {
	let receipt = Receipt {
		version: RECEIPT_VERSION,
		model_root: root(),
		tokenizer: H256::repeat_byte(2),
		tokens_root: H256::from_low_u64_be(seed),
		prompt_tokens: TOKENS.0,
		prompt_tokens_seen: TOKENS.0,
		answer_tokens: answer,
		seed,
		temperature_q8: 256,
		top_p_q8: 256,
		end: AnswerEnd::EndOfTurn,
		session: 0,
		charged,
	};
	let signature = operator.pair().sign(&receipt.payload(&System::block_hash(0)));
	SignedReceipt { receipt, key: operator.public(), signature }
}

/// A payer with a session that pays for each answer, and the operator that gives them.
fn honest_session(market: &mut Market, payer: &mut Agent, operator: &mut Agent, offer: OfferId) {
	let pair = payer.pairs[0].clone();
	let session = market.open(&pair, offer, UNIT).expect("it has money");
	for answer in 1..=20 {
		payer.got += PRICE;
		operator.serves(PRICE);
		if answer % 10 == 0 {
			assert!(market.settle(Alice, &pair, session, answer * PRICE));
		}
	}
	assert!(market.send(&pair, Call::close_session { session }));
}

/// An operator that buys of itself, through an account that no one knows to be its own.
fn wash_use(market: &mut Market, operator: Sr25519Keyring, payer: &sr25519::Pair, offer: OfferId) {
	if let Some(session) = market.open(payer, offer, UNIT) {
		assert!(market.settle(operator, payer, session, UNIT));
		assert!(market.send(&operator.pair(), Call::release_session { session }));
	}
}

/// Accounts that ask for prices and buy nothing.
fn flood_quotes(market: &mut Market, flood: &Agent, offer: OfferId) {
	for pair in &flood.pairs {
		let mut quotes = 0;
		while quotes < 100 && market.request(pair, offer).is_some() {
			quotes += 1;
		}
		assert!((1..100).contains(&quotes), "an account has {quotes} quotes: {}", market.last);
	}
}

/// Accounts that take every place of an offer and send no prompt.
fn fill_places(market: &mut Market, fillers: &Agent, offer: OfferId) {
	let taken = fillers.pairs.iter().filter(|pair| market.authorised(pair, offer).is_some()).count();
	assert!((1..=CAPACITY as usize).contains(&taken), "{taken} places are taken: {}", market.last);
}

/// An operator that shows vouchers again: the same, older ones, and those of another session.
fn replay_vouchers(market: &mut Market, operator: &mut Agent, victim: &mut Agent, offer: OfferId) {
	let pair = victim.pairs[0].clone();
	let (first, second) =
		(market.open(&pair, offer, UNIT).expect("it has money"), market.open(&pair, offer, UNIT));
	let second = second.expect("it has money");
	for answer in 1..=3 {
		victim.got += PRICE;
		operator.serves(PRICE);
		assert!(market.settle(Bob, &pair, first, answer * PRICE));
		for old in 1..=answer {
			assert!(!market.settle(Bob, &pair, first, old * PRICE));
		}
		let stolen = voucher(&pair, first, answer * PRICE);
		assert!(!market.settle_with(Bob, second, answer * PRICE, stolen));
	}
	for session in [first, second] {
		assert!(market.send(&pair, Call::close_session { session }));
	}
}

/// A payer that takes the whole answer and cancels; the operator charges what it delivered.
fn cancel_after_delivery(market: &mut Market, cheat: &mut Agent, operator: &mut Agent, offer: OfferId) {
	let pair = cheat.pairs[0].clone();
	let Some((request, seed)) = market.authorised(&pair, offer) else { return };
	cheat.got += PRICE;
	operator.serves(PRICE);
	assert!(market.send(&pair, Call::cancel { request }));
	assert!(market.capture(Alice, request, seed, TOKENS.1, PRICE));
	assert!(!market.send(&pair, Call::cancel { request }));
}

/// An operator that charges twice, more than the ceiling, and by receipts of other requests.
fn overcharge(market: &mut Market, operator: &mut Agent, victim: &mut Agent, offer: OfferId) {
	let pair = victim.pairs[0].clone();
	let Some((request, seed)) = market.authorised(&pair, offer) else { return };
	let Some((unserved, _)) = market.authorised(&pair, offer) else { return };
	victim.got += PRICE;
	operator.serves(PRICE);
	for (answer, charged) in [(TOKENS.1 + 1, PRICE + 1), (TOKENS.1, PRICE + 1), (2 * TOKENS.1, 2 * PRICE)] {
		assert!(!market.capture(Charlie, request, seed, answer, charged));
	}
	assert!(market.capture(Charlie, request, seed, TOKENS.1, PRICE));
	assert!(!market.capture(Charlie, request, seed, TOKENS.1, PRICE));
	// The receipt of the answer that was given, for the one that was not.
	assert!(!market.capture(Charlie, unserved, seed, TOKENS.1, PRICE));
}

/// A payer that authorises in parallel more than it owns: each authorisation is a hold of its own.
fn overdraw(market: &mut Market, pauper: &mut Agent, operator: &mut Agent, offer: OfferId) {
	let pair = pauper.pairs[0].clone();
	let mut served = Vec::new();
	for _ in 0..CAPACITY {
		served.extend(market.authorised(&pair, offer));
	}
	for (request, seed) in served {
		pauper.got += PRICE;
		operator.serves(PRICE);
		assert!(market.capture(Alice, request, seed, TOKENS.1, PRICE), "what is authorised is there");
	}
}

/// Every planck of the issuance belongs to an account.
fn reconcile(round: u32) {
	let all: Balance = frame_system::Account::<Runtime>::iter_values()
		.map(|account| account.data.free + account.data.reserved)
		.sum();
	let issuance = pallet_balances::TotalIssuance::<Runtime>::get();
	assert_eq!(all, issuance, "round {round}: accounts and issuance differ");
}

fn table(agents: &[&Agent], rounds: u32, refused: u32) {
	println!("{rounds} rounds of half a day; {refused} transactions refused before they cost anything\n");
	println!("{:<52} {:>14} {:>14} {:>16}", "agent", "answers got", "earned", "gain, BLY");
	for agent in agents {
		let bly = |planck: Balance| planck as f64 / UNIT as f64;
		println!(
			"{:<52} {:>14.3} {:>14.3} {:>16.6}",
			agent.name,
			bly(agent.got),
			bly(agent.earned),
			agent.gain() as f64 / UNIT as f64
		);
	}
}

fn rounds() -> u32 {
	std::env::var("BLYAN_MARKET_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"))
}

/// Everyone in the market.
struct Agents {
	server: Agent,
	payer: Agent,
	/// Serves and buys of itself, through the account `washer`, and shows vouchers again.
	replayer: Agent,
	washer: sr25519::Pair,
	replayed: Agent,
	overcharger: Agent,
	overcharged: Agent,
	canceller: Agent,
	flood: Agent,
	fillers: Agent,
	pauper: Agent,
}

impl Agents {
	fn new() -> Self {
		let washer = sr25519::Pair::from_seed(&[77; 32]);
		assert_ok!(Balances::mint_into(&account(&washer), ENDOWMENT));
		let mut pauper = Agent::with_accounts("payer that authorises more than it owns", 1);
		pauper.began = PRICE * 5 / 2;
		assert_ok!(Balances::burn_from(
			&account(&pauper.pairs[0]),
			ENDOWMENT - pauper.began,
			Preservation::Preserve,
			Precision::Exact,
			Fortitude::Polite,
		));
		Self {
			server: Agent::of("operator that serves honestly", vec![Alice.pair()]),
			payer: Agent::with_accounts("payer that pays honestly", 1),
			replayer: Agent::of(
				"operator that buys of itself and replays vouchers",
				vec![Bob.pair(), washer.clone()],
			),
			washer,
			replayed: Agent::with_accounts("payer whose vouchers are replayed", 1),
			overcharger: Agent::of("operator that overcharges", vec![Charlie.pair()]),
			overcharged: Agent::with_accounts("payer that is overcharged", 1),
			canceller: Agent::with_accounts("payer that cancels behind the answer", 1),
			flood: Agent::with_accounts("ten accounts that flood an offer with quotes", 10),
			fillers: Agent::with_accounts("ten accounts that take all places", 10),
			pauper,
		}
	}

	/// Half a day of everyone's deeds.
	fn act(&mut self, market: &mut Market, [at_alice, at_bob, at_charlie]: [OfferId; 3]) {
		honest_session(market, &mut self.payer, &mut self.server, at_alice);
		wash_use(market, Bob, &self.washer, at_bob);
		replay_vouchers(market, &mut self.replayer, &mut self.replayed, at_bob);
		cancel_after_delivery(market, &mut self.canceller, &mut self.server, at_alice);
		overcharge(market, &mut self.overcharger, &mut self.overcharged, at_charlie);
		overdraw(market, &mut self.pauper, &mut self.server, at_alice);
		flood_quotes(market, &self.flood, at_alice);
		fill_places(market, &self.fillers, at_alice);
		market.hours(12);
	}

	/// Asserts that each agent did what it is there for: one that the chain refused everything gains nothing, and shows nothing.
	fn assert_active(&self, market: &Market) {
		for server in [&self.server, &self.replayer, &self.overcharger] {
			assert!(server.earned > 0, "{} served no answer", server.name);
		}
		for buyer in [&self.payer, &self.replayed, &self.overcharged, &self.canceller, &self.pauper] {
			assert!(buyer.got > 0, "{} got no answer", buyer.name);
		}
		for sender in [&self.flood, &self.fillers] {
			assert!(market.sent_by(sender) > 0, "{} sent nothing", sender.name);
		}
		let washed = market.nonces.get(&account(&self.washer)).is_some_and(|sent| *sent > 0);
		assert!(washed, "no operator bought of itself");
	}

	fn cheats(&self) -> [&Agent; 6] {
		[&self.replayer, &self.overcharger, &self.canceller, &self.flood, &self.fillers, &self.pauper]
	}

	fn honest(&self) -> [&Agent; 4] {
		[&self.server, &self.payer, &self.replayed, &self.overcharged]
	}
}

#[test]
fn no_cheat_of_a_market_ends_with_more_than_it_began() {
	common::development().execute_with(|| {
		let mut market = Market { nonces: BTreeMap::new(), seed: 0, refused: 0, last: String::new() };
		// Nothing is emitted, so that what operators get is what payers pay.
		let no_emission = pallet_ledger::Budget { inflation: 0, ..Default::default() };
		assert_ok!(Ledger::set_budget(RuntimeOrigin::root(), no_emission));
		let offers = [Alice, Bob, Charlie].map(|operator| market.offer(operator));
		let mut agents = Agents::new();
		market.hours(1);
		for round in 0..rounds() {
			agents.act(&mut market, offers);
			reconcile(round);
		}
		// All that is on hold is decided by now, or by these blocks.
		market.hours(24);
		reconcile(rounds());
		assert!(Requests::<Runtime>::iter_values().all(|request| request.state.is_final()));

		table(&[&agents.honest()[..], &agents.cheats()[..]].concat(), rounds(), market.refused);
		for cheat in agents.cheats() {
			assert!(cheat.gain() <= 0, "{} gains {}", cheat.name, cheat.gain());
		}
		// Those that are honest pay for their own transactions and for nothing else: less than a hundredth of a BLY for each.
		for agent in agents.honest() {
			let fees = i128::from(market.sent_by(agent)) * (UNIT / 100) as i128;
			assert!(agent.gain() <= 0 && agent.gain() > -fees, "{} loses {}", agent.name, -agent.gain());
		}
		agents.assert_active(&market);
	});
}
