//! Stories of the desk.

use super::*;
use proptest::prelude::*;
use std::sync::Arc;

const PRICES: Prices = Prices { input: 0, output: 1_000 };
const DEPOSIT: u128 = 500;

fn desk(dir: &tempfile::TempDir) -> Desk {
	let (store, contents) = Store::open(&dir.path().join("till.redb"), &[1; 32], 1 << 20).unwrap();
	Desk::new(store, contents)
}

fn order(body: u8, tokens: u32, answers: u32) -> Order {
	Order {
		id: "id".into(),
		route: "/",
		client: [127, 0, 0, 1].into(),
		words: "".into(),
		body: [body; 32],
		prompt_tokens: 1,
		answer_tokens_max: tokens,
		answers,
		seed: 3,
	}
}

fn asked(order: &Order, is_retry: bool) -> Asked<'_> {
	Asked { order, prices: PRICES, key: None, is_retry, now: 1, room: u64::MAX }
}

fn funds(amount: u128) -> Funds<'static> {
	let signed = Signed { amount, signature: [0; 64] };
	Funds::Session { id: 1, signed, deposit: DEPOSIT, settled: 0 }
}

fn paid(answer: Option<Vec<u8>>, attempts: u8, body: u8) -> (PaidAnswer, Vec<u8>) {
	let (body, receipt) = ([body; 32], Vec::new());
	(PaidAnswer { body, ended_at: 1, seed: 3, charged: 0, attempts, answer, receipt }, Vec::new())
}

/// Asks for an answer of ten tokens, and takes it to its end with so many bytes of text and of scores.
async fn take(desk: &Desk, body: u8, text: usize, scores: usize) {
	let order = order(body, 10, 1);
	let promised = desk.account(1).map_or(0, |account| account.promised());
	let granted = desk.grant(funds(promised.max(50)), asked(&order, false)).await.unwrap().unwrap();
	let [Granted::Hold(number, _)] = granted.as_slice() else { panic!("{granted:?}") };
	let (answer, _) = paid(Some(vec![1; text]), 0, body);
	desk.charge(*number, (1, 1), (answer, vec![2; scores]), None, 1).await.unwrap();
}

/// Asks again, and returns the bytes of the scores; or what is computed, and charged before.
async fn again(desk: &Desk, body: u8) -> Result<usize, u128> {
	let order = order(body, 10, 1);
	let granted = desk.grant(funds(100), asked(&order, true)).await.unwrap().unwrap();
	match granted.as_slice() {
		[Granted::Again(_, scores)] => Ok(scores.len()),
		[Granted::Hold(number, hold)] => {
			desk.release(*number);
			Err(hold.meter.credit)
		}
		other => panic!("{other:?}"),
	}
}

#[tokio::test]
async fn attack_by_scores_drops_no_answer_that_others_may_ask_for_again() {
	let dir = tempfile::tempdir().unwrap();
	let desk = desk(&dir);
	take(&desk, 1, 9, 0).await;
	take(&desk, 2, 9, 3).await;
	// Two answers whose scores fill their memory: the oldest scores go, and no answer.
	take(&desk, 3, 9, crate::scores::BYTES_MAX / 2).await;
	take(&desk, 4, 9, crate::scores::BYTES_MAX / 2).await;
	assert_eq!(again(&desk, 1).await, Ok(0), "its words are there");
	assert_eq!(again(&desk, 2).await, Err(1), "it is computed again for what was paid");
	assert_eq!(again(&desk, 3).await, Ok(crate::scores::BYTES_MAX / 2));
	drop(desk);
	let (store, contents) = Store::open(&dir.path().join("till.redb"), &[1; 32], 1 << 20).unwrap();
	let desk = Desk::new(store, contents);
	assert_eq!(again(&desk, 2).await, Err(1), "also after a restart");
	assert_eq!(again(&desk, 4).await, Ok(crate::scores::BYTES_MAX / 2));
}

#[tokio::test]
async fn attack_by_asking_again_for_dropped_scores_pays_the_third_computation() {
	let dir = tempfile::tempdir().unwrap();
	let desk = desk(&dir);
	take(&desk, 1, 9, 3).await;
	let order = order(1, 10, 1);
	let mut credits = Vec::new();
	for _ in 0..3 {
		// The scores of another answer push those of the first out.
		take(&desk, 2, 9, crate::scores::BYTES_MAX).await;
		let granted = desk.grant(funds(DEPOSIT), asked(&order, true)).await.unwrap().unwrap();
		let [Granted::Hold(number, hold)] = granted.as_slice() else { panic!("{granted:?}") };
		credits.push(hold.meter.credit);
		let (answer, _) = paid(Some(vec![1; 9]), hold.attempts_after(true), 1);
		desk.charge(*number, (0, 1), (answer, vec![2; 3]), None, 1).await.unwrap();
	}
	assert_eq!(credits, [1, 1, 0]);
}

