//! The operator's side: ask the native engine for scores that are due, seal them, and reveal them when it is time.
//!
//! The worker runs at every new best block, on forks too, and several runs may overlap; the node may stop between a
//! seal and its reveal. What is due is read from the chain, and sending the same thing twice is refused by the pool. One
//! thing must never be lost or made twice: the salt of a seal, and the verdict under it. They are one *promise*, written to
//! persistent local storage, by compare-and-set, before anything is sent; whoever finds a promise keeps it and computes
//! nothing again. The rest of the memory is a hint: when a promise was last sent, so that what got lost is sent
//! again, and which jobs were started last, so that those nobody waits for are cancelled.

use crate::{
	Announced, BusyModels, Call, Config, EvaluationRecordOf, OpenSubmissions, Pallet, Phase, Queues,
	SubmissionRecordOf, LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	seal_hash, Attestation, DrawId, EngineError, EvaluationJob, EvaluationOutcome, JobId, ModelId,
	OperatorId, OperatorSignature, Score, ScoreReport, ScoreSeal, SubmissionId, Verdict,
};
use blyan_support::{
	genesis_hash,
	worker::{is_on_its_way, local_operators, poll, send_unless_recent, sign, submit, Progress, Sending},
};
use codec::{Decode, Encode};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{
	offchain::storage::{MutateStorageError, StorageValueRef},
	RuntimeAppPublic,
};

/// Promises kept for each model and key. A model has one evaluation at a time; the others are those of forks, and past.
const PROMISES_KEPT: usize = 16;

/// A verdict that is, or is about to be, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Promise<BlockNumber> {
	/// The submission.
	pub submission: SubmissionId,
	/// The draw. On another fork, or after a refuted decision, the same number means another one.
	pub draw: DrawId,
	/// The finding.
	pub verdict: Verdict,
	/// What it is sealed with.
	pub salt: H256,
	/// When its seal was last sent.
	pub sealed_at: Option<BlockNumber>,
	/// When it was last revealed.
	pub revealed_at: Option<BlockNumber>,
}

type PromiseOf<T> = Promise<BlockNumberFor<T>>;

/// The two things that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
	Seal,
	Reveal,
}

/// What a member owes: which promise, to whom.
struct Duty<'a, T: Config> {
	submission: SubmissionId,
	record: &'a SubmissionRecordOf<T>,
	evaluation: &'a EvaluationRecordOf<T>,
	key: &'a OperatorId,
	operator: &'a T::AccountId,
}

impl<T: Config> Pallet<T> {
	/// Does what this node's operators owe, and what pays them, at a new best block.
	pub(crate) fn do_offchain_work(now: BlockNumberFor<T>) {
		log::trace!(target: LOG_TARGET, "off-chain worker at block {now:?}");
		Self::attest_blobs(now);
		let local = local_operators::<T::AccountId, T::Operators>();
		if !local.is_empty() {
			Self::serve_seats(&local, now);
			Self::report_copies(&local, now);
		}
	}

	/// Says of submissions that wait for it whether this node has their bytes, for each of its operators.
	pub(crate) fn attest_blobs(now: BlockNumberFor<T>) {
		let waiting = Announced::<T>::get();
		if waiting.is_empty() {
			return;
		}
		for key in OperatorId::all() {
			for (submission, _) in &waiting {
				Self::attest_blob(*submission, &key, now);
			}
		}
	}

	fn attest_blob(submission: SubmissionId, key: &OperatorId, now: BlockNumberFor<T>) {
		let Some(record) = OpenSubmissions::<T>::get(submission) else { return };
		let attestation = Attestation { submission, blob: record.claim.block.blob.hash };
		// What is not due, or was said by this operator, costs no look at the disk.
		if Self::ensure_may_attest(&attestation, key).is_err() {
			return;
		}
		if blyan_host::has_blob(attestation.blob) != Ok(true) {
			return;
		}
		let place = (b"blyan/learning/attested", attestation, key).encode();
		let call = || {
			let payload = attestation.signing_payload(&genesis_hash::<T>());
			let signature = Self::sign(submission, key, &payload)?;
			Some(Call::attest_bytes { attestation, key: key.clone(), signature })
		};
		if Self::send(&place, submission, now, call) {
			log::info!(target: LOG_TARGET, "submission {submission}: attested its bytes");
		}
	}

