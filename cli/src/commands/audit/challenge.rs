//! `audit challenge`: from a wrong claim to its refutation.

use super::{
	play::{conclude, Player, POLL},
	replay::{compare, evaluate},
};
use crate::{
	amount,
	args::{ChallengeArgs, SourceArgs},
	client::{as_u128, Client},
	failure::{Failure, Kind, Outcome},
	keys::Account,
	names,
	output::Output,
	session::Session,
	verdict,
};
use blyan_primitives::{finding_hash, Subject, SubmissionId, Verdict};
use blyan_runtime_api::disputes::{GameId, GameInfo};
use codec::Encode;
use serde_json::json;
use sp_core::{crypto::AccountId32, H256};

/// Challenges a wrong claim, or goes on with a game.
pub async fn run(session: &Session, args: ChallengeArgs) -> Outcome<()> {
	let output = &session.output;
	let (client, account) = session.connect_as(&args.signer).await?;
	let resumed = match args.resume {
		Some(id) => Some(client.game(id).await?),
		None => None,
	};
	let submission = submission_of(&args, resumed.as_ref())?;
	let replay = evaluate(session, &client, submission, &SourceArgs::default()).await?;
	let wrong: Vec<(AccountId32, Verdict)> =
		compare(output, submission, &replay).into_iter().cloned().collect();
	let subject = client.decided_subject(submission).await?.ok_or_else(|| {
		Failure::new(format!("submission {submission} is not decided, or can no longer be disputed"))
			.kind(Kind::Refused)
			.next(format!("look at it with: blyan submissions {submission}"))
	})?;
	let own = replay.own.digest();
	let game = match resumed {
		Some(game) => Some(game.id),
		None => {
			let rival = choose(session, &client, subject, &wrong, args.against.as_deref()).await?;
			match find_game(&client, subject, [own, rival]).await? {
				Some(game) => {
					let text = format!("game       {game} is open already; going on with it");
					output.event("game_found", json!({ "game": game }), text);
					Some(game)
				}
				None => open(output, &client, &account, (subject, rival, replay.own), args.yes).await?,
			}
		}
	};
	// Claims whose numbers contradict each other fall without a game.
	let Some(game) = game else { return Ok(()) };
	let (referee, resume) = (replay.referee, format!("blyan audit challenge --resume {game}"));
	let ended =
		Player { output, client: &client, account: &account, referee, own, resume }.play(game).await?;
	conclude(output, &client, own, &ended).await
}

fn submission_of(args: &ChallengeArgs, game: Option<&GameInfo>) -> Outcome<SubmissionId> {
	match (args.submission, game.map(|game| game.subject)) {
		(Some(id), _) | (None, Some(Subject::Submission(id, _))) => Ok(id),
		(None, Some(Subject::Answer(_))) => Err(Failure::new("that game is about an answer")
			.next("go on with: blyan audit challenge-answer RECEIPT --model DIR")),
		_ => Err(Failure::new("that game is about an audit, which only its operators can play")
			.next("list games about submissions with: blyan audit games")),
	}
}

/// The claim that is to fall.
async fn choose(
	session: &Session,
	client: &Client,
	subject: Subject,
	wrong: &[(AccountId32, Verdict)],
	against: Option<&str>,
) -> Outcome<H256> {
	let refuted = client.refuted(subject).await?;
	let mut standing = wrong
		.iter()
		.map(|(who, verdict)| (who, verdict.digest()))
		.filter(|(_, digest)| !refuted.contains(digest));
	let found = match against {
		None => standing.next(),
		Some(text) => match digest_of(text) {
			Some(digest) => standing.find(|(_, claimed)| *claimed == digest),
			None => {
				let account = session.keys().resolve(text)?;
				standing.find(|(who, _)| **who == account)
			}
		},
	};
	found.map(|(_, digest)| digest).ok_or_else(|| {
		let failure = match (wrong.is_empty(), against) {
			(true, _) => Failure::new("every claim is right; there is nothing to challenge"),
			(false, None) => Failure::new("every wrong claim has been refuted already"),
			(false, Some(text)) => {
				Failure::new(format!("{text} stands for no wrong claim that could be refuted"))
			}
		};
		failure.kind(Kind::Refused)
	})
}

fn digest_of(text: &str) -> Option<H256> {
	let bytes: [u8; 32] = hex::decode(text.strip_prefix("0x")?).ok()?.try_into().ok()?;
	Some(H256(bytes))
}

