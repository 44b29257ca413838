//! Order of execution: a program's operators, those that are computed together in one step.
//!
//! The program is the definition's own list ([`Program`]), so whatever it lists is executed, recorded and committed to.
//! Three things differ from walking it one by one. The chosen experts of all ranks are one step, since a batch for one
//! expert holds its tokens of every rank. Logits, peaks, sums and losses are one step, so that the logits of a few
//! positions at a time suffice; of an answer, its choices. And the total is not a step: it is the sequence's and not a position's.

use blyan_exact::definition2::{Kind, Name, Operator, Program, Role, Slot, Source};
use std::collections::BTreeMap;

/// Operators that are computed together.
#[derive(Clone, Debug)]
pub struct Step {
	/// Their places in the program: one, one a rank, or those of the vocabulary in order.
	pub operators: Vec<usize>,
	/// The first one's.
	pub operator: Operator,
	/// Way of execution.
	pub work: Work,
	/// Steps that they read, in the order of the operator's inputs; the ranks of a network are one.
	pub inputs: Vec<usize>,
	/// Steps whose outputs no later step reads.
	pub ends: Vec<usize>,
}

/// Way of execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
	/// One operator over all rows.
	Rows,
	/// One operator of the chosen experts, every rank of it.
	Experts,
	/// Logits, peaks, sums and losses, or an answer's choices, some rows at a time.
	Vocabulary,
}

/// Steps of a program.
#[derive(Clone, Debug)]
pub struct Plan {
	program: Program,
	steps: Vec<Step>,
}

impl Plan {
	/// Arranges a program.
	pub fn new(program: Program) -> Self {
		let mut builder = Builder { program: &program, steps: Vec::new(), step_of: BTreeMap::new() };
		for index in 0..program.operators().len() {
			builder.operator(index);
		}
		let mut steps = builder.steps;
		let mut last_readers = BTreeMap::new();
		for (index, step) in steps.iter().enumerate() {
			// A step that is never read ends itself.
			last_readers.insert(index, index);
			last_readers.extend(step.inputs.iter().map(|input| (*input, index)));
		}
		for (step, reader) in last_readers {
			steps[reader].ends.push(step);
		}
		Self { program, steps }
	}

	/// Returns the program.
	pub fn program(&self) -> &Program {
		&self.program
	}

	/// Returns the steps in order.
	pub fn steps(&self) -> &[Step] {
		&self.steps
	}

	/// Returns the number of steps that lead to all of these operators.
	pub fn steps_to(&self, operators: impl Iterator<Item = usize>) -> usize {
		let all = self.steps.len();
		let step = |operator| {
			let found = self.steps.iter().position(|step| step.operators.contains(&operator));
			// The total takes all steps.
			found.map_or(all, |step| step + 1)
		};
		operators.map(step).max().unwrap_or(0)
	}
}

/// Steps on their way.
struct Builder<'a> {
	program: &'a Program,
	steps: Vec<Step>,
	/// Step of each operator so far.
	step_of: BTreeMap<usize, usize>,
}

impl Builder<'_> {
	fn operator(&mut self, index: usize) {
		let Some(operator) = self.program.operator(index) else { return };
		let earlier = match operator.kind {
			Kind::Total => return,
			Kind::LogitPeaks
			| Kind::LogitSums
			| Kind::Loss
			| Kind::Buckets { .. }
			| Kind::Narrow { .. }
			| Kind::Cut
			| Kind::Best
			| Kind::Miss => self.steps.iter().position(|step| step.work == Work::Vocabulary),
			_ => first_rank(operator.role).and_then(|first| {
				self.steps.iter().position(|step| step.operator.role == first && operator.role != first)
			}),
		};
		let step = match earlier {
			Some(step) => {
				self.steps[step].operators.push(index);
				step
			}
			None => {
				self.append(index, operator);
				self.steps.len() - 1
			}
		};
		self.step_of.insert(index, step);
	}

	fn append(&mut self, index: usize, operator: &Operator) {
		let mut inputs: Vec<usize> = Vec::new();
		for input in operator.inputs.iter().filter_map(|input| self.step_of.get(input)) {
			// The downs of all ranks.
			if self.steps[*input].work != Work::Experts || inputs.last() != Some(input) {
				inputs.push(*input);
			}
		}
		let work = match operator.role {
			Role::Logits => Work::Vocabulary,
			role if first_rank(role).is_some() => Work::Experts,
			_ => Work::Rows,
		};
		let operators = vec![index];
		self.steps.push(Step { operators, operator: operator.clone(), work, inputs, ends: Vec::new() });
	}
}

