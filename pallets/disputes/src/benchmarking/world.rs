//! Games, claims and candidates that benchmarks begin with.

use crate::{
	exact::trial,
	game::{OperatorPlace, Position, Side, OPERATORS_MAX},
	pair, Agreed, Backer, BalanceOf, BenchmarkHelper, Call, Config, DemandRecord, Demander, Demands, Ended,
	EndedCount, EndedRecord, EndedRing, Event, GameId, GameRecord, Games, HoldReason, Load, Loads, NextGame,
	NoExpert, Pairs, Pallet, Posted, Referee, SideRecord, Specimen, Trial, Word, APPELLANTS_MAX,
};
use alloc::{vec, vec::Vec};
use blyan_exact::{
	blake2_256,
	tree::{self, Item, SumNode},
	Hash,
};
use blyan_primitives::{
	finding_hash,
	traits::{Claims, OperatorSet},
	BlockWitness, EvaluationOutcome, ExpertShape, Opening, OperatorId, OperatorSignature, Score, Statement,
	Subject, Verdict,
};
use blyan_runtime_api::disputes::GameEnd;
use blyan_support::genesis_hash;
use codec::Encode;
use frame_benchmarking::{account, BenchmarkError};
use frame_support::{
	traits::{
		fungible::{Inspect, Mutate, MutateHold},
		Get,
	},
	BoundedVec,
};
use sp_core::H256;
use sp_runtime::{
	traits::{Saturating, Zero},
	RuntimeAppPublic,
};

/// Sequences of a sample, which have to be drawn again to check an item.
const SAMPLE: u32 = 512;
/// Positions of a sequence.
const POSITIONS: u16 = 256;

/// Makes a statement about the longest program, whose architecture the registry knows.
fn statement<T: Config>() -> Statement {
	let architecture = trial::longest();
	T::BenchmarkHelper::register(&architecture);
	trial::statement(&architecture, POSITIONS, SAMPLE)
}

/// Takes a specimen apart, whose architecture the registry knows from now on.
pub(super) fn known<T: Config, Content>(specimen: Specimen<Content>) -> (Content, H256, ExpertShape) {
	if let Some(architecture) = &specimen.architecture {
		T::BenchmarkHelper::register(architecture);
	}
	(specimen.content, specimen.tensor_root, specimen.shape)
}

pub(super) fn rich<T: Config>(name: &'static str) -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	let who: T::AccountId = account(name, 0, 0);
	let money = T::Bond::get().saturating_add(T::Currency::minimum_balance());
	T::Currency::set_balance(&who, money.saturating_mul(10u32.into()));
	who
}

/// Commits an account to a finding, long enough ago.
pub(super) fn commit_early<T: Config>(
	who: &T::AccountId,
	call: &str,
	arguments: &impl Encode,
) -> Result<(), BenchmarkError> {
	Pallet::<T>::do_commit(who.clone(), finding_hash(who, call, arguments))?;
	let now = frame_system::Pallet::<T>::block_number();
	frame_system::Pallet::<T>::set_block_number(now.saturating_add(T::CommitmentAge::get()));
	Ok(())
}

pub(super) fn assert_last_event<T: Config>(event: Event<T>) {
	let event: <T as frame_system::Config>::RuntimeEvent = event.into();
	frame_system::Pallet::<T>::assert_last_event(event);
}

/// The subject of a benchmark, and two different claims about it.
pub(super) fn subject<T: Config>() -> Result<(Subject, [Verdict; 2]), BenchmarkError> {
	let (subject, _) = T::Claims::ensure_subject_for_benchmark();
	let claims = T::Claims::claims(subject);
	let (_, first) = claims.first().ok_or("nobody claims anything")?;
	let (_, second) = claims.iter().find(|(_, claim)| claim != first).ok_or("all claim the same")?;
	Ok((subject, [*first, *second]))
}

/// A score of a subject whose claim is a score.
pub(super) fn scored(claims: &[Verdict; 2]) -> Result<Verdict, BenchmarkError> {
	let score = claims.iter().find(|claim| matches!(claim, Verdict::Scored(_)));
	score.copied().ok_or(BenchmarkError::Stop("nobody claims a score"))
}

/// A verdict that is consistent with the subject's statements and that no other operator has.
pub(super) fn own_verdict<T: Config>(subject: Subject) -> Result<Verdict, BenchmarkError> {
	let outcome = |part| {
		let statement = T::Claims::statement(subject, part)?;
		let sequences = statement.items();
		let bytes = u64::from(sequences).saturating_mul(statement.positions().into());
		let job_root = H256::repeat_byte(0xee);
		Some(EvaluationOutcome { sequences, bytes, job_root, ..Default::default() })
	};
	let target = outcome(0).ok_or("the subject has no statement")?;
	Ok(Verdict::Scored(Score { target, guard: outcome(1) }))
}

