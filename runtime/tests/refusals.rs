//! Refusals by the pool: of nearly all that is certain to fail, and of nothing that could succeed.

mod common;

#[allow(dead_code)] // This file draws words only.
#[path = "fuzz/chooser.rs"]
mod chooser;

use blyan_primitives::{
	commitment_hash, search_pow, traits::OffenceKind, BlobRef, BlockRef, ExpertSlot, PowStamp, Refusal, FAR,
};
use blyan_runtime::{
	configs::ProxyType,
	parameters::{learning, RuntimeParameters},
	refusals::{certain_failure, CHECKS_MAX, CLOSED},
	AccountId, AllPalletsWithSystem, Executive, Operators, Parameters, ProofOfLearning, Runtime, RuntimeCall,
	RuntimeOrigin, Slashing, System, DAYS, UNIT,
};
use chooser::Chooser;
use codec::{DecodeLimit, Encode};
use common::{begin_block, development, signed};
use frame_support::{
	assert_ok,
	storage::{with_transaction, TransactionOutcome},
	traits::{Get, GetCallMetadata, PalletsInfoAccess},
	weights::Weight,
};
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve, Ferdie};
use sp_runtime::{
	traits::Dispatchable,
	transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError},
	DispatchError, MultiAddress, StateVersion,
};
use std::collections::{BTreeMap, BTreeSet};
use xcm::latest::{
	Assets,
	Junction::{AccountId32, Parachain},
	Location,
	WeightLimit::Unlimited,
};

/// Sets of arguments of each call.
const EACH: usize = 24;
/// Share of certain failures that must be refused, in per cent.
const REFUSED_PERCENT: usize = 95;

fn account(who: u64) -> AccountId {
	let all: [Sr25519Keyring; 6] = [Alice, Bob, Charlie, Dave, Eve, Ferdie];
	all[who as usize % all.len()].to_account_id()
}

fn address(who: Sr25519Keyring) -> MultiAddress<AccountId, ()> {
	who.to_account_id().into()
}

const SLOT: ExpertSlot = ExpertSlot { model: 0, layer: 0, expert: 0 };

fn block(number: u8) -> BlockRef {
	BlockRef { blob: BlobRef { hash: H256([number; 32]), size: 1_000 }, tensor_root: H256([number; 32]) }
}

/// The commitment of an account to a block, and the submission that opens it.
fn submission(who: Sr25519Keyring, number: u8) -> (RuntimeCall, RuntimeCall) {
	let (miner, block, salt) = (who.to_account_id(), block(number), H256([number; 32]));
	let genesis = System::block_hash(0);
	let commitment = commitment_hash(&genesis, &miner, &SLOT, &block, &salt);
	let nonce = search_pow(&miner.encode(), &block.tensor_root, &genesis, 2, 0, 1 << 12).expect("2 bits");
	let submit = pallet_proof_of_learning::Call::submit {
		slot: SLOT,
		parent: 0,
		block,
		manifest: H256::zero(),
		stamp: PowStamp { block: 0, nonce },
		salt,
	};
	(pallet_proof_of_learning::Call::commit { commitment }.into(), submit.into())
}

/// A development chain on which something has happened: submissions, offences, an operator that leaves, a proxy.
fn lived() -> sp_io::TestExternalities {
	let mut ext = development();
	ext.execute_with(|| {
		let easy = learning::Parameters::PowBits(learning::PowBits, Some(2));
		assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), RuntimeParameters::Learning(easy)));
		let by = |who: Sr25519Keyring, call: RuntimeCall| {
			assert_ok!(call.dispatch(RuntimeOrigin::signed(who.to_account_id())));
		};
		let (commit_one, submit_one) = submission(Bob, 1);
		let (commit_two, submit_two) = submission(Bob, 2);
		by(Bob, commit_one);
		by(Bob, commit_two);
		pass(10);
		by(Bob, submit_one);
		by(Bob, submit_two);
		by(Bob, pallet_proof_of_learning::Call::withdraw { submission: 0 }.into());
		for evidence in 0..3 {
			let report = Slashing::report(
				RuntimeOrigin::root(),
				Bob.to_account_id(),
				OffenceKind::HeartbeatsMissed,
				H256([evidence; 32]),
				None,
			);
			assert_ok!(report);
		}
		assert_ok!(Slashing::pardon(RuntimeOrigin::root(), 0));
		by(Bob, pallet_slashing::Call::appeal { offence: 1 }.into());
		by(Charlie, pallet_operators::Call::exit {}.into());
		let delegate = address(Ferdie);
		by(Eve, pallet_proxy::Call::add_proxy { delegate, proxy_type: ProxyType::Any, delay: 0 }.into());
	});
	ext
}

