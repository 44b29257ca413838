//! Payment channel of one direction: a payer's knowledge of one session, and the amounts that it may promise.
//!
//! ```text
//! charged      sum of the receipts that were checked
//! open         answers whose receipt is not there yet, each with the most that it can cost
//! promised     amount of the largest voucher that was signed; it never falls
//! ```
//!
//! The operator may ask for `charged` and the ceilings of all that is open, and for no unit more. An answer whose receipt never comes stays
//! open: it may have been delivered.

use blyan_primitives::{json::decimal, OfferId, Prices, SessionId};
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Version of the record.
pub const VERSION: u32 = 1;
/// Answers without a receipt after which the payer stops.
pub const MISSING_MAX: usize = 3;
/// Receipts that are remembered: a retry comes within minutes.
const RECEIPTS_MAX: usize = 256;

/// Terms of a session, as the chain fixed them when it was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionTerms {
	/// The offer.
	pub offer: OfferId,
	/// Account of the operator.
	pub operator: H256,
	/// Address of the operator's gateway.
	pub endpoint: String,
	/// Keys that may sign receipts: the offer's, and those that it had before.
	pub serving_keys: Vec<H256>,
	/// Public half of the key that signs vouchers.
	pub voucher_key: H256,
	/// Root of the model.
	pub model_root: H256,
	/// Most tokens of a prompt and its answer.
	pub context: u32,
	/// Prices, in planck per 1,000 tokens.
	pub prices: Prices,
}

/// An answer that was asked for and has no checked receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAnswer {
	/// Idempotency key of the request.
	pub key: String,
	/// Most that it can cost.
	#[serde(with = "decimal")]
	pub ceiling: u128,
	/// Its state.
	pub state: OpenState,
}

/// State of an answer without a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenState {
	/// It is on its way, or its receipt is looked for.
	UnderWay,
	/// Its client left or its connection broke before it was whole, so the payer cannot know what was delivered.
	Left,
	/// The operator's side ended it before it was whole, and its receipt did not come.
	BrokenOff,
	/// It came to its end, and its receipt did not come.
	Missing,
}

/// Payer's record of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
	/// [`VERSION`].
	pub version: u32,
	/// Hash of block 0, which names the network.
	pub genesis: H256,
	/// The session.
	pub session: SessionId,
	/// Its terms.
	pub terms: SessionTerms,
	/// Amount on hold for it.
	#[serde(with = "decimal")]
	pub deposit: u128,
	/// Amount of the largest voucher.
	#[serde(with = "decimal")]
	pub promised: u128,
	/// Sum of all checked receipts.
	#[serde(with = "decimal")]
	pub charged: u128,
	/// Number of these receipts.
	pub answers: u64,
	/// Answers without one.
	pub open: Vec<OpenAnswer>,
	/// The newest receipts that were charged, by [`charge_name`].
	pub receipts: Vec<H256>,
	/// Answers that the operator broke off, and charged for without a receipt.
	#[serde(default)]
	pub unproven: u64,
	/// Reason for which no voucher is signed any more.
	pub stopped: Option<String>,
}

/// Reason why an amount is not promised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
	/// The payer has stopped.
	#[error("session {session} is not paid any more: {reason}; take the rest back with: blyan session close {session}")]
	Stopped {
		/// The session.
		session: SessionId,
		/// Reason.
		reason: String,
	},
	/// The operator asks for more than it can have delivered.
	#[error("the operator asks for {asked} planck in all, and everything that it delivered or may deliver now costs {owed} at most")]
	Overcharged {
		/// Amount that it asks for.
		asked: u128,
		/// Most that it can be owed.
		owed: u128,
	},
	/// The deposit is too small.
	#[error("this answer may take the session to {wanted} planck, and its deposit is {deposit}: add to it with: blyan session top-up {session} AMOUNT")]
	Deposit {
		/// The session.
		session: SessionId,
		/// Amount that was needed.
		wanted: u128,
		/// The deposit.
		deposit: u128,
	},
	/// The receipts of an answer charge more than it can cost.
	#[error("the receipts of this answer charge {charged} planck, and it can cost {ceiling} at most: its prompt is longer than what was sent, or its answer than what was asked for")]
	AboveCeiling {
		/// Charge of the receipts.
		charged: u128,
		/// Most that the answer can cost.
		ceiling: u128,
	},
	/// No answer is open under this key.
	#[error("no request is under way under the key {0:?}")]
	NotOpen(String),
}

impl Channel {
	/// Opens the record of a session of which nothing was promised yet.
	pub fn new(genesis: H256, session: SessionId, terms: SessionTerms, deposit: u128) -> Self {
		Self {
			version: VERSION,
			genesis,
			session,
			terms,
			deposit,
			promised: 0,
			charged: 0,
			answers: 0,
			open: Vec::new(),
			receipts: Vec::new(),
			unproven: 0,
			stopped: None,
		}
	}

