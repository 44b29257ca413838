//! Proposals and the templates that they are held against.

use super::{SuiteChoices, SuiteName};
use crate::model::{wire, ModelId};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// A proposal's number, given out in order over all epochs.
pub type ProposalId = u32;

/// Highest difficulty.
pub const DIFFICULTY_MAX: u8 = 4;
/// Gain that each level of difficulty asks for, and once more: 15 % at level 2, 25 % at level 4.
const GAIN_PER_LEVEL_PPM: u32 = 50_000;

/// Kind of change. The numbers never change.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
#[serde(rename_all = "snake_case")]
pub enum EvolutionKind {
	/// More experts in routed layers, all else equal.
	ScaleExperts,
	/// A wider residual stream, or wider hidden layers.
	Widen,
	/// More layers.
	Deepen,
	/// Other inputs than text. Refused: the definition has no operators for them.
	Multimodal,
	/// Fewer bytes of weights that a token passes.
	Efficiency,
	/// Fewer bytes of weights in all.
	Memory,
}

impl EvolutionKind {
	/// Every kind, in the order of the wire.
	pub const ALL: [Self; 6] =
		[Self::ScaleExperts, Self::Widen, Self::Deepen, Self::Multimodal, Self::Efficiency, Self::Memory];

	/// Returns its name on the command line and in JSON.
	pub fn name(self) -> &'static str {
		match self {
			Self::ScaleExperts => "scale_experts",
			Self::Widen => "widen",
			Self::Deepen => "deepen",
			Self::Multimodal => "multimodal",
			Self::Efficiency => "efficiency",
			Self::Memory => "memory",
		}
	}

	/// Returns the template of this kind.
	pub fn template(self) -> Template {
		let (difficulty, training_hours, is_supported) = match self {
			Self::ScaleExperts | Self::Widen => (2, 24, true),
			Self::Deepen => (3, 36, true),
			Self::Multimodal => (4, 48, false),
			Self::Efficiency | Self::Memory => (1, 24, true),
		};
		Template {
			kind: self,
			difficulty,
			minimum_ppm: least_gain_ppm(difficulty),
			training_hours,
			is_supported,
		}
	}
}

/// The templates, in the order of [`EvolutionKind::ALL`].
pub fn templates() -> [Template; 6] {
	EvolutionKind::ALL.map(EvolutionKind::template)
}

wire! {
	/// Least demands on proposals of one kind.
	#[derive(Copy, MaxEncodedLen)]
	pub struct Template {
		/// The kind.
		pub kind: EvolutionKind,
		/// Least difficulty, 1 to [`DIFFICULTY_MAX`].
		pub difficulty: u8,
		/// Least gain at this difficulty, in parts per million.
		pub minimum_ppm: u32,
		/// Hours that its training is expected to take. A hint; the epoch's window is what counts.
		pub training_hours: u32,
		/// False if the definition has no operators for it: such a proposal is refused.
		pub is_supported: bool,
	}
}

/// Returns the gain that a proposal of this difficulty must at least ask for, in parts per million.
pub fn least_gain_ppm(difficulty: u8) -> u32 {
	GAIN_PER_LEVEL_PPM.saturating_mul(u32::from(difficulty).saturating_add(1))
}

wire! {
	/// Argument of `propose`: a change of a model, and the gain by which it is to be judged. The record of the target architecture
	/// stands beside it.
	#[derive(MaxEncodedLen)]
	pub struct Proposal {
		/// Kind of change.
		pub kind: EvolutionKind,
		/// The model that is to be surpassed, of the second definition.
		pub base: ModelId,
		/// Difficulty, from the template's to [`DIFFICULTY_MAX`].
		pub difficulty: u8,
		/// Mean gain from which on the candidate is promoted, in parts per million; at least [`least_gain_ppm`].
		pub minimum_ppm: u32,
		/// Suites that decide: every one that there is, once.
		pub suites: SuiteChoices,
		/// Hours of a GPU that training is expected to take, for those who endorse.
		pub gpu_hours: u32,
		/// Hash of the recipe of the training.
		pub recipe: H256,
		/// Hash of a description for people.
		pub description: H256,
	}
}

