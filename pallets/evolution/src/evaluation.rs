//! Evaluation: drawing the committee, seals, reveals, and the decision.

use crate::{
	bonds::EVALUATOR_CREDITS, phases::Window, rules, Config, Endorsements, EpochRecordOf, Error, Evaluation,
	EvaluationRecord, EvaluationRecordOf, Event, FormerEvaluators, Pallet, Proposals, Seat, SeatState,
	Sortition,
};
use alloc::vec::Vec;
use blyan_primitives::{
	evolution::{BenchmarkFinding, EpochId, EpochOutcome, EpochPhase, EvaluationStep, EvolutionMessage},
	randomness::{Appointed, AppointedRandomness},
	traits::{EligibleOperator, OperatorSet, Rewards, Service},
	OperatorId,
};
use blyan_support::commit_reveal::{seat_of, seat_of_mut, RevealError, Seat as _};
use codec::Encode;
use frame_support::{ensure, pallet_prelude::DispatchResult, traits::Get, BoundedVec};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::SaturatedConversion;

impl<T: Config> Pallet<T> {
	/// Makes the appointment of a draw.
	pub(crate) fn appoint(epoch: EpochId, round: u8) {
		let evaluation: EvaluationRecordOf<T> = EvaluationRecord {
			appointment: T::Randomness::appoint(),
			round,
			draw: H256::zero(),
			step: EvaluationStep::Appointed,
			until: Self::window_end(Window::Draw),
			seats: BoundedVec::new(),
		};
		Evaluation::<T>::put(evaluation);
		Self::deposit_event(Event::EvaluationAppointed { epoch, round });
	}

	/// Ends the step of the evaluation that is over or complete. Returns whether anything changed.
	pub(crate) fn step_evaluation(epoch: EpochRecordOf<T>) -> bool {
		let Some(evaluation) = Evaluation::<T>::get() else {
			Self::close(epoch, EpochOutcome::NoQuorum, None, None);
			return true;
		};
		let is_over = Self::now() > evaluation.until;
		match evaluation.step {
			EvaluationStep::Appointed => return Self::draw(epoch, evaluation, is_over),
			EvaluationStep::Sealing if is_over || evaluation.is_sealed() => {
				Self::begin_reveal(epoch, evaluation)
			}
			EvaluationStep::Revealing if is_over || evaluation.is_open() => Self::conclude(epoch, evaluation),
			_ => return false,
		}
		true
	}

	/// Draws the committee of an evaluation whose seed is known.
	fn draw(epoch: EpochRecordOf<T>, mut evaluation: EvaluationRecordOf<T>, is_over: bool) -> bool {
		let seed = match T::Randomness::seed_of(evaluation.appointment, b"blyan/evolution") {
			Appointed::Seed(seed) => Some(seed),
			Appointed::Pending if !is_over => return false,
			Appointed::Pending | Appointed::Missed => None,
		};
		let draw = seed.map(|seed| {
			H256(blake2_256(&(b"blyan/evolution/draw", seed, epoch.id, evaluation.round).encode()))
		});
		let evaluators = draw.map(|draw| Self::draw_evaluators(&epoch, &evaluation, &draw));
		let (Some(draw), Some(evaluators)) = (draw, evaluators.filter(|all| Self::are_enough(all))) else {
			if is_over {
				Self::no_quorum(epoch, evaluation);
				return true;
			}
			// Operators may come; the draw is a new one then, or waiting would choose among them.
			evaluation.appointment = T::Randomness::appoint();
			Evaluation::<T>::put(evaluation);
			return false;
		};
		let seat = |operator: &T::AccountId| Seat { operator: operator.clone(), state: SeatState::Waiting };
		let until = Self::window_end(Window::Seal);
		evaluation.seats = BoundedVec::truncate_from(evaluators.iter().map(seat).collect());
		evaluation.draw = draw;
		evaluation.step = EvaluationStep::Sealing;
		evaluation.until = until;
		Evaluation::<T>::put(evaluation);
		Self::deposit_event(Event::EvaluationBegan { epoch: epoch.id, draw, evaluators, until });
		true
	}

	fn are_enough(evaluators: &[T::AccountId]) -> bool {
		// No more than are drawn: two parameters that contradict each other would let every epoch end without a decision.
		let least = T::MinEvaluators::get().min(Self::committee_size()).max(1);
		evaluators.len().saturated_into::<u32>() >= least
	}

