//! `delegate`, `undelegate`, `delegations`: coins behind operators.

use crate::{
	amount,
	args::{DelegateArgs, DelegationsCommand, SignerArgs},
	client::Receipt,
	failure::Outcome,
	keys::{self, Account, DEFAULT_KEY},
	names,
	output::table,
	session::Session,
};
use blyan_runtime_api::delegation::{BackingInfo, PoolInfo};
use serde_json::{json, Value as Json};
use subxt::dynamic::Value;

/// Backs an operator.
pub async fn delegate(session: &Session, args: DelegateArgs) -> Outcome<()> {
	let (operator, planck) = (session.keys().resolve(&args.operator)?, amount::parse(&args.amount)?);
	let (client, account) = session.connect_as(&args.signer).await?;
	let projected = client.projected_income(&operator, planck).await?;
	let pools = client.pools().await?;
	// What the chain shows now is what is accepted. Of an operator without a pool the chain says that it takes no backing.
	let commission = pools.iter().find(|pool| pool.operator == operator).map_or(0, highest_commission);
	let fields = vec![
		("operator", Value::from_bytes(operator.clone())),
		("amount", Value::u128(planck)),
		("commission_max", Value::u128(commission.into())),
	];
	let receipt = client.submit(&account, "Delegation", "delegate", fields).await?;
	let operator = keys::address(&operator);
	let text = format!(
		"{} backs {operator} with {} more since block {}, for a commission of {} at most. If the operator lies, the same share of it is \
		lost as of the operator's own stake. Look with: blyan delegations show",
		account.name,
		amount::show(planck),
		receipt.block,
		percent(commission)
	);
	let value = json!({
		"operator": operator,
		"amount": planck.to_string(),
		"commission_max": commission,
		"projected_income": projected.map(|income| income.to_string()),
	});
	report(session, &account, &receipt, value, text);
	Ok(())
}

/// The commission of an operator, or the higher one that is announced.
fn highest_commission(pool: &PoolInfo) -> u32 {
	pool.raise.as_ref().map_or(pool.commission, |raise| raise.commission.max(pool.commission))
}

/// Takes backing out.
pub async fn undelegate(session: &Session, args: DelegateArgs) -> Outcome<()> {
	let (operator, planck) = (session.keys().resolve(&args.operator)?, amount::parse(&args.amount)?);
	let fields = vec![("operator", Value::from_bytes(operator.clone())), ("amount", Value::u128(planck))];
	let (account, receipt) = call(session, &args.signer, "undelegate", fields).await?;
	let operator = keys::address(&operator);
	let (ready_at, taken) =
		(field(&receipt, "Undelegated", "ready_at"), planck_of(&receipt, "Undelegated", "amount"));
	let text = format!(
		"{} takes {} out of what backs {operator}. It earns nothing from now on, can be slashed until it is withdrawn, and can be \
		withdrawn from block {ready_at}: blyan delegations withdraw {operator}",
		account.name,
		amount::show(taken)
	);
	let value = json!({ "operator": operator, "amount": taken.to_string(), "ready_at": ready_at });
	report(session, &account, &receipt, value, text);
	Ok(())
}

/// Shows and changes what backs operators.
pub async fn run(session: &Session, command: DelegationsCommand) -> Outcome<()> {
	match command {
		DelegationsCommand::List => list(session).await,
		DelegationsCommand::Show { account } => show(session, account).await,
		DelegationsCommand::Withdraw { operator, signer } => withdraw(session, &operator, &signer).await,
		DelegationsCommand::Claim { operator, signer } => claim(session, &operator, &signer).await,
		DelegationsCommand::Commission { commission, signer } => {
			set_commission(session, commission, &signer).await
		}
		DelegationsCommand::Close { signer } => {
			let (account, receipt) = call(session, &signer, "close", vec![]).await?;
			let text = format!("{} takes no more backing since block {}", account.name, receipt.block);
			report(session, &account, &receipt, json!({}), text);
			Ok(())
		}
	}
}

async fn withdraw(session: &Session, operator: &str, signer: &SignerArgs) -> Outcome<()> {
	let operator = session.keys().resolve(operator)?;
	let fields = vec![("operator", Value::from_bytes(operator.clone()))];
	let (account, receipt) = call(session, signer, "withdraw_unbonded", fields).await?;
	let (operator, planck) = (keys::address(&operator), planck_of(&receipt, "Withdrawn", "amount"));
	let text = format!("{} has {} back that backed {operator}", account.name, amount::show(planck));
	let value = json!({ "operator": operator, "amount": planck.to_string() });
	report(session, &account, &receipt, value, text);
	Ok(())
}

