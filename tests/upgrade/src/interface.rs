//! Reading what clients can see out of a runtime.

use crate::{
	snapshot::{User, Versions},
	types::Types,
};
use codec::Decode;
use frame_metadata::{
	v14::{StorageEntryModifier, StorageEntryType},
	v16::{PalletMetadata, PalletStorageMetadata, RuntimeMetadataV16},
	RuntimeMetadata, RuntimeMetadataPrefixed,
};
use scale_info::{form::PortableForm, PortableRegistry, TypeDef, Variant};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{Parser, Payload, TypeRef};

/// Interface that clients can see, a line each, and the users who would notice if a type changed.
#[derive(Clone, Debug, Default)]
pub struct Interface {
	/// Key and value of each line.
	pub lines: BTreeMap<String, String>,
	/// Users of a type, by its name.
	pub users: BTreeMap<String, BTreeSet<User>>,
}

impl Interface {
	/// Everything but the runtime APIs: pallets and the shape of a transaction.
	///
	/// `metadata` is version 16, as `Metadata_metadata_at_version` answers.
	///
	/// # Errors
	///
	/// If it is not.
	pub fn of_pallets(metadata: &[u8], versions: Versions) -> Result<Self, String> {
		let metadata = decode(metadata)?;
		let types = Types::new(&metadata.types, described_elsewhere(&metadata, false));
		let mut reader = Reader { types: &types, interface: Self::default() };
		reader.say("spec_version", versions.spec);
		reader.say("transaction_version", versions.transaction);
		reader.extrinsic(&metadata);
		for pallet in &metadata.pallets {
			reader.pallet(pallet);
		}
		Ok(reader.interface)
	}

	/// The runtime APIs. Types of the runtime itself are [`Self::of_pallets`]' to describe.
	///
	/// # Errors
	///
	/// If the metadata is not of version 16.
	pub fn of_apis(metadata: &[u8], versions: Versions) -> Result<Self, String> {
		let metadata = decode(metadata)?;
		let types = Types::new(&metadata.types, described_elsewhere(&metadata, true));
		let mut reader = Reader { types: &types, interface: Self::default() };
		reader.say("spec_version", versions.spec);
		for api in &metadata.apis {
			reader.say(format!("api {}", api.name), api.version.0);
			let user = User::Api(api.name.clone());
			for method in &api.methods {
				let inputs: Vec<String> = method
					.inputs
					.iter()
					.map(|input| format!("{}: {}", input.name, types.name(input.ty.id)))
					.collect();
				let shape = format!("({}) -> {}", inputs.join(", "), types.name(method.output.id));
				let roots = method.inputs.iter().map(|input| input.ty.id).chain([method.output.id]);
				reader.note(format!("method {}.{}", api.name, method.name), shape, &user, roots);
			}
		}
		Ok(reader.interface)
	}

	/// Functions that the runtime expects of its host, and the `records` that cross with them.
	///
	/// # Errors
	///
	/// If `wasm` is no WebAssembly, or imports anything but functions and the memory.
	pub fn of_host(wasm: &[u8], records: &PortableRegistry, versions: Versions) -> Result<Self, String> {
		let types = Types::new(records, BTreeSet::new());
		let mut reader = Reader { types: &types, interface: Self::default() };
		reader.say("spec_version", versions.spec);
		let mut signatures = Vec::new();
		for payload in Parser::new(0).parse_all(wasm) {
			match payload.map_err(|error| error.to_string())? {
				Payload::TypeSection(section) => {
					for ty in section.into_iter_err_on_gc_types() {
						signatures.push(ty.map_err(|error| error.to_string())?);
					}
				}
				Payload::ImportSection(section) => {
					for import in section {
						let import = import.map_err(|error| error.to_string())?;
						match import.ty {
							TypeRef::Func(ty) => {
								let signature =
									signatures.get(ty as usize).ok_or("a signature is missing")?;
								let shape = format!("{:?} -> {:?}", signature.params(), signature.results());
								reader.say(format!("import {}", import.name), shape);
							}
							TypeRef::Memory(_) => {}
							_ => return Err(format!("{} is no function", import.name)),
						}
					}
				}
				_ => {}
			}
		}
		let all = records.types.iter().map(|ty| ty.id);
		reader.types_of(&User::Host, all);
		Ok(reader.interface)
	}
}

fn decode(metadata: &[u8]) -> Result<RuntimeMetadataV16, String> {
	match RuntimeMetadataPrefixed::decode(&mut &metadata[..]).map_err(|error| error.to_string())?.1 {
		RuntimeMetadata::V16(metadata) => Ok(metadata),
		other => Err(format!("metadata of version {} instead of 16", other.version())),
	}
}

/// Types that the lines of the pallets describe: their calls, events and errors, and the enums over all pallets.
fn described_elsewhere(metadata: &RuntimeMetadataV16, and_the_runtime: bool) -> BTreeSet<u32> {
	let outer = &metadata.outer_enums;
	let pallets = metadata.pallets.iter().flat_map(|pallet| {
		let calls = pallet.calls.as_ref().map(|calls| calls.ty.id);
		let event = pallet.event.as_ref().map(|event| event.ty.id);
		let error = pallet.error.as_ref().map(|error| error.ty.id);
		[calls, event, error].into_iter().flatten()
	});
	let own = metadata.types.types.iter().filter(|ty| {
		and_the_runtime && ty.ty.path.segments.first().is_some_and(|segment| segment == "blyan_runtime")
	});
	[outer.call_enum_ty.id, outer.event_enum_ty.id, outer.error_enum_ty.id]
		.into_iter()
		.chain(pallets)
		.chain(own.map(|ty| ty.id))
		.collect()
}

