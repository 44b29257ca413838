//! A thousand audits among operators that do what their nodes do, while everything that can go wrong goes wrong.

use super::{
	worker::{machine_of, restart, Network},
	*,
};
use crate::{Audits, Enrolments, Event, NextAudit};
use blyan_primitives::{traits::Service, EngineError};
use sp_core::H256;
use std::collections::BTreeMap;

/// Operators, each with a machine of its own.
const OPERATORS: u32 = 8;
/// Audits.
const MANY: u64 = 1_000;

/// Small repeatable randomness of the story itself.
struct Fate(u64);
impl Fate {
	fn below(&mut self, bound: u64) -> u64 {
		// SplitMix64.
		self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
		(z ^ (z >> 31)) % bound
	}
}

#[test]
fn a_thousand_audits_never_harm_an_honest_operator() {
	let mut network = Network::new(world().operators(OPERATORS).nobody_enrolled().with_rounds());
	// Forced errors as often as not, so that both kinds are tried hard.
	TrapShare::set(500_000);
	SeatsPerRound::set(8);
	let machines: Vec<_> = (0..OPERATORS).map(|seed| machine_of([seed])).collect();
	let mut offline = [0u32; OPERATORS as usize];
	let mut fate = Fate(7);
	let before = network.world.execute_with(Balances::total_issuance);
	let mut paid: BTreeMap<&str, u128> = BTreeMap::new();
	let (mut settled, mut forced, mut voided) = (0u32, 0u32, 0u32);
	while network.world.execute_with(NextAudit::<Test>::get) < MANY {
		for (machine, offline) in machines.iter().zip(offline.iter_mut()) {
			match fate.below(40) {
				// A restart: the engine forgets, the disk does not.
				0 => restart(machine),
				// An outage, shorter than the time to reveal.
				1 => *offline = fate.below(u64::from(WINDOW) - 4) as u32,
				// A blob is missing for a while.
				2 => *machine.engine.trouble.lock() = Some(EngineError::BlobMissing(H256([1; 32]))),
				3 => *machine.engine.is_slow.lock() = true,
				4..=12 => {
					*machine.engine.trouble.lock() = None;
					*machine.engine.is_slow.lock() = false;
				}
				_ => {}
			}
			if *offline > 0 {
				*offline -= 1;
				continue;
			}
			let calls = network.work(machine);
			// Some are lost on their way; the node sends them again.
			let arrived = calls.into_iter().filter(|_| fate.below(10) > 0).collect();
			network.arrive(arrived);
		}
		match fate.below(60) {
			0 => Generation::mutate(|generation| *generation += 1),
			1 => HistoryLost::set(true),
			2..=6 => HistoryLost::set(false),
			_ => {}
		}
		network.world.execute_with(|| {
			end_block();
			for event in events() {
				match event {
					Event::ErrorCaught { amount, .. } => *paid.entry("bounties").or_default() += amount,
					Event::WorkPaid { amount, .. } => *paid.entry("work").or_default() += amount,
					Event::Settled { is_forced, .. } => {
						settled += 1;
						forced += u32::from(is_forced);
					}
					Event::Voided { .. } => voided += 1,
					Event::Nodded { operator, .. } => panic!("{operator:?} is said to have nodded"),
					Event::Contested { audit, .. } => {
						panic!("honest operators contradict each other in {audit}")
					}
					_ => {}
				}
			}
			AuditsPallet::do_try_state().unwrap();
			begin_next();
		});
	}
	network.world.execute_with(|| {
		assert_eq!(crimes(), [], "nobody was reported");
		assert!(!services().iter().any(|(_, service)| *service == Service::ReportOutvoted));
		// Every coin that exists more was paid from the envelope, and every payment was announced.
		assert_eq!(Balances::total_issuance() - before, PURSE - Envelope::get());
		assert_eq!(paid.values().sum::<u128>(), PURSE - Envelope::get());
		// The story is worth something: most audits end well, both kinds occur, and some are void.
		let open = Audits::<Test>::iter_keys().count() as u32;
		assert_eq!(settled + voided + open, NextAudit::<Test>::get() as u32);
		assert!(settled > 500 && voided > 10, "{settled} settled, {voided} void");
		assert!(forced > settled / 3 && forced < settled * 2 / 3, "{forced} of {settled} forced");
		assert_eq!(Enrolments::<Test>::iter().count() as u32, OPERATORS);
	});
	TrapShare::set(0);
}
