//! A small model, a candidate for one of its slots, and a holdout.
#![allow(dead_code)] // Not every test uses all of it.

use blyan_exact::definition2::{
	block::part_file,
	golden::{self, OwnedModel, Stream},
	Architecture, OwnedPart, Part,
};
use blyan_open_model::{
	evaluate::{Candidate, Holdout, HoldoutWriter, Side, Subject},
	load,
	run::Weights,
};
use std::io::Cursor;

pub const SIDES: [Side; 2] = [Side::Baseline, Side::Candidate];

pub struct World {
	pub name: String,
	pub model: OwnedModel,
	/// The candidate's slot and tensors.
	pub slot: Option<(Part, OwnedPart)>,
	pub candidate_file: Option<Vec<u8>>,
	pub holdout: Holdout<Vec<u8>>,
	weights: Weights,
	candidate: Option<Candidate>,
}

/// Returns the architecture of a golden family.
pub fn architecture(name: &str) -> Architecture {
	golden::ARCHITECTURES.iter().find(|(family, _)| *family == name).unwrap().1()
}

/// Returns one slot of each routed layer; none, once, for a dense model.
pub fn slots(architecture: &Architecture) -> Vec<Option<Part>> {
	let experts: Vec<Part> = architecture.expert_parts().collect();
	let layers = 0..architecture.layers.len() as u8;
	let of_layer = |layer| {
		let own = experts
			.iter()
			.filter(move |part| matches!(part, Part::Expert { layer: own, .. } if *own == layer));
		own.copied().nth(1)
	};
	let slots: Vec<Option<Part>> = layers.map(of_layer).filter(Option::is_some).collect();
	if slots.is_empty() {
		vec![None]
	} else {
		slots
	}
}

impl World {
	pub fn new(
		name: &str,
		model: OwnedModel,
		slot: Option<Part>,
		sequences: usize,
		positions: usize,
	) -> Self {
		let mut stream = Stream::new(b"holdout");
		let vocabulary = model.architecture.vocabulary as usize;
		let mut sequence = || (0..=positions).map(|_| stream.below(vocabulary) as u32).collect();
		let sequences: Vec<Vec<u32>> = (0..sequences).map(|_| sequence()).collect();
		Self::of_ids(name, model, slot, &sequences)
	}

	pub fn of_ids(name: &str, model: OwnedModel, slot: Option<Part>, sequences: &[Vec<u32>]) -> Self {
		let architecture = &model.architecture;
		let mut file = Cursor::new(Vec::new());
		let positions = sequences[0].len() as u32 - 1;
		let mut writer =
			HoldoutWriter::of_vocabulary(&mut file, [1; 32], architecture.vocabulary, positions).unwrap();
		for (index, ids) in sequences.iter().enumerate() {
			writer.sequence(ids, 100 + index as u32).unwrap();
		}
		writer.finish().unwrap();
		let holdout = Holdout::read(file.into_inner()).unwrap();
		let slot = slot.map(|part| (part, Stream::new(b"candidate").part(architecture, part)));
		let candidate_file =
			slot.as_ref().map(|(part, tensors)| part_file(architecture, *part, &tensors.view()).unwrap());
		let candidate = slot.as_ref().zip(candidate_file.as_ref()).map(|((part, _), file)| {
			let Part::Expert { layer, expert } = *part else { unreachable!() };
			Candidate::from_file(architecture, layer, expert, file).unwrap()
		});
		let weights = load::weights(&model.view().unwrap()).unwrap();
		Self {
			name: format!("{name}, {:?}", slot.as_ref().map(|(part, _)| *part)),
			model,
			slot,
			candidate_file,
			holdout,
			weights,
			candidate,
		}
	}

	pub fn subject(&self) -> Subject<'_> {
		Subject {
			architecture: &self.model.architecture,
			weights: &self.weights,
			candidate: self.candidate.as_ref(),
		}
	}

	/// Returns the subject of a world that stays until the test ends.
	pub fn leak(self) -> Subject<'static> {
		Box::leak(Box::new(self)).subject()
	}

	/// Returns the model as it is, and with the candidate.
	pub fn models(&self) -> [OwnedModel; 2] {
		let mut changed = self.model.clone();
		if let Some((part, tensors)) = &self.slot {
			let place = self.model.architecture.expert_parts().position(|own| own == *part).unwrap();
			changed.experts[place] = tensors.clone();
		}
		[self.model.clone(), changed]
	}
}
