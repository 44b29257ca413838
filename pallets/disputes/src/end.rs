//! How games end: claims fall, bonds move, records are forgotten.

use crate::{
	game::Side, pair, Agreed, Backer, BalanceOf, Cases, Config, CreditOf, Ended, EndedCount, EndedRecord,
	EndedRing, Event, Fall, GameId, GameRecordOf, Games, HoldReason, Loads, Pairs, Pallet, Posted, Queue,
	Queued, Refuted, SideRecordOf, Subjects, LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{Claims, Contested, OffenceKind, Offences},
	Subject, Verdict,
};
use blyan_runtime_api::disputes::GameEnd;
use codec::Encode;
use frame_support::traits::{
	fungible::{Balanced, BalancedHold, MutateHold},
	tokens::Precision,
	Get, Imbalance, OnUnbalanced,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::{CheckedDiv, SaturatedConversion, Saturating, Zero};

impl<T: Config> Pallet<T> {
	/// Ends a game in which the claims of `lost` fall, in addition to those that fell elsewhere.
	pub(crate) fn end(id: GameId, game: GameRecordOf<T>, lost: [bool; 2], end: GameEnd) {
		let elsewhere = Self::fallen(&game);
		let refuted = Side::BOTH.map(|side| *side.of(&lost) || *side.of(&elsewhere));
		let (subject, digests) = (game.subject, game.digests());
		let [first, second] = digests;
		Games::<T>::remove(id);
		Pairs::<T>::remove(subject, pair(first, second));
		Posted::<T>::remove(id);
		Agreed::<T>::remove(id);
		for side in game.sides.iter().filter(|side| side.backer.is_none()) {
			Loads::<T>::mutate_exists(subject, side.digest(), |load| {
				let open = load.map_or(0, |load| load.open.saturating_sub(1));
				*load = load.filter(|_| open > 0).map(|load| crate::Load { open, ..load });
			});
		}

		// Who gets the reporter's share: the one who put the right claim forward, and not who moved for it.
		let winner = Side::BOTH.into_iter().find(|side| !*side.of(&refuted)).map(|side| side.of(&game.sides));
		let reporter = winner.and_then(|side| match &side.backer {
			Some(backer) => Some(backer.account.clone()),
			None => Self::claimant(subject, side.digest()),
		});
		for side in Side::BOTH {
			if *side.of(&refuted) {
				let against = side.other().of(&game.sides).verdict;
				let fall = match end {
					GameEnd::TimedOut => Fall::Undefended { against },
					GameEnd::Executed | GameEnd::Settled | GameEnd::Void => Fall::Proven,
				};
				Self::refute(subject, &side.of(&game.sides).verdict, fall, reporter.as_ref());
			}
		}
		for side in Side::BOTH {
			let has_won = |side: Side| !*side.of(&refuted);
			let opponent = side.other();
			let defenders = has_won(opponent).then(|| opponent.of(&game.sides));
			let is_proven = end != GameEnd::TimedOut;
			Self::close_bond(subject, side.of(&game.sides), has_won(side), is_proven, defenders);
		}
		for (appellant, side) in &game.appellants {
			T::Offences::note_appeal_ended(appellant, subject, !*side.of(&refuted));
		}

		let at = frame_system::Pallet::<T>::block_number();
		let part = game.part;
		Self::remember(id, EndedRecord { subject, part, digests, refuted, end, at });
		Self::note_closed(subject, game.holds);
		Self::deposit_event(Event::GameEnded { game: id, subject, refuted, end });
	}

	/// Lets a claim fall, once, and reports the operators that signed it.
	pub(crate) fn refute(subject: Subject, verdict: &Verdict, fall: Fall, reporter: Option<&T::AccountId>) {
		let digest = verdict.digest();
		Self::forfeit_pledges(subject, digest);
		if Refuted::<T>::contains_key(subject, digest) {
			if fall == Fall::Proven {
				// There is nothing left to appeal about.
				Refuted::<T>::insert(subject, digest, fall);
			}
			return;
		}
		Refuted::<T>::insert(subject, digest, fall);
		Self::touch(subject);
		// Read before anybody acts on the news.
		let claims = Self::claims(subject);
		let is_claimed = claims.iter().any(|(_, claimed)| claimed.digest() == digest);
		if is_claimed && fall != Fall::Proven {
			Self::keep_case(subject);
		}
		T::Claims::refuted(subject, digest);
		let evidence = H256(blake2_256(&(b"blyan/refuted", subject, digest).encode()));
		for (signer, claimed) in claims {
			if claimed.digest() != digest {
				continue;
			}
			let kind = OffenceKind::FalseScore;
			let contested = Contested { subject, executed: fall == Fall::Proven };
			T::Offences::report_claim(&signer, kind, evidence, reporter, contested);
		}
		Self::close_if_decided(subject);
		Self::deposit_event(Event::ClaimRefuted { subject, digest });
	}

	/// Gives a side's bond back, or to those who made the winner's claim and to the treasury.
	///
	/// A winner by the clock alone has proven nothing: if an operator may lose stake by that, the bond waits for the appeals.
	fn close_bond(
		subject: Subject,
		side: &SideRecordOf<T>,
		has_won: bool,
		is_proven: bool,
		winner: Option<&SideRecordOf<T>>,
	) {
		let Some(backer) = &side.backer else { return };
		if has_won {
			let mut is_pledged = false;
			if !is_proven && Cases::<T>::contains_key(subject) {
				let pledge = (side.digest(), backer.clone());
				Self::mutate_case(subject, |case| is_pledged = case.pledges.try_push(pledge).is_ok());
			}
			if !is_pledged {
				Self::release(HoldReason::ChallengeBond, &backer.account, backer.bond);
			}
			return;
		}
		let mut credit = take::<T>(HoldReason::ChallengeBond, &backer.account, backer.bond);
		let amount = credit.peek();
		// What a flood of games costs more than a single one comes back to nobody, a second account included.
		let pot = T::DefendersShare::get().mul_floor(amount.min(T::Bond::get()));
		// A claim that a bond stands behind is its backer's, and that has its own.
		let claim = winner.filter(|winner| winner.backer.is_none()).map(|winner| winner.digest());
		let claims = claim.map(|claim| (claim, Self::claims(subject)));
		let defenders: Vec<T::AccountId> = claims
			.into_iter()
			.flat_map(|(claim, all)| all.into_iter().filter(move |(_, claimed)| claimed.digest() == claim))
			.map(|(who, _)| who)
			.collect();
		// Rounded down, so the shares are never more than the pot.
		let count: u32 = defenders.len().saturated_into();
		let share = pot.checked_div(&count.into()).unwrap_or_else(Zero::zero);
		let mut paid = BalanceOf::<T>::zero();
		for defender in &defenders {
			let (payment, rest) = credit.split(share);
			credit = match T::Currency::resolve(defender, payment) {
				Ok(()) => {
					paid = paid.saturating_add(share);
					rest
				}
				// The account would be too small to exist.
				Err(unpaid) => rest.merge(unpaid),
			};
		}
		T::OnSlash::on_unbalanced(credit);
		Self::deposit_event(Event::BondLost { who: backer.account.clone(), amount, paid });
	}

	/// Takes the bond of a demand that was met. No one earns it: the one who supplies a tile shows what is public, and the one who
	/// withholds one until it is asked for must not be paid for that.
	pub(crate) fn forfeit_demand(demander: Backer<T::AccountId, BalanceOf<T>>) {
		let credit = take::<T>(HoldReason::DemandBond, &demander.account, demander.bond);
		let amount = credit.peek();
		T::OnSlash::on_unbalanced(credit);
		Self::deposit_event(Event::BondLost { who: demander.account, amount, paid: Zero::zero() });
	}

	pub(crate) fn release(reason: HoldReason, who: &T::AccountId, bond: BalanceOf<T>) {
		// Nothing else takes from this hold, so it is whole; if it were not, the rest is all there is.
		let released = T::Currency::release(&reason.into(), who, bond, Precision::BestEffort);
		if released != Ok(bond) {
			log::error!(target: LOG_TARGET, "bond of {who:?}: released {released:?} of {bond:?}");
		}
		Self::deposit_event(Event::BondReleased { who: who.clone(), amount: bond });
	}

	/// Keeps the result of a game, and forgets the oldest.
	fn remember(id: GameId, record: EndedRecord<frame_system::pallet_prelude::BlockNumberFor<T>>) {
		let ended = EndedCount::<T>::mutate(|count| {
			let ended = *count;
			*count = count.saturating_add(1);
			ended
		});
		let place = ended.checked_rem(T::MaxEnded::get().into()).unwrap_or(0).saturated_into::<u32>();
		if let Some(oldest) = EndedRing::<T>::get(place) {
			Ended::<T>::remove(oldest);
		}
		EndedRing::<T>::insert(place, id);
		Ended::<T>::insert(id, record);
	}

	/// Sees to it that a subject is swept some day.
	pub(crate) fn touch(subject: Subject) {
		if Subjects::<T>::contains_key(subject) {
			return;
		}
		Subjects::<T>::insert(subject, 0);
		let (first, end) = Queue::<T>::get();
		Queued::<T>::insert(end, subject);
		Queue::<T>::put((first, end.saturating_add(1)));
	}

	/// Notes that one thing more is open about a subject, and whether its keeper waits for it.
	pub(crate) fn note_opened(subject: Subject, holds: bool) {
		Self::touch(subject);
		Subjects::<T>::mutate(subject, |open| *open = Some(open.unwrap_or(0).saturating_add(1)));
		if holds {
			T::Claims::note_opened(subject);
		}
	}

	/// Notes that one thing less is open about a subject, and whether its keeper waited for it.
	pub(crate) fn note_closed(subject: Subject, holds: bool) {
		Subjects::<T>::mutate(subject, |open| *open = Some(open.unwrap_or(0).saturating_sub(1)));
		if holds {
			T::Claims::note_closed(subject);
		}
	}
}

/// Takes a bond off hold.
pub(crate) fn take<T: Config>(reason: HoldReason, who: &T::AccountId, bond: BalanceOf<T>) -> CreditOf<T> {
	let (credit, missing) = T::Currency::slash(&reason.into(), who, bond);
	if !missing.is_zero() {
		log::error!(target: LOG_TARGET, "bond of {who:?}: {missing:?} of {bond:?} is missing");
	}
	credit
}
