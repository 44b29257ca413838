//! `serve --chain`: routes that read the chain, for pages and programs that speak no JSON-RPC.
//!
//! An answer is kept for a block's time, and few questions are open at once, so that no crowd of readers reaches the node.

use crate::{
	client::Client,
	failure::{Failure, Kind, Outcome},
	keys,
	session::Session,
};
use axum::{
	extract::{Path, State},
	http::{header, HeaderValue, StatusCode},
	response::{IntoResponse, Response},
	routing::get,
	Router,
};
use blyan_gateway::till::Refusal;
use blyan_runtime_api::evolution::EvolutionTerms;
use serde_json::{json, Value};
use sp_core::crypto::{AccountId32, Ss58Codec};
use std::{
	collections::HashMap,
	sync::{Arc, Mutex, PoisonError},
	time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Time for which an answer is kept.
const KEPT: Duration = Duration::from_secs(6);
/// Answers that are kept.
const KEPT_MAX: usize = 1_024;
/// Questions to the node at a time.
const QUESTIONS_MAX: usize = 16;
/// Blocks of a list.
const BLOCKS: u64 = 20;
/// Experts of a list.
const EXPERTS_MAX: usize = 100;
/// Epochs of a list.
const EPOCHS: u32 = 100;

/// Question about the chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Question {
	Genesis,
	Balance([u8; 32]),
	/// The newest blocks, or those before one.
	Blocks(Option<u64>),
	Block(u64),
	Experts,
	Supply,
	Validators,
	Validator([u8; 32]),
	/// Present epoch of evolution.
	Epoch,
	/// Architectures that are proposed in it.
	Candidates,
	/// Epochs that were decided.
	Epochs,
	/// Least demands on proposals, and what they cost.
	Templates,
}

/// The node behind the routes.
struct Chain {
	url: String,
	genesis: [u8; 32],
	client: tokio::sync::Mutex<Option<Arc<Client>>>,
	kept: Mutex<HashMap<Question, (Instant, Value)>>,
	places: Semaphore,
}

/// Connects to the node, and builds the routes.
pub async fn router(session: &Session) -> Outcome<Router> {
	let client = session.connect().await?;
	let chain = Chain {
		url: client.url.clone(),
		genesis: client.genesis(),
		client: tokio::sync::Mutex::new(Some(Arc::new(client))),
		kept: Mutex::default(),
		places: Semaphore::new(QUESTIONS_MAX),
	};
	Ok(routes(Arc::new(chain)))
}

fn routes(chain: Arc<Chain>) -> Router {
	Router::new()
		.route("/genesis/hash", get(genesis))
		.route("/balance/{account}", get(balance))
		.route("/wallet/balance/{account}", get(balance))
		.route("/chain/blocks", get(newest))
		.route("/chain/blocks/{before}", get(blocks))
		.route("/chain/block/{number}", get(block))
		.route("/experts/top", get(experts))
		.route("/economy/supply", get(supply))
		.route("/consensus/validators", get(validators))
		.route("/consensus/validators/{account}", get(validator))
		.route("/evolution/epoch_status", get(epoch))
		.route("/evolution/migration_candidates", get(candidates))
		.route("/evolution/history", get(epochs))
		.route("/evolution/migration_templates", get(templates))
		.with_state(chain)
}

async fn genesis(State(chain): State<Arc<Chain>>) -> Response {
	chain.answer(Ok(Question::Genesis)).await
}

async fn balance(State(chain): State<Arc<Chain>>, Path(account): Path<String>) -> Response {
	chain.answer(read_account(&account).map(Question::Balance)).await
}

async fn newest(State(chain): State<Arc<Chain>>) -> Response {
	chain.answer(Ok(Question::Blocks(None))).await
}

async fn blocks(State(chain): State<Arc<Chain>>, Path(before): Path<String>) -> Response {
	chain.answer(read_number(&before).map(|before| Question::Blocks(Some(before)))).await
}

async fn block(State(chain): State<Arc<Chain>>, Path(number): Path<String>) -> Response {
	chain.answer(read_number(&number).map(Question::Block)).await
}

async fn experts(State(chain): State<Arc<Chain>>) -> Response {
	chain.answer(Ok(Question::Experts)).await
}

async fn supply(State(chain): State<Arc<Chain>>) -> Response {
	chain.answer(Ok(Question::Supply)).await
}

async fn validators(State(chain): State<Arc<Chain>>) -> Response {
	chain.answer(Ok(Question::Validators)).await
}

