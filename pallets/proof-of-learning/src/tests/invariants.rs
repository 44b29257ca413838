//! The invariant checks notice what they are for.

use super::*;
use crate::{
	BusyModels, ClosedRing, CommitmentQueue, Commitments, Decisions, FirstCommitments, Maturing, Miners,
	OpenBlobs, OpenRoots, OpenSubmissions, Phase, Queues,
};
use blyan_primitives::{traits::Claims, Verdict};
use proptest::prelude::*;
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve};

const FIVE: [Sr25519Keyring; 5] = [Alice, Bob, Charlie, Dave, Eve];

fn is_noticed_after(damage: impl FnOnce()) -> bool {
	let mut world = ExtBuilder::default().build();
	world.execute_with(|| {
		judge(1, score(0, 0));
		run_to_maturity(0);
		judge(4, score(640, 0));
		submit_and_draw(2);
		submit(3);
		CommitDeposit::set(7);
		commit_as(miner(), slot(1), block(5)).unwrap();
		Learning::do_try_state().unwrap();
		damage();
		Learning::do_try_state().is_err()
	})
}

#[test]
fn damaged_storage_is_noticed() {
	assert!(is_noticed_after(|| Queues::<Test>::remove(0)));
	assert!(is_noticed_after(BusyModels::<Test>::kill));
	assert!(is_noticed_after(|| OpenSubmissions::<Test>::remove(2)));
	assert!(is_noticed_after(|| OpenRoots::<Test>::remove(block(2).tensor_root)));
	assert!(is_noticed_after(|| OpenBlobs::<Test>::insert(H256::zero(), 2)));
	assert!(is_noticed_after(|| Miners::<Test>::mutate(miner(), |miner| miner.open += 1)));
	assert!(is_noticed_after(|| ClosedRing::<Test>::remove(0)));
	assert!(is_noticed_after(Maturing::<Test>::kill));
	assert!(is_noticed_after(|| Commitments::<Test>::remove(miner())));
	assert!(is_noticed_after(|| Commitments::<Test>::mutate(miner(), |records| records[0].deposit = 8)));
	assert!(is_noticed_after(|| CommitmentQueue::<Test>::insert(9, miner())));
	assert!(is_noticed_after(|| {
		let first = FirstCommitments::<Test>::take(block(2).tensor_root).unwrap();
		FirstCommitments::<Test>::insert(block(3).tensor_root, first);
	}));
	assert!(is_noticed_after(|| Decisions::<Test>::remove(1)));
	assert!(is_noticed_after(
		|| Decisions::<Test>::mutate(1, |decision| decision.as_mut().unwrap().held -= 1)
	));
	assert!(is_noticed_after(|| Decisions::<Test>::mutate(1, |decision| decision
		.as_mut()
		.unwrap()
		.disputes = 1)));
	assert!(is_noticed_after(|| Decisions::<Test>::mutate(1, |decision| {
		decision.as_mut().unwrap().digest = Some(H256::zero());
	})));
	assert!(is_noticed_after(|| OpenSubmissions::<Test>::mutate(2, |record| {
		let Some(Phase::Evaluating(evaluation)) = record.as_mut().map(|record| &mut record.phase) else {
			return;
		};
		evaluation.seats[0].operator = miner();
	})));
	assert!(is_noticed_after(|| OpenSubmissions::<Test>::mutate(2, |record| {
		let Some(Phase::Evaluating(evaluation)) = record.as_mut().map(|record| &mut record.phase) else {
			return;
		};
		evaluation.seats[0].verdict = Some(score(1, 0));
	})));
}

/// Something that may happen in a world.
#[derive(Clone, Debug)]
enum Deed {
	Submit {
		by: usize,
		expert: u16,
		seed: u8,
	},
	/// A member of whatever is being evaluated seals, and may later reveal, one of a few verdicts.
	Seal {
		by: usize,
		finding: u8,
	},
	Reveal {
		by: usize,
		finding: u8,
	},
	/// The whole committee of whatever is being evaluated says something, two thirds the same.
	Decide {
		most: u8,
		other: u8,
	},
	Open {
		submission: u64,
	},
	Close {
		submission: u64,
	},
	Refute {
		submission: u64,
		finding: u8,
	},
	Settle {
		submission: u64,
	},
	Withdraw {
		submission: u64,
	},
	Pass {
		blocks: u32,
	},
}

