//! Rights of accounts in messages between chains.

mod common;

use blyan_runtime::{AccountId, Balances, PolkadotXcm, Runtime, RuntimeCall, RuntimeOrigin, UNIT};
use frame_support::{traits::fungible::Inspect, weights::Weight};
use sp_keyring::Sr25519Keyring::{Alice, Bob};
use xcm::{latest::prelude::*, VersionedXcm};

#[test]
fn nobody_runs_a_program_of_its_own() {
	common::development().execute_with(|| {
		let bob: AccountId = Bob.to_account_id();
		let beneficiary = Junction::AccountId32 { network: None, id: bob.clone().into() };
		let coins: Asset = (Location::here(), UNIT).into();
		// Harmless, well formed, and a transfer that a transfer call would make too.
		let program: Xcm<RuntimeCall> = Xcm(vec![
			WithdrawAsset(coins.into()),
			DepositAsset { assets: AllCounted(1).into(), beneficiary: beneficiary.into() },
		]);
		let before = Balances::balance(&bob);
		let origin = RuntimeOrigin::signed(Alice.to_account_id());
		let refused = PolkadotXcm::execute(origin, Box::new(VersionedXcm::from(program)), Weight::MAX);
		let error = refused.expect_err("no program is run").error;
		assert_eq!(error, pallet_xcm::Error::<Runtime>::Filtered.into());
		assert_eq!(Balances::balance(&bob), before);
	});
}
