//! The chain and eight accounts: its genesis, its blocks, what enters them, and what must hold after each.

use crate::{
	chooser::Chooser,
	common,
	coverage::Coverage,
	lab::{Lab, Told},
	promises::{Finding, Offer},
};
use blyan_primitives::{possession_payload, OperatorId, OperatorSignature};
use blyan_runtime::{
	extension, parameters, refusals::certain_failure, AccountId, AllPalletsWithSystem, Balances, Executive,
	Header, Parameters, RelayRandomness, Runtime, RuntimeCall, RuntimeEvent, RuntimeOrigin, System,
	TxExtension, UncheckedExtrinsic, UNIT,
};
use codec::Encode;
use cumulus_pallet_parachain_system::OnSystemEvent;
use cumulus_primitives_core::PersistedValidationData;
use frame_support::{
	dispatch::{DispatchClass, GetDispatchInfo, Pays},
	storage::{with_transaction, TransactionOutcome},
	traits::{GetCallMetadata, Hooks, OnIdle, TryState, TryStateSelect},
};
use sp_consensus_aura::{Slot, AURA_ENGINE_ID};
use sp_core::{Pair, H256};
use sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET;
use sp_io::hashing::blake2_256;
use sp_keyring::Sr25519Keyring::{self, *};
use sp_runtime::{
	generic::{Digest, DigestItem, Era},
	traits::Dispatchable,
	transaction_validity::{InvalidTransaction, TransactionValidityError},
	DispatchError,
};
use std::{
	cell::RefCell,
	collections::{HashMap, VecDeque},
	rc::Rc,
	time::Instant,
};

/// The accounts.
pub const ACCOUNTS: [Sr25519Keyring; 8] = [Alice, Bob, Charlie, Dave, Eve, Ferdie, AliceStash, BobStash];
/// Session keys that each account may take in turn.
const KEYS_EACH: u64 = 3;
/// Calls that are remembered for the report of a failure.
const REMEMBERED: usize = 12;

/// A call, and in whose name.
#[derive(Clone, Debug)]
pub enum Deed {
	/// Signed by an account.
	Signed(usize, RuntimeCall),
	/// Carries its own authority, or claims to.
	Authorized(RuntimeCall),
}

/// An episode: the chain, the accounts, and what they know.
pub struct World<'a> {
	/// Makes the choices.
	pub choose: Chooser,
	/// Computes.
	pub lab: &'a mut Lab,
	/// All that was seen.
	pub seen: Coverage,
	/// Claims that an account can open, by digest: one for each part.
	pub told: HashMap<H256, Rc<Vec<Told>>>,
	/// Secrets of audits, by commitment.
	pub secrets: HashMap<H256, H256>,
	/// Submissions that an account has committed to.
	pub offers: Vec<Offer>,
	/// Findings that an account has committed to.
	pub findings: Vec<Finding>,
	/// Preimages that an account noted.
	pub preimages: Vec<Vec<u8>>,
	/// Calls behind multisig operations, by account.
	pub approvals: Vec<(usize, RuntimeCall)>,
	keys: Vec<(OperatorId, sp_core::sr25519::Pair)>,
	relay_parent: u32,
	slot: u64,
	remembered: VecDeque<Deed>,
	event_names: HashMap<Vec<u8>, String>,
	calls_left: usize,
}

/// The genesis with the tiny model.
pub fn genesis(lab: &Lab) -> sp_io::TestExternalities {
	let patch =
		blyan_runtime::genesis_presets::with_model(LOCAL_TESTNET_RUNTIME_PRESET, &lab.manifest().to_string());
	common::chain_from(patch.expect("the manifest is one"))
}