#[tokio::test]
async fn nothing_is_granted_that_the_store_has_no_room_for_and_what_was_paid_is_sent_again() {
	let dir = tempfile::tempdir().unwrap();
	let desk = desk(&dir);
	take(&desk, 1, 9, 0).await;
	let (first, second, again) = (order(2, 10, 1), order(3, 10, 1), order(1, 10, 1));
	let room = kept::bytes_max(11);
	let with = |order, is_retry, room| Asked { room, ..asked(order, is_retry) };
	let refused = desk.grant(funds(100), with(&first, false, room - 1)).await.unwrap();
	assert_eq!(refused, Err(Denied::NoRoom));
	assert_eq!(desk.account(1).unwrap().held, 0);
	let granted = desk.grant(funds(100), with(&first, false, room)).await.unwrap().unwrap();
	// What is on its way has its room, which no other gets.
	assert_eq!(desk.grant(funds(100), with(&second, false, room)).await.unwrap(), Err(Denied::NoRoom));
	assert!(desk.grant(funds(100), with(&again, true, 0)).await.unwrap().is_ok());
	let [Granted::Hold(number, _)] = granted.as_slice() else { panic!("{granted:?}") };
	desk.release(*number);
	assert!(desk.grant(funds(100), with(&second, false, room)).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_request_that_is_computed_is_not_computed_twice_for_a_client_that_asks_again() {
	let dir = tempfile::tempdir().unwrap();
	let desk = desk(&dir);
	let order = order(1, 10, 1);
	let granted = desk.grant(funds(100), asked(&order, false)).await.unwrap().unwrap();
	let [Granted::Hold(number, _)] = granted.as_slice() else { panic!("{granted:?}") };
	assert_eq!(desk.grant(funds(100), asked(&order, true)).await.unwrap(), Err(Denied::InProgress));
	// One who does not say so may mean it: the same words, another answer.
	assert!(desk.grant(funds(100), asked(&order, false)).await.unwrap().is_ok());
	desk.charge(*number, (4, 4), paid(None, 1, 1), None, 1).await.unwrap();
	let again = desk.grant(funds(100), asked(&order, true)).await.unwrap();
	assert_eq!(again, Err(Denied::InProgress), "the second is still computed");
}

#[tokio::test]
async fn a_client_that_leaves_while_its_voucher_is_written_leaves_nothing_held() {
	let dir = tempfile::tempdir().unwrap();
	let desk = desk(&dir);
	let order = order(1, 10, 2);
	{
		let mut granting = std::pin::pin!(desk.grant(funds(100), asked(&order, false)));
		// Once is enough to hold the money; whether the disk was faster is another thing.
		let polled = futures::poll!(granting.as_mut());
		if let std::task::Poll::Ready(granted) = polled {
			for granted in granted.unwrap().unwrap() {
				let Granted::Hold(number, _) = granted else { panic!("{granted:?}") };
				desk.release(number);
			}
		}
	}
	assert_eq!(desk.account(1).unwrap().held, 0);
	assert!(desk.lock().holds.is_empty());
	// Its voucher is known all the same.
	assert_eq!(desk.account(1).unwrap().promised(), 100);
}

#[tokio::test]
async fn what_was_paid_for_a_broken_answer_counts_for_one_attempt_however_many_are_begun() {
	let dir = tempfile::tempdir().unwrap();
	let desk = desk(&dir);
	let order = order(1, 10, 1);
	let grant = || async {
		let granted = desk.grant(funds(300), asked(&order, false)).await.unwrap().unwrap();
		let [Granted::Hold(number, hold)] = granted.as_slice() else { panic!("{granted:?}") };
		(*number, hold.clone())
	};
	let (number, _) = grant().await;
	desk.charge(number, (9, 9), paid(None, 1, 1), None, 1).await.unwrap();
	let credits = [grant().await.1, grant().await.1, grant().await.1].map(|hold| hold.meter.credit);
	assert_eq!(credits, [9, 0, 0]);
	assert_eq!(desk.account(1).unwrap().held, 1 + 10 + 10);
}

#[tokio::test]
async fn all_answers_of_an_order_are_granted_or_none() {
	let dir = tempfile::tempdir().unwrap();
	let desk = desk(&dir);
	let order = order(1, 10, 8);
	let denied = desk.grant(funds(79), asked(&order, false)).await.unwrap();
	assert!(matches!(denied, Err(Denied::Short(Shortage::Amount { needed: 80 }, 80))), "{denied:?}");
	assert!(desk.lock().holds.is_empty());
	assert_eq!(desk.grant(funds(80), asked(&order, false)).await.unwrap().unwrap().len(), 8);
	assert_eq!(desk.account(1).unwrap().held, 80);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_ask_at_once_spend_no_planck_twice() {
	let dir = tempfile::tempdir().unwrap();
	let desk = Arc::new(desk(&dir));
	let ask = |body: u8| {
		let desk = desk.clone();
		async move {
			let mut spent = 0;
			for round in 0..20_u128 {
				let order = order(body, 10, 1);
				let amount = desk.account(1).map_or(0, |account| account.promised()).max(round * 30);
				let Ok(granted) = desk.grant(funds(amount.min(DEPOSIT)), asked(&order, false)).await.unwrap()
				else {
					continue;
				};
				for granted in granted {
					if let Granted::Hold(number, _) = granted {
						tokio::task::yield_now().await;
						desk.charge(number, (7, 7), paid(Some(vec![1]), 0, body), None, 1).await.unwrap();
						spent += 7;
					}
				}
			}
			spent
		}
	};
	let tasks: Vec<_> = (0..5).map(|body| tokio::spawn(ask(body))).collect();
	let mut spent = 0;
	for task in tasks {
		spent += task.await.unwrap();
	}
	let account = desk.account(1).unwrap();
	assert_eq!((account.served, account.held), (spent, 0));
	assert!(spent > 0 && spent <= account.promised() && account.promised() <= DEPOSIT);
}

/// One thing that happens at the desk.
#[derive(Clone, Debug)]
enum Step {
	Ask { body: u8, tokens: u32, answers: u32, amount: u128, is_retry: bool },
	Finish { place: usize, planck: u128, is_whole: bool },
	Drop { place: usize },
}

fn step() -> impl Strategy<Value = Step> {
	prop_oneof![
		(0..3_u8, 1..60_u32, 1..4_u32, 0..600_u128, any::<bool>()).prop_map(
			|(body, tokens, answers, amount, is_retry)| Step::Ask { body, tokens, answers, amount, is_retry }
		),
		(any::<usize>(), 0..80_u128, any::<bool>()).prop_map(|(place, planck, is_whole)| Step::Finish {
			place,
			planck,
			is_whole
		}),
		any::<usize>().prop_map(|place| Step::Drop { place }),
	]
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]
	#[test]
	fn holds_and_accounts_agree_in_every_order_of_things(steps in prop::collection::vec(step(), 0..40)) {
		let dir = tempfile::tempdir().unwrap();
		let desk = desk(&dir);
		let mut live: Vec<(u64, Hold)> = Vec::new();
		let mut served = 0;
		for step in steps {
			match step {
				Step::Ask { body, tokens, answers, amount, is_retry } => {
					let order = order(body, tokens, answers);
					let granted = futures::executor::block_on(desk.grant(funds(amount), asked(&order, is_retry))).unwrap();
					for granted in granted.into_iter().flatten() {
						if let Granted::Hold(number, hold) = granted {
							live.push((number, hold));
						}
					}
				}
				Step::Finish { place, planck, is_whole } if !live.is_empty() => {
					let (number, hold) = live.swap_remove(place % live.len());
					let answer = paid(is_whole.then(|| vec![1]), hold.attempts_after(is_whole), hold.body[0]);
					futures::executor::block_on(desk.charge(number, (planck, 1), answer, None, 1)).unwrap();
					served += planck.min(hold.planck);
				}
				Step::Drop { place } if !live.is_empty() => {
					let (number, _) = live.swap_remove(place % live.len());
					desk.release(number);
				}
				Step::Finish { .. } | Step::Drop { .. } => {}
			}
			let account = desk.account(1).unwrap_or_default();
			prop_assert_eq!(account.held, live.iter().map(|(_, hold)| hold.planck).sum::<u128>());
			prop_assert_eq!(account.served, served);
			prop_assert!(served + account.held <= account.promised() && account.promised() <= DEPOSIT);
		}
	}
}
