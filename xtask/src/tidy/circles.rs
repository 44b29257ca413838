//! Circles between the files of a crate: files none of which can be understood, or moved, without the others.
//!
//! An arrow goes from a file to the file that defines what it names. Re-exports are looked through, those behind a `cfg`
//! that is off as well, so a façade does not tie its rooms together. What a module takes from the modules around it is no
//! arrow: it is a part of them. Nor is anything that only tests need.

use super::House;
use crate::{
	facts::{Declared, Import, ModuleFacts},
	tree::{folder, join},
};
use std::collections::{BTreeMap, BTreeSet};

/// Re-exports that are followed one after the other before a name is given up.
const DEPTH_MAX: usize = 8;

/// All circles of all crates, each in the order of paths.
pub fn find(house: &House) -> BTreeSet<Vec<String>> {
	let mut circles = BTreeSet::new();
	for member in &house.members {
		for root in member.roots(&house.tree) {
			let target = Target::new(house, &root);
			circles.extend(components(&target.arrows()));
		}
	}
	circles
}

/// One module of a library or program.
struct Module<'a> {
	facts: &'a ModuleFacts,
	file: &'a str,
	parent: usize,
	/// Modules by name. Two of one name are alternatives of a `cfg`.
	children: BTreeMap<&'a str, Vec<usize>>,
}

/// All modules of a library or program; the first is its root.
struct Target<'a> {
	modules: Vec<Module<'a>>,
}

impl<'a> Target<'a> {
	fn new(house: &'a House, root: &str) -> Self {
		let mut target = Self { modules: Vec::new() };
		if let Some((file, facts)) = house.facts.get_key_value(root) {
			target.add(house, file, &facts.module, 0, folder(file));
		}
		target
	}

	/// Adds a module and those that it declares; their files lie in `dir`.
	fn add(
		&mut self,
		house: &'a House,
		file: &'a str,
		facts: &'a ModuleFacts,
		parent: usize,
		dir: &str,
	) -> usize {
		let index = self.modules.len();
		self.modules.push(Module { facts, file, parent, children: BTreeMap::new() });
		for declared in &facts.modules {
			let inner = format!("{dir}/{}", declared.name);
			let child = match &declared.inline {
				Some(inline) => Some(self.add(house, file, inline, index, &inner)),
				None => locate(house, file, declared, dir).map(|(path, dir)| {
					let (path, facts) = (path, &house.facts[path]);
					self.add(house, path, &facts.module, index, &dir)
				}),
			};
			if let Some(child) = child {
				self.modules[index].children.entry(&declared.name).or_default().push(child);
			}
		}
		index
	}

