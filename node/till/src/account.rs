//! A session's money as arithmetic: what was served, what is held, and which vouchers pay for it. No storage, no chain, no clock.
//!
//! ```text
//! 0 ----- covered ----- served ----- served + held <= newest <= deposit
//!         a voucher                                   a voucher
//!         that is earned                              that is promised
//! ```

use codec::{Decode, Encode};

/// Vouchers that are promised and not yet earned, at most. Beyond it the smallest is forgotten, which makes a settlement coarser.
const PENDING_MAX: usize = 16;

/// Amount with the signature of its voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Signed {
	/// Sum of all payments of the session.
	pub amount: u128,
	/// Signature of the voucher over this amount.
	pub signature: [u8; 64],
}

/// Account of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Account {
	/// Planck charged for answers that are over.
	pub served: u128,
	/// Largest voucher that does not promise more than was served.
	pub covered: Option<Signed>,
	/// Vouchers that promise more, the smallest first.
	pub pending: Vec<Signed>,
	/// Amount of the largest voucher that the chain has taken.
	pub settled: u128,
	/// Planck held for answers that are computed. A till that starts again has none.
	#[codec(skip)]
	pub held: u128,
}

/// Reason why an account does not pay for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
	/// The voucher is smaller than one that is known.
	Smaller {
		/// Amount of the largest that is known.
		known: u128,
	},
	/// The voucher promises too little.
	Amount {
		/// Amount that would do.
		needed: u128,
	},
	/// The session holds too little.
	Deposit {
		/// Deposit that would do.
		needed: u128,
	},
}

impl Account {
	/// Returns the largest amount that a voucher promises.
	pub fn promised(&self) -> u128 {
		self.largest().map_or(0, |signed| signed.amount)
	}

	/// Returns the largest voucher.
	pub fn largest(&self) -> Option<Signed> {
		self.pending.last().or(self.covered.as_ref()).copied()
	}

	/// Holds `ceiling` by a voucher, and reports whether the voucher is a new one, which has to be durable before anything is computed.
	///
	/// The sum of what was served, what is held and what is asked for is never more than the voucher promises, nor than the
	/// deposit.
	pub fn hold(&mut self, signed: Signed, ceiling: u128, deposit: u128) -> Result<bool, Shortage> {
		let known = self.promised();
		if signed.amount < known {
			return Err(Shortage::Smaller { known });
		}
		let needed = self.served.saturating_add(self.held).saturating_add(ceiling);
		// The chain settles no voucher beyond the deposit, so one that promises more is worth nothing.
		if needed.max(signed.amount) > deposit {
			return Err(Shortage::Deposit { needed: needed.max(signed.amount) });
		}
		if needed > signed.amount {
			return Err(Shortage::Amount { needed });
		}
		self.held = self.held.saturating_add(ceiling);
		Ok(self.keep(signed))
	}

	/// Takes a voucher without a request, and reports whether it is news: a larger one, or one for exactly what was served.
	pub fn take(&mut self, signed: Signed) -> bool {
		if signed.amount > self.promised() {
			return self.keep(signed);
		}
		let is_exact = signed.amount == self.served && signed.amount > self.covered_amount();
		if is_exact {
			self.covered = Some(signed);
			self.earn();
		}
		is_exact
	}

	/// Gives held money back.
	pub fn release(&mut self, held: u128) {
		self.held = self.held.saturating_sub(held);
	}

	/// Charges an answer for which `held` was held, and returns what is charged: no more than that.
	pub fn charge(&mut self, held: u128, cost: u128) -> u128 {
		let charged = cost.min(held);
		self.release(held);
		self.served = self.served.saturating_add(charged);
		self.earn();
		charged
	}

	/// Begins at what the chain has settled, for a session of which nothing is known here: a new one, or one whose store was lost.
	pub fn beginning_at(settled: u128) -> Self {
		Self { served: settled, settled, ..Self::default() }
	}

