//! Operators are asked to confirm answers, some of which are wrong on purpose.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{wait_until, World};
use std::{collections::BTreeMap, sync::Mutex};

/// Places of the chain's parameters: the group of audits, and within it.
const PERIOD: (u8, u8) = (4, 0);
const TRAP_SHARE: (u8, u8) = (4, 4);
const PRESENT_WINDOW: (u8, u8) = (4, 6);
const VOTE_WINDOW: (u8, u8) = (4, 7);
const REVEAL_WINDOW: (u8, u8) = (4, 8);

/// Three honest nodes' worth of operators, and half of all answers wrong on purpose: each is caught, and no operator is blamed.
#[tokio::test(flavor = "multi_thread")]
async fn forced_errors_are_caught_by_operators_that_check() {
	let world = World::new().await;
	let chain = &world.chain;
	chain.set_parameter(TRAP_SHARE, 500_000u32).await;
	for window in [PRESENT_WINDOW, VOTE_WINDOW, REVEAL_WINDOW] {
		chain.set_parameter(window, 60u32).await;
	}
	chain.set_parameter(PERIOD, 12u32).await;
	let seen: Mutex<(u64, BTreeMap<String, u32>)> = Mutex::default();
	let counts = wait_until("audits of both kinds", || async {
		let from = seen.lock().unwrap().0 + 1;
		let to = chain.block_number().await;
		for number in from..=to {
			let events = chain.events_at(number).await;
			for event in events {
				let mut seen = seen.lock().unwrap();
				if event.name == "Audits.Settled" {
					// The last byte says whether it was wrong on purpose.
					let kind = if event.fields.last() == Some(&1) { "forced" } else { "honest" };
					*seen.1.entry(kind.into()).or_default() += 1;
				}
				*seen.1.entry(event.name).or_default() += 1;
			}
		}
		let mut seen = seen.lock().unwrap();
		seen.0 = to;
		(seen.1.contains_key("forced") && seen.1.contains_key("honest")).then(|| seen.1.clone())
	})
	.await;
	println!("{counts:?}");
	assert!(counts.contains_key("Audits.ErrorCaught"), "whoever catches an error is paid: {counts:?}");
	assert!(counts.contains_key("Audits.WorkPaid"), "whoever confirms the truth is paid: {counts:?}");
	for unjust in ["Audits.Nodded", "Audits.OffenceFound", "Audits.Contested", "Slashing.Reported"] {
		assert!(!counts.contains_key(unjust), "{unjust}: {counts:?}");
	}
	for operator in ["//Alice", "//Bob", "//Charlie"] {
		assert!(chain.offences(operator).await.is_empty());
	}
}
