//! The first block, and what the chain says about itself.

mod common;

use blyan_primitives::traits::{ExpertRegistry, OperatorSet};
use blyan_runtime::{
	genesis_model, genesis_presets, AccountId, AllPalletsWithSystem, Balances, Experts, Operators, Runtime,
	UNIT,
};
use frame_support::traits::{fungible::InspectHold, PalletsInfoAccess};
use pallet_operators::HoldReason;
use serde_json::Value;
use sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET;
use sp_keyring::Sr25519Keyring;

#[test]
fn every_preset_builds() {
	for name in genesis_presets::preset_names() {
		common::chain_from(common::patch(&name)).execute_with(|| {
			assert!(!pallet_aura::Authorities::<Runtime>::get().is_empty(), "{name}");
			assert_eq!(pallet_experts::ModelCount::<Runtime>::get(), 1, "{name}");
		});
	}
}

#[test]
fn development_has_operators_with_stakes_and_a_sudo_key() {
	common::development().execute_with(|| {
		let alice = Sr25519Keyring::Alice.to_account_id();
		assert_eq!(pallet_sudo::Key::<Runtime>::get(), Some(alice));
		let eligible = <Operators as OperatorSet<AccountId>>::eligible();
		assert_eq!(eligible.len(), 3);
		for key in [Sr25519Keyring::Alice, Sr25519Keyring::Bob, Sr25519Keyring::Charlie] {
			let account = key.to_account_id();
			assert_eq!(<Operators as OperatorSet<AccountId>>::key_of(&account), Some(key.public().into()));
			let reason = HoldReason::Stake.into();
			assert_eq!(Balances::balance_on_hold(&reason, &account), 100 * UNIT);
		}
	});
}

#[test]
fn presets_but_the_development_one_have_no_sudo_key_and_no_account_can_call_sudo() {
	use blyan_runtime::{RuntimeCall, RuntimeOrigin};
	use sp_runtime::traits::Dispatchable;
	for name in genesis_presets::preset_names().into_iter().filter(|name| name != "development") {
		common::chain_from(common::patch(&name)).execute_with(|| {
			assert_eq!(pallet_sudo::Key::<Runtime>::get(), None, "{name}");
			let alice = Sr25519Keyring::Alice.to_account_id();
			let remark: RuntimeCall = frame_system::Call::remark { remark: vec![] }.into();
			let calls: [pallet_sudo::Call<Runtime>; 5] = [
				pallet_sudo::Call::sudo { call: Box::new(remark.clone()) },
				pallet_sudo::Call::sudo_unchecked_weight {
					call: Box::new(remark.clone()),
					weight: Default::default(),
				},
				pallet_sudo::Call::sudo_as { who: alice.clone().into(), call: Box::new(remark) },
				pallet_sudo::Call::set_key { new: alice.clone().into() },
				pallet_sudo::Call::remove_key {},
			];
			for key in Sr25519Keyring::iter() {
				for call in &calls {
					let call: RuntimeCall = call.clone().into();
					let origin = RuntimeOrigin::signed(key.to_account_id());
					assert!(call.clone().dispatch(origin).is_err(), "{name}: {key:?} can make {call:?}");
				}
			}
			assert_eq!(pallet_sudo::Key::<Runtime>::get(), None, "{name}");
		});
	}
}

#[test]
fn genesis_model_is_the_one_in_the_manifest() {
	let manifest: Value = serde_json::from_str(genesis_model::MANIFEST).expect("the manifest is JSON");
	common::development().execute_with(|| {
		let model = <Experts as ExpertRegistry<AccountId>>::model(0).expect("the genesis model");
		let config = model.config().expect("it follows the first definition");
		assert_eq!(serde_json::to_value(config).ok().as_ref(), manifest.get("config"));
		assert_eq!(model.heads.len(), config.slots() as usize);
		let holdout = pallet_proof_of_learning::Holdouts::<Runtime>::get(0);
		assert_eq!(serde_json::to_value(holdout).ok().as_ref(), manifest.get("holdout"));
	});
}

