//! Storage migrations of an upgrade to this release, oldest first. Entries stay until every network has passed
//! them; each checks the storage version it starts from, so running twice changes nothing.

/// Run within the first block of the new runtime. They must fit into it together with the inherents.
#[cfg(not(feature = "next"))]
pub type SingleBlock = (
	// Models have a body of either definition.
	pallet_experts::migrations::BodiesOfModels<crate::Runtime>,
	// Cases name the shape of a candidate of either.
	pallet_disputes::migrations::ShapesOfCases<crate::Runtime>,
);

/// Run over as many blocks as they need, while other transactions wait.
#[cfg(not(any(feature = "next", feature = "runtime-benchmarks")))]
pub type MultiBlock = ();

#[cfg(all(feature = "next", not(feature = "runtime-benchmarks")))]
pub use crate::next::MultiBlock;
#[cfg(feature = "next")]
pub use crate::next::SingleBlock;
