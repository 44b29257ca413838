//! The off-chain worker, with a fake engine, a keystore and a transaction pool.

use super::*;
use crate::{game::Side, Call, Games};
use blyan_host::MlEngine;
use blyan_primitives::{
	Comparison, CopyQuery, EngineError, EvaluationJob, JobId, JobStatus, Opening, Query, Verdict,
};
use blyan_support::mocks::{Machine, Pool};
use frame_support::{assert_ok, traits::Hooks};
use parking_lot::Mutex;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie};
use std::{collections::BTreeSet, sync::Arc};

/// Opens what a party would, each place only when asked a second time.
struct FakeEngine {
	party: Mutex<Party>,
	is_slow: bool,
	asked: Mutex<BTreeSet<Vec<u8>>>,
	/// Whether it has no candidate.
	lacks_candidate: Mutex<bool>,
}

impl MlEngine for FakeEngine {
	fn find_copy(&self, _: CopyQuery) -> Result<Comparison, EngineError> {
		Err(EngineError::NotAvailable)
	}
	fn has_blob(&self, _: sp_core::H256) -> Result<bool, EngineError> {
		Ok(!*self.lacks_candidate.lock())
	}
	fn submit_job(&self, _: EvaluationJob) -> Result<JobId, EngineError> {
		Err(EngineError::NotAvailable)
	}
	fn poll(&self, _: JobId) -> Result<JobStatus, EngineError> {
		Err(EngineError::UnknownJob)
	}
	fn cancel(&self, _: JobId) -> Result<(), EngineError> {
		Err(EngineError::UnknownJob)
	}
	fn open(&self, job: EvaluationJob, query: Query) -> Result<Option<Opening>, EngineError> {
		let part = (0..2).find(|part| super::job(*part).seed == job.seed).ok_or(EngineError::JobMalformed)?;
		let is_new = self.asked.lock().insert(codec::Encode::encode(&(part, query)));
		Ok((!self.is_slow || !is_new).then(|| self.party.lock().open(part, query)))
	}
}

/// A node with the keys of some operators and an engine.
struct Node {
	world: sp_io::TestExternalities,
	engine: Arc<FakeEngine>,
	pool: Pool,
}

impl Node {
	fn new(keys: &[Sr25519Keyring], party: Party, is_slow: bool) -> Self {
		let mut world = ext();
		let machine = Machine::with_engine(FakeEngine {
			party: Mutex::new(party),
			is_slow,
			asked: Mutex::default(),
			lacks_candidate: Mutex::default(),
		});
		keys.iter().for_each(|key| machine.add_key(&key.to_seed()));
		machine.attach_with_engine(&mut world);
		Self { pool: Pool::of(&mut world), engine: machine.engine, world }
	}

	/// Runs the worker at the current block and returns the calls it sent.
	fn work(&mut self) -> Vec<Call<Test>> {
		self.world.execute_with(|| Disputes::offchain_worker(System::block_number()));
		let sent = self.pool.take::<Extrinsic>();
		sent.into_iter()
			.map(|transaction| {
				let RuntimeCall::Disputes(call) = transaction.function else {
					panic!("the worker calls this pallet only");
				};
				call
			})
			.collect()
	}

	/// A block in which everything arrives that the worker sends, and returns how much that was.
	fn block(&mut self) -> usize {
		let sent = self.work();
		let count = sent.len();
		self.world.execute_with(|| {
			for call in sent {
				// What it sends must be what the chain accepts.
				assert_ok!(deliver(call));
			}
			Disputes::do_try_state().unwrap();
			run_for(1);
		});
		count
	}

	fn tell<R>(&mut self, story: impl FnOnce() -> R) -> R {
		self.world.execute_with(story)
	}
}

