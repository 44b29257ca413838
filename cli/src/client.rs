//! The client, with bars for people at a terminal.

pub use crate::{
	following::{follow, Submission},
	pace::machine,
	pins::{ensure_network, Pins},
};
pub use blyan_client::{
	answer_verdict, as_u128, evolution, governance, hash, Challenge, Client, Ground, Offer, PaidSession,
	Receipt, Stage,
};

use crate::{failure::Outcome, keys::Account, output::Output};
use blyan_primitives::BlobRef;

/// Hands a blob to the node, as [`blyan_client::upload`] does.
pub async fn upload(client: &Client, output: &Output, bytes: &[u8]) -> Outcome<()> {
	let bar = output.byte_bar("upload", bytes.len() as u64);
	blyan_client::upload(client, bytes, |position| bar.set(position)).await
}

/// Fetches a blob and verifies it.
pub async fn download(client: &Client, output: &Output, blob: &BlobRef) -> Outcome<Vec<u8>> {
	let bar = output.byte_bar("download", blob.size.into());
	blyan_client::download(client, blob, |position| bar.set(position)).await
}

/// Waits until every transaction of an account that the pool knows of is in a finalised block, as [`Client::wait_for_pool`] does.
pub async fn wait_for_pool(client: &Client, output: &Output, account: &Account) -> Outcome<()> {
	let spinner = output.spinner("earlier transactions");
	let note = |count: u64| spinner.note(format!("{count} of this account are in no finalised block yet"));
	client.wait_for_pool(account, note).await
}
