//! Many conversations with one model: each one's answer is what it would have got alone, whatever shares its steps.
#![allow(clippy::unwrap_used)]

mod support;

use blyan_exact::{
	definition2::golden::{self, Stream},
	Sampling,
};
use blyan_kernel::Kernel;
use blyan_open_model::{
	conversation::{Answer, End, Settings},
	load,
	run::{sample, RunError, Runner, Scores, Weights},
	serve::{ConversationId, Event, Limits, Request, ServeError, Server, Service, BLOCK_POSITIONS},
};
use blyan_text::FinishReason;
use proptest::prelude::*;
use std::{
	collections::HashMap,
	sync::{Arc, LazyLock},
};

const CONTEXT: u32 = 320;

fn weights(family: usize) -> Arc<Weights> {
	let mut architecture = golden::ARCHITECTURES[family].1();
	architecture.context = CONTEXT;
	let model = golden::random_model(architecture, b"serve");
	Arc::new(load::weights(&model.view().unwrap()).unwrap())
}

fn runner(weights: &Arc<Weights>, kernel: Kernel, threads: usize) -> Runner {
	Runner::new(weights.clone(), kernel, threads).unwrap()
}

/// A prompt of so many tokens whose first `shared` are those of every such prompt.
fn prompt(weights: &Weights, number: u8, shared: usize, len: usize) -> Vec<u32> {
	let draw = |seed: &[u8], len: usize| -> Vec<u32> {
		let mut stream = Stream::new(seed);
		(0..len).map(|_| stream.below(weights.shape.vocabulary) as u32).collect()
	};
	let mut ids = draw(b"shared", shared.min(len));
	ids.extend(draw(&[number], len - ids.len()));
	ids
}

fn request(prompt: Vec<u32>, tokens_max: usize, temperature: u16) -> Request {
	let sampling = Sampling { temperature, top_p: 240, seed: [temperature as u8; 32] };
	let settings = Settings { sampling, tokens_max, stop: Vec::new() };
	Request { prompt, settings, ends: vec![3], tokenizer: None, scores: None }
}

/// Returns the tokens that a conversation gets alone, and why they end.
fn alone(runner: &mut Runner, request: &Request) -> (Vec<u32>, End) {
	let (mut sequence, mut logits, mut tokens) = (runner.sequence(), Vec::new(), Vec::new());
	runner.read(&mut sequence, &request.prompt, &mut logits).unwrap();
	loop {
		let token = sample(&request.settings.sampling, &logits, sequence.positions() as u64);
		tokens.push(token);
		if request.ends.contains(&token) {
			return (tokens, End::Finished(FinishReason::EndToken));
		}
		if tokens.len() >= request.settings.tokens_max {
			return (tokens, End::Finished(FinishReason::Length));
		}
		if sequence.positions() == runner.weights().shape.context {
			return (tokens, End::ContextFull);
		}
		runner.read(&mut sequence, &[token], &mut logits).unwrap();
	}
}

/// Answers by conversation, and the tokens as they came.
#[derive(Default)]
struct Answers {
	ended: HashMap<ConversationId, Answer>,
	tokens: HashMap<ConversationId, Vec<u32>>,
	scores: HashMap<ConversationId, Vec<Scores>>,
}

impl Answers {
	fn note(&mut self, id: ConversationId, event: Event) {
		assert!(!self.ended.contains_key(&id), "nothing comes behind the end");
		match event {
			Event::Token(token) => self.tokens.entry(id).or_default().push(token),
			Event::Text(text) => assert!(!text.is_empty()),
			Event::Scores(scores) => {
				assert_eq!(self.tokens.get(&id).and_then(|tokens| tokens.last()), Some(&scores.token));
				self.scores.entry(id).or_default().push(*scores);
			}
			Event::Ended(answer) => {
				assert_eq!(self.tokens.remove(&id).unwrap_or_default(), answer.tokens);
				self.ended.insert(id, *answer);
			}
			Event::Failed(error) => panic!("{error}"),
		}
	}

	fn finish(&mut self, server: &mut Server) {
		while !server.is_idle() {
			server.step(&mut |id, event| self.note(id, event)).unwrap();
		}
	}
}