async fn validator(State(chain): State<Arc<Chain>>, Path(account): Path<String>) -> Response {
	chain.answer(read_account(&account).map(Question::Validator)).await
}

async fn epoch(State(chain): State<Arc<Chain>>) -> Response {
	chain.answer(Ok(Question::Epoch)).await
}

async fn candidates(State(chain): State<Arc<Chain>>) -> Response {
	chain.answer(Ok(Question::Candidates)).await
}

async fn epochs(State(chain): State<Arc<Chain>>) -> Response {
	chain.answer(Ok(Question::Epochs)).await
}

async fn templates(State(chain): State<Arc<Chain>>) -> Response {
	chain.answer(Ok(Question::Templates)).await
}

impl Chain {
	async fn answer(&self, question: Result<Question, Refusal>) -> Response {
		match self.find(question).await {
			Ok(value) => {
				let kind = HeaderValue::from_static("application/json");
				([(header::CONTENT_TYPE, kind)], value.to_string()).into_response()
			}
			Err(refusal) => refusal.into_response(),
		}
	}

	async fn find(&self, question: Result<Question, Refusal>) -> Result<Value, Refusal> {
		let question = question?;
		if let Some(value) = self.kept(&question) {
			return Ok(value);
		}
		let Ok(_place) = self.places.try_acquire() else {
			let message = "many questions about the chain are open: ask again in a second";
			let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message);
			return Err(Refusal { retry_after: Some(1), ..refusal });
		};
		let client = self.client().await.map_err(refused)?;
		match ask(&client, &question).await {
			Ok(Some(value)) => {
				self.keep(question, value.clone());
				Ok(value)
			}
			Ok(None) => {
				Err(Refusal::new(StatusCode::NOT_FOUND, "not_on_chain", "the chain does not have this"))
			}
			Err(failure) => {
				if failure.kind == Kind::Unreachable {
					// The next question connects again.
					*self.client.lock().await = None;
				}
				Err(refused(failure))
			}
		}
	}

	/// Returns the connection, made again if it was lost.
	async fn client(&self) -> Outcome<Arc<Client>> {
		let mut held = self.client.lock().await;
		if let Some(client) = held.as_ref() {
			return Ok(client.clone());
		}
		let client = Arc::new(Client::connect(&self.url).await?);
		if client.genesis() != self.genesis {
			return Err(
				Failure::new(format!("{} follows another chain now", self.url)).kind(Kind::WrongNetwork)
			);
		}
		*held = Some(client.clone());
		Ok(client)
	}

	fn kept(&self, question: &Question) -> Option<Value> {
		let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
		kept.get(question).filter(|(at, _)| at.elapsed() < KEPT).map(|(_, value)| value.clone())
	}

	fn keep(&self, question: Question, value: Value) {
		let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
		if kept.len() >= KEPT_MAX {
			kept.retain(|_, (at, _)| at.elapsed() < KEPT);
		}
		if kept.len() < KEPT_MAX {
			kept.insert(question, (Instant::now(), value));
		}
	}
}

/// Asks the node; `None` if the chain does not have what is asked for.
async fn ask(client: &Client, question: &Question) -> Outcome<Option<Value>> {
	Ok(Some(match question {
		Question::Genesis => json!({ "genesis_hash": format!("0x{}", hex::encode(client.genesis())) }),
		Question::Balance(account) => {
			let account = AccountId32::new(*account);
			let balance = client.balance(&account).await?;
			json!({
				"account": keys::address(&account), "free": balance.free.to_string(), "held": balance.held.to_string(),
				"unit": "planck",
			})
		}
		Question::Blocks(before) => {
			let end = match before {
				Some(before) => *before,
				None => client.best_block().await?.saturating_add(1),
			};
			let numbers = (end.saturating_sub(BLOCKS)..end).rev();
			let found =
				futures::future::try_join_all(numbers.map(|number| client.block_summary(number))).await?;
			json!({ "object": "list", "data": found.into_iter().flatten().collect::<Vec<_>>() })
		}
		Question::Block(number) => return client.block_summary(*number).await,
		Question::Experts => {
			let mut experts = client.experts_json().await?;
			experts.truncate(EXPERTS_MAX);
			json!({ "object": "list", "data": experts })
		}
		Question::Supply => json!({ "issued": client.issuance().await?.to_string(), "unit": "planck" }),
		Question::Validators => json!({ "object": "list", "data": client.operators_json().await? }),
		Question::Validator(account) => {
			let address = keys::address(&AccountId32::new(*account));
			let operators = client.operators_json().await?;
			return Ok(operators
				.into_iter()
				.find(|operator| operator["account"].as_str() == Some(address.as_str())));
		}
		Question::Epoch | Question::Candidates | Question::Epochs | Question::Templates => {
			return evolution(client, question).await;
		}
	}))
}