/// So many blocks without transactions.
fn pass(blocks: u32) {
	for _ in 0..blocks {
		begin_block(System::block_number() + 1);
	}
}

/// Calls of every pallet with many arguments: zeros, and what is decoded from small numbers, accounts and noise.
fn calls() -> Vec<RuntimeCall> {
	let mut choose = Chooser::new(&[7; 8]);
	let mut calls = Vec::new();
	for (pallet, call) in AllPalletsWithSystem::infos()
		.into_iter()
		.flat_map(|info| (0..40).map(move |call| (info.index as u8, call)))
	{
		let mut found = 0;
		for attempt in 0..400 {
			let bytes = match attempt {
				0 => [vec![pallet, call], vec![0; 400]].concat(),
				_ => common::call_bytes(pallet, call, &mut || choose.word(), account),
			};
			match RuntimeCall::decode_with_depth_limit(8, &mut bytes.as_slice()) {
				// Root reads the version of new code with a host function that tests have not.
				Ok(RuntimeCall::Sudo(call)) if format!("{call:?}").contains("code: ") => {}
				Ok(call) if !calls.contains(&call) => {
					calls.push(call);
					found += 1;
				}
				_ => {}
			}
			if found == EACH {
				break;
			}
		}
	}
	calls
}

/// A call in everything that dispatches others, by Ferdie.
fn wrapped(call: &RuntimeCall) -> Vec<RuntimeCall> {
	let boxed = || Box::new(call.clone());
	let good = || RuntimeCall::from(frame_system::Call::remark_with_event { remark: vec![1] });
	vec![
		pallet_utility::Call::batch { calls: vec![call.clone(), good()] }.into(),
		pallet_utility::Call::batch_all { calls: vec![good(), call.clone()] }.into(),
		pallet_utility::Call::force_batch { calls: vec![call.clone(), call.clone()] }.into(),
		pallet_utility::Call::as_derivative { index: 3, call: boxed() }.into(),
		pallet_utility::Call::if_else { main: boxed(), fallback: boxed() }.into(),
		pallet_proxy::Call::proxy { real: address(Eve), force_proxy_type: None, call: boxed() }.into(),
		pallet_multisig::Call::as_multi_threshold_1 {
			other_signatories: vec![Eve.to_account_id()],
			call: boxed(),
		}
		.into(),
	]
}

fn refused(who: Sr25519Keyring, call: &RuntimeCall) -> Option<Refusal> {
	certain_failure(&who.to_account_id(), call)
}

/// Makes a call, takes its changes back, and returns its outcome.
fn attempt(who: Sr25519Keyring, call: &RuntimeCall) -> Result<(), String> {
	let outcome = with_transaction(|| {
		let done = call.clone().dispatch(RuntimeOrigin::signed(who.to_account_id()));
		TransactionOutcome::Rollback(Ok::<_, DispatchError>(done))
	});
	match outcome.expect("it is rolled back").map_err(|failed| failed.error) {
		Ok(_) => Ok(()),
		Err(DispatchError::Module(error)) => Err(error.message.unwrap_or("unnamed").into()),
		Err(error) => Err(format!("{error:?}")),
	}
}

/// Reports whether a call succeeds, and changes anything but the list of events.
fn achieves(who: Sr25519Keyring, call: &RuntimeCall) -> bool {
	let outcome = with_transaction(|| {
		System::reset_events();
		let before = sp_io::storage::root(StateVersion::V1);
		let done = call.clone().dispatch(RuntimeOrigin::signed(who.to_account_id()));
		System::reset_events();
		let has_changed = sp_io::storage::root(StateVersion::V1) != before;
		TransactionOutcome::Rollback(Ok::<_, DispatchError>(done.is_ok() && has_changed))
	});
	outcome.expect("it is rolled back")
}

