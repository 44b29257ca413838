//! The operator's side: enrol, present, vote and reveal, without anybody's hand.
//!
//! The worker runs at every new best block, on forks too, and several runs may overlap. What is due is read from the
//! chain; what is said is a function of the chain, of the engine's answer and of one random secret that this
//! node made once for each operator and keeps beside its database ([`master`]). Secrets and salts are derived from it, so
//! a node that crashed between two steps says the same again, and there is no list that could be lost.
//!
//! The engine's answer is kept as well once it was used: when the model has moved on, it could perhaps not be
//! computed again, and a vote that cannot be opened may cost its owner dearly.
//!
//! An honest setter's path does not depend on the coin: it evaluates the job, computes both presentations, and sends
//! one of them.

use crate::{
	authorization::MessageOf, dispatch::enrolment_nonce, jobs::JobSource, rules, Agenda, AuditRecordOf,
	Audits, Call, Config, Enrolments, Message, Overdue, Pallet, Phase, PinnedJob, Revelation, Seat,
	SeatState, Vote, LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::OperatorSet, AuditId, EngineError, EvaluationJob, EvaluationOutcome, JobStatus, OperatorId,
};
use codec::Encode;
use frame_system::{offchain::SubmitTransaction, pallet_prelude::BlockNumberFor};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	offchain::storage::{MutateStorageError, StorageRetrievalError, StorageValueRef},
	traits::Saturating,
	RuntimeAppPublic,
};

/// Blocks after which a message that is not on the chain is sent again.
const RESEND_AFTER: u32 = 5;
/// Audits that are told apart in local notes: more than are ever open, so that a note is replaced long after
/// its audit ended.
const NOTES: u64 = 4_096;
/// Forks whose audits of the same number are told apart.
const FORKS: usize = 8;

/// An outcome this node has used, under the seed of its audit.
type Note = (H256, EvaluationOutcome);

impl<T: Config> Pallet<T> {
	/// Says everything that this node's keys owe and the engine has ready.
	pub(crate) fn work(now: BlockNumberFor<T>) {
		let local: Vec<(OperatorId, T::AccountId)> = OperatorId::all()
			.into_iter()
			.filter_map(|key| T::Operators::owner_of(&key).map(|owner| (key, owner)))
			.collect();
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
			let Some(master) = master(owner) else { continue };
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
		if let Some(outcome) = recall(audit, &record.seed, owner) {
			return Some(outcome);
		}
		let outcome = Self::evaluate(audit, &record.job)?;
		if !rules::is_plausible(&outcome, record.job.sample(), record.job.statement.positions()) {
			log::error!(target: LOG_TARGET, "audit {audit}: the engine's outcome contradicts itself");
			return None;
		}
		// It is kept before it is used, or not used.
		remember(audit, &record.seed, owner, outcome).then_some(outcome)
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
		let place = message.audit().and_then(|audit| audit.checked_rem(NOTES));
		let place = (b"blyan/audits/said", message.kind(), place, key).encode();
		let mark = StorageValueRef::persistent(&place);
		if let Ok(Some((said, at))) = mark.get::<(H256, BlockNumberFor<T>)>() {
			// A mark from the future is one from a fork that lost.
			let is_recent = at <= now && now < at.saturating_add(RESEND_AFTER.into());
			if said == *seed && is_recent {
				return;
			}
		}
		let (audit, kind) = (message.audit(), message.kind());
		if let Err(error) = Self::ensure_may_say(&message, key) {
			let error: &'static str = error.into();
			log::debug!(target: LOG_TARGET, "audit {audit:?}, message {kind}: not now: {error}");
			return;
		}
		let Some(signature) = key.sign(&Self::signing_payload(&message)) else {
			log::warn!(target: LOG_TARGET, "audit {audit:?}: the keystore did not sign with {key:?}");
			return;
		};
		let key = key.clone();
		let call = match message {
			Message::Enrol { commitment, at } => Call::enrol { commitment, at, key, signature },
			Message::Present { audit, outcome } => Call::present { audit, outcome, key, signature },
			Message::Vote { audit, seal } => Call::vote { audit, seal, key, signature },
			Message::RevealSetter { audit, revelation, next } => {
				Call::reveal_setter { audit, revelation, next, key, signature }
			}
			Message::RevealVote { audit, vote, salt } => {
				Call::reveal_vote { audit, vote, salt, key, signature }
			}
		};
		let transaction = T::create_authorized_transaction(call.into());
		match SubmitTransaction::<T, Call<T>>::submit_transaction(transaction) {
			Ok(()) => {
				mark.set(&(*seed, now));
				log::debug!(target: LOG_TARGET, "audit {audit:?}: sent message {kind}");
			}
			Err(()) => log::debug!(target: LOG_TARGET, "audit {audit:?}: the pool refused message {kind}"),
		}
	}
}

