//! Decisions of a defender about a chain in memory.

use super::*;
use crate::referee::Place;
use blyan_primitives::{Opening, PartIndex, Query};
use futures::FutureExt;
use sp_core::crypto::AccountId32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const RECEIPT: H256 = H256([9; 32]);
/// Receipt of an answer that takes long to compute.
const LONG: H256 = H256([8; 32]);

fn outcome(misses: u64) -> EvaluationOutcome {
	EvaluationOutcome {
		baseline_loss: misses,
		candidate_loss: misses,
		sequences: 1,
		bytes: 18,
		..EvaluationOutcome::default()
	}
}

fn challenge(stage: Stage) -> Challenge {
	Challenge {
		receipt: RECEIPT,
		key: H256([2; 32]),
		model_root: H256([3; 32]),
		operator: AccountId32::new([4; 32]),
		challenger: AccountId32::new([5; 32]),
		outcome: outcome(1),
		stage,
	}
}

fn game(id: GameId, own: EvaluationOutcome) -> GameInfo {
	GameInfo {
		id,
		subject: Subject::Answer(RECEIPT),
		part: 0,
		digests: [answer_verdict(outcome(1)).digest(), answer_verdict(own).digest()],
		query: Some(Query::Item { item: 0 }),
		owes: [true, true],
		clocks: [9, 9],
		round_began: 1,
		executing: false,
		refuted: [false, false],
		ended: None,
	}
}

struct NoOpenings;

impl Openings for NoOpenings {
	fn open(&self, _: PartIndex, _: &Query) -> Outcome<Opening> {
		Err(Failure::new("nothing is opened here"))
	}

	fn place(&self, _: PartIndex, _: &Query) -> Option<Place> {
		None
	}
}

/// Challenges on the chain, and calls that were sent to it.
#[derive(Default)]
struct World {
	challenges: Mutex<Vec<Challenge>>,
	games: Mutex<Vec<GameInfo>>,
	defended: Mutex<Vec<EvaluationOutcome>>,
	played: Mutex<Vec<GameId>>,
	/// Reason for which the chain refuses, or the node does not answer.
	obstacle: Mutex<Option<Kind>>,
	checked: AtomicUsize,
	is_computing: AtomicBool,
	withheld: Mutex<Vec<String>>,
	accusations: Mutex<Vec<Accusation>>,
	fallen: Mutex<Vec<H256>>,
	appealed: Mutex<Vec<u64>>,
	finding: Mutex<Option<Checked>>,
}

impl World {
	fn ensure_free(&self) -> Outcome<()> {
		match *self.obstacle.lock().unwrap() {
			Some(kind) => Err(Failure::new("an obstacle").kind(kind)),
			None => Ok(()),
		}
	}
}

struct Handle(Arc<World>);

impl Court for Handle {
	fn challenges(&self) -> BoxFuture<'_, Outcome<Vec<Challenge>>> {
		async { Ok(self.0.challenges.lock().unwrap().clone()) }.boxed()
	}

	fn is_refuted(&self, _: H256) -> BoxFuture<'_, Outcome<bool>> {
		async { Ok(false) }.boxed()
	}

	fn games(&self, _: Subject) -> BoxFuture<'_, Outcome<Vec<GameInfo>>> {
		async { Ok(self.0.games.lock().unwrap().clone()) }.boxed()
	}

	fn defend(&self, receipt: H256, outcome: EvaluationOutcome) -> BoxFuture<'_, Outcome<()>> {
		async move {
			if receipt == LONG {
				return Ok(());
			}
			assert_eq!(receipt, RECEIPT);
			self.0.ensure_free()?;
			self.0.defended.lock().unwrap().push(outcome);
			*self.0.challenges.lock().unwrap() = vec![challenge(Stage::Defended { outcome })];
			Ok(())
		}
		.boxed()
	}

	fn accusations(&self) -> BoxFuture<'_, Outcome<Vec<Accusation>>> {
		async { Ok(self.0.accusations.lock().unwrap().clone()) }.boxed()
	}

	fn fallen(&self, _: Subject) -> BoxFuture<'_, Outcome<Vec<H256>>> {
		async { Ok(self.0.fallen.lock().unwrap().clone()) }.boxed()
	}

	/// The chain opens the game again.
	fn appeal(&self, offence: u64) -> BoxFuture<'_, Outcome<bool>> {
		async move {
			self.0.ensure_free()?;
			self.0.appealed.lock().unwrap().push(offence);
			for accusation in self.0.accusations.lock().unwrap().iter_mut() {
				accusation.is_appealed |= accusation.offence == offence;
			}
			self.0.games.lock().unwrap().push(game(7, outcome(0)));
			Ok(true)
		}
		.boxed()
	}

	fn play(&self, game: GameId, _: H256, _: Arc<dyn Openings>) -> BoxFuture<'_, Outcome<()>> {
		async move {
			self.0.ensure_free()?;
			self.0.played.lock().unwrap().push(game);
			self.0.games.lock().unwrap().retain(|open| open.id != game);
			Ok(())
		}
		.boxed()
	}
}

