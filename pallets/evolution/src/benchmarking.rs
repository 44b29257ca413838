//! Worst cases of every call, and of what happens without being asked.
//!
//! As many operators are registered as there may be, a committee is as large as it can be, and a third of all voices endorse what is tried.

use crate::{
	ArchitectureBytes, BalanceOf, Call, Comparison, Config, Credits, Current, EndorsementRecord,
	Endorsements, EpochRecord, EpochRecordOf, Evaluation, EvaluationRecord, EvaluationRecordOf, Event,
	GpuOfferRecord, GpuOffers, History, HoldReason, NetworkProposal, NextEpoch, NextProposal, Pallet,
	ProposalRecord, ProposalRecordOf, Proposals, ReservationState, Seat, SeatState, Tokenizers, WeightInfo,
	PARTS_MAX,
};
use alloc::{vec, vec::Vec};
use blyan_exact::definition2::{
	Activation, Architecture, Bits, FeedForward, LayerShape, Network, QkNorm, Routing, WeightKind,
};
use blyan_primitives::{
	evolution::{
		BenchmarkFinding, BenchmarkOutcome, EpochPhase, EvaluationStep, EvolutionKind, EvolutionMessage,
		ExpertBounds, LineVersion, ModelRecord, Proposal, SuiteChoice, SuiteName, SuiteOutcome, Tally,
		TokenizerRef, ENDS_MAX, RECORD_LAYERS_MAX,
	},
	expert_bytes, part_bytes, record_id,
	traits::{OpenModel, OpenModels, OperatorSet},
	voting::Electorates,
	BlobRef, BlockRef, ModelId, OperatorId, OperatorSignature,
};
use codec::Encode;
use frame_benchmarking::{account, v2::*};
use frame_support::{
	pallet_prelude::{Get, TransactionSource},
	traits::{
		fungible::{MutateHold, Unbalanced},
		tokens::Precision,
		Authorize, EnsureOrigin,
	},
	BoundedVec,
};
use frame_system::RawOrigin;
use sp_core::H256;
use sp_runtime::{
	traits::{Saturating, Zero},
	RuntimeAppPublic,
};

const SALT: H256 = H256([8; 32]);
const DRAW: H256 = H256([7; 32]);

fn assert_last_event<T: Config>(event: Event<T>) {
	let event: <T as frame_system::Config>::RuntimeEvent = event.into();
	frame_system::Pallet::<T>::assert_last_event(event);
}

fn suites<T: Config>() -> Vec<SuiteChoice> {
	SuiteName::ALL.map(|suite| SuiteChoice { suite, tasks: T::TasksMin::get() }).to_vec()
}

fn proposal<T: Config>(base: u32) -> Proposal {
	Proposal {
		kind: EvolutionKind::ScaleExperts,
		base,
		difficulty: 2,
		minimum_ppm: 150_000,
		suites: BoundedVec::truncate_from(suites::<T>()),
		gpu_hours: 24,
		recipe: H256([1; 32]),
		description: H256([2; 32]),
	}
}

fn finding<T: Config>() -> BenchmarkFinding {
	let outcome = |choice: SuiteChoice| SuiteOutcome {
		suite: choice.suite,
		base: Tally { right: 1, total: choice.tasks },
		candidate: Tally { right: choice.tasks, total: choice.tasks },
		base_root: H256([3; 32]),
		candidate_root: H256([4; 32]),
	};
	let suites = suites::<T>().into_iter().map(outcome).collect();
	BenchmarkFinding::Measured(BenchmarkOutcome { suites: BoundedVec::truncate_from(suites) })
}

/// An architecture with so many parts, and with routed experts in its first layer.
fn architecture(parts: u32, experts: u32) -> Architecture {
	let kind = WeightKind::Int8;
	let expert = FeedForward { hidden: 32, gate: kind, up: kind, down: kind };
	let layer = |network| LayerShape { query: kind, key: kind, value: kind, output: kind, network };
	let routing = Routing {
		experts: experts as u16,
		top_k: 1,
		normalised: true,
		router: kind,
		expert,
		shared: Some(expert),
		adapter_rank: None,
	};
	let others = (3..parts).map(|_| layer(Network::Dense(expert)));
	Architecture {
		d_model: 32,
		heads: 1,
		kv_heads: 1,
		head_size: 32,
		vocabulary: 32,
		context: 32,
		fraction: 12,
		eps: 1,
		bits: Bits { input: 8, output: 8, hidden: 8 },
		biases: false,
		qk_norm: QkNorm::None,
		sub_norms: false,
		activation: Activation::SwiGlu,
		embedding: kind,
		head: None,
		layers: core::iter::once(layer(Network::Routed(routing))).chain(others).collect(),
	}
}

