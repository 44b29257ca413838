//! A node that was away while the chain changed its runtime.

use super::{Done, Settings};
use crate::stage::Stage;
use blyan_e2e::network::Member;
use codec::{Compact, Encode};
use sp_maybe_compressed_blob::{compress_weakly, CODE_BLOB_BOMB_LIMIT};
use std::{
	sync::Arc,
	time::{Duration, Instant},
};
use subxt::rpcs::client::RpcParams;
use subxt_signer::sr25519::dev;

/// The member that misses it.
const AWAY: &str = "operator-charlie";
/// Time within which the relay chain must check the new code, and the parachain apply it.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(600);
/// First bytes of uncompressed WebAssembly.
const WASM_MAGIC: &[u8] = b"\0asm";

/// Why no runtime can be exchanged, if none can.
pub fn obstacle(settings: &Settings) -> Option<String> {
	settings.next_runtime.is_none().then(|| "no newer runtime was given (--next-runtime FILE)".to_string())
}

/// The node stops under the old runtime and starts again under the new one.
pub async fn stale_node(stage: Arc<Stage>, settings: Settings) -> Done {
	let path = settings.next_runtime.ok_or("no newer runtime was given")?;
	let code = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
	let is_bare = code.starts_with(WASM_MAGIC);
	let code = match is_bare {
		true => compress_weakly(&code, CODE_BLOB_BOMB_LIMIT).ok_or("the runtime is too large to compress")?,
		false => code,
	};
	let away = stage.network.member(AWAY);
	let before = version(away).await?;
	away.stop();

	let chain = stage.network.chain("operator-alice").await;
	let set_code = chain.call("System", "set_code", &code.encode()).await;
	// Its weight is that of a whole block, which is why root says that it need not fit.
	let weight = (Compact(0u64), Compact(0u64)).encode();
	let call = chain.call("Sudo", "sudo_unchecked_weight", &[set_code, weight].concat()).await;
	chain.send(&dev::alice(), &call).await?;
	let began_at = Instant::now();
	let present = stage.network.member("operator-bob");
	let after = loop {
		match version(present).await {
			Ok(version) if version != before => break version,
			_ if began_at.elapsed() > UPGRADE_TIMEOUT => {
				return Err(format!("the runtime is still at version {before}"));
			}
			_ => tokio::time::sleep(Duration::from_secs(1)).await,
		}
	};
	let took = began_at.elapsed().as_secs();
	away.start();
	Ok(format!("{AWAY} stopped, runtime {before} became {after} after {took} s, {AWAY} started again"))
}

async fn version(member: &Member) -> Result<u64, String> {
	let version = member.request("state_getRuntimeVersion", RpcParams::new()).await?;
	version["specVersion"].as_u64().ok_or_else(|| format!("{} tells no version", member.name()))
}
