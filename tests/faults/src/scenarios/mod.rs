//! Fault injection: one function a scenario, and the frame in which all are played.

mod clocks;
mod crowds;
mod deaths;
mod disks;
mod liars;
mod upgrades;
mod wires;

use crate::{
	report::{Row, Verdict},
	stage::Stage,
};
use std::{
	future::Future,
	path::PathBuf,
	pin::Pin,
	sync::Arc,
	time::{Duration, Instant},
};

/// Duration and intensity of the faults.
#[derive(Clone, Debug)]
pub struct Settings {
	/// Duration of a fault.
	pub hold: Duration,
	/// Time for which members are killed at random.
	pub kill_for: Duration,
	/// A newer runtime, as WebAssembly.
	pub next_runtime: Option<PathBuf>,
}

/// The injected fault, told for the table; it is over when a scenario returns.
pub type Done = Result<String, String>;

type Playing = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Something that can go wrong.
pub struct Scenario {
	/// Its name on the command line.
	pub name: &'static str,
	/// Description, in a line.
	pub about: &'static str,
	/// Why it cannot be played here, if it cannot.
	pub obstacle: fn(&Settings) -> Option<String>,
	play: fn(Arc<Stage>, Settings) -> Playing,
}

/// A row of [`ALL`] for a function of this kind.
macro_rules! scenario {
	($name:literal, $about:literal, $play:path) => {
		scenario!($name, $about, $play, |_| None)
	};
	($name:literal, $about:literal, $play:path, $obstacle:expr) => {
		Scenario {
			name: $name,
			about: $about,
			obstacle: $obstacle,
			play: |stage, settings| Box::pin($play(stage, settings)),
		}
	};
}

/// All of them, in the order in which they are played.
pub const ALL: &[Scenario] = &[
	scenario!("partition", "the network falls into halves, neither of which can finalise", wires::partition),
	scenario!("one-way", "a validator and an operator hear everything and are not heard", wires::one_way),
	scenario!("slow-links", "200 ms, 1 % loss and 20 Mbit/s in every direction", wires::slow_links),
	scenario!("dead-collator", "one of two collators is killed and stays away", deaths::collator),
	scenario!("dead-validator", "one of four validators is killed and stays away", deaths::validator),
	scenario!("kills", "kill -9 of members at random, again and again", deaths::at_random),
	scenario!("full-disk", "an operator and a collator run out of space", disks::full),
	scenario!(
		"clock-skew",
		"a validator's clock runs ahead, a collator's behind",
		clocks::skew,
		clocks::obstacle
	),
	scenario!("wrong-bytes", "a peer serves bytes that are not the blob's", liars::wrong_bytes),
	scenario!(
		"stale-node",
		"a node is away while the runtime changes",
		upgrades::stale_node,
		upgrades::obstacle
	),
	scenario!("flood", "a stranger floods JSON-RPC and peer ports", crowds::flood),
];

impl Scenario {
	/// Plays it and checks everything afterwards.
	pub async fn play(&self, stage: &Arc<Stage>, settings: Settings) -> Row {
		// Whatever panics in a scenario is a failure of that scenario and of no other.
		let frame = tokio::spawn(frame(stage.clone(), self.play, settings));
		match frame.await {
			Ok(played) => played.into_row(Row::failed(self.name, "")),
			Err(panic) => Row::failed(self.name, &format!("it ended early: {panic}")),
		}
	}
}

/// Observations, step by step.
#[derive(Default)]
struct Played {
	done: Option<String>,
	resumed: Option<Duration>,
	state: Option<bool>,
	books: Option<bool>,
	panics: Vec<String>,
	reason: Option<String>,
}

impl Played {
	fn into_row(self, mut row: Row) -> Row {
		row.done = self.done.unwrap_or_default();
		if let Some(after) = self.resumed {
			row = row.resumed(after);
		}
		row.is_state_kept = self.state;
		row.do_books_reconcile = self.books;
		row.panics = Some(self.panics.len());
		row.reason = self.reason.or_else(|| self.panics.first().cloned());
		row.verdict = match row.reason {
			None => Verdict::Passed,
			Some(_) => Verdict::Failed,
		};
		row
	}
}

async fn frame(stage: Arc<Stage>, play: fn(Arc<Stage>, Settings) -> Playing, settings: Settings) -> Played {
	let mut played = Played::default();
	let result = steps(&stage, play, settings, &mut played).await;
	stage.wire.heal();
	played.reason = result.err();
	played.panics = stage.new_panics();
	played
}

async fn steps(
	stage: &Arc<Stage>,
	play: fn(Arc<Stage>, Settings) -> Playing,
	settings: Settings,
	played: &mut Played,
) -> Result<(), String> {
	stage.pay("operator-alice").await.map_err(|error| format!("before the fault: {error}"))?;
	stage.remember().await?;
	played.done = Some(play(stage.clone(), settings).await?);
	let healed_at = Instant::now();
	played.resumed = Some(stage.wait_until_it_resumes(healed_at).await?);
	let state = stage.check_accepted().await;
	played.state = Some(state.is_ok());
	state?;
	let books = stage.check_books().await;
	played.books = Some(books.is_ok());
	books?;
	stage.pay("operator-bob").await.map_err(|error| format!("after the fault: {error}"))
}
