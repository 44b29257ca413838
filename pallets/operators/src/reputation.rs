//! The six measures of a reputation, as plain integers.
//!
//! Each measure is a number from 0 to 1,000,000. Three are moving averages of what happens (1,000,000 or 0); violations
//! grow by the weight of an offence; slash-free time grows by a step for each period heard. What nothing happens to
//! drifts: lineage towards the middle, violations towards zero.
//!
//! Serving is no measure. Blobs and answers pass between nodes, and nothing of that reaches the chain but a claim: the
//! server's own costs nothing to make up, and a client's can be bought, or made by the server's own account.

use crate::{Reputation, REPUTATION_INITIAL, REPUTATION_MAX, VIOLATIONS_TOLERATED};
use blyan_primitives::{
	traits::{OffenceKind, Service},
	Measures,
};
use sp_runtime::Permill;

/// What one period heard adds to the slash-free measure: about three weeks of hours from the middle to the top.
const SLASH_FREE_STEP: u32 = 1_000;
/// What drifts in one period heard, of the way that is left: half of it in about four weeks of hours.
const FADE: Permill = Permill::from_parts(1_000);
/// Silent periods that are looked at one by one; more of them change nothing that could be seen.
const SILENCE_MAX: u32 = 512;

/// The measures of an operator of which nothing is known: the middle, and no violation.
pub const fn newcomer() -> Measures {
	Measures {
		uptime: REPUTATION_INITIAL,
		proof_success: REPUTATION_INITIAL,
		lineage: REPUTATION_INITIAL,
		slash_free: REPUTATION_INITIAL,
		job_completion: REPUTATION_INITIAL,
		violations: 0,
	}
}

/// The reputation: 0.3 uptime + 0.35 proof success + 0.1 lineage + 0.1 slash-free time + 0.15 job completion, times
/// (1 - violations). Rounds down.
pub fn reputation(measures: &Measures) -> Reputation {
	let parts = [
		(measures.uptime, 300u64),
		(measures.proof_success, 350),
		(measures.lineage, 100),
		(measures.slash_free, 100),
		(measures.job_completion, 150),
	];
	// At most 1,000 * 1,000,000, and times another 1,000,000 below: 10^15.
	let merit = parts.iter().fold(0u64, |sum, (measure, weight)| {
		sum.saturating_add(u64::from((*measure).min(REPUTATION_MAX)).saturating_mul(*weight))
	});
	let kept = REPUTATION_MAX.saturating_sub(measures.violations);
	let scaled = merit.saturating_mul(kept.into()).checked_div(1_000_000_000).unwrap_or_default();
	u32::try_from(scaled).unwrap_or(REPUTATION_MAX).min(REPUTATION_MAX)
}

/// `measure` moved by `step` of its way towards `target`.
///
/// The step is rounded up, so a measure reaches its target in the end and never passes it.
pub fn towards(measure: u32, target: u32, step: Permill) -> u32 {
	if measure < target {
		measure.saturating_add(step.mul_ceil(target.saturating_sub(measure)))
	} else {
		measure.saturating_sub(step.mul_ceil(measure.saturating_sub(target)))
	}
}

/// A heartbeat after `silent` periods without one.
pub fn note_heartbeat(measures: &mut Measures, silent: u32, step: Permill) {
	for _ in 0..silent.min(SILENCE_MAX) {
		if measures.uptime == 0 {
			break;
		}
		measures.uptime = towards(measures.uptime, 0, step);
	}
	measures.uptime = towards(measures.uptime, REPUTATION_MAX, step);
	measures.slash_free = measures.slash_free.saturating_add(SLASH_FREE_STEP).min(REPUTATION_MAX);
	measures.lineage = towards(measures.lineage, REPUTATION_INITIAL, FADE);
	measures.violations = towards(measures.violations, 0, FADE);
}

