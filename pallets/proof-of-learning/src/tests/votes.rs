//! What a committee's verdicts cost one by one, and what they would cost in one call: the figures of the README.
//!
//! `cargo nextest run -p pallet-proof-of-learning votes --no-capture` prints them.

use super::*;
use crate::{Call, Config, Event, OpenSubmissions, Phase};
use blyan_primitives::{seal_hash, traits::OperatorSet, OperatorId, OperatorSignature, ScoreReport};
use blyan_support::genesis_hash;
use codec::Encode;
use sp_core::H256;
use sp_keyring::Sr25519Keyring;
use sp_runtime::RuntimeAppPublic;
use std::time::{Duration, Instant};

/// One verdict, and for each member what is its own.
type Batch = (ScoreReport, Vec<(H256, OperatorId, OperatorSignature)>);

/// What one call for all would do: every check of the single one, on one record that is read and written once.
fn reveal_together((report, members): &Batch) {
	let ScoreReport { submission, verdict } = *report;
	let now = System::block_number();
	let payload = report.signing_payload(&genesis_hash::<Test>(), &draw_id(report.submission));
	OpenSubmissions::<Test>::mutate(submission, |record| {
		let Some(Phase::Evaluating(drawn)) = record.as_mut().map(|record| &mut record.phase) else {
			panic!("it is being evaluated")
		};
		assert!(now <= drawn.reveal_deadline && drawn.is_revealing(now));
		assert!(Learning::admits(0, &drawn.terms, &verdict));
		let digest = verdict.digest();
		for (salt, key, signature) in members {
			let operator = <Test as Config>::Operators::owner_of(key).unwrap();
			let seat = drawn.seats.iter_mut().find(|seat| seat.operator == operator).unwrap();
			assert!(seat.verdict.is_none());
			assert_eq!(seat.seal, Some(seal_hash(&digest, salt, &operator)));
			assert!(key.verify(&payload, signature));
			seat.verdict = Some(verdict);
			Learning::deposit_event(Event::ScoreRevealed { submission, operator, verdict, digest });
		}
	});
}

/// Repeats `work` on the same world and returns the best time: what disturbs a measurement only adds to it.
fn best_of(rounds: u32, mut work: impl FnMut()) -> Duration {
	let mut best = Duration::MAX;
	for _ in 0..rounds {
		let _ = frame_support::storage::with_transaction(|| {
			let began = Instant::now();
			work();
			best = best.min(began.elapsed());
			sp_runtime::TransactionOutcome::Rollback(Ok::<_, sp_runtime::DispatchError>(()))
		});
	}
	best
}

#[test]
fn a_committees_votes_one_by_one_and_together() {
	use Sr25519Keyring::{Alice, Bob, Charlie, Dave, Eve};
	let members = [Alice, Bob, Charlie, Dave, Eve];
	ExtBuilder::default().operators(&members).with_guard().build_and_check(|| {
		CommitteeSize::set(5);
		let submission = submit_and_draw(1);
		let verdict = guarded_score(64, 0);
		for who in members {
			seal_as(who, submission, verdict).unwrap();
		}
		let report = ScoreReport { submission, verdict };
		let calls: Vec<Call<Test>> = members.iter().map(|who| reveal_call(*who, report)).collect();
		let batch: Batch = (
			report,
			members.iter().map(|who| (salt(*who), who.public().into(), sign(*who, &report))).collect(),
		);
		let seats = |work: &mut dyn FnMut()| {
			let _ = frame_support::storage::with_transaction(|| {
				work();
				let seats = evaluation(submission).unwrap().seats;
				assert!(seats.iter().all(|seat| seat.verdict == Some(verdict)));
				sp_runtime::TransactionOutcome::Rollback(Ok::<_, sp_runtime::DispatchError>(()))
			});
		};
		let mut one_by_one = || calls.iter().for_each(|call| include(call.clone()).unwrap());
		let mut together = || reveal_together(&batch);
		seats(&mut one_by_one);
		seats(&mut together);

		let signature = batch.1[0].clone();
		let payload = report.signing_payload(&genesis_hash::<Test>(), &draw_id(report.submission));
		let verify = best_of(50, || assert!(signature.1.verify(&payload, &signature.2)));
		let extrinsic = |call: &Call<Test>| {
			use frame_system::offchain::CreateAuthorizedTransaction;
			let call = RuntimeCall::from(call.clone());
			let transaction: Extrinsic =
				<Test as CreateAuthorizedTransaction<Call<Test>>>::create_authorized_transaction(call);
			transaction.encoded_size()
		};
		let bytes: usize = calls.iter().map(extrinsic).sum();
		println!(
			"{} verdicts: one by one {:?} and {bytes} bytes, together {:?} and about {} bytes; one signature {:?}",
			members.len(),
			best_of(50, &mut one_by_one),
			best_of(50, &mut together),
			batch.encoded_size() + 8,
			verify,
		);
		for who in members {
			reveal_as(who, submission, verdict).unwrap();
		}
	});
}
