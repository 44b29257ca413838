//! Records of this pallet and what they know about themselves; no storage access.

use crate::{
	game::{Position, Side, OPERATORS_MAX, PARTS},
	Config,
};
use alloc::vec::Vec;
#[cfg(feature = "runtime-benchmarks")]
use blyan_exact::definition2::Architecture;
use blyan_exact::{
	step::{Commitments, Place, StepError},
	Hash,
};
use blyan_primitives::{
	BlockRef, BlockWitness, Computation, DrawId, ExpertShape, JobOrigin, OperatorId, OperatorSignature,
	PartIndex, ScoreReport, Statement, Subject, TileEvidence, Verdict,
};
use blyan_runtime_api::disputes::GameEnd;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::{fungible, ConstU32},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::traits::AtLeast32BitUnsigned;

pub use blyan_runtime_api::disputes::GameId;

/// Largest witness, in bytes of its encoding.
pub const WITNESS_BYTES_MAX: u32 = 256 * 1024;
/// Largest evidence of one tile: 64 KiB, a path, and the scales of a part.
pub const TILE_EVIDENCE_BYTES_MAX: u32 = 66 * 1024;
/// Largest opening, encoded: an item and two full lists of operators.
pub const OPENING_BYTES_MAX: u32 = 2 * 32 * OPERATORS_MAX + 128;
/// Appeals that wait for one game: no committee has as many members.
pub const APPELLANTS_MAX: u32 = 64;

/// Bonds that a case keeps: one for each challenger that won by the clock, and no committee has as many members.
pub const PLEDGES_MAX: u32 = 64;
/// Games and demands about one subject before the bond of the next ones grows by itself once more. The first few cost the
/// same, so that honest challengers pay little; a flood costs the square of its size.
pub const BOND_STEP: u32 = 8;

/// Domain separator of what session keys sign for this pallet.
pub const DISPUTE_CONTEXT: &[u8] = b"blyan/dispute/1";

/// Amounts of the runtime's currency.
pub type BalanceOf<T> =
	<<T as Config>::Currency as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// Money taken from a bond, on its way.
pub type CreditOf<T> = fungible::Credit<<T as frame_system::Config>::AccountId, <T as Config>::Currency>;
/// A game of the runtime.
pub type GameRecordOf<T> =
	GameRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;
/// A side of a game of the runtime.
pub type SideRecordOf<T> =
	SideRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;
/// A case of the runtime.
pub type CaseOf<T> = Case<<T as frame_system::Config>::AccountId, BalanceOf<T>>;
/// Who demands a tile of the runtime.
pub type DemanderOf<T> = Demander<<T as frame_system::Config>::AccountId, BalanceOf<T>>;
/// A demand of the runtime.
pub type DemandRecordOf<T> =
	DemandRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

/// Computes one block again. The runtime takes [`Exact`](crate::Exact); a mock may know the truth otherwise.
pub trait Referee {
	/// As `blyan_exact::step::execute`, or `blyan_exact::definition2::step::execute`. A witness of the other definition is malformed.
	fn execute(
		computation: &Computation,
		commitments: &Commitments,
		agreed: &[Hash],
		place: Place,
		witness: &BlockWitness,
	) -> Result<Hash, StepError>;
	/// The costliest block of the first definition.
	#[cfg(feature = "runtime-benchmarks")]
	fn first_trial_for_benchmark() -> Trial;
	/// The costliest block of the second definition, of the longest program.
	#[cfg(feature = "runtime-benchmarks")]
	fn second_trial_for_benchmark() -> Trial;
}

/// Inputs of a benchmark of an execution.
#[cfg(feature = "runtime-benchmarks")]
pub struct Trial {
	/// Statement of the computation.
	pub statement: Statement,
	/// Its architecture under the second definition, which the registry must know.
	pub architecture: Option<Architecture>,
	/// The operator.
	pub at: crate::game::OperatorPlace,
	/// The row.
	pub row: u32,
	/// The block.
	pub block: u32,
	/// Roots of the operators in front.
	pub agreed: Vec<Hash>,
	/// The inputs.
	pub witness: BlockWitness,
}

/// Looks at the bytes of a candidate's block.
pub trait BlockCheck {
	/// Reports whether these bytes are a valid expert of this shape, with this tensor root.
	fn is_valid(bytes: &[u8], tensor_root: H256, shape: &ExpertShape) -> bool;
	/// Returns the number of tiles in an expert's block of this shape; zero if the registry does not have its architecture.
	fn tiles(shape: &ExpertShape) -> u32;
	/// Reports whether `evidence` is this tile of the block with this tensor root.
	fn is_tile(evidence: &TileEvidence, tile: u32, tensor_root: H256, shape: &ExpertShape) -> bool;
	/// The largest valid block of the first definition of at most so many bytes.
	#[cfg(feature = "runtime-benchmarks")]
	fn first_block_for_benchmark(bytes: u32) -> Specimen<Vec<u8>>;
	/// The largest valid block of the second definition of at most so many bytes.
	#[cfg(feature = "runtime-benchmarks")]
	fn second_block_for_benchmark(bytes: u32) -> Specimen<Vec<u8>>;
	/// Evidence for tile 0 of a block with a long path.
	#[cfg(feature = "runtime-benchmarks")]
	fn evidence_for_benchmark() -> Specimen<TileEvidence>;
}

