//! What the calls do, in the order of `lib.rs`.

use crate::{
	game::{self, Difference, Disputed, Position, Refusal, Side, PARTS},
	pair, Agreed, Backer, BalanceOf, BlockCheck, Config, DemandRecord, Demander, DemanderOf, Demands, Error,
	Event, Fall, GameId, GameRecord, GameRecordOf, Games, HoldReason, Loads, NextGame, NoExpert,
	OperatorDemands, Pairs, Pallet, Posted, Referee, Refuted, SideRecord, SideRecordOf, SignedReport,
	Subjects, BOND_STEP, OPENING_BYTES_MAX, TILE_EVIDENCE_BYTES_MAX, WITNESS_BYTES_MAX,
};
use alloc::vec::Vec;
use blyan_exact::step::StepError;
use blyan_primitives::{
	traits::{Claims, OffenceKind, Offences, OperatorSet},
	BlockRef, BlockWitness, ExpertShape, Opening, OperatorId, Subject, TileEvidence, Verdict,
};
use blyan_runtime_api::disputes::GameEnd;
use codec::{Decode, Encode};
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, Get},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	traits::{SaturatedConversion, Saturating, Zero},
	DispatchError, DispatchResult,
};

impl<T> From<Refusal> for Error<T> {
	fn from(refusal: Refusal) -> Self {
		match refusal {
			Refusal::WrongKind => Self::OpeningOfWrongKind,
			Refusal::WrongCount => Self::OpeningOfWrongLength,
			_ => Self::OpeningNotCommitted,
		}
	}
}

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

	pub(crate) fn do_descend(
		mover: T::AccountId,
		id: GameId,
		side: Side,
		opening: Opening,
	) -> DispatchResult {
		let (mut game, disputed) = Self::ensure_may_open(id, side, &opening)?;
		Self::note_move(&mut game, side);
		Self::deposit_event(Event::Opened { game: id, side, mover });
		let Some(earlier) = Posted::<T>::take(id) else {
			let bytes = BoundedVec::try_from(opening.encode()).map_err(|_| Error::<T>::OpeningTooLarge)?;
			side.of_mut(&mut game.sides).moved = true;
			Posted::<T>::insert(id, bytes);
			Games::<T>::insert(id, game);
			return Ok(());
		};
		let earlier = Opening::decode(&mut &earlier[..]).map_err(|_| DispatchError::Corruption)?;
		let openings = match side {
			Side::First => [&opening, &earlier],
			Side::Second => [&earlier, &opening],
		};
		let step = game.position.advance(&disputed, openings).map_err(Error::<T>::from)?;
		if let Some(agreed) = step.agreed {
			Agreed::<T>::insert(id, BoundedVec::truncate_from(agreed));
		}
		game.position = step.position;
		game.round_began = Self::now();
		for side in &mut game.sides {
			side.moved = false;
		}
		Self::deposit_event(Event::Descended { game: id, query: game.position.query() });
		Games::<T>::insert(id, game);
		Ok(())
	}

	pub(crate) fn do_execute(id: GameId, witness: BlockWitness) -> DispatchResult {
		let game = Games::<T>::get(id).ok_or(Error::<T>::GameUnknown)?;
		let lost = Self::execution(id, &game, &witness)?;
		Self::end(id, game, lost, GameEnd::Executed);
		Ok(())
	}

	pub(crate) fn do_claim_timeout(id: GameId) -> DispatchResult {
		let (game, lost) = Self::ensure_timed_out(id)?;
		Self::end(id, game, lost, GameEnd::TimedOut);
		Ok(())
	}

	pub(crate) fn do_settle(id: GameId) -> DispatchResult {
		let (game, lost, end) = Self::ensure_settled(id)?;
		Self::end(id, game, lost, end);
		Ok(())
	}

	pub(crate) fn do_prove_blob(subject: Subject, blob: &[u8]) -> DispatchResult {
		let (valid, fallen) = Self::ensure_refutes(subject, blob)?;
		Self::show(subject, valid, fallen);
		Ok(())
	}

	/// Draws the consequences of a candidate's bytes. Showing them earns nothing: they are public, and a look at them is no work.
	pub(crate) fn show(subject: Subject, valid: bool, fallen: Vec<Verdict>) {
		Self::touch(subject);
		if !valid {
			NoExpert::<T>::insert(subject, ());
		}
		Self::deposit_event(Event::CandidateShown { subject, valid });
		for verdict in fallen {
			let reporter = if valid { Self::scorer(subject) } else { Self::complainant(subject, &verdict) };
			Self::refute(subject, &verdict, Fall::Proven, reporter.as_ref());
		}
	}

	pub(crate) fn do_demand_tile(
		demander: T::AccountId,
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> DispatchResult {
		Self::ensure_may_demand(subject, digest, tile)?;
		let bond = Self::next_bond(subject);
		T::Currency::hold(&HoldReason::DemandBond.into(), &demander, bond)?;
		Self::open_demand(subject, digest, tile, Demander::Bonded(Backer { account: demander, bond }));
		Ok(())
	}

	pub(crate) fn do_demand_tile_authorized(
		operator: T::AccountId,
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> DispatchResult {
		Self::ensure_operator_may_demand(&operator, subject, digest, tile)?;
		OperatorDemands::<T>::insert(subject, &operator, tile);
		Self::open_demand(subject, digest, tile, Demander::Operator(operator));
		Ok(())
	}

	/// Everything that must hold before a tile is demanded.
	pub(crate) fn ensure_may_demand(subject: Subject, digest: H256, tile: u32) -> Result<(), Error<T>> {
		let claims = Self::openable_claims(subject)?;
		let verdict = Self::claimed(&claims, digest)?;
		ensure!(matches!(verdict, Verdict::Scored(_)), Error::<T>::NotAScore);
		ensure!(!Self::is_refuted(subject, &verdict), Error::<T>::AlreadyRefuted);
		let (_, shape) = T::Claims::candidate(subject).ok_or(Error::<T>::CandidateUnknown)?;
		ensure!(tile < T::BlockCheck::tiles(&shape), Error::<T>::TileUnknown);
		ensure!(!Demands::<T>::contains_key(subject, (digest, tile)), Error::<T>::AlreadyDemanded);
		Ok(())
	}

	/// Everything that must hold before an operator demands a tile without a bond, but the signature.
	pub(crate) fn ensure_operator_may_demand(
		operator: &T::AccountId,
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> Result<(), Error<T>> {
		Self::ensure_may_demand(subject, digest, tile)?;
		// No more entries than the candidate has tiles, and than there are operators.
		let mut asked = OperatorDemands::<T>::iter_prefix(subject);
		ensure!(asked.all(|(who, other)| who != *operator && other != tile), Error::<T>::AlreadyDemanded);
		ensure!(T::Operators::is_eligible(operator), Error::<T>::NotEligible);
		Ok(())
	}

	/// Opens a demand; what must hold has been checked.
	pub(crate) fn open_demand(subject: Subject, digest: H256, tile: u32, demander: DemanderOf<T>) {
		let until = Self::now().saturating_add(T::DemandWindow::get());
		let holds = T::Claims::may_open(subject);
		Demands::<T>::insert(subject, (digest, tile), DemandRecord { demander, until, holds });
		Self::note_opened(subject, holds);
		let until = Self::block_at(until);
		Self::deposit_event(Event::TileDemanded { subject, digest, tile, until });
	}

	pub(crate) fn do_supply_tile(
		supplier: T::AccountId,
		subject: Subject,
		digest: H256,
		tile: u32,
		evidence: TileEvidence,
	) -> DispatchResult {
		Self::ensure_demanded(subject, digest, tile)?;
		Self::ensure_tile(subject, tile, &evidence)?;
		Self::accept_tile(supplier, subject, digest, tile)
	}

	/// Meets a demand.
	pub(crate) fn accept_tile(
		supplier: T::AccountId,
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> DispatchResult {
		let demand = Demands::<T>::take(subject, (digest, tile)).ok_or(Error::<T>::DemandUnknown)?;
		match demand.demander {
			Demander::Bonded(backer) => Self::forfeit_demand(backer),
			// Whoever made it necessary to ask earns nothing by answering.
			Demander::Operator(_) => {}
			Demander::Appellants(appellants) => Self::end_appeals(subject, &appellants, true),
		}
		Self::note_closed(subject, demand.holds);
		Self::deposit_event(Event::TileSupplied { subject, digest, tile, supplier });
		Ok(())
	}

	pub(crate) fn do_close_demand(subject: Subject, digest: H256, tile: u32) -> DispatchResult {
		let demand = Self::ensure_may_close(subject, digest, tile)?;
		Demands::<T>::remove(subject, (digest, tile));
		let is_current = Self::is_current(subject);
		let demander = match demand.demander {
			Demander::Bonded(Backer { account, bond }) => {
				Self::release(HoldReason::DemandBond, &account, bond);
				Some(account)
			}
			Demander::Operator(operator) => Some(operator),
			Demander::Appellants(appellants) => {
				// Where a changed definition keeps everybody from proving anything, nothing is taken for want of proof.
				Self::end_appeals(subject, &appellants, !is_current);
				None
			}
		};
		let verdict = Self::claims(subject).into_iter().find(|(_, verdict)| verdict.digest() == digest);
		if let (Some(demander), Some((_, verdict)), true) = (demander, verdict, is_current) {
			Self::refute(subject, &verdict, Fall::Withheld { tile }, Some(&demander));
		}
		Self::note_closed(subject, demand.holds);
		Self::deposit_event(Event::DemandClosed { subject, digest, tile });
		Ok(())
	}

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
		let genesis = Self::genesis_hash();
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

	/// Hash of block zero, which names the network in what is signed.
	pub(crate) fn genesis_hash() -> H256 {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero())
	}

	/// The operator behind a session key.
	pub(crate) fn operator(key: &OperatorId) -> Result<T::AccountId, Error<T>> {
		T::Operators::owner_of(key).ok_or(Error::KeyUnknown)
	}

	/// How a claim has fallen, if it has.
	pub(crate) fn fall(subject: Subject, verdict: &Verdict) -> Option<Fall> {
		let is_score = matches!(verdict, Verdict::Scored(_));
		if is_score && NoExpert::<T>::contains_key(subject) {
			return Some(Fall::Proven);
		}
		Refuted::<T>::get(subject, verdict.digest())
	}

	/// Whether a claim has fallen.
	pub(crate) fn is_refuted(subject: Subject, verdict: &Verdict) -> bool {
		Self::fall(subject, verdict).is_some()
	}

	/// Claims about a subject about which a dispute may begin.
	fn openable_claims(subject: Subject) -> Result<Vec<(T::AccountId, Verdict)>, Error<T>> {
		ensure!(T::Claims::may_open(subject), Error::<T>::NotDisputable);
		ensure!(Self::is_current(subject), Error::<T>::DefinitionChanged);
		// Claims about a computation that cannot be descended are neither proven nor refuted.
		(0..PARTS)
			.filter_map(|part| Self::statement(subject, part))
			.try_for_each(|statement| Self::disputed(&statement).map(|_| ()))?;
		Ok(T::Claims::claims(subject))
	}

	/// The bond of the next game or demand about a subject: the more are open, the dearer.
	pub(crate) fn next_bond(subject: Subject) -> BalanceOf<T> {
		let open = Subjects::<T>::get(subject).unwrap_or(0);
		let steps = open.checked_div(BOND_STEP).unwrap_or(0).saturating_add(1);
		T::Bond::get().saturating_mul(steps.into())
	}

	/// The verdict of a digest that is claimed.
	fn claimed(claims: &[(T::AccountId, Verdict)], digest: H256) -> Result<Verdict, Error<T>> {
		let found = claims.iter().find(|(_, verdict)| verdict.digest() == digest);
		found.map(|(_, verdict)| *verdict).ok_or(Error::ClaimUnknown)
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

	/// Everything that must hold before a side's opening counts. Cheap checks first.
	pub(crate) fn ensure_may_open(
		id: GameId,
		side: Side,
		opening: &Opening,
	) -> Result<(GameRecordOf<T>, Disputed), Error<T>> {
		let game = Self::ensure_owed(id, side, opening)?;
		let disputed = Self::ensure_committed(&game, side, opening)?;
		Ok((game, disputed))
	}

	/// The cheap checks of an opening: the game waits for it, and it is of a permitted size.
	pub(crate) fn ensure_owed(
		id: GameId,
		side: Side,
		opening: &Opening,
	) -> Result<GameRecordOf<T>, Error<T>> {
		let game = Games::<T>::get(id).ok_or(Error::GameUnknown)?;
		ensure!(game.statement.is_current(), Error::<T>::DefinitionChanged);
		ensure!(game.position.is_descent() && game.owes(side), Error::<T>::NotOwed);
		ensure!(Self::now() <= game.deadline(side, Self::loads(&game)), Error::<T>::ClockRanOut);
		ensure!(opening.encoded_size() <= OPENING_BYTES_MAX as usize, Error::<T>::OpeningTooLarge);
		Ok(game)
	}

	/// Checks an opening against what its side is bound to. Returns the computation that the game is about.
	pub(crate) fn ensure_committed(
		game: &GameRecordOf<T>,
		side: Side,
		opening: &Opening,
	) -> Result<Disputed, Error<T>> {
		let disputed = Self::disputed(&game.statement)?;
		game.position.check(&disputed, side, opening)?;
		Ok(disputed)
	}

	/// Takes the time of a move from its side's clock.
	fn note_move(game: &mut GameRecordOf<T>, side: Side) {
		let taken = Self::now().saturating_sub(game.round_began);
		let load = *side.of(&Self::loads(game));
		let taken = taken.saturated_into::<u64>().checked_div(load.into()).unwrap_or(0).saturated_into();
		let side = side.of_mut(&mut game.sides);
		side.clock = side.clock.saturating_sub(taken);
	}

	/// Whom the block in question refutes, computed from a witness.
	pub(crate) fn execution(
		id: GameId,
		game: &GameRecordOf<T>,
		witness: &BlockWitness,
	) -> Result<[bool; 2], Error<T>> {
		Self::ensure_executable(game, witness)?;
		let (at, place) = game.position.block().ok_or(Error::NotExecuting)?;
		let disputed = Self::disputed(&game.statement)?;
		let commitments = game.statement.commitments(at.item, at.trace).ok_or(Error::StatementUnknown)?;
		let agreed = Agreed::<T>::get(id).unwrap_or_default();
		match T::Referee::execute(disputed.computation(), &commitments, &agreed, place, witness) {
			Ok(hash) => Ok(game.position.refuted_by(&hash)),
			// Bytes that are no tensor, or agreed numbers that no computation leads to: there is no such score.
			Err(error) if error.condemns_both() => Ok([true, true]),
			Err(StepError::WitnessUnproven) => Err(Error::WitnessUnproven),
			Err(_) => Err(Error::WitnessMalformed),
		}
	}

	/// The cheap checks of an execution.
	pub(crate) fn ensure_executable(game: &GameRecordOf<T>, witness: &BlockWitness) -> Result<(), Error<T>> {
		ensure!(game.statement.is_current(), Error::<T>::DefinitionChanged);
		ensure!(game.position.block().is_some(), Error::<T>::NotExecuting);
		ensure!(witness.encoded_size() <= WITNESS_BYTES_MAX as usize, Error::<T>::WitnessTooLarge);
		Ok(())
	}

	/// A game in which a clock ran out, and whose claims fall.
	pub(crate) fn ensure_timed_out(id: GameId) -> Result<(GameRecordOf<T>, [bool; 2]), Error<T>> {
		let game = Games::<T>::get(id).ok_or(Error::GameUnknown)?;
		ensure!(game.statement.is_current(), Error::<T>::DefinitionChanged);
		let lost = game.timed_out(Self::now(), Self::loads(&game));
		ensure!(lost != [false, false], Error::<T>::ClockStillRuns);
		Ok((game, lost))
	}

	/// A game with a claim that fell elsewhere, and which; or one that can be played no further.
	pub(crate) fn ensure_settled(id: GameId) -> Result<(GameRecordOf<T>, [bool; 2], GameEnd), Error<T>> {
		let game = Games::<T>::get(id).ok_or(Error::GameUnknown)?;
		let lost = Self::fallen(&game);
		if lost != [false, false] {
			return Ok((game, lost, GameEnd::Settled));
		}
		ensure!(!game.statement.is_current(), Error::<T>::NothingToSettle);
		Ok((game, lost, GameEnd::Void))
	}

	/// Which claims of a game have fallen. On appeal, those still stand that merely were not defended.
	pub(crate) fn fallen(game: &GameRecordOf<T>) -> [bool; 2] {
		Side::BOTH.map(|side| {
			let verdict = &side.of(&game.sides).verdict;
			let fall = Self::fall(game.subject, verdict);
			fall.is_some_and(|fall| !game.is_appeal || fall == Fall::Proven)
		})
	}

	/// The candidate's block, where claims about it may be disputed.
	fn disputed_candidate(subject: Subject) -> Result<(BlockRef, ExpertShape), Error<T>> {
		ensure!(Self::is_answerable(subject), Error::<T>::NotDisputable);
		ensure!(Self::is_current(subject), Error::<T>::DefinitionChanged);
		Self::candidate(subject).ok_or(Error::CandidateUnknown)
	}

	/// Whether a candidate's bytes are an expert, and which claims on the chain fall by that.
	pub(crate) fn ensure_refutes(subject: Subject, blob: &[u8]) -> Result<(bool, Vec<Verdict>), Error<T>> {
		let (block, shape) = Self::disputed_candidate(subject)?;
		let valid = Self::judge(blob, block.blob.hash, block.tensor_root, &shape)?;
		// A challenger's claim in a game is not among those on the chain, but falls too when its game is settled.
		if valid {
			let invalid = Verdict::Invalid;
			ensure!(!Self::is_refuted(subject, &invalid), Error::<T>::NothingRefuted);
			return Ok((true, alloc::vec![invalid]));
		}
		ensure!(!NoExpert::<T>::contains_key(subject), Error::<T>::NothingRefuted);
		let scores = Self::claims(subject).into_iter().map(|(_, verdict)| verdict);
		Ok((false, scores.filter(|verdict| matches!(verdict, Verdict::Scored(_))).collect()))
	}

	/// Refuses bytes that are not the candidate's, of a subject that may be disputed: the cheap checks of a proof.
	pub(crate) fn ensure_shows(subject: Subject, blob: &[u8]) -> Result<(), Error<T>> {
		let (block, _) = Self::disputed_candidate(subject)?;
		Self::ensure_bytes(blob, block.blob.hash)
	}

	/// Refuses bytes of another hash.
	fn ensure_bytes(blob: &[u8], hash: H256) -> Result<(), Error<T>> {
		ensure!(blake2_256(blob) == hash.0, Error::<T>::WrongBytes);
		Ok(())
	}

	/// Reports whether bytes of this hash are an expert of this shape with this tensor root.
	pub(crate) fn judge(
		blob: &[u8],
		hash: H256,
		tensor_root: H256,
		shape: &ExpertShape,
	) -> Result<bool, Error<T>> {
		Self::ensure_bytes(blob, hash)?;
		Ok(T::BlockCheck::is_valid(blob, tensor_root, shape))
	}

	/// A demand that is open.
	pub(crate) fn ensure_demanded(
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> Result<crate::DemandRecordOf<T>, Error<T>> {
		Demands::<T>::get(subject, (digest, tile)).ok_or(Error::DemandUnknown)
	}

	/// Refuses evidence that is not that tile of the subject's candidate.
	pub(crate) fn ensure_tile(subject: Subject, tile: u32, evidence: &TileEvidence) -> Result<(), Error<T>> {
		let (block, shape) = Self::candidate(subject).ok_or(Error::CandidateUnknown)?;
		let is_tile = Self::proves_tile(evidence, tile, block.tensor_root, &shape);
		ensure!(is_tile, Error::<T>::TileUnproven);
		Ok(())
	}

	/// Reports whether `evidence` is that tile of the block with this tensor root.
	pub(crate) fn proves_tile(
		evidence: &TileEvidence,
		tile: u32,
		tensor_root: H256,
		shape: &ExpertShape,
	) -> bool {
		evidence.encoded_size() <= TILE_EVIDENCE_BYTES_MAX as usize
			&& T::BlockCheck::is_tile(evidence, tile, tensor_root, shape)
	}

	/// A demand that was not met in time, or whose claim has fallen.
	pub(crate) fn ensure_may_close(
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> Result<crate::DemandRecordOf<T>, Error<T>> {
		let demand = Self::ensure_demanded(subject, digest, tile)?;
		let is_over = Self::now() > demand.until;
		// Only scores are asked for tiles.
		let has_fallen = match (NoExpert::<T>::contains_key(subject), Refuted::<T>::get(subject, digest)) {
			(true, _) | (_, Some(Fall::Proven)) => true,
			// Whoever appeals has fallen because nothing was proven, and proves it now.
			(_, Some(_)) => !matches!(demand.demander, Demander::Appellants(_)),
			(_, None) => false,
		};
		ensure!(is_over || has_fallen || !Self::is_current(subject), Error::<T>::DemandStillRuns);
		Ok(demand)
	}

	/// Blocks for which a move may wait in the pool.
	pub(crate) fn longevity() -> u64 {
		T::Clock::get().saturated_into::<u64>().max(1)
	}
}
