//! Interfaces between neighbouring pallets. The runtime wires them; each has a trivial `()` implementation.

use crate::{
	randomness::RelayNumber, BlockRef, EvaluationJob, ExpertHead, ExpertShape, ExpertSlot, JobOrigin,
	ModelBody, ModelConfig, ModelId, ModelInfo, OperatorId, PartIndex, Refusal, Region, ServingKey,
	SignedReceipt, Slots, Statement, Subject, Verdict, VersionIndex, REGION_UNKNOWN,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;
use sp_runtime::{DispatchError, DispatchResult, Perbill};

pub use crate::{
	architecture::ArchitectureRegistry,
	backing::{BackedOperators, Backing},
	holdout::SealedHoldouts,
};

/// Models and their experts, as `proof-of-learning` sees them.
pub trait ExpertRegistry<AccountId>: ArchitectureRegistry {
	/// The model with its current heads.
	fn model(id: ModelId) -> Option<ModelInfo>;
	/// The current expert of a slot.
	fn head(slot: ExpertSlot) -> Option<ExpertHead>;
	/// A version of a slot's expert, and its miner if it is not the network's, as far as history goes back.
	fn version(slot: ExpertSlot, version: VersionIndex) -> Option<(BlockRef, Option<AccountId>)> {
		Self::head(slot).filter(|head| head.version == version).map(|head| (head.block, None))
	}
	/// Architecture and everything that is not an expert, without the heads.
	fn body(id: ModelId) -> Option<ModelBody> {
		Self::model(id).map(|model| model.body)
	}
	/// Architecture of a model of the first definition; `None` under the second.
	fn config(id: ModelId) -> Option<ModelConfig> {
		Self::body(id)?.config().copied()
	}
	/// Parts of a model of the second definition in the order of `Architecture::parts`; none under the first.
	fn parts(id: ModelId) -> Vec<BlockRef> {
		Self::model(id).map(|model| model.parts).unwrap_or_default()
	}
	/// Layout of the model's slots.
	fn slots(id: ModelId) -> Option<Slots> {
		Some(match Self::body(id)? {
			ModelBody::First { config, .. } => Slots::first(&config),
			ModelBody::Second { architecture, .. } => Slots::second(&Self::architecture(&architecture)?),
		})
	}
	/// Shape of a slot's experts; `None` if there is no such slot.
	fn shape(slot: ExpertSlot) -> Option<ExpertShape> {
		Self::slots(slot.model)?.index(slot.layer, slot.expert)?;
		Some(match Self::body(slot.model)? {
			ModelBody::First { config, .. } => ExpertShape::First(config),
			ModelBody::Second { architecture, .. } => ExpertShape::Second { architecture, layer: slot.layer },
		})
	}
	/// Length in bytes that a slot's blocks have, where it follows from the architecture alone: under the second definition.
	fn expert_bytes(slot: ExpertSlot) -> Option<u64> {
		let ModelBody::Second { architecture, .. } = Self::body(slot.model)? else { return None };
		crate::expert_bytes(&Self::architecture(&architecture)?, slot.layer)
	}
	/// Experts promoted in the model so far: equal generations are equal models.
	fn generation(id: ModelId) -> Option<u32> {
		Self::model(id).map(|model| model.generation)
	}
	/// The model as it was at an earlier generation: one that is kept, or as far as history goes back. Walks over every slot's history, so
	/// only questions from outside of blocks ask it.
	fn model_at(id: ModelId, generation: u32) -> Option<ModelInfo> {
		Self::model(id).filter(|model| model.generation == generation)
	}
	/// Keeps the model readable as it is at `generation`, until [`ExpertRegistry::release`] is called as often. Returns
	/// whether it is: the generation must be the current one or kept already, and there must be room.
	fn keep(id: ModelId, generation: u32) -> bool;
	/// Gives up one [`ExpertRegistry::keep`] that returned `true`.
	fn release(id: ModelId, generation: u32);
	/// The root of the model with its current heads: `blyan_exact::model_root`, or `blyan_exact::definition2::model_root`.
	fn model_root(id: ModelId) -> Option<H256> {
		Self::model(id).map(|model| model.model_root())
	}
	/// Takes `version` back if it still is the head of `slot`: its parent's tensors become the head again, under
	/// a new version, since versions only grow. Fails if it is not the head, or its parent is forgotten.
	fn revert(slot: ExpertSlot, version: VersionIndex) -> Result<VersionIndex, DispatchError>;
	/// Makes `block` the new head of `slot`; fails if `parent` is no longer the head.
	fn promote(
		slot: ExpertSlot,
		parent: VersionIndex,
		owner: &AccountId,
		block: BlockRef,
	) -> Result<VersionIndex, DispatchError>;
	/// Makes the world in which a benchmark of `promote` has something to promote.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_model_for_benchmark() -> ExpertSlot;
}

/// A model of the second definition that is to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenModel {
	/// Its name, UTF-8.
	pub name: Vec<u8>,
	/// Canonical record of its architecture.
	pub architecture: Vec<u8>,
	/// Embedding, layers, head.
	pub parts: Vec<BlockRef>,
	/// One block a slot, layer by layer.
	pub heads: Vec<BlockRef>,
}

