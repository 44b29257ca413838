//! The network's own proposal: an architecture that follows from what the chain knows, without a judgement of any account.
//!
//! The base is the model whose experts improved most often, and that has no successor. A version that puts an earlier one back counts as an
//! improvement too: the registry counts versions. Of its layers the one whose experts improved most often, on average, gets twice as many;
//! where none of the first few can have them the model gets one more layer. Any account may have it filed, once an epoch, and chooses nothing
//! by that. An account that trains it adopts it with a proposer's deposit.

use crate::{
	feasibility, Config, Endorsements, Error, Event, HoldReason, NetworkProposal, NextProposal, Pallet,
	ProposalRecord, ProposalRecordOf, Proposals, Successors, Tokenizers,
};
use alloc::vec::Vec;
use blyan_exact::definition2::{Architecture, LayerShape, Network};
use blyan_primitives::{
	evolution::{EpochPhase, EvolutionKind, Proposal, SuiteChoice, SuiteName},
	record_id,
	traits::{ExpertRegistry, OpenModels, OperatorSet},
	voting::Electorates,
	ModelId, MILLIONTHS,
};
use core::{cmp::Reverse, iter::once};
use frame_support::{
	ensure,
	pallet_prelude::DispatchResult,
	traits::{fungible::MutateHold, Get},
	BoundedVec, PalletId,
};
use sp_core::H256;
use sp_runtime::traits::{AccountIdConversion, Zero};

/// Layers that are looked at before a model counts as saturated, which bounds the work.
pub const LAYERS_TRIED: usize = 8;

/// The account that stands as proposer until the proposal is adopted. It has no key.
const NETWORK: PalletId = PalletId(*b"bly/evol");

/// Layers with accepted improvements: millionths of an improvement for each expert, and the layer. The most improved one first, of equal
/// ones the lowest.
fn improved_layers(base: &Architecture, versions: &[u32]) -> Vec<(u64, usize)> {
	let mut versions = versions.iter();
	let mut layers = Vec::new();
	for (place, layer) in base.layers.iter().enumerate() {
		let Network::Routed(routing) = layer.network else { continue };
		let of_layer = versions.by_ref().take(routing.experts.into());
		let accepted = of_layer.fold(0u64, |sum, version| sum.saturating_add(u64::from(*version)));
		let mean = accepted.saturating_mul(MILLIONTHS.into()).checked_div(routing.experts.into());
		if let Some(mean @ 1..) = mean {
			layers.push((mean, place));
		}
	}
	layers.sort_by_key(|(mean, place)| (Reverse(*mean), *place));
	layers
}

/// The base with twice as many experts in one layer.
fn scaled(base: &Architecture, place: usize) -> Architecture {
	let mut target = base.clone();
	if let Some(LayerShape { network: Network::Routed(routing), .. }) = target.layers.get_mut(place) {
		routing.experts = routing.experts.saturating_mul(2);
	}
	target
}

/// The base with its last layer once more.
fn deepened(base: &Architecture) -> Architecture {
	let mut target = base.clone();
	target.layers.extend(base.layers.last().copied());
	target
}

/// Architecture that follows from a base and the versions of its experts, layer by layer, with its kind and its feasibility. `None` where no
/// expert ever improved, and where nothing that would follow is feasible.
///
/// - `feasibility`: feasibility of a target, if it is admitted.
pub(crate) fn derive(
	base: &Architecture,
	versions: &[u32],
	feasibility: impl Fn(EvolutionKind, &Architecture) -> Option<u32>,
) -> Option<(EvolutionKind, Architecture, u32)> {
	let layers = improved_layers(base, versions);
	if layers.is_empty() {
		return None;
	}
	let wider = layers.iter().take(LAYERS_TRIED);
	let wider = wider.map(|(_, place)| (EvolutionKind::ScaleExperts, scaled(base, *place)));
	wider
		.chain(once((EvolutionKind::Deepen, deepened(base))))
		.find_map(|(kind, target)| feasibility(kind, &target).map(|feasibility| (kind, target, feasibility)))
}

impl<T: Config> Pallet<T> {
	/// The account that stands as proposer of what is not adopted.
	pub fn network() -> T::AccountId {
		NETWORK.into_account_truncating()
	}

	/// The model with most accepted improvements of those that can be a base and have no successor; of equal ones the oldest.
	fn network_base() -> Option<ModelId> {
		Tokenizers::<T>::iter_keys()
			.filter(|model| !Successors::<T>::contains_key(model))
			.filter_map(|model| Some((T::Models::generation(model)?, Reverse(model))))
			.max()
			.map(|(_, Reverse(model))| model)
	}

