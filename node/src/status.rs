//! The page of facts: reads the chain after each new best block, and serves over HTTP what `blyan-status` makes of it.

use crate::chain_view::{self, item, next_best, slots};
use blyan_primitives::SubmissionId;
use blyan_runtime::opaque::Block;
use blyan_runtime_api::{LearningApi, ModelsApi, OperatorsApi, SubmissionInfo};
use blyan_status::{serve, Access, Block as BlockFacts, Facts, Network, Node, Pages, LATEST, NEWCOMER, PAGE};
use sc_client_api::{Backend, BlockchainEvents, HeaderBackend, StorageProvider};
use sc_service::{Configuration, Error};
use sp_api::{ApiError, Core, ProvideRuntimeApi};
use sp_core::H256;
use std::{
	future::Future,
	marker::PhantomData,
	net::{IpAddr, Ipv4Addr, SocketAddr},
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::sync::watch;

/// Shortest time between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// A look may take one part in so many of the time.
const SHARE: u32 = 20;
/// Longest time between two looks while blocks come. A look that has to compile the runtime first takes seconds, and the
/// next one does not.
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// Options of the page of facts.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct StatusParams {
	/// Serve the chain's facts for people and programs on this port: /, /status.json and /llms.txt. Off without it.
	#[arg(long, value_name = "PORT")]
	pub status_port: Option<u16>,

	/// Serve them on all interfaces, and not to this machine only.
	#[arg(long, requires = "status_port")]
	pub status_external: bool,
}

impl StatusParams {
	/// Address to listen on, if the page is wanted.
	fn address(&self) -> Option<(SocketAddr, Access)> {
		let (host, access) = match self.status_external {
			true => (Ipv4Addr::UNSPECIFIED, Access::External),
			false => (Ipv4Addr::LOCALHOST, Access::Loopback),
		};
		self.status_port.map(|port| (SocketAddr::new(IpAddr::V4(host), port), access))
	}
}

/// Tasks of the page: the first reads the chain and may block, the second answers.
pub type Tasks<P, S> = (P, S);

/// Begins to listen and returns the tasks that keep the page; `None` if it is not wanted.
///
/// - `node`: describes this node whenever it is called.
pub fn start<C, B>(
	params: &StatusParams,
	config: &Configuration,
	client: Arc<C>,
	node: impl Fn() -> Node + Send + 'static,
) -> Result<Option<Tasks<impl Future<Output = ()> + Send, impl Future<Output = ()> + Send>>, Error>
where
	B: Backend<Block> + 'static,
	C: Chain<B>,
	C::Api: Questions,
{
	let Some((address, access)) = params.address() else { return Ok(None) };
	let listening = || {
		let listener = std::net::TcpListener::bind(address)?;
		listener.set_nonblocking(true)?;
		let _runtime = config.tokio_handle.enter();
		let listener = tokio::net::TcpListener::from_std(listener)?;
		let local = listener.local_addr()?;
		std::io::Result::Ok((listener, local))
	};
	let (listener, local) = listening().map_err(|error| {
		Error::Other(format!(
			"cannot serve the status page on {address}: {error}; choose another --status-port"
		))
	})?;
	log::info!("📄 Status page at http://{local}/, for programs http://{local}/status.json");
	let (pages, newest) = watch::channel(None);
	let reader = Reader {
		network: Network {
			chain: config.chain_spec.name().into(),
			kind: match serde_json::to_value(config.chain_spec.chain_type()) {
				Ok(serde_json::Value::String(kind)) => kind,
				other => other.map(|kind| kind.to_string()).unwrap_or_default(),
			},
			genesis: client.info().genesis_hash,
			spec_version: 0,
		},
		client,
		node,
		backend: PhantomData::<fn() -> B>,
	};
	Ok(Some((reader.run(pages), serve(listener, newest, access))))
}

/// Abilities of a client that the page is read from.
pub trait Chain<B: Backend<Block>>:
	ProvideRuntimeApi<Block>
	+ HeaderBackend<Block>
	+ BlockchainEvents<Block>
	+ StorageProvider<Block, B>
	+ Send
	+ Sync
	+ 'static
{
}

impl<B, C> Chain<B> for C
where
	B: Backend<Block>,
	C: ProvideRuntimeApi<Block>
		+ HeaderBackend<Block>
		+ BlockchainEvents<Block>
		+ StorageProvider<Block, B>
		+ Send
		+ Sync
		+ 'static,
{
}

/// Questions to the runtime that the page is made of.
pub trait Questions: Core<Block> + ModelsApi<Block> + LearningApi<Block> + OperatorsApi<Block> {}

