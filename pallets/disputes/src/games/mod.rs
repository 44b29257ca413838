//! Claims that are put against each other: which may play, for what bond, and how a game opens.

use crate::{
	game::{self, Difference, Position, Side, PARTS},
	pair, Backer, BalanceOf, Config, Error, Event, Fall, GameRecord, Games, HoldReason, Loads, NextGame,
	Pairs, Pallet, SideRecord, SideRecordOf, Subjects, BOND_STEP,
};
use alloc::vec::Vec;
use blyan_primitives::{traits::Claims, Subject, Verdict};
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, Get},
	BoundedVec,
};
use sp_core::H256;
use sp_runtime::{traits::Saturating, DispatchResult};

mod candidates;
mod demands;
mod equivocation;
mod moves;

impl<T: Config> Pallet<T> {
	pub(crate) fn do_challenge(
		challenger: T::AccountId,
		subject: Subject,
		against: H256,
		verdict: Verdict,
	) -> DispatchResult {
		let rival = Self::ensure_may_challenge(subject, against, &verdict)?;
		Self::use_commitment(&challenger, "challenge", &(subject, against, verdict))?;
		Self::put_forward(challenger, subject, rival, verdict)
	}

	/// Puts a claim with a bond behind it against one on the chain; what must hold has been checked.
	pub(crate) fn put_forward(
		challenger: T::AccountId,
		subject: Subject,
		rival: Verdict,
		verdict: Verdict,
	) -> DispatchResult {
		if !Self::is_consistent(subject, &rival) {
			Self::refute(subject, &rival, Fall::Proven, Some(&challenger));
			return Ok(());
		}
		let bond = Self::next_bond(subject);
		T::Currency::hold(&HoldReason::ChallengeBond.into(), &challenger, bond)?;
		let backer = Backer { account: challenger, bond };
		Self::open(subject, [(rival, None), (verdict, Some(backer))], None)
	}

	/// Everything that must hold before a claim is put against one on the chain, but the commitment to it. Returns that one.
	pub(crate) fn ensure_may_challenge(
		subject: Subject,
		against: H256,
		verdict: &Verdict,
	) -> Result<Verdict, Error<T>> {
		let claims = Self::openable_claims(subject)?;
		let rival = Self::claimed(&claims, against)?;
		Self::ensure_may_play(subject, [&rival, verdict])?;
		ensure!(Self::is_consistent(subject, verdict), Error::<T>::ClaimInconsistent);
		Ok(rival)
	}

	pub(crate) fn do_confront(subject: Subject, first: H256, second: H256) -> DispatchResult {
		let [first, second] = Self::ensure_may_confront(subject, first, second)?;
		let consistent = [&first, &second].map(|verdict| Self::is_consistent(subject, verdict));
		if consistent != [true, true] {
			for (verdict, is_consistent) in [first, second].iter().zip(consistent) {
				if !is_consistent {
					Self::refute(subject, verdict, Fall::Proven, None);
				}
			}
			return Ok(());
		}
		Self::open(subject, [(first, None), (second, None)], None)
	}

	/// Everything that must hold before two claims on the chain play, but the signature.
	pub(crate) fn ensure_may_confront(
		subject: Subject,
		first: H256,
		second: H256,
	) -> Result<[Verdict; 2], Error<T>> {
		let claims = Self::openable_claims(subject)?;
		let (first, second) = (Self::claimed(&claims, first)?, Self::claimed(&claims, second)?);
		Self::ensure_may_play(subject, [&first, &second])?;
		Ok([first, second])
	}

	/// Claims about a subject about which a dispute may begin.
	pub(crate) fn openable_claims(subject: Subject) -> Result<Vec<(T::AccountId, Verdict)>, Error<T>> {
		ensure!(T::Claims::may_open(subject), Error::<T>::NotDisputable);
		ensure!(Self::is_current(subject), Error::<T>::DefinitionChanged);
		// Claims about a computation that cannot be descended are neither proven nor refuted.
		(0..PARTS)
			.filter_map(|part| Self::statement(subject, part))
			.try_for_each(|statement| Self::disputed(&statement).map(|_| ()))?;
		Ok(T::Claims::claims(subject))
	}

	/// The verdict of a digest that is claimed.
	pub(crate) fn claimed(claims: &[(T::AccountId, Verdict)], digest: H256) -> Result<Verdict, Error<T>> {
		let found = claims.iter().find(|(_, verdict)| verdict.digest() == digest);
		found.map(|(_, verdict)| *verdict).ok_or(Error::ClaimUnknown)
	}

