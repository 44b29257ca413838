//! Playing a game to its end for one side, with moves of the local engine.
//!
//! Nothing is remembered between moves: what is owed is read from the chain, and the engine computes the same tree
//! again. So a player that was stopped goes on where the game is.

use crate::{
	amount,
	client::{as_u128, Client},
	failure::{Failure, Kind, Outcome},
	keys::Account,
	names,
	output::Output,
	referee::{Openings, Place},
};
use blyan_primitives::{BlockWitness, Opening, Query, Subject};
use blyan_runtime_api::disputes::{GameEnd, GameId, GameInfo};
use codec::Encode;
use serde_json::{json, Value};
use sp_core::{crypto::AccountId32, H256};
use std::{sync::Arc, time::Duration};

/// Interval at which the chain is asked for the other side's move.
pub const POLL: Duration = Duration::from_millis(250);
const PALLET: &str = "Disputes";

/// Moves for one claim.
pub struct Player<'a> {
	/// Where progress goes.
	pub output: &'a Output,
	/// The chain.
	pub client: &'a Client,
	/// Account that signs the moves.
	pub account: &'a Account,
	/// Referee that knows the right openings.
	pub referee: Arc<dyn Openings>,
	/// Digest of the claim.
	pub own: H256,
	/// Command that goes on where this one stops.
	pub resume: String,
}

/// The next move.
enum Move {
	/// Open what the own side owes.
	Open(Query),
	/// Nothing but to wait.
	Wait,
	/// Let the other side fall by its clock.
	Timeout,
	/// End a game that was decided elsewhere.
	Settle,
}

impl Player<'_> {
	/// Plays until the game is over and says how it ended.
	pub async fn play(&self, id: GameId) -> Outcome<GameInfo> {
		let spinner = self.output.spinner("dispute");
		let mut shown = None;
		let mut moves = 0u32;
		loop {
			let game = self.client.game(id).await?;
			if game.ended.is_some() {
				return Ok(game);
			}
			let now = self.client.finalised_block().await?;
			let side = self.side(&game)?;
			if let Some(query) = game.query.filter(|query| shown != Some(*query)) {
				shown = Some(query);
				self.on_round(&game, &query, now);
			}
			let due = due(&game, side, now);
			let played = match &due {
				Move::Wait => {
					spinner.note(format!(
						"block {now}; the other side has {} blocks left",
						left(&game, 1 - side, now)
					));
					tokio::time::sleep(POLL).await;
					continue;
				}
				Move::Open(query) => self.open(&game, side, *query).await,
				Move::Timeout => self.send("claim_timeout", id).await,
				Move::Settle => self.send("settle", id).await,
			};
			match played {
				Ok(()) => moves += 1,
				// Another account was faster, with the same move: there is only one that is right.
				Err(failure) if failure.kind == Kind::Refused && self.has_moved_on(&game, side).await? => {}
				Err(failure) => return Err(failure.next(format!("go on with: {}", self.resume))),
			}
			spinner.note(format!("block {now}; {moves} moves made"));
		}
	}

	fn side(&self, game: &GameInfo) -> Outcome<usize> {
		game.digests.iter().position(|digest| *digest == self.own).ok_or_else(|| {
			Failure::new(format!("game {} is between two claims that are both wrong", game.id))
				.next("refute each of them with a challenge of your own")
		})
	}

	async fn has_moved_on(&self, before: &GameInfo, side: usize) -> Outcome<bool> {
		// The refusal may come before the block that explains it is final.
		for _ in 0..40 {
			let game = self.client.game(before.id).await?;
			if game.ended.is_some() || game.query != before.query || game.owes[side] != before.owes[side] {
				return Ok(true);
			}
			tokio::time::sleep(POLL).await;
		}
		Ok(false)
	}

	/// Shows the chain what is right at the place in question.
	async fn open(&self, game: &GameInfo, side: usize, query: Query) -> Outcome<()> {
		let (referee, part) = (self.referee.clone(), game.part);
		let opening = tokio::task::spawn_blocking(move || referee.open(part, &query)).await??;
		match opening {
			Opening::Candidate(bytes) => self.send("prove_blob", (game.subject, bytes)).await,
			Opening::Witness(witness) => {
				let bytes = witness.encoded_size();
				let inputs = match &witness {
					BlockWitness::First(witness) => witness.0.len(),
					BlockWitness::Second(witness) => witness.0.len(),
				};
				let fields = json!({ "game": game.id, "bytes": bytes, "inputs": inputs });
				let text = format!("witness    {bytes} bytes; the chain computes the block");
				self.output.event("witness", fields, text);
				self.send("execute", (game.id, witness)).await
			}
			opening => {
				// Sides are numbered in the order of the game's digests.
				let side = u8::try_from(side)?;
				self.send("descend", (game.id, side, opening)).await
			}
		}
	}

	async fn send(&self, call: &str, arguments: impl Encode) -> Outcome<()> {
		self.client.submit_encoded(self.account, PALLET, call, &arguments.encode()).await.map(drop)
	}

	fn on_round(&self, game: &GameInfo, query: &Query, now: u64) {
		let Some(Place { round, rounds_max, name }) = self.referee.place(game.part, query) else { return };
		let fields = json!({ "game": game.id, "round": round, "rounds_max": rounds_max, "query": query_json(query),
			"place": name, "block": now });
		let text = format!("round      {round} of at most {rounds_max}: {name} (block {now})");
		self.output.event("round", fields, text);
	}
}

