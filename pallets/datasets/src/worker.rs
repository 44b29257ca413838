//! The auditor's side: have the sample examined by the node's engine, seal the finding, and open the seal when it is time.
//!
//! The worker runs at every new best block, on forks too, and several runs may overlap. What is due is read from the chain; what is
//! sent is a function of the chain, of the engine's finding and of one random secret that this node made once for each
//! operator and keeps beside its database ([`master`]). A finding is written down before its seal is sent, so a node that stopped in
//! between opens what it has sealed, even if a blob has gone since.

use crate::{Call, Config, Pallet, LOG_TARGET};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::OperatorSet, AuditFinding, DatasetAuditJob, DatasetAuditMessage, DatasetAuditStatus, DatasetRef,
	EngineError, OperatorId,
};
use blyan_runtime_api::datasets::{AuditDuty, AuditStep};
use codec::Encode;
use frame_system::{offchain::SubmitTransaction, pallet_prelude::BlockNumberFor};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	offchain::storage::{MutateStorageError, StorageRetrievalError, StorageValueRef},
	traits::{SaturatedConversion, Saturating},
	RuntimeAppPublic,
};

/// Blocks after which a message that is not on the chain is sent again.
const RESEND_AFTER: u32 = 5;
/// Blocks before the end of sealing from which a blob that could not be had counts as unavailable. Three are left for the seal to
/// get into a block.
const GIVEN_UP_BEFORE: u32 = 6;
/// Datasets that are told apart in local notes: more than are ever audited at once, so that a note is replaced long after its
/// audit ended.
const NOTES: u32 = 4_096;
/// Draws of a dataset whose findings are kept: those of forks, and of the second round.
const DRAWS: usize = 8;

/// A finding of this node, under its draw.
type Note = (H256, AuditFinding);

impl<T: Config> Pallet<T> {
	/// Does what this node's operators owe as auditors and the engine has ready.
	pub(crate) fn work(now: BlockNumberFor<T>) {
		for key in OperatorId::all() {
			let Some(owner) = T::Operators::owner_of(&key) else { continue };
			let duties = Self::duties(&owner);
			if duties.is_empty() {
				continue;
			}
			let Some(master) = master(&owner) else { continue };
			for duty in &duties {
				Self::fulfil(duty, &key, &owner, &master, now);
			}
		}
	}

	fn fulfil(
		duty: &AuditDuty,
		key: &OperatorId,
		owner: &T::AccountId,
		master: &H256,
		now: BlockNumberFor<T>,
	) {
		let AuditDuty { dataset, draw, .. } = *duty;
		let salt = derive(master, &draw);
		let message = match (&duty.step, duty.seal) {
			(AuditStep::Sealing, None) => {
				let Some(finding) = Self::finding(duty, owner) else { return };
				DatasetAuditMessage::Seal { dataset, seal: finding.seal(&draw, &salt, owner) }
			}
			(AuditStep::Revealing, Some(seal)) => {
				let opens = |finding: &AuditFinding| finding.seal(&draw, &salt, owner) == seal;
				// A note that was lost is no harm where the sample can be examined again, or was not to be had.
				let found = recall(&dataset, &draw, owner).filter(opens);
				let found = found.or_else(|| Some(AuditFinding::Unavailable).filter(opens));
				let Some(finding) = found.or_else(|| Self::examine(duty).ok().flatten().filter(opens)) else {
					log::warn!(target: LOG_TARGET, "{dataset:?}: the finding behind the seal is not here");
					return;
				};
				DatasetAuditMessage::Reveal { dataset, finding, salt }
			}
			_ => return,
		};
		Self::send(message, &draw, key, now);
	}

	/// This node's finding, once there is one. It is kept before it is used, or not used.
	fn finding(duty: &AuditDuty, owner: &T::AccountId) -> Option<AuditFinding> {
		let AuditDuty { dataset, draw, .. } = duty;
		if let Some(finding) = recall(dataset, draw, owner) {
			return Some(finding);
		}
		let finding = match Self::examine(duty) {
			Ok(finding) => finding?,
			Err(EngineError::BlobMissing(hash)) => {
				let left = duty.until.saturating_sub(Self::now().saturated_into::<u32>());
				if left > GIVEN_UP_BEFORE {
					return None;
				}
				log::info!(target: LOG_TARGET, "{dataset:?}: blob {hash:?} could not be had");
				AuditFinding::Unavailable
			}
			Err(_) => return None,
		};
		remember(dataset, draw, owner, finding).then_some(finding)
	}