/// Something of an expert's block, for benchmarks.
#[cfg(feature = "runtime-benchmarks")]
pub struct Specimen<Content> {
	/// The bytes, or evidence for some of them.
	pub content: Content,
	/// Tensor root of the block.
	pub tensor_root: H256,
	/// Its shape.
	pub shape: ExpertShape,
	/// Architecture of a shape of the second definition, which the registry must know.
	pub architecture: Option<Architecture>,
}

/// Registry of architectures that benchmarks may write to.
#[cfg(feature = "runtime-benchmarks")]
pub trait BenchmarkHelper {
	/// Makes the registry know an architecture.
	fn register(architecture: &Architecture);
}

/// What a session key says to this pallet. Signed together with the genesis hash, so that it means nothing elsewhere.
#[derive(Clone, Copy, Debug, Encode)]
pub enum Word {
	/// These two claims contradict each other.
	Confront(Subject, H256, H256),
	/// The Blake2b-256 of an opening, for a side of a game.
	Descend(GameId, Side, H256),
	/// The Blake2b-256 of a witness, for a game.
	Execute(GameId, H256),
	/// The hash of a blob, for a subject.
	Show(Subject, H256),
	/// The Blake2b-256 of the evidence for a tile of a subject's candidate, demanded of a claim.
	Supply(Subject, H256, u32, H256),
	/// The side behind this claim must supply this tile of the subject's candidate.
	Demand(Subject, H256, u32),
}

impl Word {
	/// The bytes the session key signs.
	pub fn signing_payload(&self, genesis: &H256) -> Vec<u8> {
		(DISPUTE_CONTEXT, genesis, self).encode()
	}
}

/// A report together with the signature that was valid for it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct SignedReport {
	/// The report.
	pub report: ScoreReport,
	/// The draw that it was signed for.
	pub draw: DrawId,
	/// By the operator's session key over its payload.
	pub signature: OperatorSignature,
}

impl SignedReport {
	/// Whether `key` signed it on the chain with this genesis hash.
	pub fn is_signed_by(&self, key: &OperatorId, genesis: &H256) -> bool {
		use sp_runtime::RuntimeAppPublic;
		key.verify(&self.report.signing_payload(genesis, &self.draw), &self.signature)
	}
}

/// How a claim fell.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum Fall {
	/// The chain computed, or saw, that it is wrong.
	Proven,
	/// It was not defended against this claim. An appeal has them play again.
	Undefended {
		/// The opponent.
		against: Verdict,
	},
	/// This tile of the bytes it is about was not supplied. On appeal it may be supplied late.
	Withheld {
		/// The tile.
		tile: u32,
	},
}

/// Who put a claim into a game and pays if it falls.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct Backer<AccountId, Balance> {
	/// The challenger.
	pub account: AccountId,
	/// What is on hold for this game.
	pub bond: Balance,
}

/// A side of a game.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct SideRecord<AccountId, Balance, BlockNumber> {
	/// What it claims.
	pub verdict: Verdict,
	/// Account that put it forward with a bond; `None` for a claim that was on the chain already.
	pub backer: Option<Backer<AccountId, Balance>>,
	/// Blocks it had left when the round began, less what its move of this round took.
	pub clock: BlockNumber,
	/// Whether its opening of this round is there.
	pub moved: bool,
}

impl<AccountId: PartialEq, Balance, BlockNumber> SideRecord<AccountId, Balance, BlockNumber> {
	/// What names its claim.
	pub fn digest(&self) -> H256 {
		self.verdict.digest()
	}
}

/// An open game.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct GameRecord<AccountId, Balance, BlockNumber> {
	/// What the claims are about.
	pub subject: Subject,
	/// The first part in which they differ; zero if one of them has none.
	pub part: PartIndex,
	/// What that part claims to have computed.
	pub statement: Statement,
	/// The two claims.
	pub sides: [SideRecord<AccountId, Balance, BlockNumber>; 2],
	/// Where the game stands.
	pub position: Position,
	/// When both sides began to owe what they owe, in working time.
	pub round_began: BlockNumber,
	/// Whether the second claim plays again although it fell undefended.
	pub is_appeal: bool,
	/// Who waits for the end with an appeal, and for which side.
	pub appellants: BoundedVec<(AccountId, Side), ConstU32<APPELLANTS_MAX>>,
	/// Whether the keeper of the claims was told and waits for the end. An appeal concerns the stake only, so one that
	/// begins when the subject's window is over holds nothing up.
	pub holds: bool,
}

