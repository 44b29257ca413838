//! The words that a client finds in the metadata, and nowhere else.

use blyan_runtime::Runtime;
use codec::Decode;
use frame_metadata::{v16::RuntimeMetadataV16, RuntimeMetadata, RuntimeMetadataPrefixed};
use scale_info::{form::PortableForm, Type, TypeDef};

/// Pallets of this repository, as the runtime names them.
const PALLETS: [&str; 16] = [
	"Audits",
	"Datasets",
	"Delegation",
	"Disputes",
	"Emergencies",
	"Evolution",
	"Experts",
	"Holdouts",
	"Inference",
	"Ledger",
	"Operators",
	"ProofOfLearning",
	"RankedCollective",
	"RelayRandomness",
	"Reviews",
	"Slashing",
];

fn metadata() -> RuntimeMetadataV16 {
	// Constants may be parameters, which are read from a state.
	let bytes = sp_io::TestExternalities::default()
		.execute_with(|| Runtime::metadata_at_version(16))
		.expect("the runtime has this version");
	match RuntimeMetadataPrefixed::decode(&mut &bytes[..]).expect("it is what the version says").1 {
		RuntimeMetadata::V16(metadata) => metadata,
		other => panic!("version {}", other.version()),
	}
}

/// Gaps in a type's description: of itself, its variants, its named fields.
fn gaps(ty: &Type<PortableForm>) -> Vec<String> {
	let name = ty.path.segments.join("::");
	let mut gaps = Vec::new();
	let mut demand = |docs: &[String], of: &str| {
		if docs.iter().all(|line| line.trim().is_empty()) {
			gaps.push(format!("{name}{of}"));
		}
	};
	demand(&ty.docs, "");
	match &ty.type_def {
		TypeDef::Composite(composite) => {
			for field in &composite.fields {
				if let Some(field_name) = &field.name {
					demand(&field.docs, &format!(".{field_name}"));
				}
			}
		}
		TypeDef::Variant(variants) => {
			for variant in &variants.variants {
				demand(&variant.docs, &format!("::{}", variant.name));
			}
		}
		_ => {}
	}
	gaps
}

#[test]
fn pallet_says_what_it_is_for() {
	let metadata = metadata();
	for name in PALLETS {
		let pallet = metadata.pallets.iter().find(|pallet| pallet.name == name).expect(name);
		assert!(!pallet.docs.is_empty(), "{name}: a doc comment on its `mod pallet`");
	}
}

#[test]
fn every_type_of_ours_is_described_with_its_variants_and_fields() {
	let metadata = metadata();
	let crates = PALLETS.map(|name| {
		let snake: String = name
			.chars()
			.enumerate()
			.flat_map(|(place, letter)| {
				let gap = (place > 0 && letter.is_uppercase()).then_some('_');
				gap.into_iter().chain(letter.to_lowercase())
			})
			.collect();
		match snake.as_str() {
			// Named as clients of ranked collectives know it.
			"ranked_collective" => "pallet_operator_voting".into(),
			_ => format!("pallet_{snake}"),
		}
	});
	let ours = |ty: &Type<PortableForm>| {
		ty.path.segments.first().is_some_and(|root| root.starts_with("blyan_") || crates.contains(root))
	};
	// Macros of the SDK make these, and capture nothing: lists of pallets, parameters, keys, reasons of holds.
	let generated = |ty: &Type<PortableForm>| {
		let names: Vec<&str> = ty.path.segments.iter().map(String::as_str).collect();
		matches!(
			names[..],
			["blyan_runtime", _]
				| ["blyan_runtime", "parameters", ..]
				| ["blyan_primitives", "operator_key", _]
				| [_, "pallet", "HoldReason" | "FreezeReason"]
		)
	};
	let types = metadata.types.types.iter().map(|entry| &entry.ty);
	let described: Vec<_> = types.filter(|ty| ours(ty) && !generated(ty)).collect();
	assert!(described.len() > 60, "{} types", described.len());
	let gaps: Vec<String> = described.into_iter().flat_map(gaps).collect();
	assert!(gaps.is_empty(), "without a word: {gaps:#?}");
}
