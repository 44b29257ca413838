//! The chain's record of a session, held against the payer's.

use super::channel::Channel;
use sp_core::H256;

/// A session as the chain has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenSession {
	/// Amount on hold at its opening and after.
	pub deposit: u128,
	/// Amount that the operator has taken of it.
	pub settled: u128,
	/// First block, in working time, in which the rest can go back to the payer, once it is closing.
	pub closes_at: Option<u32>,
	/// Keys that may sign its receipts now.
	pub serving_keys: Vec<H256>,
	/// Address of the operator's gateway now; `None` if its offer is gone.
	pub endpoint: Option<String>,
}

/// Brings a record up to date. Returns what its payer should know.
pub fn apply(channel: &mut Channel, seen: Option<&SeenSession>) -> Option<String> {
	let Some(seen) = seen else {
		channel.stop("the chain has no such session any more".into());
		return channel.stopped.clone();
	};
	// A deposit only grows while its session is open; a node that lags knows less.
	channel.deposit = channel.deposit.max(seen.deposit);
	for key in &seen.serving_keys {
		// Receipts of a key that was replaced may still be under way.
		if !channel.terms.serving_keys.contains(key) {
			channel.terms.serving_keys.push(*key);
		}
	}
	if let Some(endpoint) = &seen.endpoint {
		channel.terms.endpoint.clone_from(endpoint);
	}
	let owed = channel.owed_max();
	if seen.settled > owed {
		channel.stop(format!(
			"the operator took {} planck of the deposit, and everything that it delivered or may deliver costs {owed}",
			seen.settled
		));
		return channel.stopped.clone();
	}
	let block = seen.closes_at?;
	channel.stop(format!("it is closing; from block {block} the rest can be taken back"));
	channel.stopped.clone()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::paying::channel::tests::terms;

	fn channel() -> Channel {
		Channel::new(H256([9; 32]), 7, terms(), 1_000)
	}

	fn seen() -> SeenSession {
		SeenSession {
			deposit: 1_000,
			settled: 0,
			closes_at: None,
			serving_keys: terms().serving_keys,
			endpoint: None,
		}
	}

	#[test]
	fn an_operator_that_takes_more_than_its_receipts_say_is_paid_no_more() {
		let mut channel = channel();
		channel.begin("a", 10).unwrap();
		channel.promise("a", 10).unwrap();
		assert_eq!(apply(&mut channel, Some(&SeenSession { settled: 10, ..seen() })), None);
		channel.settle("a", &[(H256([1; 32]), 4)]);
		// It kept the voucher for ten, and took what it had not earned.
		let words = apply(&mut channel, Some(&SeenSession { settled: 10, ..seen() })).unwrap();
		assert!(words.contains("took 10 planck"), "{words}");
		assert!(channel.begin("b", 1).is_err());
	}

	#[test]
	fn a_deposit_that_grew_and_a_key_that_changed_are_taken_over() {
		let mut channel = channel();
		let key = H256([8; 32]);
		let endpoint = Some("https://elsewhere".into());
		let grown = SeenSession { deposit: 2_000, serving_keys: vec![key], endpoint, ..seen() };
		assert_eq!(apply(&mut channel, Some(&grown)), None);
		assert_eq!((channel.deposit, channel.terms.serving_keys.len()), (2_000, 2));
		assert_eq!(channel.terms.endpoint, "https://elsewhere");
		apply(&mut channel, Some(&seen()));
		assert_eq!(channel.deposit, 2_000, "a node that lags takes nothing away");
	}

	#[test]
	fn a_session_that_closes_or_is_gone_is_not_paid_by() {
		for (seen, words) in
			[(Some(SeenSession { closes_at: Some(9), ..seen() }), "block 9"), (None, "no such session")]
		{
			let mut channel = channel();
			assert!(apply(&mut channel, seen.as_ref()).unwrap().contains(words));
			assert!(channel.begin("a", 1).is_err());
		}
	}
}
