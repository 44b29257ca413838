//! Block hooks: audits are opened, and their phases end.

use crate::{
	draw::draw, jobs::JobSource, rules, Agenda, Appointments, AuditRecord, AuditRecordOf, Audits, Config,
	Enrolments, Event, NextAudit, Pallet, Phase, Round, RoundRecord, Seat, SeatState, VoidReason, WeightInfo,
	LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	traits::{OperatorSet, Service},
	AuditId,
};
use codec::Encode;
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::{Bounded, One, SaturatedConversion, Saturating, Zero};

impl<T: Config> Pallet<T> {
	/// Ends phases that are over, then opens the audits that the round owes, as far as `remaining` allows.
	pub(crate) fn tick(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::idle()).is_err() {
			return meter.consumed();
		}
		let due = Agenda::<T>::get().into_iter().filter(|(_, due)| *due <= now).map(|(audit, _)| audit);
		let step = Self::step_weight();
		for audit in due.take(T::StepsPerBlock::get().saturated_into()).collect::<Vec<_>>() {
			if meter.try_consume(step).is_err() {
				return meter.consumed();
			}
			if let Some(record) = Audits::<T>::get(audit) {
				Self::step(audit, record, now);
			}
		}
		Self::appoint_due(now, &mut meter);
		Self::open_due(now, &mut meter);
		meter.consumed()
	}

	/// The most that one step takes: a settlement.
	pub(crate) fn step_weight() -> Weight {
		T::WeightInfo::step_paying().max(T::WeightInfo::step_reporting())
	}

	/// Makes appointments for audits so that they are spread evenly over the round; begins the next round when one is over.
	fn appoint_due(now: BlockNumberFor<T>, meter: &mut WeightMeter) {
		let period = T::AuditPeriod::get();
		if period.is_zero() {
			return;
		}
		let mut round = Round::<T>::get();
		if now >= round.began.saturating_add(period) {
			if meter.try_consume(T::WeightInfo::open()).is_err() {
				return;
			}
			round = RoundRecord { began: now, target: Self::audits_per_round(), drawn: 0 };
			Round::<T>::put(round);
		}
		let elapsed: u64 = now.saturating_sub(round.began).saturating_add(One::one()).saturated_into();
		let target = u64::from(round.target);
		let owed = target.saturating_mul(elapsed).checked_div(period.saturated_into()).unwrap_or(0);
		let owed = owed.min(target).saturating_sub(round.drawn.into());
		let owed = owed.min(T::OpensPerBlock::get().into());
		if owed == 0 {
			return;
		}
		let appointment = T::Randomness::appoint();
		let mut waiting = Appointments::<T>::get();
		for _ in 0..owed {
			// Counted even if it has no place or cannot be opened, or every block would try again.
			round.drawn = round.drawn.saturating_add(1);
			if waiting.try_push(appointment).is_err() {
				log::debug!(target: LOG_TARGET, "too many audits wait for their seeds; one of the round is left out");
			}
		}
		Appointments::<T>::put(waiting);
		Round::<T>::put(round);
	}

	/// Opens the audits whose seeds are known.
	fn open_due(now: BlockNumberFor<T>, meter: &mut WeightMeter) {
		let mut waiting = Appointments::<T>::get().into_inner();
		let before = waiting.len();
		for _ in 0..T::OpensPerBlock::get() {
			let Some(appointment) = waiting.first().copied() else { break };
			let seed = T::Randomness::seed_of(appointment, b"blyan/audit");
			// Whatever room this block has, the seed is the same in the next.
			if seed == Appointed::Pending || meter.try_consume(T::WeightInfo::open()).is_err() {
				break;
			}
			waiting.remove(0);
			if let Appointed::Seed(seed) = seed {
				Self::open_with(now, appointment, seed);
			}
		}
		if waiting.len() < before {
			Appointments::<T>::put(BoundedVec::truncate_from(waiting));
		}
	}

	/// Audits that give every eligible operator `SeatsPerRound` seats on average.
	fn audits_per_round() -> u32 {
		let eligible: u32 = T::Operators::eligible().len().saturated_into();
		eligible.saturating_mul(T::SeatsPerRound::get()).div_ceil(T::Auditors::get().max(1))
	}

	/// Opens one audit; `None` while something for it is missing.
	///
	/// `randomness` is what came of `appointment`.
	pub(crate) fn open_with(
		now: BlockNumberFor<T>,
		appointment: RelayNumber,
		randomness: H256,
	) -> Option<AuditId> {
		if Agenda::<T>::decode_len().unwrap_or(0) >= T::MaxOpen::get().saturated_into() {
			return None;
		}
		let audit = NextAudit::<T>::get();
		let seed = H256(blake2_256(&(b"blyan/audit/seed", randomness, audit).encode()));
		// Nobody must have known the seed when it chose its secret.
		let may_set = |who: &T::AccountId| {
			Enrolments::<T>::get(who)
				.is_some_and(|enrolment| enrolment.setting.is_none() && enrolment.appointment <= appointment)
				&& T::Operators::is_eligible(who)
		};
		let size = T::Auditors::get().min(T::MaxSeats::get().saturating_sub(1));
		let electorate = T::Operators::electorate(appointment)?;
		let drawn = draw(&seed, &electorate, may_set, T::Operators::is_eligible, size);
		let Some((setter, auditors)) = drawn else {
			log::debug!(target: LOG_TARGET, "no operator may set an audit");
			return None;
		};
		if auditors.len().saturated_into::<u32>() < T::MinAuditors::get().max(1) {
			log::debug!(target: LOG_TARGET, "too few unrelated operators for an audit");
			return None;
		}
		let job = T::Jobs::draw(&seed, T::AuditSample::get())?;
		let enrolment = Enrolments::<T>::get(&setter)?;
		if !T::Jobs::keep(&job) {
			log::warn!(target: LOG_TARGET, "no audit: as many generations of its model are kept as there is room for");
			return None;
		}
		let until = now.saturating_add(T::PresentWindow::get());
		let seat = |operator: &T::AccountId| Seat { operator: operator.clone(), state: SeatState::Waiting };
		let record = AuditRecord {
			seed,
			job,
			rules: rules::RULES,
			trap_share: T::TrapShare::get(),
			setter: setter.clone(),
			commitment: enrolment.commitment,
			nonce: enrolment.nonce,
			presented: None,
			revelation: None,
			seats: BoundedVec::truncate_from(auditors.iter().map(seat).collect()),
			phase: Phase::Presenting { until },
		};
		Agenda::<T>::try_append((audit, until.saturating_add(One::one()))).ok()?;
		Audits::<T>::insert(audit, record);
		NextAudit::<T>::put(audit.saturating_add(1));
		Enrolments::<T>::mutate(&setter, |entry| {
			if let Some(enrolment) = entry {
				enrolment.setting = Some(audit);
			}
		});
		Self::deposit_event(Event::Opened { audit, seed, setter, auditors, until });
		Some(audit)
	}

	/// Does what is due for an audit. Returns whether anything was.
	pub(crate) fn step(audit: AuditId, record: AuditRecordOf<T>, now: BlockNumberFor<T>) -> bool {
		let is_over = now > *record.until();
		match &record.phase {
			Phase::Presenting { .. } if is_over => {
				if T::Jobs::is_current(&record.job) {
					T::Operators::note_service(&record.setter, Service::SealMissed);
				}
				Self::void(audit, record, VoidReason::NothingPresented);
			}
			Phase::Voting { .. } if is_over || record.is_sealed() => Self::end_voting(audit, record, now),
			Phase::Revealing { .. } if is_over || record.is_open() => Self::settle(audit, record, now),
			Phase::Contested { games: 0, is_forced, refuted, .. } if is_over => {
				let (is_forced, refuted) = (*is_forced, refuted.to_vec());
				Self::conclude(audit, record, is_forced, &refuted);
			}
			Phase::Contested { .. } if is_over => {
				// The end of the last dispute makes it due again.
				Self::set_due(audit, Bounded::max_value());
				return false;
			}
			_ => return false,
		}
		true
	}

	/// Begins the reveal. Who has not voted is noted, unless no operator could: then the job is to blame, not the
	/// operators.
	fn end_voting(audit: AuditId, mut record: AuditRecordOf<T>, now: BlockNumberFor<T>) {
		let is_silent = |seat: &&Seat<T::AccountId>| seat.state == SeatState::Waiting;
		if record.seats.iter().all(|seat| is_silent(&seat)) {
			return Self::void(audit, record, VoidReason::NoVotes);
		}
		if T::Jobs::is_current(&record.job) {
			for seat in record.seats.iter().filter(is_silent) {
				T::Operators::note_service(&seat.operator, Service::SealMissed);
			}
		}
		let until = now.saturating_add(T::RevealWindow::get());
		record.phase = Phase::Revealing { until };
		Audits::<T>::insert(audit, record);
		Self::set_due(audit, until.saturating_add(One::one()));
		Self::deposit_event(Event::RevealBegan { audit, until });
	}

	/// Ends an audit without a result. No operator is paid.
	pub(crate) fn void(audit: AuditId, record: AuditRecordOf<T>, reason: VoidReason) {
		Self::close(audit, &record);
		Self::deposit_event(Event::Voided { audit, reason });
	}

	/// Removes an audit; its setter may set another.
	pub(crate) fn close(audit: AuditId, record: &AuditRecordOf<T>) {
		Audits::<T>::remove(audit);
		T::Jobs::release(&record.job);
		Agenda::<T>::mutate(|agenda| agenda.retain(|(id, _)| *id != audit));
		Enrolments::<T>::mutate(&record.setter, |entry| {
			if let Some(enrolment) = entry.as_mut().filter(|enrolment| enrolment.setting == Some(audit)) {
				enrolment.setting = None;
			}
		});
	}
}
