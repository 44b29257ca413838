//! State of a session, as programs read it.

use super::channel::Channel;
use serde_json::{json, Value};

/// The session for programs; amounts are decimal strings.
pub fn session(channel: &Channel) -> Value {
	json!({
		"session": channel.session,
		"operator": channel.terms.operator,
		"endpoint": channel.terms.endpoint,
		"deposit": channel.deposit.to_string(),
		"promised": channel.promised.to_string(),
		"charged": channel.charged.to_string(),
		"owed_max": channel.owed_max().to_string(),
		"answers": channel.answers,
		"open": channel.open.len(),
		"stopped": channel.stopped,
	})
}
