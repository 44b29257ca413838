//! Interfaces as text, and what became of one since.

use crate::Interface;
use std::{
	collections::{BTreeMap, BTreeSet},
	fmt::{self, Display, Write},
};

/// Between key and value of a line.
const IS: &str = " = ";

/// Runtime APIs that polkadot-sdk declares: their versions are not ours to raise, so a change of one asks for a new
/// `spec_version` instead.
const APIS_OF_THE_SDK: [&str; 25] = [
	"AccountNonceApi",
	"AuraApi",
	"AuraUnincludedSegmentApi",
	"AuthorizedAliasersApi",
	"BlockBuilder",
	"CollectCollationInfo",
	"Core",
	"DryRunApi",
	"GenesisBuilder",
	"GetParachainInfo",
	"KeyToIncludeInRelayProof",
	"LocationToAccountApi",
	"Metadata",
	"OffchainWorkerApi",
	"RelayParentOffsetApi",
	"RuntimeViewFunction",
	"SchedulingV3EnabledApi",
	"SessionKeys",
	"TaggedTransactionQueue",
	"TargetBlockRate",
	"TransactionPaymentApi",
	"TransactionPaymentCallApi",
	"TrustedQueryApi",
	"TryRuntime",
	"XcmPaymentApi",
];

/// The two versions of a runtime that clients look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Versions {
	/// `spec_version`: which runtime it is.
	pub spec: u32,
	/// `transaction_version`: how transactions are encoded.
	pub transaction: u32,
}

/// User who would notice that a type changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum User {
	/// A signer of transactions.
	Transaction,
	/// A reader of events, storage or constants.
	Reader,
	/// A caller of this runtime API.
	Api(String),
	/// The node, whose functions the runtime calls.
	Host,
}

/// Version that a change demands to be raised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
	/// No client is disturbed; the snapshot has to show it.
	Nothing,
	/// A higher `spec_version`.
	Spec,
	/// A higher `transaction_version`, and so a higher `spec_version`.
	Transaction,
	/// A higher version of this runtime API.
	Api(String),
	/// Another version of the host function; the one there is stays as it is.
	HostVersion,
}

impl Display for Demand {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Nothing => f.write_str("additive"),
			Self::Spec => f.write_str("breaks readers: raise spec_version in runtime/src/lib.rs"),
			Self::Transaction => f.write_str(
				"breaks whoever signs: raise transaction_version and spec_version in runtime/src/lib.rs",
			),
			Self::Api(name) => {
				write!(f, "breaks callers of {name}: raise its #[api_version] in runtime/api/src")
			}
			Self::HostVersion => f.write_str(
				"breaks nodes that are not updated yet: leave it as it is and add a #[version] in ml-engine/host",
			),
		}
	}
}

/// One line that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
	/// The changed line, as in `call Balances.burn`.
	pub key: String,
	/// The line before, if it was there.
	pub before: Option<String>,
	/// The line after, if it is there.
	pub after: Option<String>,
	/// Demand of the change.
	pub demand: Demand,
	/// True if the demand was met.
	pub is_met: bool,
}

impl Display for Change {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let demand = match self.is_met {
			true => "recorded with the version that was raised".into(),
			false => self.demand.to_string(),
		};
		writeln!(f, "{}: {demand}", self.key)?;
		for (sign, value) in [('-', &self.before), ('+', &self.after)] {
			if let Some(value) = value {
				writeln!(f, "    {sign} {value}")?;
			}
		}
		Ok(())
	}
}

