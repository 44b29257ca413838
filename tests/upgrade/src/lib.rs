//! The runtime's interface to clients, and whether a change of it breaks them.
//!
//! [`Interface`] turns a runtime's metadata, or the imports of its WebAssembly, into lines of text: one call, event,
//! storage item, type's field or imported function a line. [`Snapshot`] keeps such lines in a file, and
//! [`Snapshot::compare`] says what became of each and which version had to be raised for it. `docs/upgrades.md` has
//! the rules.
//!
//! [`client`] is a client that was compiled for what `snapshots/client.scale` describes, as any third-party client would be.

pub mod client;
mod interface;
mod snapshot;
mod types;

pub use interface::Interface;
pub use snapshot::{Change, Demand, Snapshot, Versions};
