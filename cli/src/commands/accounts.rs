//! `accounts`: the operator's decisions about accounts of its server.

use crate::{
	args::AccountsCommand,
	failure::{Context, Failure, Kind, Outcome},
	output::table,
	session::Session,
};
use blyan_accounts::{
	review::{decide, read_review, Decision, Reviewed, Verdict},
	wallet::Wallet,
};
use serde_json::json;
use std::{
	fs::File,
	path::PathBuf,
	time::{SystemTime, UNIX_EPOCH},
};

/// Folder of accounts below the home directory.
const FOLDER: &str = "accounts";
/// File that a command holds while it decides.
const LOCK: &str = "decisions.lock";
/// Beginning of the names of demo accounts.
const DEMO: &str = "demo-";

/// Returns the folder of accounts of this home directory, which is made if it is not there.
pub fn folder(session: &Session) -> Outcome<PathBuf> {
	session.home.create_dir(FOLDER)
}

/// Lists accounts that are put aside, or decides about one. No server is asked; one that runs reads decisions by itself, within a second of its next
/// request.
pub fn run(session: &Session, command: AccountsCommand) -> Outcome<()> {
	let (account, verdict) = match command {
		AccountsCommand::List => return list(session),
		AccountsCommand::Release { account } => (account, Verdict::Release),
		AccountsCommand::Ban { account } => (account, Verdict::Ban),
	};
	let account = name(&account)?;
	let folder = folder(session)?;
	// Of two commands at the same time, one would take back what the other has decided.
	let path = folder.join(LOCK);
	let lock =
		File::options().create(true).truncate(false).write(true).open(&path).context(path.display())?;
	lock.lock().context(path.display())?;
	let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
	let at = elapsed.map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
	decide(&folder, Decision { account: account.clone(), verdict, at })?;
	let text = match verdict {
		Verdict::Release => format!("{account} may ask again"),
		Verdict::Ban => format!("{account} is refused from now on"),
	};
	session.output.result(&json!({ "account": account, "verdict": verdict, "at": at }), text);
	Ok(())
}

/// Returns the name of an account as the server writes it.
fn name(text: &str) -> Outcome<String> {
	let is_demo =
		text.strip_prefix(DEMO).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
	if is_demo {
		return Ok(text.into());
	}
	let wallet = text.parse::<Wallet>().map_err(|error| {
		Failure::new(error.to_string()).kind(Kind::Refused).next("list accounts with: blyan accounts list")
	})?;
	Ok(wallet.to_string())
}

fn list(session: &Session) -> Outcome<()> {
	let listed = read_review(&folder(session)?)?;
	let text = match listed.is_empty() {
		true => "no account is put aside".to_string(),
		false => {
			table(&["account", "standing", "reasons", "appeal"], &listed.iter().map(row).collect::<Vec<_>>())
		}
	};
	session.output.result(&listed, text);
	Ok(())
}

fn row(reviewed: &Reviewed) -> Vec<String> {
	let Reviewed { account, standing, reasons, appeal, .. } = reviewed;
	vec![account.clone(), standing.clone(), reasons.join("; "), appeal.clone().unwrap_or_default()]
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn accounts_are_named_as_the_server_names_them() {
		let lower = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
		assert_eq!(name(lower).unwrap(), "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
		assert_eq!(name("demo-00ff").unwrap(), "demo-00ff");
		assert!(name("demo-../x").is_err() && name("alice").is_err());
	}
}
