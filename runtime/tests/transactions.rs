//! Which transactions the chain takes, and what it does with their fees.

mod common;

use blyan_primitives::{Measurement, OperatorId, OperatorSignature, Refusal, ScoreReport, Verdict};
use blyan_runtime::{
	configs::TreasuryAccount, extension, AccountId, Balances, CollatorSelection, Executive, Preimage,
	Runtime, RuntimeCall, RuntimeOrigin, SafeMode, Signature, SignedPayload, System, UncheckedExtrinsic,
	EXISTENTIAL_DEPOSIT, HOURS, UNIT,
};
use codec::Encode;
use common::signed;
use frame_support::{
	assert_ok,
	storage::{with_transaction, TransactionOutcome},
	traits::fungible::Inspect,
	weights::Weight,
};
use frame_system::offchain::CreateAuthorizedTransaction;
use pallet_operators::heartbeat_payload;
use sp_core::{Pair, H256};
use sp_io::hashing::blake2_256;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob};
use sp_runtime::{
	generic::Era,
	traits::TransactionExtension,
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidity, TransactionValidityError,
	},
	DispatchError,
};

fn validate(transaction: UncheckedExtrinsic) -> TransactionValidity {
	Executive::validate_transaction(TransactionSource::External, transaction, H256::zero())
}

fn authorized<LocalCall>(call: LocalCall) -> UncheckedExtrinsic
where
	Runtime:
		CreateAuthorizedTransaction<LocalCall, Extrinsic = UncheckedExtrinsic, RuntimeCall = RuntimeCall>,
	RuntimeCall: From<LocalCall>,
{
	<Runtime as CreateAuthorizedTransaction<LocalCall>>::create_authorized_transaction(call.into())
}

fn transfer(to: AccountId, value: u128) -> RuntimeCall {
	pallet_balances::Call::transfer_keep_alive { dest: to.into(), value }.into()
}

fn heartbeat(signer: Sr25519Keyring, genesis: H256, period: u32) -> UncheckedExtrinsic {
	let measurement = Measurement { cpu_tokens_per_second: 9_000, ..Default::default() };
	let signature = signer.pair().sign(&heartbeat_payload(&genesis, period, &measurement));
	authorized(pallet_operators::Call::<Runtime>::heartbeat {
		period,
		key: OperatorId::from(Alice.public()),
		measurement,
		signature: OperatorSignature::from(signature),
	})
}

#[test]
fn heartbeat_is_valid_only_with_the_operators_own_signature() {
	common::development().execute_with(|| {
		// The second period, because the first one counts as heard.
		System::set_block_number(HOURS + 1);
		let genesis = System::block_hash(0);
		let valid = validate(heartbeat(Alice, genesis, 1)).expect("signed by the operator");
		assert!(!valid.provides.is_empty());
		assert!(validate(heartbeat(Bob, genesis, 1)).is_err());
		assert!(validate(heartbeat(Alice, H256([7; 32]), 1)).is_err());
	});
}

#[test]
fn score_is_refused_when_nobody_asked_for_it() {
	common::development().execute_with(|| {
		let report = ScoreReport { submission: 0, verdict: Verdict::Invalid };
		let payload = report.signing_payload(&System::block_hash(0), &H256::zero());
		let transaction = authorized(pallet_proof_of_learning::Call::<Runtime>::reveal_score {
			report,
			salt: H256::zero(),
			key: OperatorId::from(Alice.public()),
			signature: OperatorSignature::from(Alice.pair().sign(&payload)),
		});
		assert!(validate(transaction).is_err());
	});
}

#[test]
fn signed_call_without_authority_of_its_own_is_no_authorized_call() {
	common::development().execute_with(|| {
		let transaction = authorized(pallet_balances::Call::<Runtime>::transfer_keep_alive {
			dest: Bob.to_account_id().into(),
			value: UNIT,
		});
		assert!(validate(transaction).is_err());
	});
}

#[test]
fn transfer_is_refused_when_the_signature_or_the_network_is_another_one() {
	common::development().execute_with(|| {
		let call = transfer(Bob.to_account_id(), UNIT);
		assert!(validate(signed(Alice, call.clone(), 0)).is_ok());

		let payload =
			SignedPayload::new(call.clone(), extension(0, 0, Era::Immortal)).expect("implicit data is there");
		let signature = payload.using_encoded(|bytes| Bob.sign(bytes));
		let (call_again, extension, _) = payload.deconstruct();
		let forged = UncheckedExtrinsic::new_signed(
			call_again,
			Alice.to_account_id().into(),
			Signature::Sr25519(signature),
			extension,
		);
		let bad_proof = Err(TransactionValidityError::Invalid(InvalidTransaction::BadProof));
		assert_eq!(validate(forged), bad_proof);

		let here = signed(Alice, call, 0);
		frame_system::BlockHash::<Runtime>::insert(0, H256([9; 32]));
		assert_eq!(validate(here), bad_proof);
	});
}

