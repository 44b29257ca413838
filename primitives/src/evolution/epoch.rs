//! Epochs: phases, and how one ends.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// An epoch's number, counted from zero.
pub type EpochId = u32;

macro_rules! wire_enum {
	($(#[$meta:meta])* pub enum $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
			Serialize, Deserialize,
		)]
		#[scale_info(capture_docs = "always")]
		pub enum $($rest)*
	};
}

wire_enum! {
	/// Phase of an epoch.
	pub enum EpochPhase {
		/// Proposals are made and endorsed.
		Nomination,
		/// The selected proposal's candidate is trained and delivered.
		Training,
		/// Drawn operators measure the candidate and its base.
		Evaluation,
		/// Deposits and bonds are returned or taken.
		CleanUp,
		/// The epoch is over; the next one has not begun.
		Rest,
	}
}

wire_enum! {
	/// Step of an evaluation.
	pub enum EvaluationStep {
		/// Waits for the seed of its draw.
		Appointed,
		/// Evaluators measure and seal what they found.
		Sealing,
		/// Evaluators open their seals.
		Revealing,
	}
}

wire_enum! {
	/// Outcome of an epoch.
	pub enum EpochOutcome {
		/// No proposal had enough endorsements.
		NoProposal,
		/// The candidate was not delivered in time.
		NotDelivered,
		/// A blob of the candidate could not be had.
		Unavailable,
		/// The candidate's blobs are no model of its architecture.
		Malformed,
		/// No committee decided.
		NoQuorum,
		/// The candidate gained too little.
		Refused {
			/// Mean gain over all suites, in parts per million.
			gain_ppm: i32,
		},
		/// The candidate is the base's successor.
		Promoted {
			/// Mean gain over all suites, in parts per million.
			gain_ppm: i32,
		},
	}
}

impl EpochOutcome {
	/// Reports whether those answer for it who proposed and endorsed: the candidate is missing or not good enough.
	pub fn is_failure(&self) -> bool {
		matches!(self, Self::NotDelivered | Self::Unavailable | Self::Malformed | Self::Refused { .. })
	}

	/// Reports whether the candidate was promoted.
	pub fn is_promoted(&self) -> bool {
		matches!(self, Self::Promoted { .. })
	}
}