	/// Returns the voucher to settle, if there is one that the chain does not have.
	///
	/// While a session goes on, it is one that is earned. At its end it is the smallest that pays for everything that was served: what
	/// it promises beyond that is less than the largest answer, and a payer who brings a voucher for exactly what was served does
	/// not lose it.
	pub fn claim(&self, is_ending: bool) -> Option<Signed> {
		// What the chain has paid is covered, also where the store that held its voucher was lost.
		let is_short = self.covered_amount().max(self.settled) < self.served;
		let last = self.pending.first().filter(|_| is_ending && is_short);
		last.or(self.covered.as_ref()).copied().filter(|signed| signed.amount > self.settled)
	}

	/// Returns what was served and is not settled.
	pub fn unsettled(&self) -> u128 {
		self.served.saturating_sub(self.settled)
	}

	/// Notes that the chain has taken a voucher.
	pub fn note_settled(&mut self, amount: u128) {
		self.settled = self.settled.max(amount);
	}

	fn covered_amount(&self) -> u128 {
		self.covered.map_or(0, |signed| signed.amount)
	}

	/// Adds the largest voucher, and reports whether it is a new one.
	fn keep(&mut self, signed: Signed) -> bool {
		if signed.amount <= self.promised() {
			return false;
		}
		self.pending.push(signed);
		if self.pending.len() > PENDING_MAX {
			self.pending.remove(0);
		}
		self.earn();
		true
	}

