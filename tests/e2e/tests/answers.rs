//! Answers on trial: a right one is defended with no one at the keyboard, a wrong one falls to its reader.
#![allow(clippy::unwrap_used)]

mod shop;
#[allow(dead_code, reason = "the texts are for mining")]
mod tiny_open;

use blyan_e2e::{account, parameter, wait_until, Chain};
use blyan_exact::{
	definition2::{golden, step::sequence_bytes, Answer, Trace},
	merkle,
	tree::{self, Item, SumNode},
	Hash, Sampling,
};
use blyan_open_model::GenerationRecord;
use blyan_primitives::{
	finding_hash, traits::OffenceKind, EvaluationOutcome, Opening, Query, Receipt, Score, SignedReceipt,
	Subject, Verdict,
};
use blyan_runtime_api::{
	disputes::{DisputeTerms, GameEnd, GameId, GameInfo},
	OffenceState,
};
use codec::{Decode, Encode};
use serde_json::{json, Value};
use shop::{complete, planck, read, wait_for_answers, Scene};
use sp_core::{sr25519, Pair, H256};
use std::fs;
use subxt_signer::sr25519::{dev, Keypair};

/// Blocks in which the chain looks at every model once.
const LOOKED_AT: u64 = 6;
/// Blocks that each side of a game has, in the story in which a clock decides.
const CLOCK: u32 = 40;

/// An answer and its receipt, as the payer's file has them.
struct Signed {
	value: Value,
	record: GenerationRecord,
	signed: SignedReceipt,
}

impl Signed {
	fn read(value: Value) -> Self {
		let scale = value["signed_receipt"]["scale"].as_str().unwrap();
		let bytes = hex::decode(scale.trim_start_matches("0x")).unwrap();
		let signed = SignedReceipt::decode(&mut bytes.as_slice()).unwrap();
		let mut record = value.clone();
		for name in ["format", "version", "signed_receipt", "asked"] {
			record.as_object_mut().unwrap().remove(name);
		}
		Self { value, record: serde_json::from_value(record).unwrap(), signed }
	}

	fn ids(&self) -> Vec<u32> {
		[self.record.prompt.as_slice(), &self.record.answer].concat()
	}

	/// The trace of checking the answer.
	fn trace(&self) -> Trace {
		let GenerationRecord { seed, temperature_q8, top_p_q8, .. } = self.record;
		let sampling =
			Sampling { temperature: temperature_q8, top_p: top_p_q8, seed: Sampling::key_of(seed) };
		let answer = Answer { first: self.record.prompt.len() as u32 - 1, sampling };
		let model = golden::model(0);
		let trace = Trace::of_answer(&model.view().unwrap(), &self.ids(), answer).unwrap();
		trace
	}

	/// The same with another token, signed by the operator's own key.
	fn forged(&self, pair: &sr25519::Pair, genesis: &H256) -> Self {
		let vocabulary = golden::model(0).architecture.vocabulary;
		let mut value = self.value.clone();
		let token = self.record.answer[2];
		value["answer"][2] = json!((token + 1) % vocabulary);
		let mut forged = Self::read(value);
		let tokens_root = H256(merkle::root(&[merkle::leaf(&sequence_bytes(&forged.ids()))]));
		let receipt = Receipt { tokens_root, ..self.signed.receipt };
		let signature = pair.sign(&receipt.payload(genesis));
		forged.signed = SignedReceipt { receipt, key: pair.public(), signature };
		forged.value["signed_receipt"] =
			json!({ "scale": format!("0x{}", hex::encode(forged.signed.encode())) });
		forged
	}
}

/// A party that checked an answer and changed what it found: a byte in the middle, and the number of misses.
struct Liar {
	traces: [Trace; 2],
}

impl Liar {
	fn about(trace: &Trace, misses: u64) -> Self {
		let mut traces = [trace.clone(), trace.clone()];
		let operators = trace.program().operators().len();
		let byte = trace.output(operators / 2).unwrap()[0] ^ 1;
		traces[0].plant(operators / 2, 0, byte);
		for trace in &mut traces {
			for (at, byte) in misses.to_le_bytes().into_iter().enumerate() {
				trace.plant(operators - 1, at, byte);
			}
		}
		Self { traces }
	}