impl Bench for Handle {
	fn check(&self, receipt: H256) -> Outcome<Checked> {
		// A long answer, for as long as a test says.
		while receipt == LONG && self.0.is_computing.load(Ordering::SeqCst) {
			std::thread::sleep(Duration::from_millis(1));
		}
		self.0.checked.fetch_add(1, Ordering::SeqCst);
		Ok(self.0.finding.lock().unwrap().clone().unwrap())
	}

	fn withhold(&self, reason: String) {
		self.0.withheld.lock().unwrap().push(reason);
	}
}

fn right() -> Checked {
	Checked::Right(outcome(0), Arc::new(NoOpenings))
}

fn world(stage: Stage, finding: Checked) -> (Arc<World>, Arc<Defender<Handle, Handle>>) {
	let world = Arc::new(World::default());
	*world.challenges.lock().unwrap() = vec![challenge(stage)];
	*world.finding.lock().unwrap() = Some(finding);
	let defender = Defender::new(Handle(world.clone()), Handle(world.clone()), Output::new(true));
	(world, defender)
}

/// Looks, and waits until everything that was begun is done.
async fn look(defender: &Arc<Defender<Handle, Handle>>) {
	defender.look().await.unwrap();
	while !defender.lock().under_way.is_empty() {
		tokio::time::sleep(Duration::from_millis(1)).await;
	}
}

#[tokio::test]
async fn a_right_answer_is_defended_once_and_every_game_about_it_is_played() {
	let (world, defender) = world(Stage::Open { until: 100 }, right());
	look(&defender).await;
	assert_eq!(*world.defended.lock().unwrap(), [outcome(0)]);
	*world.games.lock().unwrap() = vec![game(1, outcome(0)), game(2, outcome(0)), game(3, outcome(7))];
	look(&defender).await;
	look(&defender).await;
	let mut played = world.played.lock().unwrap().clone();
	played.sort_unstable();
	assert_eq!(played, [1, 2], "the third is between claims of others");
	assert_eq!(world.checked.load(Ordering::SeqCst), 1, "the answer is computed once");
	assert_eq!(world.defended.lock().unwrap().len(), 1);
	assert!(world.withheld.lock().unwrap().is_empty());
}

#[tokio::test]
async fn silence_is_answered_late_by_a_server_that_was_away() {
	let (world, defender) = world(Stage::Silent { until: 500 }, right());
	look(&defender).await;
	assert_eq!(*world.defended.lock().unwrap(), [outcome(0)]);
}