/// Something done or not done.
pub fn note_service(measures: &mut Measures, service: Service, step: Permill) {
	let up = |measure: &mut u32| *measure = towards(*measure, REPUTATION_MAX, step);
	let down = |measure: &mut u32| *measure = towards(*measure, 0, step);
	match service {
		Service::ReportAgreed => {
			up(&mut measures.proof_success);
			up(&mut measures.job_completion);
		}
		// The work was done; whether it was right is another measure.
		Service::ReportOutvoted => {
			down(&mut measures.proof_success);
			up(&mut measures.job_completion);
		}
		Service::SealMissed | Service::RevealMissed | Service::BytesMissing => {
			down(&mut measures.job_completion)
		}
		Service::LineageGrown => up(&mut measures.lineage),
		Service::AuditPassed => up(&mut measures.proof_success),
	}
}

/// A punished offence.
///
/// Silence alone never adds up to more than is tolerated: a machine that is down for a fortnight has told no lie, and comes back to
/// draws without having to top its stake up.
pub fn note_offence(measures: &mut Measures, kind: OffenceKind) {
	measures.slash_free = 0;
	let most = match kind {
		OffenceKind::HeartbeatsMissed => measures.violations.max(VIOLATIONS_TOLERATED),
		_ => REPUTATION_MAX,
	};
	measures.violations = measures.violations.saturating_add(weight(kind)).min(most);
}

/// Whether an offence shows that the operator's work was not what it seemed, so that what it had earned by work is void.
/// Silence and a lost salt are not of that kind.
pub const fn voids_work(kind: OffenceKind) -> bool {
	match kind {
		OffenceKind::HeartbeatsMissed | OffenceKind::RevealMissed => false,
		OffenceKind::VerificationFailed
		| OffenceKind::FalseScore
		| OffenceKind::Equivocation
		| OffenceKind::HardwareFalse => true,
	}
}

