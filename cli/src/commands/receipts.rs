//! `receipts`: what answers cost, and who signed for them. No node is asked.

use crate::{
	amount,
	args::ReceiptsCommand,
	commands::second_opinion,
	failure::{Context, Failure, Kind, Outcome},
	names,
	output::table,
	paying::{
		channel::Channel,
		check::{Billed, Expected},
		prompt::PromptCheck,
		store::ChannelStore,
	},
	session::Session,
};
use blyan_primitives::SessionId;
use serde_json::{json, Value};
use sp_core::H256;
use std::path::{Path, PathBuf};

/// Largest file that is read: some ten thousand answers.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Lists, shows or checks receipts.
pub async fn run(session: &Session, command: ReceiptsCommand) -> Outcome<()> {
	match command {
		ReceiptsCommand::List { file } => list(session, &File::read(session, &file).await?),
		ReceiptsCommand::Show { file, receipt } => {
			show(session, &File::read(session, &file).await?, receipt.as_deref())
		}
		ReceiptsCommand::Verify { file, model } => {
			let check = model.as_deref().map(PromptCheck::open).transpose()?;
			verify(session, &File::read(session, &file).await?, check.as_ref())
		}
		ReceiptsCommand::SecondOpinion { file, gateways } => {
			second_opinion::run(session, &file, &gateways).await
		}
	}
}

/// Receipts of a file, and the network that they are of.
struct File {
	genesis: H256,
	/// The session whose file it is; `None` for one that was named by its path.
	channel: Option<Channel>,
	receipts: Vec<Billed>,
	/// Answers beside them that no key has signed.
	unsigned: usize,
}

impl File {
	/// Reads a file by its path, or that of a session by its number.
	async fn read(session: &Session, name: &str) -> Outcome<Self> {
		let (path, genesis, channel) = match name.parse::<SessionId>() {
			Ok(id) => {
				let (path, channel) = of_session(session, id)?;
				(path, channel.genesis, Some(channel))
			}
			Err(_) => (PathBuf::from(name), genesis(session).await?, None),
		};
		let values = values(&path)?;
		let receipts: Vec<Billed> = values.iter().filter_map(|value| Billed::read(value).ok()).collect();
		Ok(Self { genesis, channel, unsigned: values.len().saturating_sub(receipts.len()), receipts })
	}

	fn name(&self, billed: &Billed) -> H256 {
		billed.signed.id(&self.genesis)
	}

	/// Returns what is wrong with a receipt. Of a session's file, key, session, model and charge are known as well.
	fn fault(&self, billed: &Billed) -> Option<String> {
		let checked = match &self.channel {
			Some(Channel { genesis, session, terms, .. }) => {
				let expected = Expected { genesis: *genesis, session: *session, terms };
				billed.check(&expected).map(drop)
			}
			None => billed.ensure_sound(&self.genesis),
		};
		checked.err().map(|fault| fault.to_string())
	}
}

/// Reads the signed answers that a command names: all of a file or of a session, or one of a session by its place or its name.
pub(super) fn select(session: &Session, name: &str, genesis: &H256) -> Outcome<Vec<Billed>> {
	let (id, which) = match name.split_once(':') {
		Some((id, which)) if id.parse::<SessionId>().is_ok() => (id, Some(which)),
		_ => (name, None),
	};
	let path = match id.parse::<SessionId>() {
		Ok(id) => of_session(session, id)?.0,
		Err(_) => PathBuf::from(name),
	};
	let billed: Vec<Billed> = values(&path)?.iter().filter_map(|value| Billed::read(value).ok()).collect();
	let found = match which {
		None => billed,
		Some(which) => pick(billed, which, genesis).into_iter().collect(),
	};
	match found.is_empty() {
		true => Err(Failure::new(format!("{name} names no signed answer"))
			.kind(Kind::Undecided)
			.next("list them: blyan receipts list FILE; a file is as GET /v1/receipts/ID answers it")),
		false => Ok(found),
	}
}

