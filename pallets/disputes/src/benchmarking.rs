//! Worst cases of every call, and of what happens without being asked.
//!
//! Games are about the largest program there may be; the ring of ended games is full, so that ending one forgets another.

use crate::{
	game::{OperatorPlace, Position, Side, OPERATORS_MAX},
	pair,
	sweep::SWEPT_MAX,
	Agreed, Backer, BalanceOf, BlockCheck, Call, Commitments, Config, DemandRecord, Demander, Demands, Ended,
	EndedCount, EndedRecord, EndedRing, Event, Fall, GameId, GameRecord, Games, HoldReason, Load, Loads,
	NextGame, NoExpert, Pairs, Pallet, Posted, Referee, Refuted, SideRecord, SignedReport, Subjects, Word,
	APPELLANTS_MAX,
};
use alloc::{vec, vec::Vec};
use blyan_exact::{
	blake2_256,
	tree::{self, Item, SumNode},
	Hash, ModelConfig,
};
use blyan_primitives::{
	finding_hash,
	traits::{Claims, OperatorSet},
	EvaluationOutcome, EvaluationStatement, Opening, OperatorId, OperatorSignature, Score, ScoreReport,
	Statement, Subject, Verdict,
};
use blyan_runtime_api::disputes::GameEnd;
use codec::Encode;
use frame_benchmarking::{account, v2::*};
use frame_support::{
	pallet_prelude::{Get, TransactionSource},
	traits::{
		fungible::{Inspect, Mutate, MutateHold},
		Authorize,
	},
	BoundedVec,
};
use frame_system::RawOrigin;
use sp_core::H256;
use sp_runtime::{
	traits::{Saturating, Zero},
	RuntimeAppPublic,
};

/// The largest architecture, by its program.
const LARGEST: ModelConfig =
	ModelConfig { d_model: 512, d_ff: 2_048, layers: 32, heads: 8, experts: 2, top_k: 2, context: 256 };
/// Sequences of a sample, which have to be drawn again to check an item.
const SAMPLE: u32 = 512;

fn statement() -> Statement {
	Statement::Evaluation(EvaluationStatement {
		definition: blyan_exact::DEFINITION,
		config: LARGEST,
		model_root: H256::zero(),
		layer: 0,
		expert: 0,
		candidate: H256::zero(),
		holdout_root: H256::zero(),
		holdout_sequences: 65_536,
		sequence_len: 256,
		seed: H256::zero(),
		sample: SAMPLE,
	})
}

fn rich<T: Config>(name: &'static str) -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	let who: T::AccountId = account(name, 0, 0);
	let money = T::Bond::get().saturating_add(T::Currency::minimum_balance());
	T::Currency::set_balance(&who, money.saturating_mul(10u32.into()));
	who
}

/// Commits an account to a finding, long enough ago.
fn commit_early<T: Config>(
	who: &T::AccountId,
	call: &str,
	arguments: &impl Encode,
) -> Result<(), BenchmarkError> {
	Pallet::<T>::do_commit(who.clone(), finding_hash(who, call, arguments))?;
	let now = frame_system::Pallet::<T>::block_number();
	frame_system::Pallet::<T>::set_block_number(now.saturating_add(T::CommitmentAge::get()));
	Ok(())
}

fn assert_last_event<T: Config>(event: Event<T>) {
	let event: <T as frame_system::Config>::RuntimeEvent = event.into();
	frame_system::Pallet::<T>::assert_last_event(event);
}

/// The subject of a benchmark, and two different claims about it.
fn subject<T: Config>() -> Result<(Subject, [Verdict; 2]), BenchmarkError> {
	let (subject, _) = T::Claims::ensure_subject_for_benchmark();
	let claims = T::Claims::claims(subject);
	let (_, first) = claims.first().ok_or("nobody claims anything")?;
	let (_, second) = claims.iter().find(|(_, claim)| claim != first).ok_or("all claim the same")?;
	Ok((subject, [*first, *second]))
}

/// A score of a subject whose claim is a score.
fn scored(claims: &[Verdict; 2]) -> Result<Verdict, BenchmarkError> {
	let score = claims.iter().find(|claim| matches!(claim, Verdict::Scored(_)));
	score.copied().ok_or(BenchmarkError::Stop("nobody claims a score"))
}

