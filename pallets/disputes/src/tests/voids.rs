//! A definition that changes in mid-game: no claim can be proven wrong by another one than it was computed by.

use super::*;
use crate::{game::Side, Call, Cases, Error, Games};
use blyan_primitives::{
	traits::{Appeals, Claims},
	Statement,
};
use blyan_runtime_api::disputes::GameEnd;
use frame_support::{assert_noop, assert_ok};
use sp_keyring::Sr25519Keyring::{Alice, Bob};

/// An upgrade has changed the definition since these claims were made.
fn upgrade() {
	let Some(Statement::Evaluation(mut evaluation)) = Bookkeeper::statement(SUBJECT, 0) else {
		unreachable!()
	};
	evaluation.definition -= 1;
	let statement = Statement::Evaluation(evaluation);
	Real::set(Some(statement));
	Games::<Test>::translate_values(|mut game: crate::GameRecordOf<Test>| {
		game.statement = statement;
		Some(game)
	});
	Cases::<Test>::translate_values(|mut case: crate::CaseOf<Test>| {
		case.statements[0] = Some(statement);
		Some(case)
	});
}

/// Every true claim was false by the new numbers, and fell in the games that were open.
#[test]
fn attack_execute_old_claims_under_a_new_definition() {
	story(|| {
		let liar = Party::lying(Spot::at(0, 3, 1));
		claim(SUBJECT, &[(Alice, honest()), (Bob, liar.verdict())]);
		let game = confront(Alice, &honest(), &liar.verdict());
		let backed = challenge(&challenger(), &liar.verdict(), &Party::lying(Spot::any(0, 7)).verdict());
		let (subject, digest, tile) = (SUBJECT, honest().digest(), 0);
		assert_ok!(Disputes::demand_tile(signed(&challenger()), subject, digest, tile));
		assert_noop!(Disputes::settle(signed(&account(1)), game), Error::<Test>::NothingToSettle);
		upgrade();
		let changed = Error::<Test>::DefinitionChanged;
		assert_noop!(open(&account(1), game, Side::First, &Party::honest()), changed);
		assert_noop!(
			Disputes::execute(signed(&account(1)), game, witness()),
			Error::<Test>::DefinitionChanged
		);
		run_for(CLOCK + 1);
		let anyone = || signed(&account(1));
		assert_noop!(Disputes::claim_timeout(anyone(), game), Error::<Test>::DefinitionChanged);
		let verdict = Party::lying(Spot::any(0, 9)).verdict();
		assert_noop!(
			Disputes::challenge(anyone(), subject, digest, verdict),
			Error::<Test>::DefinitionChanged
		);
		assert_noop!(
			Disputes::prove_blob(anyone(), subject, EXPERT.to_vec().try_into().unwrap()),
			Error::<Test>::DefinitionChanged
		);
		for game in [game, backed] {
			assert_ok!(deliver(Call::settle { game }));
			let info = Disputes::game(game).unwrap();
			assert_eq!((info.refuted, info.ended.unwrap().0), ([false, false], GameEnd::Void));
		}
		assert_ok!(deliver(Call::close_demand { subject, digest, tile }));
		assert_eq!((held(&challenger()), Balances::free_balance(challenger())), (0, ENDOWMENT));
		assert_eq!((offenders(), book().refuted, book().open), (vec![], vec![], 0));
	});
}

#[test]
fn an_appeal_that_cannot_be_computed_any_more_is_for_the_judge_and_an_open_one_clears() {
	story(|| {
		let liar = Party::lying(Spot::at(0, 3, 1));
		all_claim(honest());
		let game = challenge(&challenger(), &honest(), &liar.verdict());
		assert_ok!(open(&challenger(), game, Side::Second, &liar));
		run_for(CLOCK + 1);
		assert_ok!(deliver(Call::claim_timeout { game }));
		assert_ok!(Disputes::appeal(&Alice.to_account_id(), SUBJECT));
		upgrade();
		assert_noop!(Disputes::appeal(&Bob.to_account_id(), SUBJECT), Error::<Test>::DefinitionChanged);
		assert_ok!(deliver(Call::settle { game: game + 1 }));
		assert_eq!(Appealed::get(), [(Alice.to_account_id(), true)]);
		decide_all();
		assert_eq!(held(&challenger()), 0);
	});
}