impl<AccountId, Balance, BlockNumber> GameRecord<AccountId, Balance, BlockNumber>
where
	AccountId: PartialEq,
	BlockNumber: AtLeast32BitUnsigned + Copy,
{
	/// Whether a side's clock runs.
	pub fn owes(&self, side: Side) -> bool {
		self.position.is_asked(side) && !side.of(&self.sides).moved
	}

	/// Last block in which a side may move. Its clock runs as many times more slowly as `loads` says.
	pub fn deadline(&self, side: Side, loads: [u32; 2]) -> BlockNumber {
		let load = BlockNumber::from(*side.of(&loads));
		self.round_began.saturating_add(side.of(&self.sides).clock.saturating_mul(load))
	}

	/// Whose clock ran out, and so whose claim falls. If both did, the first one falls; at the same block, the one that
	/// was put forward, or appealed, against another, or else both.
	pub fn timed_out(&self, now: BlockNumber, loads: [u32; 2]) -> [bool; 2] {
		let out = Side::BOTH.map(|side| self.owes(side) && now > self.deadline(side, loads));
		let [first, second] = Side::BOTH.map(|side| self.deadline(side, loads));
		let [first_bears, second_bears] = Side::BOTH.map(|side| self.bears_burden(side));
		match out {
			[true, true] if first < second => [true, false],
			[true, true] if second < first => [false, true],
			[true, true] if first_bears != second_bears => [first_bears, second_bears],
			out => out,
		}
	}

	/// Reports whether a side has to show something, and the other one not, if neither moves.
	fn bears_burden(&self, side: Side) -> bool {
		side.of(&self.sides).backer.is_some() || (self.is_appeal && side == Side::Second)
	}

	/// The claims.
	pub fn digests(&self) -> [H256; 2] {
		let [first, second] = &self.sides;
		[first.digest(), second.digest()]
	}
}

/// Two digests in order, so that a pair has one key.
pub fn pair(first: H256, second: H256) -> (H256, H256) {
	if first <= second {
		(first, second)
	} else {
		(second, first)
	}
}

/// A game that is over.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct EndedRecord<BlockNumber> {
	/// What the claims were about.
	pub subject: Subject,
	/// The part.
	pub part: PartIndex,
	/// The claims.
	pub digests: [H256; 2],
	/// Which of them fell.
	pub refuted: [bool; 2],
	/// How it ended.
	pub end: GameEnd,
	/// When.
	pub at: BlockNumber,
}

/// How many games a claim of the chain stands in at once, and so how much time it has in each.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct Load {
	/// Games that are open.
	pub open: u32,
	/// The most that were open at once since there last was none. Time is given by this, because time that was given is
	/// not taken back when some of the games end.
	pub peak: u32,
}

impl Load {
	/// How many times more slowly than usual the claim's clocks run, if `per_clock` games can be answered in one.
	pub fn factor(&self, per_clock: u32) -> u32 {
		self.peak.div_ceil(per_clock.max(1)).max(1)
	}
}

/// Everything that an appeal needs to have a claim computed again, kept until the last offence about the subject is decided:
/// what takes stake because something did not happen in time must stay open to proof for as long as it can be applied.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct Case<AccountId, Balance> {
	/// What each part of the verdicts claims to have computed.
	pub statements: [Option<Statement>; PARTS as usize],
	/// Where their inputs are found.
	pub origins: [Option<JobOrigin>; PARTS as usize],
	/// Who claimed what.
	pub claims: BoundedVec<(AccountId, Verdict), ConstU32<APPELLANTS_MAX>>,
	/// The candidate's block and the shape that it must have.
	pub candidate: Option<(BlockRef, ExpertShape)>,
	/// Offences that are not decided.
	pub offences: u32,
	/// Claims that won by the clock alone, with the bonds of those who put them forward: lost if an appeal shows them to be
	/// wrong, or are not defended then.
	pub pledges: BoundedVec<(H256, Backer<AccountId, Balance>), ConstU32<PLEDGES_MAX>>,
}

/// Who demands a tile.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub enum Demander<AccountId, Balance> {
	/// Anybody, with a bond that pays the supplier.
	Bonded(Backer<AccountId, Balance>),
	/// An operator whose node cannot find the bytes. Once for each subject, and it pays nothing: withholding must not earn.
	Operator(AccountId),
	/// Operators whose claim fell because the tile was missing. They appeal by supplying it.
	Appellants(BoundedVec<AccountId, ConstU32<APPELLANTS_MAX>>),
}

/// A demand for a tile.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct DemandRecord<AccountId, Balance, BlockNumber> {
	/// Who demands it.
	pub demander: Demander<AccountId, Balance>,
	/// Last block before the claim can fall, in working time.
	pub until: BlockNumber,
	/// As in [`GameRecord::holds`].
	pub holds: bool,
}
