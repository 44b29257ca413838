//! GPU hours that operators offer for credits, and that the proposer of what is tried reserves.

use crate::{
	args::SignerArgs,
	client::{evolution::EVOLUTION, Receipt},
	failure::Outcome,
	keys, names,
	output::table,
	session::Session,
};
use serde_json::{json, Value as Json};
use subxt::dynamic::Value;

/// Offers hours of GPUs.
pub async fn offer(session: &Session, gpus: u16, hours: u32, price: u32, signer: &SignerArgs) -> Outcome<()> {
	let fields = vec![
		("gpus", Value::u128(gpus.into())),
		("hours", Value::u128(hours.into())),
		("price", Value::u128(price.into())),
	];
	let receipt = call(session, signer, "offer_gpus", fields).await?;
	let text =
		format!("{hours} hours of {gpus} GPUs are offered at {price} credits each (block {})", receipt.block);
	report(session, &receipt, json!({ "gpus": gpus, "hours": hours, "price": price }), text);
	Ok(())
}

/// Reserves hours of the cheapest offers.
pub async fn reserve(session: &Session, hours: u32, price_max: u32, signer: &SignerArgs) -> Outcome<()> {
	let fields = vec![("hours", Value::u128(hours.into())), ("price_max", Value::u128(price_max.into()))];
	let receipt = call(session, signer, "reserve_hours", fields).await?;
	let text = format!(
		"{hours} hours are reserved (block {}); see of which operators with: blyan evolution reservations",
		receipt.block
	);
	report(session, &receipt, json!({ "hours": hours, "price_max": price_max }), text);
	Ok(())
}

/// Claims hours as worked.
pub async fn claim(session: &Session, hours: u32, signer: &SignerArgs) -> Outcome<()> {
	let receipt = call(session, signer, "claim_hours", vec![("hours", Value::u128(hours.into()))]).await?;
	let text =
		format!("{hours} hours are claimed (block {}); the proposer is to confirm them", receipt.block);
	let returned = fields_of(&receipt, "HoursClaimed")["returned"].clone();
	report(session, &receipt, json!({ "hours": hours, "returned": returned }), text);
	Ok(())
}

/// Confirms the hours that an operator claimed, or denies them by another number.
pub async fn confirm(session: &Session, operator: &str, hours: u32, signer: &SignerArgs) -> Outcome<()> {
	let operator = session.keys().resolve(operator)?;
	let fields =
		vec![("operator", Value::from_bytes(operator.clone())), ("hours", Value::u128(hours.into()))];
	let receipt = call(session, signer, "confirm_hours", fields).await?;
	let settled = fields_of(&receipt, "HoursSettled");
	let (paid, burned) = (&settled["paid"], &settled["burned"]);
	let address = keys::address(&operator);
	let text =
		format!("{address} was paid {paid} credits, and {burned} were burned (block {})", receipt.block);
	report(session, &receipt, json!({ "operator": address, "paid": paid, "burned": burned }), text);
	Ok(())
}

/// Lists offers, by price.
pub async fn list(session: &Session) -> Outcome<()> {
	let offers = session.connect().await?.gpu_offers().await?;
	let value: Vec<Json> = offers
		.iter()
		.map(|(operator, offer)| json!({ "operator": keys::address(operator), "offer": offer }))
		.collect();
	let rows: Vec<Vec<String>> = offers
		.iter()
		.map(|(operator, offer)| {
			let field = |name: &str| offer[name].to_string();
			let state = offer["state"].as_str().unwrap_or_default().to_lowercase();
			vec![
				names::short(operator),
				field("gpus"),
				field("hours"),
				field("price"),
				field("reserved"),
				state,
			]
		})
		.collect();
	let head = ["operator", "gpus", "hours", "credits an hour", "reserved", "state"];
	session.output.result(&value, table(&head, &rows));
	Ok(())
}

async fn call(
	session: &Session,
	signer: &SignerArgs,
	call: &str,
	fields: Vec<(&str, Value)>,
) -> Outcome<Receipt> {
	let (client, account) = session.connect_as(signer).await?;
	client.submit(&account, EVOLUTION, call, fields).await
}

fn fields_of(receipt: &Receipt, event: &str) -> Json {
	receipt.event(EVOLUTION, event).cloned().unwrap_or_default()
}

/// Shows what a transaction did, with its block and its fee.
fn report(session: &Session, receipt: &Receipt, mut value: Json, text: String) {
	value["block"] = json!(receipt.block);
	value["fee"] = json!(receipt.fee().to_string());
	session.output.result(&value, text);
}