#[test]
fn with_model_replaces_the_model_and_nothing_else() {
	let renamed = {
		let mut manifest: Value =
			serde_json::from_str(genesis_model::MANIFEST).expect("the manifest is JSON");
		manifest["name"] = "another".into();
		manifest.to_string()
	};
	let mut patch = genesis_presets::with_model(LOCAL_TESTNET_RUNTIME_PRESET, &renamed)
		.expect("preset and manifest are fine");
	common::chain_from(patch.clone()).execute_with(|| {
		let model = <Experts as ExpertRegistry<AccountId>>::model(0).expect("the genesis model");
		assert_eq!(model.name, b"another");
	});
	let mut original = common::patch(LOCAL_TESTNET_RUNTIME_PRESET);
	for patch in [&mut patch, &mut original] {
		patch.as_object_mut().expect("patches are objects").remove("experts");
	}
	assert_eq!(patch, original);
}

#[test]
fn with_model_refuses_what_it_cannot_read() {
	assert_eq!(genesis_presets::with_model("no-such-preset", genesis_model::MANIFEST), None);
	assert_eq!(genesis_presets::development_with_model("{}"), None);
	assert_eq!(genesis_presets::development_with_model("not json"), None);
}

#[test]
fn issuance_and_promises_fit_under_the_cap() {
	common::development().execute_with(|| {
		let promised = pallet_ledger::Envelopes::<Runtime>::get().total().expect("no overflow");
		assert!(Balances::total_issuance() + promised <= 1_000_000_000 * UNIT);
	});
}

/// Wallets and tools have written these down: names and indices are appended, never reordered.
#[test]
fn pallets_keep_their_names_and_indices() {
	let pallets: Vec<(usize, &str)> =
		AllPalletsWithSystem::infos().into_iter().map(|info| (info.index, info.name)).collect();
	let expected = [
		(0, "System"),
		(1, "ParachainSystem"),
		(2, "Timestamp"),
		(3, "ParachainInfo"),
		(4, "WeightReclaim"),
		(5, "MultiBlockMigrations"),
		(6, "RelayRandomness"),
		(7, "Stopwatch"),
		(10, "Balances"),
		(11, "TransactionPayment"),
		(12, "SkipFeelessPayment"),
		(13, "Treasury"),
		(14, "Ledger"),
		(20, "Authorship"),
		(21, "CollatorSelection"),
		(22, "Session"),
		(23, "Aura"),
		(24, "AuraExt"),
		(30, "XcmpQueue"),
		(31, "PolkadotXcm"),
		(32, "CumulusXcm"),
		(33, "MessageQueue"),
		(40, "Utility"),
		(41, "Multisig"),
		(42, "Proxy"),
		(43, "Identity"),
		(49, "Origins"),
		(50, "Preimage"),
		(51, "Scheduler"),
		(52, "Parameters"),
		(53, "SafeMode"),
		(54, "TxPause"),
		(55, "RankedPolls"),
		(56, "RankedCollective"),
		(57, "Whitelist"),
		(58, "TechnicalCommittee"),
		(59, "Emergencies"),
		(60, "Experts"),
		(61, "Operators"),
		(62, "ProofOfLearning"),
		(63, "Disputes"),
		(64, "Slashing"),
		(65, "Audits"),
		(70, "Inference"),
		(71, "Answers"),
		(72, "Datasets"),
		(73, "Evolution"),
		(74, "Holdouts"),
		(75, "Delegation"),
		(76, "Reviews"),
		(255, "Sudo"),
	];
	assert_eq!(pallets, expected);
}

#[test]
fn metadata_comes_in_every_version_that_clients_ask_for() {
	common::development().execute_with(|| {
		let versions = Runtime::metadata_versions();
		for version in [14, 15] {
			assert!(versions.contains(&version), "{versions:?}");
			let metadata = Runtime::metadata_at_version(version).expect("listed one line above");
			let text = String::from_utf8_lossy(&metadata).into_owned();
			for pallet in ["Experts", "Operators", "ProofOfLearning", "Ledger"] {
				assert!(text.contains(pallet), "{pallet} is missing in version {version}");
			}
		}
	});
}

/// The invariants of every pallet, at genesis.
#[cfg(feature = "try-runtime")]
#[test]
fn invariants_hold_at_genesis() {
	use blyan_runtime::System;
	use frame_support::traits::{TryState, TryStateSelect};
	for name in genesis_presets::preset_names() {
		common::chain_from(common::patch(&name)).execute_with(|| {
			System::set_block_number(1);
			AllPalletsWithSystem::try_state(1, TryStateSelect::All).expect("every invariant holds");
		});
	}
}
