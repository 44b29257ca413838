//! Looks for session keys that the chain knows as this node's and whose secrets the node has not got, or no longer.
//!
//! A node without a secret runs as any other does. The chain draws its operator and hears nothing, and the log says nothing
//! either: an off-chain worker signs with the keys that there are. So the node remembers which registered keys it could sign with,
//! and compares.

use super::{Block, Client, Hash};
use crate::chain_view::next_best;
use blyan_primitives::operator_key;
use blyan_runtime_api::{AccountId, OperatorsApi};
use codec::{Decode, Encode};
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sp_api::ProvideRuntimeApi;
use sp_consensus_aura::{sr25519::AuthorityId, AuraApi};
use sp_core::{
	crypto::{key_types::AURA, KeyTypeId},
	offchain::{storage::OffchainDb, DbExternalities, OffchainStorage, StorageKind},
	sr25519,
};
use sp_keystore::KeystorePtr;
use std::{
	collections::BTreeSet,
	sync::Arc,
	time::{Duration, Instant},
};

/// Where the keys that this node could sign with are remembered, in its persistent off-chain storage.
const MEMORY_KEY: &[u8] = b"blyan/node/session-keys";
/// Shortest time between two looks.
const PAUSE: Duration = Duration::from_secs(30);
/// Time after which a warning that still holds is repeated.
const REPEAT: Duration = Duration::from_secs(60 * 60);
/// Signed to see whether a key can sign; on its own it means nothing to the chain.
const PROBE: &[u8] = b"blyan: can this key sign?";

/// Raw public key.
type Key = [u8; 32];

/// Keys of a keystore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Held {
	/// They can sign.
	usable: BTreeSet<Key>,
	/// Their files are there, and hold no secret that fits them.
	unreadable: BTreeSet<Key>,
}

impl Held {
	fn of(keystore: &KeystorePtr, kind: KeyTypeId) -> Self {
		let mut held = Self::default();
		for key in keystore.keys(kind).unwrap_or_default() {
			let Ok(key) = Key::try_from(key) else { continue };
			let signed = keystore.sr25519_sign(kind, &sr25519::Public::from_raw(key), PROBE);
			let keys = if matches!(signed, Ok(Some(_))) { &mut held.usable } else { &mut held.unreadable };
			keys.insert(key);
		}
		held
	}
}

/// A registered key that this node should sign with and cannot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Missing {
	key: Key,
	operator: AccountId,
	/// True if there is a file for it.
	is_unreadable: bool,
}

impl Missing {
	fn warn(&self) {
		let key = hex::encode(self.key);
		let kind = hex::encode(operator_key::KEY_TYPE.0);
		let what = match self.is_unreadable {
			true => "is in the keystore and cannot be read: it is damaged, or needs another --password",
			false => "is not in this node's keystore any more",
		};
		log::warn!(
			"🔑 The secret of operator {}'s session key 0x{key} {what}. This node cannot sign for it, and a silent operator is put \
			into quarantine. Put the file {kind}{key} back into the keystore or start with --operator SECRET; or make another key: \
			blyan operator rotate-key. If another node signs with it now, delete what is left of it here",
			self.operator
		);
	}
}

/// Keys that the node should have.
#[derive(Debug, Default)]
struct Memory(BTreeSet<Key>);

impl Memory {
	/// Compares what is registered with what is held. Remembers the keys that can sign, and forgets those that are registered
	/// no more.
	fn note(&mut self, registered: &[(AccountId, Key)], held: &Held) -> BTreeSet<Missing> {
		self.0.retain(|key| registered.iter().any(|(_, other)| other == key));
		let mut missing = BTreeSet::new();
		for (operator, key) in registered {
			let is_unreadable = held.unreadable.contains(key);
			if held.usable.contains(key) {
				self.0.insert(*key);
			} else if is_unreadable || self.0.contains(key) {
				missing.insert(Missing { key: *key, operator: operator.clone(), is_unreadable });
			}
		}
		missing
	}
}

/// Looks at start and behind new blocks, until the node ends.
pub async fn watch<S: OffchainStorage + 'static>(
	client: Arc<Client>,
	keystore: KeystorePtr,
	mut storage: Option<OffchainDb<S>>,
	is_collator: bool,
) {
	let mut memory = Memory(storage.as_mut().and_then(recall).unwrap_or_default());
	let mut blocks = client.import_notification_stream();
	let (mut warned, mut warned_at) = (BTreeSet::new(), Instant::now());
	let mut collates = None;
	loop {
		let at = client.info().best_hash;
		// An older runtime lacks the question, and a node that joins has no state yet.
		if let Some(registered) = registered(&client, at) {
			let before = memory.0.clone();
			let missing = memory.note(&registered, &Held::of(&keystore, operator_key::KEY_TYPE));
			if let Some(storage) = storage.as_mut().filter(|_| before != memory.0) {
				let keys: Vec<Key> = memory.0.iter().copied().collect();
				storage.local_storage_set(StorageKind::PERSISTENT, MEMORY_KEY, &keys.encode());
			}
			if missing != warned || (!missing.is_empty() && warned_at.elapsed() >= REPEAT) {
				missing.iter().for_each(Missing::warn);
				(warned, warned_at) = (missing, Instant::now());
			}
		}
		if is_collator {
			note_collator(&client, at, &keystore, &mut collates);
		}
		tokio::time::sleep(PAUSE).await;
		if next_best(&mut blocks).await.is_none() {
			return;
		}
	}
}

