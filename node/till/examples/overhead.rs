//! Overhead of the gateway: whole answers of one token by an engine that computes nothing, free and paid.
//!
//! ```text
//! scripts/bench gateway [--seconds 5] [--connections 16]
//! ```
//!
//! Client and server share this process and its cores, so the times hold both. Ends in one line of JSON; times in milliseconds. Every paid request has a voucher of its own, which is
//! checked and on the disk before the answer, and a receipt that is signed.
#![allow(clippy::unwrap_used)]

#[path = "../tests/shop/mod.rs"]
mod shop;

use blyan_till::Config;
use serde_json::{json, Value};
use shop::{config, support::chat, Scripted, Shop, CHAT};
use std::{
	sync::Arc,
	time::{Duration, Instant},
};

#[tokio::main]
async fn main() {
	let arguments: Vec<String> = std::env::args().collect();
	let number = |name: &str, default: u64| {
		let place = arguments.iter().position(|argument| argument == name);
		place.map_or(default, |place| arguments[place + 1].parse().unwrap())
	};
	let (seconds, connections) = (number("--seconds", 5), number("--connections", 16));
	let duration = Duration::from_secs(seconds);
	let free = measure(false, connections, duration).await;
	let paid = measure(true, connections, duration).await;
	println!("{}", json!({ "name": "gateway", "connections": connections, "free": free, "paid": paid }));
}

/// Asks on so many connections at once for a time.
async fn measure(is_paid: bool, connections: u64, duration: Duration) -> Value {
	let dir = tempfile::tempdir().unwrap();
	let mut config = config(dir.path());
	if !is_paid {
		config = Config { offer: None, prices: Default::default(), api_keys: None, ..config };
	}
	let shop = Arc::new(Shop::with(Scripted::quick(), config, Arc::default(), dir).await);
	let until = Instant::now() + duration;
	let tasks =
		(1..=connections).map(|session| tokio::spawn(converse(shop.clone(), session, is_paid, until)));
	let mut times = Vec::new();
	for task in tasks.collect::<Vec<_>>() {
		times.extend(task.await.unwrap());
	}
	times.sort();
	let at = |share: f64| {
		let index = ((times.len() - 1) as f64 * share) as usize;
		times[index].as_secs_f64() * 1_000.0
	};
	json!({
		"requests": times.len(), "requests_per_second": times.len() as f64 / duration.as_secs_f64(),
		"p50": at(0.5), "p99": at(0.99),
	})
}

/// Asks one request after the other, each with the next voucher.
async fn converse(shop: Arc<Shop>, session: u64, is_paid: bool, until: Instant) -> Vec<Duration> {
	let payer = shop.payer(session);
	shop.chain.change(session, |record| record.deposit = 1 << 60);
	let mut times = Vec::new();
	while Instant::now() < until {
		// Bodies differ, so that none is another's retry.
		let body = chat(&format!("hello {}", times.len()), json!({ "max_tokens": 1 }));
		let voucher = payer.voucher((times.len() as u128 + 1) * 1_000);
		let headers = [("x-blyan-voucher", voucher.as_str())];
		let began_at = Instant::now();
		let response = shop.world.post_with(CHAT, &body, if is_paid { &headers } else { &[] }).await;
		times.push(began_at.elapsed());
		assert_eq!(response.status(), 200, "{}", response.text());
	}
	times
}
