//! The chain as an operator of this node sees it, and what each figure is called.

use super::figures::{Figure, Figures, Kind, Set};
use blyan_primitives::ModelId;
use blyan_runtime_api::{AccountId, OperatorInfo};
use sp_core::crypto::Ss58Codec;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// The smallest units in one BLY.
const UNIT: f64 = 1e12;
/// Unit of a reputation and of each of its measures.
const MILLION: f64 = 1e6;
/// Names of the ledger's envelopes, in their order on the chain.
pub const ENVELOPES: [&str; 5] = ["learning", "validation", "data", "serving", "treasury"];

/// One look at the chain.
#[derive(Debug, Default)]
pub struct ChainFigures {
	/// The block that was looked at.
	pub block: u64,
	/// Seconds that looking took.
	pub poll_seconds: f64,
	/// Version of the runtime.
	pub spec_version: u32,
	/// Open submissions.
	pub submissions: SubmissionCounts,
	/// Submissions ever made.
	pub submissions_made: u64,
	/// Every operator.
	pub operators: OperatorCounts,
	/// Session keys in this node's keystore.
	pub keys: u64,
	/// Operators whose session key is in this node's keystore.
	pub own: Vec<OwnOperator>,
	/// Open games.
	pub disputes: u64,
	/// Models.
	pub models: Vec<ModelFigures>,
	/// Bytes in the blob store by what the chain does with them.
	pub store: StoreFigures,
	/// The ledger's figures, where it can be read.
	pub ledger: Option<LedgerFigures>,
}

/// Open submissions by what happens to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubmissionCounts {
	/// Wait for their draw.
	pub queued: u64,
	/// A committee evaluates and seals.
	pub sealing: u64,
	/// A committee opens its seals.
	pub revealing: u64,
	/// Decided, and open to disputes.
	pub decided: u64,
}

/// Operators by whether they may be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperatorCounts {
	/// May be drawn.
	pub eligible: u64,
	/// In quarantine.
	pub quarantined: u64,
	/// On their way out.
	pub leaving: u64,
	/// Neither of these, and not heard.
	pub silent: u64,
}

impl OperatorCounts {
	/// Counts them.
	pub fn of(operators: &[OperatorInfo]) -> Self {
		let mut counts = Self::default();
		for operator in operators {
			let count = match (operator.eligible, operator.quarantined_until, operator.withdrawable_at) {
				(true, ..) => &mut counts.eligible,
				(_, _, Some(_)) => &mut counts.leaving,
				(_, Some(_), _) => &mut counts.quarantined,
				_ => &mut counts.silent,
			};
			*count = count.saturating_add(1);
		}
		counts
	}
}

/// An operator that this node works for.
#[derive(Debug)]
pub struct OwnOperator {
	/// As the chain knows it.
	pub info: OperatorInfo,
	/// Its seats in committees.
	pub seats: Seats,
}

/// An operator's seats in committees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seats {
	/// In evaluations under way.
	pub held: u64,
	/// Of these, such that something must still be sealed or opened.
	pub owed: u64,
	/// Blocks until the first deadline of these; none if nothing is owed.
	pub deadline_blocks: Option<u64>,
	/// Seats whose evaluation ended with a seal, since this node started.
	pub sealed: u64,
	/// The same without a seal.
	pub missed: u64,
}

/// One model.
#[derive(Clone, Debug)]
pub struct ModelFigures {
	/// Its number.
	pub id: ModelId,
	/// Its name.
	pub name: String,
	/// Version of its architecture.
	pub version: String,
	/// Experts promoted since genesis.
	pub promoted: u32,
	/// Places for experts.
	pub slots: u64,
}

/// Bytes in the blob store, by what the chain does with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreFigures {
	/// It works with them.
	pub pinned: u64,
	/// It remembers them.
	pub recent: u64,
	/// It names them no more.
	pub history: u64,
}

/// Money, in the smallest unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerFigures {
	/// Coins that exist.
	pub issuance: u128,
	/// Rest that may still be paid from each envelope.
	pub left: [u128; ENVELOPES.len()],
	/// Total paid from each envelope since genesis.
	pub paid: [u128; ENVELOPES.len()],
	/// Fees burned so far.
	pub burned: u128,
}

