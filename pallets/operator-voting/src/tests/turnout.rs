//! Stories of turnout: polls are followed, counted once, and no vote is lost to it.

use super::mock::*;
use crate::{
	turnout::LOOKS_MAX, turnout_ppm, LastLook, NextPoll, ParticipationRecord, Participations, TurnoutRecord,
	Turnouts, Voting, Watched, WeightInfo,
};
use frame_support::{
	assert_ok,
	traits::Hooks,
	weights::{constants::RocksDbWeight, Weight},
};
use proptest::prelude::*;

fn turnout() -> TurnoutRecord {
	Turnouts::<Test>::get(0)
}

/// Polls that an operator could vote in, and those it voted in.
fn participation(who: u64) -> Option<(u32, u32)> {
	Participations::<Test>::get().get(&who).map(|record| (record.could, record.cast))
}

/// The rest of the next block.
fn next_block() {
	run_to(System::block_number() + 1);
}

#[test]
fn a_decided_poll_is_counted_with_its_votes_and_its_operators() {
	build_and_check(|| {
		let poll = open();
		next_block();
		for (who, aye) in [(1, true), (2, true), (3, false)] {
			assert_ok!(vote(who, poll, aye));
		}
		next_block();
		assert_eq!(turnout(), TurnoutRecord::default(), "it runs");
		close(poll, true);
		next_block();
		let expected = TurnoutRecord {
			approved: 1,
			ayes: 2,
			nays: 1,
			voices: 4,
			turnouts_ppm: 750_000,
			last_ppm: 750_000,
			last_poll: Some(poll),
			..Default::default()
		};
		assert_eq!(turnout(), expected);
		assert_eq!([1, 2, 3, 4].map(participation), [(1, 1), (1, 1), (1, 1), (1, 0)].map(Some));
		assert_eq!(Watched::<Test>::iter().count(), 0);
		// Once.
		run_to(DAY);
		assert_eq!(turnout(), expected);
	});
}

#[test]
fn the_mean_weighs_each_poll_the_same_and_silence_counts() {
	build_and_check(|| {
		let (loud, silent) = (open(), open());
		next_block();
		for who in 1..=4 {
			assert_ok!(vote(who, loud, true));
		}
		close(loud, true);
		close(silent, false);
		next_block();
		let turnout = turnout();
		assert_eq!((turnout.approved, turnout.rejected), (1, 1));
		assert_eq!((turnout.mean_ppm(), turnout.ayes, turnout.voices), (500_000, 4, 8));
		assert_eq!(participation(1), Some((2, 1)));
	});
}

#[test]
fn attack_polls_that_are_never_decided_do_not_lower_the_turnout() {
	build_and_check(|| {
		let poll = open();
		next_block();
		assert_ok!(vote(1, poll, true));
		cancel(poll);
		next_block();
		assert_eq!(turnout(), TurnoutRecord { undecided: 1, ..Default::default() });
		assert_eq!(participation(1), None);
	});
}

#[test]
fn operators_of_one_owner_took_part_when_their_voice_voted() {
	build_and_check(|| {
		change(1, |operator| operator.owner = Some(OWNER));
		change(2, |operator| operator.owner = Some(OWNER));
		run_to(DAY);
		let poll = open();
		next_block();
		assert_ok!(vote(1, poll, true));
		close(poll, true);
		next_block();
		assert_eq!((turnout().voices, turnout().last_ppm), (3, 333_333));
		assert_eq!([1, 2, 3].map(participation), [(1, 1), (1, 1), (1, 0)].map(Some));
	});
}

#[test]
fn attack_votes_that_are_removed_in_the_block_of_the_end_are_counted_first() {
	build_and_check(|| {
		let poll = open();
		next_block();
		for who in 1..=2 {
			assert_ok!(vote(who, poll, true));
		}
		close(poll, true);
		let cleanup = || OperatorVoting::cleanup_poll(RuntimeOrigin::signed(STRANGER), poll, 1);
		let counting = <() as WeightInfo>::count_poll();
		let first = cleanup().unwrap().actual_weight.unwrap();
		assert_eq!(first, <() as WeightInfo>::cleanup_poll(1).saturating_add(counting));
		assert_eq!((turnout().ayes, participation(2)), (2, Some((1, 1))));
		// What is counted is not paid for again.
		assert_eq!(cleanup().unwrap().actual_weight, Some(<() as WeightInfo>::cleanup_poll(1)));
		next_block();
		assert_eq!((turnout().approved, turnout().ayes), (1, 2));
		assert_eq!(Voting::<Test>::iter_prefix(poll).count(), 0);
	});
}