/// What an offence adds to the violations.
fn weight(kind: OffenceKind) -> u32 {
	match kind {
		// A day without heartbeats.
		OffenceKind::HeartbeatsMissed => 20_000,
		OffenceKind::RevealMissed => 50_000,
		OffenceKind::VerificationFailed | OffenceKind::HardwareFalse => 200_000,
		OffenceKind::FalseScore | OffenceKind::Equivocation => 500_000,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const STEP: Permill = Permill::from_percent(5);
	const SERVICES: [Service; 7] = [
		Service::ReportAgreed,
		Service::ReportOutvoted,
		Service::SealMissed,
		Service::RevealMissed,
		Service::LineageGrown,
		Service::AuditPassed,
		Service::BytesMissing,
	];
	const KINDS: [OffenceKind; 6] = [
		OffenceKind::HeartbeatsMissed,
		OffenceKind::RevealMissed,
		OffenceKind::VerificationFailed,
		OffenceKind::FalseScore,
		OffenceKind::Equivocation,
		OffenceKind::HardwareFalse,
	];

	fn all(measures: &Measures) -> [u32; 6] {
		let Measures { uptime, proof_success, lineage, slash_free, job_completion, violations } = *measures;
		[uptime, proof_success, lineage, slash_free, job_completion, violations]
	}

	fn measures() -> impl Strategy<Value = Measures> {
		prop::array::uniform6(0..=REPUTATION_MAX).prop_map(
			|[uptime, proof_success, lineage, slash_free, job_completion, violations]| Measures {
				uptime,
				proof_success,
				lineage,
				slash_free,
				job_completion,
				violations,
			},
		)
	}

	#[test]
	fn newcomers_start_in_the_middle() {
		assert_eq!(reputation(&newcomer()), REPUTATION_INITIAL);
	}

	#[test]
	fn reputation_weighs_as_designed() {
		let none = Measures {
			uptime: 0,
			proof_success: 0,
			lineage: 0,
			slash_free: 0,
			job_completion: 0,
			violations: 0,
		};
		let full = REPUTATION_MAX;
		assert_eq!(reputation(&Measures { uptime: full, ..none }), 300_000);
		assert_eq!(reputation(&Measures { proof_success: full, ..none }), 350_000);
		assert_eq!(reputation(&Measures { lineage: full, ..none }), 100_000);
		assert_eq!(reputation(&Measures { slash_free: full, ..none }), 100_000);
		assert_eq!(reputation(&Measures { job_completion: full, ..none }), 150_000);
		assert_eq!(reputation(&Measures { uptime: full, violations: 250_000, ..none }), 225_000);
	}

	#[test]
	fn averages_reach_both_ends() {
		let run = |target| (0..1_000).fold(REPUTATION_INITIAL, |value, _| towards(value, target, STEP));
		assert_eq!((run(0), run(REPUTATION_MAX)), (0, REPUTATION_MAX));
	}

	#[test]
	fn silence_alone_never_raises_the_stake_that_is_needed() {
		let mut measures = newcomer();
		for _ in 0..30 {
			note_offence(&mut measures, OffenceKind::HeartbeatsMissed);
		}
		assert_eq!(crate::standing::required_milli(0, measures.violations), 1_000);
		note_offence(&mut measures, OffenceKind::FalseScore);
		let liar = measures.violations;
		assert!(crate::standing::required_milli(0, liar) > 1_000);
		note_offence(&mut measures, OffenceKind::HeartbeatsMissed);
		assert_eq!(measures.violations, liar);
	}

	proptest! {
		#[test]
		fn towards_moves_without_passing(measure in 0..=REPUTATION_MAX, target in 0..=REPUTATION_MAX, parts in 0u32..=1_000_000) {
			let moved = towards(measure, target, Permill::from_parts(parts));
			prop_assert!(moved.abs_diff(target) <= measure.abs_diff(target));
			prop_assert!((measure <= moved && moved <= target) || (target <= moved && moved <= measure));
			prop_assert!(parts == 0 || measure == target || moved != measure);
		}

		#[test]
		fn whatever_happens_stays_on_the_scale(start in measures(), steps in prop::collection::vec((0usize..13, any::<u32>()), 0..60)) {
			let mut measures = start;
			for (what, silent) in steps {
				match what {
					0..=5 => note_service(&mut measures, SERVICES[what], STEP),
					6..=11 => note_offence(&mut measures, KINDS[what - 6]),
					_ => note_heartbeat(&mut measures, silent, STEP),
				}
				prop_assert!(all(&measures).iter().all(|measure| *measure <= REPUTATION_MAX));
				prop_assert!(reputation(&measures) <= REPUTATION_MAX);
			}
		}

		#[test]
		fn good_deeds_never_hurt_and_offences_never_help(start in measures(), silent in 0u32..100) {
			for service in [Service::ReportAgreed, Service::LineageGrown, Service::AuditPassed] {
				let mut after = start;
				note_service(&mut after, service, STEP);
				prop_assert!(reputation(&after) >= reputation(&start));
			}
			for service in [Service::SealMissed, Service::RevealMissed] {
				let mut after = start;
				note_service(&mut after, service, STEP);
				prop_assert!(reputation(&after) <= reputation(&start));
			}
			for kind in KINDS {
				let mut after = start;
				note_offence(&mut after, kind);
				prop_assert!(reputation(&after) <= reputation(&start));
			}
			let (mut soon, mut late) = (start, start);
			note_heartbeat(&mut soon, silent, STEP);
			note_heartbeat(&mut late, silent + 1, STEP);
			prop_assert!(soon.uptime >= late.uptime);
		}

		#[test]
		fn reputation_is_monotone_in_every_measure(start in measures(), which in 0usize..6, more in 0..=REPUTATION_MAX) {
			let mut better = start;
			let field = match which {
				0 => &mut better.uptime,
				1 => &mut better.proof_success,
				2 => &mut better.lineage,
				3 => &mut better.slash_free,
				4 => &mut better.job_completion,
				_ => &mut better.violations,
			};
			*field = (*field).max(more);
			if which < 5 {
				prop_assert!(reputation(&better) >= reputation(&start));
			} else {
				prop_assert!(reputation(&better) <= reputation(&start));
			}
		}
	}
}
