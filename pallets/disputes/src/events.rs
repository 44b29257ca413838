//! Events: changes of the chain's state, for those who follow it.

use frame_support::pallet_macros::pallet_section;

/// Section of the pallet.
#[pallet_section]
mod events {
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// Two claims play against each other.
		GameOpened {
			/// The game.
			game: GameId,
			/// What they are about.
			subject: Subject,
			/// The claims, in the order of the sides.
			digests: [H256; 2],
			/// Who put the second claim forward with a bond; `None` between claims on the chain.
			challenger: Option<T::AccountId>,
			/// What is asked of them first.
			query: Query,
		},
		/// One side opened what it was asked for.
		Opened {
			/// The game.
			game: GameId,
			/// The side.
			side: Side,
			/// Who moved for it.
			mover: T::AccountId,
		},
		/// Both sides have moved; the game goes on one level down.
		Descended {
			/// The game.
			game: GameId,
			/// What is asked next.
			query: Query,
		},
		/// A game is over.
		GameEnded {
			/// The game.
			game: GameId,
			/// What it was about.
			subject: Subject,
			/// Which claims have fallen.
			refuted: [bool; 2],
			/// How it ended.
			end: GameEnd,
		},
		/// A claim has fallen, and every identical one with it.
		ClaimRefuted {
			/// What it was about.
			subject: Subject,
			/// The claim.
			digest: H256,
		},
		/// A bond is free again.
		BondReleased {
			/// Whose.
			who: T::AccountId,
			/// How much.
			amount: BalanceOf<T>,
		},
		/// A bond is lost.
		BondLost {
			/// Whose.
			who: T::AccountId,
			/// How much.
			amount: BalanceOf<T>,
			/// How much of it went to accounts that did the other side's work.
			paid: BalanceOf<T>,
		},
		/// The chain has seen a candidate's bytes.
		CandidateShown {
			/// Whose candidate.
			subject: Subject,
			/// Whether they are an expert.
			valid: bool,
		},
		/// The side behind a claim must supply a tile of the candidate.
		TileDemanded {
			/// What the claim is about.
			subject: Subject,
			/// The claim.
			digest: H256,
			/// The tile.
			tile: u32,
			/// Last block before the claim can fall.
			until: BlockNumberFor<T>,
		},
		/// The tile is on the chain.
		TileSupplied {
			/// What the claim is about.
			subject: Subject,
			/// The claim.
			digest: H256,
			/// The tile.
			tile: u32,
			/// Who gets the bond of the demand, if it came with one.
			supplier: T::AccountId,
		},
		/// A demand ended without a tile: its time was over, or the claim fell elsewhere.
		DemandClosed {
			/// What the claim is about.
			subject: Subject,
			/// The claim, which has fallen now.
			digest: H256,
			/// The tile.
			tile: u32,
		},
		/// An operator signed two different verdicts on one submission.
		EquivocationProven {
			/// The submission.
			submission: SubmissionId,
			/// The operator.
			operator: T::AccountId,
		},
		/// An account has committed to a finding.
		FindingCommitted {
			/// Account that committed.
			who: T::AccountId,
			/// The commitment.
			hash: H256,
			/// Deposit on hold for it.
			deposit: BalanceOf<T>,
		},
		/// A commitment was taken back.
		CommitmentWithdrawn {
			/// Account that committed.
			who: T::AccountId,
			/// The commitment.
			hash: H256,
		},
	}
}
