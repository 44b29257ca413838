//! `referenda stats`: turnout by track, and how often operators vote.

use crate::{args::Track, failure::Outcome, keys, names, output::table, session::Session};
use blyan_runtime_api::governance::{ParticipationInfo, TrackTurnout, TurnoutInfo};
use serde_json::{json, Value as Json};

/// Shows turnout and participation.
pub async fn run(session: &Session) -> Outcome<()> {
	let client = session.connect().await?;
	let (turnout, participation) = (client.turnout().await?, client.participation().await?);
	session.output.result(&value(&turnout, &participation), text(&turnout, &participation));
	Ok(())
}

fn value(turnout: &TurnoutInfo, participation: &[ParticipationInfo]) -> Json {
	let track = |one: &TrackTurnout| {
		json!({
			"track": one.track, "name": Track::name(one.track.into()), "approved": one.approved,
			"rejected": one.rejected, "undecided": one.undecided, "ayes": one.ayes, "nays": one.nays,
			"voices": one.voices, "mean_ppm": one.mean_ppm, "last_ppm": one.last_ppm,
			"last_referendum": one.last_referendum,
		})
	};
	let operator = |one: &ParticipationInfo| {
		json!({
			"operator": keys::address(&one.operator), "could": one.could, "cast": one.cast,
			"last_referendum": one.last_referendum,
		})
	};
	json!({
		"goal_ppm": turnout.goal_ppm,
		"tracks": turnout.tracks.iter().map(track).collect::<Vec<_>>(),
		"operators": participation.iter().map(operator).collect::<Vec<_>>(),
	})
}

fn text(turnout: &TurnoutInfo, participation: &[ParticipationInfo]) -> String {
	let goal = turnout.goal_ppm;
	let tracks: Vec<Vec<String>> =
		turnout.tracks.iter().filter(|one| has_ended(one)).map(|one| track_row(one, goal)).collect();
	if tracks.is_empty() {
		return format!("no referendum has ended yet; a turnout of {} is aimed at", percent(goal));
	}
	let head = ["track", "approved", "rejected", "undecided", "aye", "nay", "turnout", "goal", "last"];
	let mut text = format!(
		"{}\n\nTurnout is the mean of decided referenda; {} of all voices is aimed at.",
		table(&head, &tracks),
		percent(goal)
	);
	if !participation.is_empty() {
		let operators: Vec<Vec<String>> = participation.iter().map(operator_row).collect();
		text.push_str(&format!("\n\n{}", table(&["operator", "voted in", "of", "share"], &operators)));
	}
	text
}

fn has_ended(turnout: &TrackTurnout) -> bool {
	decided(turnout) > 0 || turnout.undecided > 0
}

fn decided(turnout: &TrackTurnout) -> u64 {
	u64::from(turnout.approved) + u64::from(turnout.rejected)
}

fn track_row(turnout: &TrackTurnout, goal: u32) -> Vec<String> {
	let is_decided = decided(turnout) > 0;
	let of_decided = |text: String| if is_decided { text } else { "-".into() };
	let reached = if turnout.mean_ppm >= goal { "reached" } else { "missed" };
	vec![
		Track::name(turnout.track.into()),
		turnout.approved.to_string(),
		turnout.rejected.to_string(),
		turnout.undecided.to_string(),
		turnout.ayes.to_string(),
		turnout.nays.to_string(),
		of_decided(percent(turnout.mean_ppm)),
		of_decided(reached.into()),
		turnout
			.last_referendum
			.map_or_else(|| "-".into(), |number| format!("{} ({number})", percent(turnout.last_ppm))),
	]
}

fn operator_row(info: &ParticipationInfo) -> Vec<String> {
	let share = u64::from(info.cast) * 1_000_000 / u64::from(info.could.max(1));
	vec![
		names::short(&info.operator),
		info.cast.to_string(),
		info.could.to_string(),
		percent(u32::try_from(share).unwrap_or(u32::MAX)),
	]
}

/// Parts per million as a percentage with one decimal, rounded down.
fn percent(ppm: u32) -> String {
	let tenths = ppm / 1_000;
	format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::crypto::AccountId32;

	fn silent(track: u16) -> TrackTurnout {
		TrackTurnout {
			track,
			approved: 0,
			rejected: 0,
			undecided: 0,
			ayes: 0,
			nays: 0,
			voices: 0,
			mean_ppm: 0,
			last_ppm: 0,
			last_referendum: None,
		}
	}

	#[test]
	fn turnout_is_shown_against_its_goal_and_tracks_without_referenda_are_left_out() {
		let treasury = TrackTurnout {
			approved: 1,
			rejected: 1,
			ayes: 9,
			nays: 2,
			voices: 20,
			mean_ppm: 549_999,
			last_ppm: 100_000,
			last_referendum: Some(7),
			..silent(3)
		};
		let judge = TrackTurnout { undecided: 2, ..silent(7) };
		let turnout = TurnoutInfo { goal_ppm: 500_000, tracks: vec![silent(0), treasury, judge] };
		let operator = AccountId32::new([7; 32]);
		let info = ParticipationInfo { operator: operator.clone(), could: 3, cast: 2, last_referendum: 7 };
		let shown = text(&turnout, std::slice::from_ref(&info));
		let row = |start: &str| {
			let line = shown.lines().find(|line| line.starts_with(start)).unwrap_or_default();
			line.split("  ")
				.map(str::trim)
				.filter(|cell| !cell.is_empty())
				.map(str::to_owned)
				.collect::<Vec<_>>()
		};
		assert_eq!(row("treasury"), ["treasury", "1", "1", "0", "9", "2", "54.9 %", "reached", "10.0 % (7)"]);
		assert_eq!(row("judge"), ["judge", "0", "0", "2", "0", "0", "-", "-", "-"]);
		assert_eq!(row(&names::short(&operator))[1..], ["2", "3", "66.6 %"]);
		assert!(row("root").is_empty());

		let value = value(&turnout, &[info]);
		assert_eq!((&value["tracks"][1]["name"], &value["goal_ppm"]), (&json!("treasury"), &json!(500_000)));
		assert_eq!(value["operators"][0]["cast"], 2);
	}

	#[test]
	fn a_chain_without_referenda_has_a_goal_all_the_same() {
		let turnout = TurnoutInfo { goal_ppm: 500_000, tracks: vec![silent(0)] };
		assert_eq!(text(&turnout, &[]), "no referendum has ended yet; a turnout of 50.0 % is aimed at");
	}
}