	/// Signs what is about a submission.
	pub(crate) fn sign(
		submission: SubmissionId,
		key: &OperatorId,
		payload: &[u8],
	) -> Option<OperatorSignature> {
		sign(LOG_TARGET, format_args!("submission {submission}"), key, payload)
	}

	/// Gives the pool what `call` makes, unless that was done a few blocks ago, which is marked at `place`; returns whether
	/// it was taken now. What goes wrong is logged and tried again at the next block.
	pub(crate) fn send(
		place: &[u8],
		submission: SubmissionId,
		now: BlockNumberFor<T>,
		call: impl FnOnce() -> Option<Call<T>>,
	) -> bool {
		let sending = send_unless_recent::<T, Call<T>, ()>(place, (), now, call);
		if sending == Sending::Refused {
			log::debug!(target: LOG_TARGET, "submission {submission}: the pool did not take the transaction");
		}
		sending == Sending::Taken
	}

	/// Where the promises of a key are.
	pub(crate) fn promises_of(model: ModelId, key: &OperatorId) -> Vec<u8> {
		(b"blyan/learning/promises", model, key).encode()
	}

	/// Seals and reveals whatever this node's keys owe and the engine has ready.
	pub(crate) fn serve_seats(local: &[(OperatorId, T::AccountId)], now: BlockNumberFor<T>) {
		Self::reveal_late_seals(local, now);
		Self::object_to_acceptances(local, now);
		for model in BusyModels::<T>::get() {
			let first = Queues::<T>::get(model).first().copied();
			let Some((submission, record)) =
				first.and_then(|id| OpenSubmissions::<T>::get(id).map(|record| (id, record)))
			else {
				continue;
			};
			let Phase::Evaluating(evaluation) = &record.phase else { continue };
			for (key, operator) in local {
				let duty: Duty<T> = Duty { submission, record: &record, evaluation, key, operator };
				duty.serve(now);
			}
		}
	}
}