/// An interface as it was written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
	/// Reads what [`Self::render`] wrote.
	pub fn parse(text: &str) -> Self {
		let lines = text.lines().filter(|line| !line.starts_with('#'));
		Self(
			lines
				.filter_map(|line| line.split_once(IS))
				.map(|(key, value)| (key.into(), value.into()))
				.collect(),
		)
	}

	/// The interface as text: sorted lines below a `title`.
	pub fn render(title: &str, interface: &Interface) -> String {
		let mut text =
			format!("# {title}\n# Generated; docs/upgrades.md says by what and what a change of it means.\n");
		let mut kind = "";
		for (key, value) in &interface.lines {
			let this = key.split(' ').next().unwrap_or_default();
			if this != kind {
				text.push('\n');
				kind = this;
			}
			// Writing to a string cannot fail.
			let _ = writeln!(text, "{key}{IS}{value}");
		}
		text
	}

	/// Returns every line that is not what it was, and what became of it.
	pub fn compare(&self, now: &Interface) -> Vec<Change> {
		let before = &self.0;
		let keys: BTreeSet<&String> = before.keys().chain(now.lines.keys()).collect();
		let changed = keys.into_iter().filter(|key| before.get(*key) != now.lines.get(*key));
		changed
			.flat_map(|key| {
				self.demands(key, now).into_iter().map(|demand| Change {
					key: key.clone(),
					before: before.get(key).cloned(),
					after: now.lines.get(key).cloned(),
					is_met: self.is_met(&demand, now),
					demand,
				})
			})
			.collect()
	}

	/// Returns the demands of a line's change; a type may have several users.
	fn demands(&self, key: &str, now: &Interface) -> Vec<Demand> {
		let (kind, name) = key.split_once(' ').unwrap_or((key, ""));
		let (was, is) = (self.0.get(key), now.lines.get(key));
		let is_new = was.is_none();
		let one = |demand| vec![demand];
		if self.0.is_empty() {
			// Nothing was written down yet, and so nobody relies on it.
			return one(Demand::Nothing);
		}
		match kind {
			"spec_version" | "transaction_version" => match number(was) > number(is) {
				true => one(Demand::Spec),
				false => one(Demand::Nothing),
			},
			"extrinsic" | "extension" => one(Demand::Transaction),
			"pallet" | "call" if !is_new => one(Demand::Transaction),
			"event" | "error" | "storage" | "constant" | "view" if !is_new => one(Demand::Spec),
			"api" => match (was, is) {
				(Some(_), None) => one(Demand::Spec),
				(Some(_), Some(_)) if number(was) > number(is) => one(api(name)),
				_ => one(Demand::Nothing),
			},
			"method" => {
				let of = name.split('.').next().unwrap_or_default();
				// A new API's methods are as new as it is, and those of one that is gone are gone with it.
				let api_key = format!("api {of}");
				match self.0.contains_key(&api_key) && now.lines.contains_key(&api_key) {
					true => one(api(of)),
					false => one(Demand::Nothing),
				}
			}
			// Whoever offers a function may have it unused.
			"import" => match (was, is) {
				(None, _) => one(Demand::Spec),
				(_, None) => one(Demand::Nothing),
				_ => one(Demand::HostVersion),
			},
			"type" => self.demands_of_type(name, is_new, now),
			_ => one(Demand::Nothing),
		}
	}

	fn demands_of_type(&self, part: &str, is_new: bool, now: &Interface) -> Vec<Demand> {
		let of = now.users.keys().filter(|name| is_part_of(part, name)).max_by_key(|name| name.len());
		// A type that is gone was replaced where it was used, and that is a change of its own.
		let Some(name) = of else { return vec![Demand::Nothing] };
		if !self.0.contains_key(&format!("type {name}")) {
			return vec![Demand::Nothing];
		}
		let is_variant = is_new && part.get(name.len()..).is_some_and(|rest| rest.starts_with("::"));
		let demands: BTreeSet<Demand> = now.users[name]
			.iter()
			.map(|user| match user {
				// What was signed still means the same, and what was stored can still be read.
				User::Transaction | User::Reader if is_variant => Demand::Nothing,
				User::Transaction => Demand::Transaction,
				User::Reader => Demand::Spec,
				// Callers decode answers by types they were compiled with.
				User::Api(name) => api(name),
				User::Host => Demand::HostVersion,
			})
			.collect();
		demands.into_iter().collect()
	}

	fn is_met(&self, demand: &Demand, now: &Interface) -> bool {
		let is_raised = |key: &str| {
			let (was, is) = (number(self.0.get(key)), number(now.lines.get(key)));
			was.zip(is).is_some_and(|(was, is)| is > was)
		};
		match demand {
			Demand::Nothing => true,
			Demand::Spec => is_raised("spec_version"),
			Demand::Transaction => is_raised("transaction_version") && is_raised("spec_version"),
			Demand::Api(name) => is_raised(&format!("api {name}")),
			// The function that the record crosses with has a new name then.
			Demand::HostVersion => now
				.lines
				.keys()
				.any(|key| key.starts_with("import ext_ml_engine_host") && !self.0.contains_key(key)),
		}
	}
}

fn api(name: &str) -> Demand {
	match APIS_OF_THE_SDK.contains(&name) {
		true => Demand::Spec,
		false => Demand::Api(name.into()),
	}
}

fn number(value: Option<&String>) -> Option<u32> {
	value.and_then(|value| value.parse().ok())
}

