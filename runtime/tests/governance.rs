//! Referenda, the technical council and emergencies on the real runtime.
#![allow(clippy::unwrap_used)]

mod common;

use blyan_primitives::{possession_payload, OperatorId, OperatorSignature};
use blyan_runtime::{
	configs::{ProxyType, TreasuryAccount},
	governance::{origins::Origin, Tracks, PLANS, UNDECIDING_DAYS},
	AccountId, Balance, Balances, Emergencies, Ledger, Operators, OriginCaller, Parameters, Preimage, Proxy,
	RankedCollective, RankedPolls, Runtime, RuntimeCall, RuntimeEvent, RuntimeOrigin, SafeMode, System,
	TechnicalCommittee, Treasury, TxPause, UNIT,
};
use blyan_runtime_api::governance::TrackTurnout;
use codec::Encode;
use frame_support::{
	assert_noop, assert_ok,
	traits::{
		fungible::{Inspect, Mutate},
		schedule::DispatchTime,
		Get, Hooks, StorePreimage,
	},
	weights::Weight,
};
use frame_system::RawOrigin;
use pallet_emergencies::{Action, Kind, Measures};
use pallet_ledger::{Budget, Envelope, EnvelopeShares};
use pallet_operator_voting::{DayLength, Error as VoteError};
use pallet_referenda::{ReferendumInfo, ReferendumInfoFor, TracksInfo};
use sp_core::{sr25519, Pair};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie, Dave, Eve};
use sp_runtime::{
	traits::{BadOrigin, BlakeTwo256, Dispatchable, Hash},
	DispatchError, Permill,
};

/// Stake of each operator.
const STAKE: Balance = 100 * UNIT;

fn operator(number: u32) -> AccountId {
	AccountId::from(BlakeTwo256::hash_of(&("operator", number)).0)
}

/// A development chain with so many operators, in its first block, and money in the treasury.
fn chain_of(operators: u32) -> sp_io::TestExternalities {
	let mut patch = common::patch(sp_genesis_builder::DEV_RUNTIME_PRESET);
	let records: Vec<_> = (0..operators)
		.map(|number| {
			let key = sr25519::Public::from_raw(BlakeTwo256::hash_of(&("key", number)).0);
			(operator(number), OperatorId::from(key), STAKE)
		})
		.collect();
	patch["operators"]["operators"] = serde_json::to_value(records).expect("it is JSON");
	let balances = patch["balances"]["balances"].as_array_mut().expect("the preset endows accounts");
	for number in 0..operators {
		let endowment = (operator(number), 1_000 * UNIT);
		balances.push(serde_json::to_value(endowment).expect("it is JSON"));
	}
	let mut ext = common::chain_from(patch);
	ext.execute_with(|| {
		common::begin_block(1);
		idle();
		assert_ok!(Balances::mint_into(&TreasuryAccount::get(), 10_000 * UNIT));
	});
	ext
}

fn idle() {
	RankedCollective::on_idle(System::block_number(), Weight::MAX);
}

/// So many blocks without transactions. Returns their events.
fn pass(blocks: u32) -> Vec<RuntimeEvent> {
	let mut events = Vec::new();
	for _ in 0..blocks {
		common::begin_block(System::block_number() + 1);
		idle();
		events.extend(System::events().into_iter().map(|record| record.event));
	}
	events
}

fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

fn power(power: Origin) -> OriginCaller {
	OriginCaller::Origins(power)
}

fn root() -> OriginCaller {
	OriginCaller::system(RawOrigin::Root)
}

/// Submits a referendum with its deposits; the proposer is an account that operates nothing.
fn referendum(origin: OriginCaller, call: RuntimeCall) -> u32 {
	let index = pallet_referenda::ReferendumCount::<Runtime>::get();
	let proposal = Preimage::bound(call).expect("it is short");
	let dave = signed(Dave.to_account_id());
	assert_ok!(RankedPolls::submit(dave.clone(), Box::new(origin), proposal, DispatchTime::After(0)));
	assert_ok!(RankedPolls::place_decision_deposit(dave, index));
	index
}