/// Bounds of models that can be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelLimits {
	/// Expert slots of one model.
	pub slots: u32,
	/// Bytes of an expert's block.
	pub expert_bytes: u32,
	/// Bytes of the block of a part.
	pub part_bytes: u32,
}

/// Registration of models of the second definition, as pallets see it that admit them by rules of their own. Implemented by `experts`.
pub trait OpenModels {
	/// The bounds.
	fn limits() -> ModelLimits;
	/// Registers a model whose first experts belong to the network. Fails if it is not as its architecture says, or there is no room.
	fn register(model: OpenModel) -> Result<ModelId, DispatchError>;
}

/// Operators, as `proof-of-learning` sees them.
pub trait OperatorSet<AccountId> {
	/// Operators that may be drawn now, in a deterministic order.
	fn eligible() -> Vec<EligibleOperator<AccountId>>;
	/// Those that a draw with the seed of `appointment` takes, with the weights that it takes them with, in a
	/// deterministic order: a list that was fixed before that seed could be known, and stays the same from then on. `None`
	/// if none is kept that is old enough, so that another appointment is needed.
	///
	/// An operator on the list that left since then is [not eligible](Self::is_eligible) any more. A draw must pass such an
	/// operator over in a way that changes no other seat but its own.
	fn electorate(appointment: RelayNumber) -> Option<Vec<EligibleOperator<AccountId>>>;
	/// An operator as it is now, if it may be drawn now.
	fn present(who: &AccountId) -> Option<EligibleOperator<AccountId>>
	where
		AccountId: PartialEq,
	{
		Self::eligible().into_iter().find(|operator| operator.account == *who)
	}
	/// The operator a session key belongs to.
	fn owner_of(key: &OperatorId) -> Option<AccountId>;
	/// The operator a session key belongs to or belonged to, while a stake answers for what the key signed. A key that
	/// was replaced no longer signs for its operator, but what it signed is still evidence against it.
	fn holder_of(key: &OperatorId) -> Option<AccountId> {
		Self::owner_of(key)
	}
	/// The account that `who` belongs to by a declaration of `who` which that account accepted; `who` itself otherwise.
	fn belongs_to(who: &AccountId) -> AccountId
	where
		AccountId: Clone,
	{
		who.clone()
	}
	/// The session key of an operator.
	fn key_of(who: &AccountId) -> Option<OperatorId>;
	/// Reports whether `who` may be drawn now.
	fn is_eligible(who: &AccountId) -> bool
	where
		AccountId: PartialEq,
	{
		Self::present(who).is_some()
	}
	/// Notes what `who` did, for its reputation.
	fn note_service(who: &AccountId, service: Service);
	/// Notes that `who` was paid `amount` for work as an operator, so that those who back it get their part.
	fn note_income(_who: &AccountId, _amount: u128) {}
	/// Makes `count` eligible operators for a benchmark and returns them with their keys.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operators_for_benchmark(count: u32) -> Vec<(AccountId, OperatorId)>;
	/// The most operators that there can be: draws are charged for reading all of them.
	#[cfg(feature = "runtime-benchmarks")]
	fn most_operators_for_benchmark() -> u32;
}

/// The reward source that learning is paid from. Nothing is minted anywhere else.
pub trait Rewards<AccountId, Balance> {
	/// Pays a miner for an accepted expert, `at_most` so much. `improvement` and `delta` in the same unit; the ledger's
	/// formula is base x improvement / delta, capped. Returns what was paid (0 if the envelope is empty).
	fn pay_learning(who: &AccountId, improvement: u64, delta: u64, at_most: Balance) -> Balance;
	/// Takes back what a miner was paid for an expert whose score was refuted: the money was burned by the caller, and
	/// the envelope may spend it again.
	fn refund_learning(amount: Balance);
	/// Pays one committee member for one report that agreed with an acceptance.
	fn pay_validation(who: &AccountId) -> Balance;
}

