//! Measured weights: of this project's pallets, and of those that bring none along.
//!
//! `scripts/weights` measures them. The present figures come from the dev profile's node on a busy four-core
//! machine, whose host functions are several times slower than a release build's: upper bounds.

pub mod cumulus_pallet_weight_reclaim;
pub mod pallet_answers;
pub mod pallet_audits;
pub mod pallet_datasets;
pub mod pallet_disputes;
pub mod pallet_experts;
pub mod pallet_holdouts;
pub mod pallet_inference;
pub mod pallet_ledger;
pub mod pallet_operators;
pub mod pallet_proof_of_learning;
pub mod pallet_slashing;
pub mod pallet_xcm;
