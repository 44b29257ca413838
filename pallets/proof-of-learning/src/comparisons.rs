//! Comparisons of candidates as off-chain workers ask for them, of either definition.

use crate::{Call, Config, Error, Pallet};
use alloc::{boxed::Box, vec::Vec};
use blyan_primitives::{
	copy_report_payload, open_copy_report_payload, Comparison, CopyEvidence, CopyQuery, EngineError,
	OpenComparison, OpenCopyEvidence, OpenCopyQuery, OperatorId, OperatorSignature, Original, SubmissionId,
};
use blyan_support::genesis_hash;

/// Question to the engine.
pub(crate) enum Question {
	First(CopyQuery),
	Open(OpenCopyQuery),
}

/// Answer of the engine.
pub(crate) enum Answer {
	Running,
	Distinct,
	/// A copy of the original at this place.
	Copy(u32, Evidence),
}

/// Evidence that a submission is a near copy.
pub(crate) enum Evidence {
	First(Box<CopyEvidence>),
	Open(Box<OpenCopyEvidence>),
}

impl Question {
	pub(crate) fn ask(&self) -> Result<Answer, EngineError> {
		Ok(match self {
			Self::First(query) => match blyan_host::find_copy(query)? {
				Comparison::Running => Answer::Running,
				Comparison::Distinct => Answer::Distinct,
				Comparison::Copy(finding) => {
					Answer::Copy(finding.original, Evidence::First(Box::new(finding.evidence)))
				}
			},
			Self::Open(query) => match blyan_host::find_open_copy(query)? {
				OpenComparison::Running => Answer::Running,
				OpenComparison::Distinct => Answer::Distinct,
				OpenComparison::Copy(finding) => {
					Answer::Copy(finding.original, Evidence::Open(Box::new(finding.evidence)))
				}
			},
		})
	}
}

impl Evidence {
	/// Measures the likeness in thousandths as the chain does; fails if the chain would refuse a report.
	pub(crate) fn likeness<T: Config>(
		&self,
		copy: SubmissionId,
		original: Original,
	) -> Result<i32, Error<T>> {
		match self {
			Self::First(evidence) => {
				let (accused, blocks) = Pallet::<T>::accusation(copy, original)?;
				let overlap = Pallet::<T>::proven_overlap(accused.claim().slot, &blocks, evidence)?;
				Ok(overlap.likeness_milli())
			}
			Self::Open(evidence) => {
				let (_, blocks, layout) = Pallet::<T>::open_accusation(copy, original)?;
				let overlap = Pallet::<T>::proven_open_overlap(&blocks, &layout, evidence)?;
				Ok(overlap.likeness_milli())
			}
		}
	}

	/// Returns what an operator signs to report it.
	pub(crate) fn payload<T: Config>(&self, copy: SubmissionId, original: &Original) -> Vec<u8> {
		let genesis = genesis_hash::<T>();
		match self {
			Self::First(evidence) => copy_report_payload(&genesis, copy, original, evidence),
			Self::Open(evidence) => open_copy_report_payload(&genesis, copy, original, evidence),
		}
	}

	/// Returns the report.
	pub(crate) fn into_call<T: Config>(
		self,
		copy: SubmissionId,
		original: Original,
		key: OperatorId,
		signature: OperatorSignature,
	) -> Call<T> {
		match self {
			Self::First(evidence) => {
				Call::report_copy_as_operator { copy, original, evidence, key, signature }
			}
			Self::Open(evidence) => {
				Call::report_open_copy_as_operator { copy, original, evidence, key, signature }
			}
		}
	}
}