/// A block of this number and length, that no other number has.
fn block(number: u32, bytes: Option<u64>) -> BlockRef {
	let hash = |domain: u8| H256(sp_io::hashing::blake2_256(&(domain, number).encode()));
	let size = bytes.and_then(|bytes| u32::try_from(bytes).ok()).expect("a small part of the model; qed");
	BlockRef { tensor_root: hash(0), blob: BlobRef { hash: hash(1), size } }
}

/// Parts and experts of an architecture, numbered from `first`.
fn blocks(first: u32, architecture: &Architecture) -> (Vec<BlockRef>, Vec<BlockRef>) {
	let parts = (first..).zip(architecture.parts());
	let parts = parts.map(|(number, part)| block(number, part_bytes(architecture, part))).collect();
	let bytes = expert_bytes(architecture, 0);
	let heads = (0..architecture.experts())
		.map(|expert| block(first.saturating_add(1_000).saturating_add(expert), bytes));
	(parts, heads.collect())
}

/// Registers a base of 128 layers and names its tokenizer.
fn found<T: Config>(experts: u32, parts: u32) -> ModelId {
	let architecture = architecture(parts, experts);
	let (parts, heads) = blocks(1_000_000, &architecture);
	let model = OpenModel { name: b"base".to_vec(), architecture: architecture.to_bytes(), parts, heads };
	let base = T::Models::register(model).expect("there is room for a model");
	Tokenizers::<T>::insert(base, tokenizer());
	base
}

fn tokenizer() -> TokenizerRef {
	let blob = BlobRef { hash: H256([6; 32]), size: 1 };
	TokenizerRef { blob, ends: BoundedVec::truncate_from(vec![0; ENDS_MAX as usize]) }
}

fn record(architecture: &Architecture) -> ArchitectureBytes {
	BoundedVec::truncate_from(architecture.to_bytes())
}

/// Gives an account what it can put on hold.
fn endow<T: Config>(who: &T::AccountId) {
	let enough: BalanceOf<T> = u32::MAX.into();
	let amount = T::ProposalDeposit::get()
		.saturating_add(T::EndorsementBond::get())
		.saturating_add(T::DepositPerBlock::get().saturating_mul(10_000u32.into()))
		.saturating_add(enough);
	frame_system::Pallet::<T>::inc_providers(who);
	T::Currency::increase_balance(who, amount, Precision::BestEffort).expect("the issuance has room");
}

/// An epoch in a phase that lasts.
fn enter<T: Config>(phase: EpochPhase, selected: Option<u32>, comparison: Option<Comparison>) {
	let now = Pallet::<T>::now();
	let epoch: EpochRecordOf<T> = EpochRecord {
		id: 0,
		opened_at: now,
		phase,
		until: now.saturating_add(1_000u32.into()),
		next_at: now.saturating_add(10_000u32.into()),
		electorate: None,
		voices: T::MaxVoices::get(),
		selected,
		comparison,
		outcome: None,
	};
	NextEpoch::<T>::put(1);
	Current::<T>::put(epoch);
}

/// The proposal 0 of an account.
fn insert_proposal<T: Config>(who: &T::AccountId, base: ModelId, target: &Architecture, endorsements: u32) {
	endow::<T>(who);
	let deposit = T::ProposalDeposit::get();
	T::Currency::hold(&HoldReason::Proposal.into(), who, deposit).expect("it was endowed");
	let record: ProposalRecordOf<T> = ProposalRecord {
		proposer: who.clone(),
		proposal: proposal::<T>(base),
		architecture: record_id(&target.to_bytes()),
		feasibility: 1,
		endorsements,
		deposit,
		candidate_deposit: Zero::zero(),
	};
	Proposals::<T>::insert(0, record);
	NextProposal::<T>::put(1);
}