/// Short windows, small committees and samples, so that much happens in few blocks.
fn hasten() {
	use parameters::RuntimeParameters;
	macro_rules! set {
		($group:ident, $module:ident, $($key:ident = $value:expr),*) => {
			$(Parameters::set_parameter(RuntimeOrigin::root(), RuntimeParameters::$group(
				parameters::$module::Parameters::$key(parameters::$module::$key, Some($value)),
			)).expect("root may");)*
		};
	}
	set!(
		Learning,
		learning,
		SampleSize = 4,
		Alpha = 400_000,
		CommitteeSize = 3,
		SecondCommitteeSize = 2,
		MinAttestations = 2,
		PowBits = 4,
		TrustedPowBits = 2,
		SealWindow = 12,
		RevealWindow = 8,
		ChallengeWindow = 40,
		BytesWindow = 60,
		DrawWindow = 60,
		GuardTolerance = 60_000,
		GuardBudget = 120_000,
		CommitLifetime = 300,
		QuorumStake = sp_runtime::Perbill::from_percent(30)
	);
	set!(Disputes, disputes, Clock = 40, DemandWindow = 30);
	set!(
		Audits,
		audits,
		AuditPeriod = 60,
		TrapShare = 300_000,
		AuditSample = 3,
		PresentWindow = 15,
		VoteWindow = 15,
		RevealWindow = 12,
		DisputeWindow = 40
	);
}

impl<'a> World<'a> {
	/// Begins the chain: call inside of its externalities.
	pub fn begin(input: &[u8], calls: usize, lab: &'a mut Lab) -> Self {
		let choose = Chooser::new(input);
		lab.forget();
		let keys = ACCOUNTS.iter().flat_map(|who| {
			(0..KEYS_EACH).map(move |turn| match turn {
				0 => who.pair(),
				_ => sp_core::sr25519::Pair::from_seed(&blake2_256(&(who.to_account_id(), turn).encode())),
			})
		});
		let mut world = Self {
			choose,
			lab,
			seen: Coverage { episodes: 1, ..Default::default() },
			told: HashMap::new(),
			secrets: HashMap::new(),
			offers: Vec::new(),
			findings: Vec::new(),
			preimages: Vec::new(),
			approvals: Vec::new(),
			keys: keys.map(|pair| (OperatorId::from(pair.public()), pair)).collect(),
			relay_parent: 100,
			slot: 10,
			remembered: VecDeque::new(),
			event_names: HashMap::new(),
			calls_left: calls,
		};
		world.open_block();
		hasten();
		for who in 3..7 {
			let call = world.registration(who, UNIT * 1_000);
			world.send(Deed::Signed(who, call));
		}
		world.next_block();
		world
	}

	/// A registration of an evaluator.
	pub fn registration(&mut self, who: usize, bond_max: u128) -> RuntimeCall {
		let key = self.choose.below(KEYS_EACH as usize);
		let (key, proof) = self.possession(who, key);
		let profile = pallet_operators::OperatorProfile {
			capabilities: pallet_operators::Capabilities::EVALUATE,
			hardware: blyan_primitives::hardware_root(&hardware(who)),
			..Default::default()
		};
		pallet_operators::Call::register { profile, key, proof, bond_max }.into()
	}

	/// A session key of an account's, and the proof that it has it.
	pub fn possession(&self, who: usize, turn: usize) -> (OperatorId, OperatorSignature) {
		let (key, pair) = &self.keys[who * KEYS_EACH as usize + turn % KEYS_EACH as usize];
		let payload = possession_payload(&System::block_hash(0), &account(who));
		(key.clone(), pair.sign(&payload).into())
	}

	/// All that the key of an operator, as it is now or would be, signs. Now and then it is the wrong key, or a broken signature.
	pub fn sign(&mut self, who: &AccountId, payload: &[u8]) -> Option<(OperatorId, OperatorSignature)> {
		let operator = pallet_operators::Operators::<Runtime>::get(who)?;
		let (key, pair) = self.keys.iter().find(|(key, _)| *key == operator.key)?;
		let (key, mut signature) = (key.clone(), pair.sign(payload));
		match self.choose.below(48) {
			0 => signature.0[7] ^= 1,
			1 => return self.choose.pick(&self.keys).map(|(key, pair)| (key, pair.sign(payload).into())),
			_ => {}
		}
		Some((key, signature.into()))
	}

	/// True if calls are left to be made.
	pub fn goes_on(&self) -> bool {
		self.calls_left > 0
	}

	/// The chain's number of the block that is open.
	pub fn now(&self) -> u32 {
		System::block_number()
	}

	/// Lets the relay chain go on by so many blocks more than usual.
	pub fn jump_relay(&mut self, blocks: u32) {
		self.relay_parent += blocks;
		self.slot += u64::from(blocks);
	}