/// Between the shapes of types that share a name.
const OR: &str = " or also ";

/// Collects lines.
struct Reader<'a> {
	types: &'a Types<'a>,
	interface: Interface,
}

impl Reader<'_> {
	fn say(&mut self, key: impl Into<String>, value: impl ToString) {
		self.interface.lines.insert(key.into(), value.to_string());
	}

	/// A line, and the types that it is made of.
	fn note(&mut self, key: String, value: String, user: &User, roots: impl IntoIterator<Item = u32>) {
		self.say(key, value);
		self.types_of(user, roots);
	}

	fn types_of(&mut self, user: &User, roots: impl IntoIterator<Item = u32>) {
		for (name, lines) in self.types.reached(roots) {
			for (key, shape) in lines {
				let shapes = self.interface.lines.entry(key).or_default();
				// Two types of one name differ in a parameter that the registry leaves out.
				if !shapes.split(OR).any(|known| known == shape) {
					let mut all: Vec<&str> = shapes.split(OR).filter(|shape| !shape.is_empty()).collect();
					all.push(&shape);
					all.sort_unstable();
					*shapes = all.join(OR);
				}
			}
			self.interface.users.entry(name).or_default().insert(user.clone());
		}
	}

	fn extrinsic(&mut self, metadata: &RuntimeMetadataV16) {
		let extrinsic = &metadata.extrinsic;
		let user = User::Transaction;
		self.say("extrinsic versions", format!("{:?}", extrinsic.versions));
		for (what, ty) in [("address", extrinsic.address_ty.id), ("signature", extrinsic.signature_ty.id)] {
			self.note(format!("extrinsic {what}"), self.types.name(ty), &user, [ty]);
		}
		for (version, places) in &extrinsic.transaction_extensions_by_version {
			for (place, index) in places.iter().enumerate() {
				let Some(extension) = extrinsic.transaction_extensions.get(index.0 as usize) else {
					continue;
				};
				let (ty, implicit) = (extension.ty.id, extension.implicit.id);
				let key = format!("extension {version}.{place:02} {}", extension.identifier);
				let value = format!("{}, signs {}", self.types.name(ty), self.types.name(implicit));
				self.note(key, value, &user, [ty, implicit]);
			}
		}
	}

	fn pallet(&mut self, pallet: &PalletMetadata<PortableForm>) {
		let name = &pallet.name;
		self.say(format!("pallet {name}"), pallet.index);
		if let Some(calls) = &pallet.calls {
			self.variants("call", name, calls.ty.id, &User::Transaction);
		}
		if let Some(event) = &pallet.event {
			self.variants("event", name, event.ty.id, &User::Reader);
		}
		if let Some(error) = &pallet.error {
			self.variants("error", name, error.ty.id, &User::Reader);
		}
		for constant in &pallet.constants {
			let ty = constant.ty.id;
			let key = format!("constant {name}.{}", constant.name);
			self.note(key, self.types.name(ty), &User::Reader, [ty]);
		}
		for view in &pallet.view_functions {
			let inputs: Vec<String> = view.inputs.iter().map(|input| self.types.name(input.ty.id)).collect();
			let shape = format!("({}) -> {}", inputs.join(", "), self.types.name(view.output.id));
			let roots = view.inputs.iter().map(|input| input.ty.id).chain([view.output.id]);
			self.note(format!("view {name}.{}", view.name), shape, &User::Reader, roots);
		}
		if let Some(storage) = &pallet.storage {
			self.storage(name, storage);
		}
	}

	fn variants(&mut self, what: &str, pallet: &str, ty: u32, user: &User) {
		let TypeDef::Variant(variants) = &self.types.get(ty).type_def else { return };
		for Variant { name, index, fields, .. } in &variants.variants {
			let shape = format!("{index} {}", self.types.fields(fields));
			let roots = fields.iter().map(|field| field.ty.id);
			self.note(format!("{what} {pallet}.{name}"), shape, user, roots);
		}
	}

	fn storage(&mut self, pallet: &str, storage: &PalletStorageMetadata<PortableForm>) {
		for entry in &storage.entries {
			let (key, value) = match &entry.ty {
				StorageEntryType::Plain(value) => (None, value.id),
				StorageEntryType::Map { key, value, .. } => (Some(key.id), value.id),
			};
			let hashers = match &entry.ty {
				StorageEntryType::Map { hashers, .. } => format!("{hashers:?} "),
				StorageEntryType::Plain(_) => String::new(),
			};
			let keys = key.map_or(String::new(), |key| format!("{} -> ", self.types.name(key)));
			let otherwise = match entry.modifier {
				StorageEntryModifier::Optional => "none",
				StorageEntryModifier::Default => "default",
			};
			let shape = format!("{hashers}{keys}{} or {otherwise}", self.types.name(value));
			// The prefix is the pallet's name, unless it says otherwise.
			let name = format!("storage {pallet}.{}", entry.name);
			let shape = match storage.prefix == pallet {
				true => shape,
				false => format!("{shape}, under {}", storage.prefix),
			};
			self.note(name, shape, &User::Reader, key.into_iter().chain([value]));
		}
	}
}
