//! Members that are killed.

use super::{Done, Settings};
use crate::stage::Stage;
use rand::{seq::SliceRandom, Rng};
use std::{
	sync::Arc,
	time::{Duration, Instant},
};

/// Seconds between two kills, and seconds a killed member stays away. A validator that starts prepares the parachain's
/// code again, for which it needs a quarter of a minute of a processor to itself.
const KILL_EVERY_S: std::ops::Range<u64> = 10..50;
const AWAY_S: std::ops::Range<u64> = 0..15;

/// The other collator fills its own slots only, so blocks come half as often.
pub async fn collator(stage: Arc<Stage>, settings: Settings) -> Done {
	without("collator-bob", &stage, settings).await
}

/// Three of four validators finalise. While it is the dead one's turn to back, nothing is backed.
pub async fn validator(stage: Arc<Stage>, settings: Settings) -> Done {
	without("validator-dave", &stage, settings).await
}

async fn without(name: &str, stage: &Stage, settings: Settings) -> Done {
	let member = stage.network.member(name);
	member.kill();
	let others: Vec<_> = stage.para_nodes().into_iter().filter(|other| other.name() != name).collect();
	// No-shows are noticed after some slots, so finality is late at first.
	let hold = settings.hold * 2;
	let meanwhile = stage.finalised_within(&others, hold).await;
	member.start();
	if meanwhile == 0 {
		return Err(format!("nothing became final in {} s without {name}", hold.as_secs()));
	}
	Ok(format!(
		"{name} killed; the others finalised {meanwhile} blocks in {} s; started again",
		hold.as_secs()
	))
}

/// Kills random members, at any moment, several at once included.
pub async fn at_random(stage: Arc<Stage>, settings: Settings) -> Done {
	let members = stage.network.members();
	let before = stage.finalised(&stage.para_nodes()).await;
	let began_at = Instant::now();
	let mut away: Vec<(usize, Instant)> = Vec::new();
	let mut kills = vec![0u32; members.len()];
	let mut next_kill = began_at;
	while began_at.elapsed() < settings.kill_for || !away.is_empty() {
		let now = Instant::now();
		away.retain(|(index, back_at)| {
			let is_back = *back_at <= now;
			if is_back {
				members[*index].start();
			}
			!is_back
		});
		if now >= next_kill && began_at.elapsed() < settings.kill_for {
			let alive: Vec<usize> =
				(0..members.len()).filter(|index| away.iter().all(|(dead, _)| dead != index)).collect();
			let mut random = rand::thread_rng();
			if let Some(index) = alive.choose(&mut random) {
				if let Some(status) = members[*index].ended() {
					return Err(format!("{} ended by itself with {status}", members[*index].name()));
				}
				members[*index].kill();
				kills[*index] += 1;
				away.push((*index, now + Duration::from_secs(random.gen_range(AWAY_S))));
			}
			next_kill = now + Duration::from_secs(random.gen_range(KILL_EVERY_S));
		}
		tokio::time::sleep(Duration::from_millis(200)).await;
	}
	let minutes = began_at.elapsed().as_secs_f64() / 60.0;
	let finalised = stage.finalised(&stage.para_nodes()).await.saturating_sub(before);
	let counts: Vec<String> =
		members.iter().zip(&kills).map(|(member, count)| format!("{} {count}", member.name())).collect();
	Ok(format!(
		"{} kills in {minutes:.1} minutes ({}); {finalised} blocks final meanwhile",
		kills.iter().sum::<u32>(),
		counts.join(", ")
	))
}