	fn open_block(&mut self) {
		let number = System::block_number() + 1;
		self.relay_parent += 1;
		self.slot += 1;
		let parent_hash =
			if number == 1 { System::block_hash(0) } else { H256(blake2_256(&(number, self.slot).encode())) };
		let slot = DigestItem::PreRuntime(AURA_ENGINE_ID, Slot::from(self.slot).encode());
		let digest = Digest { logs: vec![slot] };
		let zero = H256::zero();
		Executive::initialize_block(&Header {
			parent_hash,
			number,
			state_root: zero,
			extrinsics_root: zero,
			digest,
		});
		// What the inherents do: the clock, and the randomness of the relay parent.
		pallet_timestamp::Now::<Runtime>::put(self.slot * blyan_runtime::SLOT_DURATION);
		let seed = H256(blake2_256(&(b"relay", self.relay_parent, self.choose.decided(&number)).encode()));
		use blyan_runtime::randomness::{Seed, SeedRecord};
		Seed::<Runtime>::put(SeedRecord {
			seed,
			since: number,
			#[cfg(feature = "next")]
			values: 1,
		});
		RelayRandomness::on_validation_data(&PersistedValidationData {
			relay_parent_number: self.relay_parent,
			..Default::default()
		});
	}

	fn close_block(&mut self) {
		let number = System::block_number();
		System::note_finished_extrinsics();
		let max = blyan_runtime::configs::RuntimeBlockWeights::get().max_block;
		let left = max.saturating_sub(System::block_weight().total());
		let used = AllPalletsWithSystem::on_idle(number, left);
		System::register_extra_weight_unchecked(used, DispatchClass::Mandatory);
		self.fail_unless(used.all_lte(left), "hooks took more than was left");
		let total = System::block_weight().total();
		// The SDK books a whole block for the end of a session.
		let is_session_end = number.is_multiple_of(6 * blyan_runtime::HOURS);
		self.fail_unless(is_session_end || total.all_lte(max), &format!("the block weighs {total:?}"));
		// Without inherents the parachain system and the clock have nothing to finish.
		blyan_runtime::TransactionPayment::on_finalize(number);
		blyan_runtime::Authorship::on_finalize(number);
		blyan_runtime::AuraExt::on_finalize(number);
		self.check();
		for record in System::read_events_no_consensus() {
			self.note_event(&record.event);
		}
		frame_support::storage::unhashed::kill(&frame_support::storage::storage_prefix(
			b"System",
			b"BlockSize",
		));
		frame_system::BlockHash::<Runtime>::remove(number.saturating_sub(4_096).max(1));
		self.seen.blocks += 1;
	}

	/// Ends the block, checks everything, and begins the next one.
	pub fn next_block(&mut self) {
		self.close_block();
		self.open_block();
	}

	/// So many blocks later. Of a long time every hour's first block is made, where periods end, and the last ones.
	pub fn skip(&mut self, blocks: u32) {
		let until = System::block_number() + blocks;
		while System::block_number() < until {
			let (number, left) = (System::block_number(), until - System::block_number());
			let hour = (number / blyan_runtime::HOURS + 1) * blyan_runtime::HOURS;
			if left > 80 && hour > number + 1 {
				let to = (hour - 1).min(until - 60);
				self.jump_relay(to - number);
				self.close_block();
				System::set_block_number(to);
				self.open_block();
			} else {
				self.next_block();
			}
		}
	}

	fn note_event(&mut self, event: &RuntimeEvent) {
		let code = event.using_encoded(|bytes| bytes[..2].to_vec());
		let name = self.event_names.entry(code).or_insert_with(|| {
			let text = format!("{event:?}");
			let end = text.find(" {").unwrap_or(text.len());
			text[..end].trim_end_matches(')').replace("(Event::", ".")
		});
		self.seen.event(name.clone());
		use pallet_disputes::Event::GameEnded;
		match event {
			RuntimeEvent::Disputes(GameEnded { refuted, end, .. }) => {
				let [first, second] = refuted;
				for (lost, side) in [(*first, "first"), (*second, "second")] {
					if lost {
						self.seen.event(format!("Disputes.GameEnded {side} lost"));
					}
				}
				self.seen.event(format!("Disputes.GameEnded by {end:?}"));
			}
			RuntimeEvent::ProofOfLearning(pallet_proof_of_learning::Event::Rejected { reason, .. }) => {
				let reason = format!("{reason:?}");
				let end = reason.find([' ', '(', '{']).unwrap_or(reason.len());
				self.seen.event(format!("ProofOfLearning.Rejected {}", &reason[..end]))
			}
			RuntimeEvent::Sudo(pallet_sudo::Event::Sudid { sudo_result: Ok(()) }) => {
				self.seen.event("Sudo.Sudid Ok".into())
			}
			_ => {}
		}
	}

