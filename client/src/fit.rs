//! Compatibility: were this program and the chain's runtime released for each other?
//!
//! What is read by metadata fits any runtime. What the runtime APIs answer is decoded into types that were compiled in, so
//! their versions have to be the same.

use super::{AtBlock, Client};
use crate::failure::{Failure, Kind, Outcome};
use blyan_runtime_api::{Misfit, APIS};
use serde::Deserialize;
use std::sync::Arc;
use subxt::rpcs::client::rpc_params;

/// The name of this project's runtime.
const SPEC_NAME: &str = "blyan";

/// A runtime's description of itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Runtime {
	spec_name: String,
	spec_version: u32,
	/// Identifiers of the APIs it answers, 0x-hex, and their versions.
	apis: Vec<(String, u32)>,
}

impl Client {
	/// Refuses to go on unless the runtime at that block answers `api` in the types this program knows.
	pub(super) async fn ensure_fits(&self, at: &AtBlock, api: &str) -> Outcome<()> {
		let runtime = self.runtime(at).await?;
		runtime.ensure_fits(&self.url, api)
	}

	/// The runtime at that block; asked for again only when there is another.
	async fn runtime(&self, at: &AtBlock) -> Outcome<Arc<Runtime>> {
		let known = self.runtime.lock().ok().and_then(|known| known.clone());
		if let Some(known) = known.filter(|known| known.spec_version == at.spec_version()) {
			return Ok(known);
		}
		let runtime: Runtime = self.request("state_getRuntimeVersion", rpc_params![at.block_hash()]).await?;
		let runtime = Arc::new(runtime);
		if let Ok(mut known) = self.runtime.lock() {
			*known = Some(runtime.clone());
		}
		Ok(runtime)
	}
}

impl Runtime {
	fn ensure_fits(&self, url: &str, api: &str) -> Outcome<()> {
		let Some(wanted) = APIS.into_iter().find(|known| known.name == api) else { return Ok(()) };
		let Self { spec_name, spec_version, .. } = self;
		if spec_name != SPEC_NAME {
			return Err(Failure::new(format!(
				"the chain behind {url} runs {spec_name} {spec_version}, which is no Blyan runtime"
			))
			.kind(Kind::WrongNetwork)
			.next("name a blyan-node with --url"));
		}
		let answered: Vec<([u8; 8], u32)> =
			self.apis.iter().filter_map(|(id, version)| Some((from_hex(id)?, *version))).collect();
		let Some(misfit) = wanted.misfit(&answered) else { return Ok(()) };
		let version = env!("CARGO_PKG_VERSION");
		let next = match misfit {
			Misfit::RuntimeNewer(..) => "update blyan: this program is older than the chain's runtime",
			Misfit::Missing(..) | Misfit::RuntimeOlder(..) => {
				"use the blyan that was released with that runtime, or wait until the chain is upgraded"
			}
		};
		Err(Failure::new(format!(
			"blyan {version} does not fit the runtime behind {url} ({spec_name} {spec_version}): {misfit}"
		))
		.kind(Kind::Outdated)
		.next(next))
	}
}

fn from_hex(id: &str) -> Option<[u8; 8]> {
	hex::decode(id.trim_start_matches("0x")).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn runtime(name: &str, raise: u32) -> Runtime {
		let apis = APIS.map(|api| (format!("0x{}", hex::encode(api.id)), api.version + raise)).to_vec();
		Runtime { spec_name: name.into(), spec_version: 7, apis }
	}

	#[test]
	fn the_older_of_program_and_runtime_is_told_to_update() {
		assert!(runtime("blyan", 0).ensure_fits("ws://x", "LearningApi").is_ok());
		let newer = runtime("blyan", 1).ensure_fits("ws://x", "LearningApi").unwrap_err();
		assert_eq!(newer.kind, Kind::Outdated);
		assert!(newer.message.contains("version 4 of LearningApi"), "{}", newer.message);
		assert!(newer.next.unwrap().contains("update blyan"));
		let older = Runtime { apis: Vec::new(), ..runtime("blyan", 0) };
		let older = older.ensure_fits("ws://x", "ModelsApi").unwrap_err();
		assert!(older.message.contains("does not answer ModelsApi"), "{}", older.message);
		assert_eq!(
			runtime("other", 0).ensure_fits("ws://x", "ModelsApi").unwrap_err().kind,
			Kind::WrongNetwork
		);
	}
}
