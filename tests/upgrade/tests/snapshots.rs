//! The runtime's interface to clients changes only with the versions that tell them so.
//!
//! `UPDATE=1 cargo nextest run --workspace -E 'package(blyan-upgrade)'` writes the snapshots anew, if it does.
#![allow(clippy::unwrap_used)]

use blyan_primitives::{
	Comparison, CopyQuery, EngineError, EvaluationJob, JobStatus, OpenComparison, OpenCopyQuery, Opening,
	Query,
};
use blyan_runtime::{Runtime, VERSION};
use blyan_upgrade::{Change, Demand, Interface, Snapshot, Versions};
use codec::{Decode, Encode};
use frame_metadata::{v16::RuntimeMetadataV16, RuntimeMetadata, RuntimeMetadataPrefixed};
use scale_info::{meta_type, TypeDef};
use sp_maybe_compressed_blob::{decompress, CODE_BLOB_BOMB_LIMIT};
use std::{borrow::Cow, env, fs, path::PathBuf};
use subxt_utils_stripmetadata::StripMetadata;

const VERSIONS: Versions = Versions { spec: VERSION.spec_version, transaction: VERSION.transaction_version };

/// Pallets that the client of [`blyan_upgrade::client`] is compiled with: all of the metadata would take a minute.
const CLIENT_PALLETS: [&str; 5] = ["System", "Balances", "Experts", "Operators", "ProofOfLearning"];
const CLIENT_APIS: [&str; 4] = ["Core", "ModelsApi", "LearningApi", "OperatorsApi"];

fn metadata() -> Vec<u8> {
	// Some constants are parameters, which it looks up.
	sp_io::TestExternalities::default()
		.execute_with(|| Runtime::metadata_at_version(16).expect("the runtime knows version 16").to_vec())
}

/// The WebAssembly, or `None` where its build was skipped.
fn code(binary: Option<&'static [u8]>) -> Option<Cow<'static, [u8]>> {
	binary.map(|bytes| decompress(bytes, CODE_BLOB_BOMB_LIMIT).expect("the build made it"))
}

fn path(name: &str) -> PathBuf {
	// When it runs, not when it was built: checkouts that share a target directory share this binary.
	PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("snapshots").join(name)
}

/// Holds an interface to its snapshot, or writes it where that is asked for and permitted. Returns what changed.
fn hold(name: &str, title: &str, now: &Interface) -> Vec<Change> {
	let before = Snapshot::parse(&fs::read_to_string(path(name)).unwrap_or_default());
	let changes = before.compare(now);
	if changes.is_empty() {
		return changes;
	}
	let say = |is_met: bool| -> String {
		changes.iter().filter(|change| change.is_met == is_met).map(Change::to_string).collect()
	};
	let breaking = say(false);
	assert!(
		breaking.is_empty(),
		"what clients see of the runtime changed without a version (tests/upgrade/snapshots/{name}):\n\n{breaking}\n\
		Raise what is named, or take the change back; docs/upgrades.md has the rules."
	);
	assert!(
		env::var_os("UPDATE").is_some(),
		"tests/upgrade/snapshots/{name} is not up to date:\n\n{}\nNo client breaks. Write it down with\n\
		    UPDATE=1 cargo nextest run --workspace -E 'package(blyan-upgrade)'",
		say(true)
	);
	fs::write(path(name), Snapshot::render(title, now)).unwrap();
	changes
}

#[test]
fn what_clients_decode_changes_only_with_its_version() {
	let metadata = metadata();
	let pallets = Interface::of_pallets(&metadata, VERSIONS).unwrap();
	let apis = Interface::of_apis(&metadata, VERSIONS).unwrap();
	let mut changes = hold("pallets.txt", "Pallets, transactions, and the types they are made of.", &pallets);
	changes.extend(hold("apis.txt", "Runtime APIs, and the types they are made of.", &apis));

	// A client that was built before an addition is what the upgrade test wants; one that a release breaks is not.
	let is_broken = changes.iter().any(|change| change.demand != Demand::Nothing);
	if is_broken || (!path("client.scale").exists() && env::var_os("UPDATE").is_some()) {
		fs::write(path("client.scale"), client_metadata(&metadata)).unwrap();
	}
}

#[test]
fn functions_of_the_host_change_only_with_their_version() {
	let Some(code) = code(blyan_runtime::WASM_BINARY) else { return };
	let mut registry = scale_info::Registry::new();
	registry.register_types([
		meta_type::<EvaluationJob>(),
		meta_type::<Result<JobStatus, EngineError>>(),
		meta_type::<Query>(),
		meta_type::<Option<Opening>>(),
		meta_type::<CopyQuery>(),
		meta_type::<Comparison>(),
		meta_type::<OpenCopyQuery>(),
		meta_type::<OpenComparison>(),
	]);
	let host = Interface::of_host(&code, &registry.into(), VERSIONS).unwrap();
	hold(
		"host.txt",
		"Functions of the host that the runtime imports, and the records that cross with ours.",
		&host,
	);
}

#[test]
fn the_next_runtime_is_one_release_ahead() {
	let Some(code) = code(blyan_next_runtime::WASM_BINARY) else { return };
	let section = wasmparser::Parser::new(0)
		.parse_all(&code)
		.find_map(|payload| match payload.unwrap() {
			wasmparser::Payload::CustomSection(section) if section.name() == "runtime_version" => {
				Some(section.data())
			}
			_ => None,
		})
		.expect("the build checks that it is there");
	// Its APIs have a section of their own and leave an empty list here.
	type Version = (String, String, u32, u32, u32, Vec<([u8; 8], u32)>, u32);
	let (name, _, _, spec, _, _, transaction) = Version::decode(&mut &section[..]).unwrap();
	assert_eq!(
		(name.as_str(), spec, transaction),
		(&*VERSION.spec_name, VERSION.spec_version + 1, VERSION.transaction_version),
		"runtime/src/next.rs repeats the versions of runtime/src/lib.rs, with spec_version one more"
	);
}

/// The part of the metadata that the client needs.
fn client_metadata(metadata: &[u8]) -> Vec<u8> {
	let mut metadata = match RuntimeMetadataPrefixed::decode(&mut &metadata[..]).unwrap().1 {
		RuntimeMetadata::V16(metadata) => metadata,
		_ => unreachable!("asked for version 16"),
	};
	let keeps = |pallet: &str| CLIENT_PALLETS.contains(&pallet);
	// The enums over all pallets would drag in the rest.
	let outer = &metadata.outer_enums;
	let outer = [outer.call_enum_ty.id, outer.event_enum_ty.id, outer.error_enum_ty.id];
	for ty in &mut metadata.types.types {
		if let (true, TypeDef::Variant(variants)) = (outer.contains(&ty.id), &mut ty.ty.type_def) {
			variants.variants.retain(|variant| keeps(&variant.name));
		}
	}
	forget_docs(&mut metadata);
	metadata.strip_metadata(keeps, |api| CLIENT_APIS.contains(&api));
	RuntimeMetadataPrefixed::from(metadata).encode()
}

/// The client is made by a machine and read by none.
fn forget_docs(metadata: &mut RuntimeMetadataV16) {
	for ty in &mut metadata.types.types {
		ty.ty.docs.clear();
		match &mut ty.ty.type_def {
			TypeDef::Variant(variants) => {
				for variant in &mut variants.variants {
					variant.docs.clear();
					variant.fields.iter_mut().for_each(|field| field.docs.clear());
				}
			}
			TypeDef::Composite(composite) => composite.fields.iter_mut().for_each(|field| field.docs.clear()),
			_ => {}
		}
	}
}
