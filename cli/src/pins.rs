//! Which network a node is on, and which one the user means.

use crate::{
	client::Client,
	failure::{Context, Failure, Kind, Outcome},
	home::{write_private, Home},
	keys::Account,
};
use blyan_client::Network;
use std::{collections::BTreeMap, fs};

/// Pallets without which a network is not this project's.
const PALLETS: [&str; 4] = ["Experts", "Operators", "ProofOfLearning", "Ledger"];

/// Networks remembered by the address of their node.
pub struct Pins(Home);

const FILE: &str = "networks.json";

impl Pins {
	/// The pins kept in `home`.
	pub fn new(home: Home) -> Self {
		Self(home)
	}

	/// All of them.
	pub fn all(&self) -> Outcome<BTreeMap<String, Network>> {
		let path = self.0.path(FILE);
		match fs::read_to_string(&path) {
			Ok(json) => serde_json::from_str(&json)
				.context_next(path.display(), "repair the file, or delete it to forget all networks"),
			Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
			Err(error) => Err(error).context(path.display()),
		}
	}

	/// Remembers the network behind `url`, or forgets it (`None`).
	pub fn set(&self, url: &str, network: Option<&Network>) -> Outcome<()> {
		let mut all = self.all()?;
		match network {
			Some(network) => drop(all.insert(url.into(), network.clone())),
			None => drop(all.remove(url)),
		}
		self.0.create_dir("")?;
		write_private(&self.0.path(FILE), serde_json::to_string_pretty(&all)?.as_bytes())
	}
}

/// Refuses to go on unless the node is on the network that `--genesis`, the pin of this address
/// and the key ask for, and has this project's pallets.
///
/// The first time a key signs through an address, that network is remembered; development chains
/// are not, since their genesis changes with every build.
pub async fn ensure_network(
	client: &Client,
	asked: Option<[u8; 32]>,
	pins: &Pins,
	account: Option<&Account>,
) -> Outcome<()> {
	let network = client.network().await?;
	let pinned = pins.all()?.remove(&client.url);
	let url = &client.url;
	let expectations = [
		(asked.map(hex::encode), "--genesis".to_string(), "check --url and --genesis".to_string()),
		(
			pinned.as_ref().map(|pin| pin.genesis.trim_start_matches("0x").to_string()),
			format!("the network remembered for {url}"),
			format!("check --url, or accept the new network with: blyan network pin --url {url}"),
		),
		(
			account.and_then(|account| account.genesis).map(hex::encode),
			account.map(|account| format!("key \"{}\"", account.name)).unwrap_or_default(),
			"check --url, or sign with another key: blyan keys list".to_string(),
		),
	];
	for (expected, by, next) in expectations {
		if let Some(expected) = expected.filter(|hash| *hash != network.genesis[2..]) {
			return Err(wrong(url, &network, &expected, &by).next(format!("nothing was signed; {next}")));
		}
	}
	for pallet in PALLETS {
		if !client.has_pallet(pallet).await? {
			return Err(Failure::new(format!(
				"{} is on \"{}\", which has no pallet {pallet}: this is no Blyan network",
				client.url, network.chain
			))
			.kind(Kind::WrongNetwork)
			.next("name a blyan-node with --url; nothing was signed"));
		}
	}
	if account.is_some() && pinned.is_none() && network.kind != "Development" {
		pins.set(&client.url, Some(&network))?;
	}
	Ok(())
}

fn wrong(url: &str, network: &Network, expected: &str, by: &str) -> Failure {
	let expected_hash = format!("0x{expected}");
	Failure::new(format!(
		"wrong network: {url} is on \"{}\" (genesis {}), but {by} says genesis {expected_hash}",
		network.chain, network.genesis
	))
	.kind(Kind::WrongNetwork)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn pins_are_remembered_and_forgotten() {
		let dir = tempfile::tempdir().unwrap();
		let pins = Pins::new(Home::find(Some(dir.path().join("home"))).unwrap());
		assert!(pins.all().unwrap().is_empty());
		let network = Network { genesis: "0x00".into(), chain: "Blyan".into(), kind: "Live".into() };
		pins.set("ws://a", Some(&network)).unwrap();
		assert_eq!(pins.all().unwrap().get("ws://a"), Some(&network));
		pins.set("ws://a", None).unwrap();
		assert!(pins.all().unwrap().is_empty());
	}
}
