//! Properties of the tally.

use super::mock::*;
use crate::{Tally, VoteRecord};
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::traits::VoteTally;
use proptest::prelude::*;
use sp_runtime::Perbill;

fn support(tally: &Tally<Test>) -> Perbill {
	VoteTally::<u32, u16>::support(tally, 0)
}

fn approval(tally: &Tally<Test>) -> Perbill {
	VoteTally::<u32, u16>::approval(tally, 0)
}

#[test]
fn nothing_of_nothing_is_no_support() {
	for voices in [0, 7] {
		let tally = Tally::<Test>::empty(None, voices);
		assert_eq!((support(&tally), approval(&tally)), (Perbill::zero(), Perbill::zero()));
	}
	// A vote that no electorate holds is none.
	let tally = Tally::<Test> { ayes: 3, ..Tally::empty(None, 0) };
	assert_eq!(support(&tally), Perbill::zero());
}

#[test]
fn shares_are_those_of_all_voices() {
	let of = |ayes, voices| support(&Tally::<Test> { ayes, ..Tally::empty(Some(0), voices) });
	assert_eq!(of(9, 10), Perbill::from_percent(90));
	assert!(of(89, 100) < Perbill::from_percent(90));
	assert_eq!(of(2, 3), Perbill::from_rational(2u32, 3));
	assert!(of(2, 3) >= Perbill::from_rational(2u32, 3) && of(66, 100) < Perbill::from_rational(2u32, 3));
}

#[test]
fn polls_before_the_first_electorate_have_no_voices() {
	sp_io::TestExternalities::default().execute_with(|| {
		let tally = <Tally<Test> as VoteTally<u32, u16>>::new(0);
		assert_eq!(tally, Tally::empty(None, 0));
	});
}

proptest! {
	#[test]
	fn round_trip(ayes in any::<u32>(), nays in any::<u32>(), voices in any::<u32>(), electorate in any::<Option<u32>>()) {
		let tally = Tally::<Test> { ayes, nays, ..Tally::empty(electorate, voices) };
		let bytes = tally.encode();
		prop_assert!(bytes.len() <= Tally::<Test>::max_encoded_len());
		prop_assert_eq!(Tally::<Test>::decode(&mut &bytes[..]), Ok(tally));
	}

	#[test]
	fn votes_are_added_and_retracted_without_a_rest(votes in prop::collection::vec(any::<bool>(), 0..40)) {
		let mut tally = Tally::<Test>::empty(Some(0), 40);
		for aye in &votes {
			tally.add(VoteRecord::from(*aye));
		}
		prop_assert_eq!(tally.ayes + tally.nays, votes.len() as u32);
		for aye in &votes {
			tally.retract(VoteRecord::from(*aye));
		}
		prop_assert_eq!(tally, Tally::empty(Some(0), 40));
	}

	#[test]
	fn support_never_exceeds_approval_while_votes_are_voices(ayes in 0u32..300, nays in 0u32..300, silent in 0u32..300) {
		let tally = Tally::<Test> { ayes, nays, ..Tally::empty(Some(0), ayes + nays + silent) };
		prop_assert!(support(&tally) <= approval(&tally));
	}
}