fn limits(blocks: usize, weights: &Arc<Weights>) -> Limits {
	let probe = Server::new(runner(weights, Kernel::PORTABLE, 1), Limits::default()).unwrap();
	Limits { kv_bytes: blocks * probe.metrics().block_bytes, ..Limits::default() }
}

#[test]
fn answers_are_those_of_each_conversation_alone_for_every_family_kernel_and_number_of_threads() {
	for (family, (name, _)) in golden::ARCHITECTURES.iter().enumerate() {
		let weights = weights(family);
		let requests: Vec<Request> = [(1, 0), (63, 0), (64, 64), (65, 64), (150, 130), (140, 130), (300, 0)]
			.into_iter()
			.enumerate()
			.map(|(number, (len, shared))| {
				let prompt = prompt(&weights, number as u8, shared, len);
				request(prompt, 30, [0, 200, 256][number % 3])
			})
			.collect();
		let mut single = runner(&weights, Kernel::PORTABLE, 1);
		let expected: Vec<_> = requests.iter().map(|request| alone(&mut single, request)).collect();
		for kernel in Kernel::available() {
			for threads in [1, 2, 3] {
				let mut server = Server::new(runner(&weights, kernel, threads), Limits::default()).unwrap();
				// The second time much of it is known.
				for _ in 0..2 {
					let mut answers = Answers::default();
					let ids: Vec<_> =
						requests.iter().map(|request| server.submit(request.clone()).unwrap()).collect();
					answers.finish(&mut server);
					for (id, expected) in ids.iter().zip(&expected) {
						let answer = &answers.ended[id];
						let case = format!(
							"{name}, {kernel}, {threads} threads, prompt of {}",
							answer.prompt_tokens
						);
						assert_eq!((&answer.tokens, answer.end), (&expected.0, expected.1), "{case}");
					}
				}
				assert!(server.metrics().hit_ratio().unwrap() > 0.4, "{:?}", server.metrics());
			}
		}
	}
}

#[test]
fn scores_are_the_losses_of_the_answer_and_change_nothing_about_it() {
	let weights = weights(0);
	let plain = request(prompt(&weights, 3, 0, 70), 25, 256);
	let (expected, _) = alone(&mut runner(&weights, Kernel::PORTABLE, 1), &plain);
	let mut server = Server::new(runner(&weights, Kernel::best(), 2), Limits::default()).unwrap();
	let mut answers = Answers::default();
	let wanted = [None, Some(0), Some(5)];
	let ids = wanted.map(|scores| server.submit(Request { scores, ..plain.clone() }).unwrap());
	answers.finish(&mut server);
	let mut whole = plain.prompt.clone();
	whole.extend(&expected);
	let losses = runner(&weights, Kernel::best(), 1).losses(&whole).unwrap();
	for (id, wanted) in ids.iter().zip(wanted) {
		assert_eq!(answers.ended[id].tokens, expected);
		let scores = answers.scores.remove(id).unwrap_or_default();
		let Some(best) = wanted else {
			assert_eq!(scores, []);
			continue;
		};
		assert_eq!(scores.len(), expected.len());
		for (index, scores) in scores.iter().enumerate() {
			assert_eq!(scores.loss, losses[plain.prompt.len() - 1 + index], "{index}");
			assert_eq!(scores.best.len(), best);
			let known = scores.best.iter().find(|(token, _)| *token == scores.token);
			assert!(known.is_none_or(|(_, loss)| *loss == scores.loss));
		}
	}
}

/// Model of the property test, with requests and the answers that they get alone.
static WORLD: LazyLock<(Arc<Weights>, Vec<Request>, Vec<(Vec<u32>, End)>)> = LazyLock::new(|| {
	let weights = weights(0);
	let lengths = [(5, 0), (64, 64), (70, 64), (129, 128), (131, 128), (200, 128), (128, 100), (40, 30)];
	let requests: Vec<Request> = (0..16_u8)
		.map(|number| {
			let (len, shared) = lengths[usize::from(number) % lengths.len()];
			let tokens_max = [1, 7, 40, 90][usize::from(number) % 4];
			request(prompt(&weights, number, shared, len), tokens_max, [0, 256][usize::from(number) / 8])
		})
		.collect();
	let mut single = runner(&weights, Kernel::best(), 1);
	let expected = requests.iter().map(|request| alone(&mut single, request)).collect();
	(weights, requests, expected)
});

