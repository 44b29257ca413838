//! Clients by their addresses, so that one of them cannot take all places.

use axum::{
	extract::Request,
	http::{header::HeaderName, HeaderMap},
};
use std::{
	collections::{hash_map::Entry, HashMap},
	net::{IpAddr, Ipv4Addr, Ipv6Addr},
	sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{watch, OwnedSemaphorePermit};

/// Header in which proxies name the addresses that they were asked from.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Address that a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl Peer {
	/// Returns the address of a request. The server always notes one; requests without it would be one client.
	pub fn of(request: &Request) -> Self {
		request.extensions().get::<Self>().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
	}

	/// Returns the address of the client, where this one is a proxy of the operator's: the last one in `X-Forwarded-For` that is none of these. Each
	/// proxy appends the address that it was asked from; what is in front of that was written by the client, and may be anything.
	pub fn behind(self, proxies: &[IpAddr], headers: &HeaderMap) -> Self {
		if !proxies.contains(&self.0.to_canonical()) {
			return self;
		}
		let lines = headers.get_all(FORWARDED_FOR).iter().rev();
		let named = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
		let named = named.map_while(|address| address.trim().parse::<IpAddr>().ok());
		let mut named = named.map(|address| address.to_canonical());
		named.find(|address| !proxies.contains(address)).map_or(self, Self)
	}

	/// Returns what one client has: an address, or the network of 64 bits from which a client of IPv6 chooses addresses.
	pub fn client(self) -> IpAddr {
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
	fn attack_be_another_client_by_a_header_works_neither_without_a_proxy_nor_behind_one() {
		let proxies: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
		let seen = |from: &str, lines: &[&str]| {
			let mut headers = HeaderMap::new();
			for line in lines {
				headers.append(FORWARDED_FOR, line.parse().unwrap());
			}
			peer(from).behind(&proxies, &headers)
		};
		assert_eq!(
			seen("198.51.100.7", &["203.0.113.9"]),
			peer("198.51.100.7"),
			"it is no proxy of the operator's"
		);
		assert_eq!(seen("10.0.0.1", &["203.0.113.9"]), peer("203.0.113.9"));
		assert_eq!(seen("::ffff:10.0.0.1", &["203.0.113.9"]), peer("203.0.113.9"));
		// The client has written the first one, in a line of its own or in that of the proxy.
		assert_eq!(seen("10.0.0.1", &["192.0.2.1, 203.0.113.9"]), peer("203.0.113.9"));
		assert_eq!(seen("10.0.0.1", &["192.0.2.1", "203.0.113.9, 10.0.0.2"]), peer("203.0.113.9"));
		for nothing in [&[][..], &["unknown"], &["203.0.113.9, nonsense"], &["10.0.0.2"]] {
			assert_eq!(seen("10.0.0.1", nothing), peer("10.0.0.1"), "{nothing:?}");
		}
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
