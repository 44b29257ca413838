//! Operators that signed two verdicts about one draw.

use crate::{Config, Error, Event, Pallet, SignedReport};
use blyan_primitives::{
	traits::{Claims, OffenceKind, Offences, OperatorSet},
	OperatorId, Subject,
};
use blyan_support::genesis_hash;
use codec::Encode;
use frame_support::ensure;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	pub(crate) fn do_report_equivocation(
		reporter: T::AccountId,
		first: SignedReport,
		second: SignedReport,
		key: OperatorId,
	) -> DispatchResult {
		let (operator, evidence) = Self::ensure_equivocation(&first, &second, &key)?;
		let kind = OffenceKind::Equivocation;
		Self::use_commitment(&reporter, "report_equivocation", &(&first, &second, &key))?;
		T::Offences::report(&operator, kind, evidence, Some(&reporter));
		ensure!(T::Offences::is_reported(&operator, kind, evidence), Error::<T>::TooMuchPending);
		let submission = first.report.submission;
		Self::deposit_event(Event::EquivocationProven { submission, operator });
		Ok(())
	}

	/// Returns the operator that contradicted itself, and the evidence of that, if the chain does not know it yet.
	pub(crate) fn ensure_equivocation(
		first: &SignedReport,
		second: &SignedReport,
		key: &OperatorId,
	) -> Result<(T::AccountId, H256), Error<T>> {
		let (submission, draw) = (first.report.submission, first.draw);
		// Another draw has another sample, and so another true verdict: only two reports about one draw contradict.
		let is_equivocation = second.report.submission == submission
			&& second.draw == draw
			&& first.report.verdict.digest() != second.report.verdict.digest();
		ensure!(is_equivocation, Error::<T>::NoEquivocation);
		// A key that was replaced since is still evidence against who held it.
		let operator = T::Operators::holder_of(key).ok_or(Error::<T>::KeyUnknown)?;
		let genesis = genesis_hash::<T>();
		let is_signed = [first, second].iter().all(|signed| signed.is_signed_by(key, &genesis));
		ensure!(is_signed, Error::<T>::BadSignature);
		ensure!(T::Claims::is_known(Subject::Submission(submission, draw)), Error::<T>::DrawUnknown);
		// The same pair in another order, or another pair about the same draw, is no further offence. What changes
		// nothing is refused, so that it costs a fee.
		let evidence = H256(blake2_256(&(b"blyan/equivocation", submission, draw, key).encode()));
		let kind = OffenceKind::Equivocation;
		ensure!(!T::Offences::is_reported(&operator, kind, evidence), Error::<T>::AlreadyReported);
		Ok((operator, evidence))
	}
}
