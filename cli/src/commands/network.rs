//! `network`: which network is behind an address, and which one should be.

use crate::{args::NetworkCommand, client::Client, failure::Outcome, session::Session};
use serde_json::json;

/// Runs a command on remembered networks.
pub async fn run(session: &Session, command: NetworkCommand) -> Outcome<()> {
	let (pins, url) = (session.pins(), &session.url);
	match command {
		NetworkCommand::Show => {
			let network = Client::connect(url).await?.network().await?;
			let pinned = pins.all()?.remove(url);
			let remembered = match &pinned {
				None => "nothing",
				Some(pin) if *pin == network => "the same",
				Some(pin) => &pin.genesis,
			};
			let text = format!(
				"{} ({})\ngenesis     {}\nremembered  {remembered}",
				network.chain, network.kind, network.genesis
			);
			session.output.result(&json!({ "network": network, "remembered": pinned }), text);
		}
		NetworkCommand::Pin => {
			let network = Client::connect(url).await?.network().await?;
			pins.set(url, Some(&network))?;
			let text = format!("{url} must be \"{}\", genesis {}", network.chain, network.genesis);
			session.output.result(&json!({ "network": network }), text);
		}
		NetworkCommand::Forget => {
			pins.set(url, None)?;
			session.output.result(&json!({ "forgotten": url }), format!("forgot the network of {url}"));
		}
	}
	Ok(())
}
