//! A chain with balances and this pallet, and the words in which the stories are told.

use crate::{
	self as pallet_operators, heartbeat_payload, possession_payload, Capabilities, GenesisConfig,
	OperatorProfile, PeriodIndex, Region, Role, TieredStake,
};
use blyan_primitives::{
	operator_key::{self, Pair},
	OperatorId, OperatorSignature,
};
use frame_support::{
	derive_impl,
	traits::{ConstU128, ConstU32, ConstU64},
};
use sp_core::{
	offchain::{
		testing::{PoolState, TestOffchainExt, TestTransactionPoolExt},
		OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
	},
	Pair as _, H256,
};
use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
use sp_runtime::{
	traits::{BlakeTwo256, Zero},
	BuildStorage,
};
use std::sync::Arc;

type TxExtension = frame_system::AuthorizeCall<Test>;
/// What the worker submits.
pub type Extrinsic = sp_runtime::testing::TestXt<RuntimeCall, TxExtension>;
type Block = sp_runtime::generic::Block<sp_runtime::generic::Header<u64, BlakeTwo256>, Extrinsic>;
type Pool = Arc<parking_lot::RwLock<PoolState>>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Operators: pallet_operators,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
	type AccountData = pallet_balances::AccountData<u128>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type AccountStore = System;
	type Balance = u128;
	type ExistentialDeposit = ConstU128<1>;
}

/// One coin.
pub const UNIT: u128 = 1_000;
/// Blocks in a period.
pub const PERIOD: u64 = 10;

impl pallet_operators::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type RequiredStake = TieredStake<ConstU128<UNIT>>;
	type MaxOperators = ConstU32<4>;
	type HeartbeatPeriod = ConstU64<PERIOD>;
	type UnbondingPeriod = ConstU64<50>;
	type ReputationStep = ConstU32<100_000>;
	type HeartbeatPriority = ConstU64<7>;
	type WeightInfo = ();
}

impl<LocalCall> frame_system::offchain::CreateTransactionBase<LocalCall> for Test
where
	RuntimeCall: From<LocalCall>,
{
	type RuntimeCall = RuntimeCall;
	type Extrinsic = Extrinsic;
}

impl<LocalCall> frame_system::offchain::CreateTransaction<LocalCall> for Test
where
	RuntimeCall: From<LocalCall>,
{
	type Extension = TxExtension;
	fn create_transaction(call: RuntimeCall, extension: TxExtension) -> Extrinsic {
		Extrinsic::new_transaction(call, extension)
	}
}

impl<LocalCall> frame_system::offchain::CreateAuthorizedTransaction<LocalCall> for Test
where
	RuntimeCall: From<LocalCall>,
{
	fn create_extension() -> TxExtension {
		TxExtension::new()
	}
}

pub const ALICE: u64 = 1;
pub const BOB: u64 = 2;
pub const CHARLIE: u64 = 3;
/// Has nothing.
pub const PAUPER: u64 = 99;
/// What the others have.
pub const RICHES: u128 = 1_000 * UNIT;
pub const GENESIS_HASH: H256 = H256::repeat_byte(0x9e);

/// The key pair that a name stands for.
pub fn pair(name: &str) -> Pair {
	Pair::from_string(&format!("//{name}"), None).unwrap()
}

pub fn key(name: &str) -> OperatorId {
	pair(name).public()
}

/// The proof that `who` may register the key.
pub fn proof(name: &str, who: u64) -> OperatorSignature {
	pair(name).sign(&possession_payload(&GENESIS_HASH, &who))
}

pub fn heartbeat_signature(name: &str, period: PeriodIndex) -> OperatorSignature {
	pair(name).sign(&heartbeat_payload(&GENESIS_HASH, period))
}

pub fn profile() -> OperatorProfile {
	OperatorProfile {
		role: Role::Evaluator,
		region: Region(*b"DE"),
		capabilities: Capabilities::EVALUATE,
		hardware: H256::repeat_byte(1),
	}
}

pub fn signed(who: u64) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

/// Registers an operator as anybody would.
pub fn register(who: u64, name: &str) -> sp_runtime::DispatchResult {
	Operators::register(signed(who), profile(), key(name), proof(name, who))
}

/// The world: by default no operators, accounts 1 to 9 with money, block 1.
#[derive(Default)]
pub struct ExtBuilder {
	operators: Vec<(u64, OperatorId, u128)>,
	local_keys: Vec<&'static str>,
}

impl ExtBuilder {
	/// An operator from genesis on, with the stake of one coin.
	pub fn operator(mut self, who: u64, name: &str) -> Self {
		self.operators.push((who, key(name), UNIT));
		self
	}

	/// A key in this node's keystore.
	pub fn local_key(mut self, name: &'static str) -> Self {
		self.local_keys.push(name);
		self
	}

	pub fn build(self) -> sp_io::TestExternalities {
		self.build_with_pool().0
	}

	pub fn build_with_pool(self) -> (sp_io::TestExternalities, Pool) {
		let storage = RuntimeGenesisConfig {
			balances: pallet_balances::GenesisConfig {
				balances: (1..10).map(|who| (who, RICHES)).collect(),
				..Default::default()
			},
			operators: GenesisConfig { operators: self.operators },
			..Default::default()
		}
		.build_storage()
		.unwrap();
		let mut ext = sp_io::TestExternalities::new(storage);

		let keystore = MemoryKeystore::new();
		for name in self.local_keys {
			let suri = format!("//{name}");
			sp_keystore::Keystore::sr25519_generate_new(&keystore, operator_key::KEY_TYPE, Some(&suri))
				.unwrap();
		}
		ext.register_extension(KeystoreExt::new(keystore));
		let (offchain, _) = TestOffchainExt::new();
		ext.register_extension(OffchainDbExt::new(offchain.clone()));
		ext.register_extension(OffchainWorkerExt::new(offchain));
		let (pool, state) = TestTransactionPoolExt::new();
		ext.register_extension(TransactionPoolExt::new(pool));

		ext.execute_with(|| {
			System::set_block_number(1);
			frame_system::BlockHash::<Test>::insert(u64::zero(), GENESIS_HASH);
		});
		(ext, state)
	}

	pub fn build_and_check(self, story: impl FnOnce()) {
		self.build().execute_with(|| {
			story();
			Operators::do_try_state().unwrap();
		})
	}
}

/// The events of this pallet since the last time they were taken.
pub fn take_events() -> Vec<crate::Event<Test>> {
	let events = System::read_events_for_pallet();
	System::reset_events();
	events
}