	fn item(&self) -> Item {
		let misses = |trace: &Trace| {
			let last = trace.program().operators().len() - 1;
			u64::from_le_bytes(trace.output(last).unwrap().try_into().unwrap())
		};
		let [one, other] = &self.traces;
		Item {
			sequence: 0,
			baseline: misses(one),
			candidate: misses(other),
			baseline_trace: one.root(),
			candidate_trace: other.root(),
		}
	}

	fn outcome(&self) -> EvaluationOutcome {
		let SumNode { hash, totals } = tree::sum_root(&[self.item()]);
		EvaluationOutcome {
			baseline_loss: totals.baseline,
			candidate_loss: totals.candidate,
			sequences: 1,
			bytes: self.traces[0].program().positions() as u64,
			job_root: H256(hash),
			..EvaluationOutcome::default()
		}
	}

	fn digest(&self) -> H256 {
		Verdict::Scored(Score { target: self.outcome(), guard: None }).digest()
	}

	fn open(&self, query: Query) -> Opening {
		let children = |leaves: &[Hash], level: u8, index: u32| {
			let places = tree::children(leaves.len(), level.into(), index as usize);
			Opening::Hashes(tree::level(leaves, u32::from(level) - 1)[places].to_vec())
		};
		let blocks = |trace: u8, operator: u16, row: u32| {
			let trace = &self.traces[usize::from(trace)];
			let shape = trace.program().operator(operator.into()).unwrap().shape;
			shape.block_hashes(trace.row(operator.into(), row as usize).unwrap())
		};
		match query {
			Query::Item { .. } => {
				let [baseline, candidate] = self.traces.each_ref().map(|trace| trace.operators().to_vec());
				Opening::Item { item: self.item(), baseline, candidate }
			}
			Query::Rows { trace, operator, level, index, .. } => {
				let trace = &self.traces[usize::from(trace)];
				let shape = trace.program().operator(operator.into()).unwrap().shape;
				children(&shape.row_hashes(trace.output(operator.into()).unwrap()), level, index)
			}
			Query::Blocks { trace, operator, row, .. } => Opening::Hashes(blocks(trace, operator, row)),
			Query::BlockNodes { trace, operator, row, level, index, .. } => {
				children(&blocks(trace, operator, row), level, index)
			}
			query => unreachable!("no descent leads through {query:?}"),
		}
	}

	/// Waits for the game about this claim.
	async fn wait_for_game(&self, chain: &Chain, receipt: H256) -> GameId {
		let ask = || async {
			let subject = Subject::Answer(receipt).encode();
			let games: Vec<GameInfo> = chain.runtime_api("DisputesApi_games", &subject).await;
			games.into_iter().find(|game| game.digests.contains(&self.digest()))
		};
		chain.wait_until("a game about the answer", ask).await.id
	}

	/// Makes this side's moves, and lets the other side's clock decide.
	async fn win_by_the_clock(&self, chain: &Chain, game: GameId, mover: &Keypair) -> GameInfo {
		let claim = chain.call("Disputes", "claim_timeout", &game.encode()).await;
		loop {
			let info = chain.game(game).await.unwrap();
			if info.ended.is_some() {
				return info;
			}
			let side = info.digests.iter().position(|claim| *claim == self.digest()).unwrap();
			let Some(query) = info.query.filter(|_| info.owes[side] && !info.executing) else {
				// Refused until the clock is empty.
				drop(chain.send(mover, &claim).await);
				continue;
			};
			let arguments = (game, side as u8, self.open(query)).encode();
			let call = chain.call("Disputes", "descend", &arguments).await;
			chain.send(mover, &call).await.unwrap_or_else(|error| panic!("{query:?} was refused: {error}"));
		}
	}

	/// Makes this side's moves until the game is over.
	async fn play(&self, chain: &Chain, game: GameId, mover: &Keypair) -> GameInfo {
		loop {
			let ask = || async {
				let info = chain.game(game).await?;
				let side = info.digests.iter().position(|claim| *claim == self.digest())?;
				(info.ended.is_some() || (info.owes[side] && !info.executing)).then_some((info, side))
			};
			let (info, side) = chain.wait_until("the liar's turn, or the end", ask).await;
			let Some(query) = info.query.filter(|_| info.ended.is_none()) else { return info };
			let arguments = (game, side as u8, self.open(query)).encode();
			let call = chain.call("Disputes", "descend", &arguments).await;
			chain.send(mover, &call).await.unwrap_or_else(|error| panic!("{query:?} was refused: {error}"));
		}
	}
}

