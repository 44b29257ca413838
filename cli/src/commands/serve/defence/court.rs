//! The chain behind a node, as a defender sees it.

use super::{Accusation, Court};
use crate::{
	authority::submit_for,
	client::{Challenge, Client, Receipt},
	commands::audit::{conclude, Player},
	failure::Outcome,
	node_book::NodeBook,
	output::Output,
	referee::Openings,
};
use blyan_primitives::{EvaluationOutcome, Subject};
use blyan_runtime_api::disputes::{GameId, GameInfo};
use codec::Encode;
use futures::{future::BoxFuture, FutureExt};
use sp_core::{crypto::AccountId32, H256};
use std::{future::Future, sync::Arc};

/// A node, and an account that signs for the operator.
pub struct NodeCourt {
	/// The node.
	pub book: Arc<NodeBook>,
	/// The operator.
	pub operator: AccountId32,
	/// Where progress goes.
	pub output: Output,
}

impl NodeCourt {
	/// Asks the node something. A connection that is lost is made again by the next question.
	async fn ask<T, F: Future<Output = Outcome<T>>>(
		&self,
		question: impl FnOnce(Arc<Client>) -> F,
	) -> Outcome<T> {
		let client = self.book.client().await?;
		// Says by its kind of failure that the node is gone, which questions about storage do not.
		let answer = match client.finalised_block().await {
			Ok(_) => question(client).await,
			Err(failure) => Err(failure),
		};
		self.book.note(&answer).await;
		answer
	}

	/// Sends a call in the operator's name.
	async fn send(&self, client: &Client, call: (&str, &str), arguments: &[u8]) -> Outcome<Receipt> {
		submit_for(client, &self.operator, self.book.account(), call, arguments).await
	}

	/// Offences that are not decided. Most of the time there are none, which one record says.
	async fn read_accusations(&self, client: &Client) -> Outcome<Vec<Accusation>> {
		if !client.is_accused(&self.operator).await? {
			return Ok(Vec::new());
		}
		let offences = client.offences(&self.operator).await?;
		Ok(offences.iter().filter_map(Accusation::of).collect())
	}
}

impl Court for NodeCourt {
	fn challenges(&self) -> BoxFuture<'_, Outcome<Vec<Challenge>>> {
		self.ask(move |client| async move { client.challenges_against(&self.operator).await }).boxed()
	}

	fn is_refuted(&self, receipt: H256) -> BoxFuture<'_, Outcome<bool>> {
		self.ask(move |client| async move { client.is_receipt_refuted(receipt).await }).boxed()
	}

	fn games(&self, subject: Subject) -> BoxFuture<'_, Outcome<Vec<GameInfo>>> {
		self.ask(move |client| async move { client.games(subject).await }).boxed()
	}

	fn defend(&self, receipt: H256, outcome: EvaluationOutcome) -> BoxFuture<'_, Outcome<()>> {
		let arguments = (receipt, outcome).encode();
		self.ask(move |client| async move {
			self.send(&client, ("Answers", "defend"), &arguments).await.map(drop)
		})
		.boxed()
	}

	fn accusations(&self) -> BoxFuture<'_, Outcome<Vec<Accusation>>> {
		self.ask(move |client| async move { self.read_accusations(&client).await }).boxed()
	}

	fn fallen(&self, subject: Subject) -> BoxFuture<'_, Outcome<Vec<H256>>> {
		self.ask(move |client| async move { client.refuted(subject).await }).boxed()
	}

	fn appeal(&self, offence: u64) -> BoxFuture<'_, Outcome<bool>> {
		self.ask(move |client| async move {
			let receipt = self.send(&client, ("Slashing", "appeal"), &offence.encode()).await?;
			Ok(receipt.event("Slashing", "Appealed").is_some_and(|fields| fields["is_computed"] == true))
		})
		.boxed()
	}

	fn play(&self, game: GameId, own: H256, referee: Arc<dyn Openings>) -> BoxFuture<'_, Outcome<()>> {
		self.ask(move |client| async move {
			let resume = "nothing to do: this server goes on with it by itself".into();
			let (output, account) = (&self.output, self.book.account());
			let player = Player { output, client: &client, account, referee, own, resume };
			let ended = player.play(game).await?;
			conclude(output, &client, own, &ended).await
		})
		.boxed()
	}
}