#[derive(Clone, Debug)]
enum Act {
	Submit(usize),
	Step(usize),
	Cancel(usize),
}

fn act() -> impl Strategy<Value = Act> {
	prop_oneof![
		4 => (0_usize..16).prop_map(Act::Submit),
		4 => (1_usize..12).prop_map(Act::Step),
		1 => (0_usize..32).prop_map(Act::Cancel),
	]
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	/// In whatever order conversations come, go and are cancelled, and however little memory there is.
	#[test]
	fn interleavings_change_no_answer_and_lose_no_memory(
		acts in prop::collection::vec(act(), 1..30), blocks in 5_usize..24, rows in 16_usize..70, threads in 1_usize..=3,
		active in 1_usize..12,
	) {
		let (weights, requests, expected) = &*WORLD;
		let limits = Limits { rows, prompt_rows: rows / 2, active, ..limits(blocks, weights) };
		let mut server = Server::new(runner(weights, Kernel::best(), threads), limits).unwrap();
		let mut answers = Answers::default();
		let (mut asked, mut cancelled) = (Vec::new(), 0);
		for act in acts {
			match act {
				Act::Submit(number) => asked.push((server.submit(requests[number].clone()).unwrap(), number)),
				Act::Step(steps) => for _ in 0..steps {
					server.step(&mut |id, event| answers.note(id, event)).unwrap();
				},
				Act::Cancel(index) => if let Some((id, _)) = asked.get(index) {
					let was_there = server.cancel(*id, &mut |id, event| answers.note(id, event));
					cancelled += u64::from(was_there);
				},
			}
			let metrics = server.metrics();
			prop_assert!(metrics.blocks_used + metrics.blocks_cached <= blocks, "{metrics:?}");
		}
		answers.finish(&mut server);
		for (id, number) in &asked {
			let (answer, (tokens, end)) = (&answers.ended[id], &expected[*number]);
			match answer.end {
				End::Cancelled => prop_assert!(tokens.starts_with(&answer.tokens)),
				other => {
					prop_assert_eq!(&answer.tokens, tokens, "request {}", number);
					prop_assert_eq!(other, *end);
				}
			}
		}
		let metrics = server.metrics();
		prop_assert_eq!(metrics.blocks_used, 0);
		prop_assert_eq!(metrics.cancelled, cancelled);
		prop_assert_eq!(metrics.finished + metrics.cancelled, asked.len() as u64);
		prop_assert!(metrics.rows_peak <= rows);
	}
}

#[test]
fn a_beginning_that_all_share_is_read_once() {
	let weights = weights(0);
	let mut server = Server::new(runner(&weights, Kernel::best(), 2), Limits::default()).unwrap();
	let shared = 3 * BLOCK_POSITIONS;
	for number in 0..10 {
		server.submit(request(prompt(&weights, number, shared, shared + 5), 4, 0)).unwrap();
	}
	let mut answers = Answers::default();
	answers.finish(&mut server);
	let metrics = server.metrics();
	assert_eq!(metrics.prompt_rows as usize, shared + 10 * 5, "{metrics:?}");
	assert_eq!(metrics.prompt_tokens_known as usize, 9 * shared);
	assert!(answers.ended.values().filter(|answer| answer.prompt_tokens_known == shared).count() == 9);
}

#[test]
fn a_later_turn_reads_only_what_is_new() {
	let weights = weights(0);
	let mut server = Server::new(runner(&weights, Kernel::best(), 2), Limits::default()).unwrap();
	let mut first = request(prompt(&weights, 1, 0, 100), 60, 256);
	first.ends = Vec::new();
	let mut answers = Answers::default();
	let id = server.submit(first).unwrap();
	answers.finish(&mut server);
	let answer = &answers.ended[&id];
	let mut ids = [answer.prompt.as_slice(), &answer.tokens].concat();
	ids.extend(prompt(&weights, 2, 0, 20));
	let second = request(ids.clone(), 10, 256);
	let expected = alone(&mut runner(&weights, Kernel::best(), 1), &second);
	let id = server.submit(second).unwrap();
	answers.finish(&mut server);
	assert_eq!(answers.ended[&id].tokens, expected.0);
	assert_eq!(answers.ended[&id].prompt_tokens_known, 2 * BLOCK_POSITIONS);
}

