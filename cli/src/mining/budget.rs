//! Budget of repeated mining: money is set aside before it can be spent, and given back when the chain has shown what it took.
//!
//! ```text
//! reserve            the most that a submission can cost: highest fee, bond, deposit, fees of transactions
//!    place           it is on chain: its own fee, and the bond on hold
//!    fail            it is not on chain, and will not be: fees of transactions, and the deposit of a commitment
//!       settle       it is over: the bond has returned, or is lost
//! ```
//!
//! What is counted is never below what is spent and on hold, and never above the limit.

use blyan_primitives::{json::decimal, SubmissionId};
use blyan_runtime_api::{RejectReason, SubmissionOutcome, SubmissionState, SubmissionTerms};
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Prices at which a submission is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
	/// Held until the decision stands.
	pub bond: u128,
	/// Price of an evaluation at the end of the longest queue.
	pub fee_max: u128,
	/// Held between commitment and submission.
	pub deposit: u128,
	/// Fees of the two transactions, at most.
	pub transactions: u128,
}

impl Prices {
	/// Takes the chain's terms, and the bound on fees of transactions.
	pub fn new(terms: &SubmissionTerms, transactions: u128) -> Self {
		let (bond, fee, deposit) = (terms.bond, terms.fee_max.max(terms.fee), terms.commit_deposit);
		Self { bond, fee_max: fee, deposit, transactions }
	}

	/// Returns the most that a submission can have spent and on hold.
	pub fn most(&self) -> u128 {
		let Self { bond, fee_max, deposit, transactions } = *self;
		[fee_max, deposit, transactions].into_iter().fold(bond, u128::saturating_add)
	}
}

/// Money of one submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlay {
	/// Root of its tensors.
	pub root: H256,
	/// Its number, once it is known.
	pub submission: Option<SubmissionId>,
	/// Number that the chain's next submission had when the money was set aside: earlier ones of these tensors are not this one.
	pub since: SubmissionId,
	/// Gone, or may be.
	#[serde(with = "decimal")]
	pub spent: u128,
	/// May come back.
	#[serde(with = "decimal")]
	pub held: u128,
	/// Fee that is set aside in `spent` until the real one is known.
	#[serde(with = "decimal")]
	pub fee_max: u128,
	/// True once nothing of it can change.
	pub is_over: bool,
}

impl Outlay {
	/// Reports whether a submission of these tensors may be the one that this money is for.
	pub fn may_be(&self, submission: SubmissionId) -> bool {
		self.submission.map_or(submission >= self.since, |known| known == submission)
	}

	fn counted(&self) -> u128 {
		self.spent.saturating_add(self.held)
	}
}

/// Fate of a bond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bond {
	/// On hold.
	Held,
	/// Returned to the miner.
	Returned,
	/// Taken.
	Lost,
}

impl Bond {
	/// Reads it from where a submission stands.
	pub fn of(state: &SubmissionState) -> Self {
		use SubmissionOutcome::{Accepted, Rejected};
		match state {
			SubmissionState::Announced { .. }
			| SubmissionState::Queued { .. }
			| SubmissionState::Evaluating(_) => Self::Held,
			SubmissionState::Decided(decided) => match decided.outcome {
				Accepted { .. } | Rejected(RejectReason::Invalid) => Self::Held,
				Rejected(RejectReason::Copied) => Self::Lost,
				_ => Self::Returned,
			},
			SubmissionState::Closed {
				outcome: Rejected(RejectReason::Invalid | RejectReason::Copied),
				..
			} => Self::Lost,
			SubmissionState::Closed { .. } => Self::Returned,
		}
	}
}

/// Reason why a submission is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
	/// Spent and on hold.
	pub counted: u128,
	/// The most that the submission could add.
	pub needed: u128,
	/// The limit.
	pub limit: u128,
}

/// Money of all submissions of a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
	/// One entry a submission that was paid for, or may have been.
	outlays: Vec<Outlay>,
}

impl Budget {
	/// Returns what is gone, or may be.
	pub fn spent(&self) -> u128 {
		self.outlays.iter().map(|outlay| outlay.spent).fold(0, u128::saturating_add)
	}

	/// Returns what may come back.
	pub fn held(&self) -> u128 {
		self.outlays.iter().map(|outlay| outlay.held).fold(0, u128::saturating_add)
	}

	/// Returns the submissions of which something may change.
	pub fn open(&self) -> Vec<Outlay> {
		self.outlays.iter().filter(|outlay| !outlay.is_over).cloned().collect()
	}

	/// Refuses `needed` more than the limit leaves.
	pub fn ensure(&self, limit: Option<u128>, needed: u128) -> Result<(), Exceeded> {
		let counted = self.outlays.iter().map(Outlay::counted).fold(0, u128::saturating_add);
		match limit {
			Some(limit) if counted.checked_add(needed).is_none_or(|sum| sum > limit) => {
				Err(Exceeded { counted, needed, limit })
			}
			_ => Ok(()),
		}
	}

