//! Accounts beyond a single key: multisigs, proxies, identities.

use crate::*;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	parameter_types,
	traits::{CallMetadata, ConstU32, GetCallMetadata, InstanceFilter},
};
use frame_system::EnsureRoot;
use sp_runtime::traits::{BlakeTwo256, Verify};

impl pallet_utility::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type PalletsOrigin = OriginCaller;
	type WeightInfo = pallet_utility::weights::SubstrateWeight<Runtime>;
}

parameter_types! {
	// One item of 88 bytes, key included.
	pub const MultisigDepositBase: Balance = deposit(1, 88);
	// Each approval adds an account of 32 bytes.
	pub const MultisigDepositFactor: Balance = deposit(0, 32);
}

impl pallet_multisig::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type Currency = Balances;
	type DepositBase = MultisigDepositBase;
	type DepositFactor = MultisigDepositFactor;
	type MaxSignatories = ConstU32<100>;
	type WeightInfo = pallet_multisig::weights::SubstrateWeight<Runtime>;
	type BlockNumberProvider = System;
}

/// Calls of one pallet, by name.
type PalletCalls = (&'static str, &'static [&'static str]);

/// Calls that dispatch others under the same filter. Those of `Multisig` and `Proxy.proxy` are not among them: they
/// dispatch in the name of another account, to which no filter of this one applies.
const BATCHES: &[PalletCalls] = &[("Utility", &["batch", "batch_all", "force_batch"])];

/// Calls after which the account has what it had, but for fees and for deposits that it gets back itself.
const HARMLESS: &[PalletCalls] = &[
	("System", &["remark", "remark_with_event"]),
	(
		"Identity",
		&[
			"set_identity",
			"clear_identity",
			"cancel_request",
			"rename_sub",
			"remove_sub",
			"quit_sub",
			"accept_username",
			"remove_expired_approval",
			"set_primary_username",
		],
	),
	("Preimage", &["note_preimage", "unnote_preimage"]),
	("Proxy", &["reject_announcement"]),
	(
		"Operators",
		&[
			"exit",
			"withdraw",
			"return_to_duty",
			"report_silence",
			"settle_hardware",
			"declare_owner",
			"accept_operator",
			"dissolve_ownership",
		],
	),
	("ProofOfLearning", &["finalise", "settle"]),
	(
		"Disputes",
		&[
			"descend",
			"execute",
			"claim_timeout",
			"settle",
			"prove_blob",
			"supply_tile",
			"close_demand",
			"report_equivocation",
			"commit",
			"withdraw_commitment",
		],
	),
	("Slashing", &["apply"]),
	("Delegation", &["undelegate", "withdraw_unbonded", "claim", "close"]),
	("Audits", &["advance", "forget"]),
	("Inference", &["cancel", "close_offers", "close_session", "credit", "expire", "finish_session"]),
	(
		"Datasets",
		&["offer", "name_blobs", "begin_audit", "appeal", "withdraw", "declare_manifest", "advance"],
	),
	("Reviews", &["advance"]),
	("Evolution", &["advance"]),
];

/// Calls of a collator: its bond stays its own.
const COLLATOR: &[PalletCalls] = &[
	("CollatorSelection", &["register_as_candidate", "leave_intent", "update_bond", "take_candidate_slot"]),
	("Session", &["set_keys", "purge_keys"]),
];

const CANCEL_PROXY: &[PalletCalls] = &[("Proxy", &["reject_announcement"])];

/// Naming costs more than deposits: a registrar is paid for its judgement, and a sub-account that quits takes the deposit
/// that was made for it.
const IDENTITY: &[PalletCalls] = &[(
	"Identity",
	&[
		"set_identity",
		"set_subs",
		"clear_identity",
		"request_judgement",
		"cancel_request",
		"add_sub",
		"rename_sub",
		"remove_sub",
		"quit_sub",
		"accept_username",
		"remove_expired_approval",
		"set_primary_username",
	],
)];

/// A bond is lost for bytes that are no expert, and the small deposit of a commitment that is not opened.
const MINER: &[PalletCalls] = &[
	(
		"ProofOfLearning",
		&["commit", "submit", "finalise", "withdraw", "settle", "report_copy", "report_open_copy"],
	),
	("Datasets", &["declare_manifest"]),
];

/// The holder of the session key can lose the stake, and have an accomplice report it for a share.
const OPERATOR: &[PalletCalls] = &[
	(
		"Operators",
		&[
			"register",
			"outbid",
			"update_capabilities",
			"rotate_key",
			"top_up",
			"exit",
			"withdraw",
			"return_to_duty",
			"report_silence",
			"settle_hardware",
			"declare_owner",
			"accept_operator",
			"dissolve_ownership",
		],
	),
	("Slashing", &["appeal", "apply"]),
	("Delegation", &["set_commission", "close", "claim"]),
	("Audits", &["advance", "forget"]),
	(
		"Inference",
		&[
			"make_offer",
			"change_offer",
			"withdraw_offer",
			"close_offers",
			"capture",
			"credit",
			"decline",
			"reverse",
			"expire",
			"settle",
			"finish_session",
			"release_session",
		],
	),
	("Datasets", &["advance", "vote"]),
	// The bond can only return, or be lost by silence, which the delegate is there to prevent.
	("Holdouts", &["commit", "withdraw", "reveal", "advance", "commit_under"]),
	("Evolution", &["advance"]),
	("Answers", &["defend"]),
];

/// A submission deposit is lost if the referendum is rejected. Council members propose and vote, and execute nothing alone.
const GOVERNANCE: &[PalletCalls] = &[
	("RankedCollective", &["vote", "cleanup_poll", "strike"]),
	(
		"RankedPolls",
		&[
			"submit",
			"place_decision_deposit",
			"refund_decision_deposit",
			"refund_submission_deposit",
			"set_metadata",
		],
	),
	("Emergencies", &["propose", "support", "close"]),
	("TechnicalCommittee", &["propose", "vote", "close"]),
	("Whitelist", &["remove_deferred_dispatch"]),
	("Preimage", &["note_preimage", "unnote_preimage"]),
];

/// Authority of a delegate over another account. Each but `Any` is a list of calls that are allowed: a call that a
/// new pallet or release brings is refused until it is listed. A test holds the lists against the metadata.
#[derive(
	Copy,
	Clone,
	Debug,
	Default,
	Eq,
	PartialEq,
	Ord,
	PartialOrd,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	scale_info::TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum ProxyType {
	/// Everything.
	#[default]
	Any,
	/// Calls that leave the account its money: nothing goes to others, nothing can be lost, deposits come back.
	NonTransfer,
	/// Reject announced calls.
	CancelProxy,
	/// Name the account and its sub-accounts. Pays registrars, and sub-accounts can keep their deposits.
	Identity,
	/// Take part in collator selection.
	Collator,
	/// Submit experts, and take submissions back. Bonds and fees can be lost.
	Miner,
	/// Run an operator: stake, machine, session key, leaving. Its stake can be lost, and the bond of an appeal.
	Operator,
	/// Vote, submit referenda, call emergencies. The deposits of referenda can be lost.
	Governance,
}

impl ProxyType {
	/// Every type.
	pub const ALL: [Self; 8] = [
		Self::Any,
		Self::NonTransfer,
		Self::CancelProxy,
		Self::Identity,
		Self::Collator,
		Self::Miner,
		Self::Operator,
		Self::Governance,
	];

	/// The calls that this type allows, by pallet; `None` if it allows all.
	pub fn allowed(self) -> Option<impl Iterator<Item = &'static PalletCalls> + Clone> {
		let lists: [&'static [PalletCalls]; 3] = match self {
			Self::Any => return None,
			Self::NonTransfer => [BATCHES, HARMLESS, COLLATOR],
			Self::CancelProxy => [BATCHES, CANCEL_PROXY, &[]],
			Self::Identity => [BATCHES, IDENTITY, &[]],
			Self::Collator => [BATCHES, COLLATOR, &[]],
			Self::Miner => [BATCHES, MINER, &[]],
			Self::Operator => [BATCHES, OPERATOR, &[]],
			Self::Governance => [BATCHES, GOVERNANCE, &[]],
		};
		Some(lists.into_iter().flatten())
	}

	/// Reports whether it allows the call of this name.
	pub fn allows(self, pallet: &str, call: &str) -> bool {
		self.allowed()
			.is_none_or(|mut lists| lists.any(|(listed, calls)| *listed == pallet && calls.contains(&call)))
	}
}

impl InstanceFilter<RuntimeCall> for ProxyType {
	fn filter(&self, call: &RuntimeCall) -> bool {
		let CallMetadata { pallet_name, function_name } = call.get_call_metadata();
		self.allows(pallet_name, function_name)
	}

	fn is_superset(&self, other: &Self) -> bool {
		match other.allowed() {
			None => *self == Self::Any,
			Some(mut lists) => {
				lists.all(|(pallet, calls)| calls.iter().all(|call| self.allows(pallet, call)))
			}
		}
	}
}

parameter_types! {
	pub const ProxyDepositBase: Balance = deposit(1, 40);
	pub const ProxyDepositFactor: Balance = deposit(0, 33);
	pub const AnnouncementDepositBase: Balance = deposit(1, 48);
	pub const AnnouncementDepositFactor: Balance = deposit(0, 66);
}

impl pallet_proxy::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type Currency = Balances;
	type ProxyType = ProxyType;
	type ProxyDepositBase = ProxyDepositBase;
	type ProxyDepositFactor = ProxyDepositFactor;
	type MaxProxies = ConstU32<32>;
	type WeightInfo = pallet_proxy::weights::SubstrateWeight<Runtime>;
	type MaxPending = ConstU32<32>;
	type CallHasher = BlakeTwo256;
	type AnnouncementDepositBase = AnnouncementDepositBase;
	type AnnouncementDepositFactor = AnnouncementDepositFactor;
	type BlockNumberProvider = System;
}