impl<T: Config> Duty<'_, T> {
	/// Does what the seat owes at block `now`; what is sent can be in the next block at the earliest.
	fn serve(&self, now: BlockNumberFor<T>) {
		let Some(seat) = self.evaluation.seat(self.operator) else { return };
		match (seat.seal, seat.verdict) {
			(None, _) if now < self.evaluation.seal_deadline && self.evaluation.may_seal(self.operator) => {
				if let Some(promise) = self.promise() {
					self.send(promise, Step::Seal, now);
				}
			}
			(Some(seal), None)
				if self.evaluation.is_revealing(now) && now < self.evaluation.reveal_deadline =>
			{
				let opens =
					|promise: &PromiseOf<T>| promise.draw == self.draw() && self.seal_of(promise) == seal;
				match self.promises().into_iter().find(opens) {
					Some(promise) => self.send(promise, Step::Reveal, now),
					None => log::error!(
						target: LOG_TARGET,
						"submission {}: this node did not make the seal of {:?} and cannot open it",
						self.submission,
						self.key
					),
				}
			}
			_ => {}
		}
	}

	fn model(&self) -> ModelId {
		self.record.claim.slot.model
	}

	fn draw(&self) -> DrawId {
		let claim = &self.record.claim;
		self.evaluation.terms.draw_id(&claim.slot, &claim.block)
	}

	fn seal_of(&self, promise: &PromiseOf<T>) -> H256 {
		seal_hash(&promise.verdict.digest(), &promise.salt, self.operator)
	}

	/// Where the promises of this key are.
	fn place(&self) -> Vec<u8> {
		Pallet::<T>::promises_of(self.model(), self.key)
	}

	/// What this key has promised, the oldest first.
	fn promises(&self) -> Vec<PromiseOf<T>> {
		let place = self.place();
		StorageValueRef::persistent(&place).get().ok().flatten().unwrap_or_default()
	}

	/// The promise of this seat; made now, if the engine has a verdict and there is none yet.
	fn promise(&self) -> Option<PromiseOf<T>> {
		let draw = self.draw();
		let is_ours = |promise: &PromiseOf<T>| promise.draw == draw;
		if let Some(made) = self.promises().into_iter().find(is_ours) {
			return Some(made);
		}
		let verdict = self.verdict()?;
		if !Pallet::<T>::admits(self.model(), &self.evaluation.terms, &verdict) {
			log::error!(target: LOG_TARGET, "submission {}: the chain would refuse this score", self.submission);
			return None;
		}
		let entropy = sp_io::offchain::random_seed();
		let salt = sp_io::hashing::blake2_256(&(entropy, draw, self.key).encode());
		let submission = self.submission;
		let ours =
			Promise { submission, draw, verdict, salt: H256(salt), sealed_at: None, revealed_at: None };
		let place = self.place();
		let written = StorageValueRef::persistent(&place).mutate::<Vec<PromiseOf<T>>, (), _>(|promises| {
			let mut promises = promises.ok().flatten().unwrap_or_default();
			// A run beside this one may have been faster; then its salt is the one.
			if !promises.iter().any(is_ours) {
				promises.push(ours);
			}
			let surplus = promises.len().saturating_sub(PROMISES_KEPT);
			promises.drain(..surplus);
			Ok(promises)
		});
		match written {
			Ok(promises) => promises.into_iter().find(is_ours),
			Err(
				MutateStorageError::ConcurrentModification(_) | MutateStorageError::ValueFunctionFailed(()),
			) => {
				log::debug!(target: LOG_TARGET, "submission {}: another run is at it", self.submission);
				None
			}
		}
	}

	/// Signs what is to be sent and gives it to the pool, unless that was done a few blocks ago.
	fn send(&self, promise: PromiseOf<T>, step: Step, now: BlockNumberFor<T>) {
		let sent_at = match step {
			Step::Seal => promise.sealed_at,
			Step::Reveal => promise.revealed_at,
		};
		if sent_at.is_some_and(|at| is_on_its_way(at, now)) {
			return;
		}
		let submission = self.submission;
		let genesis = genesis_hash::<T>();
		let key = self.key.clone();
		let call = match step {
			Step::Seal => {
				let seal = ScoreSeal { submission, seal: self.seal_of(&promise) };
				let payload = seal.signing_payload(&genesis, &promise.draw);
				Pallet::<T>::sign(submission, self.key, &payload).map(|signature| Call::commit_score {
					seal,
					key,
					signature,
				})
			}
			Step::Reveal => {
				let report = ScoreReport { submission, verdict: promise.verdict };
				let salt = promise.salt;
				let payload = report.signing_payload(&genesis, &promise.draw);
				Pallet::<T>::sign(submission, self.key, &payload).map(|signature| Call::reveal_score {
					report,
					salt,
					key,
					signature,
				})
			}
		};
		let Some(call) = call else { return };
		if submit::<T, Call<T>>(call) {
			self.mark(&promise, step, now);
			log::info!(target: LOG_TARGET, "submission {submission}: {step:?} {:?}", promise.verdict.digest());
		} else {
			log::debug!(target: LOG_TARGET, "submission {submission}: the pool did not take the {step:?}");
		}
	}

	/// Remembers when a promise was sent. Losing this costs a transaction that the pool refuses.
	fn mark(&self, sent: &PromiseOf<T>, step: Step, now: BlockNumberFor<T>) {
		let place = self.place();
		let _ = StorageValueRef::persistent(&place).mutate::<Vec<PromiseOf<T>>, (), _>(|promises| {
			let mut promises = promises.ok().flatten().ok_or(())?;
			for promise in promises.iter_mut().filter(|promise| promise.salt == sent.salt) {
				match step {
					Step::Seal => promise.sealed_at = Some(now),
					Step::Reveal => promise.revealed_at = Some(now),
				}
			}
			Ok(promises)
		});
	}

	/// What the engine says about this submission by now; starts what it does not know.
	fn verdict(&self) -> Option<Verdict> {
		let claim = &self.record.claim;
		let terms = &self.evaluation.terms;
		let job = |part| Pallet::<T>::job_for(claim.slot, claim.block, terms, part);
		let Some(jobs) = Jobs::of(job, terms.guard.is_some()) else {
			log::debug!(
				target: LOG_TARGET,
				"submission {}: the baseline is forgotten, nothing to evaluate",
				self.submission
			);
			return None;
		};
		verdict_of(self.submission, jobs, Some(self.model()))
	}
}

