//! Disputes over answers: the ids that a model read and those that it chose.

use super::{games::bisect, *};
use crate::definition2::{
	answer::{Answer, Favourite},
	execution::Execution,
	nucleus::{Cut, Narrowing},
	program::Kind,
	sampling::{sample, Sampling},
	Architecture,
};

/// Ids of the prompt.
const PROMPT: usize = 6;
/// Ids that are chosen.
const CHOSEN: usize = 13;
/// Every kind of settings: the favourite, all tokens, a nucleus of some and one that is nearly all.
const SETTINGS: [(u16, u16); 5] = [(0, 256), (256, 256), (256, 200), (400, 250), (1_000, 1)];

fn settings((temperature, top_p): (u16, u16), seed: u8) -> Answer {
	Answer { first: PROMPT as u32 - 1, sampling: Sampling { temperature, top_p, seed: [seed; 32] } }
}

/// Returns a prompt and what the model answers, by the definition's own sampling.
fn answered(model: &Model<'_>, answer: &Answer, stream: &mut Stream) -> Vec<u32> {
	let vocabulary = model.architecture().vocabulary as usize;
	let mut ids: Vec<u32> = (0..PROMPT).map(|_| stream.below(vocabulary) as u32).collect();
	let mut execution = Execution::new(model, (PROMPT + CHOSEN) as u32).unwrap();
	let mut logits = Vec::new();
	for &id in &ids {
		logits = execution.push(id).unwrap();
	}
	for _ in 0..CHOSEN {
		let token = sample(&answer.sampling, &logits, ids.len() as u64);
		ids.push(token);
		logits = execution.push(token).unwrap();
	}
	ids
}

