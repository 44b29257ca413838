//! Identity of a process on the network: a key that follows from its number, and the name that follows from the key.

use sp_core::{ed25519, Pair as _};

/// The identity of one process on one of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity([u8; 32]);

impl Identity {
	/// The identity of number `number`; zero is none.
	pub fn new(number: u8) -> Self {
		let mut secret = [0; 32];
		secret[31] = number;
		Self(secret)
	}

	/// The secret, as `--node-key` takes it.
	pub fn node_key(&self) -> String {
		hex::encode(self.0)
	}

	/// The name, as it ends a network address.
	pub fn peer_id(&self) -> String {
		/// An identity multihash of 36 bytes: an Ed25519 key (type 1) of 32 bytes as protocol buffer.
		const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
		let public = ed25519::Pair::from_seed(&self.0).public();
		bs58::encode([&PREFIX[..], &public.0].concat()).into_string()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn peer_id_is_the_one_that_nodes_derive() {
		let identity = Identity::new(1);
		assert_eq!(identity.node_key(), "0000000000000000000000000000000000000000000000000000000000000001");
		assert_eq!(identity.peer_id(), "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp");
	}
}
