//! Operators as nodes, clients and pallets name them: numbers, measurements, reputations, hardware.

use alloc::vec::Vec;
use blyan_exact::merkle;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Where a node leaves its [`Measurement`], SCALE encoded, in its persistent off-chain storage.
pub const MEASUREMENT_KEY: &[u8] = b"blyan/operators/measurement";
/// Where a node leaves its [`HardwareComponents`], SCALE encoded, in its persistent off-chain storage.
pub const HARDWARE_KEY: &[u8] = b"blyan/operators/hardware";
/// Domain separator of the proof that an operator has the session key.
pub const POSSESSION_CONTEXT: &[u8] = b"blyan/possession/1";
/// Components that a hardware identifier commits to.
pub const HARDWARE_COMPONENTS: usize = 8;
/// Siblings on the way from a component to the root: the tree is complete.
pub const HARDWARE_PATH: usize = 3;
/// The region of an operator that gave none. ISO 3166-1 leaves `ZZ` to its users.
pub const REGION_UNKNOWN: Region = Region(*b"ZZ");
/// Tokens a second from which the faster processor of a machine is in tiers 1, 2, 3 and 4.
pub const TIER_THRESHOLDS: [u32; 4] = [1, 1_000, 10_000, 100_000];

macro_rules! wire {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
			Serialize, Deserialize,
		)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

wire! {
	/// A registration's number. An index is given out again after its holder has withdrawn, under a higher generation,
	/// so a returning operator is never taken for the one that left.
	#[derive(Default, PartialOrd, Ord, Hash)]
	pub struct OperatorUid {
		/// Below the number of operators the chain has room for.
		pub index: u32,
		/// Number of operators that held this index before.
		pub generation: u32,
	}
}

wire! {
	/// Main work of an operator, as it declares it. Its capabilities must include it.
	#[derive(Default)]
	pub enum Role {
		/// Evaluates candidates.
		#[default]
		Evaluator,
		/// Serves inference.
		Server,
		/// Stores blobs.
		Keeper,
	}
}

wire! {
	/// Country of an operator, as it declares it: a code of ISO 3166-1 alpha-2, two capital letters.
	#[derive(PartialOrd, Ord)]
	pub struct Region(pub [u8; 2]);
}

impl Default for Region {
	fn default() -> Self {
		REGION_UNKNOWN
	}
}

impl Region {
	/// Reports whether these are two capital letters.
	pub fn is_valid(&self) -> bool {
		self.0.iter().all(u8::is_ascii_uppercase)
	}

	/// Reports whether the operator named a country.
	pub fn is_known(&self) -> bool {
		*self != REGION_UNKNOWN
	}
}

wire! {
	/// A node's own measurement of its machine. Unverified: it says where to look first, not whom to trust.
	#[derive(Default)]
	pub struct Measurement {
		/// Tokens a second through the exact evaluation on the CPU.
		pub cpu_tokens_per_second: u32,
		/// Tokens a second through the exact evaluation on the GPU; 0 without one.
		pub gpu_tokens_per_second: u32,
		/// Disk offered, in GiB.
		pub disk_gib: u32,
		/// Bandwidth offered, in megabits a second.
		pub bandwidth_mbit: u32,
		/// Threads that evaluations may use, or multiprocessors of a GPU.
		pub compute_units: u32,
	}
}

wire! {
	/// Speed class of a machine, by [`TIER_THRESHOLDS`].
	#[derive(Default, PartialOrd, Ord)]
	pub enum PerformanceTier {
		/// Nothing was measured.
		#[default]
		Unmeasured,
		/// Below 1,000 tokens a second.
		Basic,
		/// From 1,000 tokens a second.
		Standard,
		/// From 10,000 tokens a second.
		Fast,
		/// From 100,000 tokens a second.
		Top,
	}
}

impl Measurement {
	/// The tier of the machine's faster processor.
	pub fn tier(&self) -> PerformanceTier {
		let speed = self.cpu_tokens_per_second.max(self.gpu_tokens_per_second);
		match TIER_THRESHOLDS.iter().filter(|threshold| speed >= **threshold).count() {
			0 => PerformanceTier::Unmeasured,
			1 => PerformanceTier::Basic,
			2 => PerformanceTier::Standard,
			3 => PerformanceTier::Fast,
			_ => PerformanceTier::Top,
		}
	}
}

