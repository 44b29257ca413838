//! The Blyan runtime: which pallets make up the chain, and with which parameters.
//!
//! - [`configs`] wires the pallets, one file per concern;
//! - [`apis`] answers what nodes and clients ask;
//! - [`governance`] says which referendum may do what, and what it takes;
//! - [`parameters`] lists what governance can tune without an upgrade;
//! - [`randomness`] takes the relay chain's randomness into the chain;
//! - [`refusals`] keeps transactions that are certain to fail out of the pool;
//! - [`stopwatch`] counts the blocks in which transactions were admitted;
//! - `migrations` lists what an upgrade to this release changes in storage;
//! - [`genesis_presets`] and [`genesis_model`] make the first block;
//! - `next`, behind the feature of that name, is what tests upgrade to: this runtime one release ahead.
#![cfg_attr(not(feature = "std"), no_std)]
#![recursion_limit = "512"]
// The macros that assemble a runtime generate items which carry no documentation.
#![allow(missing_docs)]

extern crate alloc;

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

pub mod apis;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarks;
pub mod configs;
pub mod constants;
pub mod genesis_model;
pub mod genesis_presets;
pub mod governance;
mod migrations;
#[cfg(feature = "next")]
pub mod next;
// The macro that assembles the runtime looks for a pallet before it looks at the feature: any will do.
#[cfg(not(feature = "next"))]
use parachain_info as next;
pub mod parameters;
pub mod randomness;
pub mod refusals;
pub mod stopwatch;
mod transactions;
mod weights;

pub use apis::{RuntimeApi, RUNTIME_API_VERSIONS};
pub use constants::*;
pub use parachains_common::{AccountId, Balance, BlockNumber, Hash, Header, Nonce, Signature};
pub use sp_consensus_aura::sr25519::AuthorityId as AuraId;
#[cfg(any(feature = "std", test))]
pub use sp_runtime::BuildStorage;
pub use transactions::{extension, SignedPayload, TxExtension, UncheckedExtrinsic};

use alloc::vec::Vec;
use sp_runtime::{generic, impl_opaque_keys, MultiAddress};
use sp_version::RuntimeVersion;

/// Form in which transactions name accounts.
pub type Address = MultiAddress<AccountId, ()>;
/// Block with decoded transactions.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// Block with its justification.
pub type SignedBlock = generic::SignedBlock<Block>;
/// Block by hash or number.
pub type BlockId = generic::BlockId<Block>;

/// Dispatches blocks and transactions to the pallets.
pub type Executive = frame_executive::Executive<
	Runtime,
	Block,
	frame_system::ChainContext<Runtime>,
	Runtime,
	AllPalletsWithSystem,
>;

/// Types for the node, which carries transactions as bytes it need not understand.
pub mod opaque {
	use sp_runtime::{generic, traits::BlakeTwo256};

	pub use sp_runtime::OpaqueExtrinsic as UncheckedExtrinsic;
	/// Header, as in the runtime.
	pub type Header = generic::Header<super::BlockNumber, BlakeTwo256>;
	/// Block with opaque transactions.
	pub type Block = generic::Block<Header, UncheckedExtrinsic>;
	/// Block by hash or number.
	pub type BlockId = generic::BlockId<Block>;
	/// Hash of a block.
	pub type Hash = super::Hash;
}

impl_opaque_keys! {
	/// The keys of a collator.
	pub struct SessionKeys {
		/// Authors blocks.
		pub aura: Aura,
	}
}

#[cfg(feature = "next")]
pub use next::VERSION;