/// Asks the node about evolution.
async fn evolution(client: &Client, question: &Question) -> Outcome<Option<Value>> {
	Ok(Some(match question {
		Question::Epoch => {
			json!({ "epoch": client.epoch().await?, "evaluation": client.evolution_evaluation().await? })
		}
		Question::Candidates => json!({ "object": "list", "data": client.evolution_proposals().await? }),
		Question::Epochs => {
			let mut found = client.evolution_history(EPOCHS).await?;
			found.reverse();
			json!({ "object": "list", "data": found })
		}
		Question::Templates => {
			let terms = terms(&client.evolution_terms().await?);
			json!({ "object": "list", "data": client.evolution_templates().await?, "terms": terms })
		}
		_ => return Ok(None),
	}))
}

/// Terms with amounts as strings, which numbers of JSON do not hold.
fn terms(terms: &EvolutionTerms) -> Value {
	json!({
		"proposal_deposit": terms.proposal_deposit.to_string(),
		"endorsement_bond": terms.endorsement_bond.to_string(),
		"deposit_per_block": terms.deposit_per_block.to_string(),
		"tasks_min": terms.tasks_min, "tasks_max": terms.tasks_max, "unit": "planck",
	})
}

fn read_account(text: &str) -> Result<[u8; 32], Refusal> {
	let mut bytes = [0; 32];
	let is_hex =
		text.strip_prefix("0x").is_some_and(|digits| hex::decode_to_slice(digits, &mut bytes).is_ok());
	if is_hex {
		return Ok(bytes);
	}
	AccountId32::from_ss58check(text).map(Into::into).map_err(|_| {
		let message = "the address is not one: give an SS58 address, or 0x and 64 hexadecimal digits";
		Refusal::new(StatusCode::BAD_REQUEST, "invalid_address", message)
	})
}

fn read_number(text: &str) -> Result<u64, Refusal> {
	text.parse().map_err(|_| {
		Refusal::new(StatusCode::BAD_REQUEST, "invalid_number", "the number of a block is a whole number")
	})
}

fn refused(failure: Failure) -> Refusal {
	let message = format!("the chain cannot be read: {}", failure.message);
	Refusal {
		retry_after: Some(6),
		..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "chain_unreachable", message)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn chain() -> Chain {
		Chain {
			url: "ws://127.0.0.1:1".into(),
			genesis: [1; 32],
			client: tokio::sync::Mutex::new(None),
			kept: Mutex::default(),
			places: Semaphore::new(1),
		}
	}

	#[test]
	fn addresses_and_numbers_are_read_or_refused_with_what_to_give() {
		let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
		let bytes = read_account(alice).unwrap();
		assert_eq!(read_account(&format!("0x{}", hex::encode(bytes))).unwrap(), bytes);
		for text in ["", "0x12", "alice", "//Alice"] {
			assert_eq!(read_account(text).unwrap_err().code, "invalid_address", "{text}");
		}
		assert_eq!(read_number("7").unwrap(), 7);
		assert_eq!(read_number("-1").unwrap_err().status, StatusCode::BAD_REQUEST);
	}

	#[tokio::test]
	async fn a_kept_answer_needs_no_node_and_a_node_that_is_gone_is_said_to_be_gone() {
		let chain = chain();
		chain.keep(Question::Supply, json!({ "issued": "5" }));
		assert_eq!(chain.find(Ok(Question::Supply)).await.unwrap()["issued"], "5");
		let refusal = chain.find(Ok(Question::Genesis)).await.unwrap_err();
		assert_eq!((refusal.status, refusal.code), (StatusCode::SERVICE_UNAVAILABLE, "chain_unreachable"));
		let _place = chain.places.try_acquire().unwrap();
		assert_eq!(chain.find(Ok(Question::Genesis)).await.unwrap_err().code, "overloaded");
	}

	#[test]
	fn deposits_are_strings_whatever_their_size() {
		let shown = terms(&EvolutionTerms {
			proposal_deposit: u128::MAX,
			endorsement_bond: 10,
			deposit_per_block: 0,
			tasks_min: 200,
			tasks_max: 1_000,
		});
		assert_eq!(shown["proposal_deposit"], u128::MAX.to_string());
		assert_eq!((&shown["endorsement_bond"], &shown["tasks_min"]), (&json!("10"), &json!(200)));
	}
}
