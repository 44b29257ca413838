//! Clients by their addresses, so that one of them cannot take all places.

use axum::extract::Request;
use std::{
	collections::{hash_map::Entry, HashMap},
	net::{IpAddr, Ipv4Addr, Ipv6Addr},
	sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{watch, OwnedSemaphorePermit};

/// Address that a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl Peer {
	/// Returns the address of a request. The server always notes one; requests without it would be one client.
	pub fn of(request: &Request) -> Self {
		request.extensions().get::<Self>().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
	}

	/// Returns what one client has: an address, or the network of 64 bits from which a client of IPv6 chooses addresses.
	fn client(self) -> IpAddr {
		match self.0.to_canonical() {
			IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & (u128::MAX << 64)).into(),
			address => address,
		}
	}
}

/// Place of a connection and its notice of the end, for what goes on behind an upgrade.
#[derive(Clone, Debug)]
pub struct Held {
	_place: Arc<OwnedSemaphorePermit>,
	_ending: watch::Receiver<()>,
}

impl Held {
	/// Holds both for as long as a copy of this is there.
	pub fn new(place: OwnedSemaphorePermit, ending: watch::Receiver<()>) -> Self {
		Self { _place: Arc::new(place), _ending: ending }
	}
}

/// Places that clients have taken.
#[derive(Debug, Default)]
pub struct Clients(Mutex<HashMap<IpAddr, usize>>);

/// A place of a client, which is given back when it is dropped.
#[derive(Debug)]
pub struct ClientPlace {
	clients: Arc<Clients>,
	client: IpAddr,
}

impl Clients {
	/// Takes a place for a client that has fewer than `places_max`.
	pub fn place(self: &Arc<Self>, peer: Peer, places_max: usize) -> Option<ClientPlace> {
		let client = peer.client();
		let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
		let places = taken.get(&client).copied().unwrap_or_default();
		if places >= places_max {
			return None;
		}
		taken.insert(client, places + 1);
		Some(ClientPlace { clients: self.clone(), client })
	}
}

impl Drop for ClientPlace {
	fn drop(&mut self) {
		let mut taken = self.clients.0.lock().unwrap_or_else(PoisonError::into_inner);
		// Clients without a place are forgotten, or they would be kept for ever.
		if let Entry::Occupied(mut places) = taken.entry(self.client) {
			match *places.get() {
				0 | 1 => drop(places.remove()),
				_ => *places.get_mut() -= 1,
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn peer(address: &str) -> Peer {
		Peer(address.parse().unwrap())
	}

	#[test]
	fn a_client_has_its_places_whatever_others_have_and_is_forgotten_without_any() {
		let clients = Arc::new(Clients::default());
		let place = |address| clients.place(peer(address), 2);
		let held = [place("192.0.2.1"), place("::ffff:192.0.2.1")];
		assert!(held.iter().all(Option::is_some));
		assert!(place("192.0.2.1").is_none());
		assert!(place("192.0.2.2").is_some());
		let [first, second] = held;
		drop(first);
		assert_eq!(*clients.0.lock().unwrap(), HashMap::from([("192.0.2.1".parse().unwrap(), 1)]));
		assert!(place("192.0.2.1").is_some());
		drop(second);
		assert!(clients.0.lock().unwrap().is_empty());
	}

	#[test]
	fn addresses_of_one_network_of_ipv6_are_one_client() {
		let clients = Arc::new(Clients::default());
		let held = clients.place(peer("2001:db8:0:1::1"), 1);
		assert!(held.is_some());
		assert!(clients.place(peer("2001:db8:0:1:ffff::2"), 1).is_none());
		assert!(clients.place(peer("2001:db8:0:2::1"), 1).is_some());
	}
}