	/// Most that the operator can be owed: what was charged, and the ceilings of what is open.
	pub fn owed_max(&self) -> u128 {
		self.open.iter().fold(self.charged, |sum, open| sum.saturating_add(open.ceiling))
	}

	/// Notes that an answer is asked for which costs `ceiling` at most. The same request again changes nothing.
	pub fn begin(&mut self, key: &str, ceiling: u128) -> Result<(), ChannelError> {
		self.ensure_going_on()?;
		if self.open.iter().any(|open| open.key == key) {
			return Ok(());
		}
		self.open.push(OpenAnswer { key: key.into(), ceiling, state: OpenState::UnderWay });
		Ok(())
	}

	/// Promises what the operator asks for in all, for an answer that is open. Returns the amount of the voucher: never less than of one before.
	pub fn promise(&mut self, key: &str, asked: u128) -> Result<u128, ChannelError> {
		self.ensure_going_on()?;
		if !self.open.iter().any(|open| open.key == key) {
			return Err(ChannelError::NotOpen(key.into()));
		}
		let owed = self.owed_max();
		if asked > owed {
			return Err(ChannelError::Overcharged { asked, owed });
		}
		if asked > self.deposit {
			let Self { session, deposit, .. } = *self;
			return Err(ChannelError::Deposit { session, wanted: asked, deposit });
		}
		self.promised = self.promised.max(asked);
		Ok(self.promised)
	}

	/// Notes that a request was refused before anything was delivered.
	pub fn abandon(&mut self, key: &str) {
		self.open.retain(|open| open.key != key);
	}

	/// Notes what an answer cost by its receipts, each by its [`charge_name`], of which every one was checked. Returns what was charged
	/// now: the receipts of a retry are those of the answer that it repeats, and are charged once.
	pub fn settle(&mut self, key: &str, receipts: &[(H256, u128)]) -> u128 {
		let charged = self.due(receipts);
		self.abandon(key);
		for (id, _) in receipts {
			if !self.receipts.contains(id) {
				self.receipts.push(*id);
			}
		}
		let surplus = self.receipts.len().saturating_sub(RECEIPTS_MAX);
		self.receipts.drain(..surplus);
		self.charged = self.charged.saturating_add(charged);
		self.answers = self.answers.saturating_add(1);
		charged
	}

	/// Returns what receipts charge that were not charged before, each once.
	fn due(&self, receipts: &[(H256, u128)]) -> u128 {
		let mut seen = self.receipts.clone();
		receipts.iter().fold(0, |sum: u128, (id, charged)| {
			if seen.contains(id) {
				return sum;
			}
			seen.push(*id);
			sum.saturating_add(*charged)
		})
	}

	/// Refuses receipts that charge more for an answer than it can cost: one of a longer prompt than was sent is right in itself.
	pub fn ensure_within(&self, key: &str, receipts: &[(H256, u128)]) -> Result<(), ChannelError> {
		let (charged, open) = (self.due(receipts), self.open.iter().find(|open| open.key == key));
		let ceiling = open.map_or(0, |open| open.ceiling);
		match charged > ceiling {
			true => Err(ChannelError::AboveCeiling { charged, ceiling }),
			false => Ok(()),
		}
	}

	/// Notes that the operator's side ended an answer before it was whole, and gave no receipt. It stays open until [`Self::agree`].
	pub fn break_off(&mut self, key: &str) {
		self.set_state(key, OpenState::BrokenOff);
	}

	/// Notes that an answer broke off. It stays open until [`Self::agree`].
	pub fn leave(&mut self, key: &str) {
		self.set_state(key, OpenState::Left);
	}

	/// Notes that the receipt of a whole answer did not come. It stays open, and too many of them end the payments.
	pub fn miss(&mut self, key: &str) {
		self.set_state(key, OpenState::Missing);
		let missing = self.count(OpenState::Missing);
		if missing > MISSING_MAX {
			self.stop(format!("the operator gave no receipt of {missing} answers"));
		}
	}

	fn set_state(&mut self, key: &str, state: OpenState) {
		if let Some(open) = self.open.iter_mut().find(|open| open.key == key) {
			open.state = state;
		}
	}

	fn count(&self, state: OpenState) -> usize {
		self.open.iter().filter(|open| open.state == state).count()
	}

	/// Notes that the program that asked has ended: nothing is under way any more.
	pub fn resume(&mut self) {
		for open in &mut self.open {
			if open.state == OpenState::UnderWay {
				open.state = OpenState::Left;
			}
		}
	}

