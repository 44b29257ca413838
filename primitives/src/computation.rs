//! Programs of either definition: what a referee follows.

use blyan_exact::{definition2, Program, Shape};

/// Program of either definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Computation {
	/// Of the first definition.
	First(Program),
	/// Of the second definition.
	Second(definition2::Program),
}

impl Computation {
	/// Predicted positions of an item: what an outcome counts as `bytes`.
	pub fn positions(&self) -> u32 {
		let positions = match self {
			Self::First(program) => program.positions(),
			Self::Second(program) => program.positions(),
		};
		// At most 131,072, the longest context of either definition.
		u32::try_from(positions).unwrap_or(u32::MAX)
	}

	/// Number of operators.
	pub fn operators(&self) -> usize {
		match self {
			Self::First(program) => program.operators(),
			Self::Second(program) => program.operators().len(),
		}
	}

	/// Shape of the output of the operator at a place in the list; `None` past its end.
	pub fn shape_at(&self, operator: usize) -> Option<Shape> {
		match self {
			Self::First(program) => program.shape_at(operator),
			Self::Second(program) => program.operator(operator).map(|operator| operator.shape),
		}
	}
}