/// Which release this is: `docs/upgrades.md` says what has to be raised when.
#[cfg(not(feature = "next"))]
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
	spec_name: alloc::borrow::Cow::Borrowed("blyan"),
	impl_name: alloc::borrow::Cow::Borrowed("blyan"),
	authoring_version: 1,
	spec_version: 7,
	impl_version: 0,
	apis: RUNTIME_API_VERSIONS,
	transaction_version: 3,
	system_version: 1,
};

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Runtime;

	// The frame.
	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type ParachainSystem = cumulus_pallet_parachain_system;
	#[runtime::pallet_index(2)]
	pub type Timestamp = pallet_timestamp;
	#[runtime::pallet_index(3)]
	pub type ParachainInfo = parachain_info;
	#[runtime::pallet_index(4)]
	pub type WeightReclaim = cumulus_pallet_weight_reclaim;
	#[runtime::pallet_index(5)]
	pub type MultiBlockMigrations = pallet_migrations;
	#[runtime::pallet_index(6)]
	pub type RelayRandomness = crate::randomness;
	#[runtime::pallet_index(7)]
	pub type Stopwatch = crate::stopwatch;

	// Money.
	#[runtime::pallet_index(10)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(11)]
	pub type TransactionPayment = pallet_transaction_payment;
	#[runtime::pallet_index(12)]
	pub type SkipFeelessPayment = pallet_skip_feeless_payment;
	#[runtime::pallet_index(13)]
	pub type Treasury = pallet_treasury;
	#[runtime::pallet_index(14)]
	pub type Ledger = pallet_ledger;

	// Collators. The order of these is important.
	#[runtime::pallet_index(20)]
	pub type Authorship = pallet_authorship;
	#[runtime::pallet_index(21)]
	pub type CollatorSelection = pallet_collator_selection;
	#[runtime::pallet_index(22)]
	pub type Session = pallet_session;
	#[runtime::pallet_index(23)]
	pub type Aura = pallet_aura;
	#[runtime::pallet_index(24)]
	pub type AuraExt = cumulus_pallet_aura_ext;

	// Messages between chains.
	#[runtime::pallet_index(30)]
	pub type XcmpQueue = cumulus_pallet_xcmp_queue;
	#[runtime::pallet_index(31)]
	pub type PolkadotXcm = pallet_xcm;
	#[runtime::pallet_index(32)]
	pub type CumulusXcm = cumulus_pallet_xcm;
	#[runtime::pallet_index(33)]
	pub type MessageQueue = pallet_message_queue;

	// Accounts.
	#[runtime::pallet_index(40)]
	pub type Utility = pallet_utility;
	#[runtime::pallet_index(41)]
	pub type Multisig = pallet_multisig;
	#[runtime::pallet_index(42)]
	pub type Proxy = pallet_proxy;
	#[runtime::pallet_index(43)]
	pub type Identity = pallet_identity;

	// Powers of referenda.
	#[runtime::pallet_index(49)]
	pub type Origins = crate::governance::origins;

	// Rule.
	#[runtime::pallet_index(50)]
	pub type Preimage = pallet_preimage;
	#[runtime::pallet_index(51)]
	pub type Scheduler = pallet_scheduler;
	#[runtime::pallet_index(52)]
	pub type Parameters = pallet_parameters;
	#[runtime::pallet_index(53)]
	pub type SafeMode = pallet_safe_mode;
	#[runtime::pallet_index(54)]
	pub type TxPause = pallet_tx_pause;
	// Names by which polkadot.js apps knows referenda of a ranked collective, and shows a page for them.
	#[runtime::pallet_index(55)]
	pub type RankedPolls = pallet_referenda;
	#[runtime::pallet_index(56)]
	pub type RankedCollective = pallet_operator_voting;
	#[runtime::pallet_index(57)]
	pub type Whitelist = pallet_whitelist;
	#[runtime::pallet_index(58)]
	pub type TechnicalCommittee = pallet_collective<Instance1>;
	#[runtime::pallet_index(59)]
	pub type Emergencies = pallet_emergencies;

	// Learning.
	#[runtime::pallet_index(60)]
	pub type Experts = pallet_experts;
	#[runtime::pallet_index(61)]
	pub type Operators = pallet_operators;
	#[runtime::pallet_index(62)]
	pub type ProofOfLearning = pallet_proof_of_learning;
	#[runtime::pallet_index(63)]
	pub type Disputes = pallet_disputes;
	#[runtime::pallet_index(64)]
	pub type Slashing = pallet_slashing;
	#[runtime::pallet_index(65)]
	pub type Audits = pallet_audits;

	// Serving.
	#[runtime::pallet_index(70)]
	pub type Inference = pallet_inference;
	#[runtime::pallet_index(71)]
	pub type Answers = pallet_answers;

	// Data.
	#[runtime::pallet_index(72)]
	pub type Datasets = pallet_datasets;
	#[runtime::pallet_index(74)]
	pub type Holdouts = pallet_holdouts;
	#[runtime::pallet_index(76)]
	pub type Reviews = pallet_reviews;

	// Evolution.
	#[runtime::pallet_index(73)]
	pub type Evolution = pallet_evolution;

	// Holders behind operators.
	#[runtime::pallet_index(75)]
	pub type Delegation = pallet_delegation;

	// What only the next release has; see `next`.
	#[cfg(feature = "next")]
	#[runtime::pallet_index(200)]
	pub type Rehearsal = crate::next;

	// Development chains only: without a key in genesis no account can call it.
	#[runtime::pallet_index(255)]
	pub type Sudo = pallet_sudo;
}

cumulus_pallet_parachain_system::register_validate_block! {
	Runtime = Runtime,
	BlockExecutor = cumulus_pallet_aura_ext::BlockExecutor::<Runtime, Executive>,
}
