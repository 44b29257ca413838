//! Operators govern a chain from the command line.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{wait_until, World, REFUSED};
use serde_json::json;
use sp_core::crypto::{AccountId32, Ss58Codec};
use subxt_signer::sr25519::dev;

/// The operators of the development chain's first block.
const OPERATORS: [&str; 3] = ["//Alice", "//Bob", "//Charlie"];

/// Address of the account without a key that the treasury pays from.
fn treasury() -> String {
	let mut account = [0; 32];
	account[..12].copy_from_slice(b"modlpy/trsry");
	AccountId32::new(account).to_ss58check()
}

/// Two of three operators are fewer than nine tenths; the third one makes the treasury pay.
#[tokio::test(flavor = "multi_thread")]
async fn treasury_pays_what_all_operators_decide_and_not_what_two_of_three_do() {
	let world = World::new().await;
	let (command, chain) = (&world.command, &world.chain);
	// The treasury has what fees and the first eras brought; a transfer makes sure of it.
	let treasury = treasury();
	command.expect(&["transfer", &treasury, "100", "--suri", "//Dave"]);

	let proposed = command.expect(&["propose", "--spend", "25", "--to", "//Ferdie", "--suri", "//Dave"]);
	let number = proposed[0]["referendum"].to_string();
	assert_eq!(proposed[0]["track"], "treasury");
	assert_eq!(proposed[0]["call"], "Treasury.spend");
	// Accounts that operate nothing have no voice.
	command.expect_failure(REFUSED, &["vote", &number, "aye", "--suri", "//Dave"]);
	for operator in &OPERATORS[..2] {
		command.expect(&["vote", &number, "aye", "--suri", operator]);
	}
	let shown = command.expect(&["referenda", "show", &number]);
	assert_eq!(shown[0]["tally"]["ayes"], 2);
	assert_eq!(shown[0]["tally"]["voices"], 3);
	assert_eq!(shown[0]["call"]["name"], "Treasury.spend");
	assert_eq!(shown[0]["votes"].as_array().unwrap().len(), 2);
	assert_ne!(shown[0]["state"], "confirming", "two of three are fewer than nine tenths");

	let voted = command.expect(&["vote", &number, "aye", "--suri", OPERATORS[2]]);
	assert_eq!(voted[0]["tally"]["ayes"], 3);
	wait_until("the referendum is approved", || async {
		let shown = command.expect(&["referenda", "show", &number]);
		(shown[0]["state"] == "approved").then_some(())
	})
	.await;
	let from = chain.block_number().await;
	wait_until("its call is dispatched", || async {
		let to = chain.block_number().await;
		for block in from.saturating_sub(2)..=to {
			if chain.events_at(block).await.iter().any(|event| event.name == "Treasury.AssetSpendApproved") {
				return Some(());
			}
		}
		None
	})
	.await;
	wait_until("its votes are counted", || async {
		let stats = command.expect(&["referenda", "stats"]);
		let tracks = stats[0]["tracks"].as_array().unwrap();
		let treasury = tracks.iter().find(|track| track["name"] == "treasury").unwrap();
		let is_counted = treasury["approved"] == 1 && treasury["mean_ppm"] == 1_000_000;
		let operators = stats[0]["operators"].as_array().unwrap();
		let all_voted =
			operators.len() == 3 && operators.iter().all(|one| one["could"] == 1 && one["cast"] == 1);
		(is_counted && all_voted).then_some(())
	})
	.await;
	let before = command.expect(&["balance", "//Ferdie"])[0]["free"].clone();
	let payout = chain.call("Treasury", "payout", &0u32.to_le_bytes()).await;
	chain.send(&dev::eve(), &payout).await.expect("it is due");
	let after = command.expect(&["balance", "//Ferdie"])[0]["free"].clone();
	assert_ne!(before, after, "any account has it paid");
}

/// Two operators of three stop transfers at once; the chain's own brake lets governance through.
#[tokio::test(flavor = "multi_thread")]
async fn emergency_is_carried_out_by_the_deciding_vote() {
	let world = World::new().await;
	let command = &world.command;
	let why = "a drill";
	let proposed = command.expect(&[
		"emergency",
		"propose",
		"--kind",
		"breach",
		"--why",
		why,
		"--suri",
		"//Alice",
		"pause",
	]);
	assert_eq!(proposed[0]["enacted"], json!(false));
	let number = proposed[0]["proposal"].to_string();
	// No breach allows this.
	command.expect_failure(
		REFUSED,
		&["emergency", "propose", "--kind", "breach", "--why", why, "--suri", "//Bob", "mint", "1"],
	);
	let voted = command.expect(&["emergency", "vote", &number, "--suri", "//Bob"]);
	assert_eq!(voted[0]["enacted"], json!(true));
	command.expect_failure(REFUSED, &["transfer", "//Bob", "1", "--suri", "//Dave"]);
	let listed = command.expect(&["emergency", "list"]);
	assert_eq!(listed[0].as_array().unwrap().len(), 1);
	command.expect(&["propose", "--set-parameter", "Learning.Delta=40", "--suri", "//Dave"]);
}
