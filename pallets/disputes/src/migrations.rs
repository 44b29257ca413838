//! Migrations of the storage, one for each version that it had.

use crate::{game::PARTS, Backer, Case, CaseOf, Cases, Config, Pallet, APPELLANTS_MAX, PLEDGES_MAX};
use blyan_primitives::{BlockRef, ExpertShape, JobOrigin, ModelConfig, Statement, Verdict};
use codec::{Decode, Encode};
use core::marker::PhantomData;
use frame_support::{
	migrations::VersionedMigration,
	traits::{ConstU32, Get, UncheckedOnRuntimeUpgrade},
	weights::Weight,
	BoundedVec,
};
use sp_core::H256;
#[cfg(feature = "try-runtime")]
use {alloc::vec::Vec, frame_support::ensure, sp_runtime::TryRuntimeError};

/// From version 1, whose cases are all about experts of the first definition, to version 2, whose cases name a shape of either.
///
/// Within one block: there is a case for each subject about which an offence is undecided, of 22 KB at most.
pub type ShapesOfCases<T> =
	VersionedMigration<1, 2, GiveShapes<T>, Pallet<T>, <T as frame_system::Config>::DbWeight>;

/// A case in version 1.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) struct OldCase<AccountId, Balance> {
	pub(crate) statements: [Option<Statement>; PARTS as usize],
	pub(crate) origins: [Option<JobOrigin>; PARTS as usize],
	pub(crate) claims: BoundedVec<(AccountId, Verdict), ConstU32<APPELLANTS_MAX>>,
	pub(crate) candidate: Option<(BlockRef, ModelConfig)>,
	pub(crate) offences: u32,
	pub(crate) pledges: BoundedVec<(H256, Backer<AccountId, Balance>), ConstU32<PLEDGES_MAX>>,
}

impl<AccountId, Balance> From<OldCase<AccountId, Balance>> for Case<AccountId, Balance> {
	fn from(old: OldCase<AccountId, Balance>) -> Self {
		let OldCase { statements, origins, claims, candidate, offences, pledges } = old;
		let candidate = candidate.map(|(block, config)| (block, ExpertShape::First(config)));
		Self { statements, origins, claims, candidate, offences, pledges }
	}
}

/// The migration of [`ShapesOfCases`], without its check of versions.
pub struct GiveShapes<T>(PhantomData<T>);

impl<T: Config> UncheckedOnRuntimeUpgrade for GiveShapes<T> {
	fn on_runtime_upgrade() -> Weight {
		let mut cases = 0_u64;
		Cases::<T>::translate_values(|old: OldCase<T::AccountId, crate::BalanceOf<T>>| {
			cases = cases.saturating_add(1);
			Some(CaseOf::<T>::from(old))
		});
		T::DbWeight::get().reads_writes(cases.saturating_add(1), cases)
	}

	#[cfg(feature = "try-runtime")]
	fn pre_upgrade() -> Result<Vec<u8>, TryRuntimeError> {
		Ok((Cases::<T>::iter_keys().count() as u64).encode())
	}

	#[cfg(feature = "try-runtime")]
	fn post_upgrade(before: Vec<u8>) -> Result<(), TryRuntimeError> {
		let count = u64::decode(&mut before.as_slice()).map_err(|_| "written by pre_upgrade")?;
		ensure!(Cases::<T>::iter().count() as u64 == count, "a case was lost");
		Pallet::<T>::do_try_state()
	}
}
