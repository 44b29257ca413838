//! Hardware fingerprint of this machine, as its operator commits to it.
//!
//! Everything is read from files that any process may read; what cannot be read counts as not there. Only salted
//! hashes leave the machine, and only when the chain asks for one of them.

use blyan_primitives::{HardwareComponent, HardwareComponents};
use sp_core::H256;
use std::{
	fs,
	path::{Path, PathBuf},
};

/// The components as they are now. Those that are the same as in `earlier` keep their salts, so that the identifier of
/// an unchanged machine stays the same.
pub fn components(earlier: Option<HardwareComponents>, salt: impl Fn() -> H256) -> HardwareComponents {
	keep_salts(identifiers(Path::new("/")).map(|identifier| identifier.map(hash)), earlier, salt)
}

fn keep_salts(
	identifiers: [Option<H256>; blyan_primitives::HARDWARE_COMPONENTS],
	earlier: Option<HardwareComponents>,
	salt: impl Fn() -> H256,
) -> HardwareComponents {
	let mut index = 0;
	identifiers.map(|identifier| {
		let identifier = identifier.unwrap_or_default();
		let before = earlier.and_then(|earlier| earlier.get(index).copied());
		index += 1;
		before
			.filter(|before| before.identifier == identifier)
			.unwrap_or_else(|| HardwareComponent { identifier, salt: salt() })
	})
}

fn hash(text: String) -> H256 {
	H256(blyan_exact::blake2_256(&[text.as_bytes()]))
}

/// Machine, processor, memory, board, network, disks, firmware, graphics; `None` where nothing can be read.
fn identifiers(root: &Path) -> [Option<String>; blyan_primitives::HARDWARE_COMPONENTS] {
	let read = |path: &str| fs::read_to_string(root.join(path)).ok().filter(|text| !text.trim().is_empty());
	let all = |paths: &[&str]| {
		let texts: Vec<String> = paths.iter().filter_map(|path| read(path)).collect();
		(!texts.is_empty()).then(|| texts.concat())
	};
	let each = |folder: &str, files: &[&str]| {
		let mut texts: Vec<String> = folders(&root.join(folder))
			.iter()
			.flat_map(|folder| files.iter().filter_map(|file| fs::read_to_string(folder.join(file)).ok()))
			.collect();
		texts.sort();
		(!texts.is_empty()).then(|| texts.concat())
	};
	let processor = read("proc/cpuinfo").map(|text| {
		let named = ["vendor_id", "cpu family", "model", "stepping", "CPU part", "processor"];
		let lines = text.lines().filter(|line| named.iter().any(|name| line.starts_with(name)));
		lines.collect::<Vec<_>>().join("\n")
	});
	let memory = read("proc/meminfo").and_then(|text| text.lines().next().map(str::to_string));
	[
		read("etc/machine-id"),
		processor,
		memory,
		all(&[
			"sys/class/dmi/id/board_vendor",
			"sys/class/dmi/id/board_name",
			"sys/class/dmi/id/product_uuid",
		]),
		each("sys/class/net", &["address"]),
		each("sys/block", &["device/serial", "device/model", "size"]),
		all(&["sys/class/dmi/id/bios_vendor", "sys/class/dmi/id/bios_version"]),
		each("sys/class/drm", &["device/vendor", "device/device"]),
	]
}

/// Entries with a device behind them; others, such as tunnels and loops, come and go.
fn folders(path: &Path) -> Vec<PathBuf> {
	let entries = fs::read_dir(path).into_iter().flatten().flatten();
	entries.map(|entry| entry.path()).filter(|path| path.join("device").exists()).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn unchanged_components_keep_their_salts() {
		let identifiers = |machine: u8| {
			let mut identifiers = [None; 8];
			identifiers[0] = Some(H256::repeat_byte(machine));
			identifiers[2] = Some(H256::repeat_byte(7));
			identifiers
		};
		let first = keep_salts(identifiers(1), None, || H256::repeat_byte(0xaa));
		assert_eq!(keep_salts(identifiers(1), Some(first), || H256::repeat_byte(0xbb)), first);
		let moved = keep_salts(identifiers(2), Some(first), || H256::repeat_byte(0xbb));
		assert_eq!(moved[0].salt, H256::repeat_byte(0xbb));
		assert_eq!(moved[1..], first[1..]);
	}

	#[test]
	fn a_machine_that_says_nothing_about_itself_has_components_without_identifiers() {
		let empty = tempfile::tempdir().expect("a directory");
		assert!(identifiers(empty.path()).iter().all(Option::is_none));
		let etc = empty.path().join("etc");
		fs::create_dir(&etc).expect("a folder");
		fs::write(etc.join("machine-id"), "1234\n").expect("a file");
		assert_eq!(identifiers(empty.path())[0].as_deref(), Some("1234\n"));
	}
}