/// What the engine says about a submission by now; starts what it does not know.
///
/// - `cancels`: the model whose earlier jobs may be cancelled for these.
pub(crate) fn verdict_of(submission: SubmissionId, jobs: Jobs, cancels: Option<ModelId>) -> Option<Verdict> {
	let ids = jobs.ids();
	let target = measure(submission, jobs.target, &ids, cancels);
	// Both are started before either is waited for.
	let guard = jobs.guard.map(|job| measure(submission, job, &ids, cancels));
	if target == Some(Measured::Invalid) || guard == Some(Some(Measured::Invalid)) {
		return Some(Verdict::Invalid);
	}
	let Some(Measured::Outcome(target)) = target else { return None };
	let guard = match guard {
		Some(Some(Measured::Outcome(guard))) => Some(guard),
		Some(_) => return None,
		None => None,
	};
	Some(Verdict::Scored(Score { target, guard }))
}

/// What the engine says about one job by now; starts it if the engine does not know it.
///
/// - `jobs`: all jobs of this submission; others of the model may be cancelled for it.
fn measure(
	submission: SubmissionId,
	job: EvaluationJob,
	jobs: &[JobId],
	cancels: Option<ModelId>,
) -> Option<Measured> {
	let before_start = || {
		if let Some(model) = cancels {
			cancel_predecessors(model, jobs);
		}
	};
	match poll(LOG_TARGET, format_args!("submission {submission}"), &job, before_start) {
		Progress::Done(outcome) => Some(Measured::Outcome(outcome)),
		Progress::Failed(EngineError::CandidateInvalid) => Some(Measured::Invalid),
		Progress::Waiting => None,
		Progress::Failed(error) | Progress::Refused(error) => {
			log::error!(target: LOG_TARGET, "submission {submission}: no verdict: {error:?}");
			None
		}
	}
}

/// What a submission's verdict takes.
pub(crate) struct Jobs {
	target: EvaluationJob,
	guard: Option<EvaluationJob>,
}

impl Jobs {
	/// The jobs of a draw, by part; `None` if the baseline fell out of the registry's history.
	pub(crate) fn of(job: impl Fn(u8) -> Option<EvaluationJob>, is_guarded: bool) -> Option<Self> {
		let target = job(0)?;
		let guard = match is_guarded {
			true => Some(job(1)?),
			false => None,
		};
		Some(Self { target, guard })
	}

	fn ids(&self) -> Vec<JobId> {
		core::iter::once(&self.target).chain(&self.guard).map(EvaluationJob::id).collect()
	}
}

/// What one job came to.
#[derive(Debug, PartialEq, Eq)]
enum Measured {
	Outcome(EvaluationOutcome),
	Invalid,
}

/// Cancels the jobs that were started last for this model, but for those still wanted.
///
/// A model has one evaluation at a time, so the earlier one was decided without us. Should it still be wanted on
/// another fork, that fork's next block starts it again.
fn cancel_predecessors(model: ModelId, wanted: &[JobId]) {
	let place = (b"blyan/learning/jobs", model).encode();
	let mark = StorageValueRef::persistent(&place);
	if let Ok(Some(earlier)) = mark.get::<Vec<JobId>>() {
		for id in earlier.into_iter().filter(|id| !wanted.contains(id)) {
			// It may have ended or been forgotten long ago; then there is nothing to cancel.
			let _ = blyan_host::cancel(id);
		}
	}
	mark.set(&wanted.to_vec());
}
