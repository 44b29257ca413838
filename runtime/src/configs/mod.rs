//! How the pallets are wired, one file per concern.

mod accounts;
mod consensus;
mod monetary;
mod rule;
mod system;
pub mod xcm;

pub use accounts::ProxyType;
pub use consensus::ConsensusHook;
pub use monetary::{DealWithFees, TransactionByteFee, TreasuryAccount, WeightToFee};
pub use system::RuntimeBlockWeights;
