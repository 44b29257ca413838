//! Work of a layer's chosen experts: which rows pass through which network.

use super::batch::{union, Output, Piece, Side};
use std::ops::Range;

/// Network of a group of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chosen {
	/// The model's expert of this index.
	Expert(usize),
	/// The candidate.
	Candidate,
}

/// A row that passes through an expert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
	/// Model on whose behalf.
	pub side: Side,
	/// Rank of the expert among those chosen at the position.
	pub rank: usize,
	/// Position, counted from the piece's first.
	pub position: u32,
}

/// Jobs of a layer's chosen experts for one piece, those of one network side by side.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
	jobs: Vec<Job>,
	groups: Vec<(Chosen, Range<usize>)>,
	/// Of each side, rank and position: the place of its job. The candidate's is the baseline's where they agree.
	places: [Vec<usize>; 2],
	/// Positions at which the candidate has a job of its own.
	differing: Vec<u32>,
	positions: usize,
}

impl Jobs {
	/// Lists the jobs of a layer: `slot` is the expert whose place the candidate takes, in the slot's layer.
	///
	/// The candidate has jobs of its own where its input or its choice differs, and where it was chosen itself.
	pub fn new(
		piece: Piece,
		top_k: usize,
		input: &Output,
		route: &Output,
		slot: Option<usize>,
		has_candidate: bool,
	) -> Self {
		let mut listed: Vec<(Chosen, Job)> = Vec::new();
		let others = union(&input.differing, &route.differing);
		for rank in 0..top_k {
			let chosen = |row: usize| route.choices(row, top_k).get(rank).map(|choice| choice.expert);
			for position in 0..piece.positions as u32 {
				if let Some(expert) = chosen(position as usize) {
					listed.push((Chosen::Expert(expert), Job { side: Side::Baseline, rank, position }));
				}
			}
			for position in (0..piece.positions as u32).filter(|_| has_candidate) {
				let Some(expert) = chosen(route.candidate_row(piece, position)) else { continue };
				let job = Job { side: Side::Candidate, rank, position };
				if slot == Some(expert) {
					listed.push((Chosen::Candidate, job));
				} else if others.binary_search(&position).is_ok() {
					listed.push((Chosen::Expert(expert), job));
				}
			}
		}
		Self::arrange(piece, top_k, listed)
	}

	fn arrange(piece: Piece, top_k: usize, mut listed: Vec<(Chosen, Job)>) -> Self {
		listed.sort_by_key(|(chosen, _)| *chosen);
		let positions = piece.positions;
		let mut jobs =
			Self { positions, places: [vec![0; top_k * positions], Vec::new()], ..Self::default() };
		let of_side = |side: Side| move |(_, (_, job)): &(usize, &(Chosen, Job))| job.side == side;
		for (place, (_, job)) in listed.iter().enumerate().filter(of_side(Side::Baseline)) {
			jobs.places[0][job.rank * positions + job.position as usize] = place;
		}
		jobs.places[1] = jobs.places[0].clone();
		for (place, (_, job)) in listed.iter().enumerate().filter(of_side(Side::Candidate)) {
			jobs.places[1][job.rank * positions + job.position as usize] = place;
			jobs.differing.push(job.position);
		}
		jobs.differing.sort_unstable();
		jobs.differing.dedup();
		let mut first = 0;
		for group in listed.chunk_by(|a, b| a.0 == b.0) {
			jobs.groups.push((group[0].0, first..first + group.len()));
			first += group.len();
		}
		jobs.jobs = listed.into_iter().map(|(_, job)| job).collect();
		jobs
	}

	/// Returns all jobs, group after group.
	pub fn jobs(&self) -> &[Job] {
		&self.jobs
	}

	/// Returns the groups: each network that has work, and the places of its jobs.
	pub fn groups(&self) -> &[(Chosen, Range<usize>)] {
		&self.groups
	}

	/// Returns the positions at which the candidate has a job of its own.
	pub fn differing(&self) -> &[u32] {
		&self.differing
	}

	/// Returns the place of the job that computes a rank at a position.
	pub fn place(&self, side: Side, rank: usize, position: usize) -> usize {
		self.places[usize::from(side == Side::Candidate)][rank * self.positions + position]
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::evaluate::batch::Content;
	use blyan_exact::routing::Choice;

	const PIECE: Piece = Piece { first: 0, positions: 3 };

	fn route(experts: &[usize], differing: Vec<u32>) -> Output {
		let choices = experts.iter().map(|&expert| Choice { expert, gate: 1 }).collect();
		Output { differing, content: Content::Choices(choices) }
	}

	fn input(differing: Vec<u32>) -> Output {
		Output { differing, content: Content::Nothing }
	}

	#[test]
	fn only_tokens_routed_to_the_slot_have_a_second_job_in_its_layer() {
		let route = route(&[4, 1, 1, 2, 2, 4], Vec::new());
		let jobs = Jobs::new(PIECE, 2, &input(Vec::new()), &route, Some(1), true);
		let groups: Vec<Chosen> = jobs.groups().iter().map(|(chosen, _)| *chosen).collect();
		assert_eq!(groups, [Chosen::Expert(1), Chosen::Expert(2), Chosen::Expert(4), Chosen::Candidate]);
		assert_eq!(jobs.differing(), [0, 1]);
		// Position 0 has the slot at its second rank, position 1 at its first.
		assert_eq!(jobs.place(Side::Candidate, 0, 0), jobs.place(Side::Baseline, 0, 0));
		let own = jobs.jobs()[jobs.place(Side::Candidate, 1, 0)];
		assert_eq!(own, Job { side: Side::Candidate, rank: 1, position: 0 });
		assert_eq!(jobs.place(Side::Candidate, 1, 2), jobs.place(Side::Baseline, 1, 2));
		assert_eq!(jobs.jobs().len(), 8);
	}

	#[test]
	fn everything_that_differs_has_a_second_job_in_later_layers() {
		// The candidate chooses another expert at position 2.
		let route = route(&[0, 0, 0, 3], vec![2]);
		let jobs = Jobs::new(PIECE, 1, &input(vec![1, 2]), &route, None, true);
		assert_eq!(jobs.differing(), [1, 2]);
		assert_eq!(jobs.groups(), [(Chosen::Expert(0), 0..4), (Chosen::Expert(3), 4..5)]);
		assert_eq!(jobs.place(Side::Candidate, 0, 2), 4);
		let alone = Jobs::new(PIECE, 1, &input(Vec::new()), &route, Some(0), false);
		assert!(alone.differing().is_empty() && alone.jobs().len() == 3);
	}
}