#[test]
fn worker_confronts_a_lying_majority_and_plays_its_side_to_the_end() {
	for (seed, is_slow) in [(3, false), (12, true), (21, true), (40, false)] {
		let liar = Party::lying(Spot::at(0, seed, seed as usize));
		let mut node = Node::new(&[Charlie], Party::honest(), is_slow);
		node.tell(|| {
			claim(SUBJECT, &[(Alice, liar.verdict()), (Bob, liar.verdict()), (Charlie, honest())]);
		});
		for _ in 0..40 {
			node.block();
			// The opponent follows a script: it moves whenever it has to.
			let is_over = node.tell(|| {
				for game in Disputes::open_games() {
					let record = Games::<Test>::get(game).unwrap();
					let side =
						Side::BOTH.into_iter().find(|side| *side.of(&record.digests()) == liar.digest());
					let side = side.unwrap();
					if record.position.is_descent() && record.owes(side) {
						assert_ok!(open(&account(1), game, side, &liar));
					}
				}
				!book().refuted.is_empty()
			});
			if is_over {
				break;
			}
		}
		node.tell(|| {
			assert_eq!(book().refuted, [liar.digest()]);
			let reporter = Some(Charlie.to_account_id());
			let expected = [(Alice.to_account_id(), reporter.clone()), (Bob.to_account_id(), reporter)];
			assert_eq!(offenders(), expected);
		});
	}
}

#[test]
fn worker_claims_the_time_of_an_opponent_who_is_gone() {
	let liar = Party::lying(Spot::at(0, 3, 3));
	let mut node = Node::new(&[Alice], Party::honest(), false);
	node.tell(|| {
		all_claim(honest());
		challenge(&challenger(), &honest(), &liar.verdict());
		assert_ok!(open(&challenger(), 0, Side::Second, &liar));
	});
	for _ in 0..CLOCK + 3 {
		node.block();
	}
	node.tell(|| {
		assert_eq!(refuted(0), [false, true]);
		// It moved for all three that made the claim, and they share.
		assert_eq!(Balances::free_balance(Alice.to_account_id()), ENDOWMENT + BOND * 6 / 10 / 3);
	});
}

#[test]
fn worker_answers_a_hundred_games_over_time() {
	let mut node = Node::new(&[Alice], Party::honest(), false);
	let liars: Vec<Party> = (0..100)
		.map(|seed| {
			let spot = Spot { item: seed % 20, row: seed as usize % 18, ..Spot::at(0, seed.into(), 3) };
			Party::telling(&[(spot, seed as u8)])
		})
		.collect();
	node.tell(|| {
		all_claim(honest());
		for (seed, liar) in liars.iter().enumerate() {
			challenge(&account(seed as u32), &honest(), &liar.verdict());
		}
	});
	let most = (0..CLOCK).map(|_| node.block()).max().unwrap();
	// A hundred games of 13 moves, in the 210 blocks that so many games have.
	assert!(most <= 7, "{most} in one block");
	node.tell(|| {
		// Thirty blocks of four or more: every game has its first answer, and none is lost.
		for game in Disputes::open_games() {
			assert!(!Disputes::game(game).unwrap().owes[0]);
		}
		assert_eq!(book().refuted, []);
	});
	for _ in 0..40 {
		node.block();
	}
	node.tell(|| {
		assert_eq!((book().refuted.len(), book().open), (100, 0));
		assert!(!book().refuted.contains(&honest().digest()));
	});
}

/// Four moves a block and node were all that a claim had, however many games it stood in: with enough of them, opened at once
/// and answered at once, a true claim ran out of time in one of them, and all bonds returned.
#[test]
fn attack_flood_a_true_claim_with_games() {
	let count = 4 * GAMES;
	let mut node = Node::new(&[Alice], Party::honest(), false);
	let lies = super::floods::lies(count);
	node.tell(|| {
		all_claim(honest());
		for (who, liar) in lies.iter().enumerate() {
			challenge(&account(who as u32), &honest(), &liar.verdict());
		}
	});
	let mut blocks = 0;
	while !node.tell(|| Disputes::open_games().is_empty()) {
		assert!(blocks < 8 * CLOCK, "it never ends");
		blocks += 1;
		// The attackers answer in the block in which they are asked.
		node.tell(|| {
			for game in Disputes::open_games() {
				let record = Games::<Test>::get(game).unwrap();
				if record.position.is_descent() && record.owes(Side::Second) {
					assert_ok!(open(&account(99), game, Side::Second, &lies[game as usize]));
				}
			}
		});
		node.block();
	}
	node.tell(|| {
		assert!(!book().refuted.contains(&honest().digest()));
		assert_eq!((book().refuted.len(), book().open), (count as usize, 0));
		assert_eq!(offenders(), []);
	});
	assert!(blocks > CLOCK, "{blocks} blocks would not have been enough trouble");
}