#[test]
fn a_long_prompt_does_not_stop_those_that_write() {
	let weights = weights(0);
	let limits = Limits { rows: 16, prompt_rows: 12, ..Limits::default() };
	let mut server = Server::new(runner(&weights, Kernel::best(), 2), limits).unwrap();
	let mut writer = request(prompt(&weights, 1, 0, 4), 60, 256);
	writer.ends = Vec::new();
	let writer = server.submit(writer).unwrap();
	server.step(&mut |_, _| {}).unwrap();
	let reader = server.submit(request(prompt(&weights, 2, 0, 300), 5, 0)).unwrap();
	let (mut written, mut read) = (0, false);
	while !read {
		let before = written;
		server
			.step(&mut |id, event| match event {
				Event::Token(_) if id == writer => written += 1,
				Event::Token(_) if id == reader => read = true,
				_ => {}
			})
			.unwrap();
		assert_eq!(written, before + 1, "one token a step");
	}
	assert_eq!(written, 300_usize.div_ceil(12));
}

#[test]
fn more_answers_than_a_step_has_rows_take_turns() {
	let weights = weights(0);
	let limits = Limits { rows: 16, ..Limits::default() };
	let mut server = Server::new(runner(&weights, Kernel::best(), 2), limits).unwrap();
	let mut counts = HashMap::new();
	for number in 0..40 {
		let mut request = request(prompt(&weights, number, 0, 1), 200, 256);
		request.ends = Vec::new();
		counts.insert(server.submit(request).unwrap(), 0);
	}
	for _ in 0..50 {
		server
			.step(&mut |id, event| {
				if let Event::Token(_) = event {
					*counts.get_mut(&id).unwrap() += 1;
				}
			})
			.unwrap();
	}
	let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
	assert!(*least >= 19 && most - least <= 1, "{least} to {most} tokens in 50 steps of 16 rows");
}

#[test]
fn a_cancelled_conversation_frees_its_memory_at_once() {
	let weights = weights(0);
	let mut server = Server::new(runner(&weights, Kernel::best(), 2), Limits::default()).unwrap();
	let id = server.submit(request(prompt(&weights, 1, 0, 200), 50, 0)).unwrap();
	server.step(&mut |_, _| {}).unwrap();
	assert!(server.metrics().blocks_used > 0);
	let mut end = None;
	assert!(server.cancel(id, &mut |_, event| {
		if let Event::Ended(answer) = event {
			end = Some(answer.end);
		}
	}));
	assert_eq!(end, Some(End::Cancelled));
	assert_eq!(server.metrics().blocks_used, 0);
	assert!(server.is_idle() && !server.cancel(id, &mut |_, _| {}));
}

#[test]
fn what_cannot_be_served_is_refused_by_name() {
	let weights = weights(0);
	let (vocabulary, context) = (weights.shape.vocabulary, CONTEXT as usize);
	let small = Limits { waiting: 1, ..limits(2, &weights) };
	let mut server = Server::new(runner(&weights, Kernel::best(), 1), small.clone()).unwrap();
	let mut refused = |request| server.submit(request).unwrap_err();
	assert_eq!(refused(request(Vec::new(), 5, 0)), ServeError::Prompt(RunError::Empty));
	assert_eq!(
		refused(request(vec![0; context + 1], 5, 0)),
		ServeError::Prompt(RunError::Context { positions: context + 1, context })
	);
	let token = vocabulary as u32;
	assert_eq!(
		refused(request(vec![token], 5, 0)),
		ServeError::Prompt(RunError::Token { token, vocabulary })
	);
	let mut stopped = request(vec![1], 5, 0);
	stopped.settings.stop = vec!["end".into()];
	assert_eq!(refused(stopped), ServeError::StopWithoutTokenizer);
	// 100 + 29 positions are three blocks, the last token of the answer being read by none.
	let memory = refused(request(vec![1; 100], 30, 0));
	let block = small.kv_bytes / 2;
	assert_eq!(memory, ServeError::Memory { positions: 129, needed: 3 * block, limit: small.kv_bytes });
	server.submit(request(vec![1; 100], 29, 0)).unwrap();
	assert_eq!(server.submit(request(vec![1], 5, 0)), Err(ServeError::Busy { waiting: 1 }));
	assert_eq!(server.metrics().refused, 6);
	let none = Server::new(runner(&weights, Kernel::best(), 1), Limits { kv_bytes: block - 1, ..small });
	assert_eq!(none.err(), Some(ServeError::NoBlock { limit: block - 1, block }));
}