/// An evaluation by the largest committee, of what a third of the operators endorsed.
fn evaluate<T: Config>(
	step: EvaluationStep,
	state: impl Fn(&T::AccountId) -> SeatState,
) -> Vec<(T::AccountId, OperatorId)> {
	let operators = T::Operators::ensure_operators_for_benchmark(T::MaxVoices::get());
	let endorsers = T::MaxVoices::get() / 3;
	insert_proposal::<T>(&account("proposer", 0, 0), 0, &architecture(3, 2), endorsers);
	for (operator, _) in operators.iter().rev().take(endorsers as usize) {
		endow::<T>(operator);
		let bond = T::EndorsementBond::get();
		T::Currency::hold(&HoldReason::Endorsement.into(), operator, bond).expect("it was endowed");
		let endorser = operator.clone();
		Endorsements::<T>::insert(operator, EndorsementRecord { proposal: 0, endorser, bond });
	}
	let comparison = Comparison { candidate: 1, base_generation: 0, is_base_kept: false };
	enter::<T>(EpochPhase::Evaluation, Some(0), Some(comparison));
	let seats = operators.iter().take(T::MaxSeats::get() as usize);
	let seats = seats.map(|(operator, _)| Seat { operator: operator.clone(), state: state(operator) });
	let record: EvaluationRecordOf<T> = EvaluationRecord {
		appointment: 0,
		round: 0,
		draw: DRAW,
		step,
		until: Pallet::<T>::now().saturating_add(1_000u32.into()),
		seats: BoundedVec::truncate_from(seats.collect()),
	};
	Evaluation::<T>::put(record);
	operators
}

fn seal_of<T: Config>(operator: &T::AccountId) -> H256 {
	finding::<T>().seal(&DRAW, &SALT, operator)
}

fn sign<T: Config>(key: &OperatorId, message: &EvolutionMessage) -> OperatorSignature {
	key.sign(&Pallet::<T>::signing_payload(message)).expect("the key is in the keystore")
}

/// An offer of three hours at a credit each, with so many of them reserved.
fn insert_offer<T: Config>(operator: &T::AccountId, reserved: u32, state: ReservationState) {
	let reserved_at = Pallet::<T>::now();
	let offer = GpuOfferRecord { gpus: 1, hours: 3, price: 1, reserved, reserved_at, state };
	GpuOffers::<T>::insert(operator, offer);
}

/// A proposal of an account that is tried.
fn try_proposal_of<T: Config>(who: &T::AccountId) {
	insert_proposal::<T>(who, 0, &architecture(3, 2), 1);
	enter::<T>(EpochPhase::Training, Some(0), None);
}

#[benchmarks]
mod benchmarks {
	use super::*;

