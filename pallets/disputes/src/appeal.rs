//! Appeals: an operator whose claim was outvoted, or fell undefended, has the chain compute who was right.
//!
//! The decision stays reversed and the payouts cancelled, whatever an appeal finds; it is about the appellant's stake.

use crate::{game::Side, pair, Config, Demander, Demands, Error, Fall, Games, Pairs, Pallet};
use alloc::{collections::BTreeMap, vec::Vec};
use blyan_primitives::{traits::Appeals, Subject, Verdict};
use frame_support::{ensure, BoundedVec};
use sp_core::H256;
use sp_runtime::DispatchResult;

impl<T: Config> Appeals<T::AccountId> for Pallet<T> {
	/// Against the claim that the own one was not defended against, or else the one that prevailed. Joins their game if
	/// they play already, so that all who made a claim can appeal. The appellant bears the burden: if no side moves, its
	/// claim falls. Whose claim fell for want of a tile has to supply that.
	///
	/// Needs no subject that is still disputable: a case lasts as long as anybody can be punished.
	fn appeal(appellant: &T::AccountId, subject: Subject) -> DispatchResult {
		ensure!(Self::is_answerable(subject), Error::<T>::NotDisputable);
		ensure!(Self::is_current(subject), Error::<T>::DefinitionChanged);
		let claims = Self::claims(subject);
		let (_, own) = claims.iter().find(|(who, _)| who == appellant).ok_or(Error::<T>::ClaimUnknown)?;
		let fall = Self::fall(subject, own);
		let opponent = match fall {
			Some(Fall::Proven) => return Err(Error::<T>::AlreadyRefuted.into()),
			Some(Fall::Undefended { against }) => against,
			Some(Fall::Withheld { tile }) => {
				return Self::appeal_by_tile(appellant, subject, own.digest(), tile)
			}
			None => Self::prevailing(subject, own, &claims).ok_or(Error::<T>::NoOpponent)?,
		};
		let (own_digest, other) = (own.digest(), opponent.digest());
		if let Some(id) = Pairs::<T>::get(subject, pair(own_digest, other)) {
			return Games::<T>::try_mutate(id, |game| {
				let game = game.as_mut().ok_or(Error::<T>::GameUnknown)?;
				// A game that will be settled says nothing about a claim that fell elsewhere.
				ensure!(game.is_appeal || fall.is_none(), Error::<T>::AlreadyPlaying);
				let [first, _] = game.digests();
				let side = if first == own_digest { Side::First } else { Side::Second };
				let joined = game.appellants.try_push((appellant.clone(), side));
				Ok(joined.map_err(|_| Error::<T>::TooManyAppeals)?)
			});
		}
		ensure!(Self::fall(subject, &opponent) != Some(Fall::Proven), Error::<T>::AlreadyRefuted);
		Self::open(subject, [(opponent, None), (*own, None)], Some(appellant))
	}

	fn note_offence_opened(subject: Subject) {
		Self::note_offence(subject);
	}

	fn note_offence_closed(subject: Subject) {
		Self::note_decided(subject);
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_appealable_for_benchmark() -> Option<(T::AccountId, Subject)> {
		use blyan_primitives::traits::Claims;

		let (subject, _) = T::Claims::ensure_subject_for_benchmark();
		T::Claims::claims(subject).into_iter().next().map(|(who, _)| (who, subject))
	}
}

impl<T: Config> Pallet<T> {
	/// Demands the missing tile once more, on behalf of those whose claim fell without it.
	fn appeal_by_tile(appellant: &T::AccountId, subject: Subject, digest: H256, tile: u32) -> DispatchResult {
		match Demands::<T>::get(subject, (digest, tile)) {
			None => {
				let appellants = BoundedVec::truncate_from(alloc::vec![appellant.clone()]);
				Self::open_demand(subject, digest, tile, Demander::Appellants(appellants));
			}
			Some(mut demand) => {
				let Demander::Appellants(appellants) = &mut demand.demander else {
					return Err(Error::<T>::AlreadyDemanded.into());
				};
				appellants.try_push(appellant.clone()).map_err(|_| Error::<T>::TooManyAppeals)?;
				Demands::<T>::insert(subject, (digest, tile), demand);
			}
		}
		Ok(())
	}

	/// The claim other than `own` that most made and that stands; of equals, the first on the chain.
	fn prevailing(subject: Subject, own: &Verdict, claims: &[(T::AccountId, Verdict)]) -> Option<Verdict> {
		let others: Vec<(H256, Verdict)> = claims
			.iter()
			.filter(|(_, verdict)| verdict != own && !Self::is_refuted(subject, verdict))
			.map(|(_, verdict)| (verdict.digest(), *verdict))
			.collect();
		let mut votes: BTreeMap<H256, u32> = BTreeMap::new();
		for (digest, _) in &others {
			votes.entry(*digest).and_modify(|count| *count = count.saturating_add(1)).or_insert(1);
		}
		// The last of equal maxima is the first of the list.
		others.iter().rev().max_by_key(|(digest, _)| votes.get(digest)).map(|(_, verdict)| *verdict)
	}
}
