//! The evaluator's side: have both models measured by the node's engine, seal the finding, and open the seal when it is time.
//!
//! The worker runs at every new best block, on forks too, and several runs may overlap. What is due is read from the chain; what is
//! sent is a function of the chain, of the engine's finding and of one random secret that this node made once for each
//! operator and keeps beside its database ([`master_secret`]). A finding is written down before its seal is sent, so a node that stopped in
//! between opens what it has sealed, even if a blob has gone since.

use crate::{Call, Config, Current, Evaluation, EvaluationRecordOf, Pallet, SeatState, LOG_TARGET};
use blyan_primitives::{
	evolution::{
		BenchmarkFinding, BenchmarkJob, BenchmarkModel, BenchmarkStatus, EpochId, EpochPhase, EvaluationStep,
		EvolutionMessage,
	},
	EngineError, JobBody, JobId, OperatorId,
};
use blyan_support::{
	commit_reveal::seat_of,
	genesis_hash,
	worker::{local_operators, master_secret, send_unless_recent, sign, Notes, Sending},
};
use codec::Encode;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	offchain::storage::StorageValueRef,
	traits::{SaturatedConversion, Saturating},
};

/// Blocks before the end of sealing from which a blob that could not be had counts as unavailable. Three are left for the seal to
/// get into a block.
const GIVEN_UP_BEFORE: u32 = 6;
/// Place of the comparison that was started last.
const STARTED: &[u8] = b"blyan/evolution/job";
/// Draws whose findings are kept: those of forks, and of second committees.
const DRAWS: usize = 8;

/// An evaluation that an operator of this node takes part in.
struct Duty<'a, T: Config> {
	epoch: EpochId,
	evaluation: &'a EvaluationRecordOf<T>,
	key: OperatorId,
	owner: T::AccountId,
}

impl<T: Config> Pallet<T> {
	/// Does what this node's operators owe as evaluators and the engine has ready.
	pub(crate) fn work(now: BlockNumberFor<T>) {
		let epoch = Current::<T>::get().filter(|epoch| epoch.phase == EpochPhase::Evaluation);
		let evaluation = Evaluation::<T>::get().filter(|evaluation| Self::now() <= evaluation.until);
		let (Some(epoch), Some(evaluation)) = (epoch, evaluation) else {
			cancel_others(|| None);
			return;
		};
		cancel_others(|| Self::benchmark_job().map(|job| job.id()));
		for (key, owner) in local_operators::<T::AccountId, T::Operators>() {
			Self::fulfil(&Duty { epoch: epoch.id, evaluation: &evaluation, key, owner }, now);
		}
	}

	fn fulfil(duty: &Duty<'_, T>, now: BlockNumberFor<T>) {
		let Duty { epoch, evaluation, owner, .. } = duty;
		let (epoch, draw) = (*epoch, evaluation.draw);
		let Some(seat) = seat_of(&evaluation.seats, owner) else { return };
		let Some(master) = master_secret(LOG_TARGET, b"blyan/evolution/master", owner) else { return };
		let salt = derive(&master, &draw);
		let message = match (&evaluation.step, &seat.state) {
			(EvaluationStep::Sealing, SeatState::Waiting) => {
				let Some(finding) = Self::finding(duty) else { return };
				EvolutionMessage::Seal { epoch, seal: finding.seal(&draw, &salt, owner) }
			}
			(EvaluationStep::Revealing, SeatState::Sealed(seal)) => {
				let opens = |finding: &BenchmarkFinding| finding.seal(&draw, &salt, owner) == *seal;
				// A note that was lost is no harm where the models can be measured again, or were not to be had.
				let found = notes(owner).recall(&draw).filter(opens);
				let found = found.or_else(|| Some(BenchmarkFinding::Unavailable).filter(opens));
				let found = found.or_else(|| {
					let job = Self::benchmark_job()?;
					Self::measure(epoch, &job).ok().flatten().filter(opens)
				});
				let Some(finding) = found else {
					log::warn!(target: LOG_TARGET, "epoch {epoch}: the finding behind the seal is not here");
					return;
				};
				EvolutionMessage::Reveal { epoch, finding, salt }
			}
			_ => return,
		};
		Self::send(message, &draw, &duty.key, now);
	}