/// The first operators approve, and the next ones reject.
fn votes(poll: u32, ayes: u32, nays: u32) {
	for number in 0..ayes + nays {
		assert_ok!(RankedCollective::vote(signed(operator(number)), poll, number < ayes));
	}
}

fn is_approved(poll: u32) -> Option<bool> {
	match ReferendumInfoFor::<Runtime>::get(poll)? {
		ReferendumInfo::Approved(..) => Some(true),
		ReferendumInfo::Ongoing(_) => None,
		_ => Some(false),
	}
}

/// Blocks in which every track has decided.
const LONG: u32 = 400;

/// Results of the calls that were dispatched.
fn dispatched(events: &[RuntimeEvent]) -> Vec<Result<(), DispatchError>> {
	let results = events.iter().filter_map(|event| match event {
		RuntimeEvent::Scheduler(pallet_scheduler::Event::Dispatched { id: Some(_), result, .. }) => {
			Some(*result)
		}
		_ => None,
	});
	results.collect()
}

fn spend(amount: Balance, to: AccountId) -> RuntimeCall {
	pallet_treasury::Call::spend {
		asset_kind: Box::new(()),
		amount,
		beneficiary: Box::new(to),
		valid_from: None,
	}
	.into()
}

#[test]
fn treasury_pays_at_nine_tenths_of_all_operators_and_not_at_eighty_nine_of_a_hundred() {
	chain_of(100).execute_with(|| {
		let eve = Eve.to_account_id();
		let refused = referendum(power(Origin::Treasurer), spend(7 * UNIT, eve.clone()));
		let paid = referendum(power(Origin::Treasurer), spend(5 * UNIT, eve.clone()));
		votes(refused, 89, 0);
		votes(paid, 90, 10);
		let events = pass(LONG);
		assert_eq!((is_approved(refused), is_approved(paid)), (Some(false), Some(true)));
		assert_eq!(dispatched(&events), [Ok(())]);
		let before = Balances::total_balance(&eve);
		// Any account may have it paid.
		assert_ok!(Treasury::payout(signed(Dave.to_account_id()), 0));
		assert_eq!(Balances::total_balance(&eve), before + 5 * UNIT);
	});
}

#[test]
fn turnout_is_counted_by_track_and_by_operator() {
	chain_of(10).execute_with(|| {
		let call = spend(UNIT, Eve.to_account_id());
		let approved = referendum(power(Origin::Treasurer), call.clone());
		let rejected = referendum(power(Origin::ParameterAdmin), call.clone());
		let killed = referendum(power(Origin::Judge), call);
		votes(approved, 9, 1);
		votes(rejected, 2, 0);
		votes(killed, 3, 0);
		pass(1);
		assert_ok!(RankedPolls::kill(RuntimeOrigin::root(), killed));
		pass(LONG);
		assert_eq!((is_approved(approved), is_approved(rejected)), (Some(true), Some(false)));

		let turnout = RankedCollective::turnout();
		let of = |track| *turnout.tracks.iter().find(|one| one.track == track).expect("each track is listed");
		let none = TrackTurnout {
			track: 0,
			approved: 0,
			rejected: 0,
			undecided: 0,
			ayes: 0,
			nays: 0,
			voices: 0,
			mean_ppm: 0,
			last_ppm: 0,
			last_referendum: None,
		};
		let treasury = TrackTurnout {
			track: 3,
			approved: 1,
			ayes: 9,
			nays: 1,
			voices: 10,
			mean_ppm: 1_000_000,
			last_ppm: 1_000_000,
			last_referendum: Some(approved),
			..none
		};
		let parameters = TrackTurnout {
			track: 2,
			rejected: 1,
			ayes: 2,
			voices: 10,
			mean_ppm: 200_000,
			last_ppm: 200_000,
			last_referendum: Some(rejected),
			..none
		};
		let judge = TrackTurnout { track: 7, undecided: 1, ..none };
		assert_eq!([of(0), of(2), of(3), of(7)], [none, parameters, treasury, judge]);
		assert_eq!((turnout.goal_ppm, turnout.tracks.len()), (500_000, PLANS.len()));

		let participation = RankedCollective::participation();
		assert_eq!(participation.len(), 10);
		let of = |number| {
			let who = operator(number);
			let info = participation.iter().find(|info| info.operator == who).expect("it could vote");
			(info.could, info.cast)
		};
		assert_eq!([0, 1, 2, 9].map(of), [(2, 2), (2, 2), (2, 1), (2, 1)]);
	});
}

