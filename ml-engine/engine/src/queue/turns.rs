//! Turns: whose work is done next.
//!
//! Deficit round robin (Shreedhar and Varghese, 1995). Clients take turns; one whose turn cost more than [`QUANTUM`] is
//! passed over until the others have had as much. However much a client asks for, others wait for one of its turns.

use std::collections::{HashMap, VecDeque};

/// Tokens that each client is granted in a round.
pub(super) const QUANTUM: u64 = 8;

struct Client<T> {
	waiting: VecDeque<T>,
	/// Tokens that it has had beyond what it was granted.
	debt: u64,
}

/// Work of all clients that waits. A client's own works take turns too.
pub(super) struct Turns<T> {
	/// All that are in `line`.
	clients: HashMap<u64, Client<T>>,
	/// Clients with work, with debts, or whose work was just taken.
	line: VecDeque<u64>,
	len: usize,
}

impl<T> Default for Turns<T> {
	fn default() -> Self {
		Self { clients: HashMap::new(), line: VecDeque::new(), len: 0 }
	}
}

impl<T> Turns<T> {
	/// Adds work behind the other works of its client.
	pub(super) fn push(&mut self, client: u64, work: T) {
		self.client(client).waiting.push_back(work);
		self.len += 1;
	}

	fn client(&mut self, client: u64) -> &mut Client<T> {
		self.clients.entry(client).or_insert_with(|| {
			self.line.push_back(client);
			Client { waiting: VecDeque::new(), debt: 0 }
		})
	}

	/// Takes the work whose turn it is.
	pub(super) fn next(&mut self) -> Option<T> {
		if self.len == 0 {
			// Debts were owed to those who waited.
			self.clients.clear();
			self.line.clear();
			return None;
		}
		while let Some(id) = self.line.pop_front() {
			let Some(client) = self.clients.get_mut(&id) else { continue };
			client.debt = client.debt.saturating_sub(QUANTUM);
			if client.debt == 0 {
				let Some(work) = client.waiting.pop_front() else {
					self.clients.remove(&id);
					continue;
				};
				self.line.push_back(id);
				self.len -= 1;
				return Some(work);
			}
			self.line.push_back(id);
		}
		None
	}

	/// Notes the cost of a turn, in tokens.
	pub(super) fn charge(&mut self, client: u64, cost: u64) {
		let client = self.client(client);
		client.debt = client.debt.saturating_add(cost);
	}

	/// Returns the count of works.
	pub(super) fn len(&self) -> usize {
		self.len
	}

	/// Reports whether nothing waits.
	pub(super) fn is_empty(&self) -> bool {
		self.len == 0
	}

	/// Returns all works.
	pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
		self.clients.values().flat_map(|client| &client.waiting)
	}

	/// Takes the first work for which `is_wanted` holds.
	pub(super) fn take(&mut self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
		for client in self.clients.values_mut() {
			if let Some(at) = client.waiting.iter().position(&is_wanted) {
				self.len -= 1;
				return client.waiting.remove(at);
			}
		}
		None
	}

	/// Takes everything.
	pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
		self.line.clear();
		self.len = 0;
		std::mem::take(&mut self.clients).into_values().flat_map(|client| client.waiting)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// Gives `count` turns, each of which costs what `cost` tells and ends with the work waiting again; returns their order.
	fn turns(line: &mut Turns<(u64, char)>, count: usize, cost: impl Fn(u64) -> u64) -> Vec<(u64, char)> {
		let mut order = Vec::new();
		for _ in 0..count {
			let Some((client, name)) = line.next() else { break };
			order.push((client, name));
			line.charge(client, cost(client));
			line.push(client, (client, name));
		}
		order
	}

	#[test]
	fn a_newcomer_waits_for_one_turn_of_each_client_however_much_these_ask_for() {
		let mut line = Turns::default();
		for greedy in 0..32 {
			(0..4).for_each(|_| line.push(greedy, (greedy, 'g')));
		}
		turns(&mut line, 1_000, |_| QUANTUM);
		line.push(99, (99, 'n'));
		let order = turns(&mut line, 33, |_| QUANTUM);
		assert_eq!(order.last(), Some(&(99, 'n')));
	}

	#[test]
	fn works_of_one_client_take_turns_and_clients_have_equal_shares() {
		let mut line = Turns::default();
		line.push(1, (1, 'a'));
		line.push(1, (1, 'b'));
		line.push(2, (2, 'c'));
		let order: String = turns(&mut line, 8, |_| QUANTUM).into_iter().map(|(_, name)| name).collect();
		assert_eq!(order, "acbcacbc");
	}

	#[test]
	fn a_client_with_costly_turns_has_fewer_of_them() {
		let mut line = Turns::default();
		line.push(1, (1, 'a'));
		line.push(2, (2, 'b'));
		let cost = |client| if client == 1 { 10 * QUANTUM } else { QUANTUM };
		let order = turns(&mut line, 1_100, cost);
		assert_eq!(order.iter().filter(|(client, _)| *client == 1).count(), 100);
	}

	#[test]
	fn a_client_that_leaves_and_comes_back_still_has_its_debts_if_others_wait() {
		let mut line = Turns::default();
		line.push(2, 'b');
		line.push(1, 'a');
		assert_eq!(line.next(), Some('b'));
		line.push(2, 'b');
		assert_eq!(line.next(), Some('a'));
		line.charge(1, 3 * QUANTUM);
		line.push(1, 'a');
		let order: String = std::iter::from_fn(|| {
			let work = line.next()?;
			line.push(if work == 'a' { 1 } else { 2 }, work);
			Some(work)
		})
		.take(4)
		.collect();
		assert_eq!(order, "bbba");
	}

	#[test]
	fn nothing_is_kept_of_clients_that_are_gone() {
		let mut line = Turns::default();
		for client in 0..100 {
			line.push(client, client);
			assert_eq!(line.next(), Some(client));
			line.charge(client, 1_000);
		}
		line.push(7, 7);
		assert_eq!((line.take(|work| *work == 8), line.take(|work| *work == 7)), (None, Some(7)));
		assert_eq!((line.next(), line.len(), line.clients.len(), line.line.len()), (None, 0, 0, 0));
		line.push(1, 1);
		line.push(2, 2);
		assert_eq!(line.iter().sum::<u64>(), 3);
		assert_eq!((line.drain().count(), line.is_empty()), (2, true));
	}
}
