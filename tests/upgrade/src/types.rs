//! Names and shapes of the types in a registry.

use scale_info::{form::PortableForm, Field, PortableRegistry, Type, TypeDef};
use std::collections::{BTreeMap, BTreeSet};

/// Types whose encoding is that of what they hold; their bounds are no part of it.
const WRAPPERS: [&str; 4] = ["BoundedVec", "WeakBoundedVec", "BoundedBTreeMap", "BoundedBTreeSet"];

/// A registry, and which of its types are described elsewhere.
pub struct Types<'a> {
	registry: &'a PortableRegistry,
	/// Types that are named but not looked into.
	opaque: BTreeSet<u32>,
}

impl<'a> Types<'a> {
	/// Types of `registry`; the `opaque` ones are not looked into.
	pub fn new(registry: &'a PortableRegistry, opaque: BTreeSet<u32>) -> Self {
		Self { registry, opaque }
	}

	/// The type of that number.
	///
	/// # Panics
	///
	/// If the metadata contradicts itself.
	pub fn get(&self, id: u32) -> &'a Type<PortableForm> {
		self.registry.resolve(id).unwrap_or_else(|| panic!("the metadata lacks its own type {id}"))
	}

	/// The type's name as one would write it in Rust.
	pub fn name(&self, id: u32) -> String {
		let ty = self.get(id);
		let list =
			|ids: &mut dyn Iterator<Item = u32>| ids.map(|id| self.name(id)).collect::<Vec<_>>().join(", ");
		match &ty.type_def {
			TypeDef::Primitive(primitive) => format!("{primitive:?}").to_lowercase(),
			TypeDef::Compact(compact) => format!("Compact<{}>", self.name(compact.type_param.id)),
			TypeDef::Sequence(sequence) => format!("Vec<{}>", self.name(sequence.type_param.id)),
			TypeDef::Array(array) => format!("[{}; {}]", self.name(array.type_param.id), array.len),
			TypeDef::Tuple(tuple) => format!("({})", list(&mut tuple.fields.iter().map(|field| field.id))),
			TypeDef::BitSequence(bits) => format!("BitVec<{}>", self.name(bits.bit_store_type.id)),
			TypeDef::Composite(_) | TypeDef::Variant(_) => {
				let path = match is_transparent(ty) {
					true => ty.path.segments.last().cloned().unwrap_or_default(),
					false => ty.path.segments.join("::"),
				};
				let params = list(&mut ty.type_params.iter().filter_map(|param| param.ty).map(|ty| ty.id));
				match params.is_empty() {
					true => path,
					false => format!("{path}<{params}>"),
				}
			}
		}
	}

	/// Fields as they follow one another in the encoding.
	pub fn fields(&self, fields: &[Field<PortableForm>]) -> String {
		let field = |field: &Field<PortableForm>| {
			let ty = self.name(field.ty.id);
			field.name.as_ref().map_or(ty.clone(), |name| format!("{name}: {ty}"))
		};
		format!("({})", fields.iter().map(field).collect::<Vec<_>>().join(", "))
	}

	/// Named types that one of the `roots` is made of, and the lines that describe each.
	pub fn reached(&self, roots: impl IntoIterator<Item = u32>) -> BTreeMap<String, Vec<(String, String)>> {
		let mut pending: Vec<u32> = roots.into_iter().collect();
		let (mut seen, mut named) = (BTreeSet::new(), BTreeMap::new());
		while let Some(id) = pending.pop() {
			if self.opaque.contains(&id) || !seen.insert(id) {
				continue;
			}
			let ty = self.get(id);
			pending.extend(parts(ty));
			if matches!(ty.type_def, TypeDef::Composite(_) | TypeDef::Variant(_)) && !is_transparent(ty) {
				let name = self.name(id);
				let lines: &mut Vec<_> = named.entry(name.clone()).or_default();
				lines.extend(self.describe(&name, ty));
			}
		}
		named
	}

	fn describe(&self, name: &str, ty: &Type<PortableForm>) -> Vec<(String, String)> {
		let line = |part: String, shape: String| (format!("type {name}{part}"), shape);
		match &ty.type_def {
			TypeDef::Variant(variants) => std::iter::once(line(String::new(), "enum".into()))
				.chain(variants.variants.iter().map(|variant| {
					let shape = format!("{} {}", variant.index, self.fields(&variant.fields));
					line(format!("::{}", variant.name), shape)
				}))
				.collect(),
			TypeDef::Composite(composite) => std::iter::once(line(String::new(), "struct".into()))
				.chain(composite.fields.iter().enumerate().map(|(place, field)| {
					let name = field.name.clone().unwrap_or_else(|| place.to_string());
					line(format!(".{name}"), format!("{place} {}", self.name(field.ty.id)))
				}))
				.collect(),
			_ => Vec::new(),
		}
	}
}

/// Reports whether the type says all about itself where it is used.
fn is_transparent(ty: &Type<PortableForm>) -> bool {
	match ty.path.segments.as_slice() {
		// `Option`, `Result`, the collections: what everybody has.
		[] | [_] => true,
		[.., last] => WRAPPERS.contains(&last.as_str()),
	}
}

/// Types that this one is directly made of.
fn parts(ty: &Type<PortableForm>) -> Vec<u32> {
	let ids = |fields: &[Field<PortableForm>]| fields.iter().map(|field| field.ty.id).collect::<Vec<_>>();
	match &ty.type_def {
		TypeDef::Composite(composite) => ids(&composite.fields),
		TypeDef::Variant(variants) => {
			variants.variants.iter().flat_map(|variant| ids(&variant.fields)).collect()
		}
		TypeDef::Sequence(sequence) => vec![sequence.type_param.id],
		TypeDef::Array(array) => vec![array.type_param.id],
		TypeDef::Tuple(tuple) => tuple.fields.iter().map(|field| field.id).collect(),
		TypeDef::Compact(compact) => vec![compact.type_param.id],
		TypeDef::BitSequence(bits) => vec![bits.bit_store_type.id, bits.bit_order_type.id],
		TypeDef::Primitive(_) => Vec::new(),
	}
}
