//! Wiring of the pallets, one file per concern.

mod accounts;
mod consensus;
mod data;
mod evolution;
mod governance;
mod holdouts;
mod justice;
mod learning;
mod monetary;
mod rule;
mod serving;
mod system;
pub mod xcm;

pub use accounts::ProxyType;
pub use consensus::ConsensusHook;
pub use governance::{AccountsOfTheChain, EmergencyMeasures};
pub use learning::{BlocksPerDay, HeartbeatPeriod, MAX_EXPERT_BYTES, MAX_PART_BYTES};
pub use monetary::{PotAndTreasury, TransactionByteFee, TreasuryAccount, WeightToFee};
pub use system::RuntimeBlockWeights;
