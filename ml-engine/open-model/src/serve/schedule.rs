//! Rows that each conversation gets in a step.

/// Demand of a conversation for rows of the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
	/// Tokens that it has not read: one where it writes.
	pub rows: usize,
	/// Number of its last turn; 0 for none.
	pub served: u64,
	/// Another conversation is reading the same block of the same text, and this one will share it.
	pub is_blocked: bool,
}

/// Bounds of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
	/// Rows.
	pub rows: usize,
	/// Rows of prompts, if there are answers too.
	pub prompt_rows: usize,
	/// Rows that are kept for prompts, if there are any.
	pub prompt_rows_min: usize,
}

/// Returns the rows of each conversation.
///
/// Answers get one row each and prompts share the rest alike. Those that were served least recently come first, so that
/// each one gets a row within as many steps as there are conversations.
pub fn grants(demands: &[Demand], bounds: Bounds) -> Vec<usize> {
	let mut grants = vec![0; demands.len()];
	let in_turn = |wanted: fn(&Demand) -> bool| {
		let mut places: Vec<usize> = (0..demands.len()).filter(|place| wanted(&demands[*place])).collect();
		places.sort_by_key(|place| demands[*place].served);
		places
	};
	let answers = in_turn(|demand| demand.rows == 1);
	let prompts = in_turn(|demand| demand.rows > 1 && !demand.is_blocked);
	let kept = if prompts.is_empty() { 0 } else { bounds.prompt_rows_min.min(bounds.rows) };
	let steps = answers.len().min(bounds.rows - kept);
	answers.iter().take(steps).for_each(|place| grants[*place] = 1);
	let mut left = bounds.rows - steps;
	if steps > 0 {
		left = left.min(bounds.prompt_rows.max(kept));
	}
	// Alike first, and then what short prompts have left over to the first that wants it.
	let share = left.div_ceil(prompts.len().max(1));
	for most in [share, usize::MAX] {
		for place in &prompts {
			let more = (demands[*place].rows - grants[*place]).min(most).min(left);
			grants[*place] += more;
			left -= more;
		}
	}
	grants
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn bounds(rows: usize, prompt_rows: usize) -> Bounds {
		Bounds { rows, prompt_rows, prompt_rows_min: 8 }
	}

	fn demand(rows: usize, served: u64) -> Demand {
		Demand { rows, served, is_blocked: false }
	}

	#[test]
	fn a_long_prompt_gets_what_answers_leave_and_no_more_than_its_bound() {
		let demands = [demand(1, 4), demand(5_000, 4), demand(1, 4)];
		assert_eq!(grants(&demands, bounds(64, 48)), [1, 48, 1]);
		assert_eq!(grants(&demands, bounds(32, 48)), [1, 30, 1]);
		assert_eq!(grants(&demands[1..2], bounds(64, 48)), [64]);
	}

	#[test]
	fn prompts_share_a_step_alike() {
		let demands = [demand(100, 0), demand(3, 0), demand(100, 0)];
		assert_eq!(grants(&demands, bounds(32, 32)), [18, 3, 11]);
	}

	#[test]
	fn a_blocked_prompt_gets_nothing() {
		let demands = [demand(100, 0), Demand { is_blocked: true, ..demand(100, 0) }];
		assert_eq!(grants(&demands, bounds(32, 32)), [32, 0]);
	}

	proptest! {
		#[test]
		fn every_conversation_advances_and_no_step_is_too_large(
			rows in prop::collection::vec(1_usize..200, 1..40), most in 16_usize..64, prompt_rows in 1_usize..64,
		) {
			let bounds = bounds(most, prompt_rows);
			let mut demands: Vec<Demand> = rows.iter().map(|rows| demand(*rows, 0)).collect();
			for step in 1..=demands.len() as u64 {
				let grants = grants(&demands, bounds);
				prop_assert!(grants.iter().sum::<usize>() <= most);
				for (demand, grant) in demands.iter_mut().zip(&grants) {
					prop_assert!(*grant <= demand.rows);
					if *grant > 0 {
						// A conversation that writes always wants one more.
						*demand = Demand { rows: (demand.rows - grant).max(1), served: step, is_blocked: false };
					}
				}
			}
			prop_assert!(demands.iter().all(|demand| demand.served > 0));
		}
	}
}
