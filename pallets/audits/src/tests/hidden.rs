//! A forced error cannot be told from an honest answer before the secret is open.
//!
//! Two arguments. By construction: up to the reveal the chain holds the same things in the same places at the same
//! times, but for the presented outcome; and the setter's node asks its engine first and decides later. By
//! statistics: over thousands of audits, no simple feature of the presented outcomes tells the two kinds apart.

use super::*;
use crate::{rules, Audits, Enrolments, Event, JobSource, Vote};
use blyan_primitives::{EvaluationOutcome, Statement};
use codec::Encode;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// Audits of each kind.
const MANY: u32 = 4_000;

fn hash(i: u32, what: u8) -> H256 {
	H256(blake2_256(&(i, what).encode()))
}

/// Returns the presented outcomes of so many audits, each about a job of its own.
fn presentations(from: u32, share: u32) -> Vec<EvaluationOutcome> {
	(from..from + MANY)
		.map(|i| {
			let truth = truth_of(&Jobs::job(&Jobs::draw(&hash(i, 0), SAMPLE).unwrap()).unwrap());
			rules::present(&truth, &hash(i, 1), &hash(i, 0), share)
		})
		.collect()
}

/// Two-sample Kolmogorov-Smirnov statistic, scaled: above 1.95 once in a thousand times if nothing differs.
fn kolmogorov_smirnov(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
	a.sort_by(f64::total_cmp);
	b.sort_by(f64::total_cmp);
	let (n, m) = (a.len() as f64, b.len() as f64);
	let below = |sorted: &[f64], x: f64| sorted.partition_point(|y| *y <= x) as f64;
	let gap = |x: &f64| (below(&a, *x) / n - below(&b, *x) / m).abs();
	let widest = a.iter().chain(&b).map(gap).fold(0.0, f64::max);
	widest * (n * m / (n + m)).sqrt()
}

/// Chi-squared over 16 cells of two equally large samples: 15 degrees of freedom, above 37.7 once in a thousand times.
fn chi_squared(a: impl Iterator<Item = u8>, b: impl Iterator<Item = u8>) -> f64 {
	let count = |nibbles: &mut dyn Iterator<Item = u8>| {
		nibbles.fold([0f64; 16], |mut cells, nibble| {
			cells[usize::from(nibble % 16)] += 1.0;
			cells
		})
	};
	let (a, b) = (count(&mut { a }), count(&mut { b }));
	a.iter().zip(&b).map(|(x, y)| if x + y > 0.0 { (x - y).powi(2) / (x + y) } else { 0.0 }).sum()
}

#[test]
fn no_simple_statistic_of_the_presented_outcome_tells_them_apart() {
	world().build().execute_with(|| {
		let honest = presentations(0, 0);
		let forced = presentations(MANY, rules::MILLION);
		let real: [(&str, fn(&EvaluationOutcome) -> f64); 7] = [
			("baseline", |seen| seen.baseline_loss as f64),
			("candidate", |seen| seen.candidate_loss as f64),
			("mean difference", |seen| seen.sum_diff as f64),
			("its magnitude", |seen| seen.sum_diff.unsigned_abs() as f64),
			("squares", |seen| seen.sum_diff_sq as f64),
			("spread", |seen| {
				seen.sum_diff_sq as f64 - (seen.sum_diff as f64).powi(2) / f64::from(seen.sequences)
			}),
			("t", |seen| {
				let (sum, n) = (seen.sum_diff as f64, f64::from(seen.sequences));
				sum / (n * seen.sum_diff_sq as f64 - sum * sum).sqrt()
			}),
		];
		for (name, feature) in real {
			let seen = kolmogorov_smirnov(
				honest.iter().map(feature).collect(),
				forced.iter().map(feature).collect(),
			);
			assert!(seen < 1.95, "{name}: {seen}");
		}
		let nibbles: [(&str, fn(&EvaluationOutcome) -> u8); 8] = [
			("low bits of the baseline", |seen| seen.baseline_loss as u8),
			("low bits of the candidate", |seen| seen.candidate_loss as u8),
			("low bits of the difference", |seen| seen.sum_diff as u8),
			("low bits of the squares", |seen| seen.sum_diff_sq as u8),
			("parity of sum and squares", |seen| (seen.sum_diff as u8 ^ seen.sum_diff_sq as u8) & 1),
			("sign", |seen| u8::from(seen.sum_diff > 0)),
			("first byte of the root", |seen| seen.job_root[0]),
			("last byte of the root", |seen| seen.job_root[31]),
		];
		for (name, feature) in nibbles {
			let seen = chi_squared(honest.iter().map(feature), forced.iter().map(feature));
			assert!(seen < 37.7, "{name}: {seen}");
		}
		// All bytes of all roots.
		let bytes = |seen: &[EvaluationOutcome]| -> Vec<u8> {
			seen.iter().flat_map(|seen| seen.job_root.0).collect()
		};
		assert!(chi_squared(bytes(&honest).into_iter(), bytes(&forced).into_iter()) < 37.7);
	});
}