/// A game that these claims play already, by whomever it was opened.
pub(super) async fn find_game(
	client: &Client,
	subject: Subject,
	claims: [H256; 2],
) -> Outcome<Option<GameId>> {
	let games = client.games(subject).await?;
	let plays = |game: &&GameInfo| claims.iter().all(|claim| game.digests.contains(claim));
	Ok(games.iter().find(plays).map(|game| game.id))
}

/// Refuses an account that has no such bond, and asks whether it is put down.
pub(super) async fn ensure_bond(
	output: &Output,
	client: &Client,
	account: &Account,
	bond: u128,
	is_agreed: bool,
) -> Outcome<()> {
	let free = client.balance(&account.id()).await?.free;
	if free <= bond {
		return Err(Failure::new(format!("{} has only {}", account.address(), amount::show(free)))
			.kind(Kind::Refused)
			.next("fund it, or sign with another key"));
	}
	match is_agreed || confirm(output)? {
		true => Ok(()),
		false => Err(Failure::new("nothing was signed").kind(Kind::Refused)),
	}
}

/// Puts the own verdict against a claim; `None` if that fell at once.
pub(super) async fn open(
	output: &Output,
	client: &Client,
	account: &Account,
	(subject, rival, own): (Subject, H256, Verdict),
	is_agreed: bool,
) -> Outcome<Option<GameId>> {
	let terms = client.dispute_terms().await?;
	let fields = json!({ "against": rival, "bond": terms.bond.to_string(), "clock": terms.clock });
	let text = format!(
		"bond       {} of {}, returned if {} falls and lost if your own claim does; each side has {} blocks",
		amount::show(terms.bond),
		account.name,
		names::short_hash(&rival),
		terms.clock
	);
	output.event("bond", fields, text);
	ensure_bond(output, client, account, terms.bond, is_agreed).await?;
	let arguments = (subject, rival, own);
	commit(
		output,
		client,
		account,
		finding_hash(&account.id(), "challenge", &arguments),
		terms.commitment_age,
	)
	.await?;
	let arguments = arguments.encode();
	let receipt = client.submit_encoded(account, "Disputes", "challenge", &arguments).await?;
	let Some(opened) = receipt.event("Disputes", "GameOpened") else {
		let text = format!("refuted    {}: its numbers contradict each other", names::short_hash(&rival));
		output.event("refuted", json!({ "digest": rival, "block": receipt.block }), text);
		return Ok(None);
	};
	let game = as_u128(&opened["game"])
		.and_then(|id| GameId::try_from(id).ok())
		.ok_or_else(|| Failure::new("the chain's event names no game"))?;
	let fields = json!({ "game": game, "against": rival, "digest": own.digest(),
		"verdict": verdict::verdict_json(&own), "block": receipt.block, "fee": receipt.fee().to_string() });
	let text = format!(
		"challenged {} with {}: game {game}, fee {} (block {})",
		names::short_hash(&rival),
		names::short_hash(&own.digest()),
		amount::show(receipt.fee()),
		receipt.block
	);
	output.event("challenged", fields, text);
	Ok(Some(game))
}

/// Commits the account to its finding and waits until it may be shown: before that, the one who reads the pool could challenge in
/// its place.
pub(super) async fn commit(
	output: &Output,
	client: &Client,
	account: &Account,
	hash: H256,
	age: u32,
) -> Outcome<()> {
	let until = match client.commitment(&account.id(), hash).await? {
		// By an earlier run, which was broken off.
		Some(block) => block.saturating_add(age.into()),
		None => {
			let receipt = client.submit_encoded(account, "Disputes", "commit", &hash.encode()).await?;
			let until = receipt.block.saturating_add(age.into());
			let fields = json!({ "hash": hash, "block": receipt.block, "until": until, "fee": receipt.fee().to_string() });
			let text = format!(
				"committed  to the finding; the challenge follows in {age} blocks (block {})",
				receipt.block
			);
			output.event("committed", fields, text);
			until
		}
	};
	while client.best_block().await? < until {
		tokio::time::sleep(POLL).await;
	}
	Ok(())
}

/// Asks whether a bond is put down.
pub(super) fn confirm(output: &Output) -> Outcome<bool> {
	use std::io::IsTerminal;
	if output.is_json() || !std::io::stdin().is_terminal() {
		return Err(Failure::new("there is no terminal to confirm on")
			.kind(Kind::Refused)
			.next("agree to the bond with --yes"));
	}
	output.say("put it down? [y/N]");
	let mut answer = String::new();
	std::io::stdin().read_line(&mut answer)?;
	Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