#[test]
fn treasury_is_not_open_to_other_powers() {
	chain_of(3).execute_with(|| {
		let call = spend(UNIT, Eve.to_account_id());
		for plan in PLANS.iter().filter(|plan| plan.power.is_some_and(|power| power != Origin::Treasurer)) {
			let origin: RuntimeOrigin = plan.power.expect("it has one").into();
			assert_noop!(call.clone().dispatch(origin).map_err(|error| error.error), BadOrigin);
		}
	});
}

#[test]
fn registering_during_a_vote_changes_nothing() {
	chain_of(10).execute_with(|| {
		let poll = referendum(power(Origin::Treasurer), spend(UNIT, Eve.to_account_id()));
		votes(poll, 8, 0);
		// Two thirds of the operators register afterwards, and are old enough for later polls.
		for newcomer in [Alice, Bob, Charlie, Eve] {
			let who = newcomer.to_account_id();
			let proof: OperatorSignature =
				newcomer.pair().sign(&possession_payload(&System::block_hash(0), &who)).into();
			let profile = pallet_operators::OperatorProfile::default();
			let key = OperatorId::from(newcomer.public());
			assert_ok!(Operators::register(signed(who), profile, key, proof, 1_000 * UNIT));
		}
		pass(8 * DayLength::<Runtime>::get());
		let later = referendum(power(Origin::Treasurer), spend(UNIT, Eve.to_account_id()));
		for newcomer in [Alice, Bob, Charlie, Eve] {
			let vote = |poll| RankedCollective::vote(signed(newcomer.to_account_id()), poll, true);
			assert_noop!(vote(poll).map_err(|error| error.error), VoteError::<Runtime>::NotElector);
			assert_ok!(vote(later));
		}
		// Eight of ten are not nine tenths, and would be if the voices of the newcomers counted for either side.
		pass(LONG);
		assert_eq!(is_approved(poll), Some(false));
	});
}

#[test]
fn proxy_for_governance_votes_and_moves_no_money() {
	chain_of(3).execute_with(|| {
		let (owner, delegate) = (operator(0), Eve.to_account_id());
		let kind = ProxyType::Governance;
		assert_ok!(Proxy::add_proxy(signed(owner.clone()), delegate.clone().into(), kind, 0));
		let poll = referendum(power(Origin::Treasurer), spend(UNIT, delegate.clone()));
		let by_proxy = |call: RuntimeCall| {
			assert_ok!(Proxy::proxy(signed(delegate.clone()), owner.clone().into(), None, Box::new(call)));
		};
		by_proxy(pallet_operator_voting::Call::vote { poll, aye: true }.into());
		let vote = pallet_operator_voting::Voting::<Runtime>::get(poll, &owner);
		assert_eq!(vote, Some(pallet_operator_voting::VoteRecord::Aye(1)));
		let before = Balances::total_balance(&owner);
		let dest = delegate.clone().into();
		by_proxy(pallet_balances::Call::transfer_keep_alive { dest, value: UNIT }.into());
		assert_eq!(Balances::total_balance(&owner), before);
	});
}

