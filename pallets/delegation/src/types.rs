//! Pools and backings. No storage access.

use crate::pot::{self, Pot};
use blyan_primitives::Millionths;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	pallet_prelude::Get, traits::fungible::Credit, BoundedVec, CloneNoBound, DebugNoBound, EqNoBound,
	PartialEqNoBound,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;

/// Amounts of BLY, in planck.
pub type Balance = u128;
/// Coins that were taken, on their way to the treasury.
pub type CreditOf<T> = Credit<<T as frame_system::Config>::AccountId, <T as crate::Config>::Currency>;
/// [`PoolRecord`] of a runtime.
pub type PoolRecordOf<T> = PoolRecord<BlockNumberFor<T>>;
/// [`BackingRecord`] of a runtime.
pub type BackingRecordOf<T> = BackingRecord<BlockNumberFor<T>, <T as crate::Config>::MaxChunks>;

macro_rules! wire {
	($(#[$meta:meta])* pub struct $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
		)]
		#[scale_info(capture_docs = "always")]
		pub struct $($rest)*
	};
}

wire! {
	/// A commission that was announced and is not in force yet.
	pub struct Raise<BlockNumber> {
		/// The commission, in millionths.
		pub commission: Millionths,
		/// First block from which on it is taken, in working time.
		pub from: BlockNumber,
	}
}

wire! {
	/// Income of a pool's backers in the current period and in the last one.
	#[derive(Default)]
	pub struct RecentIncome<BlockNumber> {
		/// First block of the current period.
		pub since: BlockNumber,
		/// Put aside for backers since then, in planck.
		pub current: Balance,
		/// Put aside for them in the period before.
		pub last: Balance,
	}
}

wire! {
	/// All that backs an operator, and the terms on which it does.
	pub struct PoolRecord<BlockNumber> {
		/// True if the operator takes new backing.
		pub is_open: bool,
		/// Part of the backers' income that the operator keeps, in millionths.
		pub commission: Millionths,
		/// A higher commission that was announced.
		pub raise: Option<Raise<BlockNumber>>,
		/// On hold of the operator for this entry.
		pub deposit: Balance,
		/// Entries in [`crate::Backings`] that name this operator.
		pub backers: u32,
		/// Coins that back the operator and earn.
		pub active: Pot,
		/// Coins that are on their way out: they earn nothing and can still be slashed.
		pub unbonding: Pot,
		/// Income by share of `active` since the pool exists, times [`pot::PER_SHARE`].
		pub income_per_share: u128,
		/// Income that is put aside and not paid out, in planck.
		pub unclaimed: Balance,
		/// Income of late, for those who compare.
		pub recent: RecentIncome<BlockNumber>,
	}
}

impl<BlockNumber: Copy + PartialOrd> PoolRecord<BlockNumber> {
	/// The commission in force at `now`, in working time.
	pub fn commission_at(&self, now: BlockNumber) -> Millionths {
		match &self.raise {
			Some(raise) if raise.from <= now => raise.commission,
			_ => self.commission,
		}
	}

	/// The commission, or the higher one that is announced.
	pub fn highest_commission(&self) -> Millionths {
		self.raise.as_ref().map_or(self.commission, |raise| raise.commission.max(self.commission))
	}

	/// Takes a raise over whose time has come.
	pub fn settle_raise(&mut self, now: BlockNumber) {
		self.commission = self.commission_at(now);
		if self.raise.as_ref().is_some_and(|raise| raise.from <= now) {
			self.raise = None;
		}
	}

	/// Reports whether everything was slashed, and those who lost it are still listed.
	pub fn is_lost(&self) -> bool {
		self.active.is_lost() || self.unbonding.is_lost()
	}
}

impl<BlockNumber: Copy + PartialOrd + sp_runtime::traits::Saturating> RecentIncome<BlockNumber> {
	/// Begins the period of `length` blocks that `now` is in, if another one is running.
	pub fn roll(&mut self, now: BlockNumber, length: BlockNumber) {
		let end = self.since.saturating_add(length);
		if now < end {
			return;
		}
		// A period without any visit was one without income.
		self.last = if now < end.saturating_add(length) { self.current } else { 0 };
		self.current = 0;
		self.since = now;
	}
}

wire! {
	/// Part of a backing that was taken out on one occasion.
	pub struct Chunk<BlockNumber> {
		/// Shares of the pool's unbonding coins.
		pub shares: u128,
		/// First block in which it can be withdrawn.
		pub ready_at: BlockNumber,
	}
}

/// Backing of one operator by one account.
#[derive(
	CloneNoBound,
	DebugNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(capture_docs = "always")]
#[scale_info(skip_type_params(MaxChunks))]
pub struct BackingRecord<BlockNumber, MaxChunks>
where
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxChunks: Get<u32>,
{
	/// On hold of the backer for this entry.
	pub deposit: Balance,
	/// Shares of the pool's active coins.
	pub shares: u128,
	/// The pool's income by share up to which income is part of `owed`.
	pub income_per_share: u128,
	/// Income that was counted and not paid out, in planck.
	pub owed: Balance,
	/// Parts that are on their way out, the oldest first.
	pub unbonding: BoundedVec<Chunk<BlockNumber>, MaxChunks>,
}

impl<BlockNumber, MaxChunks> BackingRecord<BlockNumber, MaxChunks>
where
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxChunks: Get<u32>,
{
	/// An entry without shares, in a pool with this income by share.
	pub fn new(deposit: Balance, income_per_share: u128) -> Self {
		Self { deposit, shares: 0, income_per_share, owed: 0, unbonding: BoundedVec::new() }
	}

	/// Income that the entry has a claim to, when the pool's income by share is `income_per_share`.
	pub fn income(&self, income_per_share: u128) -> Balance {
		let growth = income_per_share.saturating_sub(self.income_per_share);
		self.owed.saturating_add(pot::claim(self.shares, growth))
	}

	/// Counts the income so far as owed, before the shares change.
	pub fn settle(&mut self, income_per_share: u128) {
		self.owed = self.income(income_per_share);
		self.income_per_share = income_per_share;
	}

	/// Shares of the pool's unbonding coins.
	pub fn unbonding_shares(&self) -> u128 {
		self.unbonding.iter().fold(0, |sum: u128, chunk| sum.saturating_add(chunk.shares))
	}

	/// Reports whether nothing is left of it.
	pub fn is_empty(&self) -> bool {
		self.shares == 0 && self.owed == 0 && self.unbonding.is_empty()
	}
}
