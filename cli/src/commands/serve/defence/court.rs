//! The chain behind a node, as a defender sees it.

use super::Court;
use crate::{
	client::{Challenge, Client},
	commands::audit::{conclude, Player},
	failure::{Failure, Kind, Outcome},
	keys,
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

/// Types of proxies that may defend.
const PROXY_TYPES: [&str; 2] = ["Any", "Operator"];

/// Way in which the account that signs can defend for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
	/// It is the operator's own.
	Operator,
	/// It is a proxy of the operator's.
	Proxy,
	/// None: moves in games are any account's, defences are not.
	None,
}

/// Finds out how an account can defend for an operator.
pub async fn authority(client: &Client, operator: &AccountId32, account: &AccountId32) -> Outcome<Authority> {
	if operator == account {
		return Ok(Authority::Operator);
	}
	Ok(match client.is_proxy(operator, account, &PROXY_TYPES).await? {
		true => Authority::Proxy,
		false => Authority::None,
	})
}

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

	async fn send_defence(&self, client: &Client, receipt: H256, outcome: EvaluationOutcome) -> Outcome<()> {
		let account = self.book.account();
		let arguments = (receipt, outcome).encode();
		match authority(client, &self.operator, &account.id()).await? {
			Authority::Operator => {
				client.submit_encoded(account, "Answers", "defend", &arguments).await.map(drop)
			}
			Authority::Proxy => {
				let call = ("Answers", "defend");
				client.submit_as_proxy(account, &self.operator, call, &arguments).await.map(drop)
			}
			Authority::None => Err(Failure::new(format!(
				"{} is neither the operator {} nor its proxy",
				account.address(),
				keys::address(&self.operator)
			))
			.kind(Kind::Refused)
			.next("start the server with the operator's --key, or with that of a proxy of type Operator")),
		}
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
		self.ask(move |client| async move { self.send_defence(&client, receipt, outcome).await }).boxed()
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
