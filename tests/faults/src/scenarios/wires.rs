//! Wires that are cut, deaf in one direction, or slow.

use super::{Done, Settings};
use crate::stage::Stage;
use blyan_e2e::network::Link;
use std::{sync::Arc, time::Duration};

/// Blocks that may still become final of a chain that was just cut in halves: what the last votes were about.
const STRAGGLERS: u64 = 2;
/// When the last votes have arrived.
const SETTLE: Duration = Duration::from_secs(15);

/// Two validators, a collator and operators on each side. Neither side has the votes to finalise, so nothing that
/// one of them believes can contradict the other.
pub async fn partition(stage: Arc<Stage>, settings: Settings) -> Done {
	let here = ["validator-alice", "validator-bob", "collator-alice", "operator-alice"];
	let there = ["validator-charlie", "validator-dave", "collator-bob", "operator-bob", "operator-charlie"];
	stage.wire.set_between(&stage.addresses(&here), &stage.addresses(&there), Link::CUT);
	tokio::time::sleep(SETTLE).await;
	let members = stage.para_nodes();
	let meanwhile = stage.finalised_within(&members, settings.hold).await;
	stage.wire.heal();
	if meanwhile > STRAGGLERS {
		return Err(format!("{meanwhile} blocks became final although neither half has the votes for it"));
	}
	let seconds = (SETTLE + settings.hold).as_secs();
	Ok(format!(
		"two halves of two validators each for {seconds} s, meanwhile {meanwhile} blocks final; healed"
	))
}

/// Outgoing packets are lost, incoming ones arrive. The other three validators are enough.
pub async fn one_way(stage: Arc<Stage>, settings: Settings) -> Done {
	let deaf = ["validator-dave", "operator-charlie"];
	for from in stage.addresses(&deaf) {
		for to in stage.all_addresses() {
			stage.wire.set(from, to, Link::CUT);
		}
	}
	tokio::time::sleep(SETTLE).await;
	let others = ["collator-alice", "collator-bob", "operator-alice", "operator-bob"];
	let others: Vec<_> = others.iter().map(|name| stage.network.member(name)).collect();
	let meanwhile = stage.finalised_within(&others, settings.hold * 2).await;
	stage.wire.heal();
	if meanwhile == 0 {
		return Err("nothing became final although three of four validators heard each other".into());
	}
	let seconds = (SETTLE + settings.hold * 2).as_secs();
	Ok(format!(
		"all that {} said was lost for {seconds} s; the others finalised {meanwhile} blocks",
		deaf.join(" and ")
	))
}

/// Everything is slow, and everything goes on.
pub async fn slow_links(stage: Arc<Stage>, settings: Settings) -> Done {
	let link = Link {
		delay: Duration::from_millis(200),
		loss_permille: 10,
		rate_bps: Some(20_000_000),
		is_cut: false,
	};
	let before = stage.wire.traffic();
	stage.wire.set_among(&stage.all_addresses(), link);
	tokio::time::sleep(SETTLE).await;
	let members = stage.para_nodes();
	let hold = settings.hold * 2;
	let meanwhile = stage.finalised_within(&members, hold).await;
	let after = stage.wire.traffic();
	stage.wire.heal();
	if meanwhile == 0 {
		return Err(format!("nothing became final in {} s", hold.as_secs()));
	}
	let (delivered, dropped) = (after.delivered - before.delivered, after.dropped - before.dropped);
	Ok(format!(
		"every direction 200 ms, 1 % loss, 20 Mbit/s: {meanwhile} blocks final in {} s; \
		{dropped} of {} packets lost",
		hold.as_secs(),
		delivered + dropped
	))
}
