//! Compatibility of this node with the runtime that its chain has, and with the one that its chain is about to have.
//!
//! The runtime comes with the chain, the node does not. A runtime may call functions that only a newer node offers: an
//! older one then cannot execute another block. It learns that as soon as the upgrade is scheduled, which on a
//! relay chain is hours ahead.

use super::{Client, Hash, HostFunctions};
use blyan_runtime_api::APIS;
use codec::Decode;
use futures::StreamExt;
use sc_client_api::{BlockchainEvents, HeaderBackend, StorageProvider};
use sc_executor::sp_wasm_interface::HostFunctions as _;
use sc_service::TaskManager;
use sp_api::{deserialize_runtime_api_info, RUNTIME_API_INFO_SIZE};
use sp_core::storage::{well_known_keys::CODE, StorageKey};
use sp_runtime::{generic::DigestItem, traits::Header};
use std::{collections::BTreeSet, sync::Arc};
use wasmparser::{Parser, Payload, TypeRef};

/// Largest runtime that is looked at, as the executor does.
const CODE_BYTES_MAX: usize = sp_maybe_compressed_blob::CODE_BLOB_BOMB_LIMIT;

/// Compatibility of a runtime with this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
	/// Name and `spec_version` of the runtime.
	pub runtime: String,
	/// Functions that it calls and this node lacks: it does not run here.
	pub missing: Vec<String>,
	/// Runtime APIs in other versions than this node knows: some of the node's own RPC fails.
	pub misfits: Vec<String>,
	/// True if none of them is newer than this node knows.
	pub is_older: bool,
}

impl Fit {
	/// Looks at a runtime, compressed or not.
	///
	/// # Errors
	///
	/// If it is no WebAssembly.
	pub fn of(code: &[u8]) -> Result<Self, String> {
		let wasm =
			sp_maybe_compressed_blob::decompress(code, CODE_BYTES_MAX).map_err(|error| error.to_string())?;
		let Sections { imports, version, apis } = Sections::read(&wasm)?;
		let offered: BTreeSet<&str> =
			HostFunctions::host_functions().into_iter().map(|function| function.name()).collect();
		// Name, the implementation's name, and the version of authoring stand before it.
		let (name, _, _, spec_version) =
			<(String, String, u32, u32)>::decode(&mut version.unwrap_or_default())
				.map_err(|_| "it does not say which release it is".to_string())?;
		Ok(Self {
			runtime: format!("{name} {spec_version}"),
			missing: imports.into_iter().filter(|name| !offered.contains(name)).map(Into::into).collect(),
			is_older: APIS
				.iter()
				.all(|api| apis.iter().all(|(id, version)| *id != api.id || *version <= api.version)),
			misfits: APIS
				.iter()
				.filter_map(|api| api.misfit(&apis))
				.map(|misfit| misfit.to_string())
				.collect(),
		})
	}

	/// Says in the log what an operator has to do, if anything.
	fn report(&self, when: &str) {
		let Self { runtime, missing, misfits, is_older } = self;
		if !missing.is_empty() {
			log::error!(
				"🔴 The runtime {when} ({runtime}) calls functions that this node does not have: {}. \
				Update blyan-node: without them it cannot execute another block of that runtime",
				missing.join(", ")
			);
		} else if !misfits.is_empty() && *is_older {
			log::warn!(
				"🟠 The runtime {when} ({runtime}) is older than this node: {}. Blocks are executed, evaluated and stored all the \
				same, and models and jobs are read as that release wrote them; questions that it does not know are errors until \
				the chain is upgraded (docs/upgrades.md). No other node is needed",
				misfits.join("; ")
			);
		} else if !misfits.is_empty() {
			log::warn!(
				"🟠 The runtime {when} ({runtime}) and this node are of different releases: {}. Blocks are \
				executed all the same; update blyan-node, or some of its answers are errors",
				misfits.join("; ")
			);
		} else {
			log::debug!("the runtime {when} ({runtime}) runs on this node");
		}
	}
}

/// Parts of a runtime's WebAssembly that are read without running it.
#[derive(Default)]
struct Sections<'a> {
	/// Functions that it expects of its host.
	imports: Vec<&'a str>,
	/// Its version, encoded.
	version: Option<&'a [u8]>,
	/// The APIs that it answers, and their versions.
	apis: Vec<([u8; 8], u32)>,
}

impl<'a> Sections<'a> {
	fn read(wasm: &'a [u8]) -> Result<Self, String> {
		let mut sections = Self::default();
		for payload in Parser::new(0).parse_all(wasm) {
			match payload.map_err(|error| error.to_string())? {
				Payload::ImportSection(section) => {
					for import in section {
						let import = import.map_err(|error| error.to_string())?;
						if matches!(import.ty, TypeRef::Func(_)) {
							sections.imports.push(import.name);
						}
					}
				}
				Payload::CustomSection(section) => match section.name() {
					"runtime_version" => sections.version = Some(section.data()),
					"runtime_apis" => {
						let entries = section.data().chunks(RUNTIME_API_INFO_SIZE);
						let whole = entries.filter_map(|entry| entry.try_into().ok());
						sections.apis.extend(whole.map(deserialize_runtime_api_info));
					}
					_ => {}
				},
				_ => {}
			}
		}
		Ok(sections)
	}
}

