//! Disks that are full.

use super::{Done, Settings};
use crate::stage::Stage;
use blyan_e2e::network::Member;
use std::{
	io::Write,
	path::{Path, PathBuf},
	process::Command,
	sync::Arc,
};

/// Members that run out of space.
const VICTIMS: [&str; 2] = ["operator-charlie", "collator-bob"];
/// Room for a database to grow by until its disk is filled up, in MiB.
const ROOM_MIB: u64 = 64;

/// Both are moved to small disks, which are then filled to the last byte. They may end; the others must not notice, and
/// they must come back when there is room.
pub async fn full(stage: Arc<Stage>, settings: Settings) -> Done {
	let mut disks = Vec::new();
	for name in VICTIMS {
		let member = stage.network.member(name);
		member.stop();
		disks.push(SmallDisk::below(member)?);
		member.start();
	}
	let healthy: Vec<_> =
		stage.para_nodes().into_iter().filter(|member| !VICTIMS.contains(&member.name())).collect();
	for name in VICTIMS {
		wait_until_it_answers(stage.network.member(name)).await?;
	}
	for disk in &disks {
		disk.fill()?;
	}
	let meanwhile = stage.finalised_within(&healthy, settings.hold * 2).await;
	let mut ends = Vec::new();
	for name in VICTIMS {
		let member = stage.network.member(name);
		match member.ended() {
			Some(status) => ends.push(format!("{name} ended ({status})")),
			None => {
				ends.push(format!("{name} kept running"));
				member.kill();
			}
		}
	}
	for disk in &disks {
		disk.empty();
	}
	for disk in disks {
		disk.move_back()?;
	}
	VICTIMS.iter().for_each(|name| stage.network.member(name).start());
	if meanwhile == 0 {
		return Err("nothing became final on the nodes that had room".into());
	}
	Ok(format!(
		"disks of {} filled for {} s: {}; the others finalised {meanwhile} blocks; started again with room",
		VICTIMS.join(" and "),
		(settings.hold * 2).as_secs(),
		ends.join(", ")
	))
}

async fn wait_until_it_answers(member: &Member) -> Result<(), String> {
	for _ in 0..120 {
		if member.progress().await.is_ok() {
			return Ok(());
		}
		tokio::time::sleep(std::time::Duration::from_secs(1)).await;
	}
	Err(format!("{} does not answer on its small disk:\n{}", member.name(), member.log_end()))
}

/// A memory disk of limited size over a member's data. Dropping it takes it away.
struct SmallDisk {
	data: PathBuf,
	aside: PathBuf,
	is_mounted: bool,
}

impl SmallDisk {
	/// Moves the data of a member that does not run to a disk with some room.
	fn below(member: &Member) -> Result<Self, String> {
		let data = member.dir().join("data");
		let aside = member.dir().join("data-aside");
		run("mv", &[&data, &aside])?;
		std::fs::create_dir(&data).map_err(|error| error.to_string())?;
		let size = format!("size={}m", size_mib(&aside)? + ROOM_MIB);
		run(
			"mount",
			&[
				Path::new("-t"),
				Path::new("tmpfs"),
				Path::new("-o"),
				Path::new(&size),
				Path::new("tmpfs"),
				&data,
			],
		)?;
		let disk = Self { data, aside, is_mounted: true };
		run("cp", &[Path::new("-a"), &disk.aside.join("."), &disk.data])?;
		Ok(disk)
	}

	/// Writes until nothing fits.
	fn fill(&self) -> Result<(), String> {
		let mut file = std::fs::File::create(self.filler()).map_err(|error| error.to_string())?;
		for size in [1 << 20, 1 << 12, 1] {
			while file.write_all(&vec![0; size]).is_ok() {}
		}
		Ok(())
	}

	/// Makes room again.
	fn empty(&self) {
		// It is there unless it could not be made, which was said then.
		let _ = std::fs::remove_file(self.filler());
	}

	/// Moves the data, as it is now, back to where it was.
	fn move_back(mut self) -> Result<(), String> {
		run("rm", &[Path::new("-rf"), &self.aside])?;
		run("cp", &[Path::new("-a"), &self.data, &self.aside])?;
		run("umount", &[Path::new("--lazy"), &self.data])?;
		self.is_mounted = false;
		std::fs::remove_dir(&self.data).map_err(|error| error.to_string())?;
		run("mv", &[&self.aside, &self.data])
	}

	fn filler(&self) -> PathBuf {
		self.data.join("filler")
	}
}

impl Drop for SmallDisk {
	fn drop(&mut self) {
		if self.is_mounted {
			// Nothing more can be done about it.
			let _ = run("umount", &[Path::new("--lazy"), &self.data]);
		}
	}
}

/// Returns the size of a folder on a disk that keeps every byte, in MiB, rounded up.
fn size_mib(dir: &Path) -> Result<u64, String> {
	let output = Command::new("du").args(["--summarize", "--block-size=1M"]).arg(dir).output();
	let output = output.map_err(|error| error.to_string())?;
	let text = String::from_utf8_lossy(&output.stdout).into_owned();
	text.split_whitespace().next().and_then(|size| size.parse().ok()).ok_or(format!("du said {text:?}"))
}

fn run(program: &str, args: &[&Path]) -> Result<(), String> {
	let output = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
	match output.status.success() {
		true => Ok(()),
		false => Err(format!("{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr).trim())),
	}
}