#[test]
fn worker_plays_an_appeal_about_what_is_forgotten_elsewhere() {
	let liar = Party::lying(Spot::at(0, 3, 3));
	let mut node = Node::new(&[Alice], Party::honest(), true);
	node.tell(|| {
		use blyan_primitives::traits::Appeals;
		all_claim(honest());
		challenge(&challenger(), &honest(), &liar.verdict());
		assert_ok!(open(&challenger(), 0, Side::Second, &liar));
		run_for(CLOCK + 1);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), 0));
		forget();
		run_for(5 * CLOCK);
		assert_ok!(Disputes::appeal(&Alice.to_account_id(), SUBJECT));
	});
	for _ in 0..40 {
		node.block();
		node.tell(|| {
			if Games::<Test>::get(1).is_some_and(|game| game.position.is_descent() && game.owes(Side::First))
			{
				assert_ok!(open(&challenger(), 1, Side::First, &liar));
			}
		});
	}
	node.tell(|| {
		assert_eq!(refuted(1), [true, false]);
		assert_eq!(Appealed::get(), [(Alice.to_account_id(), true)]);
		decide_all();
	});
}

/// Watching cost a bond for each tile, which the withholder of the bytes earned by supplying it, so no node watched.
#[test]
fn attack_accept_an_expert_that_nobody_else_has() {
	let mut node = Node::new(&[Charlie], Party::honest(), false);
	*node.engine.lacks_candidate.lock() = true;
	node.tell(|| {
		claim(SUBJECT, &[(Alice, honest()), (Bob, honest())]);
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().accepted = Some(honest().digest()));
	});
	let mut sent = Vec::new();
	while sent.is_empty() {
		assert!(node.tell(System::block_number) < 80, "the node never asks");
		node.tell(|| run_for(1));
		sent = node.work();
	}
	assert!(node.tell(System::block_number) > 50, "the bytes may be on their way");
	let [Call::demand_tile_authorized { tile, .. }] = sent[..] else { panic!("{sent:?}") };
	let (subject, digest) = (SUBJECT, honest().digest());
	node.tell(|| {
		assert_ok!(deliver(sent[0].clone()));
		assert_eq!((held(&Charlie.to_account_id()), book().open), (0, 1));
		run_for(5);
	});
	assert_eq!(node.work(), [], "once");
	node.tell(|| {
		// Whoever withheld the bytes supplies the tile, and earns nothing.
		let supplier = account(1);
		let evidence = tile_evidence(tile);
		assert_ok!(Disputes::supply_tile(signed(&supplier), subject, digest, tile, evidence));
		assert_eq!((Balances::free_balance(&supplier), book().open), (ENDOWMENT, 0));
		assert!(deliver(sent[0].clone()).is_err(), "once for each operator and subject");
		Disputes::do_try_state().unwrap();
	});
	// Or nobody supplies it, and the acceptance falls.
	node.tell(|| {
		run_for(1);
		crate::OperatorDemands::<Test>::remove(SUBJECT, Charlie.to_account_id());
		assert_ok!(deliver(sent[0].clone()));
		run_for(WINDOW + 1);
		assert_ok!(deliver(Call::close_demand { subject, digest, tile }));
		assert_eq!((book().refuted, offenders().len()), (vec![digest], 2));
		decide_all();
	});
}

#[test]
fn worker_settles_games_of_fallen_claims() {
	let liar = Party::lying(Spot::at(0, 3, 3));
	let mut node = Node::new(&[Alice], Party::honest(), false);
	node.tell(|| {
		claim(SUBJECT, &[(Alice, honest()), (Bob, liar.verdict())]);
		confront(Bob, &liar.verdict(), &honest());
		challenge(&challenger(), &liar.verdict(), &Verdict::Invalid);
		play_out(0, [&account(1), &account(2)], [&liar, &Party::honest()]);
	});
	assert!(matches!(node.work()[..], [Call::settle { game: 1 }]));
}

