//! Outcomes of submissions in words, and for a refusal the next step.

use crate::amount;
use blyan_primitives::ModelBody;
use blyan_runtime_api::{ExpiryReason, RejectReason, SubmissionOutcome};
use std::fmt;

/// Q16 to its value.
const Q16: f64 = 65_536.0;

/// Predicted position, by which the bits of a score are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
	/// A byte: of a model of the first definition.
	#[default]
	Byte,
	/// A token: of a model of the second.
	Token,
}

impl Unit {
	/// Returns the unit of scores about a model.
	pub fn of(body: &ModelBody) -> Self {
		match body {
			ModelBody::First { .. } => Self::Byte,
			ModelBody::Second { .. } => Self::Token,
		}
	}
}

impl fmt::Display for Unit {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Byte => "byte",
			Self::Token => "token",
		})
	}
}

/// A Q16 number of bits.
pub fn bits(q16: i64) -> f64 {
	q16 as f64 / Q16
}

/// One word for an outcome.
pub fn name(outcome: &SubmissionOutcome) -> &'static str {
	match outcome {
		SubmissionOutcome::Accepted { .. } => "accepted",
		SubmissionOutcome::Rejected(RejectReason::NotBetter { .. }) => "not better",
		SubmissionOutcome::Rejected(RejectReason::NotCertain { .. }) => "not certain",
		SubmissionOutcome::Rejected(RejectReason::Invalid) => "invalid",
		SubmissionOutcome::Rejected(RejectReason::NoAgreement) => "no agreement",
		SubmissionOutcome::Rejected(RejectReason::Stale) => "stale",
		SubmissionOutcome::Rejected(RejectReason::NotPromotable) => "not promotable",
		SubmissionOutcome::Rejected(RejectReason::Regressed { .. }) => "worse elsewhere",
		SubmissionOutcome::Rejected(RejectReason::Refuted) => "score proven wrong",
		SubmissionOutcome::Rejected(RejectReason::Preempted) => "preempted",
		SubmissionOutcome::Rejected(RejectReason::Copied) => "copied",
		SubmissionOutcome::Expired(_) => "expired",
		SubmissionOutcome::Withdrawn => "withdrawn",
	}
}

/// Explains an outcome, and for a refusal the next step.
pub fn explain(outcome: &SubmissionOutcome, unit: Unit) -> (String, Option<&'static str>) {
	let (text, next) = match outcome {
		SubmissionOutcome::Accepted { version, improvement, reward } => {
			let gain = *improvement as f64 / Q16;
			let text = format!(
				"accepted as version {version}: {gain:.5} bits/{unit} better, reward {}",
				amount::show(*reward)
			);
			return (text, None);
		}
		SubmissionOutcome::Rejected(reason) => rejection(reason, unit),
		SubmissionOutcome::Expired(reason) => expiry(reason),
		SubmissionOutcome::Withdrawn => ("withdrawn by its miner".into(), "submit again if you like"),
	};
	(text, Some(next))
}

/// A submission that was looked at and refused, and the way out.
fn rejection(reason: &RejectReason, unit: Unit) -> (String, &'static str) {
	match reason {
		RejectReason::NotBetter { improvement } if *improvement <= 0 => (
			format!(
				"refused: the model would be {:.5} bits/{unit} worse",
				bits(improvement.saturating_neg())
			),
			"train it from the current head: blyan mine; the bond is returned",
		),
		RejectReason::NotBetter { improvement } => (
			format!(
				"refused: an improvement of {:.5} bits/{unit} is below what is required",
				bits(*improvement)
			),
			"train longer, or on text nearer to the holdout; the bond is returned",
		),
		RejectReason::NotCertain { improvement } => (
			format!(
				"refused: better by {:.5} bits/{unit}, but that could be luck on this sample",
				bits(*improvement)
			),
			"train longer; the bond is returned",
		),
		RejectReason::Invalid => (
			"refused: the bytes are no valid expert; the bond is lost unless that is proven wrong".into(),
			"make the block with: blyan train expert",
		),
		RejectReason::NoAgreement => (
			"refused: no verdict had two thirds of the committee behind it".into(),
			"submit again; the bond is returned",
		),
		RejectReason::Stale => (
			"refused: another expert took the slot in the meantime".into(),
			"train from the new head: blyan mine",
		),
		RejectReason::Preempted => (
			"refused: another account had committed to the same tensors earlier".into(),
			"train another expert: blyan mine --fresh; the bond is returned, the fee is not",
		),
		RejectReason::NotPromotable => (
			"refused: the registry did not take it as the new head".into(),
			"look at the model: blyan models",
		),
		RejectReason::Regressed { improvement } => (
			format!(
				"refused: better on the target, but {} on the guard sample is more than is tolerated",
				change(bits(*improvement), unit)
			),
			"train on more varied text; the bond is returned",
		),
		RejectReason::Refuted => (
			"refused: the score that it was accepted by was proven wrong, and it cannot be judged again"
				.into(),
			"train from the current head: blyan mine; the bond is returned, reward and fee are not",
		),
		RejectReason::Copied => (
			"proven to be a near copy of another miner's expert; the bond is gone".into(),
			"train from the head with a seed of your own",
		),
	}
}