#[test]
fn whitelisted_call_takes_the_council_and_two_thirds_of_the_operators() {
	chain_of(9).execute_with(|| {
		let upgrade: RuntimeCall =
			frame_system::Call::authorize_upgrade_without_checks { code_hash: [7; 32].into() }.into();
		let dispatch = || -> RuntimeCall {
			pallet_whitelist::Call::dispatch_whitelisted_call_with_preimage {
				call: Box::new(upgrade.clone()),
			}
			.into()
		};
		let whitelist: RuntimeCall =
			pallet_whitelist::Call::whitelist_call { call_hash: BlakeTwo256::hash_of(&upgrade) }.into();
		// One member of three is not two thirds.
		let [alice, bob] = [Alice, Bob].map(|key| key.to_account_id());
		let length = whitelist.encoded_size() as u32;
		let hash = BlakeTwo256::hash_of(&whitelist);
		assert_ok!(TechnicalCommittee::propose(
			signed(alice.clone()),
			2,
			Box::new(whitelist.clone()),
			length
		));
		for member in [&alice, &bob] {
			assert_ok!(TechnicalCommittee::vote(signed(member.clone()), hash, 0, true));
		}
		let weight = Weight::from_parts(1_000_000_000, 100_000);
		assert_ok!(TechnicalCommittee::close(signed(alice), hash, 0, weight, length));
		assert!(pallet_whitelist::WhitelistedCall::<Runtime>::contains_key(BlakeTwo256::hash_of(&upgrade)));

		let few = referendum(power(Origin::WhitelistedCaller), dispatch());
		votes(few, 5, 0);
		pass(LONG);
		assert_eq!(is_approved(few), Some(false));
		assert!(System::authorized_upgrade().is_none());

		let enough = referendum(power(Origin::WhitelistedCaller), dispatch());
		votes(enough, 6, 1);
		// The track is quick: an hour to prepare, to confirm, and to enact each.
		pass(10);
		assert_eq!(is_approved(enough), Some(true));
		let hash = System::authorized_upgrade().map(|upgrade| *upgrade.code_hash());
		assert_eq!(hash, Some([7; 32].into()));
	});
}

#[test]
fn call_that_the_council_did_not_whitelist_is_not_dispatched() {
	chain_of(9).execute_with(|| {
		let remove: RuntimeCall = pallet_sudo::Call::remove_key {}.into();
		let call =
			pallet_whitelist::Call::dispatch_whitelisted_call_with_preimage { call: Box::new(remove) }.into();
		let poll = referendum(power(Origin::WhitelistedCaller), call);
		votes(poll, 9, 0);
		pass(20);
		assert_eq!(is_approved(poll), Some(true));
		assert!(pallet_sudo::Key::<Runtime>::get().is_some());
	});
}

#[test]
fn scheduled_call_that_fails_is_an_event() {
	chain_of(10).execute_with(|| {
		// Approved by all, and beyond its power.
		let budget = Budget { inflation: 0, ..Budget::default() };
		let poll = referendum(power(Origin::Treasurer), pallet_ledger::Call::set_budget { budget }.into());
		votes(poll, 10, 0);
		let events = pass(60);
		assert_eq!(is_approved(poll), Some(true));
		assert_eq!(dispatched(&events), [Err(BadOrigin.into())]);
	});
}

#[test]
fn sudo_is_removed_by_a_vote() {
	chain_of(10).execute_with(|| {
		let poll = referendum(root(), pallet_sudo::Call::remove_key {}.into());
		votes(poll, 9, 1);
		pass(100);
		assert_eq!(is_approved(poll), Some(true));
		assert_eq!(pallet_sudo::Key::<Runtime>::get(), None);
		let remark: RuntimeCall = frame_system::Call::remark { remark: vec![] }.into();
		let sudo: RuntimeCall = pallet_sudo::Call::sudo { call: Box::new(remark) }.into();
		assert!(sudo.dispatch(signed(Alice.to_account_id())).is_err());
	});
}

