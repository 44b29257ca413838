//! Facts about a Rust file for the checks, as plain data: parsing is the slow part, and is done once, on all cores.

use crate::tree::Tree;
use anyhow::{anyhow, Result};
use proc_macro2::{TokenStream, TokenTree};
use std::{collections::BTreeMap, thread};
use syn::{
	spanned::Spanned,
	visit::{self, Visit},
	Attribute, Item, Meta, UseTree, Visibility,
};

/// Facts of one file.
#[derive(Default)]
pub struct FileFacts {
	/// Lines of every function from its signature to its last brace, by name; of equal names the longest.
	pub functions: BTreeMap<String, usize>,
	/// Content of the file as a module. Test code is left out.
	pub module: ModuleFacts,
}

/// Facts of one module.
#[derive(Default)]
pub struct ModuleFacts {
	/// Names of items that are defined here.
	pub items: Vec<String>,
	/// Imports and re-exports.
	pub imports: Vec<Import>,
	/// Paths that occur in code, of macros only those that begin with `crate`, `self` or `super`.
	pub paths: Vec<Vec<String>>,
	/// Declared modules.
	pub modules: Vec<Declared>,
}

/// One name, or all names, that a `use` brings in.
pub struct Import {
	/// Segments as written, without the rename and without `*`.
	pub path: Vec<String>,
	/// Name in this module; `None` for `*`.
	pub name: Option<String>,
	/// True if it is visible to other modules.
	pub reexported: bool,
}

/// A `mod` item.
pub struct Declared {
	/// Its name.
	pub name: String,
	/// File that a `#[path]` attribute names.
	pub file: Option<String>,
	/// Its content, if that stands between braces.
	pub inline: Option<ModuleFacts>,
}

/// Facts of every Rust file of the tree, by path.
pub fn of_tree(tree: &Tree) -> Result<BTreeMap<String, FileFacts>> {
	let sources: Vec<_> = tree.texts().filter(|(path, _)| path.ends_with(".rs")).collect();
	let threads = thread::available_parallelism().map_or(1, usize::from);
	let chunks: Vec<Vec<_>> =
		(0..threads).map(|first| sources.iter().copied().skip(first).step_by(threads).collect()).collect();
	thread::scope(|scope| {
		let started: Vec<_> = chunks
			.into_iter()
			.map(|chunk| {
				scope.spawn(move || {
					let facts =
						chunk.into_iter().map(|(path, text)| Ok((path.to_owned(), of_file(path, text)?)));
					facts.collect::<Result<Vec<_>>>()
				})
			})
			.collect();
		let mut all = BTreeMap::new();
		for thread in started {
			all.extend(thread.join().map_err(|_| anyhow!("a thread that parses Rust files has panicked"))??);
		}
		Ok(all)
	})
}

/// Facts of one file.
pub fn of_file(path: &str, text: &str) -> Result<FileFacts> {
	let file = syn::parse_file(text).map_err(|error| {
		anyhow!("{path}:{}: Rust that does not parse: {error}", error.span().start().line)
	})?;
	let mut lengths = Lengths::default();
	lengths.visit_file(&file);
	Ok(FileFacts { functions: lengths.functions, module: module(&file.items) })
}

/// Reports whether an item exists in tests only.
fn is_test(attributes: &[Attribute]) -> bool {
	attributes.iter().any(|attribute| match &attribute.meta {
		Meta::Path(path) => path.is_ident("test"),
		Meta::List(list) if list.path.is_ident("cfg") => {
			let condition = list.tokens.to_string();
			condition == "test" || condition.starts_with("all (test")
		}
		_ => false,
	})
}

fn attributes(item: &Item) -> &[Attribute] {
	match item {
		Item::Const(item) => &item.attrs,
		Item::Enum(item) => &item.attrs,
		Item::Fn(item) => &item.attrs,
		Item::Impl(item) => &item.attrs,
		Item::Macro(item) => &item.attrs,
		Item::Mod(item) => &item.attrs,
		Item::Static(item) => &item.attrs,
		Item::Struct(item) => &item.attrs,
		Item::Trait(item) => &item.attrs,
		Item::Type(item) => &item.attrs,
		Item::Use(item) => &item.attrs,
		_ => &[],
	}
}

