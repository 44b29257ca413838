//! Life of a challenge: opened by an account that computed something else, and defended by the operator.

use crate::{
	rules, verdict, Accused, BalanceOf, ChallengeRecord, ChallengeRecordOf, Challenges, Config, Error, Event,
	HoldReason, Line, Pallet, Phase, Refuted, Roots, Silent, LOG_TARGET,
};
use blyan_primitives::{
	is_disputable_answer,
	traits::{ArchitectureRegistry, Games, OffenceKind, Offences, ServingKeys},
	AnswerStatement, EvaluationOutcome, Receipt, SignedReceipt, Subject, RECEIPT_VERSION,
};
use blyan_support::genesis_hash;
use codec::Encode;
use frame_support::{
	ensure,
	storage::with_storage_layer,
	traits::{fungible::MutateHold, tokens::Precision, Get},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	traits::{BlockNumberProvider, Saturating, Zero},
	DispatchResult,
};

impl<T: Config> Pallet<T> {
	/// Opens a challenge. See [`Pallet::challenge`].
	pub(crate) fn do_challenge(
		who: T::AccountId,
		signed: SignedReceipt,
		outcome: EvaluationOutcome,
	) -> DispatchResult {
		let genesis = genesis_hash::<T>();
		let id = signed.id(&genesis);
		ensure!(signed.receipt.version == RECEIPT_VERSION, Error::<T>::VersionUnknown);
		ensure!(!Challenges::<T>::contains_key(id), Error::<T>::AlreadyChallenged);
		ensure!(!Refuted::<T>::contains_key(id), Error::<T>::AlreadyRefuted);
		ensure!(signed.is_valid(&genesis), Error::<T>::BadSignature);
		let operator = T::Keys::operator_of(&signed.key).ok_or(Error::<T>::KeyUnknown)?;
		let statement = Self::statement_of(&signed.receipt)?;
		let misses = rules::misses(&statement, &outcome).ok_or(Error::<T>::OutcomeInconsistent)?;
		ensure!(misses > 0, Error::<T>::NoMiss);
		// No game would be played for it, so it would trouble the operator for nothing but a fee.
		let has_fallen = T::Games::has_fallen(Subject::Answer(id), &verdict(outcome));
		ensure!(!has_fallen, Error::<T>::OutcomeRefuted);
		T::Games::show_finding(&who, "challenge_answer", &(&signed, &outcome))?;

		let bond = Self::next_bond(&operator);
		T::Currency::hold(&HoldReason::ChallengeBond.into(), &who, bond)?;
		let until = Self::now().saturating_add(T::DefenceWindow::get());
		let record = ChallengeRecord {
			signed,
			statement,
			operator: operator.clone(),
			challenger: who.clone(),
			outcome,
			bond,
			phase: Phase::Open { until },
		};
		Challenges::<T>::insert(id, record);
		Accused::<T>::mutate(&operator, |open| *open = open.saturating_add(1));
		Self::enqueue(Line::Defence, until, id);
		Self::deposit_event(Event::ReceiptChallenged {
			receipt: id,
			operator,
			challenger: who,
			misses,
			bond,
		});
		Ok(())
	}

	/// Returns the statement that a receipt makes, if a game can be played about it.
	fn statement_of(receipt: &Receipt) -> Result<AnswerStatement, Error<T>> {
		let root = Roots::<T>::get(receipt.model_root).ok_or(Error::<T>::ModelUnknown)?;
		ensure!(root.until.is_none_or(|until| Self::now() <= until), Error::<T>::ModelUnknown);
		let statement = AnswerStatement::of(receipt, root.architecture);
		let architecture = T::Models::architecture(&root.architecture).ok_or(Error::<T>::ModelUnknown)?;
		ensure!(statement.program(&architecture).is_some(), Error::<T>::NotDisputable);
		ensure!(is_disputable_answer(&architecture, statement.tokens), Error::<T>::NotDisputable);
		Ok(statement)
	}