	/// Sets aside the most that submitting these tensors can take. An earlier attempt that may still be in a node's pool takes
	/// another deposit and the fees of further transactions only: there is one submission of them at a time. `since` is the
	/// number of the chain's next submission.
	pub fn reserve(
		&mut self,
		limit: Option<u128>,
		root: H256,
		since: SubmissionId,
		prices: &Prices,
	) -> Result<(), Exceeded> {
		let is_it = |outlay: &Outlay| outlay.root == root && !outlay.is_over;
		let Some(at) = self.outlays.iter().position(is_it) else {
			self.ensure(limit, prices.most())?;
			let spent = prices.fee_max.saturating_add(prices.transactions);
			let held = prices.bond.saturating_add(prices.deposit);
			let fee_max = prices.fee_max;
			self.outlays.push(Outlay { root, submission: None, since, spent, held, fee_max, is_over: false });
			return Ok(());
		};
		// The commitment of that attempt may have expired, and its deposit with it.
		let again = prices.transactions.saturating_add(prices.deposit);
		self.ensure(limit, again)?;
		if let Some(outlay) = self.outlays.get_mut(at) {
			outlay.spent = outlay.spent.saturating_add(again);
		}
		Ok(())
	}

	/// Notes that a submission is on chain: `fee` and `bond` as its event says. The rest that was set aside for them is free again.
	pub fn place(&mut self, root: H256, submission: SubmissionId, (fee, bond): (u128, u128)) {
		if let Some(outlay) = self.find(root).filter(|outlay| outlay.submission.is_none()) {
			outlay.submission = Some(submission);
			outlay.spent = outlay.spent.saturating_sub(outlay.fee_max).saturating_add(fee);
			outlay.fee_max = fee;
			outlay.held = bond;
		}
	}

	/// Notes that the chain has refused a submission: what can be gone are fees of transactions and a commitment's deposit.
	pub fn fail(&mut self, root: H256, prices: &Prices) {
		if let Some(outlay) = self.find(root).filter(|outlay| outlay.submission.is_none()) {
			outlay.spent = outlay.spent.saturating_sub(outlay.fee_max).saturating_add(prices.deposit);
			outlay.held = 0;
			outlay.is_over = true;
		}
	}

	/// Notes what became of the bond.
	pub fn settle(&mut self, root: H256, bond: Bond) {
		let Some(outlay) = self.find(root) else { return };
		match bond {
			Bond::Held => return,
			Bond::Returned => {}
			Bond::Lost => outlay.spent = outlay.spent.saturating_add(outlay.held),
		}
		outlay.held = 0;
		outlay.is_over = true;
	}

