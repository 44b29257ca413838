//! Worst cases of every call, and of what happens without being asked.
//!
//! As many operators are registered as there may be, a committee is as large as it can be, chunks of blobs are full, and the moment of
//! the agenda that a dataset is entered at has room for one more.

use crate::{
	Agenda, AuditKind, AuditRecord, AuditRecordOf, Audits, Call, Config, Cursor, DatasetRecord,
	DatasetRecordOf, Datasets, Due, Event, FormerAuditors, OpenCount, Pallet, RescanCount, Roots, Seat,
	SeatState, Series, SeriesRecord, SubmissionFacts, Submissions,
};
use alloc::{vec, vec::Vec};
use blyan_primitives::{
	search_pow, traits::OperatorSet, AuditFinding, AuditReport, Ballot, BlobChunk, BlobRef,
	DatasetAuditMessage, DatasetOffer, DatasetReason, DatasetRef, DatasetShare, DatasetStage, DatasetTier,
	LicenceFinding, OperatorId, OperatorSignature, PowStamp, TrainingManifest, BLOBS_PER_CALL,
	LICENCE_BYTES_MAX, MANIFEST_DATASETS_MAX, MANIFEST_EPOCHS_MAX, MILLIONTHS, SOURCE_BYTES_MAX,
};
use blyan_runtime_api::datasets::AuditStep;
use codec::Encode;
use frame_benchmarking::{account, v2::*};
use frame_support::{
	pallet_prelude::{Get, TransactionSource},
	traits::{Authorize, EnsureOrigin},
	BoundedVec,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use sp_core::H256;
use sp_runtime::{
	traits::{One, SaturatedConversion, Saturating, Zero},
	RuntimeAppPublic,
};

const SALT: H256 = H256([8; 32]);
const DRAW: H256 = H256([7; 32]);

fn assert_last_event<T: Config>(event: Event<T>) {
	let event: <T as frame_system::Config>::RuntimeEvent = event.into();
	frame_system::Pallet::<T>::assert_last_event(event);
}

fn hash(salt: &[u8], seed: u32) -> H256 {
	H256(sp_io::hashing::blake2_256(&(salt, seed).encode()))
}

fn chunk(from: u32, count: u32) -> BlobChunk {
	let blob = |seed: u32| BlobRef { hash: hash(b"blob", from.saturating_add(seed)), size: 1 };
	BoundedVec::truncate_from((0..count).map(blob).collect())
}

fn report() -> AuditReport {
	AuditReport {
		rules: 1,
		records: 1,
		bytes: 1,
		licence: LicenceFinding::Verified,
		copyright_hits: 0,
		pii: 0,
		toxicity: 0,
		duplicate_rate: 0,
		malformed: 0,
		languages: Default::default(),
		perplexity_improvement: None,
	}
}

fn offer(series: Option<u32>) -> DatasetOffer {
	DatasetOffer {
		series,
		licence: BoundedVec::truncate_from(vec![b'a'; LICENCE_BYTES_MAX as usize]),
		source: BoundedVec::truncate_from(vec![b'a'; SOURCE_BYTES_MAX as usize]),
		manifest: BlobRef { hash: H256([1; 32]), size: 1 },
		root: H256([2; 32]),
		records: 1,
		bytes: 1_000,
		blobs: 1_000,
	}
}

/// A moment from which stamps can name a block.
fn begin<T: Config>() {
	let now: BlockNumberFor<T> = 10u32.into();
	frame_system::Pallet::<T>::set_block_number(now);
	frame_system::BlockHash::<T>::insert(now.saturating_sub(One::one()), H256([3; 32]));
	Cursor::<T>::put(Pallet::<T>::now());
}

/// A dataset of `creator` in a stage, with a full chunk of blobs, that stands on a full moment of the agenda.
fn dataset<T: Config>(number: u32, creator: &T::AccountId, stage: DatasetStage) -> DatasetRef {
	let name = DatasetRef { dataset: number, version: 0 };
	let offer = offer(None);
	let root = hash(b"root", number);
	let record: DatasetRecordOf<T> = DatasetRecord {
		creator: creator.clone(),
		licence: offer.licence,
		source: offer.source,
		manifest: BlobRef { hash: hash(b"manifest", number), size: 1 },
		root,
		records: 1,
		bytes: BLOBS_PER_CALL.into(),
		blobs: BLOBS_PER_CALL,
		named: BLOBS_PER_CALL,
		named_bytes: BLOBS_PER_CALL.into(),
		offered_at: frame_system::Pallet::<T>::block_number(),
		stage,
		until: Pallet::<T>::now().saturating_add(100u32.into()),
		audit_window_end: None,
		report: Some(report()),
		vote: None,
		is_final: false,
	};
	Series::<T>::insert(number, SeriesRecord { creator: creator.clone(), versions: 1 });
	Datasets::<T>::insert(name, record);
	Roots::<T>::insert(root, name);
	OpenCount::<T>::mutate(|open| *open = open.saturating_add(1));
	let others = T::MaxDue::get().saturating_sub(1);
	let other = |dataset: u32| DatasetRef { dataset: u32::MAX.saturating_sub(dataset), version: 0 };
	let moment = Pallet::<T>::now().saturating_add(1_000u32.into());
	let mut due: Vec<_> = (0..others).map(other).collect();
	due.push(name);
	Agenda::<T>::insert(moment, BoundedVec::truncate_from(due));
	Due::<T>::insert(name, moment);
	name
}

/// An audit of a dataset by the largest committee.
fn audit<T: Config>(
	name: DatasetRef,
	step: AuditStep,
	state: impl Fn(&T::AccountId) -> SeatState,
) -> Vec<(T::AccountId, OperatorId)> {
	let operators = T::Operators::ensure_operators_for_benchmark(T::MaxVoters::get());
	let seats = operators.iter().take(T::MaxSeats::get() as usize);
	let seats = seats.map(|(operator, _)| Seat { operator: operator.clone(), state: state(operator) });
	let record: AuditRecordOf<T> = AuditRecord {
		kind: AuditKind::First,
		appointment: 0,
		round: 0,
		draw: DRAW,
		step,
		until: Pallet::<T>::now().saturating_add(100u32.into()),
		seats: BoundedVec::truncate_from(seats.collect()),
	};
	Audits::<T>::insert(name, record);
	operators
}

fn sign<T: Config>(key: &OperatorId, message: &DatasetAuditMessage) -> OperatorSignature {
	key.sign(&Pallet::<T>::signing_payload(message)).expect("the key was generated for the benchmark")
}

fn seal_of<T: Config>(operator: &T::AccountId) -> H256 {
	AuditFinding::Examined(report()).seal(&DRAW, &SALT, operator)
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn offer(b: Linear<0, BLOBS_PER_CALL>) {
		begin::<T>();
		let who: T::AccountId = whitelisted_caller();
		let offered = super::offer(None);
		let block = frame_system::Pallet::<T>::block_number().saturating_sub(One::one());
		let nonce = search_pow(
			&who.encode(),
			&offered.work_subject(),
			&H256([3; 32]),
			T::PowBits::get(),
			0,
			u64::MAX,
		)
		.expect("some nonce fits");
		let root = offered.root;

		#[extrinsic_call]
		_(RawOrigin::Signed(who), offered, chunk(0, b), PowStamp { block, nonce });

		assert!(Roots::<T>::contains_key(root));
	}

	#[benchmark]
	fn name_blobs(b: Linear<1, BLOBS_PER_CALL>) {
		begin::<T>();
		let who: T::AccountId = whitelisted_caller();
		let name = dataset::<T>(0, &who, DatasetStage::Pending);
		Datasets::<T>::mutate(name, |entry| {
			if let Some(record) = entry {
				record.blobs = BLOBS_PER_CALL.saturating_mul(2);
				record.bytes = record.blobs.into();
			}
		});

		#[extrinsic_call]
		_(RawOrigin::Signed(who), name, chunk(1_000, b));

		assert_last_event::<T>(Event::BlobsNamed { dataset: name, named: BLOBS_PER_CALL.saturating_add(b) });
	}

	#[benchmark]
	fn begin_audit() {
		begin::<T>();
		let who: T::AccountId = whitelisted_caller();
		let name = dataset::<T>(0, &who, DatasetStage::Pending);

		#[extrinsic_call]
		_(RawOrigin::Signed(who), name);

		assert_last_event::<T>(Event::AuditAppointed { dataset: name, round: 0 });
	}

	#[benchmark]
	fn seal() {
		begin::<T>();
		let name = dataset::<T>(0, &account("creator", 0, 0), DatasetStage::Audit);
		let operators = audit::<T>(name, AuditStep::Sealing, |_| SeatState::Waiting);
		let (operator, key) = operators.first().cloned().expect("there are operators");
		let sealed = seal_of::<T>(&operator);
		let signature = sign::<T>(&key, &DatasetAuditMessage::Seal { dataset: name, seal: sealed });

		#[extrinsic_call]
		_(RawOrigin::Authorized, name, sealed, key, signature);

		assert_last_event::<T>(Event::FindingSealed { dataset: name, operator });
	}

	#[benchmark]
	fn authorize_seal() {
		begin::<T>();
		let name = dataset::<T>(0, &account("creator", 0, 0), DatasetStage::Audit);
		let operators = audit::<T>(name, AuditStep::Sealing, |_| SeatState::Waiting);
		let (operator, key) = operators.first().cloned().expect("there are operators");
		let sealed = seal_of::<T>(&operator);
		let signature = sign::<T>(&key, &DatasetAuditMessage::Seal { dataset: name, seal: sealed });
		let call = Call::<T>::seal { dataset: name, seal: sealed, key, signature };

		#[block]
		{
			call.authorize(TransactionSource::External)
				.expect("it knows how to authorise itself")
				.expect("it is the auditor's");
		}
	}

	#[benchmark]
	fn reveal() {
		begin::<T>();
		let name = dataset::<T>(0, &account("creator", 0, 0), DatasetStage::Audit);
		let operators =
			audit::<T>(name, AuditStep::Revealing, |operator| SeatState::Sealed(seal_of::<T>(operator)));
		let (operator, key) = operators.first().cloned().expect("there are operators");
		let finding = AuditFinding::Examined(report());
		let message = DatasetAuditMessage::Reveal { dataset: name, finding, salt: SALT };
		let signature = sign::<T>(&key, &message);

		#[extrinsic_call]
		_(RawOrigin::Authorized, name, finding, SALT, key, signature);

		assert_last_event::<T>(Event::FindingRevealed { dataset: name, operator, finding });
	}

	#[benchmark]
	fn authorize_reveal() {
		begin::<T>();
		let name = dataset::<T>(0, &account("creator", 0, 0), DatasetStage::Audit);
		let operators =
			audit::<T>(name, AuditStep::Revealing, |operator| SeatState::Sealed(seal_of::<T>(operator)));
		let (_, key) = operators.first().cloned().expect("there are operators");
		let finding = AuditFinding::Examined(report());
		let message = DatasetAuditMessage::Reveal { dataset: name, finding, salt: SALT };
		let signature = sign::<T>(&key, &message);
		let call = Call::<T>::reveal { dataset: name, finding, salt: SALT, key, signature };

		#[block]
		{
			call.authorize(TransactionSource::External)
				.expect("it knows how to authorise itself")
				.expect("it is the auditor's");
		}
	}

	#[benchmark]
	fn vote() {
		begin::<T>();
		let name = dataset::<T>(0, &account("creator", 0, 0), DatasetStage::Audit);
		let operators = T::Operators::ensure_operators_for_benchmark(T::MaxVoters::get());
		let record = Datasets::<T>::get(name).expect("made above");
		Pallet::<T>::open_vote(name, record);
		let (who, _) = operators.first().cloned().expect("there are operators");
		let proof = Pallet::<T>::voter_proof(name, &who).expect("it is a voter");
		let ballot = Ballot::Yes { stars: Some(5) };

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), name, ballot, proof);

		assert_last_event::<T>(Event::Voted { dataset: name, who, ballot });
	}

	#[benchmark]
	fn appeal() {
		begin::<T>();
		let who: T::AccountId = whitelisted_caller();
		let name = dataset::<T>(0, &who, DatasetStage::Rejected(DatasetReason::Quality));

		#[extrinsic_call]
		_(RawOrigin::Signed(who), name);

		assert_last_event::<T>(Event::AuditAppointed { dataset: name, round: 0 });
	}

	#[benchmark]
	fn withdraw() {
		begin::<T>();
		let who: T::AccountId = whitelisted_caller();
		let name = dataset::<T>(0, &who, DatasetStage::Audit);
		T::Operators::ensure_operators_for_benchmark(T::MaxVoters::get());
		let record = Datasets::<T>::get(name).expect("made above");
		Pallet::<T>::open_vote(name, record);

		#[extrinsic_call]
		_(RawOrigin::Signed(who), name);

		assert_last_event::<T>(Event::Rejected {
			dataset: name,
			reason: DatasetReason::Withdrawn,
			appeal_until: None,
		});
	}

	#[benchmark]
	fn quarantine() -> Result<(), BenchmarkError> {
		begin::<T>();
		let name = dataset::<T>(0, &account("creator", 0, 0), DatasetStage::Approved(DatasetTier::Gold));
		// The worst case ends a rescan whose committee is remembered.
		audit::<T>(name, AuditStep::Sealing, |_| SeatState::Waiting);
		Audits::<T>::mutate(name, |entry| {
			if let Some(audit) = entry {
				audit.kind = AuditKind::Rescan;
			}
		});
		RescanCount::<T>::put(1);
		let origin = T::QuarantineOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, name, DatasetReason::Safety);

		assert!(Datasets::<T>::get(name).is_some_and(|record| !record.stage.is_approved()));
		Ok(())
	}

	#[benchmark]
	fn declare_manifest(d: Linear<1, MANIFEST_DATASETS_MAX>) {
		begin::<T>();
		let who: T::AccountId = whitelisted_caller();
		let share = MILLIONTHS.checked_div(d).unwrap_or(0);
		let first = MILLIONTHS.saturating_sub(share.saturating_mul(d.saturating_sub(1)));
		let datasets: Vec<DatasetShare> = (0..d)
			.map(|number| DatasetShare {
				dataset: dataset::<T>(number, &who, DatasetStage::Approved(DatasetTier::Gold)),
				share: if number == 0 { first } else { share },
			})
			.collect();
		let manifest = TrainingManifest {
			expert: H256([1; 32]),
			datasets: BoundedVec::truncate_from(datasets),
			seed: 1,
			samples: 1,
			batch_roots: BoundedVec::truncate_from(vec![H256([2; 32]); MANIFEST_EPOCHS_MAX as usize]),
			cpu_seconds: 1,
			gpu_seconds: 1,
			log: H256([3; 32]),
			started_at: 1,
			ended_at: 2,
		};
		let hash = manifest.hash();
		let facts = SubmissionFacts { miner: who.clone(), expert: manifest.expert, manifest: hash };
		let submission = T::Submissions::ensure_submission_for_benchmark(facts);

		#[extrinsic_call]
		_(RawOrigin::Signed(who), submission, manifest);

		assert_last_event::<T>(Event::ManifestDeclared { submission, hash, datasets: d });
	}

	// The end of an audit: everyone is paid, and the vote's list of voters is made of all operators.
	#[benchmark]
	fn step() {
		begin::<T>();
		let name = dataset::<T>(0, &account("creator", 0, 0), DatasetStage::Audit);
		let finding = AuditFinding::Examined(report());
		let operators = audit::<T>(name, AuditStep::Revealing, |_| SeatState::Revealed(finding));
		let former = operators.iter().map(|(operator, _)| operator.clone()).collect();
		FormerAuditors::<T>::insert(name, BoundedVec::truncate_from(former));

		#[block]
		{
			assert!(Pallet::<T>::step(name, Pallet::<T>::now()));
		}

		assert!(Datasets::<T>::get(name).is_some_and(|record| record.stage == DatasetStage::Vote));
	}

	#[benchmark]
	fn idle() {
		begin::<T>();
		let now = Pallet::<T>::now();
		Cursor::<T>::put(BlockNumberFor::<T>::zero().saturating_add(now));

		#[block]
		{
			let next: u32 = Agenda::<T>::get(Cursor::<T>::get()).len().saturated_into();
			Cursor::<T>::put(now.saturating_add(One::one()).saturating_add(next.into()));
		}
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::mock::new_ext(), crate::tests::mock::Test);
}
