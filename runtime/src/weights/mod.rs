//! Weights that no pallet brings along.

pub mod cumulus_pallet_weight_reclaim;
pub mod pallet_xcm;
