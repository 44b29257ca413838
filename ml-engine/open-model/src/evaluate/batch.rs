//! Rows of a piece of a sequence: every position of the baseline, and behind them the candidate's where they differ.
//!
//! Both sides pass through the same products, so weights are read once for both, and a position at which the candidate
//! computes the same has no second row at all.

use blyan_exact::routing::Choice;
use blyan_kernel::definition2::Inputs;
use std::borrow::Cow;

/// One of the two models of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
	/// The model as it is.
	Baseline,
	/// The model with the candidate in its slot.
	Candidate,
}

/// Output of a step for one piece.
#[derive(Clone, Debug)]
pub struct Output {
	/// Positions of the piece at which the candidate has a row of its own, ascending; they lie behind the baseline's rows.
	pub differing: Vec<u32>,
	/// The rows.
	pub content: Content,
}

/// Rows of an output.
#[derive(Clone, Debug)]
pub enum Content {
	/// `[rows, width]`
	Integers(Vec<i32>),
	/// Quantised activations.
	Activations(Inputs),
	/// Quantised heads.
	Heads(Heads),
	/// Chosen experts: `[rows, top_k]`.
	Choices(Vec<Choice>),
	/// Integers of the chosen experts, in the order of their jobs: `[jobs, width]`.
	ExpertIntegers(Vec<i32>),
	/// Activations of the chosen experts, one batch a group of jobs; of adapters, one batch for all.
	ExpertActivations(Vec<Inputs>),
	/// Low-rank sums of the chosen experts' adapters, in the order of their jobs: `[jobs, rank]`.
	ExpertSums(Vec<i64>),
	/// Nothing that another step reads.
	Nothing,
}

/// Queries, keys or values as attention reads them.
#[derive(Clone, Debug, Default)]
pub struct Heads {
	/// `[rows, heads, head_size]`
	pub codes: Vec<i8>,
	/// Largest magnitudes, Q12: `[rows, heads]`.
	pub maxima: Vec<i32>,
}

impl Heads {
	/// Returns codes and maxima of one row of so many heads.
	pub fn row(&self, row: usize, heads: usize) -> (&[i8], &[i32]) {
		let size = self.codes.len() / self.maxima.len().max(1);
		let maxima = row * heads..(row + 1) * heads;
		(&self.codes[maxima.start * size..maxima.end * size], &self.maxima[maxima])
	}
}

/// Positions of a piece: where it begins, and how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
	/// First position.
	pub first: usize,
	/// Number of positions.
	pub positions: usize,
}

impl Piece {
	/// Returns all of its positions, counted from its first.
	pub fn all(&self) -> Vec<u32> {
		(0..self.positions as u32).collect()
	}

	/// Returns side and position of every row of an output, the position counted from the sequence's first.
	pub fn rows<'a>(&self, differing: &'a [u32]) -> impl Iterator<Item = (Side, usize)> + 'a {
		let Self { first, positions } = *self;
		let baseline = (0..positions).map(move |position| (Side::Baseline, first + position));
		let candidate = differing.iter().map(move |position| (Side::Candidate, first + *position as usize));
		baseline.chain(candidate)
	}
}

impl Output {
	/// Returns the row that holds the candidate's number at a position: its own or the baseline's.
	pub fn candidate_row(&self, piece: Piece, position: u32) -> usize {
		match self.differing.binary_search(&position) {
			Ok(place) => piece.positions + place,
			Err(_) => position as usize,
		}
	}

	/// Returns the rows that an operator reads whose candidate differs at these positions; `None` if they are all rows in
	/// order.
	fn rows(&self, piece: Piece, differing: &[u32]) -> Option<Vec<u32>> {
		if self.differing == differing {
			return None;
		}
		let candidate = differing.iter().map(|position| self.candidate_row(piece, *position) as u32);
		Some((0..piece.positions as u32).chain(candidate).collect())
	}

	/// Returns the integers that an operator reads whose candidate differs at these positions; nothing if this is not an
	/// output of integers.
	pub fn integers(&self, piece: Piece, differing: &[u32], width: usize) -> Cow<'_, [i32]> {
		let Content::Integers(values) = &self.content else { return Cow::Owned(Vec::new()) };
		match self.rows(piece, differing) {
			None => Cow::Borrowed(values),
			Some(rows) => {
				let row = |row: u32| &values[row as usize * width..(row as usize + 1) * width];
				Cow::Owned(rows.into_iter().flat_map(row).copied().collect())
			}
		}
	}

	/// Returns the activations that an operator reads whose candidate differs at these positions; `None` if this is not an
	/// output of activations.
	pub fn activations(&self, piece: Piece, differing: &[u32]) -> Option<Cow<'_, Inputs>> {
		let Content::Activations(inputs) = &self.content else { return None };
		Some(match self.rows(piece, differing) {
			None => Cow::Borrowed(inputs),
			Some(rows) => Cow::Owned(inputs.gather(&rows)),
		})
	}

	/// Returns the choices of a row; nothing if this is not the output of a router.
	pub fn choices(&self, row: usize, top_k: usize) -> &[Choice] {
		match &self.content {
			Content::Choices(choices) => choices.get(row * top_k..(row + 1) * top_k).unwrap_or(&[]),
			_ => &[],
		}
	}
}

/// Returns the positions that are in either list; both ascend.
pub fn union(a: &[u32], b: &[u32]) -> Vec<u32> {
	if a == b || b.is_empty() {
		return a.to_vec();
	}
	let mut all = [a, b].concat();
	all.sort_unstable();
	all.dedup();
	all
}

#[cfg(test)]
mod tests {
	use super::*;

	const PIECE: Piece = Piece { first: 10, positions: 4 };

	#[test]
	fn a_candidate_reads_its_own_rows_where_it_has_some() {
		// Four rows of the baseline, then the candidate's at 1 and 3.
		let content = Content::Integers(vec![0, 10, 20, 30, 11, 31]);
		let output = Output { differing: vec![1, 3], content };
		assert_eq!(*output.integers(PIECE, &[1, 3], 1), [0, 10, 20, 30, 11, 31]);
		assert_eq!(*output.integers(PIECE, &[0, 1, 2, 3], 1), [0, 10, 20, 30, 0, 11, 20, 31]);
		assert_eq!(*output.integers(PIECE, &[3], 1), [0, 10, 20, 30, 31]);
		assert!(output.choices(0, 1).is_empty() && output.activations(PIECE, &[]).is_none());
	}

	#[test]
	fn rows_are_the_baselines_positions_and_then_the_candidates() {
		let rows: Vec<_> = PIECE.rows(&[2]).collect();
		let baseline = (10..14).map(|position| (Side::Baseline, position));
		assert_eq!(rows, baseline.chain([(Side::Candidate, 12)]).collect::<Vec<_>>());
		assert_eq!(union(&[1, 3], &[0, 3]), [0, 1, 3]);
		assert_eq!(union(&[], &[2]), [2]);
	}
}