/// Sells answers of a registered model, and returns the session with its first answer.
async fn sell(scene: &Scene, offer: &str) -> (String, Signed) {
	let opened = scene.user.expect(&["session", "open", offer, "--deposit", "5", "--suri", "//Dave"]);
	let session = opened[0]["session"].to_string();
	let (proxy, address) = scene.connect(&session);
	let answer = read(complete(address, 1, 8));
	assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("data: [DONE]"), "{answer}");
	wait_for_answers(address, 1).await;
	drop(proxy);
	let genesis = hex::encode(scene.world.chain.genesis());
	let file = scene.world.files.path(&format!("user/sessions/{genesis}/{session}.receipts.json"));
	let text = fs::read_to_string(file).unwrap();
	(session, Signed::read(serde_json::from_str(text.lines().next().unwrap()).unwrap()))
}

/// Challenges a receipt by hand, as a liar does.
async fn challenge(chain: &Chain, signed: &SignedReceipt, outcome: EvaluationOutcome) {
	let arguments = (*signed, outcome);
	let hash = finding_hash(&account("//Eve"), "challenge_answer", &arguments);
	let call = chain.call("Disputes", "commit", &hash.encode()).await;
	chain.send(&dev::eve(), &call).await.unwrap();
	let terms: DisputeTerms = chain.runtime_api("DisputesApi_terms", &[]).await;
	chain.wait_for_blocks(u64::from(terms.commitment_age) + 1).await;
	let call = chain.call("Answers", "challenge", &arguments.encode()).await;
	chain.send(&dev::eve(), &call).await.unwrap();
}

/// Digests of the claims that fell in a game.
fn fallen(game: &GameInfo) -> Vec<H256> {
	game.digests.iter().zip(game.refuted).filter(|(_, refuted)| *refuted).map(|(digest, _)| *digest).collect()
}

/// The server is killed once the challenge stands: the one that is started in its place defends what the first one signed.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_answer_is_defended_with_no_one_at_the_keyboard_and_its_challenger_loses_the_bond() {
	let scene = Scene::new().await;
	scene.operator.expect(&["model", "register", &scene.model, "--suri", "//Alice"]);
	let chain = &scene.world.chain;
	chain.wait_for_blocks(LOOKED_AT).await;
	let offer = scene.offer();
	let server = scene.serve(&offer);
	let (_, sold) = sell(&scene, &offer).await;
	drop(server);
	let genesis = chain.genesis();
	let receipt = sold.signed.id(&genesis);
	let liar = Liar::about(&sold.trace(), 1);
	let before = scene.balance("//Eve");
	challenge(chain, &sold.signed, liar.outcome()).await;
	let _server = scene.serve(&offer);
	let game = liar.wait_for_game(chain, receipt).await;
	let ended = liar.play(chain, game, &dev::eve()).await;
	assert_eq!(ended.ended.unwrap().0, GameEnd::Executed, "the chain itself computed the block");
	assert_eq!(fallen(&ended), [liar.digest()], "the lie falls, and nothing else");
	assert!(chain.offences("//Alice").await.is_empty());
	let terms: DisputeTerms = chain.runtime_api("DisputesApi_terms", &[]).await;
	let lost = before - scene.balance("//Eve");
	assert!(lost >= terms.bond, "{lost} planck, which is no bond");
	// The receipt is there although the server that signed it is not.
	let kept = scene.user.expect(&["audit", "games"]);
	assert_eq!(kept[0].as_array().unwrap().len(), 0, "no game is open: {kept:#?}");
}