fn module(items: &[Item]) -> ModuleFacts {
	let mut facts = ModuleFacts::default();
	for item in items.iter().filter(|item| !is_test(attributes(item))) {
		let name = match item {
			Item::Const(item) => Some(&item.ident),
			Item::Enum(item) => Some(&item.ident),
			Item::Fn(item) => Some(&item.sig.ident),
			Item::Macro(item) => item.ident.as_ref(),
			Item::Static(item) => Some(&item.ident),
			Item::Struct(item) => Some(&item.ident),
			Item::Trait(item) => Some(&item.ident),
			Item::TraitAlias(item) => Some(&item.ident),
			Item::Type(item) => Some(&item.ident),
			Item::Union(item) => Some(&item.ident),
			_ => None,
		};
		facts.items.extend(name.map(ToString::to_string));
		match item {
			Item::Mod(item) => {
				let file = item.attrs.iter().find_map(path_attribute);
				let inline = item.content.as_ref().map(|(_, items)| module(items));
				facts.modules.push(Declared { name: item.ident.to_string(), file, inline });
			}
			item => Paths { facts: &mut facts }.visit_item(item),
		}
	}
	facts
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
	let Meta::NameValue(pair) = &attribute.meta else { return None };
	let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(file), .. }) = &pair.value else { return None };
	pair.path.is_ident("path").then(|| file.value())
}

/// Collects imports and paths of everything but nested modules.
struct Paths<'a> {
	facts: &'a mut ModuleFacts,
}

impl Visit<'_> for Paths<'_> {
	fn visit_item_use(&mut self, item: &syn::ItemUse) {
		let reexported = !matches!(item.vis, Visibility::Inherited);
		if item.leading_colon.is_none() {
			flatten(&item.tree, &mut Vec::new(), reexported, &mut self.facts.imports);
		}
	}

	fn visit_path(&mut self, path: &syn::Path) {
		if path.leading_colon.is_none() {
			self.facts.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
		}
		visit::visit_path(self, path);
	}

	// `pub(in path)` and `pub(super)` say who may see an item, not what it needs.
	fn visit_visibility(&mut self, _: &Visibility) {}

	// Attributes of lints, derives and the like.
	fn visit_attribute(&mut self, _: &Attribute) {}

	fn visit_macro(&mut self, called: &syn::Macro) {
		visit::visit_macro(self, called);
		macro_paths(called.tokens.clone(), &mut self.facts.paths);
	}

	fn visit_item_fn(&mut self, item: &syn::ItemFn) {
		if !is_test(&item.attrs) {
			visit::visit_item_fn(self, item);
		}
	}

	// Inside a function; its names stay there.
	fn visit_item_mod(&mut self, _: &syn::ItemMod) {}
}

fn flatten(tree: &UseTree, prefix: &mut Vec<String>, reexported: bool, imports: &mut Vec<Import>) {
	let import = |path: Vec<String>, name: Option<String>| Import { path, name, reexported };
	match tree {
		UseTree::Path(path) => {
			prefix.push(path.ident.to_string());
			flatten(&path.tree, prefix, reexported, imports);
			prefix.pop();
		}
		UseTree::Group(group) => {
			group.items.iter().for_each(|tree| flatten(tree, prefix, reexported, imports))
		}
		UseTree::Glob(_) => imports.push(import(prefix.clone(), None)),
		UseTree::Name(name) => {
			let name = name.ident.to_string();
			// `use a::b::{self}` names `b`.
			let (path, name) = match (name.as_str(), prefix.last()) {
				("self", Some(last)) => (prefix.clone(), last.clone()),
				_ => (prefix.iter().cloned().chain([name.clone()]).collect(), name),
			};
			imports.push(import(path, Some(name)));
		}
		UseTree::Rename(rename) => {
			let mut path = prefix.clone();
			if rename.ident != "self" || path.is_empty() {
				path.push(rename.ident.to_string());
			}
			imports.push(import(path, Some(rename.rename.to_string())));
		}
	}
}

/// Finds `crate::a::b` and its like among the tokens of a macro.
fn macro_paths(tokens: TokenStream, paths: &mut Vec<Vec<String>>) {
	let mut open: Option<Vec<String>> = None;
	let mut colons = 0;
	for token in tokens {
		match token {
			TokenTree::Ident(ident) if colons == 2 && open.is_some() => {
				open.get_or_insert_default().push(ident.to_string());
				colons = 0;
			}
			TokenTree::Ident(ident) => {
				paths.extend(open.take().filter(|path| path.len() > 1));
				let ident = ident.to_string();
				open = matches!(ident.as_str(), "crate" | "self" | "super").then(|| vec![ident]);
				colons = 0;
			}
			TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
			other => {
				paths.extend(open.take().filter(|path| path.len() > 1));
				colons = 0;
				if let TokenTree::Group(group) = other {
					macro_paths(group.stream(), paths);
				}
			}
		}
	}
	paths.extend(open.filter(|path| path.len() > 1));
}

