//! Life of a review: appointed, drawn, sealed, opened, concluded.

use crate::{
	rules, types, Answers, Config, Error, Event, HoldReason, Open, Pallet, ReviewOf, ReviewRecord,
	ReviewRewards, Reviewers, Reviews, Roster, RosterSize, Seat, SeatState, Step, WeightInfo, RECORDS_MAX,
	SEATS_MAX,
};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::{Appointed, AppointedRandomness},
	DatasetRef,
};
use codec::Encode;
use frame_support::{
	ensure,
	traits::{
		fungible::MutateHold,
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	traits::{SaturatedConversion, Saturating},
	DispatchResult,
};

impl<T: Config> Pallet<T> {
	/// Appoints the review of a dataset, if there is room for one and none is under way.
	///
	/// - `creator`: the contributor, who takes no part.
	/// - `records`: records in the dataset, from which those to be read are drawn.
	pub fn open(dataset: DatasetRef, creator: &T::AccountId, records: u64) {
		let is_known = Reviews::<T>::contains_key(dataset);
		if is_known || records == 0 || Open::<T>::try_append(dataset).is_err() {
			return;
		}
		let now = Self::now();
		let review = ReviewRecord {
			creator: creator.clone(),
			records,
			opened_at: now,
			appointment: T::Randomness::appoint(),
			draw: H256::zero(),
			step: Step::Appointed,
			until: now.saturating_add(T::DrawWindow::get()),
			picks: BoundedVec::new(),
			seats: BoundedVec::new(),
			refused: None,
		};
		Reviews::<T>::insert(dataset, review);
		Self::deposit_event(Event::Appointed { dataset });
	}

	/// Share of refused records in millionths of those that were decided, once a review has concluded with a quorum.
	pub fn refused(dataset: DatasetRef) -> Option<u32> {
		Reviews::<T>::get(dataset)?.refused
	}

	/// Forgets the review of a dataset. One that is under way ends without consequences for its reviewers.
	pub fn close(dataset: DatasetRef) {
		let Some(review) = Reviews::<T>::take(dataset) else { return };
		Open::<T>::mutate(|open| open.retain(|one| *one != dataset));
		for seat in &review.seats {
			Self::free_seat(&seat.who);
		}
	}

	/// Moves on what is due, as far as `remaining` allows.
	pub(crate) fn tick(remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::DbWeight::get().reads_writes(1, 1)).is_err() {
			return meter.consumed();
		}
		let open: u32 = Open::<T>::decode_len().unwrap_or(0).saturated_into();
		for _ in 0..open.min(T::StepsPerBlock::get()) {
			if meter.try_consume(T::WeightInfo::step()).is_err() {
				break;
			}
			let Some(dataset) = Self::next() else { break };
			if let Some(review) = Reviews::<T>::get(dataset) {
				Self::step(dataset, review);
			}
		}
		meter.consumed()
	}

	/// The next open review; it is looked at again after all others.
	fn next() -> Option<DatasetRef> {
		Open::<T>::mutate(|open| {
			if open.is_empty() {
				return None;
			}
			let first = open.remove(0);
			// There is room: one was just removed.
			let _ = open.try_push(first);
			Some(first)
		})
	}

	pub(crate) fn do_advance(dataset: DatasetRef) -> DispatchResult {
		let review = Reviews::<T>::get(dataset).ok_or(Error::<T>::ReviewUnknown)?;
		Self::step(dataset, review);
		Ok(())
	}

	/// Ends the step of a review that is over or complete.
	fn step(dataset: DatasetRef, review: ReviewOf<T>) {
		let is_over = Self::now() > review.until;
		let is_waiting = review.seats.iter().any(|seat| seat.state == SeatState::Waiting);
		let is_hidden = review.seats.iter().any(|seat| matches!(seat.state, SeatState::Sealed(_)));
		match review.step {
			Step::Appointed => Self::draw(dataset, review),
			Step::Sealing if is_over || !is_waiting => Self::begin_reveal(dataset, review),
			Step::Revealing if is_over || !is_hidden => Self::settle(dataset, review),
			_ => {}
		}
	}

	/// Draws reviewers and records, once the seed is known.
	fn draw(dataset: DatasetRef, mut review: ReviewOf<T>) {
		let now = Self::now();
		let seed = match T::Randomness::seed_of(review.appointment, b"blyan/review") {
			_ if now > review.until => return Self::conclude(dataset, review, None),
			Appointed::Pending => return,
			Appointed::Missed => {
				review.appointment = T::Randomness::appoint();
				return Reviews::<T>::insert(dataset, review);
			}
			Appointed::Seed(seed) => seed,
		};
		let draw = H256(blake2_256(&(b"blyan/review/draw", seed, dataset).encode()));
		let drawn = Self::draw_reviewers(&review, &draw);
		let seats: u32 = drawn.len().saturated_into();
		if seats < T::MinSeats::get() {
			return Self::conclude(dataset, review, None);
		}
		for who in &drawn {
			Reviewers::<T>::mutate(who, |entry| {
				if let Some(record) = entry {
					record.seats = record.seats.saturating_add(1);
				}
			});
		}
		let count = T::Records::get().min(RECORDS_MAX);
		let picks = rules::distinct(&draw, b"records", review.records, count);
		let seat = |who| Seat { who, state: SeatState::Waiting };
		review.picks = BoundedVec::truncate_from(picks);
		review.seats = BoundedVec::truncate_from(drawn.into_iter().map(seat).collect());
		review.draw = draw;
		review.step = Step::Sealing;
		review.until = now.saturating_add(T::SealWindow::get());
		let until = review.until;
		Reviews::<T>::insert(dataset, review);
		Self::deposit_event(Event::Drawn { dataset, seats, until });
	}

	/// Reviewers that had joined early enough when the review was appointed, each with the same chance.
	fn draw_reviewers(review: &ReviewOf<T>, draw: &H256) -> Vec<T::AccountId> {
		let size = RosterSize::<T>::get();
		let wanted = T::Seats::get().min(SEATS_MAX);
		let mut drawn: Vec<T::AccountId> = Vec::new();
		// More turns than a list needs on which every other one may sit; a bound for one on which few may.
		for turn in 0..wanted.saturating_mul(8) {
			if drawn.len().saturated_into::<u32>() >= wanted {
				break;
			}
			let place: u32 = rules::pick(draw, b"reviewers", turn, size.into()).saturated_into();
			let Some(who) = Roster::<T>::get(place) else { continue };
			let is_old_enough = Reviewers::<T>::get(&who)
				.is_some_and(|record| record.since.saturating_add(T::Patience::get()) <= review.opened_at);
			if is_old_enough && who != review.creator && !drawn.contains(&who) {
				drawn.push(who);
			}
		}
		drawn
	}

	pub(crate) fn do_seal(who: T::AccountId, dataset: DatasetRef, seal: H256) -> DispatchResult {
		let mut review = Self::review_in(dataset, Step::Sealing)?;
		let seat = review.seats.iter_mut().find(|seat| seat.who == who).ok_or(Error::<T>::NoSeat)?;
		ensure!(seat.state == SeatState::Waiting, Error::<T>::AlreadySaid);
		seat.state = SeatState::Sealed(seal);
		Reviews::<T>::insert(dataset, review);
		Self::deposit_event(Event::Sealed { dataset, who });
		Ok(())
	}

	pub(crate) fn do_reveal(
		who: T::AccountId,
		dataset: DatasetRef,
		answers: Answers,
		salt: H256,
	) -> DispatchResult {
		let mut review = Self::review_in(dataset, Step::Revealing)?;
		ensure!(answers.len() == review.picks.len(), Error::<T>::AnswersMiscounted);
		let seal = types::seal(dataset, &review.draw, &answers, &salt, &who);
		let seat = review.seats.iter_mut().find(|seat| seat.who == who).ok_or(Error::<T>::NoSeat)?;
		let SeatState::Sealed(sealed) = seat.state else { return Err(Error::<T>::AlreadySaid.into()) };
		ensure!(sealed == seal, Error::<T>::SealMismatch);
		seat.state = SeatState::Revealed(answers.clone());
		Reviews::<T>::insert(dataset, review);
		Self::deposit_event(Event::Revealed { dataset, who, answers });
		Ok(())
	}

	pub(crate) fn do_report_leak(
		by: T::AccountId,
		dataset: DatasetRef,
		who: T::AccountId,
		answers: &Answers,
		salt: &H256,
	) -> DispatchResult {
		ensure!(by != who, Error::<T>::OwnLeak);
		let mut review = Self::review_in(dataset, Step::Sealing)?;
		let seal = types::seal(dataset, &review.draw, answers, salt, &who);
		let seat = review.seats.iter_mut().find(|seat| seat.who == who).ok_or(Error::<T>::NoSeat)?;
		ensure!(seat.state == SeatState::Sealed(seal), Error::<T>::SealMismatch);
		seat.state = SeatState::Void;
		Reviews::<T>::insert(dataset, review);
		Self::bar(&who);
		let bond = Reviewers::<T>::mutate(&who, |entry| {
			entry.as_mut().map(|record| core::mem::take(&mut record.bond)).unwrap_or_default()
		});
		// Half only: a reviewer that reports itself through another account loses the rest.
		let half = bond / 2;
		for (to, amount) in [(by.clone(), half), (T::Treasury::get(), bond.saturating_sub(half))] {
			T::Currency::transfer_on_hold(
				&HoldReason::Bond.into(),
				&who,
				&to,
				amount,
				Precision::BestEffort,
				Restriction::Free,
				Fortitude::Force,
			)?;
		}
		Self::deposit_event(Event::LeakProven { dataset, who, by });
		Ok(())
	}

	/// The review of a dataset, if it is in this step and in time.
	fn review_in(dataset: DatasetRef, step: Step) -> Result<ReviewOf<T>, Error<T>> {
		let review = Reviews::<T>::get(dataset).ok_or(Error::<T>::ReviewUnknown)?;
		ensure!(review.step == step && Self::now() <= review.until, Error::<T>::WrongStep);
		Ok(review)
	}

	fn begin_reveal(dataset: DatasetRef, mut review: ReviewOf<T>) {
		let is_sealed = |state: &SeatState| matches!(state, SeatState::Sealed(_));
		let sealed = review.seats.iter().filter(|seat| is_sealed(&seat.state)).count();
		if sealed.saturated_into::<u32>() < rules::quorum(review.seats.len().saturated_into()) {
			// Those who did seal cannot open, which is not their fault.
			for seat in review.seats.iter().filter(|seat| seat.state == SeatState::Waiting) {
				Self::note_missed(&seat.who);
			}
			return Self::conclude(dataset, review, None);
		}
		review.step = Step::Revealing;
		review.until = Self::now().saturating_add(T::RevealWindow::get());
		let until = review.until;
		Reviews::<T>::insert(dataset, review);
		Self::deposit_event(Event::RevealBegan { dataset, until });
	}

	/// Combines the answers, notes and pays what each reviewer said.
	fn settle(dataset: DatasetRef, review: ReviewOf<T>) {
		let seats: u32 = review.seats.len().saturated_into();
		let mut opened: Vec<(&T::AccountId, &Answers)> = Vec::new();
		for seat in &review.seats {
			match &seat.state {
				SeatState::Revealed(answers) => opened.push((&seat.who, answers)),
				SeatState::Waiting | SeatState::Sealed(_) => Self::note_missed(&seat.who),
				SeatState::Void => {}
			}
		}
		if opened.len().saturated_into::<u32>() < rules::quorum(seats) {
			return Self::conclude(dataset, review, None);
		}
		let answers: Vec<&Answers> = opened.iter().map(|(_, answers)| *answers).collect();
		let decisions = rules::decisions(seats, review.picks.len(), &answers);
		for (who, answers) in opened {
			let records = Self::note_answers(who, rules::agreement(answers, &decisions));
			if records > 0 {
				let amount = T::Rewards::pay_review(who, records);
				Self::deposit_event(Event::Paid { dataset, who: who.clone(), amount });
			}
		}
		let refused = rules::share_refused(&decisions);
		Self::conclude(dataset, review, refused);
	}

	/// Ends a review. What it found is kept until the dataset's vote ends.
	fn conclude(dataset: DatasetRef, mut review: ReviewOf<T>, refused: Option<u32>) {
		for seat in core::mem::take(&mut review.seats) {
			Self::free_seat(&seat.who);
		}
		Open::<T>::mutate(|open| open.retain(|one| *one != dataset));
		review.step = Step::Concluded;
		review.refused = refused;
		Reviews::<T>::insert(dataset, review);
		Self::deposit_event(Event::Concluded { dataset, refused });
	}
}
