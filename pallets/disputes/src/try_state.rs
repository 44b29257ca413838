//! Invariants of this pallet's storage, one function each.

use crate::{
	game::Side, pair, Agreed, BalanceOf, Cases, Commitments, Config, Demander, Demands, Ended, EndedCount,
	EndedRing, Games, HoldReason, Loads, NextGame, NoExpert, OperatorDemands, Pairs, Pallet, Posted, Queue,
	Queued, Refuted, Subjects,
};
use alloc::collections::{BTreeMap, BTreeSet};
use blyan_primitives::Opening;
use codec::DecodeAll;
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::{
	traits::{Saturating, Zero},
	TryRuntimeError,
};

impl<T: Config> Pallet<T> {
	/// Checks everything below.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_games()?;
		Self::check_openings()?;
		Self::check_loads()?;
		Self::check_subjects()?;
		Self::check_bonds()?;
		Self::check_ended()
	}

	/// Games and pairs name each other, and the sides of a game differ.
	fn check_games() -> Result<(), TryRuntimeError> {
		let next = NextGame::<T>::get();
		for (id, game) in Games::<T>::iter() {
			ensure!(id < next, "a game's number was not given out");
			let [first, second] = game.digests();
			ensure!(first != second, "a claim plays against itself");
			let key = pair(first, second);
			ensure!(Pairs::<T>::get(game.subject, key) == Some(id), "a game's claims do not name it");
			let [backed, other] = Side::BOTH.map(|side| side.of(&game.sides).backer.is_some());
			ensure!(!(backed && other), "both claims of a game came with a bond");
		}
		let games = Games::<T>::iter_keys().count();
		ensure!(Games::<T>::count() as usize == games, "the count of games is wrong");
		ensure!(Pairs::<T>::iter_values().count() == games, "a pair names no open game");
		Ok(())
	}

	/// There is an opening where exactly one side has moved, and a list of agreed roots as long as is needed where the
	/// operator is known.
	fn check_openings() -> Result<(), TryRuntimeError> {
		for (id, game) in Games::<T>::iter() {
			let moved = Side::BOTH.into_iter().filter(|side| side.of(&game.sides).moved);
			match (moved.collect::<alloc::vec::Vec<_>>().as_slice(), Posted::<T>::get(id)) {
				([], None) => {}
				([side], Some(bytes)) => {
					let opening =
						Opening::decode_all(&mut &bytes[..]).map_err(|_| "an opening is unreadable")?;
					let disputed = Self::disputed(&game.statement)
						.map_err(|_| "a game is about a computation that is not known")?;
					ensure!(
						game.position.check(&disputed, *side, &opening).is_ok(),
						"an opening is not what its side is bound to"
					);
				}
				_ => return Err("moves and openings disagree".into()),
			}
			use crate::game::Position::*;
			let known = match game.position {
				Rows { at, .. } | Blocks { at, .. } | BlockNodes { at, .. } | Block { at, .. } => {
					Some(at.operator)
				}
				Candidate { .. } | Items { .. } | Item { .. } => None,
			};
			let agreed = Agreed::<T>::get(id).map(|roots| roots.len());
			ensure!(agreed == known.map(usize::from), "the agreed roots are not those in front");
		}
		let is_open = Games::<T>::contains_key;
		ensure!(Posted::<T>::iter_keys().all(is_open), "an opening outlived its game");
		ensure!(Agreed::<T>::iter_keys().all(is_open), "agreed roots outlived their game");
		Ok(())
	}

	/// Each claim of the chain knows in how many games it stands.
	fn check_loads() -> Result<(), TryRuntimeError> {
		let mut open: BTreeMap<_, u32> = BTreeMap::new();
		for game in Games::<T>::iter_values() {
			for side in game.sides.iter().filter(|side| side.backer.is_none()) {
				let count = open.entry((game.subject, side.digest())).or_default();
				*count = count.saturating_add(1);
			}
		}
		for (subject, digest, load) in Loads::<T>::iter() {
			ensure!(open.remove(&(subject, digest)) == Some(load.open), "a claim's load is wrong");
			ensure!(load.peak >= load.open, "a claim has less time than it was given");
		}
		ensure!(open.is_empty(), "a claim stands in games that are not counted");
		Ok(())
	}

	/// Everything stored about a subject will be swept, and the counts of what is open are right.
	fn check_subjects() -> Result<(), TryRuntimeError> {
		let mut open: BTreeMap<_, u32> = BTreeMap::new();
		let games = Games::<T>::iter_values().map(|game| game.subject);
		for subject in games.chain(Demands::<T>::iter_keys().map(|(subject, _)| subject)) {
			let count = open.entry(subject).or_default();
			*count = count.saturating_add(1);
		}
		for (subject, count) in Subjects::<T>::iter() {
			ensure!(open.remove(&subject).unwrap_or(0) == count, "a subject's count is wrong");
		}
		ensure!(open.is_empty(), "a subject is not known to be disputed");
		let marked = Refuted::<T>::iter_keys().map(|(subject, _)| subject);
		let asked = OperatorDemands::<T>::iter_keys().map(|(subject, _)| subject);
		let marked = marked.chain(NoExpert::<T>::iter_keys()).chain(asked).chain(Cases::<T>::iter_keys());
		for subject in marked {
			ensure!(Subjects::<T>::contains_key(subject), "a fallen claim will never be swept");
		}
		let (first, end) = Queue::<T>::get();
		let queued: BTreeSet<_> = Queued::<T>::iter_values().collect();
		let keys: BTreeSet<_> = Queued::<T>::iter_keys().collect();
		ensure!(keys.into_iter().eq(first..end), "the queue has gaps");
		ensure!(end.saturating_sub(first) == queued.len() as u64, "a subject is queued twice");
		ensure!(queued == Subjects::<T>::iter_keys().collect(), "the queue and the subjects disagree");
		Ok(())
	}

	/// Every bond is on hold.
	fn check_bonds() -> Result<(), TryRuntimeError> {
		let mut bonds: BTreeMap<T::AccountId, [BalanceOf<T>; 2]> = BTreeMap::new();
		for game in Games::<T>::iter_values() {
			for backer in game.sides.into_iter().filter_map(|side| side.backer) {
				let [challenges, _] = bonds.entry(backer.account).or_insert([Zero::zero(); 2]);
				*challenges = challenges.saturating_add(backer.bond);
			}
		}
		for case in Cases::<T>::iter_values() {
			ensure!(case.offences > 0, "a case in which nothing is left to decide is open");
			for (_, backer) in case.pledges {
				let [challenges, _] = bonds.entry(backer.account).or_insert([Zero::zero(); 2]);
				*challenges = challenges.saturating_add(backer.bond);
			}
		}
		for demand in Demands::<T>::iter_values() {
			let Demander::Bonded(backer) = demand.demander else { continue };
			let [_, demands] = bonds.entry(backer.account).or_insert([Zero::zero(); 2]);
			*demands = demands.saturating_add(backer.bond);
		}
		let mut deposits: BTreeMap<T::AccountId, BalanceOf<T>> = BTreeMap::new();
		for (who, _, (_, deposit)) in Commitments::<T>::iter() {
			let sum = deposits.entry(who).or_insert_with(Zero::zero);
			*sum = sum.saturating_add(deposit);
		}
		for (who, deposit) in deposits {
			let held = T::Currency::balance_on_hold(&HoldReason::CommitmentDeposit.into(), &who);
			ensure!(held == deposit, "deposits of commitments are not on hold");
		}
		for (who, [challenges, demands]) in bonds {
			let held = |reason: HoldReason| T::Currency::balance_on_hold(&reason.into(), &who);
			ensure!(held(HoldReason::ChallengeBond) == challenges, "bonds of challenges are not on hold");
			ensure!(held(HoldReason::DemandBond) == demands, "bonds of demands are not on hold");
		}
		Ok(())
	}

	/// The ring and the ended games name each other; nothing is open and ended.
	fn check_ended() -> Result<(), TryRuntimeError> {
		let ring: BTreeSet<_> = EndedRing::<T>::iter_values().collect();
		let ended: BTreeSet<_> = Ended::<T>::iter_keys().collect();
		ensure!(ring == ended, "the ring and the ended games disagree");
		let expected = EndedCount::<T>::get().min(T::MaxEnded::get().into());
		ensure!(ring.len() as u64 == expected, "the ring has the wrong length");
		ensure!(ended.iter().all(|id| !Games::<T>::contains_key(id)), "a game is open and ended");
		Ok(())
	}
}
