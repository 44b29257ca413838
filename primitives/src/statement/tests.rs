use super::*;
use crate::{part_bytes, record_id, BlobRef, ExpertHead, ModelVersion, Slots};
use alloc::vec::Vec;
use blyan_exact::definition2::{golden, model::architecture_hash, REVISION};
use proptest::prelude::*;

const CONFIG: ModelConfig =
	ModelConfig { d_model: 64, d_ff: 64, layers: 2, heads: 1, experts: 2, top_k: 1, context: 32 };

/// A registry with the architecture of the golden Mixtral.
struct Mixtral;

impl ArchitectureRegistry for Mixtral {
	fn architecture(id: &ArchitectureId) -> Option<Architecture> {
		let architecture = mixtral();
		(H256(architecture_hash(&architecture)) == *id).then_some(architecture)
	}
}

fn mixtral() -> Architecture {
	let (_, architecture) = golden::ARCHITECTURES.into_iter().find(|(name, _)| *name == "mixtral").unwrap();
	architecture()
}

fn block(n: u8, size: u32) -> BlockRef {
	BlockRef { tensor_root: H256::repeat_byte(n), blob: BlobRef { hash: H256::repeat_byte(!n), size } }
}

fn holdout(sequence_len: u16) -> HoldoutRef {
	HoldoutRef { root: H256::repeat_byte(7), blob: block(7, 1).blob, sequences: 100, sequence_len }
}

fn info(body: ModelBody, parts: Vec<BlockRef>, slots: &Slots) -> ModelInfo {
	ModelInfo {
		id: 4,
		name: Vec::new(),
		body,
		version: ModelVersion { major: 1, minor: 0, patch: 0 },
		generation: 0,
		parts,
		heads: (0..).zip(slots.iter()).map(|(n, _)| ExpertHead { version: 0, block: block(n, 9) }).collect(),
	}
}

fn first() -> ModelInfo {
	info(ModelBody::First { config: CONFIG, trunk: block(200, 5) }, Vec::new(), &Slots::first(&CONFIG))
}

fn second() -> ModelInfo {
	let architecture = mixtral();
	let parts = (200..).zip(architecture.parts());
	let parts: Vec<_> =
		parts.map(|(n, part)| block(n, part_bytes(&architecture, part).unwrap() as u32)).collect();
	let body =
		ModelBody::Second { architecture: record_id(&architecture.to_bytes()), parts: blocks_root(&parts) };
	info(body, parts, &Slots::second(&architecture))
}

/// A statement about a model of this body, with an expert in its slot (1, 1).
fn statement(model: &ModelInfo, sequence_len: u16) -> Statement {
	Statement::evaluation(
		model.body.definition(),
		&model.body,
		model.model_root(),
		(1, 1),
		block(50, 9).tensor_root,
		&holdout(sequence_len),
		(H256::repeat_byte(3), 10),
	)
}

#[test]
fn a_job_states_what_it_was_made_from() {
	for model in [first(), second()] {
		let statement = statement(&model, 16);
		let job = statement.job::<Mixtral>(model.clone(), block(50, 9), holdout(16)).unwrap();
		assert_eq!(job.statement(), Some(statement));
		assert_eq!(job.body.model_body(), model.body);
		assert_eq!((job.config().copied(), statement.is_current()), (model.config().copied(), true));
		let json = serde_json::to_value(&job).unwrap();
		assert_eq!(json.get("config").is_some(), !model.body.is_second(), "{json}");
		assert_eq!(serde_json::from_value::<EvaluationJob>(json).unwrap(), job);
	}
}

#[test]
fn no_job_is_made_from_a_model_of_another_definition_or_architecture() {
	let (of_first, of_second) = (statement(&first(), 16), statement(&second(), 16));
	let job = |statement: Statement, model: ModelInfo| {
		statement.job::<Mixtral>(model, block(50, 9), holdout(16)).is_some()
	};
	assert_eq!([job(of_first, first()), job(of_second, second())], [true, true]);
	assert_eq!([job(of_first, second()), job(of_second, first())], [false, false]);
	assert!(of_second.job::<()>(second(), block(50, 9), holdout(16)).is_none());
	let mut foreign = second();
	let ModelBody::Second { architecture, .. } = &mut foreign.body else { panic!("it is open") };
	*architecture = H256::repeat_byte(1);
	assert!(!job(of_second, foreign));
}

#[test]
fn a_job_whose_record_does_not_decode_states_nothing() {
	let model = second();
	let mut job = statement(&model, 16).job::<Mixtral>(model, block(50, 9), holdout(16)).unwrap();
	let JobBody::Second { architecture, .. } = &mut job.body else { panic!("it is open") };
	architecture.pop();
	assert_eq!(job.statement(), None);
}