/// A query as JSON.
pub fn query_json(query: &Query) -> Value {
	serde_json::to_value(query).unwrap_or_default()
}

/// Blocks that a side has left.
pub fn left(game: &GameInfo, side: usize, now: u64) -> u64 {
	let clock = u64::from(game.clocks[side]);
	match game.owes[side] {
		true => (u64::from(game.round_began) + clock).saturating_sub(now),
		false => clock,
	}
}

fn due(game: &GameInfo, side: usize, now: u64) -> Move {
	let other = 1 - side;
	if game.refuted != [false, false] {
		return Move::Settle;
	}
	let is_out =
		|side: usize| game.owes[side] && now > u64::from(game.round_began) + u64::from(game.clocks[side]);
	if is_out(other) && !is_out(side) {
		return Move::Timeout;
	}
	match game.query {
		// Any account that has the candidate's bytes may end a game about them, for either side.
		Some(query) if game.executing || game.owes[side] || query == Query::Candidate => Move::Open(query),
		_ => Move::Wait,
	}
}

/// Says how a game ended, who fell and what was paid; fails if the own claim fell.
pub async fn conclude(output: &Output, client: &Client, own: H256, game: &GameInfo) -> Outcome<()> {
	let Some((end, block)) = game.ended else { return Ok(()) };
	let how = match end {
		GameEnd::Executed => "the chain computed the block",
		GameEnd::TimedOut => "a clock ran out",
		GameEnd::Settled => "a claim fell elsewhere",
		GameEnd::Void => "the definition changed, and neither claim fell",
	};
	let claims = match game.subject {
		Subject::Submission(id, _) => {
			client.verdicts_at(id, u64::from(block).saturating_sub(1)).await.unwrap_or_default()
		}
		Subject::Answer(receipt) => {
			client.claims_about_answer(receipt, block.into()).await.unwrap_or_default()
		}
		Subject::Audit(_) => Vec::new(),
	};
	let fallen =
		game.digests.iter().zip(game.refuted).filter(|(_, refuted)| *refuted).map(|(digest, _)| *digest);
	let fallen: Vec<H256> = fallen.collect();
	let fields = json!({ "game": game.id, "end": end, "block": block, "refuted": fallen });
	output.event("game_ended", fields, format!("ended      {how} (block {block})"));
	for digest in &fallen {
		let signers: Vec<&AccountId32> =
			claims.iter().filter(|(_, verdict)| verdict.digest() == *digest).map(|(who, _)| who).collect();
		let names: Vec<String> = signers.iter().map(|who| names::short(who)).collect();
		let whose = if *digest == own { "your own claim".into() } else { names.join(", ") };
		let fields = json!({ "game": game.id, "digest": digest, "operators": signers });
		output.event("refuted", fields, format!("refuted    {}: {whose}", names::short_hash(digest)));
	}
	for (pallet, event, fields) in client.events(block.into()).await? {
		if let Some(text) = consequence(&pallet, &event, &fields) {
			output.event("consequence", json!({ "pallet": pallet, "name": event, "fields": fields }), text);
		}
	}
	if fallen.contains(&own) {
		return Err(Failure::new("the chain has refuted your own claim").kind(Kind::Refused).next(
			"this program's engine and the chain's disagree, or the moves came too late: look at the node's log",
		));
	}
	Ok(())
}

