//! What stands for a card in a program that was built without the means to use one.

use super::DeviceError;
use crate::{
	eval::{Candidate, Checkpoint},
	model::Model,
};
use blyan_primitives::EngineError;
use std::sync::Arc;

/// A card; there is none.
#[derive(Debug)]
pub enum Device {}

impl Device {
	/// Says that this program was built without CUDA.
	pub fn find() -> Result<Arc<Self>, DeviceError> {
		Err(DeviceError::Unavailable("this program was built without the feature `cuda-eval`".into()))
	}

	/// Nobody's losses.
	pub fn losses(&self, _: &Model, _: &[&[u8]], _: Checkpoint<'_>) -> Result<Vec<u64>, EngineError> {
		match *self {}
	}

	/// Nobody's losses.
	pub fn paired_losses(
		&self,
		_: &Model,
		_: &Model,
		_: &Candidate,
		_: &[&[u8]],
		_: Checkpoint<'_>,
	) -> Result<Vec<(u64, u64)>, EngineError> {
		match *self {}
	}
}