fn name(call: &RuntimeCall) -> String {
	let metadata = call.get_call_metadata();
	format!("{}.{}", metadata.pallet_name, metadata.function_name)
}

/// Reports whether a call is on the list of those that no account can make.
fn is_closed(call: &RuntimeCall) -> bool {
	let metadata = call.get_call_metadata();
	CLOSED
		.iter()
		.any(|(pallet, closed)| *pallet == metadata.pallet_name && closed.contains(&metadata.function_name))
}

/// The number that a call names, and the next one that will be given out.
fn number_of(call: &RuntimeCall) -> Option<(u64, u64)> {
	use blyan_primitives::Subject::Audit;
	use pallet_disputes::Call as Disputes;
	use pallet_operator_voting::Call as Votes;
	use pallet_proof_of_learning::Call as Learning;
	use pallet_referenda::Call as Polls;
	use pallet_treasury::Call as Treasury;
	let number = match call {
		RuntimeCall::Audits(pallet_audits::Call::advance { audit }) => *audit,
		RuntimeCall::Disputes(
			Disputes::challenge { subject: Audit(audit), .. }
			| Disputes::demand_tile { subject: Audit(audit), .. }
			| Disputes::prove_blob { subject: Audit(audit), .. },
		) => *audit,
		RuntimeCall::Disputes(
			Disputes::descend { game, .. }
			| Disputes::execute { game, .. }
			| Disputes::claim_timeout { game }
			| Disputes::settle { game },
		) => *game,
		RuntimeCall::ProofOfLearning(
			Learning::finalise { submission }
			| Learning::withdraw { submission }
			| Learning::settle { submission }
			| Learning::report_copy { copy: submission, .. }
			| Learning::report_open_copy { copy: submission, .. },
		) => return Some((*submission, pallet_proof_of_learning::NextSubmission::<Runtime>::get())),
		RuntimeCall::Slashing(
			pallet_slashing::Call::appeal { offence } | pallet_slashing::Call::apply { offence },
		) => return Some((*offence, pallet_slashing::NextOffence::<Runtime>::get())),
		RuntimeCall::Inference(call) => return number_of_serving(call),
		RuntimeCall::Datasets(call) => return number_of_dataset(call),
		RuntimeCall::Evolution(pallet_evolution::Call::endorse { proposal }) => u64::from(*proposal),
		RuntimeCall::Treasury(Treasury::payout { index } | Treasury::check_status { index }) => {
			u64::from(*index)
		}
		RuntimeCall::RankedCollective(
			Votes::vote { poll, .. } | Votes::cleanup_poll { poll, .. } | Votes::strike { poll, .. },
		) => u64::from(*poll),
		RuntimeCall::RankedPolls(
			Polls::place_decision_deposit { index }
			| Polls::refund_decision_deposit { index }
			| Polls::refund_submission_deposit { index }
			| Polls::set_metadata { index, .. },
		) => u64::from(*index),
		RuntimeCall::Emergencies(
			pallet_emergencies::Call::support { proposal } | pallet_emergencies::Call::close { proposal },
		) => u64::from(*proposal),
		_ => return None,
	};
	Some((number, 0))
}

/// The same of a call about paid serving.
fn number_of_serving(call: &pallet_inference::Call<Runtime>) -> Option<(u64, u64)> {
	use pallet_inference::Call as Inference;
	let number = match call {
		Inference::authorise { request }
		| Inference::capture { request, .. }
		| Inference::credit { request }
		| Inference::cancel { request }
		| Inference::decline { request }
		| Inference::reverse { request }
		| Inference::expire { request } => *request,
		Inference::top_up { session, .. }
		| Inference::settle { session, .. }
		| Inference::close_session { session }
		| Inference::finish_session { session }
		| Inference::release_session { session } => return Some((*session, 1)),
		Inference::change_offer { offer, .. }
		| Inference::withdraw_offer { offer }
		| Inference::open_session { offer, .. }
		| Inference::request { terms: pallet_inference::RequestTerms { offer, .. } } => u64::from(*offer),
		_ => return None,
	};
	Some((number, 0))
}