#[test]
fn conversations_wait_for_memory_in_their_order() {
	let weights = weights(0);
	let mut server = Server::new(runner(&weights, Kernel::best(), 2), limits(4, &weights)).unwrap();
	let mut order = Vec::new();
	let ids: Vec<_> = (0..6)
		.map(|number| {
			let mut request = request(prompt(&weights, number, 0, 90), 20, 0);
			request.ends = Vec::new();
			server.submit(request).unwrap()
		})
		.collect();
	while !server.is_idle() {
		server
			.step(&mut |id, event| {
				if let Event::Ended(_) = event {
					order.push(id);
				}
			})
			.unwrap();
		assert!(server.metrics().active <= 2, "two blocks each");
	}
	// Two at a time, and of two either may end first.
	for (pair, expected) in order.chunks_mut(2).zip(ids.chunks(2)) {
		pair.sort_unstable_by_key(|id| ids.iter().position(|known| known == id));
		assert_eq!(pair, expected);
	}
}

#[test]
fn a_service_answers_several_threads_with_text_that_a_conversation_gets() {
	let tokenizer = support::tokenizer();
	let service = Service::start(support::runner(CONTEXT, 2, Kernel::best()), Limits::default()).unwrap();
	let settings = |seed: u8| Settings {
		sampling: Sampling { temperature: 200, top_p: 256, seed: [seed; 32] },
		tokens_max: 40,
		stop: vec!["zz".into()],
	};
	std::thread::scope(|scope| {
		for number in 0..6_u8 {
			let (handle, tokenizer) = (service.handle(), tokenizer.clone());
			scope.spawn(move || {
				let mut talk = support::conversation(CONTEXT, 1, Kernel::best());
				let expected = support::say(&mut talk, &format!("hello {number}"), &settings(number));
				let request = Request {
					prompt: expected.prompt.clone(),
					settings: settings(number),
					ends: vec![support::END],
					tokenizer: Some(tokenizer),
					scores: None,
				};
				let mut text = String::new();
				for event in handle.submit(request).unwrap() {
					match event {
						Event::Text(piece) => text.push_str(&piece),
						Event::Ended(answer) => {
							assert_eq!((&answer.tokens, answer.end), (&expected.tokens, expected.end));
							assert_eq!(answer.text, text);
						}
						Event::Token(_) | Event::Scores(_) => {}
						Event::Failed(error) => panic!("{error}"),
					}
				}
				assert_eq!(text, expected.text);
			});
		}
	});
	// Counted behind the step in which the last answer ended.
	while service.metrics().finished < 6 {
		std::thread::sleep(std::time::Duration::from_millis(1));
	}
	assert_eq!(service.metrics().finished, 6);
}

#[test]
fn a_dropped_ticket_ends_its_conversation_and_a_dropped_service_all_of_them() {
	// So long that no answer ends by itself before it is cancelled.
	const LONG: usize = 20_000;
	let service = Service::start(support::runner(LONG as u32, 1, Kernel::best()), Limits::default()).unwrap();
	let long = || {
		let mut request = request(vec![5; 4], LONG, 256);
		request.ends = Vec::new();
		request
	};
	let mut dropped = service.submit(long()).unwrap();
	assert!(matches!(dropped.next(), Some(Event::Token(_))));
	drop(dropped);
	// Behind the order to cancel.
	let mut cancelled = service.submit(long()).unwrap();
	assert_eq!(service.metrics().cancelled, 1);
	cancelled.cancel();
	let last = cancelled.by_ref().last();
	assert!(matches!(last, Some(Event::Ended(answer)) if answer.end == End::Cancelled));
	let (handle, left) = (service.handle(), service.submit(long()).unwrap());
	drop(service);
	assert!(matches!(left.last(), Some(Event::Ended(answer)) if answer.end == End::Cancelled));
	assert!(matches!(handle.submit(long()), Err(ServeError::Stopped)));
}