#[test]
fn windows_of_data_and_serving_leave_time_to_act_whatever_their_parameters_are_set_to() {
	chain_of(3).execute_with(|| {
		// As on a network.
		DayLength::<Runtime>::kill();
		use blyan_runtime::parameters::{data, disputes, serving, RuntimeParameters};
		for parameter in [
			RuntimeParameters::Data(data::Parameters::SealWindow(data::SealWindow, Some(0))),
			RuntimeParameters::Data(data::Parameters::RevealWindow(data::RevealWindow, Some(0))),
			RuntimeParameters::Data(data::Parameters::AppealWindow(data::AppealWindow, Some(0))),
			RuntimeParameters::Data(data::Parameters::MinAuditors(data::MinAuditors, Some(0))),
			RuntimeParameters::Serving(serving::Parameters::CaptureWindow(serving::CaptureWindow, Some(0))),
			RuntimeParameters::Serving(serving::Parameters::ReceiptWindow(serving::ReceiptWindow, Some(0))),
			RuntimeParameters::Serving(serving::Parameters::SessionClosing(serving::SessionClosing, Some(0))),
			RuntimeParameters::Disputes(disputes::Parameters::Bond(disputes::Bond, Some(Balance::MAX))),
		] {
			assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), parameter));
		}
		assert_eq!(<Runtime as pallet_datasets::Config>::SealWindow::get(), 10);
		assert_eq!(<Runtime as pallet_datasets::Config>::RevealWindow::get(), 10);
		assert_eq!(<Runtime as pallet_datasets::Config>::AppealWindow::get(), 100);
		assert_eq!(<Runtime as pallet_datasets::Config>::MinAuditors::get(), 2);
		assert_eq!(<Runtime as pallet_inference::Config>::CaptureWindow::get(), 10);
		assert_eq!(<Runtime as pallet_inference::Config>::ChallengeWindow::get(), 100);
		assert_eq!(<Runtime as pallet_inference::Config>::SessionClosing::get(), 100);
		assert_eq!(<Runtime as pallet_answers::Config>::Bond::get(), 100 * UNIT);
	});
}

#[test]
fn pallets_refuse_what_no_majority_may_do_even_to_root() {
	chain_of(3).execute_with(|| {
		// As on a network.
		DayLength::<Runtime>::kill();
		let root = RuntimeOrigin::root;
		// More than the highest inflation, more than the whole.
		let greedy = Budget { inflation: 100_001, ..Budget::default() };
		let shares = EnvelopeShares { learning: 600_000, validation: 600_000, ..Default::default() };
		for budget in [greedy, Budget { shares, ..Budget::default() }] {
			let invalid = pallet_ledger::Error::<Runtime>::BudgetInvalid;
			assert_noop!(Ledger::set_budget(root(), budget), invalid);
		}
		for amount in [Balance::MAX, 1_000_000_000 * UNIT] {
			assert!(Ledger::advance(Envelope::Treasury, amount).is_err());
		}
		// Disputes stay possible whatever their parameters are set to.
		use blyan_runtime::parameters::{disputes, learning, RuntimeParameters};
		for parameter in [
			RuntimeParameters::Disputes(disputes::Parameters::Clock(disputes::Clock, Some(0))),
			RuntimeParameters::Disputes(disputes::Parameters::DemandWindow(disputes::DemandWindow, Some(0))),
			RuntimeParameters::Disputes(disputes::Parameters::Bond(disputes::Bond, Some(Balance::MAX))),
			RuntimeParameters::Learning(learning::Parameters::ChallengeWindow(
				learning::ChallengeWindow,
				Some(0),
			)),
			RuntimeParameters::Learning(learning::Parameters::MinCommittee(learning::MinCommittee, Some(0))),
		] {
			assert_ok!(Parameters::set_parameter(root(), parameter));
		}
		assert_eq!(<Runtime as pallet_disputes::Config>::Clock::get(), 100);
		assert_eq!(<Runtime as pallet_disputes::Config>::DemandWindow::get(), 100);
		assert_eq!(<Runtime as pallet_disputes::Config>::Bond::get(), 100 * UNIT);
		assert_eq!(<Runtime as pallet_proof_of_learning::Config>::ChallengeWindow::get(), 100);
		assert_eq!(<Runtime as pallet_proof_of_learning::Config>::MinCommittee::get(), 2);
		// No brake is held for ever.
		assert_ok!(SafeMode::force_enter(root()));
		assert_noop!(SafeMode::force_extend(root()), BadOrigin);
		let name = |text: &str| text.as_bytes().to_vec();
		let full = (name("Balances").try_into().unwrap(), name("burn").try_into().unwrap());
		assert_noop!(TxPause::pause(root(), full), BadOrigin);
		let pause = |pallet: &str, call: &str, blocks| {
			let (pallet, call) = (name(pallet).try_into().unwrap(), name(call).try_into().unwrap());
			Emergencies::pause_call(root(), pallet, call, blocks)
		};
		let unpausable = || pallet_tx_pause::Error::<Runtime>::Unpausable;
		for (pallet, call) in [
			("Disputes", "challenge"),
			("Slashing", "appeal"),
			("RankedCollective", "vote"),
			("Operators", "exit"),
			("Emergencies", "propose"),
		] {
			assert_noop!(pause(pallet, call, 10), unpausable());
		}
		assert_noop!(pause("Balances", "bern", 10), pallet_tx_pause::Error::<Runtime>::NotFound);
		assert_noop!(pause("Balances", "burn", 50_000), pallet_emergencies::Error::<Runtime>::PauseLength);
	});
}

