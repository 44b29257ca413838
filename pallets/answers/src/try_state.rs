//! Invariants of the storage, one function each.

use crate::{
	rules, Accused, Challenges, Config, Ends, HoldReason, Line, Pallet, Phase, Queued, Refuted, Roots, Seen,
	Silent,
};
use alloc::collections::BTreeMap;
use blyan_support::genesis_hash;
use frame_support::{ensure, traits::fungible::InspectHold};
use sp_core::H256;
use sp_runtime::{
	traits::{Saturating, Zero},
	TryRuntimeError,
};

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_challenges_are_what_was_signed()?;
		Self::check_accusations_are_counted()?;
		Self::check_bonds_are_on_hold()?;
		Self::check_every_challenge_is_due_once()?;
		Self::check_roots_are_those_of_models()
	}

	/// Each challenge is kept by its receipt's name, about the statement that the receipt makes, with outcomes that contradict each other.
	fn check_challenges_are_what_was_signed() -> Result<(), TryRuntimeError> {
		let genesis = genesis_hash::<T>();
		for (id, record) in Challenges::<T>::iter() {
			ensure!(record.signed.id(&genesis) == id, "a challenge is kept under another receipt");
			let misses = rules::misses(&record.statement, &record.outcome);
			ensure!(misses.is_some_and(|misses| misses > 0), "a challenge contradicts no receipt");
			if let Phase::Defended { outcome, .. } = record.phase {
				ensure!(rules::misses(&record.statement, &outcome) == Some(0), "a defence has misses");
			}
			let is_silent = matches!(record.phase, Phase::Silent { .. });
			ensure!(!is_silent || Refuted::<T>::contains_key(id), "silence is not on record");
		}
		Ok(())
	}

	/// Each operator stands accused as often as there are challenges against it.
	fn check_accusations_are_counted() -> Result<(), TryRuntimeError> {
		let mut counted: BTreeMap<T::AccountId, u32> = BTreeMap::new();
		let mut silences: BTreeMap<T::AccountId, u32> = BTreeMap::new();
		for record in Challenges::<T>::iter_values() {
			if matches!(record.phase, Phase::Silent { .. }) {
				let of_operator = silences.entry(record.operator.clone());
				of_operator.and_modify(|silent| *silent = silent.saturating_add(1)).or_insert(1);
			}
			counted.entry(record.operator).and_modify(|open| *open = open.saturating_add(1)).or_insert(1);
		}
		let accused: BTreeMap<T::AccountId, u32> = Accused::<T>::iter().collect();
		ensure!(accused == counted, "the challenges against an operator are miscounted");
		let silent: BTreeMap<T::AccountId, u32> = Silent::<T>::iter().collect();
		ensure!(silent == silences, "the silences of an operator are miscounted");
		Ok(())
	}

	/// The bonds of challenges that wait for an operator are on hold, and no other.
	fn check_bonds_are_on_hold() -> Result<(), TryRuntimeError> {
		let mut bonds = BTreeMap::new();
		for record in Challenges::<T>::iter_values() {
			let is_in_game = matches!(record.phase, Phase::Defended { .. });
			ensure!(is_in_game == record.bond.is_zero(), "a bond is held for a game that has its own");
			let sum = bonds.entry(record.challenger).or_insert_with(Zero::zero);
			*sum = record.bond.saturating_add(*sum);
		}
		for (who, bond) in bonds {
			let held = T::Currency::balance_on_hold(&HoldReason::ChallengeBond.into(), &who);
			ensure!(held == bond, "a bond is not on hold");
		}
		Ok(())
	}

	/// Each challenge is once in the line of its phase, and lines have no gaps.
	fn check_every_challenge_is_due_once() -> Result<(), TryRuntimeError> {
		for line in Line::ALL {
			let (first, end) = Ends::<T>::get(line);
			let mut places: alloc::vec::Vec<u64> = Queued::<T>::iter_key_prefix(line).collect();
			places.sort_unstable();
			ensure!(places.into_iter().eq(first..end), "a line has a gap");
		}
		for (id, record) in Challenges::<T>::iter() {
			let line = match record.phase {
				Phase::Open { .. } => Line::Defence,
				Phase::Silent { .. } => Line::Late,
				Phase::Defended { .. } => Line::Dispute,
			};
			let times = Queued::<T>::iter_prefix_values(line).filter(|(_, queued)| *queued == id).count();
			ensure!(times >= 1, "a challenge is never due");
		}
		Ok(())
	}

	/// Each root counts the models that have it, and none is kept that no model has and whose time has no end.
	fn check_roots_are_those_of_models() -> Result<(), TryRuntimeError> {
		let mut counted: BTreeMap<H256, u32> = BTreeMap::new();
		for root in Seen::<T>::iter_values().filter_map(|(_, root)| root) {
			counted.entry(root).and_modify(|models| *models = models.saturating_add(1)).or_insert(1);
		}
		for (root, record) in Roots::<T>::iter() {
			let models = counted.remove(&root).unwrap_or(0);
			ensure!(record.models == models, "the models of a root are miscounted");
			ensure!(
				(models == 0) == record.until.is_some(),
				"a root has no end, or one while a model has it"
			);
		}
		ensure!(counted.is_empty(), "a model's root is unknown");
		Ok(())
	}
}
