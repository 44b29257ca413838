//! Knowledge about single calls: which no account can make, and which errors of the SDK are final.

use crate::{Address, Runtime, RuntimeCall, RuntimeError};
use blyan_primitives::Refusal;
use frame_support::traits::{CallMetadata, GetCallMetadata};
use sp_runtime::traits::StaticLookup;

/// Calls of one pallet, by name.
type PalletCalls = (&'static str, &'static [&'static str]);

/// Calls that fail for every account: the chain's rule makes them, or the chain itself, or an operator's session key, or this
/// chain has what they do switched off. A test holds the list against the metadata.
pub const CLOSED: &[PalletCalls] = &[
	(
		"System",
		&[
			"authorize_upgrade",
			"authorize_upgrade_without_checks",
			"kill_prefix",
			"kill_storage",
			"set_code",
			"set_code_without_checks",
			"set_heap_pages",
			"set_storage",
		],
	),
	("ParachainSystem", &["set_validation_data", "sudo_send_upward_message"]),
	("Timestamp", &["set"]),
	(
		"MultiBlockMigrations",
		&["clear_historic", "force_onboard_mbms", "force_set_active_cursor", "force_set_cursor"],
	),
	("Balances", &["force_adjust_total_issuance", "force_set_balance", "force_transfer", "force_unreserve"]),
	("Treasury", &["remove_approval", "spend", "spend_local", "void_spend"]),
	("Ledger", &["set_budget"]),
	(
		"CollatorSelection",
		&[
			"add_invulnerable",
			"remove_invulnerable",
			"set_candidacy_bond",
			"set_desired_candidates",
			"set_invulnerables",
		],
	),
	(
		"XcmpQueue",
		&[
			"resume_xcm_execution",
			"suspend_xcm_execution",
			"update_drop_threshold",
			"update_resume_threshold",
			"update_suspend_threshold",
		],
	),
	(
		"PolkadotXcm",
		&[
			"execute",
			"force_default_xcm_version",
			"force_subscribe_version_notify",
			"force_suspension",
			"force_unsubscribe_version_notify",
			"force_xcm_version",
			"limited_teleport_assets",
			"send",
			"teleport_assets",
		],
	),
	("Utility", &["dispatch_as", "dispatch_as_fallible", "with_weight"]),
	(
		"Identity",
		&[
			"add_registrar",
			"add_username_authority",
			"kill_identity",
			"kill_username",
			"remove_registrar",
			"remove_username_authority",
		],
	),
	("Preimage", &["request_preimage", "unrequest_preimage"]),
	(
		"Scheduler",
		&[
			"cancel",
			"cancel_named",
			"cancel_retry",
			"cancel_retry_named",
			"schedule",
			"schedule_after",
			"schedule_named",
			"schedule_named_after",
			"set_retry",
			"set_retry_named",
		],
	),
	("Parameters", &["set_parameter"]),
	(
		"SafeMode",
		&[
			"enter",
			"extend",
			"force_enter",
			"force_exit",
			"force_extend",
			"force_release_deposit",
			"force_slash_deposit",
			"release_deposit",
		],
	),
	("TxPause", &["pause", "unpause"]),
	("RankedPolls", &["cancel", "kill", "nudge_referendum", "one_fewer_deciding"]),
	("Whitelist", &["remove_whitelisted_call", "whitelist_call"]),
	("TechnicalCommittee", &["disapprove_proposal", "kill", "set_members"]),
	("Emergencies", &["pause_call"]),
	("Experts", &["register_model", "register_open_model"]),
	("Operators", &["answer_hardware", "heartbeat"]),
	(
		"ProofOfLearning",
		&[
			"attest_bytes",
			"commit_score",
			"object",
			"register_guard",
			"register_holdout",
			"report_copy_as_operator",
			"report_open_copy_as_operator",
			"reveal_late",
			"reveal_score",
		],
	),
	(
		"Disputes",
		&[
			"confront",
			"demand_tile_authorized",
			"descend_authorized",
			"execute_authorized",
			"prove_blob_authorized",
			"supply_tile_authorized",
		],
	),
	("Slashing", &["pardon", "report", "uphold"]),
	("Audits", &["enrol", "present", "reveal_setter", "reveal_vote", "vote"]),
	("Datasets", &["quarantine", "reveal", "seal"]),
	("Holdouts", &["attest", "seal_model"]),
	("Evolution", &["begin_epoch", "reveal", "seal", "set_model_record", "set_tokenizer"]),
];

/// Calls of the SDK with an error that is final, and which are light.
pub const REHEARSED: &[PalletCalls] = &[
	("CollatorSelection", &["update_bond"]),
	("Identity", &["provide_judgement", "set_username_for"]),
	("Multisig", &["approve_as_multi", "cancel_as_multi", "poke_deposit"]),
	(
		"PolkadotXcm",
		&["add_authorized_alias", "claim_assets", "transfer_assets", "transfer_assets_using_type_and_then"],
	),
	("Preimage", &["ensure_updated", "note_preimage"]),
	("Proxy", &["add_proxy", "kill_pure"]),
	("Session", &["set_keys"]),
];

/// Reports whether a list names a call.
pub(super) fn is_listed(list: &[PalletCalls], call: &RuntimeCall) -> bool {
	let CallMetadata { pallet_name, function_name } = call.get_call_metadata();
	list.iter().any(|(pallet, calls)| *pallet == pallet_name && calls.contains(&function_name))
}

/// Reports whether an account is named in a form that this chain does not know.
pub(super) fn names_no_account(call: &RuntimeCall) -> bool {
	use pallet_balances::Call as Balances;
	use pallet_identity::Call as Identity;
	use pallet_proxy::Call as Proxy;
	let is_unknown =
		|address: &Address| <Runtime as frame_system::Config>::Lookup::lookup(address.clone()).is_err();
	match call {
		RuntimeCall::Balances(
			Balances::transfer_allow_death { dest, .. }
			| Balances::transfer_keep_alive { dest, .. }
			| Balances::transfer_all { dest, .. },
		) => is_unknown(dest),
		RuntimeCall::Proxy(
			Proxy::proxy { real: named, .. }
			| Proxy::add_proxy { delegate: named, .. }
			| Proxy::remove_proxy { delegate: named, .. }
			| Proxy::announce { real: named, .. }
			| Proxy::remove_announcement { real: named, .. }
			| Proxy::reject_announcement { delegate: named, .. }
			| Proxy::kill_pure { spawner: named, .. },
		) => is_unknown(named),
		RuntimeCall::Proxy(Proxy::proxy_announced { delegate, real, .. }) => {
			is_unknown(delegate) || is_unknown(real)
		}
		RuntimeCall::Identity(
			Identity::add_sub { sub: named, .. }
			| Identity::rename_sub { sub: named, .. }
			| Identity::remove_sub { sub: named }
			| Identity::set_account_id { new: named, .. }
			| Identity::provide_judgement { target: named, .. }
			| Identity::set_username_for { who: named, .. },
		) => is_unknown(named),
		_ => false,
	}
}

/// Returns the reason for which there will be no spend of this number; `None` if there is, or may soon be.
pub(super) fn missing_spend(call: &pallet_treasury::Call<Runtime>) -> Option<Refusal> {
	use pallet_treasury::Call;
	let (Call::payout { index } | Call::check_status { index }) = call else { return None };
	if pallet_treasury::Spends::<Runtime>::contains_key(index) {
		return None;
	}
	Refusal::of_missing((*index).into(), pallet_treasury::SpendCount::<Runtime>::get().into())
}

/// Returns the meaning of an error of the SDK for good, if it has one.
///
/// All follow from the arguments, the account, and what only an upgrade changes.
pub(super) fn final_error(error: RuntimeError) -> Option<Refusal> {
	use RuntimeError::*;
	match error {
		Multisig(
			pallet_multisig::Error::MinimumThreshold
			| pallet_multisig::Error::TooFewSignatories
			| pallet_multisig::Error::TooManySignatories
			| pallet_multisig::Error::SignatoriesOutOfOrder
			| pallet_multisig::Error::SenderInSignatories,
		)
		| Proxy(pallet_proxy::Error::NoSelfProxy)
		| CollatorSelection(pallet_collator_selection::Error::DepositTooLow)
		| Identity(
			pallet_identity::Error::InvalidJudgement
			| pallet_identity::Error::InvalidSuffix
			| pallet_identity::Error::InvalidUsername,
		)
		| Preimage(
			pallet_preimage::Error::TooBig | pallet_preimage::Error::TooMany | pallet_preimage::Error::TooFew,
		)
		| PolkadotXcm(
			pallet_xcm::Error::BadVersion
			| pallet_xcm::Error::Empty
			| pallet_xcm::Error::TooManyAssets
			| pallet_xcm::Error::CannotReanchor
			| pallet_xcm::Error::UnweighableMessage
			| pallet_xcm::Error::InvalidAssetUnknownReserve
			| pallet_xcm::Error::InvalidAssetUnsupportedReserve
			| pallet_xcm::Error::TooManyReserves,
		) => Some(Refusal::Malformed),
		Proxy(pallet_proxy::Error::NoPermission) | PolkadotXcm(pallet_xcm::Error::Filtered) => {
			Some(Refusal::NotAllowed)
		}
		PolkadotXcm(pallet_xcm::Error::ExpiresInPast) => Some(Refusal::Over),
		Session(pallet_session::Error::InvalidProof) => Some(Refusal::Unproven),
		_ => None,
	}
}