/// Picks an answer by its place, counted from one, or by the beginning of its receipt's name.
fn pick(billed: Vec<Billed>, which: &str, genesis: &H256) -> Option<Billed> {
	match which.strip_prefix("0x") {
		Some(prefix) => {
			billed.into_iter().find(|billed| hex::encode(billed.signed.id(genesis).0).starts_with(prefix))
		}
		None => {
			let place: usize = which.parse().ok()?;
			billed.into_iter().nth(place.checked_sub(1)?)
		}
	}
}

fn of_session(session: &Session, id: SessionId) -> Outcome<(PathBuf, Channel)> {
	let store = ChannelStore::find(&session.home, id)?.ok_or_else(|| {
		Failure::new(format!("session {id} has no record on this machine, or one on several networks"))
			.next("list the sessions: blyan session list; or name the file of receipts")
	})?;
	let channel = store.read(id)?.ok_or_else(|| Failure::new(format!("session {id} has no record here")))?;
	Ok((store.receipts(id), channel))
}

/// The network whose receipts are meant: `--genesis`, or that of the node.
async fn genesis(session: &Session) -> Outcome<H256> {
	match session.genesis {
		Some(hash) => Ok(H256(hash)),
		None => {
			let client = session.connect().await.map_err(|failure| {
				failure
					.next("name the network with --genesis HASH: a signature is over the genesis hash, too")
			})?;
			Ok(H256(client.genesis()))
		}
	}
}

fn values(path: &Path) -> Outcome<Vec<Value>> {
	let next = "name a file as blyan connect, blyan chat --save or GET /v1/receipts/ID writes it";
	let undecided = |failure: Failure| failure.kind(Kind::Undecided);
	let size = std::fs::metadata(path).context_next(path.display(), next).map_err(undecided)?.len();
	if size > FILE_BYTES_MAX {
		return Err(undecided(Failure::new(format!(
			"{} has {size} bytes; at most {FILE_BYTES_MAX} are read",
			path.display()
		))));
	}
	let bytes = std::fs::read(path).context_next(path.display(), next).map_err(undecided)?;
	let values = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
	let values: Result<Vec<Value>, _> = values.collect();
	values.context_next(path.display(), next).map_err(undecided)
}

fn list(session: &Session, file: &File) -> Outcome<()> {
	let values: Vec<Value> = file.receipts.iter().map(|billed| value(file, billed)).collect();
	let row = |billed: &Billed| {
		let receipt = &billed.signed.receipt;
		vec![
			names::short_hash(&file.name(billed)),
			receipt.session.to_string(),
			receipt.prompt_tokens_seen.to_string(),
			receipt.answer_tokens.to_string(),
			amount::show(receipt.charged),
			billed.generation.end.name().to_string(),
		]
	};
	let rows: Vec<Vec<String>> = file.receipts.iter().map(row).collect();
	let text = match rows.is_empty() {
		true => "no signed receipts".to_string(),
		false => table(&["receipt", "session", "read", "written", "charged", "end"], &rows),
	};
	session.output.result(&values, text);
	Ok(())
}

fn value(file: &File, billed: &Billed) -> Value {
	json!({
		"receipt": file.name(billed),
		"signed": billed.signed,
	})
}

fn show(session: &Session, file: &File, wanted: Option<&str>) -> Outcome<()> {
	let is_wanted = |billed: &&Billed| match wanted {
		Some(prefix) => hex::encode(file.name(billed).0).starts_with(prefix.trim_start_matches("0x")),
		None => true,
	};
	let billed = file.receipts.iter().rfind(is_wanted).ok_or_else(|| {
		Failure::new("there is no such receipt in the file").next("list them: blyan receipts list FILE")
	})?;
	let receipt = &billed.signed.receipt;
	let text = format!(
		"receipt     {:?}\nmodel       {:?}\ntokenizer   {:?}\ntokens      {:?}\nread        {} of {} tokens\nwritten     {} tokens, ended by \
		{}\nseed        {}, temperature {}/256, top-p {}/256\nsession     {}\ncharged     {}\nsigned by   {:?}",
		file.name(billed),
		receipt.model_root,
		receipt.tokenizer,
		receipt.tokens_root,
		receipt.prompt_tokens_seen,
		receipt.prompt_tokens,
		receipt.answer_tokens,
		billed.generation.end.name(),
		receipt.seed,
		receipt.temperature_q8,
		receipt.top_p_q8,
		receipt.session,
		amount::show(receipt.charged),
		H256(billed.signed.key.0),
	);
	session.output.result(&value(file, billed), text);
	Ok(())
}

