//! JSON-RPC: the usual extensions of a chain, and `blyan_*` for models, submissions, blobs and text.

mod answer;
mod api;
mod error;
mod generate;
mod request;
mod text;

use crate::{
	exchange::Exchange,
	ml::EngineService,
	service::{Client, Pool},
};
use blyan_rpc_api::BlyanApiServer;
pub use generate::Generations;
use jsonrpsee::RpcModule;
use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};
use sc_rpc::SubscriptionTaskExecutor;
use std::sync::Arc;
use substrate_frame_rpc_system::{System, SystemApiServer};

/// Dependencies of the extensions.
pub struct RpcDependencies {
	/// The client.
	pub client: Arc<Client>,
	/// The transaction pool.
	pub pool: Arc<Pool>,
	/// The engine and its blobs.
	pub engine: Arc<EngineService>,
	/// The exchange of blobs.
	pub exchange: Arc<Exchange>,
	/// Runs subscriptions.
	pub executor: SubscriptionTaskExecutor,
	/// Answers under way, over all listeners.
	pub generations: Arc<Generations>,
}

/// All extensions in one module.
pub fn create(
	dependencies: RpcDependencies,
) -> Result<RpcModule<()>, Box<dyn std::error::Error + Send + Sync>> {
	let RpcDependencies { client, pool, engine, exchange, executor, generations } = dependencies;
	let mut module = RpcModule::new(());
	module.merge(System::new(client.clone(), pool).into_rpc())?;
	module.merge(TransactionPayment::new(client.clone()).into_rpc())?;
	module.merge(api::Blyan::new(client, engine, exchange, executor, generations).into_rpc())?;
	Ok(module)
}
