//! The guard budget: how much all acceptances together may cost a model elsewhere.

use crate::{
	math::{self, GuardLoss},
	Config, DecisionRecordOf, GuardHoldouts, GuardLosses, Pallet, Sample, Terms,
};
use blyan_primitives::{traits::ExpertRegistry, HoldoutRef, ModelId, Verdict};
use codec::Encode;
use frame_support::traits::Get;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::Zero;

impl<T: Config> Pallet<T> {
	/// The sequences on which candidates for a model must not be worse, if it has any.
	///
	/// The same for all candidates, as long as the holdout is: only then do the differences add up. A miner that knows them
	/// gains nothing by it that it does not gain from the holdout, which is public.
	pub(crate) fn guard_sample(model: ModelId) -> Option<Sample> {
		let holdout = GuardHoldouts::<T>::get(model)?;
		let seed = H256(blake2_256(&(b"blyan/guard", holdout.root).encode()));
		Some(Self::sample(holdout, seed))
	}

	/// A sample of the usual size.
	pub(crate) fn sample(holdout: HoldoutRef, seed: H256) -> Sample {
		Sample { holdout, seed, sequences: T::SampleSize::get().clamp(2, holdout.sequences.max(2)) }
	}

	/// Remainder of a model's budget on a guard sample.
	pub(crate) fn guard_left(model: ModelId, guard: Option<&Sample>) -> u64 {
		let Some(sample) = guard else { return 0 };
		let positions = Self::positions(model, &sample.holdout);
		let budget = math::guard_budget(T::GuardBudget::get(), sample.sequences, positions);
		Self::guard_loss(model, sample).left(budget)
	}

	/// Predicted positions of a sequence of one of a model's holdouts. Zero for a model that the registry does not have: no score
	/// fits it.
	pub(crate) fn positions(model: ModelId, holdout: &HoldoutRef) -> u16 {
		T::Experts::body(model).map_or(0, |body| body.positions(holdout))
	}

	fn guard_loss(model: ModelId, sample: &Sample) -> GuardLoss {
		GuardLosses::<T>::get(model)
			.filter(|(id, _)| *id == sample.id())
			.map(|(_, loss)| loss)
			.unwrap_or_default()
	}

	fn mutate_guard_loss(model: ModelId, sample: &Sample, change: impl FnOnce(&mut GuardLoss) -> i64) -> i64 {
		let mut loss = Self::guard_loss(model, sample);
		let change = change(&mut loss);
		if loss.0.is_zero() {
			GuardLosses::<T>::remove(model);
		} else {
			GuardLosses::<T>::insert(model, (sample.id(), loss));
		}
		change
	}

	/// The sample on which a model's losses are counted now, if it is the one of these terms.
	fn counted(model: ModelId, terms: &Terms) -> Option<&Sample> {
		terms.guard.as_ref().filter(|sample| Self::guard_sample(model).as_ref() == Some(*sample))
	}

	/// Counts what an accepted expert changed on the guard sample. Returns what there is to undo.
	pub(crate) fn note_guard(model: ModelId, terms: &Terms, verdict: Option<&Verdict>) -> i64 {
		let Some(Verdict::Scored(score)) = verdict else { return 0 };
		let (Some(guard), Some(sample)) = (score.guard, Self::counted(model, terms)) else { return 0 };
		Self::mutate_guard_loss(model, sample, |loss| loss.note(guard.sum_diff))
	}

	/// Takes back what a refuted acceptance was counted with: a gain in any case, since its score was false, and a loss if
	/// the expert has left the model.
	pub(crate) fn forget_guard(decision: &DecisionRecordOf<T>, is_reverted: bool) {
		let change = decision.guard_change;
		let model = decision.claim.slot.model;
		let Some(sample) = Self::counted(model, &decision.terms).filter(|_| is_reverted || change < 0) else {
			return;
		};
		Self::mutate_guard_loss(model, sample, |loss| {
			loss.undo(change);
			0
		});
	}
}