#[test]
fn attack_a_crowd_of_polls_costs_a_block_no_more_than_a_few_looks() {
	build_and_check(|| {
		let many = 5 * LOOKS_MAX;
		for _ in 0..many {
			open();
		}
		let looks = u64::from(2 * LOOKS_MAX);
		let least = RocksDbWeight::get().reads(4);
		let most = <() as WeightInfo>::follow_poll().saturating_mul(looks).saturating_add(least);
		for round in 1..=5 {
			let now = System::block_number() + 1;
			System::set_block_number(now);
			let used = OperatorVoting::on_idle(now, Weight::MAX);
			assert!(used.all_lte(most.saturating_add(<() as WeightInfo>::renew_electorate())));
			assert_eq!(NextPoll::<Test>::get(), round * LOOKS_MAX);
		}
		// Every one of them is met in the end.
		(0..many).for_each(|poll| close(poll, false));
		run_to(System::block_number() + 20);
		assert_eq!((turnout().rejected, Watched::<Test>::iter().count()), (many, 0));
		assert_eq!(participation(1), Some((many, 0)));
	});
}

#[test]
fn a_block_without_room_leaves_everything_to_a_later_one() {
	build_and_check(|| {
		let poll = open();
		next_block();
		assert_ok!(vote(1, poll, true));
		close(poll, true);
		let now = System::block_number() + 1;
		System::set_block_number(now);
		let look = <() as WeightInfo>::follow_poll();
		let room = look.saturating_mul(2).saturating_add(Weight::from_parts(200_000_000, 0));
		for remaining in [Weight::zero(), look, room] {
			assert!(OperatorVoting::on_idle(now, remaining).all_lte(remaining));
			assert_eq!(turnout(), TurnoutRecord::default());
			assert!(Watched::<Test>::contains_key(poll));
		}
		LastLook::<Test>::kill();
		next_block();
		assert_eq!(turnout().approved, 1);
	});
}

#[test]
fn polls_that_no_voice_can_vote_in_are_not_watched() {
	new_ext().execute_with(|| {
		(1..=4).for_each(|who| change(who, |operator| operator.quarantined = true));
		run_to(DAY);
		let poll = open();
		next_block();
		close(poll, false);
		next_block();
		assert_eq!(turnout(), TurnoutRecord::default());
		OperatorVoting::do_try_state().unwrap();
	});
}

/// A poll of the operators of this moment, decided without a vote.
fn silent_poll() {
	let quarter = DAY / 4;
	run_to(System::block_number() + quarter);
	let poll = open();
	next_block();
	close(poll, false);
	next_block();
}

#[test]
fn attack_a_tide_of_newcomers_pushes_out_none_that_could_vote_last() {
	build_and_check(|| {
		silent_poll();
		// Twelve besides the four are as many as there may be; then twelve others are in their places.
		for tide in [20..32, 40..52] {
			Operators::mutate(|all| all.retain(|who, _| *who <= 4));
			tide.for_each(|who| register(who, 0));
			silent_poll();
		}
		assert_eq!(Participations::<Test>::get().len(), 16);
		assert_eq!([1, 4, 20, 40].map(participation), [Some((3, 0)), Some((3, 0)), None, Some((1, 0))]);
	});
}

proptest! {
	#[test]
	fn turnouts_are_parts_of_a_million(cast: u32, voices: u32) {
		let part = turnout_ppm(cast, voices);
		prop_assert!(part <= 1_000_000);
		prop_assert_eq!(part == 1_000_000, voices > 0 && cast >= voices);
	}

	#[test]
	fn sums_of_turnouts_stay_parts_of_all_voices(polls in prop::collection::vec((any::<bool>(), 0u32..300, 0u32..300, 0u32..300), 0..40)) {
		let mut sum = TurnoutRecord::default();
		for (place, (approved, ayes, nays, silent)) in polls.iter().enumerate() {
			sum.add(place as u32, *approved, *ayes, *nays, ayes + nays + silent);
		}
		prop_assert_eq!(sum.decided() as usize, polls.len());
		prop_assert!(sum.ayes + sum.nays <= sum.voices);
		prop_assert!(sum.mean_ppm() <= 1_000_000);
	}

	#[test]
	fn no_operator_takes_part_in_more_than_it_could(ballots in prop::collection::vec((1u64..=4, any::<bool>()), 1..12)) {
		new_ext().execute_with(|| {
			for (who, votes) in &ballots {
				let poll = open();
				next_block();
				if *votes {
					vote(*who, poll, true).unwrap();
				}
				close(poll, true);
				next_block();
			}
			for who in 1..=4 {
				let cast = ballots.iter().filter(|(voter, votes)| *voter == who && *votes).count() as u32;
				let expected = ParticipationRecord { could: ballots.len() as u32, cast, last_poll: ballots.len() as u32 - 1 };
				prop_assert_eq!(Participations::<Test>::get().get(&who).copied(), Some(expected));
			}
			OperatorVoting::do_try_state().unwrap();
			Ok(())
		})?;
	}
}