#[tokio::test]
async fn a_defender_that_is_started_in_the_middle_of_a_game_goes_on_with_it() {
	let (world, defender) = world(Stage::Defended { outcome: outcome(0) }, right());
	world.games.lock().unwrap().push(game(1, outcome(0)));
	look(&defender).await;
	assert_eq!(*world.played.lock().unwrap(), [1]);
	assert!(world.defended.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_answer_is_not_defended_and_ends_the_serving() {
	let (world, defender) = world(Stage::Open { until: 100 }, Checked::Wrong(3));
	look(&defender).await;
	look(&defender).await;
	assert!(world.defended.lock().unwrap().is_empty());
	assert_eq!(world.withheld.lock().unwrap().len(), 1, "it is said once");
}

#[tokio::test]
async fn an_unknown_receipt_is_not_defended_and_nothing_ends_for_it() {
	for finding in [Checked::Unknown, Checked::NoModel("03".repeat(32))] {
		let (world, defender) = world(Stage::Open { until: 100 }, finding);
		look(&defender).await;
		assert!(world.defended.lock().unwrap().is_empty() && world.withheld.lock().unwrap().is_empty());
		assert!(defender.lock().reported.contains(&RECEIPT));
		// The store is brought back, and the pause is over.
		*world.finding.lock().unwrap() = Some(right());
		defender.lock().resting.clear();
		look(&defender).await;
		assert_eq!(*world.defended.lock().unwrap(), [outcome(0)]);
	}
}

#[tokio::test]
async fn a_node_that_goes_away_costs_a_pause_and_no_defence() {
	let (world, defender) = world(Stage::Open { until: 100 }, right());
	for kind in [Kind::Unreachable, Kind::Refused] {
		*world.obstacle.lock().unwrap() = Some(kind);
		look(&defender).await;
		look(&defender).await;
		assert!(world.defended.lock().unwrap().is_empty());
		assert_eq!(world.checked.load(Ordering::SeqCst), 1);
		defender.lock().resting.clear();
	}
	*world.obstacle.lock().unwrap() = None;
	look(&defender).await;
	assert_eq!(world.defended.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_claim_that_this_machine_does_not_compute_is_not_played_for() {
	let (world, defender) = world(Stage::Defended { outcome: outcome(0) }, Checked::Wrong(1));
	world.games.lock().unwrap().push(game(1, outcome(0)));
	look(&defender).await;
	assert!(world.played.lock().unwrap().is_empty());
	assert_eq!(world.withheld.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_challenge_that_is_over_is_forgotten() {
	let (world, defender) = world(Stage::Open { until: 100 }, right());
	look(&defender).await;
	world.challenges.lock().unwrap().clear();
	look(&defender).await;
	let state = defender.lock();
	assert!(state.known.is_empty() && state.checked.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_does_not_wait_for_the_computations_of_a_flood_of_challenges() {
	let (world, defender) = world(Stage::Defended { outcome: outcome(0) }, right());
	world.is_computing.store(true, Ordering::SeqCst);
	world
		.challenges
		.lock()
		.unwrap()
		.push(Challenge { receipt: LONG, ..challenge(Stage::Open { until: 100 }) });
	world.games.lock().unwrap().push(game(1, outcome(0)));
	defender.look().await.unwrap();
	let played = async {
		while world.played.lock().unwrap().is_empty() {
			tokio::time::sleep(Duration::from_millis(1)).await;
		}
	};
	let played = tokio::time::timeout(Duration::from_secs(10), played).await;
	// The thread that computes must end before anything fails.
	world.is_computing.store(false, Ordering::SeqCst);
	assert!(played.is_ok(), "the game waits for the computation");
}

#[tokio::test]
async fn a_defence_that_a_look_does_not_see_yet_is_not_sent_again() {
	let (world, defender) = world(Stage::Open { until: 100 }, right());
	look(&defender).await;
	*world.challenges.lock().unwrap() = vec![challenge(Stage::Open { until: 100 })];
	look(&defender).await;
	assert_eq!(world.defended.lock().unwrap().len(), 1);
}

/// A defender after a game that a clock has decided: the claim without a miss fell, and the challenge may be over.
fn after_the_clock(stands: bool, finding: Checked) -> (Arc<World>, Arc<Defender<Handle, Handle>>) {
	let (world, defender) = world(Stage::Defended { outcome: outcome(0) }, finding);
	if !stands {
		world.challenges.lock().unwrap().clear();
	}
	world.fallen.lock().unwrap().push(answer_verdict(outcome(0)).digest());
	let accusation = Accusation { offence: 5, receipt: RECEIPT, applies_at: 900, is_appealed: false };
	world.accusations.lock().unwrap().push(accusation);
	(world, defender)
}

#[tokio::test]
async fn a_game_that_a_clock_decided_is_appealed_once_and_played_again_also_when_the_challenge_is_over() {
	for stands in [true, false] {
		let (world, defender) = after_the_clock(stands, right());
		look(&defender).await;
		look(&defender).await;
		look(&defender).await;
		assert_eq!(*world.appealed.lock().unwrap(), [5]);
		assert_eq!(*world.played.lock().unwrap(), [7]);
		assert_eq!(world.checked.load(Ordering::SeqCst), 1, "the answer is computed once");
		world.accusations.lock().unwrap().clear();
		world.challenges.lock().unwrap().clear();
		look(&defender).await;
		let state = defender.lock();
		assert!(state.accused.is_empty() && state.checked.is_empty(), "what is decided is forgotten");
	}
}

#[tokio::test]
async fn a_server_that_is_started_after_the_appeal_plays_its_game() {
	let (world, defender) = after_the_clock(false, right());
	world.accusations.lock().unwrap()[0].is_appealed = true;
	world.games.lock().unwrap().extend([game(7, outcome(0)), game(8, outcome(3))]);
	look(&defender).await;
	assert_eq!(*world.played.lock().unwrap(), [7], "the other is between claims of others");
	assert!(world.appealed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn attack_by_a_claim_in_the_operators_name_costs_no_bond_of_an_appeal() {
	let (world, defender) = after_the_clock(false, right());
	*world.fallen.lock().unwrap() = vec![answer_verdict(outcome(9)).digest()];
	look(&defender).await;
	assert!(world.appealed.lock().unwrap().is_empty());
	// Nor does an answer that is wrong, and no other is given.
	let (world, defender) = after_the_clock(false, Checked::Wrong(1));
	look(&defender).await;
	assert!(world.appealed.lock().unwrap().is_empty());
	assert_eq!(world.withheld.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_appeal_that_the_chain_refuses_is_tried_again_until_its_time_is_over() {
	let (world, defender) = after_the_clock(false, right());
	*world.obstacle.lock().unwrap() = Some(Kind::Refused);
	look(&defender).await;
	look(&defender).await;
	assert!(world.appealed.lock().unwrap().is_empty());
	*world.obstacle.lock().unwrap() = None;
	defender.lock().resting.clear();
	look(&defender).await;
	assert_eq!(*world.appealed.lock().unwrap(), [5]);
}

#[test]
fn offences_are_appealed_while_they_are_open_and_nothing_was_computed() {
	use blyan_primitives::traits::{Contested, OffenceKind};
	use blyan_runtime_api::{OffenceInfo, OffenceState};
	let info = |state, contested| OffenceInfo {
		id: 5,
		offender: AccountId32::new([4; 32]),
		kind: OffenceKind::FalseScore,
		evidence: H256([6; 32]),
		contested,
		reporter: None,
		at: 10,
		applies_at: 900,
		state,
	};
	let about = |subject, executed| Some(Contested { subject, executed });
	let answer = about(Subject::Answer(RECEIPT), false);
	let expected = Accusation { offence: 5, receipt: RECEIPT, applies_at: 900, is_appealed: false };
	assert_eq!(Accusation::of(&info(OffenceState::Open, answer)), Some(expected));
	let appealed = Accusation { is_appealed: true, ..expected };
	assert_eq!(Accusation::of(&info(OffenceState::Appealed { at: 11 }, answer)), Some(appealed));
	for other in [
		info(OffenceState::Pardoned { at: 11 }, answer),
		info(OffenceState::Open, about(Subject::Answer(RECEIPT), true)),
		info(OffenceState::Open, about(Subject::Submission(1, RECEIPT), false)),
		info(OffenceState::Open, None),
	] {
		assert_eq!(Accusation::of(&other), None, "{other:?}");
	}
}
