//! What is stored of a subject goes with it.

use super::*;
use crate::{sweep::SWEPT_MAX, NoExpert, Queue, Queued, Refuted, Subjects};
use blyan_primitives::Subject;
use frame_support::{assert_ok, traits::Hooks, weights::Weight};
use sp_keyring::Sr25519Keyring::{Alice, Bob};

fn lose(subject: Subject, seed: u64) {
	let liar = Party::lying(Spot::any(0, seed));
	assert_ok!(challenge_about(&challenger(), subject, &honest(), &liar.verdict()));
	let game = crate::NextGame::<Test>::get() - 1;
	play_out(game, [&account(1), &account(2)], [&Party::honest(), &liar]);
}

#[test]
fn a_subject_is_forgotten_when_it_can_no_longer_be_disputed() {
	story(|| {
		let subjects = [SUBJECT, Subject::Audit(1), Subject::Audit(2)];
		for (subject, seed) in subjects.into_iter().zip(0..) {
			claim(subject, &[(Alice, honest()), (Bob, honest())]);
			lose(subject, seed);
		}
		run_for(5);
		assert_eq!(Subjects::<Test>::iter().count(), 3);
		Books::mutate(|books| books.get_mut(&Subject::Audit(1)).unwrap().disputable = false);
		run_for(3);
		assert_eq!(Subjects::<Test>::iter().count(), 2);
		assert_eq!(Refuted::<Test>::iter_prefix(Subject::Audit(1)).count(), 0);
		assert_eq!(Queued::<Test>::iter().count(), 2);
		let (first, end) = Queue::<Test>::get();
		assert_eq!(end - first, 2);
	});
}

#[test]
fn a_sweep_takes_no_more_than_a_little_at_a_time() {
	let mut world = ext();
	let lies = u64::from(SWEPT_MAX) + 3;
	world.execute_with(|| {
		all_claim(honest());
		for seed in 0..lies {
			// Candidates for the same lie would play only once.
			let spot = Spot { item: seed as u32 % ITEMS[0], row: seed as usize % 18, ..Spot::at(0, seed, 1) };
			let liar = Party::lying(spot);
			assert_ok!(challenge_about(&challenger(), SUBJECT, &honest(), &liar.verdict()));
		}
		run_for(CLOCK + 1);
		for game in 0..lies {
			assert_ok!(Disputes::claim_timeout(signed(&account(1)), game));
		}
		NoExpert::<Test>::insert(SUBJECT, ());
		decide_all();
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().disputable = false);
	});
	// What is in the overlay only is not counted.
	world.commit_all().unwrap();
	world.execute_with(|| {
		Disputes::on_idle(1, Weight::zero());
		assert_eq!(Refuted::<Test>::iter().count() as u64, lies, "there was no room");
		Disputes::on_idle(1, Weight::MAX);
		assert_eq!(Refuted::<Test>::iter().count(), 3);
		Disputes::do_try_state().unwrap();
	});
	world.commit_all().unwrap();
	world.execute_with(|| {
		Disputes::on_idle(2, Weight::MAX);
		assert_eq!((Refuted::<Test>::iter().count(), Subjects::<Test>::iter().count()), (0, 0));
		assert_eq!((Queued::<Test>::iter().count(), NoExpert::<Test>::iter().count()), (0, 0));
		Disputes::do_try_state().unwrap();
	});
}

/// Colluders claim a lie in a draw that comes to nothing, let it fall, and claim the very same bytes in the next draw. When
/// what had fallen was named by the submission alone, no account could refute the second claim, and the chain never heard of it.
#[test]
fn attack_let_a_lie_fall_in_one_draw_to_shield_it_in_the_next() {
	story(|| {
		let liar = Party::lying(Spot::at(0, 3, 1));
		let claims = [(Alice, honest()), (Bob, liar.verdict())];
		claim(SUBJECT, &claims);
		assert_ok!(Disputes::do_confront(SUBJECT, honest().digest(), liar.verdict().digest()));
		play_out(0, [&account(1), &account(2)], [&Party::honest(), &liar]);
		assert!(Refuted::<Test>::contains_key(SUBJECT, liar.verdict().digest()));

		// The submission is drawn again before any sweep has come by.
		let redrawn = Subject::Submission(7, sp_core::H256([8; 32]));
		claim(redrawn, &claims);
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().disputable = false);
		assert!(!Disputes::is_refuted(redrawn, &liar.verdict()));
		assert_ok!(Disputes::do_confront(redrawn, honest().digest(), liar.verdict().digest()));
		play_out(1, [&account(1), &account(2)], [&Party::honest(), &liar]);
		assert_eq!(Books::get()[&redrawn].refuted, [liar.verdict().digest()]);
		assert_eq!(Reports::get().len(), 2, "whoever signed it is reported for each draw");
	});
}
