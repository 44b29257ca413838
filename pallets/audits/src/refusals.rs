//! Calls that are certain to fail.

use crate::{Audits, Call, Config, NextAudit, Pallet};
use blyan_primitives::{AuditId, Refusal};

impl<T: Config> Pallet<T> {
	/// Returns why a signed call is certain to fail, whatever comes before it: an audit that has ended is never open again.
	///
	/// What operators say is authorised by their session keys, and checked there.
	pub fn refusal(call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::advance { audit } => Self::missing_audit(*audit),
			_ => None,
		}
	}

	/// Returns the reason for which there will be no audit of this number; `None` if it is open, or one of the next.
	pub(crate) fn missing_audit(audit: AuditId) -> Option<Refusal> {
		let is_open = Audits::<T>::contains_key(audit);
		(!is_open).then(|| Refusal::of_missing(audit, NextAudit::<T>::get())).flatten()
	}
}