#[test]
fn fee_is_burned_by_one_hundredth_and_the_rest_is_halved() {
	common::development().execute_with(|| {
		let (treasury, pot) = (TreasuryAccount::get(), CollatorSelection::account_id());
		// Shares below the existential deposit would not arrive in accounts that do not exist yet.
		for account in [&treasury, &pot] {
			let call = transfer(account.clone(), 10 * EXISTENTIAL_DEPOSIT);
			assert_ok!(Executive::apply_extrinsic(signed(
				Bob,
				call,
				System::account_nonce(Bob.to_account_id())
			))
			.expect("valid"));
		}
		let measure = || {
			(
				Balances::total_issuance(),
				Balances::balance(&treasury),
				Balances::balance(&pot),
				Balances::balance(&Alice.to_account_id()),
			)
		};
		let before = measure();
		assert_ok!(
			Executive::apply_extrinsic(signed(Alice, transfer(Bob.to_account_id(), UNIT), 0)).expect("valid")
		);
		let after = measure();
		let fee = before.3 - after.3 - UNIT;
		assert!(fee > 0);
		let burned = fee / 100;
		assert_eq!(before.0 - after.0, burned);
		assert_eq!(pallet_ledger::FeesBurned::<Runtime>::get() > 0, burned > 0);
		let (to_treasury, to_pot) = (after.1 - before.1, after.2 - before.2);
		assert_eq!(to_treasury + to_pot, fee - burned);
		assert!(to_treasury.abs_diff(to_pot) <= 1);
	});
}

#[test]
fn safe_mode_stops_transfers_but_not_heartbeats() {
	common::development().execute_with(|| {
		System::set_block_number(HOURS + 1);
		assert_ok!(SafeMode::force_enter(RuntimeOrigin::root()));
		let outcome = Executive::apply_extrinsic(signed(Alice, transfer(Bob.to_account_id(), UNIT), 0));
		assert_eq!(outcome.expect("it is valid"), Err(frame_system::Error::<Runtime>::CallFiltered.into()));
		let beat = Executive::apply_extrinsic(heartbeat(Alice, System::block_hash(0), 1));
		assert_ok!(beat.expect("it is valid"));
	});
}

/// Fills the block with one call, in ever smaller sizes, until not even the smallest fits. As its author can: the pool is not asked.
fn fill(who: Sr25519Keyring, call: impl Fn(u32) -> RuntimeCall, succeeds: bool) {
	let mut size = 1u32 << 31;
	while size > 0 {
		let transaction = signed(who, call(size), System::account_nonce(who.to_account_id()));
		// As the author of a block does it: what does not fit leaves no trace.
		let outcome = with_transaction(|| match Executive::apply_extrinsic(transaction) {
			Ok(outcome) => TransactionOutcome::Commit(Ok(Some(outcome))),
			Err(error) => {
				let full = TransactionValidityError::Invalid(InvalidTransaction::ExhaustsResources);
				assert_eq!(error, full, "the account can pay for it");
				TransactionOutcome::Rollback(Ok::<_, DispatchError>(None))
			}
		});
		match outcome.expect("nothing else fails here") {
			Some(outcome) => assert_eq!(outcome.is_ok(), succeeds, "only root may"),
			None => size /= 2,
		}
	}
}

/// As much of a class's proof as of its computation.
fn weight_of(size: u32, divisor: u32) -> Weight {
	Weight::from_parts(u64::from(size) * 1_000, u64::from(size / divisor))
}

fn of_root() -> RuntimeCall {
	frame_system::Call::set_heap_pages { pages: 64 }.into()
}

fn of_anyone() -> RuntimeCall {
	frame_system::Call::remark { remark: vec![] }.into()
}

/// A call that fails with `BadOrigin` keeps the weight that its caller declared, in either class: no one but root may kill a
/// prefix or say what a call weighs. The pool refuses them, so only the author of a block can put them there.
#[test]
fn attack_fill_a_block_with_calls_that_fail() {
	common::development().execute_with(|| {
		let declare = |call: RuntimeCall, size: u32, divisor: u32| -> RuntimeCall {
			let weight = weight_of(size, divisor);
			pallet_utility::Call::with_weight { call: Box::new(call), weight }.into()
		};
		let refused = InvalidTransaction::Custom(Refusal::NotAllowed.code()).into();
		for (who, call) in [(Alice, declare(of_root(), 1, 112)), (Bob, declare(of_anyone(), 1, 280))] {
			for call in [call.clone(), pallet_utility::Call::batch { calls: vec![call] }.into()] {
				let transaction = signed(who, call, System::account_nonce(who.to_account_id()));
				let said = with_transaction(|| {
					TransactionOutcome::Rollback(Ok::<_, DispatchError>(validate(transaction)))
				});
				assert_eq!(said, Ok(Err(refused)), "the pool refuses it");
			}
		}
		fill(Alice, |size| declare(of_root(), size, 112), false);
		fill(Bob, |size| declare(of_anyone(), size, 280), false);
		assert_room_for_duties();
	});
}

