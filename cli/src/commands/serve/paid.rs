//! `serve --offer`, `serve --api-keys`: a till between requests and answers, wired to the chain.

use super::defence::{upkeep, Defender, KeptAnswers, NodeCourt};
use crate::{
	amount,
	answer_referee::AnswerModel,
	args::ServeArgs,
	authority::{authority, Authority},
	client::{Client, Offer},
	commands::{api_keys, offer::serving_key_path},
	failure::{Context, Failure, Kind, Outcome},
	keys::{self, Account},
	node_book::NodeBook,
	output::Output,
	session::Session,
};
use blyan_gateway::Gateway;
use blyan_open_model::Directory;
use blyan_primitives::{OfferId, Prices, ServingSignature, SessionId, Voucher};
use blyan_till::{
	book::{Ages, BookError, SessionBook, SessionRecord},
	cashier::Cashier,
	config::Config,
	receipt::ServingPair,
};
use futures::{future::BoxFuture, FutureExt};
use serde_json::json;
use sp_core::H256;
use std::{
	path::{Path, PathBuf},
	sync::Arc,
	time::Duration,
};
use tokio::{sync::oneshot, task::JoinHandle};

/// Interval at which the offer is read again.
const WATCH: Duration = Duration::from_secs(30);
/// Time in which the last vouchers are settled when the server ends.
const LAST_TIMEOUT: Duration = Duration::from_secs(120);

/// A till, with what keeps it.
pub struct Paid {
	/// The till.
	pub cashier: Arc<Cashier>,
	/// Offer that is served, if one is.
	pub offer: Option<Offer>,
	book: Option<Arc<NodeBook>>,
}

/// Opens the till that the arguments ask for; `None` for a server that is free for all.
pub async fn open(session: &Session, args: &ServeArgs) -> Outcome<Option<Paid>> {
	match args.paid.offer {
		Some(id) => for_offer(session, args, id).await.map(Some),
		None if args.paid.api_keys => for_keys(session).map(Some),
		None => Ok(None),
	}
}

/// Opens a till of sessions of an offer.
async fn for_offer(session: &Session, args: &ServeArgs, id: OfferId) -> Outcome<Paid> {
	let (client, account) = session.connect_as(&args.paid.signer).await?;
	client.ensure_synced().await?;
	let offer = client.offer(id).await?;
	let manifest = Directory::new(&args.model).manifest()?;
	ensure_model(&offer, &manifest.model_root, &args.model)?;
	let genesis = H256(client.genesis());
	let key_path = serving_key_path(session, args.paid.serving_key.as_deref());
	let key = ServingPair::open(&key_path, genesis)?;
	ensure_key(&offer, H256(key.public().0), &key_path)?;
	match client.operator(&offer.operator).await? {
		None => session.output.warn(format_args!(
			"the operator of offer {id} is not registered any more: no session can be opened; those that are open are served"
		)),
		Some(operator) if !operator.eligible => session.output.warn(format_args!(
			"the operator of offer {id} is not on duty, so its reputation falls: look with blyan operator status"
		)),
		Some(_) => {}
	}
	let folder = session.home.create_dir(&format!("till/{}", hex::encode(genesis.0)))?;
	let config = Config {
		genesis,
		operator: offer.operator.clone().into(),
		offer: Some(id),
		prices: offer.prices,
		key: Some(key),
		store: folder.join(format!("offer-{id}.store")),
		api_keys: args.paid.api_keys.then(|| api_keys::path(session)),
		ages: Ages::default(),
		settle_from: amount::parse(&args.paid.settle_from)?,
		quote_blocks: Config::QUOTE_BLOCKS,
		kept_bytes_max: args.paid.keep,
	};
	warn_if_defenceless(session, &client, &account, &offer).await?;
	let book = Arc::new(NodeBook::new(client, account));
	let cashier = Cashier::open(config, book.clone()).context_next(
		"the till cannot be opened",
		"another server may hold it: end that one first; its store must not be deleted while vouchers are in it",
	)?;
	Ok(Paid { cashier: Arc::new(cashier), offer: Some(offer), book: Some(book) })
}