fn deed() -> impl Strategy<Value = Deed> {
	let submission = 0u64..8;
	prop_oneof![
		5 => (0usize..2, 0u16..2, 1u8..20).prop_map(|(by, expert, seed)| Deed::Submit { by, expert, seed }),
		3 => (0usize..5, 0u8..3).prop_map(|(by, finding)| Deed::Seal { by, finding }),
		3 => (0usize..5, 0u8..3).prop_map(|(by, finding)| Deed::Reveal { by, finding }),
		6 => (0u8..3, 0u8..3).prop_map(|(most, other)| Deed::Decide { most, other }),
		1 => submission.clone().prop_map(|submission| Deed::Open { submission }),
		1 => submission.clone().prop_map(|submission| Deed::Close { submission }),
		3 => (submission.clone(), 0u8..3).prop_map(|(submission, finding)| Deed::Refute { submission, finding }),
		1 => submission.clone().prop_map(|submission| Deed::Settle { submission }),
		1 => submission.prop_map(|submission| Deed::Withdraw { submission }),
		6 => (1u32..8).prop_map(|blocks| Deed::Pass { blocks }),
	]
}

fn verdict(finding: u8) -> Verdict {
	match finding {
		0 => score(64, 0),
		1 => score(0, 0),
		_ => Verdict::Invalid,
	}
}

fn perform(deed: Deed) {
	let evaluated = || OpenSubmissions::<Test>::iter_keys().find(|id| evaluation(*id).is_some());
	match deed {
		Deed::Submit { by, expert, seed } => {
			let who = [miner(), Sr25519Keyring::One.to_account_id()][by].clone();
			let _ = submit_as(who, slot(expert), block(seed));
		}
		Deed::Seal { by, finding } => {
			let _ = evaluated().map(|id| seal_as(FIVE[by], id, verdict(finding)));
		}
		Deed::Reveal { by, finding } => {
			let _ = evaluated().map(|id| reveal_as(FIVE[by], id, verdict(finding)));
		}
		Deed::Decide { most, other } => {
			let Some(id) = evaluated() else { return };
			// The first committee seals, then the second one, then all reveal.
			for say in [seal_as, seal_as, reveal_as] {
				for (who, finding) in FIVE.into_iter().zip([most, most, most, most, other]) {
					let _ = say(who, id, verdict(finding));
				}
				run_to(System::block_number() + 2);
			}
			end_block();
		}
		// Disputes are about what may be disputed, and end once.
		Deed::Open { submission } => {
			let subject = subject(submission);
			if Learning::is_disputable(subject) {
				Learning::note_opened(subject);
			}
		}
		Deed::Close { submission } => Learning::note_closed(subject(submission)),
		Deed::Refute { submission, finding } => {
			Learning::refuted(subject(submission), verdict(finding).digest())
		}
		Deed::Settle { submission } => {
			let _ = Learning::settle(signed(miner()), submission);
		}
		Deed::Withdraw { submission } => {
			let _ = Learning::withdraw(signed(miner()), submission);
		}
		Deed::Pass { blocks } => run_to(System::block_number() + blocks),
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(16))]

	/// Whatever happens in whatever order: the invariants hold, and money is minted and taken by the rules alone.
	#[test]
	fn invariants_and_money_hold_whatever_happens(deeds in proptest::collection::vec(deed(), 0..120)) {
		ExtBuilder::default().operators(&FIVE).build_and_check(|| {
			SecondCommitteeSize::set(2);
			MaxRedraws::set(2);
			EvaluationFee::set(50);
			let issued = Balances::total_issuance();
			for deed in deeds {
				perform(deed.clone());
				if let Err(error) = Learning::do_try_state() {
					panic!("after {deed:?}: {error:?}");
				}
			}
			let learned: Balance =
				Payments::get().iter().filter(|(_, paid)| *paid > 5).map(|(_, paid)| *paid).sum();
			// What is slashed is dropped by the mock, which burns it; what is refunded was burned by the pallet.
			assert_eq!(Balances::total_issuance(), issued + learned - Slashed::get() - Refunded::get());
		});
	}
}