#[test]
fn a_computation_has_the_operators_of_its_definition() {
	let (of_first, of_second) = (statement(&first(), 16), statement(&second(), 16));
	let Some(Computation::First(program)) = of_first.computation::<()>() else { panic!("bytes") };
	assert_eq!(Some(program), Program::new(CONFIG, 16));
	let computation = of_second.computation::<Mixtral>().unwrap();
	let Computation::Second(program) = &computation else { panic!("tokens") };
	assert_eq!(program, &definition2::Program::new(&mixtral(), 15).unwrap());
	assert_eq!((computation.positions(), of_second.positions(), of_second.sequence_len()), (15, 15, 16));
	assert_eq!(computation.operators(), program.operators().len());
	let shapes = (0..computation.operators()).map(|operator| computation.shape_at(operator));
	assert!(shapes.eq(program.operators().iter().map(|operator| Some(operator.shape))));
	assert_eq!(computation.shape_at(computation.operators()), None);
	// One id predicts nothing, and no sequence is longer than the context.
	assert_eq!(statement(&second(), 1).computation::<Mixtral>(), None);
	assert_eq!(statement(&second(), 66).computation::<Mixtral>(), None);
	assert_eq!(of_second.computation::<()>(), None);
}

#[test]
fn only_the_own_version_is_current() {
	let Statement::TokenEvaluation(of_second) = statement(&second(), 16) else { panic!("it is open") };
	assert_eq!(of_second.revision, REVISION);
	let later = TokenEvaluationStatement { revision: REVISION + 1, ..of_second };
	assert!(!Statement::TokenEvaluation(later).is_current());
	assert_eq!(Statement::TokenEvaluation(later).definition(), REVISION + 1);
}

proptest! {
	#[test]
	fn both_definitions_draw_and_commit_alike(seed: [u8; 32], sample in 0_u32..200, item in 0_u32..200, trace in 0_u8..2) {
		let of = |model: &ModelInfo| {
			let (mut statement, seed) = (statement(model, 16), H256(seed));
			match &mut statement {
				Statement::Evaluation(evaluation) => (evaluation.seed, evaluation.sample) = (seed, sample),
				Statement::TokenEvaluation(evaluation) => (evaluation.seed, evaluation.sample) = (seed, sample),
				Statement::Answer(_) => panic!("it is an evaluation"),
			}
			statement
		};
		let (of_first, of_second) = (of(&first()), of(&second()));
		prop_assert_eq!(of_first.items(), of_second.items());
		prop_assert_eq!(of_first.sequence(item), of_second.sequence(item));
		let commitments = of_second.commitments(item, trace);
		prop_assert_eq!(commitments.is_some(), item < sample.min(100));
		if let (Some(mut commitments), Some(expected)) = (commitments, of_first.commitments(item, trace)) {
			prop_assert_eq!(commitments.model_root, second().model_root().0);
			prop_assert_eq!(commitments.candidate.is_some(), trace == 1);
			commitments.model_root = expected.model_root;
			prop_assert_eq!(commitments, expected);
		}
	}
}

fn receipt(prompt_tokens_seen: u32, answer_tokens: u32) -> Receipt {
	Receipt {
		version: crate::RECEIPT_VERSION,
		model_root: second().model_root(),
		tokenizer: H256::zero(),
		tokens_root: H256::repeat_byte(9),
		prompt_tokens: prompt_tokens_seen.saturating_add(3),
		prompt_tokens_seen,
		answer_tokens,
		seed: 41,
		temperature_q8: 300,
		top_p_q8: 230,
		end: crate::AnswerEnd::Length,
		session: 0,
		charged: 0,
	}
}

fn answer(prompt_tokens_seen: u32, answer_tokens: u32) -> Statement {
	let architecture = second().body.architecture().unwrap();
	Statement::Answer(AnswerStatement::of(&receipt(prompt_tokens_seen, answer_tokens), architecture))
}

#[test]
fn an_answer_is_one_sequence_without_a_candidate() {
	let statement = answer(7, 5);
	assert_eq!((statement.items(), statement.sequence_len(), statement.positions()), (1, 12, 11));
	assert_eq!((statement.sequence(0), statement.sequence(1)), (Some(0), None));
	assert_eq!((statement.candidate(), statement.shape(), statement.is_current()), (None, None, true));
	let expected = Commitments {
		model_root: second().model_root().0,
		candidate: None,
		holdout_root: [9; 32],
		holdout_sequences: 1,
		sequence: 0,
	};
	assert_eq!([0, 1].map(|trace| statement.commitments(0, trace)), [Some(expected); 2]);
	assert_eq!(statement.commitments(1, 0), None);
	let Some(Computation::Second(program)) = statement.computation::<Mixtral>() else { panic!("tokens") };
	let sampling = Sampling { temperature: 300, top_p: 230, seed: Sampling::key_of(41) };
	assert_eq!((program.positions(), program.answer()), (11, Some(&Answer { first: 6, sampling })));
	assert_eq!(statement.computation::<()>(), None);
	assert!(statement.job::<Mixtral>(second(), block(50, 9), holdout(16)).is_none());
}

#[test]
fn an_answer_without_a_token_or_beyond_the_context_is_not_computed() {
	for (read, chosen) in [(0, 5), (5, 0), (60, 6), (u32::MAX, 5), (5, u32::MAX)] {
		assert_eq!(answer(read, chosen).computation::<Mixtral>(), None, "{read} {chosen}");
	}
	assert!(answer(60, 5).computation::<Mixtral>().is_some());
}
