//! Brakes: every call is stopped by the safe mode on purpose, or goes on.

mod common;

use blyan_primitives::{hardware_root, HardwareComponent, HardwareOpening, OperatorId, OperatorSignature};
use blyan_runtime::{
	governance::{brakes::UNSTOPPABLE, is_unstoppable},
	AccountId, Executive, Operators, Runtime, RuntimeCall, RuntimeOrigin, SafeMode, System,
	UncheckedExtrinsic, UNIT,
};
use frame_support::{
	assert_noop, assert_ok,
	traits::{Contains, GetCallMetadata},
};
use frame_system::offchain::CreateAuthorizedTransaction;
use pallet_operators::{hardware_payload, Capabilities, Challenges, Drawn};
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::{Alice, Dave};
use sp_runtime::traits::Dispatchable;
use std::collections::BTreeSet;

/// Calls that the safe mode stops: they move money to others, take new work in, or register.
const STOPPED: &[(&str, &[&str])] = &[
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
	// Payments are due for thirty days.
	("Treasury", &["payout"]),
	("Ledger", &["fund"]),
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
	("MessageQueue", &["execute_overweight", "reap_page"]),
	(
		"Identity",
		&[
			"accept_username",
			"add_registrar",
			"add_sub",
			"add_username_authority",
			"cancel_request",
			"clear_identity",
			"kill_identity",
			"kill_username",
			"provide_judgement",
			"quit_sub",
			"remove_expired_approval",
			"remove_registrar",
			"remove_sub",
			"remove_username",
			"remove_username_authority",
			"rename_sub",
			"request_judgement",
			"set_account_id",
			"set_fee",
			"set_fields",
			"set_identity",
			"set_primary_username",
			"set_subs",
			"set_username_for",
			"unbind_username",
		],
	),
	("Operators", &["challenge_hardware", "outbid", "register"]),
	("ProofOfLearning", &["commit"]),
	(
		"Inference",
		&[
			"authorise",
			"authorise_quote",
			"change_offer",
			"make_offer",
			"open_session",
			"request",
			"toggle_privacy",
			"top_up",
		],
	),
	("Delegation", &["delegate"]),
	("Datasets", &["begin_audit", "declare_manifest", "name_blobs", "offer", "withdraw"]),
	("Holdouts", &["commit", "commit_under", "join"]),
	("Reviews", &["join"]),
	("Evolution", &["adopt", "endorse", "file_proposal", "offer_gpus", "propose", "reserve_hours"]),
];

/// Every call that there is.
fn existing() -> BTreeSet<(&'static str, &'static str)> {
	let pallets = RuntimeCall::get_module_names().iter().filter(|pallet| **pallet != "Rehearsal");
	pallets
		.flat_map(|pallet| RuntimeCall::get_call_names(pallet).iter().map(move |call| (*pallet, *call)))
		.collect()
}

#[test]
fn every_call_is_stopped_on_purpose_or_goes_on() {
	let stopped: BTreeSet<_> =
		STOPPED.iter().flat_map(|(pallet, calls)| calls.iter().map(move |call| (*pallet, *call))).collect();
	let existing = existing();
	for (pallet, call) in &existing {
		let is_listed = stopped.contains(&(pallet, call));
		assert_ne!(
			is_unstoppable(pallet, call),
			is_listed,
			"{pallet}.{call}: list it here, or in runtime/src/governance/brakes.rs"
		);
	}
	let gone: Vec<_> = stopped.difference(&existing).collect();
	assert!(gone.is_empty(), "these calls do not exist: {gone:?}");
	for (pallet, calls) in UNSTOPPABLE {
		assert!(RuntimeCall::get_module_names().contains(pallet), "{pallet} does not exist");
		for call in *calls {
			assert!(existing.contains(&(pallet, call)), "{pallet}.{call} does not exist");
		}
	}
}

#[test]
fn wrappers_go_through_and_what_they_wrap_is_stopped() {
	common::development().execute_with(|| {
		assert_ok!(SafeMode::force_enter(RuntimeOrigin::root()));
		let transfer: RuntimeCall =
			pallet_balances::Call::transfer_keep_alive { dest: Dave.to_account_id().into(), value: UNIT }
				.into();
		type Filter = <Runtime as frame_system::Config>::BaseCallFilter;
		let batch: RuntimeCall = pallet_utility::Call::batch_all { calls: vec![transfer.clone()] }.into();
		assert!(Filter::contains(&batch) && !Filter::contains(&transfer));
		let outcome = batch.dispatch(RuntimeOrigin::signed(Alice.to_account_id()));
		assert_noop!(outcome.map_err(|error| error.error), frame_system::Error::<Runtime>::CallFiltered);
	});
}

fn authorized<LocalCall>(call: LocalCall) -> UncheckedExtrinsic
where
	Runtime:
		CreateAuthorizedTransaction<LocalCall, Extrinsic = UncheckedExtrinsic, RuntimeCall = RuntimeCall>,
	RuntimeCall: From<LocalCall>,
{
	<Runtime as CreateAuthorizedTransaction<LocalCall>>::create_authorized_transaction(call.into())
}

/// An operator is challenged, and the chain brakes before it can answer. It answers, and nothing is held against it.
#[test]
fn hardware_challenge_is_answered_in_safe_mode() {
	common::development().execute_with(|| {
		let components = core::array::from_fn(|at| HardwareComponent {
			identifier: H256::repeat_byte(1 + at as u8),
			salt: H256::repeat_byte(0x70 + at as u8),
		});
		let alice: AccountId = Alice.to_account_id();
		let signed = |who: AccountId| RuntimeOrigin::signed(who);
		let root = hardware_root(&components);
		assert_ok!(Operators::update_capabilities(signed(alice.clone()), Capabilities::EVALUATE, root));
		assert_ok!(Operators::challenge_hardware(signed(Dave.to_account_id()), alice.clone()));
		assert_ok!(SafeMode::force_enter(RuntimeOrigin::root()));
		// What the relay chain's randomness draws meanwhile.
		let (component, deadline) = (3, System::block_number() + 100);
		Challenges::<Runtime>::mutate(&alice, |challenge| {
			challenge.as_mut().expect("it is open").drawn = Some(Drawn { component, deadline });
		});

		let asked_at = Challenges::<Runtime>::get(&alice).expect("it is open").asked_at;
		let opening = HardwareOpening::of(&components, component).expect("there is such a component");
		let payload = hardware_payload(&System::block_hash(0), &alice, &asked_at, component, &opening);
		let answer = pallet_operators::Call::<Runtime>::answer_hardware {
			key: OperatorId::from(Alice.public()),
			component,
			opening,
			signature: OperatorSignature::from(Alice.pair().sign(&payload)),
		};
		assert_ok!(Executive::apply_extrinsic(authorized(answer)).expect("it is valid"));
		assert!(!Challenges::<Runtime>::contains_key(&alice));
		assert_eq!(pallet_slashing::NextOffence::<Runtime>::get(), 0);
		// It may leave, top up and appeal, and no one asks for more meanwhile.
		let call =
			|call: RuntimeCall, who: AccountId| call.dispatch(signed(who)).map_err(|error| error.error);
		assert_ok!(call(pallet_operators::Call::top_up { amount: UNIT }.into(), alice.clone()));
		let challenge = pallet_operators::Call::challenge_hardware { who: alice.clone() };
		let filtered = frame_system::Error::<Runtime>::CallFiltered;
		assert_noop!(call(challenge.into(), Dave.to_account_id()), filtered);
		assert_ok!(call(pallet_operators::Call::exit {}.into(), alice));
	});
}
