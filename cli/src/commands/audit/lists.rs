//! `audit games`, `audit game` and `audit offences`: what the chain holds, as tables.

use super::play::{left, query_json};
use crate::{
	amount, client::Client, failure::Outcome, names, output::table, referee::Place, session::Session,
};
use blyan_primitives::{Subject, SubmissionId};
use blyan_runtime_api::{
	disputes::{GameEnd, GameId, GameInfo},
	OffenceInfo, OffenceState,
};
use serde_json::{json, Value};

/// Lists open games.
pub async fn games(session: &Session, submission: Option<SubmissionId>) -> Outcome<()> {
	let client = session.connect().await?;
	let games = match submission {
		Some(id) => match client.decided_subject(id).await? {
			Some(subject) => client.games(subject).await?,
			None => Vec::new(),
		},
		None => {
			let mut games = Vec::new();
			for id in client.open_games().await? {
				// One may end between the two questions.
				games.extend(client.game(id).await);
			}
			games
		}
	};
	let now = client.finalised_block().await?;
	let mut rows = Vec::new();
	for game in &games {
		let place = place(&client, game).await;
		rows.push(vec![
			game.id.to_string(),
			subject(game.subject),
			names::short_hash(&game.digests[0]),
			names::short_hash(&game.digests[1]),
			place.map_or(String::new(), |place| format!("{} of {}", place.round, place.rounds_max)),
			owes(game),
			format!("{} / {}", left(game, 0, now), left(game, 1, now)),
		]);
	}
	let values: Vec<Value> = games.iter().map(|game| json(game, None)).collect();
	let head = ["game", "about", "first", "second", "round", "owes", "blocks left"];
	session.output.result(&values, table(&head, &rows));
	Ok(())
}

/// Shows one game.
pub async fn game(session: &Session, id: GameId) -> Outcome<()> {
	let client = session.connect().await?;
	let game = client.game(id).await?;
	let now = client.finalised_block().await?;
	let place = place(&client, &game).await;
	let mut lines = vec![
		format!("game      {id}"),
		format!(
			"about     {}, part {}",
			subject(game.subject),
			if game.part == 0 { "target" } else { "guard" }
		),
	];
	for (side, name) in ["first", "second"].into_iter().enumerate() {
		let standing = match (game.refuted[side], game.ended) {
			(true, _) => "refuted".into(),
			(false, Some(_)) => "stands".into(),
			(false, None) => format!("{} blocks left", left(&game, side, now)),
		};
		lines.push(format!("{name:<9} {:?}, {standing}", game.digests[side]));
	}
	match game.ended {
		Some((GameEnd::Executed, at)) => {
			lines.push(format!("ended     the chain computed the block (block {at})"))
		}
		Some((GameEnd::TimedOut, at)) => lines.push(format!("ended     a clock ran out (block {at})")),
		Some((GameEnd::Settled, at)) => lines.push(format!("ended     a claim fell elsewhere (block {at})")),
		Some((GameEnd::Void, at)) => {
			lines.push(format!("ended     the definition changed: void (block {at})"))
		}
		None => {
			lines.push(format!("owes      {}", owes(&game)));
			lines.extend(place.as_ref().map(|place| {
				format!("round     {} of at most {}: {}", place.round, place.rounds_max, place.name)
			}));
		}
	}
	session.output.result(&json(&game, place.as_ref()), lines.join("\n"));
	Ok(())
}

/// Where a game is, as far as the chain remembers its job.
async fn place(client: &Client, game: &GameInfo) -> Option<Place> {
	let (Subject::Submission(id, _), Some(query)) = (game.subject, game.query) else { return None };
	let job = client.job(id, game.part).await.ok()??;
	Place::of(&job, &query)
}

fn json(game: &GameInfo, place: Option<&Place>) -> Value {
	let mut value = serde_json::to_value(game).unwrap_or_default();
	if let (Some(object), Some(query)) = (value.as_object_mut(), &game.query) {
		object.insert("query".into(), query_json(query));
		if let Some(place) = place {
			let place = json!({ "round": place.round, "rounds_max": place.rounds_max, "name": place.name });
			object.insert("place".into(), place);
		}
	}
	value
}

fn subject(subject: Subject) -> String {
	match subject {
		Subject::Submission(id, _) => format!("submission {id}"),
		Subject::Audit(id) => format!("audit {id}"),
		Subject::Answer(receipt) => format!("answer {receipt:?}"),
	}
}

fn owes(game: &GameInfo) -> String {
	match game.owes {
		_ if game.ended.is_some() => "none",
		[true, true] => "both",
		[true, false] => "first",
		[false, true] => "second",
		[false, false] => "none",
	}
	.into()
}

/// Lists offences of an account.
pub async fn offences(session: &Session, account: &str) -> Outcome<()> {
	let who = session.keys().resolve(account)?;
	let offences = session.connect().await?.offences(&who).await?;
	let rows: Vec<Vec<String>> = offences
		.iter()
		.map(|offence| {
			vec![
				offence.id.to_string(),
				format!("{:?}", offence.kind),
				offence.at.to_string(),
				offence.reporter.as_ref().map_or("none".into(), names::short),
				standing(offence),
			]
		})
		.collect();
	session.output.result(&offences, table(&["id", "offence", "block", "reporter", "state"], &rows));
	Ok(())
}

fn standing(offence: &OffenceInfo) -> String {
	match offence.state {
		OffenceState::Open => format!("open, applied from block {}", offence.applies_at),
		OffenceState::Appealed { at } => format!("appealed in block {at}"),
		OffenceState::Applied { taken, rewarded, at, .. } => format!(
			"{} taken, {} of it to the reporter (block {at})",
			amount::show(taken),
			amount::show(rewarded)
		),
		OffenceState::Pardoned { at } => format!("pardoned in block {at}"),
	}
}
