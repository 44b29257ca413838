//! Candidates for models of the second definition: their sizes, holdouts, jobs and scores.

use super::*;
use crate::{Error, Original};
use blyan_exact::definition2::{golden, Architecture, REVISION};
use blyan_primitives::{
	blocks_root, expert_bytes, record_id,
	traits::{ArchitectureRegistry, Claims},
	ArchitectureId, BlobRef, BlockRef, Computation, ExpertShape, HoldoutRef, JobBody, ModelBody, Score,
	Statement, SubmissionId, Verdict, HOLDOUT_SEQUENCES_MAX,
};
use blyan_runtime_api::SubmissionOutcome;
use frame_support::{assert_noop, assert_ok, parameter_types};
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{Dave, Eve};

parameter_types! {
	/// The models are of the second definition. Most stories are about the first.
	pub static IsOpen: bool = false;
	pub static MaxBlockBytes: u32 = 1_000;
	/// Context of their architecture, if it is another than the golden one's.
	pub static LongContext: Option<u32> = None;
	/// Their experts are adapters.
	pub static HasAdapters: bool = false;
}

impl Experts {
	pub(super) fn own_body() -> ModelBody {
		if !IsOpen::get() {
			return ModelBody::First { config: CONFIG, trunk: block(200) };
		}
		let parts = blocks_root(&Self::own_parts());
		ModelBody::Second { architecture: record_id(&architecture().to_bytes()), parts }
	}

	pub(super) fn own_parts() -> Vec<BlockRef> {
		if IsOpen::get() {
			(200..204).map(block).collect()
		} else {
			Vec::new()
		}
	}
}

impl ArchitectureRegistry for Experts {
	fn architecture(id: &ArchitectureId) -> Option<Architecture> {
		(Self::own_body().architecture() == Some(*id)).then(architecture)
	}
}

/// Two layers of four experts.
pub(super) fn architecture() -> Architecture {
	let family = if HasAdapters::get() { "adapters" } else { "mixtral" };
	let (_, architecture) = golden::ARCHITECTURES.into_iter().find(|(name, _)| *name == family).unwrap();
	let base = architecture();
	Architecture { context: LongContext::get().unwrap_or(base.context), ..base }
}

/// A candidate of the length that the architecture asks for.
fn open_block(seed: u8) -> BlockRef {
	let size = expert_bytes(&architecture(), 0).unwrap() as u32;
	BlockRef { blob: BlobRef { size, ..block(seed).blob }, ..block(seed) }
}

/// A holdout of `SEQUENCE` token ids a sequence: a header, the ids, and a count of bytes for each sequence.
fn token_ids(sequences: u32, sequence_len: u16) -> HoldoutRef {
	let mut ids = HoldoutRef { sequences, sequence_len, ..holdout() };
	ids.blob.size = sequences.wrapping_mul(4 * u32::from(sequence_len) + 4).wrapping_add(96);
	ids
}

/// Has the models follow the second definition, with a holdout of token ids.
pub(super) fn become_open() {
	IsOpen::set(true);
	MaxBlockBytes::set(16 << 20);
	assert_ok!(Learning::register_holdout(RuntimeOrigin::root(), 0, token_ids(100, SEQUENCE)));
}

/// A world whose models follow the second definition, with a holdout of token ids.
pub(super) fn open_world(story: impl FnOnce()) {
	ExtBuilder::default().build_and_check(|| {
		become_open();
		story();
	});
	// Another world may follow in the same story.
	IsOpen::set(false);
	MaxBlockBytes::set(1_000);
}

fn offer_and_draw(seed: u8) -> SubmissionId {
	assert_ok!(submit_as(miner(), slot(0), open_block(seed)));
	run_to(System::block_number() + DELAY + 1);
	Learning::submission_count() - 1
}

/// A score by which every predicted token is better by twice the requirement.
fn better(sequence_len: u16) -> Verdict {
	Verdict::Scored(Score { target: measured(2 * i64::from(DELTA), 0, sequence_len), guard: None })
}

#[test]
fn a_candidate_is_drawn_measured_accepted_and_paid() {
	open_world(|| {
		let submission = offer_and_draw(1);
		assert_eq!(evaluation(submission).unwrap().terms.definition, REVISION);
		// Sixteen ids predict fifteen tokens.
		assert!(seal_as(OPERATORS[0], submission, better(SEQUENCE)).is_ok());
		assert!(reveals_are_refused(submission, better(SEQUENCE)));
	});
	open_world(|| {
		let submission = offer_and_draw(1);
		all_report(submission, better(SEQUENCE - 1));
		end_block();
		let Some(SubmissionOutcome::Accepted { version: 1, improvement, .. }) = outcome(submission) else {
			panic!("{:?}", outcome(submission))
		};
		assert_eq!(improvement, 2 * u64::from(DELTA), "a mean over tokens");
		assert_eq!(Heads::get()[&slot(0)].block, open_block(1));
		assert!(Payments::get().iter().any(|(who, paid)| *who == miner() && *paid > 0));
	});
}

/// Seals as all others, and finds that the numbers of a verdict do not fit.
fn reveals_are_refused(submission: SubmissionId, verdict: Verdict) -> bool {
	for who in &OPERATORS[1..] {
		seal_as(*who, submission, verdict).unwrap();
	}
	OPERATORS.into_iter().all(|who| reveal_as(who, submission, verdict).is_err())
}