	/// The bond of the next game or demand about a subject: the more are open, the dearer.
	pub(crate) fn next_bond(subject: Subject) -> BalanceOf<T> {
		let open = Subjects::<T>::get(subject).unwrap_or(0);
		let steps = open.checked_div(BOND_STEP).unwrap_or(0).saturating_add(1);
		T::Bond::get().saturating_mul(steps.into())
	}

	/// Two claims may play if they differ, both stand, and they do not play yet.
	fn ensure_may_play(subject: Subject, verdicts: [&Verdict; 2]) -> Result<(), Error<T>> {
		let [first, second] = verdicts.map(Verdict::digest);
		ensure!(first != second, Error::<T>::SameClaim);
		let has_fallen = verdicts.iter().any(|verdict| Self::is_refuted(subject, verdict));
		ensure!(!has_fallen, Error::<T>::AlreadyRefuted);
		ensure!(!Pairs::<T>::contains_key(subject, pair(first, second)), Error::<T>::AlreadyPlaying);
		Self::ensure_showable(subject, verdicts)
	}

	/// Refuses a game that only the candidate's bytes can decide, if they do not fit into a call: whichever side has to show them
	/// would lose by the clock.
	pub(crate) fn ensure_showable(subject: Subject, verdicts: [&Verdict; 2]) -> Result<(), Error<T>> {
		let is_about_bytes = matches!(game::difference(verdicts), Some(Difference::Candidate(_)));
		if !is_about_bytes {
			return Ok(());
		}
		// An answer has no candidate about which there could be a complaint.
		let (block, _) = Self::candidate(subject).ok_or(Error::<T>::CandidateUnknown)?;
		ensure!(block.blob.size <= T::MaxBlobBytes::get(), Error::<T>::CandidateTooLarge);
		Ok(())
	}

	/// Whether every part of a verdict has a statement and fits it, and no part is missing.
	pub(crate) fn is_consistent(subject: Subject, verdict: &Verdict) -> bool {
		let fits = |part| match (Self::statement(subject, part), verdict.part(part)) {
			(Some(statement), Some(outcome)) => {
				Self::disputed(&statement).is_ok_and(|disputed| disputed.is_consistent(outcome))
			}
			(None, None) => true,
			_ => false,
		};
		matches!(verdict, Verdict::Invalid) || (0..PARTS).all(fits)
	}

	/// Opens a game between two claims that may play, the second one on appeal if there is an appellant.
	pub(crate) fn open(
		subject: Subject,
		claims: [(Verdict, Option<Backer<T::AccountId, crate::BalanceOf<T>>>); 2],
		appellant: Option<&T::AccountId>,
	) -> DispatchResult {
		let [(first, _), (second, _)] = &claims;
		let difference = game::difference([first, second]).ok_or(Error::<T>::SameClaim)?;
		Self::ensure_showable(subject, [first, second])?;
		let part = match difference {
			Difference::Candidate(_) => 0,
			Difference::Part(part) => part,
		};
		let statement = Self::statement(subject, part).ok_or(Error::<T>::StatementUnknown)?;
		Self::disputed(&statement)?;
		let position = match (difference, first.part(part), second.part(part)) {
			(Difference::Candidate(prover), ..) => Position::Candidate { prover },
			(_, Some(first), Some(second)) => Position::begin(&statement, [first.root(), second.root()]),
			_ => return Err(Error::<T>::ClaimInconsistent.into()),
		};
		let challenger = claims.iter().find_map(|(_, backer)| backer.as_ref()).map(|by| by.account.clone());
		let digests = [first.digest(), second.digest()];
		let sides: [SideRecordOf<T>; 2] = claims.map(|(verdict, backer)| SideRecord {
			verdict,
			backer,
			clock: T::Clock::get(),
			moved: false,
		});
		let id = NextGame::<T>::mutate(|next| {
			let id = *next;
			*next = next.saturating_add(1);
			id
		});
		let round_began = Self::now();
		let is_appeal = appellant.is_some();
		let appellants = appellant.map(|who| (who.clone(), Side::Second)).into_iter().collect();
		let appellants = BoundedVec::truncate_from(appellants);
		let holds = T::Claims::may_open(subject);
		for side in sides.iter().filter(|side| side.backer.is_none()) {
			Loads::<T>::mutate(subject, side.digest(), |load| {
				load.open = load.open.saturating_add(1);
				load.peak = load.peak.max(load.open);
			});
		}
		let game = GameRecord {
			subject,
			part,
			statement,
			sides,
			position,
			round_began,
			is_appeal,
			appellants,
			holds,
		};
		Games::<T>::insert(id, game);
		let [first, second] = digests;
		Pairs::<T>::insert(subject, pair(first, second), id);
		Self::note_opened(subject, holds);
		let query = position.query();
		Self::deposit_event(Event::GameOpened { game: id, subject, digests, challenger, query });
		Ok(())
	}
}