impl<AccountId, Balance: Default> Rewards<AccountId, Balance> for () {
	fn pay_learning(_: &AccountId, _: u64, _: u64, _: Balance) -> Balance {
		Balance::default()
	}
	fn refund_learning(_: Balance) {}
	fn pay_validation(_: &AccountId) -> Balance {
		Balance::default()
	}
}

/// Announced blobs, as the node reads them: it accepts uploads for announced hashes only.
pub trait BlobAnnouncements {
	/// Returns the size of a blob if some registration or open submission names it.
	fn announced(hash: &sp_core::H256) -> Option<u32>;
}

impl BlobAnnouncements for () {
	fn announced(_: &sp_core::H256) -> Option<u32> {
		None
	}
}

/// An operator that may be drawn.
///
/// Every field depends on what this operator and its owner did and on what the chain recorded about its work, never on
/// what a third party says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EligibleOperator<AccountId> {
	/// Its account.
	pub account: AccountId,
	/// Its weight in a draw: stake, times verified work, times reputation.
	pub weight: u32,
	/// The account it belongs to: one that it declared and that accepted, or itself.
	pub owner: AccountId,
	/// Hash of its hardware's identifier; zero if none was given.
	pub hardware: H256,
	/// Its stake, in planck of BLY on hold.
	pub stake: u128,
	/// Its country, as it declares it.
	pub region: Region,
}

impl<AccountId: Clone> EligibleOperator<AccountId> {
	/// An operator that belongs to itself, with neither hardware, stake nor region.
	pub fn independent(account: AccountId, weight: u32) -> Self {
		Self {
			owner: account.clone(),
			account,
			weight,
			hardware: H256::zero(),
			stake: 0,
			region: REGION_UNKNOWN,
		}
	}
}

/// Something an operator did or did not do, for its reputation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
	/// A sealed verdict that was revealed in time and decided.
	ReportAgreed,
	/// A revealed verdict that another one outvoted. Not an offence: a dispute says who was right.
	ReportOutvoted,
	/// No seal before the deadline.
	SealMissed,
	/// A seal, and no verdict that opens it.
	RevealMissed,
	/// An expert of this operator's owner joined the model.
	LineageGrown,
	/// A forced error caught, or a true answer confirmed.
	AuditPassed,
	/// An attestation of bytes that no committee could get.
	BytesMissing,
}

impl Service {
	/// Reports whether this is work that other operators or the chain itself found right.
	pub fn is_verified(self) -> bool {
		matches!(self, Self::ReportAgreed | Self::AuditPassed)
	}

	/// Reports whether the operator sealed a verdict it was drawn for.
	pub fn is_sealed(self) -> bool {
		matches!(self, Self::ReportAgreed | Self::ReportOutvoted | Self::RevealMissed | Self::AuditPassed)
	}
}

/// Kind of offence for which an operator can lose stake. Only evidence on chain, or root, makes one.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum OffenceKind {
	/// A day passed without a heartbeat.
	HeartbeatsMissed,
	/// A seal was never opened.
	RevealMissed,
	/// A forced error was confirmed: the answer was not checked.
	VerificationFailed,
	/// A score was proven wrong by executing a block again, or was not defended in time.
	FalseScore,
	/// Two different verdicts on one subject carry the same signature key.
	Equivocation,
	/// The hardware is not what was committed to.
	HardwareFalse,
}

/// Where offences are reported. `evidence` names what proves it: a game, a report, a period.
pub trait Offences<AccountId> {
	/// Reports that `offender` did `kind`. Reporting the same evidence twice counts once. `reporter` gets its share
	/// of what is taken, if there is one.
	fn report(offender: &AccountId, kind: OffenceKind, evidence: H256, reporter: Option<&AccountId>);
	/// Reports whether an offence with this evidence is on record, so that reporting it again changes nothing.
	fn is_reported(_offender: &AccountId, _kind: OffenceKind, _evidence: H256) -> bool {
		false
	}
	/// Reports like [`Offences::report`], and says which claim it is about, so that an appeal has it computed again.
	fn report_claim(
		offender: &AccountId,
		kind: OffenceKind,
		evidence: H256,
		reporter: Option<&AccountId>,
		_contested: Contested,
	) {
		Self::report(offender, kind, evidence, reporter);
	}
	/// Reports whether an offence with this evidence awaits its decision.
	fn is_pending(_offender: &AccountId, _kind: OffenceKind, _evidence: H256) -> bool {
		false
	}
	/// Reports whether a grave offence of `offender` awaits its decision: one that is more than silence. Asked only where something is
	/// pending; an implementation that does not tell offences apart calls all of them grave.
	fn is_gravely_accused(_offender: &AccountId) -> bool {
		true
	}
	/// Takes back what was reported with this evidence and is not decided yet: what was missing has come. The offender
	/// owes nothing, as if it had been pardoned. Returns whether there was such an offence.
	fn withdraw(_offender: &AccountId, _kind: OffenceKind, _evidence: H256) -> bool {
		false
	}
	/// The dispute that [`Appeals::appeal`] opened is over. `cleared`: the appellant's claim stood.
	fn note_appeal_ended(_appellant: &AccountId, _subject: Subject, _cleared: bool) {}
}

