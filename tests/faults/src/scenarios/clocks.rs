//! Clocks that are wrong.

use super::{Done, Settings};
use crate::stage::Stage;
use std::{path::PathBuf, sync::Arc};

/// Members with a skewed clock, and by how much.
const SKEWS: [(&str, &str); 2] = [("validator-dave", "+40s"), ("collator-bob", "-40s")];

/// Why clocks cannot be set here, if they cannot.
pub fn obstacle(_: &Settings) -> Option<String> {
	library().is_none().then(|| "libfaketime is not installed (Debian: faketime)".to_string())
}

/// The library that gives a process another clock.
fn library() -> Option<PathBuf> {
	let triples = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
	let paths = triples.iter().map(|triple| format!("/usr/lib/{triple}/faketime/libfaketimeMT.so.1"));
	paths.map(PathBuf::from).find(|path| path.is_file())
}

/// Both author at the wrong time. What they make is refused or late, and the others go on.
pub async fn skew(stage: Arc<Stage>, settings: Settings) -> Done {
	let library = library().ok_or("libfaketime is not installed")?;
	let library = library.to_string_lossy();
	let restart = |with_skew: bool| {
		for (name, skew) in SKEWS {
			let member = stage.network.member(name);
			member.stop();
			let env = [
				("LD_PRELOAD", library.as_ref()),
				("FAKETIME", skew),
				// Timers go on as usual: it is the time of day that is wrong.
				("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
			];
			member.set_env(if with_skew { &env } else { &[] });
			member.start();
		}
	};
	restart(true);
	let names = SKEWS.map(|(name, _)| name);
	let others: Vec<_> =
		stage.para_nodes().into_iter().filter(|member| !names.contains(&member.name())).collect();
	let hold = settings.hold * 2;
	let meanwhile = stage.finalised_within(&others, hold).await;
	let told: Vec<String> = SKEWS.iter().map(|(name, skew)| format!("{name} {skew}")).collect();
	restart(false);
	if meanwhile == 0 {
		return Err(format!("nothing became final in {} s with {}", hold.as_secs(), told.join(", ")));
	}
	Ok(format!("{}; {meanwhile} blocks final in {} s; clocks put right", told.join(", "), hold.as_secs()))
}
