//! The network's own proposal: filing it, and adopting it to train its candidate.

use crate::{args::SignerArgs, client::evolution::EVOLUTION, failure::Outcome, session::Session};
use serde_json::json;

/// Has the network's own proposal filed.
pub async fn file(session: &Session, signer: &SignerArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(signer).await?;
	let receipt = client.submit(&account, EVOLUTION, "file_proposal", Vec::new()).await?;
	let fields = receipt.event(EVOLUTION, "NetworkProposed").cloned().unwrap_or_default();
	let number = &fields["proposal"];
	let value = json!({ "proposal": number, "architecture": fields["architecture"], "block": receipt.block });
	let text = format!(
		"the network proposes {number} (block {}); it is tried only if an account trains it: blyan evolution adopt",
		receipt.block
	);
	session.output.result(&value, text);
	Ok(())
}

/// Becomes the proposer of the network's own proposal.
pub async fn adopt(session: &Session, signer: &SignerArgs) -> Outcome<()> {
	let (client, account) = session.connect_as(signer).await?;
	let receipt = client.submit(&account, EVOLUTION, "adopt", Vec::new()).await?;
	let fields = receipt.event(EVOLUTION, "Adopted").cloned().unwrap_or_default();
	let number = &fields["proposal"];
	let value = json!({ "proposal": number, "block": receipt.block, "fee": receipt.fee().to_string() });
	let text = format!(
		"proposal {number} is adopted (block {}); operators endorse it with: blyan evolution endorse {number}",
		receipt.block
	);
	session.output.result(&value, text);
	Ok(())
}