/// Looks at the chain's runtime now, and at every other one as soon as the chain knows it.
pub fn spawn_watch(client: &Arc<Client>, task_manager: &TaskManager) {
	task_manager.spawn_handle().spawn("runtime-fit", None, watch(client.clone()));
}

async fn watch(client: Arc<Client>) {
	// Every block: on a node that is still catching up there are no other notifications.
	let mut imported = client.every_import_notification_stream();
	look(&client, client.info().best_hash, CODE, "of the chain", |code| Some(code.to_vec()));
	let mut pending = None;
	while let Some(block) = imported.next().await {
		if block.header.digest().logs().iter().any(|log| matches!(log, DigestItem::RuntimeEnvironmentUpdated))
		{
			look(&client, block.hash, CODE, "of the next block", |code| Some(code.to_vec()));
		}
		let key = pending_code_key();
		let hash = client.storage_hash(block.hash, &StorageKey(key.clone())).ok().flatten();
		if hash.is_some() && hash != pending {
			look(&client, block.hash, &key, "of the upgrade that is scheduled", |bytes| {
				Vec::<u8>::decode(&mut &bytes[..]).ok()
			});
		}
		pending = hash;
	}
}

fn look(client: &Client, at: Hash, key: &[u8], when: &str, read: impl Fn(&[u8]) -> Option<Vec<u8>>) {
	// A node that has not got the state yet looks when it has.
	let Ok(Some(bytes)) = client.storage(at, &StorageKey(key.to_vec())) else { return };
	match read(&bytes.0).ok_or_else(|| "it cannot be read".to_string()).and_then(|code| Fit::of(&code)) {
		Ok(fit) => fit.report(when),
		Err(error) => log::warn!("🟠 The runtime {when} is no runtime: {error}"),
	}
}

/// Where the pallet of parachains keeps the code that waits for the relay chain's go-ahead.
fn pending_code_key() -> Vec<u8> {
	[&b"ParachainSystem"[..], b"PendingValidationCode"].map(sp_crypto_hashing::twox_128).concat()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn code() -> Option<Vec<u8>> {
		// It is not there where its build was skipped.
		let code = blyan_runtime::WASM_BINARY?;
		Some(
			sp_maybe_compressed_blob::decompress(code, CODE_BYTES_MAX)
				.expect("the build made it")
				.into_owned(),
		)
	}

	/// Replaces bytes by as many others wherever they are.
	fn replace(code: &mut [u8], old: &[u8], new: &[u8]) {
		let is_here = |at: &usize| code[*at] == old[0] && code[*at..].starts_with(old);
		let places: Vec<usize> = (0..code.len()).filter(is_here).collect();
		assert!(!places.is_empty(), "the runtime contains what is replaced");
		for at in places {
			code[at..at + new.len()].copy_from_slice(new);
		}
	}

	#[test]
	fn this_node_offers_all_that_its_own_runtime_calls() {
		let Some(code) = code() else { return };
		let fit = Fit::of(&code).expect("the runtime can be read");
		assert_eq!(
			fit.missing,
			Vec::<String>::new(),
			"the node's HostFunctions lack what the runtime imports"
		);
		assert_eq!(fit.misfits, Vec::<String>::new());
		assert!(fit.is_older, "it is not newer");
		let version = blyan_runtime::VERSION;
		assert_eq!(fit.runtime, format!("{} {}", version.spec_name, version.spec_version));
	}

	#[test]
	fn a_runtime_that_needs_a_newer_node_is_told_apart() {
		let Some(mut code) = code() else { return };
		replace(&mut code, b"ext_ml_engine_host_open_version_3", b"ext_ml_engine_host_open_version_4");
		let fit = Fit::of(&code).expect("the runtime can be read");
		assert_eq!(fit.missing, ["ext_ml_engine_host_open_version_4"]);
	}

	#[test]
	fn a_runtime_that_answers_otherwise_is_told_apart_and_so_are_older_and_newer_ones() {
		let Some(code) = code() else { return };
		let api = APIS[0];
		let listed = |version: u32| [&api.id[..], &version.to_le_bytes()].concat();
		for (version, word, is_older) in [(api.version + 1, "newer", false), (api.version - 1, "older", true)]
		{
			let mut code = code.clone();
			replace(&mut code, &listed(api.version), &listed(version));
			let fit = Fit::of(&code).expect("the runtime can be read");
			assert!(fit.missing.is_empty());
			assert_eq!(fit.misfits.len(), 1);
			assert!(fit.misfits[0].contains(word), "{:?}", fit.misfits);
			assert_eq!(fit.is_older, is_older);
		}
	}
}