/// The claim that an offence is about.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub struct Contested {
	/// Subject of the claim.
	pub subject: Subject,
	/// True if the chain itself has executed the differing block: there is nothing left to compute then, and no appeal.
	pub executed: bool,
}

impl Contested {
	/// The subject, if the claim can still be computed again.
	pub fn computable(&self) -> Option<Subject> {
		(!self.executed).then_some(self.subject)
	}
}

impl<AccountId> Offences<AccountId> for () {
	fn report(_: &AccountId, _: OffenceKind, _: H256, _: Option<&AccountId>) {}
}

/// The stakes of operators, as `slashing` sees them. Implemented by `operators`.
pub trait OperatorStakes<AccountId, Balance> {
	/// Money that was taken.
	type Credit;
	/// Returns the stake of `who`.
	fn stake(who: &AccountId) -> Option<Balance>;
	/// An offence of `who` awaits its decision: the stake cannot be withdrawn until as many are settled.
	fn note_pending(who: &AccountId);
	/// An offence of `who` was decided.
	fn note_settled(who: &AccountId);
	/// Takes `share` of the stake of `who`.
	fn slash(who: &AccountId, share: Perbill) -> Self::Credit;
	/// Keeps `who` out of draws until it asks to return, or is let in again.
	fn quarantine(who: &AccountId);
	/// Lets `who` be drawn again.
	fn release(who: &AccountId);
	/// Removes `who` for good: no draw, no registration under this account again.
	fn ban(who: &AccountId);
	/// Keeps `who` out of draws, out of service and from registering again for `blocks` blocks. Never shortens an earlier ban.
	fn ban_for(who: &AccountId, blocks: u32);
	/// Moves the measure of violations in the reputation of `who`.
	fn note_offence(who: &AccountId, kind: OffenceKind);
	/// Makes an operator with a stake for a benchmark.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_staked_for_benchmark() -> AccountId;
}

/// Offers, as a pallet that judges receipts sees them. Implemented by `inference`.
pub trait ServingKeys<AccountId> {
	/// The operator that a serving key answers for, or answered for while its stake still does.
	fn operator_of(key: &ServingKey) -> Option<AccountId>;
	/// A receipt was proven wrong: what was charged for it is returned where it still can be.
	fn reversed(receipt: &SignedReceipt, receipt_id: H256);
}

impl<AccountId> ServingKeys<AccountId> for () {
	fn operator_of(_: &ServingKey) -> Option<AccountId> {
		None
	}
	fn reversed(_: &SignedReceipt, _: H256) {}
}

/// Operators, as a pallet that sells their service sees them. Implemented by `operators`.
pub trait Servers<AccountId> {
	/// Reports whether `who` may take paid work now: registered with the capability to serve, heard not long ago, neither in quarantine
	/// nor leaving.
	fn may_serve(who: &AccountId) -> bool;
	/// Reports whether `who` is registered, so that its stake answers for it.
	fn is_registered(who: &AccountId) -> bool;
	/// Reports whether two accounts belong together by a declaration that both agreed to.
	fn are_related(one: &AccountId, other: &AccountId) -> bool;
	/// Notes that `who` was paid `amount` for service, so that those who back it get their part.
	fn note_income(_who: &AccountId, _amount: u128) {}
	/// Makes an operator that may serve, for a benchmark.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_server_for_benchmark() -> AccountId;
}

