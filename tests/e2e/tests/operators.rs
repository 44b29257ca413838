//! What operators say, and what is made of it.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{no_expert, wait_until, World, SLOT};
use blyan_primitives::{EvaluationOutcome, ExpertSlot, ScoreReport, SubmissionId, Verdict};
use blyan_runtime_api::{OperatorInfo, RejectReason, SubmissionOutcome, SubmissionState};
use sp_core::{sr25519, Pair, H256};
use subxt_signer::sr25519::dev;

const FIRST_SLOT: ExpertSlot = ExpertSlot { model: 0, layer: 0, expert: 0 };

fn account(suri: &str) -> [u8; 32] {
	sr25519::Pair::from_string(suri, None).unwrap().public().0
}

async fn operator(world: &World, suri: &str) -> OperatorInfo {
	let operators: Vec<OperatorInfo> = world.chain.runtime_api("OperatorsApi_operators", &[]).await;
	operators
		.into_iter()
		.find(|operator| *AsRef::<[u8; 32]>::as_ref(&operator.account) == account(suri))
		.unwrap()
}

/// Verdicts of the committee so far, by account.
async fn verdicts(world: &World, id: SubmissionId) -> Vec<([u8; 32], Verdict)> {
	match world.chain.submission(id).await.map(|info| info.state) {
		Some(SubmissionState::Evaluating(evaluation)) => evaluation
			.committee
			.into_iter()
			.filter_map(|seat| Some((*seat.operator.as_ref(), seat.verdict?)))
			.collect(),
		_ => Vec::new(),
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn report_of_another_score_is_outvoted_by_two_thirds() {
	// The node holds two keys; the test speaks for the third operator.
	let world = World::with(|config| config.operators(&["//Alice", "//Bob"])).await;
	let noise = world.files.noise(1);
	world.command.expect(&["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Dave", "--no-wait"]);
	let honest = wait_until("two reports", || async {
		let verdicts = verdicts(&world, 0).await;
		(verdicts.len() == 2).then_some(verdicts)
	})
	.await;
	assert_eq!(honest[0].1, honest[1].1, "two honest operators agree to the bit");
	let Verdict::Scored(score) = honest[0].1 else { panic!("noise is a valid expert: {honest:?}") };
	assert!(score.sum_diff < 0, "noise makes the model worse");

	// The forger claims that every byte became free. Its numbers are consistent, only untrue.
	let gain = score.baseline_loss;
	let forged = EvaluationOutcome {
		candidate_loss: 0,
		sum_diff: i64::try_from(gain).unwrap(),
		sum_diff_sq: u128::from(gain).pow(2).div_ceil(score.sequences.into()),
		job_root: H256::repeat_byte(0xee),
		..score
	};
	let report = ScoreReport { submission: 0, verdict: Verdict::Scored(forged) };
	let reputation = operator(&world, "//Charlie").await.reputation;

	let stranger = world.chain.report(&report, "//Dave").await;
	assert!(stranger.is_err(), "a key outside the committee is not heard: {stranger:?}");
	let replayed = world.chain.report_for(&report, "//Charlie", &H256::repeat_byte(1)).await;
	assert!(replayed.is_err(), "a report signed for another network is not heard: {replayed:?}");
	world.chain.report(&report, "//Charlie").await.unwrap();

	let outcome = world.chain.wait_for_outcome(0).await;
	assert!(
		matches!(outcome, SubmissionOutcome::Rejected(RejectReason::NotBetter { improvement }) if improvement < 0),
		"the two that agree decide: {outcome:?}"
	);
	assert!(operator(&world, "//Charlie").await.reputation < reputation, "being outvoted costs reputation");
	assert!(operator(&world, "//Alice").await.reputation >= reputation);
}

#[tokio::test(flavor = "multi_thread")]
async fn submission_loses_its_bond_when_its_bytes_are_no_expert() {
	let world = World::new().await;
	let bytes = b"These bytes hash to what was announced, and are no expert.".repeat(64);
	let block = no_expert(&bytes);
	let id = world.chain.submit(&dev::dave(), FIRST_SLOT, 0, block).await.unwrap();
	world.chain.upload(block.blob.hash, &bytes).await.unwrap();
	let outcome = world.chain.wait_for_outcome(id).await;
	assert_eq!(outcome, SubmissionOutcome::Rejected(RejectReason::Invalid));
	let held: u128 = world.command.expect(&["balance", "//Dave"])[0]["held"]
		.to_string()
		.trim_matches('"')
		.parse()
		.unwrap();
	assert_eq!(held, 0, "nothing is left on hold");
}