#[test]
fn emergency_stops_transfers_in_the_block_of_the_deciding_voice_and_ends_by_itself() {
	chain_of(10).execute_with(|| {
		let began = System::block_number();
		let why = || b"a key of the release was stolen".to_vec().try_into().unwrap();
		let act = |action| Emergencies::propose(signed(operator(0)), Kind::Breach, action, why());
		assert_ok!(act(Action::Pause));
		for number in 1..6 {
			pass(u32::from(number % 2 == 0));
			assert_ok!(Emergencies::support(signed(operator(number)), 0));
		}
		assert!(pallet_safe_mode::EnteredUntil::<Runtime>::get().is_none(), "six of ten do not suffice");
		assert_ok!(Emergencies::support(signed(operator(6)), 0));
		assert!(System::block_number() - began < 5);
		let until = pallet_safe_mode::EnteredUntil::<Runtime>::get().expect("it is entered");
		assert_eq!(until, System::block_number() + 3 * DayLength::<Runtime>::get());
		let transfer: RuntimeCall =
			pallet_balances::Call::transfer_keep_alive { dest: Eve.to_account_id().into(), value: UNIT }
				.into();
		let try_transfer =
			|| transfer.clone().dispatch(signed(Dave.to_account_id())).map_err(|error| error.error);
		assert_noop!(try_transfer(), frame_system::Error::<Runtime>::CallFiltered);
		// Meanwhile a referendum is submitted, voted in and carried out by its own power.
		let poll = referendum(
			power(Origin::BudgetAdmin),
			pallet_ledger::Call::set_budget { budget: Budget { inflation: 50_000, ..Budget::default() } }
				.into(),
		);
		votes(poll, 10, 0);
		let left = until + 1 - System::block_number();
		let budget = || pallet_ledger::Budgets::<Runtime>::get().inflation;
		pass(left - 1);
		assert_noop!(try_transfer(), frame_system::Error::<Runtime>::CallFiltered);
		pass(50);
		assert_eq!(budget(), 50_000);
		assert_ok!(try_transfer());
		// It cannot be called again before the chain has run as long as it stood.
		assert_ok!(act(Action::Pause));
		for number in 1..6 {
			assert_ok!(Emergencies::support(signed(operator(number)), 1));
		}
		let again = Emergencies::support(signed(operator(6)), 1);
		assert_noop!(again.map_err(|error| error.error), pallet_emergencies::Error::<Runtime>::Resting);
	});
}

/// Two thirds would be all of those who are left.
#[test]
fn quarantine_by_emergency_changes_no_electorate() {
	chain_of(9).execute_with(|| {
		let operators: Vec<_> = (6..9).map(operator).collect();
		let action = Action::Quarantine { operators: operators.try_into().unwrap() };
		let why = b"they are against us".to_vec().try_into().unwrap();
		assert_ok!(Emergencies::propose(signed(operator(0)), Kind::Breach, action, why));
		for number in 1..6 {
			assert_ok!(Emergencies::support(signed(operator(number)), 0));
		}
		let record = pallet_operators::Operators::<Runtime>::get(operator(8)).expect("it is registered");
		assert!(record.quarantined_until.is_some());
		pass(2 * DayLength::<Runtime>::get());
		let poll = referendum(root(), pallet_sudo::Call::remove_key {}.into());
		votes(poll, 6, 0);
		assert_ok!(RankedCollective::vote(signed(operator(8)), poll, false));
		pass(LONG);
		assert_eq!(is_approved(poll), Some(false));
	});
}