	/// Moves what is earned by now.
	fn earn(&mut self) {
		let earned = self.pending.iter().take_while(|signed| signed.amount <= self.served).count();
		let last = self.pending.drain(..earned).next_back();
		if let Some(last) = last.filter(|last| last.amount > self.covered_amount()) {
			self.covered = Some(last);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::DecodeAll;
	use proptest::prelude::*;

	fn signed(amount: u128) -> Signed {
		Signed { amount, signature: [amount as u8; 64] }
	}

	#[test]
	fn a_voucher_covers_what_was_served_and_what_is_held_and_what_is_asked() {
		let mut account = Account::default();
		assert_eq!(account.hold(signed(100), 100, 1_000), Ok(true));
		assert_eq!(account.hold(signed(100), 1, 1_000), Err(Shortage::Amount { needed: 101 }));
		assert_eq!(account.charge(100, 60), 60);
		assert_eq!(account.hold(signed(100), 40, 1_000), Ok(false), "what was not used pays for the next");
		assert_eq!(account.hold(signed(99), 0, 1_000), Err(Shortage::Smaller { known: 100 }));
		assert_eq!(account.hold(signed(1_000), 901, 1_000), Err(Shortage::Deposit { needed: 1_001 }));
		assert_eq!(account.hold(signed(5_000), 1, 1_000), Err(Shortage::Deposit { needed: 5_000 }));
	}

	#[test]
	fn an_operator_settles_what_is_earned_and_at_the_end_no_less_than_what_was_served() {
		let mut account = Account::default();
		account.hold(signed(100), 100, 1_000).unwrap();
		account.charge(100, 80);
		assert_eq!(account.claim(false), None, "the voucher promises more than was served");
		assert_eq!(account.claim(true), Some(signed(100)));
		account.hold(signed(180), 100, 1_000).unwrap();
		account.charge(100, 50);
		assert_eq!(account.claim(false), Some(signed(100)), "the first is earned by now");
		account.note_settled(100);
		assert_eq!((account.claim(false), account.claim(true)), (None, Some(signed(180))));
		// The payer brings a voucher for exactly what was served, and pays no planck more.
		assert!(!account.take(signed(129)) && account.take(signed(130)));
		assert_eq!(account.claim(true), Some(signed(130)));
	}

	#[test]
	fn an_account_whose_store_was_lost_begins_at_what_the_chain_has_settled() {
		let mut account = Account::beginning_at(500);
		assert_eq!(account.hold(signed(550), 100, 1_000), Err(Shortage::Amount { needed: 600 }));
		assert_eq!((account.unsettled(), account.claim(true)), (0, None));
	}

	#[test]
	fn an_operator_whose_store_was_lost_takes_nothing_for_answers_that_are_settled_already() {
		let mut account = Account::beginning_at(500);
		// A voucher for an answer that did not come.
		account.hold(signed(600), 100, 1_000).unwrap();
		account.release(100);
		assert_eq!((account.claim(false), account.claim(true)), (None, None));
		account.hold(signed(600), 100, 1_000).unwrap();
		account.charge(100, 1);
		assert_eq!(account.claim(true), Some(signed(600)));
	}

	/// One thing that happens to an account.
	#[derive(Clone, Debug)]
	enum Step {
		Hold { extra: i64, ceiling: u64 },
		Finish { lease: usize, cost: u64 },
		Drop { lease: usize },
		Take { amount: u64 },
		Settle { is_ending: bool },
		Restart,
	}

	fn step() -> impl Strategy<Value = Step> {
		prop_oneof![
			4 => (-50..50_i64, 0..200_u64).prop_map(|(extra, ceiling)| Step::Hold { extra, ceiling }),
			4 => (any::<usize>(), 0..300_u64).prop_map(|(lease, cost)| Step::Finish { lease, cost }),
			1 => any::<usize>().prop_map(|lease| Step::Drop { lease }),
			1 => (0..3_000_u64).prop_map(|amount| Step::Take { amount }),
			1 => any::<bool>().prop_map(|is_ending| Step::Settle { is_ending }),
			1 => Just(Step::Restart),
		]
	}

	proptest! {
		/// Five requests at once, or fifty: no order of things overdraws, and no earned planck is lost.
		#[test]
		fn no_interleaving_overdraws_or_loses_money(steps in prop::collection::vec(step(), 0..120), deposit in 0..3_000_u128) {
			let (mut account, mut leases) = (Account::default(), Vec::<u128>::new());
			let mut charged = 0;
			for step in steps {
				match step {
					Step::Hold { extra, ceiling } => {
						let wanted = account.served + account.held + u128::from(ceiling);
						let amount = wanted.saturating_add_signed(extra.into());
						let before = account.clone();
						match account.hold(signed(amount), ceiling.into(), deposit) {
							Ok(_) => leases.push(ceiling.into()),
							Err(_) => prop_assert_eq!(&before, &account, "a refusal changes nothing"),
						}
					}
					Step::Finish { lease, cost } if !leases.is_empty() => {
						let held = leases.swap_remove(lease % leases.len());
						charged += account.charge(held, cost.into());
					}
					Step::Drop { lease } if !leases.is_empty() => {
						let held = leases.swap_remove(lease % leases.len());
						account.release(held);
					}
					Step::Take { amount } if u128::from(amount) <= deposit => { account.take(signed(amount.into())); }
					Step::Settle { is_ending } => if let Some(claimed) = account.claim(is_ending) {
						prop_assert!(is_ending || claimed.amount <= account.served);
						prop_assert!(claimed.amount > account.settled && claimed.amount <= account.promised());
						account.note_settled(claimed.amount);
					},
					Step::Restart => {
						let stored = account.encode();
						account = Account::decode_all(&mut stored.as_slice()).unwrap();
						leases.clear();
					}
					Step::Finish { .. } | Step::Drop { .. } | Step::Take { .. } => {}
				}
				prop_assert_eq!(account.held, leases.iter().sum::<u128>());
				prop_assert_eq!(account.served, charged);
				prop_assert!(account.served + account.held <= account.promised());
				prop_assert!(account.served + account.held <= deposit && account.promised() <= deposit);
				prop_assert!(account.covered.is_none_or(|covered| covered.amount <= account.served));
				prop_assert!(account.pending.is_sorted_by(|a, b| a.amount < b.amount));
				prop_assert!(account.pending.len() <= PENDING_MAX);
				let last = account.claim(true).map_or(account.settled, |claimed| claimed.amount);
				prop_assert!(last >= account.served, "all that was served can be settled");
			}
		}
	}
}