/// The claims about a subject, as `disputes` sees them. Implemented by the pallets that keep claims.
pub trait Claims<AccountId> {
	/// Returns the statement that part `part` of the subject's verdicts claims to have computed.
	fn statement(subject: Subject, part: PartIndex) -> Option<Statement>;
	/// Returns the claimants and their verdicts, in the order of the seats; those without a verdict are left out.
	fn claims(subject: Subject) -> Vec<(AccountId, Verdict)>;
	/// The candidate's block and the shape it must have.
	fn candidate(subject: Subject) -> Option<(BlockRef, ExpertShape)>;
	/// The job a party computes to find out who is right; only off-chain workers ask.
	fn job(subject: Subject, part: PartIndex) -> Option<EvaluationJob>;
	/// Subjects whose claims may be disputed now; only off-chain workers and clients ask.
	fn disputable() -> Vec<Subject>;
	/// Reports whether claims about the subject may be disputed now.
	fn is_disputable(subject: Subject) -> bool;
	/// Reports whether a new dispute about the subject may begin now. Those that began in time make it disputable for longer, but
	/// must not make room for others, or two accounts could keep it open for ever.
	fn may_open(subject: Subject) -> bool {
		Self::is_disputable(subject)
	}
	/// The verdict by which the candidate of the subject was taken into the model, if it was: everything that comes
	/// after depends on its bytes. Only off-chain workers ask.
	fn accepted(_subject: Subject) -> Option<H256> {
		None
	}
	/// Returns the facts beside the statement from which [`Claims::job_from`] rebuilds the job of a part when the subject is forgotten.
	fn origin(_subject: Subject, _part: PartIndex) -> Option<JobOrigin> {
		None
	}
	/// The job that a statement is about, as far as history goes back; only off-chain workers ask.
	fn job_from(_statement: &Statement, _origin: &JobOrigin, _candidate: &BlockRef) -> Option<EvaluationJob> {
		None
	}
	/// Keeps what [`Claims::job_from`] reads for this origin, until [`Claims::release`] is called as often. Returns whether
	/// it is kept; it is while the subject is known.
	fn keep(_origin: &JobOrigin) -> bool {
		true
	}
	/// Gives up one [`Claims::keep`] that returned `true`.
	fn release(_origin: &JobOrigin) {}
	/// Reports whether the chain knows the subject: its claims are being made, can be disputed, or were closed not long ago.
	fn is_known(subject: Subject) -> bool;
	/// Returns why the chain will not know the subject either; `None` if it does, or may soon.
	fn missing(_subject: Subject) -> Option<Refusal> {
		None
	}
	/// A dispute about the subject began: it stays disputable, and nothing is paid out, until all have ended.
	fn note_opened(subject: Subject);
	/// A dispute about the subject ended.
	fn note_closed(subject: Subject);
	/// The verdict of this digest was proven wrong, or not defended in time. Called once for each digest.
	fn refuted(subject: Subject, digest: H256);
	/// Makes a subject with two different claims for a benchmark.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_subject_for_benchmark() -> (Subject, EvaluationJob);
}

/// Opens games for pallets that collect claims, as they see `disputes`.
pub trait Games<AccountId> {
	/// Uses the commitment of `who` to what it shows with `call`, made with `finding_hash`; fails if there is none, or it is too young.
	fn show_finding(who: &AccountId, call: &str, arguments: &impl Encode) -> DispatchResult;
	/// Reports whether a claim about the subject has fallen, so that no game can be played for it.
	fn has_fallen(subject: Subject, verdict: &Verdict) -> bool;
	/// Puts a claim that `backer` stands behind against the one of this digest about the subject, and takes the bond of a challenge.
	fn challenge(backer: &AccountId, subject: Subject, against: H256, verdict: Verdict) -> DispatchResult;
}

/// Opens a dispute in an operator's name, as `slashing` sees `disputes`: an appeal is a claim that the chain
/// computes again.
pub trait Appeals<AccountId> {
	/// Puts the claim of `appellant` about `subject` against the claim that prevailed.
	fn appeal(appellant: &AccountId, subject: Subject) -> DispatchResult;
	/// An offence about a claim that can be computed again was recorded: what is needed for that must stay available.
	fn note_offence_opened(_subject: Subject) {}
	/// An offence that was noted so is decided.
	fn note_offence_closed(_subject: Subject) {}
	/// An appellant and a subject that it can appeal about, for a benchmark; `None` if there is none.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_appealable_for_benchmark() -> Option<(AccountId, Subject)> {
		None
	}
}

impl<AccountId> Appeals<AccountId> for () {
	fn appeal(_: &AccountId, _: Subject) -> DispatchResult {
		Err(DispatchError::Unavailable)
	}
}
