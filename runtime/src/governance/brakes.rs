//! Calls that no brake stops: they run in safe mode, and cannot be paused.
//!
//! A brake must not hurt those that it is to protect. So whatever has a deadline that costs stake, a bond, a seat or a vote goes
//! on, as does what ends a brake, and what brings money home. What is stopped is what moves money to others, takes new work in,
//! or registers. `runtime/tests/brakes.rs` lists the calls that are stopped, so that no new call is forgotten.
//!
//! Referenda are dispatched with origins of their own, and only root's calls are dispatched past the filter. So the calls of
//! these powers are here too, though no account can make them.
//!
//! Batches, proxies and multisigs go through; the filter is applied again to each call inside of them.

/// Calls of one pallet, by name; all of them if there are none.
pub type PalletCalls = (&'static str, &'static [&'static str]);

/// Every call of a pallet.
const ALL: &[&str] = &[];

/// Calls that no brake stops.
pub const UNSTOPPABLE: &[PalletCalls] = &[
	// Blocks, collators, upgrades.
	("System", ALL),
	("ParachainSystem", ALL),
	("Timestamp", ALL),
	("Session", ALL),
	("CollatorSelection", ALL),
	("MultiBlockMigrations", ALL),
	// Wrappers.
	("Utility", ALL),
	("Multisig", ALL),
	("Proxy", ALL),
	// Rule.
	("Preimage", ALL),
	("Scheduler", ALL),
	("Parameters", ALL),
	("SafeMode", ALL),
	("TxPause", ALL),
	("RankedPolls", ALL),
	("RankedCollective", ALL),
	("Whitelist", ALL),
	("TechnicalCommittee", ALL),
	("Emergencies", ALL),
	("Sudo", ALL),
	// What only referenda do.
	("Treasury", &["spend", "spend_local", "void_spend", "remove_approval", "check_status"]),
	("Ledger", &["set_budget"]),
	("Experts", &["register_model", "register_open_model"]),
	// Deadlines, and the way home. Registering, bidding and challenging are new work.
	(
		"Operators",
		&[
			"heartbeat",
			"update_capabilities",
			"rotate_key",
			"exit",
			"withdraw",
			"top_up",
			"return_to_duty",
			"report_silence",
			"answer_hardware",
			"settle_hardware",
			"declare_owner",
			"accept_operator",
			"dissolve_ownership",
		],
	),
	// A commitment costs its deposit if it is not opened in time, so it may be; no new ones are made.
	(
		"ProofOfLearning",
		&[
			"submit",
			"withdraw",
			"finalise",
			"settle",
			"commit_score",
			"reveal_score",
			"reveal_late",
			"attest_bytes",
			"object",
			"report_copy",
			"report_copy_as_operator",
			"report_open_copy",
			"report_open_copy_as_operator",
			"register_holdout",
			"register_guard",
		],
	),
	// What was served must be paid for, and what was not must come back. Nothing new is bought.
	(
		"Inference",
		&[
			"withdraw_offer",
			"close_offers",
			"capture",
			"credit",
			"cancel",
			"decline",
			"reverse",
			"expire",
			"settle",
			"close_session",
			"finish_session",
			"release_session",
		],
	),
	// Windows of audits and votes run on, and silence costs repute.
	("Datasets", &["seal", "reveal", "advance", "vote", "appeal", "quarantine"]),
	// Silence costs a reviewer its right, and its bond must be able to leave.
	("Reviews", &["seal", "reveal", "advance", "leave", "report_leak"]),
	// Silence of an appointed keeper costs its bond. No account becomes a keeper, and no chunk is committed to.
	(
		"Holdouts",
		&["seal_model", "leave", "withdraw", "reveal", "attest", "report_leak", "advance", "announce_leak"],
	),
	// A pause of one call stops no clock: silence costs repute or credits, and a candidate that is late a deposit. What a referendum may do
	// stays possible.
	(
		"Evolution",
		&[
			"seal",
			"reveal",
			"advance",
			"submit_candidate",
			"set_tokenizer",
			"begin_epoch",
			"set_model_record",
			"claim_hours",
			"confirm_hours",
		],
	),
	// What backs an operator can be slashed, so it may leave; nothing new comes.
	("Delegation", &["undelegate", "withdraw_unbonded", "claim", "set_commission", "close"]),
	("Disputes", ALL),
	("Answers", ALL),
	("Slashing", ALL),
	("Audits", ALL),
];

/// Reports whether no brake stops the call of this name.
pub fn is_unstoppable(pallet: &str, call: &str) -> bool {
	UNSTOPPABLE.iter().any(|(listed, calls)| *listed == pallet && (calls.is_empty() || calls.contains(&call)))
}