/// The same of a call about a dataset.
fn number_of_dataset(call: &pallet_datasets::Call<Runtime>) -> Option<(u64, u64)> {
	use pallet_datasets::Call as Datasets;
	let (Datasets::name_blobs { dataset, .. }
	| Datasets::begin_audit { dataset }
	| Datasets::vote { dataset, .. }
	| Datasets::appeal { dataset }
	| Datasets::withdraw { dataset }
	| Datasets::advance { dataset }) = call
	else {
		return None;
	};
	Some((dataset.dataset.into(), pallet_datasets::NextDataset::<Runtime>::get().into()))
}

/// Reports whether a call is about GPU hours or the network's own proposal, which epochs make possible.
fn waits_for_an_epoch(call: &RuntimeCall) -> bool {
	use pallet_evolution::Call as Evolution;
	let RuntimeCall::Evolution(call) = call else { return false };
	matches!(
		call,
		Evolution::offer_gpus { .. }
			| Evolution::reserve_hours { .. }
			| Evolution::claim_hours { .. }
			| Evolution::confirm_hours { .. }
			| Evolution::file_proposal { .. }
			| Evolution::adopt { .. }
	)
}

/// Returns the event that keeps a call from failing with this error again: another transaction, or a block.
fn cure(call: &RuntimeCall, error: &str) -> Option<&'static str> {
	if number_of(call).is_some_and(|(number, next)| (next..next + FAR).contains(&number)) {
		return Some("the next numbers are given out");
	}
	Some(match error {
		"Token(BelowMinimum)"
		| "Token(FundsUnavailable)"
		| "Arithmetic(Underflow)"
		| "InsufficientBalance" => "funds arrive",
		"NothingToClose" => "an operator with offers leaves",
		"NothingToForget" => "an operator that has enrolled leaves",
		"TooFewEligibleCollators" | "ValidatorNotRegistered" | "NotCandidate" | "InsufficientBond" => {
			"collators come and go, with keys and bonds"
		}
		"DemandUnknown" => "the tile is demanded",
		"NotCommitted" | "CommitmentUnknown" | "CommitmentTooYoung" => "the account commits, and waits",
		"NoIdentity" | "NotSub" | "NoUsername" | "NotUnbinding" => "identities and names are set",
		"NotUsernameAuthority" | "EmptyIndex" | "InvalidIndex" => "root appoints a registrar or an authority",
		"NoPage" | "NotReapable" => "messages arrive from other chains",
		"NotFound" | "NotProxy" | "Unannounced" | "AliasNotFound" => {
			"an account announces, approves or appoints"
		}
		"NotRegistered" | "NotElector" | "NotStaying" => "the account becomes an operator",
		"ProposalMissing" => "the council proposes it",
		"DeferredDispatchNotFound" => "a referendum is approved before the council whitelists its call",
		"NotDeclared" | "NotRelated" | "NoHardware" => "the operator declares it",
		"NotNoted" => "the preimage is noted",
		"NotChallenged" => "the receipt is challenged",
		"NoKeys" => "the account sets its keys",
		"NothingAuthorized" => "root authorises an upgrade",
		"NothingDue" | "NotSilent" => "time passes, and the chain draws",
		"OffencePending" | "ClaimsOpen" | "AlreadyApproved" => "it is settled",
		// Of an open submission that is decided later.
		"DecisionUnknown" if matches!(number_of(call), Some((1, _))) => "the submission is decided",
		"TooEarlyToApply" => "time passes",
		"NotOpen" => "the operator takes backing",
		"NotKeeper" | "ChunkUnknown" => "the account becomes a keeper and commits to the chunk",
		"LeakNotAnnounced" | "LeakNoticeTooNew" => "the account announces the leak, and waits for ten blocks",
		"NotSealed" | "RulesChanged" => "a referendum seals the model, by these rules",
		"RoundUnknown" => "the chain looks for a chunk on behalf of the submission",
		"WrongPhase" | "NothingToPropose" | "ProposalUnknown" if waits_for_an_epoch(call) => {
			"experts improve, and an epoch takes or tries a proposal"
		}
		"NotBacking" | "NothingReady" | "NothingToClaim" => "the account backs the operator, and time passes",
		_ => return None,
	})
}

