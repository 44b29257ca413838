//! Near copies as operators find them: comparison by the engine, and reports that cost nothing.
//!
//! ```text
//!  off-chain worker                        engine                          pool, and the author of a block
//!      | candidate, earlier experts -------->| compares all their tiles         |
//!      |<----------- running | distinct -----|                                  |
//!      |<----------- copy, with tiles -------|                                  |
//!      | wait a few blocks, by key and copy                                     |
//!      |--- report_copy_as_operator ------------------------------------------->| on record? signed by an operator?
//!      |                                                                        | tiles of these experts? alike?
//! ```
//!
//! A report is authorised by everything that its dispatch checks, so a false one is in no block and needs no fee that
//! would punish it. The signature is checked before the tiles are: only an operator can have a node look at them.
//! All reports of one copy provide one tag, so a pool holds one of them, and they are spread over some blocks, so that
//! the first is known to most nodes before the others would be sent.

use crate::{
	comparisons::{Answer, Evidence, Question},
	copies::is_copied,
	messages::invalidity,
	ClaimOf, ClosedSubmissions, Config, Decisions, Error, OpenSubmissions, Pallet, LOG_TARGET,
};
use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};
use blyan_primitives::{
	copy_report_payload,
	traits::{ExpertRegistry, OperatorSet},
	BlockRef, Comparand, CopyEvidence, CopyQuery, EngineError, OpenCopyQuery, OperatorId, OperatorSignature,
	Original, SubmissionId, VersionIndex,
};
use blyan_runtime_api::SubmissionOutcome;
use blyan_support::{
	genesis_hash,
	message::{ensure_signed, Admission},
	worker::RESEND_AFTER,
};
use codec::Encode;
use frame_support::{
	pallet_prelude::{TransactionSource, TransactionValidityWithRefund},
	traits::Get,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	offchain::storage::StorageValueRef,
	traits::{One, Saturating},
	transaction_validity::TransactionPriority,
};

/// Blocks after which a candidate that is like no other is compared again: bytes of earlier experts may have come.
const COMPARE_AGAIN: u32 = 50;
/// Candidates that a run of the worker asks the engine about. Each takes a walk over all submissions on record.
const CANDIDATES_PER_RUN: usize = 8;
/// Blocks over which the operators' reports of one copy are spread: most nodes need not send 272 KiB, or more, for nothing.
const REPORT_SPREAD: u8 = 8;
/// Versions of a slot that a candidate is compared with. The registry remembers fewer.
const VERSIONS_MAX: usize = 64;

impl<T: Config> Pallet<T> {
	/// Checks all that dispatch does, the cheapest first: the reads, the signature, the tiles.
	// The macro passes each argument by reference, the box as well.
	#[allow(clippy::borrowed_box)]
	pub(crate) fn authorize_report_copy(
		_source: TransactionSource,
		copy: &SubmissionId,
		original: &Original,
		evidence: &Box<CopyEvidence>,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let (accused, blocks) = Self::accusation(*copy, *original).map_err(invalidity)?;
		T::Operators::owner_of(key).ok_or_else(|| invalidity(Error::<T>::NotInCommittee))?;
		let payload = copy_report_payload(&genesis_hash::<T>(), *copy, original, evidence);
		ensure_signed(&payload, key, signature)?;
		Self::proven_overlap(accused.claim().slot, &blocks, evidence).map_err(invalidity)?;
		Self::admit_copy_report(*copy)
	}

	/// Terms of a report that was checked, of either definition: a pool holds one for each copy.
	pub(crate) fn admit_copy_report(copy: SubmissionId) -> TransactionValidityWithRefund {
		// Below seals and verdicts, which have deadlines, and above what is paid for.
		Admission::new("blyan/copy", T::ChallengeWindow::get())
			.with_priority(TransactionPriority::MAX >> 1)
			.admit(copy)
	}

