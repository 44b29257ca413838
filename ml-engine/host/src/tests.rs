//! The boundary, driven natively with an engine that only remembers.

use super::*;
use blyan_exact::tree::SumNode;
use blyan_primitives::{
	evolution::{BenchmarkModel, BenchmarkOutcome, SuiteChoice, SuiteName, TokenizerRef},
	AuditFinding, BlobRef, BlockRef, BlockWitness, Comparand, CopyEvidence, CopyFinding, EvaluationOutcome,
	HoldoutRef, JobBody, ModelConfig, OpenCopyEvidence, OpenCopyFinding, Projection, ShownAdapter, TileProof,
	SHOWN_BYTES_MAX, SHOWN_LEAVES_MAX, SHOWN_SCALES_MAX,
};
use std::{
	collections::BTreeMap,
	sync::{Arc, Mutex},
};

/// Finishes every job at once with the outcome of zeros.
#[derive(Default)]
struct Instant(Mutex<BTreeMap<JobId, JobStatus>>);

impl MlEngine for Instant {
	fn submit_job(&self, job: EvaluationJob) -> Result<JobId, EngineError> {
		let id = job.id();
		self.0.lock().unwrap().entry(id).or_insert(JobStatus::Done(EvaluationOutcome::default()));
		Ok(id)
	}
	fn poll(&self, id: JobId) -> Result<JobStatus, EngineError> {
		self.0.lock().unwrap().get(&id).cloned().ok_or(EngineError::UnknownJob)
	}
	fn cancel(&self, id: JobId) -> Result<(), EngineError> {
		match self.0.lock().unwrap().get_mut(&id) {
			Some(status) => {
				*status = JobStatus::Failed(EngineError::Cancelled);
				Ok(())
			}
			None => Err(EngineError::UnknownJob),
		}
	}
	fn has_blob(&self, hash: H256) -> Result<bool, EngineError> {
		Ok(hash == H256([1; 32]))
	}
	fn find_copy(&self, query: CopyQuery) -> Result<Comparison, EngineError> {
		match query.originals.len() {
			0 => Ok(Comparison::Distinct),
			_ => Ok(Comparison::Copy(Box::new(finding()))),
		}
	}
	fn find_open_copy(&self, query: OpenCopyQuery) -> Result<OpenComparison, EngineError> {
		match query.originals.len() {
			0 => Ok(OpenComparison::Distinct),
			_ => Ok(OpenComparison::Copy(Box::new(open_finding()))),
		}
	}
	fn audit_dataset(&self, job: DatasetAuditJob) -> Result<DatasetAuditStatus, EngineError> {
		match job.blobs {
			0 => Ok(DatasetAuditStatus::Running),
			1 => Ok(DatasetAuditStatus::Done(AuditFinding::Malformed)),
			_ => Err(EngineError::BlobMissing(job.manifest.hash)),
		}
	}
	fn run_benchmark(&self, job: BenchmarkJob) -> Result<BenchmarkStatus, EngineError> {
		match job.base.generation {
			0 => Ok(BenchmarkStatus::Running { done: 3, total: 8 }),
			1 => Ok(BenchmarkStatus::Done(BenchmarkOutcome { suites: Default::default() })),
			_ => Err(EngineError::BlobMissing(job.tokenizer.blob.hash)),
		}
	}
	fn open(&self, job: EvaluationJob, query: Query) -> Result<Option<Opening>, EngineError> {
		match query {
			// One that is still being computed.
			Query::Item { .. } => Ok(None),
			Query::Items { .. } => Ok(Some(Opening::Items(vec![SumNode::default(); job.sample as usize]))),
			_ => Ok(Some(Opening::Hashes(vec![[7; 32]]))),
		}
	}
}

const CONFIG: ModelConfig =
	ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 1, top_k: 1, context: 8 };

fn job() -> EvaluationJob {
	let blob = BlobRef { hash: H256([1; 32]), size: 8 };
	let block = BlockRef { tensor_root: H256([2; 32]), blob };
	EvaluationJob {
		definition: blyan_exact::DEFINITION,
		model: 0,
		body: JobBody::First { config: CONFIG, trunk: block },
		heads: vec![block],
		layer: 0,
		expert: 0,
		candidate: block,
		holdout: HoldoutRef { root: H256::zero(), blob, sequences: 1, sequence_len: 8 },
		seed: H256::zero(),
		sample: 1,
	}
}