/// Which of these calls of Ferdie fail now and at any time, and can be cured by nothing else: by name.
fn certain_failures(calls: &[RuntimeCall]) -> Vec<(RuntimeCall, String)> {
	let in_state = |blocks: u32, jump: u32| -> Vec<Result<(), String>> {
		let mut ext = lived();
		ext.execute_with(|| {
			System::set_block_number(System::block_number() + jump);
			pass(blocks);
			calls.iter().map(|call| attempt(Ferdie, call)).collect()
		})
	};
	let (now, soon, late) = (in_state(0, 0), in_state(50, 0), in_state(2, 40 * DAYS));
	let mut ext = lived();
	ext.execute_with(|| {
		let mut failures = Vec::new();
		for (((call, now), soon), late) in calls.iter().zip(now).zip(soon).zip(late) {
			let (Err(error), Err(_), Err(_)) = (now, soon, late) else { continue };
			if cure(call, &error).is_none() {
				failures.push((call.clone(), error));
			}
		}
		failures
	})
}

#[test]
fn ninety_five_of_a_hundred_certain_failures_are_refused_before_they_cost_anything() {
	let plain = certain_failures(&calls());
	let mut names = BTreeSet::new();
	let one_each = plain.iter().filter(|(call, _)| names.insert(name(call)));
	let nested: Vec<_> = one_each
		.flat_map(|(call, error)| wrapped(call).into_iter().map(move |outer| (outer, error.clone())))
		.collect();
	let (closed, open): (Vec<_>, Vec<_>) = plain.iter().cloned().partition(|(call, _)| is_closed(call));
	assert!(open.len() > 500 && nested.len() > 500, "{} and {} failures", open.len(), nested.len());
	lived().execute_with(|| {
		for (kind, failures) in [("on the list", closed), ("by arguments", open), ("nested", nested)] {
			let mut missed = BTreeMap::<(String, String), usize>::new();
			for (call, error) in &failures {
				if refused(Ferdie, call).is_none() {
					*missed.entry((name(call), error.clone())).or_default() += 1;
				}
			}
			let (all, missing) = (failures.len(), missed.values().sum::<usize>());
			println!("{kind}: {} of {all} certain failures are refused; missed: {missed:?}", all - missing);
			assert!((all - missing) * 100 >= all * REFUSED_PERCENT, "{kind}: {missing} of {all} get through");
		}
	});
}

#[test]
fn nothing_that_would_succeed_is_refused() {
	let calls = calls();
	lived().execute_with(|| {
		let (mut succeeded, mut let_through) = (0, 0);
		for who in [Ferdie, Alice, Bob, Charlie] {
			for (number, call) in calls.iter().enumerate() {
				let outer = wrapped(call);
				for call in core::iter::once(call).chain(outer.get(number % outer.len())) {
					match (refused(who, call), attempt(who, call)) {
						(Some(refusal), Ok(())) => {
							assert!(!achieves(who, call), "{who:?}: {refusal:?}, but it succeeds: {call:?}")
						}
						(None, Ok(())) => succeeded += 1,
						(None, Err(_)) => let_through += 1,
						(Some(_), Err(_)) => {}
					}
				}
			}
		}
		println!("{succeeded} succeed, {let_through} may fail for a reason that can be cured");
		assert!(succeeded > 1_000, "{succeeded} calls succeed");
	});
}

#[test]
fn calls_that_no_account_can_make_are_those_on_the_list() {
	let calls = calls();
	lived().execute_with(|| {
		for (pallet, closed) in CLOSED {
			let known = RuntimeCall::get_call_names(pallet);
			for call in *closed {
				assert!(known.contains(call), "{pallet} has no {call}");
			}
		}
		for call in calls.iter().filter(|call| !matches!(call, RuntimeCall::Utility(_))) {
			for who in [Ferdie, Alice] {
				let outcome = attempt(who, call);
				if is_closed(call) {
					assert!(outcome.is_err(), "{who:?} can make {call:?}");
				} else {
					assert_ne!(outcome, Err("BadOrigin".into()), "not on the list: {call:?}");
				}
			}
		}
	});
}