	/// This node's finding, once there is one. It is kept before it is used, or not used.
	fn finding(duty: &Duty<'_, T>) -> Option<BenchmarkFinding> {
		let (epoch, evaluation) = (duty.epoch, duty.evaluation);
		let notes = notes(&duty.owner);
		if let Some(finding) = notes.recall(&evaluation.draw) {
			return Some(finding);
		}
		let job = Self::benchmark_job()?;
		let finding = match Self::measure(epoch, &job) {
			Ok(finding) => finding?,
			Err(EngineError::CandidateInvalid) => BenchmarkFinding::Malformed,
			Err(EngineError::BlobMissing(hash)) => {
				let left = evaluation.until.saturating_sub(Self::now()).saturated_into::<u32>();
				// What the base lacks too is not the proposer's to bring.
				let is_candidates = names(&job.candidate, &hash) && !names(&job.base, &hash);
				if left > GIVEN_UP_BEFORE || !is_candidates {
					return None;
				}
				log::info!(target: LOG_TARGET, "epoch {epoch}: blob {hash:?} of the candidate could not be had");
				BenchmarkFinding::Unavailable
			}
			Err(_) => return None,
		};
		notes.keep(evaluation.draw, finding.clone()).then_some(finding)
	}

	/// Asks the engine; `None` while it is at work. Errors are logged.
	fn measure(epoch: EpochId, job: &BenchmarkJob) -> Result<Option<BenchmarkFinding>, EngineError> {
		StorageValueRef::persistent(STARTED).set(&job.id());
		match blyan_host::run_benchmark(job) {
			Ok(BenchmarkStatus::Running { done, total }) => {
				log::debug!(target: LOG_TARGET, "epoch {epoch}: {done} of {total} tasks");
				Ok(None)
			}
			// An outcome about other suites would be refused for ever.
			Ok(BenchmarkStatus::Done(outcome)) if !outcome.is_about(&job.suites) => {
				log::error!(target: LOG_TARGET, "epoch {epoch}: the engine's outcome is not about the suites: {outcome:?}");
				Err(EngineError::Internal)
			}
			Ok(BenchmarkStatus::Done(outcome)) => Ok(Some(BenchmarkFinding::Measured(outcome))),
			Err(error) => {
				let level = match error {
					EngineError::NotAvailable => log::Level::Warn,
					EngineError::BlobMissing(_) | EngineError::Busy => log::Level::Debug,
					_ => log::Level::Info,
				};
				log::log!(target: LOG_TARGET, level, "epoch {epoch}: no finding: {error:?}");
				Err(error)
			}
		}
	}

	/// Signs a message and gives it to the pool, unless that was done a few blocks ago.
	fn send(message: EvolutionMessage, draw: &H256, key: &OperatorId, now: BlockNumberFor<T>) {
		let (epoch, kind) = (message.epoch(), message.kind());
		let place = (b"blyan/evolution/sent", kind, key).encode();
		let call = || {
			let payload = message.signing_payload(&genesis_hash::<T>(), draw);
			let signature = sign(LOG_TARGET, format_args!("epoch {epoch}"), key, &payload)?;
			let key = key.clone();
			Some(match message {
				EvolutionMessage::Seal { epoch, seal } => Call::seal { epoch, seal, key, signature },
				EvolutionMessage::Reveal { epoch, finding, salt } => {
					Call::reveal { epoch, finding, salt, key, signature }
				}
			})
		};
		match send_unless_recent::<T, Call<T>, _>(&place, *draw, now, call) {
			Sending::Taken => log::debug!(target: LOG_TARGET, "epoch {epoch}: sent message {kind}"),
			Sending::Refused => {
				log::debug!(target: LOG_TARGET, "epoch {epoch}: the pool refused message {kind}")
			}
			Sending::OnItsWay | Sending::Withheld => {}
		}
	}
}

/// Cancels the comparison that was started last, unless it is the one that is wanted: no other is of use any more.
///
/// Should it still be wanted on another fork, that fork's next block starts it again, and the engine goes on where it was.
fn cancel_others(wanted: impl FnOnce() -> Option<JobId>) {
	let mut mark = StorageValueRef::persistent(STARTED);
	let Ok(Some(started)) = mark.get::<JobId>() else { return };
	if wanted() != Some(started) {
		// It may have ended or been forgotten long ago; then there is nothing to cancel.
		let _ = blyan_host::cancel(started);
		mark.clear();
	}
}

/// Reports whether a blob belongs to a model.
fn names(model: &BenchmarkModel, hash: &H256) -> bool {
	let parts = match &model.body {
		JobBody::First { trunk, .. } => core::slice::from_ref(trunk),
		JobBody::Second { parts, .. } => parts.as_slice(),
	};
	parts.iter().chain(&model.heads).any(|block| block.blob.hash == *hash)
}

/// The salt of this draw.
fn derive(master: &H256, draw: &H256) -> H256 {
	H256(blake2_256(&(b"blyan/evolution/salt", master, draw).encode()))
}

/// Findings of this node, under their draws.
pub(crate) fn notes(owner: &impl Encode) -> Notes {
	Notes::new((b"blyan/evolution/note", owner).encode(), DRAWS)
}