	/// All that must hold after every block.
	fn check(&self) {
		if let Err(error) = AllPalletsWithSystem::try_state(System::block_number(), TryStateSelect::All) {
			self.fail(&format!("an invariant is broken: {error:?}"));
		}
		let accounts = frame_system::Account::<Runtime>::iter_values();
		let owned: u128 = accounts.map(|account| account.data.free + account.data.reserved).sum();
		self.fail_unless(owned == Balances::total_issuance(), "accounts do not add up to the issuance");
	}

	fn fail_unless(&self, holds: bool, what: &str) {
		if !holds {
			self.fail(what);
		}
	}

	/// Ends the run.
	pub fn fail(&self, what: &str) -> ! {
		panic!("{what}\nin block {}", System::block_number());
	}

	/// Sends a call, as a transaction of its own.
	pub fn send(&mut self, deed: Deed) {
		self.calls_left = self.calls_left.saturating_sub(1);
		if self.remembered.len() == REMEMBERED {
			self.remembered.pop_front();
		}
		self.remembered.push_back(deed.clone());
		let (call, extrinsic) = match &deed {
			Deed::Signed(who, call) => (call, signed(*who, call.clone())),
			Deed::Authorized(call) => (call, authorized(call.clone())),
		};
		let metadata = call.get_call_metadata();
		let name = format!("{}.{}", metadata.pallet_name, metadata.function_name);
		let declared = call.get_dispatch_info().call_weight.ref_time() / 1_000;
		// What is refused must fail, even a block later. Calls that dispatch others may succeed without doing anything.
		let refusal = match &deed {
			Deed::Signed(_, RuntimeCall::Utility(_) | RuntimeCall::Proxy(_) | RuntimeCall::Multisig(_))
			| Deed::Authorized(_) => None,
			Deed::Signed(who, call) => certain_failure(&account(*who), call),
		};
		let mut began = Instant::now();
		let mut outcome = apply(extrinsic.clone());
		let full = Err(TransactionValidityError::Invalid(InvalidTransaction::ExhaustsResources));
		if outcome == full {
			self.seen.full_blocks += 1;
			self.next_block();
			began = Instant::now();
			outcome = apply(match &deed {
				Deed::Signed(who, call) => signed(*who, call.clone()),
				Deed::Authorized(_) => extrinsic.clone(),
			});
		}
		let took = began.elapsed();
		let text = match &outcome {
			Ok(Ok(())) => "Ok".to_string(),
			Ok(Err(DispatchError::Module(error))) => error.message.unwrap_or("unnamed").to_string(),
			Ok(Err(error)) => format!("{error:?}"),
			Err(TransactionValidityError::Invalid(reason)) => format!("{reason:?}"),
			Err(TransactionValidityError::Unknown(reason)) => format!("{reason:?}"),
		};
		self.seen.note(&name, &text, took, declared);
		if outcome == Ok(Ok(())) {
			self.fail_unless(
				refusal.is_none(),
				&format!("{name} succeeds, and the pool would say {refusal:?}"),
			);
			self.ensure_paid_once(&deed, &name, extrinsic);
		}
	}

