//! What the pool refuses because it is certain to fail, and that it refuses nothing else.

mod common;
#[path = "fuzz/chooser.rs"]
#[allow(dead_code)]
mod chooser;

use blyan_primitives::Refusal;
use blyan_runtime::{
	refusals::certain_failure, AccountId, AllPalletsWithSystem, Runtime, RuntimeCall, RuntimeOrigin, System,
};
use chooser::Chooser;
use codec::DecodeLimit;
use frame_support::{
	dispatch::{DispatchClass, GetDispatchInfo},
	storage::{with_transaction, TransactionOutcome},
	traits::{GetCallMetadata, PalletsInfoAccess},
};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve, Ferdie};
use sp_runtime::{traits::Dispatchable, DispatchError};
use std::collections::BTreeMap;

const EACH: usize = 24;

fn account(who: u64) -> AccountId {
	let all: [Sr25519Keyring; 6] = [Alice, Bob, Charlie, Dave, Eve, Ferdie];
	all[who as usize % all.len()].to_account_id()
}

/// Calls of every pallet with many arguments.
fn calls() -> Vec<RuntimeCall> {
	let mut choose = Chooser::new(&[7; 8]);
	let mut calls = Vec::new();
	for info in AllPalletsWithSystem::infos() {
		for index in 0..40 {
			let mut found = 0;
			for attempt in 0..400 {
				let bytes = match attempt {
					0 => [vec![info.index as u8, index], vec![0; 400]].concat(),
					_ => common::call_bytes(info.index as u8, index, &mut || choose.word(), account),
				};
				let Ok(call) = RuntimeCall::decode_with_depth_limit(8, &mut bytes.as_slice()) else { continue };
				if !calls.contains(&call) {
					calls.push(call);
					found += 1;
				}
				if found == EACH {
					break;
				}
			}
		}
	}
	calls
}

fn attempt(who: &AccountId, call: &RuntimeCall) -> Result<(), DispatchError> {
	with_transaction(|| {
		let done = call.clone().dispatch(RuntimeOrigin::signed(who.clone()));
		TransactionOutcome::Rollback(Ok::<_, DispatchError>(done.map(|_| ()).map_err(|error| error.error)))
	})
	.unwrap()
}

fn name(call: &RuntimeCall) -> String {
	let metadata = call.get_call_metadata();
	format!("{}.{}", metadata.pallet_name, metadata.function_name)
}

#[test]
fn explore() {
	let calls = calls();
	common::development().execute_with(|| {
		let mut seen: BTreeMap<String, BTreeMap<String, (usize, usize)>> = BTreeMap::new();
		for call in &calls {
			let refusal = certain_failure(&Ferdie.to_account_id(), call);
			let outcome = match attempt(&Ferdie.to_account_id(), call) {
				Ok(()) => "Ok".to_string(),
				Err(DispatchError::Module(e)) => e.message.unwrap_or("?").into(),
				Err(e) => format!("{e:?}"),
			};
			let t = seen.entry(name(call)).or_default().entry(outcome).or_default();
			t.0 += 1;
			t.1 += usize::from(refusal.is_some());
		}
		for (name, outcomes) in seen {
			let w = calls.iter().find(|c| crate::name(c) == name).unwrap().get_dispatch_info();
			println!("{name} {:?} {} us {outcomes:?}", w.class, w.call_weight.ref_time() / 1_000_000);
		}
		let _ = (Refusal::ALL, System::block_number(), DispatchClass::Normal, AllPalletsWithSystem::infos());
		let _: Option<Runtime> = None;
	});
}