#[test]
fn jobs_and_statements_name_the_architecture_and_the_parts() {
	open_world(|| {
		let submission = offer_and_draw(1);
		let job = Learning::evaluation_job(submission, 0).unwrap();
		let JobBody::Second { architecture: record, parts } = &job.body else { panic!("it is open") };
		assert_eq!(Architecture::from_bytes(record), Ok(architecture()));
		assert_eq!(parts.len(), architecture().parts().len());
		assert_eq!((job.definition, job.config()), (REVISION, None));
		all_report(submission, better(SEQUENCE - 1));
		end_block();

		let subject = subject(submission);
		let statement = Learning::statement(subject, 0).unwrap();
		assert_eq!(job.statement(), Some(statement));
		assert_eq!(<Learning as Claims<AccountId>>::job(subject, 0), Some(job.clone()));
		let origin = Learning::origin(subject, 0).unwrap();
		assert_eq!(Learning::job_from(&statement, &origin, &job.candidate), Some(job));
		let Statement::TokenEvaluation(stated) = statement else { panic!("it is about tokens") };
		let shape = ExpertShape::Second { architecture: stated.architecture, layer: 0 };
		assert_eq!(Learning::candidate(subject), Some((open_block(1), shape)));
		let computation = statement.computation::<Experts>().unwrap();
		assert!(matches!(&computation, Computation::Second(_)));
		assert_eq!(computation.positions(), u32::from(SEQUENCE) - 1);
		assert_eq!(statement.computation::<()>(), None, "no registry, no architecture");
		assert!(Learning::may_open(subject));
	});
}

#[test]
fn submit_fails_when_the_block_is_not_as_long_as_the_architecture_says() {
	open_world(|| {
		let sized = |size| BlockRef { blob: BlobRef { size, ..block(1).blob }, ..block(1) };
		let size = open_block(1).blob.size;
		for wrong in [0, 500, size - 1, size + 1] {
			assert_noop!(submit_as(miner(), slot(0), sized(wrong)), Error::<Test>::BlobSizeOutOfRange);
		}
		MaxBlockBytes::set(size - 1);
		assert_noop!(submit_as(miner(), slot(0), sized(size)), Error::<Test>::BlobSizeOutOfRange);
		MaxBlockBytes::set(size);
		assert_ok!(submit_as(miner(), slot(0), sized(size)));
	});
}

#[test]
fn blocks_of_the_first_definition_keep_their_bound() {
	ExtBuilder::default().build_and_check(|| {
		MaxBlockBytes::set(16 << 20);
		let sized = |size| BlockRef { blob: BlobRef { size, ..block(1).blob }, ..block(1) };
		let most = crate::FIRST_BLOCK_BYTES_MAX;
		assert_noop!(submit_as(miner(), slot(0), sized(most + 1)), Error::<Test>::BlobSizeOutOfRange);
		assert_ok!(submit_as(miner(), slot(0), sized(most)));
	});
}

#[test]
fn equal_tensors_are_refused_and_near_copies_have_no_measure() {
	open_world(|| {
		assert_ok!(submit_as(Dave.to_account_id(), slot(0), open_block(1)));
		run_to(System::block_number() + 1);
		assert_noop!(submit_as(Eve.to_account_id(), slot(0), open_block(1)), Error::<Test>::DuplicateBlock);
		assert_ok!(submit_as(Eve.to_account_id(), slot(0), open_block(2)));
		let tiles = super::copies::evidence(&super::copies::parent(), &super::copies::trained(0));
		let report = Learning::report_copy(signed(miner()), 1, Original::Submission(0), Box::new(tiles));
		assert_eq!(
			report.unwrap_err().error,
			sp_runtime::DispatchError::from(Error::<Test>::CopiesNotMeasured)
		);
	});
}

#[test]
fn register_holdout_fails_when_the_numbers_of_token_ids_do_not_fit() {
	open_world(|| {
		let context = u16::try_from(architecture().context).unwrap();
		let mut short = token_ids(100, SEQUENCE);
		short.blob.size -= 1;
		let mut of_bytes = token_ids(100, SEQUENCE);
		of_bytes.blob.size = 100 * u32::from(SEQUENCE);
		for wrong in [
			short,
			of_bytes,
			token_ids(1, 16),
			token_ids(10, 0),
			token_ids(10, 1),
			token_ids(10, context + 2),
			token_ids(HOLDOUT_SEQUENCES_MAX + 1, 2),
			HoldoutRef { root: H256::zero(), sequences: u32::MAX, ..token_ids(u32::MAX, u16::MAX) },
		] {
			assert_noop!(
				Learning::register_holdout(RuntimeOrigin::root(), 0, wrong),
				Error::<Test>::HoldoutMalformed
			);
		}
		assert_ok!(Learning::register_holdout(RuntimeOrigin::root(), 0, token_ids(2, context + 1)));
		assert_ok!(Learning::register_guard(RuntimeOrigin::root(), 0, token_ids(HOLDOUT_SEQUENCES_MAX, 2)));
	});
}

/// Committees would decide over them, and whatever they said, no game could be played to its end.
#[test]
fn register_holdout_fails_when_scores_over_its_sequences_could_not_be_disputed() {
	open_world(|| {
		LongContext::set(Some(8_192));
		let (playable, too_long) = (token_ids(2, 1_025), token_ids(2, 4_098));
		for register in [Learning::register_holdout, Learning::register_guard] {
			assert_ok!(register(RuntimeOrigin::root(), 0, playable));
			assert_noop!(register(RuntimeOrigin::root(), 0, too_long), Error::<Test>::HoldoutNotDisputable);
		}
		LongContext::set(None);
	});
}