	/// Returns the proposal that follows from the state now.
	fn derived() -> Option<(ModelId, EvolutionKind, Architecture, u32)> {
		let id = Self::network_base()?;
		let base = Self::architecture_of(id)?;
		let versions: Vec<u32> = T::Models::model(id)?.heads.iter().map(|head| head.version).collect();
		let limits = T::Models::limits();
		let (kind, target, feasibility) = derive(&base, &versions, |kind, target| {
			target.validate().ok()?;
			Self::ensure_allowed(id, &base, target).ok()?;
			feasibility::feasibility(kind, &base, target, &limits).ok()
		})?;
		Some((id, kind, target, feasibility))
	}

	pub(crate) fn do_file_proposal() -> DispatchResult {
		let epoch = Self::epoch_in(EpochPhase::Nomination)?;
		ensure!(!NetworkProposal::<T>::exists(), Error::<T>::AlreadyFiled);
		ensure!(Proposals::<T>::count() < T::MaxProposals::get(), Error::<T>::TooManyProposals);
		let (base, kind, target, feasibility) = Self::derived().ok_or(Error::<T>::NothingToPropose)?;
		let template = kind.template();
		let suites = SuiteName::ALL.map(|suite| SuiteChoice { suite, tasks: T::TasksMin::get() });
		let architecture = target.to_bytes();
		let proposal = Proposal {
			kind,
			base,
			difficulty: template.difficulty,
			minimum_ppm: template.minimum_ppm,
			suites: BoundedVec::truncate_from(suites.to_vec()),
			gpu_hours: template.training_hours,
			recipe: H256::zero(),
			description: H256::zero(),
		};
		let record: ProposalRecordOf<T> = ProposalRecord {
			proposer: Self::network(),
			proposal,
			architecture: record_id(&architecture),
			feasibility,
			endorsements: 0,
			deposit: Zero::zero(),
			candidate_deposit: Zero::zero(),
		};
		let id = NextProposal::<T>::get();
		NextProposal::<T>::put(id.saturating_add(1));
		let proposer = record.proposer.clone();
		Proposals::<T>::insert(id, record);
		NetworkProposal::<T>::put(id);
		Self::deposit_event(Event::Proposed { epoch: epoch.id, proposal: id, proposer, feasibility });
		Self::deposit_event(Event::NetworkProposed { proposal: id, architecture });
		Ok(())
	}

	pub(crate) fn do_adopt(who: T::AccountId) -> DispatchResult {
		let epoch = Self::epoch_in(EpochPhase::Nomination)?;
		let id = NetworkProposal::<T>::get().ok_or(Error::<T>::ProposalUnknown)?;
		let mut record = Proposals::<T>::get(id).ok_or(Error::<T>::ProposalUnknown)?;
		ensure!(record.proposer == Self::network(), Error::<T>::AlreadyAdopted);
		// Those who endorsed it before cannot become its proposer: no proposer endorses its own proposal.
		let voice = epoch.electorate.and_then(|electorate| T::Electorates::voice(electorate, &who));
		let has_endorsed = [Some(T::Operators::belongs_to(&who)), voice]
			.into_iter()
			.flatten()
			.any(|voice| Endorsements::<T>::get(voice).is_some_and(|one| one.proposal == id));
		ensure!(!has_endorsed, Error::<T>::OwnProposal);
		record.deposit = T::ProposalDeposit::get();
		T::Currency::hold(&HoldReason::Proposal.into(), &who, record.deposit)?;
		record.proposer = who.clone();
		Proposals::<T>::insert(id, record);
		Self::deposit_event(Event::Adopted { proposal: id, proposer: who });
		Ok(())
	}

	/// At most one proposal is the network's, it ends with its epoch, and it is not tried before it is adopted.
	#[cfg(any(feature = "try-runtime", test))]
	pub(crate) fn check_network() -> Result<(), sp_runtime::TryRuntimeError> {
		let filed = NetworkProposal::<T>::get();
		let epoch = crate::Current::<T>::get();
		let is_open = epoch.is_some_and(|epoch| epoch.phase != EpochPhase::Rest);
		ensure!(is_open || filed.is_none(), "the network's proposal outlives its epoch");
		let selected = epoch.and_then(|epoch| epoch.selected);
		for (id, record) in Proposals::<T>::iter().filter(|(_, record)| record.proposer == Self::network()) {
			ensure!(filed == Some(id), "the network proposed twice");
			ensure!(selected != Some(id), "a proposal is tried that no account trains");
			ensure!(record.deposit.is_zero(), "the network made a deposit");
		}
		Ok(())
	}
}
