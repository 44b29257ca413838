//! Powers of referenda besides root's: an origin for each track, and who it is to the pallets.

pub use pallet::*;

use crate::{AccountId, Balance, RuntimeOrigin};
use frame_support::traits::{EitherOf, EitherOfDiverse, EnsureOrigin};
use frame_system::{EnsureRoot, EnsureRootWithSuccess};

/// Origins of referenda. No storage, no calls.
#[frame_support::pallet]
pub mod pallet {
	use frame_support::pallet_prelude::*;

	#[pallet::config]
	pub trait Config: frame_system::Config {}

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// Power that a referendum is held about.
	#[pallet::origin]
	#[derive(
		Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
	)]
	#[scale_info(capture_docs = "always")]
	pub enum Origin {
		/// Dispatches, as root, what the technical council has whitelisted.
		WhitelistedCaller,
		/// Sets parameters.
		ParameterAdmin,
		/// Spends from the treasury.
		Treasurer,
		/// Sets the budget, and what rewards are.
		BudgetAdmin,
		/// Registers models and their data.
		ModelAdmin,
		/// Names the technical council.
		CouncilAdmin,
		/// Reports offences, and decides appeals that no computation decides.
		Judge,
		/// Cancels referenda; their deposits come back.
		Canceller,
		/// Ends referenda that were meant to harm; their deposits are lost.
		Killer,
	}
}

/// Checks for one power; returns a value of that power.
macro_rules! power {
	($(#[$meta:meta])* $check:ident, $power:ident, $success:ty, $value:expr) => {
		$(#[$meta])*
		pub struct $check;

		impl EnsureOrigin<RuntimeOrigin> for $check {
			type Success = $success;

			fn try_origin(origin: RuntimeOrigin) -> Result<$success, RuntimeOrigin> {
				let power: Result<Origin, RuntimeOrigin> = origin.into();
				match power? {
					Origin::$power => Ok($value),
					other => Err(other.into()),
				}
			}

			#[cfg(feature = "runtime-benchmarks")]
			fn try_successful_origin() -> Result<RuntimeOrigin, ()> {
				Ok(Origin::$power.into())
			}
		}
	};
}

power!(
	/// The power to dispatch what was whitelisted.
	EnsureWhitelistedCaller, WhitelistedCaller, (), ());
power!(
	/// The power over parameters.
	EnsureParameterAdmin, ParameterAdmin, (), ());
power!(
	/// The power over the treasury, without a limit but for what it has.
	EnsureTreasurer, Treasurer, Balance, Balance::MAX);
power!(
	/// The power over the budget.
	EnsureBudgetAdmin, BudgetAdmin, (), ());
power!(
	/// The power over models.
	EnsureModelAdmin, ModelAdmin, (), ());
power!(
	/// The power over the technical council.
	EnsureCouncilAdmin, CouncilAdmin, (), ());
power!(
	/// The power over offences.
	EnsureJudge, Judge, (), ());
power!(
	/// The power to cancel referenda.
	EnsureCanceller, Canceller, (), ());
power!(
	/// The power to kill referenda.
	EnsureKiller, Killer, (), ());

/// Root, or a referendum with the power that the check is about.
pub type RootOr<Check> = EitherOfDiverse<EnsureRoot<AccountId>, Check>;
/// Root, or a referendum about the treasury.
pub type RootOrTreasurer<Most> = EitherOf<EnsureRootWithSuccess<AccountId, Most>, EnsureTreasurer>;
