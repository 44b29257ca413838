//! Status of a node's engine and of its exchange of blobs.

use crate::json::read_by_value;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Status of the engine, and usage of its store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EngineStatus {
	/// Threads of an evaluation.
	pub threads: usize,
	/// Evaluations that wait.
	pub queued: u64,
	/// Evaluations that run.
	pub running: u64,
	/// Evaluations that gave a result since the start.
	pub done: u64,
	/// Evaluations that ended without one since the start, but for those that were put off.
	pub failed: u64,
	/// Evaluations put off since the start because a blob is not here: one for each blob that a job had to wait for.
	pub put_off: u64,
	/// Sequences evaluated since the start.
	pub evaluated_sequences: u64,
	/// The same per second of work.
	pub sequences_per_second: f64,
	/// Generations that wait for their first turn.
	pub generations_queued: u64,
	/// Generations that take turns.
	pub generating: u64,
	/// Generations that wait for their readers.
	pub generations_parked: u64,
	/// Seconds since the start that serving rested for evaluations.
	pub rested_seconds: f64,
	/// Bytes generated since the start.
	pub generated_bytes: u64,
	/// Openings for disputes that wait or are being computed.
	pub openings_queued: u64,
	/// Openings given since the start.
	pub openings: u64,
	/// Openings that could not be computed since the start.
	pub openings_failed: u64,
	/// Blobs in the store.
	pub blobs: usize,
	/// Bytes in the store.
	pub store_bytes: u64,
	/// Most that the store may hold.
	pub store_limit: u64,
}

/// Progress of a blob on its way, for status queries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobProgress {
	/// The blob.
	pub hash: H256,
	/// Its bytes.
	pub size: u32,
	/// Pieces it is cut into.
	pub pieces: u32,
	/// Pieces that are there.
	pub received: u32,
	/// Peers that have it, as far as is known.
	pub holders: usize,
	/// True if the engine waits for it.
	pub urgent: bool,
}

/// Status of the exchange, and usage of the store by tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ExchangeStatus {
	/// Blobs on their way.
	pub fetching: Vec<BlobProgress>,
	/// Peers that can be asked.
	pub peers: usize,
	/// Peers that lied and are not asked.
	pub peers_banned: usize,
	/// Bytes in the store by tier.
	pub pinned_bytes: u64,
	/// Bytes of blobs that the chain only remembers.
	pub recent_bytes: u64,
	/// Bytes of blobs that nothing on chain names any more.
	pub history_bytes: u64,
	/// Figures since the start.
	#[serde(flatten)]
	pub counters: ExchangeFigures,
}

read_by_value!(ExchangeStatus);

/// Figures of the exchange since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeFigures {
	/// Bytes of blobs received and kept.
	pub bytes_in: u64,
	/// Bytes of blobs sent.
	pub bytes_out: u64,
	/// Blobs fetched.
	pub fetched: u64,
	/// Questions that were not answered, or not with what was asked for.
	pub failures: u64,
	/// Pieces, indices and whole blobs that were not what the chain names.
	pub bad_pieces: u64,
	/// Times that a peer was found lying.
	pub bans: u64,
	/// Pieces that were not sent because too many were asked for.
	pub turned_away: u64,
	/// Blobs that made room for others.
	pub evicted: u64,
	/// Offers of peers that were forgotten because too many came at once.
	pub offers_dropped: u64,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn figures_lie_beside_the_other_fields_and_are_read_from_there() {
		let counters = ExchangeFigures { bytes_in: 7, ..Default::default() };
		let status = ExchangeStatus { peers: 2, counters, ..Default::default() };
		let json = serde_json::to_value(&status).unwrap();
		assert_eq!((&json["bytes_in"], &json["peers"]), (&7.into(), &2.into()));
		assert_eq!(serde_json::from_str::<ExchangeStatus>(&json.to_string()).unwrap(), status);
	}
}
