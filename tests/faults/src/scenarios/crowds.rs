//! A stranger that wants too much.

use super::{Done, Settings};
use crate::stage::Stage;
use std::{
	net::Ipv4Addr,
	sync::{
		atomic::{AtomicU64, Ordering},
		Arc,
	},
	time::{Duration, Instant},
};
use subxt::rpcs::{
	client::{RpcClient, RpcParams},
	rpc_params,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// Connections that ask for more than they are given, to each victim.
const ASKERS: usize = 64;
/// Connections that talk nonsense to peers' ports, at once.
const BABBLERS: usize = 64;
/// Members that are flooded.
const VICTIMS: [&str; 3] = ["validator-alice", "collator-alice", "operator-alice"];

/// Questions that cost something, transactions that are none, and nonsense at the door of the peers.
pub async fn flood(stage: Arc<Stage>, settings: Settings) -> Done {
	let until = Instant::now() + settings.hold * 2;
	let (asked, babbled) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
	let mut crowd = Vec::new();
	for name in VICTIMS {
		let member = stage.network.member(name);
		for _ in 0..ASKERS {
			crowd.push(tokio::spawn(ask(member.url(), until, asked.clone())));
		}
		let place = member.place();
		for _ in 0..BABBLERS {
			crowd.push(tokio::spawn(babble(place.address, place.ports.peers, until, babbled.clone())));
		}
	}
	let others: Vec<_> =
		stage.para_nodes().into_iter().filter(|member| !VICTIMS.contains(&member.name())).collect();
	let meanwhile = stage.finalised_within(&others, settings.hold * 2).await;
	for one in crowd {
		one.await.map_err(|error| format!("the crowd fell: {error}"))?;
	}
	if meanwhile == 0 {
		return Err("nothing became final during the flood".into());
	}
	Ok(format!(
		"{} of JSON-RPC questions and {} of connections full of nonsense to {} in {} s; {meanwhile} blocks final",
		asked.load(Ordering::Relaxed),
		babbled.load(Ordering::Relaxed),
		VICTIMS.join(", "),
		(settings.hold * 2).as_secs()
	))
}

/// Asks as fast as it is answered.
async fn ask(url: String, until: Instant, asked: Arc<AtomicU64>) {
	while Instant::now() < until {
		let Ok(client) = RpcClient::from_insecure_url(&url).await else {
			// Refused: the node has as many connections as it takes.
			tokio::time::sleep(Duration::from_millis(200)).await;
			continue;
		};
		while Instant::now() < until {
			let garbage = format!("0x{}", hex::encode(rand::random::<[u8; 32]>().repeat(32)));
			let questions: [(&str, RpcParams); 3] = [
				("state_getMetadata", RpcParams::new()),
				("author_submitExtrinsic", rpc_params![garbage]),
				("chain_getBlock", RpcParams::new()),
			];
			for (method, params) in questions {
				// Any answer will do, an error too.
				let question = client.request::<serde_json::Value>(method, params);
				let _ = tokio::time::timeout(Duration::from_secs(5), question).await;
				asked.fetch_add(1, Ordering::Relaxed);
			}
		}
	}
}

/// Connects to a port for peers, says nonsense, and comes back.
async fn babble(address: Ipv4Addr, port: u16, until: Instant, babbled: Arc<AtomicU64>) {
	while Instant::now() < until {
		let connect = tokio::time::timeout(Duration::from_secs(2), TcpStream::connect((address, port)));
		if let Ok(Ok(mut stream)) = connect.await {
			let nonsense: Vec<u8> = rand::random::<[u8; 32]>().repeat(128);
			// The node may hang up at any time, and should.
			let _ = tokio::time::timeout(Duration::from_secs(2), stream.write_all(&nonsense)).await;
			babbled.fetch_add(1, Ordering::Relaxed);
		}
		tokio::time::sleep(Duration::from_millis(20)).await;
	}
}