/// Every figure.
const FIGURES: &[Figure<ChainFigures>] = &[
	gauge(
		"blyan_chain_polled_block",
		"Best block that the chain's figures were read at",
		&[],
		|chain, set| set(&[], chain.block as f64),
	),
	gauge("blyan_chain_poll_seconds", "Seconds that reading them took", &[], |chain, set| {
		set(&[], chain.poll_seconds)
	}),
	gauge("blyan_runtime_spec_version", "Version of the runtime at the best block", &[], |chain, set| {
		set(&[], chain.spec_version.into())
	}),
	gauge("blyan_submissions", "Open submissions by state", &["state"], |chain, set| {
		let counts = chain.submissions;
		set(&["queued"], counts.queued as f64);
		set(&["sealing"], counts.sealing as f64);
		set(&["revealing"], counts.revealing as f64);
		set(&["decided"], counts.decided as f64);
	}),
	counter("blyan_submissions_made_total", "Submissions ever made", &[], |chain, set| {
		set(&[], chain.submissions_made as f64)
	}),
	gauge(
		"blyan_disputes_open",
		"Games between contradicting claims that are not over",
		&[],
		|chain, set| set(&[], chain.disputes as f64),
	),
	gauge("blyan_operators", "Registered operators by duty", &["duty"], |chain, set| {
		let counts = chain.operators;
		set(&["eligible"], counts.eligible as f64);
		set(&["quarantined"], counts.quarantined as f64);
		set(&["leaving"], counts.leaving as f64);
		set(&["silent"], counts.silent as f64);
	}),
	gauge("blyan_operator_keys", "Session keys in this node's keystore", &["registered"], |chain, set| {
		let registered = chain.own.len() as f64;
		set(&["yes"], registered);
		set(&["no"], chain.keys as f64 - registered);
	}),
	gauge("blyan_operator_eligible", "1 if the operator may be drawn", &["operator"], |chain, set| {
		each(chain, set, |own| f64::from(own.info.eligible))
	}),
	gauge("blyan_operator_quarantined", "1 if the operator is in quarantine", &["operator"], |chain, set| {
		each(chain, set, |own| f64::from(own.info.quarantined_until.is_some()))
	}),
	gauge("blyan_operator_leaving", "1 if the operator is on its way out", &["operator"], |chain, set| {
		each(chain, set, |own| f64::from(own.info.withdrawable_at.is_some()))
	}),
	gauge("blyan_operator_heartbeat_block", "Block of the last heartbeat", &["operator"], |chain, set| {
		each(chain, set, |own| own.info.last_heartbeat.into())
	}),
	gauge("blyan_operator_stake_bly", "Stake on hold, in BLY", &["operator"], |chain, set| {
		each(chain, set, |own| bly(own.info.stake))
	}),
	gauge("blyan_operator_reputation_ratio", "Reputation, 0 to 1", &["operator"], |chain, set| {
		each(chain, set, |own| f64::from(own.info.reputation) / MILLION)
	}),
	gauge("blyan_operator_offences_pending", "Offences not decided yet", &["operator"], |chain, set| {
		each(chain, set, |own| own.info.pending_offences.into())
	}),
	gauge("blyan_operator_seats", "Seats in evaluations under way", &["operator"], |chain, set| {
		each(chain, set, |own| own.seats.held as f64)
	}),
	gauge(
		"blyan_operator_seats_owed",
		"Seats with a seal or reveal still due",
		&["operator"],
		|chain, set| each(chain, set, |own| own.seats.owed as f64),
	),
	gauge(
		"blyan_operator_deadline_blocks",
		"Blocks until the first seal or reveal is due; absent if none is",
		&["operator"],
		|chain, set| {
			for own in &chain.own {
				if let Some(blocks) = own.seats.deadline_blocks {
					set(&[&address(&own.info.account)], blocks as f64);
				}
			}
		},
	),
	counter(
		"blyan_operator_seals_total",
		"Evaluations that ended with this operator's seal, since the node started",
		&["operator"],
		|chain, set| each(chain, set, |own| own.seats.sealed as f64),
	),
	counter(
		"blyan_operator_seals_missed_total",
		"Evaluations that ended without this operator's seal, since the node started",
		&["operator"],
		|chain, set| each(chain, set, |own| own.seats.missed as f64),
	),
	gauge(
		"blyan_model_info",
		"1 for each model, with its name and version",
		&["model", "name", "version"],
		{
			|chain, set| {
				for model in &chain.models {
					set(&[&model.id.to_string(), &model.name, &model.version], 1.0);
				}
			}
		},
	),
	counter(
		"blyan_model_promotions_total",
		"Experts that joined the model since genesis, by their order",
		&["model"],
		|chain, set| {
			for model in &chain.models {
				set(&[&model.id.to_string()], model.promoted.into());
			}
		},
	),
	gauge("blyan_model_slots", "Places for experts", &["model"], |chain, set| {
		for model in &chain.models {
			set(&[&model.id.to_string()], model.slots as f64);
		}
	}),
	gauge(
		"blyan_blob_store_tier_bytes",
		"Bytes in the blob store that the chain works with, remembers, and names no more",
		&["tier"],
		|chain, set| {
			set(&["pinned"], chain.store.pinned as f64);
			set(&["recent"], chain.store.recent as f64);
			set(&["history"], chain.store.history as f64);
		},
	),
	gauge("blyan_supply_bly", "Coins that exist, in BLY", &[], |chain, set| {
		if let Some(ledger) = &chain.ledger {
			set(&[], bly(ledger.issuance));
		}
	}),
	gauge("blyan_envelope_bly", "What may still be paid, in BLY", &["envelope"], |chain, set| {
		if let Some(ledger) = &chain.ledger {
			ENVELOPES.iter().zip(ledger.left).for_each(|(name, planck)| set(&[name], bly(planck)));
		}
	}),
	counter("blyan_paid_bly_total", "What was ever paid, in BLY", &["envelope"], |chain, set| {
		if let Some(ledger) = &chain.ledger {
			ENVELOPES.iter().zip(ledger.paid).for_each(|(name, planck)| set(&[name], bly(planck)));
		}
	}),
	counter("blyan_fees_burned_bly_total", "Fees burned so far, in BLY", &[], |chain, set| {
		if let Some(ledger) = &chain.ledger {
			set(&[], bly(ledger.burned));
		}
	}),
];

