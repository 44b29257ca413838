//! The till of a gateway with accounts: it stands in front of another one, answers free requests by itself, and hands over what is paid for.

use crate::{
	accounts::{access_token, Accounts},
	admission::{is_ours, Answered, Asking},
	captcha::CAPTCHA,
	challenge::PROOF,
	refusal,
};
use blyan_gateway::till::{
	http::HeaderMap, Bill, Lease, Order, Outcome, Permit, Prices, Refusal, Room, Till,
};
use futures::{future::BoxFuture, FutureExt};
use serde_json::Value;
use std::{
	hash::{DefaultHasher, Hash, Hasher},
	sync::Arc,
};

/// Headers by which a request is paid for, whatever account it is of.
const PAYMENTS: [&str; 2] = ["x-blyan-voucher", "payment-signature"];
/// Headers by which a browser is told from another: those that its WebSockets have, too.
const DEVICE: [&str; 2] = ["user-agent", "accept-language"];
/// Beginning of the API keys that the till behind knows.
const API_KEY: &str = "Bearer blyan-";

/// A till with accounts in front of it.
pub struct AccountsTill {
	accounts: Arc<Accounts>,
	inner: Arc<dyn Till>,
}

impl AccountsTill {
	/// Puts accounts in front of a till.
	pub fn new(accounts: Arc<Accounts>, inner: Arc<dyn Till>) -> Self {
		Self { accounts, inner }
	}

	async fn permits(&self, headers: &HeaderMap, order: &Order) -> Result<Vec<Permit>, Refusal> {
		let has_payment = PAYMENTS.iter().any(|name| headers.contains_key(*name));
		let authorization = header(headers, "authorization");
		let Some(token) = access_token(authorization) else {
			let has_key = authorization.is_some_and(|value| value.starts_with(API_KEY));
			return match self.accounts.config.requires_account && !has_payment && !has_key {
				true => Err(refusal::sign_in_required()),
				false => self.inner.authorise(headers, order).await,
			};
		};
		if let Some(solution) = header(headers, CAPTCHA) {
			self.accounts.take_captcha(token, solution).await?;
		}
		let asking = Asking { token, device: device(headers), proof: header(headers, PROOF) };
		if !has_payment {
			// Answers that are signed for are kept, free ones too: these may not take the room of those that are paid for.
			if self.inner.room().is_some_and(|room| room.left <= room.taken) {
				return Err(refusal::free_room());
			}
			return self.accounts.admit_free(&asking, order);
		}
		self.accounts.admit_paid(&asking, order)?;
		self.inner.authorise(headers, order).await.inspect_err(|_| self.accounts.forget_paid(order))
	}

	async fn end(&self, lease: Lease, outcome: Outcome) -> Bill {
		let Lease { number, index, seed, meter, .. } = lease;
		let tokens = outcome.record.as_ref().map(|record| record.answer.len());
		let answered = Answered {
			receipt: outcome.id.clone(),
			prompt_tokens: outcome.prompt_tokens,
			answer_tokens: tokens.map(|tokens| u32::try_from(tokens).unwrap_or(u32::MAX)),
			is_whole: outcome.is_whole,
		};
		if is_ours(number) {
			lease.finish();
			// Before the till behind is waited for: tokens that are held would stay so if this were broken off.
			self.accounts.note_free(number, Some(&answered));
			// What is free is signed for as everything else is.
			return self.inner.finish(Lease::new(0, index, seed, meter), outcome).await;
		}
		let bill = self.inner.finish(lease, outcome).await;
		self.accounts.note_paid(&answered, bill.charged);
		bill
	}
}

impl Till for AccountsTill {
	fn prices(&self) -> Prices {
		self.inner.prices()
	}

	fn authorise<'a>(
		&'a self,
		headers: &'a HeaderMap,
		order: &'a Order,
	) -> BoxFuture<'a, Result<Vec<Permit>, Refusal>> {
		self.permits(headers, order).boxed()
	}

	fn deliver(&self, lease: &Lease, tokens: u32) -> bool {
		is_ours(lease.number) || self.inner.deliver(lease, tokens)
	}

	fn finish(&self, lease: Lease, outcome: Outcome) -> BoxFuture<'_, Bill> {
		self.end(lease, outcome).boxed()
	}

	fn account<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Value, Refusal>> {
		match access_token(header(headers, "authorization")) {
			Some(token) => async move { self.accounts.describe(token) }.boxed(),
			None => self.inner.account(headers),
		}
	}

	fn quote(&self, headers: &HeaderMap, order: &Order) -> Option<Value> {
		self.inner.quote(headers, order)
	}

	fn receipt(&self, id: &str) -> Option<Vec<u8>> {
		self.inner.receipt(id)
	}

	fn room(&self) -> Option<Room> {
		self.inner.room()
	}
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
	headers.get(name).and_then(|value| value.to_str().ok())
}

fn device(headers: &HeaderMap) -> Option<u64> {
	let mut hasher = DefaultHasher::new();
	let found = DEVICE.map(|name| headers.get(name).map(|value| value.as_bytes()));
	found.hash(&mut hasher);
	found.iter().any(Option::is_some).then(|| hasher.finish())
}