/// A finding of the largest size.
fn finding() -> CopyFinding {
	let tile = TileProof {
		bytes: vec![7; 64 * 1024].try_into().unwrap(),
		tiles: H256([1; 32]),
		path: vec![H256([2; 32]); 4].try_into().unwrap(),
	};
	let evidence = CopyEvidence {
		tile: 1,
		copy_tile: 2,
		original: tile.clone(),
		original_parent: Some(tile.clone()),
		copy_parent: tile.clone(),
		copy: tile,
		moved: vec![(3, 4); 2_048].try_into().unwrap(),
	};
	CopyFinding { original: 5, evidence }
}

fn copy_query() -> CopyQuery {
	let EvaluationJob { candidate, .. } = job();
	let original = Comparand { block: candidate, parent: None };
	CopyQuery { config: CONFIG, candidate, parent: candidate, originals: vec![original] }
}

/// A finding about adapters of the largest size.
fn open_finding() -> OpenCopyFinding {
	let adapter = ShownAdapter {
		scales: vec![1; SHOWN_SCALES_MAX as usize].try_into().unwrap(),
		leaves: vec![H256([2; 32]); SHOWN_LEAVES_MAX as usize].try_into().unwrap(),
		bytes: vec![3; SHOWN_BYTES_MAX as usize].try_into().unwrap(),
	};
	let evidence = OpenCopyEvidence {
		projection: Projection::Down,
		original: adapter.clone(),
		original_parent: Some(adapter.clone()),
		copy_parent: adapter.clone(),
		copy: adapter,
	};
	OpenCopyFinding { original: 5, evidence }
}

fn open_copy_query() -> OpenCopyQuery {
	let CopyQuery { candidate, parent, originals, .. } = copy_query();
	OpenCopyQuery { architecture: vec![7; 90], layer: 1, candidate, parent, originals }
}

fn audit(blobs: u32) -> DatasetAuditJob {
	DatasetAuditJob {
		draw: H256([1; 32]),
		licence: b"MIT".to_vec().try_into().unwrap(),
		manifest: BlobRef { hash: H256([2; 32]), size: 9 },
		root: H256([3; 32]),
		records: 4,
		bytes: 5,
		blobs,
		sample_bytes_max: 6,
	}
}

fn benchmark(generation: u32) -> BenchmarkJob {
	let JobBody::First { config, trunk } = job().body else { panic!("it is of the first definition") };
	let body = JobBody::First { config, trunk };
	let model = |generation| BenchmarkModel { model: 1, generation, body: body.clone(), heads: vec![trunk] };
	BenchmarkJob {
		definition: 1,
		rules: BenchmarkJob::RULES,
		base: model(generation),
		candidate: model(9),
		tokenizer: TokenizerRef { blob: BlobRef { hash: H256([4; 32]), size: 9 }, ends: Default::default() },
		suites: vec![SuiteChoice { suite: SuiteName::Patterns, tasks: 4 }].try_into().unwrap(),
		entropy: H256([5; 32]),
	}
}

fn with_engine(story: impl FnOnce()) {
	let mut world = sp_io::TestExternalities::default();
	world.register_extension(MlEngineExt(Arc::new(Instant::default())));
	world.execute_with(story);
}

#[test]
fn every_function_says_not_available_without_an_engine() {
	sp_io::TestExternalities::default().execute_with(|| {
		assert_eq!(submit_job(&job()), Err(EngineError::NotAvailable));
		assert_eq!(poll(H256::zero()), Err(EngineError::NotAvailable));
		assert_eq!(cancel(H256::zero()), Err(EngineError::NotAvailable));
		assert_eq!(open(&job(), &Query::Item { item: 0 }), Err(EngineError::NotAvailable));
		assert_eq!(ml_engine_host::open(b"no job", b"no query"), Err(EngineError::NotAvailable));
		assert_eq!(find_copy(&copy_query()), Err(EngineError::NotAvailable));
		assert_eq!(find_open_copy(&open_copy_query()), Err(EngineError::NotAvailable));
		assert_eq!(audit_dataset(&audit(1)), Err(EngineError::NotAvailable));
		assert_eq!(run_benchmark(&benchmark(1)), Err(EngineError::NotAvailable));
	});
}

#[test]
fn submit_and_poll_agree_on_the_identifier() {
	with_engine(|| {
		let id = submit_job(&job()).unwrap();
		assert_eq!(id, job().id());
		assert_eq!(submit_job(&job()), Ok(id));
		assert_eq!(poll(id), Ok(JobStatus::Done(EvaluationOutcome::default())));
	});
}