/// Opens a till of API keys alone. No node is asked.
fn for_keys(session: &Session) -> Outcome<Paid> {
	let folder = session.home.create_dir("till")?;
	let config = Config {
		genesis: H256::zero(),
		operator: [0; 32],
		offer: None,
		prices: Prices::default(),
		key: None,
		store: folder.join("keys.store"),
		api_keys: Some(api_keys::path(session)),
		ages: Ages::default(),
		settle_from: Config::SETTLE_FROM,
		quote_blocks: Config::QUOTE_BLOCKS,
		kept_bytes_max: Config::KEPT_BYTES_MAX,
	};
	let cashier = Cashier::open(config, Arc::new(NoChain)).context("the till cannot be opened")?;
	Ok(Paid { cashier: Arc::new(cashier), offer: None, book: None })
}

fn ensure_model(offer: &Offer, root: &str, dir: &Path) -> Outcome<()> {
	if hex::encode(offer.model_root.0) == root.trim_start_matches("0x") {
		return Ok(());
	}
	Err(Failure::new(format!(
		"offer {} is of model {:?}, and {} holds 0x{root}: every receipt would be wrong",
		offer.id,
		offer.model_root,
		dir.display()
	))
	.kind(Kind::Refused)
	.next(format!(
		"serve that model, or change the offer: blyan offer change {} --model {}",
		offer.id,
		dir.display()
	)))
}

fn ensure_key(offer: &Offer, key: H256, path: &Path) -> Outcome<()> {
	if offer.serving_key == key {
		return Ok(());
	}
	Err(Failure::new(format!(
		"offer {} names the serving key {:?}, and {} holds {key:?}: no payer would take its receipts",
		offer.id,
		offer.serving_key,
		path.display()
	))
	.kind(Kind::Refused)
	.next("name the file of that key with --serving-key, or change the offer: blyan offer change"))
}

/// Says which account signs defences, and that there will be none where it may not.
async fn warn_if_defenceless(
	session: &Session,
	client: &Client,
	account: &Account,
	offer: &Offer,
) -> Outcome<()> {
	let (operator, signer) = (keys::address(&offer.operator), account.address());
	let found = authority(client, &offer.operator, &account.id()).await?;
	let text = match found {
		Authority::Operator => {
			format!("defences   of challenged answers are signed by the operator {operator}")
		}
		Authority::Proxy => format!(
			"defences   of challenged answers are signed by {signer}, a proxy of the operator {operator}"
		),
		Authority::None => {
			session.output.warn(format_args!(
				"CHALLENGED ANSWERS WILL NOT BE DEFENDED: {signer} is neither the operator {operator} nor its proxy of type Operator, and a \
				challenge that none defends within four hours costs half of the stake. Start the server with the key of one of them (--key, --suri)"
			));
			format!("defences   cannot be signed by {signer}")
		}
	};
	let fields = json!({ "operator": operator, "signer": signer, "can_defend": found != Authority::None });
	session.output.event("defending", fields, text);
	Ok(())
}

/// Tasks that run beside a server that is paid.
pub struct Keeping {
	end: oneshot::Sender<()>,
	settling: JoinHandle<()>,
	/// Tasks that are broken off at the end: each goes on where the chain is.
	watching: Vec<JoinHandle<()>>,
}

impl Paid {
	/// Begins to settle, to watch the offer, and to defend answers.
	pub fn keep(&self, output: &Output, gateway: &Arc<Gateway>, defence: Option<Defence>) -> Keeping {
		let (end, ended) = oneshot::channel::<()>();
		let cashier = self.cashier.clone();
		let settling = tokio::spawn(async move { cashier.keep(async move { drop(ended.await) }).await });
		let mut watching = Vec::new();
		if let Some((offer, book)) = self.offer.clone().zip(self.book.clone()) {
			let operator = offer.operator.clone();
			let (of_offer, said) = (book.clone(), output.clone());
			watching.push(tokio::spawn(async move { watch(&of_offer, offer, &said).await }));
			let context = u32::try_from(gateway.model().context()).unwrap_or(u32::MAX);
			let kept = upkeep(self.cashier.clone(), book.clone(), operator.clone(), context, output.clone());
			watching.push(tokio::spawn(kept));
			if let Some(Defence { model, former }) = defence {
				let court = NodeCourt { book, operator, output: output.clone() };
				let bench = KeptAnswers::new(self.cashier.clone(), gateway.clone(), model, former);
				watching.push(tokio::spawn(Defender::new(court, bench, output.clone()).run()));
			}
		}
		Keeping { end, settling, watching }
	}
}