#[test]
fn worker_shows_the_bytes_of_what_is_no_expert() {
	let mut node = Node::new(&[Charlie], Party::honest(), true);
	node.tell(|| {
		claim(SUBJECT, &[(Alice, honest()), (Bob, honest()), (Charlie, Verdict::Invalid)]);
		set_candidate(NO_EXPERT);
	});
	for _ in 0..5 {
		node.block();
	}
	node.tell(|| {
		assert_eq!(book().refuted, [honest().digest()]);
		assert_eq!((refuted(0).into_iter().filter(|lost| *lost).count(), book().open), (1, 0));
	});
}

#[test]
fn worker_supplies_tiles_of_what_it_scored() {
	let mut node = Node::new(&[Alice], Party::honest(), true);
	node.tell(|| {
		let other = Party::lying(Spot::any(0, 12));
		claim(SUBJECT, &[(Alice, honest()), (Bob, other.verdict())]);
		for digest in [honest().digest(), other.digest()] {
			assert_ok!(Disputes::demand_tile(signed(&challenger()), SUBJECT, digest, 1));
		}
	});
	for _ in 0..3 {
		node.block();
	}
	node.tell(|| {
		// Its own claim's demand is met; the other one is not its business.
		let left: Vec<_> = Disputes::demands(SUBJECT).into_iter().map(|demand| demand.digest).collect();
		assert_eq!((left.len(), left.contains(&honest().digest())), (1, false));
		// What it shows is public, so it earns nothing with it.
		assert_eq!(Balances::free_balance(Alice.to_account_id()), ENDOWMENT);
	});
	// Until nobody has met it.
	for _ in 0..WINDOW {
		node.block();
	}
	node.tell(|| assert!(Disputes::demands(SUBJECT).is_empty()));
}

#[test]
fn worker_sends_again_only_what_did_not_arrive() {
	let liar = Party::lying(Spot::at(0, 3, 3));
	let mut node = Node::new(&[Alice], Party::honest(), false);
	node.tell(|| {
		all_claim(honest());
		challenge(&challenger(), &honest(), &liar.verdict());
	});
	assert_eq!(node.work().len(), 1);
	assert_eq!(node.work(), [], "the same block twice");
	node.tell(|| run_for(4));
	assert_eq!(node.work(), [], "it may still be on its way");
	node.tell(|| run_for(1));
	assert_eq!(node.work().len(), 1, "it seems to be lost");
	// A mark that a lost fork left in the future means nothing.
	node.tell(|| Disputes::offchain_worker(System::block_number() + 6));
	node.pool.take::<Extrinsic>();
	assert_eq!(node.work().len(), 1);
}

#[test]
fn worker_sends_nothing_that_would_lose_or_be_refused() {
	// An engine that knows another tree than what its operator claimed.
	let liar = Party::lying(Spot::at(0, 3, 3));
	let mut node = Node::new(&[Alice], liar.clone(), false);
	node.tell(|| {
		all_claim(honest());
		challenge(&challenger(), &honest(), &liar.verdict());
	});
	assert_eq!(node.work(), []);
	// And one that finds at the end that its operator was wrong.
	let mut node = Node::new(&[Alice], liar.clone(), false);
	node.tell(|| {
		claim(SUBJECT, &[(Alice, liar.verdict()), (Bob, honest())]);
		confront(Bob, &liar.verdict(), &honest());
		while Games::<Test>::get(0).unwrap().position.is_descent() {
			assert_ok!(open(&account(1), 0, Side::First, &liar));
			assert_ok!(open(&account(1), 0, Side::Second, &Party::honest()));
		}
	});
	assert_eq!(node.work(), []);
	node.tell(|| run_for(CLOCK + 1));
	let lost = node.work();
	assert!(lost.is_empty(), "nobody hurries to lose: {lost:?}");
}

#[test]
fn worker_stays_silent_without_a_key_or_a_claim() {
	for keys in [&[][..], &[Sr25519Keyring::Dave], &[Bob]] {
		let liar = Party::lying(Spot::at(0, 3, 3));
		let mut node = Node::new(keys, Party::honest(), false);
		node.tell(|| {
			claim(SUBJECT, &[(Alice, honest()), (Charlie, liar.verdict())]);
			challenge(&challenger(), &honest(), &liar.verdict());
		});
		assert_eq!(node.work(), []);
		assert!(node.engine.asked.lock().is_empty());
	}
}