/// The server defends, and is away while its clock runs: the one that is started in its place appeals, and plays the game again.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_answer_that_lost_by_the_clock_is_appealed_with_no_one_at_the_keyboard_and_wins() {
	let scene = Scene::new().await;
	scene.operator.expect(&["model", "register", &scene.model, "--suri", "//Alice"]);
	let chain = &scene.world.chain;
	chain.set_parameter(parameter::CLOCK, CLOCK).await;
	chain.wait_for_blocks(LOOKED_AT).await;
	let offer = scene.offer();
	let server = scene.serve(&offer);
	let (_, sold) = sell(&scene, &offer).await;
	let receipt = sold.signed.id(&chain.genesis());
	let liar = Liar::about(&sold.trace(), 1);
	challenge(chain, &sold.signed, liar.outcome()).await;
	let game = liar.wait_for_game(chain, receipt).await;
	drop(server);
	let lost = liar.win_by_the_clock(chain, game, &dev::eve()).await;
	assert_eq!(lost.ended.unwrap().0, GameEnd::TimedOut);
	assert_ne!(fallen(&lost), [liar.digest()], "the truth fell, since none moved for it");
	let offences = chain.offences("//Alice").await;
	assert_eq!((offences[0].kind, offences[0].state), (OffenceKind::FalseScore, OffenceState::Open));
	let held = scene.operator.expect_failure(
		blyan_e2e::REFUSED,
		&[
			"audit",
			"appeal",
			&offences[0].id.to_string(),
			"--suri",
			"//Eve",
			"--operator",
			"//Alice",
			"--yes",
		],
	);
	assert!(held.contains("may not appeal"), "{held}");

	let _server = scene.serve(&offer);
	let game = liar.wait_for_game(chain, receipt).await;
	let ended = liar.play(chain, game, &dev::eve()).await;
	assert_eq!(ended.ended.unwrap().0, GameEnd::Executed, "the chain itself computed the block");
	assert_eq!(fallen(&ended), [liar.digest()], "the lie falls this time");
	let pardoned = || async {
		let offences = chain.offences("//Alice").await;
		matches!(offences[0].state, OffenceState::Pardoned { .. }).then_some(())
	};
	chain.wait_until("the pardon", pardoned).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_that_an_operator_signed_and_defends_falls_to_a_command_of_its_reader() {
	let scene = Scene::new().await;
	scene.operator.expect(&["model", "register", &scene.model, "--suri", "//Alice"]);
	let chain = &scene.world.chain;
	chain.wait_for_blocks(LOOKED_AT).await;
	let offer = scene.offer();
	let server = scene.serve(&offer);
	let (session, sold) = sell(&scene, &offer).await;
	drop(server);
	let genesis = chain.genesis();
	let seed = fs::read_to_string(scene.world.files.path("operator/serving-keys/default.seed")).unwrap();
	let seed: [u8; 32] = hex::decode(seed.trim().trim_start_matches("0x")).unwrap().try_into().unwrap();
	let pair = sr25519::Pair::from_seed(&seed);
	assert_eq!(pair.public(), sold.signed.key);
	let wrong = sold.forged(&pair, &genesis);
	let receipt = wrong.signed.id(&genesis);
	let file = scene.world.files.path("wrong.json");
	fs::write(&file, wrong.value.to_string()).unwrap();

	let (user, model) = (scene.user.clone(), scene.model.clone());
	let reader = tokio::task::spawn_blocking(move || {
		let file = file.display().to_string();
		user.expect(&["audit", "challenge-answer", &file, "--model", &model, "--suri", "//Eve", "--yes"])
	});
	// The operator says that no token is wrong, with a byte that is.
	let liar = Liar::about(&wrong.trace(), 0);
	let call = chain.call("Answers", "defend", &(receipt, liar.outcome()).encode()).await;
	wait_until("the challenge", || async { chain.send(&dev::alice(), &call).await.ok() }).await;
	let game = liar.wait_for_game(chain, receipt).await;
	let ended = liar.play(chain, game, &dev::ferdie()).await;
	assert_eq!(ended.ended.unwrap().0, GameEnd::Executed, "the chain itself computed the block");
	assert_eq!(fallen(&ended), [liar.digest()]);

	let said = reader.await.unwrap();
	let of = |name: &str| said.iter().filter(|value| value["event"] == name).collect::<Vec<_>>();
	assert_eq!((of("challenged").len(), of("game_ended").len()), (1, 1), "{said:#?}");
	let consequence = |name: &str| of("consequence").into_iter().find(|value| value["name"] == name).cloned();
	assert!(consequence("ReceiptRefuted").is_some(), "{said:#?}");
	let reduced = consequence("SessionReduced").unwrap_or_else(|| panic!("no charge is returned: {said:#?}"));
	assert_eq!(reduced["fields"]["session"].to_string(), session);
	let charged = wrong.signed.receipt.charged;
	let reversed = &reduced["fields"]["reversed"];
	assert_eq!(reversed.as_u64().map_or_else(|| planck(reversed), u128::from), charged);
	let offences = chain.offences("//Alice").await;
	assert_eq!((offences[0].kind, offences[0].state), (OffenceKind::FalseScore, OffenceState::Open));
	assert_eq!(offences[0].reporter.as_ref().map(|who| *who.as_ref()), Some(account("//Eve")));
}
