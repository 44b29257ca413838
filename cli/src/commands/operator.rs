//! `operator`: what an operator does by hand.

use crate::{amount, args::OperatorCommand, failure::Outcome, session::Session};
use serde_json::json;
use subxt::dynamic::Value;

/// Operates.
pub async fn run(session: &Session, command: OperatorCommand) -> Outcome<()> {
	match command {
		OperatorCommand::TopUp { amount, signer } => {
			let planck = amount::parse(&amount)?;
			let (client, account) = session.connect_as(&signer).await?;
			let fields = vec![("amount", Value::u128(planck))];
			let receipt = client.submit(&account, "Operators", "top_up", fields).await?;
			let value = json!({ "operator": account.address(), "amount": planck.to_string(), "block": receipt.block });
			let text = format!(
				"added {} to the stake of {} in block {}",
				amount::show(planck),
				account.name,
				receipt.block
			);
			session.output.result(&value, text);
		}
		OperatorCommand::Return { signer } => {
			let (client, account) = session.connect_as(&signer).await?;
			let receipt = client.submit(&account, "Operators", "return_to_duty", vec![]).await?;
			let value = json!({ "operator": account.address(), "block": receipt.block });
			session
				.output
				.result(&value, format!("{} is on duty again since block {}", account.name, receipt.block));
		}
	}
	Ok(())
}