	/// Asks the engine; `None` while it is at work. Errors but a missing blob are logged, and the node keeps silent.
	fn examine(duty: &AuditDuty) -> Result<Option<AuditFinding>, EngineError> {
		let dataset = duty.dataset;
		let Some(job) = job(duty) else {
			log::error!(target: LOG_TARGET, "{dataset:?}: the licence is longer than any may be");
			return Err(EngineError::JobMalformed);
		};
		match blyan_host::audit_dataset(&job) {
			Ok(DatasetAuditStatus::Running) => Ok(None),
			// The numbers of an engine that contradict each other would be refused for ever.
			Ok(DatasetAuditStatus::Done(AuditFinding::Examined(report))) if !report.is_plausible() => {
				log::error!(target: LOG_TARGET, "{dataset:?}: the engine's report contradicts itself: {report:?}");
				Err(EngineError::Internal)
			}
			Ok(DatasetAuditStatus::Done(finding)) => Ok(Some(finding)),
			Err(error) => {
				let level = match error {
					EngineError::NotAvailable => log::Level::Warn,
					EngineError::BlobMissing(_) | EngineError::Busy => log::Level::Debug,
					_ => log::Level::Info,
				};
				log::log!(target: LOG_TARGET, level, "{dataset:?}: no finding: {error:?}");
				Err(error)
			}
		}
	}

	/// Signs a message and gives it to the pool, unless that was done a few blocks ago.
	fn send(message: DatasetAuditMessage, draw: &H256, key: &OperatorId, now: BlockNumberFor<T>) {
		let (dataset, kind) = (message.dataset(), message.kind());
		let place = (b"blyan/datasets/sent", kind, slot(&dataset), key).encode();
		let mark = StorageValueRef::persistent(&place);
		if let Ok(Some((sent, at))) = mark.get::<(H256, BlockNumberFor<T>)>() {
			// A mark from the future is one from a fork that lost.
			let is_recent = at <= now && now < at.saturating_add(RESEND_AFTER.into());
			if sent == *draw && is_recent {
				return;
			}
		}
		let Some(signature) = key.sign(&message.signing_payload(&Self::genesis_hash(), draw)) else {
			log::warn!(target: LOG_TARGET, "{dataset:?}: the keystore did not sign with {key:?}");
			return;
		};
		let key = key.clone();
		let call = match message {
			DatasetAuditMessage::Seal { dataset, seal } => Call::seal { dataset, seal, key, signature },
			DatasetAuditMessage::Reveal { dataset, finding, salt } => {
				Call::reveal { dataset, finding, salt, key, signature }
			}
		};
		let transaction = T::create_authorized_transaction(call.into());
		match SubmitTransaction::<T, Call<T>>::submit_transaction(transaction) {
			Ok(()) => {
				mark.set(&(*draw, now));
				log::debug!(target: LOG_TARGET, "{dataset:?}: sent message {kind}");
			}
			Err(()) => log::debug!(target: LOG_TARGET, "{dataset:?}: the pool refused message {kind}"),
		}
	}
}

/// The audit that is owed, as the engine takes it.
fn job(duty: &AuditDuty) -> Option<DatasetAuditJob> {
	Some(DatasetAuditJob {
		draw: duty.draw,
		licence: duty.licence.clone().try_into().ok()?,
		manifest: duty.manifest,
		root: duty.root,
		records: duty.records,
		bytes: duty.bytes,
		blobs: duty.blobs,
		sample_bytes_max: duty.sample_bytes_max,
	})
}

/// The random value that everything this operator's node must keep to itself is derived from; made when it is first asked for.
fn master(owner: &impl Encode) -> Option<H256> {
	let place = (b"blyan/datasets/master", owner).encode();
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

/// The salt of this draw.
fn derive(master: &H256, draw: &H256) -> H256 {
	H256(blake2_256(&(b"blyan/datasets/salt", master, draw).encode()))
}

/// Place of a dataset among the notes.
fn slot(dataset: &DatasetRef) -> Option<u32> {
	dataset.dataset.checked_rem(NOTES)
}

fn note_place(dataset: &DatasetRef, owner: &impl Encode) -> Vec<u8> {
	(b"blyan/datasets/note", slot(dataset), owner).encode()
}

pub(crate) fn recall(dataset: &DatasetRef, draw: &H256, owner: &impl Encode) -> Option<AuditFinding> {
	let place = note_place(dataset, owner);
	let notes = StorageValueRef::persistent(&place).get::<Vec<Note>>().ok()??;
	notes.into_iter().find(|(noted, _)| noted == draw).map(|(_, finding)| finding)
}

/// Returns whether it is kept. Two runs may try, at the same time or one after the other, with different findings: the first stays,
/// as its seal may be on its way, and the other finds it in the next block.
pub(crate) fn remember(
	dataset: &DatasetRef,
	draw: &H256,
	owner: &impl Encode,
	finding: AuditFinding,
) -> bool {
	let place = note_place(dataset, owner);
	let add = |notes: Result<Option<Vec<Note>>, StorageRetrievalError>| {
		// What cannot be read was written by another version and is of no use.
		let mut notes = notes.unwrap_or_default().unwrap_or_default();
		if notes.iter().any(|(noted, _)| noted == draw) {
			return Err(());
		}
		notes.push((*draw, finding));
		let old = notes.len().saturating_sub(DRAWS);
		Ok(notes.split_off(old))
	};
	StorageValueRef::persistent(&place).mutate(add).is_ok()
}
