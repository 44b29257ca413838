//! Appeals: an operator whose claim was outvoted has the chain compute who was right.

use crate::{Config, Error, Pallet};
use alloc::{collections::BTreeMap, vec::Vec};
use blyan_primitives::{
	traits::{Appeals, Claims},
	Subject,
};
use sp_core::H256;
use sp_runtime::DispatchResult;

impl<T: Config> Appeals<T::AccountId> for Pallet<T> {
	/// The claim that prevailed is the one that most of the others made and that stands; of equals, the first on the chain.
	fn appeal(appellant: &T::AccountId, subject: Subject) -> DispatchResult {
		let claims = T::Claims::claims(subject);
		let own = claims.iter().find(|(who, _)| who == appellant).ok_or(Error::<T>::ClaimUnknown)?;
		let own = own.1.digest();
		let others: Vec<H256> = claims
			.iter()
			.filter(|(_, verdict)| verdict.digest() != own && !Self::is_refuted(subject, verdict))
			.map(|(_, verdict)| verdict.digest())
			.collect();
		let mut votes: BTreeMap<H256, u32> = BTreeMap::new();
		for digest in &others {
			votes.entry(*digest).and_modify(|count| *count = count.saturating_add(1)).or_insert(1);
		}
		// The last of equal maxima is the first of the list.
		let prevailing =
			others.iter().rev().max_by_key(|digest| votes.get(*digest)).ok_or(Error::<T>::NoOpponent)?;
		Self::do_confront(subject, *prevailing, own)
	}
}
