//! `keys`: make, list, show and import keys.

use crate::{
	args::KeysCommand,
	failure::{Context, Failure, Outcome},
	keys::{self, KeyFile},
	output::table,
	session::Session,
};
use serde_json::{json, Value};
use std::io::{BufRead, IsTerminal};

/// Runs a command on keys. No node is asked.
pub fn run(session: &Session, command: KeysCommand) -> Outcome<()> {
	match command {
		KeysCommand::New { name, pin } => {
			let (pair, phrase) = keys::generate();
			let genesis = pin.map(|hash| format!("0x{}", hex::encode(hash.0)));
			let file = session.keys().insert(&name, &pair, genesis)?;
			let value = json!({ "name": name, "address": file.address, "phrase": phrase });
			let text = format!(
				"made key \"{name}\"\naddress  {}\nphrase   {phrase}\n\
				Write the phrase down: it is the only way back if the password or the file is lost.",
				file.address
			);
			session.output.result(&value, text);
		}
		KeysCommand::Api(command) => super::api_keys::run(session, command)?,
		KeysCommand::List => {
			let keys = session.keys().list()?;
			let values: Vec<Value> = keys.iter().map(|(name, file)| describe(session, name, file)).collect();
			let rows: Vec<Vec<String>> =
				keys.into_iter().map(|(name, file)| vec![name, file.address]).collect();
			let text = match rows.is_empty() {
				true => "no keys yet; make one with: blyan keys new".to_string(),
				false => table(&["name", "address"], &rows),
			};
			session.output.result(&values, text);
		}
		KeysCommand::Show { name } => {
			let file = session.keys().read(&name)?;
			let value = describe(session, &name, &file);
			let public = value["public"].as_str().unwrap_or_default();
			let network = file.meta.genesis_hash.as_deref().filter(|hash| !hash.is_empty());
			let text = format!(
				"name     {name}\naddress  {}\npublic   {public}\nnetwork  {}\nfile     {}",
				file.address,
				network.unwrap_or("any"),
				value["file"].as_str().unwrap_or_default()
			);
			session.output.result(&value, text);
		}
		KeysCommand::Import { name, phrase, json_file } => {
			let file = match json_file {
				Some(path) => {
					let json = std::fs::read_to_string(&path).context(path.display())?;
					session.keys().insert_file(&name, KeyFile::parse(&json)?)?
				}
				None => {
					let phrase = phrase.map_or_else(read_phrase, Ok)?;
					session.keys().insert_suri(&name, phrase.trim(), None)?
				}
			};
			let text = format!("imported key \"{name}\", address {}", file.address);
			session.output.result(&describe(session, &name, &file), text);
		}
	}
	Ok(())
}

fn describe(session: &Session, name: &str, file: &KeyFile) -> Value {
	let public = keys::parse_account(&file.address)
		.map(|id| format!("0x{}", hex::encode(<[u8; 32]>::from(id))))
		.unwrap_or_default();
	json!({
		"name": name,
		"address": file.address,
		"public": public,
		"genesis": file.meta.genesis_hash,
		"file": session.home.path("keys").join(format!("{name}.json")),
	})
}

fn read_phrase() -> Outcome<String> {
	let stdin = std::io::stdin();
	if stdin.is_terminal() {
		return Ok(rpassword::prompt_password("Phrase: ")?);
	}
	let mut line = String::new();
	stdin.lock().read_line(&mut line)?;
	if line.trim().is_empty() {
		return Err(Failure::new("no phrase given").next("pipe it in, or pass --phrase or --json-file"));
	}
	Ok(line)
}