impl<A: Core<Block> + ModelsApi<Block> + LearningApi<Block> + OperatorsApi<Block>> Questions for A {}

struct Reader<C, B, N> {
	client: Arc<C>,
	network: Network,
	node: N,
	backend: PhantomData<fn() -> B>,
}

impl<C, B, N> Reader<C, B, N>
where
	B: Backend<Block>,
	C: Chain<B>,
	C::Api: Questions,
	N: Fn() -> Node + Send,
{
	/// Renders the documents after each new best block, until the node ends. Blocks that came meanwhile count as one.
	async fn run(self, pages: watch::Sender<Option<Arc<Pages>>>) {
		let mut blocks = self.client.import_notification_stream();
		loop {
			let began = Instant::now();
			match self.look() {
				Ok(rendered) => drop(pages.send_replace(Some(Arc::new(rendered)))),
				// The runtime is of another release, or the state is not here: what was served stays.
				Err(error) => log::debug!("cannot read the facts of the status page: {error}"),
			}
			tokio::time::sleep(pause(began.elapsed())).await;
			if next_best(&mut blocks).await.is_none() {
				return;
			}
		}
	}

	fn look(&self) -> Result<Pages, Box<dyn std::error::Error>> {
		Ok(Pages::render(&self.facts()?.status())?)
	}

	fn facts(&self) -> Result<Facts, ApiError> {
		let info = self.client.info();
		let at = info.best_hash;
		let api = self.client.runtime_api();
		let mut models = Vec::new();
		for id in api.models(at)? {
			if let Some(model) = chain_view::model(&*api, at, id)? {
				let slots = slots(&*api, at, &model)?;
				models.push((model, slots));
			}
		}
		let (latest, older_open) = self.submissions(at)?;
		let terms = api.terms(at, NEWCOMER)?;
		Ok(Facts {
			network: Network { spec_version: api.version(at)?.spec_version, ..self.network.clone() },
			block: self.block(info.best_number, at),
			node: (self.node)(),
			operators: api.operators(at)?,
			models,
			latest,
			older_open,
			account: None,
			newcomer_quota: terms.quota_left,
			terms,
			machine: None,
		})
	}

	/// The latest submissions, and open ones that are older.
	fn submissions(&self, at: H256) -> Result<(Vec<SubmissionInfo>, Vec<SubmissionInfo>), ApiError> {
		let api = self.client.runtime_api();
		let end: SubmissionId = api.submission_count(at)?;
		let first = end.saturating_sub(LATEST.into());
		let (mut latest, mut start) = (Vec::new(), first);
		while start < end {
			latest.extend(api.submissions(at, start, PAGE)?);
			start = start.saturating_add(PAGE.into());
		}
		let mut older_open = Vec::new();
		for id in api.open_submissions(at)?.into_iter().filter(|id| *id < first) {
			older_open.extend(api.submission(at, id)?);
		}
		Ok((latest, older_open))
	}

	fn block(&self, number: u32, hash: H256) -> BlockFacts {
		let earlier = BlockFacts::earlier(number);
		let earlier_ms = self.client.hash(earlier).ok().flatten().and_then(|hash| self.time_ms(hash));
		let block = BlockFacts::new(number, hash, self.time_ms(hash), (earlier, earlier_ms));
		BlockFacts { finalised: self.client.info().finalized_number.min(number), ..block }
	}

	/// A block's timestamp.
	fn time_ms(&self, at: H256) -> Option<u64> {
		item(&*self.client, at, ["Timestamp", "Now"]).flatten()
	}
}

/// Time until the next look after one that took so long.
fn pause(look: Duration) -> Duration {
	look.saturating_mul(SHARE).clamp(PAUSE, PAUSE_MAX)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn looks_take_a_twentieth_of_the_time_and_a_slow_one_does_not_hold_the_page() {
		let ms = Duration::from_millis;
		assert_eq!(pause(ms(2)), PAUSE);
		assert_eq!(pause(ms(300)), ms(6_000));
		assert_eq!(pause(ms(12_000)), PAUSE_MAX);
	}

	#[test]
	fn nothing_listens_unless_a_port_is_named_and_then_on_loopback_only() {
		let address = |status_port, status_external| StatusParams { status_port, status_external }.address();
		assert_eq!(address(None, false), None);
		let (local, access) = address(Some(9_617), false).expect("a port is named");
		assert_eq!((local.to_string().as_str(), access), ("127.0.0.1:9617", Access::Loopback));
		let (open, access) = address(Some(9_617), true).expect("a port is named");
		assert_eq!((open.to_string().as_str(), access), ("0.0.0.0:9617", Access::External));
	}
}