wire! {
	/// Measures that make up a reputation, each from 0 to 1,000,000. More is better but for the violations.
	pub struct Measures {
		/// Share of the recent periods in which the operator was heard.
		pub uptime: u32,
		/// Share of the recent verdicts that agreed with the decision.
		pub proof_success: u32,
		/// Success of the owner's experts in joining the model.
		pub lineage: u32,
		/// Time without a punishment.
		pub slash_free: u32,
		/// Share of the recent assignments that were carried out, right or wrong.
		pub job_completion: u32,
		/// Weight of what the operator was punished for; it fades.
		pub violations: u32,
	}
}

wire! {
	/// One component of a machine: a hash of what identifies it, and a salt that keeps it from being guessed.
	#[derive(Default)]
	pub struct HardwareComponent {
		/// Hash of the component's identifier; zero where there is none.
		pub identifier: H256,
		/// Random bytes known to the operator alone until the component is opened.
		pub salt: H256,
	}
}

impl HardwareComponent {
	/// The leaf of the tree that the component is at `index` of.
	pub fn leaf(&self, index: u8) -> H256 {
		H256(merkle::leaf(&(b"blyan/hardware/1", index, self).encode()))
	}
}

/// All components of a machine, in the order of their leaves.
pub type HardwareComponents = [HardwareComponent; HARDWARE_COMPONENTS];

wire! {
	/// A component with the way to the root.
	pub struct HardwareOpening {
		/// The component.
		pub component: HardwareComponent,
		/// Siblings from the leaf to the root.
		pub path: [H256; HARDWARE_PATH],
	}
}

impl HardwareOpening {
	/// Opens `components` at `index`; `None` if there is no such component.
	pub fn of(components: &HardwareComponents, index: u8) -> Option<Self> {
		let component = *components.get(usize::from(index))?;
		let proof: Vec<H256> =
			merkle::prove(&leaves(components), index.into())?.into_iter().map(H256).collect();
		Some(Self { component, path: proof.try_into().ok()? })
	}

	/// Reports whether this opens `root` at `index`.
	pub fn opens(&self, root: &H256, index: u8) -> bool {
		let path = self.path.map(|sibling| sibling.0);
		merkle::verify(&root.0, HARDWARE_COMPONENTS, index.into(), &self.component.leaf(index).0, &path)
	}
}

/// The identifier of a machine: the root over its salted components.
pub fn hardware_root(components: &HardwareComponents) -> H256 {
	H256(merkle::root(&leaves(components)))
}

fn leaves(components: &HardwareComponents) -> Vec<[u8; 32]> {
	(0u8..).zip(components).map(|(index, component)| component.leaf(index).0).collect()
}

/// Returns the bytes that a session key signs to be accepted for `who` on the chain with this genesis hash.
///
/// Naming the account keeps a proof from being copied out of the pool by another account.
pub fn possession_payload(genesis: &impl Encode, who: &impl Encode) -> Vec<u8> {
	(POSSESSION_CONTEXT, genesis, who).encode()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn components() -> HardwareComponents {
		core::array::from_fn(|index| HardwareComponent {
			identifier: H256::repeat_byte(index as u8),
			salt: H256::repeat_byte(100 + index as u8),
		})
	}

	#[test]
	fn openings_open_their_own_component_only() {
		let root = hardware_root(&components());
		for index in 0..HARDWARE_COMPONENTS as u8 {
			let opening = HardwareOpening::of(&components(), index).expect("there are eight");
			for at in 0..10 {
				assert_eq!(opening.opens(&root, at), at == index);
			}
			let mut other = opening;
			other.component.identifier = H256::repeat_byte(0xff);
			assert!(!other.opens(&root, index));
		}
		assert_eq!(HardwareOpening::of(&components(), HARDWARE_COMPONENTS as u8), None);
	}

	#[test]
	fn tiers_follow_the_faster_processor() {
		let tier = |cpu_tokens_per_second, gpu_tokens_per_second| {
			Measurement { cpu_tokens_per_second, gpu_tokens_per_second, ..Default::default() }.tier()
		};
		assert_eq!(tier(0, 0), PerformanceTier::Unmeasured);
		assert_eq!(tier(999, 0), PerformanceTier::Basic);
		assert_eq!(tier(1_000, 1), PerformanceTier::Standard);
		assert_eq!(tier(5, 99_999), PerformanceTier::Fast);
		assert_eq!(tier(0, u32::MAX), PerformanceTier::Top);
	}
}