/// A submission that ended unjudged, and the way out.
fn expiry(reason: &ExpiryReason) -> (String, &'static str) {
	match reason {
		ExpiryReason::BytesMissing => (
			"expired: too few operators had its bytes in time".into(),
			"submit it again, and leave this program running until the upload is done; the bond is returned, the fee is not",
		),
		ExpiryReason::NoCommittee => (
			"expired: no committee could be drawn".into(),
			"see who operates: blyan operators; then submit again",
		),
		ExpiryReason::NoReports => (
			"expired: no seat of the committee revealed a score; most likely the bytes never reached them"
				.into(),
			"submit again and let the upload finish; the bond is returned",
		),
	}
}

/// An improvement, or its opposite, in words.
fn change(improvement: f64, unit: Unit) -> String {
	if improvement < 0.0 {
		format!("a loss of {:.5} bits/{unit}", -improvement)
	} else {
		format!("a gain of only {improvement:.5} bits/{unit}")
	}
}

/// Name of the reason for which a submission did not join the model, as in JSON-RPC.
pub fn reason(outcome: &SubmissionOutcome) -> Option<&'static str> {
	Some(match outcome {
		SubmissionOutcome::Accepted { .. } | SubmissionOutcome::Withdrawn => return None,
		SubmissionOutcome::Rejected(reason) => match reason {
			RejectReason::NotBetter { .. } => "NotBetter",
			RejectReason::NotCertain { .. } => "NotCertain",
			RejectReason::Invalid => "Invalid",
			RejectReason::NoAgreement => "NoAgreement",
			RejectReason::Stale => "Stale",
			RejectReason::NotPromotable => "NotPromotable",
			RejectReason::Regressed { .. } => "Regressed",
			RejectReason::Refuted => "Refuted",
			RejectReason::Preempted => "Preempted",
			RejectReason::Copied => "Copied",
		},
		SubmissionOutcome::Expired(reason) => match reason {
			ExpiryReason::NoCommittee => "NoCommittee",
			ExpiryReason::NoReports => "NoReports",
			ExpiryReason::BytesMissing => "BytesMissing",
		},
	})
}

/// Measured improvement in bits per byte or token, where the outcome has one: on the guard sample for `Regressed`, else on the target.
pub fn improvement(outcome: &SubmissionOutcome) -> Option<f64> {
	match outcome {
		SubmissionOutcome::Accepted { improvement, .. } => Some(*improvement as f64 / Q16),
		SubmissionOutcome::Rejected(
			RejectReason::NotBetter { improvement }
			| RejectReason::NotCertain { improvement }
			| RejectReason::Regressed { improvement },
		) => Some(bits(*improvement)),
		_ => None,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_refusal_says_what_to_do_next_and_is_named_as_in_json() {
		for rejected in [
			RejectReason::NotBetter { improvement: -5 },
			RejectReason::NotCertain { improvement: 5 },
			RejectReason::Invalid,
			RejectReason::NoAgreement,
			RejectReason::Stale,
			RejectReason::NotPromotable,
			RejectReason::Regressed { improvement: -5 },
			RejectReason::Refuted,
			RejectReason::Preempted,
			RejectReason::Copied,
		] {
			let outcome = SubmissionOutcome::Rejected(rejected);
			assert!(explain(&outcome, Unit::Byte).1.is_some());
			let json = serde_json::to_string(&rejected).unwrap();
			assert!(json.contains(reason(&outcome).unwrap()), "{json}");
		}
		for expired in [ExpiryReason::NoCommittee, ExpiryReason::NoReports, ExpiryReason::BytesMissing] {
			let outcome = SubmissionOutcome::Expired(expired);
			assert!(explain(&outcome, Unit::Byte).1.is_some());
			assert_eq!(serde_json::to_value(expired).unwrap(), reason(&outcome).unwrap());
		}
	}
}
