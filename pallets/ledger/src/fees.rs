//! Transaction fees: split, burned, paid out.

use crate::{Config, CreditOf, FeesBurned};
use core::marker::PhantomData;
use frame_support::traits::{tokens::imbalance::Imbalance, Get, OnUnbalanced};

/// Burns `FeeBurn` of every fee; the rest, and the whole tip, go to `FeeRecipient`.
///
/// For the runtime: `type OnChargeTransaction = FungibleAdapter<Balances, DealWithFees<Runtime>>`.
pub struct DealWithFees<T>(PhantomData<T>);

impl<T: Config> OnUnbalanced<CreditOf<T>> for DealWithFees<T> {
	fn on_unbalanceds(mut fee_then_tip: impl Iterator<Item = CreditOf<T>>) {
		if let Some(fee) = fee_then_tip.next() {
			let tip = fee_then_tip.next();
			Self::on_nonzero_unbalanced(fee);
			if let Some(tip) = tip {
				T::FeeRecipient::on_unbalanced(tip);
			}
		}
	}

	fn on_nonzero_unbalanced(fee: CreditOf<T>) {
		let share = T::FeeBurn::get().mul_floor(fee.peek());
		let (burned, rest) = fee.split(share);
		FeesBurned::<T>::mutate(|sum| *sum = sum.saturating_add(burned.peek()));
		// Dropping a credit lowers the issuance.
		drop(burned);
		T::FeeRecipient::on_unbalanced(rest);
	}
}