	/// From every file to the files that it needs.
	fn arrows(&self) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
		let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
		for (index, module) in self.modules.iter().enumerate() {
			let mut ends = BTreeSet::new();
			// A re-export alone is an arrow of those who use it.
			for import in module.facts.imports.iter().filter(|import| !import.reexported) {
				self.resolve(index, &import.path, 0, &mut ends);
			}
			for path in &module.facts.paths {
				self.resolve(index, path, 0, &mut ends);
			}
			let around = self.files_around(index);
			let files =
				ends.into_iter().map(|end| self.modules[end].file).filter(|file| !around.contains(file));
			arrows.entry(module.file).or_default().extend(files);
		}
		arrows
	}

	/// Files of a module and of the modules around it, from its parent to the root.
	fn files_around(&self, mut index: usize) -> BTreeSet<&'a str> {
		let mut files = BTreeSet::from([self.modules[index].file]);
		while index != 0 {
			index = self.modules[index].parent;
			files.insert(self.modules[index].file);
		}
		files
	}

	/// Collects the modules that define what `path` names where it stands in the module `from`.
	fn resolve(&self, from: usize, path: &[String], depth: usize, ends: &mut BTreeSet<usize>) {
		let Some((first, rest)) = path.split_first() else { return };
		match first.as_str() {
			_ if depth > DEPTH_MAX => {}
			"crate" => self.descend(0, rest, depth, ends),
			"self" => self.descend(from, rest, depth, ends),
			"super" => {
				let (mut at, mut rest) = (self.modules[from].parent, rest);
				while let Some(("super", further)) =
					rest.split_first().map(|(first, rest)| (first.as_str(), rest))
				{
					(at, rest) = (self.modules[at].parent, further);
				}
				self.descend(at, rest, depth, ends);
			}
			// A name in scope, or of another crate.
			name if self.names(from, name) => self.descend(from, path, depth, ends),
			_ => {}
		}
	}

	/// Collects the modules that define what `path` names as seen from within the module `at`.
	fn descend(&self, at: usize, path: &[String], depth: usize, ends: &mut BTreeSet<usize>) {
		let Some((name, rest)) = path.split_first() else {
			ends.insert(at);
			return;
		};
		let module = &self.modules[at];
		let children = module.children.get(name.as_str());
		for child in children.into_iter().flatten() {
			self.descend(*child, rest, depth, ends);
		}
		let aliases = module.facts.imports.iter().filter(|import| import.name.as_ref() == Some(name));
		let mut found = children.is_some();
		for alias in aliases {
			found = true;
			let path: Vec<String> = alias.path.iter().chain(rest).cloned().collect();
			// `use name::name` of another crate names itself.
			if path.first() != Some(name) || children.is_some() {
				self.resolve(at, &path, depth + 1, ends);
			}
		}
		if found {
			return;
		}
		if !module.facts.items.contains(name) {
			let mut sources = BTreeSet::new();
			for glob in module.facts.imports.iter().filter(|import| import.name.is_none()) {
				self.resolve(at, &glob.path, depth + 1, &mut sources);
			}
			sources.remove(&at);
			sources.retain(|source| self.provides(*source, name, 0));
			if !sources.is_empty() && depth <= DEPTH_MAX {
				for source in sources {
					self.descend(source, path, depth + 1, ends);
				}
				return;
			}
		}
		ends.insert(at);
	}

	/// Reports whether a module defines `name`, declares a module of that name, or brings it in by name.
	fn names(&self, at: usize, name: &str) -> bool {
		let module = &self.modules[at];
		module.children.contains_key(name)
			|| module.facts.items.iter().any(|item| item == name)
			|| module.facts.imports.iter().any(|import| import.name.as_deref() == Some(name))
	}

	/// Reports whether a module offers `name`, by name or through a re-exported `*`.
	fn provides(&self, at: usize, name: &str, depth: usize) -> bool {
		let imports = self.modules[at].facts.imports.iter();
		let mut globs = imports.filter(|import| import.name.is_none() && import.reexported);
		let through = |glob: &Import| {
			let mut sources = BTreeSet::new();
			self.resolve(at, &glob.path, DEPTH_MAX, &mut sources);
			sources.iter().any(|source| *source != at && self.provides(*source, name, depth + 1))
		};
		self.names(at, name) || (depth < 2 && globs.any(through))
	}
}

/// File of a declared module, and the folder in which the files of its own modules lie.
fn locate<'a>(house: &'a House, from: &str, declared: &Declared, dir: &str) -> Option<(&'a str, String)> {
	let name = &declared.name;
	let inner = format!("{dir}/{name}");
	let candidates = match &declared.file {
		Some(file) => {
			let path = join(folder(from), file)?;
			let dir = folder(&path).to_owned();
			vec![(path, dir)]
		}
		None => vec![(format!("{inner}.rs"), inner.clone()), (format!("{inner}/mod.rs"), inner.clone())],
	};
	candidates.into_iter().find_map(|(path, dir)| Some((house.facts.get_key_value(&path)?.0.as_str(), dir)))
}