type Read = fn(&ChainFigures, &mut Set<'_>);

const fn gauge(
	name: &'static str,
	help: &'static str,
	labels: &'static [&'static str],
	read: Read,
) -> Figure<ChainFigures> {
	Figure { kind: Kind::Gauge, name, help, labels, read }
}

const fn counter(
	name: &'static str,
	help: &'static str,
	labels: &'static [&'static str],
	read: Read,
) -> Figure<ChainFigures> {
	Figure { kind: Kind::Counter, name, help, labels, read }
}

/// One value for each of this node's operators.
fn each(chain: &ChainFigures, set: &mut Set<'_>, value: fn(&OwnOperator) -> f64) {
	for own in &chain.own {
		set(&[&address(&own.info.account)], value(own));
	}
}

fn address(account: &AccountId) -> String {
	account.to_ss58check()
}

fn bly(planck: u128) -> f64 {
	planck as f64 / UNIT
}

/// Registers every figure.
pub fn register(registry: &Registry, figures: &Figures<ChainFigures>) -> Result<(), PrometheusError> {
	FIGURES.iter().try_for_each(|figure| figures.register(registry, figure))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn names_follow_the_conventions() {
		for figure in FIGURES {
			assert!(figure.name.starts_with("blyan_"), "{}", figure.name);
			assert_eq!(figure.name.ends_with("_total"), figure.kind == Kind::Counter, "{}", figure.name);
		}
		let registry = Registry::new();
		register(&registry, &Figures::default()).expect("no name is given twice");
	}
}