async fn claim(session: &Session, operator: &str, signer: &SignerArgs) -> Outcome<()> {
	let operator = session.keys().resolve(operator)?;
	let (client, account) = session.connect_as(signer).await?;
	let fields =
		vec![("operator", Value::from_bytes(operator.clone())), ("backer", Value::from_bytes(account.id()))];
	let receipt = client.submit(&account, "Delegation", "claim", fields).await?;
	let (operator, planck) = (keys::address(&operator), planck_of(&receipt, "Claimed", "amount"));
	let text = format!("{} was paid {} for backing {operator}", account.name, amount::show(planck));
	let value = json!({ "operator": operator, "amount": planck.to_string() });
	report(session, &account, &receipt, value, text);
	Ok(())
}

async fn set_commission(session: &Session, commission: u32, signer: &SignerArgs) -> Outcome<()> {
	let fields = vec![("commission", Value::u128(commission.into()))];
	let (account, receipt) = call(session, signer, "set_commission", fields).await?;
	// An option: its number is below its variant.
	let effective_at = field(&receipt, "CommissionSet", "effective_at")["Some"].clone();
	let since = match crate::client::as_u128(&effective_at) {
		Some(block) => format!("from block {block}"),
		None => "from now on".into(),
	};
	let text = format!(
		"{} takes backing, for {} of what its backers earn {since}",
		account.name,
		percent(commission)
	);
	let value = json!({ "commission": commission, "effective_at": effective_at });
	report(session, &account, &receipt, value, text);
	Ok(())
}

async fn list(session: &Session) -> Outcome<()> {
	let pools = session.connect().await?.pools().await?;
	let rows: Vec<Vec<String>> = pools.iter().map(row).collect();
	let head =
		["operator", "open", "own stake", "backed", "room", "commission", "backers", "income of a period"];
	session.output.result(&pools, table(&head, &rows));
	Ok(())
}

fn row(pool: &PoolInfo) -> Vec<String> {
	let commission = match &pool.raise {
		Some(raise) => {
			format!("{}, {} from block {}", percent(pool.commission), percent(raise.commission), raise.from)
		}
		None => percent(pool.commission),
	};
	vec![
		names::short(&pool.operator),
		if pool.open { "yes".into() } else { "no".into() },
		amount::show(pool.own),
		amount::show(pool.backed),
		amount::show(pool.room),
		commission,
		pool.backers.to_string(),
		amount::show(pool.last_income),
	]
}

async fn show(session: &Session, account: Option<String>) -> Outcome<()> {
	let who = session.keys().resolve(account.as_deref().unwrap_or(DEFAULT_KEY))?;
	let backings = session.connect().await?.backings(&who).await?;
	let text = match backings.is_empty() {
		true => format!("{} backs no operator; choose one with: blyan delegations list", keys::address(&who)),
		false => {
			let rows: Vec<Vec<String>> = backings.iter().map(backing_row).collect();
			table(&["operator", "worth", "income", "on its way out"], &rows)
		}
	};
	session.output.result(&backings, text);
	Ok(())
}

fn backing_row(backing: &BackingInfo) -> Vec<String> {
	let parts = backing
		.unbonding
		.iter()
		.map(|part| format!("{} from block {}", amount::show(part.amount), part.ready_at));
	vec![
		names::short(&backing.operator),
		amount::show(backing.amount),
		amount::show(backing.income),
		parts.collect::<Vec<_>>().join(", "),
	]
}

/// A commission, which counts in millionths.
fn percent(commission: u32) -> String {
	format!("{} %", f64::from(commission) / 10_000.0)
}

/// Signs and sends one of the calls.
async fn call(
	session: &Session,
	signer: &SignerArgs,
	name: &str,
	fields: Vec<(&str, Value)>,
) -> Outcome<(Account, Receipt)> {
	let (client, account) = session.connect_as(signer).await?;
	let receipt = client.submit(&account, "Delegation", name, fields).await?;
	Ok((account, receipt))
}

/// Prints what became of a call.
fn report(session: &Session, account: &Account, receipt: &Receipt, mut value: Json, text: String) {
	if let Some(object) = value.as_object_mut() {
		object.insert("account".into(), json!(account.address()));
		object.insert("block".into(), json!(receipt.block));
		object.insert("fee".into(), json!(receipt.fee().to_string()));
	}
	session.output.result(&value, text);
}

fn field(receipt: &Receipt, event: &str, name: &str) -> Json {
	receipt.event("Delegation", event).map(|fields| fields[name].clone()).unwrap_or_default()
}

fn planck_of(receipt: &Receipt, event: &str, name: &str) -> u128 {
	crate::client::as_u128(&field(receipt, event, name)).unwrap_or_default()
}