/// Groups of files that reach each other, in the order of paths.
fn components(arrows: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<Vec<String>> {
	let reached: BTreeMap<&str, BTreeSet<&str>> =
		arrows.keys().map(|file| (*file, reach(arrows, file))).collect();
	let mut seen: BTreeSet<&str> = BTreeSet::new();
	let mut circles = Vec::new();
	for (file, others) in &reached {
		if !others.contains(file) || seen.contains(file) {
			continue;
		}
		let circle: Vec<&str> = others
			.iter()
			.copied()
			.filter(|other| reached.get(other).is_some_and(|back| back.contains(file)))
			.collect();
		seen.extend(&circle);
		circles.push(circle.into_iter().map(String::from).collect());
	}
	circles
}

/// Everything that can be reached from `start` by at least one arrow.
fn reach<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, start: &str) -> BTreeSet<&'a str> {
	let mut reached = BTreeSet::new();
	let mut open = vec![start];
	while let Some(file) = open.pop() {
		for next in arrows.get(file).into_iter().flatten() {
			if reached.insert(*next) {
				open.push(next);
			}
		}
	}
	reached
}

#[cfg(test)]
mod tests {
	use super::{super::fixture::*, *};

	fn circles(files: &[(&str, &str)]) -> Vec<String> {
		let manifest = manifest("a", "");
		let files: Vec<_> = files.iter().copied().chain([("a/Cargo.toml", manifest.as_str())]).collect();
		find(&house(&files)).into_iter().map(|circle| circle.join(" ").replace("a/src/", "")).collect()
	}

	#[test]
	fn find_names_files_that_use_each_other() {
		let found = circles(&[
			("a/src/lib.rs", "mod one; mod two; mod three;"),
			("a/src/one.rs", "use crate::two::Two; pub struct One(Two);"),
			("a/src/two.rs", "pub struct Two; fn f() -> super::one::One { g() }"),
			("a/src/three.rs", "use crate::{one::One, two::Two};"),
		]);
		assert_eq!(found, ["one.rs two.rs"]);
	}

	#[test]
	fn find_is_empty_when_a_facade_only_reexports() {
		let found = circles(&[
			("a/src/lib.rs", "mod one; mod two; pub use one::One; pub use two::*;"),
			("a/src/one.rs", "use crate::Two; pub struct One(Two);"),
			("a/src/two.rs", "pub struct Two;"),
		]);
		assert_eq!(found, [""; 0]);
	}

	#[test]
	fn find_looks_through_facades_and_into_every_cfg() {
		let found = circles(&[
			("a/src/lib.rs", "mod eval; mod cuda;"),
			("a/src/eval.rs", "use crate::cuda::Device; pub struct Candidate(Device);"),
			(
				"a/src/cuda/mod.rs",
				"#[cfg(feature = \"cuda\")] mod device; #[cfg(not(feature = \"cuda\"))] #[path = \"none.rs\"] mod device; pub use device::Device;",
			),
			("a/src/cuda/device.rs", "pub struct Device;"),
			("a/src/cuda/none.rs", "pub struct Device; fn f() { let _ = vec![crate::eval::Candidate::new()]; }"),
		]);
		assert_eq!(found, ["cuda/none.rs eval.rs"]);
	}

	#[test]
	fn find_ignores_what_a_module_takes_from_those_around_it_and_what_tests_need() {
		let found = circles(&[
			("a/src/lib.rs", "mod one; mod two; fn f() { one::f() } pub struct Top;"),
			("a/src/one/mod.rs", "use super::*; mod inner; pub fn f() -> Top { inner::g() } pub struct One;"),
			("a/src/one/inner.rs", "use crate::{Top, one::One}; pub fn g() {}"),
			("a/src/two.rs", "use crate::one::One; #[cfg(test)] mod tests { use crate::one::f; }"),
		]);
		assert_eq!(found, [""; 0]);
		let found = circles(&[
			("a/src/lib.rs", "mod one; mod two;"),
			("a/src/one/mod.rs", "mod inner; pub struct One;"),
			("a/src/one/inner.rs", "use crate::two::Two;"),
			("a/src/two.rs", "use crate::one::inner::X; pub struct Two;"),
		]);
		assert_eq!(found, ["one/inner.rs two.rs"]);
	}
}