/// A verdict that is consistent with the subject's statements and that no other operator has.
fn own_verdict<T: Config>(subject: Subject) -> Result<Verdict, BenchmarkError> {
	let outcome = |part| {
		let statement = T::Claims::statement(subject, part)?;
		let positions = statement.program()?.positions() as u64;
		let sequences = statement.items();
		let bytes = u64::from(sequences).saturating_mul(positions);
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
	let statement = statement();
	let last = SAMPLE.saturating_sub(1);
	let sequence = statement.sequence(last).ok_or("the sample has that many")?;
	let operators = statement.program().ok_or("the configuration is valid")?.operators();
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
fn half_a_round<T: Config>() -> Result<(GameId, Opening), BenchmarkError>
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
fn at_block<T: Config>() -> Result<(GameId, blyan_exact::step::Witness), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (subject, claims) = subject::<T>()?;
	let trial = T::Referee::trial_for_benchmark();
	let OperatorPlace { item, trace, operator } = trial.at;
	let program = trial.statement.program().ok_or("the configuration is valid")?;
	let commitments = trial.statement.commitments(item, trace).ok_or("there is such an item")?;
	let place = blyan_exact::step::Place {
		operator: operator.into(),
		row: trial.row as usize,
		block: trial.block as usize,
	};
	let hash = T::Referee::execute(&program, &commitments, &trial.agreed, place, &trial.witness)
		.map_err(|_| "the trial can be computed")?;
	let nodes = [hash, [0xee; 32]];
	let position = Position::Block { at: trial.at, row: trial.row, block: trial.block, nodes };
	let game = game_at::<T>(subject, claims, trial.statement, position);
	Agreed::<T>::insert(game, BoundedVec::truncate_from(trial.agreed));
	Ok((game, trial.witness))
}

/// A game in which only the second side has run out of time, as late as possible.
fn at_end<T: Config>() -> Result<GameId, BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (game, _) = half_a_round::<T>()?;
	Agreed::<T>::insert(game, BoundedVec::truncate_from(vec![[1; 32]; OPERATORS_MAX as usize]));
	frame_system::Pallet::<T>::set_block_number(T::Clock::get().saturating_add(10u32.into()));
	Ok(game)
}

/// A session key of an operator, and its owner.
fn operator<T: Config>() -> Result<(T::AccountId, OperatorId), BenchmarkError> {
	let operators = T::Operators::ensure_operators_for_benchmark(1);
	Ok(operators.first().cloned().ok_or("no operators")?)
}

fn say<T: Config>(word: Word, key: &OperatorId) -> Result<OperatorSignature, BenchmarkError> {
	let signature = key.sign(&word.signing_payload(&Pallet::<T>::genesis_hash()));
	Ok(signature.ok_or("the key is not in the keystore")?)
}

/// Opens a demand for tile 0 of a score.
fn demand<T: Config>() -> Result<(Subject, H256), BenchmarkError>
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

