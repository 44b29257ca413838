//! The auditor's side: have the sample examined by the node's engine, seal the finding, and open the seal when it is time.
//!
//! The worker runs at every new best block, on forks too, and several runs may overlap. What is due is read from the chain; what is
//! sent is a function of the chain, of the engine's finding and of one random secret that this node made once for each
//! operator and keeps beside its database ([`master_secret`]). A finding is written down before its seal is sent, so a node that stopped in
//! between opens what it has sealed, even if a blob has gone since.

use crate::{Call, Config, Pallet, LOG_TARGET};
use blyan_primitives::{
	AuditFinding, DatasetAuditJob, DatasetAuditMessage, DatasetAuditStatus, DatasetRef, EngineError,
	OperatorId,
};
use blyan_runtime_api::datasets::{AuditDuty, AuditStep};
use blyan_support::{
	genesis_hash,
	worker::{local_operators, master_secret, send_unless_recent, sign, Notes, Sending},
};
use codec::Encode;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::SaturatedConversion;

/// Blocks before the end of sealing from which a blob that could not be had counts as unavailable. Three are left for the seal to
/// get into a block.
const GIVEN_UP_BEFORE: u32 = 6;
/// Datasets that are told apart in local notes: more than are ever audited at once, so that a note is replaced long after its
/// audit ended.
const NOTES: u32 = 4_096;
/// Draws of a dataset whose findings are kept: those of forks, and of the second round.
const DRAWS: usize = 8;

impl<T: Config> Pallet<T> {
	/// Does what this node's operators owe as auditors and the engine has ready.
	pub(crate) fn work(now: BlockNumberFor<T>) {
		for (key, owner) in local_operators::<T::AccountId, T::Operators>() {
			let duties = Self::duties(&owner);
			if duties.is_empty() {
				continue;
			}
			let Some(master) = master_secret(LOG_TARGET, b"blyan/datasets/master", &owner) else { continue };
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
				let found = notes(&dataset, owner).recall(&draw).filter(opens);
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
		let notes = notes(dataset, owner);
		if let Some(finding) = notes.recall(draw) {
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
		notes.keep(*draw, finding).then_some(finding)
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
		let call = || {
			let payload = message.signing_payload(&genesis_hash::<T>(), draw);
			let signature = sign(LOG_TARGET, format_args!("{dataset:?}"), key, &payload)?;
			let key = key.clone();
			Some(match message {
				DatasetAuditMessage::Seal { dataset, seal } => Call::seal { dataset, seal, key, signature },
				DatasetAuditMessage::Reveal { dataset, finding, salt } => {
					Call::reveal { dataset, finding, salt, key, signature }
				}
			})
		};
		match send_unless_recent::<T, Call<T>, _>(&place, *draw, now, call) {
			Sending::Taken => log::debug!(target: LOG_TARGET, "{dataset:?}: sent message {kind}"),
			Sending::Refused => {
				log::debug!(target: LOG_TARGET, "{dataset:?}: the pool refused message {kind}")
			}
			Sending::OnItsWay | Sending::Withheld => {}
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

/// The salt of this draw.
fn derive(master: &H256, draw: &H256) -> H256 {
	H256(blake2_256(&(b"blyan/datasets/salt", master, draw).encode()))
}

/// Place of a dataset among the notes.
fn slot(dataset: &DatasetRef) -> Option<u32> {
	dataset.dataset.checked_rem(NOTES)
}

/// Findings of this node, under their draws.
pub(crate) fn notes(dataset: &DatasetRef, owner: &impl Encode) -> Notes {
	Notes::new((b"blyan/datasets/note", slot(dataset), owner).encode(), DRAWS)
}