#[test]
fn queue_of_calls_that_build_on_each_other_is_let_through() {
	lived().execute_with(|| {
		// Money that arrives first, and is spent then.
		let all = 1_000_000 * UNIT;
		let spend = pallet_balances::Call::transfer_keep_alive { dest: address(Dave), value: 2 * all }.into();
		assert_eq!(attempt(Ferdie, &spend), Err("Token(FundsUnavailable)".into()));
		assert_eq!(refused(Ferdie, &spend), None);

		// A commitment, and the submission that opens it: unknown, too young, old enough, and too old.
		let (commit, submit) = submission(Ferdie, 9);
		assert_eq!(attempt(Ferdie, &submit), Err("CommitmentUnknown".into()));
		assert_eq!(refused(Ferdie, &submit), None);
		assert_eq!(refused(Ferdie, &commit), None);
		assert_ok!(commit.dispatch(RuntimeOrigin::signed(Ferdie.to_account_id())));
		assert_eq!(attempt(Ferdie, &submit), Err("CommitmentTooYoung".into()));
		assert_eq!(refused(Ferdie, &submit), None);
		pass(learning::CommitAge::get());
		assert_eq!((attempt(Ferdie, &submit), refused(Ferdie, &submit)), (Ok(()), None));
		System::set_block_number(System::block_number() + learning::CommitLifetime::get());
		assert_eq!(refused(Ferdie, &submit), Some(Refusal::Over));

		// A submission that is taken back by its number, before it has one.
		let withdraw = |submission| pallet_proof_of_learning::Call::withdraw { submission }.into();
		assert_eq!(refused(Ferdie, &withdraw(2)), None);
		assert_eq!(refused(Ferdie, &withdraw(1)), Some(Refusal::NotAllowed));
		assert_eq!(refused(Ferdie, &withdraw(0)), Some(Refusal::Over));
		assert_eq!(refused(Ferdie, &withdraw(2 + FAR)), Some(Refusal::Unknown));

		// An operator that registers, and tops up.
		let top_up = pallet_operators::Call::top_up { amount: UNIT }.into();
		assert_eq!(attempt(Ferdie, &top_up), Err("NotRegistered".into()));
		assert_eq!(refused(Ferdie, &top_up), None);
	});
}

/// A transfer of no assets to an account of another chain.
fn nothing_to(who: Sr25519Keyring) -> RuntimeCall {
	let id = who.to_account_id().into();
	let beneficiary = Location::new(0, [AccountId32 { network: None, id }]);
	pallet_xcm::Call::transfer_assets {
		dest: Box::new(Location::new(1, [Parachain(1_000)]).into()),
		beneficiary: Box::new(beneficiary.into()),
		assets: Box::new(Assets::new().into()),
		fee_asset_item: 0,
		weight_limit: Unlimited,
	}
	.into()
}

fn approval(threshold: u16, other_signatories: Vec<AccountId>) -> RuntimeCall {
	pallet_multisig::Call::approve_as_multi {
		threshold,
		other_signatories,
		maybe_timepoint: None,
		call_hash: [0; 32],
		max_weight: Weight::zero(),
	}
	.into()
}

#[test]
fn arguments_that_no_state_accepts_are_malformed() {
	lived().execute_with(|| {
		let to_itself =
			pallet_proxy::Call::add_proxy { delegate: address(Ferdie), proxy_type: ProxyType::Any, delay: 0 };
		let to_no_account =
			pallet_balances::Call::transfer_all { dest: MultiAddress::Raw(vec![1]), keep_alive: true };
		let envelope = pallet_ledger::Envelope::Learning;
		for call in [
			nothing_to(Dave),
			approval(0, vec![Eve.to_account_id()]),
			approval(2, vec![Ferdie.to_account_id()]),
			to_itself.into(),
			to_no_account.into(),
			pallet_ledger::Call::fund { envelope, amount: 0 }.into(),
		] {
			assert_eq!(refused(Ferdie, &call), Some(Refusal::Malformed), "{call:?}");
			assert!(attempt(Ferdie, &call).is_err(), "{call:?}");
		}
		assert_eq!(refused(Ferdie, &approval(2, vec![Eve.to_account_id()])), None);
	});
}

