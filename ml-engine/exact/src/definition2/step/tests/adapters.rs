//! Disputes over experts that are adapters.

use super::*;
use crate::definition2::program::Slot::Rank;

/// A shift above 12, or any at the second matrix, makes a sealed file of adapters invalid; no code does.
#[test]
fn an_invalid_shift_of_an_adapter_condemns_both() {
	let world = World::all().iter().find(|world| world.name == "adapters").unwrap();
	let architecture = world.program().architecture();
	let operator = world.program().index_of(Role::Gate(1, Rank(1))).unwrap();
	let place = Place { operator, row: 3, block: 0 };
	let judged = |at: usize, byte: u8| {
		let (mut files, mut experts) = (world.files.clone(), world.experts.clone());
		for (part, root) in architecture.expert_parts().zip(&mut experts) {
			if let Part::Expert { layer: 1, .. } = part {
				let file = files.get_mut(&part).unwrap();
				file[at] = byte;
				*root = seal(&Layout::of(architecture, part).unwrap(), file).unwrap();
			}
		}
		let prover = Prover { files: &files, experts: &experts, ..world.prover(&world.trace) };
		let witness = prover.record(place).unwrap();
		execute(world.program(), &prover.commitments(), &world.trace.operators()[..operator], place, &witness)
	};
	let layout = Layout::of(architecture, Part::Expert { layer: 1, expert: 0 }).unwrap();
	let scale_of = |name| 448 + 16 * layout.shape().index(name).unwrap();
	let invalid = Err(StepError::TensorInvalid);
	assert_eq!(judged(scale_of(Name::GateIn) + 8, 13), invalid);
	assert_eq!(judged(scale_of(Name::GateIn) + 9, 1), invalid);
	// The number one.
	assert_eq!(judged(scale_of(Name::GateIn) + 3, 0x80), invalid);
	assert!(judged(scale_of(Name::GateIn) + 8, 12).is_ok());
	let codes = layout.section(Name::GateOut).unwrap().range.start as usize;
	let (one, other) = (judged(codes, 0x80), judged(codes, 0x7f));
	assert!(one.is_ok() && other.is_ok() && one != other);
}