/// The random value that everything this operator's node must keep to itself is derived from; made when it is first asked
/// for. It belongs to the account, so that an operator may change its key in the middle of an audit.
fn master(owner: &impl Encode) -> Option<H256> {
	let place = (b"blyan/audits/master", owner).encode();
	let stored =
		StorageValueRef::persistent(&place).mutate(|stored: Result<Option<H256>, StorageRetrievalError>| {
			match stored {
				Ok(Some(master)) => Ok(master),
				Ok(None) => Ok(H256(blake2_256(&(sp_io::offchain::random_seed(), owner).encode()))),
				// What cannot be read is not overwritten: it may be a newer node's.
				Err(_) => Err(()),
			}
		});
	match stored {
		Ok(master) => Some(master),
		// Another run made it at this moment; the next block finds it.
		Err(MutateStorageError::ConcurrentModification(_)) => None,
		Err(MutateStorageError::ValueFunctionFailed(())) => {
			log::error!(target: LOG_TARGET, "the secret of {:?} cannot be read", owner.encode());
			None
		}
	}
}

/// The secret behind the commitment of this nonce.
fn secret(master: &H256, nonce: &H256) -> H256 {
	derive(b"coin", master, nonce)
}

fn derive(label: &[u8; 4], master: &H256, subject: &H256) -> H256 {
	H256(blake2_256(&(b"blyan/audits/derived", label, master, subject).encode()))
}

fn note_place(audit: AuditId, owner: &impl Encode) -> Vec<u8> {
	(b"blyan/audits/note", audit.checked_rem(NOTES), owner).encode()
}

fn recall(audit: AuditId, seed: &H256, owner: &impl Encode) -> Option<EvaluationOutcome> {
	let place = note_place(audit, owner);
	let notes = StorageValueRef::persistent(&place).get::<Vec<Note>>().ok()??;
	notes.into_iter().find(|(noted, _)| noted == seed).map(|(_, outcome)| outcome)
}

/// Returns whether it is kept: two runs may try at the same time, and one of them does not succeed.
fn remember(audit: AuditId, seed: &H256, owner: &impl Encode, outcome: EvaluationOutcome) -> bool {
	let place = note_place(audit, owner);
	let add = |notes: Result<Option<Vec<Note>>, StorageRetrievalError>| {
		// What cannot be read was written by another version and is of no use.
		let mut notes = notes.unwrap_or_default().unwrap_or_default();
		notes.retain(|(noted, _)| noted != seed);
		notes.push((*seed, outcome));
		let old = notes.len().saturating_sub(FORKS);
		Ok::<_, ()>(notes.split_off(old))
	};
	StorageValueRef::persistent(&place).mutate(add).is_ok()
}

/// Polls the engine for a job's outcome; starts the job if the engine does not know it.
///
/// Only an outcome counts. Whatever else the engine says, the node keeps silent, and silence costs no stake.
fn outcome_of(audit: AuditId, job: &EvaluationJob) -> Option<EvaluationOutcome> {
	let status = match blyan_host::poll(job.id()) {
		Err(EngineError::UnknownJob) => blyan_host::submit_job(job).and_then(blyan_host::poll),
		status => status,
	};
	let error = match status {
		Ok(JobStatus::Done(outcome)) => return Some(outcome),
		Ok(JobStatus::Queued | JobStatus::Running { .. }) => return None,
		Ok(JobStatus::Failed(error)) | Err(error) => error,
	};
	match error {
		EngineError::NotAvailable => {
			log::warn!(target: LOG_TARGET, "audit {audit}: this node has operator keys but no engine");
		}
		error if error.is_retryable() => {
			// The engine says once which blob it waits for.
			let level = match error {
				EngineError::BlobMissing(_) => log::Level::Debug,
				_ => log::Level::Info,
			};
			log::log!(target: LOG_TARGET, level, "audit {audit}: {error:?}, trying again");
			// A failed job is started afresh; whether that helps shows at the next block.
			if let Err(error) = blyan_host::submit_job(job) {
				log::debug!(target: LOG_TARGET, "audit {audit}: not started: {error:?}");
			}
		}
		error => log::error!(target: LOG_TARGET, "audit {audit}: no outcome: {error:?}"),
	}
	None
}
