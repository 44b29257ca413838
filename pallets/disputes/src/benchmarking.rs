//! Worst cases of every call, and of what happens without being asked.
//!
//! Games are about the largest program there may be; the ring of ended games is full, so that ending one forgets another.

mod world;

use crate::{
	game::{Side, OPERATORS_MAX},
	sweep::SWEPT_MAX,
	Agreed, BlockCheck, Call, Commitments, Config, Demands, Ended, Event, Fall, Games, NextGame, NoExpert,
	Pallet, Referee, Refuted, SignedReport, Subjects, Word,
};
use blyan_exact::blake2_256;
use blyan_primitives::{traits::Claims, EvaluationOutcome, Score, ScoreReport, Subject, Verdict};
use blyan_support::genesis_hash;
use codec::Encode;
use frame_benchmarking::{account, v2::*};
use frame_support::{
	pallet_prelude::{Get, TransactionSource},
	traits::{fungible::Mutate, Authorize},
};
use frame_system::RawOrigin;
use sp_core::H256;
use sp_runtime::{traits::Saturating, RuntimeAppPublic};
use world::{
	assert_last_event, at_block, at_end, commit_early, demand, execution, half_a_round, known, operator,
	own_verdict, rich, say, scored, shown, subject,
};

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
		let (game, witness) = at_block::<T>(T::Referee::first_trial_for_benchmark())?;
		let mover = account("mover", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(mover), game, witness);

		assert_eq!(Ended::<T>::get(game).map(|ended| ended.refuted), Some([false, true]));
		Ok(())
	}

	/// As above, under the second definition: its costliest block, at the end of the longest program.
	#[benchmark]
	fn execute_second() -> Result<(), BenchmarkError> {
		let (game, witness) = at_block::<T>(T::Referee::second_trial_for_benchmark())?;
		let mover = account("mover", 0, 0);

		#[extrinsic_call]
		execute(RawOrigin::Signed(mover), game, witness);

		assert_eq!(Ended::<T>::get(game).map(|ended| ended.refuted), Some([false, true]));
		Ok(())
	}

	#[benchmark]
	fn authorize_execute() -> Result<(), BenchmarkError> {
		let call = execution::<T>(T::Referee::first_trial_for_benchmark())?;

		#[block]
		{
			authorized(&call)?;
		}
		Ok(())
	}

	/// As above, under the second definition.
	#[benchmark]
	fn authorize_execute_second() -> Result<(), BenchmarkError> {
		let call = execution::<T>(T::Referee::second_trial_for_benchmark())?;

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
		let shown = shown::<T>(T::BlockCheck::first_block_for_benchmark(b))?;

		#[block]
		{
			shown.show();
		}

		assert!(NoExpert::<T>::contains_key(shown.subject));
		Ok(())
	}

	/// As above, under the second definition.
	#[benchmark]
	fn prove_blob_second(b: Linear<1, { T::MaxBlobBytes::get() }>) -> Result<(), BenchmarkError> {
		let shown = shown::<T>(T::BlockCheck::second_block_for_benchmark(b))?;

		#[block]
		{
			shown.show();
		}

		assert!(NoExpert::<T>::contains_key(shown.subject));
		Ok(())
	}

	/// As above, with the signature.
	#[benchmark]
	fn authorize_prove_blob(b: Linear<1, { T::MaxBlobBytes::get() }>) -> Result<(), BenchmarkError> {
		let shown = shown::<T>(T::BlockCheck::first_block_for_benchmark(b))?;

		#[block]
		{
			shown.authorize()?;
		}
		Ok(())
	}

	/// As above, under the second definition.
	#[benchmark]
	fn authorize_prove_blob_second(b: Linear<1, { T::MaxBlobBytes::get() }>) -> Result<(), BenchmarkError> {
		let shown = shown::<T>(T::BlockCheck::second_block_for_benchmark(b))?;

		#[block]
		{
			shown.authorize()?;
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
		let (evidence, root, shape) = known::<T, _>(T::BlockCheck::evidence_for_benchmark());

		#[block]
		{
			assert!(Pallet::<T>::candidate(subject).is_some());
			assert!(Pallet::<T>::proves_tile(&evidence, 0, root, &shape));
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
		let (evidence, root, shape) = known::<T, _>(T::BlockCheck::evidence_for_benchmark());
		let word = |hash| Word::Supply(subject, digest, 0, hash);
		let signature = say::<T>(word(H256(blake2_256(&[&evidence.encode()]))), &key)?;

		#[block]
		{
			Pallet::<T>::operator(&key).map_err(|_| "it is an operator")?;
			Pallet::<T>::ensure_demanded(subject, digest, 0).map_err(|_| "it is demanded")?;
			let hash = H256(blake2_256(&[&evidence.encode()]));
			assert!(key.verify(&word(hash).signing_payload(&genesis_hash::<T>()), &signature));
			assert!(Pallet::<T>::candidate(subject).is_some());
			assert!(Pallet::<T>::proves_tile(&evidence, 0, root, &shape));
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
			let signature = key.sign(&report.signing_payload(&genesis_hash::<T>(), &draw));
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
