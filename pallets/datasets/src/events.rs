//! Events: changes of the chain's state, for those who follow it.

use frame_support::pallet_macros::pallet_section;

/// Section of the pallet.
#[pallet_section]
mod events {
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A dataset was offered.
		Offered {
			/// Its name.
			dataset: DatasetRef,
			/// The contributor.
			creator: T::AccountId,
			/// Merkle root over its blobs' roots.
			root: H256,
			/// Last moment for `begin_audit`.
			until: BlockNumberFor<T>,
		},
		/// Blobs of a dataset were named; nodes accept them now.
		BlobsNamed {
			/// The dataset.
			dataset: DatasetRef,
			/// Blobs that are named by now.
			named: u32,
		},
		/// A committee is to be drawn.
		AuditAppointed {
			/// The dataset.
			dataset: DatasetRef,
			/// 0, or 1 if it is drawn again; 2 and 3 for the committee that confirms what a rescan found.
			round: u8,
		},
		/// A committee was drawn.
		AuditBegan {
			/// The dataset.
			dataset: DatasetRef,
			/// Names the draw, and draws the sample.
			draw: H256,
			/// Its auditors.
			auditors: Vec<T::AccountId>,
			/// Last moment of the audit.
			until: BlockNumberFor<T>,
		},
		/// An auditor sealed its finding.
		FindingSealed {
			/// The dataset.
			dataset: DatasetRef,
			/// The auditor.
			operator: T::AccountId,
		},
		/// Sealing is over; what was sealed is to be opened.
		RevealBegan {
			/// The dataset.
			dataset: DatasetRef,
			/// Last moment for it.
			until: BlockNumberFor<T>,
		},
		/// An auditor opened its finding.
		FindingRevealed {
			/// The dataset.
			dataset: DatasetRef,
			/// The auditor.
			operator: T::AccountId,
			/// The finding.
			finding: AuditFinding,
		},
		/// An auditor was paid for a finding that the committee agreed on.
		AuditorPaid {
			/// The dataset.
			dataset: DatasetRef,
			/// The auditor.
			operator: T::AccountId,
			/// Amount that it was paid.
			amount: T::Balance,
		},
		/// An auditor's finding is not the committee's. It is paid nothing.
		FindingDeparted {
			/// The dataset.
			dataset: DatasetRef,
			/// The auditor.
			operator: T::AccountId,
		},
		/// An audit ended with a report.
		Audited {
			/// The dataset.
			dataset: DatasetRef,
			/// The median of the findings.
			report: AuditReport,
		},
		/// A vote opened.
		VoteOpened {
			/// The dataset.
			dataset: DatasetRef,
			/// Root over those who may vote.
			voter_root: H256,
			/// Their number.
			voters: u32,
			/// Last moment for votes.
			until: BlockNumberFor<T>,
		},
		/// A vote was cast.
		Voted {
			/// The dataset.
			dataset: DatasetRef,
			/// The voter.
			who: T::AccountId,
			/// The vote.
			ballot: Ballot,
		},
		/// A vote was extended for want of participation.
		VoteExtended {
			/// The dataset.
			dataset: DatasetRef,
			/// Last moment for votes.
			until: BlockNumberFor<T>,
		},
		/// A dataset may be used.
		Approved {
			/// The dataset.
			dataset: DatasetRef,
			/// Its tier.
			tier: DatasetTier,
		},
		/// A dataset may not be used.
		Rejected {
			/// The dataset.
			dataset: DatasetRef,
			/// Why.
			reason: DatasetReason,
			/// Last moment for an appeal, if there may be one.
			appeal_until: Option<BlockNumberFor<T>>,
		},
		/// A contributor appealed.
		Appealed {
			/// The dataset.
			dataset: DatasetRef,
		},
		/// An approved dataset was taken out of use for now.
		Quarantined {
			/// The dataset.
			dataset: DatasetRef,
			/// Why.
			reason: DatasetReason,
			/// Last moment for an appeal.
			appeal_until: BlockNumberFor<T>,
		},
		/// A rejected dataset was forgotten; nodes need not keep its blobs.
		Forgotten {
			/// The dataset.
			dataset: DatasetRef,
		},
		/// A miner declared which data taught its expert.
		ManifestDeclared {
			/// The submission.
			submission: SubmissionId,
			/// Hash of the manifest.
			hash: H256,
			/// Number of datasets that it lists.
			datasets: u32,
		},
		/// A rescan found nothing that takes the dataset out of use.
		KeptInUse {
			/// The dataset.
			dataset: DatasetRef,
			/// Earliest moment of the next rescan.
			rescan_at: BlockNumberFor<T>,
		},
	}
}
