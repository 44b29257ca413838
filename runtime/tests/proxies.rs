//! Rights of delegates: every call of every pallet is on a list, or on the list of those that no list has.

mod common;

use blyan_primitives::{OperatorId, OperatorSignature};
use blyan_runtime::{
	configs::ProxyType, AccountId, Balances, Proxy, Runtime, RuntimeCall, RuntimeOrigin, System, UNIT,
};
use frame_support::{
	assert_ok,
	traits::{fungible::Inspect, GetCallMetadata, InstanceFilter},
};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Dave, Eve};
use std::collections::BTreeSet;

/// Calls that only a delegate of type `Any` makes in another's name.
const ANY_ONLY: &[(&str, &[&str])] = &[
	("Answers", &["challenge"]),
	("Audits", &["enrol", "present", "reveal_setter", "reveal_vote", "vote"]),
	(
		"Balances",
		&[
			"burn",
			"force_adjust_total_issuance",
			"force_set_balance",
			"force_transfer",
			"force_unreserve",
			"transfer_all",
			"transfer_allow_death",
			"transfer_keep_alive",
			"upgrade_accounts",
		],
	),
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
	("Datasets", &["quarantine", "reveal", "seal"]),
	("Delegation", &["delegate"]),
	(
		"Disputes",
		&[
			"challenge",
			"confront",
			"demand_tile",
			"demand_tile_authorized",
			"descend_authorized",
			"execute_authorized",
			"prove_blob_authorized",
			"supply_tile_authorized",
		],
	),
	("Emergencies", &["pause_call"]),
	(
		"Evolution",
		&[
			"adopt",
			"begin_epoch",
			"claim_hours",
			"confirm_hours",
			"endorse",
			"file_proposal",
			"offer_gpus",
			"propose",
			"reserve_hours",
			"reveal",
			"seal",
			"set_model_record",
			"set_tokenizer",
			"submit_candidate",
		],
	),
	("Experts", &["register_model", "register_open_model"]),
	("Holdouts", &["announce_leak", "attest", "join", "leave", "report_leak", "seal_model"]),
	(
		"Identity",
		&[
			"add_registrar",
			"add_username_authority",
			"kill_identity",
			"kill_username",
			"provide_judgement",
			"remove_registrar",
			"remove_username",
			"remove_username_authority",
			"set_account_id",
			"set_fee",
			"set_fields",
			"set_username_for",
			"unbind_username",
		],
	),
	("Inference", &["authorise", "authorise_quote", "open_session", "request", "toggle_privacy", "top_up"]),
	("Ledger", &["fund", "set_budget"]),
	("MessageQueue", &["execute_overweight", "reap_page"]),
	(
		"MultiBlockMigrations",
		&["clear_historic", "force_onboard_mbms", "force_set_active_cursor", "force_set_cursor"],
	),
	(
		"Multisig",
		&["approve_as_multi", "as_multi", "as_multi_threshold_1", "cancel_as_multi", "poke_deposit"],
	),
	("Operators", &["answer_hardware", "challenge_hardware", "heartbeat"]),
	("ParachainSystem", &["set_validation_data", "sudo_send_upward_message"]),
	("Parameters", &["set_parameter"]),
	(
		"PolkadotXcm",
		&[
			"add_authorized_alias",
			"claim_assets",
			"execute",
			"force_default_xcm_version",
			"force_subscribe_version_notify",
			"force_suspension",
			"force_unsubscribe_version_notify",
			"force_xcm_version",
			"limited_reserve_transfer_assets",
			"limited_teleport_assets",
			"remove_all_authorized_aliases",
			"remove_authorized_alias",
			"reserve_transfer_assets",
			"send",
			"teleport_assets",
			"transfer_assets",
			"transfer_assets_using_type_and_then",
		],
	),
	("Preimage", &["ensure_updated", "request_preimage", "unrequest_preimage"]),
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
		"Proxy",
		&[
			"add_proxy",
			"announce",
			"create_pure",
			"kill_pure",
			"poke_deposit",
			"proxy",
			"proxy_announced",
			"remove_announcement",
			"remove_proxies",
			"remove_proxy",
		],
	),
	("RankedPolls", &["cancel", "kill", "nudge_referendum", "one_fewer_deciding"]),
	("Reviews", &["join", "leave", "report_leak", "reveal", "seal"]),
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
	("Slashing", &["pardon", "report", "uphold"]),
	("Sudo", &["remove_key", "set_key", "sudo", "sudo_as", "sudo_unchecked_weight"]),
	(
		"System",
		&[
			"apply_authorized_upgrade",
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
	(
		"TechnicalCommittee",
		&["disapprove_proposal", "execute", "kill", "release_proposal_cost", "set_members"],
	),
	("Timestamp", &["set"]),
	("Treasury", &["check_status", "payout", "remove_approval", "spend", "spend_local", "void_spend"]),
	("TxPause", &["pause", "unpause"]),
	("Utility", &["as_derivative", "dispatch_as", "dispatch_as_fallible", "if_else", "with_weight"]),
	(
		"Whitelist",
		&[
			"dispatch_whitelisted_call",
			"dispatch_whitelisted_call_with_preimage",
			"remove_whitelisted_call",
			"whitelist_call",
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
];

fn named(lists: impl IntoIterator<Item = (&'static str, &'static [&'static str])>) -> BTreeSet<String> {
	lists
		.into_iter()
		.flat_map(|(pallet, calls)| calls.iter().map(move |call| format!("{pallet}.{call}")))
		.collect()
}

fn allowed(proxy: ProxyType) -> BTreeSet<String> {
	named(proxy.allowed().expect("it is a list").copied())
}

/// Every call that there is.
fn existing() -> BTreeSet<String> {
	let pallets = RuntimeCall::get_module_names().iter();
	pallets
		// What only the next release has is not this one's to list.
		.filter(|pallet| **pallet != "Rehearsal")
		.flat_map(|pallet| RuntimeCall::get_call_names(pallet).iter().map(move |call| format!("{pallet}.{call}")))
		.collect()
}

#[test]
fn every_call_is_on_a_list() {
	let listed: BTreeSet<_> =
		ProxyType::ALL.into_iter().filter(|proxy| *proxy != ProxyType::Any).flat_map(allowed).collect();
	let any_only = named(ANY_ONLY.iter().copied());
	let existing = existing();
	let known: BTreeSet<_> = listed.union(&any_only).cloned().collect();
	let unknown: Vec<_> = existing.difference(&known).collect();
	assert!(
		unknown.is_empty(),
		"new calls: list who may make them for others, or that none may: {unknown:#?}"
	);
	let gone: Vec<_> = known.difference(&existing).collect();
	assert!(gone.is_empty(), "these calls do not exist: {gone:#?}");
	let both: Vec<_> = listed.intersection(&any_only).collect();
	assert!(both.is_empty(), "these are allowed after all: {both:#?}");
}

#[test]
fn a_type_that_includes_another_allows_all_of_it() {
	for one in ProxyType::ALL {
		assert!(one.is_superset(&one));
		assert!(ProxyType::Any.is_superset(&one));
		for other in ProxyType::ALL {
			let contains =
				one == ProxyType::Any || (other != ProxyType::Any && allowed(other).is_subset(&allowed(one)));
			assert_eq!(one.is_superset(&other), contains, "{one:?} {other:?}");
		}
	}
	assert!(ProxyType::NonTransfer.is_superset(&ProxyType::Collator));
	for leaky in [ProxyType::Identity, ProxyType::Miner, ProxyType::Operator, ProxyType::Governance] {
		assert!(!ProxyType::NonTransfer.is_superset(&leaky), "{leaky:?} can lose money");
	}
}

/// Calls by which money can end up with a third party, each with the types that say so.
fn leaks() -> Vec<(RuntimeCall, &'static [ProxyType])> {
	use ProxyType::{Any, Identity, Operator};
	let friend: AccountId = Eve.to_account_id();
	let key = OperatorId::from(Eve.public());
	let signature = OperatorSignature::from(Eve.sign(&[]));
	let profile = pallet_operators::OperatorProfile::default();
	let transfer: RuntimeCall =
		pallet_balances::Call::transfer_keep_alive { dest: friend.clone().into(), value: UNIT }.into();
	vec![
		(transfer.clone(), &[Any]),
		(pallet_operators::Call::challenge_hardware { who: friend.clone() }.into(), &[Any]),
		(
			pallet_ledger::Call::fund { envelope: pallet_ledger::Envelope::Learning, amount: UNIT }.into(),
			&[Any],
		),
		(
			pallet_operators::Call::register {
				profile,
				key: key.clone(),
				proof: signature.clone(),
				bond_max: UNIT,
			}
			.into(),
			&[Any, Operator],
		),
		(pallet_operators::Call::top_up { amount: UNIT }.into(), &[Any, Operator]),
		(pallet_operators::Call::rotate_key { key, proof: signature }.into(), &[Any, Operator]),
		(pallet_slashing::Call::appeal { offence: 0 }.into(), &[Any, Operator]),
		(
			pallet_identity::Call::add_sub { sub: friend.clone().into(), data: pallet_identity::Data::None }
				.into(),
			&[Any, Identity],
		),
		(pallet_identity::Call::request_judgement { reg_index: 0, max_fee: UNIT }.into(), &[Any, Identity]),
		// These dispatch in the name of another account, which the filter does not follow.
		(
			pallet_proxy::Call::proxy {
				real: friend.clone().into(),
				force_proxy_type: None,
				call: Box::new(transfer.clone()),
			}
			.into(),
			&[Any],
		),
		(
			pallet_multisig::Call::as_multi_threshold_1 {
				other_signatories: vec![friend],
				call: Box::new(transfer.clone()),
			}
			.into(),
			&[Any],
		),
		(pallet_sudo::Call::sudo { call: Box::new(transfer) }.into(), &[Any]),
	]
}

#[test]
fn calls_that_leak_money_are_allowed_by_the_types_that_say_so_only() {
	for (call, types) in leaks() {
		for proxy in ProxyType::ALL {
			let name = call.get_call_metadata();
			let is_allowed = proxy.filter(&call);
			assert_eq!(
				is_allowed,
				types.contains(&proxy),
				"{proxy:?} {}.{}",
				name.pallet_name,
				name.function_name
			);
		}
	}
	// Those whose arguments are long.
	for (pallet, call, type_of) in [
		("Disputes", "challenge", None),
		("Disputes", "demand_tile", None),
		("ProofOfLearning", "submit", Some(ProxyType::Miner)),
		("Operators", "outbid", Some(ProxyType::Operator)),
		("Operators", "update_capabilities", Some(ProxyType::Operator)),
		("RankedPolls", "submit", Some(ProxyType::Governance)),
		("RankedCollective", "vote", Some(ProxyType::Governance)),
		("Emergencies", "propose", Some(ProxyType::Governance)),
	] {
		for proxy in ProxyType::ALL {
			let is_expected = proxy == ProxyType::Any || Some(proxy) == type_of;
			assert_eq!(proxy.allows(pallet, call), is_expected, "{proxy:?} {pallet}.{call}");
		}
	}
}

#[test]
fn a_delegate_that_moves_no_funds_moves_none_through_batches_and_other_accounts() {
	common::development().execute_with(|| {
		let [owner, delegate, friend] = [Alice, Dave, Eve].map(|name| name.to_account_id());
		let signed = RuntimeOrigin::signed;
		// Dave acts for Alice without moving funds; Alice is trusted with all of Bob's.
		assert_ok!(Proxy::add_proxy(
			signed(owner.clone()),
			delegate.clone().into(),
			ProxyType::NonTransfer,
			0
		));
		assert_ok!(Proxy::add_proxy(signed(Bob.to_account_id()), owner.clone().into(), ProxyType::Any, 0));
		let transfer: RuntimeCall =
			pallet_balances::Call::transfer_keep_alive { dest: friend.clone().into(), value: UNIT }.into();
		let for_bob = pallet_proxy::Call::proxy {
			real: Bob.to_account_id().into(),
			force_proxy_type: None,
			call: Box::new(transfer.clone()),
		};
		let by_two = pallet_multisig::Call::as_multi_threshold_1 {
			other_signatories: vec![friend.clone()],
			call: Box::new(transfer.clone()),
		};
		let named =
			pallet_identity::Call::add_sub { sub: friend.clone().into(), data: pallet_identity::Data::None };
		let sudo = pallet_sudo::Call::sudo { call: Box::new(transfer.clone()) };
		let before = Balances::total_balance(&friend);
		for call in [transfer, for_bob.into(), by_two.into(), named.into(), sudo.into()] {
			let batched = pallet_utility::Call::batch_all { calls: vec![call.clone()] }.into();
			for call in [call, batched] {
				System::reset_events();
				let call = Box::new(call);
				assert_ok!(Proxy::proxy(signed(delegate.clone()), owner.clone().into(), None, call));
				let refused = Err(frame_system::Error::<Runtime>::CallFiltered.into());
				System::assert_has_event(
					pallet_proxy::Event::<Runtime>::ProxyExecuted { result: refused }.into(),
				);
			}
		}
		assert_eq!(Balances::total_balance(&friend), before);
		// What it is for still works.
		let remark = pallet_utility::Call::batch_all {
			calls: vec![frame_system::Call::remark_with_event { remark: vec![1] }.into()],
		};
		assert_ok!(Proxy::proxy(signed(delegate), owner.into(), None, Box::new(remark.into())));
		System::assert_has_event(pallet_proxy::Event::<Runtime>::ProxyExecuted { result: Ok(()) }.into());
	});
}