fn recall(storage: &mut OffchainDb<impl OffchainStorage>) -> Option<BTreeSet<Key>> {
	let bytes = storage.local_storage_get(StorageKind::PERSISTENT, MEMORY_KEY)?;
	Some(Vec::<Key>::decode(&mut &bytes[..]).ok()?.into_iter().collect())
}

fn registered(client: &Client, at: Hash) -> Option<Vec<(AccountId, Key)>> {
	let operators = client.runtime_api().operators(at).ok()?;
	let keys = operators.into_iter().filter_map(|info| {
		let key: &[u8] = info.key.as_ref();
		Some((info.account, Key::try_from(key).ok()?))
	});
	Some(keys.collect())
}

/// Warns a collator that has the secret of no author, once each time that this becomes so.
fn note_collator(client: &Client, at: Hash, keystore: &KeystorePtr, collates: &mut Option<bool>) {
	let api = client.runtime_api();
	let Ok(authors) = AuraApi::<Block, AuthorityId>::authorities(&*api, at) else { return };
	let held = Held::of(keystore, AURA);
	let is_author = authors.iter().any(|author| {
		let author: &[u8] = author.as_ref();
		held.usable.iter().any(|key| key == author)
	});
	if collates.replace(is_author) == Some(is_author) || is_author {
		return;
	}
	log::warn!(
		"🔑 This node collates, and its keystore holds the secret of none of the chain's {} authors ({} keys of type aura, {} \
		unreadable): it authors no block. Insert the key with `blyan-node key insert --key-type aura --scheme sr25519`, or register \
		a new one: docs/operating.md",
		authors.len(),
		held.usable.len(),
		held.unreadable.len()
	);
}

#[cfg(test)]
mod tests {
	use super::*;
	use sc_service::config::KeystoreConfig;
	use sp_core::Pair;

	const ALICE: AccountId = AccountId::new([1; 32]);
	const BOB: AccountId = AccountId::new([2; 32]);

	fn held(usable: &[Key], unreadable: &[Key]) -> Held {
		Held { usable: usable.iter().copied().collect(), unreadable: unreadable.iter().copied().collect() }
	}

	#[test]
	fn a_key_that_was_held_and_is_gone_is_missing_until_it_is_back_or_replaced() {
		let registered = [(ALICE, [7; 32]), (BOB, [8; 32])];
		let mut memory = Memory::default();
		assert!(memory.note(&registered, &held(&[[7; 32]], &[])).is_empty(), "the other is another node's");
		let missing = memory.note(&registered, &held(&[], &[]));
		let expected = Missing { key: [7; 32], operator: ALICE, is_unreadable: false };
		assert_eq!(missing.into_iter().collect::<Vec<_>>(), [expected]);
		assert!(memory.note(&registered, &held(&[[7; 32]], &[])).is_empty());
		let rotated = [(ALICE, [9; 32]), (BOB, [8; 32])];
		assert!(memory.note(&rotated, &held(&[], &[])).is_empty(), "the key that is gone means nothing now");
		assert!(memory.note(&registered, &held(&[], &[])).is_empty(), "and is forgotten");
	}

	#[test]
	fn a_key_whose_file_is_damaged_is_missing_even_if_it_was_never_held() {
		let registered = [(ALICE, [7; 32])];
		let missing = Memory::default().note(&registered, &held(&[], &[[7; 32], [8; 32]]));
		let expected = Missing { key: [7; 32], operator: ALICE, is_unreadable: true };
		assert_eq!(missing.into_iter().collect::<Vec<_>>(), [expected], "the unregistered one is left alone");
	}

	#[test]
	fn the_keystore_tells_secrets_from_files_that_hold_none() {
		let dir = tempfile::tempdir().expect("a folder");
		let config = KeystoreConfig::Path { path: dir.path().into(), password: None };
		let keystore = sc_service::KeystoreContainer::new(&config).expect("opens").keystore();
		let kind = operator_key::KEY_TYPE;
		let pairs =
			["//Alice", "//Bob"].map(|suri| sr25519::Pair::from_string(suri, None).expect("valid").public());
		for (suri, public) in ["//Alice", "//Bob"].iter().zip(&pairs) {
			keystore.insert(kind, suri, &public.0).expect("is written");
		}
		let keys = pairs.map(|public| public.0);
		assert_eq!(Held::of(&keystore, kind), held(&keys, &[]));
		let file = dir.path().join(format!("{}{}", hex::encode(kind.0), hex::encode(keys[1])));
		for damaged in [&b""[..], b"\"//Alice\"", b"\"no secret\""] {
			std::fs::write(&file, damaged).expect("is written");
			assert_eq!(Held::of(&keystore, kind), held(&keys[..1], &keys[1..]));
		}
		std::fs::remove_file(&file).expect("is there");
		assert_eq!(Held::of(&keystore, kind), held(&keys[..1], &[]));
	}
}