#[test]
fn each_reason_is_given_where_it_applies() {
	lived().execute_with(|| {
		let (_, submit) = submission(Ferdie, 9);
		let change = |change: &dyn Fn(&mut ExpertSlot, &mut u32, &mut BlockRef, &mut PowStamp<u32>)| {
			let mut call = submit.clone();
			if let RuntimeCall::ProofOfLearning(pallet_proof_of_learning::Call::submit {
				slot,
				parent,
				block,
				stamp,
				..
			}) = &mut call
			{
				change(slot, parent, block, stamp);
			}
			call
		};
		let head = pallet_experts::Heads::<Runtime>::get(SLOT).expect("the model is there").block;
		let table: Vec<(Sr25519Keyring, RuntimeCall, Refusal)> = vec![
			(Ferdie, frame_system::Call::set_heap_pages { pages: 1 }.into(), Refusal::NotAllowed),
			(Ferdie, pallet_sudo::Call::remove_key {}.into(), Refusal::NotAllowed),
			(Ferdie, change(&|slot, _, _, _| slot.layer = 200), Refusal::Malformed),
			(Ferdie, change(&|slot, _, _, _| slot.model = 7), Refusal::Unknown),
			(Ferdie, change(&|_, parent, _, _| *parent = 5_000), Refusal::Unknown),
			(Ferdie, change(&|_, _, block, _| block.blob.size = 0), Refusal::Malformed),
			(Ferdie, change(&|_, _, block, _| *block = head), Refusal::Over),
			(Ferdie, change(&|_, _, block, _| block.tensor_root = H256([77; 32])), Refusal::Unproven),
			(Bob, pallet_slashing::Call::appeal { offence: 0 }.into(), Refusal::Over),
			(Bob, pallet_slashing::Call::appeal { offence: 1 }.into(), Refusal::Over),
			(Ferdie, pallet_slashing::Call::appeal { offence: 2 }.into(), Refusal::NotAllowed),
			(Ferdie, pallet_slashing::Call::apply { offence: 0 }.into(), Refusal::Over),
			(Charlie, pallet_operators::Call::withdraw {}.into(), Refusal::TooEarly),
			(Charlie, pallet_operators::Call::exit {}.into(), Refusal::Over),
			(Alice, pallet_operators::Call::withdraw {}.into(), Refusal::TooEarly),
		];
		for (who, call, refusal) in table {
			assert_eq!(refused(who, &call), Some(refusal), "{who:?}: {call:?}");
			assert!(attempt(who, &call).is_err(), "{who:?}: {call:?}");
		}
		// Neither an early move nor a late one of the operator that stays is refused.
		assert_eq!(refused(Bob, &pallet_slashing::Call::appeal { offence: 2 }.into()), None);
		assert_eq!(refused(Alice, &pallet_operators::Call::exit {}.into()), None);
		assert_ok!(Operators::exit(RuntimeOrigin::signed(Alice.to_account_id())));
		System::set_block_number(System::block_number() + 40 * DAYS);
		assert_eq!(refused(Alice, &pallet_operators::Call::withdraw {}.into()), None);
		// What was signed for a block that is long gone.
		assert_eq!(refused(Ferdie, &submit), Some(Refusal::Over));
		assert!(ProofOfLearning::withdraw(RuntimeOrigin::signed(Bob.to_account_id()), 1).is_ok());
	});
}