#[test]
fn frozen_account_can_still_appeal_but_not_leave_with_its_money() {
	chain_of(4).execute_with(|| {
		let eve = Eve.to_account_id();
		let accounts = vec![eve.clone()].try_into().unwrap();
		let action = Action::FreezeAccounts { accounts };
		let why = b"it drains the pool".to_vec().try_into().unwrap();
		assert_ok!(Emergencies::propose(signed(operator(0)), Kind::EconomicAttack, action, why));
		for number in 1..3 {
			assert_ok!(Emergencies::support(signed(operator(number)), 0));
		}
		let send =
			|amount| Balances::transfer_allow_death(signed(eve.clone()), Bob.to_account_id().into(), amount);
		assert!(send(100 * UNIT).is_err());
		// Fees and the bonds of appeals can be paid.
		assert_ok!(send(9 * UNIT));
		pass(2 * DayLength::<Runtime>::get());
		assert_ok!(send(100 * UNIT));
	});
}

#[test]
fn lowered_rewards_and_minted_coins_stay_within_the_ledgers_bounds() {
	type Chain = blyan_runtime::configs::EmergencyMeasures;
	chain_of(3).execute_with(|| {
		let (before, during) = Chain::lower_rewards(Permill::from_percent(10)).expect("it is valid");
		assert_eq!((before, during), (100_000, 10_000));
		Chain::restore_rewards(before, during);
		assert_eq!(pallet_ledger::Budgets::<Runtime>::get(), Budget::default());
		assert_noop!(Chain::mint(Balance::MAX), pallet_ledger::Error::<Runtime>::YearExhausted);
		assert_ok!(Chain::mint(UNIT));
		assert!(Chain::quarantine(&Dave.to_account_id()).is_err(), "it operates nothing");
		assert_ok!(Chain::quarantine(&operator(0)));
		let generation = Chain::checkpoint(0).expect("it is the genesis model");
		Chain::release(0, generation);
		assert!(Chain::checkpoint(9).is_err());
	});
}

#[test]
fn emergencies_freeze_no_account_of_the_chain() {
	chain_of(1).execute_with(|| {
		let accounts = vec![TreasuryAccount::get()].try_into().unwrap();
		let why = b"no".to_vec().try_into().unwrap();
		let outcome = Emergencies::propose(
			signed(operator(0)),
			Kind::EconomicAttack,
			Action::FreezeAccounts { accounts },
			why,
		);
		assert_noop!(outcome.map_err(|error| error.error), pallet_emergencies::Error::<Runtime>::Exempt);
	});
}

#[test]
fn tracks_are_in_order_and_every_power_has_one() {
	chain_of(1).execute_with(|| {
		assert_ok!(Tracks::check_integrity());
		for plan in &PLANS {
			let caller = plan.power.map_or_else(root, power);
			assert_eq!(Tracks::track_for(&caller), Ok(plan.id));
			let info = Tracks::info(plan.id).expect("it is a track");
			assert!(info.confirm_period > 0 && info.prepare_period > 0 && info.min_enactment_period > 0);
			let (part, whole) = plan.approval;
			assert!(
				2 * part > whole && 2 * plan.support.0 >= plan.support.1,
				"{}: a minority decides",
				plan.name
			);
		}
		let account = OriginCaller::system(RawOrigin::Signed(Alice.to_account_id()));
		assert_eq!(Tracks::track_for(&account), Err(()));
	});
}

/// Each referendum has its electorate until its end: a track's queue is as long as it may be, and every decision takes all of its time.
#[test]
fn electorates_are_kept_longer_than_any_poll_takes() {
	let queued: u32 = <Runtime as pallet_referenda::Config>::MaxQueued::get();
	let rounds = 1 + queued.div_ceil(blyan_runtime::governance::tracks::DECIDING_MAX);
	let days: u32 = <Runtime as pallet_operator_voting::Config>::ElectorateDays::get();
	let kept = 24 * days;
	for plan in &PLANS {
		let longest = 24 * UNDECIDING_DAYS + plan.prepare + (rounds + 1) * (plan.decision + plan.confirm);
		assert!(longest < kept, "{}: {longest} hours", plan.name);
	}
}

#[test]
fn appeal_is_judged_before_its_time_is_over() {
	let judge = PLANS.iter().find(|plan| plan.name == "judge").expect("there is one");
	assert!(judge.prepare + judge.decision + judge.confirm + judge.enactment < 7 * 24);
}
