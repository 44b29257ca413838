#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
// A verdict is large, and calls and records hold one at a time: a box would only move its bytes.
#![allow(clippy::large_enum_variant)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub use exact::Exact;
pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

mod answers;
mod appeal;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod cases;
mod commitments;
mod end;
mod errors;
mod events;
mod exact;
pub mod game;
mod games;
mod messages;
pub mod migrations;
mod refusals;
mod sweep;
// Tests of pallets that make claims ask it, too.
mod try_state;
mod types;
pub mod weights;
mod worker;

#[cfg(test)]
mod tests;

use frame_support::pallet_macros::import_section;

/// Target of this pallet's log lines.
pub const LOG_TARGET: &str = "blyan::disputes";

/// Disputes of a score: two sides bisect the computation down to one step, and the chain computes that step itself.
#[import_section(errors::errors)]
#[import_section(events::events)]
#[frame_support::pallet]
pub mod pallet {
	use super::{
		game::{Side, OPERATORS_MAX},
		types::*,
		weights::WeightInfo,
		LOG_TARGET,
	};
	use blyan_exact::Hash;
	use blyan_primitives::{
		traits::{ArchitectureRegistry, Claims, Offences, OperatorSet},
		BlockWitness, Opening, OperatorId, OperatorSignature, Query, Subject, SubmissionId, TileEvidence,
		Verdict,
	};
	use blyan_runtime_api::disputes::GameEnd;
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{BalancedHold, MutateHold},
			OnUnbalanced,
		},
	};
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::{
		traits::{BlockNumberProvider, SaturatedConversion},
		Perbill,
	};

	/// The storage layout this code reads and writes.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(2);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config:
		frame_system::Config<Hash = H256, RuntimeEvent: From<Event<Self>>>
		+ CreateAuthorizedTransaction<Call<Self>>
	{
		/// The money that bonds are held in.
		type Currency: MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ BalancedHold<Self::AccountId>;
		/// Why money is held, over the whole runtime.
		type RuntimeHoldReason: From<HoldReason>;
		/// Where lost bonds go, but for the share of those whose claim was attacked.
		type OnSlash: OnUnbalanced<CreditOf<Self>>;

		/// Keeper of the claims.
		type Claims: Claims<Self::AccountId>;
		/// Operators, whose session keys move without fee.
		type Operators: OperatorSet<Self::AccountId>;
		/// Where those who signed a refuted claim are reported.
		type Offences: Offences<Self::AccountId>;
		/// Architectures of the second definition, from which the programs of statements follow.
		type Architectures: ArchitectureRegistry;
		/// Computes the block in question.
		type Referee: Referee;
		/// Looks at a candidate's bytes.
		type BlockCheck: BlockCheck;

		/// Blocks that admitted transactions, counted: no clock runs while a migration bars them and no side can move.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;

		/// Bond of a challenge, and of a demand for a tile, while fewer than [`BOND_STEP`] are open about the subject.
		type Bond: Get<BalanceOf<Self>>;
		/// Share of a lost bond that goes to those who made the claim on the other side, in equal parts; nothing of what a bond
		/// is larger than `Bond`. The rest must hurt: they could challenge themselves.
		type DefendersShare: Get<Perbill>;
		/// Blocks between the commitment to a finding and its showing, so that a copy of what stands in the pool comes too late.
		#[pallet::constant]
		type CommitmentAge: Get<BlockNumberFor<Self>>;
		/// Blocks a side has for all of its moves in one game.
		type Clock: Get<BlockNumberFor<Self>>;
		/// Games that a claim of the chain can stand in before its clocks run more slowly: as many as a node answers within one.
		#[pallet::constant]
		type GamesPerClock: Get<u32>;
		/// Blocks in which a demanded tile must be supplied.
		type DemandWindow: Get<BlockNumberFor<Self>>;

		/// Largest block of a candidate that a call can show, in bytes. No game is played about whether a larger one is an expert.
		#[pallet::constant]
		type MaxBlobBytes: Get<u32>;
		/// Ended games that are remembered.
		#[pallet::constant]
		type MaxEnded: Get<u32>;

		/// Weights of the calls and of what happens without being asked.
		type WeightInfo: WeightInfo;
		/// Fills the registry of architectures.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper;
	}

	/// Why this pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Bond of a challenge.
		ChallengeBond,
		/// Bond of a demand for a tile.
		DemandBond,
		/// Deposit of a commitment to a finding.
		CommitmentDeposit,
	}

	/// What appeals need, for each subject about which an offence is undecided. Removed with the last one.
	// Twox64Concat: as in `Pairs`.
	#[pallet::storage]
	pub type Cases<T: Config> = StorageMap<_, Twox64Concat, Subject, CaseOf<T>>;

	/// In how many games each claim of the chain stands. Removed when there is none.
	// Hashers as in `Pairs`.
	#[pallet::storage]
	pub type Loads<T: Config> =
		StorageDoubleMap<_, Twox64Concat, Subject, Blake2_128Concat, H256, Load, ValueQuery>;

	/// Operators that have demanded a tile without a bond, by subject, and which. Each operator asks once and each tile is
	/// asked for once, so no more than the candidate comes onto the chain by that. Swept like [`Refuted`].
	// Blake2_128Concat: accounts are anybody's choice.
	#[pallet::storage]
	pub type OperatorDemands<T: Config> =
		StorageDoubleMap<_, Twox64Concat, Subject, Blake2_128Concat, T::AccountId, u32>;

	/// The next game's number.
	#[pallet::storage]
	pub type NextGame<T: Config> = StorageValue<_, GameId, ValueQuery>;

	/// Open games. Not bounded in number: each outside claim pays a bond, each pair of claims plays once, and nothing in
	/// a block walks over them. Removed when they end.
	// Twox64Concat: the pallet counts the keys up, so nobody can grind them.
	#[pallet::storage]
	pub type Games<T: Config> = CountedStorageMap<_, Twox64Concat, GameId, GameRecordOf<T>>;

	/// Which open game two claims about a subject play; digests in ascending order. As many entries as [`Games`].
	// Twox64Concat: subjects are counted up by their pallets. Blake2_128Concat: challengers choose digests.
	#[pallet::storage]
	pub type Pairs<T: Config> =
		StorageDoubleMap<_, Twox64Concat, Subject, Blake2_128Concat, (H256, H256), GameId>;

	/// The opening of the side that moved first in a round, encoded. Removed when the other side moves or the game ends.
	// Twox64Concat: as in `Games`.
	#[pallet::storage]
	pub type Posted<T: Config> =
		StorageMap<_, Twox64Concat, GameId, BoundedVec<u8, ConstU32<OPENING_BYTES_MAX>>>;

	/// Roots of all operators in front of the one in question. Written once, read when the block is computed, removed
	/// when the game ends.
	// Twox64Concat: as in `Games`.
	#[pallet::storage]
	pub type Agreed<T: Config> =
		StorageMap<_, Twox64Concat, GameId, BoundedVec<Hash, ConstU32<OPERATORS_MAX>>>;

	/// Claims that have fallen, and how. Swept when their subject can no longer be disputed.
	// Hashers as in `Pairs`.
	#[pallet::storage]
	pub type Refuted<T: Config> = StorageDoubleMap<_, Twox64Concat, Subject, Blake2_128Concat, H256, Fall>;

	/// Subjects whose candidate was shown to be no expert: every score of it is refuted. Swept like [`Refuted`].
	// Twox64Concat: as in `Pairs`.
	#[pallet::storage]
	pub type NoExpert<T: Config> = StorageMap<_, Twox64Concat, Subject, ()>;

	/// Tiles that are demanded, by claim and number. One bond an entry; removed when supplied or closed.
	// Hashers as in `Pairs`.
	#[pallet::storage]
	pub type Demands<T: Config> =
		StorageDoubleMap<_, Twox64Concat, Subject, Blake2_128Concat, (H256, u32), DemandRecordOf<T>>;

	/// Games and demands open about each subject of which something is stored. Swept.
	// Twox64Concat: as in `Pairs`.
	#[pallet::storage]
	pub type Subjects<T: Config> = StorageMap<_, Twox64Concat, Subject, u32>;

	/// The subjects in [`Subjects`] in the order in which they are looked at again: keys are `Queue.0..Queue.1`.
	// Twox64Concat: the pallet counts the keys up.
	#[pallet::storage]
	pub type Queued<T: Config> = StorageMap<_, Twox64Concat, u64, Subject>;

	/// First key of [`Queued`], and one past the last.
	#[pallet::storage]
	pub type Queue<T: Config> = StorageValue<_, (u64, u64), ValueQuery>;

	/// The most recently ended games, at most `MaxEnded`; the oldest gives way to the newest.
	// Twox64Concat: the pallet counts the keys up.
	#[pallet::storage]
	pub type Ended<T: Config> = StorageMap<_, Twox64Concat, GameId, EndedRecord<BlockNumberFor<T>>>;

	/// Ring of the games in [`Ended`], by the order of ending modulo `MaxEnded`.
	// Twox64Concat: keys below `MaxEnded`.
	#[pallet::storage]
	pub type EndedRing<T: Config> = StorageMap<_, Twox64Concat, u32, GameId>;

	/// Games ever ended.
	#[pallet::storage]
	pub type EndedCount<T: Config> = StorageValue<_, u64, ValueQuery>;

	/// Findings that accounts have committed to and not shown: since when, and the deposit. As many as deposits are on hold;
	/// showing the finding, or `withdraw_commitment`, removes them.
	// Blake2_128Concat, twice: accounts and hashes can be ground.
	#[pallet::storage]
	pub type Commitments<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		T::AccountId,
		Blake2_128Concat,
		H256,
		(BlockNumberFor<T>, BalanceOf<T>),
		OptionQuery,
	>;

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::sweep(remaining)
		}

		fn offchain_worker(now: BlockNumberFor<T>) {
			log::trace!(target: LOG_TARGET, "off-chain worker at block {now:?}");
			Self::play(now);
		}

		fn integrity_test() {
			assert!(T::MaxEnded::get() > 0, "the ring leaves room for one");
			assert!(T::MaxBlobBytes::get() > 0, "a candidate has bytes");
			assert!(T::GamesPerClock::get() > 0, "a node can answer one game");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Put a claim of your own against one on the chain.
		///
		/// - `origin`: the challenger, signed. The bond is held until the game ends, and lost if your claim falls.
		/// - `subject`: what both claims are about.
		/// - `against`: the claim to be proven wrong.
		/// - `verdict`: what is right instead. Any account that knows its tree may move for it.
		///
		/// A claim whose numbers contradict each other falls at once, without a game or a bond. Emits [`Event::GameOpened`].
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::challenge().saturating_add(T::WeightInfo::withdraw_commitment()))]
		pub fn challenge(
			origin: OriginFor<T>,
			subject: Subject,
			against: H256,
			verdict: Verdict,
		) -> DispatchResult {
			let challenger = ensure_signed(origin)?;
			Self::do_challenge(challenger, subject, against, verdict)
		}

		/// Let two claims on the chain play against each other. Without fee and without bond: both are there already.
		///
		/// - `origin`: authorised by the signature.
		/// - `subject`, `first`, `second`: the claims.
		/// - `key`, `signature`: any operator's session key, and its signature over [`Word::Confront`].
		///
		/// Emits [`Event::GameOpened`].
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::confront())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_confront())]
		#[pallet::authorize(Self::authorize_confront)]
		pub fn confront(
			origin: OriginFor<T>,
			subject: Subject,
			first: H256,
			second: H256,
			_key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_confront(subject, first, second)
		}

		/// Open what a side is asked for.
		///
		/// - `origin`: anyone, signed. Moves for the side that wins are paid from the other one's bond, if it has one.
		/// - `game`, `side`: whose move it is.
		/// - `opening`: the one right answer to the query.
		///
		/// Emits [`Event::Opened`], and [`Event::Descended`] if the other side has moved.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::descend())]
		pub fn descend(origin: OriginFor<T>, game: GameId, side: Side, opening: Opening) -> DispatchResult {
			let mover = ensure_signed(origin)?;
			Self::do_descend(mover, game, side, opening)
		}

		/// As [`Self::descend`], without fee, in an operator's name.
		///
		/// - `key`, `signature`: any operator's session key, and its signature over [`Word::Descend`].
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::descend())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_descend())]
		#[pallet::authorize(Self::authorize_descend)]
		pub fn descend_authorized(
			origin: OriginFor<T>,
			game: GameId,
			side: Side,
			opening: Opening,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_descend(Self::operator(&key)?, game, side, opening)
		}

		/// Let the chain compute the block on which two claims differ. A side that committed to another one is refuted.
		///
		/// - `origin`: anyone, signed.
		/// - `game`: one at a block.
		/// - `witness`: the block's inputs under the game's definition, with proofs; at most [`WITNESS_BYTES_MAX`] encoded.
		///
		/// Emits [`Event::GameEnded`].
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::execute_max())]
		pub fn execute(origin: OriginFor<T>, game: GameId, witness: BlockWitness) -> DispatchResult {
			ensure_signed(origin)?;
			Self::do_execute(game, witness)
		}

		/// As [`Self::execute`], without fee, in an operator's name.
		///
		/// - `key`, `signature`: any operator's session key, and its signature over [`Word::Execute`].
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::execute_max())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_execute_max())]
		#[pallet::authorize(Self::authorize_execute)]
		pub fn execute_authorized(
			origin: OriginFor<T>,
			game: GameId,
			witness: BlockWitness,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::operator(&key)?;
			Self::do_execute(game, witness)
		}

		/// End a game in which a clock ran out.
		///
		/// - `origin`: anyone. Without signature it is authorised by being right, which happens once a game.
		/// - `game`: the game.
		///
		/// Emits [`Event::GameEnded`].
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::claim_timeout())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_claim_timeout())]
		#[pallet::authorize(Self::authorize_claim_timeout)]
		pub fn claim_timeout(origin: OriginFor<T>, game: GameId) -> DispatchResultWithPostInfo {
			Self::ensure_anyone(origin)?;
			Self::do_claim_timeout(game)?;
			Ok(Pays::No.into())
		}

		/// End a game one of whose claims fell elsewhere, or whose claims follow a definition that is not in force any more.
		///
		/// - `origin`: anyone, as in [`Self::claim_timeout`].
		/// - `game`: the game.
		///
		/// Emits [`Event::GameEnded`].
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::settle())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_settle())]
		#[pallet::authorize(Self::authorize_settle)]
		pub fn settle(origin: OriginFor<T>, game: GameId) -> DispatchResultWithPostInfo {
			Self::ensure_anyone(origin)?;
			Self::do_settle(game)?;
			Ok(Pays::No.into())
		}

		/// Show the chain a candidate's bytes. If they are no expert, every score of it falls; if they are one, the claim
		/// that they are none.
		///
		/// - `origin`: anyone, signed.
		/// - `subject`: whose candidate.
		/// - `blob`: its bytes.
		///
		/// Emits [`Event::CandidateShown`]. Games about it are settled one by one.
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::prove_blob_max(blob.len().saturated_into()))]
		pub fn prove_blob(
			origin: OriginFor<T>,
			subject: Subject,
			blob: BoundedVec<u8, T::MaxBlobBytes>,
		) -> DispatchResult {
			ensure_signed(origin)?;
			Self::do_prove_blob(subject, &blob)
		}

		/// As [`Self::prove_blob`], without fee, in an operator's name.
		///
		/// - `key`, `signature`: any operator's session key, and its signature over [`Word::Show`].
		#[pallet::call_index(9)]
		#[pallet::weight(T::WeightInfo::prove_blob_max(blob.len().saturated_into()))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_prove_blob_max(blob.len().saturated_into()))]
		#[pallet::authorize(Self::authorize_prove_blob)]
		pub fn prove_blob_authorized(
			origin: OriginFor<T>,
			subject: Subject,
			blob: BoundedVec<u8, T::MaxBlobBytes>,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::operator(&key)?;
			Self::do_prove_blob(subject, &blob)
		}

		/// Demand a tile of the candidate from the side behind a score of it.
		///
		/// - `origin`: anyone, signed. The bond pays the supplier of the tile, and returns if there is none.
		/// - `subject`, `digest`: the score. It falls if the tile is not supplied within `DemandWindow`.
		/// - `tile`: the tile's number in the candidate's block.
		///
		/// Emits [`Event::TileDemanded`].
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::demand_tile())]
		pub fn demand_tile(
			origin: OriginFor<T>,
			subject: Subject,
			digest: H256,
			tile: u32,
		) -> DispatchResult {
			let demander = ensure_signed(origin)?;
			Self::do_demand_tile(demander, subject, digest, tile)
		}

		/// Supply a tile that is demanded.
		///
		/// - `origin`: anyone, signed, who gets the bond of the demand.
		/// - `subject`, `digest`, `tile`: the demand.
		/// - `evidence`: the tile with its path; success is free.
		///
		/// Emits [`Event::TileSupplied`].
		#[pallet::call_index(11)]
		#[pallet::weight(T::WeightInfo::supply_tile())]
		pub fn supply_tile(
			origin: OriginFor<T>,
			subject: Subject,
			digest: H256,
			tile: u32,
			evidence: TileEvidence,
		) -> DispatchResultWithPostInfo {
			let supplier = ensure_signed(origin)?;
			Self::do_supply_tile(supplier, subject, digest, tile, evidence)?;
			Ok(Pays::No.into())
		}

		/// As [`Self::supply_tile`], in an operator's name.
		///
		/// - `key`, `signature`: any operator's session key, and its signature over [`Word::Supply`].
		#[pallet::call_index(12)]
		#[pallet::weight(T::WeightInfo::supply_tile())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_supply_tile())]
		#[pallet::authorize(Self::authorize_supply_tile)]
		pub fn supply_tile_authorized(
			origin: OriginFor<T>,
			subject: Subject,
			digest: H256,
			tile: u32,
			evidence: TileEvidence,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_supply_tile(Self::operator(&key)?, subject, digest, tile, evidence)
		}

		/// Close a demand whose window is over, or whose claim fell elsewhere. The bond returns; the claim falls, unless the
		/// definition has changed.
		///
		/// - `origin`: anyone, as in [`Self::claim_timeout`].
		/// - `subject`, `digest`, `tile`: the demand.
		///
		/// Emits [`Event::DemandClosed`].
		#[pallet::call_index(13)]
		#[pallet::weight(T::WeightInfo::close_demand())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_close_demand())]
		#[pallet::authorize(Self::authorize_close_demand)]
		pub fn close_demand(
			origin: OriginFor<T>,
			subject: Subject,
			digest: H256,
			tile: u32,
		) -> DispatchResultWithPostInfo {
			Self::ensure_anyone(origin)?;
			Self::do_close_demand(subject, digest, tile)?;
			Ok(Pays::No.into())
		}

		/// Prove that an operator signed two different verdicts on one draw of one submission.
		///
		/// - `origin`: anyone, signed; success is free, and happens once for each draw and key.
		/// - `first`, `second`: the reports, with the draw that both were signed for. The chain must know it.
		/// - `key`: the operator's session key.
		///
		/// Emits [`Event::EquivocationProven`].
		#[pallet::call_index(14)]
		#[pallet::weight(T::WeightInfo::report_equivocation().saturating_add(T::WeightInfo::withdraw_commitment()))]
		pub fn report_equivocation(
			origin: OriginFor<T>,
			first: SignedReport,
			second: SignedReport,
			key: OperatorId,
		) -> DispatchResultWithPostInfo {
			let reporter = ensure_signed(origin)?;
			Self::do_report_equivocation(reporter, first, second, key)?;
			Ok(Pays::No.into())
		}

		/// As [`Self::demand_tile`], without fee and without bond, in the name of an operator that may be drawn and whose
		/// node cannot find the candidate. Once for each operator and once for each tile of a subject; its supplier
		/// earns nothing.
		///
		/// - `origin`: authorised by the signature.
		/// - `subject`, `digest`, `tile`: as in [`Self::demand_tile`].
		/// - `key`, `signature`: the operator's session key, and its signature over [`Word::Demand`].
		///
		/// Emits [`Event::TileDemanded`].
		#[pallet::call_index(15)]
		#[pallet::weight(T::WeightInfo::demand_tile().saturating_add(T::WeightInfo::authorize_demand_tile()))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_demand_tile())]
		#[pallet::authorize(Self::authorize_demand_tile)]
		pub fn demand_tile_authorized(
			origin: OriginFor<T>,
			subject: Subject,
			digest: H256,
			tile: u32,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_demand_tile_authorized(Self::operator(&key)?, subject, digest, tile)
		}

		/// Commit to a finding before it is shown. `challenge` and `report_equivocation` ask for that: what they show in the pool
		/// would otherwise be worth as much to the one who copies it with a higher tip.
		///
		/// - `origin`: who found it, signed. A deposit as large as a challenge's bond is held until it is shown.
		/// - `hash`: `finding_hash` of the account, the call's name and its arguments.
		///
		/// Emits [`Event::FindingCommitted`].
		#[pallet::call_index(16)]
		#[pallet::weight(T::WeightInfo::commit())]
		pub fn commit(origin: OriginFor<T>, hash: H256) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_commit(who, hash)
		}

		/// Take back a commitment to a finding that will not be shown. The deposit returns.
		///
		/// - `origin`: who committed to it, signed.
		/// - `hash`: the commitment.
		///
		/// Emits [`Event::CommitmentWithdrawn`].
		#[pallet::call_index(17)]
		#[pallet::weight(T::WeightInfo::withdraw_commitment())]
		pub fn withdraw_commitment(origin: OriginFor<T>, hash: H256) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_withdraw_commitment(who, hash)
		}
	}
}