/// Calls back with a family's model, as it lies in files.
fn with_model<R>(world: &World, call: impl FnOnce(&Model<'_>) -> R) -> R {
	let architecture = world.program().architecture();
	let layouts: BTreeMap<Part, Layout> =
		world.files.keys().map(|part| (*part, Layout::of(architecture, *part).unwrap())).collect();
	let load = |part: Part| LoadedPart::new(PartView::new(&layouts[&part], &world.files[&part]).unwrap());
	let parts: Vec<LoadedPart<'_>> = architecture.parts().into_iter().map(load).collect();
	let experts: Vec<LoadedPart<'_>> = architecture.expert_parts().map(load).collect();
	call(&Model::new(architecture, tensors_of(&parts), tensors_of(&experts)).unwrap())
}

/// An answer of a family's model: and the trace of its check.
fn world_of(family: usize, setting: (u16, u16)) -> World {
	let base = &World::all()[family];
	let answer = settings(setting, family as u8);
	let mut stream = Stream::new(base.name.as_bytes());
	let (ids, trace) = with_model(base, |model| {
		let ids = answered(model, &answer, &mut stream);
		let trace = Trace::of_answer(model, &ids, answer).unwrap();
		(ids, trace)
	});
	// The candidate lies in its slot, so the model is one of these files alone.
	let architecture = base.program().architecture();
	let experts = architecture.expert_parts().map(|part| root_of(&base.files[&part])).collect();
	World {
		name: base.name,
		files: base.files.clone(),
		parts: base.parts.clone(),
		experts,
		candidate: None,
		holdout: ids,
		sequence: 0,
		trace,
	}
}

/// The check of the same ids under other settings, or of other ids.
fn checked(world: &World, ids: &[u32], answer: Answer) -> Trace {
	with_model(world, |model| Trace::of_answer(model, ids, answer).unwrap())
}

#[test]
fn what_a_model_answers_has_no_miss() {
	for family in 0..golden::ARCHITECTURES.len() {
		for setting in SETTINGS {
			let world = world_of(family, setting);
			assert_eq!(world.trace.loss(), 0, "{} {setting:?}", world.name);
			let answer = *world.program().answer().unwrap();
			// A token that the model did not choose is a miss, and may lead to others.
			let mut ids = world.holdout.clone();
			let place = PROMPT + family % CHOSEN;
			ids[place] = (ids[place] + 1) % world.program().architecture().vocabulary;
			assert!(checked(&world, &ids, answer).loss() >= 1, "{} {setting:?}", world.name);
			// A prompt was not chosen, so nothing in it is a miss.
			let whole = Answer { first: ids.len() as u32, ..answer };
			assert_eq!(checked(&world, &ids, whole).loss(), 0);
		}
	}
}

/// All rows of a position at once are what the list comes to.
#[test]
fn rows_of_a_position_are_those_of_its_trace() {
	use crate::definition2::{answer, execution::integers};
	for family in 0..golden::ARCHITECTURES.len() {
		for setting in SETTINGS {
			let world = world_of(family, setting);
			let (program, trace) = (world.program(), &world.trace);
			let peaks = program.index_of(Role::LogitPeaks).unwrap();
			for position in 0..program.positions() {
				let numbers = |operator| integers(trace.row(operator, position).unwrap());
				let target = world.holdout[position + 1];
				let rows = answer::rows(
					program.answer().unwrap(),
					&numbers(peaks - 1),
					&numbers(peaks),
					position as u32,
					target,
				);
				assert_eq!(rows.len(), program.operators().len() - peaks - 2);
				for (row, operator) in rows.iter().zip(peaks + 1..) {
					assert_eq!(
						Some(row.as_slice()),
						trace.row(operator, position),
						"{} {operator}",
						world.name
					);
				}
			}
		}
	}
}

#[test]
fn another_seed_or_setting_is_another_answer() {
	let mut misses = 0;
	for family in 0..golden::ARCHITECTURES.len() {
		let world = world_of(family, (256, 256));
		for other in [settings((256, 256), 99), settings((0, 256), 0), settings((1_000, 256), family as u8)] {
			misses += checked(&world, &world.holdout, other).loss();
		}
	}
	assert!(misses > 100, "{misses}");
}

#[test]
fn an_evaluation_has_the_operators_it_always_had() {
	for (name, architecture) in golden::ARCHITECTURES {
		let architecture = architecture();
		let evaluation = Program::new(&architecture, 5).unwrap();
		let answer = Program::answer_check(&architecture, 5, settings((256, 200), 1)).unwrap();
		let same = evaluation.index_of(Role::LogitPeaks).unwrap() + 1;
		assert_eq!(evaluation.operators()[..same], answer.operators()[..same], "{name}");
		assert_eq!(evaluation.operators().len(), same + 3);
		// Five rounds of two operators each, best, miss, total.
		assert_eq!(answer.operators().len(), same + 13);
		let greedy = Program::answer_check(&architecture, 5, settings((0, 200), 1)).unwrap();
		assert_eq!(greedy.operators().len(), same + 3);
		assert_eq!((evaluation.answer(), greedy.answer().is_some()), (None, true));
	}
}

/// Every block of every operator behind the logits, computed by itself from its witness, is the block of the trace.
#[test]
fn every_block_of_an_answer_follows_from_its_witness() {
	let mut blocks = 0;
	for family in 0..golden::ARCHITECTURES.len() {
		for setting in SETTINGS {
			let world = world_of(family, setting);
			let (program, prover) = (world.program(), world.prover(&world.trace));
			let commitments = prover.commitments();
			let behind = program.index_of(Role::LogitPeaks).unwrap();
			for (operator, listed) in program.operators().iter().enumerate().skip(behind) {
				let agreed = &world.trace.operators()[..operator];
				for row in 0..listed.shape.rows {
					let expected = listed.shape.block_hashes(world.trace.row(operator, row).unwrap());
					for (block, expected) in expected.into_iter().enumerate() {
						let place = Place { operator, row, block };
						let witness = prover.record(place).unwrap();
						let hash = execute(program, &commitments, agreed, place, &witness);
						assert_eq!(hash, Ok(expected), "{} {:?} {place:?}", world.name, listed.role);
						blocks += 1;
					}
				}
			}
		}
	}
	assert!(blocks > 4_000, "{blocks}");
}

/// A wrong byte in every operator of every family and setting: the block is found, and it is the honest one.
#[test]
fn one_wrong_byte_of_an_answer_is_found_and_condemned() {
	let (mut kinds, mut games) = (std::collections::BTreeSet::new(), 0);
	for family in 0..golden::ARCHITECTURES.len() {
		let world = world_of(family, SETTINGS[family % SETTINGS.len()]);
		let (program, mut stream) = (world.program(), Stream::new(b"answers"));
		let prover = world.prover(&world.trace);
		let commitments = prover.commitments();
		for operator in 0..program.operators().len() {
			let mut liar = world.trace.clone();
			let at = stream.below(world.trace.output(operator).unwrap().len());
			let byte = world.trace.output(operator).unwrap()[at] ^ (1 + stream.below(255) as u8);
			liar.plant(operator, at, byte);
			let (place, _) = bisect(&world.trace, &liar).unwrap();
			let witness = prover.record(place).unwrap();
			let hash =
				execute(program, &commitments, &liar.operators()[..operator], place, &witness).unwrap();
			let listed = program.operator(operator).unwrap();
			let block = |trace: &Trace| {
				listed.shape.block_hashes(trace.row(operator, place.row).unwrap())[place.block]
			};
			assert_eq!(hash, block(&world.trace), "{} {listed:?}", world.name);
			assert_ne!(hash, block(&liar));
			let kind = std::format!("{:?}", listed.kind);
			kinds.insert(kind.split(' ').next().map(std::string::String::from));
			games += 1;
		}
	}
	// Of the 18 kinds of an evaluation, without sums and losses, and five of choices.
	assert_eq!(kinds.len(), 21, "{kinds:?}");
	assert!(games >= 300, "{games}");
}

/// Two liars who agree on what no descent comes to.
#[test]
fn agreed_nonsense_about_choices_condemns_both() {
	const HUGE: [u8; 8] = [0xff; 8];
	let qwen = golden::ARCHITECTURES.iter().position(|(name, _)| *name == "qwen2").unwrap();
	let mut world = world_of(qwen, (256, 200));
	// A position that was chosen: the first one, so that the first row is one.
	let answer = Answer { first: 0, ..*world.program().answer().unwrap() };
	world.trace = checked(&world, &world.holdout, answer);
	let cases: [(Role, usize, &[u8], Role); 13] = [
		(Role::Logits, 0, &HUGE[..3], Role::Buckets(0)),
		(Role::Logits, 3, &[0x7f], Role::Best),
		(Role::LogitPeaks, 3, &[0x7f], Role::Buckets(2)),
		(Role::LogitPeaks, 3, &[0x7f], Role::Best),
		(Role::Buckets(0), 0, &HUGE, Role::Narrow(0)),
		(Role::Buckets(3), 8, &HUGE, Role::Narrow(3)),
		(Role::Buckets(4), 8, &HUGE, Role::Cut),
		(Role::Narrow(0), 3, &[1], Role::Buckets(1)),
		(Role::Narrow(1), 12, &[0; 8], Role::Narrow(2)),
		(Role::Narrow(3), 12, &[0; 8], Role::Cut),
		(Role::Cut, 4, &[2], Role::Best),
		(Role::Best, 11, &[1], Role::Miss),
		(Role::Miss, 0, &[2], Role::Total),
	];
	for (role, at, bytes, next) in cases {
		let bytes = if role == Role::Logits && bytes.len() == 3 { &[0xff, 0xff, 0xff, 0x7f] } else { bytes };
		let outcome = execute_first(&world, &agreed(&world, role, at, bytes), next);
		assert_eq!(outcome, Err(StepError::InputImpossible), "{role:?} -> {next:?}");
	}
	// Sums that reach nothing, in all chunks.
	let zeros = vec![0; 2 * 512];
	for (role, next) in [(Role::Buckets(0), Role::Narrow(0)), (Role::Buckets(4), Role::Cut)] {
		let outcome = execute_first(&world, &agreed(&world, role, 0, &zeros), next);
		assert_eq!(outcome, Err(StepError::InputImpossible), "{role:?} -> {next:?}");
	}
	assert_eq!((Narrowing::BYTES, Cut::BYTES, Favourite::BYTES), (20, 12, 12));
}

/// Of the largest vocabulary and the longest sequence that a dispute can be about, no witness of a choice is larger than a chain takes.
#[test]
fn choices_over_the_largest_vocabulary_are_disputable() {
	let (_, base) = golden::ARCHITECTURES[0];
	let widest = Architecture { vocabulary: 262_144, context: 131_072, ..base() };
	for setting in SETTINGS {
		let answer = settings(setting, 1);
		let program = Program::answer_check(&widest, 1_800, answer).unwrap();
		assert!(is_disputable(&program), "{setting:?}");
		let sizes = leaf_sizes(&program).unwrap();
		let choices = sizes.iter().filter(|size| {
			matches!(size.role, Role::Buckets(_) | Role::Narrow(_) | Role::Cut | Role::Best | Role::Miss)
		});
		let largest = choices.map(|size| size.bytes).max();
		assert!(largest <= Some(40 * 1_024), "{largest:?}");
		// Longer ones can be served, but not disputed.
		let longer = Program::answer_check(&widest, POSITIONS_MAX as u32 + 1, answer).unwrap();
		assert!(!is_disputable(&longer));
	}
	let kinds = Program::answer_check(&widest, 4, settings((256, 200), 1)).unwrap();
	assert!(kinds.operators().iter().any(|operator| operator.kind == Kind::Cut));
}
