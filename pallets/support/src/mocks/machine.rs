//! Operators' machines: a keystore, a disk, an engine, and the pool that they share.

use blyan_host::{MlEngine, MlEngineExt};
use blyan_primitives::operator_key;
use codec::Decode;
use parking_lot::RwLock;
use sp_core::offchain::{
	testing::{OffchainState, PoolState, TestOffchainExt, TestTransactionPoolExt},
	OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
};
use sp_io::TestExternalities;
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use std::sync::{
	atomic::{AtomicU8, Ordering},
	Arc,
};

/// A machine with the keys of some operators.
pub struct Machine<Engine> {
	/// Its session keys.
	pub keystore: MemoryKeystore,
	/// Local storage of its workers. A restart keeps it.
	pub disk: TestOffchainExt,
	/// The engine of those machines that have one.
	pub engine: Arc<Engine>,
}

impl<Engine> Machine<Engine> {
	/// A machine with this engine and an empty disk, without keys.
	pub fn with_engine(engine: Engine) -> Self {
		Self { keystore: MemoryKeystore::new(), disk: new_disk(), engine: Arc::new(engine) }
	}

	/// Adds a session key.
	pub fn add_key(&self, seed: &str) {
		let key = self.keystore.sr25519_generate_new(operator_key::KEY_TYPE, Some(seed));
		key.expect("a keystore in memory takes every seed");
	}

	/// The disk is lost; the keys were kept elsewhere.
	pub fn lose_disk(&mut self) {
		self.disk = new_disk();
	}

	/// Entropy of the workers that run here, and more about them.
	pub fn offchain(&self) -> Arc<RwLock<OffchainState>> {
		self.disk.0.clone()
	}

	/// Has workers run on this machine from now on, without its engine.
	pub fn attach(&self, world: &mut TestExternalities) {
		world.register_extension(OffchainDbExt::new(self.disk.clone()));
		world.register_extension(OffchainWorkerExt::new(self.disk.clone()));
		world.register_extension(KeystoreExt::new(self.keystore.clone()));
	}
}

impl<Engine: MlEngine + 'static> Machine<Engine> {
	/// Has workers run on this machine from now on.
	pub fn attach_with_engine(&self, world: &mut TestExternalities) {
		self.attach(world);
		world.register_extension(MlEngineExt(self.engine.clone()));
	}
}

/// An empty disk in a machine whose randomness is its own.
fn new_disk() -> TestOffchainExt {
	static MACHINES: AtomicU8 = AtomicU8::new(1);
	let (disk, state) = TestOffchainExt::new();
	state.write().seed = [MACHINES.fetch_add(1, Ordering::Relaxed); 32];
	disk
}

/// The pool of transactions that all machines share.
pub struct Pool(Arc<RwLock<PoolState>>);

impl Pool {
	/// A world's empty pool.
	pub fn of(world: &mut TestExternalities) -> Self {
		let (transactions, pool) = TestTransactionPoolExt::new();
		world.register_extension(TransactionPoolExt::new(transactions));
		Self(pool)
	}

	/// Takes what was sent since the last time.
	pub fn take<Extrinsic: Decode>(&self) -> Vec<Extrinsic> {
		let sent = core::mem::take(&mut self.0.write().transactions);
		let decode = |bytes: &Vec<u8>| Extrinsic::decode(&mut bytes.as_slice());
		sent.iter().map(|bytes| decode(bytes).expect("workers send transactions of this runtime")).collect()
	}
}
