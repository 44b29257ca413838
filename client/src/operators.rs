//! Operators: what registering costs, and what a node knows of its own machine and keys.

use super::Client;
use crate::failure::{Failure, Kind, Outcome};
use blyan_primitives::{hardware_root, operator_key, HardwareComponents, HARDWARE_KEY};
use blyan_runtime_api::OperatorInfo;
use codec::Decode;
use sp_core::{bytes::from_hex, crypto::AccountId32, H256};
use subxt::rpcs::client::{rpc_params, RpcParams};

/// Next step when a node answers such questions to its own machine only.
const OWN_MACHINE: &str =
	"run this on the node's own machine (--url ws://127.0.0.1:PORT), and start the node without \
	--rpc-external and --rpc-methods safe";

impl Client {
	/// One operator; `None` if the account is none.
	pub async fn operator(&self, who: &AccountId32) -> Outcome<Option<OperatorInfo>> {
		Ok(self.operators().await?.into_iter().find(|operator| operator.account == *who))
	}

	/// Price of the next registration, besides the stake.
	pub async fn registration_price(&self) -> Outcome<u128> {
		self.ask("OperatorsApi", "registration_price", ()).await
	}

	/// Identifier the node has for its machine; `None` if it has not looked yet.
	pub async fn machine(&self) -> Outcome<Option<H256>> {
		let params = rpc_params!["PERSISTENT", format!("0x{}", hex::encode(HARDWARE_KEY))];
		let Some(bytes) = self.ask_own_node::<Option<String>>("offchain_localStorageGet", params).await?
		else {
			return Ok(None);
		};
		let unreadable = || Failure::new("the node's notes on its machine cannot be read");
		let bytes = from_hex(&bytes).map_err(|_| unreadable())?;
		let components = HardwareComponents::decode(&mut &bytes[..]).map_err(|_| unreadable())?;
		Ok(Some(hardware_root(&components)))
	}

	/// Puts a session key into the node's keystore.
	pub async fn insert_session_key(&self, secret: &str, public: &[u8; 32]) -> Outcome<()> {
		let params = rpc_params![key_type()?, secret, format!("0x{}", hex::encode(public))];
		self.ask_own_node("author_insertKey", params).await
	}

	/// Reports whether the node's keystore has a session key.
	pub async fn has_session_key(&self, public: &[u8]) -> Outcome<bool> {
		self.ask_own_node("author_hasKey", rpc_params![format!("0x{}", hex::encode(public)), key_type()?])
			.await
	}

	/// Asks what a node answers to its own operator only.
	async fn ask_own_node<T: serde::de::DeserializeOwned>(
		&self,
		method: &str,
		params: RpcParams,
	) -> Outcome<T> {
		self.request(method, params).await.map_err(|failure| match failure.kind {
			Kind::Refused | Kind::WrongNetwork => failure.next(OWN_MACHINE),
			_ => failure,
		})
	}
}

fn key_type() -> Outcome<String> {
	Ok(String::from_utf8(operator_key::KEY_TYPE.0.to_vec())?)
}