	fn find(&mut self, root: H256) -> Option<&mut Outlay> {
		self.outlays.iter_mut().find(|outlay| outlay.root == root && !outlay.is_over)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::{any, prop_assert, prop_oneof, proptest, Just, Strategy};

	const PRICES: Prices = Prices { bond: 100, fee_max: 50, deposit: 7, transactions: 3 };

	fn root(name: u8) -> H256 {
		H256([name; 32])
	}

	#[test]
	fn a_round_takes_its_most_before_and_its_price_afterwards() {
		let mut budget = Budget::default();
		let limit = Some(200);
		budget.reserve(limit, root(1), 0, &PRICES).unwrap();
		assert_eq!((budget.spent(), budget.held()), (53, 107));
		assert_eq!(
			budget.reserve(limit, root(2), 0, &PRICES),
			Err(Exceeded { counted: 160, needed: 160, limit: 200 })
		);
		budget.place(root(1), 4, (5, 100));
		assert_eq!((budget.spent(), budget.held()), (8, 100));
		budget.settle(root(1), Bond::Held);
		assert_eq!(budget.open().len(), 1);
		budget.settle(root(1), Bond::Returned);
		assert_eq!((budget.spent(), budget.held(), budget.open().len()), (8, 0, 0));
		budget.reserve(limit, root(2), 0, &PRICES).unwrap();
	}

	#[test]
	fn a_lost_bond_is_spent_and_a_refused_submission_costs_transactions_and_the_deposit() {
		let mut budget = Budget::default();
		budget.reserve(None, root(1), 0, &PRICES).unwrap();
		budget.place(root(1), 1, (50, 100));
		budget.settle(root(1), Bond::Lost);
		assert_eq!((budget.spent(), budget.held()), (153, 0));
		budget.reserve(None, root(2), 0, &PRICES).unwrap();
		budget.fail(root(2), &PRICES);
		assert_eq!((budget.spent(), budget.held()), (163, 0));
	}

	#[test]
	fn the_same_block_again_is_paid_for_once_until_its_submission_is_over() {
		let mut budget = Budget::default();
		budget.reserve(None, root(1), 0, &PRICES).unwrap();
		budget.reserve(None, root(1), 0, &PRICES).unwrap();
		assert_eq!(budget.spent() + budget.held(), PRICES.most() + PRICES.transactions + PRICES.deposit);
		budget.place(root(1), 1, (50, 100));
		// It expired unjudged: the fee is gone, and submitting it again costs another.
		budget.settle(root(1), Bond::Returned);
		assert_eq!(budget.spent(), 63);
		budget.reserve(None, root(1), 0, &PRICES).unwrap();
		assert_eq!(budget.spent() + budget.held(), 63 + PRICES.most());
	}

	#[test]
	fn an_earlier_submission_of_the_same_tensors_is_not_the_one_that_is_paid_for() {
		let mut budget = Budget::default();
		budget.reserve(None, root(1), 7, &PRICES).unwrap();
		let outlay = budget.open().remove(0);
		assert!(!outlay.may_be(6) && outlay.may_be(7) && outlay.may_be(9));
		budget.place(root(1), 9, (5, 100));
		let outlay = budget.open().remove(0);
		assert!(!outlay.may_be(7) && outlay.may_be(9));
	}

	/// Moves of a miner, and of the chain.
	#[derive(Clone, Copy, Debug)]
	enum Move {
		/// Sends, at a fee of this part of the highest; is included or not, or killed before it knows.
		Send { name: u8, fee: u8, is_included: bool, is_killed: bool },
		/// The chain ends a submission.
		End { name: u8, is_lost: bool },
		/// The miner reads what became of its submissions.
		Look,
	}

	fn step() -> impl Strategy<Value = Move> {
		prop_oneof![
			4 => (0..6_u8, any::<u8>(), any::<bool>(), any::<bool>())
				.prop_map(|(name, fee, is_included, is_killed)| Move::Send { name, fee, is_included, is_killed }),
			2 => (0..6_u8, any::<bool>()).prop_map(|(name, is_lost)| Move::End { name, is_lost }),
			1 => Just(Move::Look),
		]
	}

	/// Chain of the miner's submissions: money gone, and bonds by name.
	#[derive(Default)]
	struct World {
		gone: u128,
		bonds: std::collections::BTreeMap<u8, u128>,
		ended: std::collections::BTreeMap<u8, Bond>,
	}

	impl World {
		fn look(&mut self, budget: &mut Budget) {
			for (name, bond) in std::mem::take(&mut self.ended) {
				budget.settle(root(name), bond);
			}
		}

		fn send(&mut self, budget: &mut Budget, limit: u128, (name, fee): (u8, u8), ends: (bool, bool)) {
			// A miner looks first, and submits nothing that is open.
			self.look(budget);
			if self.bonds.contains_key(&name) || budget.reserve(Some(limit), root(name), 0, &PRICES).is_err()
			{
				return;
			}
			let fee = PRICES.fee_max * u128::from(fee) / 255;
			self.gone += PRICES.transactions;
			match ends {
				(true, is_killed) => {
					self.gone += fee;
					self.bonds.insert(name, PRICES.bond);
					if !is_killed {
						budget.place(root(name), name.into(), (fee, PRICES.bond));
					}
				}
				(false, true) => self.gone += PRICES.deposit,
				(false, false) => {
					// The commitment expires.
					self.gone += PRICES.deposit;
					budget.fail(root(name), &PRICES);
				}
			}
		}

		fn end(&mut self, name: u8, is_lost: bool) {
			let Some(bond) = self.bonds.remove(&name) else { return };
			if is_lost {
				self.gone += bond;
			}
			self.ended.insert(name, if is_lost { Bond::Lost } else { Bond::Returned });
		}
	}

	proptest! {
		#[test]
		fn what_is_spent_and_on_hold_never_exceeds_the_budget(
			limit in 0..2_000_u128,
			moves in proptest::collection::vec(step(), 0..80),
		) {
			let (mut budget, mut world) = (Budget::default(), World::default());
			for step in moves {
				match step {
					Move::Send { name, fee, is_included, is_killed } => {
						world.send(&mut budget, limit, (name, fee), (is_included, is_killed));
					}
					Move::End { name, is_lost } => world.end(name, is_lost),
					Move::Look => world.look(&mut budget),
				}
				let out = world.gone + world.bonds.values().sum::<u128>();
				let counted = budget.spent() + budget.held();
				prop_assert!(out <= limit, "{out} of {limit} are out");
				prop_assert!(out <= counted && counted <= limit, "{out} are out, {counted} counted, of {limit}");
			}
		}

		#[test]
		fn budgets_survive_a_restart(spent in any::<u128>(), held in any::<u128>()) {
			let outlay = Outlay { root: root(1), submission: Some(3), since: 2, spent, held, fee_max: held, is_over: false };
			let budget = Budget { outlays: vec![outlay] };
			let read: Budget = serde_json::from_str(&serde_json::to_string(&budget).unwrap()).unwrap();
			prop_assert!(read == budget);
		}
	}
}
