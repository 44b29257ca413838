//! `keys api`: keys that an operator gives to clients of its server.

use crate::{
	amount,
	args::{ApiKeysCommand, BudgetArgs},
	failure::{Context, Outcome},
	output::table,
	session::Session,
};
use blyan_till::keys::{ApiKey, ApiKeys, Budget};
use serde_json::{json, Value};
use std::{
	fs::File,
	path::PathBuf,
	time::{SystemTime, UNIX_EPOCH},
};

/// File of the keys below the home directory.
const FILE: &str = "api-keys.json";
/// File that a command holds while it changes them.
const LOCK: &str = "api-keys.lock";

/// File of the keys of this home directory.
pub fn path(session: &Session) -> PathBuf {
	session.home.path(FILE)
}

/// Makes, lists or revokes keys. No node is asked; a server that runs reads the file again by itself.
pub fn run(session: &Session, command: ApiKeysCommand) -> Outcome<()> {
	session.home.create_dir("")?;
	let path = path(session);
	// Of two commands at the same time, one would bring back what the other has revoked.
	let lock_path = session.home.path(LOCK);
	let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
	let lock = lock.context(lock_path.display())?;
	lock.lock().context(lock_path.display())?;
	let mut keys = ApiKeys::open(&path).context(path.display())?;
	match command {
		ApiKeysCommand::New { label, budget } => {
			let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
			let (key, record) = keys.create(&label, read(&budget)?, now)?;
			let mut value = describe(&record);
			value["key"] = json!(key);
			let text = format!(
				"made API key {} for \"{label}\"\nkey      {key}\nbudget   {}\nIt is not shown again. Clients send it as Authorization: Bearer KEY.",
				record.id,
				budget_line(&record.budget),
			);
			session.output.result(&value, text);
		}
		ApiKeysCommand::List => {
			let values: Vec<Value> = keys.list().iter().map(describe).collect();
			let row = |key: &ApiKey| vec![key.id.clone(), key.label.clone(), budget_line(&key.budget)];
			let rows: Vec<Vec<String>> = keys.list().iter().map(row).collect();
			let text = match rows.is_empty() {
				true => "no API keys yet; make one with: blyan keys api new LABEL".to_string(),
				false => table(&["id", "label", "budget"], &rows),
			};
			session.output.result(&values, text);
		}
		ApiKeysCommand::Revoke { id } => {
			let revoked = keys.revoke(&id)?;
			let text =
				format!("revoked API key {} of \"{}\": it is refused from now on", revoked.id, revoked.label);
			session.output.result(&describe(&revoked), text);
		}
	}
	Ok(())
}

fn read(args: &BudgetArgs) -> Outcome<Budget> {
	Ok(Budget {
		tokens_per_day: args.tokens_per_day,
		planck_per_day: args.spend_per_day.as_deref().map(amount::parse).transpose()?,
		requests_per_hour: args.requests_per_hour,
	})
}

fn describe(key: &ApiKey) -> Value {
	json!({ "id": key.id, "label": key.label, "budget": key.budget, "created": key.created })
}

/// A budget in words.
fn budget_line(budget: &Budget) -> String {
	let parts: Vec<String> = [
		budget.tokens_per_day.map(|tokens| format!("{tokens} tokens a day")),
		budget.planck_per_day.map(|planck| format!("{} a day", amount::show(planck))),
		budget.requests_per_hour.map(|requests| format!("{requests} requests an hour")),
	]
	.into_iter()
	.flatten()
	.collect();
	match parts.is_empty() {
		true => "without a limit".into(),
		false => parts.join(", "),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_budget_is_said_in_words() {
		assert_eq!(budget_line(&Budget::default()), "without a limit");
		let args = BudgetArgs {
			tokens_per_day: Some(9),
			spend_per_day: Some("1.5".into()),
			requests_per_hour: Some(2),
		};
		assert_eq!(budget_line(&read(&args).unwrap()), "9 tokens a day, 1.5 BLY a day, 2 requests an hour");
	}
}
