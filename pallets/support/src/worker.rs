//! Scaffold of the off-chain workers that act for this node's operators.
//!
//! A worker runs at every new best block, on forks too, and several runs may overlap. So what is due is read from the chain,
//! and sending the same thing twice is refused by the pool. What must not be lost or made twice is written to persistent local
//! storage, by compare-and-set, before anything that rests on it is sent: a secret ([`master_secret`]), a
//! finding ([`Notes`]). All other memory is a hint that saves a transaction ([`send_unless_recent`]).

use alloc::vec::Vec;
use blyan_primitives::{
	traits::OperatorSet, EngineError, EvaluationJob, EvaluationOutcome, JobStatus, OperatorId,
	OperatorSignature,
};
use codec::{Codec, Decode, Encode};
use core::fmt::Display;
use frame_system::{
	offchain::{CreateAuthorizedTransaction, SubmitTransaction},
	pallet_prelude::BlockNumberFor,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	offchain::storage::{MutateStorageError, StorageRetrievalError, StorageValueRef},
	traits::Saturating,
	RuntimeAppPublic,
};

/// Blocks after which something that is not on the chain is sent again.
pub const RESEND_AFTER: u32 = 5;

/// This node's operators, by their session keys.
pub fn local_operators<AccountId, Operators: OperatorSet<AccountId>>() -> Vec<(OperatorId, AccountId)> {
	let keys = OperatorId::all().into_iter();
	keys.filter_map(|key| Operators::owner_of(&key).map(|owner| (key, owner))).collect()
}

/// Signs with a session key of this node's keystore. Logs it if the keystore does not.
///
/// - `subject`: what the message is about, for the log.
pub fn sign(
	target: &str,
	subject: impl Display,
	key: &OperatorId,
	payload: &[u8],
) -> Option<OperatorSignature> {
	let signature = key.sign(&payload);
	if signature.is_none() {
		log::warn!(target: target, "{subject}: the keystore did not sign with {key:?}");
	}
	signature
}

/// Gives the pool a call that authorises itself, and returns whether it was taken.
pub fn submit<T, LocalCall>(call: LocalCall) -> bool
where
	T: CreateAuthorizedTransaction<LocalCall>,
{
	let transaction = T::create_authorized_transaction(call.into());
	SubmitTransaction::<T, LocalCall>::submit_transaction(transaction).is_ok()
}

/// Reports whether what was sent in block `at` may still be on its way in block `now`.
pub fn is_on_its_way<BlockNumber>(at: BlockNumber, now: BlockNumber) -> bool
where
	BlockNumber: Saturating + Copy + PartialOrd + From<u32>,
{
	// A mark from the future is one from a fork that lost.
	at <= now && now < at.saturating_add(RESEND_AFTER.into())
}

/// Fate of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
	/// It was sent a few blocks ago and may still be on its way.
	OnItsWay,
	/// There is no call: it is not due, or was not signed.
	Withheld,
	/// The pool did not take it.
	Refused,
	/// The pool took it.
	Taken,
}

/// Gives the pool what `call` makes, unless that was done a few blocks ago. Whatever is not taken can be tried again at the
/// next block.
///
/// - `place`: where local storage has the mark of what was sent.
/// - `subject`: tells apart what has one place on two forks; `()` where the place does.
pub fn send_unless_recent<T, LocalCall, Subject>(
	place: &[u8],
	subject: Subject,
	now: BlockNumberFor<T>,
	call: impl FnOnce() -> Option<LocalCall>,
) -> Sending
where
	T: frame_system::Config + CreateAuthorizedTransaction<LocalCall>,
	Subject: Codec + PartialEq,
{
	let mark = StorageValueRef::persistent(place);
	let last = mark.get::<(Subject, BlockNumberFor<T>)>().ok().flatten();
	if last.is_some_and(|(sent, at)| sent == subject && is_on_its_way(at, now)) {
		return Sending::OnItsWay;
	}
	let Some(call) = call() else { return Sending::Withheld };
	if !submit::<T, LocalCall>(call) {
		return Sending::Refused;
	}
	mark.set(&(subject, now));
	Sending::Taken
}

/// The random value from which everything is derived that an operator's node must keep to itself; made when it is first asked
/// for. It belongs to the account, so that an operator may change its key in between.
///
/// - `context`: names the pallet, so that no two share a secret.
pub fn master_secret<const N: usize>(target: &str, context: &[u8; N], owner: &impl Encode) -> Option<H256> {
	let place = (context, owner).encode();
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
			log::error!(target: target, "the secret of {:?} cannot be read", owner.encode());
			None
		}
	}
}

/// Findings that a node keeps before it uses them, so that it opens what it has sealed even if they could not be computed
/// again.
pub struct Notes {
	place: Vec<u8>,
	kept: usize,
}

impl Notes {
	/// The notes at a place of local storage, the last so many of them.
	pub fn new(place: Vec<u8>, kept: usize) -> Self {
		Self { place, kept }
	}

	/// The finding with this name.
	pub fn recall<Finding: Decode>(&self, name: &H256) -> Option<Finding> {
		let notes = StorageValueRef::persistent(&self.place).get::<Vec<(H256, Finding)>>().ok()??;
		notes.into_iter().find(|(noted, _)| noted == name).map(|(_, finding)| finding)
	}