#[test]
fn cancel_ends_a_known_job_and_refuses_an_unknown_one() {
	with_engine(|| {
		let id = submit_job(&job()).unwrap();
		assert_eq!(cancel(id), Ok(()));
		assert_eq!(poll(id), Ok(JobStatus::Failed(EngineError::Cancelled)));
		assert_eq!(cancel(H256([9; 32])), Err(EngineError::UnknownJob));
	});
}

#[test]
fn bytes_that_are_no_job_are_an_error_value() {
	with_engine(|| {
		let whole = job().encode();
		for cut in 0..whole.len() {
			assert_eq!(ml_engine_host::submit_job(&whole[..cut]), Err(EngineError::JobMalformed));
		}
		let trailing = [whole, vec![0]].concat();
		assert_eq!(ml_engine_host::submit_job(&trailing), Err(EngineError::JobMalformed));
		assert_eq!(
			ml_engine_host::submit_job(&vec![0xff; JOB_BYTES_MAX + 1]),
			Err(EngineError::JobMalformed)
		);
	});
}

#[test]
fn openings_cross_the_boundary_and_so_does_their_absence() {
	with_engine(|| {
		let rows = Query::Rows { item: 0, trace: 1, operator: 3, level: 1, index: 0 };
		assert_eq!(open(&job(), &Query::Item { item: 0 }), Ok(None));
		assert_eq!(
			open(&job(), &Query::Items { level: 1, index: 0 }),
			Ok(Some(Opening::Items(vec![SumNode::default()])))
		);
		assert_eq!(open(&job(), &rows), Ok(Some(Opening::Hashes(vec![[7; 32]]))));
	});
}

#[test]
fn bytes_that_are_no_query_are_an_error_value() {
	with_engine(|| {
		let (job, query) =
			(job().encode(), Query::Blocks { item: 1, trace: 0, operator: 2, row: 3 }.encode());
		let refused = Err(EngineError::JobMalformed);
		for cut in 0..query.len() {
			assert_eq!(ml_engine_host::open(&job, &query[..cut]), refused);
		}
		assert_eq!(ml_engine_host::open(&job, &[query.clone(), vec![0]].concat()), refused);
		assert_eq!(ml_engine_host::open(&job[1..], &query), refused);
		assert_eq!(ml_engine_host::open(&[job.clone(), vec![0]].concat(), &query), refused);
		for first in 0..=u8::MAX {
			let _ = ml_engine_host::open(&job, &[&[first][..], &[0xff; 40]].concat());
			let _ = ml_engine_host::open(&[&[first][..], &[0xff; 40]].concat(), &query);
		}
		assert_eq!(ml_engine_host::open(&job, &vec![0; 1 << 20]), refused);
	});
}

#[test]
fn a_finding_of_the_largest_size_crosses_the_boundary_and_so_does_its_absence() {
	with_engine(|| {
		assert_eq!(find_copy(&copy_query()), Ok(Comparison::Copy(Box::new(finding()))));
		let alone = CopyQuery { originals: Vec::new(), ..copy_query() };
		assert_eq!(find_copy(&alone), Ok(Comparison::Distinct));
	});
}

#[test]
fn bytes_that_are_no_comparison_are_an_error_value() {
	with_engine(|| {
		let query = copy_query().encode();
		let refused = Err(EngineError::JobMalformed);
		for cut in 0..query.len() {
			assert_eq!(ml_engine_host::find_copy(&query[..cut]), refused);
		}
		assert_eq!(ml_engine_host::find_copy(&[query, vec![0]].concat()), refused);
		assert_eq!(ml_engine_host::find_copy(&vec![0xff; JOB_BYTES_MAX + 1]), refused);
	});
}

#[test]
fn comparisons_of_adapters_cross_the_boundary_and_bytes_that_are_none_are_an_error_value() {
	with_engine(|| {
		assert_eq!(find_open_copy(&open_copy_query()), Ok(OpenComparison::Copy(Box::new(open_finding()))));
		let alone = OpenCopyQuery { originals: Vec::new(), ..open_copy_query() };
		assert_eq!(find_open_copy(&alone), Ok(OpenComparison::Distinct));
		let query = copies::encode_open(&open_copy_query());
		let refused = Err(EngineError::JobMalformed);
		for cut in copies::OPEN.len() + 1..query.len() {
			assert_eq!(ml_engine_host::find_copy(&query[..cut]), refused);
		}
		assert_eq!(ml_engine_host::find_copy(&[query, vec![0]].concat()), refused);
	});
}