	/// Evaluators that neither proposed nor endorsed what is tried. Those of the first committee measure again only where too few
	/// others are left.
	pub(crate) fn draw_evaluators(
		epoch: &EpochRecordOf<T>,
		evaluation: &EvaluationRecordOf<T>,
		seed: &H256,
	) -> Vec<T::AccountId> {
		let Some(electorate) = T::Operators::electorate(evaluation.appointment) else { return Vec::new() };
		let barred = Self::interested(epoch);
		let is_disinterested = |one: &EligibleOperator<T::AccountId>| {
			!barred.contains(&one.account) && !barred.contains(&one.owner)
		};
		let candidates: Vec<_> = electorate.into_iter().filter(is_disinterested).collect();
		let former = FormerEvaluators::<T>::get();
		let strangers: Vec<_> =
			candidates.iter().filter(|one| !former.contains(&one.account)).cloned().collect();
		let drawn = Self::draw_of(seed, strangers);
		if former.is_empty() || Self::are_enough(&drawn) {
			drawn
		} else {
			Self::draw_of(seed, candidates)
		}
	}

	fn draw_of(seed: &H256, candidates: Vec<EligibleOperator<T::AccountId>>) -> Vec<T::AccountId> {
		T::Sortition::draw(seed, candidates, Self::committee_size(), T::Operators::is_eligible)
	}

	/// Evaluators of a committee, where enough are eligible.
	fn committee_size() -> u32 {
		T::Evaluators::get().min(T::MaxSeats::get())
	}

	/// Accounts that gain or lose by the outcome, and those that they belong to.
	fn interested(epoch: &EpochRecordOf<T>) -> Vec<T::AccountId> {
		let Some(selected) = epoch.selected else { return Vec::new() };
		let mut interested = Vec::new();
		if let Some(record) = Proposals::<T>::get(selected) {
			interested.push(T::Operators::belongs_to(&record.proposer));
			interested.push(record.proposer);
		}
		for (voice, endorsement) in Endorsements::<T>::iter() {
			if endorsement.proposal == selected {
				interested.push(T::Operators::belongs_to(&endorsement.endorser));
				interested.push(endorsement.endorser);
				interested.push(voice);
			}
		}
		interested
	}

	pub(crate) fn do_seal(epoch: EpochId, seal: H256, key: OperatorId) -> DispatchResult {
		let operator = Self::ensure_may_say(&EvolutionMessage::Seal { epoch, seal }, &key)?;
		Self::set_seat(&operator, SeatState::Sealed(seal));
		Self::deposit_event(Event::FindingSealed { epoch, operator });
		Ok(())
	}

	pub(crate) fn do_reveal(
		epoch: EpochId,
		finding: BenchmarkFinding,
		salt: H256,
		key: OperatorId,
	) -> DispatchResult {
		let message = EvolutionMessage::Reveal { epoch, finding: finding.clone(), salt };
		let operator = Self::ensure_may_say(&message, &key)?;
		Self::set_seat(&operator, SeatState::Revealed(finding.clone()));
		Self::deposit_event(Event::FindingRevealed { epoch, operator, finding });
		Ok(())
	}

	fn set_seat(operator: &T::AccountId, state: SeatState) {
		Evaluation::<T>::mutate(|entry| {
			let Some(evaluation) = entry else { return };
			if let Some(seat) = seat_of_mut(evaluation.seats.iter_mut(), operator) {
				seat.state = state;
			}
		});
	}

	/// Everything that must hold before a message counts, but the signature. Returns the evaluator.
	pub(crate) fn ensure_may_say(
		message: &EvolutionMessage,
		key: &OperatorId,
	) -> Result<T::AccountId, Error<T>> {
		let epoch = crate::Current::<T>::get().ok_or(Error::<T>::WrongPhase)?;
		let is_present = epoch.id == message.epoch() && epoch.phase == EpochPhase::Evaluation;
		ensure!(is_present, Error::<T>::WrongPhase);
		let evaluation = Evaluation::<T>::get().ok_or(Error::<T>::WrongPhase)?;
		let step = match message {
			EvolutionMessage::Seal { .. } => EvaluationStep::Sealing,
			EvolutionMessage::Reveal { .. } => EvaluationStep::Revealing,
		};
		ensure!(evaluation.step == step && Self::now() <= evaluation.until, Error::<T>::WrongPhase);
		let operator = T::Operators::owner_of(key).ok_or(Error::<T>::NotAnEvaluator)?;
		let seat = seat_of(&evaluation.seats, &operator).ok_or(Error::<T>::NotAnEvaluator)?;
		match message {
			EvolutionMessage::Seal { .. } => {
				ensure!(seat.commitment().is_waiting(), Error::<T>::AlreadySaid)
			}
			EvolutionMessage::Reveal { finding, salt, .. } => {
				let seal = || finding.seal(&evaluation.draw, salt, &operator);
				seat.commitment().ensure_opened_by(seal).map_err(|error| match error {
					RevealError::AlreadyRevealed => Error::<T>::AlreadySaid,
					RevealError::NotCommitted | RevealError::SealMismatch => Error::SealMismatch,
				})?;
				if let BenchmarkFinding::Measured(outcome) = finding {
					let tried = epoch.selected.and_then(Proposals::<T>::get);
					let fits = tried.is_some_and(|record| outcome.is_about(&record.proposal.suites));
					ensure!(fits, Error::<T>::FindingImplausible);
				}
			}
		}
		Ok(operator)
	}