	/// Defends an answer. See [`Pallet::defend`].
	pub(crate) fn do_defend(who: T::AccountId, id: H256, outcome: EvaluationOutcome) -> DispatchResult {
		let mut record = Challenges::<T>::get(id).ok_or(Error::<T>::NotChallenged)?;
		ensure!(record.operator == who, Error::<T>::NotOperator);
		ensure!(record.stated().is_current(), Error::<T>::DefinitionChanged);
		ensure!(rules::misses(&record.statement, &outcome) == Some(0), Error::<T>::NotADefence);
		match record.phase {
			Phase::Open { .. } => {}
			// An operator whose node was away owes nothing, if its answer stands now.
			Phase::Silent { until } => {
				let evidence = Self::silence(id, until);
				let is_taken_back = T::Offences::withdraw(&who, OffenceKind::FalseScore, evidence);
				ensure!(is_taken_back, Error::<T>::TooLate);
				Refuted::<T>::remove(id);
				Self::forget_silence(&who);
			}
			Phase::Defended { .. } => return Err(Error::<T>::AlreadyDefended.into()),
		}
		let until = Self::now().saturating_add(T::DisputeWindow::get());
		record.phase = Phase::Defended { outcome, until, games: 0 };
		let bond = core::mem::replace(&mut record.bond, Zero::zero());
		Challenges::<T>::insert(id, &record);
		Self::enqueue(Line::Dispute, until.saturating_add(1u32.into()), id);
		// From here on the money is that of a game like any other.
		Self::release(&record.challenger, bond);
		let digest = verdict(outcome).digest();
		let plays = with_storage_layer(|| {
			T::Games::challenge(&record.challenger, Subject::Answer(id), digest, verdict(record.outcome))
		});
		// An operator must be able to defend, whatever the challenger's account and claim look like.
		if let Err(error) = plays {
			log::info!(target: LOG_TARGET, "the challenge of receipt {id:?} is not played: {error:?}");
		}
		Self::deposit_event(Event::AnswerDefended {
			receipt: id,
			operator: who,
			digest,
			plays: plays.is_ok(),
		});
		Ok(())
	}

	/// Lets an answer count as wrong because its operator was silent.
	///
	/// If so much is pending against the operator that one more offence is dropped, or would take the room of one that is proven, the challenge stays
	/// open until there is room: none hides a wrong answer behind many others.
	pub(crate) fn condemn_silence(id: H256, mut record: ChallengeRecordOf<T>) {
		let until = Self::now().saturating_add(T::LateWindow::get());
		let operator = record.operator.clone();
		let (kind, evidence) = (OffenceKind::FalseScore, Self::silence(id, until));
		let silent = Silent::<T>::get(&operator);
		if silent < T::MaxSilent::get() {
			// Silence is no proof: none earns a share by challenging operators that do not watch.
			T::Offences::report(&operator, kind, evidence, None);
		}
		if !T::Offences::is_reported(&operator, kind, evidence) {
			let until = Self::now().saturating_add(T::DefenceWindow::get());
			record.phase = Phase::Open { until };
			Challenges::<T>::insert(id, &record);
			return Self::enqueue(Line::Defence, until, id);
		}
		Silent::<T>::insert(&operator, silent.saturating_add(1));
		record.phase = Phase::Silent { until };
		Challenges::<T>::insert(id, &record);
		Refuted::<T>::insert(id, ());
		Self::enqueue(Line::Late, until, id);
		T::Keys::reversed(&record.signed, id);
		Self::deposit_event(Event::DefenceMissed { receipt: id, operator });
	}

	/// Forgets a challenge.
	pub(crate) fn close(id: H256, record: &ChallengeRecordOf<T>) {
		Self::release(&record.challenger, record.bond);
		Challenges::<T>::remove(id);
		if matches!(record.phase, Phase::Silent { .. }) {
			Self::forget_silence(&record.operator);
		}
		Accused::<T>::mutate_exists(&record.operator, |open| {
			*open = open.unwrap_or(0).checked_sub(1).filter(|open| *open > 0);
		});
	}

	/// The operator was silent about one challenge less.
	fn forget_silence(operator: &T::AccountId) {
		Silent::<T>::mutate_exists(operator, |silent| {
			*silent = silent.unwrap_or(0).checked_sub(1).filter(|silent| *silent > 0);
		});
	}

	/// Reports whether receipts of an operator stand challenged, so that its stake must stay.
	pub fn is_accused(operator: &T::AccountId) -> bool {
		Accused::<T>::contains_key(operator)
	}

	/// Names the offence of an operator that did not defend a receipt, and may do so `until` then.
	///
	/// One that was silent, defended late and is silent again has done it twice: offences that were taken back are remembered, so the second needs
	/// a name of its own.
	pub(crate) fn silence(id: H256, until: BlockNumberFor<T>) -> H256 {
		H256(blake2_256(&(b"blyan/answer-undefended", id, until).encode()))
	}

	/// The bond of the next challenge against an operator.
	pub(crate) fn next_bond(operator: &T::AccountId) -> BalanceOf<T> {
		let factor = rules::bond_factor(Accused::<T>::get(operator), T::BondStep::get());
		T::Bond::get().saturating_mul(factor.into())
	}

	fn release(who: &T::AccountId, bond: BalanceOf<T>) {
		if bond.is_zero() {
			return;
		}
		// Nothing else takes from this hold, so it is whole; if it were not, the rest is all there is.
		let released =
			T::Currency::release(&HoldReason::ChallengeBond.into(), who, bond, Precision::BestEffort);
		if released != Ok(bond) {
			log::error!(target: LOG_TARGET, "bond of {who:?}: released {released:?} of {bond:?}");
		}
	}

	/// The time that windows are in.
	pub(crate) fn now() -> BlockNumberFor<T> {
		T::WorkingTime::current_block_number()
	}
}
