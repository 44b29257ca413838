//! Tasks that look for what an operator has to be warned of: a runtime that this node cannot run, a key that it cannot sign by.

use super::{fit, session_keys, Backend, Client};
use sc_client_api::Backend as _;
use sc_service::TaskManager;
use sp_core::offchain::storage::OffchainDb;
use sp_keystore::KeystorePtr;
use std::sync::Arc;

/// Starts them.
pub fn spawn(
	client: &Arc<Client>,
	backend: &Backend,
	keystore: KeystorePtr,
	is_collator: bool,
	task_manager: &TaskManager,
) {
	fit::spawn_watch(client, task_manager);
	let memory = backend.offchain_storage().map(OffchainDb::new);
	let watching = session_keys::watch(client.clone(), keystore, memory, is_collator);
	task_manager.spawn_handle().spawn_blocking("session-keys", None, watching);
}