/// As many ended games as are remembered.
fn fill_ring<T: Config>() {
	let size = T::MaxEnded::get();
	for place in 0..size {
		let id = GameId::MAX.saturating_sub(place.into());
		EndedRing::<T>::insert(place, id);
		let digests = [H256::zero(), H256::repeat_byte(1)];
		let (refuted, end) = ([true, false], GameEnd::Settled);
		let record =
			EndedRecord { subject: Subject::Audit(0), part: 0, digests, refuted, end, at: Zero::zero() };
		Ended::<T>::insert(id, record);
	}
	EndedCount::<T>::put(u64::from(size));
}

/// A game of two claims at a position. The second side has a bond.
fn game_at<T: Config>(
	subject: Subject,
	claims: [Verdict; 2],
	statement: Statement,
	position: Position,
) -> GameId
where
	T::Currency: Mutate<T::AccountId>,
{
	fill_ring::<T>();
	let backer = rich::<T>("backer");
	let bond = T::Bond::get();
	let reason = HoldReason::ChallengeBond.into();
	assert!(T::Currency::hold(&reason, &backer, bond).is_ok(), "it is rich");
	let id = NextGame::<T>::mutate(|next| {
		let id = *next;
		*next = next.saturating_add(1);
		id
	});
	let [first, second] = claims;
	let side = |verdict, backer| SideRecord { verdict, backer, clock: T::Clock::get(), moved: false };
	let sides = [side(first, None), side(second, Some(Backer { account: backer, bond }))];
	let round_began = frame_system::Pallet::<T>::block_number();
	let appellants = (0..APPELLANTS_MAX).map(|seed| (account("appellant", seed, 0), Side::Second));
	let appellants = BoundedVec::truncate_from(appellants.collect::<Vec<_>>());
	let (is_appeal, holds) = (false, true);
	Loads::<T>::insert(subject, first.digest(), Load { open: 1, peak: 1 });
	let game = GameRecord {
		subject,
		part: 0,
		statement,
		sides,
		position,
		round_began,
		is_appeal,
		appellants,
		holds,
	};
	Games::<T>::insert(id, game);
	Pairs::<T>::insert(subject, pair(first.digest(), second.digest()), id);
	Pallet::<T>::note_opened(subject, holds);
	id
}

/// A game at an item, both openings of it, which differ in the last operator but one of the candidate's trace.
fn at_item<T: Config>() -> Result<(GameId, [Opening; 2]), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (subject, claims) = subject::<T>()?;
	let statement = statement::<T>();
	let last = SAMPLE.saturating_sub(1);
	let sequence = statement.sequence(last).ok_or("the sample has that many")?;
	let disputed = Pallet::<T>::disputed(&statement).map_err(|_| "the architecture is registered")?;
	let operators = disputed.computation().operators();
	assert!(operators == OPERATORS_MAX as usize);
	let mut nodes: Vec<SumNode> = Vec::new();
	let mut openings: Vec<Opening> = Vec::new();
	for side in 0..2u8 {
		let mut baseline: Vec<Hash> = vec![[1; 32]; operators];
		let mut candidate = baseline.clone();
		for list in [&mut baseline, &mut candidate] {
			if let Some(end) = list.last_mut() {
				*end = blake2_256(&[&0u64.to_le_bytes()]);
			}
		}
		if let Some(root) = candidate.iter_mut().rev().nth(1) {
			*root = [side; 32];
		}
		let (baseline_trace, candidate_trace) = (tree::trace_root(&baseline), tree::trace_root(&candidate));
		let item = Item { sequence, baseline: 0, candidate: 0, baseline_trace, candidate_trace };
		nodes.push(item.node());
		openings.push(Opening::Item { item, baseline, candidate });
	}
	let nodes: [SumNode; 2] = nodes.try_into().map_err(|_| "two sides")?;
	let openings: [Opening; 2] = openings.try_into().map_err(|_| "two sides")?;
	let game = game_at::<T>(subject, claims, statement, Position::Item { item: last, nodes });
	Ok((game, openings))
}

/// A game at an item whose first side has moved, and the opening of the second.
pub(super) fn half_a_round<T: Config>() -> Result<(GameId, Opening), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (game, [first, second]) = at_item::<T>()?;
	let bytes = BoundedVec::try_from(first.encode()).map_err(|_| "openings fit")?;
	Posted::<T>::insert(game, bytes);
	Games::<T>::mutate(game, |game| {
		if let Some(game) = game {
			Side::First.of_mut(&mut game.sides).moved = true;
		}
	});
	Ok((game, second))
}

/// A game at a block that refutes the second side.
pub(super) fn at_block<T: Config>(trial: Trial) -> Result<(GameId, BlockWitness), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (subject, claims) = subject::<T>()?;
	if let Some(architecture) = &trial.architecture {
		T::BenchmarkHelper::register(architecture);
	}
	let OperatorPlace { item, trace, operator } = trial.at;
	let disputed = Pallet::<T>::disputed(&trial.statement).map_err(|_| "the architecture is registered")?;
	let commitments = trial.statement.commitments(item, trace).ok_or("there is such an item")?;
	let place = blyan_exact::step::Place {
		operator: operator.into(),
		row: trial.row as usize,
		block: trial.block as usize,
	};
	let (agreed, witness) = (&trial.agreed, &trial.witness);
	let hash = T::Referee::execute(disputed.computation(), &commitments, agreed, place, witness)
		.map_err(|_| "the trial can be computed")?;
	let nodes = [hash, [0xee; 32]];
	let position = Position::Block { at: trial.at, row: trial.row, block: trial.block, nodes };
	let game = game_at::<T>(subject, claims, trial.statement, position);
	Agreed::<T>::insert(game, BoundedVec::truncate_from(trial.agreed));
	Ok((game, trial.witness))
}

