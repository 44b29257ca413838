//! Bodies of requests: of limited size, in limited time, and all together in limited memory.
//!
//! A body is read before its request has a place, since only what is in it says whether it may have one. So connections, of which
//! there are many, are not what bounds the memory of bodies.

use crate::error::ApiError;
use axum::{body::Body, http::StatusCode};
use futures::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a request. The longest context has about half a MiB of text, and JSON may write a byte in six.
pub const BODY_BYTES_MAX: usize = 4 << 20;
/// Bytes that are read of a request that is refused.
const DISCARDED_BYTES_MAX: usize = 64 << 20;
/// Time within which a client must have sent its request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Unit in which memory is counted.
const UNIT: usize = 1 << 10;

/// Memory for all bodies that are being read.
#[derive(Debug)]
pub struct BodyMemory {
	units: Arc<Semaphore>,
	units_max: usize,
}

/// A body. Its memory is given back when it is dropped.
#[derive(Debug, Default)]
pub struct RequestBody {
	bytes: Vec<u8>,
	held: Option<OwnedSemaphorePermit>,
}

impl BodyMemory {
	/// Sets so many bytes aside, or as many as one body may have.
	pub fn new(bytes: usize) -> Self {
		// A semaphore of more ends the process.
		let units_max = (bytes.max(BODY_BYTES_MAX) / UNIT).min(Semaphore::MAX_PERMITS);
		Self { units: Arc::new(Semaphore::new(units_max)), units_max }
	}

	/// Returns the bytes that are taken.
	pub fn taken(&self) -> usize {
		self.units_max.saturating_sub(self.units.available_permits()) * UNIT
	}

	/// Reads a body.
	pub async fn read(&self, body: Body) -> Result<RequestBody, ApiError> {
		let late = |_| {
			let message =
				format!("the request took longer than {} seconds to arrive", BODY_TIMEOUT.as_secs());
			ApiError::request(StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
		};
		tokio::time::timeout(BODY_TIMEOUT, self.collect(body)).await.map_err(late)?
	}

	/// Collects a body. One that is refused is read on for a while and thrown away: a client that still sends would not see why.
	async fn collect(&self, body: Body) -> Result<RequestBody, ApiError> {
		let mut pieces = body.into_data_stream();
		let (mut kept, mut bytes, mut refusal) = (RequestBody::default(), 0_usize, None);
		while let Some(piece) = pieces.next().await {
			let piece = piece.map_err(|error| {
				let message = format!("the request did not arrive: {error}");
				ApiError::request(StatusCode::BAD_REQUEST, "unreadable_body", message)
			})?;
			bytes = bytes.saturating_add(piece.len());
			if refusal.is_none() {
				refusal = kept.push(&piece, &self.units).err();
			} else if bytes > DISCARDED_BYTES_MAX {
				break;
			}
			if refusal.is_some() {
				kept = RequestBody::default();
			}
		}
		match refusal {
			None => Ok(kept),
			Some(refusal) => Err(refusal),
		}
	}
}

impl RequestBody {
	/// Returns the bytes.
	pub fn bytes(&self) -> &[u8] {
		&self.bytes
	}

	/// Appends a piece, and takes memory for it first. As it is taken for what has come and not for what is announced, a client
	/// has to send what it wants to keep from others.
	fn push(&mut self, piece: &[u8], units: &Arc<Semaphore>) -> Result<(), ApiError> {
		let needed = self.bytes.len().saturating_add(piece.len());
		if needed > BODY_BYTES_MAX {
			let message =
				format!("the request has more than {BODY_BYTES_MAX} bytes: shorten the conversation");
			return Err(ApiError::request(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message));
		}
		let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
		if needed > held * UNIT {
			// Twice as much each time, so that a body is not copied for every piece.
			let wanted = needed.div_ceil(UNIT).max(held * 2).min(BODY_BYTES_MAX / UNIT);
			let more = u32::try_from(wanted - held).unwrap_or(u32::MAX);
			let more = units.clone().try_acquire_many_owned(more).map_err(|_| ApiError::overloaded())?;
			match &mut self.held {
				Some(held) => held.merge(more),
				none => *none = Some(more),
			}
			self.bytes.reserve_exact(wanted * UNIT - self.bytes.len());
		}
		self.bytes.extend_from_slice(piece);
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	async fn read(memory: &BodyMemory, bytes: Vec<u8>) -> Result<RequestBody, ApiError> {
		memory.read(Body::from(bytes)).await
	}

	#[tokio::test]
	async fn a_body_holds_memory_until_it_is_dropped_and_one_beyond_the_memory_is_refused() {
		let memory = BodyMemory::new(0);
		let small = read(&memory, vec![1; 1_500]).await.unwrap();
		assert_eq!((small.bytes().len(), memory.taken()), (1_500, 2 * UNIT));
		let refused = read(&memory, vec![2; BODY_BYTES_MAX]).await.unwrap_err();
		assert_eq!((refused.status, refused.code), (StatusCode::SERVICE_UNAVAILABLE, Some("overloaded")));
		assert!(refused.retry_after.is_some());
		assert_eq!(memory.taken(), 2 * UNIT, "a refused body holds nothing");
		drop(small);
		assert_eq!(memory.taken(), 0);
		let largest = read(&memory, vec![3; BODY_BYTES_MAX]).await.unwrap();
		assert_eq!((largest.bytes().len(), memory.taken()), (BODY_BYTES_MAX, BODY_BYTES_MAX));
		let refused = read(&memory, vec![4; BODY_BYTES_MAX + 1]).await.unwrap_err();
		assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
	}

	proptest! {
		#[test]
		fn pieces_make_up_the_body_and_memory_is_taken_for_all_of_it(
			pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5_000), 0..20),
		) {
			let units = Arc::new(Semaphore::new(BODY_BYTES_MAX / UNIT));
			let mut body = RequestBody::default();
			for piece in &pieces {
				body.push(piece, &units).unwrap();
				let taken = (BODY_BYTES_MAX / UNIT - units.available_permits()) * UNIT;
				prop_assert!(taken >= body.bytes().len());
				prop_assert!(taken <= 2 * body.bytes().len() + UNIT);
			}
			prop_assert_eq!(body.bytes(), pieces.concat());
			drop(body);
			prop_assert_eq!(units.available_permits(), BODY_BYTES_MAX / UNIT);
		}
	}
}