/// Measures functions.
#[derive(Default)]
struct Lengths {
	owner: Vec<String>,
	functions: BTreeMap<String, usize>,
}

impl Lengths {
	fn note(&mut self, signature: &syn::Signature, block: &syn::Block) {
		let first = signature.span().start().line;
		let last = block.brace_token.span.close().end().line;
		let name =
			self.owner.iter().cloned().chain([signature.ident.to_string()]).collect::<Vec<_>>().join("::");
		let longest = self.functions.entry(name).or_default();
		*longest = (*longest).max((last + 1).saturating_sub(first));
	}

	fn within(&mut self, owner: Option<String>, visit: impl FnOnce(&mut Self)) {
		let depth = self.owner.len();
		self.owner.extend(owner);
		visit(self);
		self.owner.truncate(depth);
	}
}

impl Visit<'_> for Lengths {
	fn visit_item_fn(&mut self, item: &syn::ItemFn) {
		self.note(&item.sig, &item.block);
		visit::visit_item_fn(self, item);
	}

	fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
		self.note(&item.sig, &item.block);
		visit::visit_impl_item_fn(self, item);
	}

	fn visit_trait_item_fn(&mut self, item: &syn::TraitItemFn) {
		if let Some(block) = &item.default {
			self.note(&item.sig, block);
		}
		visit::visit_trait_item_fn(self, item);
	}

	fn visit_item_impl(&mut self, item: &syn::ItemImpl) {
		let owner = match &*item.self_ty {
			syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
			_ => None,
		};
		self.within(owner, |lengths| visit::visit_item_impl(lengths, item));
	}

	fn visit_item_trait(&mut self, item: &syn::ItemTrait) {
		self.within(Some(item.ident.to_string()), |lengths| visit::visit_item_trait(lengths, item));
	}

	fn visit_item_mod(&mut self, item: &syn::ItemMod) {
		self.within(Some(item.ident.to_string()), |lengths| visit::visit_item_mod(lengths, item));
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn of_file_measures_functions_from_signature_to_last_brace() {
		let text = "/// Doc.\n#[inline]\nfn one() {}\nimpl<T> A<T> {\n\tfn two(\n\t) {\n\t}\n}\nmod m {\n\tfn one() {\n\t}\n}\n";
		let facts = of_file("a.rs", text).unwrap();
		let lengths: Vec<_> = facts.functions.iter().map(|(name, lines)| (name.as_str(), *lines)).collect();
		assert_eq!(lengths, [("A::two", 3), ("m::one", 2), ("one", 1)]);
	}

	#[test]
	fn of_file_leaves_test_code_out_of_modules() {
		let text =
			"#[cfg(test)]\nmod tests { use crate::x; }\n#[cfg(any(feature = \"a\", test))]\nmod kept;\n\
			#[cfg(test)]\nuse crate::y;\n#[test]\nfn t() { crate::z::f() }\n";
		let module = of_file("a.rs", text).unwrap().module;
		assert_eq!(module.modules.len(), 1);
		assert!(module.imports.is_empty() && module.paths.is_empty());
	}

	#[test]
	fn of_file_flattens_imports_and_finds_paths_in_macros() {
		let text = "pub use a::{b, c as d, e::*, f::{self}};\nfn g() { assert!(crate::h::i(1) == x::y); }\n";
		let module = of_file("a.rs", text).unwrap().module;
		let imports: Vec<_> =
			module.imports.iter().map(|import| (import.path.join("::"), import.name.as_deref())).collect();
		assert_eq!(
			imports,
			[
				("a::b".into(), Some("b")),
				("a::c".into(), Some("d")),
				("a::e".into(), None),
				("a::f".into(), Some("f"))
			]
		);
		assert!(module.imports.iter().all(|import| import.reexported));
		assert!(module.paths.contains(&vec!["crate".into(), "h".into(), "i".into()]));
	}

	#[test]
	fn of_file_fails_when_the_file_is_not_rust() {
		assert!(of_file("a.rs", "fn {")
			.err()
			.unwrap()
			.to_string()
			.starts_with("a.rs:1: Rust that does not parse"));
	}
}