/// Reason why a proposal contradicts its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalError {
	/// The definition has no operators for this kind.
	NotSupported,
	/// The difficulty is below the template's or above the highest.
	Difficulty,
	/// The least gain is below that of the difficulty, or more than any candidate can have.
	Minimum,
	/// A suite is missing, is there twice, or has fewer or more tasks than it may have.
	Suites,
}

impl Proposal {
	/// Checks the proposal against its template.
	///
	/// - `tasks`: least and most tasks of a suite.
	///
	/// # Errors
	///
	/// Returns the first reason that holds, in the order of [`ProposalError`].
	pub fn check(&self, tasks: core::ops::RangeInclusive<u32>) -> Result<(), ProposalError> {
		let template = self.kind.template();
		if !template.is_supported {
			return Err(ProposalError::NotSupported);
		}
		if !(template.difficulty..=DIFFICULTY_MAX).contains(&self.difficulty) {
			return Err(ProposalError::Difficulty);
		}
		let gain_max = u32::try_from(super::GAIN_MAX_PPM).unwrap_or(u32::MAX);
		if !(least_gain_ppm(self.difficulty)..=gain_max).contains(&self.minimum_ppm) {
			return Err(ProposalError::Minimum);
		}
		let has_all = SuiteName::ALL
			.iter()
			.all(|suite| self.suites.iter().filter(|choice| choice.suite == *suite).count() == 1);
		let has_tasks = self.suites.iter().all(|choice| tasks.contains(&choice.tasks));
		if has_all && has_tasks {
			Ok(())
		} else {
			Err(ProposalError::Suites)
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::evolution::SuiteChoice;

	fn proposal() -> Proposal {
		let suites = SuiteName::ALL.map(|suite| SuiteChoice { suite, tasks: 200 });
		Proposal {
			kind: EvolutionKind::ScaleExperts,
			base: 0,
			difficulty: 2,
			minimum_ppm: 150_000,
			suites: suites.to_vec().try_into().unwrap(),
			gpu_hours: 24,
			recipe: H256([1; 32]),
			description: H256([2; 32]),
		}
	}

	#[test]
	fn the_drafted_templates_are_kept() {
		let scale = EvolutionKind::ScaleExperts.template();
		assert_eq!((scale.difficulty, scale.minimum_ppm, scale.training_hours), (2, 150_000, 24));
		let vision = EvolutionKind::Multimodal.template();
		assert_eq!((vision.difficulty, vision.minimum_ppm, vision.training_hours), (4, 250_000, 48));
		assert!(!vision.is_supported);
		for template in templates() {
			assert!((1..=DIFFICULTY_MAX).contains(&template.difficulty));
			assert_eq!(template.minimum_ppm, least_gain_ppm(template.difficulty));
		}
	}

	#[test]
	fn a_proposal_that_asks_less_than_its_template_is_refused_with_the_reason() {
		let check = |change: fn(&mut Proposal)| {
			let mut changed = proposal();
			change(&mut changed);
			changed.check(200..=1_000)
		};
		assert_eq!(check(|_| {}), Ok(()));
		assert_eq!(check(|one| one.kind = EvolutionKind::Multimodal), Err(ProposalError::NotSupported));
		assert_eq!(check(|one| one.difficulty = 1), Err(ProposalError::Difficulty));
		assert_eq!(check(|one| one.difficulty = 5), Err(ProposalError::Difficulty));
		assert_eq!(check(|one| one.minimum_ppm = 149_999), Err(ProposalError::Minimum));
		assert_eq!(check(|one| one.difficulty = 3), Err(ProposalError::Minimum));
		assert_eq!(check(|one| one.minimum_ppm = 1_000_001), Err(ProposalError::Minimum));
		assert_eq!(check(|one| one.suites.truncate(4)), Err(ProposalError::Suites));
		assert_eq!(check(|one| one.suites[0].tasks = 199), Err(ProposalError::Suites));
		assert_eq!(check(|one| one.suites[0].tasks = 1_001), Err(ProposalError::Suites));
		let twice = |one: &mut Proposal| {
			let again = one.suites[0];
			one.suites.try_push(again).unwrap();
		};
		assert_eq!(check(twice), Err(ProposalError::Suites));
	}
}