fn verify(session: &Session, file: &File, check: Option<&PromptCheck>) -> Outcome<()> {
	let (mut wrong, mut unknown) = (0, 0);
	for billed in &file.receipts {
		let mut found = file.fault(billed);
		let mut is_compared = false;
		match check.map(|check| check.difference(billed)) {
			Some(Ok(difference)) => {
				is_compared = true;
				found = found.or(difference);
			}
			Some(Err(failure)) if failure.kind == Kind::Undecided => {
				unknown += 1;
				session.output.warn(format_args!(
					"{}: prompt and settings are not compared: {}",
					names::short_hash(&file.name(billed)),
					failure.message
				));
			}
			Some(Err(failure)) => return Err(failure),
			None => {}
		}
		let fields = json!({ "receipt": file.name(billed), "sound": found.is_none(), "fault": found, "prompt_compared": is_compared });
		let name = names::short_hash(&file.name(billed));
		let text = match &found {
			None => format!("sound      {name} {}", amount::show(billed.signed.receipt.charged)),
			Some(fault) => format!("wrong      {name} {fault}"),
		};
		session.output.event("receipt", fields, text);
		wrong += usize::from(found.is_some());
	}
	if file.unsigned > 0 {
		session.output.warn(format_args!("{} answers of the file are not signed", file.unsigned));
	}
	match (wrong, file.receipts.len()) {
		(_, 0) => Err(Failure::new("the file holds no signed receipt").kind(Kind::Undecided)),
		(0, count) if unknown > 0 => Err(Failure::new(format!(
			"{unknown} of {count} receipts are not compared with what was asked for"
		))
		.kind(Kind::Undecided)),
		(0, count) => {
			session.output.say(match check {
				None => format!("all {count} are signed, and about the answers beside them"),
				Some(_) => format!(
					"all {count} are signed, and about the answers beside them and what was asked for"
				),
			});
			Ok(())
		}
		(wrong, count) => Err(Failure::new(format!("{wrong} of {count} receipts are wrong"))),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::paying::check::tests::{billed, serving_terms, GENESIS};

	#[test]
	fn an_answer_is_picked_by_its_place_or_its_name() {
		let name = format!("{:?}", billed().signed.id(&GENESIS));
		for which in ["1", &name, &name[..12]] {
			assert!(pick(vec![billed()], which, &GENESIS).is_some(), "{which}");
		}
		for which in ["0", "2", "", "first", "0xffffffffffff"] {
			assert!(pick(vec![billed()], which, &GENESIS).is_none(), "{which}");
		}
	}

	#[test]
	fn a_receipt_in_a_sessions_file_is_of_that_session_and_of_its_operators_key() {
		let channel = Channel::new(GENESIS, 7, serving_terms(), 1_000);
		let file = |channel| File { genesis: GENESIS, channel, receipts: vec![billed()], unsigned: 0 };
		assert_eq!(file(Some(channel.clone())).fault(&billed()), None);
		assert_eq!(file(None).fault(&billed()), None);
		let other = Channel { session: 8, ..channel.clone() };
		assert!(file(Some(other)).fault(&billed()).unwrap().contains("of session 7"));
		let mut stranger = channel;
		stranger.terms.serving_keys = vec![H256([5; 32])];
		assert!(file(Some(stranger)).fault(&billed()).unwrap().contains("not a serving key"));
	}
}