/// Reports whether `part` is the type `name`, one of its fields or one of its variants.
fn is_part_of(part: &str, name: &str) -> bool {
	part.strip_prefix(name)
		.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
	use super::*;

	/// An interface of a few lines, at these versions.
	fn interface(spec: u32, transaction: u32, lines: &[(&str, &str)]) -> Interface {
		let record = "demo::Record".to_string();
		let users = [User::Api("ModelsApi".into()), User::Reader];
		let mut all: BTreeMap<String, String> =
			lines.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
		all.insert("spec_version".into(), spec.to_string());
		all.insert("transaction_version".into(), transaction.to_string());
		Interface { lines: all, users: [(record, users.into_iter().collect())].into() }
	}

	const BEFORE: [(&str, &str); 7] = [
		("api ModelsApi", "1"),
		("call Demo.go", "0 (to: u32)"),
		("import ext_ml_engine_host_poll_version_1", "[I32] -> [I64]"),
		("method ModelsApi.model", "(id: u32) -> demo::Record"),
		("storage Demo.Records", "demo::Record or none"),
		("type demo::Record", "enum"),
		("type demo::Record::First", "0 ()"),
	];

	fn snapshot() -> Snapshot {
		Snapshot::parse(&Snapshot::render("Demo", &interface(3, 1, &BEFORE)))
	}

	/// Demands of the lines that differ once one has another value, and whether they are met at these versions.
	fn demands(spec: u32, transaction: u32, changed: &[(&str, &str)]) -> Vec<(Demand, bool)> {
		let mut lines: BTreeMap<&str, &str> = BEFORE.into();
		lines.extend(changed.iter().copied());
		lines.retain(|_, value| !value.is_empty());
		let lines: Vec<(&str, &str)> = lines.into_iter().collect();
		let changes = snapshot().compare(&interface(spec, transaction, &lines));
		let versions = |change: &Change| change.key.ends_with("_version") || change.key.starts_with("api ");
		changes
			.into_iter()
			.filter(|change| !versions(change))
			.map(|change| (change.demand, change.is_met))
			.collect()
	}

	#[test]
	fn what_was_written_down_is_read_back() {
		assert_eq!(snapshot().compare(&interface(3, 1, &BEFORE)), []);
	}

	#[test]
	fn additions_ask_for_nothing() {
		for added in ["call Demo.stop", "event Demo.Gone", "storage Demo.More", "pallet Other"] {
			assert_eq!(demands(3, 1, &[(added, "1")]), [(Demand::Nothing, true)]);
		}
		let api = [("api NewApi", "1"), ("method NewApi.ask", "() -> u8")];
		assert_eq!(demands(3, 1, &api), [(Demand::Nothing, true)], "a new API's methods are as new as it is");
	}

	#[test]
	fn a_call_changes_only_with_both_versions() {
		let changed = [("call Demo.go", "0 (to: u64)")];
		assert_eq!(demands(3, 1, &changed), [(Demand::Transaction, false)]);
		assert_eq!(demands(4, 1, &changed), [(Demand::Transaction, false)]);
		assert_eq!(demands(4, 2, &changed), [(Demand::Transaction, true)]);
		assert_eq!(demands(3, 1, &[("call Demo.go", "")]), [(Demand::Transaction, false)], "nor does it go");
	}

	#[test]
	fn stored_things_change_only_with_the_spec_version() {
		let changed = [("storage Demo.Records", "u32 or none")];
		assert_eq!(demands(3, 1, &changed), [(Demand::Spec, false)]);
		assert_eq!(demands(4, 1, &changed), [(Demand::Spec, true)]);
	}

	#[test]
	fn a_record_of_an_api_changes_only_with_the_version_of_that_api() {
		let of_api = Demand::Api("ModelsApi".into());
		// Whoever reads storage by metadata takes one more variant as it comes; callers of the API cannot.
		let appended = [("type demo::Record::Second", "1 ()")];
		assert_eq!(demands(3, 1, &appended), [(Demand::Nothing, true), (of_api.clone(), false)]);
		let raised = [("type demo::Record::Second", "1 ()"), ("api ModelsApi", "2")];
		assert_eq!(demands(3, 1, &raised), [(Demand::Nothing, true), (of_api.clone(), true)]);
		let changed = [("type demo::Record::First", "0 (u8)"), ("api ModelsApi", "2")];
		assert_eq!(demands(3, 1, &changed), [(Demand::Spec, false), (of_api.clone(), true)]);
		assert_eq!(
			demands(4, 1, &[("type demo::Record.new", "1 u8")])[0],
			(Demand::Spec, true),
			"a field is no variant"
		);
		assert_eq!(demands(3, 1, &[("method ModelsApi.more", "() -> u8")]), [(of_api, false)]);
	}

	#[test]
	fn a_function_of_the_host_stays_as_it_is() {
		let name = "import ext_ml_engine_host_poll_version_1";
		assert_eq!(demands(4, 1, &[(name, "[I64] -> [I64]")]), [(Demand::HostVersion, false)]);
		assert_eq!(demands(3, 1, &[(name, "")]), [(Demand::Nothing, true)]);
		let new = [("import ext_ml_engine_host_poll_version_2", "[I64] -> [I64]")];
		assert_eq!(demands(3, 1, &new), [(Demand::Spec, false)]);
		assert_eq!(demands(4, 1, &new), [(Demand::Spec, true)]);
	}
}