	/// Nothing that is free can be had twice.
	fn ensure_paid_once(&mut self, deed: &Deed, name: &str, extrinsic: UncheckedExtrinsic) {
		let again = |act: &dyn Fn() -> bool| {
			with_transaction(|| TransactionOutcome::Rollback(Ok::<bool, DispatchError>(act())))
				.unwrap_or_default()
		};
		match deed {
			Deed::Authorized(_) => {
				self.seen.replays += 1;
				let twice = again(&|| Executive::apply_extrinsic(extrinsic.clone()) == Ok(Ok(())));
				self.fail_unless(!twice, &format!("{name} was had twice without a fee"));
			}
			// Root pays nothing.
			Deed::Signed(_, RuntimeCall::Sudo(_)) => {}
			Deed::Signed(who, call) => {
				let last = System::read_events_no_consensus().filter_map(|record| match record.event {
					RuntimeEvent::System(frame_system::Event::ExtrinsicSuccess { dispatch_info }) => {
						Some(dispatch_info.pays_fee)
					}
					_ => None,
				});
				let may_be_free = matches!(
					call,
					RuntimeCall::ProofOfLearning(_)
						| RuntimeCall::Operators(_)
						| RuntimeCall::Disputes(_)
						| RuntimeCall::Slashing(_)
						| RuntimeCall::Audits(_)
				);
				// Other pallets take back a fee in few places; their calls are looked at now and then.
				if !may_be_free && !self.seen.tried().is_multiple_of(16) {
					return;
				}
				if last.last() != Some(Pays::No) {
					return;
				}
				self.seen.replays += 1;
				let origin = || RuntimeOrigin::signed(account(*who));
				let twice =
					again(&|| call.clone().dispatch(origin()).is_ok_and(|done| done.pays_fee == Pays::No));
				self.fail_unless(!twice, &format!("{name} was had twice without a fee"));
			}
		}
	}

	/// The end of the episode.
	pub fn end(mut self) -> Coverage {
		self.close_block();
		std::mem::take(&mut self.seen)
	}
}

thread_local! {
	static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps errors in the log: there the SDK says which invariant is broken.
struct Errors;

impl log::Log for Errors {
	fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
		metadata.level() == log::Level::Error
	}

	fn log(&self, record: &log::Record<'_>) {
		if self.enabled(record.metadata()) {
			LOGGED.with_borrow_mut(|errors| {
				errors.truncate(REMEMBERED);
				errors.insert(0, format!("{}: {}", record.target(), record.args()));
			});
		}
	}

	fn flush(&self) {}
}

/// Listens to the log.
pub fn listen() {
	if log::set_logger(&Errors).is_ok() {
		log::set_max_level(log::LevelFilter::Error);
	}
}

impl Drop for World<'_> {
	/// The last calls belong to the report of every failure, those that panic in a pallet included.
	fn drop(&mut self) {
		if std::thread::panicking() {
			let last: Vec<String> = self.remembered.iter().map(|deed| format!("{deed:.600?}")).collect();
			eprintln!("the last calls were\n{}", last.join("\n"));
			LOGGED.with_borrow(|errors| eprintln!("the last errors in the log were\n{}", errors.join("\n")));
		}
	}
}

/// An account's address.
pub fn account(who: usize) -> AccountId {
	ACCOUNTS[who % ACCOUNTS.len()].to_account_id()
}

/// Which of the eight an account is.
pub fn number_of(who: &AccountId) -> Option<usize> {
	(0..ACCOUNTS.len()).find(|number| account(*number) == *who)
}

/// The machine of an account.
pub fn hardware(who: usize) -> blyan_primitives::HardwareComponents {
	core::array::from_fn(|at| blyan_primitives::HardwareComponent {
		identifier: H256::repeat_byte((who * 8 + at + 1) as u8),
		salt: H256::repeat_byte(at as u8),
	})
}

/// As the author of a block does it: what is no valid transaction leaves no trace.
fn apply(extrinsic: UncheckedExtrinsic) -> sp_runtime::ApplyExtrinsicResult {
	with_transaction(|| {
		let outcome = Executive::apply_extrinsic(extrinsic);
		match outcome {
			Ok(_) => TransactionOutcome::Commit(Ok::<_, DispatchError>(outcome)),
			Err(_) => TransactionOutcome::Rollback(Ok(outcome)),
		}
	})
	.unwrap()
}

fn signed(who: usize, call: RuntimeCall) -> UncheckedExtrinsic {
	let signer = ACCOUNTS[who];
	common::signed(signer, call, System::account_nonce(signer.to_account_id()))
}

fn authorized(call: RuntimeCall) -> UncheckedExtrinsic {
	let extension: TxExtension = extension(0, 0, Era::Immortal);
	UncheckedExtrinsic::new_transaction(call, extension)
}