/// Models with which answers are defended.
pub struct Defence {
	/// The one that is served.
	pub model: Arc<AnswerModel>,
	/// Directories of those that were served before.
	pub former: Vec<PathBuf>,
}

impl Keeping {
	/// Settles what is left, and ends.
	pub async fn finish(self, output: &Output) {
		self.watching.iter().for_each(JoinHandle::abort);
		output.say("settling the last vouchers");
		// A till that has ended by itself does not hear it.
		let _ = self.end.send(());
		if tokio::time::timeout(LAST_TIMEOUT, self.settling).await.is_err() {
			output.warn("some vouchers are not settled yet; they are kept, and settled by the next blyan serve --offer");
		}
	}
}

/// Says when an offer changes: open sessions keep their prices, and new ones have those of the chain.
async fn watch(book: &NodeBook, mut known: Offer, output: &Output) {
	loop {
		tokio::time::sleep(WATCH).await;
		let Ok(found) = book.offer(known.id).await else { continue };
		let Some(offer) = found else {
			output.warn(format_args!(
				"offer {} was withdrawn: sessions that are open are served until they are closed",
				known.id
			));
			return;
		};
		if offer.prices != known.prices {
			let fields = json!({ "offer": offer.id, "prices": offer.prices });
			let text = format!(
				"offer {} has other prices: sessions that are opened from now on have them. The page and clients with API keys are \
				told so after a restart",
				offer.id
			);
			output.event("offer_changed", fields, text);
		}
		if offer.model_root != known.model_root || offer.serving_key != known.serving_key {
			output.warn(format_args!(
				"offer {} names another model or serving key now: start the server again with these, or payers refuse its receipts",
				offer.id
			));
		}
		known = offer;
	}
}

/// Book of a server without sessions.
struct NoChain;

impl NoChain {
	fn refusal() -> BookError {
		BookError::Unreachable("this server takes API keys, and no sessions".into())
	}
}

impl SessionBook for NoChain {
	fn session(&self, _: SessionId) -> BoxFuture<'_, Result<Option<SessionRecord>, BookError>> {
		async { Err(Self::refusal()) }.boxed()
	}

	fn settle(&self, _: SessionId, _: Voucher, _: ServingSignature) -> BoxFuture<'_, Result<(), BookError>> {
		async { Err(Self::refusal()) }.boxed()
	}

	fn best_block(&self) -> BoxFuture<'_, Result<u32, BookError>> {
		async { Err(Self::refusal()) }.boxed()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::crypto::AccountId32;

	fn offer() -> Offer {
		Offer {
			id: 3,
			operator: AccountId32::new([1; 32]),
			serving_key: H256([2; 32]),
			model: None,
			model_root: H256([3; 32]),
			prices: Prices { input: 1, output: 2 },
			context: 8,
			endpoint: "https://a".into(),
		}
	}

	#[test]
	fn another_model_or_key_than_the_offers_is_not_served() {
		let dir = Path::new("smollm2");
		assert!(ensure_model(&offer(), &"03".repeat(32), dir).is_ok());
		let failure = ensure_model(&offer(), &"04".repeat(32), dir).unwrap_err();
		assert!(failure.next.unwrap().contains("blyan offer change 3 --model smollm2"));
		assert!(ensure_key(&offer(), H256([2; 32]), dir).is_ok());
		assert!(ensure_key(&offer(), H256([9; 32]), dir)
			.unwrap_err()
			.next
			.unwrap()
			.contains("--serving-key"));
	}
}