/// A game in which only the second side has run out of time, as late as possible.
pub(super) fn at_end<T: Config>() -> Result<GameId, BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (game, _) = half_a_round::<T>()?;
	Agreed::<T>::insert(game, BoundedVec::truncate_from(vec![[1; 32]; OPERATORS_MAX as usize]));
	frame_system::Pallet::<T>::set_block_number(T::Clock::get().saturating_add(10u32.into()));
	Ok(game)
}

/// A session key of an operator, and its owner.
pub(super) fn operator<T: Config>() -> Result<(T::AccountId, OperatorId), BenchmarkError> {
	let operators = T::Operators::ensure_operators_for_benchmark(1);
	Ok(operators.first().cloned().ok_or("no operators")?)
}

pub(super) fn say<T: Config>(word: Word, key: &OperatorId) -> Result<OperatorSignature, BenchmarkError> {
	let signature = key.sign(&word.signing_payload(&genesis_hash::<T>()));
	Ok(signature.ok_or("the key is not in the keystore")?)
}

/// Opens a demand for tile 0 of a score.
pub(super) fn demand<T: Config>() -> Result<(Subject, H256), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (subject, claims) = subject::<T>()?;
	let digest = scored(&claims)?.digest();
	let demander = rich::<T>("demander");
	let bond: BalanceOf<T> = T::Bond::get();
	T::Currency::hold(&HoldReason::DemandBond.into(), &demander, bond).map_err(|_| "it is rich")?;
	let until = T::DemandWindow::get();
	let demander = Demander::Bonded(Backer { account: demander, bond });
	Demands::<T>::insert(subject, (digest, 0), DemandRecord { demander, until, holds: true });
	Pallet::<T>::note_opened(subject, true);
	Ok((subject, digest))
}

/// The call that an operator sends at a block.
pub(super) fn execution<T: Config>(trial: Trial) -> Result<Call<T>, BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (game, witness) = at_block::<T>(trial)?;
	let (_, key) = operator::<T>()?;
	let signature = say::<T>(Word::Execute(game, H256(blake2_256(&[&witness.encode()]))), &key)?;
	Ok(Call::<T>::execute_authorized { game, witness, key, signature })
}

/// A candidate's bytes that an operator shows.
pub(super) struct Shown<T: Config> {
	pub(super) subject: Subject,
	/// Scores that fall if they are no expert.
	fallen: Vec<Verdict>,
	blob: Vec<u8>,
	hash: H256,
	root: H256,
	shape: ExpertShape,
	key: OperatorId,
	signature: OperatorSignature,
	runtime: core::marker::PhantomData<T>,
}

/// Makes a subject whose candidate is `block`, and signs its bytes.
pub(super) fn shown<T: Config>(block: Specimen<Vec<u8>>) -> Result<Shown<T>, BenchmarkError> {
	let (subject, _) = subject::<T>()?;
	let scores = T::Claims::claims(subject).into_iter().map(|(_, verdict)| verdict);
	let fallen = scores.filter(|verdict| matches!(verdict, Verdict::Scored(_))).collect();
	let (_, key) = operator::<T>()?;
	let (blob, root, shape) = known::<T, _>(block);
	let hash = H256(blake2_256(&[&blob]));
	let signature = say::<T>(Word::Show(subject, hash), &key)?;
	let runtime = core::marker::PhantomData;
	Ok(Shown { subject, fallen, blob, hash, root, shape, key, signature, runtime })
}

impl<T: Config> Shown<T> {
	/// Looks at the bytes, and draws the consequences of other ones.
	pub(super) fn show(&self) {
		let valid = Pallet::<T>::judge(&self.blob, self.hash, self.root, &self.shape);
		assert!(matches!(valid, Ok(true)));
		Pallet::<T>::show(self.subject, false, self.fallen.clone());
	}

	/// Does the work of the authorisation.
	pub(super) fn authorize(&self) -> Result<(), BenchmarkError> {
		let Self { subject, key, .. } = self;
		Pallet::<T>::operator(key).map_err(|_| "it is an operator")?;
		let hash = H256(blake2_256(&[&self.blob]));
		let payload = Word::Show(*subject, hash).signing_payload(&genesis_hash::<T>());
		assert!(key.verify(&payload, &self.signature));
		let valid = Pallet::<T>::judge(&self.blob, hash, self.root, &self.shape);
		assert!(matches!(valid, Ok(true)));
		assert!(!T::Claims::claims(*subject).is_empty() && !NoExpert::<T>::contains_key(*subject));
		Ok(())
	}
}