	/// Returns whether the finding is kept. Two runs may try, at the same time or one after the other, with different findings: the
	/// first stays, as its seal may be on its way, and the other run finds it in the next block.
	pub fn keep<Finding: Codec>(&self, name: H256, finding: Finding) -> bool {
		let add = |notes: Result<Option<Vec<(H256, Finding)>>, StorageRetrievalError>| {
			// What cannot be read was written by another version and is of no use.
			let mut notes = notes.unwrap_or_default().unwrap_or_default();
			if notes.iter().any(|(noted, _)| *noted == name) {
				return Err(());
			}
			notes.push((name, finding));
			let old = notes.len().saturating_sub(self.kept);
			Ok(notes.split_off(old))
		};
		StorageValueRef::persistent(&self.place).mutate(add).is_ok()
	}
}

/// Standing of a job in this node's engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
	/// It is done.
	Done(EvaluationOutcome),
	/// It may be done at a later block.
	Waiting,
	/// It ended with this error, which starting it again would not change.
	Failed(EngineError),
	/// The engine does not take it, for this reason.
	Refused(EngineError),
}

/// Polls the engine for a job. Starts the job if the engine does not know it, and again where that can help.
///
/// Logs whatever is waited for; an end without an outcome is the caller's to log.
///
/// - `subject`: what the job is about, for the log.
/// - `before_start`: what is to be done before the engine gets a job that it does not know.
pub fn poll(
	target: &str,
	subject: impl Display,
	job: &EvaluationJob,
	before_start: impl FnOnce(),
) -> Progress {
	let status = match blyan_host::poll(job.id()) {
		Err(EngineError::UnknownJob) => {
			before_start();
			blyan_host::submit_job(job).and_then(blyan_host::poll)
		}
		status => status,
	};
	let (error, end): (_, fn(EngineError) -> Progress) = match status {
		Ok(JobStatus::Done(outcome)) => return Progress::Done(outcome),
		Ok(JobStatus::Queued) => {
			log::debug!(target: target, "{subject}: waits for the engine");
			return Progress::Waiting;
		}
		Ok(JobStatus::Running { done, total }) => {
			log::debug!(target: target, "{subject}: {done} of {total} sequences");
			return Progress::Waiting;
		}
		Ok(JobStatus::Failed(error)) => (error, Progress::Failed),
		Err(error) => (error, Progress::Refused),
	};
	match error {
		EngineError::NotAvailable => {
			log::warn!(target: target, "{subject}: this node has operator keys but no engine");
			Progress::Waiting
		}
		error if error.is_retryable() => {
			// The engine says once which blob it waits for, and the bytes may take a while to come.
			let level = match error {
				EngineError::BlobMissing(_) => log::Level::Debug,
				_ => log::Level::Info,
			};
			log::log!(target: target, level, "{subject}: {error:?}, trying again");
			// A failed job is started afresh; whether that helps shows at the next block.
			if let Err(error) = blyan_host::submit_job(job) {
				log::debug!(target: target, "{subject}: not started: {error:?}");
			}
			Progress::Waiting
		}
		error => end(error),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::mocks::Machine;

	fn on_a_machine(story: impl FnOnce()) {
		let mut world = sp_io::TestExternalities::default();
		Machine::with_engine(()).attach(&mut world);
		world.execute_with(story);
	}

	#[test]
	fn what_was_sent_is_on_its_way_for_some_blocks_and_never_from_the_future() {
		let sent = |now: u32| is_on_its_way(10u32, now);
		assert_eq!([9, 10, 14, 15].map(sent), [false, true, true, false]);
		assert!(is_on_its_way(u32::MAX - 1, u32::MAX - 1), "nothing overflows");
	}

	#[test]
	fn a_secret_is_made_once_for_each_owner_and_context() {
		on_a_machine(|| {
			let secret = |context, owner: u8| master_secret("test", context, &owner).unwrap();
			let first = secret(b"one", 1);
			assert_eq!(secret(b"one", 1), first);
			assert_ne!(secret(b"one", 2), first);
			StorageValueRef::persistent(&(b"bad", 1u8).encode()).set(&7u8);
			assert_eq!(master_secret("test", b"bad", &1u8), None, "what cannot be read stays");
		});
	}

	#[test]
	fn the_first_finding_of_a_name_stays_and_the_oldest_names_go() {
		on_a_machine(|| {
			let (notes, name) = (Notes::new(b"notes".to_vec(), 2), H256::repeat_byte);
			assert!(notes.keep(name(1), 10u32));
			assert!(!notes.keep(name(1), 11u32));
			assert_eq!(notes.recall(&name(1)), Some(10u32));
			assert!(notes.keep(name(2), 20u32));
			assert!(notes.keep(name(3), 30u32));
			assert_eq!((notes.recall::<u32>(&name(1)), notes.recall(&name(3))), (None, Some(30u32)));
			StorageValueRef::persistent(b"notes").set(&7u8);
			assert_eq!(notes.recall::<u32>(&name(3)), None);
			assert!(notes.keep(name(4), 40u32), "what another version wrote is replaced");
		});
	}
}