/// Nodes of earlier releases decode all that comes as a `CopyQuery`, and refuse bytes behind it.
#[test]
fn a_node_that_knows_no_adapters_refuses_a_query_about_them_as_malformed() {
	let empty = decode_whole::<CopyQuery>(&copies::OPEN).unwrap();
	assert!(empty.originals.is_empty());
	let query = copies::encode_open(&open_copy_query());
	assert_eq!(decode_whole::<CopyQuery>(&query), Err(EngineError::JobMalformed));
	// And one that does takes no query of the first definition for another.
	with_engine(|| {
		assert_eq!(find_copy(&empty), Ok(Comparison::Distinct));
		let others = CopyQuery { originals: copy_query().originals, ..empty.clone() };
		assert_eq!(find_copy(&others), Ok(Comparison::Copy(Box::new(finding()))));
	});
}

#[test]
fn answers_about_the_first_definition_are_encoded_as_they_were() {
	for comparison in [Comparison::Running, Comparison::Distinct, Comparison::Copy(Box::new(finding()))] {
		assert_eq!(copies::Found::from(comparison.clone()).encode(), comparison.encode());
	}
}

#[test]
fn audits_cross_the_boundary_and_bytes_that_are_none_are_an_error_value() {
	with_engine(|| {
		assert_eq!(audit_dataset(&audit(0)), Ok(DatasetAuditStatus::Running));
		assert_eq!(audit_dataset(&audit(1)), Ok(DatasetAuditStatus::Done(AuditFinding::Malformed)));
		assert_eq!(audit_dataset(&audit(2)), Err(EngineError::BlobMissing(H256([2; 32]))));
		let whole = audit(1).encode();
		let refused = Err(EngineError::JobMalformed);
		for cut in 0..whole.len() {
			assert_eq!(ml_engine_host::audit_dataset(&whole[..cut]), refused);
		}
		assert_eq!(ml_engine_host::audit_dataset(&[whole, vec![0]].concat()), refused);
	});
}

#[test]
fn comparisons_of_models_cross_the_boundary_and_bytes_that_are_none_are_an_error_value() {
	with_engine(|| {
		assert_eq!(run_benchmark(&benchmark(0)), Ok(BenchmarkStatus::Running { done: 3, total: 8 }));
		let done = BenchmarkStatus::Done(BenchmarkOutcome { suites: Default::default() });
		assert_eq!(run_benchmark(&benchmark(1)), Ok(done));
		assert_eq!(run_benchmark(&benchmark(2)), Err(EngineError::BlobMissing(H256([4; 32]))));
		let whole = benchmark(1).encode();
		let refused = Err(EngineError::JobMalformed);
		for cut in 0..whole.len() {
			assert_eq!(ml_engine_host::run_benchmark(&whole[..cut]), refused);
		}
		assert_eq!(ml_engine_host::run_benchmark(&[whole, vec![0]].concat()), refused);
		assert_eq!(ml_engine_host::run_benchmark(&vec![0xff; 2 * JOB_BYTES_MAX + 1]), refused);
	});
}

#[test]
fn a_job_of_a_runtime_that_knows_one_definition_is_read_as_a_job_of_the_first() {
	let now = job();
	let JobBody::First { config, trunk } = now.body else { panic!("it is of the first definition") };
	let old = legacy::Job {
		definition: now.definition,
		model: now.model,
		config,
		trunk,
		heads: now.heads.clone(),
		layer: now.layer,
		expert: now.expert,
		candidate: now.candidate,
		holdout: now.holdout,
		seed: now.seed,
		sample: now.sample,
	};
	let bytes = old.encode();
	assert_eq!(legacy::decode_job(&bytes), Ok(now));
	assert_eq!(decode_job(&bytes), Err(EngineError::JobMalformed), "it is not a job as they are now");
	for cut in 0..bytes.len() {
		assert_eq!(legacy::decode_job(&bytes[..cut]), Err(EngineError::JobMalformed));
	}
}

#[test]
fn such_a_runtime_gets_witnesses_that_do_not_name_their_definition() {
	use blyan_exact::step::{Evidence, Witness};
	let witness = Witness(vec![Evidence::Output(vec![1, 2, 3])]);
	let opened = |opening| legacy::Opened(Ok(Some(opening))).encode();
	let named = opened(Opening::Witness(BlockWitness::First(witness.clone())));
	assert_eq!(named, [vec![0, 1, 3], witness.encode()].concat());
	let hashes = Opening::Hashes(vec![[7; 32]]);
	let same: Result<Option<Opening>, EngineError> = Ok(Some(hashes.clone()));
	assert_eq!(opened(hashes), same.encode());
	let other = Opening::Witness(BlockWitness::Second(Default::default()));
	let refused: Result<Option<Opening>, EngineError> = Err(EngineError::JobMalformed);
	assert_eq!(opened(other), refused.encode());
}