	/// Has the engine compare candidates that can still be reported with the earlier experts of their slots, and reports the
	/// near copies for an operator of this node.
	pub(crate) fn report_copies(local: &[(OperatorId, T::AccountId)], now: BlockNumberFor<T>) {
		let open = OpenSubmissions::<T>::iter().map(|(submission, record)| (submission, record.claim));
		let next = now.saturating_add(One::one());
		let accepted = Decisions::<T>::iter().filter_map(|(submission, decision)| {
			let is_accepted = matches!(decision.outcome, SubmissionOutcome::Accepted { .. });
			(is_accepted && decision.is_disputable(next)).then_some((submission, decision.claim))
		});
		let mut candidates: Vec<(SubmissionId, ClaimOf<T>)> = open.chain(accepted).collect();
		candidates
			.retain(|(submission, claim)| Candidate::<T> { submission: *submission, claim }.is_due(now));
		candidates.sort_unstable_by_key(|(submission, _)| *submission);
		for (submission, claim) in candidates.iter().take(CANDIDATES_PER_RUN) {
			// An operator does not report what it submitted itself.
			let reporter = local.iter().find(|(_, operator)| *operator != claim.miner);
			if let Some((key, _)) = reporter {
				Candidate::<T> { submission: *submission, claim }.compare(key, now);
			}
		}
	}
}

/// A submission that can still be reported.
struct Candidate<'a, T: Config> {
	submission: SubmissionId,
	claim: &'a ClaimOf<T>,
}

