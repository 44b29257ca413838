//! Chat while a model is trained.

use crate::Options;
use serde_json::Value;
use std::error::Error;

/// Measures and reports.
pub fn measure(_options: &Options) -> Result<Value, Box<dyn Error>> {
	Err("not written yet".into())
}