	/// Accepts what the operator says was charged in all, for answers that broke off: between the receipts that the payer has and what it can owe. Returns
	/// whether it was accepted. It is not while anything is under way, or a receipt is missing that should be there.
	pub fn agree(&mut self, charged: u128) -> bool {
		let is_over = |open: &OpenAnswer| matches!(open.state, OpenState::Left | OpenState::BrokenOff);
		let is_settled = self.open.iter().all(is_over);
		let is_owed = (self.charged..=self.owed_max()).contains(&charged);
		if is_settled && is_owed {
			// An operator that broke off because its machine died has charged nothing for it.
			if charged > self.charged {
				let broken_off = u64::try_from(self.count(OpenState::BrokenOff)).unwrap_or(u64::MAX);
				self.unproven = self.unproven.saturating_add(broken_off);
			}
			self.charged = charged;
			self.open.clear();
		}
		is_settled && is_owed
	}

	/// Ends all payments; the first reason is kept.
	pub fn stop(&mut self, reason: String) {
		self.stopped.get_or_insert(reason);
	}

	/// Refuses to go on after a stop, and with an operator that breaks answers off and says nothing of them.
	pub fn ensure_going_on(&self) -> Result<(), ChannelError> {
		if let Some(reason) = &self.stopped {
			return Err(ChannelError::Stopped { session: self.session, reason: reason.clone() });
		}
		let broken_off = u64::try_from(self.count(OpenState::BrokenOff)).unwrap_or(u64::MAX);
		let unproven = self.unproven.saturating_add(broken_off);
		if unproven > MISSING_MAX as u64 {
			let reason = format!("the operator broke off {unproven} answers and gave no receipt of them");
			return Err(ChannelError::Stopped { session: self.session, reason });
		}
		Ok(())
	}
}