	// Both architectures have as many layers as there may be.
	#[benchmark]
	fn propose() {
		let who: T::AccountId = whitelisted_caller();
		endow::<T>(&who);
		let base = found::<T>(2, PARTS_MAX);
		let target = record(&architecture(PARTS_MAX, 3));
		enter::<T>(EpochPhase::Nomination, None, None);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), proposal::<T>(base), target);

		assert!(Proposals::<T>::get(0).is_some_and(|record| record.proposer == who));
	}

	// The epoch's list of voices is not fixed yet.
	#[benchmark]
	fn endorse() {
		let operators = T::Electorates::ensure_electorate_for_benchmark(T::MaxVoices::get());
		let who = operators.last().cloned().expect("there are operators");
		endow::<T>(&who);
		insert_proposal::<T>(&account("proposer", 0, 0), 0, &architecture(3, 2), 0);
		enter::<T>(EpochPhase::Nomination, None, None);

		#[extrinsic_call]
		_(RawOrigin::Signed(who), 0);

		assert!(Proposals::<T>::get(0).is_some_and(|record| record.endorsements == 1));
	}

	// Every block is a blob of its own, none known before, and no model has the architecture.
	#[benchmark]
	fn submit_candidate(p: Linear<3, { PARTS_MAX }>, h: Linear<1, { T::MaxHeads::get().min(512) }>) {
		let who: T::AccountId = whitelisted_caller();
		let base = found::<T>(1, 3);
		let target = architecture(p, h);
		insert_proposal::<T>(&who, base, &target, 1);
		enter::<T>(EpochPhase::Training, Some(0), None);
		let (parts, heads) = blocks(1, &target);
		let (parts, heads) = (BoundedVec::truncate_from(parts), BoundedVec::truncate_from(heads));

		#[extrinsic_call]
		_(RawOrigin::Signed(who), record(&target), parts, heads);

		assert_last_event::<T>(Event::EvaluationAppointed { epoch: 0, round: 0 });
	}

	#[benchmark]
	fn seal() {
		let operators = evaluate::<T>(EvaluationStep::Sealing, |_| SeatState::Waiting);
		let (operator, key) = operators.first().cloned().expect("there are operators");
		let sealed = seal_of::<T>(&operator);
		let signature = sign::<T>(&key, &EvolutionMessage::Seal { epoch: 0, seal: sealed });

		#[extrinsic_call]
		_(RawOrigin::Authorized, 0, sealed, key, signature);

		assert_last_event::<T>(Event::FindingSealed { epoch: 0, operator });
	}

	#[benchmark]
	fn authorize_seal() {
		let operators = evaluate::<T>(EvaluationStep::Sealing, |_| SeatState::Waiting);
		let (operator, key) = operators.first().cloned().expect("there are operators");
		let sealed = seal_of::<T>(&operator);
		let signature = sign::<T>(&key, &EvolutionMessage::Seal { epoch: 0, seal: sealed });
		let call = Call::<T>::seal { epoch: 0, seal: sealed, key, signature };

		#[block]
		{
			call.authorize(TransactionSource::External)
				.expect("it knows how to authorise itself")
				.expect("it is the evaluator's");
		}
	}

	#[benchmark]
	fn reveal() {
		let operators =
			evaluate::<T>(EvaluationStep::Revealing, |operator| SeatState::Sealed(seal_of::<T>(operator)));
		let (operator, key) = operators.first().cloned().expect("there are operators");
		let finding = finding::<T>();
		let message = EvolutionMessage::Reveal { epoch: 0, finding: finding.clone(), salt: SALT };
		let signature = sign::<T>(&key, &message);

		#[extrinsic_call]
		_(RawOrigin::Authorized, 0, finding.clone(), SALT, key, signature);

		assert_last_event::<T>(Event::FindingRevealed { epoch: 0, operator, finding });
	}

	#[benchmark]
	fn authorize_reveal() {
		let operators =
			evaluate::<T>(EvaluationStep::Revealing, |operator| SeatState::Sealed(seal_of::<T>(operator)));
		let (_, key) = operators.first().cloned().expect("there are operators");
		let finding = finding::<T>();
		let message = EvolutionMessage::Reveal { epoch: 0, finding: finding.clone(), salt: SALT };
		let signature = sign::<T>(&key, &message);
		let call = Call::<T>::reveal { epoch: 0, finding, salt: SALT, key, signature };

		#[block]
		{
			call.authorize(TransactionSource::External)
				.expect("it knows how to authorise itself")
				.expect("it is the evaluator's");
		}
	}

	#[benchmark]
	fn set_tokenizer() -> Result<(), BenchmarkError> {
		let origin = T::TokenizerOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		let model = found::<T>(1, 3);
		let tokenizer = tokenizer();

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, model, tokenizer.clone());

		assert_last_event::<T>(Event::TokenizerSet { model, tokenizer });
		Ok(())
	}

	/// The deepest model, with as many proposals about another one as there may be.
	#[benchmark]
	fn set_model_record() -> Result<(), BenchmarkError> {
		let origin = T::TokenizerOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		let model = found::<T>(1, PARTS_MAX);
		enter::<T>(EpochPhase::Nomination, None, None);
		insert_proposal::<T>(&account("proposer", 0, 0), model.saturating_add(1), &architecture(3, 2), 0);
		let other = Proposals::<T>::get(0).expect("it was inserted");
		for id in 0..T::MaxProposals::get() {
			Proposals::<T>::insert(id, other.clone());
		}
		let version = LineVersion::default();
		let layers = vec![ExpertBounds { min: 0, max: 64 }; RECORD_LAYERS_MAX as usize];
		let record = ModelRecord {
			version,
			compatible_from: version,
			compatible_to: LineVersion { major: 1, minor: 0 },
			layers: BoundedVec::truncate_from(layers),
			allow_layer_addition: true,
			allow_expert_multiplication: true,
			allow_dimension_scaling: true,
		};

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, model, record.clone());

		assert_last_event::<T>(Event::ModelRecordSet { model, record });
		Ok(())
	}

	#[benchmark]
	fn begin_epoch() -> Result<(), BenchmarkError> {
		let origin = T::EpochOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		T::Electorates::ensure_electorate_for_benchmark(T::MaxVoices::get());

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin);

		assert!(Current::<T>::exists());
		Ok(())
	}

	#[benchmark]
	fn offer_gpus() {
		let operators = T::Operators::ensure_operators_for_benchmark(T::MaxVoices::get());
		let (operator, _) = operators.first().cloned().expect("there are operators");
		enter::<T>(EpochPhase::Nomination, None, None);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator.clone()), 8, 1_000, 2);

		assert_last_event::<T>(Event::GpusOffered { epoch: 0, operator, gpus: 8, hours: 1_000, price: 2 });
	}

	// As many offers as there may be, and as many of them taken as one reservation takes from.
	#[benchmark]
	fn reserve_hours() {
		let who: T::AccountId = whitelisted_caller();
		try_proposal_of::<T>(&who);
		Credits::<T>::insert(&who, 100);
		for (operator, _) in T::Operators::ensure_operators_for_benchmark(T::MaxVoices::get()) {
			insert_offer::<T>(&operator, 0, ReservationState::Open);
		}

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), 24, 1);

		assert_eq!(Credits::<T>::get(&who), 76);
	}

	#[benchmark]
	fn claim_hours() {
		let operator: T::AccountId = whitelisted_caller();
		try_proposal_of::<T>(&account("proposer", 0, 0));
		insert_offer::<T>(&operator, 3, ReservationState::Open);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator.clone()), 1);

		assert_last_event::<T>(Event::HoursClaimed { operator, hours: 1, returned: 2 });
	}

	#[benchmark]
	fn confirm_hours() {
		let who: T::AccountId = whitelisted_caller();
		let operator: T::AccountId = account("operator", 0, 0);
		try_proposal_of::<T>(&who);
		insert_offer::<T>(&operator, 3, ReservationState::Claimed);

		#[extrinsic_call]
		_(RawOrigin::Signed(who), operator.clone(), 3);

		assert_last_event::<T>(Event::HoursSettled { operator, paid: 3, burned: 0 });
	}

	// No expert of it improved, so every layer is looked at and none is proposed: what follows a derivation is a few writes.
	#[benchmark]
	fn file_proposal() {
		let experts = T::MaxHeads::get().min(512) / 2;
		let base = architecture(PARTS_MAX, experts);
		found::<T>(experts, PARTS_MAX);
		enter::<T>(EpochPhase::Nomination, None, None);
		let versions = vec![1; base.experts() as usize];

		#[block]
		{
			let nothing = Pallet::<T>::do_file_proposal();
			assert!(nothing.is_err());
			let derived =
				crate::network::derive(&base, &versions, |_, target| target.validate().ok().map(|()| 1));
			assert!(derived.is_some());
		}

		assert_eq!(Proposals::<T>::count(), 0);
	}

	#[benchmark]
	fn adopt() {
		let who: T::AccountId = whitelisted_caller();
		endow::<T>(&who);
		insert_proposal::<T>(&account("proposer", 0, 0), 0, &architecture(3, 2), 0);
		Proposals::<T>::mutate(0, |record| {
			if let Some(record) = record {
				record.proposer = Pallet::<T>::network();
				record.deposit = Zero::zero();
			}
		});
		NetworkProposal::<T>::put(0);
		enter::<T>(EpochPhase::Nomination, None, None);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert_last_event::<T>(Event::Adopted { proposal: 0, proposer: who });
	}

	// More than any step: a draw from all operators, a third of whom endorsed, and a decision that pays the largest committee.
	#[benchmark]
	fn step() {
		let revealed = || SeatState::Revealed(finding::<T>());
		evaluate::<T>(EvaluationStep::Revealing, |_| revealed());
		let epoch = Current::<T>::get().expect("it was entered");
		let evaluation = Evaluation::<T>::get().expect("it was entered");

		#[block]
		{
			let _ = Pallet::<T>::draw_evaluators(&epoch, &evaluation, &DRAW);
			assert!(Pallet::<T>::step());
		}

		assert!(History::<T>::get(0).is_some_and(|summary| summary.outcome.is_promoted()));
	}

	#[benchmark]
	fn idle() {
		enter::<T>(EpochPhase::Nomination, None, None);

		#[block]
		{
			Pallet::<T>::tick(T::WeightInfo::idle());
		}

		assert!(Current::<T>::exists());
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::mock::new_ext(), crate::tests::mock::Test);
}