/// The tests above would notice what they are for: an error of the same sign, or one that is not odd where it should be.
#[test]
fn the_statistics_notice_careless_errors() {
	world().build().execute_with(|| {
		let honest = presentations(0, 0);
		let biased = presentations(MANY, 0).into_iter().map(|seen| seen.sum_diff as f64 * 1.2);
		let real = honest.iter().map(|seen| seen.sum_diff as f64);
		assert!(kolmogorov_smirnov(real.collect(), biased.collect()) > 1.95);
		let parity = |seen: &EvaluationOutcome| (seen.sum_diff as u8 ^ seen.sum_diff_sq as u8) & 1;
		let careless = honest.iter().map(|seen| EvaluationOutcome {
			sum_diff_sq: seen.sum_diff_sq + u128::from(seen.job_root[0]),
			..*seen
		});
		assert!(
			chi_squared(honest.iter().map(parity), careless.map(|seen| parity(&seen))) > 37.7,
			"parity gives it away"
		);
	});
}

/// Half of the forced errors keep the true totals, so that for them the test above is exact at any sample size.
/// For the others, the mean difference has at most 1 + 2 / n of its variance: with 16 sequences, a lazy auditor that knew the
/// honest distribution to perfection would recognise them in less than two of a hundred cases more than by guessing.
#[test]
fn the_advantage_of_a_perfect_statistician_is_small() {
	let ratio: f64 = 1.0 + 2.0 / f64::from(SAMPLE);
	// Total variation distance of two centred normal distributions, by summing the difference of their densities.
	let density = |x: f64, variance: f64| {
		(-x * x / (2.0 * variance)).exp() / (2.0 * core::f64::consts::PI * variance).sqrt()
	};
	let step = 0.001;
	let distance: f64 = (-10_000..10_000)
		.map(|i| f64::from(i) * step)
		.map(|x| (density(x, 1.0) - density(x, ratio)).abs() * step / 2.0)
		.sum();
	assert!(distance / 2.0 < 0.016, "{distance}");
}

/// Everything that the chain reveals about an audit before it is opened.
struct Trail {
	/// Sizes of record, agenda and events, block by block.
	sizes: Vec<(u32, usize, usize, usize)>,
	/// Record and enrolment without what was presented, right before the reveal.
	rest: Vec<u8>,
}

fn trail(share: u32) -> Trail {
	let mut trail = Trail { sizes: Vec::new(), rest: Vec::new() };
	TrapShare::set(0);
	world().build().execute_with(|| {
		let audit = open();
		// The share is the same parameter for everybody; only the coin shall differ here.
		let setter = record(audit).setter;
		let mut note = || {
			let open = record(audit);
			let agenda = crate::Agenda::<Test>::get();
			trail.sizes.push((
				System::block_number(),
				open.encoded_size(),
				agenda.encoded_size(),
				events().encoded_size(),
			));
			let hidden = crate::AuditRecord { presented: None, ..open };
			trail.rest = (hidden, Enrolments::<Test>::get(&setter)).encode();
		};
		note();
		run_to(4);
		let truth = truth(audit);
		let secret = secret(number_of(&setter), 0);
		let outcome = rules::present(&truth, &secret, &record(audit).seed, share);
		assert_eq!(outcome == truth, share == 0);
		present(audit, outcome).unwrap();
		note();
		run_to(6);
		for place in 0..3 {
			let vote = Vote::about(&outcome, &truth);
			seal(audit, place, vote).unwrap();
			// What is in a seal cannot be seen; how long it is could be.
			Audits::<Test>::mutate(audit, |record| {
				let seat = &mut record.as_mut().unwrap().seats[place];
				assert_eq!(seat.state.encoded_size(), 33);
				seat.state = crate::SeatState::Sealed(H256::zero());
			});
			note();
		}
		end_block();
		note();
		assert!(events().iter().any(|event| matches!(event, Event::RevealBegan { .. })));
	});
	trail
}

#[test]
fn the_chain_knows_nothing_of_the_coin_before_the_reveal() {
	let (honest, forced) = (trail(0), trail(rules::MILLION));
	assert_eq!(honest.sizes, forced.sizes, "sizes and times");
	assert_eq!(honest.rest, forced.rest, "everything but the presented outcome");
}

#[test]
fn a_job_says_nothing_of_the_coin() {
	world().build().execute_with(|| {
		// The coin falls on whatever job there is; the pinned job is a function of the seed alone.
		let job = Jobs::draw(&hash(1, 0), SAMPLE).unwrap();
		let Statement::Evaluation(evaluation) = job.statement else {
			panic!("the model is of the first definition")
		};
		assert_eq!((evaluation.sample, evaluation.seed), (SAMPLE, hash(1, 0)));
		let coins: std::collections::BTreeSet<bool> =
			(0..100).map(|i| rules::is_forced(&hash(i, 2), &evaluation.seed, 500_000)).collect();
		assert_eq!(coins.len(), 2);
	});
}