impl<T: Config> Candidate<'_, T> {
	/// Place of what this node remembers of the candidate. On a fork the number may mean another one.
	fn place(&self, kind: &[u8]) -> Vec<u8> {
		(b"blyan/learning/copies", kind, self.submission, self.claim.block.blob.hash).encode()
	}

	/// Returns whether the engine is to be asked at this block.
	fn is_due(&self, now: BlockNumberFor<T>) -> bool {
		let place = self.place(b"again");
		let again_at = StorageValueRef::persistent(&place).get::<BlockNumberFor<T>>().ok().flatten();
		// A mark from far ahead is one from a fork that lost.
		let latest = now.saturating_add(COMPARE_AGAIN.into());
		again_at.is_none_or(|again_at| again_at <= now || again_at > latest)
	}

	/// Puts the next comparison off.
	fn put_off(&self, now: BlockNumberFor<T>, blocks: u32) {
		let place = self.place(b"again");
		StorageValueRef::persistent(&place).set(&now.saturating_add(blocks.into()));
	}

	/// Asks the engine for a comparison, and reports what it finds.
	fn compare(&self, key: &OperatorId, now: BlockNumberFor<T>) {
		let Some((originals, question)) = self.question().filter(|(originals, _)| !originals.is_empty())
		else {
			return self.put_off(now, COMPARE_AGAIN);
		};
		let submission = self.submission;
		match question.ask() {
			Ok(Answer::Running) | Err(EngineError::Busy) => {}
			Ok(Answer::Distinct) => self.put_off(now, COMPARE_AGAIN),
			Ok(Answer::Copy(original, evidence)) => {
				let original = usize::try_from(original).ok().and_then(|place| originals.get(place));
				if let Some(original) = original {
					self.report(*original, evidence, key, now);
				}
			}
			// The bytes come with the upload; a committee member fetches them for its evaluation.
			Err(EngineError::BlobMissing(_)) => self.put_off(now, RESEND_AFTER),
			Err(error) => {
				log::debug!(target: LOG_TARGET, "submission {submission}: not compared: {error:?}");
				self.put_off(now, COMPARE_AGAIN);
			}
		}
	}

	/// The earlier experts that the chain would compare the candidate with, and what the engine is asked; `None` if experts of the
	/// model are not measured.
	fn question(&self) -> Option<(Vec<Original>, Question)> {
		let slot = self.claim.slot;
		let candidate = self.claim.block;
		if let Some(config) = T::Experts::config(slot.model) {
			let (parent, named, originals) = self.earlier()?;
			return Some((named, Question::First(CopyQuery { config, candidate, parent, originals })));
		}
		let (architecture, _) = Pallet::<T>::adapters(slot)?;
		let (architecture, layer) = (architecture.to_bytes(), slot.layer);
		let (parent, named, originals) = self.earlier()?;
		let query = OpenCopyQuery { architecture, layer, candidate, parent, originals };
		Some((named, Question::Open(query)))
	}

	/// The candidate's parent, and the earlier experts that the chain would compare the candidate with, the earliest first.
	fn earlier(&self) -> Option<(BlockRef, Vec<Original>, Vec<Comparand>)> {
		let Self { submission, claim } = *self;
		let slot = claim.slot;
		let version = |number| T::Experts::version(slot, number);
		let block_of = |number| version(number).map(|(block, _)| block);
		let parent = block_of(claim.parent)?;

		let open = OpenSubmissions::<T>::iter().map(|(id, record)| (id, record.claim));
		let decided = Decisions::<T>::iter()
			.filter(|(_, decision)| !is_copied(&decision.outcome))
			.map(|(id, decision)| (id, decision.claim));
		let closed = ClosedSubmissions::<T>::iter()
			.filter(|(_, record)| !is_copied(&record.outcome))
			.map(|(id, record)| (id, record.claim));
		let mut earlier: Vec<(SubmissionId, ClaimOf<T>)> = open
			.chain(decided)
			.chain(closed)
			.filter(|(id, other)| *id < submission && other.slot == slot && other.miner != claim.miner)
			.filter(|(_, other)| Pallet::<T>::is_senior(other, claim))
			.filter(|(_, other)| !Pallet::<T>::is_author(&claim.miner, other))
			.collect();
		earlier.sort_unstable_by_key(|(id, _)| *id);
		let submissions = earlier
			.into_iter()
			.map(|(id, other)| (Original::Submission(id), other.block, Some(other.parent)));
		let numbers =
			core::iter::successors(Some(claim.parent), |number: &VersionIndex| number.checked_sub(1));
		let versions = numbers
			.take(VERSIONS_MAX)
			.map_while(|number| version(number).map(|(block, owner)| (number, block, owner)))
			.filter(|(number, _, owner)| {
				owner.as_ref() != Some(&claim.miner) && !Pallet::<T>::is_reverted(slot, *number)
			})
			.map(|(number, block, _)| (Original::Version(number), block, number.checked_sub(1)));

		let mut seen = BTreeSet::new();
		let (originals, comparands) = submissions
			.chain(versions)
			// An accepted submission is a version too.
			.filter(|(_, block, _)| seen.insert(block.tensor_root))
			.map(|(original, block, before)| {
				let own_parent = before.filter(|before| *before != claim.parent).and_then(block_of);
				(original, Comparand { block, parent: own_parent })
			})
			.unzip();
		Some((parent, originals, comparands))
	}

	/// Sends a report when it is this key's turn.
	fn report(&self, original: Original, evidence: Evidence, key: &OperatorId, now: BlockNumberFor<T>) {
		let submission = self.submission;
		let blocks = self.blocks_to_turn(key);
		if blocks > 0 {
			return self.put_off(now, blocks);
		}
		self.put_off(now, RESEND_AFTER);
		let likeness = match evidence.likeness::<T>(submission, original) {
			Ok(likeness) => likeness,
			Err(error) => {
				log::error!(
					target: LOG_TARGET,
					"submission {submission}: the engine takes it for a copy of {original:?}, the chain does not: {error:?}"
				);
				return self.put_off(now, COMPARE_AGAIN);
			}
		};
		let call = || {
			let payload = evidence.payload::<T>(submission, &original);
			let signature = Pallet::<T>::sign(submission, key, &payload)?;
			Some(evidence.into_call::<T>(submission, original, key.clone(), signature))
		};
		if Pallet::<T>::send(&self.place(b"sent"), submission, now, call) {
			log::warn!(
				target: LOG_TARGET,
				"submission {submission}: a near copy of {original:?} (likeness {likeness}/1000), reported"
			);
		}
	}

	/// Blocks that a key is to wait with what was found now; none if it was found before.
	fn blocks_to_turn(&self, key: &OperatorId) -> u32 {
		let place = self.place(b"found");
		let mark = StorageValueRef::persistent(&place);
		if matches!(mark.get::<bool>(), Ok(Some(true))) {
			return 0;
		}
		mark.set(&true);
		let [first, ..] = blake2_256(&(self.claim.block.blob.hash, key).encode());
		first.checked_rem(REPORT_SPREAD).unwrap_or_default().into()
	}
}