/// A preimage that was asked for is given without a fee, and once.
#[test]
fn attack_give_a_preimage_that_was_asked_for_again_and_again() {
	common::development().execute_with(|| {
		let bytes = vec![7; 100_000];
		assert_ok!(Preimage::request_preimage(RuntimeOrigin::root(), H256(blake2_256(&bytes))));
		let giver = Bob.to_account_id();
		let give = || {
			let before = Balances::balance(&giver);
			let call = pallet_preimage::Call::note_preimage { bytes: bytes.clone() }.into();
			let given = Executive::apply_extrinsic(signed(Bob, call, System::account_nonce(&giver)));
			(given.expect("it is a valid transaction").is_ok(), before - Balances::balance(&giver))
		};
		assert_eq!(give(), (true, 0), "the chain wants it");
		let (given, paid) = give();
		assert!(!given && paid > 0, "the chain has it, and takes {paid}");
	});
}

/// The key of a development chain may say what its calls weigh, and they succeed.
#[test]
fn a_block_full_of_calls_that_succeed_has_room_for_the_chains_duties() {
	common::development().execute_with(|| {
		let decree = |call: RuntimeCall, size: u32, divisor: u32| -> RuntimeCall {
			let weight = weight_of(size, divisor);
			pallet_sudo::Call::sudo_unchecked_weight { call: Box::new(call), weight }.into()
		};
		assert_ok!(validate(signed(Alice, decree(of_root(), 1, 112), 0)));
		fill(Alice, |size| decree(of_root(), size, 112), true);
		fill(Alice, |size| decree(of_anyone(), size, 280), true);
		assert_room_for_duties();
	});
}

/// The block is full in both classes, and the largest steps that the chain takes by itself still fit.
fn assert_room_for_duties() {
	use pallet_audits::WeightInfo as _;
	use pallet_operators::WeightInfo as _;
	use pallet_proof_of_learning::WeightInfo as _;
	let limit = <Runtime as frame_system::Config>::BlockWeights::get().max_block;
	let used = System::block_weight().total();
	assert!(used.all_gte(limit / 100 * 85), "both classes are full: {used:?} of {limit:?}");
	let left: Weight = limit.saturating_sub(used);
	for duty in [
		<Runtime as pallet_operators::Config>::WeightInfo::renew_electorate(),
		<Runtime as pallet_proof_of_learning::Config>::WeightInfo::draw(),
		<Runtime as pallet_proof_of_learning::Config>::WeightInfo::decide(),
		<Runtime as pallet_audits::Config>::WeightInfo::open(),
	] {
		assert!(left.all_gte(duty), "{left:?} are left, and {duty:?} are needed");
	}
}

/// The bytes of an extrinsic are part of the block's proof, and those of a runtime are many: 1.7 MB today.
#[test]
fn a_runtime_half_as_large_again_as_ours_fits_a_block() {
	let code = vec![1; 2_550_000];
	common::development().execute_with(|| {
		let set_code = Box::new(frame_system::Call::set_code { code: code.clone() }.into());
		let decree = pallet_sudo::Call::sudo { call: set_code }.into();
		assert_ok!(validate(signed(Alice, decree, 0)));
		let hash = sp_io::hashing::blake2_256(&code).into();
		assert_ok!(System::authorize_upgrade_without_checks(RuntimeOrigin::root(), hash));
		let apply = frame_system::Call::apply_authorized_upgrade { code }.into();
		// Whatever else its author has put into the block.
		fill(
			Bob,
			|size| {
				let (call, weight) = (Box::new(of_anyone()), weight_of(size, 280));
				pallet_utility::Call::with_weight { call, weight }.into()
			},
			false,
		);
		let outcome = Executive::apply_extrinsic(signed(Alice, apply, 0));
		assert!(outcome.is_ok(), "there is room for it: {outcome:?}");
	});
}

#[test]
fn wallets_see_the_extensions_that_they_know() {
	let names: Vec<_> =
		blyan_runtime::TxExtension::metadata().into_iter().map(|extension| extension.identifier).collect();
	assert_eq!(
		names,
		[
			"AuthorizeCall",
			"CheckNonZeroSender",
			"CheckSpecVersion",
			"CheckTxVersion",
			"CheckGenesis",
			"CheckMortality",
			"CheckNonce",
			"CheckWeight",
			"ChargeTransactionPayment",
			"CheckMetadataHash",
			"StorageWeightReclaim",
		]
	);
	let extension = extension(3, 5, Era::Immortal);
	assert_eq!(extension.encode(), extension.0.encode());
}
