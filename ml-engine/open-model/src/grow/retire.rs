//! Retirement: named experts of a layer go, and their rows of the router with them.

use super::{
	plan::{Growth, GrowthError},
	slot::Slot,
};
use crate::{
	derive::Parent,
	directory::{DirectoryError, PartFile},
};
use blyan_exact::definition2::{
	block::{Fault, PartView},
	Architecture, Name, Network, Part, Routing,
};
use std::collections::BTreeSet;

impl Growth {
	/// Reports whether experts of a layer of the old model are retired.
	pub fn retires_from(&self, layer: u8) -> bool {
		self.retire.iter().any(|slot| slot.layer == layer)
	}

	/// Returns the experts that a layer of `experts` experts keeps, in their order.
	pub fn survivors(&self, layer: u8, experts: u16) -> Vec<u16> {
		(0..experts).filter(|expert| !self.retire.contains(&Slot { layer, expert: *expert })).collect()
	}

	/// Refuses to retire what is not there or was named before, and all experts of a layer.
	pub(super) fn ensure_retirable(&self, parent: &Architecture) -> Result<(), GrowthError> {
		let mut named = BTreeSet::new();
		for slot in &self.retire {
			let experts = parent.routing(slot.layer).map_or(0, |routing| routing.experts);
			if slot.expert >= experts || !named.insert(*slot) {
				return Err(GrowthError::Retired(*slot));
			}
			if self.survivors(slot.layer, experts).is_empty() {
				return Err(GrowthError::NoneLeft(slot.layer));
			}
		}
		Ok(())
	}

	/// Takes the retired experts out of the shape of a layer.
	pub(super) fn retire_from(&self, layer: u8, network: &mut Network) {
		if let Network::Routed(routing) = network {
			// There are at most 1,024.
			routing.experts = self.survivors(layer, routing.experts).len() as u16;
		}
	}
}

/// Returns the experts of a layer that its router never chooses, whatever it reads: as many others as a token is routed to have the
/// same row and a lower index, and of equal logits the lower index is chosen. None of a dense layer.
pub fn never_chosen(parent: &Parent, layer: u8) -> Result<Vec<u16>, DirectoryError> {
	let Some(Routing { experts, top_k, .. }) = parent.architecture().routing(layer).copied() else {
		return Ok(Vec::new());
	};
	let file: PartFile = parent.part(Part::Layer(layer))?;
	let view = PartView::new(file.layout(), file.bytes()).map_err(|fault| file.fault(fault))?;
	let bytes = view.bytes(Name::Router).ok_or_else(|| file.fault(Fault::Length))?;
	let stride = bytes.len() / usize::from(experts.max(1));
	Ok(behind_equals(bytes, stride, top_k.into()))
}

/// Returns the rows of `stride` bytes each in front of which at least `count` equal ones lie.
fn behind_equals(bytes: &[u8], stride: usize, count: usize) -> Vec<u16> {
	let rows: Vec<&[u8]> = bytes.chunks_exact(stride.max(1)).collect();
	let is_behind =
		|place: &usize| rows[..*place].iter().filter(|row| **row == rows[*place]).count() >= count;
	// A router has at most 1,024 rows.
	(0..rows.len()).filter(is_behind).map(|place| place as u16).collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn retiring(slots: &[(u8, u16)]) -> Growth {
		let retire = slots.iter().map(|&(layer, expert)| Slot { layer, expert }).collect();
		Growth { retire, ..Growth::default() }
	}

	#[test]
	fn a_row_is_never_chosen_behind_as_many_equal_ones_as_are_chosen() {
		let rows = [1, 2, 1, 1, 2, 3].map(|row: u8| [row, 9]).concat();
		assert_eq!(behind_equals(&rows, 2, 1), [2, 3, 4]);
		assert_eq!(behind_equals(&rows, 2, 2), [3]);
		assert!(behind_equals(&rows, 2, 3).is_empty());
		assert!(behind_equals(&[], 0, 1).is_empty());
	}

	#[test]
	fn settings_read_what_they_write() {
		let growth = retiring(&[(0, 3), (1, 700)]);
		let text = serde_json::to_string(&growth).unwrap();
		assert_eq!(serde_json::from_str::<Growth>(&text).unwrap(), growth);
		// Steps that were written before there was anything to retire.
		assert!(serde_json::from_str::<Growth>(r#"{"top_k":2}"#).unwrap().retire.is_empty());
		assert!(growth.to_string().contains("without experts 0.3, 1.700"), "{growth}");
	}

	proptest! {
		#[test]
		fn survivors_are_all_others_in_their_order(experts in 1_u16..200, retired in prop::collection::vec(0_u16..300, 0..50)) {
			let slots: Vec<(u8, u16)> = retired.iter().map(|expert| (2, *expert)).collect();
			let growth = retiring(&slots);
			let survivors = growth.survivors(2, experts);
			prop_assert!(survivors.is_sorted_by(|a, b| a < b));
			prop_assert!(survivors.iter().all(|expert| !retired.contains(expert)));
			let gone = (0..experts).filter(|expert| retired.contains(expert)).count();
			prop_assert_eq!(survivors.len() + gone, usize::from(experts));
			prop_assert_eq!(growth.survivors(1, experts).len(), usize::from(experts));
		}
	}
}
