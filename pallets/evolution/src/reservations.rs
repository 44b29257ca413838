//! GPU hours: operators offer them for credits, and the proposer of what is tried reserves them, cheapest first.
//!
//! Nothing on the chain shows that an hour was worked. So an hour is paid where both sides state it, and the order of the two statements
//! leaves neither with a gain by lying: the operator claims first and finally, what it does not claim returns to the proposer at once, and
//! the proposer then either confirms the claim or has its credits burned. It gets nothing back by denying hours, and the operator nothing
//! by claiming hours that the proposer denies. Were both asked for a number of their own, the first to answer could name one that the
//! other had to agree to or lose everything.

use crate::{
	Config, Credits, Current, EpochRecordOf, Error, Event, GpuOfferRecord, GpuOfferRecordOf, GpuOffers,
	History, Pallet, ProposalRecordOf, Proposals, ReservationState, LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{evolution::EpochPhase, traits::OperatorSet};
use frame_support::{ensure, pallet_prelude::DispatchResult, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{CheckedDiv, Saturating, Zero};

/// Credits that an operator loses by not claiming, as far as it has any: half of what a measurement earns.
pub const ABSENCE_CREDITS: u32 = 25;
/// Offers that one reservation takes from, which bounds its work.
pub const OFFERS_PER_RESERVATION: usize = 8;
/// Hours that may be reserved for a proposal, in multiples of those that it named, which are the most of one operator: room for others
/// where an operator does not appear.
pub const HOURS_FACTOR: u32 = 2;
/// An operator loses credits by silence if it had an epoch divided by this for its claim.
const NOTICE_DIVISOR: u32 = 8;

/// Reports whether some state takes an offer of so many GPUs, hours of them together, and credits an hour.
///
/// An offer for nothing would come first without anything to lose. All credits of one offer together fit into a balance.
pub(crate) fn is_offer(gpus: u16, hours: u32, price: u32) -> bool {
	gpus > 0 && hours >= u32::from(gpus) && price > 0 && hours.checked_mul(price).is_some()
}

/// An offer, and the hours of it that a reservation takes.
type Share<T> = (<T as frame_system::Config>::AccountId, GpuOfferRecordOf<T>, u32);

impl<T: Config> Pallet<T> {
	pub(crate) fn do_offer_gpus(who: T::AccountId, gpus: u16, hours: u32, price: u32) -> DispatchResult {
		ensure!(is_offer(gpus, hours, price), Error::<T>::OfferInvalid);
		let epoch =
			Self::epoch_in(EpochPhase::Nomination).or_else(|_| Self::epoch_in(EpochPhase::Training))?;
		ensure!(T::Operators::is_eligible(&who), Error::<T>::NotRegistered);
		match GpuOffers::<T>::get(&who) {
			Some(kept) => ensure!(kept.is_untouched(), Error::<T>::OfferReserved),
			None => ensure!(GpuOffers::<T>::count() < T::MaxVoices::get(), Error::<T>::TooManyOffers),
		}
		let state = ReservationState::Open;
		let record = GpuOfferRecord { gpus, hours, price, reserved: 0, reserved_at: Zero::zero(), state };
		GpuOffers::<T>::insert(&who, record);
		Self::deposit_event(Event::GpusOffered { epoch: epoch.id, operator: who, gpus, hours, price });
		Ok(())
	}

	pub(crate) fn do_reserve_hours(who: T::AccountId, hours: u32, price_max: u32) -> DispatchResult {
		ensure!(hours > 0 && price_max > 0, Error::<T>::HoursInvalid);
		let epoch = Self::epoch_in(EpochPhase::Training)?;
		let tried = Self::tried(&epoch).ok_or(Error::<T>::WrongPhase)?;
		ensure!(tried.proposer == who, Error::<T>::NotYourProposal);
		let offers: Vec<_> = GpuOffers::<T>::iter().collect();
		let reserved = offers.iter().fold(hours, |sum, (_, offer)| sum.saturating_add(offer.reserved));
		let each = tried.proposal.gpu_hours;
		ensure!(reserved <= each.saturating_mul(HOURS_FACTOR), Error::<T>::TooManyHours);
		let shares = Self::cheapest(&who, offers, hours, price_max, each).ok_or(Error::<T>::TooFewHours)?;
		let cost = |(_, offer, share): &Share<T>| share.saturating_mul(offer.price);
		let cost = shares.iter().map(cost).try_fold(0u32, u32::checked_add);
		let credits = cost.and_then(|cost| Credits::<T>::get(&who).checked_sub(cost));
		let credits = credits.ok_or(Error::<T>::CreditsMissing)?;
		Credits::<T>::insert(&who, credits);
		for (operator, mut offer, share) in shares {
			if offer.reserved == 0 {
				offer.reserved_at = Self::now();
			}
			offer.reserved = offer.reserved.saturating_add(share);
			let price = offer.price;
			GpuOffers::<T>::insert(&operator, offer);
			Self::deposit_event(Event::HoursReserved { operator, hours: share, price });
		}
		Ok(())
	}

	/// Hours of the cheapest offers up to a price, by price and then by account; `None` if as many offers as one reservation may take
	/// from have too few.
	///
	/// An owner's own operators are passed over.
	///
	/// - `each`: most hours of one operator. Without it one that comes first and never appears would use up all that may be reserved.
	fn cheapest(
		who: &T::AccountId,
		mut offers: Vec<(T::AccountId, GpuOfferRecordOf<T>)>,
		hours: u32,
		price_max: u32,
		each: u32,
	) -> Option<Vec<Share<T>>> {
		let left = |offer: &GpuOfferRecordOf<T>| offer.hours_left().min(each.saturating_sub(offer.reserved));
		offers.retain(|(_, offer)| left(offer) > 0 && offer.price <= price_max);
		offers.sort_by(|(one, first), (other, second)| (first.price, one).cmp(&(second.price, other)));
		let owner = T::Operators::belongs_to(who);
		let mut missing = hours;
		let mut shares = Vec::new();
		for (operator, offer) in offers {
			if missing == 0 || shares.len() >= OFFERS_PER_RESERVATION {
				break;
			}
			if T::Operators::belongs_to(&operator) == owner {
				continue;
			}
			let share = left(&offer).min(missing);
			missing = missing.saturating_sub(share);
			shares.push((operator, offer, share));
		}
		(missing == 0).then_some(shares)
	}

	pub(crate) fn do_claim_hours(who: T::AccountId, hours: u32) -> DispatchResult {
		let tried = Self::tried_now()?;
		let mut offer = GpuOffers::<T>::get(&who).ok_or(Error::<T>::OfferUnknown)?;
		ensure!(offer.state == ReservationState::Open, Error::<T>::AlreadyClaimed);
		ensure!(offer.reserved > 0, Error::<T>::NothingReserved);
		let conceded = offer.reserved.checked_sub(hours).ok_or(Error::<T>::HoursInvalid)?;
		let returned = conceded.saturating_mul(offer.price);
		Self::add_credits(&tried.proposer, returned);
		offer.reserved = hours;
		offer.state = if hours == 0 { ReservationState::Settled } else { ReservationState::Claimed };
		GpuOffers::<T>::insert(&who, offer);
		Self::deposit_event(Event::HoursClaimed { operator: who, hours, returned });
		Ok(())
	}

	pub(crate) fn do_confirm_hours(who: T::AccountId, operator: T::AccountId, hours: u32) -> DispatchResult {
		let tried = Self::tried_now()?;
		ensure!(tried.proposer == who, Error::<T>::NotYourProposal);
		let mut offer = GpuOffers::<T>::get(&operator).ok_or(Error::<T>::OfferUnknown)?;
		ensure!(offer.state == ReservationState::Claimed, Error::<T>::NotClaimed);
		let amount = offer.escrow();
		let (paid, burned) = if hours == offer.reserved { (amount, 0) } else { (0, amount) };
		Self::add_credits(&operator, paid);
		offer.state = ReservationState::Settled;
		GpuOffers::<T>::insert(&operator, offer);
		Self::deposit_event(Event::HoursSettled { operator, paid, burned });
		Ok(())
	}

	/// Settles some offers of an epoch that was decided. Returns whether there were any.
	pub(crate) fn settle_offers(epoch: &EpochRecordOf<T>, count: usize) -> bool {
		let offers: Vec<_> = GpuOffers::<T>::iter().take(count).collect();
		let proposer = Self::tried(epoch).map(|record| record.proposer);
		for (operator, offer) in &offers {
			GpuOffers::<T>::remove(operator);
			match (&proposer, offer.state) {
				(_, ReservationState::Settled) => {}
				_ if offer.reserved == 0 => {}
				(Some(proposer), ReservationState::Open) => {
					Self::settle_absence(epoch, proposer, operator, offer)
				}
				// The proposer did not confirm; it has nothing back.
				(Some(_), ReservationState::Claimed) => {
					let operator = operator.clone();
					Self::deposit_event(Event::HoursSettled { operator, paid: 0, burned: offer.escrow() });
				}
				(None, _) => {
					log::error!(target: LOG_TARGET, "hours of {operator:?} are reserved for no proposal")
				}
			}
		}
		!offers.is_empty()
	}

	/// Returns what was reserved of an operator that claimed nothing. It loses credits if it had time to claim.
	fn settle_absence(
		epoch: &EpochRecordOf<T>,
		proposer: &T::AccountId,
		operator: &T::AccountId,
		offer: &GpuOfferRecordOf<T>,
	) {
		let returned = offer.escrow();
		Self::add_credits(proposer, returned);
		let decided_at = History::<T>::get(epoch.id).map_or_else(Zero::zero, |summary| summary.decided_at);
		let had_time = decided_at.saturating_sub(offer.reserved_at) >= Self::notice(epoch);
		let lost = if had_time { Credits::<T>::get(operator).min(ABSENCE_CREDITS) } else { 0 };
		if lost > 0 {
			Credits::<T>::mutate(operator, |credits| *credits = credits.saturating_sub(lost));
		}
		Self::deposit_event(Event::HoursUnclaimed { operator: operator.clone(), returned, lost });
	}

	/// Blocks that an operator must have had for its claim, before its silence costs it credits.
	pub(crate) fn notice(epoch: &EpochRecordOf<T>) -> BlockNumberFor<T> {
		let length = epoch.next_at.saturating_sub(epoch.opened_at);
		length.checked_div(&NOTICE_DIVISOR.into()).unwrap_or_else(Zero::zero)
	}

	/// The proposal that an epoch tries, or tried until it was decided.
	fn tried(epoch: &EpochRecordOf<T>) -> Option<ProposalRecordOf<T>> {
		Proposals::<T>::get(epoch.selected?)
	}

	/// The proposal that is tried now: from its selection to the decision, however late the phases are.
	fn tried_now() -> Result<ProposalRecordOf<T>, Error<T>> {
		let epoch = Current::<T>::get().ok_or(Error::<T>::WrongPhase)?;
		let is_running = matches!(epoch.phase, EpochPhase::Training | EpochPhase::Evaluation);
		ensure!(is_running, Error::<T>::WrongPhase);
		Self::tried(&epoch).ok_or(Error::<T>::WrongPhase)
	}

	/// Adds credits that were taken from another balance before.
	fn add_credits(who: &T::AccountId, amount: u32) {
		if amount > 0 {
			Credits::<T>::mutate(who, |credits| *credits = credits.saturating_add(amount));
		}
	}

	/// Offers are valid and end with their epoch; hours are reserved only of what is offered, while a proposal is tried, and within its bound.
	#[cfg(any(feature = "try-runtime", test))]
	pub(crate) fn check_offers() -> Result<(), sp_runtime::TryRuntimeError> {
		ensure!(GpuOffers::<T>::count() <= T::MaxVoices::get(), "there are too many offers");
		let epoch = Current::<T>::get();
		let is_open = epoch.as_ref().is_some_and(|epoch| epoch.phase != EpochPhase::Rest);
		ensure!(is_open || GpuOffers::<T>::count() == 0, "an offer outlives its epoch");
		let tried = epoch.as_ref().and_then(Self::tried);
		let each = tried.as_ref().map_or(0, |record| record.proposal.gpu_hours);
		let mut all: u32 = 0;
		for offer in GpuOffers::<T>::iter_values() {
			ensure!(is_offer(offer.gpus, offer.hours, offer.price), "an offer is invalid");
			ensure!(offer.reserved <= offer.hours, "more hours are reserved than were offered");
			ensure!(offer.reserved <= each, "more hours are reserved of an operator than the proposal named");
			ensure!(offer.is_untouched() || tried.is_some(), "hours are reserved for no proposal");
			let is_claimed = offer.state == ReservationState::Claimed;
			ensure!(!is_claimed || offer.reserved > 0, "an operator claims no hours");
			all = all.saturating_add(offer.reserved);
		}
		ensure!(
			all <= each.saturating_mul(HOURS_FACTOR),
			"more hours are reserved than the proposal may have"
		);
		Ok(())
	}
}