parameter_types! {
	pub const BasicDeposit: Balance = deposit(1, 17);
	pub const ByteDeposit: Balance = deposit(0, 1);
	pub const UsernameDeposit: Balance = deposit(0, 32);
	pub const SubAccountDeposit: Balance = deposit(1, 53);
}

impl pallet_identity::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type Currency = Balances;
	type BasicDeposit = BasicDeposit;
	type ByteDeposit = ByteDeposit;
	type UsernameDeposit = UsernameDeposit;
	type SubAccountDeposit = SubAccountDeposit;
	type MaxSubAccounts = ConstU32<100>;
	type IdentityInformation = pallet_identity::legacy::IdentityInfo<ConstU32<16>>;
	type MaxRegistrars = ConstU32<20>;
	type Slashed = Treasury;
	type ForceOrigin = EnsureRoot<AccountId>;
	type RegistrarOrigin = EnsureRoot<AccountId>;
	type OffchainSignature = Signature;
	type SigningPublicKey = <Signature as Verify>::Signer;
	type UsernameAuthorityOrigin = EnsureRoot<AccountId>;
	type PendingUsernameExpiration = ConstU32<{ 7 * DAYS }>;
	type UsernameGracePeriod = ConstU32<{ 3 * DAYS }>;
	type MaxSuffixLength = ConstU32<7>;
	type MaxUsernameLength = ConstU32<32>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = ();
	type WeightInfo = pallet_identity::weights::SubstrateWeight<Runtime>;
}
