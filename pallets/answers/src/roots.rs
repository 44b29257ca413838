//! Roots that receipts can be about: those that models have, and those that they had not long ago.
//!
//! A receipt carries no time. What bounds it is its model: a receipt about a root that no model has had for `ReceiptPeriod` blocks cannot be
//! challenged any more, so operators need not keep the bytes of a model longer. One model is looked at in a block.

use crate::{Config, Event, Line, NextModel, Pallet, RootRecord, Roots, Seen};
use blyan_primitives::{traits::ExpertRegistry, ModelId};
use frame_support::traits::Get;
use sp_core::H256;
use sp_runtime::traits::Saturating;

impl<T: Config> Pallet<T> {
	/// Looks at the model whose turn it is.
	pub(crate) fn look_at_model() {
		let model = NextModel::<T>::get();
		let Some(generation) = T::Models::generation(model) else {
			// Past the last one.
			return NextModel::<T>::kill();
		};
		if Seen::<T>::get(model).is_none_or(|(seen, _)| seen != generation) {
			Self::see(model, generation);
		}
		NextModel::<T>::put(model.saturating_add(1));
	}

	/// Notes the root that a model has now, and gives up the one that it had.
	fn see(model: ModelId, generation: u32) {
		let last = Seen::<T>::get(model).and_then(|(_, root)| root);
		let architecture = T::Models::body(model).and_then(|body| body.architecture());
		let known = architecture.and_then(|architecture| Some((T::Models::model_root(model)?, architecture)));
		let root = known.map(|(root, _)| root);
		Seen::<T>::insert(model, (generation, root));
		if root == last {
			return;
		}
		if let Some((root, architecture)) = known {
			Roots::<T>::mutate(root, |record| {
				let models = record.map_or(0, |record| record.models).saturating_add(1);
				*record = Some(RootRecord { architecture, models, until: None });
			});
			Self::deposit_event(Event::RootSeen { model, root, architecture });
		}
		if let Some(last) = last {
			Self::give_up(last);
		}
	}

	/// A model has this root no more.
	fn give_up(root: H256) {
		let until = Self::now().saturating_add(T::ReceiptPeriod::get());
		let is_free = Roots::<T>::mutate(root, |record| {
			let Some(record) = record else { return false };
			record.models = record.models.saturating_sub(1);
			record.until = (record.models == 0).then_some(until);
			record.until.is_some()
		});
		if is_free {
			Self::enqueue(Line::Root, until.saturating_add(1u32.into()), root);
		}
	}

	/// Forgets a root whose time is over, unless a model has it again.
	pub(crate) fn forget_root(root: H256) {
		let is_over = |record: &crate::RootRecordOf<T>| record.until.is_some_and(|until| until < Self::now());
		if Roots::<T>::get(root).as_ref().is_some_and(is_over) {
			Roots::<T>::remove(root);
		}
	}
}
