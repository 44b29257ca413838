//! News about operators, for the payer.

use std::{fmt, time::Duration};

/// News for the payer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
	/// Another operator goes on with an answer.
	Followed {
		/// Session of the one that stopped.
		from: u64,
		/// Session of the one that goes on.
		to: u64,
		/// Reason.
		reason: String,
		/// Time from the end of the one to the beginning of the other.
		took: Duration,
	},
	/// Two operators gave different answers to one request.
	Differs {
		/// Their sessions.
		sessions: [u64; 2],
		/// True if both answers were written down.
		is_kept: bool,
	},
}

impl fmt::Display for Notice {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Followed { from, to, reason, took } => write!(
				formatter,
				"the operator of session {from} stopped in the middle of an answer ({reason}); that of session {to} goes on after {} ms",
				took.as_millis()
			),
			Self::Differs { sessions: [one, other], is_kept } => {
				let kept = if *is_kept { "both are in differences.json beside the sessions" } else { "they could not be written down" };
				write!(
					formatter,
					"THE OPERATORS OF SESSIONS {one} AND {other} GAVE DIFFERENT ANSWERS TO ONE REQUEST ({kept}). If both read the same prompt, one is wrong: \
					blyan audit challenge-answer {one} --model DIR, and the same of {other}"
				)
			}
		}
	}
}