	fn begin_reveal(epoch: EpochRecordOf<T>, mut evaluation: EvaluationRecordOf<T>) {
		let sealed = evaluation.seats.iter().filter(|seat| seat.state != SeatState::Waiting).count();
		if sealed.saturated_into::<u32>() < rules::quorum(evaluation.seats.len().saturated_into()) {
			return Self::no_quorum(epoch, evaluation);
		}
		// A quorum could measure it, so those who are silent could have.
		for seat in evaluation.seats.iter().filter(|seat| seat.state == SeatState::Waiting) {
			T::Operators::note_service(&seat.operator, Service::SealMissed);
		}
		let until = Self::window_end(Window::Reveal);
		evaluation.step = EvaluationStep::Revealing;
		evaluation.until = until;
		Evaluation::<T>::put(evaluation);
		Self::deposit_event(Event::RevealBegan { epoch: epoch.id, until });
	}

	/// Decides by what more than half of the committee found, to the bit, and pays those who found it.
	fn conclude(epoch: EpochRecordOf<T>, evaluation: EvaluationRecordOf<T>) {
		for seat in &evaluation.seats {
			if matches!(seat.state, SeatState::Sealed(_)) {
				T::Operators::note_service(&seat.operator, Service::RevealMissed);
			}
		}
		let findings: Vec<BenchmarkFinding> =
			evaluation.findings().map(|(_, finding)| finding.clone()).collect();
		let record = epoch.selected.and_then(Proposals::<T>::get);
		let agreed = rules::agreed(&findings, evaluation.seats.len().saturated_into());
		let (Some(agreed), Some(record)) = (agreed, record) else {
			return Self::no_quorum(epoch, evaluation);
		};
		for (operator, finding) in evaluation.findings() {
			let operator = operator.clone();
			if finding != agreed {
				T::Operators::note_service(&operator, Service::ReportOutvoted);
				Self::deposit_event(Event::FindingDeparted { epoch: epoch.id, operator });
			} else if *agreed != BenchmarkFinding::Unavailable {
				// Bytes that cannot be had take no work to find, so saying so must not be what pays for none.
				let amount = T::Rewards::pay_validation(&operator);
				T::Operators::note_income(&operator, amount.saturated_into());
				Self::grant(&operator, EVALUATOR_CREDITS);
				Self::deposit_event(Event::EvaluatorPaid { epoch: epoch.id, operator, amount });
			}
		}
		let outcome = rules::decide(agreed, &record.proposal.suites, record.proposal.minimum_ppm);
		let benchmark = match agreed {
			BenchmarkFinding::Measured(benchmark) => Some(benchmark.clone()),
			BenchmarkFinding::Unavailable | BenchmarkFinding::Malformed => None,
		};
		Self::close(epoch, outcome, Some(evaluation.draw), benchmark);
	}

	/// A committee decided nothing: another one is drawn, once.
	fn no_quorum(epoch: EpochRecordOf<T>, evaluation: EvaluationRecordOf<T>) {
		if evaluation.round == 0 {
			let former = evaluation.seats.into_iter().map(|seat| seat.operator).collect();
			FormerEvaluators::<T>::put(BoundedVec::truncate_from(former));
			Self::appoint(epoch.id, 1);
		} else {
			let draw = Some(evaluation.draw).filter(|draw| !draw.is_zero());
			Self::close(epoch, EpochOutcome::NoQuorum, draw, None);
		}
	}
}