#[test]
fn nested_calls_are_followed_as_they_would_run() {
	lived().execute_with(|| {
		let bad = || RuntimeCall::from(frame_system::Call::set_heap_pages { pages: 1 });
		let good = || RuntimeCall::from(frame_system::Call::remark_with_event { remark: vec![1] });
		let batch = |calls: Vec<RuntimeCall>| RuntimeCall::from(pallet_utility::Call::batch { calls });
		let all = |calls: Vec<RuntimeCall>| RuntimeCall::from(pallet_utility::Call::batch_all { calls });
		let force = |calls: Vec<RuntimeCall>| RuntimeCall::from(pallet_utility::Call::force_batch { calls });
		let either = |main: RuntimeCall, fallback: RuntimeCall| {
			let (main, fallback) = (Box::new(main), Box::new(fallback));
			RuntimeCall::from(pallet_utility::Call::if_else { main, fallback })
		};
		let proxy = |force_proxy_type, call: RuntimeCall| {
			let (real, call) = (address(Eve), Box::new(call));
			RuntimeCall::from(pallet_proxy::Call::proxy { real, force_proxy_type, call })
		};
		for (call, is_refused) in [
			(batch(vec![]), false),
			(batch(vec![bad(), good()]), true),
			(batch(vec![good(), bad()]), false),
			(all(vec![good(), bad()]), true),
			(all(vec![good(), good()]), false),
			(force(vec![bad(), good()]), false),
			(force(vec![bad(), bad()]), true),
			// The inner batch stops at once and succeeds, so the outer one goes on.
			(batch(vec![batch(vec![bad()]), good()]), false),
			(batch(vec![batch(vec![bad()]), bad()]), true),
			(all(vec![batch(vec![bad()]), good()]), false),
			(all(vec![batch(vec![bad()])]), true),
			(either(bad(), good()), false),
			(either(bad(), bad()), true),
			(either(good(), bad()), false),
			(proxy(None, bad()), true),
			(proxy(None, good()), false),
			(proxy(Some(ProxyType::CancelProxy), good()), true),
			(batch(vec![proxy(None, bad()), good()]), false),
			(batch(vec![all(vec![good(), bad()]), good()]), true),
		] {
			assert_eq!(refused(Ferdie, &call).is_some(), is_refused, "{call:?}");
			assert!(!is_refused || !achieves(Ferdie, &call), "{call:?}");
		}
		// Work for a transaction has a bound, but for what the list tells.
		let nothing = || {
			let envelope = pallet_ledger::Envelope::Learning;
			RuntimeCall::from(pallet_ledger::Call::fund { envelope, amount: 0 })
		};
		let behind = |count: u32, call| all((0..count).map(|_| good()).chain([call]).collect());
		assert_eq!(refused(Ferdie, &behind(CHECKS_MAX - 1, nothing())), Some(Refusal::Malformed));
		assert_eq!(refused(Ferdie, &behind(CHECKS_MAX, nothing())), None);
		assert_eq!(refused(Ferdie, &behind(CHECKS_MAX, bad())), Some(Refusal::NotAllowed));
		// The key of a development chain may; whom it asks for, may not.
		let decree = || RuntimeCall::from(pallet_sudo::Call::sudo { call: Box::new(bad()) });
		assert_eq!(refused(Alice, &decree()), None);
		assert_eq!(refused(Ferdie, &batch(vec![decree()])), Some(Refusal::NotAllowed));
	});
}

#[test]
fn pool_says_why_and_a_block_is_not_asked() {
	development().execute_with(|| {
		let call = RuntimeCall::from(frame_system::Call::set_heap_pages { pages: 1 });
		let transaction = signed(Ferdie, call, 0);
		let validate = |source| {
			with_transaction(|| {
				let said = Executive::validate_transaction(source, transaction.clone(), H256::zero());
				TransactionOutcome::Rollback(Ok::<_, DispatchError>(said))
			})
			.expect("it is rolled back")
		};
		let code = InvalidTransaction::Custom(Refusal::NotAllowed.code());
		for source in [TransactionSource::External, TransactionSource::Local] {
			assert_eq!(validate(source), Err(TransactionValidityError::Invalid(code)));
		}
		assert_ok!(validate(TransactionSource::InBlock));
		let outcome = Executive::apply_extrinsic(transaction).expect("a block may have it");
		assert_eq!(outcome, Err(DispatchError::BadOrigin));
		// What cannot pay is not looked at.
		let poor = signed(Sr25519Keyring::One, frame_system::Call::set_heap_pages { pages: 1 }.into(), 0);
		let said = Executive::validate_transaction(TransactionSource::External, poor, H256::zero());
		assert_eq!(said, Err(TransactionValidityError::Invalid(InvalidTransaction::Payment)));
	});
}
