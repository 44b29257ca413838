//! The operator's side: enrol, present, vote and reveal, without anybody's hand.
//!
//! The worker runs at every new best block, on forks too, and several runs may overlap. What is due is read from the
//! chain; what is said is a function of the chain, of the engine's answer and of one random secret that this
//! node made once for each operator and keeps beside its database ([`master_secret`]). Secrets and salts are derived from it, so
//! a node that crashed between two steps says the same again, and there is no list that could be lost.
//!
//! The engine's answer is kept as well once it was used: when the model has moved on, it could perhaps not be
//! computed again, and a vote that cannot be opened may cost its owner dearly.
//!
//! An honest setter's path does not depend on the coin: it evaluates the job, computes both presentations, and sends
//! one of them.

use crate::{
	jobs::JobSource,
	rules::{self, enrolment_nonce},
	Agenda, AuditRecordOf, Audits, Call, Config, Enrolments, Message, MessageOf, Overdue, Pallet, Phase,
	PinnedJob, Revelation, Seat, SeatState, Vote, LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{AuditId, EvaluationJob, EvaluationOutcome, OperatorId, OperatorSignature};
use blyan_support::worker::{
	local_operators, master_secret, poll, send_unless_recent, sign, Notes, Progress, Sending,
};
use codec::Encode;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// Audits that are told apart in local notes: more than are ever open, so that a note is replaced long after
/// its audit ended.
const NOTES: u64 = 4_096;
/// Forks whose jobs of the same audit are told apart.
const FORKS: usize = 8;

impl<T: Config> Pallet<T> {
	/// Says everything that this node's keys owe and the engine has ready.
	pub(crate) fn work(now: BlockNumberFor<T>) {
		let local = local_operators::<T::AccountId, T::Operators>();
		if local.is_empty() {
			return;
		}
		let audits: Vec<(AuditId, AuditRecordOf<T>)> = Agenda::<T>::get()
			.into_iter()
			.filter_map(|(audit, _)| Audits::<T>::get(audit).map(|record| (audit, record)))
			.collect();
		let time = Self::now();
		let overdue: Vec<(AuditId, AuditRecordOf<T>)> = Overdue::<T>::iter().collect();
		for (key, owner) in &local {
			let Some(master) = master_secret(LOG_TARGET, b"blyan/audits/master", owner) else { continue };
			Self::keep_enrolled(key, owner, &master, now);
			for (audit, record) in &audits {
				if time >= *record.until() {
					continue;
				}
				if record.setter == *owner {
					Self::set(*audit, record, key, &master, now);
				} else if let Some(seat) = record.seat(owner) {
					Self::check(*audit, record, seat, key, &master, now);
				}
			}
			// What this node owed when it was away clears its operators' names.
			for (audit, record) in &overdue {
				if record.revelation.is_none() && record.setter == *owner {
					Self::set(*audit, record, key, &master, now);
				} else if let Some(seat) = record.seat(owner).filter(|_| record.revelation.is_some()) {
					Self::check(*audit, record, seat, key, &master, now);
				}
			}
		}
	}

	/// Enrols an operator that is not, or whose commitment this node cannot open: its notes were lost.
	fn keep_enrolled(key: &OperatorId, owner: &T::AccountId, master: &H256, now: BlockNumberFor<T>) {
		if let Some(enrolment) = Enrolments::<T>::get(owner) {
			if rules::commitment(&secret(master, &enrolment.nonce)) == enrolment.commitment {
				return;
			}
		}
		let commitment = rules::commitment(&secret(master, &enrolment_nonce(&now)));
		Self::say(Message::Enrol { commitment, at: now }, &H256::zero(), key, now);
	}

	/// The setter's part.
	fn set(
		audit: AuditId,
		record: &AuditRecordOf<T>,
		key: &OperatorId,
		master: &H256,
		now: BlockNumberFor<T>,
	) {
		let secret_of = |nonce: &H256| secret(master, nonce);
		let secret = secret_of(&record.nonce);
		if rules::commitment(&secret) != record.commitment {
			log::error!(target: LOG_TARGET, "audit {audit}: the secret behind the commitment is lost");
			return;
		}
		match record.phase {
			Phase::Presenting { .. } => {
				let Some(truth) = Self::own_outcome(audit, record, &record.setter) else { return };
				let outcome = rules::present(&truth, &secret, &record.seed, record.trap_share);
				Self::say(Message::Present { audit, outcome }, &record.seed, key, now);
			}
			Phase::Revealing { .. } if record.revelation.is_none() => {
				let Some(truth) = Self::own_outcome(audit, record, &record.setter) else { return };
				let next = rules::commitment(&secret_of(&record.seed));
				let revelation = Revelation { secret, truth };
				Self::say(Message::RevealSetter { audit, revelation, next }, &record.seed, key, now);
			}
			_ => {}
		}
	}

	/// An auditor's part.
	fn check(
		audit: AuditId,
		record: &AuditRecordOf<T>,
		seat: &Seat<T::AccountId>,
		key: &OperatorId,
		master: &H256,
		now: BlockNumberFor<T>,
	) {
		let Some(presented) = &record.presented else { return };
		let state = seat.state;
		let is_due = match record.phase {
			Phase::Voting { .. } => state == SeatState::Waiting,
			Phase::Revealing { .. } => matches!(state, SeatState::Sealed(_)),
			_ => false,
		};
		if !is_due {
			return;
		}
		let Some(own) = Self::own_outcome(audit, record, &seat.operator) else { return };
		let vote = Vote::about(presented, &own);
		let salt = derive(b"salt", master, &record.binding());
		let message = match state {
			SeatState::Sealed(_) => Message::RevealVote { audit, vote, salt },
			_ => Message::Vote { audit, seal: vote.seal(&salt, &seat.operator) },
		};
		Self::say(message, &record.seed, key, now);
	}

	/// Returns this node's outcome, once the engine is done. An outcome that the chain would not accept does not count.
	fn own_outcome(
		audit: AuditId,
		record: &AuditRecordOf<T>,
		owner: &T::AccountId,
	) -> Option<EvaluationOutcome> {
		let (notes, name) = (notes(audit, owner), name_of(&record.job));
		// Earlier versions named an outcome by the seed alone; what they kept may be sealed.
		if let Some(outcome) = notes.recall(&name).or_else(|| notes.recall(&record.seed)) {
			return Some(outcome);
		}
		let outcome = Self::evaluate(audit, &record.job)?;
		if !rules::is_plausible(&outcome, record.job.sample(), record.job.statement.positions()) {
			log::error!(target: LOG_TARGET, "audit {audit}: the engine's outcome contradicts itself");
			return None;
		}
		// It is kept before it is used, or not used.
		notes.keep(name, outcome).then_some(outcome)
	}

	fn evaluate(audit: AuditId, pinned: &PinnedJob) -> Option<EvaluationOutcome> {
		let Some(job) = T::Jobs::job(pinned) else {
			log::debug!(target: LOG_TARGET, "audit {audit}: the model moved too far, nothing to evaluate");
			return None;
		};
		if job.statement() != Some(pinned.statement) {
			log::error!(target: LOG_TARGET, "audit {audit}: the job is not what was stated");
			return None;
		}
		outcome_of(audit, &job)
	}

	/// Signs a message and gives it to the pool, unless that was done a few blocks ago.
	fn say(message: MessageOf<T>, seed: &H256, key: &OperatorId, now: BlockNumberFor<T>) {
		let (audit, kind) = (message.audit(), message.kind());
		let place = audit.and_then(|audit| audit.checked_rem(NOTES));
		let place = (b"blyan/audits/said", kind, place, key).encode();
		let call = || {
			if let Err(error) = Self::ensure_may_say(&message, key) {
				let error: &'static str = error.into();
				log::debug!(target: LOG_TARGET, "audit {audit:?}, message {kind}: not now: {error}");
				return None;
			}
			let subject = format_args!("audit {audit:?}");
			let signature = sign(LOG_TARGET, subject, key, &Self::signing_payload(&message))?;
			Some(call_of(message, key.clone(), signature))
		};
		match send_unless_recent::<T, Call<T>, _>(&place, *seed, now, call) {
			Sending::Taken => log::debug!(target: LOG_TARGET, "audit {audit:?}: sent message {kind}"),
			Sending::Refused => {
				log::debug!(target: LOG_TARGET, "audit {audit:?}: the pool refused message {kind}")
			}
			Sending::OnItsWay | Sending::Withheld => {}
		}
	}
}

/// The call that brings a message to the chain.
fn call_of<T: Config>(message: MessageOf<T>, key: OperatorId, signature: OperatorSignature) -> Call<T> {
	match message {
		Message::Enrol { commitment, at } => Call::enrol { commitment, at, key, signature },
		Message::Present { audit, outcome } => Call::present { audit, outcome, key, signature },
		Message::Vote { audit, seal } => Call::vote { audit, seal, key, signature },
		Message::RevealSetter { audit, revelation, next } => {
			Call::reveal_setter { audit, revelation, next, key, signature }
		}
		Message::RevealVote { audit, vote, salt } => Call::reveal_vote { audit, vote, salt, key, signature },
	}
}

/// The secret behind the commitment of this nonce.
fn secret(master: &H256, nonce: &H256) -> H256 {
	derive(b"coin", master, nonce)
}

fn derive(label: &[u8; 4], master: &H256, subject: &H256) -> H256 {
	H256(blake2_256(&(b"blyan/audits/derived", label, master, subject).encode()))
}

/// Name of a job among the notes. The seed is not enough: on another fork it may have met the model in another state, and an
/// outcome of the job that was drawn there is a false score here.
fn name_of(job: &PinnedJob) -> H256 {
	H256(blake2_256(&(b"blyan/audits/noted", job).encode()))
}

/// Outcomes that this node has used, under the names of their jobs.
fn notes(audit: AuditId, owner: &impl Encode) -> Notes {
	Notes::new((b"blyan/audits/note", audit.checked_rem(NOTES), owner).encode(), FORKS)
}

/// Returns this node's outcome of a job, once the engine is done.
///
/// Only an outcome counts. Whatever else the engine says, the node keeps silent, and silence costs no stake.
fn outcome_of(audit: AuditId, job: &EvaluationJob) -> Option<EvaluationOutcome> {
	match poll(LOG_TARGET, format_args!("audit {audit}"), job, || {}) {
		Progress::Done(outcome) => Some(outcome),
		Progress::Waiting => None,
		Progress::Failed(error) | Progress::Refused(error) => {
			log::error!(target: LOG_TARGET, "audit {audit}: no outcome: {error:?}");
			None
		}
	}
}