#[benchmarks(where T::Currency: Mutate<T::AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn commit() -> Result<(), BenchmarkError> {
		let who = rich::<T>("finder");
		let hash = H256::repeat_byte(7);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), hash);

		assert!(Commitments::<T>::contains_key(who, hash));
		Ok(())
	}

	#[benchmark]
	fn withdraw_commitment() -> Result<(), BenchmarkError> {
		let who = rich::<T>("finder");
		let hash = H256::repeat_byte(7);
		Pallet::<T>::do_commit(who.clone(), hash)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), hash);

		assert!(!Commitments::<T>::contains_key(who, hash));
		Ok(())
	}

	#[benchmark]
	fn challenge() -> Result<(), BenchmarkError> {
		let (subject, [against, _]) = subject::<T>()?;
		let verdict = own_verdict::<T>(subject)?;
		let challenger = rich::<T>("challenger");
		commit_early::<T>(&challenger, "challenge", &(subject, against.digest(), verdict))?;

		#[extrinsic_call]
		_(RawOrigin::Signed(challenger), subject, against.digest(), verdict);

		assert!(NextGame::<T>::get() > 0 || Refuted::<T>::contains_key(subject, against.digest()));
		Ok(())
	}

	#[benchmark]
	fn confront() -> Result<(), BenchmarkError> {
		let (subject, [first, second]) = subject::<T>()?;
		let (first, second) = (first.digest(), second.digest());
		let (_, key) = operator::<T>()?;
		let signature = say::<T>(Word::Confront(subject, first, second), &key)?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, subject, first, second, key, signature);

		assert!(NextGame::<T>::get() > 0 || Subjects::<T>::contains_key(subject));
		Ok(())
	}

	#[benchmark]
	fn authorize_confront() -> Result<(), BenchmarkError> {
		let (subject, [first, second]) = subject::<T>()?;
		let (first, second) = (first.digest(), second.digest());
		let (_, key) = operator::<T>()?;
		let signature = say::<T>(Word::Confront(subject, first, second), &key)?;
		let call = Call::<T>::confront { subject, first, second, key, signature };

		#[block]
		{
			authorized(&call)?;
		}
		Ok(())
	}

	/// The second opening of an item, with both traces of the longest program.
	#[benchmark]
	fn descend() -> Result<(), BenchmarkError> {
		let (game, opening) = half_a_round::<T>()?;
		let mover = account("mover", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(mover), game, Side::Second, opening);

		let agreed = Agreed::<T>::get(game).map(|roots| roots.len());
		assert_eq!(agreed, Some(OPERATORS_MAX.saturating_sub(2) as usize));
		Ok(())
	}

	#[benchmark]
	fn authorize_descend() -> Result<(), BenchmarkError> {
		let (game, opening) = half_a_round::<T>()?;
		let (_, key) = operator::<T>()?;
		let hash = H256(blake2_256(&[&opening.encode()]));
		let signature = say::<T>(Word::Descend(game, Side::Second, hash), &key)?;
		let call = Call::<T>::descend_authorized { game, side: Side::Second, opening, key, signature };

		#[block]
		{
			authorized(&call)?;
		}
		Ok(())
	}

	#[benchmark]
	fn execute() -> Result<(), BenchmarkError> {
		let (game, witness) = at_block::<T>()?;
		let mover = account("mover", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(mover), game, witness);

		assert_eq!(Ended::<T>::get(game).map(|ended| ended.refuted), Some([false, true]));
		Ok(())
	}

	#[benchmark]
	fn authorize_execute() -> Result<(), BenchmarkError> {
		let (game, witness) = at_block::<T>()?;
		let (_, key) = operator::<T>()?;
		let signature = say::<T>(Word::Execute(game, H256(blake2_256(&[&witness.encode()]))), &key)?;
		let call = Call::<T>::execute_authorized { game, witness, key, signature };

		#[block]
		{
			authorized(&call)?;
		}
		Ok(())
	}

	#[benchmark]
	fn claim_timeout() -> Result<(), BenchmarkError> {
		let game = at_end::<T>()?;

		#[extrinsic_call]
		_(RawOrigin::Signed(account("anyone", 0, 0)), game);

		assert_eq!(Ended::<T>::get(game).map(|ended| ended.refuted), Some([false, true]));
		Ok(())
	}

	#[benchmark]
	fn authorize_claim_timeout() -> Result<(), BenchmarkError> {
		let game = at_end::<T>()?;
		let call = Call::<T>::claim_timeout { game };

		#[block]
		{
			authorized(&call)?;
		}
		Ok(())
	}

	#[benchmark]
	fn settle() -> Result<(), BenchmarkError> {
		let game = at_end::<T>()?;
		let record = Games::<T>::get(game).ok_or("it was opened above")?;
		let [_, second] = record.digests();
		Refuted::<T>::insert(record.subject, second, Fall::Proven);

		#[extrinsic_call]
		_(RawOrigin::Signed(account("anyone", 0, 0)), game);

		assert_eq!(Ended::<T>::get(game).map(|ended| ended.refuted), Some([false, true]));
		Ok(())
	}

	#[benchmark]
	fn authorize_settle() -> Result<(), BenchmarkError> {
		let game = at_end::<T>()?;
		let record = Games::<T>::get(game).ok_or("it was opened above")?;
		let [_, second] = record.digests();
		Refuted::<T>::insert(record.subject, second, Fall::Proven);
		let call = Call::<T>::settle { game };

		#[block]
		{
			authorized(&call)?;
		}
		Ok(())
	}

	/// A valid block takes longest to look at; that every score falls costs most afterwards. No blob does both.
	#[benchmark]
	fn prove_blob(b: Linear<1, { T::MaxBlobBytes::get() }>) -> Result<(), BenchmarkError> {
		let (subject, _) = subject::<T>()?;
		let prover = account("prover", 0, 0);
		let scores = T::Claims::claims(subject).into_iter().map(|(_, verdict)| verdict);
		let fallen = scores.filter(|verdict| matches!(verdict, Verdict::Scored(_))).collect();
		let (blob, root, config) = T::BlockCheck::block_for_benchmark(b);
		let hash = H256(blake2_256(&[&blob]));

		#[block]
		{
			let valid = Pallet::<T>::judge(&blob, hash, root, &config);
			assert!(matches!(valid, Ok(true)));
			Pallet::<T>::show(&prover, subject, false, fallen);
		}

		assert!(NoExpert::<T>::contains_key(subject));
		Ok(())
	}

	/// As above, with the signature.
	#[benchmark]
	fn authorize_prove_blob(b: Linear<1, { T::MaxBlobBytes::get() }>) -> Result<(), BenchmarkError> {
		let (subject, _) = subject::<T>()?;
		let (_, key) = operator::<T>()?;
		let (blob, root, config) = T::BlockCheck::block_for_benchmark(b);
		let hash = H256(blake2_256(&[&blob]));
		let word = Word::Show(subject, hash);
		let signature = say::<T>(word, &key)?;

		#[block]
		{
			Pallet::<T>::operator(&key).map_err(|_| "it is an operator")?;
			let hash = H256(blake2_256(&[&blob]));
			let payload = Word::Show(subject, hash).signing_payload(&Pallet::<T>::genesis_hash());
			assert!(key.verify(&payload, &signature));
			let valid = Pallet::<T>::judge(&blob, hash, root, &config);
			assert!(matches!(valid, Ok(true)));
			assert!(!T::Claims::claims(subject).is_empty() && !NoExpert::<T>::contains_key(subject));
		}
		Ok(())
	}

	#[benchmark]
	fn demand_tile() -> Result<(), BenchmarkError> {
		let (subject, claims) = subject::<T>()?;
		let digest = scored(&claims)?.digest();
		let demander = rich::<T>("demander");

		#[extrinsic_call]
		_(RawOrigin::Signed(demander), subject, digest, 0);

		assert!(Demands::<T>::contains_key(subject, (digest, 0)));
		Ok(())
	}

	#[benchmark]
	fn authorize_demand_tile() -> Result<(), BenchmarkError> {
		let (subject, claims) = subject::<T>()?;
		let digest = scored(&claims)?.digest();
		let (_, key) = operator::<T>()?;
		let signature = say::<T>(Word::Demand(subject, digest, 0), &key)?;
		let call = Call::<T>::demand_tile_authorized { subject, digest, tile: 0, key, signature };

		#[block]
		{
			authorized(&call)?;
		}
		Ok(())
	}

	#[benchmark]
	fn supply_tile() -> Result<(), BenchmarkError> {
		let (subject, digest) = demand::<T>()?;
		let supplier: T::AccountId = account("supplier", 0, 0);
		let (evidence, tile, root, config) = T::BlockCheck::evidence_for_benchmark();

		#[block]
		{
			assert!(Pallet::<T>::candidate(subject).is_some());
			assert!(Pallet::<T>::proves_tile(&evidence, tile, root, &config));
			Pallet::<T>::accept_tile(supplier.clone(), subject, digest, 0)?;
		}

		let event = Event::<T>::TileSupplied { subject, digest, tile: 0, supplier };
		assert_last_event::<T>(event);
		Ok(())
	}

	/// As above, with the signature.
	#[benchmark]
	fn authorize_supply_tile() -> Result<(), BenchmarkError> {
		let (subject, digest) = demand::<T>()?;
		let (_, key) = operator::<T>()?;
		let (evidence, tile, root, config) = T::BlockCheck::evidence_for_benchmark();
		let word = |hash| Word::Supply(subject, digest, 0, hash);
		let signature = say::<T>(word(H256(blake2_256(&[&evidence.encode()]))), &key)?;

		#[block]
		{
			Pallet::<T>::operator(&key).map_err(|_| "it is an operator")?;
			Pallet::<T>::ensure_demanded(subject, digest, 0).map_err(|_| "it is demanded")?;
			let hash = H256(blake2_256(&[&evidence.encode()]));
			assert!(key.verify(&word(hash).signing_payload(&Pallet::<T>::genesis_hash()), &signature));
			assert!(Pallet::<T>::candidate(subject).is_some());
			assert!(Pallet::<T>::proves_tile(&evidence, tile, root, &config));
		}
		Ok(())
	}

	#[benchmark]
	fn close_demand() -> Result<(), BenchmarkError> {
		let (subject, digest) = demand::<T>()?;
		frame_system::Pallet::<T>::set_block_number(T::DemandWindow::get().saturating_add(1u32.into()));

		#[extrinsic_call]
		_(RawOrigin::Signed(account("anyone", 0, 0)), subject, digest, 0);

		assert!(Refuted::<T>::contains_key(subject, digest));
		Ok(())
	}

	#[benchmark]
	fn authorize_close_demand() -> Result<(), BenchmarkError> {
		let (subject, digest) = demand::<T>()?;
		frame_system::Pallet::<T>::set_block_number(T::DemandWindow::get().saturating_add(1u32.into()));
		let call = Call::<T>::close_demand { subject, digest, tile: 0 };

		#[block]
		{
			authorized(&call)?;
		}
		Ok(())
	}

	#[benchmark]
	fn report_equivocation() -> Result<(), BenchmarkError> {
		let (operator, key) = operator::<T>()?;
		let (subject, _) = T::Claims::ensure_subject_for_benchmark();
		let Subject::Submission(submission, draw) = subject else { return Err("it is about a score".into()) };
		let sign = |verdict| {
			let report = ScoreReport { submission, verdict };
			let signature = key.sign(&report.signing_payload(&Pallet::<T>::genesis_hash(), &draw));
			signature.map(|signature| SignedReport { report, draw, signature })
		};
		let score = Score { target: EvaluationOutcome::default(), guard: Some(EvaluationOutcome::default()) };
		let other = Score { guard: None, ..score };
		let first = sign(Verdict::Scored(score)).ok_or("the key is not in the keystore")?;
		let second = sign(Verdict::Scored(other)).ok_or("the key is not in the keystore")?;

		let reporter = rich::<T>("reporter");
		commit_early::<T>(&reporter, "report_equivocation", &(&first, &second, &key))?;

		#[extrinsic_call]
		_(RawOrigin::Signed(reporter), first, second, key);

		let event = Event::<T>::EquivocationProven { submission, operator };
		assert_last_event::<T>(event);
		Ok(())
	}

	/// A subject of which as many fallen claims are stored as go at once.
	#[benchmark]
	fn sweep() {
		let subject = Subject::Audit(u64::MAX);
		for seed in 0..SWEPT_MAX {
			let digest = H256(blake2_256(&[&seed.to_le_bytes()]));
			Refuted::<T>::insert(subject, digest, Fall::Undefended { against: Verdict::Invalid });
		}
		NoExpert::<T>::insert(subject, ());
		Pallet::<T>::touch(subject);

		#[block]
		{
			Pallet::<T>::sweep(frame_support::weights::Weight::MAX);
		}

		assert!(Refuted::<T>::iter_prefix(subject).next().is_none());
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::benchmark_ext(), crate::tests::Test);
}

/// Runs a call's own authorisation.
fn authorized<T: Config>(call: &Call<T>) -> Result<(), BenchmarkError> {
	let checked = call.authorize(TransactionSource::External).ok_or("the call authorises itself")?;
	checked.map(|_| ()).map_err(|_| BenchmarkError::Stop("refused"))
}
