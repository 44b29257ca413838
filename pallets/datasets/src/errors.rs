//! Errors of the calls: the fact in the way, and what to do about it.

use frame_support::pallet_macros::pallet_section;

/// Section of the pallet.
#[pallet_section]
mod errors {
	#[pallet::error]
	pub enum Error<T> {
		/// Licence, source, records, bytes or the number of blobs is empty, or a blob is. Correct the offer.
		OfferMalformed,
		/// The root is that of a dataset that is open, approved, or was rejected not long ago for what is in it. Look it up.
		RootKnown,
		/// The series is another account's, or does not exist. Offer a new dataset.
		NotYourSeries,
		/// As many versions were offered as there are numbers for.
		TooManyVersions,
		/// As many datasets are open as there is room for. Offer again later.
		TooManyOpen,
		/// The day's offers are used up.
		QuotaExceeded {
			/// Blocks until the next day.
			renews_in: u16,
		},
		/// Two flags were raised today: offer again tomorrow, at the pace of a person.
		Blocked {
			/// Blocks until the next day.
			renews_in: u16,
		},
		/// The block of the proof of work is unknown or too old. Make it again over a recent block.
		PowBlockUnknown,
		/// The proof of work has too few leading zero bits. It is made for this account and this offer (`DatasetOffer::work_subject`).
		PowTooWeak,
		/// There is no such dataset, or it was forgotten.
		DatasetUnknown,
		/// The dataset is another account's.
		NotYourDataset,
		/// The dataset is in another stage, or the stage's time is over.
		WrongStage,
		/// More blobs or more bytes than were offered. Name each blob once, in the manifest's order.
		TooManyBlobs,
		/// Another dataset names this blob with another length. One of the two is wrong.
		BlobSizeContradicted,
		/// Not every blob was named yet, or their bytes do not add up to what was offered.
		BlobsMissing,
		/// The key belongs to none of the auditors.
		NotAnAuditor,
		/// This was sealed, opened or voted before.
		AlreadySaid,
		/// Finding and salt do not open the seal.
		SealMismatch,
		/// The numbers of the report contradict each other.
		ReportImplausible,
		/// Stars are from 1 to 5, and a vote against gives a reason about the data.
		BallotInvalid,
		/// The proof does not show that this account was a voter when the vote opened. Vote as the owner of an operator.
		NotAVoter,
		/// Contributors have no vote on their own data.
		OwnDataset,
		/// An appeal was made before, the time for it is over, or the reason is not about the data.
		NotAppealable,
		/// The chain knows no such submission, or has forgotten it.
		SubmissionUnknown,
		/// The submission is another account's.
		NotYourSubmission,
		/// The manifest of this submission was declared before.
		AlreadyDeclared,
		/// The hash of the manifest is not the one that the submission carries.
		ManifestMismatch,
		/// The manifest lists no dataset, or not in order, or its shares do not add up to the whole.
		ManifestInvalid,
		/// The manifest lists a dataset that is not approved.
		DatasetNotApproved {
			/// Its place in the list.
			place: u8,
		},
		/// Nothing is due for this dataset yet.
		NothingDue,
	}
}