/// Describes in a line how a block's event affects the players; `None` for events about something else.
fn consequence(pallet: &str, event: &str, fields: &Value) -> Option<String> {
	let who = |field: &str| {
		let bytes = hex::decode(fields[field].as_str()?.trim_start_matches("0x")).ok()?;
		Some(names::short(&AccountId32::new(bytes.try_into().ok()?)))
	};
	let money = |field: &str| as_u128(&fields[field]).map(amount::show);
	match (pallet, event) {
		("Disputes", "BondReleased") => {
			Some(format!("bond       {} returns to {}", money("amount")?, who("who")?))
		}
		("Disputes", "BondLost") => Some(format!(
			"bond       {} of {} is lost, {} of it paid",
			money("amount")?,
			who("who")?,
			money("paid")?
		)),
		("Slashing", "OffenceReported") => Some(format!(
			"offence    {}: {}, applied from block {}",
			who("offender")?,
			fields["kind"].as_str()?,
			fields["applies_at"]
		)),
		("Answers", "ReceiptRefuted") => Some(format!(
			"receipt    {}.. of {} is proven wrong",
			fields["receipt"].as_str()?.get(..10)?,
			who("operator")?
		)),
		("Inference", "SessionReduced") => {
			Some(format!("session    {}: {} less are paid out of it", fields["session"], money("reversed")?))
		}
		("ProofOfLearning", "DecisionRefuted") => Some(format!(
			"decision   of submission {} is reversed, {} of its reward cancelled",
			fields["submission"],
			money("cancelled")?
		)),
		("ProofOfLearning", "Returned") => {
			Some(format!("decision   submission {} waits for a fresh draw", fields["submission"]))
		}
		_ => None,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn game(owes: [bool; 2], query: Query) -> GameInfo {
		GameInfo {
			id: 0,
			subject: Subject::Submission(0, H256([3; 32])),
			part: 0,
			digests: [H256([1; 32]), H256([2; 32])],
			query: Some(query),
			owes,
			clocks: [10, 20],
			round_began: 100,
			executing: matches!(query, Query::Witness { .. }),
			refuted: [false, false],
			ended: None,
		}
	}

	const ITEM: Query = Query::Item { item: 0 };

	#[test]
	fn whoever_owes_a_move_moves() {
		assert!(matches!(due(&game([true, true], ITEM), 1, 101), Move::Open(ITEM)));
		assert!(matches!(due(&game([true, false], ITEM), 1, 110), Move::Wait));
		assert!(matches!(due(&game([true, false], ITEM), 0, 110), Move::Open(ITEM)));
		assert!(matches!(due(&game([true, false], Query::Candidate), 1, 101), Move::Open(_)));
	}

	#[test]
	fn an_empty_clock_is_claimed_unless_it_is_the_own_one() {
		assert!(matches!(due(&game([true, false], ITEM), 1, 111), Move::Timeout));
		assert!(matches!(due(&game([true, true], ITEM), 1, 111), Move::Timeout));
		assert!(matches!(due(&game([true, true], ITEM), 0, 121), Move::Open(_)));
		assert_eq!(
			(left(&game([true, false], ITEM), 0, 104), left(&game([true, false], ITEM), 1, 104)),
			(6, 20)
		);
	}

	#[test]
	fn a_game_that_was_decided_elsewhere_is_settled() {
		let decided = GameInfo { refuted: [true, false], ..game([true, true], ITEM) };
		assert!(matches!(due(&decided, 1, 101), Move::Settle));
	}

	#[test]
	fn consequences_are_told_in_names_and_amounts() {
		let alice = format!("0x{}", hex::encode(crate::keys::Account::from_suri("//Alice").unwrap().id()));
		let fields = json!({ "who": alice, "amount": "2000000000000" });
		assert_eq!(
			consequence("Disputes", "BondReleased", &fields).unwrap(),
			"bond       2 BLY returns to Alice"
		);
		assert_eq!(consequence("Balances", "Transfer", &fields), None);
	}
}