/// Returns the role of the same operator at the first rank, if it is one of the chosen experts'.
fn first_rank(role: Role) -> Option<Role> {
	let first = Slot::Rank(0);
	match role {
		Role::GateIn(layer, Slot::Rank(_)) => Some(Role::GateIn(layer, first)),
		Role::Gate(layer, Slot::Rank(_)) => Some(Role::Gate(layer, first)),
		Role::UpIn(layer, Slot::Rank(_)) => Some(Role::UpIn(layer, first)),
		Role::Up(layer, Slot::Rank(_)) => Some(Role::Up(layer, first)),
		Role::Hidden(layer, Slot::Rank(_)) => Some(Role::Hidden(layer, first)),
		Role::DownIn(layer, Slot::Rank(_)) => Some(Role::DownIn(layer, first)),
		Role::Down(layer, Slot::Rank(_)) => Some(Role::Down(layer, first)),
		_ => None,
	}
}

impl Step {
	/// Returns the entries of a row of integers.
	pub fn width(&self) -> usize {
		self.operator.shape.row_bytes / 4
	}

	/// Returns the tensor at a place in the operator's list: where it is and its name.
	pub fn tensor(&self, place: usize) -> Option<(Source, Name)> {
		self.operator.tensors.get(place).copied()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::golden;

	#[test]
	fn every_operator_but_the_total_is_in_one_step_behind_those_it_reads() {
		for (name, architecture) in golden::ARCHITECTURES {
			let program = Program::new(&architecture(), 5).unwrap();
			let plan = Plan::new(program.clone());
			let mut listed: Vec<usize> =
				plan.steps().iter().flat_map(|step| step.operators.clone()).collect();
			listed.sort_unstable();
			let total = program.operators().len() - 1;
			assert_eq!(listed, (0..total).collect::<Vec<_>>(), "{name}");
			for (index, step) in plan.steps().iter().enumerate() {
				assert!(step.inputs.iter().all(|input| *input < index), "{name}: {step:?}");
				assert!(step.ends.iter().all(|end| *end <= index), "{name}: {step:?}");
			}
			let mut ends: Vec<usize> = plan.steps().iter().flat_map(|step| step.ends.clone()).collect();
			ends.sort_unstable();
			assert_eq!(ends, (0..plan.steps().len()).collect::<Vec<_>>(), "{name}");
		}
	}

	#[test]
	fn the_ranks_of_a_routed_layer_are_one_step() {
		let olmoe = golden::ARCHITECTURES.iter().find(|(name, _)| *name == "olmoe").unwrap().1;
		let plan = Plan::new(Program::new(&olmoe(), 5).unwrap());
		let step = |role| plan.steps().iter().find(|step| step.operator.role == role).unwrap();
		assert_eq!(step(Role::Gate(1, Slot::Rank(0))).operators.len(), 3);
		// Stream, route, and the downs of three ranks.
		assert_eq!(step(Role::Mix(1)).inputs.len(), 3);
		assert_eq!(plan.steps_to([0].into_iter()), 1);
		let total = plan.program().operators().len() - 1;
		assert_eq!(plan.steps_to([0, total].into_iter()), plan.steps().len());
	}
}