/// Returns the name under which a receipt is charged, of the idempotency key of its request and its name on chain. Two requests for the same
/// have the same answer and the same receipt, and each is charged.
pub fn charge_name(key: &str, receipt: &H256) -> H256 {
	crate::client::hash(&[key.as_bytes(), receipt.as_bytes()].concat())
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;

	pub fn terms() -> SessionTerms {
		SessionTerms {
			offer: 3,
			operator: H256([1; 32]),
			endpoint: "http://127.0.0.1:1".into(),
			serving_keys: vec![H256([2; 32])],
			voucher_key: H256([3; 32]),
			model_root: H256([4; 32]),
			context: 100,
			prices: Prices { input: 1_000, output: 2_000 },
		}
	}

	fn channel(deposit: u128) -> Channel {
		Channel::new(H256([9; 32]), 7, terms(), deposit)
	}

	#[test]
	fn an_operator_gets_what_it_may_deliver_and_not_a_unit_more() {
		let mut channel = channel(1_000);
		channel.begin("a", 100).unwrap();
		assert_eq!(channel.promise("a", 100), Ok(100));
		let over = channel.promise("a", 101);
		assert_eq!(over, Err(ChannelError::Overcharged { asked: 101, owed: 100 }));
		channel.settle("a", &[(H256([1; 32]), 30)]);
		assert_eq!(channel.promise("a", 30), Err(ChannelError::NotOpen("a".into())));
		// Of the first voucher 70 are left, so the second answer needs a voucher for 30 more.
		channel.begin("b", 100).unwrap();
		assert_eq!(channel.promise("b", 130), Ok(130));
		assert!(channel.promise("b", 131).is_err());
	}

	#[test]
	fn a_smaller_voucher_than_before_is_never_signed() {
		let mut channel = channel(1_000);
		channel.begin("a", 100).unwrap();
		channel.promise("a", 100).unwrap();
		channel.abandon("a");
		channel.begin("b", 10).unwrap();
		assert_eq!(channel.promise("b", 10), Ok(100));
	}

	#[test]
	fn the_deposit_is_the_end_and_says_how_to_go_on() {
		let mut channel = channel(50);
		channel.begin("a", 100).unwrap();
		let error = channel.promise("a", 60).unwrap_err();
		assert!(error.to_string().contains("blyan session top-up 7"), "{error}");
		channel.deposit = 60;
		assert_eq!(channel.promise("a", 60), Ok(60));
	}

	#[test]
	fn an_operator_that_keeps_its_receipts_is_paid_for_three_answers_and_no_more() {
		let mut channel = channel(1_000);
		for key in ["a", "b", "c", "d"] {
			channel.begin(key, 10).unwrap();
			channel.miss(key);
		}
		let error = channel.begin("e", 10).unwrap_err();
		assert!(error.to_string().contains("no receipt of 4 answers"), "{error}");
		// A receipt that comes late is charged all the same.
		channel.settle("a", &[(H256([1; 32]), 10)]);
		assert_eq!((channel.charged, channel.owed_max()), (10, 40));
	}

	#[test]
	fn a_receipt_that_comes_twice_is_charged_once() {
		let mut channel = channel(1_000);
		channel.begin("a", 10).unwrap();
		channel.begin("a", 10).unwrap();
		assert_eq!(channel.owed_max(), 10, "the same request again is one answer");
		let receipt = (H256([1; 32]), 9);
		assert_eq!(channel.settle("a", &[receipt]), 9);
		channel.begin("a", 10).unwrap();
		assert_eq!(channel.settle("a", &[receipt]), 0);
		assert_eq!((channel.charged, channel.owed_max()), (9, 9));
	}

	#[test]
	fn what_a_killed_program_left_open_is_agreed_on_within_its_ceilings() {
		let mut channel = channel(1_000);
		channel.begin("a", 10).unwrap();
		channel.settle("a", &[(H256([1; 32]), 5)]);
		channel.begin("b", 10).unwrap();
		assert!(!channel.agree(8), "it is under way");
		channel.resume();
		assert!(!channel.agree(4), "less than the receipts say");
		assert!(!channel.agree(16), "more than can be owed");
		assert!(channel.agree(8));
		assert_eq!((channel.charged, channel.owed_max()), (8, 8));
		channel.begin("c", 10).unwrap();
		channel.miss("c");
		assert!(!channel.agree(9), "a whole answer has a receipt");
	}

	#[test]
	fn an_operator_that_breaks_off_and_charges_without_receipts_is_paid_for_three_answers_and_no_more() {
		let mut channel = channel(1_000);
		for (key, charged) in [("a", 10), ("b", 20), ("c", 30)] {
			channel.begin(key, 10).unwrap();
			channel.break_off(key);
			assert!(channel.agree(charged), "{key}");
		}
		channel.begin("d", 10).unwrap();
		channel.break_off("d");
		assert!(channel.begin("e", 10).unwrap_err().to_string().contains("broke off 4 answers"));
		// One that says that it charged nothing for the last is believed, as after a crash.
		assert!(channel.agree(30));
		channel.begin("e", 10).unwrap();
	}

	#[test]
	fn receipts_beyond_the_ceiling_of_their_answer_and_receipts_named_twice_are_not_charged() {
		let mut channel = channel(1_000);
		channel.begin("a", 10).unwrap();
		let receipt = |number| (H256([number; 32]), 6);
		let above = ChannelError::AboveCeiling { charged: 12, ceiling: 10 };
		assert_eq!(channel.ensure_within("a", &[receipt(1), receipt(2)]), Err(above));
		assert_eq!(channel.ensure_within("a", &[receipt(1), receipt(1)]), Ok(()));
		assert_eq!(channel.settle("a", &[receipt(1), receipt(1)]), 6);
		assert_eq!((channel.charged, channel.receipts.len()), (6, 1));
	}

	/// Every order of events keeps what a payer relies on. The steps are drawn by a small generator, so that a failure is repeated by its seed.
	#[test]
	fn no_order_of_events_promises_more_than_was_owed_at_its_time() {
		for seed in 0..2_000_u64 {
			let mut state = seed;
			let mut below = |end: u64| {
				state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
				(state >> 33) % end
			};
			let mut channel = channel(400);
			let (mut owed_most, mut honest) = (0, true);
			for _ in 0..40 {
				let key = below(6).to_string();
				let before = channel.promised;
				match below(5) {
					0 => drop(channel.begin(&key, below(60).into())),
					1 => drop(channel.promise(&key, below(500).into())),
					2 => channel.abandon(&key),
					3 => {
						let ceiling =
							channel.open.iter().find(|open| open.key == key).map(|open| open.ceiling);
						let receipt =
							(H256::from_low_u64_be(below(1 << 30)), ceiling.map_or(0, |ceiling| ceiling / 2));
						channel.settle(&key, &[receipt]);
					}
					_ => {
						// An honest operator asks for what is owed, and is refused for the deposit alone.
						let owed = channel.owed_max();
						let is_open = channel.open.iter().any(|open| open.key == key);
						if is_open && owed <= channel.deposit {
							honest &= channel.promise(&key, owed).is_ok();
						}
					}
				}
				owed_most = owed_most.max(channel.owed_max());
				assert!(channel.promised >= before, "seed {seed}");
				assert!(channel.promised <= owed_most && channel.promised <= channel.deposit, "seed {seed}");
			}
			assert!(honest, "seed {seed}");
		}
	}

	/// An answer follows from its prompt, settings and seed: who asks twice has two equal receipts.
	#[test]
	fn equal_receipts_of_two_requests_are_charged_twice_and_of_a_retry_once() {
		let receipt = H256([1; 32]);
		let mut channel = channel(1_000);
		let mut charged = |key: &str| {
			channel.begin(key, 20).unwrap();
			channel.settle(key, &[(charge_name(key, &receipt), 20)])
		};
		assert_eq!([charged("a"), charged("b"), charged("a")], [20, 20, 0]);
	}
}
