//! Miners: their quota, their proof of work, and what their submissions say about them.

use crate::{Conduct, Config, Error, Event, MinerRecord, Miners, Pallet};
use blyan_primitives::{leading_zero_bits, pow_hash, PowStamp};
use codec::Encode;
use frame_support::{ensure, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::{CheckedDiv, One, SaturatedConversion, Saturating, Zero};

impl<T: Config> Pallet<T> {
	/// Returns the miner's record with yesterday forgotten, or the one that an account starts with.
	pub(crate) fn miner_today(miner: &T::AccountId) -> MinerRecord {
		let newcomer = |_| MinerRecord { attempts: T::NewcomerAttempts::get(), ..Default::default() };
		let mut record = Miners::<T>::try_get(miner).unwrap_or_else(newcomer);
		record.turn_to(Self::day(frame_system::Pallet::<T>::block_number()));
		record
	}

	pub(crate) fn quota(record: &MinerRecord) -> u32 {
		let quota = if record.trusted { T::TrustedQuota::get() } else { T::NewcomerQuota::get() };
		quota.min(T::MaxUploadsPerDay::get())
	}

	pub(crate) fn pow_bits(record: &MinerRecord) -> u32 {
		if record.trusted {
			T::TrustedPowBits::get()
		} else {
			T::PowBits::get()
		}
	}

	/// Checks the stamp against a recent block of this chain.
	pub(crate) fn ensure_work(
		miner: &T::AccountId,
		tensor_root: &H256,
		stamp: PowStamp<BlockNumberFor<T>>,
		bits: u32,
	) -> Result<(), Error<T>> {
		let now = frame_system::Pallet::<T>::block_number();
		let is_recent = stamp.block < now && now.saturating_sub(stamp.block) <= T::PowWindow::get();
		let hash = frame_system::Pallet::<T>::block_hash(stamp.block);
		ensure!(is_recent && hash != H256::zero(), Error::<T>::PowBlockUnknown);
		let work = pow_hash(&miner.encode(), tensor_root, &hash, stamp.nonce);
		ensure!(leading_zero_bits(&work) >= bits, Error::<T>::PowTooWeak);
		Ok(())
	}

	/// Which day it is, counted from genesis.
	fn day(now: BlockNumberFor<T>) -> u32 {
		now.checked_div(&T::BlocksPerDay::get()).unwrap_or_else(Zero::zero).saturated_into()
	}

	/// Blocks until quotas are full again; at least one.
	pub(crate) fn blocks_to_tomorrow(now: BlockNumberFor<T>) -> BlockNumberFor<T> {
		let tomorrow = BlockNumberFor::<T>::from(Self::day(now)).saturating_add(One::one());
		tomorrow.saturating_mul(T::BlocksPerDay::get()).saturating_sub(now)
	}

	/// Lets a decision count for or against its miner.
	pub(crate) fn note_conduct(miner: &T::AccountId, conduct: Conduct) {
		let mut record = Self::miner_today(miner);
		let change = record.note_conduct(conduct, T::TrustAfter::get(), T::DistrustAfter::get());
		Miners::<T>::insert(miner, record);
		if let Some(trusted) = change {
			Self::deposit_event(Event::TrustChanged { miner: miner.clone(), trusted });
		}
	}
}
